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

static const uint8_t no_key[NOISE_KEY_SIZE];

static void drain__begun__clients_are_told_and_nobody_new_comes(void **state)
{
    (void)state;
    struct hello_answer answer;
    (void)bench_login(bench, 0);
    (void)bench_login(bench, 1);
    (void)bench_create(bench, 0);
    (void)bench_connect(bench, 2);
    (void)bench_connect(bench, 3);
    bench_hello(bench, 3, HELLO_OPEN, NULL, 0, no_key);
    assert_true(bench_accept(bench, 3, &answer));
    control_drain_begin(bench->control, bench->now_ns + 5 * SECOND_NS, bench->now_ns);
    assert_int_equal(bench_expect(bench, 0, CONTROL_DRAINING).deadline_ms, 5000);
    assert_int_equal(bench_expect(bench, 1, CONTROL_DRAINING).deadline_ms, 5000);
    struct control_message create = {.type = CONTROL_CREATE};
    create.create.metadata.at = (const uint8_t *)"";
    (void)bench_send(bench, 1, &create);
    (void)bench_expect_error(bench, 1, REASON_DRAINING);
    (void)bench_send_type(bench, 0, CONTROL_ROOM_STATE);
    (void)bench_expect(bench, 0, CONTROL_MEMBERSHIP);
    bench_hello(bench, 2, HELLO_OPEN, NULL, 0, no_key);
    assert_false(bench_accept(bench, 2, &answer));
    assert_int_equal(answer.status, HELLO_DRAINING);
    assert_int_equal(answer.retry_s, 0);
    assert_int_equal(bench_counters(bench).closed[REASON_DRAINING], 1);
    /* Its key was good before the drain began, but it has no session. */
    (void)bench_send_type(bench, 3, CONTROL_START);
    assert_int_equal(bench_expect_error(bench, 3, REASON_DRAINING).error.retry_ms, 0);
    assert_int_equal(bench->clients[3].end, BENCH_CLOSED);
    assert_int_equal(bench_counters(bench).sessions, 2);
}

static void drain__begun__members_join_leave_and_come_back(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    struct bench_client *late = bench_login(bench, 1);
    struct control_membership room = bench_create(bench, 0);
    char code[CORE_CODE_MAX + 1] = "";
    memcpy(code, room.code.at, room.code.size);
    bench_disconnect(bench, 1); /* It will hear of the drain when it is back. */
    control_drain_begin(bench->control, UINT64_MAX, bench->now_ns);
    assert_int_equal(bench_expect(bench, 0, CONTROL_DRAINING).deadline_ms, CONTROL_NO_DEADLINE);
    struct control_welcome welcome = late->welcome;
    assert_true(bench_resume(bench, 1, welcome.session_id, welcome.resume_key));
    assert_int_equal(bench_expect(bench, 1, CONTROL_DRAINING).deadline_ms, CONTROL_NO_DEADLINE);
    uint16_t member = bench_join(bench, 1, code).member;
    assert_int_equal(bench_expect(bench, 0, CONTROL_JOINED).member, member);
    (void)bench_send_type(bench, 0, CONTROL_LEAVE);
    (void)bench_expect(bench, 0, CONTROL_OK);
    assert_int_equal(control_room_count(bench->control), 1);
    (void)bench_send_type(bench, 1, CONTROL_LEAVE);
    bench_pump(bench);
    assert_int_equal(control_room_count(bench->control), 0);
    assert_int_equal(bench->clients[0].end, BENCH_OPEN);
    assert_int_equal(bench->clients[1].end, BENCH_OPEN);
}

static void drain__room_being_made__counts_as_a_room(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    bench->workers[0].is_stuck = true;
    bench->workers[1].is_stuck = true;
    struct control_message create = {.type = CONTROL_CREATE};
    create.create.metadata.at = (const uint8_t *)"";
    (void)bench_send(bench, 0, &create);
    bench_pump(bench);
    control_drain_begin(bench->control, UINT64_MAX, bench->now_ns);
    assert_int_equal(control_room_count(bench->control), 1);
    bench->workers[0].is_stuck = false;
    bench->workers[1].is_stuck = false;
    (void)bench_expect(bench, 0, CONTROL_DRAINING);
    (void)bench_expect(bench, 0, CONTROL_MEMBERSHIP);
    assert_int_equal(control_room_count(bench->control), 1);
}

