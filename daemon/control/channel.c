/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_internal.h"

#include <assert.h>
#include <sodium.h>

/* channel.c - connections between the owner's sockets and the messages: accepting, bytes in,
 * pauses, bytes out. */

void control_connection_mark(struct control *control, uint32_t index)
{
    struct connection *connection = &control->connections[index];

    if (connection->is_dirty) {
        return;
    }
    connection->is_dirty = true;
    connection->dirty_next = SESSION_NONE;
    connection->dirty_before = control->dirty_last;
    if (control->dirty_last == SESSION_NONE) {
        control->dirty_first = index;
    } else {
        control->connections[control->dirty_last].dirty_next = index;
    }
    control->dirty_last = index;
}

void control_connection_unmark(struct control *control, uint32_t index)
{
    struct connection *connection = &control->connections[index];

    if (!connection->is_dirty) {
        return;
    }
    connection->is_dirty = false;
    if (connection->dirty_before == SESSION_NONE) {
        control->dirty_first = connection->dirty_next;
    } else {
        control->connections[connection->dirty_before].dirty_next = connection->dirty_next;
    }
    if (connection->dirty_next == SESSION_NONE) {
        control->dirty_last = connection->dirty_before;
    } else {
        control->connections[connection->dirty_next].dirty_before = connection->dirty_before;
    }
}

void control_connection_time(struct control *control, uint32_t index)
{
    timer_set(&control->connection_timers, index,
              connection_deadline(&control->connections[index]));
}

static void preauth_add(struct control *control, uint32_t index)
{
    struct connection *connection = &control->connections[index];

    connection->newer = SESSION_NONE;
    connection->older = control->preauth_newest;
    if (control->preauth_newest == SESSION_NONE) {
        control->preauth_oldest = index;
    } else {
        control->connections[control->preauth_newest].newer = index;
    }
    control->preauth_newest = index;
    control->counters.connections_preauth++;
}

void control_preauth_remove(struct control *control, uint32_t index)
{
    struct connection *connection = &control->connections[index];

    if (connection->older == SESSION_NONE) {
        control->preauth_oldest = connection->newer;
    } else {
        control->connections[connection->older].newer = connection->newer;
    }
    if (connection->newer == SESSION_NONE) {
        control->preauth_newest = connection->older;
    } else {
        control->connections[connection->newer].older = connection->older;
    }
    control->counters.connections_preauth--;
}

void control_send(struct control *control, uint32_t index, const struct control_message *message)
{
    struct connection *connection = &control->connections[index];

    if (connection->state != CONNECTION_OPEN) {
        return;
    }
    enum reason reason = connection_send(connection, &control->pools, &control->limits, message);
    if (reason != REASON_NONE) {
        struct control_log_record *record =
            control_log_add(control, CONTROL_LOG_EVENT_LIMIT_HIT, connection, connection->session);
        record->reason = reason;
        record->limit = control->limits.out_buffer_bytes;
        control_connection_close(control, index, reason, true);
        return;
    }
    control->counters.messages_sent++;
    control_connection_mark(control, index);
}

/* A connection waits while its session has as many requests under way as it may, while its place in
 * a room or its upload is about to change (what follows may depend on it), and for a moment when a
 * worker's queue was full or its rate of requests used up. */
static bool must_pause(const struct control *control, const struct connection *connection)
{
    if (connection->state == CONNECTION_FINISHING || connection->pause_end_ns != 0) {
        return true;
    }
    if (connection->state != CONNECTION_OPEN) {
        return false;
    }
    const struct session *session = &control->sessions.sessions[connection->session];
    return session->request_count >= CONTROL_REQUESTS_MAX ||
           session->blob_question != BLOB_QUESTION_NONE ||
           session->membership.state == MEMBERSHIP_JOINING ||
           session->membership.state == MEMBERSHIP_LEAVING;
}

static void update_pause(struct control *control, struct connection *connection)
{
    bool is_paused = must_pause(control, connection);

    if (is_paused && !connection->is_paused) {
        control->counters.pauses++;
    }
    connection->is_paused = is_paused;
}

