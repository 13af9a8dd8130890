/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_BASE_TIMER_H
#define GSRELAY_BASE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* timer.h - deadlines by id, the earliest first: an indexed binary heap.
 *
 * Each id has at most one deadline. Setting, clearing and taking cost O(log n). Owners keep their
 * own idea of the true deadline and set it again when a timer fires early, so that what happens per
 * datagram (being heard) touches no heap.
 * Threads: one owner. Memory: timer_heap_size() zeroed bytes of the caller's; parts that were never
 * used are never written. */

/* Later than any time. */
#define TIMER_NEVER UINT64_MAX

struct timer_heap {
    uint64_t *deadlines; /* By id. */
    uint32_t *positions; /* By id: place in `ids` + 1, 0 = not set. */
    uint32_t *ids;       /* The heap. */
    uint32_t count;
    uint32_t capacity; /* Ids are below it. */
};

size_t timer_heap_size(uint32_t capacity);
void timer_heap_init(struct timer_heap *heap, void *memory, uint32_t capacity);

/* Sets, or moves, the deadline of `id`; TIMER_NEVER clears it. */
void timer_set(struct timer_heap *heap, uint32_t id, uint64_t deadline_ns);

/* Nothing happens if it is not set. */
void timer_clear(struct timer_heap *heap, uint32_t id);

/* The earliest deadline; TIMER_NEVER = none. */
uint64_t timer_next(const struct timer_heap *heap);

/* Takes the earliest id out if it is due at now_ns. */
bool timer_take_due(struct timer_heap *heap, uint64_t now_ns, uint32_t *out_id);

#endif
