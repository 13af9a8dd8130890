/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_tcp_windows.h"

#include <assert.h>

#include "daemon/net/net_error.h"

/* An overlapped send completes when the system has taken all of it, so that a smaller one tells
 * sooner that there is room again. */
#define SEND_STEP_BYTES 65536u

/* A ring is free again: whoever was refused one may try again. */
static void tell_pool_waiters(struct net_tcp *net)
{
    if (!net->has_pool_waiters) {
        return;
    }
    net->has_pool_waiters = false;
    for (uint32_t i = 0; i < net->fresh; i++) {
        struct tcp_conn *const conn = &net->conns[i];
        if (conn->state == CONN_OPEN && conn->wants_room && conn->ring == NET_RING_NONE) {
            conn->wants_room = false;
            conn->has_sent = true;
            tcp_conn_update_note(net, conn);
        }
    }
}

void tcp_conn_release_ring(struct net_tcp *net, struct tcp_conn *conn)
{
    assert(!conn->send.is_in_flight);
    if (conn->ring != NET_RING_NONE) {
        net_ring_put(net->rings, conn->ring);
        conn->ring = NET_RING_NONE;
        tell_pool_waiters(net);
    }
}

/* The ring is empty, or there is none. */
static void finish_output(struct net_tcp *net, struct tcp_conn *conn)
{
    tcp_conn_release_ring(net, conn);
    if (conn->write_side == WRITE_FINISHING) {
        if (net->system->shutdown(net->system, conn->socket, SD_SEND) != 0) {
            tcp_conn_end(net, conn, tcp_reason_of(WSAGetLastError()));
            return;
        }
        conn->write_side = WRITE_ENDED;
        tcp_conn_check_finished(net, conn);
    }
}

/* The oldest bytes of the ring, at most SEND_STEP_BYTES. Returns the count of buffers. */
static DWORD gather(struct net_tcp *net, struct tcp_conn *conn, WSABUF buffers[2])
{
    struct net_ring_piece pieces[2];
    const unsigned count = net_ring_peek(net->rings, conn->ring, pieces);
    size_t room = SEND_STEP_BYTES;
    DWORD used = 0;

    for (unsigned i = 0; i < count && room > 0; i++) {
        const size_t size = pieces[i].size < room ? pieces[i].size : room;
        buffers[used] = (WSABUF){.len = (ULONG)size, .buf = (CHAR *)pieces[i].bytes};
        used++;
        room -= size;
    }
    return used;
}

static void consume(struct net_tcp *net, struct tcp_conn *conn, DWORD sent)
{
    assert(sent <= net_ring_used(net->rings, conn->ring));
    net_ring_consume(net->rings, conn->ring, sent);
    net->counters.bytes_sent += sent;
}

/* Leaves the rest of the ring to the system, which tells by a completion when it has it. */
static void post_rest(struct net_tcp *net, struct tcp_conn *conn)
{
    WSABUF buffers[2];
    const DWORD count = gather(net, conn, buffers);
    DWORD sent = 0;

    conn->send.overlapped = (OVERLAPPED){0};
    const int status = net->system->post_send(net->system, conn->socket, buffers, count, &sent,
                                              &conn->send.overlapped);
    const int error = status == 0 ? 0 : WSAGetLastError();
    if (error == 0 || error == WSA_IO_PENDING) {
        tcp_op_posted(net, &conn->send);
    } else if (tcp_is_shortage(error)) {
        tcp_conn_starve(net, conn);
    } else {
        tcp_conn_end(net, conn, tcp_reason_of(error));
    }
}

/* Sends what the ring holds: what the system takes at once without an operation, the rest with
 * one. Nothing may be in flight, or bytes would overtake each other. */
static void flush(struct net_tcp *net, struct tcp_conn *conn)
{
    assert(!conn->send.is_in_flight);
    while (net_ring_used(net->rings, conn->ring) > 0) {
        WSABUF buffers[2];
        const DWORD count = gather(net, conn, buffers);
        DWORD sent = 0;
        const int status =
            net->system->post_send(net->system, conn->socket, buffers, count, &sent, NULL);
        const int error = status == 0 ? 0 : WSAGetLastError();
        if (error == 0 && sent > 0) {
            consume(net, conn, sent);
        } else if (error == 0 || tcp_is_shortage(error)) {
            post_rest(net, conn);
            return;
        } else {
            tcp_conn_end(net, conn, tcp_reason_of(error));
            return;
        }
    }
    finish_output(net, conn);
}

