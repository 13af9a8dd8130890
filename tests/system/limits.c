/* SPDX-License-Identifier: MIT */

/* limits.c - what the control channel does with clients that go over its limits, seen from outside,
 * while two honest members play on.
 *
 * Run by limits.sh, which starts a relay with small limits for each group of tests and reads its
 * log and counters afterwards.
 *
 * usage: gsrelay_limits CONTROL_ADDRESS:PORT TEST_NAME_PATTERN */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "client/socket_os.h"
#include "daemon/os/os.h"
#include "proto/datagram.h"
#include "proto/record.h"
#include "tests/system/actor.h"
#include "tests/system/raw.h"

enum { CROWD = 40 };

static const uint8_t open_key[NOISE_KEY_SIZE];
static struct addr control_address;
static struct raw crowd[CROWD];
static struct actor *host;
static struct actor *player;

static int open_all(void **state)
{
    (void)state;
    actors_open(&control_address);
    memset(crowd, 0, sizeof(crowd));
    host = NULL;
    return 0;
}

static void close_crowd(void)
{
    for (unsigned i = 0; i < CROWD; i++) {
        raw_close(&crowd[i]);
    }
}

static int close_all(void **state)
{
    (void)state;
    close_crowd();
    actors_close();
    return 0;
}

static void enter_honest(void)
{
    host = actor_enter(NULL);
    player = actor_enter(actor_code(host));
    (void)actor_await(host, GSRELAY_EVENT_MEMBER_JOINED);
    actor_forget(host);
    actor_forget(player);
}

/* They play, their connections answer, and nobody has left. */
static void assert_honest_unharmed(void)
{
    actor_send_numbered(host, 5);
    actor_await_numbered(player, host, 5);
    assert_true(gsrelay_ping(actor_client(player)) > 0);
    (void)actor_await(player, GSRELAY_EVENT_REQUEST_DONE);
    assert_int_equal(actor_count(host, GSRELAY_EVENT_MEMBER_LEFT), 0);
    assert_int_equal(actor_count(host, GSRELAY_EVENT_CONNECTION_LOST), 0);
    assert_int_equal(actor_count(player, GSRELAY_EVENT_CONNECTION_LOST), 0);
}

/* A session of its own; true when it was let in. */
static bool raw_enter(struct raw *raw)
{
    raw_connect(raw, &control_address);
    raw_hello(raw, HELLO_OPEN, NULL, 0, open_key);
    if (raw_await_answer(raw) != RAW_ACCEPTED) {
        return false;
    }
    raw_start(raw);
    return true;
}

/* control.connections_per_ip = 6 */
static void doors__connections_per_ip__the_next_is_told_to_wait(void **state)
{
    struct raw *seventh = &crowd[4];

    (void)state;
    enter_honest();
    for (unsigned i = 0; i < 4; i++) {
        raw_connect(&crowd[i], &control_address);
    }
    actors_turns(20); /* All four are accepted by now, or at least before the next. */
    raw_connect(seventh, &control_address);
    assert_int_equal(raw_await_answer(seventh), RAW_BUSY);
    assert_honest_unharmed();
    raw_close(&crowd[0]);
    raw_close(seventh);
    /* Whose place is free may be taken, as soon as the relay has seen that it is. */
    for (unsigned i = 0; !raw_enter(seventh); i++) {
        raw_close(seventh);
        assert_true(i < 1000);
    }
}

/* control.accepts_per_ip_s = 1, burst 8 */
static void rates__accepts_per_ip__more_get_no_answer(void **state)
{
    unsigned accepted = 0;
    unsigned silent = 0;

    (void)state;
    enter_honest();
    for (unsigned i = 0; i < CROWD; i++) {
        raw_connect(&crowd[i], &control_address);
        raw_hello(&crowd[i], HELLO_OPEN, NULL, 0, open_key);
    }
    for (unsigned i = 0; i < CROWD; i++) {
        const enum raw_answer answer = raw_await_answer(&crowd[i]);

        accepted += answer == RAW_ACCEPTED;
        silent += answer == RAW_SILENT;
    }
    assert_int_equal(accepted + silent, CROWD);
    assert_true(accepted >= 1);
    assert_true(silent >= 1);
    assert_honest_unharmed();
}

