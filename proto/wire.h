/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_WIRE_H
#define GSRELAY_PROTO_WIRE_H

/* wire.h - the one bounded reader and the one bounded writer of bytes on the wire.
 *
 * Integers are big-endian. Both keep a sticky error: after the first read past the end every read
 * gives zeros, after the first write past the end nothing more is written, and has_failed says so.
 * A decoder therefore reads a whole message straight down and asks once at its end. No length that
 * came from the wire is used before it was compared with what is left.
 * Threads: pure functions. Memory: the caller's; a reader borrows its bytes, and so do the pointers
 * that it gives out. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes. at is never NULL, also when size is 0. */
struct wire_bytes {
    const uint8_t *at;
    size_t size;
};

struct wire_reader {
    const uint8_t *bytes;
    size_t size;
    size_t offset;   /* Of the next byte to read, <= size. */
    bool has_failed; /* Something was read that is not there. Never cleared. */
};

struct wire_writer {
    uint8_t *bytes;
    size_t capacity;
    size_t size;     /* Bytes written, <= capacity. */
    bool has_failed; /* Something did not fit. Never cleared. */
};

void wire_reader_init(struct wire_reader *reader, const void *bytes, size_t size);

/* Bytes not yet read; 0 after a failure. */
size_t wire_reader_left(const struct wire_reader *reader);

/* Marks the reader as failed: for a decoder that found a value out of range. */
void wire_reader_fail(struct wire_reader *reader);

uint8_t wire_get_u8(struct wire_reader *reader);
uint16_t wire_get_u16(struct wire_reader *reader);
uint32_t wire_get_u24(struct wire_reader *reader);
uint32_t wire_get_u32(struct wire_reader *reader);
uint64_t wire_get_u48(struct wire_reader *reader);
uint64_t wire_get_u64(struct wire_reader *reader);

/* Copies size bytes, or zeros on failure. */
void wire_get_copy(struct wire_reader *reader, void *out, size_t size);

/* Borrows size bytes; on failure an empty run. */
struct wire_bytes wire_get_bytes(struct wire_reader *reader, size_t size);

/* Borrows bytes with an 8-bit or a 16-bit length before them. A length over size_max fails the
 * reader, as does one over what is left. */
struct wire_bytes wire_get_varying8(struct wire_reader *reader, size_t size_max);
struct wire_bytes wire_get_varying16(struct wire_reader *reader, size_t size_max);

void wire_writer_init(struct wire_writer *writer, void *bytes, size_t capacity);

/* The value must fit its width; that is the caller's business and is asserted. */
void wire_put_u8(struct wire_writer *writer, uint8_t value);
void wire_put_u16(struct wire_writer *writer, uint16_t value);
void wire_put_u24(struct wire_writer *writer, uint32_t value);
void wire_put_u32(struct wire_writer *writer, uint32_t value);
void wire_put_u48(struct wire_writer *writer, uint64_t value);
void wire_put_u64(struct wire_writer *writer, uint64_t value);

/* bytes may be NULL when size is 0. */
void wire_put_bytes(struct wire_writer *writer, const void *bytes, size_t size);
void wire_put_zeros(struct wire_writer *writer, size_t size);

/* A length of 8 or 16 bits and the bytes. A size that the length cannot say fails the writer. */
void wire_put_varying8(struct wire_writer *writer, const void *bytes, size_t size);
void wire_put_varying16(struct wire_writer *writer, const void *bytes, size_t size);

#endif
