/* SPDX-License-Identifier: MIT */
#include "tests/core/test_head.h"

#include "daemon/base/timer.h"

#define TIMERS 300

static void open_heap(struct timer_heap *heap)
{
    void *memory = calloc(1, timer_heap_size(TIMERS));

    assert_non_null(memory);
    timer_heap_init(heap, memory, TIMERS);
}

static void timers__set_in_any_order__come_out_by_time(void **state)
{
    struct timer_heap heap;
    uint64_t last = 0;
    uint32_t id = 0;
    unsigned count = 0;
    (void)state;

    open_heap(&heap);
    for (uint32_t index = 0; index < TIMERS; index++) {
        timer_set(&heap, index, index * 7919 % 1000 + 1);
    }
    /* Half are moved, a third cleared. */
    for (uint32_t index = 0; index < TIMERS; index += 2) {
        timer_set(&heap, index, index * 104729 % 1000 + 1);
    }
    for (uint32_t index = 0; index < TIMERS; index += 3) {
        timer_clear(&heap, index);
        timer_clear(&heap, index);
    }
    while (timer_take_due(&heap, 2000, &id)) {
        assert_true(heap.deadlines[id] >= last);
        assert_int_not_equal(id % 3, 0);
        last = heap.deadlines[id];
        count++;
    }
    assert_int_equal(count, TIMERS - TIMERS / 3);
    assert_true(timer_next(&heap) == UINT64_MAX);
    free(heap.deadlines);
}

static void timer__not_due__stays(void **state)
{
    struct timer_heap heap;
    uint32_t id = 99;
    (void)state;

    open_heap(&heap);
    timer_set(&heap, 5, 100);
    assert_int_equal(timer_next(&heap), 100);
    assert_false(timer_take_due(&heap, 99, &id));
    assert_int_equal(id, 99);
    assert_true(timer_take_due(&heap, 100, &id));
    assert_int_equal(id, 5);
    assert_false(timer_take_due(&heap, UINT64_MAX, &id));
    free(heap.deadlines);
}

static uint64_t soonest_of(const uint64_t table[TIMERS])
{
    uint64_t soonest = TIMER_NEVER;

    for (uint32_t id = 0; id < TIMERS; id++) {
        soonest = table[id] < soonest ? table[id] : soonest;
    }
    return soonest;
}

static void timers__random_changes__soonest_is_that_of_a_plain_table(void **state)
{
    struct timer_heap heap;
    uint64_t table[TIMERS];
    uint32_t seed = 1;
    (void)state;

    open_heap(&heap);
    for (uint32_t id = 0; id < TIMERS; id++) {
        table[id] = TIMER_NEVER;
    }
    for (unsigned step = 0; step < 20000; step++) {
        seed = seed * 1664525 + 1013904223;
        const uint32_t id = (seed >> 8) % TIMERS;

        table[id] = seed >> 30 == 0 ? TIMER_NEVER : (seed >> 12) % 1000;
        timer_set(&heap, id, table[id]);
        assert_true(timer_next(&heap) == soonest_of(table));
    }
    free(heap.deadlines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers__set_in_any_order__come_out_by_time),
        cmocka_unit_test(timer__not_due__stays),
        cmocka_unit_test(timers__random_changes__soonest_is_that_of_a_plain_table),
    };

    return RUN_TESTS(tests);
}
