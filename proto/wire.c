/* SPDX-License-Identifier: MIT */
#include "proto/wire.h"

#include <assert.h>
#include <string.h>

static const uint8_t nothing[1];

void wire_reader_init(struct wire_reader *reader, const void *bytes, size_t size)
{
    assert(bytes != NULL || size == 0);
    *reader = (struct wire_reader){.bytes = bytes == NULL ? nothing : bytes, .size = size};
}

size_t wire_reader_left(const struct wire_reader *reader)
{
    return reader->has_failed ? 0 : reader->size - reader->offset;
}

void wire_reader_fail(struct wire_reader *reader)
{
    reader->has_failed = true;
}

struct wire_bytes wire_get_bytes(struct wire_reader *reader, size_t size)
{
    struct wire_bytes bytes = {nothing, 0};

    if (size > wire_reader_left(reader)) {
        reader->has_failed = true;
        return bytes;
    }
    bytes.at = reader->bytes + reader->offset;
    bytes.size = size;
    reader->offset += size;
    return bytes;
}

static uint64_t get_uint(struct wire_reader *reader, size_t width)
{
    const struct wire_bytes bytes = wire_get_bytes(reader, width);
    uint64_t value = 0;

    for (size_t index = 0; index < bytes.size; index++) {
        value = value << 8 | bytes.at[index];
    }
    return value;
}

uint8_t wire_get_u8(struct wire_reader *reader)
{
    return (uint8_t)get_uint(reader, 1);
}

uint16_t wire_get_u16(struct wire_reader *reader)
{
    return (uint16_t)get_uint(reader, 2);
}

uint32_t wire_get_u24(struct wire_reader *reader)
{
    return (uint32_t)get_uint(reader, 3);
}

uint32_t wire_get_u32(struct wire_reader *reader)
{
    return (uint32_t)get_uint(reader, 4);
}

uint64_t wire_get_u48(struct wire_reader *reader)
{
    return get_uint(reader, 6);
}

uint64_t wire_get_u64(struct wire_reader *reader)
{
    return get_uint(reader, 8);
}

void wire_get_copy(struct wire_reader *reader, void *out, size_t size)
{
    const struct wire_bytes bytes = wire_get_bytes(reader, size);

    if (bytes.size == size) {
        memcpy(out, bytes.at, size);
    } else {
        memset(out, 0, size);
    }
}

static struct wire_bytes get_varying(struct wire_reader *reader, size_t size, size_t size_max)
{
    if (size > size_max) {
        reader->has_failed = true;
        size = 0;
    }
    return wire_get_bytes(reader, size);
}

struct wire_bytes wire_get_varying8(struct wire_reader *reader, size_t size_max)
{
    return get_varying(reader, wire_get_u8(reader), size_max);
}

struct wire_bytes wire_get_varying16(struct wire_reader *reader, size_t size_max)
{
    return get_varying(reader, wire_get_u16(reader), size_max);
}

void wire_writer_init(struct wire_writer *writer, void *bytes, size_t capacity)
{
    assert(bytes != NULL || capacity == 0);
    *writer = (struct wire_writer){.bytes = bytes, .capacity = capacity};
}

/* Room for size bytes, or NULL and the sticky error. */
static uint8_t *claim(struct wire_writer *writer, size_t size)
{
    uint8_t *at = NULL;

    if (writer->has_failed || size > writer->capacity - writer->size) {
        writer->has_failed = true;
        return NULL;
    }
    at = writer->bytes + writer->size;
    writer->size += size;
    return at;
}

static void put_uint(struct wire_writer *writer, uint64_t value, size_t width)
{
    uint8_t *at = claim(writer, width);

    assert(width == 8 || value >> (8 * width) == 0);
    if (at == NULL) {
        return;
    }
    for (size_t index = 0; index < width; index++) {
        at[index] = (uint8_t)(value >> (8 * (width - 1 - index)));
    }
}

void wire_put_u8(struct wire_writer *writer, uint8_t value)
{
    put_uint(writer, value, 1);
}

void wire_put_u16(struct wire_writer *writer, uint16_t value)
{
    put_uint(writer, value, 2);
}

void wire_put_u24(struct wire_writer *writer, uint32_t value)
{
    put_uint(writer, value, 3);
}

void wire_put_u32(struct wire_writer *writer, uint32_t value)
{
    put_uint(writer, value, 4);
}

void wire_put_u48(struct wire_writer *writer, uint64_t value)
{
    put_uint(writer, value, 6);
}

void wire_put_u64(struct wire_writer *writer, uint64_t value)
{
    put_uint(writer, value, 8);
}

void wire_put_bytes(struct wire_writer *writer, const void *bytes, size_t size)
{
    uint8_t *at = size == 0 ? NULL : claim(writer, size);

    if (at != NULL) {
        memcpy(at, bytes, size);
    }
}

void wire_put_zeros(struct wire_writer *writer, size_t size)
{
    uint8_t *at = size == 0 ? NULL : claim(writer, size);

    if (at != NULL) {
        memset(at, 0, size);
    }
}

void wire_put_varying8(struct wire_writer *writer, const void *bytes, size_t size)
{
    if (size > UINT8_MAX) {
        writer->has_failed = true;
        return;
    }
    wire_put_u8(writer, (uint8_t)size);
    wire_put_bytes(writer, bytes, size);
}

void wire_put_varying16(struct wire_writer *writer, const void *bytes, size_t size)
{
    if (size > UINT16_MAX) {
        writer->has_failed = true;
        return;
    }
    wire_put_u16(writer, (uint16_t)size);
    wire_put_bytes(writer, bytes, size);
}
