/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_DATAGRAM_H
#define GSRELAY_PROTO_DATAGRAM_H

/* datagram.h - the head and the tag that every datagram wears (docs/PROTOCOL.md 2.1, 2.2).
 *
 *     head (14) | body | tag (8)
 *
 * The tag is SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) over
 * head and body, from libsodium's crypto_shorthash, whose eight output bytes go onto the wire as
 * they are. It proves who sent the datagram; it hides nothing.
 *
 * Fan-out without copies: a body that many members share is built with DATAGRAM_HEAD_SIZE bytes of
 * room in front of it. datagram_seal_shared() writes each member's head into that room, hashes the
 * run, and hands head and tag out; the body is not touched.
 *
 * Not here: slots, the replay window (replay.h), what bodies mean (body.h, record.h).
 * Threads: pure functions; the program has called sodium_init(). Memory: the caller's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/reason.h"

#define DATAGRAM_HEAD_SIZE 14
#define DATAGRAM_TAG_SIZE  8
#define DATAGRAM_OVERHEAD  (DATAGRAM_HEAD_SIZE + DATAGRAM_TAG_SIZE)
#define DATAGRAM_KEY_SIZE  16

#define DATAGRAM_SLOT_MAX     0xFFFFFFu
#define DATAGRAM_SEQUENCE_MAX ((UINT64_C(1) << 48) - 1)

enum datagram_type {
    DATAGRAM_DATA = 1,
    DATAGRAM_BIND = 2,
    DATAGRAM_CHALLENGE = 3,
    DATAGRAM_CONFIRM = 4,
    DATAGRAM_BOUND = 5,
    DATAGRAM_PING = 6,
    DATAGRAM_PONG = 7,
    DATAGRAM_BYE = 8,
    DATAGRAM_PROBE = 9
};

struct datagram_head {
    enum datagram_type type;
    uint32_t slot; /* 24 bits. */
    uint32_t slot_tag;
    uint64_t sequence; /* 48 bits, from 1. */
};

/* A pointer to the body and its size, of a datagram that passed one of the checks below. */
static inline const uint8_t *datagram_body(const uint8_t *bytes)
{
    return bytes + DATAGRAM_HEAD_SIZE;
}

static inline size_t datagram_body_size(size_t size)
{
    return size - DATAGRAM_OVERHEAD;
}

/* Steps 1 and 2 of the order of checks, for what a client sent: size, version, type, flags.
 *
 * size_max is udp.max_datagram. Returns REASON_NONE and the head, or REASON_SHORT, REASON_OVERSIZE,
 * REASON_BAD_VERSION, REASON_BAD_TYPE, and then leaves out alone. */
enum reason datagram_check_up(const uint8_t *bytes, size_t size, size_t size_max,
                              struct datagram_head *out);

/* The same for what the relay sent. Down, DATA may be shorter than DATAGRAM_UP_SIZE_MIN. */
enum reason datagram_check_down(const uint8_t *bytes, size_t size, size_t size_max,
                                struct datagram_head *out);

/* True when the tag at the end of the datagram is right. Takes the same time wherever a wrong tag
 * differs. The datagram has passed a check above. */
bool datagram_tag_fits(const uint8_t *bytes, size_t size, const uint8_t key[DATAGRAM_KEY_SIZE]);

/* Writes the head in front and the tag behind body_size bytes that stand at bytes +
 * DATAGRAM_HEAD_SIZE. Returns the size of the datagram. */
size_t datagram_seal(const struct datagram_head *head, const uint8_t key[DATAGRAM_KEY_SIZE],
                     uint8_t *bytes, size_t body_size);

/* Makes one receiver's head and tag for a body that stands at room + DATAGRAM_HEAD_SIZE. The bytes
 * of the room are scratch; the body is only read. */
void datagram_seal_shared(const struct datagram_head *head, const uint8_t key[DATAGRAM_KEY_SIZE],
                          uint8_t *room, size_t body_size, uint8_t head_out[DATAGRAM_HEAD_SIZE],
                          uint8_t tag_out[DATAGRAM_TAG_SIZE]);

/* "data", "bind", ... for logs and counters; "unknown" for a type that is not in the list. */
const char *datagram_type_name(unsigned type);

#endif
