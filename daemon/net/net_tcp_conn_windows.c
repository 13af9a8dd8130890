/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_tcp_windows.h"

#include <assert.h>
#include <limits.h>

#include "daemon/net/net_error.h"

/* Reads of thrown-away input in one step: a lingering peer must not hold the loop. */
#define DISCARDS_MAX 16

/* --- Entries, handles, lists ----------------------------------------------------------------- */

static uint32_t index_of(const struct net_tcp *net, const struct tcp_conn *conn)
{
    return (uint32_t)(conn - net->conns);
}

struct net_conn tcp_conn_handle(const struct net_tcp *net, const struct tcp_conn *conn)
{
    return (struct net_conn){.index = index_of(net, conn), .generation = conn->generation};
}

const struct tcp_conn *tcp_conn_find_const(const struct net_tcp *net, struct net_conn handle)
{
    if (handle.index >= net->max_connections || handle.generation == 0) {
        return NULL;
    }
    const struct tcp_conn *const conn = &net->conns[handle.index];
    if (conn->generation != handle.generation) {
        return NULL;
    }
    /* A free entry has the generation of its next user, who has no handle yet. */
    return conn->state == CONN_OPEN || conn->state == CONN_OVER ? conn : NULL;
}

struct tcp_conn *tcp_conn_find(struct net_tcp *net, struct net_conn handle)
{
    return tcp_conn_find_const(net, handle) != NULL ? &net->conns[handle.index] : NULL;
}

/* Makes every handle to the connection stale. */
static void invalidate(struct tcp_conn *conn)
{
    conn->generation++;
    if (conn->generation == 0) {
        conn->generation = 1;
    }
}

static void list_append(struct net_tcp *net, struct conn_list *list, struct tcp_conn *conn)
{
    const uint32_t index = index_of(net, conn);

    conn->next = CONN_NONE;
    conn->previous = list->last;
    if (list->last == CONN_NONE) {
        list->first = index;
    } else {
        net->conns[list->last].next = index;
    }
    list->last = index;
}

static void list_remove(struct net_tcp *net, struct conn_list *list, struct tcp_conn *conn)
{
    if (conn->previous == CONN_NONE) {
        list->first = conn->next;
    } else {
        net->conns[conn->previous].next = conn->next;
    }
    if (conn->next == CONN_NONE) {
        list->last = conn->previous;
    } else {
        net->conns[conn->next].previous = conn->previous;
    }
    conn->next = CONN_NONE;
    conn->previous = CONN_NONE;
}

static bool is_quiet(const struct tcp_conn *conn)
{
    return !conn->recv.is_in_flight && !conn->send.is_in_flight;
}

static bool is_readable(const struct tcp_conn *conn)
{
    return conn->state == CONN_OPEN && conn->read_side == READ_READY && !conn->is_paused;
}

/* CLOSED is told when the entry can be free the moment after. */
static bool has_closed(const struct tcp_conn *conn)
{
    return conn->state == CONN_OVER && conn->socket == INVALID_SOCKET;
}

void tcp_conn_update_note(struct net_tcp *net, struct tcp_conn *conn)
{
    const bool has_note = is_readable(conn) || has_closed(conn) ||
                          (conn->state == CONN_OPEN && (conn->has_sent || conn->has_connected));

    if (has_note && !conn->is_noted) {
        list_append(net, &net->noted, conn);
    } else if (!has_note && conn->is_noted) {
        list_remove(net, &net->noted, conn);
    }
    conn->is_noted = has_note;
}

/* --- The end of a connection ----------------------------------------------------------------- */

void tcp_conn_settle(struct net_tcp *net, struct tcp_conn *conn)
{
    assert(conn->state == CONN_OVER || conn->state == CONN_CLOSING);
    if (!is_quiet(conn)) {
        return;
    }
    if (conn->socket != INVALID_SOCKET) {
        (void)net->system->close_socket(net->system, conn->socket);
        conn->socket = INVALID_SOCKET;
    }
    tcp_conn_release_ring(net, conn);
    tcp_conn_update_note(net, conn);
    if (conn->state == CONN_CLOSING) {
        conn->state = CONN_FREE;
        conn->next = net->first_free;
        net->first_free = index_of(net, conn);
        net->connection_count--;
    }
}

