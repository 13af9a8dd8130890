/* SPDX-License-Identifier: MIT */
#include "proto/record.h"

#include <assert.h>
#include <string.h>

#include "proto/result.h"

#define FLAG_RETAINED 0x8000u
#define FLAGS_UNKNOWN 0x7800u
#define SIZE_MASK     0x07ffu

static_assert(RECORD_PAYLOAD_MAX == SIZE_MASK, "the size field is what limits.h says");
static_assert(DATAGRAM_LIMIT_MAX <= RECORD_PAYLOAD_MAX, "any payload that fits can be described");

static unsigned get_u16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static bool is_member_valid(enum record_direction direction, unsigned member)
{
    if (member <= MEMBER_LAST) {
        return true;
    }
    return direction == RECORD_UP && (member <= MEMBER_GROUP_LAST || member >= MEMBER_HOST);
}

static bool is_head_valid(enum record_direction direction, unsigned member, unsigned stream,
                          unsigned flags)
{
    if ((flags & FLAGS_UNKNOWN) != 0 || !is_member_valid(direction, member)) {
        return false;
    }
    if (member == MEMBER_PADDING) {
        return stream == 0 && flags == 0;
    }
    if (flags != 0) {
        return stream != 0 && (direction == RECORD_DOWN || member == MEMBER_ALL);
    }
    return true;
}

size_t record_size(enum record_direction direction, bool is_retained, size_t payload_size)
{
    const bool has_age = direction == RECORD_DOWN && is_retained;

    return RECORD_HEAD_SIZE + (has_age ? RECORD_AGE_SIZE : 0u) + payload_size;
}

int record_body_check(enum record_direction direction, const uint8_t *body, size_t size)
{
    size_t offset = 0;
    unsigned total = 0;
    int count = 0;

    while (offset < size) {
        const uint8_t *at = body + offset;
        unsigned member = 0;
        unsigned bits = 0;
        size_t taken = 0;

        if (size - offset < RECORD_HEAD_SIZE || ++total > RECORDS_MAX) {
            return RESULT_INVALID;
        }
        member = get_u16(at);
        bits = get_u16(at + 3);
        if (!is_head_valid(direction, member, at[2], bits & ~SIZE_MASK)) {
            return RESULT_INVALID;
        }
        taken = record_size(direction, (bits & FLAG_RETAINED) != 0, bits & SIZE_MASK);
        if (taken > size - offset) {
            return RESULT_INVALID;
        }
        offset += taken;
        count += member != MEMBER_PADDING;
    }
    return total == 0 ? RESULT_INVALID : count;
}

void record_reader_init(struct record_reader *reader, enum record_direction direction,
                        const uint8_t *body, size_t size)
{
    *reader = (struct record_reader){.at = body, .end = body + size, .direction = direction};
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)get_u16(at) << 16 | get_u16(at + 2);
}

bool record_next(struct record_reader *reader, struct record *out)
{
    while (reader->at < reader->end) {
        const uint8_t *at = reader->at;
        const unsigned bits = get_u16(at + 3);
        const uint16_t size = bits & SIZE_MASK;
        const bool is_retained = (bits & FLAG_RETAINED) != 0;
        const size_t taken = record_size(reader->direction, is_retained, size);

        assert(taken <= (size_t)(reader->end - at));
        reader->at += taken;
        if (get_u16(at) == MEMBER_PADDING) {
            continue;
        }
        out->member = (uint16_t)get_u16(at);
        out->stream = at[2];
        out->is_retained = is_retained;
        out->age_ms =
            is_retained && reader->direction == RECORD_DOWN ? get_u32(at + RECORD_HEAD_SIZE) : 0;
        out->size = size;
        out->payload = reader->at - size;
        return true;
    }
    return false;
}

void record_writer_init(struct record_writer *writer, enum record_direction direction,
                        uint8_t *bytes, size_t capacity)
{
    *writer = (struct record_writer){.bytes = bytes, .capacity = capacity, .direction = direction};
}

static uint8_t *put_u16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

bool record_write(struct record_writer *writer, const struct record *record)
{
    const unsigned flags = record->is_retained ? FLAG_RETAINED : 0;
    const size_t taken = record_size(writer->direction, record->is_retained, record->size);
    uint8_t *at = NULL;

    assert(record->size <= RECORD_PAYLOAD_MAX && record->member != MEMBER_PADDING);
    assert(is_head_valid(writer->direction, record->member, record->stream, flags));
    if (taken > writer->capacity - writer->size || writer->count >= RECORDS_MAX) {
        return false;
    }
    at = put_u16(writer->bytes + writer->size, record->member);
    *at++ = record->stream;
    at = put_u16(at, flags | record->size);
    if (record->is_retained && writer->direction == RECORD_DOWN) {
        at = put_u16(at, record->age_ms >> 16);
        at = put_u16(at, record->age_ms & 0xffff);
    }
    if (record->size > 0) {
        memcpy(at, record->payload, record->size);
    }
    writer->size += taken;
    writer->count++;
    return true;
}

bool record_write_padding(struct record_writer *writer, size_t size)
{
    size_t taken = 0;
    uint8_t *at = NULL;

    if (writer->size >= size) {
        return true;
    }
    taken = size - writer->size;
    taken = taken < RECORD_HEAD_SIZE ? RECORD_HEAD_SIZE : taken;
    if (taken > writer->capacity - writer->size || writer->count >= RECORDS_MAX ||
        taken - RECORD_HEAD_SIZE > RECORD_PAYLOAD_MAX) {
        return false;
    }
    at = writer->bytes + writer->size;
    memset(at, 0, taken);
    put_u16(at + 3, (unsigned)(taken - RECORD_HEAD_SIZE));
    writer->size += taken;
    writer->count++;
    return true;
}
