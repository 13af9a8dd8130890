/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_CONFORMANCE_TCP_SUPPORT_H
#define GSRELAY_TESTS_CONFORMANCE_TCP_SUPPORT_H

/* tcp_support.h - what the conformance tests of net_tcp.h share.
 *
 * A struct world is a net_tcp and a model of its connections. Every event goes through the model,
 * which asserts what the contract says of events: ACCEPTED first, nothing of a stale handle, CLOSED
 * last. Waits are bounded but generous, and no time is asserted. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/net/net_tcp.h"
#include "tests/conformance/peer.h"

#define WORLD_CONNS_MAX  256
#define WORLD_EVENTS_MAX 64
#define MILLISECOND_NS   UINT64_C(1000000)

/* What the test knows of the connection with a given index. */
struct model {
    bool is_open;
    bool is_connecting; /* Since dial(), until CONNECTED. */
    struct net_conn conn;
    struct addr peer;
    uint32_t listener_index;
    unsigned readable_count;
    unsigned sent_count;
    unsigned closed_count; /* Of all connections that had this index. */
    enum net_close_reason reason;
};

struct world {
    struct net_tcp *net;
    unsigned capacity; /* Of each wait. */
    struct model models[WORLD_CONNS_MAX];
    unsigned accepted_count;
    unsigned connected_count;
    unsigned closed_count;
    struct net_conn last_accepted;
};

struct addr loopback4(uint16_t port);
struct addr loopback6(uint16_t port);

struct net_tcp_options tcp_options(const struct addr addresses[], uint32_t count);

/* A world that listens on a free port of 127.0.0.1. */
void world_open(struct world *world);
void world_open_with(struct world *world, const struct net_tcp_options *options);
void world_close(struct world *world);

/* One wait of at most 20 ms; its events go into the model. Returns how many there were. */
unsigned pump(struct world *world);

/* The same with a timeout of the caller's. */
unsigned pump_for(struct world *world, uint64_t timeout_ns);

struct model *model_of(struct world *world, struct net_conn conn);

/* Pumps until the condition holds; fails after about 20 s. */
#define PUMP_UNTIL(world, condition)                                                               \
    do {                                                                                           \
        unsigned rounds_ = 0;                                                                      \
        while (!(condition)) {                                                                     \
            assert_true(rounds_ < 1000);                                                           \
            rounds_ += pump(world) == 0;                                                           \
        }                                                                                          \
    } while (0)

/* Connects a peer and pumps until it is accepted. */
struct peer *join(struct world *world, struct net_conn *conn_out);
struct peer *join_with(struct world *world, bool small_buffers, struct net_conn *conn_out);

/* Begins to connect, with the handle in the model. */
struct net_conn dial(struct world *world, struct addr to);

/* Closes the connection, in the model too: any event of it from now on is a failure. */
void drop(struct world *world, struct net_conn conn, enum net_close_mode mode);

/* Reads exactly size bytes from the connection, pumping. */
void read_exactly(struct world *world, struct net_conn conn, void *bytes, size_t size);

/* Reads until the end of the peer's stream, which must be all that comes. */
void read_end(struct world *world, struct net_conn conn);

/* Reads a few bytes, if there are any, and answers the peer's end with ours, as an owner would. A
 * reset that no receive waited for reads as an end on some systems (Wine). */
void read_or_finish(struct world *world, struct net_conn conn);

/* As read_exactly() and read_end(), for the peer. */
void peer_read_exactly(struct world *world, struct peer *peer, void *bytes, size_t size);
void peer_read_end(struct world *world, struct peer *peer);

/* Until the peer's reads fail with a reset; bytes before it are thrown away. */
void peer_read_reset(struct world *world, struct peer *peer);

/* Writes the numbered pattern from offset *at until the connection takes no more. */
void fill_output(struct world *world, struct net_conn conn, uint64_t *at);

/* Reads the pattern up to offset `end`, checking every byte. */
void peer_drain(struct world *world, struct peer *peer, uint64_t *at, uint64_t end);

uint8_t pattern(uint64_t offset);

/* Every call with the handle says that there is no such connection. */
void assert_stale(struct world *world, struct net_conn conn);

struct net_tcp_counters counters_of(const struct world *world);

#endif
