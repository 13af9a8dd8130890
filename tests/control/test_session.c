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

#include "daemon/control/session.h"

#define SESSIONS 8

static struct session_table table;
static void *memory;
static uint8_t random_bytes[SESSION_RANDOM_SIZE];

static int set_up(void **state)
{
    static const uint8_t key[16] = {3};
    struct arena arena = {.base = NULL};
    (void)state;
    session_table_init(&table, &arena, SESSIONS, key);
    arena.base = calloc(1, arena.used);
    arena.used = 0;
    memory = arena.base;
    session_table_init(&table, &arena, SESSIONS, key);
    return memory == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static uint32_t add(const char *client_id)
{
    struct ticket ticket;
    ticket_unrestricted(&ticket);
    (void)snprintf(ticket.client_id, sizeof(ticket.client_id), "%s", client_id);
    for (unsigned i = 0; i < sizeof(random_bytes); i++) {
        random_bytes[i] = (uint8_t)(random_bytes[i] * 5U + 1U + i);
    }
    return session_add(&table, 3, &ticket, random_bytes);
}

static void session__added__is_found_by_name_and_id(void **state)
{
    (void)state;
    uint32_t index = add("");
    struct session *session = &table.sessions[index];
    assert_ptr_equal(session_find(&table, session_name(&table, index)), session);
    assert_int_equal(session_find_id(&table, session->id, SESSION_ID_SIZE), index);
    assert_int_equal(session_find_id(&table, session->id, SESSION_ID_SIZE - 1), SESSION_NONE);
    for (unsigned i = 0; i < SESSION_ID_SIZE; i++) {
        uint8_t id[SESSION_ID_SIZE];
        memcpy(id, session->id, sizeof(id));
        id[i] ^= 0x80;
        assert_int_equal(session_find_id(&table, id, sizeof(id)), SESSION_NONE);
    }
    struct session_ref other = session_name(&table, index);
    other.tag ^= 1;
    assert_null(session_find(&table, other));
    other.index = UINT32_MAX;
    assert_null(session_find(&table, other));
}

static void session__ended__is_found_by_name_only_and_removed__by_nothing(void **state)
{
    (void)state;
    uint32_t index = add("ann");
    struct session *session = &table.sessions[index];
    struct session_ref ref = session_name(&table, index);
    uint8_t id[SESSION_ID_SIZE];
    uint32_t oldest = 0;
    memcpy(id, session->id, sizeof(id));
    session_end(&table, index, REASON_LEFT);
    assert_ptr_equal(session_find(&table, ref), session);
    assert_int_equal(session_find_id(&table, id, sizeof(id)), SESSION_NONE);
    assert_int_equal(session_count_client(&table, "ann", &oldest), 0);
    session_remove(&table, index);
    assert_null(session_find(&table, ref));
    static const uint8_t zeros[RESUME_KEY_SIZE];
    assert_memory_equal(session->key_current, zeros, sizeof(zeros));
    assert_int_equal(table.count, 0);
}

static void table__full__gives_none_until_one_goes(void **state)
{
    (void)state;
    uint32_t indexes[SESSIONS];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SESSIONS; i++) {
            indexes[i] = add(i % 2 == 0 ? "ann" : "");
            assert_true(indexes[i] != SESSION_NONE);
        }
        assert_int_equal(add(""), SESSION_NONE);
        for (int i = 0; i < SESSIONS; i++) {
            session_remove(&table, indexes[(i * 3) % SESSIONS]);
        }
        assert_int_equal(table.count, 0);
    }
}

static void client__several_sessions__oldest_is_named(void **state)
{
    (void)state;
    uint32_t oldest = 0;
    uint32_t first = add("ann");
    uint32_t second = add("ann");
    (void)add("bob");
    uint32_t third = add("ann");
    assert_int_equal(session_count_client(&table, "ann", &oldest), 3);
    assert_int_equal(oldest, first);
    session_end(&table, first, REASON_LEFT);
    assert_int_equal(session_count_client(&table, "ann", &oldest), 2);
    assert_int_equal(oldest, second);
    session_end(&table, third, REASON_LEFT);
    assert_int_equal(session_count_client(&table, "ann", &oldest), 1);
    assert_int_equal(oldest, second);
    assert_int_equal(session_count_client(&table, "ann2", &oldest), 0);
}

static void requests__taken_by_serial__in_any_order(void **state)
{
    (void)state;
    struct session *session = &table.sessions[add("")];
    struct session_request request;
    uint32_t serials[CONTROL_REQUESTS_MAX];
    session->request_serial = UINT32_MAX - 4; /* Serials wrap and leave out 0. */
    for (unsigned i = 0; i < CONTROL_REQUESTS_MAX; i++) {
        serials[i] = session_request_add(session, COMMAND_LOCK, 100 + i);
        assert_int_not_equal(serials[i], 0);
    }
    for (unsigned i = 0; i < CONTROL_REQUESTS_MAX; i++) {
        unsigned at = (i * 5) % CONTROL_REQUESTS_MAX;
        assert_true(session_request_take(session, serials[at], &request));
        assert_int_equal(request.request, 100 + at);
        assert_false(session_request_take(session, serials[at], &request));
    }
    assert_int_equal(session->request_count, 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(session__added__is_found_by_name_and_id),
        TEST(session__ended__is_found_by_name_only_and_removed__by_nothing),
        TEST(table__full__gives_none_until_one_goes),
        TEST(client__several_sessions__oldest_is_named),
        TEST(requests__taken_by_serial__in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
