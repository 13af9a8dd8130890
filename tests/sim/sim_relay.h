/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SIM_SIM_RELAY_H
#define GSRELAY_TESTS_SIM_SIM_RELAY_H

#include "config/config.h"
#include "daemon/control/control.h"
#include "daemon/core/core.h"
#include "sim_judge.h"
#include "sim_link.h"

/* sim_relay.h - the relay as it is shipped, less the operating system: one struct control, up to
 * three cores, and the queues between them, driven as worker.c and control_server.c drive them.
 *
 * A worker that has something to do gets to it a little later, as a busy machine would let it, so
 * that what came meanwhile is taken in one turn. */

#define SIM_INBOX_MAX    512
#define SIM_QUEUE_MAX    64
#define SIM_CONTROL_PORT 7777

struct sim_datagram {
    struct path from;
    uint16_t size;
    uint8_t bytes[SIM_PACKET_SIZE];
};

struct sim_worker {
    struct core *core;
    void *memory;
    uint64_t turn_ns; /* UINT64_MAX = nothing to do. */
    uint32_t inbox_count;
    uint32_t command_count;
    uint32_t event_count;
    struct sim_datagram inbox[SIM_INBOX_MAX];
    struct command commands[SIM_QUEUE_MAX];
    struct event events[SIM_QUEUE_MAX];
};

struct sim_relay {
    struct relay_config config;
    struct addr address;  /* Of both ports; the port is not set. */
    uint32_t queue_size;  /* Of commands and events, up to SIM_QUEUE_MAX. */
    uint32_t turn_us_max; /* The longest that a worker is late. */
    uint32_t send_full;   /* Per mille: the socket takes no more for a moment. */
    struct sim_random *random;
    struct sim_net *net;
    struct sim_links *links;
    struct sim_judge *judge;
    struct control *control;
    void *control_memory;
    uint8_t *input;
    struct sim_worker workers[SIM_WORKERS_MAX];
};

/* Makes tables for the configuration; the fields above `control` are set by the caller. */
void sim_relay_start(struct sim_relay *relay, uint64_t now_ns);

/* Ends it as a crash does. Whoever is connected learns it from the network. */
void sim_relay_crash(struct sim_relay *relay, uint64_t now_ns);

/* A packet has reached it: of UDP, or what happened to a connection. */
void sim_relay_datagram(struct sim_relay *relay, const struct sim_packet *packet, uint64_t now_ns);
void sim_relay_stream(struct sim_relay *relay, const struct sim_packet *packet,
                      struct sim_link *link, uint64_t now_ns);

/* Does what is due, until nothing moves. */
void sim_relay_run(struct sim_relay *relay, uint64_t now_ns);

/* When it has to run at the latest. */
uint64_t sim_relay_deadline(const struct sim_relay *relay);

/* True when nobody is connected, no session, room, slot or state is left. */
bool sim_relay_is_empty(const struct sim_relay *relay);

#endif
