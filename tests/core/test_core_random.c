/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core_ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seeded random runs of core_ops.h. GSRELAY_TEST_SEED=n begins at another seed. */

#define RUNS          100
#define BYTES_PER_RUN 12000

static void core__random_operations__keeps_every_invariant(void **state)
{
    const char *text = getenv("GSRELAY_TEST_SEED");
    const uint64_t first = text == NULL ? 1 : strtoull(text, NULL, 10);
    uint8_t *bytes = malloc(BYTES_PER_RUN);
    uint64_t steps = 0;
    uint64_t received = 0;
    (void)state;

    assert_non_null(bytes);
    for (uint64_t seed = first; seed < first + RUNS; seed++) {
        struct ops *ops = calloc(1, sizeof(*ops));

        assert_non_null(ops);
        (void)printf("seed %llu\n", (unsigned long long)seed);
        ops_open(ops);
        ops->fixture.random = seed;
        for (size_t index = 0; index < BYTES_PER_RUN; index++) {
            bytes[index] = (uint8_t)fixture_random(&ops->fixture);
        }
        ops_run(ops, bytes, BYTES_PER_RUN);
        steps += ops->step;
        received += ops->records_received;
        ops_close(ops);
        free(ops);
    }
    free(bytes);
    (void)printf("%llu steps, %llu records\n", (unsigned long long)steps,
                 (unsigned long long)received);
    assert_true(steps >= 100000);
    assert_true(received >= 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core__random_operations__keeps_every_invariant),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
