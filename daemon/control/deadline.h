/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_DEADLINE_H
#define GSRELAY_CONTROL_DEADLINE_H

#include "daemon/control/arena.h"

#include <stdint.h>

/* deadline.h - at most one absolute deadline for each of a fixed number of things, soonest first.
 *
 * A binary heap (Williams, "Algorithm 232: Heapsort", 1964) with the place of each thing beside it,
 * so that a deadline can be moved or cleared at any time.
 * Threads: none of its own. Memory: from the arena. */

#define DEADLINE_NEVER UINT64_MAX

struct deadlines {
    uint64_t *when_ns; /* By thing; DEADLINE_NEVER = not in the heap. */
    uint32_t *heap;    /* Things. */
    uint32_t *place;   /* Of each thing in the heap. */
    uint32_t heap_count;
    uint32_t count;
};

void deadlines_init(struct deadlines *deadlines, struct arena *arena, uint32_t count);

/* Sets, moves or (DEADLINE_NEVER) clears the deadline of a thing. */
void deadlines_set(struct deadlines *deadlines, uint32_t thing, uint64_t when_ns);

/* The soonest deadline and, if `out` is not NULL and there is one, whose it is. */
uint64_t deadlines_next(const struct deadlines *deadlines, uint32_t *out);

#endif
