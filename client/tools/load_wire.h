/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CLIENT_TOOLS_LOAD_WIRE_H
#define GSRELAY_CLIENT_TOOLS_LOAD_WIRE_H

/* load_wire.h - the sockets of many clients: one for all their datagrams, a connection for each.
 *
 * Over net_udp.h and net_tcp.h. The relay tells clients apart by their slots, wherever they send
 * from; so do we: an incoming datagram's slot, and the port it came from (a relay with several
 * workers has as many), name the client.
 * Threads: one. Memory: taken in load_wire_open(). */

#include "daemon/net/net_tcp.h"
#include "daemon/net/net_udp.h"

/* A connection's ring holds what the client library's output can. */
#define LOAD_WIRE_DATAGRAM_MAX 1400
#define LOAD_WIRE_NOBODY       UINT32_MAX

struct load_slot {
    uint64_t key; /* port << 24 | slot, + 1; 0 = free. */
    uint32_t member;
};

struct load_wire {
    struct net_udp *udp;
    struct net_tcp *tcp;
    struct load_slot *slots; /* Open addressing; a power of two, at most half full. */
    uint32_t slot_mask;
    uint32_t slot_count;
    unsigned outgoing_count;
    struct net_outgoing outgoing[NET_UDP_BATCH];
    uint8_t bytes[NET_UDP_BATCH][LOAD_WIRE_DATAGRAM_MAX];
};

/* How many connections the table of the wire has for so many clients: some still end. */
uint32_t load_wire_connections(uint32_t clients);

/* Opens the sockets for a relay at that address. system as in net_udp.h. */
GSRELAY_CHECKED int load_wire_open(const struct addr *server, uint32_t clients,
                                   struct net_system *system, struct load_wire **out,
                                   struct net_failure *failure_out);
void load_wire_close(struct load_wire *wire);

/* Room for the next datagram, LOAD_WIRE_DATAGRAM_MAX bytes; then load_wire_put() says its size. */
uint8_t *load_wire_room(struct load_wire *wire);
void load_wire_put(struct load_wire *wire, size_t size, const struct addr *to);

/* Sends what was put. */
void load_wire_flush(struct load_wire *wire);

/* Says whose a slot of the worker at that port is. An older owner loses it. A table that is half
 * full takes no more: after twice as many memberships as there are clients. */
void load_wire_slot_set(struct load_wire *wire, uint16_t port, uint32_t slot, uint32_t member);

/* The member, or LOAD_WIRE_NOBODY. It may have left since: its client tells by its keys. */
uint32_t load_wire_slot_find(const struct load_wire *wire, uint16_t port, uint32_t slot);

#endif
