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

#define SECOND_NS UINT64_C(1000000000)
#define WALL_S    1700000000 /* What bench_open() sets. */

static const uint8_t no_key[NOISE_KEY_SIZE];
static const struct ticket_secret secret = {.key_id = "k1", .bytes = {1, 2, 3}};
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
    control_set_secrets(bench->control, &secret, 1);
}

static void open_for_tickets(void)
{
    struct control_limits limits = bench_limits();
    limits.is_ticket_required = true;
    open_with(&limits);
}

/* Connects and sends a ticket's first flight. */
static bool hello_ticket(unsigned client, const char *name, struct hello_answer *answer)
{
    uint8_t key[TICKET_KEY_SIZE];
    ticket_key(secret.bytes, name, strlen(name), key);
    (void)bench_connect(bench, client);
    bench_hello(bench, client, HELLO_TICKET, name, strlen(name), key);
    return bench_accept(bench, client, answer);
}

static void login_ticket(unsigned client, const char *name)
{
    struct hello_answer answer;
    assert_true(hello_ticket(client, name, &answer));
    (void)bench_send_type(bench, client, CONTROL_START);
    bench->clients[client].welcome = bench_expect(bench, client, CONTROL_WELCOME).welcome;
}

static void expect_refusal(unsigned client, enum hello_status status, enum reason reason)
{
    struct hello_answer answer;
    assert_false(bench_accept(bench, client, &answer));
    assert_int_equal(answer.status, status);
    assert_int_equal(bench->clients[client].end, BENCH_CLOSED);
    assert_int_equal(bench_counters(bench).closed[reason], 1);
}

static void open__zero_key__a_session_begins_with_start_only(void **state)
{
    (void)state;
    struct hello_answer answer;
    (void)bench_connect(bench, 0);
    assert_int_equal(bench_counters(bench).connections_preauth, 1);
    bench_hello(bench, 0, HELLO_OPEN, NULL, 0, no_key);
    assert_true(bench_accept(bench, 0, &answer));
    assert_int_equal(bench_counters(bench).sessions, 0);
    (void)bench_send_type(bench, 0, CONTROL_START);
    (void)bench_expect(bench, 0, CONTROL_WELCOME);
    assert_int_equal(bench_counters(bench).sessions, 1);
    assert_int_equal(bench_counters(bench).connections_preauth, 0);
}

static void open__wrong_key__is_refused_in_clear(void **state)
{
    (void)state;
    static const uint8_t wrong[NOISE_KEY_SIZE] = {1};
    (void)bench_connect(bench, 0);
    bench_hello(bench, 0, HELLO_OPEN, NULL, 0, wrong);
    expect_refusal(0, HELLO_REFUSED, REASON_REFUSED);
    assert_int_equal(bench_counters(bench).auth_failures, 1);
    assert_int_equal(bench->clients[0].down_size, HELLO_REFUSAL_SIZE);
}

static void open__ticket_offered__is_refused_and_the_mode_named(void **state)
{
    (void)state;
    struct hello_answer answer;
    assert_false(hello_ticket(0, "gsr1:k1:1700000100:ann:create", &answer));
    assert_int_equal(answer.status, HELLO_REFUSED);
    assert_int_equal(answer.mode, HELLO_OPEN);
    assert_int_equal(bench_counters(bench).auth_failures, 0);
}

static void garbage__instead_of_a_first_flight__is_a_failure(void **state)
{
    (void)state;
    (void)bench_connect(bench, 0);
    bench_write(bench, 0, "GET / HTTP/1.1\r\n\r\n", 18);
    expect_refusal(0, HELLO_REFUSED, REASON_FRAME_SIZE);
    (void)bench_connect(bench, 1);
    uint8_t bytes[2 + 60] = {0, 60, 1, 9};
    bench_write(bench, 1, bytes, sizeof(bytes));
    expect_refusal(1, HELLO_REFUSED, REASON_BAD_MESSAGE);
    assert_int_equal(bench_counters(bench).auth_failures, 2);
}

static void first_flight__of_a_later_version__is_told_ours(void **state)
{
    (void)state;
    struct hello_answer answer;
    (void)bench_connect(bench, 0);
    uint8_t bytes[2 + 51] = {0, 51, 2, 0, 0};
    bench_write(bench, 0, bytes, sizeof(bytes));
    assert_false(bench_accept(bench, 0, &answer));
    assert_int_equal(answer.status, HELLO_VERSION);
    assert_int_equal(answer.version, 1);
    assert_int_equal(bench_counters(bench).auth_failures, 0);
}

