/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>

#include "daemon/net/net_error.h"
#include "daemon/net/net_tcp_linux.h"

/* Reads of thrown-away input in one step: a lingering peer must not hold the loop. */
#define DISCARDS_MAX 16

static uint32_t index_of(const struct net_tcp *net, const struct tcp_conn *conn)
{
    return (uint32_t)(conn - net->conns);
}

struct net_conn tcp_conn_handle(const struct net_tcp *net, const struct tcp_conn *conn)
{
    return (struct net_conn){.index = index_of(net, conn), .generation = conn->generation};
}

static const struct tcp_conn *find_const(const struct net_tcp *net, struct net_conn handle)
{
    if (handle.index >= net->max_connections || handle.generation == 0) {
        return NULL;
    }
    const struct tcp_conn *const conn = &net->conns[handle.index];
    if (conn->generation != handle.generation) {
        return NULL;
    }
    /* Invalidated before it lingers or is freed, so an equal generation is a living handle. */
    assert(conn->state == CONN_OPEN || conn->state == CONN_OVER);
    return conn;
}

static struct tcp_conn *find(struct net_tcp *net, struct net_conn handle)
{
    return find_const(net, handle) != NULL ? &net->conns[handle.index] : NULL;
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

void tcp_conn_add_note(struct net_tcp *net, struct tcp_conn *conn, uint32_t note)
{
    if (conn->notes == 0) {
        list_append(net, &net->noted, conn);
    }
    conn->notes |= note;
}

void tcp_conn_forget_notes(struct net_tcp *net, struct tcp_conn *conn)
{
    if (conn->notes != 0) {
        list_remove(net, &net->noted, conn);
        conn->notes = 0;
    }
}

void tcp_conn_invalidate(struct tcp_conn *conn)
{
    conn->generation++;
    if (conn->generation == 0) {
        conn->generation = 1;
    }
}

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
            tcp_conn_add_note(net, conn, NOTE_SENT);
        }
    }
}

static void release_ring(struct net_tcp *net, struct tcp_conn *conn)
{
    if (conn->ring != NET_RING_NONE) {
        net_ring_put(net->rings, conn->ring);
        conn->ring = NET_RING_NONE;
        tell_pool_waiters(net);
    }
}

static void close_socket(struct net_tcp *net, struct tcp_conn *conn)
{
    if (conn->fd >= 0) {
        /* Closing takes it out of the epoll set too. */
        (void)net->system->close(net->system, conn->fd);
        conn->fd = -1;
        conn->is_registered = false;
    }
}

void tcp_conn_release(struct net_tcp *net, struct tcp_conn *conn)
{
    assert(conn->state != CONN_FREE);

    tcp_conn_forget_notes(net, conn);
    if (conn->state == CONN_LINGERING) {
        list_remove(net, &net->lingering, conn);
    }
    close_socket(net, conn);
    conn->state = CONN_FREE;
    release_ring(net, conn);
    conn->next = net->first_free;
    net->first_free = index_of(net, conn);
    net->connection_count--;
}

static enum net_close_reason reason_of(int error)
{
    if (net_error_class_linux(error) != NET_ERROR_PEER_GONE) {
        return NET_CLOSE_ERROR;
    }
    return net_error_result_linux(error) == RESULT_CLOSED ? NET_CLOSE_RESET : NET_CLOSE_TIMEOUT;
}

void tcp_conn_end(struct net_tcp *net, struct tcp_conn *conn, enum net_close_reason reason)
{
    if (conn->state == CONN_LINGERING) {
        tcp_conn_release(net, conn);
        return;
    }
    assert(conn->state == CONN_OPEN);
    close_socket(net, conn);
    conn->state = CONN_OVER;
    conn->reason = reason;
    release_ring(net, conn);
    tcp_conn_add_note(net, conn, NOTE_CLOSED);
}

