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

static const uint8_t no_key[NOISE_KEY_SIZE];
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

static void send_metadata(unsigned client, size_t size)
{
    static const uint8_t bytes[CORE_METADATA_MAX];
    struct control_message message = {.type = CONTROL_SET_METADATA, .metadata = {bytes, size}};
    (void)bench_send(bench, client, &message);
}

/* --- Bytes in -------------------------------------------------------------------------------- */

/* A session with a bit of everything, written at once as far as the handshake allows. answers[]
 * gets the type of each answer by its request, and the number of announcements at 0. */
static void talk(size_t cut, uint8_t answers[128])
{
    struct control_limits limits = bench_limits();
    struct hello_answer answer;
    open_with(&limits);
    bench->cut = cut;
    (void)bench_connect(bench, 0);
    bench_hello(bench, 0, HELLO_OPEN, NULL, 0, no_key);
    assert_true(bench_accept(bench, 0, &answer));
    (void)bench_send_type(bench, 0, CONTROL_START);
    send_create(0);
    for (int i = 0; i < 30; i++) {
        send_metadata(0, (size_t)i * 17);
        (void)bench_send_type(bench, 0, i % 3 == 0 ? CONTROL_KICK : CONTROL_PING);
    }
    (void)bench_send_type(bench, 0, CONTROL_LEAVE);
    (void)bench_send_type(bench, 0, CONTROL_ROOM_STATE);
    memset(answers, 0, 128);
    struct control_message message;
    while (bench_next(bench, 0, &message)) {
        assert_true(message.request < 128);
        answers[message.request] = message.request == 0 ? (uint8_t)(answers[0] + 1) : message.type;
    }
    assert_int_equal(bench->clients[0].end, BENCH_OPEN);
}

static void input__cut_anywhere__gives_the_same_answers(void **state)
{
    (void)state;
    static const size_t cuts[] = {1, 2, 3, 7, 100, 1000};
    uint8_t whole[128];
    uint8_t cut[128];
    talk(0, whole);
    assert_int_equal(whole[0], 30);
    assert_int_equal(whole[1], CONTROL_WELCOME);
    assert_int_equal(whole[63], CONTROL_OK);
    assert_int_equal(whole[64], CONTROL_ERROR);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        talk(cuts[i], cut);
        assert_memory_equal(cut, whole, sizeof(whole));
    }
}

static void frame__longer_than_frame_max__ends_the_connection_unread(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    (void)bench_login(bench, 1);
    static const uint8_t too_long[2] = {4097 >> 8, 4097 & 255};
    static const uint8_t too_short[2] = {0, 16};
    bench_write(bench, 0, too_long, 2);
    bench_write(bench, 1, too_short, 2);
    bench_pump(bench);
    assert_int_equal(bench->clients[0].end, BENCH_ABORTED);
    assert_int_equal(bench->clients[1].end, BENCH_ABORTED);
    assert_int_equal(bench_counters(bench).closed[REASON_FRAME_SIZE], 2);
}

static void frame__that_does_not_decrypt__ends_the_connection(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    (void)bench_send_type(bench, 0, CONTROL_PING);
    bench->clients[0].up[5] ^= 1;
    (void)bench_send_type(bench, 0, CONTROL_PING);
    bench_pump(bench);
    assert_int_equal(bench->clients[0].end, BENCH_ABORTED);
    bench_expect_nothing(bench, 0);
    assert_int_equal(bench_counters(bench).closed[REASON_DECRYPT_FAILED], 1);
    assert_int_equal(bench_counters(bench).sessions, 1); /* It may come back. */
}

static void buffers__idle_connection__holds_none(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        (void)bench_login(bench, i);
    }
    assert_int_equal(bench_counters(bench).frame_buffers_used, 0);
    assert_int_equal(bench_counters(bench).out_buffers_used, 0);
    struct bench_client *client = &bench->clients[3];
    (void)bench_send_type(bench, 3, CONTROL_PING);
    uint8_t last = client->up[client->up_size - 1];
    client->up_size--;
    bench_pump(bench);
    assert_int_equal(bench_counters(bench).frame_buffers_used, 1);
    client->is_deaf = true;
    bench_write(bench, 3, &last, 1);
    bench_pump(bench);
    assert_int_equal(bench_counters(bench).frame_buffers_used, 0);
    assert_int_equal(bench_counters(bench).out_buffers_used, 1);
    client->is_deaf = false;
    control_sent(bench->control, client->connection, 0, bench->now_ns);
    (void)bench_expect(bench, 3, CONTROL_PONG);
    assert_int_equal(bench_counters(bench).out_buffers_used, 0);
}

