/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "daemon/net/net_tcp_fake.h"

/* What our end takes of what we connected to before it stops it. */
#define RECEIVE_BYTES 65536

struct event_sink {
    struct net_tcp_event *events;
    unsigned capacity;
    unsigned count;
};

static struct net_conn handle_of(const struct net_tcp *net, const struct tcp_conn *conn)
{
    return (struct net_conn){(uint32_t)(conn - net->conns), conn->generation};
}

static struct tcp_conn *find(struct net_tcp *net, struct net_conn handle)
{
    if (handle.index >= net->max_connections || handle.generation == 0 ||
        net->conns[handle.index].generation != handle.generation ||
        net->conns[handle.index].state == CONN_FREE) {
        return NULL;
    }
    return &net->conns[handle.index];
}

static void invalidate(struct tcp_conn *conn)
{
    conn->generation = conn->generation == UINT32_MAX ? 1 : conn->generation + 1;
}

static void release_ring(struct net_tcp *net, struct tcp_conn *conn)
{
    if (conn->ring == NET_RING_NONE) {
        return;
    }
    net_ring_put(net->rings, conn->ring);
    conn->ring = NET_RING_NONE;
    for (uint32_t i = 0; i < net->max_connections; i++) {
        struct tcp_conn *const other = &net->conns[i];
        if (other->state == CONN_OPEN && other->wants_room && other->ring == NET_RING_NONE) {
            other->wants_room = false;
            other->owes_sent = true;
        }
    }
}

static void close_stream(struct tcp_conn *conn, bool is_reset)
{
    if (conn->stream != NULL) {
        fake_stream_close(conn->stream, conn->side, is_reset);
        conn->stream = NULL;
    }
}

void tcp_fake_release(struct net_tcp *net, struct tcp_conn *conn, bool is_reset)
{
    close_stream(conn, is_reset);
    conn->state = CONN_FREE;
    release_ring(net, conn);
    net->connection_count--;
}

static void end_conn(struct net_tcp *net, struct tcp_conn *conn, enum net_close_reason reason)
{
    if (conn->state == CONN_LINGERING) {
        tcp_fake_release(net, conn, false);
        return;
    }
    close_stream(conn, false);
    conn->state = CONN_OVER;
    conn->reason = reason;
    release_ring(net, conn);
}

/* Gives the stream what it takes. */
static void flush(struct net_tcp *net, struct tcp_conn *conn)
{
    struct net_ring_piece pieces[2];

    while (conn->ring != NET_RING_NONE && net_ring_peek(net->rings, conn->ring, pieces) > 0) {
        const int taken =
            fake_stream_send(conn->stream, conn->side, pieces[0].bytes, pieces[0].size);
        if (taken == RESULT_CLOSED) {
            end_conn(net, conn, NET_CLOSE_RESET);
            return;
        }
        if (taken <= 0) {
            return;
        }
        net_ring_consume(net->rings, conn->ring, (size_t)taken);
        net->counters.bytes_sent += (uint64_t)taken;
    }
    release_ring(net, conn);
    if (conn->write_side == WRITE_FINISHING) {
        fake_stream_finish(conn->stream, conn->side);
        conn->write_side = WRITE_ENDED;
    }
    if (conn->write_side == WRITE_ENDED && conn->is_read_ended) {
        end_conn(net, conn, NET_CLOSE_FINISHED);
    }
}

static bool has_room(const struct event_sink *sink)
{
    return sink->count < sink->capacity;
}

static void tell(struct net_tcp *net, struct event_sink *sink, const struct tcp_conn *conn,
                 enum net_tcp_event_type type, enum net_close_reason reason)
{
    sink->events[sink->count] = (struct net_tcp_event){.type = type,
                                                       .reason = reason,
                                                       .conn = handle_of(net, conn),
                                                       .peer = conn->peer,
                                                       .listener_index = conn->listener_index};
    sink->count++;
}

