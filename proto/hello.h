/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_HELLO_H
#define GSRELAY_PROTO_HELLO_H

/* hello.h - the one message each way that goes over TCP in clear (docs/PROTOCOL.md 1.1, 1.2).
 *
 * Both are frames with a 16-bit length in front, which frame.h takes off; the readers here get what
 * follows it, the writers write it too.
 * Threads: pure functions. Memory: the caller's; names and Noise messages are borrowed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/wire.h"

enum hello_mode {
    HELLO_OPEN = 0,   /* No name; the key is 32 zero bytes. */
    HELLO_TICKET = 1, /* The ticket's name and key. */
    HELLO_RESUME = 2  /* The session id; the resume key. */
};

#define HELLO_NOISE_SIZE                                                                           \
    48 /* Both Noise messages: a public key and the tag of an empty payload.                       \
        */

/* Sizes behind the length field. */
#define HELLO_BODY_MIN (3 + HELLO_NOISE_SIZE)
#define HELLO_BODY_MAX (HELLO_SIZE_MAX - 2)

struct hello {
    enum hello_mode mode;
    struct wire_bytes name;
    struct wire_bytes prologue;   /* What Noise takes as the prologue. */
    const uint8_t *noise_message; /* HELLO_NOISE_SIZE bytes. */
};

/* Reads a first flight. Returns REASON_NONE, REASON_VERSION_UNSUPPORTED, or REASON_BAD_MESSAGE: an
 * unknown mode, a name that the mode does not have, a wrong size. There is nothing to grow at its
 * end, because Noise would not cover it. */
enum reason hello_decode(const uint8_t *bytes, size_t size, struct hello *out);

/* Writes the first flight up to the name, and a length that counts the Noise message already.
 * Returns the offset where the caller writes its HELLO_NOISE_SIZE bytes; the prologue is what
 * stands from out + 2 up to there. A name that the mode does not allow is the caller's mistake. */
size_t hello_begin(enum hello_mode mode, const void *name, size_t name_size,
                   uint8_t out[HELLO_SIZE_MAX]);

enum hello_status {
    HELLO_ACCEPTED = 0,
    HELLO_BUSY = 1,
    HELLO_REFUSED = 2,
    HELLO_VERSION = 3,
    HELLO_DRAINING = 4 /* The relay stops: there is nothing here to wait for. */
};

/* Sizes of the answer with its length field, and the limits of what follows that. */
#define HELLO_ACCEPTED_SIZE   (4 + HELLO_NOISE_SIZE)
#define HELLO_REFUSAL_SIZE    7
#define HELLO_ANSWER_BODY_MIN 5
#define HELLO_ANSWER_BODY_MAX 64 /* A later version's refusal may be longer. */

struct hello_answer {
    uint8_t version; /* The highest that the relay speaks. */
    enum hello_status status;
    const uint8_t *noise_message; /* Accepted: HELLO_NOISE_SIZE bytes, else NULL. */
    uint8_t mode;                 /* Refused: what the relay wants. A hint: it came in clear. */
    uint16_t retry_s;             /* Refused: seconds to wait. */
};

/* Reads an answer. False when it breaks its format; an unknown status counts as refused. */
bool hello_answer_decode(const uint8_t *bytes, size_t size, struct hello_answer *out);

/* Writes the head of an acceptance; the Noise message goes to out + 4. */
void hello_accept_begin(uint8_t out[HELLO_ACCEPTED_SIZE]);

void hello_refuse(enum hello_status status, enum hello_mode mode, uint16_t retry_s,
                  uint8_t out[HELLO_REFUSAL_SIZE]);

#endif
