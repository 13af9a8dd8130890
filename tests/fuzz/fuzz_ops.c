/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "tests/core/core_ops.h"

#include <stdlib.h>

/* A worker's core driven by op-codes: commands, datagrams honest, spoofed and forged, time, sends
 * that fail, new limits. What must hold is in core_ops.h and core_check.h.
 *
 * To be fast, the recount comes only after every few steps, and inputs are cut: what a core does in
 * the long run is for tests/core/test_core_random.c. */

#define CHECK_INTERVAL 16
#define SIZE_MAX_USED  512

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct ops *ops;

    if (ops == NULL) {
        ops = calloc(1, sizeof(*ops));
        FUZZ_REQUIRE(ops != NULL);
        ops_open(ops);
        ops->check_interval = CHECK_INTERVAL;
    } else {
        ops_reset(ops);
    }
    ops_run(ops, input, size < SIZE_MAX_USED ? size : SIZE_MAX_USED);
    return 0;
}
