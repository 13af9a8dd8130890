/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "daemon/control/deadline.h"

#define THINGS 50

static uint64_t seed = 1;

static uint32_t pick(uint32_t count)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % count;
}

static void *open_deadlines(struct deadlines *deadlines, uint32_t count)
{
    struct arena arena = {.base = NULL};
    deadlines_init(deadlines, &arena, count);
    arena.base = calloc(1, arena.used);
    void *memory = arena.base;
    arena.used = 0;
    assert_non_null(memory);
    deadlines_init(deadlines, &arena, count);
    return memory;
}

static void deadlines__new__has_none(void **state)
{
    (void)state;
    struct deadlines deadlines;
    void *memory = open_deadlines(&deadlines, 3);
    uint32_t thing = 77;
    assert_true(deadlines_next(&deadlines, &thing) == DEADLINE_NEVER);
    assert_int_equal(thing, 77);
    deadlines_set(&deadlines, 2, DEADLINE_NEVER);
    assert_true(deadlines_next(&deadlines, NULL) == DEADLINE_NEVER);
    free(memory);
}

/* Against the simplest thing that can be right: a table that is searched. */
static void deadlines__random_changes__soonest_is_that_of_a_plain_table(void **state)
{
    (void)state;
    struct deadlines deadlines;
    void *memory = open_deadlines(&deadlines, THINGS);
    uint64_t table[THINGS];
    for (uint32_t i = 0; i < THINGS; i++) {
        table[i] = DEADLINE_NEVER;
    }
    for (int step = 0; step < 20000; step++) {
        uint32_t thing = pick(THINGS);
        table[thing] = pick(3) == 0 ? DEADLINE_NEVER : pick(1000);
        deadlines_set(&deadlines, thing, table[thing]);
        uint64_t soonest = DEADLINE_NEVER;
        for (uint32_t i = 0; i < THINGS; i++) {
            soonest = table[i] < soonest ? table[i] : soonest;
        }
        uint32_t whose = THINGS;
        assert_true(deadlines_next(&deadlines, &whose) == soonest);
        if (soonest != DEADLINE_NEVER) {
            assert_true(whose < THINGS && table[whose] == soonest);
        }
    }
    free(memory);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadlines__new__has_none),
        cmocka_unit_test(deadlines__random_changes__soonest_is_that_of_a_plain_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