static void first_flight__recorded_and_sent_again__gives_no_session(void **state)
{
    (void)state;
    struct hello_answer answer;
    (void)bench_connect(bench, 0);
    bench_hello(bench, 0, HELLO_OPEN, NULL, 0, no_key);
    uint8_t recorded[128];
    size_t size = bench->clients[0].up_size;
    memcpy(recorded, bench->clients[0].up, size);
    assert_true(bench_accept(bench, 0, &answer));
    (void)bench_connect(bench, 1);
    bench_write(bench, 1, recorded, size);
    uint8_t frame[2 + 25] = {0, 25};
    bench_write(bench, 1, frame, sizeof(frame));
    bench_pump(bench);
    assert_int_equal(bench->clients[1].end, BENCH_ABORTED);
    assert_int_equal(bench_counters(bench).sessions, 0);
    assert_int_equal(bench_counters(bench).closed[REASON_DECRYPT_FAILED], 1);
}

static void proving__anything_but_start__ends_the_connection(void **state)
{
    (void)state;
    struct hello_answer answer;
    (void)bench_connect(bench, 0);
    bench_hello(bench, 0, HELLO_OPEN, NULL, 0, no_key);
    assert_true(bench_accept(bench, 0, &answer));
    (void)bench_send_type(bench, 0, CONTROL_PING);
    bench_pump(bench);
    assert_int_equal(bench->clients[0].end, BENCH_ABORTED);
    assert_int_equal(bench_counters(bench).sessions, 0);
}

static void ticket__good__grants_what_it_says(void **state)
{
    (void)state;
    open_for_tickets();
    login_ticket(0, "gsr1:k1:1700000100:ann:create,join=K*");
    struct control_message create = {.type = CONTROL_CREATE};
    create.create.metadata.at = (const uint8_t *)"";
    (void)bench_send(bench, 0, &create);
    (void)bench_expect(bench, 0, CONTROL_MEMBERSHIP);
    (void)bench_send_type(bench, 0, CONTROL_LEAVE);
    (void)bench_expect(bench, 0, CONTROL_OK);
    struct control_message join = {.type = CONTROL_JOIN,
                                   .join.code = {(const uint8_t *)"MMMMMM", 6}};
    (void)bench_send(bench, 0, &join);
    (void)bench_expect_error(bench, 0, REASON_NOT_PERMITTED);
    join.request = 0;
    join.join.code.at = (const uint8_t *)"KMMMMM";
    (void)bench_send(bench, 0, &join);
    (void)bench_expect_error(bench, 0, REASON_NO_SUCH_ROOM);
    login_ticket(1, "gsr1:k1:1700000100:bob:join=*");
    create.request = 0;
    (void)bench_send(bench, 1, &create);
    (void)bench_expect_error(bench, 1, REASON_NOT_PERMITTED);
}

static void ticket__bad__is_refused_without_saying_why(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum reason reason;
    } cases[] = {
        {"gsr1:k2:1700000100:ann:create", REASON_TICKET_KEY_ID},
        {"gsr1:k1:1699999900:ann:create", REASON_TICKET_EXPIRED},
        {"gsr1:k1:1700099999:ann:create", REASON_TICKET_AGE},
        {"gsr1:k1:1700000100:ann:fly", REASON_TICKET_FORMAT},
    };
    open_for_tickets();
    uint8_t told[HELLO_REFUSAL_SIZE] = {0};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hello_answer answer;
        assert_false(hello_ticket(i, cases[i].name, &answer));
        assert_int_equal(answer.status, HELLO_REFUSED);
        if (i > 0) {
            assert_memory_equal(bench->clients[i].down, told, sizeof(told));
        }
        memcpy(told, bench->clients[i].down, sizeof(told));
        assert_int_equal(bench_logged(bench, CONTROL_LOG_EVENT_AUTH_FAILED, cases[i].reason), 1);
    }
}

static void ticket__key_of_another_name__is_refused(void **state)
{
    (void)state;
    open_for_tickets();
    const char *name = "gsr1:k1:1700000100:ann:create";
    uint8_t key[TICKET_KEY_SIZE];
    ticket_key(secret.bytes, name, strlen(name), key);
    (void)bench_connect(bench, 0);
    bench_hello(bench, 0, HELLO_TICKET, "gsr1:k1:1700000100:bob:create", strlen(name), key);
    expect_refusal(0, HELLO_REFUSED, REASON_REFUSED);
}