/* Leaves the owner's or the lingering state for one of the two last ones. */
static void begin_end(struct net_tcp *net, struct tcp_conn *conn, enum conn_state state)
{
    assert(state == CONN_OVER || state == CONN_CLOSING);
    if (conn->state == CONN_LINGERING) {
        list_remove(net, &net->lingering, conn);
    }
    conn->state = state;
    conn->is_starved = false;
    tcp_conn_update_note(net, conn);
    if (!is_quiet(conn)) {
        (void)net->system->cancel(net->system, conn->socket);
    }
    tcp_conn_settle(net, conn);
}

void tcp_conn_end(struct net_tcp *net, struct tcp_conn *conn, enum net_close_reason reason)
{
    assert(conn->state == CONN_OPEN || conn->state == CONN_LINGERING);
    conn->reason = reason;
    begin_end(net, conn, conn->state == CONN_OPEN ? CONN_OVER : CONN_CLOSING);
}

/* Makes the close of the socket a reset. */
static void set_abort(struct net_tcp *net, struct tcp_conn *conn)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (conn->socket != INVALID_SOCKET) {
        (void)net->system->setsockopt(net->system, conn->socket, SOL_SOCKET, SO_LINGER, &at_once,
                                      sizeof(at_once));
    }
}

void tcp_conn_abort(struct net_tcp *net, struct tcp_conn *conn)
{
    set_abort(net, conn);
    begin_end(net, conn, CONN_CLOSING);
}

uint64_t tcp_conns_end_lingering(struct net_tcp *net, uint64_t now_ns)
{
    while (net->lingering.first != CONN_NONE) {
        struct tcp_conn *const conn = &net->conns[net->lingering.first];
        if (conn->deadline_ns > now_ns) {
            return conn->deadline_ns;
        }
        net->counters.linger_expired++;
        tcp_conn_abort(net, conn);
    }
    return UINT64_MAX;
}

enum net_close_reason tcp_reason_of(int error)
{
    if (net_error_class_windows(error) != NET_ERROR_PEER_GONE) {
        return NET_CLOSE_ERROR;
    }
    return net_error_result_windows(error) == RESULT_CLOSED ? NET_CLOSE_RESET : NET_CLOSE_TIMEOUT;
}

void tcp_conn_check_finished(struct net_tcp *net, struct tcp_conn *conn)
{
    if (conn->read_side == READ_ENDED && conn->write_side == WRITE_ENDED) {
        tcp_conn_end(net, conn, NET_CLOSE_FINISHED);
    }
}

/* --- When the system is short of something --------------------------------------------------- */

bool tcp_is_shortage(int error)
{
    const enum net_error_class error_class = net_error_class_windows(error);

    return error_class == NET_ERROR_RESOURCE || error_class == NET_ERROR_AGAIN ||
           error_class == NET_ERROR_RETRY;
}

/* All starved connections share one delay: what is short is short for all of them. It is never
 * none, as posting may work where what follows it does not. */
void tcp_conn_starve(struct net_tcp *net, struct tcp_conn *conn)
{
    conn->is_starved = true;
    if (net->starved_retry_ns == 0) {
        const uint64_t delay_ns = net_backoff_fail(&net->starved_backoff);
        net->starved_retry_ns =
            net->system->now_ns(net->system) + (delay_ns > 0 ? delay_ns : NET_BACKOFF_FIRST_NS);
    }
}

/* --- Receiving ------------------------------------------------------------------------------- */

static void starve_reading(struct net_tcp *net, struct tcp_conn *conn)
{
    conn->read_side = READ_STARVED;
    tcp_conn_starve(net, conn);
    tcp_conn_update_note(net, conn);
}

void tcp_conn_arm(struct net_tcp *net, struct tcp_conn *conn)
{
    WSABUF nothing = {0};

    assert(!conn->recv.is_in_flight);
    conn->recv.overlapped = (OVERLAPPED){0};
    const int status =
        net->system->post_recv(net->system, conn->socket, &nothing, 1, 0, &conn->recv.overlapped);
    const int error = status == 0 ? 0 : WSAGetLastError();
    if (error == 0 || error == WSA_IO_PENDING) {
        conn->read_side = READ_ARMED;
        tcp_op_posted(net, &conn->recv);
        tcp_conn_update_note(net, conn);
    } else if (tcp_is_shortage(error)) {
        starve_reading(net, conn);
    } else {
        tcp_conn_end(net, conn, tcp_reason_of(error));
    }
}

/* After a read that gave nothing: waits for more, or for better times, or ends. */
static void go_on_after(struct net_tcp *net, struct tcp_conn *conn, int error)
{
    if (net_error_class_windows(error) == NET_ERROR_AGAIN) {
        tcp_conn_arm(net, conn);
    } else if (tcp_is_shortage(error)) {
        starve_reading(net, conn);
    } else {
        tcp_conn_end(net, conn, tcp_reason_of(error));
    }
}

