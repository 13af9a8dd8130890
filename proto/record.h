/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_RECORD_H
#define GSRELAY_PROTO_RECORD_H

/* record.h - the records in the body of a DATA datagram (docs/PROTOCOL.md 2.5).
 *
 * A body is checked as a whole first (record_body_check), then walked (record_next): no record acts
 * in a body that has a fault anywhere. Padding is checked, and then neither walked nor counted.
 * Threads: pure functions. Memory: the caller's; payloads are borrowed from the body. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

#define RECORD_HEAD_SIZE    5
#define RECORD_AGE_SIZE     4
#define RECORD_PAYLOAD_MAX  ((1 << RECORD_SIZE_BITS) - 1)
#define RECORD_OVERHEAD_MAX (RECORD_HEAD_SIZE + RECORD_AGE_SIZE)

/* Values of the member field. */
#define MEMBER_PADDING     0x0000
#define MEMBER_FIRST       0x0001
#define MEMBER_LAST        0xFEFF
#define MEMBER_GROUP_FIRST 0xFF00
#define MEMBER_GROUP_LAST  0xFF3F
#define MEMBER_HOST        0xFFFE
#define MEMBER_ALL         0xFFFF

enum record_direction {
    RECORD_UP,  /* From a client: member is the destination. */
    RECORD_DOWN /* From the relay: member is the sender. */
};

struct record {
    uint16_t member;
    uint8_t stream;
    bool is_retained;
    uint32_t age_ms; /* Down and retained only, else 0. */
    uint16_t size;   /* Of the payload, at most RECORD_PAYLOAD_MAX. */
    const uint8_t *payload;
};

/* The bytes that a record takes in a body. */
size_t record_size(enum record_direction direction, bool is_retained, size_t payload_size);

/* Checks a whole body: lengths, flags, member values, 1 to RECORDS_MAX records, nothing left over.
 * Returns the number of records without padding, or RESULT_INVALID. */
int record_body_check(enum record_direction direction, const uint8_t *body, size_t size);

struct record_reader {
    const uint8_t *at;
    const uint8_t *end;
    enum record_direction direction;
};

/* For a body that record_body_check() found good. */
void record_reader_init(struct record_reader *reader, enum record_direction direction,
                        const uint8_t *body, size_t size);

/* The next record that is not padding; false at the end. */
bool record_next(struct record_reader *reader, struct record *out);

struct record_writer {
    uint8_t *bytes;
    size_t capacity;
    size_t size; /* Written so far. */
    unsigned count;
    enum record_direction direction;
};

void record_writer_init(struct record_writer *writer, enum record_direction direction,
                        uint8_t *bytes, size_t capacity);

/* Appends a record. Returns false, and writes nothing, when it does not fit any more or the body
 * has RECORDS_MAX. A record that breaks the rules of its direction is the caller's mistake. */
bool record_write(struct record_writer *writer, const struct record *record);

/* Appends one padding record so that the body has at least size bytes, where it has less; it may
 * end up to four bytes longer, the head of a record being the least that padding can be. Returns
 * false, and writes nothing, when that does not fit. */
bool record_write_padding(struct record_writer *writer, size_t size);

#endif
