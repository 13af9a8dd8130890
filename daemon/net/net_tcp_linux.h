/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_TCP_LINUX_H
#define GSRELAY_DAEMON_NET_NET_TCP_LINUX_H

/* net_tcp_linux.h - what net_tcp_linux.c (listeners and waiting), net_tcp_connect_linux.c
 * (connecting) and net_tcp_conn_linux.c (connections) share. Private to these. Threads and memory:
 * net_tcp.h. */

#include "daemon/net/net_backoff.h"
#include "daemon/net/net_ring.h"
#include "daemon/net/net_socket_linux.h"
#include "daemon/net/net_tcp.h"

#define CONN_NONE UINT32_MAX

/* How often an interrupted call is repeated before it counts as an error. */
#define RETRIES_MAX 100

enum conn_state {
    CONN_FREE,
    CONN_OPEN,     /* The owner's. */
    CONN_OVER,     /* Its socket is closed; NET_TCP_CLOSED is still to be told. */
    CONN_LINGERING /* No longer the owner's: ending in order until deadline_ns. */
};

enum write_side {
    WRITE_OPEN,
    WRITE_FINISHING, /* The end follows the bytes in the ring. */
    WRITE_ENDED
};

/* What the next wait has to tell of a connection, bits. READABLE is not among them: the
 * level-triggered epoll set remembers it. */
#define NOTE_SENT      1U
#define NOTE_CLOSED    2U
#define NOTE_CONNECTED 4U

/* Options that each outgoing connection is given: those a listener hands down. */
#define TCP_OPTIONS_MAX 7

struct tcp_conn {
    int fd; /* -1 when closed. */
    uint32_t generation;
    enum conn_state state;
    enum write_side write_side;
    bool is_connecting; /* CONNECTED is still to come: waiting for EPOLLOUT. */
    bool is_read_ended; /* The peer's end was read. */
    bool is_paused;
    bool is_blocked; /* The system's buffer is full: waiting for EPOLLOUT. */
    bool wants_room; /* A write was refused since the last SENT. */
    bool is_registered;
    uint32_t interest; /* EPOLL* as registered. */
    uint32_t notes;
    enum net_close_reason reason;
    uint32_t ring;
    uint32_t listener_index;
    uint32_t next; /* In the free list, the list of notes or the list of lingering ones. */
    uint32_t previous;
    uint64_t deadline_ns;
    struct addr peer;
};

struct conn_list {
    uint32_t first;
    uint32_t last;
};

enum listener_state {
    LISTENER_ARMED,   /* In the epoll set. */
    LISTENER_PAUSED,  /* The table is full. */
    LISTENER_BACKOFF, /* Left alone until retry_at_ns. */
    LISTENER_CLOSED
};

struct tcp_listener {
    int fd;
    enum listener_state state;
    struct net_backoff backoff;
    uint64_t retry_at_ns;
    struct addr address;
};

struct net_tcp {
    struct net_system *system;
    struct net_waiter waiter;
    struct net_waker waker;
    struct tcp_listener listeners[NET_ADDRESSES_MAX];
    uint32_t listener_count;
    struct net_ring_pool *rings;
    uint32_t output_bytes;
    uint64_t linger_ns;
    uint32_t max_connections;
    uint32_t connection_count;
    uint32_t first_free; /* Of the entries that were used before. */
    uint32_t fresh;      /* Entries from here on were never used: their pages are untouched. */
    struct conn_list noted;
    struct conn_list lingering; /* All linger equally long, so the first is the earliest. */
    bool has_pool_waiters;      /* A write was refused because the pool was empty. */
    bool is_full;               /* A listener was paused for want of a free entry. */
    struct net_option options[TCP_OPTIONS_MAX];
    unsigned option_count;
    struct net_tcp_counters counters;
    struct net_grants grants;
    struct tcp_conn conns[];
};

static inline bool tcp_conn_is_left(const struct net_tcp *net)
{
    return net->connection_count < net->max_connections;
}

/* Takes a free entry out of the table, which has one; all of it but its generation is to be set. */
static inline struct tcp_conn *tcp_conn_take_free(struct net_tcp *net)
{
    struct tcp_conn *conn = NULL;

    if (net->first_free != CONN_NONE) {
        conn = &net->conns[net->first_free];
        net->first_free = conn->next;
    } else {
        conn = &net->conns[net->fresh++];
        conn->generation = 1;
    }
    net->connection_count++;
    return conn;
}

/* Takes a free entry for a socket, accepted or connecting. The caller has checked that there is
 * one. Returns NULL when the epoll set takes no more; the socket is then closed and the entry free.
 */
struct tcp_conn *tcp_conn_add(struct net_tcp *net, int fd, const struct addr *peer,
                              uint32_t listener_index, bool is_connecting);

/* Acts on what the epoll set tells of a connection. Returns true if READABLE is to be told. */
bool tcp_conn_step(struct net_tcp *net, struct tcp_conn *conn, uint32_t events);

/* Breaks off what has lingered until now_ns. */
void tcp_conn_end_lingering(struct net_tcp *net, uint64_t now_ns);

/* Closes the socket and makes the entry free. */
void tcp_conn_release(struct net_tcp *net, struct tcp_conn *conn);

/* Makes every handle to the connection stale. */
void tcp_conn_invalidate(struct tcp_conn *conn);

/* Takes the connection out of the list of notes, if it is there. */
void tcp_conn_forget_notes(struct net_tcp *net, struct tcp_conn *conn);

/* The connection has come to its end by itself. */
void tcp_conn_end(struct net_tcp *net, struct tcp_conn *conn, enum net_close_reason reason);

/* Tells the epoll set what the connection waits for. With nothing to wait for it stays in the set,
 * which then still tells errors. */
void tcp_conn_set_interest(struct net_tcp *net, struct tcp_conn *conn);

/* The next wait has to tell it. */
void tcp_conn_add_note(struct net_tcp *net, struct tcp_conn *conn, uint32_t note);

/* --- net_tcp_connect_linux.c --- */

/* The epoll set says that a connecting socket has come to a result. */
void tcp_conn_finish_connecting(struct net_tcp *net, struct tcp_conn *conn);

/* The error that waits at the socket; 0: none. */
int tcp_conn_take_error(struct net_tcp *net, const struct tcp_conn *conn);

struct net_conn tcp_conn_handle(const struct net_tcp *net, const struct tcp_conn *conn);

#endif