void tcp_conn_set_interest(struct net_tcp *net, struct tcp_conn *conn)
{
    struct net_system *const system = net->system;
    uint32_t wanted = 0;

    if (!conn->is_read_ended && !conn->is_paused) {
        wanted |= EPOLLIN;
    }
    if (conn->is_connecting) {
        wanted = EPOLLOUT;
    } else if (conn->is_blocked) {
        wanted |= EPOLLOUT;
    }
    if (conn->is_registered ? conn->interest == wanted : wanted == 0) {
        return;
    }
    struct epoll_event event = {.events = wanted};
    event.data.u64 = ((uint64_t)conn->generation << 32) | index_of(net, conn);
    const int operation = conn->is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (system->epoll_ctl(system, net->waiter.epoll_fd, operation, conn->fd, &event) != 0) {
        /* A connection that cannot be waited for would hang for ever. */
        tcp_conn_end(net, conn, NET_CLOSE_ERROR);
        return;
    }
    conn->is_registered = true;
    conn->interest = wanted;
}

/* Out of the epoll set until there is something to wait for: it tells a hang-up over and over. */
static void stop_waiting(struct net_tcp *net, struct tcp_conn *conn)
{
    struct net_system *const system = net->system;

    (void)system->epoll_ctl(system, net->waiter.epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
    conn->is_registered = false;
    conn->interest = 0;
}

struct tcp_conn *tcp_conn_add(struct net_tcp *net, int fd, const struct addr *peer,
                              uint32_t listener_index, bool is_connecting)
{
    assert(tcp_conn_is_left(net));

    struct tcp_conn *const conn = tcp_conn_take_free(net);
    const uint32_t generation = conn->generation;
    *conn = (struct tcp_conn){
        .fd = fd,
        .generation = generation,
        .state = CONN_OPEN,
        .is_connecting = is_connecting,
        .ring = NET_RING_NONE,
        .listener_index = listener_index,
        .next = CONN_NONE,
        .previous = CONN_NONE,
        .peer = *peer,
    };
    tcp_conn_set_interest(net, conn);
    if (conn->state == CONN_OVER) {
        tcp_conn_invalidate(conn);
        tcp_conn_release(net, conn);
        return NULL;
    }
    return conn;
}

/* Both directions over in order? */
static void check_finished(struct net_tcp *net, struct tcp_conn *conn)
{
    if (conn->is_read_ended && conn->write_side == WRITE_ENDED) {
        tcp_conn_end(net, conn, NET_CLOSE_FINISHED);
    }
}

/* The ring is empty. */
static void finish_output(struct net_tcp *net, struct tcp_conn *conn)
{
    conn->is_blocked = false;
    release_ring(net, conn);
    if (conn->write_side == WRITE_FINISHING) {
        if (net->system->shutdown(net->system, conn->fd, SHUT_WR) != 0) {
            tcp_conn_end(net, conn, reason_of(errno));
            return;
        }
        conn->write_side = WRITE_ENDED;
    }
    tcp_conn_set_interest(net, conn);
    if (conn->fd >= 0) {
        check_finished(net, conn);
    }
}

/* One attempt to send what the ring holds. Returns bytes, or a negative errno. */
static ssize_t send_once(struct net_tcp *net, struct tcp_conn *conn)
{
    struct net_ring_piece pieces[2];
    struct iovec vectors[2];
    const unsigned count = net_ring_peek(net->rings, conn->ring, pieces);

    for (unsigned i = 0; i < count; i++) {
        vectors[i] = (struct iovec){pieces[i].bytes, pieces[i].size};
    }
    const struct msghdr message = {.msg_iov = vectors, .msg_iovlen = count};
    const ssize_t sent =
        net->system->sendmsg(net->system, conn->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent >= 0 ? sent : -errno;
}

/* Sends until the ring is empty, the system's buffer is full, or the connection is over. */
static void flush(struct net_tcp *net, struct tcp_conn *conn)
{
    unsigned retries = 0;

    while (net_ring_used(net->rings, conn->ring) > 0) {
        const ssize_t sent = send_once(net, conn);
        if (sent > 0) {
            assert((size_t)sent <= net_ring_used(net->rings, conn->ring));
            net_ring_consume(net->rings, conn->ring, (size_t)sent);
            net->counters.bytes_sent += (uint64_t)sent;
            continue;
        }
        const enum net_error_class error_class = net_error_class_linux(-sent);
        if (error_class == NET_ERROR_RETRY && retries < RETRIES_MAX) {
            retries++;
            continue;
        }
        if (error_class != NET_ERROR_NONE && error_class != NET_ERROR_AGAIN &&
            error_class != NET_ERROR_RETRY && error_class != NET_ERROR_RESOURCE) {
            tcp_conn_end(net, conn, reason_of((int)-sent));
            return;
        }
        conn->is_blocked = true;
        tcp_conn_set_interest(net, conn);
        return;
    }
    finish_output(net, conn);
}

/* Sends on and tells the owner if that is due. */
static void continue_output(struct net_tcp *net, struct tcp_conn *conn)
{
    const size_t before = net_ring_used(net->rings, conn->ring);

    flush(net, conn);
    if (conn->state != CONN_OPEN) {
        return;
    }
    const size_t after = conn->ring == NET_RING_NONE ? 0 : net_ring_used(net->rings, conn->ring);
    if (after == 0 || (after < before && conn->wants_room)) {
        conn->wants_room = false;
        tcp_conn_add_note(net, conn, NOTE_SENT);
    }
}

static ssize_t receive(struct net_tcp *net, struct tcp_conn *conn, void *bytes, size_t size)
{
    for (unsigned retries = 0;; retries++) {
        const ssize_t count = net->system->recv(net->system, conn->fd, bytes, size, MSG_DONTWAIT);
        if (count >= 0 || net_error_class_linux(errno) != NET_ERROR_RETRY ||
            retries == RETRIES_MAX) {
            return count >= 0 ? count : -errno;
        }
    }
}

/* Reads and throws away what a lingering peer sends. */
static void discard_input(struct net_tcp *net, struct tcp_conn *conn)
{
    uint8_t scratch[4096];

    for (unsigned i = 0; i < DISCARDS_MAX; i++) {
        const ssize_t count = receive(net, conn, scratch, sizeof(scratch));
        if (count > 0) {
            continue;
        }
        if (count == 0) {
            conn->is_read_ended = true;
            tcp_conn_set_interest(net, conn);
            if (conn->state == CONN_LINGERING) {
                check_finished(net, conn);
            }
        } else if (net_error_class_linux(-count) != NET_ERROR_AGAIN) {
            tcp_conn_end(net, conn, NET_CLOSE_ERROR);
        }
        return;
    }
}

bool tcp_conn_step(struct net_tcp *net, struct tcp_conn *conn, uint32_t events)
{
    if (conn->is_connecting) {
        tcp_conn_finish_connecting(net, conn);
        return false;
    }
    if ((events & EPOLLOUT) != 0 && conn->ring != NET_RING_NONE) {
        continue_output(net, conn);
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0 || conn->fd < 0) {
        return false;
    }
    if (!conn->is_read_ended && !conn->is_paused) {
        /* Reading finds out, errors too, after the bytes that came before them. */
        if (conn->state == CONN_OPEN) {
            return true;
        }
        discard_input(net, conn);
        return false;
    }
    const int error = (events & EPOLLERR) != 0 ? tcp_conn_take_error(net, conn) : 0;
    if (error != 0) {
        tcp_conn_end(net, conn, reason_of(error));
    } else if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        stop_waiting(net, conn);
    }
    return false;
}

/* Makes the close of the socket a reset. */
static void set_abort(struct net_tcp *net, struct tcp_conn *conn)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (conn->fd >= 0) {
        (void)net->system->setsockopt(net->system, conn->fd, SOL_SOCKET, SO_LINGER, &at_once,
                                      sizeof(at_once));
    }
}

