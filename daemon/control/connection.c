/* SPDX-License-Identifier: MIT */
#include "daemon/control/connection.h"

#include "daemon/base/timer.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static const char *const state_names[CONNECTION_STATES] = {
    [CONNECTION_FREE] = "free",           [CONNECTION_FIRST_FLIGHT] = "first_flight",
    [CONNECTION_PROVING] = "proving",     [CONNECTION_OPEN] = "open",
    [CONNECTION_FINISHING] = "finishing",
};

/* One bit for each state that may follow. */
#define TO(state) (1u << CONNECTION_##state)
static const unsigned state_follows[CONNECTION_STATES] = {
    [CONNECTION_FREE] = TO(FIRST_FLIGHT),
    [CONNECTION_FIRST_FLIGHT] = TO(PROVING) | TO(FINISHING) | TO(FREE),
    [CONNECTION_PROVING] = TO(OPEN) | TO(FINISHING) | TO(FREE),
    [CONNECTION_OPEN] = TO(FINISHING) | TO(FREE),
    [CONNECTION_FINISHING] = TO(FREE),
};

size_t connection_frame_bytes(const struct control_limits *limits)
{
    return limits->frame_max_bytes > HELLO_SIZE_MAX ? limits->frame_max_bytes : HELLO_SIZE_MAX;
}

bool connection_state_may(enum connection_state from, enum connection_state to)
{
    return (state_follows[from] >> to & 1u) != 0;
}

const char *connection_state_name(enum connection_state state)
{
    return state_names[state];
}

void connection_state_set(struct connection *connection, enum connection_state state)
{
    assert(connection_state_may(connection->state, state));
    connection->state = state;
}

void connection_open(struct connection *connection, const struct addr *peer, uint32_t place,
                     const struct control_limits *limits, uint64_t now_ns)
{
    assert(connection->state == CONNECTION_FREE);
    *connection = (struct connection){.peer = *peer,
                                      .place = place,
                                      .session = UINT32_MAX,
                                      .state_end_ns = now_ns + limits->handshake_timeout_ns,
                                      .newer = UINT32_MAX,
                                      .older = UINT32_MAX,
                                      .dirty_next = UINT32_MAX};
    frame_reader_init(&connection->reader, HELLO_BODY_MIN, HELLO_BODY_MAX);
    connection_state_set(connection, CONNECTION_FIRST_FLIGHT);
}

void connection_begin_frames(struct connection *connection, const struct control_limits *limits,
                             uint64_t now_ns)
{
    frame_reader_limit(&connection->reader, CONTROL_FRAME_SIZE_MIN,
                       (uint16_t)limits->frame_max_bytes);
    connection->idle_timeout_ns = limits->idle_timeout_ns;
    connection->idle_end_ns = now_ns + limits->idle_timeout_ns;
    connection->frame_end_ns = TIMER_NEVER;
}

enum connection_input connection_feed(struct connection *connection, struct connection_pools *pools,
                                      const struct control_limits *limits, const uint8_t *bytes,
                                      size_t size, uint64_t now_ns, size_t *taken_out,
                                      size_t *frame_size_out)
{
    bool was_idle = frame_reader_is_idle(&connection->reader);

    assert(size > 0 && connection->kept == 0);
    if (connection->frame == NULL) {
        connection->frame = buffer_pool_get(&pools->frames);
    }
    if (connection->frame == NULL) {
        return CONNECTION_NO_BUFFER;
    }
    enum frame_result result = frame_reader_feed(&connection->reader, connection->frame, bytes,
                                                 size, taken_out, frame_size_out);
    switch (result) {
    case FRAME_READY:
        connection->frame_end_ns = TIMER_NEVER;
        return CONNECTION_FRAME;
    case FRAME_BAD:
        return CONNECTION_BAD_SIZE;
    case FRAME_MORE:
        break;
    }
    if (was_idle) {
        connection->frame_end_ns = now_ns + limits->frame_timeout_ns;
    }
    if (!frame_reader_holds_buffer(&connection->reader)) {
        buffer_pool_put(&pools->frames, connection->frame);
        connection->frame = NULL;
    }
    return CONNECTION_MORE;
}

void connection_frame_done(struct connection *connection, struct connection_pools *pools,
                           uint64_t now_ns)
{
    if (connection->frame != NULL) {
        buffer_pool_put(&pools->frames, connection->frame);
        connection->frame = NULL;
    }
    connection->idle_end_ns = now_ns + connection->idle_timeout_ns;
}

bool connection_keep(struct connection *connection, struct connection_pools *pools,
                     const uint8_t *bytes, size_t size)
{
    assert(connection->frame == NULL && size > 0 && size <= pools->frames.buffer_bytes);
    connection->frame = buffer_pool_get(&pools->frames);
    if (connection->frame == NULL) {
        return false;
    }
    memcpy(connection->frame, bytes, size);
    connection->kept = (uint32_t)size;
    return true;
}

size_t connection_take_kept(struct connection *connection, struct connection_pools *pools,
                            uint8_t *out)
{
    size_t size = connection->kept;

    if (size > 0) {
        memcpy(out, connection->frame, size);
        buffer_pool_put(&pools->frames, connection->frame);
        connection->frame = NULL;
        connection->kept = 0;
    }
    return size;
}

