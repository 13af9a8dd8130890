/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_TCP_H
#define GSRELAY_DAEMON_NET_NET_TCP_H

/* net_tcp.h - byte streams: accept or connect, read, write, finish, close.
 *
 * A struct net_tcp is what the control thread owns: a listener per address, a fixed table of
 * connections, and one place to wait for all of them. The load generator owns one too, without
 * listeners, and connects. Linked is one implementation:
 * net_tcp_linux.c (epoll), net_tcp_windows.c (IOCP) or net_tcp_fake.c.
 * Not here: framing, time limits of a protocol, limits per address. It accepts; the owner judges,
 * and closes what it does not want.
 *
 * Threads: every call comes from the one thread that owns it, except net_tcp_wake().
 * Memory: all of it is allocated in net_tcp_open(). An idle connection pins a table entry only: a
 *   read copies into the caller's buffer; a write copies into a ring out of a pool, which the
 *   connection holds only while bytes of it wait, so written memory is free again on return.
 * Handles: a struct net_conn names a connection until its NET_TCP_CLOSED was returned by
 *   net_tcp_wait(), or until net_tcp_close(). From then on it is stale: no event ever names it
 *   again, and every call with it is harmless and returns RESULT_NOT_FOUND. The table entry is used
 *   again under another generation.
 * Life of a connection: ACCEPTED or CONNECTED first; then any number of READABLE and SENT; last
 * CLOSED, unless the owner closed it before. The two directions end apart: the peer's end shows as
 * a read of 0, ours is net_tcp_finish(). The system's errors are counters and a reason in CLOSED,
 * never a failed wait. Running out of handles pauses the accepting for 1 to 100 ms, not the
 * program; a full table pauses it until a connection has gone, and newcomers wait in the system's
 * backlog. */

#include <stddef.h>

#include "daemon/net/net_types.h"

struct net_tcp;

/* A connection by value. Generation 0 is no connection. */
struct net_conn {
    uint32_t index; /* 0 to max_connections - 1: of use to the owner as its own table's index. */
    uint32_t generation;
};

struct net_tcp_options {
    /* As in net_udp.h: one port for all; with port 0 the same free one on all of them. None at all
     * is right too: then there are only the connections that net_tcp_connect() makes. */
    const struct addr *addresses;
    uint32_t address_count;
    uint32_t max_connections; /* 1 to 1048576. */
    uint32_t output_bytes;    /* Size of a ring: what may wait per connection. At least 1. */
    uint32_t output_rings;    /* Rings in the pool, 1 to max_connections. */
    uint32_t backlog;         /* At least 1. The system may cut it. */
    bool no_delay;
    bool keepalive;
    /* Exclusive use on Windows: nobody can take the port over. On Linux SO_REUSEADDR, without which
     * a restart fails while old connections are in TIME_WAIT. */
    bool reuse_address;
    /* How long a connection that the owner closed in order may take to end in order; 0: not at all.
     * See net_tcp_close(). Not SO_LINGER, under which closing would block the thread. */
    int32_t linger_s;
    /* Each of these may be NET_SETTING_DEFAULT. The keepalive ones count with keepalive only. */
    int32_t keepalive_idle_s;
    int32_t keepalive_interval_s;
    int32_t recv_buffer_bytes;
    int32_t send_buffer_bytes;
    struct net_system *system; /* NULL: the real system. Must outlive the net_tcp. */
};

enum net_tcp_event_type {
    NET_TCP_ACCEPTED,  /* A new connection; peer and listener_index tell whose and where. */
    NET_TCP_CONNECTED, /* What net_tcp_connect() began stands. */
    NET_TCP_READABLE,  /* Bytes, the peer's end or an error may be there to read. */
    NET_TCP_SENT,      /* Waiting bytes have left, or a refused write is worth trying again. */
    NET_TCP_CLOSED     /* It is over, for the reason given; the handle is stale. */
};

enum net_close_reason {
    NET_CLOSE_NONE,     /* In events other than CLOSED. */
    NET_CLOSE_FINISHED, /* Both directions ended in order, all bytes delivered to the system. */
    NET_CLOSE_RESET,    /* The peer broke it off, or nobody listens there. */
    NET_CLOSE_TIMEOUT,  /* The peer fell silent: keepalive or retransmission gave up. */
    NET_CLOSE_ERROR     /* Any other error of the system. */
};

