/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/os/os.h"
#include "daemon/os/queue.h"

static void queue__new__is_empty(void **state)
{
    (void)state;
    struct queue *queue = queue_create(sizeof(int), 3);
    assert_non_null(queue);
    assert_int_equal(queue_capacity(queue), 3);
    assert_int_equal(queue_count(queue), 0);
    assert_int_equal(queue_space(queue), 3);
    assert_null(queue_peek(queue));
    int value = 7;
    assert_false(queue_pop(queue, &value));
    assert_int_equal(value, 7);
    queue_destroy(queue);
}

static void queue__capacity_reached__refuses_and_keeps_the_order(void **state)
{
    (void)state;
    for (size_t capacity = 1; capacity <= 9; capacity++) {
        struct queue *queue = queue_create(sizeof(int), capacity);
        assert_non_null(queue);
        int next_in = 0;
        int next_out = 0;
        /* Several rounds, so that the positions go round the ring. */
        for (int round = 0; round < 5; round++) {
            while (queue_push(queue, &next_in)) {
                next_in++;
            }
            assert_int_equal(queue_count(queue), capacity);
            assert_int_equal(queue_space(queue), 0);
            assert_null(queue_reserve(queue));
            for (size_t i = 0; i < (capacity + 1) / 2; i++) {
                int value = -1;
                assert_true(queue_pop(queue, &value));
                assert_int_equal(value, next_out);
                next_out++;
            }
            assert_int_equal(queue_space(queue), (capacity + 1) / 2);
        }
        queue_destroy(queue);
    }
}

static void queue__reserve_and_peek__work_in_place(void **state)
{
    (void)state;
    struct queue *queue = queue_create(3, 2);
    assert_non_null(queue);
    char *place = queue_reserve(queue);
    assert_non_null(place);
    assert_int_equal((uintptr_t)place % _Alignof(max_align_t), 0);
    memcpy(place, "one", 3);
    assert_ptr_equal(queue_reserve(queue), place);
    assert_null(queue_peek(queue));
    queue_push_reserved(queue);
    char *second = queue_reserve(queue);
    assert_int_equal((uintptr_t)second % _Alignof(max_align_t), 0);
    assert_ptr_not_equal(second, place);
    assert_memory_equal(queue_peek(queue), "one", 3);
    assert_memory_equal(queue_peek(queue), "one", 3);
    queue_pop_peeked(queue);
    assert_null(queue_peek(queue));
    queue_destroy(queue);
}

static void queue__size_beyond_memory__gives_null(void **state)
{
    (void)state;
    assert_null(queue_create(SIZE_MAX, 2));
    assert_null(queue_create(1, SIZE_MAX));
    assert_null(queue_create(SIZE_MAX / 4, 16));
    queue_destroy(NULL);
}

#define VALUES 200000u

/* Large enough that an element which is taken while it is still being written would show. */
struct element {
    uint32_t words[9];
};

static void produce(void *context)
{
    struct queue *queue = context;
    for (uint32_t i = 0; i < VALUES;) {
        struct element *place = queue_reserve(queue);
        if (place == NULL) {
            os_sleep_ms(0);
            continue;
        }
        for (uint32_t word = 0; word < 9; word++) {
            place->words[word] = i + word;
        }
        queue_push_reserved(queue);
        i++;
    }
}

static void queue__two_threads__everything_arrives_once_and_whole(void **state)
{
    (void)state;
    struct queue *queue = queue_create(sizeof(struct element), 64);
    assert_non_null(queue);
    struct os_thread *thread = NULL;
    assert_int_equal(os_thread_create(produce, queue, "producer", &thread), 0);
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < VALUES;) {
        struct element element;
        if (!queue_pop(queue, &element)) {
            os_sleep_ms(0);
            continue;
        }
        for (uint32_t word = 0; word < 9; word++) {
            wrong += element.words[word] != i + word;
        }
        i++;
    }
    os_thread_join(thread);
    assert_int_equal(wrong, 0);
    assert_int_equal(queue_count(queue), 0);
    queue_destroy(queue);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue__new__is_empty),
        cmocka_unit_test(queue__capacity_reached__refuses_and_keeps_the_order),
        cmocka_unit_test(queue__reserve_and_peek__work_in_place),
        cmocka_unit_test(queue__size_beyond_memory__gives_null),
        cmocka_unit_test(queue__two_threads__everything_arrives_once_and_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
