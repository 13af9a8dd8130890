/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/system/raw.h"

#include <string.h>

#include "daemon/os/os.h"
#include "proto/frame.h"
#include "tests/system/actor.h"

static const uint64_t PATIENCE_NS = UINT64_C(60000000000);

void raw_connect(struct raw *raw, const struct addr *control)
{
    memset(raw, 0, sizeof(*raw));
    raw->peer = peer_connect(*control, false);
    assert_non_null(raw->peer);
}

void raw_close(struct raw *raw)
{
    peer_close(raw->peer);
    raw->peer = NULL;
}

void raw_send(struct raw *raw, const void *bytes, size_t size)
{
    const int sent = peer_send(raw->peer, bytes, size);

    assert_true(sent == (int)size || sent == RESULT_CLOSED);
}

size_t raw_receive(struct raw *raw, void *out, size_t size)
{
    const uint64_t end_ns = os_clock_ns() + PATIENCE_NS;
    uint8_t *bytes = out;
    size_t got = 0;

    while (got < size) {
        const int count = peer_receive(raw->peer, bytes + got, size - got);

        if (count == 0 || count == RESULT_CLOSED) {
            break;
        }
        got += count > 0 ? (size_t)count : 0;
        assert_true(os_clock_ns() < end_ns);
        actors_turn();
    }
    return got;
}

bool raw_is_over(struct raw *raw)
{
    uint8_t bytes[256];
    int count;

    do {
        count = peer_receive(raw->peer, bytes, sizeof(bytes));
    } while (count > 0);
    return count == 0 || count == RESULT_CLOSED;
}

size_t raw_hello_write(struct raw *raw, enum hello_mode mode, const void *name, size_t name_size,
                       const uint8_t key[NOISE_KEY_SIZE], uint8_t out[HELLO_SIZE_MAX])
{
    const size_t at = hello_begin(mode, name, name_size, out);
    uint8_t private_key[NOISE_KEY_SIZE];

    os_random_fill(private_key, sizeof(private_key));
    noise_handshake_init(&raw->handshake, NOISE_INITIATOR, out + 2, at - 2, key, private_key);
    assert_int_equal(noise_handshake_write(&raw->handshake, NULL, 0, out + at, HELLO_SIZE_MAX - at),
                     HELLO_NOISE_SIZE);
    return at + HELLO_NOISE_SIZE;
}

void raw_hello(struct raw *raw, enum hello_mode mode, const void *name, size_t name_size,
               const uint8_t key[NOISE_KEY_SIZE])
{
    uint8_t bytes[HELLO_SIZE_MAX];

    raw_send(raw, bytes, raw_hello_write(raw, mode, name, name_size, key, bytes));
}

enum raw_answer raw_await_answer(struct raw *raw)
{
    uint8_t bytes[HELLO_ACCEPTED_SIZE];
    struct hello_answer answer;
    size_t size;

    if (raw_receive(raw, bytes, FRAME_LENGTH_SIZE) == 0) {
        return RAW_SILENT;
    }
    size = (size_t)bytes[0] << 8 | bytes[1];
    assert_true(size + 2 == HELLO_ACCEPTED_SIZE || size + 2 == HELLO_REFUSAL_SIZE);
    assert_int_equal(raw_receive(raw, bytes, size), size);
    assert_true(hello_answer_decode(bytes, size, &answer));
    if (answer.status != HELLO_ACCEPTED) {
        assert_int_equal(raw_receive(raw, bytes, 1), 0);
        return (enum raw_answer)answer.status;
    }
    assert_int_equal(
        noise_handshake_read(&raw->handshake, answer.noise_message, HELLO_NOISE_SIZE, NULL, 0), 0);
    noise_handshake_split(&raw->handshake, &raw->up, &raw->down, NULL);
    return RAW_ACCEPTED;
}

size_t raw_frame_write(struct raw *raw, const struct control_message *message, uint8_t *out,
                       size_t capacity)
{
    uint8_t plain[CONTROL_MESSAGE_SIZE_MAX];
    const int size = control_message_encode(message, plain, sizeof(plain));
    int sealed;

    assert_true(size > 0 && capacity > FRAME_LENGTH_SIZE);
    sealed = noise_encrypt(&raw->up, plain, (size_t)size, out + FRAME_LENGTH_SIZE,
                           capacity - FRAME_LENGTH_SIZE);
    assert_true(sealed > 0);
    frame_length_write(out, (uint16_t)sealed);
    return FRAME_LENGTH_SIZE + (size_t)sealed;
}

struct control_message raw_await_message(struct raw *raw)
{
    struct control_message message;
    uint8_t *bytes = raw->frame;
    size_t size;

    assert_int_equal(raw_receive(raw, bytes, FRAME_LENGTH_SIZE), FRAME_LENGTH_SIZE);
    size = (size_t)bytes[0] << 8 | bytes[1];
    assert_true(size <= sizeof(raw->frame));
    assert_int_equal(raw_receive(raw, bytes, size), size);
    assert_int_equal(noise_decrypt(&raw->down, bytes, size, bytes, sizeof(raw->frame)),
                     size - NOISE_TAG_SIZE);
    assert_int_equal(control_message_decode(CONTROL_DOWN, bytes, size - NOISE_TAG_SIZE, &message),
                     REASON_NONE);
    return message;
}

static void send_message(struct raw *raw, const struct control_message *message)
{
    uint8_t bytes[CONTROL_MESSAGE_SIZE_MAX + NOISE_TAG_SIZE];

    raw_send(raw, bytes, raw_frame_write(raw, message, bytes, sizeof(bytes)));
}

void raw_start(struct raw *raw)
{
    const struct control_message start = {.type = CONTROL_START, .request = 1};
    struct control_message answer;

    send_message(raw, &start);
    answer = raw_await_message(raw);
    assert_int_equal(answer.type, CONTROL_WELCOME);
    raw->welcome = answer.welcome;
}

struct control_membership raw_join(struct raw *raw, const char *code)
{
    const struct control_message join = {
        .type = CONTROL_JOIN,
        .request = 2,
        .join.code = {.at = (const uint8_t *)code, .size = strlen(code)},
    };
    struct control_message answer;

    send_message(raw, &join);
    answer = raw_await_message(raw);
    assert_int_equal(answer.type, CONTROL_MEMBERSHIP);
    return answer.membership;
}