/* Sends on, and tells the owner if the bytes before that left room. */
static void continue_output(struct net_tcp *net, struct tcp_conn *conn, size_t used_before)
{
    flush(net, conn);
    if (conn->state != CONN_OPEN) {
        return;
    }
    const size_t used = conn->ring == NET_RING_NONE ? 0 : net_ring_used(net->rings, conn->ring);
    if (used == 0 || (used < used_before && conn->wants_room)) {
        conn->wants_room = false;
        conn->has_sent = true;
        tcp_conn_update_note(net, conn);
    }
}

void tcp_conn_finish_send(struct net_tcp *net, struct tcp_conn *conn)
{
    DWORD sent = 0;

    if (conn->state != CONN_OPEN && conn->state != CONN_LINGERING) {
        tcp_conn_settle(net, conn);
        return;
    }
    if (!net->system->operation_result(net->system, conn->socket, &conn->send.overlapped, &sent)) {
        /* How much of a failed send has gone cannot be known: the stream is broken. */
        tcp_conn_end(net, conn, tcp_reason_of(WSAGetLastError()));
        return;
    }
    if (sent == 0) {
        tcp_conn_end(net, conn, NET_CLOSE_ERROR);
        return;
    }
    const size_t used_before = net_ring_used(net->rings, conn->ring);
    consume(net, conn, sent);
    continue_output(net, conn, used_before);
}

static int refuse_write(struct net_tcp *net, struct tcp_conn *conn)
{
    conn->wants_room = true;
    if (conn->ring == NET_RING_NONE) {
        net->has_pool_waiters = true;
        net->counters.write_pool_empty++;
    } else {
        net->counters.write_ring_full++;
    }
    return RESULT_FULL;
}

int net_tcp_write(struct net_tcp *net, struct net_conn handle, const void *bytes, size_t size)
{
    struct tcp_conn *const conn = tcp_conn_find(net, handle);

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
    if (conn->read_side == READ_CONNECTING) {
        return RESULT_AGAIN;
    }
    if (conn->ring == NET_RING_NONE) {
        conn->ring = net_ring_take(net->rings);
    }
    if (conn->ring == NET_RING_NONE || net_ring_room(net->rings, conn->ring) < size) {
        return refuse_write(net, conn);
    }
    const bool is_waiting = net_ring_used(net->rings, conn->ring) > 0;
    net_ring_write(net->rings, conn->ring, bytes, size);
    if (!is_waiting) {
        flush(net, conn);
    }
    return conn->state == CONN_OPEN ? RESULT_OK : RESULT_CLOSED;
}

size_t net_tcp_pending(const struct net_tcp *net, struct net_conn handle)
{
    const struct tcp_conn *const conn = tcp_conn_find_const(net, handle);

    if (conn == NULL || conn->ring == NET_RING_NONE) {
        return 0;
    }
    return net_ring_used(net->rings, conn->ring);
}

void tcp_conn_start_finish(struct net_tcp *net, struct tcp_conn *conn)
{
    if (conn->write_side == WRITE_OPEN) {
        conn->write_side = WRITE_FINISHING;
        if (conn->ring == NET_RING_NONE) {
            finish_output(net, conn);
        }
    }
}

int net_tcp_finish(struct net_tcp *net, struct net_conn handle)
{
    struct tcp_conn *const conn = tcp_conn_find(net, handle);

    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    if (conn->state == CONN_OPEN && conn->read_side == READ_CONNECTING) {
        return RESULT_AGAIN;
    }
    if (conn->state == CONN_OPEN) {
        tcp_conn_start_finish(net, conn);
    }
    return RESULT_OK;
}

void tcp_conn_retry_send(struct net_tcp *net, struct tcp_conn *conn)
{
    if (conn->ring != NET_RING_NONE && !conn->send.is_in_flight) {
        continue_output(net, conn, net_ring_used(net->rings, conn->ring));
    }
}