void tcp_conn_end_lingering(struct net_tcp *net, uint64_t now_ns)
{
    while (net->lingering.first != CONN_NONE) {
        struct tcp_conn *const conn = &net->conns[net->lingering.first];
        if (conn->deadline_ns > now_ns) {
            return;
        }
        net->counters.linger_expired++;
        set_abort(net, conn);
        tcp_conn_release(net, conn);
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
    const ssize_t count = receive(net, conn, bytes, size < INT_MAX ? size : INT_MAX);
    if (count > 0) {
        net->counters.bytes_read += (uint64_t)count;
        return (int)count;
    }
    if (count == 0) {
        conn->is_read_ended = true;
        tcp_conn_set_interest(net, conn);
        if (conn->state == CONN_OPEN) {
            check_finished(net, conn);
        }
        return 0;
    }
    if (net_error_class_linux(-count) == NET_ERROR_AGAIN ||
        net_error_class_linux(-count) == NET_ERROR_RETRY) {
        return RESULT_AGAIN;
    }
    tcp_conn_end(net, conn, reason_of((int)-count));
    return RESULT_CLOSED;
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
        return refuse_write(net, conn);
    }
    net_ring_write(net->rings, conn->ring, bytes, size);
    if (!conn->is_blocked) {
        flush(net, conn);
    }
    return conn->state == CONN_OPEN ? RESULT_OK : RESULT_CLOSED;
}

