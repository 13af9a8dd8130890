/* SPDX-License-Identifier: MIT */
#include "proto/body.h"

#include <string.h>

#include "proto/wire.h"

#define MASK_48 ((UINT64_C(1) << 48) - 1)

bool body_bind_read(const uint8_t *body, size_t size, uint64_t *client_time_out)
{
    struct wire_reader reader;

    if (size != BODY_BIND_SIZE) {
        return false;
    }
    wire_reader_init(&reader, body, size);
    *client_time_out = wire_get_u64(&reader);
    return true;
}

void body_bind_write(uint8_t out[BODY_BIND_SIZE], uint64_t client_time)
{
    struct wire_writer writer;

    wire_writer_init(&writer, out, BODY_BIND_SIZE);
    wire_put_u64(&writer, client_time);
    wire_put_zeros(&writer, BODY_BIND_SIZE - 8);
}

bool body_challenge_read(const uint8_t *body, size_t size, uint8_t cookie_out[BODY_COOKIE_SIZE])
{
    if (size != BODY_CHALLENGE_SIZE) {
        return false;
    }
    memcpy(cookie_out, body, BODY_COOKIE_SIZE);
    return true;
}

void body_challenge_write(uint8_t out[BODY_CHALLENGE_SIZE], const uint8_t cookie[BODY_COOKIE_SIZE])
{
    memcpy(out, cookie, BODY_COOKIE_SIZE);
}

bool body_confirm_read(const uint8_t *body, size_t size, uint8_t cookie_out[BODY_COOKIE_SIZE])
{
    if (size != BODY_CONFIRM_SIZE) {
        return false;
    }
    memcpy(cookie_out, body, BODY_COOKIE_SIZE);
    return true;
}

void body_confirm_write(uint8_t out[BODY_CONFIRM_SIZE], const uint8_t cookie[BODY_COOKIE_SIZE])
{
    memset(out, 0, BODY_CONFIRM_SIZE);
    memcpy(out, cookie, BODY_COOKIE_SIZE);
}

bool body_bound_read(const uint8_t *body, size_t size, struct addr *seen_out)
{
    if (size != BODY_BOUND_SIZE) {
        return false;
    }
    *seen_out = addr_from_wire(body);
    return true;
}

void body_bound_write(uint8_t out[BODY_BOUND_SIZE], const struct addr *seen)
{
    addr_to_wire(seen, out);
}

bool body_ping_read(const uint8_t *body, size_t size, struct body_ping *out)
{
    struct wire_reader reader;

    if (size != BODY_PING_SIZE) {
        return false;
    }
    wire_reader_init(&reader, body, size);
    out->client_time_us = wire_get_u64(&reader);
    out->room_time_us = wire_get_u64(&reader);
    out->delay_us = wire_get_u32(&reader);
    out->highest = wire_get_u48(&reader);
    out->received = wire_get_u48(&reader);
    out->digest = wire_get_u64(&reader);
    out->queue_us = wire_get_u32(&reader);
    out->queue_max_us = wire_get_u32(&reader);
    return true;
}

void body_ping_write(uint8_t out[BODY_PING_SIZE], const struct body_ping *ping)
{
    struct wire_writer writer;

    wire_writer_init(&writer, out, BODY_PING_SIZE);
    wire_put_u64(&writer, ping->client_time_us);
    wire_put_u64(&writer, ping->room_time_us);
    wire_put_u32(&writer, ping->delay_us);
    wire_put_u48(&writer, ping->highest & MASK_48);
    wire_put_u48(&writer, ping->received & MASK_48);
    wire_put_u64(&writer, ping->digest);
    wire_put_u32(&writer, ping->queue_us);
    wire_put_u32(&writer, ping->queue_max_us);
}

bool body_bye_read(const uint8_t *body, size_t size, unsigned *reason_out)
{
    struct wire_reader reader;

    if (size != BODY_BYE_SIZE) {
        return false;
    }
    wire_reader_init(&reader, body, size);
    *reason_out = wire_get_u16(&reader);
    return true;
}

void body_bye_write(uint8_t out[BODY_BYE_SIZE], unsigned reason)
{
    struct wire_writer writer;

    wire_writer_init(&writer, out, BODY_BYE_SIZE);
    wire_put_u16(&writer, (uint16_t)reason);
    wire_put_zeros(&writer, BODY_BYE_SIZE - 2);
}

bool body_probe_read(const uint8_t *body, size_t size)
{
    (void)body;
    return size == BODY_PROBE_SIZE;
}

void body_probe_write(uint8_t out[BODY_PROBE_SIZE])
{
    memset(out, 0, BODY_PROBE_SIZE);
}