struct net_tcp_event {
    enum net_tcp_event_type type;
    enum net_close_reason reason;
    struct net_conn conn;
    struct addr peer;        /* Of every event, canonical. */
    uint32_t listener_index; /* The listen address that it came to, as in the options. */
};

/* As listener_index: it was we who connected. */
#define NET_TCP_NO_LISTENER UINT32_MAX

enum net_close_mode {
    NET_CLOSE_ORDERLY, /* What was written goes out, within linger_s. */
    NET_CLOSE_ABORT    /* Everything is thrown away; the peer sees a reset. */
};

/* All since net_tcp_open(). */
struct net_tcp_counters {
    uint64_t accepted;
    uint64_t accept_aborted;  /* The peer was gone before we could take it. */
    uint64_t accept_errors;   /* Any other error in accepting. */
    uint64_t accept_backoffs; /* Times that a listener was left alone for 1 to 100 ms. */
    uint64_t accept_pauses;   /* Times that a full table stopped the accepting. */
    uint64_t connected;       /* CONNECTED events. */
    uint64_t bytes_read;
    uint64_t bytes_sent;
    uint64_t write_ring_full;  /* Writes refused: too little room in the connection's ring. */
    uint64_t write_pool_empty; /* Writes refused: all rings in use. */
    uint64_t closed_finished;  /* CLOSED events by reason. */
    uint64_t closed_reset;
    uint64_t closed_timeout;
    uint64_t closed_error;
    uint64_t closed_by_owner;
    uint64_t linger_expired; /* Orderly closes that were broken off: by time or a newcomer. */
    uint64_t wakes;
};

/* Opens, binds and listens on all addresses, or none. The failures are those of net_udp_open(). */
GSRELAY_CHECKED int net_tcp_open(const struct net_tcp_options *options, struct net_tcp **out,
                                 struct net_failure *failure_out);

/* Closes the listeners, aborts every connection that still is, and frees everything. On return
 * nothing is in flight. No other thread may be in net_tcp_wake() or call it later. NULL is nothing.
 * (One connection is ended by net_tcp_close().) */
void net_tcp_shutdown(struct net_tcp *net);

/* Waits until there is an event, net_tcp_wake() was called, or timeout_ns has passed, and fills
 * events[] with up to capacity (at least 1) events. Returns how many, 0 after a wake, a timeout or
 * work of its own, or RESULT_OS when waiting itself is broken for good.
 *
 * The events of one call are in the order in which they hold: nothing after its CLOSED, nothing
 * before its ACCEPTED. If the owner closes a connection while it walks events[], later entries of
 * the same array may still name it: calls with them return RESULT_NOT_FOUND.
 *
 * READABLE is a state, not an edge: every wait reports it anew (once) for each connection with
 * something to read, until a read has returned RESULT_AGAIN or 0, or reading is paused. So the
 * owner may read as little as it likes each time. It may also come for nothing; the read then
 * returns RESULT_AGAIN.
 *
 * SENT follows every write that left bytes waiting, at least once when the last of them has gone
 * (net_tcp_pending() is 0), and every write that returned RESULT_FULL, as soon as there is more
 * room. Bytes that have gone are with the system, not with the peer. */
GSRELAY_CHECKED int net_tcp_wait(struct net_tcp *net, struct net_tcp_event events[],
                                 unsigned capacity, uint64_t timeout_ns);

/* Begins to connect to peer, and writes the handle. CONNECTED follows, or CLOSED with the reason:
 * NET_CLOSE_RESET where nobody listens, NET_CLOSE_TIMEOUT where the system gave up, else
 * NET_CLOSE_ERROR. How long that takes is the system's affair: an owner with less patience closes
 * it. Until CONNECTED reading, writing and finishing return RESULT_AGAIN, and net_tcp_close()
 * breaks the attempt off. The options of the connection are those of accepted ones. Returns
 * RESULT_OK; RESULT_FULL (no free entry), RESULT_NO_MEMORY (handles, ports or memory are short),
 * RESULT_UNREACHABLE (no route), RESULT_DENIED, RESULT_UNSUPPORTED, RESULT_INVALID (no address or
 * port) or RESULT_OS, and then *out is left alone and no event follows. */
