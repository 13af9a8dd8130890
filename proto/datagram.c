/* SPDX-License-Identifier: MIT */
#include "proto/datagram.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "proto/limits.h"
#include "proto/wire.h"

#define TYPE_COUNT 16

static_assert(DATAGRAM_TAG_SIZE == crypto_shorthash_BYTES, "the tag is what libsodium makes");
static_assert(DATAGRAM_KEY_SIZE == crypto_shorthash_KEYBYTES, "the key is what libsodium takes");

struct type_row {
    const char *name;
    bool goes_up;
    bool goes_down;
};

static const struct type_row types[TYPE_COUNT] = {
    [DATAGRAM_DATA] = {"data", true, true},
    [DATAGRAM_BIND] = {"bind", true, false},
    [DATAGRAM_CHALLENGE] = {"challenge", false, true},
    [DATAGRAM_CONFIRM] = {"confirm", true, false},
    [DATAGRAM_BOUND] = {"bound", false, true},
    [DATAGRAM_PING] = {"ping", true, false},
    [DATAGRAM_PONG] = {"pong", false, true},
    [DATAGRAM_BYE] = {"bye", false, true},
    [DATAGRAM_PROBE] = {"probe", false, true},
};

/* The first byte: version in two bits, type in four, flags in two. */
static unsigned version_of(uint8_t first)
{
    return first >> 6;
}

static unsigned type_of(uint8_t first)
{
    return first >> 2 & 0xf;
}

static unsigned flags_of(uint8_t first)
{
    return first & 3;
}

static void read_head(const uint8_t *bytes, struct datagram_head *out)
{
    struct wire_reader reader;

    wire_reader_init(&reader, bytes, DATAGRAM_HEAD_SIZE);
    out->type = (enum datagram_type)type_of(wire_get_u8(&reader));
    out->slot = wire_get_u24(&reader);
    out->slot_tag = wire_get_u32(&reader);
    out->sequence = wire_get_u48(&reader);
}

enum reason datagram_check_up(const uint8_t *bytes, size_t size, size_t size_max,
                              struct datagram_head *out)
{
    if (size < DATAGRAM_UP_SIZE_MIN) {
        return REASON_SHORT;
    }
    if (size > size_max) {
        return REASON_OVERSIZE;
    }
    if (version_of(bytes[0]) != PROTOCOL_VERSION) {
        return REASON_BAD_VERSION;
    }
    if (!types[type_of(bytes[0])].goes_up || flags_of(bytes[0]) != 0) {
        return REASON_BAD_TYPE;
    }
    read_head(bytes, out);
    return REASON_NONE;
}

enum reason datagram_check_down(const uint8_t *bytes, size_t size, size_t size_max,
                                struct datagram_head *out)
{
    if (size < DATAGRAM_OVERHEAD) {
        return REASON_SHORT;
    }
    if (size > size_max) {
        return REASON_OVERSIZE;
    }
    if (version_of(bytes[0]) != PROTOCOL_VERSION) {
        return REASON_BAD_VERSION;
    }
    if (!types[type_of(bytes[0])].goes_down || flags_of(bytes[0]) != 0) {
        return REASON_BAD_TYPE;
    }
    read_head(bytes, out);
    return REASON_NONE;
}

static void make_tag(const uint8_t *bytes, size_t size, const uint8_t key[DATAGRAM_KEY_SIZE],
                     uint8_t out[DATAGRAM_TAG_SIZE])
{
    /* Returns 0 always: a hash has no way to fail. */
    (void)crypto_shorthash(out, bytes, size, key);
}

bool datagram_tag_fits(const uint8_t *bytes, size_t size, const uint8_t key[DATAGRAM_KEY_SIZE])
{
    uint8_t expected[DATAGRAM_TAG_SIZE];

    assert(size >= DATAGRAM_OVERHEAD);
    make_tag(bytes, size - DATAGRAM_TAG_SIZE, key, expected);
    return sodium_memcmp(expected, bytes + size - DATAGRAM_TAG_SIZE, DATAGRAM_TAG_SIZE) == 0;
}

static void write_head(const struct datagram_head *head, uint8_t out[DATAGRAM_HEAD_SIZE])
{
    struct wire_writer writer;

    assert(head->sequence != 0 && head->sequence <= DATAGRAM_SEQUENCE_MAX);
    assert(head->slot <= DATAGRAM_SLOT_MAX);
    wire_writer_init(&writer, out, DATAGRAM_HEAD_SIZE);
    wire_put_u8(&writer, (uint8_t)(PROTOCOL_VERSION << 6 | (unsigned)head->type << 2));
    wire_put_u24(&writer, head->slot);
    wire_put_u32(&writer, head->slot_tag);
    wire_put_u48(&writer, head->sequence);
}

size_t datagram_seal(const struct datagram_head *head, const uint8_t key[DATAGRAM_KEY_SIZE],
                     uint8_t *bytes, size_t body_size)
{
    const size_t tag_at = DATAGRAM_HEAD_SIZE + body_size;

    write_head(head, bytes);
    make_tag(bytes, tag_at, key, bytes + tag_at);
    return tag_at + DATAGRAM_TAG_SIZE;
}

void datagram_seal_shared(const struct datagram_head *head, const uint8_t key[DATAGRAM_KEY_SIZE],
                          uint8_t *room, size_t body_size, uint8_t head_out[DATAGRAM_HEAD_SIZE],
                          uint8_t tag_out[DATAGRAM_TAG_SIZE])
{
    write_head(head, room);
    make_tag(room, DATAGRAM_HEAD_SIZE + body_size, key, tag_out);
    memcpy(head_out, room, DATAGRAM_HEAD_SIZE);
}

const char *datagram_type_name(unsigned type)
{
    return type < TYPE_COUNT && types[type].name != NULL ? types[type].name : "unknown";
}