/* control.commands_per_s = 1, burst 8 */
static void rates__commands__more_are_refused_and_the_client_stays(void **state)
{
    struct gsrelay_event event;
    unsigned tries = 0;

    (void)state;
    enter_honest();
    for (unsigned i = 0; i < 16; i++) {
        assert_true(gsrelay_ping(actor_client(host)) > 0);
    }
    event = actor_await(host, GSRELAY_EVENT_REQUEST_FAILED);
    assert_string_equal(gsrelay_reason_name(event.reason), "command_rate");
    assert_int_equal(event.limit, 1);
    assert_true(event.time_ms > 0 && event.time_ms <= 1000);
    while (actor_count(host, GSRELAY_EVENT_REQUEST_DONE) +
               actor_count(host, GSRELAY_EVENT_REQUEST_FAILED) <
           15) {
        actors_turn();
    }
    actor_forget(host);
    /* After the time that it was told it is served again. */
    do {
        assert_true(++tries < 1000);
        actors_turns(event.time_ms);
        assert_true(gsrelay_ping(actor_client(host)) > 0);
        while (host != NULL && actor_count(host, GSRELAY_EVENT_REQUEST_DONE) +
                                       actor_count(host, GSRELAY_EVENT_REQUEST_FAILED) <
                                   tries) {
            actors_turn();
        }
    } while (actor_count(host, GSRELAY_EVENT_REQUEST_DONE) == 0);
    assert_honest_unharmed();
}

static void await_over(struct raw *raw)
{
    uint8_t byte;

    assert_int_equal(raw_receive(raw, &byte, 1), 0);
}

/* control.handshake_timeout = 2s, control.frame_timeout = 2s: one byte at a time, which would take
 * longer, from all at once. */
static void slow__one_byte_at_a_time__is_closed_in_time(void **state)
{
    struct raw *hello = &crowd[0];
    struct raw *proving = &crowd[1];
    struct raw *frame = &crowd[2];
    const struct control_message ping = {.type = CONTROL_PING, .request = 2};
    uint8_t hello_bytes[HELLO_SIZE_MAX];
    uint8_t frame_bytes[100];
    bool is_hello_over = false;
    bool is_frame_over = false;
    size_t hello_size;
    size_t frame_size;

    (void)state;
    enter_honest();
    assert_true(raw_enter(frame));
    frame_size = raw_frame_write(frame, &ping, frame_bytes, sizeof(frame_bytes));
    raw_connect(proving, &control_address);
    raw_hello(proving, HELLO_OPEN, NULL, 0, open_key);
    assert_int_equal(raw_await_answer(proving), RAW_ACCEPTED);
    raw_connect(hello, &control_address);
    hello_size = raw_hello_write(hello, HELLO_OPEN, NULL, 0, open_key, hello_bytes);
    for (unsigned i = 0; !is_hello_over || !is_frame_over; i++) {
        assert_true(i < frame_size - 1 && i < hello_size - 1);
        if (!is_hello_over) {
            raw_send(hello, hello_bytes + i, 1);
        }
        if (!is_frame_over) {
            raw_send(frame, frame_bytes + i, 1);
        }
        for (unsigned turn = 0; turn < 200; turn++) {
            actors_turn();
        }
        is_hello_over = is_hello_over || raw_is_over(hello);
        is_frame_over = is_frame_over || raw_is_over(frame);
    }
    await_over(proving);
    assert_honest_unharmed();
}

/* Sends a first flight that is none and returns what answers it. */
static enum raw_answer answer_to(const void *bytes, size_t size)
{
    struct raw *raw = &crowd[0];
    enum raw_answer answer;

    raw_connect(raw, &control_address);
    raw_send(raw, bytes, size);
    answer = raw_await_answer(raw);
    raw_close(raw);
    return answer;
}

static void slow__first_flight_of_garbage__is_refused_at_once(void **state)
{
    static const uint8_t length_0[] = {0, 0};
    static const uint8_t length_511[] = {0x01, 0xFF};
    static const uint8_t length_65535[] = {0xFF, 0xFF};
    static const char http[] = "GET / HTTP/1.1\r\nHost: relay\r\n\r\n";
    uint8_t hello[HELLO_SIZE_MAX] = {0};
    uint8_t noise[512];
    size_t size;

    (void)state;
    enter_honest();
    /* The length alone is enough: nothing over 512 bytes is waited for. */
    assert_int_equal(answer_to(length_0, sizeof(length_0)), RAW_REFUSED);
    assert_int_equal(answer_to(length_511, sizeof(length_511)), RAW_REFUSED);
    assert_int_equal(answer_to(length_65535, sizeof(length_65535)), RAW_REFUSED);
    assert_int_equal(answer_to(http, sizeof(http) - 1), RAW_REFUSED);
    os_random_fill(noise, sizeof(noise));
    noise[0] = 0x01; /* The longest that is read whole. */
    noise[1] = 0xFE;
    noise[2] = 1;
    assert_int_equal(answer_to(noise, sizeof(noise)), RAW_REFUSED);
    noise[2] = 9;
    assert_int_equal(answer_to(noise, sizeof(noise)), RAW_VERSION);

    /* Good but for one thing each. */
    size = raw_hello_write(&crowd[1], HELLO_OPEN, NULL, 0, open_key, hello);
    hello[2] = 2;
    assert_int_equal(answer_to(hello, size), RAW_VERSION);
    hello[2] = 1;
    hello[3] = 7;
    assert_int_equal(answer_to(hello, size), RAW_REFUSED);
    hello[3] = 0;
    hello[4] = 1;
    assert_int_equal(answer_to(hello, size), RAW_REFUSED);
    hello[4] = 0;
    hello[size - 1] ^= 1;
    assert_int_equal(answer_to(hello, size), RAW_REFUSED);
    hello[size - 1] ^= 1;
    raw_connect(&crowd[0], &control_address);
    crowd[0].handshake = crowd[1].handshake;
    raw_send(&crowd[0], hello, size);
    assert_int_equal(raw_await_answer(&crowd[0]), RAW_ACCEPTED);
    assert_honest_unharmed();
}