static void ticket_mode__zero_key__is_never_accepted(void **state)
{
    (void)state;
    open_for_tickets();
    struct hello_answer answer;
    (void)bench_connect(bench, 0);
    bench_hello(bench, 0, HELLO_OPEN, NULL, 0, no_key);
    assert_false(bench_accept(bench, 0, &answer));
    assert_int_equal(answer.status, HELLO_REFUSED);
    assert_int_equal(answer.mode, HELLO_TICKET);
    (void)bench_connect(bench, 1);
    bench_hello(bench, 1, HELLO_TICKET, "gsr1:k1:1700000100:ann:create", 29, no_key);
    assert_false(bench_accept(bench, 1, &answer));
    assert_int_equal(bench_counters(bench).sessions, 0);
}

static void ticket__same_client_id__the_newest_session_wins(void **state)
{
    (void)state;
    open_for_tickets();
    login_ticket(0, "gsr1:k1:1700000100:ann:create");
    login_ticket(1, "gsr1:k1:1700000100:bob:create");
    struct control_membership room = bench_create(bench, 0);
    assert_int_equal(room.member_count, 1);
    login_ticket(2, "gsr1:k1:1700000200:ann:create");
    assert_int_equal(bench_expect(bench, 0, CONTROL_ENDED).reason, REASON_REPLACED);
    assert_int_equal(bench->clients[0].end, BENCH_CLOSED);
    assert_int_equal(bench->clients[1].end, BENCH_OPEN);
    assert_int_equal(bench_counters(bench).sessions, 2);
    assert_int_equal(bench_counters(bench).rooms, 0);
    assert_int_equal(bench_logged(bench, CONTROL_LOG_EVENT_SESSION_CLOSED, REASON_REPLACED), 1);
}

static void ticket__two_sessions_allowed__the_oldest_goes(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.is_ticket_required = true;
    limits.sessions_per_client_id = 2;
    open_with(&limits);
    for (unsigned i = 0; i < 3; i++) {
        login_ticket(i, "gsr1:k1:1700000100:ann:create");
    }
    assert_int_equal(bench_expect(bench, 0, CONTROL_ENDED).reason, REASON_REPLACED);
    assert_int_equal(bench->clients[1].end, BENCH_OPEN);
    assert_int_equal(bench->clients[2].end, BENCH_OPEN);
}

static void sessions__at_the_limit__are_refused_inside_the_channel(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    struct hello_answer answer;
    limits.sessions_max = 2;
    open_with(&limits);
    (void)bench_login(bench, 0);
    (void)bench_login(bench, 1);
    (void)bench_connect(bench, 2);
    bench_hello(bench, 2, HELLO_OPEN, NULL, 0, no_key);
    assert_true(bench_accept(bench, 2, &answer));
    (void)bench_send_type(bench, 2, CONTROL_START);
    struct control_message message = bench_expect_error(bench, 2, REASON_CLIENTS_LIMIT);
    assert_int_equal(message.error.limit, 2);
    assert_int_equal(bench->clients[2].end, BENCH_CLOSED);
}

static void sessions__lost_ones_of_an_address__count_until_they_end(void **state)
{
    (void)state;
    const struct addr peer = addr_ipv4(10, 9, 9, 9, 1);
    struct control_limits limits = bench_limits();
    struct hello_answer answer;
    limits.connections_per_ip = 2;
    open_with(&limits);
    for (unsigned i = 0; i < 5; i++) {
        (void)bench_connect_from(bench, i, &peer);
        bench_hello(bench, i, HELLO_OPEN, NULL, 0, no_key);
        assert_true(bench_accept(bench, i, &answer));
        (void)bench_send_type(bench, i, CONTROL_START);
        if (i < 4) {
            bench->clients[i].welcome = bench_expect(bench, i, CONTROL_WELCOME).welcome;
            bench_disconnect(bench, i);
            bench_pump(bench);
        }
    }
    assert_int_equal(bench_expect_error(bench, 4, REASON_CONNECTIONS_PER_IP).error.limit, 2);
    assert_int_equal(bench_counters(bench).sessions, 4);
    /* One that goes on from another address makes room here. */
    assert_true(bench_resume(bench, 10, bench->clients[0].welcome.session_id,
                             bench->clients[0].welcome.resume_key));
    (void)bench_connect_from(bench, 5, &peer);
    bench_hello(bench, 5, HELLO_OPEN, NULL, 0, no_key);
    assert_true(bench_accept(bench, 5, &answer));
    (void)bench_send_type(bench, 5, CONTROL_START);
    (void)bench_expect(bench, 5, CONTROL_WELCOME);
}

