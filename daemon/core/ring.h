/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_RING_H
#define GSRELAY_CORE_RING_H

#include "daemon/core/member_set.h"

#include <stdint.h>

/* ring.h - the records of stream 0 that wait in a room, in the order in which they came.
 *
 * Room for two full datagrams: as soon as the half waits, the room is flushed (room.h), so that a
 * datagram of 64 records finds place for all of them while its receivers keep up. What overflows
 * then is what somebody was slow to take or sent too fast, and it should be theirs: a record that
 * waits only for members held back by their downlink budget gives way first, then the oldest of
 * the sender that has most of them here (McKenney 1990, "Stochastic Fairness Queueing", drops from
 * the longest queue for the same reason).
 * Threads: those of the core. Memory: in the room's row. Zeroed memory is an empty ring, and places
 * that were never needed are never touched. */

#define RING_SIZE  128
#define RING_EARLY 64 /* With as many new ones the room is flushed early. */

/* One record of stream 0. */
struct ring_entry {
    struct member_set waiting; /* Empty when the place is free. */
    uint32_t cell;
    uint16_t sender_id;
    uint16_t size;
};

struct ring {
    uint8_t count;            /* Places in use. */
    uint8_t fresh;            /* Records since the last flush of the room, at most RING_SIZE. */
    uint8_t known;            /* Places that were ever in use, the first ones. */
    uint8_t order[RING_SIZE]; /* Those: the ones in use, oldest first, then the free ones. */
    struct ring_entry entries[RING_SIZE];
};

/* A free place, behind all others. There is one. */
unsigned ring_append(struct ring *ring);

/* The room was flushed. An unused ring stays untouched memory. */
static inline void ring_flushed(struct ring *ring)
{
    if (ring->fresh > 0) {
        ring->fresh = 0;
    }
}

/* Frees a place. */
void ring_remove(struct ring *ring, unsigned place);

/* The place that gives way when none is free and `sender_id` has a record to add; `held` are the
 * members held back by their budgets. */
unsigned ring_victim(const struct ring *ring, uint16_t sender_id, const struct member_set *held);

#endif
