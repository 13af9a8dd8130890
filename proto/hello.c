/* SPDX-License-Identifier: MIT */
#include "proto/hello.h"

#include <assert.h>

static bool is_name_size_valid(unsigned mode, size_t size)
{
    switch (mode) {
    case HELLO_OPEN:
        return size == 0;
    case HELLO_TICKET:
        return size > 0 && size <= HELLO_NAME_SIZE_MAX;
    case HELLO_RESUME:
        return size == SESSION_ID_SIZE;
    default:
        return false;
    }
}

enum reason hello_decode(const uint8_t *bytes, size_t size, struct hello *out)
{
    struct wire_reader reader;
    struct wire_bytes name;
    struct wire_bytes noise;
    unsigned version = 0;
    unsigned mode = 0;
    size_t prologue_size = 0;

    wire_reader_init(&reader, bytes, size);
    version = wire_get_u8(&reader);
    if (!reader.has_failed && version != PROTOCOL_VERSION) {
        return REASON_VERSION_UNSUPPORTED;
    }
    mode = wire_get_u8(&reader);
    name = wire_get_varying8(&reader, HELLO_NAME_SIZE_MAX);
    prologue_size = reader.offset;
    noise = wire_get_bytes(&reader, HELLO_NOISE_SIZE);
    if (reader.has_failed || wire_reader_left(&reader) != 0 ||
        !is_name_size_valid(mode, name.size)) {
        return REASON_BAD_MESSAGE;
    }
    out->mode = (enum hello_mode)mode;
    out->name = name;
    out->prologue = (struct wire_bytes){bytes, prologue_size};
    out->noise_message = noise.at;
    return REASON_NONE;
}

size_t hello_begin(enum hello_mode mode, const void *name, size_t name_size,
                   uint8_t out[HELLO_SIZE_MAX])
{
    struct wire_writer writer;

    assert(is_name_size_valid(mode, name_size));
    wire_writer_init(&writer, out, HELLO_SIZE_MAX);
    wire_put_u16(&writer, (uint16_t)(3 + name_size + HELLO_NOISE_SIZE));
    wire_put_u8(&writer, PROTOCOL_VERSION);
    wire_put_u8(&writer, (uint8_t)mode);
    wire_put_varying8(&writer, name, name_size);
    return writer.size;
}

bool hello_answer_decode(const uint8_t *bytes, size_t size, struct hello_answer *out)
{
    struct hello_answer answer = {0};
    struct wire_reader reader;
    unsigned status = 0;

    wire_reader_init(&reader, bytes, size);
    answer.version = wire_get_u8(&reader);
    status = wire_get_u8(&reader);
    answer.status = status <= HELLO_DRAINING ? (enum hello_status)status : HELLO_REFUSED;
    if (answer.status == HELLO_ACCEPTED) {
        answer.noise_message = wire_get_bytes(&reader, HELLO_NOISE_SIZE).at;
        if (wire_reader_left(&reader) != 0 || answer.version != PROTOCOL_VERSION) {
            return false;
        }
    } else {
        answer.mode = wire_get_u8(&reader);
        answer.retry_s = wire_get_u16(&reader);
    }
    if (reader.has_failed) {
        return false;
    }
    *out = answer;
    return true;
}

void hello_accept_begin(uint8_t out[HELLO_ACCEPTED_SIZE])
{
    struct wire_writer writer;

    wire_writer_init(&writer, out, HELLO_ACCEPTED_SIZE);
    wire_put_u16(&writer, HELLO_ACCEPTED_SIZE - 2);
    wire_put_u8(&writer, PROTOCOL_VERSION);
    wire_put_u8(&writer, HELLO_ACCEPTED);
}

void hello_refuse(enum hello_status status, enum hello_mode mode, uint16_t retry_s,
                  uint8_t out[HELLO_REFUSAL_SIZE])
{
    struct wire_writer writer;

    assert(status != HELLO_ACCEPTED && mode != HELLO_RESUME);
    wire_writer_init(&writer, out, HELLO_REFUSAL_SIZE);
    wire_put_u16(&writer, HELLO_REFUSAL_SIZE - 2);
    wire_put_u8(&writer, PROTOCOL_VERSION);
    wire_put_u8(&writer, (uint8_t)status);
    wire_put_u8(&writer, (uint8_t)mode);
    wire_put_u16(&writer, retry_s);
}
