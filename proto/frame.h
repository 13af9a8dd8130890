/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_FRAME_H
#define GSRELAY_PROTO_FRAME_H

/* frame.h - cuts a byte stream into frames: 16-bit length, then that many bytes.
 *
 * Bytes may arrive cut anywhere. The length is judged before the first byte of the frame is kept,
 * so nothing over the limit is ever buffered. The buffer for the frame is an argument of each call
 * and not part of the reader: between frames a connection needs none, and frame_reader_is_idle()
 * says when it may go back to its pool.
 * Threads: one owner. Memory: the caller's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_LENGTH_SIZE 2

struct frame_reader {
    uint16_t size_min; /* Limits of the length field, both included. */
    uint16_t size_max;
    uint8_t length[FRAME_LENGTH_SIZE];
    uint8_t length_filled;
    uint16_t filled; /* Bytes of the frame in the buffer. */
};

enum frame_result {
    FRAME_MORE,  /* All bytes were taken, the frame is not whole. */
    FRAME_READY, /* The buffer holds a frame of *frame_size_out bytes. */
    FRAME_BAD    /* The length is outside the limits: close. Every later call says so again. */
};

void frame_reader_init(struct frame_reader *reader, uint16_t size_min, uint16_t size_max);

/* Other limits from the next frame on; only between frames. */
void frame_reader_limit(struct frame_reader *reader, uint16_t size_min, uint16_t size_max);

/* Takes bytes up to the end of one frame.
 *
 * buffer has size_max bytes, and stays the same from the first to the last call of one frame.
 * *taken_out is how many of the bytes were used; after FRAME_READY the rest belongs to the next
 * frame, and the buffer is free again as soon as the caller has used what is in it. */
enum frame_result frame_reader_feed(struct frame_reader *reader, uint8_t *buffer,
                                    const uint8_t *bytes, size_t size, size_t *taken_out,
                                    size_t *frame_size_out);

/* True when no byte of a frame, nor of its length, is held. */
bool frame_reader_is_idle(const struct frame_reader *reader);

/* True while the buffer holds bytes that must not be lost. */
bool frame_reader_holds_buffer(const struct frame_reader *reader);

void frame_length_write(uint8_t out[FRAME_LENGTH_SIZE], uint16_t size);

#endif
