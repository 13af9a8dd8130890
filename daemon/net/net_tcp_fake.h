/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_TCP_FAKE_H
#define GSRELAY_DAEMON_NET_NET_TCP_FAKE_H

/* net_tcp_fake.h - what net_tcp_fake_open.c (opening, ending, what it is) and net_tcp_fake.c
 * (connections and waiting) share. Private to these. Threads and memory: net_fake.h. */

#include "daemon/net/net_fake_parts.h"
#include "daemon/net/net_ring.h"

enum conn_state { CONN_FREE, CONN_OPEN, CONN_OVER, CONN_LINGERING };
enum write_side { WRITE_OPEN, WRITE_FINISHING, WRITE_ENDED };

struct tcp_conn {
    uint32_t generation;
    enum conn_state state;
    enum write_side write_side;
    unsigned side;      /* Of the stream: 0 if we connected, 1 if we accepted. */
    bool is_connecting; /* CONNECTED is to be told. */
    bool is_read_ended;
    bool is_paused;
    bool wants_room;
    bool owes_sent; /* SENT is to be told. */
    enum net_close_reason reason;
    uint32_t ring;
    uint32_t listener_index;
    uint64_t deadline_ns;
    struct fake_stream *stream; /* NULL when closed. */
    struct addr peer;
};

struct net_tcp {
    struct net_system *system;
    struct fake_listener listeners[NET_ADDRESSES_MAX];
    uint32_t listener_count;
    struct net_ring_pool *rings;
    uint32_t output_bytes;
    uint64_t linger_ns;
    uint32_t max_connections;
    uint32_t connection_count;
    uint32_t rotor;
    bool is_full;
    _Atomic int is_woken;
    struct net_tcp_counters counters;
    struct fake_setting settings[7];
    struct tcp_conn conns[];
};

/* Ends our side of the stream and makes the entry free. */
void tcp_fake_release(struct net_tcp *net, struct tcp_conn *conn, bool is_reset);

#endif