static struct tcp_conn *find_free(struct net_tcp *net)
{
    for (uint32_t i = 0; i < net->max_connections; i++) {
        if (net->conns[i].state == CONN_FREE) {
            return &net->conns[i];
        }
    }
    return NULL;
}

/* The one that has lingered longest gives its place to a newcomer. */
static struct tcp_conn *take_lingering(struct net_tcp *net)
{
    struct tcp_conn *oldest = NULL;

    for (uint32_t i = 0; i < net->max_connections; i++) {
        struct tcp_conn *const conn = &net->conns[i];
        if (conn->state == CONN_LINGERING &&
            (oldest == NULL || conn->deadline_ns < oldest->deadline_ns)) {
            oldest = conn;
        }
    }
    if (oldest != NULL) {
        net->counters.linger_expired++;
        tcp_fake_release(net, oldest, true);
    }
    return oldest;
}

static void accept_some(struct net_tcp *net, struct event_sink *sink)
{
    for (uint32_t i = 0; i < net->listener_count; i++) {
        struct fake_listener *const listener = &net->listeners[i];
        while (listener->first_waiting != NULL && has_room(sink)) {
            struct tcp_conn *const free_conn = find_free(net);
            struct tcp_conn *const conn = free_conn != NULL ? free_conn : take_lingering(net);
            if (conn == NULL) {
                net->counters.accept_pauses += !net->is_full;
                net->is_full = true;
                return;
            }
            struct fake_stream *const stream = fake_listener_take(listener);
            *conn = (struct tcp_conn){.generation = conn->generation,
                                      .state = CONN_OPEN,
                                      .side = 1,
                                      .ring = NET_RING_NONE,
                                      .listener_index = i,
                                      .stream = stream,
                                      .peer = stream->ends[0]};
            net->is_full = false;
            net->connection_count++;
            net->counters.accepted++;
            tell(net, sink, conn, NET_TCP_ACCEPTED, NET_CLOSE_NONE);
        }
    }
}

/* A refusal is known at once; it is told by the next wait, as CONNECTED would be. */
int net_tcp_connect(struct net_tcp *net, const struct addr *peer, struct net_conn *out)
{
    struct tcp_conn *const conn = find_free(net);

    if (peer->family == ADDR_FAMILY_NONE || peer->port == 0) {
        return RESULT_INVALID;
    }
    if (conn == NULL) {
        return RESULT_FULL;
    }
    struct fake_stream *const stream = fake_stream_connect(net->system, peer, RECEIVE_BYTES);
    *conn = (struct tcp_conn){.generation = conn->generation,
                              .state = stream != NULL ? CONN_OPEN : CONN_OVER,
                              .is_connecting = true,
                              .reason = NET_CLOSE_RESET,
                              .ring = NET_RING_NONE,
                              .listener_index = NET_TCP_NO_LISTENER,
                              .stream = stream,
                              .peer = *peer};
    net->connection_count++;
    *out = handle_of(net, conn);
    return RESULT_OK;
}

static void step_lingering(struct net_tcp *net, struct tcp_conn *conn)
{
    uint8_t scratch[4096];
    int count = 1;

    if (net->system->now_ns >= conn->deadline_ns) {
        net->counters.linger_expired++;
        tcp_fake_release(net, conn, true);
        return;
    }
    while (!conn->is_read_ended && count > 0) {
        count = fake_stream_receive(conn->stream, conn->side, scratch, sizeof(scratch));
        conn->is_read_ended = count == 0;
    }
    if (count == RESULT_CLOSED) {
        tcp_fake_release(net, conn, false);
        return;
    }
    flush(net, conn);
}

static void count_closed(struct net_tcp *net, enum net_close_reason reason)
{
    net->counters.closed_finished += reason == NET_CLOSE_FINISHED;
    net->counters.closed_reset += reason == NET_CLOSE_RESET;
    net->counters.closed_timeout += reason == NET_CLOSE_TIMEOUT;
    net->counters.closed_error += reason == NET_CLOSE_ERROR;
}