static void drain__another_end__is_told_as_what_is_left(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    const uint64_t end_ns = bench->now_ns + 9 * SECOND_NS;
    control_drain_begin(bench->control, end_ns, bench->now_ns);
    assert_int_equal(bench_expect(bench, 0, CONTROL_DRAINING).deadline_ms, 9000);
    bench_advance(bench, SECOND_NS);
    control_drain_begin(bench->control, end_ns, bench->now_ns);
    assert_int_equal(bench_expect(bench, 0, CONTROL_DRAINING).deadline_ms, 8000);
    control_drain_begin(bench->control, bench->now_ns - 1, bench->now_ns);
    assert_int_equal(bench_expect(bench, 0, CONTROL_DRAINING).deadline_ms, 0);
    control_drain_begin(bench->control, UINT64_MAX - 1, bench->now_ns);
    assert_int_equal(bench_expect(bench, 0, CONTROL_DRAINING).deadline_ms, CONTROL_NO_DEADLINE - 1);
}

static void drain__ended__everybody_hears_bye_and_the_workers_drain_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        (void)bench_login(bench, i);
        (void)bench_create(bench, i);
    }
    (void)bench_login(bench, 3);
    (void)bench_connect(bench, 4);
    bench_disconnect(bench, 2); /* In its grace time. */
    control_drain_begin(bench->control, bench->now_ns + SECOND_NS, bench->now_ns);
    control_drain_end(bench->control, bench->now_ns);
    for (unsigned i = 0; i < 4; i++) {
        if (i != 2) {
            (void)bench_expect(bench, i, CONTROL_DRAINING);
            assert_int_equal(bench_expect(bench, i, CONTROL_ENDED).reason, REASON_SHUTDOWN);
            assert_int_equal(bench->clients[i].end, BENCH_CLOSED);
        }
    }
    assert_int_equal(bench->clients[4].end, BENCH_ABORTED);
    assert_int_equal(bench->clients[4].down_size, 0);
    assert_int_equal(control_connection_count(bench->control), 0);
    assert_int_equal(bench_counters(bench).sessions, 0);
    assert_int_equal(bench->workers[0].drains, 1);
    assert_int_equal(bench->workers[1].drains, 1);
    assert_int_equal(bench->workers[0].commands + bench->workers[1].commands, 3 + 1 + 2);
    assert_int_equal(bench_counters(bench).ended[REASON_SHUTDOWN], 4);
}

static void drain__with_full_queues__the_command_follows(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    (void)bench_create(bench, 0);
    bench->workers[0].is_stuck = true;
    bench->workers[1].is_stuck = true;
    for (unsigned i = 1; i < 6; i++) {
        (void)bench_login(bench, i);
        struct control_message create = {.type = CONTROL_CREATE};
        create.create.metadata.at = (const uint8_t *)"";
        (void)bench_send(bench, i, &create);
    }
    bench_pump(bench);
    control_drain_end(bench->control, bench->now_ns);
    bench_pump(bench);
    assert_int_equal(control_connection_count(bench->control), 0);
    assert_int_equal(bench_counters(bench).sessions, 0);
    bench->workers[0].is_stuck = false;
    bench->workers[1].is_stuck = false;
    bench_pump(bench);
    assert_int_equal(bench->workers[0].last.type, COMMAND_DRAIN);
    assert_int_equal(bench->workers[0].last.reason, REASON_SHUTDOWN);
    assert_int_equal(bench->workers[1].drains, 1);
}

static void drain__client_that_does_not_read__is_cut_off_in_the_end(void **state)
{
    (void)state;
    struct bench_client *client = bench_login(bench, 0);
    client->is_deaf = true;
    control_drain_end(bench->control, bench->now_ns);
    bench_pump(bench);
    assert_int_equal(client->end, BENCH_OPEN);
    bench_advance(bench, 5 * SECOND_NS);
    assert_int_equal(client->end, BENCH_ABORTED);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(drain__begun__clients_are_told_and_nobody_new_comes),
        TEST(drain__begun__members_join_leave_and_come_back),
        TEST(drain__room_being_made__counts_as_a_room),
        TEST(drain__another_end__is_told_as_what_is_left),
        TEST(drain__ended__everybody_hears_bye_and_the_workers_drain_once),
        TEST(drain__with_full_queues__the_command_follows),
        TEST(drain__client_that_does_not_read__is_cut_off_in_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