static void buffers__pool_empty__the_connection_ends_with_busy(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.frame_buffers = 2;
    open_with(&limits);
    for (unsigned i = 0; i < 3; i++) {
        (void)bench_login(bench, i);
    }
    for (unsigned i = 0; i < 3; i++) {
        bench_write(bench, i, "\0\x20xy", 4);
        bench_pump(bench);
    }
    assert_int_equal(bench->clients[0].end, BENCH_OPEN);
    assert_int_equal(bench->clients[1].end, BENCH_OPEN);
    assert_int_equal(bench->clients[2].end, BENCH_ABORTED);
    assert_int_equal(bench_counters(bench).closed[REASON_BUSY], 1);
}

/* --- Deadlines ------------------------------------------------------------------------------- */

static void slowloris__a_byte_a_second__ends_at_the_absolute_deadline(void **state)
{
    (void)state;
    (void)bench_connect(bench, 0);
    bench_hello(bench, 0, HELLO_OPEN, NULL, 0, no_key);
    uint8_t hello[128];
    memcpy(hello, bench->clients[0].up, bench->clients[0].up_size);
    bench->clients[0].up_size = 0;
    for (int i = 0; i < 4; i++) {
        bench_write(bench, 0, hello + i, 1);
        bench_advance(bench, SECOND_NS);
        assert_int_equal(bench->clients[0].end, BENCH_OPEN);
    }
    bench_write(bench, 0, hello + 4, 1);
    bench_advance(bench, SECOND_NS - 1);
    assert_int_equal(bench->clients[0].end, BENCH_OPEN);
    bench_advance(bench, 1);
    assert_int_equal(bench->clients[0].end, BENCH_ABORTED);
    assert_int_equal(bench_counters(bench).closed[REASON_HANDSHAKE_TIMEOUT], 1);
}

static void slowloris__inside_a_session__ends_at_the_frame_deadline(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    bench_advance(bench, 10 * SECOND_NS);
    (void)bench_send_type(bench, 0, CONTROL_PING);
    uint8_t frame[64];
    memcpy(frame, bench->clients[0].up, sizeof(frame));
    bench->clients[0].up_size = 0;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(bench->clients[0].end, BENCH_OPEN);
        bench_write(bench, 0, frame + i, 1);
        bench_advance(bench, SECOND_NS);
    }
    assert_int_equal(bench->clients[0].end, BENCH_CLOSED);
    assert_int_equal(bench_counters(bench).closed[REASON_FRAME_TIMEOUT], 1);
}

static void idle__frames_keep_it_open_and_silence_ends_it(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    for (int i = 0; i < 3; i++) {
        bench_advance(bench, 59 * SECOND_NS);
        (void)bench_send_type(bench, 0, CONTROL_PING);
        (void)bench_expect(bench, 0, CONTROL_PONG);
    }
    bench_advance(bench, 60 * SECOND_NS);
    assert_int_equal(bench->clients[0].end, BENCH_CLOSED);
    assert_int_equal(bench_counters(bench).closed[REASON_IDLE_TIMEOUT], 1);
    assert_int_equal(bench_counters(bench).sessions, 1);
}

static void idle__limit_changed__holds_for_who_comes_after(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    bench->limits.idle_timeout_ns = SECOND_NS;
    control_set_limits(bench->control, &bench->limits);
    assert_int_equal(bench_login(bench, 1)->welcome.idle_timeout_ms, 1000);
    bench_advance(bench, SECOND_NS);
    assert_int_equal(bench->clients[1].end, BENCH_CLOSED);
    /* A frame begins the time anew, as long as it was told. */
    (void)bench_send_type(bench, 0, CONTROL_ROOM_STATE);
    bench_advance(bench, 59 * SECOND_NS);
    assert_int_equal(bench->clients[0].end, BENCH_OPEN);
    bench_advance(bench, SECOND_NS);
    assert_int_equal(bench->clients[0].end, BENCH_CLOSED);
}

