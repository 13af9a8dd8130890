/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "daemon/core/pool.h"

#define PLACES 8

static void list__appended_and_prepended__is_taken_in_order(void **state)
{
    uint32_t next[PLACES] = {0};
    struct place_list list;
    (void)state;

    place_list_init(&list, next);
    place_list_append(&list, 3);
    place_list_append(&list, 5);
    place_list_append(&list, 3);
    place_list_prepend(&list, 0);
    place_list_prepend(&list, 5);
    assert_int_equal(list.count, 3);
    assert_int_equal(place_list_take(&list), 0);
    assert_int_equal(place_list_take(&list), 3);
    place_list_append(&list, 3);
    assert_int_equal(place_list_take(&list), 5);
    assert_int_equal(place_list_take(&list), 3);
    assert_int_equal(place_list_take(&list), POOL_NONE);
    place_list_prepend(&list, 7);
    place_list_append(&list, 1);
    assert_int_equal(place_list_take(&list), 7);
    assert_int_equal(place_list_take(&list), 1);
    assert_int_equal(list.count, 0);
}

static void pool__all_taken__gives_none(void **state)
{
    uint32_t next[PLACES] = {0};
    struct pool pool;
    (void)state;

    pool_init(&pool, next, PLACES, 2);
    for (uint32_t place = 0; place < PLACES; place++) {
        assert_int_equal(pool_take(&pool), place);
    }
    assert_int_equal(pool_take(&pool), POOL_NONE);
    assert_int_equal(pool_used(&pool), PLACES);
}

static void pool__with_rest__takes_the_place_freed_first_and_late(void **state)
{
    uint32_t next[PLACES] = {0};
    struct pool pool;
    (void)state;

    pool_init(&pool, next, PLACES, 2);
    for (uint32_t place = 0; place < 4; place++) {
        (void)pool_take(&pool);
    }
    pool_put(&pool, 1);
    pool_put(&pool, 0);
    assert_int_equal(pool_take(&pool), 4);
    pool_put(&pool, 2);
    /* Three rest now: the one that has rested longest is taken. */
    assert_int_equal(pool_take(&pool), 1);
    assert_int_equal(pool_take(&pool), 5);
    assert_int_equal(pool_take(&pool), 6);
    assert_int_equal(pool_take(&pool), 7);
    /* No fresh place is left: those that rest are taken all the same. */
    assert_int_equal(pool_take(&pool), 0);
    assert_int_equal(pool_take(&pool), 2);
    assert_int_equal(pool_take(&pool), POOL_NONE);
}

static void pool__without_rest__takes_the_place_freed_last(void **state)
{
    uint32_t next[PLACES] = {0};
    struct pool pool;
    (void)state;

    pool_init(&pool, next, PLACES, 0);
    for (uint32_t place = 0; place < 3; place++) {
        (void)pool_take(&pool);
    }
    pool_put(&pool, 0);
    pool_put(&pool, 2);
    assert_int_equal(pool_used(&pool), 1);
    assert_int_equal(pool_take(&pool), 2);
    assert_int_equal(pool_take(&pool), 0);
    assert_int_equal(pool_take(&pool), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list__appended_and_prepended__is_taken_in_order),
        cmocka_unit_test(pool__all_taken__gives_none),
        cmocka_unit_test(pool__with_rest__takes_the_place_freed_first_and_late),
        cmocka_unit_test(pool__without_rest__takes_the_place_freed_last),
    };

    return RUN_TESTS(tests);
}
