/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_TCP_WINDOWS_H
#define GSRELAY_DAEMON_NET_NET_TCP_WINDOWS_H

/* net_tcp_windows.h - what net_tcp_windows.c (opening, waiting, ending), net_tcp_accept_windows.c
 * (listeners), net_tcp_connect_windows.c (connecting) and net_tcp_conn_windows.c (connections)
 * share with each other and their test.
 *
 * Private to these. Threads and memory: net_tcp.h.
 *
 * Whatever the system was given stays until its completion has been reaped: the OVERLAPPED, the
 * address buffer of an accept, the ring of a send. A socket is closed when nothing of it is in
 * flight any more; until then it is cancelled and waited for. What a completion says when we are
 * closing is never looked at: the codes differ between systems, our own state does not. */

#include "daemon/net/net_backoff.h"
#include "daemon/net/net_port_windows.h"
#include "daemon/net/net_ring.h"
#include "daemon/net/net_socket_windows.h"
#include "daemon/net/net_tcp.h"

#define CONN_NONE UINT32_MAX

/* Accepts that wait in the system per listener. */
#define ACCEPTS_MAX 16

/* AcceptEx wants 16 bytes more than the largest address. */
#define ACCEPT_ADDRESS_SIZE (sizeof(union net_sockaddr) + 16)

/* The options of a listener; those from TCP_CONN_OPTIONS on are set on each connection too. */
#define TCP_OPTIONS_COUNT 6
#define TCP_CONN_OPTIONS  2

enum tcp_op_kind {
    OP_ACCEPT,
    OP_RECV,
    OP_SEND,
};

/* An operation that the system may have. */
struct tcp_op {
    OVERLAPPED overlapped;
    enum tcp_op_kind kind;
    bool is_in_flight;
};

enum accept_state {
    ACCEPT_IDLE,   /* To be posted. */
    ACCEPT_POSTED, /* In the system, with a socket that is to become a connection. */
    ACCEPT_DONE,   /* The socket is a connection, and waits for a place in the table. */
};

struct tcp_accept {
    struct tcp_op op;
    enum accept_state state;
    SOCKET socket; /* INVALID_SOCKET in ACCEPT_IDLE. */
    uint32_t listener_index;
    struct tcp_accept *next_done;
    uint8_t addresses[2 * ACCEPT_ADDRESS_SIZE];
};

struct tcp_listener {
    SOCKET socket; /* INVALID_SOCKET after net_tcp_stop_accepting(). */
    struct addr bound;
    LPFN_ACCEPTEX accept_ex;
    LPFN_GETACCEPTEXSOCKADDRS get_addresses;
    struct net_backoff backoff;
    uint64_t retry_at_ns; /* 0, or when idle accepts are posted again. */
    struct tcp_accept accepts[ACCEPTS_MAX];
};

enum conn_state {
    CONN_FREE,
    CONN_OPEN,      /* The owner's. */
    CONN_OVER,      /* NET_TCP_CLOSED is still to be told, once nothing is in flight. */
    CONN_LINGERING, /* No longer the owner's: ending in order until deadline_ns. */
    CONN_CLOSING,   /* Nobody's: free once nothing is in flight. */
};

/* How the next bytes of an open or lingering connection will be noticed. */
enum read_side {
    READ_CONNECTING, /* A ConnectEx is in flight; CONNECTED is still to come. */
    READ_ARMED,      /* A receive of no bytes is in flight. */
    READ_READY,      /* It has completed: there is something to read until a read finds nothing. */
    READ_STARVED,    /* The system was short of something; armed again after a delay. */
    READ_ENDED,      /* The peer's end was read. */
};

enum write_side {
    WRITE_OPEN,
    WRITE_FINISHING, /* The end follows the bytes in the ring. */
    WRITE_ENDED,
};

struct tcp_conn {
    struct tcp_op recv;
    struct tcp_op send;
    SOCKET socket; /* INVALID_SOCKET when closed. */
    uint32_t generation;
    enum conn_state state;
    enum read_side read_side;
    enum write_side write_side;
    enum net_close_reason reason;
    bool is_paused;
    bool wants_room;    /* A write was refused since the last SENT. */
    bool is_starved;    /* Its receive or send is to be tried again after a delay. */
    bool has_connected; /* CONNECTED is to be told. */
    bool has_sent;      /* SENT is to be told. */
    bool is_noted;      /* In the list of those with something to tell. */
    uint32_t ring;
    uint32_t listener_index;
    uint32_t next; /* In the free list, the noted or the lingering ones. */
    uint32_t previous;
    uint64_t deadline_ns; /* In CONN_LINGERING. */
    struct addr peer;
};

struct conn_list {
    uint32_t first;
    uint32_t last;
};

