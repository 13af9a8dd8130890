/* SPDX-License-Identifier: MIT */
/* The hashes of the vectors are in test_vectors.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>

#include "proto/retained.h"

static const uint8_t state[] = "state";

static void hash__of_anything_else__is_another(void **test_state)
{
    const uint64_t hash = retained_hash(0x0102, 3, state, 5);

    (void)test_state;
    assert_true(retained_hash(0x0102, 3, state, 5) == hash);
    assert_true(retained_hash(0x0103, 3, state, 5) != hash);
    assert_true(retained_hash(0x0202, 3, state, 5) != hash);
    assert_true(retained_hash(0x0102, 4, state, 5) != hash);
    assert_true(retained_hash(0x0102, 3, state, 4) != hash);
    assert_true(retained_hash(0x0102, 3, state + 1, 5) != hash);
}

static void hash__of_no_bytes__is_not_0(void **test_state)
{
    (void)test_state;
    assert_true(retained_hash(0x0102, 3, state, 0) != 0);
    assert_true(retained_hash(0x0102, 3, state, 0) != retained_hash(0x0102, 4, state, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash__of_anything_else__is_another),
        cmocka_unit_test(hash__of_no_bytes__is_not_0),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