size_t net_tcp_pending(const struct net_tcp *net, struct net_conn handle)
{
    const struct tcp_conn *const conn = find_const(net, handle);

    if (conn == NULL || conn->ring == NET_RING_NONE) {
        return 0;
    }
    return net_ring_used(net->rings, conn->ring);
}

/* Begins to end our direction. */
static void start_finish(struct net_tcp *net, struct tcp_conn *conn)
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
    struct tcp_conn *const conn = find(net, handle);

    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    if (conn->is_connecting) {
        return conn->state == CONN_OPEN ? RESULT_AGAIN : RESULT_OK;
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
    tcp_conn_invalidate(conn);
    if (mode == NET_CLOSE_ABORT) {
        set_abort(net, conn);
    }
    if (mode == NET_CLOSE_ABORT || net->linger_ns == 0 || conn->state == CONN_OVER ||
        conn->is_connecting) {
        tcp_conn_release(net, conn);
        return RESULT_OK;
    }
    tcp_conn_forget_notes(net, conn);
    conn->state = CONN_LINGERING;
    conn->is_paused = false;
    conn->wants_room = false;
    conn->deadline_ns = net->system->now_ns(net->system) + net->linger_ns;
    list_append(net, &net->lingering, conn);
    /* Registered anew, under the new generation, so that events of the old one miss it. */
    stop_waiting(net, conn);
    tcp_conn_set_interest(net, conn);
    if (conn->state == CONN_LINGERING) {
        start_finish(net, conn);
    }
    return RESULT_OK;
}

int net_tcp_pause(struct net_tcp *net, struct net_conn handle)
{
    struct tcp_conn *const conn = find(net, handle);

    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    conn->is_paused = true;
    if (conn->state == CONN_OPEN && conn->is_registered) {
        tcp_conn_set_interest(net, conn);
    }
    return RESULT_OK;
}

int net_tcp_resume(struct net_tcp *net, struct net_conn handle)
{
    struct tcp_conn *const conn = find(net, handle);

    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    conn->is_paused = false;
    if (conn->state == CONN_OPEN) {
        tcp_conn_set_interest(net, conn);
    }
    return RESULT_OK;
}

int net_tcp_peer(const struct net_tcp *net, struct net_conn handle, struct addr *out)
{
    const struct tcp_conn *const conn = find_const(net, handle);

    if (conn == NULL) {
        return RESULT_NOT_FOUND;
    }
    *out = conn->peer;
    return RESULT_OK;
}
