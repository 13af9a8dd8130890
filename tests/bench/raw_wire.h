/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_RAW_WIRE_H
#define GSRELAY_TESTS_BENCH_RAW_WIRE_H

/* raw_wire.h - what the fan-out servers beside the relay understand: the least that says who is
 * who.
 *
 *     room (2) | member (2) | nothing (4) | time sent (8) | filling
 *
 * in the byte order of the machine. A datagram of RAW_HELLO_SIZE bytes makes its source address
 * that of the member, and comes back as it is; a longer one is a state and goes to the other
 * members of the room. Nothing is checked but that room and member are within the tables.
 *
 * The states of all benchmarks begin with these 16 bytes, whatever carries them. */

#include <stdint.h>

#define RAW_HELLO_SIZE  4
#define RAW_HEAD_SIZE   16
#define RAW_TIME_OFFSET 8
#define RAW_ROOMS_MAX   2048
#define RAW_MEMBERS_MAX 64

struct raw_head {
    uint16_t room;
    uint16_t member;
    uint32_t nothing;
    uint64_t sent_ns;
};

#endif