/* Room for `size` more bytes of output, or NULL and why not. */
static uint8_t *reserve_output(struct connection *connection, struct connection_pools *pools,
                               const struct control_limits *limits, size_t size,
                               enum reason *reason_out)
{
    size_t bound =
        connection->session == UINT32_MAX ? CONNECTION_OUT_PREAUTH_MAX : limits->out_buffer_bytes;
    size_t waiting = (size_t)connection->output_size + connection->system_pending;

    if (waiting + size > bound) {
        *reason_out = REASON_OUTPUT_FULL;
        return NULL;
    }
    if (connection->output == NULL) {
        connection->output = buffer_pool_get(&pools->outputs);
    }
    if (connection->output == NULL) {
        *reason_out = REASON_BUSY;
        return NULL;
    }
    return connection->output + connection->output_size;
}

enum reason connection_put(struct connection *connection, struct connection_pools *pools,
                           const struct control_limits *limits, const void *bytes, size_t size)
{
    enum reason reason = REASON_NONE;
    uint8_t *place = reserve_output(connection, pools, limits, size, &reason);

    if (place != NULL) {
        memcpy(place, bytes, size);
        connection->output_size += (uint32_t)size;
    }
    return reason;
}

enum reason connection_send(struct connection *connection, struct connection_pools *pools,
                            const struct control_limits *limits,
                            const struct control_message *message)
{
    uint8_t plain[CONTROL_MESSAGE_SIZE_MAX];
    enum reason reason = REASON_NONE;
    int size = control_message_encode(message, plain, sizeof(plain));

    assert(size > 0);
    size_t frame_size = (size_t)size + NOISE_TAG_SIZE;
    uint8_t *place =
        reserve_output(connection, pools, limits, FRAME_LENGTH_SIZE + frame_size, &reason);
    if (place == NULL) {
        sodium_memzero(plain, sizeof(plain));
        return reason;
    }
    frame_length_write(place, (uint16_t)frame_size);
    int written = noise_encrypt(&connection->down, plain, (size_t)size, place + FRAME_LENGTH_SIZE,
                                frame_size);
    sodium_memzero(plain, sizeof(plain));
    if (written < 0) {
        /* The 64-bit counter is used up; no connection lives that long. */
        return REASON_DECRYPT_FAILED;
    }
    connection->output_size += (uint32_t)(FRAME_LENGTH_SIZE + frame_size);
    return REASON_NONE;
}

void connection_output_taken(struct connection *connection, struct connection_pools *pools)
{
    if (connection->output != NULL) {
        buffer_pool_put(&pools->outputs, connection->output);
        connection->output = NULL;
    }
    connection->output_size = 0;
}

bool connection_pending_set(struct connection *connection, size_t pending, uint64_t now_ns)
{
    const bool was_pending = connection->stall_end_ns != 0;

    connection->system_pending = (uint32_t)pending;
    if (was_pending == (pending > 0)) {
        return false;
    }
    connection->stall_end_ns = pending > 0 ? now_ns + CONNECTION_STALL_NS : 0;
    return true;
}

static uint64_t sooner(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

uint64_t connection_deadline(const struct connection *connection)
{
    uint64_t when_ns = TIMER_NEVER;

    switch (connection->state) {
    case CONNECTION_FREE:
    case CONNECTION_STATES:
        return TIMER_NEVER;
    case CONNECTION_FIRST_FLIGHT:
    case CONNECTION_PROVING:
    case CONNECTION_FINISHING:
        return connection->state_end_ns;
    case CONNECTION_OPEN:
        when_ns = connection->idle_end_ns;
        break;
    }
    if (!connection->is_paused) {
        when_ns = sooner(when_ns, connection->frame_end_ns);
    }
    if (connection->stall_end_ns != 0) {
        when_ns = sooner(when_ns, connection->stall_end_ns);
    }
    if (connection->pause_end_ns != 0) {
        when_ns = sooner(when_ns, connection->pause_end_ns);
    }
    return when_ns;
}

enum reason connection_overdue(const struct connection *connection, uint64_t now_ns)
{
    switch (connection->state) {
    case CONNECTION_FREE:
    case CONNECTION_STATES:
        return REASON_NONE;
    case CONNECTION_FIRST_FLIGHT:
    case CONNECTION_PROVING:
        return now_ns >= connection->state_end_ns ? REASON_HANDSHAKE_TIMEOUT : REASON_NONE;
    case CONNECTION_FINISHING:
        return now_ns >= connection->state_end_ns ? connection->end : REASON_NONE;
    case CONNECTION_OPEN:
        break;
    }
    if (!connection->is_paused && now_ns >= connection->frame_end_ns) {
        return REASON_FRAME_TIMEOUT;
    }
    if (connection->stall_end_ns != 0 && now_ns >= connection->stall_end_ns) {
        return REASON_OUTPUT_FULL;
    }
    return now_ns >= connection->idle_end_ns ? REASON_IDLE_TIMEOUT : REASON_NONE;
}

void connection_release(struct connection *connection, struct connection_pools *pools)
{
    if (connection->frame != NULL) {
        buffer_pool_put(&pools->frames, connection->frame);
    }
    if (connection->output != NULL) {
        buffer_pool_put(&pools->outputs, connection->output);
    }
    connection_state_set(connection, CONNECTION_FREE);
    sodium_memzero(connection, sizeof(*connection));
}