static void idle__what_comes_down__does_not_count(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    struct control_membership room = bench_create(bench, 0);
    char code[JOIN_CODE_TEXT_SIZE] = {0};
    memcpy(code, room.code.at, room.code.size);
    bench_advance(bench, 50 * SECOND_NS);
    (void)bench_login(bench, 1);
    (void)bench_join(bench, 1, code);
    (void)bench_expect(bench, 0, CONTROL_JOINED);
    bench_advance(bench, 10 * SECOND_NS);
    assert_int_equal(bench->clients[0].end, BENCH_CLOSED);
}

/* --- Who may come ---------------------------------------------------------------------------- */

static void connections__above_the_limit_of_an_address__are_refused(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    struct addr peer = addr_ipv4(10, 9, 9, 9, 1);
    struct hello_answer answer;
    limits.connections_per_ip = 3;
    open_with(&limits);
    for (unsigned i = 0; i < 3; i++) {
        peer.port++;
        (void)bench_connect_from(bench, i, &peer);
    }
    (void)bench_connect_from(bench, 3, &peer);
    assert_false(bench_accept(bench, 3, &answer));
    assert_int_equal(answer.status, HELLO_BUSY);
    assert_int_equal(bench->clients[3].end, BENCH_CLOSED);
    assert_int_equal(
        bench_logged(bench, CONTROL_LOG_EVENT_CLIENT_REFUSED, REASON_CONNECTIONS_PER_IP), 1);
    bench_disconnect(bench, 1);
    (void)bench_connect_from(bench, 4, &peer);
    bench_pump(bench);
    assert_int_equal(bench->clients[4].end, BENCH_OPEN);
    (void)bench_login(bench, 5);
}

static void accepts__above_the_rate_of_an_address__are_cut_off_silently(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    struct addr peer = addr_ipv4(10, 9, 9, 9, 1);
    limits.accepts_per_ip_s = 10;
    limits.accepts_per_ip_burst = 4;
    open_with(&limits);
    for (unsigned i = 0; i < 6; i++) {
        (void)bench_connect_from(bench, i, &peer);
        bench_pump(bench);
        assert_int_equal(bench->clients[i].end, i < 4 ? BENCH_OPEN : BENCH_ABORTED);
        assert_int_equal(bench->clients[i].down_size, 0);
    }
    bench_advance(bench, 100 * MS);
    (void)bench_connect_from(bench, 6, &peer);
    bench_pump(bench);
    assert_int_equal(bench->clients[6].end, BENCH_OPEN);
    assert_int_equal(bench_counters(bench).closed[REASON_ACCEPTS_PER_IP], 2);
}

static void preauth__pool_full__the_oldest_makes_room(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.preauth_max = 3;
    open_with(&limits);
    (void)bench_login(bench, 10); /* Not in the pool any more. */
    for (unsigned i = 0; i < 5; i++) {
        (void)bench_connect(bench, i);
        bench_pump(bench);
    }
    assert_int_equal(bench->clients[0].end, BENCH_ABORTED);
    assert_int_equal(bench->clients[1].end, BENCH_ABORTED);
    assert_int_equal(bench->clients[2].end, BENCH_OPEN);
    assert_int_equal(bench->clients[10].end, BENCH_OPEN);
    assert_int_equal(bench_counters(bench).connections_preauth, 3);
    assert_int_equal(bench_counters(bench).closed[REASON_PREAUTH_FULL], 2);
    (void)bench_login(bench, 11);
    assert_int_equal(bench->clients[2].end, BENCH_ABORTED);
}

static void preauth__flood_from_one_address__evicts_nobody(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    struct addr peer = addr_ipv4(10, 9, 9, 9, 1);
    limits.preauth_max = 4;
    limits.connections_per_ip = 2;
    open_with(&limits);
    (void)bench_connect(bench, 0);
    for (unsigned i = 1; i < 20; i++) {
        (void)bench_connect_from(bench, i, &peer);
        bench_pump(bench);
    }
    assert_int_equal(bench->clients[0].end, BENCH_OPEN);
}

/* --- Bytes out ------------------------------------------------------------------------------- */

