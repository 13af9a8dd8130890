/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_FUZZ_FUZZ_H
#define GSRELAY_TESTS_FUZZ_FUZZ_H

/* fuzz.h - what each fuzz_*.c defines: one entry, called with every input.
 *
 * The bytes are the fuzzer's and end with `size`; copy what must be changed. Return 0. A property
 * that does not hold is shown by FUZZ_REQUIRE, which also works where assert() is compiled out.
 * Threads: one. Memory: whatever the target allocates it frees before it returns. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define FUZZ_REQUIRE(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