GSRELAY_CHECKED int net_tcp_connect(struct net_tcp *net, const struct addr *peer,
                                    struct net_conn *out);

/* Reads up to size (at least 1) bytes without blocking. Returns their count, 0 at the peer's end of
 * stream (now and ever after; writing goes on), RESULT_AGAIN when nothing is there now,
 * RESULT_CLOSED when the connection has failed (its CLOSED is still to come), RESULT_NOT_FOUND for
 * a stale handle. A reset may overtake bytes that were not yet read; under Wine one that comes
 * while READABLE is being told reads as the peer's end. */
GSRELAY_CHECKED int net_tcp_read(struct net_tcp *net, struct net_conn conn, void *bytes,
                                 size_t size);

/* Takes all of size (1 or more) bytes, or none. Returns RESULT_OK, RESULT_FULL (no room now; SENT
 * will tell), RESULT_INVALID (more than output_bytes: never any room), RESULT_CLOSED (after
 * net_tcp_finish(), or the connection has failed), RESULT_NOT_FOUND. Bytes leave in the order
 * written; partial sends are carried on inside. */
GSRELAY_CHECKED int net_tcp_write(struct net_tcp *net, struct net_conn conn, const void *bytes,
                                  size_t size);

/* Bytes written that the system has not taken yet; 0 for a stale handle. */
size_t net_tcp_pending(const struct net_tcp *net, struct net_conn conn);

/* Ends our direction after the bytes that wait. Reading goes on. When the peer's end has been read
 * as well (in whichever order), CLOSED with NET_CLOSE_FINISHED follows. A second call changes
 * nothing. Returns RESULT_OK or RESULT_NOT_FOUND. */
int net_tcp_finish(struct net_tcp *net, struct net_conn conn);

/* Ends the connection for its owner: the handle is stale on return and no event follows.
 *
 * NET_CLOSE_ORDERLY: as after net_tcp_finish(), with what the peer still sends read and thrown
 * away, so that no reset destroys our last bytes; when the peer has ended too the connection is
 * gone, and after linger_s at the latest. Until then it takes its place in the table, which when
 * that is full the longest lingering one loses to a newcomer. With linger_s
 * 0 it is closed at once: waiting bytes are lost, those the system has go out if the peer still
 * listens. NET_CLOSE_ABORT: gone at once, by a reset. Either way waiting is never needed. Returns
 * RESULT_OK or RESULT_NOT_FOUND. */
int net_tcp_close(struct net_tcp *net, struct net_conn conn, enum net_close_mode mode);

/* Reports no READABLE for conn until reading is resumed, and takes nothing out of the system's
 * buffer, so that the peer comes to a halt. A reset in that time may be told late. Both return
 * RESULT_OK or RESULT_NOT_FOUND; doing it twice is once. */
int net_tcp_pause(struct net_tcp *net, struct net_conn conn);
int net_tcp_resume(struct net_tcp *net, struct net_conn conn);

/* Writes the peer's canonical address. Returns RESULT_OK or RESULT_NOT_FOUND. */
GSRELAY_CHECKED int net_tcp_peer(const struct net_tcp *net, struct net_conn conn, struct addr *out);

/* Closes the listeners: newcomers are refused by the system, connections go on. An ACCEPTED that
 * was not yet returned never will be. For good. */
void net_tcp_stop_accepting(struct net_tcp *net);

/* Makes the current or the next net_tcp_wait() return. From any thread. Wakes merge; none is lost.
 * Memory written before the call is seen after that wait. */
void net_tcp_wake(struct net_tcp *net);

/* The address that the listener is really bound to, with its port. */
struct addr net_tcp_address(const struct net_tcp *net, unsigned listener_index);

/* As net_udp_granted(). Options of connections are read back on the listener that they inherit
 * from, or on the first connection where the system has no inheritance; until then they are not
 * there. */
unsigned net_tcp_granted(const struct net_tcp *net, struct net_granted out[], unsigned capacity);

/* Connections in the table now, with those that linger. */
unsigned net_tcp_connection_count(const struct net_tcp *net);

void net_tcp_counters(const struct net_tcp *net, struct net_tcp_counters *out);

#endif