static void output__client_that_does_not_read__ends_at_the_bound(void **state)
{
    (void)state;
    struct bench_client *client = bench_login(bench, 0);
    client->is_slow = true;
    (void)bench_create(bench, 0);
    size_t before = client->down_size;
    for (int i = 0; i < 40 && client->end == BENCH_OPEN; i++) {
        send_metadata(0, CORE_METADATA_MAX);
        bench_pump(bench);
        assert_true(client->down_size - before <= bench->limits.out_buffer_bytes);
    }
    assert_int_equal(client->end, BENCH_ABORTED);
    assert_true(client->down_size - before > bench->limits.out_buffer_bytes - 1024);
    assert_int_equal(bench_counters(bench).closed[REASON_OUTPUT_FULL], 1);
    assert_int_equal(bench_logged(bench, CONTROL_LOG_EVENT_LIMIT_HIT, REASON_OUTPUT_FULL), 1);
}

static void output__client_that_reads_nothing_for_long__ends_though_it_talks(void **state)
{
    (void)state;
    struct bench_client *client = bench_login(bench, 0);
    struct bench_client *slow = bench_login(bench, 1);
    client->is_slow = true;
    slow->is_slow = true;
    for (int i = 0; i < 9; i++) {
        (void)bench_send_type(bench, 0, CONTROL_PING);
        (void)bench_send_type(bench, 1, CONTROL_PING);
        bench_advance(bench, SECOND_NS);
    }
    /* The other one reads at last. */
    slow->pending = 0;
    control_sent(bench->control, slow->connection, 0, bench->now_ns);
    assert_int_equal(client->end, BENCH_OPEN);
    bench_advance(bench, SECOND_NS);
    assert_int_equal(client->end, BENCH_ABORTED);
    assert_int_equal(slow->end, BENCH_OPEN);
    assert_int_equal(bench_counters(bench).closed[REASON_OUTPUT_FULL], 1);
}

static void output__refused_by_the_socket__waits_and_follows_in_order(void **state)
{
    (void)state;
    struct bench_client *client = bench_login(bench, 0);
    client->is_deaf = true;
    for (int i = 0; i < 5; i++) {
        (void)bench_send_type(bench, 0, CONTROL_PING);
    }
    bench_expect_nothing(bench, 0);
    assert_int_equal(bench_counters(bench).out_buffers_used, 1);
    client->is_deaf = false;
    control_sent(bench->control, client->connection, 0, bench->now_ns);
    for (int i = 0; i < 5; i++) {
        (void)bench_expect(bench, 0, CONTROL_PONG);
    }
    assert_int_equal(bench_counters(bench).out_buffers_used, 0);
}

static void output__last_words_to_a_slow_client__are_waited_for_but_not_for_ever(void **state)
{
    (void)state;
    struct bench_client *quick = bench_login(bench, 0);
    struct bench_client *stuck = bench_login(bench, 1);
    quick->is_slow = true;
    stuck->is_deaf = true;
    (void)bench_send_type(bench, 0, CONTROL_BYE);
    (void)bench_send_type(bench, 1, CONTROL_BYE);
    bench_pump(bench);
    assert_int_equal(quick->end, BENCH_OPEN);
    assert_int_equal(stuck->end, BENCH_OPEN);
    quick->pending = 0;
    control_sent(bench->control, quick->connection, 0, bench->now_ns);
    (void)bench_expect(bench, 0, CONTROL_OK);
    assert_int_equal(quick->end, BENCH_CLOSED);
    bench_advance(bench, 5 * SECOND_NS);
    assert_int_equal(stuck->end, BENCH_ABORTED);
}

static void output__pool_empty__the_connection_ends_with_busy(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.out_buffers = 1;
    open_with(&limits);
    struct bench_client *first = bench_login(bench, 0);
    struct bench_client *second = bench_login(bench, 1);
    first->is_deaf = true;
    (void)bench_send_type(bench, 0, CONTROL_PING);
    bench_pump(bench);
    (void)bench_send_type(bench, 1, CONTROL_PING);
    bench_pump(bench);
    assert_int_equal(first->end, BENCH_OPEN);
    assert_int_equal(second->end, BENCH_ABORTED);
}

/* --- Pauses ---------------------------------------------------------------------------------- */