struct net_tcp {
    struct net_system *system;
    struct net_port port;
    struct tcp_listener listeners[NET_ADDRESSES_MAX];
    uint32_t listener_count;
    struct tcp_accept *first_done; /* Accepted and waiting for a place, oldest first. */
    struct tcp_accept *last_done;
    bool is_full;      /* Somebody waits for want of a free entry. */
    bool accepts_next; /* Newcomers come first in the next wait; they take turns with the rest. */
    struct net_ring_pool *rings;
    uint32_t output_bytes;
    bool has_pool_waiters; /* A write was refused because the pool was empty. */
    uint64_t linger_ns;
    uint32_t max_connections;
    uint32_t connection_count;
    uint32_t first_free;      /* Of the entries that were used before. */
    uint32_t fresh;           /* Entries from here on were never used: their pages are untouched. */
    uint32_t in_flight_count; /* Operations that the system has. */
    struct conn_list noted;
    struct conn_list lingering;   /* All linger equally long, so the first is the earliest. */
    LPFN_CONNECTEX connect_ex[2]; /* For IPv4 and IPv6; NULL until needed. */
    struct net_backoff starved_backoff;
    uint64_t starved_retry_ns; /* 0, or when starved connections are tried again. */
    struct net_option options[TCP_OPTIONS_COUNT];
    int32_t keepalive_idle_s; /* Without keepalive NET_SETTING_DEFAULT, both. */
    int32_t keepalive_interval_s;
    bool has_keepalive_grants;
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

/* --- net_tcp_windows.c --- */

/* Notes that the system has taken the operation. */
void tcp_op_posted(struct net_tcp *net, struct tcp_op *op);

/* --- net_tcp_accept_windows.c --- */

/* Listens and posts the accepts. Returns NULL, or the step that failed with WSAGetLastError(). */
const char *tcp_listener_start(struct net_tcp *net, uint32_t index, uint32_t backlog);

/* Posts again after a back-off. Returns when the next one ends, or UINT64_MAX. */
uint64_t tcp_listeners_retry(struct net_tcp *net, uint64_t now_ns);

/* An accept has completed. */
void tcp_accept_finish(struct net_tcp *net, struct tcp_accept *accept);

/* Whether somebody has been accepted for whom there is a free entry. Notes a full table. */
bool tcp_accept_is_waiting(struct net_tcp *net);

/* Gives the oldest of them an entry. Returns NULL if there is none, or none any more. */
struct tcp_conn *tcp_accept_take(struct net_tcp *net);

/* Makes a new socket one of ours: non-blocking, in the port, with the options. Returns 0 or the
 * system's error. */
int tcp_socket_prepare(struct net_tcp *net, SOCKET socket);

/* Fetches a call that belongs to the socket's provider, which may be another than Windows' own.
 * Returns 0 or SOCKET_ERROR. */
int tcp_extension_load(struct net_system *system, SOCKET socket, GUID id, void *call_out,
                       DWORD size);

/* --- net_tcp_connect_windows.c --- */

/* The ConnectEx of a connection that still is its owner's has completed. */
void tcp_conn_finish_connecting(struct net_tcp *net, struct tcp_conn *conn);

/* --- net_tcp_conn_windows.c: entries, receiving, ending --- */

/* Takes the free entry for a socket which is in the port. Nothing is in flight yet. */
struct tcp_conn *tcp_conn_take(struct net_tcp *net, SOCKET socket, const struct addr *peer,
                               uint32_t listener_index);

/* The same for an accepted socket, and arms it. */
struct tcp_conn *tcp_conn_add(struct net_tcp *net, SOCKET socket, const struct addr *peer,
                              uint32_t listener_index);

/* Posts the receive of no bytes. Of an idle connection the system so holds no buffer. */
void tcp_conn_arm(struct net_tcp *net, struct tcp_conn *conn);

void tcp_conn_finish_recv(struct net_tcp *net, struct tcp_conn *conn);

/* Ends the connection for its owner. */
void tcp_conn_close(struct net_tcp *net, struct tcp_conn *conn, enum net_close_mode mode);

/* Resets the connection and makes the entry free as soon as nothing is in flight. */
void tcp_conn_abort(struct net_tcp *net, struct tcp_conn *conn);

/* Breaks off what has lingered until now_ns. Returns when the next one is due, or UINT64_MAX. */
uint64_t tcp_conns_end_lingering(struct net_tcp *net, uint64_t now_ns);

/* Tries again what the system was short of. Returns when to do so, or UINT64_MAX. */
uint64_t tcp_conns_retry(struct net_tcp *net, uint64_t now_ns);

/* Writes the events of the first noted connection, up to capacity; returns how many. It stays
 * noted, behind all others, if there is more to tell. */
unsigned tcp_conn_tell(struct net_tcp *net, struct net_tcp_event events[], unsigned capacity);

struct net_conn tcp_conn_handle(const struct net_tcp *net, const struct tcp_conn *conn);

/* The connection of a living handle, or NULL. */
struct tcp_conn *tcp_conn_find(struct net_tcp *net, struct net_conn handle);
const struct tcp_conn *tcp_conn_find_const(const struct net_tcp *net, struct net_conn handle);

/* Puts the connection into the list of those with something to tell, or takes it out. */
void tcp_conn_update_note(struct net_tcp *net, struct tcp_conn *conn);

/* The connection, open or lingering, has come to its end by itself. */
void tcp_conn_end(struct net_tcp *net, struct tcp_conn *conn, enum net_close_reason reason);

/* Ends the connection if both directions have ended in order. */
void tcp_conn_check_finished(struct net_tcp *net, struct tcp_conn *conn);

/* An operation could not be posted: tries again after a delay. */
void tcp_conn_starve(struct net_tcp *net, struct tcp_conn *conn);

/* Once nothing of an ended connection is in flight, gives back what the system may no longer
 * touch: the socket, the ring, and the entry unless CLOSED is still to be told. */
void tcp_conn_settle(struct net_tcp *net, struct tcp_conn *conn);

enum net_close_reason tcp_reason_of(int error);

/* Whether the system is short of something, and the call worth trying again. */
bool tcp_is_shortage(int error);

/* --- net_tcp_send_windows.c: the ring, sending, our end of stream --- */

void tcp_conn_finish_send(struct net_tcp *net, struct tcp_conn *conn);
void tcp_conn_retry_send(struct net_tcp *net, struct tcp_conn *conn);

/* Gives the ring back, if there is one; no send may be in flight. */
void tcp_conn_release_ring(struct net_tcp *net, struct tcp_conn *conn);

/* Begins to end our direction. */
void tcp_conn_start_finish(struct net_tcp *net, struct tcp_conn *conn);

#endif
