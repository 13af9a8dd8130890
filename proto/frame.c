/* SPDX-License-Identifier: MIT */
#include "proto/frame.h"

#include <assert.h>
#include <string.h>

void frame_reader_init(struct frame_reader *reader, uint16_t size_min, uint16_t size_max)
{
    assert(size_min > 0 && size_min <= size_max);
    *reader = (struct frame_reader){.size_min = size_min, .size_max = size_max};
}

void frame_reader_limit(struct frame_reader *reader, uint16_t size_min, uint16_t size_max)
{
    assert(size_min > 0 && size_min <= size_max);
    assert(frame_reader_is_idle(reader));
    reader->size_min = size_min;
    reader->size_max = size_max;
}

static uint16_t frame_size_of(const struct frame_reader *reader)
{
    return (uint16_t)(reader->length[0] << 8 | reader->length[1]);
}

/* The length field, byte by byte: it may be cut in the middle too. */
static size_t take_length(struct frame_reader *reader, const uint8_t *bytes, size_t size)
{
    size_t taken = 0;

    while (reader->length_filled < FRAME_LENGTH_SIZE && taken < size) {
        reader->length[reader->length_filled++] = bytes[taken++];
    }
    return taken;
}

enum frame_result frame_reader_feed(struct frame_reader *reader, uint8_t *buffer,
                                    const uint8_t *bytes, size_t size, size_t *taken_out,
                                    size_t *frame_size_out)
{
    const size_t taken = take_length(reader, bytes, size);
    size_t wanted = 0;

    *taken_out = taken;
    if (reader->length_filled < FRAME_LENGTH_SIZE) {
        return FRAME_MORE;
    }
    if (frame_size_of(reader) < reader->size_min || frame_size_of(reader) > reader->size_max) {
        return FRAME_BAD;
    }
    wanted = (size_t)frame_size_of(reader) - reader->filled;
    wanted = wanted < size - taken ? wanted : size - taken;
    if (wanted > 0) {
        memcpy(buffer + reader->filled, bytes + taken, wanted);
        reader->filled = (uint16_t)(reader->filled + wanted);
        *taken_out = taken + wanted;
    }
    if (reader->filled < frame_size_of(reader)) {
        return FRAME_MORE;
    }
    *frame_size_out = reader->filled;
    reader->filled = 0;
    reader->length_filled = 0;
    return FRAME_READY;
}

bool frame_reader_is_idle(const struct frame_reader *reader)
{
    return reader->length_filled == 0;
}

bool frame_reader_holds_buffer(const struct frame_reader *reader)
{
    return reader->filled > 0;
}

void frame_length_write(uint8_t out[FRAME_LENGTH_SIZE], uint16_t size)
{
    out[0] = (uint8_t)(size >> 8);
    out[1] = (uint8_t)size;
}