static void requests__sixteen_unanswered__no_more_are_read(void **state)
{
    (void)state;
    struct bench_client *client = bench_login(bench, 0);
    (void)bench_create(bench, 0);
    bench->workers[0].is_stuck = true;
    for (int i = 0; i < 20; i++) {
        (void)bench_send_type(bench, 0, CONTROL_ROOM_STATE);
    }
    (void)bench_send_type(bench, 0, CONTROL_PING);
    bench_expect_nothing(bench, 0);
    assert_true(client->is_paused);
    assert_int_equal(bench_counters(bench).commands, 1 + 16);
    bench_advance(bench, 20 * SECOND_NS); /* No frame deadline runs meanwhile. */
    assert_int_equal(client->end, BENCH_OPEN);
    bench->workers[0].is_stuck = false;
    unsigned memberships = 0;
    unsigned pongs = 0; /* It may overtake what is with the worker. */
    struct control_message message;
    while (bench_next(bench, 0, &message)) {
        memberships += message.type == CONTROL_MEMBERSHIP;
        pongs += message.type == CONTROL_PONG;
    }
    assert_int_equal(memberships, 20);
    assert_int_equal(pongs, 1);
    assert_false(client->is_paused);
    assert_int_equal(bench_counters(bench).frame_buffers_used, 0);
}

static void worker__queue_full__busy_is_told_and_the_connection_pauses(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.worker_count = 1;
    open_with(&limits);
    for (unsigned i = 0; i < 6; i++) {
        (void)bench_login(bench, i);
    }
    for (unsigned i = 0; i < 5; i++) {
        (void)bench_create(bench, i);
    }
    bench->workers[0].is_stuck = true;
    for (unsigned i = 0; i < 4; i++) {
        for (int k = 0; k < 16; k++) {
            (void)bench_send_type(bench, i, CONTROL_ROOM_STATE);
        }
    }
    bench_pump(bench);
    (void)bench_send_type(bench, 4, CONTROL_ROOM_STATE);
    struct control_message busy = bench_expect_error(bench, 4, REASON_BUSY);
    assert_int_equal(busy.error.retry_ms, 100);
    assert_true(bench->clients[4].is_paused);
    (void)bench_send_type(bench, 4, CONTROL_PING);
    bench_expect_nothing(bench, 4);
    bench_advance(bench, 100 * MS);
    (void)bench_expect(bench, 4, CONTROL_PONG);
    send_create(5);
    (void)bench_expect_error(bench, 5, REASON_BUSY);
    assert_int_equal(bench_counters(bench).rooms, 5);
    bench->workers[0].is_stuck = false;
    bench_pump(bench);
    (void)bench_send_type(bench, 4, CONTROL_ROOM_STATE);
    (void)bench_expect(bench, 4, CONTROL_MEMBERSHIP);
}

static void end_of_input__from_the_client__begins_the_grace_time(void **state)
{
    (void)state;
    struct bench_client *client = bench_login(bench, 0);
    (void)bench_create(bench, 0);
    control_input_end(bench->control, client->connection, bench->now_ns);
    bench_pump(bench);
    assert_int_equal(client->end, BENCH_CLOSED);
    assert_int_equal(bench_counters(bench).sessions, 1);
    assert_int_equal(bench_logged(bench, CONTROL_LOG_EVENT_SESSION_LOST, REASON_CONNECTION_CLOSED),
                     1);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(input__cut_anywhere__gives_the_same_answers),
        TEST(frame__longer_than_frame_max__ends_the_connection_unread),
        TEST(frame__that_does_not_decrypt__ends_the_connection),
        TEST(buffers__idle_connection__holds_none),
        TEST(buffers__pool_empty__the_connection_ends_with_busy),
        TEST(slowloris__a_byte_a_second__ends_at_the_absolute_deadline),
        TEST(slowloris__inside_a_session__ends_at_the_frame_deadline),
        TEST(idle__frames_keep_it_open_and_silence_ends_it),
        TEST(idle__limit_changed__holds_for_who_comes_after),
        TEST(idle__what_comes_down__does_not_count),
        TEST(connections__above_the_limit_of_an_address__are_refused),
        TEST(accepts__above_the_rate_of_an_address__are_cut_off_silently),
        TEST(preauth__pool_full__the_oldest_makes_room),
        TEST(preauth__flood_from_one_address__evicts_nobody),
        TEST(output__client_that_does_not_read__ends_at_the_bound),
        TEST(output__client_that_reads_nothing_for_long__ends_though_it_talks),
        TEST(output__refused_by_the_socket__waits_and_follows_in_order),
        TEST(output__last_words_to_a_slow_client__are_waited_for_but_not_for_ever),
        TEST(output__pool_empty__the_connection_ends_with_busy),
        TEST(requests__sixteen_unanswered__no_more_are_read),
        TEST(worker__queue_full__busy_is_told_and_the_connection_pauses),
        TEST(end_of_input__from_the_client__begins_the_grace_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
