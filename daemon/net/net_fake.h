/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_FAKE_H
#define GSRELAY_DAEMON_NET_NET_FAKE_H

/* net_fake.h - a network in memory, with a clock of its own.
 *
 * The library gsrelay_net_fake implements net_udp.h and net_tcp.h over it and is linked instead of
 * gsrelay_net, in tests and simulations only. The struct net_system of the options is the network;
 * NULL names one that the whole process shares and that loses and delays nothing. The same seed and
 * the same calls give the same run.
 * Time: starts at 1 s and moves only when somebody waits: a wait that has nothing to tell jumps to
 *   the next thing that happens, or to its timeout. Only a wait without end and without anything to
 *   come waits for real, for a wake from another thread.
 * Addresses: every one is local, except those of 192.0.2.0/24, which nobody has.
 * Threads: one for a network and everything on it; only the wakes may come from others.
 * Memory: allocated per datagram and per connection. This is no backend for production. */

#include <stddef.h>

#include "daemon/net/net_types.h"

struct net_fake_options {
    uint64_t seed;
    /* How long a datagram or a stretch of a stream is under way: evenly spread between the two. */
    uint64_t delay_min_ns;
    uint64_t delay_max_ns;
    /* Of a million datagrams, so many are lost, come twice, or overtake those before them. */
    uint32_t loss_per_million;
    uint32_t duplicate_per_million;
    uint32_t reorder_per_million;
    /* Datagrams that a socket takes in one net_udp_send() before it is full; 0: all. */
    uint32_t send_room;
    /* Bytes that a stream takes at most at a time, a random count from 1 on; 0: all that fit. */
    uint32_t chunk_max;
};

/* NULL without memory. destroy: only after everything on it is closed. */
struct net_system *net_fake_create(const struct net_fake_options *options);
void net_fake_destroy(struct net_system *system);

/* The network that NULL stands for. */
struct net_system *net_fake_default(void);

/* Changes the weather; the seed is ignored, the random sequence goes on. */
void net_fake_set(struct net_system *system, const struct net_fake_options *options);

/* The clock, and moving it by hand. */
uint64_t net_fake_now_ns(const struct net_system *system);
void net_fake_advance(struct net_system *system, uint64_t duration_ns);

/* The client's end of a stream. */
struct net_fake_peer;

/* Connects; NULL when nobody listens there, or the backlog is full. The peer's own end takes
 * receive_bytes before it stops the other side. */
struct net_fake_peer *net_fake_connect(struct net_system *system, struct addr to,
                                       uint32_t receive_bytes);
struct addr net_fake_peer_address(const struct net_fake_peer *peer);

/* The count taken, RESULT_AGAIN, or RESULT_CLOSED once the other side is gone. */
int net_fake_peer_send(struct net_fake_peer *peer, const void *bytes, size_t size);

/* The count read, 0 at the end, RESULT_AGAIN, or RESULT_CLOSED after a reset. */
int net_fake_peer_receive(struct net_fake_peer *peer, void *bytes, size_t size);

/* Ends the peer's direction. */
void net_fake_peer_finish(struct net_fake_peer *peer);

/* Ends the peer: in order, or by a reset (also when it has unread bytes). Frees it. */
void net_fake_peer_close(struct net_fake_peer *peer, bool is_reset);

#endif