static void step_open(struct net_tcp *net, struct tcp_conn *conn, struct event_sink *sink)
{
    if (conn->is_connecting) {
        if (has_room(sink)) {
            conn->is_connecting = false;
            net->counters.connected++;
            tell(net, sink, conn, NET_TCP_CONNECTED, NET_CLOSE_NONE);
        }
        return;
    }
    if (conn->ring != NET_RING_NONE) {
        const size_t before = net_ring_used(net->rings, conn->ring);
        flush(net, conn);
        const size_t after =
            conn->ring != NET_RING_NONE ? net_ring_used(net->rings, conn->ring) : 0;
        if (after == 0 || (after < before && conn->wants_room)) {
            conn->wants_room = false;
            conn->owes_sent = true;
        }
    }
    if (conn->state == CONN_OPEN && (conn->is_paused || conn->is_read_ended) &&
        fake_stream_is_reset(conn->stream, conn->side)) {
        end_conn(net, conn, NET_CLOSE_RESET);
    }
    if (conn->state != CONN_OPEN) {
        return;
    }
    if (conn->owes_sent && has_room(sink)) {
        conn->owes_sent = false;
        tell(net, sink, conn, NET_TCP_SENT, NET_CLOSE_NONE);
    }
    if (!conn->is_paused && !conn->is_read_ended && has_room(sink) &&
        fake_stream_is_readable(conn->stream, conn->side)) {
        tell(net, sink, conn, NET_TCP_READABLE, NET_CLOSE_NONE);
    }
}

static void step(struct net_tcp *net, struct tcp_conn *conn, struct event_sink *sink)
{
    switch (conn->state) {
    case CONN_FREE:
        return;
    case CONN_LINGERING:
        step_lingering(net, conn);
        return;
    case CONN_OPEN:
        step_open(net, conn, sink);
        break;
    case CONN_OVER:
        break;
    }
    if (conn->state == CONN_OVER && has_room(sink)) {
        tell(net, sink, conn, NET_TCP_CLOSED, conn->reason);
        count_closed(net, conn->reason);
        invalidate(conn);
        tcp_fake_release(net, conn, false);
    }
}

static uint64_t next_linger_ns(const struct net_tcp *net)
{
    uint64_t due_ns = UINT64_MAX;

    for (uint32_t i = 0; i < net->max_connections; i++) {
        if (net->conns[i].state == CONN_LINGERING && net->conns[i].deadline_ns < due_ns) {
            due_ns = net->conns[i].deadline_ns;
        }
    }
    return due_ns;
}

int net_tcp_wait(struct net_tcp *net, struct net_tcp_event events[], unsigned capacity,
                 uint64_t timeout_ns)
{
    const uint64_t deadline_ns = fake_deadline(net->system, timeout_ns);
    struct event_sink sink = {.events = events, .capacity = capacity};

    assert(capacity >= 1);
    for (;;) {
        const uint32_t lingering_before = net->connection_count;
        accept_some(net, &sink);
        for (uint32_t i = 0; i < net->max_connections; i++) {
            step(net, &net->conns[(net->rotor + i) % net->max_connections], &sink);
        }
        net->rotor = (net->rotor + 1) % net->max_connections;
        const bool is_woken =
            atomic_exchange_explicit(&net->is_woken, 0, memory_order_acq_rel) != 0;
        net->counters.wakes += is_woken;
        if (sink.count > 0 || is_woken || timeout_ns == 0 ||
            net->connection_count < lingering_before ||
            !fake_pass_time(net->system, next_linger_ns(net), deadline_ns)) {
            return (int)sink.count;
        }
    }
}

int net_tcp_read(struct net_tcp *net, struct net_conn handle, void *bytes, size_t size)
{
    struct tcp_conn *const conn = find(net, handle);

    assert(size > 0);
    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    if (conn->state == CONN_OVER) {
        return RESULT_CLOSED;
    }
    if (conn->is_connecting) {
        return RESULT_AGAIN;
    }
    if (conn->is_read_ended) {
        return 0;
    }
    const int count = fake_stream_receive(conn->stream, conn->side, bytes, size);
    if (count > 0) {
        net->counters.bytes_read += (uint64_t)count;
    } else if (count == 0) {
        conn->is_read_ended = true;
        if (conn->write_side == WRITE_ENDED) {
            end_conn(net, conn, NET_CLOSE_FINISHED);
        }
    } else if (count == RESULT_CLOSED) {
        end_conn(net, conn, NET_CLOSE_RESET);
    }
    return count;
}

