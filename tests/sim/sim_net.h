/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SIM_SIM_NET_H
#define GSRELAY_TESTS_SIM_SIM_NET_H

#include "sim_random.h"

#include "proto/addr.h"

/* sim_net.h - the network of a simulation: whatever is on its way, ordered by when it arrives.
 *
 * Datagrams are lost, doubled, damaged and overtaken as `weather` says. Pieces of TCP connections
 * keep their order, which is their sender's business (sim_link.h): it gives the time.
 * Memory: one table in the struct; when it is full a datagram is lost and a piece is refused. */

#define SIM_PACKETS_MAX 16384
#define SIM_PACKET_SIZE 1500

#define SIM_MS     UINT64_C(1000000)
#define SIM_SECOND UINT64_C(1000000000)

enum sim_packet_kind {
    SIM_PACKET_UDP,
    SIM_PACKET_OPEN,       /* A connection reaches the relay. */
    SIM_PACKET_OPENED,     /* The client learns that it stands. */
    SIM_PACKET_UP,         /* Bytes for the relay. */
    SIM_PACKET_DOWN,       /* Bytes for the client. */
    SIM_PACKET_END_UP,     /* The client has ended. */
    SIM_PACKET_END_DOWN,   /* The relay has closed. */
    SIM_PACKET_RESET_UP,   /* The relay learns that the connection is broken. */
    SIM_PACKET_RESET_DOWN, /* The client does. */
};

struct sim_packet {
    uint64_t due_ns;
    uint64_t order; /* Among those of one instant. */
    enum sim_packet_kind kind;
    uint32_t link; /* Of TCP. */
    uint32_t generation;
    struct addr from; /* Of UDP. */
    struct addr to;
    uint16_t size;
    uint8_t bytes[SIM_PACKET_SIZE];
};

struct sim_weather {
    uint64_t delay_ns;
    uint32_t jitter_us; /* A datagram is later by up to that. */
    uint32_t loss;      /* Per mille, as all that follows. */
    uint32_t duplicate;
    uint32_t damage; /* One bit is turned over. */
};

struct sim_net {
    struct sim_weather weather;
    struct sim_random *random;
    uint64_t order;
    uint32_t count;
    uint32_t free_count;
    uint32_t heap[SIM_PACKETS_MAX];
    uint32_t free[SIM_PACKETS_MAX];
    struct sim_packet packets[SIM_PACKETS_MAX];
};

/* An empty network in a clear sky. */
void sim_net_init(struct sim_net *net, struct sim_random *random);

/* Sends a datagram into the weather. */
void sim_net_send(struct sim_net *net, uint64_t now_ns, const struct addr *from,
                  const struct addr *to, const uint8_t *bytes, size_t size);

/* A packet to be filled in and then handed to sim_net_post(); NULL when the table is full. */
struct sim_packet *sim_net_new(struct sim_net *net);
void sim_net_post(struct sim_net *net, struct sim_packet *packet, uint64_t due_ns);

/* When the next packet arrives; UINT64_MAX = none is on its way. */
uint64_t sim_net_due(const struct sim_net *net);

/* Takes the next packet; to be given back by sim_net_free(). */
struct sim_packet *sim_net_take(struct sim_net *net);
void sim_net_free(struct sim_net *net, struct sim_packet *packet);

#endif
