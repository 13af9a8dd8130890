/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_BODY_H
#define GSRELAY_PROTO_BODY_H

/* body.h - the datagram bodies of fixed size (docs/PROTOCOL.md 2.1, 2.4).
 *
 * Each reader takes the body and its size, returns false when the size is not the one of the type,
 * and then leaves its out-parameters alone; any content of the right size is well-formed. Each
 * writer fills the whole body. Sizes are chosen so that no answer is larger than what it answers.
 * Threads: pure functions. Memory: the caller's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/addr.h"

#define BODY_COOKIE_SIZE 8

#define BODY_BIND_SIZE      42
#define BODY_CHALLENGE_SIZE 8
#define BODY_CONFIRM_SIZE   42
#define BODY_BOUND_SIZE     18
#define BODY_PING_SIZE      48
#define BODY_PONG_SIZE      48
#define BODY_BYE_SIZE       8
#define BODY_PROBE_SIZE     8
#define BODY_FIXED_SIZE_MAX 48

/* PING and PONG have one shape. */
struct body_ping {
    uint64_t client_time_us; /* PING: the client's clock. PONG: the same value back. */
    uint64_t room_time_us;   /* PING: that of the last PONG, 0 = none. PONG: the room's clock. */
    uint32_t delay_us;       /* Between the other side's last message and this one. */
    uint64_t highest;        /* Highest sequence received from the other side, 48 bits. */
    uint64_t received;       /* Datagrams received from the other side, modulo 2^48. */
    uint64_t digest;         /* Of the retained states: PING what the client held when the last PONG
                                came, PONG what it should hold. RETAINED_NOT_TOLD. */
    uint32_t queue_us;       /* PONG: how long states wait in the relay; PING: 0, ignored. */
    uint32_t queue_max_us;   /* PONG: the longest that one did lately; PING: 0, ignored. */
};

bool body_bind_read(const uint8_t *body, size_t size, uint64_t *client_time_out);
void body_bind_write(uint8_t out[BODY_BIND_SIZE], uint64_t client_time);

bool body_challenge_read(const uint8_t *body, size_t size, uint8_t cookie_out[BODY_COOKIE_SIZE]);
void body_challenge_write(uint8_t out[BODY_CHALLENGE_SIZE], const uint8_t cookie[BODY_COOKIE_SIZE]);

bool body_confirm_read(const uint8_t *body, size_t size, uint8_t cookie_out[BODY_COOKIE_SIZE]);
void body_confirm_write(uint8_t out[BODY_CONFIRM_SIZE], const uint8_t cookie[BODY_COOKIE_SIZE]);

bool body_bound_read(const uint8_t *body, size_t size, struct addr *seen_out);
void body_bound_write(uint8_t out[BODY_BOUND_SIZE], const struct addr *seen);

bool body_ping_read(const uint8_t *body, size_t size, struct body_ping *out);
void body_ping_write(uint8_t out[BODY_PING_SIZE], const struct body_ping *ping);

/* The reason is a number of enum reason, or one that a later version added. */
bool body_bye_read(const uint8_t *body, size_t size, unsigned *reason_out);
void body_bye_write(uint8_t out[BODY_BYE_SIZE], unsigned reason);

bool body_probe_read(const uint8_t *body, size_t size);
void body_probe_write(uint8_t out[BODY_PROBE_SIZE]);

#endif