int net_tcp_write(struct net_tcp *net, struct net_conn handle, const void *bytes, size_t size)
{
    struct tcp_conn *const conn = find(net, handle);

    assert(size > 0);
    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    if (conn->state == CONN_OVER || conn->write_side != WRITE_OPEN) {
        return RESULT_CLOSED;
    }
    if (size > net->output_bytes) {
        return RESULT_INVALID;
    }
    if (conn->is_connecting) {
        return RESULT_AGAIN;
    }
    if (conn->ring == NET_RING_NONE) {
        conn->ring = net_ring_take(net->rings);
    }
    if (conn->ring == NET_RING_NONE || net_ring_room(net->rings, conn->ring) < size) {
        conn->wants_room = true;
        net->counters.write_pool_empty += conn->ring == NET_RING_NONE;
        net->counters.write_ring_full += conn->ring != NET_RING_NONE;
        return RESULT_FULL;
    }
    net_ring_write(net->rings, conn->ring, bytes, size);
    flush(net, conn);
    return conn->state == CONN_OPEN ? RESULT_OK : RESULT_CLOSED;
}

size_t net_tcp_pending(const struct net_tcp *net, struct net_conn handle)
{
    if (handle.index >= net->max_connections ||
        net->conns[handle.index].generation != handle.generation ||
        net->conns[handle.index].ring == NET_RING_NONE) {
        return 0;
    }
    return net_ring_used(net->rings, net->conns[handle.index].ring);
}

static void start_finish(struct net_tcp *net, struct tcp_conn *conn)
{
    if (conn->write_side == WRITE_OPEN) {
        conn->write_side = WRITE_FINISHING;
        flush(net, conn);
    }
}

int net_tcp_finish(struct net_tcp *net, struct net_conn handle)
{
    struct tcp_conn *const conn = find(net, handle);

    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    if (conn->state == CONN_OPEN && conn->is_connecting) {
        return RESULT_AGAIN;
    }
    if (conn->state == CONN_OPEN) {
        start_finish(net, conn);
    }
    return RESULT_OK;
}

int net_tcp_close(struct net_tcp *net, struct net_conn handle, enum net_close_mode mode)
{
    struct tcp_conn *const conn = find(net, handle);

    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    net->counters.closed_by_owner++;
    invalidate(conn);
    if (mode == NET_CLOSE_ABORT || net->linger_ns == 0 || conn->state == CONN_OVER ||
        conn->is_connecting) {
        tcp_fake_release(net, conn, mode == NET_CLOSE_ABORT);
        return RESULT_OK;
    }
    conn->state = CONN_LINGERING;
    conn->is_paused = false;
    conn->deadline_ns = net->system->now_ns + net->linger_ns;
    start_finish(net, conn);
    return RESULT_OK;
}

static int set_paused(struct net_tcp *net, struct net_conn handle, bool is_paused)
{
    struct tcp_conn *const conn = find(net, handle);

    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    conn->is_paused = is_paused;
    return RESULT_OK;
}

int net_tcp_pause(struct net_tcp *net, struct net_conn handle)
{
    return set_paused(net, handle, true);
}

int net_tcp_resume(struct net_tcp *net, struct net_conn handle)
{
    return set_paused(net, handle, false);
}

int net_tcp_peer(const struct net_tcp *net, struct net_conn handle, struct addr *out)
{
    if (handle.index >= net->max_connections || handle.generation == 0 ||
        net->conns[handle.index].generation != handle.generation ||
        net->conns[handle.index].state == CONN_FREE) {
        return RESULT_NOT_FOUND;
    }
    *out = net->conns[handle.index].peer;
    return RESULT_OK;
}
