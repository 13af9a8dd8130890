/* SPDX-License-Identifier: MIT */

/* channel.c - the control channel of a real relay, frame by frame: what ends a connection, what is
 * answered with an error, and whose key still opens a session.
 *
 * Run by run_and_add_up.sh against a relay with auth.fail_limit = 1000.
 *
 * usage: gsrelay_channel CONTROL_ADDRESS:PORT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "proto/frame.h"
#include "tests/system/actor.h"
#include "tests/system/raw.h"

static const uint8_t open_key[NOISE_KEY_SIZE];
static struct addr control_address;
static struct raw raws[8];

static int open_all(void **state)
{
    (void)state;
    actors_open(&control_address);
    memset(raws, 0, sizeof(raws));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(raws) / sizeof(raws[0]); i++) {
        raw_close(&raws[i]);
    }
    actors_close();
    return 0;
}

static void shake_hands(struct raw *raw)
{
    raw_connect(raw, &control_address);
    raw_hello(raw, HELLO_OPEN, NULL, 0, open_key);
    assert_int_equal(raw_await_answer(raw), RAW_ACCEPTED);
}

static void enter(struct raw *raw)
{
    shake_hands(raw);
    raw_start(raw);
}

static void send_message(struct raw *raw, uint8_t type, uint32_t request)
{
    const struct control_message message = {.type = type, .request = request};
    uint8_t bytes[200];

    raw_send(raw, bytes, raw_frame_write(raw, &message, bytes, sizeof(bytes)));
}

/* Seals bytes that are no message. */
static void send_sealed(struct raw *raw, const void *plain, size_t size)
{
    uint8_t bytes[200];
    const int sealed = noise_encrypt(&raw->up, plain, size, bytes + FRAME_LENGTH_SIZE,
                                     sizeof(bytes) - FRAME_LENGTH_SIZE);

    assert_true(sealed > 0);
    frame_length_write(bytes, (uint16_t)sealed);
    raw_send(raw, bytes, FRAME_LENGTH_SIZE + (size_t)sealed);
}

static void assert_over(struct raw *raw)
{
    uint8_t byte;

    assert_int_equal(raw_receive(raw, &byte, 1), 0);
}

static void assert_error(struct raw *raw, uint32_t request, const char *reason)
{
    const struct control_message message = raw_await_message(raw);

    assert_int_equal(message.type, CONTROL_ERROR);
    assert_int_equal(message.request, request);
    assert_string_equal(gsrelay_reason_name(message.error.reason), reason);
}

static void frame__one_bit_forged__ends_the_connection(void **state)
{
    const struct control_message ping = {.type = CONTROL_PING, .request = 9};
    uint8_t bytes[100];
    size_t size;

    (void)state;
    enter(&raws[0]);
    size = raw_frame_write(&raws[0], &ping, bytes, sizeof(bytes));
    bytes[size - 1] ^= 1;
    raw_send(&raws[0], bytes, size);
    assert_over(&raws[0]);
}

static void frame__sent_again__ends_the_connection(void **state)
{
    const struct control_message ping = {.type = CONTROL_PING, .request = 9};
    uint8_t bytes[100];
    size_t size;

    (void)state;
    enter(&raws[0]);
    size = raw_frame_write(&raws[0], &ping, bytes, sizeof(bytes));
    raw_send(&raws[0], bytes, size);
    assert_int_equal(raw_await_message(&raws[0]).type, CONTROL_PONG);
    raw_send(&raws[0], bytes, size);
    assert_over(&raws[0]);
}

static void frame__of_a_wrong_size__ends_the_connection(void **state)
{
    static const uint8_t lengths[][2] = {{0, 0}, {0, 16}, {0x10, 0x01}, {0xFF, 0xFF}};

    (void)state;
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        enter(&raws[i]);
        raw_send(&raws[i], lengths[i], 2);
        assert_over(&raws[i]);
    }
}

static void start__something_else_first__ends_the_connection(void **state)
{
    (void)state;
    shake_hands(&raws[0]);
    send_message(&raws[0], CONTROL_PING, 1);
    assert_over(&raws[0]);
}