/* Reads and throws away what a lingering peer sends. What is left after that wakes us again. */
static void discard_input(struct net_tcp *net, struct tcp_conn *conn)
{
    uint8_t scratch[4096];

    for (unsigned i = 0; i < DISCARDS_MAX; i++) {
        const int count = net->system->recv(net->system, conn->socket, scratch, sizeof(scratch));
        if (count > 0) {
            continue;
        }
        if (count == 0) {
            conn->read_side = READ_ENDED;
            tcp_conn_check_finished(net, conn);
            return;
        }
        go_on_after(net, conn, WSAGetLastError());
        return;
    }
    tcp_conn_arm(net, conn);
}

void tcp_conn_finish_recv(struct net_tcp *net, struct tcp_conn *conn)
{
    DWORD transferred = 0;

    if (conn->state != CONN_OPEN && conn->state != CONN_LINGERING) {
        tcp_conn_settle(net, conn);
        return;
    }
    if (conn->read_side == READ_CONNECTING) {
        tcp_conn_finish_connecting(net, conn);
        return;
    }
    assert(conn->read_side == READ_ARMED);
    if (!net->system->operation_result(net->system, conn->socket, &conn->recv.overlapped,
                                       &transferred)) {
        go_on_after(net, conn, WSAGetLastError());
        return;
    }
    conn->read_side = READ_READY;
    if (conn->state == CONN_LINGERING) {
        discard_input(net, conn);
    } else {
        tcp_conn_update_note(net, conn);
    }
}

int net_tcp_read(struct net_tcp *net, struct net_conn handle, void *bytes, size_t size)
{
    struct tcp_conn *const conn = tcp_conn_find(net, handle);

    assert(size > 0);
    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    if (conn->read_side == READ_ENDED &&
        (conn->state == CONN_OPEN || conn->reason == NET_CLOSE_FINISHED)) {
        return 0;
    }
    if (conn->state == CONN_OVER) {
        return RESULT_CLOSED;
    }
    if (conn->read_side != READ_READY) {
        /* Its completion, or the next attempt to arm it, will tell. */
        return RESULT_AGAIN;
    }
    const int count =
        net->system->recv(net->system, conn->socket, bytes, size < INT_MAX ? (int)size : INT_MAX);
    if (count > 0) {
        net->counters.bytes_read += (uint64_t)count;
        return count;
    }
    if (count == 0) {
        conn->read_side = READ_ENDED;
        tcp_conn_update_note(net, conn);
        tcp_conn_check_finished(net, conn);
        return 0;
    }
    go_on_after(net, conn, WSAGetLastError());
    return conn->state == CONN_OPEN ? RESULT_AGAIN : RESULT_CLOSED;
}

struct tcp_conn *tcp_conn_take(struct net_tcp *net, SOCKET socket, const struct addr *peer,
                               uint32_t listener_index)
{
    assert(tcp_conn_is_left(net));

    struct tcp_conn *const conn = tcp_conn_take_free(net);
    const uint32_t generation = conn->generation;
    *conn = (struct tcp_conn){
        .recv.kind = OP_RECV,
        .send.kind = OP_SEND,
        .socket = socket,
        .generation = generation,
        .state = CONN_OPEN,
        .ring = NET_RING_NONE,
        .listener_index = listener_index,
        .next = CONN_NONE,
        .previous = CONN_NONE,
        .peer = *peer,
    };
    return conn;
}

struct tcp_conn *tcp_conn_add(struct net_tcp *net, SOCKET socket, const struct addr *peer,
                              uint32_t listener_index)
{
    struct tcp_conn *const conn = tcp_conn_take(net, socket, peer, listener_index);

    tcp_conn_arm(net, conn);
    return conn;
}

uint64_t tcp_conns_retry(struct net_tcp *net, uint64_t now_ns)
{
    if (net->starved_retry_ns == 0) {
        return UINT64_MAX;
    }
    if (net->starved_retry_ns > now_ns) {
        return net->starved_retry_ns;
    }
    net->starved_retry_ns = 0;
    for (uint32_t i = 0; i < net->fresh; i++) {
        struct tcp_conn *const conn = &net->conns[i];
        if (!conn->is_starved) {
            continue;
        }
        conn->is_starved = false;
        if (conn->read_side == READ_STARVED) {
            tcp_conn_arm(net, conn);
        }
        if (conn->state == CONN_OPEN || conn->state == CONN_LINGERING) {
            tcp_conn_retry_send(net, conn);
        }
    }
    if (net->starved_retry_ns == 0) {
        net_backoff_reset(&net->starved_backoff);
        return UINT64_MAX;
    }
    return net->starved_retry_ns;
}