static void handle_frame(struct control *control, uint32_t index, size_t frame_size)
{
    struct connection *connection = &control->connections[index];

    control->counters.frames_received++;
    if (connection->state == CONNECTION_FIRST_FLIGHT) {
        handshake_first_flight(control, index, connection->frame, frame_size);
        return;
    }
    int size = noise_decrypt(&connection->up, connection->frame, frame_size, connection->frame,
                             frame_size);
    if (size < 0) {
        if (connection->state == CONNECTION_PROVING) {
            handshake_fail(control, index, REASON_DECRYPT_FAILED);
        } else {
            control_connection_close(control, index, REASON_DECRYPT_FAILED, true);
        }
        return;
    }
    command_run(control, index, connection->frame, (size_t)size);
    sodium_memzero(connection->frame, (size_t)size);
}

/* Frame by frame, until the bytes are used up or reading is paused. */
static void consume(struct control *control, uint32_t index, const uint8_t *bytes, size_t size)
{
    struct connection *connection = &control->connections[index];

    while (size > 0 && connection->state != CONNECTION_FINISHING && !connection->is_paused) {
        size_t taken = 0;
        size_t frame_size = 0;
        switch (connection_feed(connection, &control->pools, &control->limits, bytes, size,
                                control->now_ns, &taken, &frame_size)) {
        case CONNECTION_MORE:
            return;
        case CONNECTION_FRAME:
            handle_frame(control, index, frame_size);
            connection_frame_done(connection, &control->pools, control->now_ns);
            update_pause(control, connection);
            break;
        case CONNECTION_BAD_SIZE:
            if (connection->state == CONNECTION_FIRST_FLIGHT) {
                handshake_fail(control, index, REASON_FRAME_SIZE);
            } else {
                control_connection_close(control, index, REASON_FRAME_SIZE, true);
            }
            return;
        case CONNECTION_NO_BUFFER:
            control_connection_close(control, index, REASON_BUSY, true);
            return;
        }
        bytes += taken;
        size -= taken;
    }
    if (size > 0 && connection->state != CONNECTION_FINISHING &&
        !connection_keep(connection, &control->pools, bytes, size)) {
        control_connection_close(control, index, REASON_BUSY, true);
    }
}

static void tell_pause(struct control *control, uint32_t index)
{
    const struct connection *connection = &control->connections[index];

    if (connection->is_paused != connection->is_pause_told) {
        control_connection_mark(control, index);
    }
    control_connection_time(control, index);
}

void control_connection_resume(struct control *control, uint32_t index)
{
    struct connection *connection = &control->connections[index];

    if (connection->state == CONNECTION_OPEN && connection->is_paused) {
        update_pause(control, connection);
        connection->idle_end_ns = control->now_ns + connection->idle_timeout_ns;
        if (!connection->is_paused && connection->kept > 0) {
            /* Later in this turn, and not in the middle of what the worker has to say. */
            connection->is_paused = true;
            connection->pause_end_ns = control->now_ns > 0 ? control->now_ns : 1;
        }
    }
    tell_pause(control, index);
}

void control_connection_take_up(struct control *control, uint32_t index)
{
    struct connection *connection = &control->connections[index];

    connection->pause_end_ns = 0;
    update_pause(control, connection);
    if (!connection->is_paused) {
        size_t kept = connection_take_kept(connection, &control->pools, control->scratch);
        connection->idle_end_ns = control->now_ns + connection->idle_timeout_ns;
        consume(control, index, control->scratch, kept);
    }
    tell_pause(control, index);
}

size_t control_input_max(const struct control *control)
{
    return control->pools.frames.buffer_bytes;
}

bool control_wants_input(const struct control *control, uint32_t connection)
{
    return control->connections[connection].state != CONNECTION_FREE &&
           !control->connections[connection].is_paused;
}

void control_input(struct control *control, uint32_t index, const uint8_t *bytes, size_t size,
                   uint64_t now_ns)
{
    assert(control_wants_input(control, index) && size <= control_input_max(control));
    control->now_ns = now_ns;
    consume(control, index, bytes, size);
    tell_pause(control, index);
}

void control_input_end(struct control *control, uint32_t index, uint64_t now_ns)
{
    control->now_ns = now_ns;
    if (control->connections[index].state != CONNECTION_FREE) {
        control_connection_close(control, index, REASON_CONNECTION_CLOSED, false);
    }
}

