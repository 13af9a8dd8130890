/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SIM_SIM_HOSTILE_H
#define GSRELAY_TESTS_SIM_SIM_HOSTILE_H

#include "sim_relay.h"

/* sim_hostile.h - somebody who wants to do harm and holds no key.
 *
 * A stranger sends noise and datagrams that look right but for their seal. An eavesdropper sends
 * again what he saw of others: from their addresses, which he can forge, from victims' addresses,
 * and altered. A knocker opens connections and says nothing, nonsense, or a first flight that he
 * saw. (The insider, who holds keys, is a restless player.) */

#define SIM_HOSTILE_MAX 8
#define SIM_OVERHEARD   16

enum sim_hostile_kind { SIM_STRANGER, SIM_EAVESDROPPER, SIM_KNOCKER, SIM_HOSTILE_KINDS };

/* What eavesdroppers have seen last. */
struct sim_overheard {
    uint32_t count;
    struct sim_packet packets[SIM_OVERHEARD];
};

struct sim_hostile {
    enum sim_hostile_kind kind;
    uint8_t index;
    uint64_t act_ns;
    uint32_t link;
};

/* What hostile ones act upon. */
struct sim_battlefield {
    struct sim_net *net;
    struct sim_links *links;
    struct sim_random *random;
    struct sim_judge *judge;
    struct addr relay;
    uint32_t owner_first; /* Of links. */
    uint64_t end_ns;
    struct sim_overheard overheard;
};

void sim_hostile_open(struct sim_hostile *hostile, struct sim_battlefield *field, uint8_t index);

/* Does what is due. */
void sim_hostile_run(struct sim_hostile *hostile, struct sim_battlefield *field, uint64_t now_ns);

/* A packet of its connection has arrived. */
void sim_hostile_stream(struct sim_hostile *hostile, const struct sim_packet *packet,
                        struct sim_link *link);

/* A datagram for the relay passes by. */
void sim_overhear(struct sim_battlefield *field, const struct sim_packet *packet);

#endif
