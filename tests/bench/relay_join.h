/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_RELAY_JOIN_H
#define GSRELAY_TESTS_BENCH_RELAY_JOIN_H

/* relay_join.h - joins many players to rooms of the relay by the client library, and hands out what
 * each needs to speak UDP.
 *
 * The control connections stay open until the program ends. The library's clients do not: ten
 * thousand of them would be more memory than the machine has, and the data path of a benchmark
 * wants less than a game does. Linux only. Threads: one. */

#include "tests/bench/players.h"

#include "proto/datagram.h"

struct relay_slot {
    uint32_t slot;
    uint32_t slot_tag;
    uint16_t member;
    uint16_t udp_port;
    uint8_t key_up[DATAGRAM_KEY_SIZE];
    uint8_t key_down[DATAGRAM_KEY_SIZE];
};

/* Fills in slots[0 .. players->count). False, with a message, when somebody could not join. */
bool relay_join(const struct players *players, struct relay_slot *slots);

#endif
