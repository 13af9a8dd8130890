/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "tests/control/bench.h"

#define MS        UINT64_C(1000000)
#define SECOND_NS UINT64_C(1000000000)

static struct bench *bench;

static int set_up(void **state)
{
    struct control_limits limits = bench_limits();
    (void)state;
    bench = bench_open(&limits);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_close(bench);
    return 0;
}

static void open_with(const struct control_limits *limits)
{
    bench_close(bench);
    bench = bench_open(limits);
}

static void send_create(unsigned client)
{
    struct control_message message = {.type = CONTROL_CREATE};
    message.create.metadata.at = (const uint8_t *)"";
    (void)bench_send(bench, client, &message);
}

static void grace__runs_out__the_worker_is_told_to_drop_the_slot(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    (void)bench_create(bench, 0);
    bench_disconnect(bench, 0);
    bench_advance(bench, 30 * SECOND_NS - 1);
    assert_int_equal(bench->workers[0].commands, 2);
    assert_int_equal(bench->workers[0].last.type, COMMAND_CONTROL_LOST);
    bench_advance(bench, 1);
    assert_int_equal(bench->workers[0].commands, 3);
    assert_int_equal(bench->workers[0].last.type, COMMAND_LEAVE);
    assert_int_equal(bench->workers[0].last.reason, REASON_CONTROL_LOST);
    assert_int_equal(bench->workers[0].last.request, 0);
    assert_int_equal(bench_counters(bench).sessions, 0);
    assert_int_equal(bench_counters(bench).rooms, 0);
    assert_int_equal(bench_counters(bench).ended[REASON_CONTROL_LOST], 1);
}

static void grace__of_zero__ends_the_session_with_its_connection(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.resume_grace_ns = 0;
    open_with(&limits);
    struct bench_client *client = bench_login(bench, 0);
    assert_int_equal(client->welcome.resume_grace_ms, 0);
    (void)bench_create(bench, 0);
    bench_disconnect(bench, 0);
    bench_pump(bench);
    assert_int_equal(bench_counters(bench).sessions, 0);
    assert_int_equal(bench->workers[0].last.reason, REASON_CONTROL_LOST);
}

static void session__ends_while_joining__leaves_as_soon_as_it_has_joined(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    bench->workers[0].is_stuck = true;
    send_create(0);
    bench_pump(bench);
    bench_disconnect(bench, 0);
    bench_advance(bench, 31 * SECOND_NS);
    assert_int_equal(bench_counters(bench).sessions, 1);
    assert_int_equal(bench_counters(bench).ended[REASON_CONTROL_LOST], 1);
    bench->workers[0].is_stuck = false;
    bench_pump(bench);
    assert_int_equal(bench->workers[0].commands, 2);
    assert_int_equal(bench->workers[0].last.type, COMMAND_LEAVE);
    assert_int_equal(bench_counters(bench).sessions, 0);
    assert_int_equal(bench_counters(bench).rooms, 0);
}

static const struct command *last_command(void)
{
    return &bench->workers[0].last;
}

/* The worker always knows whether a member has a connection, and is told only what is new. */
static void connection__of_a_member__lost_and_back_is_told(void **state)
{
    (void)state;
    struct bench_client *client = bench_login(bench, 0);
    struct control_welcome welcome = client->welcome;
    bench_disconnect(bench, 0);
    assert_true(bench_resume(bench, 0, welcome.session_id, welcome.resume_key));
    assert_int_equal(bench->workers[0].commands, 0); /* It is no member. */
    welcome = client->welcome;
    (void)bench_create(bench, 0);
    bench_disconnect(bench, 0);
    bench_pump(bench);
    assert_int_equal(last_command()->type, COMMAND_CONTROL_LOST);
    assert_int_equal(last_command()->request, 0);
    assert_true(bench->workers[0].rooms[0].members[0].is_control_lost);
    assert_true(bench_resume(bench, 0, welcome.session_id, welcome.resume_key));
    assert_int_equal(last_command()->type, COMMAND_CONTROL_BACK);
    assert_false(bench->workers[0].rooms[0].members[0].is_control_lost);
    /* A connection in the place of another one: it was never gone. */
    welcome = client->welcome;
    assert_true(bench_resume(bench, 1, welcome.session_id, welcome.resume_key));
    assert_int_equal(bench->workers[0].commands, 3);
}