void control_closed(struct control *control, uint32_t index, enum reason reason, uint64_t now_ns)
{
    control->now_ns = now_ns;
    if (control->connections[index].state != CONNECTION_FREE) {
        control_connection_close(control, index, reason, true);
        control_connection_release(control, index);
    }
}

/* Makes room for one more connection without a session. */
static void evict_oldest(struct control *control)
{
    uint32_t index = control->preauth_oldest;

    if (control->counters.connections_preauth < control->limits.preauth_max) {
        return;
    }
    struct control_log_record *record = control_log_add(control, CONTROL_LOG_EVENT_CLIENT_REFUSED,
                                                        &control->connections[index], SESSION_NONE);
    record->reason = REASON_PREAUTH_FULL;
    record->limit = control->limits.preauth_max;
    control_connection_close(control, index, REASON_PREAUTH_FULL, true);
}

void control_accepted(struct control *control, uint32_t index, const struct addr *peer,
                      uint64_t now_ns)
{
    struct connection *connection = &control->connections[index];
    uint32_t place = admission_place(&control->admission, peer);

    control->now_ns = now_ns;
    control->counters.connections++;
    control->counters.connections_accepted++;
    struct admission_answer answer =
        admission_enter(&control->admission, place, &control->limits, now_ns);
    connection_open(connection, peer, answer.reason == REASON_NONE ? place : SESSION_NONE,
                    &control->limits, now_ns);
    if (answer.reason == REASON_NONE) {
        evict_oldest(control);
    }
    preauth_add(control, index);
    if (answer.reason == REASON_NONE) {
        (void)control_log_add(control, CONTROL_LOG_EVENT_CLIENT_ACCEPTED, connection, SESSION_NONE);
        control_connection_time(control, index);
        return;
    }
    struct control_log_record *record =
        control_log_add(control, CONTROL_LOG_EVENT_CLIENT_REFUSED, connection, SESSION_NONE);
    record->reason = answer.reason;
    record->limit = answer.limit;
    record->retry_ms = rate_retry_ms(answer.retry_ns);
    control->counters.connections_refused++;
    if (answer.is_silent) {
        control_connection_close(control, index, answer.reason, true);
    } else {
        handshake_refuse(control, index, answer.reason, answer.retry_ns);
    }
}

static void set_pending(struct control *control, uint32_t index, size_t pending)
{
    if (connection_pending_set(&control->connections[index], pending, control->now_ns)) {
        control_connection_time(control, index);
    }
}

void control_sent(struct control *control, uint32_t index, size_t pending, uint64_t now_ns)
{
    struct connection *connection = &control->connections[index];

    control->now_ns = now_ns;
    if (connection->state == CONNECTION_FREE) {
        return;
    }
    set_pending(control, index, pending);
    if (connection->output_size > 0 || connection->blob_serial != 0 ||
        connection->state == CONNECTION_FINISHING) {
        control_connection_mark(control, index);
    }
}

bool control_output(struct control *control, struct control_output *out)
{
    uint32_t index = control->dirty_first;

    if (index == SESSION_NONE) {
        return false;
    }
    struct connection *connection = &control->connections[index];
    control_connection_unmark(control, index);
    blob_verb_feed(control, index);
    connection->is_pause_told = connection->is_paused;
    *out = (struct control_output){.connection = index, .is_paused = connection->is_paused};
    if (connection->state == CONNECTION_FINISHING && connection->is_aborted) {
        out->order = CONTROL_ORDER_ABORT;
        control_connection_release(control, index);
    } else if (connection->output_size > 0) {
        out->bytes = connection->output;
        out->size = connection->output_size;
    } else if (connection->state == CONNECTION_FINISHING && connection->system_pending == 0) {
        out->order = CONTROL_ORDER_CLOSE;
        control_connection_release(control, index);
    }
    return true;
}

void control_output_done(struct control *control, const struct control_output *output,
                         bool is_taken, size_t pending)
{
    struct connection *connection = &control->connections[output->connection];

    assert(output->order == CONTROL_ORDER_NONE && connection->state != CONNECTION_FREE);
    set_pending(control, output->connection, pending);
    if (is_taken && output->size > 0) {
        connection_output_taken(connection, &control->pools);
    }
    if (connection->output_size == 0 && connection->system_pending == 0 &&
        (connection->state == CONNECTION_FINISHING || connection->blob_serial != 0)) {
        control_connection_mark(control, output->connection);
    }
}
