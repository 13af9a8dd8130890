/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SIM_SIM_H
#define GSRELAY_TESTS_SIM_SIM_H

#include "sim_hostile.h"
#include "sim_player.h"
#include "sim_relay.h"

/* sim.h - one seed, one run: a relay, 2 to 64 players, 0 to 8 hostile ones and a network, on a
 * clock that only moves when nothing is left to do at its time.
 *
 * All that happens follows from the seed: the limits, the weather, who does what when, and every
 * random byte that relay and clients use. A run has four parts: turmoil, in which players come and
 * go, addresses change, connections break and the relay may crash; calm, in which the weather is
 * fine and all must come to see the same; the way home; and an empty relay.
 *
 * (The idea: FoundationDB's and TigerBeetle's simulators.) */

struct sim {
    uint64_t seed;
    uint64_t now_ns;
    struct sim_random random;
    uint64_t crash_ns; /* When the relay crashes; UINT64_MAX = never. */
    uint64_t restart_ns;
    uint64_t calm_ns;
    uint64_t judgement_ns;
    uint64_t end_ns; /* Everybody goes home. */
    uint64_t empty_ns;
    uint32_t player_count;
    uint32_t hostile_count;
    struct sim_judge judge;
    struct sim_net net;
    struct sim_links links;
    struct sim_relay relay;
    struct sim_players players;
    struct sim_battlefield field;
    struct sim_player player[SIM_PLAYERS_MAX];
    struct sim_hostile hostile[SIM_HOSTILE_MAX];
};

/* Runs a seed. Returns true when all held; else judge.broken says what did not, and judge.step and
 * now_ns when. The struct is large: give it memory that is not on the stack. */
bool sim_run(struct sim *sim, uint64_t seed, FILE *story);

#endif
