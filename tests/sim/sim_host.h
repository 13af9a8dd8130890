/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SIM_SIM_HOST_H
#define GSRELAY_TESTS_SIM_SIM_HOST_H

#include "daemon/core/message.h"

#include <stdint.h>

/* sim_host.h - who has been told to be host of which room, and in which epoch.
 *
 *     The epoch of a room never goes down; in one epoch it has one host, whoever is told.
 *     The host is one of the members, or nobody.
 *     What is for the host is done for nobody else, and in no other epoch than it was asked in.
 *
 * Knows nothing but the commands that workers take and the events that they make. Each function
 * returns NULL, or what does not hold. */

#define SIM_HOST_WORKERS 3
#define SIM_HOST_ROOMS   32
#define SIM_HOST_SLOTS   128
#define SIM_HOST_MEMBERS 128

struct sim_host_room {
    uint32_t tag; /* 0 = not known. */
    uint32_t epoch;
    uint16_t host;
    uint16_t count;
    uint16_t members[SIM_HOST_MEMBERS];
};

struct sim_host_worker {
    struct sim_host_room rooms[SIM_HOST_ROOMS];
    struct {
        uint32_t room;
        uint16_t member;
    } slots[SIM_HOST_SLOTS];
};

/* All zero: nothing is known yet. */
struct sim_hosts {
    struct sim_host_worker workers[SIM_HOST_WORKERS];
};

/* The slot and the epoch of a command, as sim_host_done() wants them. */
struct sim_host_asked {
    enum command_type type;
    uint32_t slot;
    uint32_t host_epoch;
};

const char *sim_host_event(struct sim_hosts *hosts, uint32_t worker, const struct event *event);

/* A command was answered with EVENT_DONE. Comes before what the command announces. */
const char *sim_host_done(const struct sim_hosts *hosts, uint32_t worker,
                          const struct sim_host_asked *asked);

#endif