static void message__that_makes_no_sense__is_answered_and_the_session_goes_on(void **state)
{
    static const uint8_t unknown[] = {0x7F, 0, 0, 0, 5};
    static const uint8_t cut[] = {CONTROL_KICK, 0, 0, 0, 6, 1};
    static const uint8_t headless[] = {CONTROL_KICK, 0};
    static const uint8_t no_request[CONTROL_HEAD_SIZE + 8] = {CONTROL_PING};
    static const uint8_t downward[] = {CONTROL_WELCOME, 0, 0, 0, 7};
    struct raw *raw = &raws[0];

    (void)state;
    enter(raw);
    send_sealed(raw, unknown, sizeof(unknown));
    assert_error(raw, 5, "unknown_message");
    send_sealed(raw, cut, sizeof(cut));
    assert_error(raw, 6, "bad_message");
    send_sealed(raw, headless, sizeof(headless));
    assert_error(raw, 0, "bad_message");
    send_sealed(raw, downward, sizeof(downward));
    assert_error(raw, 7, "unknown_message");
    send_message(raw, CONTROL_LEAVE, 8);
    assert_error(raw, 8, "not_in_room");
    send_sealed(raw, no_request, sizeof(no_request));
    assert_error(raw, 0, "bad_message");
    send_message(raw, CONTROL_PING, 9);
    assert_int_equal(raw_await_message(raw).type, CONTROL_PONG);
}

/* Resumes with what an earlier WELCOME gave. */
static enum raw_answer resume(struct raw *raw, const struct control_welcome *welcome)
{
    enum raw_answer answer;

    raw_connect(raw, &control_address);
    raw_hello(raw, HELLO_RESUME, welcome->session_id, SESSION_ID_SIZE, welcome->resume_key);
    answer = raw_await_answer(raw);
    if (answer == RAW_ACCEPTED) {
        raw_start(raw);
        assert_memory_equal(raw->welcome.session_id, welcome->session_id, SESSION_ID_SIZE);
        assert_memory_not_equal(raw->welcome.resume_key, welcome->resume_key, RESUME_KEY_SIZE);
        assert_int_equal(raw->welcome.flags & WELCOME_RESUMED, WELCOME_RESUMED);
    }
    return answer;
}

static void resume__newer_connection__closes_the_older(void **state)
{
    struct actor *host;

    (void)state;
    host = actor_enter(NULL);
    enter(&raws[0]);
    (void)raw_join(&raws[0], actor_code(host));
    assert_int_equal(resume(&raws[1], &raws[0].welcome), RAW_ACCEPTED);
    assert_int_equal(raws[1].welcome.flags & WELCOME_IN_ROOM, WELCOME_IN_ROOM);
    assert_true(raw_receive(&raws[0], raws[0].frame, sizeof(raws[0].frame)) <
                sizeof(raws[0].frame)); /* To its end. */
    send_message(&raws[1], CONTROL_PING, 3);
    assert_int_equal(raw_await_message(&raws[1]).type, CONTROL_PONG);
    assert_int_equal(actor_count(host, GSRELAY_EVENT_MEMBER_LEFT), 0);
}

/* A lost WELCOME locks nobody out, so a key lives until the one after it was used; then it is dead.
 */
static void resume__key__lives_until_the_next_was_used(void **state)
{
    (void)state;
    enter(&raws[0]);
    assert_int_equal(resume(&raws[1], &raws[0].welcome), RAW_ACCEPTED);
    assert_int_equal(resume(&raws[2], &raws[0].welcome), RAW_ACCEPTED);
    assert_int_equal(resume(&raws[3], &raws[2].welcome), RAW_ACCEPTED);
    assert_int_equal(resume(&raws[4], &raws[0].welcome), RAW_REFUSED);
    assert_int_equal(resume(&raws[5], &raws[1].welcome), RAW_REFUSED);
    assert_int_equal(resume(&raws[6], &raws[3].welcome), RAW_ACCEPTED);
}

static void bye__session__cannot_be_resumed(void **state)
{
    (void)state;
    enter(&raws[0]);
    send_message(&raws[0], CONTROL_BYE, 2);
    assert_int_equal(raw_await_message(&raws[0]).type, CONTROL_OK);
    assert_over(&raws[0]);
    assert_int_equal(resume(&raws[1], &raws[0].welcome), RAW_REFUSED);
}

int main(int argc, char **argv)
{
#define CHANNEL_TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)
    const struct CMUnitTest tests[] = {
        CHANNEL_TEST(frame__one_bit_forged__ends_the_connection),
        CHANNEL_TEST(frame__sent_again__ends_the_connection),
        CHANNEL_TEST(frame__of_a_wrong_size__ends_the_connection),
        CHANNEL_TEST(start__something_else_first__ends_the_connection),
        CHANNEL_TEST(message__that_makes_no_sense__is_answered_and_the_session_goes_on),
        CHANNEL_TEST(resume__newer_connection__closes_the_older),
        CHANNEL_TEST(resume__key__lives_until_the_next_was_used),
        CHANNEL_TEST(bye__session__cannot_be_resumed),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc != 2 || addr_parse(argv[1], strlen(argv[1]), &control_address) < 0) {
        (void)fprintf(stderr, "usage: gsrelay_channel ADDRESS:PORT\n");
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
