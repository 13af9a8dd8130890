/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SYSTEM_RAW_H
#define GSRELAY_TESTS_SYSTEM_RAW_H

/* raw.h - a control connection by hand, for what no decent client would send.
 *
 * Waiting lets the actors (actor.h) have their turns and fails the test after a minute. Threads:
 * one. Memory: the caller's; what is open is to be closed with raw_close(). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/control_message.h"
#include "proto/hello.h"
#include "proto/noise.h"
#include "tests/conformance/peer.h"

struct raw {
    struct peer *peer;
    struct noise_handshake handshake;
    struct noise_cipher up;
    struct noise_cipher down;
    struct control_welcome welcome;
    uint8_t frame[CONTROL_MESSAGE_SIZE_MAX + NOISE_TAG_SIZE]; /* The message that came last. */
};

/* What answers a first flight. */
enum raw_answer {
    RAW_ACCEPTED = HELLO_ACCEPTED,
    RAW_BUSY = HELLO_BUSY,
    RAW_REFUSED = HELLO_REFUSED,
    RAW_VERSION = HELLO_VERSION,
    RAW_SILENT /* The end of the connection, without a byte. */
};

void raw_connect(struct raw *raw, const struct addr *control);
void raw_close(struct raw *raw);

/* Sends as many of the bytes as the connection takes. */
void raw_send(struct raw *raw, const void *bytes, size_t size);

/* Waits for so many bytes or the end; returns how many came. */
size_t raw_receive(struct raw *raw, void *out, size_t size);

/* True when the other side has ended the connection; bytes that came before are thrown away. Does
 * not wait. */
bool raw_is_over(struct raw *raw);

/* A first flight: sent, or only written. */
void raw_hello(struct raw *raw, enum hello_mode mode, const void *name, size_t name_size,
               const uint8_t key[NOISE_KEY_SIZE]);
size_t raw_hello_write(struct raw *raw, enum hello_mode mode, const void *name, size_t name_size,
                       const uint8_t key[NOISE_KEY_SIZE], uint8_t out[HELLO_SIZE_MAX]);

/* Waits for the answer; a refusal has to be followed by the end. */
enum raw_answer raw_await_answer(struct raw *raw);

/* After RAW_ACCEPTED: START, and WELCOME. */
void raw_start(struct raw *raw);

/* A message as a frame. Returns its size. */
size_t raw_frame_write(struct raw *raw, const struct control_message *message, uint8_t *out,
                       size_t capacity);

/* Waits for the next message, whose text stays until the one after it. */
struct control_message raw_await_message(struct raw *raw);

/* Joins the room of the code. */
struct control_membership raw_join(struct raw *raw, const char *code);

#endif
