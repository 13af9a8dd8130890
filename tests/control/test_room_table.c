/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/room_table.h"

#define ROOMS 40

static const struct control_limits limits = {
    .rooms_max = ROOMS, .rooms_per_worker_max = 25, .worker_count = 2};
static struct room_table table;
static void *memory;

static int set_up(void **state)
{
    static const uint8_t key[16] = {3};
    struct arena arena = {.base = NULL};
    (void)state;
    room_table_init(&table, &arena, &limits, key);
    arena.base = calloc(1, arena.used);
    arena.used = 0;
    memory = arena.base;
    room_table_init(&table, &arena, &limits, key);
    return memory == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static void room__pending__is_found_by_code_but_not_by_name(void **state)
{
    (void)state;
    uint32_t index = room_table_add(&table, "KXWTRV", 6, 1);
    assert_int_equal(room_table_find(&table, "KXWTRV", 6), index);
    assert_int_equal(room_table_find(&table, "KXWTR", 5), ROOM_NONE);
    assert_true(table.entries[index].is_pending);
    struct room_ref room = {4, 99};
    assert_int_equal(room_table_find_ref(&table, 1, room), ROOM_NONE);
    assert_true(room_table_open(&table, index, room));
    assert_int_equal(room_table_find_ref(&table, 1, room), index);
    assert_int_equal(room_table_find_ref(&table, 0, room), ROOM_NONE);
    room.tag = 98;
    assert_int_equal(room_table_find_ref(&table, 1, room), ROOM_NONE);
    room_table_remove(&table, index);
    assert_int_equal(room_table_find(&table, "KXWTRV", 6), ROOM_NONE);
    assert_int_equal(table.count, 0);
}

static void room__name_out_of_range__is_refused(void **state)
{
    (void)state;
    uint32_t index = room_table_add(&table, "KXWTRV", 6, 0);
    assert_false(room_table_open(&table, index, (struct room_ref){25, 1}));
    assert_int_equal(room_table_find_ref(&table, 0, (struct room_ref){25, 1}), ROOM_NONE);
    assert_int_equal(room_table_find_ref(&table, 9, (struct room_ref){0, 1}), ROOM_NONE);
    room_table_remove(&table, index);
}

static void table__filled_and_emptied__balances_workers_and_loses_nothing(void **state)
{
    (void)state;
    char code[8];
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < ROOMS; i++) {
            uint32_t worker = room_table_choose_worker(&table);
            assert_int_equal(worker, i % 2);
            (void)snprintf(code, sizeof(code), "R%u", (unsigned)i);
            uint32_t index = room_table_add(&table, code, strlen(code), worker);
            assert_true(room_table_open(&table, index, (struct room_ref){i / 2, 1000 + i}));
        }
        assert_int_equal(room_table_choose_worker(&table), ROOM_NONE);
        for (uint32_t i = 0; i < ROOMS; i++) {
            uint32_t which = (i * 7 + (uint32_t)round) % ROOMS;
            (void)snprintf(code, sizeof(code), "R%u", (unsigned)which);
            uint32_t index = room_table_find(&table, code, strlen(code));
            assert_int_equal(
                room_table_find_ref(&table, which % 2, (struct room_ref){which / 2, 1000 + which}),
                index);
            room_table_remove(&table, index);
            assert_int_equal(room_table_find(&table, code, strlen(code)), ROOM_NONE);
        }
        assert_int_equal(table.count, 0);
        assert_int_equal(table.worker_load[0] + table.worker_load[1], 0);
    }
}

static void worker__that_is_full__gets_no_more(void **state)
{
    (void)state;
    char code[8];
    for (uint32_t i = 0; i < 25; i++) {
        (void)snprintf(code, sizeof(code), "R%u", (unsigned)i);
        (void)room_table_add(&table, code, strlen(code), 0);
    }
    for (uint32_t i = 0; i < 15; i++) {
        assert_int_equal(room_table_choose_worker(&table), 1);
        (void)snprintf(code, sizeof(code), "S%u", (unsigned)i);
        (void)room_table_add(&table, code, strlen(code), 1);
    }
    assert_int_equal(room_table_choose_worker(&table), ROOM_NONE);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(room__pending__is_found_by_code_but_not_by_name),
        TEST(room__name_out_of_range__is_refused),
        TEST(table__filled_and_emptied__balances_workers_and_loses_nothing),
        TEST(worker__that_is_full__gets_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