static void connection__lost_and_back_behind_a_full_queue__is_told_as_it_is(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.worker_count = 1;
    open_with(&limits);
    struct control_welcome welcome;
    for (unsigned i = 0; i < 6; i++) {
        welcome = bench_login(bench, i)->welcome;
        (void)bench_create(bench, i);
    }
    bench->workers[0].is_stuck = true;
    for (unsigned i = 0; i < 4; i++) {
        for (int k = 0; k < 16; k++) {
            (void)bench_send_type(bench, i, CONTROL_ROOM_STATE);
        }
    }
    bench_pump(bench);
    bench_disconnect(bench, 4);
    bench_disconnect(bench, 5);
    bench_pump(bench);
    assert_true(bench_resume(bench, 5, welcome.session_id, welcome.resume_key));
    bench->workers[0].is_stuck = false;
    bench_pump(bench);
    /* Of 5 there is nothing to tell any more. */
    assert_int_equal(bench->workers[0].commands, 6 + 64 + 1);
    assert_int_equal(last_command()->type, COMMAND_CONTROL_LOST);
    assert_true(bench->workers[0].rooms[4].members[0].is_control_lost);
    assert_false(bench->workers[0].rooms[5].members[0].is_control_lost);
}

static void connection__lost_while_joining__is_told_behind_the_answer(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    bench->workers[0].is_stuck = true;
    send_create(0);
    bench_pump(bench);
    bench_disconnect(bench, 0);
    bench_pump(bench);
    bench->workers[0].is_stuck = false;
    bench_pump(bench);
    assert_int_equal(bench->workers[0].commands, 2);
    assert_int_equal(last_command()->type, COMMAND_CONTROL_LOST);
}

static void session__resumed_while_joining__does_not_see_the_old_answer(void **state)
{
    (void)state;
    struct bench_client *client = bench_login(bench, 0);
    uint8_t id[SESSION_ID_SIZE];
    uint8_t key[RESUME_KEY_SIZE];
    memcpy(id, client->welcome.session_id, sizeof(id));
    memcpy(key, client->welcome.resume_key, sizeof(key));
    bench->workers[0].is_stuck = true;
    send_create(0);
    bench_pump(bench);
    bench_disconnect(bench, 0);
    assert_true(bench_resume(bench, 0, id, key));
    assert_int_equal(client->welcome.flags, WELCOME_RESUMED | WELCOME_IN_ROOM);
    (void)bench_send_type(bench, 0, CONTROL_ROOM_STATE);
    bench_expect_nothing(bench, 0);
    bench->workers[0].is_stuck = false;
    struct control_message state_now = bench_expect(bench, 0, CONTROL_MEMBERSHIP);
    assert_int_equal(state_now.request, client->request);
    bench_expect_nothing(bench, 0);
}

/* More sessions end at once than commands fit. */
static void sessions__end_while_the_worker_is_stuck__all_leave_in_the_end(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.worker_count = 1;
    open_with(&limits);
    for (unsigned i = 0; i < 14; i++) {
        (void)bench_login(bench, i);
        (void)bench_create(bench, i);
    }
    bench->workers[0].is_stuck = true;
    for (unsigned i = 0; i < 4; i++) {
        for (int k = 0; k < 15; k++) {
            (void)bench_send_type(bench, i, CONTROL_ROOM_STATE);
        }
    }
    bench_pump(bench);
    for (unsigned i = 0; i < 14; i++) {
        bench_disconnect(bench, i);
    }
    bench_advance(bench, 31 * SECOND_NS);
    assert_int_equal(bench_counters(bench).ended[REASON_CONTROL_LOST], 14);
    assert_int_equal(bench_counters(bench).sessions, 14); /* 60 requests and 4 CONTROL_LOST wait. */
    bench->workers[0].is_stuck = false;
    bench_pump(bench);
    assert_int_equal(bench_counters(bench).sessions, 0);
    assert_int_equal(bench_counters(bench).rooms, 0);
    assert_int_equal(bench->workers[0].commands, 14 + 60 + 4 + 14);
}

static void place__of_a_closed_connection__may_be_used_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct bench_client *client = bench_connect(bench, 0);
        assert_int_equal(client->connection, 0);
        bench_write(bench, 0, "\0", 1);
        bench_pump(bench);
        bench_disconnect(bench, 0);
    }
    assert_int_equal(bench_counters(bench).connections, 0);
    assert_int_equal(bench_counters(bench).frame_buffers_used, 0);
    assert_int_equal(bench_counters(bench).connections_preauth, 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(grace__runs_out__the_worker_is_told_to_drop_the_slot),
        TEST(connection__of_a_member__lost_and_back_is_told),
        TEST(connection__lost_and_back_behind_a_full_queue__is_told_as_it_is),
        TEST(connection__lost_while_joining__is_told_behind_the_answer),
        TEST(grace__of_zero__ends_the_session_with_its_connection),
        TEST(session__ends_while_joining__leaves_as_soon_as_it_has_joined),
        TEST(session__resumed_while_joining__does_not_see_the_old_answer),
        TEST(sessions__end_while_the_worker_is_stuck__all_leave_in_the_end),
        TEST(place__of_a_closed_connection__may_be_used_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