static void failures__at_the_limit__lock_the_address_out(void **state)
{
    (void)state;
    static const uint8_t wrong[NOISE_KEY_SIZE] = {1};
    struct control_limits limits = bench_limits();
    struct addr peer = addr_ipv4(10, 9, 9, 9, 1);
    limits.fail_limit = 3;
    open_with(&limits);
    (void)bench_connect_from(bench, 10, &peer); /* Accepted before the lockout. */
    for (unsigned i = 0; i < 3; i++) {
        (void)bench_connect_from(bench, i, &peer);
        bench_hello(bench, i, HELLO_OPEN, NULL, 0, wrong);
        bench_pump(bench);
    }
    assert_int_equal(bench_counters(bench).lockouts, 1);
    struct hello_answer answer;
    (void)bench_connect_from(bench, 3, &peer);
    assert_false(bench_accept(bench, 3, &answer));
    assert_int_equal(answer.status, HELLO_BUSY);
    assert_int_equal(answer.retry_s, 30);
    bench_hello(bench, 10, HELLO_OPEN, NULL, 0, no_key);
    assert_false(bench_accept(bench, 10, &answer));
    assert_int_equal(answer.status, HELLO_BUSY);
    (void)bench_login(bench, 4); /* Another address. */
    bench_advance(bench, 30 * SECOND_NS);
    (void)bench_connect_from(bench, 5, &peer);
    bench_hello(bench, 5, HELLO_OPEN, NULL, 0, no_key);
    assert_true(bench_accept(bench, 5, &answer));
}

/* --- Resume ---------------------------------------------------------------------------------- */

struct resume_keys {
    uint8_t id[SESSION_ID_SIZE];
    uint8_t key[RESUME_KEY_SIZE];
};

static struct resume_keys keys_of(unsigned client)
{
    struct resume_keys keys;
    memcpy(keys.id, bench->clients[client].welcome.session_id, sizeof(keys.id));
    memcpy(keys.key, bench->clients[client].welcome.resume_key, sizeof(keys.key));
    return keys;
}

static void resume__after_a_break__session_and_room_go_on(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    (void)bench_login(bench, 1);
    struct control_membership before = bench_create(bench, 0);
    char code[JOIN_CODE_TEXT_SIZE] = {0};
    memcpy(code, before.code.at, before.code.size);
    (void)bench_join(bench, 1, code);
    struct resume_keys keys = keys_of(0);
    bench_disconnect(bench, 0);
    bench_advance(bench, 29 * SECOND_NS);
    assert_true(bench_resume(bench, 0, keys.id, keys.key));
    assert_int_equal(bench->clients[0].welcome.flags, WELCOME_RESUMED | WELCOME_IN_ROOM);
    assert_memory_equal(bench->clients[0].welcome.session_id, keys.id, SESSION_ID_SIZE);
    assert_memory_not_equal(bench->clients[0].welcome.resume_key, keys.key, RESUME_KEY_SIZE);
    (void)bench_send_type(bench, 0, CONTROL_ROOM_STATE);
    struct control_membership after = bench_expect(bench, 0, CONTROL_MEMBERSHIP).membership;
    assert_int_equal(after.slot, before.slot);
    assert_int_equal(after.slot_tag, before.slot_tag);
    assert_memory_equal(after.key_up, before.key_up, 16);
    assert_int_equal(after.member_count, 2);
    bench_expect_nothing(bench, 1);
    bench_advance(bench, 20 * SECOND_NS); /* The old deadline is off. */
    assert_int_equal(bench_counters(bench).sessions, 2);
    assert_int_equal(bench_logged(bench, CONTROL_LOG_EVENT_SESSION_LOST, REASON_CONNECTION_LOST),
                     1);
    assert_int_equal(bench_logged(bench, CONTROL_LOG_EVENT_SESSION_RESUMED, REASON_NONE), 1);
}

static void resume__keys__old_is_valid_until_the_new_was_used(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    struct resume_keys first = keys_of(0);
    bench_disconnect(bench, 0);
    /* The WELCOME with the second key is lost, so the client comes with the first again. */
    assert_true(bench_resume(bench, 1, first.id, first.key));
    bench_disconnect(bench, 1);
    assert_true(bench_resume(bench, 2, first.id, first.key));
    struct resume_keys third = keys_of(2);
    bench_disconnect(bench, 2);
    assert_true(bench_resume(bench, 3, third.id, third.key));
    struct resume_keys fourth = keys_of(3);
    bench_disconnect(bench, 3);
    /* The third was used: the first is dead. The third is what the lost WELCOME would leave. */
    assert_false(bench_resume(bench, 4, first.id, first.key));
    assert_true(bench_resume(bench, 5, third.id, third.key));
    bench_disconnect(bench, 5);
    assert_false(bench_resume(bench, 6, fourth.id, fourth.key));
}