/* control.preauth_max = 8 */
static void crowd__waiting_connections__the_oldest_makes_room(void **state)
{
    unsigned left = 0;

    (void)state;
    enter_honest();
    for (unsigned i = 0; i < 9; i++) {
        raw_connect(&crowd[i], &control_address);
    }
    await_over(&crowd[0]);
    for (unsigned i = 1; i < 9; i++) {
        left += !raw_is_over(&crowd[i]);
    }
    assert_int_equal(left, 8);
    assert_true(raw_enter(&crowd[9]));
    assert_honest_unharmed();
}

/* control.out_buffer = 4KiB, control.resume_grace = 1s */
static void slow__client_never_reads__is_closed_when_too_much_waits(void **state)
{
    static const uint8_t metadata[GSRELAY_METADATA_MAX] = {1};
    struct actor *deaf = actor_connect();
    struct gsrelay_event event;

    (void)state;
    actor_shrink(deaf);
    enter_honest();
    assert_true(gsrelay_join_room(actor_client(deaf), actor_code(host)) > 0);
    (void)actor_await(deaf, GSRELAY_EVENT_UDP_BOUND);
    actor_deafen(deaf, true);
    for (unsigned i = 0; actor_count(host, GSRELAY_EVENT_MEMBER_LEFT) == 0; i++) {
        assert_true(i < 5000);
        assert_true(gsrelay_set_metadata(actor_client(host), metadata, sizeof(metadata)) > 0);
        (void)actor_await(host, GSRELAY_EVENT_REQUEST_DONE);
        actor_forget(player);
    }
    event = actor_await(host, GSRELAY_EVENT_MEMBER_LEFT);
    assert_int_equal(event.member, actor_member(deaf));
    assert_string_equal(gsrelay_reason_name(event.reason), "control_lost");
    assert_honest_unharmed();
}

/* auth.fail_limit = 3, auth.lockout = 2s */
static void lockout__wrong_resume_keys__shuts_the_address_out_for_a_while(void **state)
{
    struct raw *victim = &crowd[0];
    struct raw *thief = &crowd[1];
    uint8_t unknown[SESSION_ID_SIZE] = {1};

    (void)state;
    enter_honest();
    assert_true(raw_enter(victim));
    /* A session that the relay does not know is no attack: every client of a relay that was
     * restarted asks so. */
    for (unsigned i = 0; i < 5; i++) {
        raw_connect(thief, &control_address);
        raw_hello(thief, HELLO_RESUME, unknown, sizeof(unknown), open_key);
        assert_int_equal(raw_await_answer(thief), RAW_REFUSED);
        raw_close(thief);
    }
    for (unsigned i = 0; i < 3; i++) {
        raw_connect(thief, &control_address);
        raw_hello(thief, HELLO_RESUME, victim->welcome.session_id, SESSION_ID_SIZE, open_key);
        assert_int_equal(raw_await_answer(thief), RAW_REFUSED);
        raw_close(thief);
    }
    raw_connect(thief, &control_address);
    assert_int_equal(raw_await_answer(thief), RAW_BUSY);
    raw_close(thief);
    assert_false(raw_is_over(victim));
    assert_honest_unharmed();
    for (unsigned i = 0; !raw_enter(thief); i++) {
        raw_close(thief);
        assert_true(i < 10000);
        actors_turns(10);
    }
}