/* --- The owner's verbs ----------------------------------------------------------------------- */

static void start_lingering(struct net_tcp *net, struct tcp_conn *conn)
{
    conn->is_paused = false;
    conn->wants_room = false;
    conn->has_sent = false;
    conn->state = CONN_LINGERING;
    tcp_conn_update_note(net, conn);
    conn->deadline_ns = net->system->now_ns(net->system) + net->linger_ns;
    list_append(net, &net->lingering, conn);
    if (conn->read_side == READ_READY) {
        discard_input(net, conn);
    }
    if (conn->state == CONN_LINGERING) {
        tcp_conn_start_finish(net, conn);
    }
}

void tcp_conn_close(struct net_tcp *net, struct tcp_conn *conn, enum net_close_mode mode)
{
    net->counters.closed_by_owner++;
    invalidate(conn);
    if (mode == NET_CLOSE_ABORT) {
        tcp_conn_abort(net, conn);
    } else if (net->linger_ns == 0 || conn->state == CONN_OVER ||
               conn->read_side == READ_CONNECTING) {
        begin_end(net, conn, CONN_CLOSING);
    } else {
        start_lingering(net, conn);
    }
}

int net_tcp_pause(struct net_tcp *net, struct net_conn handle)
{
    struct tcp_conn *const conn = tcp_conn_find(net, handle);

    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    /* A receive of no bytes that is in flight stays: it takes nothing out of the buffer. */
    conn->is_paused = true;
    tcp_conn_update_note(net, conn);
    return RESULT_OK;
}

int net_tcp_resume(struct net_tcp *net, struct net_conn handle)
{
    struct tcp_conn *const conn = tcp_conn_find(net, handle);

    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    conn->is_paused = false;
    tcp_conn_update_note(net, conn);
    return RESULT_OK;
}

int net_tcp_peer(const struct net_tcp *net, struct net_conn handle, struct addr *out)
{
    const struct tcp_conn *const conn = tcp_conn_find_const(net, handle);

    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    *out = conn->peer;
    return RESULT_OK;
}

/* --- Events ---------------------------------------------------------------------------------- */

static void count_closed(struct net_tcp *net, enum net_close_reason reason)
{
    switch (reason) {
    case NET_CLOSE_FINISHED:
        net->counters.closed_finished++;
        break;
    case NET_CLOSE_RESET:
        net->counters.closed_reset++;
        break;
    case NET_CLOSE_TIMEOUT:
        net->counters.closed_timeout++;
        break;
    case NET_CLOSE_NONE:
    case NET_CLOSE_ERROR:
        net->counters.closed_error++;
        break;
    }
}

unsigned tcp_conn_tell(struct net_tcp *net, struct net_tcp_event events[], unsigned capacity)
{
    assert(net->noted.first != CONN_NONE && capacity > 0);

    struct tcp_conn *const conn = &net->conns[net->noted.first];
    struct net_tcp_event event = {.conn = tcp_conn_handle(net, conn),
                                  .peer = conn->peer,
                                  .listener_index = conn->listener_index};
    unsigned count = 0;

    /* To the back of the list, for what it has to tell again or this time has no room for. */
    list_remove(net, &net->noted, conn);
    conn->is_noted = false;
    if (conn->state == CONN_OPEN && conn->has_connected) {
        conn->has_connected = false;
        event.type = NET_TCP_CONNECTED;
        events[count] = event;
        count++;
        net->counters.connected++;
    }
    if (is_readable(conn) && count < capacity) {
        event.type = NET_TCP_READABLE;
        events[count] = event;
        count++;
    }
    if (conn->state == CONN_OPEN && conn->has_sent && count < capacity) {
        conn->has_sent = false;
        event.type = NET_TCP_SENT;
        events[count] = event;
        count++;
    }
    if (has_closed(conn)) {
        event.type = NET_TCP_CLOSED;
        event.reason = conn->reason;
        events[count] = event;
        count++;
        count_closed(net, conn->reason);
        invalidate(conn);
        conn->state = CONN_CLOSING;
        tcp_conn_settle(net, conn);
        return count;
    }
    tcp_conn_update_note(net, conn);
    return count;
}
