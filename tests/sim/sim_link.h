/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SIM_SIM_LINK_H
#define GSRELAY_TESTS_SIM_SIM_LINK_H

#include "sim_net.h"

/* sim_link.h - the TCP connections of a simulation.
 *
 * Each end sees what a socket would show: bytes in order, cut anywhere; the peer's end; a reset,
 * which both ends may learn at different times. What one end writes waits until the other reads it,
 * and no more than SIM_LINK_BYTES of it. */

#define SIM_LINKS_MAX  128
#define SIM_LINK_BYTES 65536

struct sim_pipe {
    uint64_t due_ns;  /* When the last piece arrives. */
    uint32_t flying;  /* Bytes on their way. */
    uint32_t size;    /* Bytes that have arrived and were not read. */
    bool has_ended;   /* The writer's end has arrived, behind those bytes. */
    bool is_end_told; /* The reader knows. */
    uint8_t bytes[SIM_LINK_BYTES];
};

struct sim_link {
    uint32_t generation;
    uint32_t owner; /* Of the client's end, as the world numbers them. */
    bool is_relay_open;
    bool is_client_open;   /* It stands, as the client knows. */
    bool is_client_trying; /* It was asked for. */
    bool is_cut;           /* Nothing gets through any more. */
    bool is_paused;
    struct addr client;
    struct sim_pipe up;
    struct sim_pipe down;
};

struct sim_links {
    struct sim_net *net;
    struct sim_random *random;
    struct sim_link links[SIM_LINKS_MAX];
};

#define SIM_LINK_NONE UINT32_MAX

void sim_links_init(struct sim_links *links, struct sim_net *net, struct sim_random *random);

/* Asks for a connection. SIM_LINK_NONE when there is no place. */
uint32_t sim_link_open(struct sim_links *links, uint32_t owner, const struct addr *client,
                       uint64_t now_ns);

/* Writes what fits. Returns the bytes taken; they leave in pieces of any size. */
size_t sim_link_write(struct sim_links *links, uint32_t index, bool is_up, const uint8_t *bytes,
                      size_t size, uint64_t now_ns);

/* Removes bytes that were read from the front of a pipe. */
void sim_pipe_read(struct sim_pipe *pipe, size_t size);

/* One end closes: the other learns it behind what is on its way. */
void sim_link_close(struct sim_links *links, uint32_t index, bool is_relay, uint64_t now_ns);

/* One end breaks it off: the other learns it at once, and what is on its way is lost. */
void sim_link_abort(struct sim_links *links, uint32_t index, bool is_relay, uint64_t now_ns);

/* The way between them dies. Each end learns it some time later, if it still cares. */
void sim_link_cut(struct sim_links *links, uint32_t index, uint64_t now_ns);

/* A packet of a connection has arrived. Returns the link, or NULL when it is not the same any more;
 * bytes and ends are already in the pipes. */
struct sim_link *sim_link_arrive(struct sim_links *links, const struct sim_packet *packet);

#endif