/* auth.mode = ticket, auth.fail_limit = 3, auth.lockout = 2s */
static void ticket__wrong_tickets__shut_the_address_out(void **state)
{
    static const char *const names[] = {
        "gsr1:nobody:4000000000:player:create", /* No such secret. */
        "no ticket at all",
        "gsr1:nobody:1:player:create",
    };
    struct raw *thief = &crowd[0];

    (void)state;
    /* Without a ticket: a wrong setting, not an attack. */
    for (unsigned i = 0; i < 5; i++) {
        raw_connect(thief, &control_address);
        raw_hello(thief, HELLO_OPEN, NULL, 0, open_key);
        assert_int_equal(raw_await_answer(thief), RAW_REFUSED);
        raw_close(thief);
    }
    for (unsigned i = 0; i < 3; i++) {
        raw_connect(thief, &control_address);
        raw_hello(thief, HELLO_TICKET, names[i], strlen(names[i]), open_key);
        assert_int_equal(raw_await_answer(thief), RAW_REFUSED);
        raw_close(thief);
    }
    raw_connect(thief, &control_address);
    assert_int_equal(raw_await_answer(thief), RAW_BUSY);
}

/* One state of the member's on stream 1, sealed as it has to be. */
static size_t write_state(const struct control_membership *membership, uint64_t sequence,
                          uint8_t out[DATAGRAM_LIMIT_MAX])
{
    const struct datagram_head head = {
        .type = DATAGRAM_DATA,
        .slot = membership->slot,
        .slot_tag = membership->slot_tag,
        .sequence = sequence,
    };
    const struct record record = {
        .member = GSRELAY_TO_ALL, .stream = 1, .size = 5, .payload = (const uint8_t *)"flood"};
    struct record_writer writer;

    record_writer_init(&writer, RECORD_UP, out + DATAGRAM_HEAD_SIZE, 200);
    assert_true(record_write(&writer, &record));
    return datagram_seal(&head, membership->key_up, out, writer.size);
}

/* limits.client_datagrams_s = 100, burst 100, limits.over_limit_close = 2s */
static void flood__over_the_budget__is_told_and_then_removed(void **state)
{
    struct raw *raw = &crowd[0];
    uint8_t bytes[DATAGRAM_LIMIT_MAX];
    struct control_membership membership;
    struct control_message message;
    struct addr udp_address = control_address;
    unsigned notices = 0;
    uint64_t sequence = 0;
    socket_os udp;
    int error = 0;

    (void)state;
    enter_honest();
    assert_true(raw_enter(raw));
    membership = raw_join(raw, actor_code(host));
    udp_address.port = membership.udp_port;
    udp = socket_os_udp_open(&udp_address, &error);
    assert_true(udp != SOCKET_OS_NONE);
    while (actor_count(host, GSRELAY_EVENT_MEMBER_LEFT) == 0) {
        assert_true(sequence < 1000000);
        for (unsigned i = 0; i < 10; i++) {
            (void)socket_os_send(udp, bytes, write_state(&membership, ++sequence, bytes), &error);
        }
        actors_turn();
        actor_forget(player);
        while (actor_count(host, GSRELAY_EVENT_STATE) > 0) {
            (void)actor_await(host, GSRELAY_EVENT_STATE);
        }
    }
    socket_os_close(udp);
    assert_string_equal(gsrelay_reason_name(actor_await(host, GSRELAY_EVENT_MEMBER_LEFT).reason),
                        "over_limit");
    do {
        message = raw_await_message(raw);
        if (message.type == CONTROL_NOTICE) {
            notices++;
            assert_string_equal(gsrelay_reason_name(message.error.reason), "client_datagrams");
            assert_int_equal(message.error.limit, 100);
        }
    } while (message.type != CONTROL_REMOVED);
    assert_string_equal(gsrelay_reason_name(message.reason), "over_limit");
    assert_true(notices >= 1);
    actor_forget(player);
    assert_honest_unharmed();
}

int main(int argc, char **argv)
{
#define LIMIT_TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
    const struct CMUnitTest tests[] = {
        LIMIT_TEST(doors__connections_per_ip__the_next_is_told_to_wait),
        LIMIT_TEST(rates__commands__more_are_refused_and_the_client_stays),
        LIMIT_TEST(rates__accepts_per_ip__more_get_no_answer),
        LIMIT_TEST(slow__one_byte_at_a_time__is_closed_in_time),
        LIMIT_TEST(slow__first_flight_of_garbage__is_refused_at_once),
        LIMIT_TEST(crowd__waiting_connections__the_oldest_makes_room),
        LIMIT_TEST(slow__client_never_reads__is_closed_when_too_much_waits),
        LIMIT_TEST(lockout__wrong_resume_keys__shuts_the_address_out_for_a_while),
        LIMIT_TEST(flood__over_the_budget__is_told_and_then_removed),
        LIMIT_TEST(ticket__wrong_tickets__shut_the_address_out),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc != 3 || addr_parse(argv[1], strlen(argv[1]), &control_address) < 0) {
        (void)fprintf(stderr, "usage: gsrelay_limits ADDRESS:PORT TEST_NAME_PATTERN\n");
        return 2;
    }
    cmocka_set_test_filter(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
