/* SPDX-License-Identifier: MIT */
#include "sim_message.h"

#include "proto/wire.h"

#include <assert.h>

#define SUM_SIZE 8

/* FNV-1a, 64 bits (Fowler, Noll and Vo): no secret is at stake here. */
static uint64_t sum(const uint8_t *bytes, size_t size)
{
    uint64_t value = UINT64_C(0xCBF29CE484222325);

    for (size_t i = 0; i < size; i++) {
        value = (value ^ bytes[i]) * UINT64_C(0x100000001B3);
    }
    return value;
}

void sim_message_write(const struct sim_message *message, uint8_t *out)
{
    struct wire_writer writer;

    assert(message->size >= SIM_MESSAGE_SIZE_MIN);
    wire_writer_init(&writer, out, message->size);
    wire_put_u32(&writer, message->membership);
    wire_put_u32(&writer, message->room);
    wire_put_u32(&writer, message->number);
    wire_put_u16(&writer, message->player);
    wire_put_u16(&writer, message->to);
    wire_put_u8(&writer, message->stream);
    wire_put_u8(&writer, message->is_retained);
    wire_put_u16(&writer, message->size);
    for (size_t i = 20; i < message->size - (size_t)SUM_SIZE; i++) {
        wire_put_u8(&writer, (uint8_t)(message->number + i * 7));
    }
    wire_put_u64(&writer, sum(out, message->size - (size_t)SUM_SIZE));
}

bool sim_message_read(const uint8_t *bytes, size_t size, struct sim_message *out)
{
    struct wire_reader reader;

    if (size < SIM_MESSAGE_SIZE_MIN) {
        return false;
    }
    wire_reader_init(&reader, bytes + size - SUM_SIZE, SUM_SIZE);
    if (wire_get_u64(&reader) != sum(bytes, size - SUM_SIZE)) {
        return false;
    }
    wire_reader_init(&reader, bytes, size);
    out->membership = wire_get_u32(&reader);
    out->room = wire_get_u32(&reader);
    out->number = wire_get_u32(&reader);
    out->player = wire_get_u16(&reader);
    out->to = wire_get_u16(&reader);
    out->stream = wire_get_u8(&reader);
    out->is_retained = wire_get_u8(&reader) != 0;
    out->size = wire_get_u16(&reader);
    return out->size == size;
}