static void resume__while_the_old_connection_lives__closes_that_one(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    (void)bench_create(bench, 0);
    struct resume_keys keys = keys_of(0);
    assert_true(bench_resume(bench, 1, keys.id, keys.key));
    bench_pump(bench);
    assert_int_equal(bench->clients[0].end, BENCH_ABORTED);
    assert_int_equal(bench_counters(bench).sessions, 1);
    assert_int_equal(bench_counters(bench).closed[REASON_REPLACED], 1);
    (void)bench_send_type(bench, 1, CONTROL_ROOM_STATE);
    (void)bench_expect(bench, 1, CONTROL_MEMBERSHIP);
}

static void resume__without_start__leaves_the_old_connection_alone(void **state)
{
    (void)state;
    struct hello_answer answer;
    (void)bench_login(bench, 0);
    struct resume_keys keys = keys_of(0);
    (void)bench_connect(bench, 1);
    bench_hello(bench, 1, HELLO_RESUME, keys.id, SESSION_ID_SIZE, keys.key);
    assert_true(bench_accept(bench, 1, &answer));
    bench_advance(bench, 6 * SECOND_NS);
    assert_int_equal(bench->clients[1].end, BENCH_ABORTED);
    assert_int_equal(bench->clients[0].end, BENCH_OPEN);
}

static void resume__two_at_once__only_one_wins(void **state)
{
    (void)state;
    struct hello_answer answer;
    (void)bench_login(bench, 0);
    struct resume_keys keys = keys_of(0);
    bench_disconnect(bench, 0);
    for (unsigned i = 1; i <= 2; i++) {
        (void)bench_connect(bench, i);
        bench_hello(bench, i, HELLO_RESUME, keys.id, SESSION_ID_SIZE, keys.key);
        assert_true(bench_accept(bench, i, &answer));
    }
    (void)bench_send_type(bench, 1, CONTROL_START);
    (void)bench_expect(bench, 1, CONTROL_WELCOME);
    (void)bench_send_type(bench, 2, CONTROL_START);
    (void)bench_expect_error(bench, 2, REASON_NO_SUCH_SESSION);
    assert_int_equal(bench->clients[2].end, BENCH_CLOSED);
    assert_int_equal(bench->clients[1].end, BENCH_OPEN);
}

static void resume__unknown_session__is_refused_but_no_failure(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    struct resume_keys keys = keys_of(0);
    keys.id[15] ^= 1;
    assert_false(bench_resume(bench, 1, keys.id, keys.key));
    assert_int_equal(bench_counters(bench).auth_failures, 0);
    keys.id[15] ^= 1;
    keys.key[0] ^= 1;
    assert_false(bench_resume(bench, 2, keys.id, keys.key));
    assert_int_equal(bench_counters(bench).auth_failures, 1);
}

static void resume__ticket_expired_meanwhile__still_works(void **state)
{
    (void)state;
    open_for_tickets();
    login_ticket(0, "gsr1:k1:1700000100:ann:create");
    struct resume_keys keys = keys_of(0);
    bench_disconnect(bench, 0);
    control_set_wall(bench->control, WALL_S + 100000);
    assert_true(bench_resume(bench, 1, keys.id, keys.key));
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(open__zero_key__a_session_begins_with_start_only),
        TEST(open__wrong_key__is_refused_in_clear),
        TEST(open__ticket_offered__is_refused_and_the_mode_named),
        TEST(garbage__instead_of_a_first_flight__is_a_failure),
        TEST(first_flight__of_a_later_version__is_told_ours),
        TEST(first_flight__recorded_and_sent_again__gives_no_session),
        TEST(proving__anything_but_start__ends_the_connection),
        TEST(ticket__good__grants_what_it_says),
        TEST(ticket__bad__is_refused_without_saying_why),
        TEST(ticket__key_of_another_name__is_refused),
        TEST(ticket_mode__zero_key__is_never_accepted),
        TEST(ticket__same_client_id__the_newest_session_wins),
        TEST(ticket__two_sessions_allowed__the_oldest_goes),
        TEST(sessions__at_the_limit__are_refused_inside_the_channel),
        TEST(sessions__lost_ones_of_an_address__count_until_they_end),
        TEST(failures__at_the_limit__lock_the_address_out),
        TEST(resume__after_a_break__session_and_room_go_on),
        TEST(resume__keys__old_is_valid_until_the_new_was_used),
        TEST(resume__while_the_old_connection_lives__closes_that_one),
        TEST(resume__without_start__leaves_the_old_connection_alone),
        TEST(resume__two_at_once__only_one_wins),
        TEST(resume__unknown_session__is_refused_but_no_failure),
        TEST(resume__ticket_expired_meanwhile__still_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
