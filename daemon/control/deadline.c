/* SPDX-License-Identifier: MIT */
#include "daemon/control/deadline.h"

#include <assert.h>

void deadlines_init(struct deadlines *deadlines, struct arena *arena, uint32_t count)
{
    *deadlines = (struct deadlines){.count = count};
    deadlines->when_ns = arena_take(arena, count, sizeof(*deadlines->when_ns));
    deadlines->heap = arena_take(arena, count, sizeof(*deadlines->heap));
    deadlines->place = arena_take(arena, count, sizeof(*deadlines->place));
    for (uint32_t i = 0; deadlines->when_ns != NULL && i < count; i++) {
        deadlines->when_ns[i] = DEADLINE_NEVER;
    }
}

static uint64_t when_at(const struct deadlines *deadlines, uint32_t place)
{
    return deadlines->when_ns[deadlines->heap[place]];
}

static void put_at(struct deadlines *deadlines, uint32_t place, uint32_t thing)
{
    deadlines->heap[place] = thing;
    deadlines->place[thing] = place;
}

static void swap_places(struct deadlines *deadlines, uint32_t a, uint32_t b)
{
    uint32_t thing = deadlines->heap[a];

    put_at(deadlines, a, deadlines->heap[b]);
    put_at(deadlines, b, thing);
}

static void sift_up(struct deadlines *deadlines, uint32_t place)
{
    while (place > 0 && when_at(deadlines, place) < when_at(deadlines, (place - 1) / 2)) {
        swap_places(deadlines, place, (place - 1) / 2);
        place = (place - 1) / 2;
    }
}

static void sift_down(struct deadlines *deadlines, uint32_t place)
{
    for (;;) {
        uint32_t least = place;
        for (uint32_t child = 2 * place + 1; child <= 2 * place + 2; child++) {
            if (child < deadlines->heap_count &&
                when_at(deadlines, child) < when_at(deadlines, least)) {
                least = child;
            }
        }
        if (least == place) {
            return;
        }
        swap_places(deadlines, place, least);
        place = least;
    }
}

static void drop(struct deadlines *deadlines, uint32_t place)
{
    deadlines->heap_count--;
    if (place != deadlines->heap_count) {
        put_at(deadlines, place, deadlines->heap[deadlines->heap_count]);
        sift_up(deadlines, place);
        sift_down(deadlines, place);
    }
}

void deadlines_set(struct deadlines *deadlines, uint32_t thing, uint64_t when_ns)
{
    assert(thing < deadlines->count);
    uint64_t before_ns = deadlines->when_ns[thing];

    if (when_ns == before_ns) {
        return;
    }
    if (when_ns == DEADLINE_NEVER) {
        /* The place is taken out before the deadline goes, as the sifting compares deadlines. */
        drop(deadlines, deadlines->place[thing]);
        deadlines->when_ns[thing] = DEADLINE_NEVER;
        return;
    }
    deadlines->when_ns[thing] = when_ns;
    if (before_ns == DEADLINE_NEVER) {
        put_at(deadlines, deadlines->heap_count, thing);
        deadlines->heap_count++;
    }
    sift_up(deadlines, deadlines->place[thing]);
    sift_down(deadlines, deadlines->place[thing]);
}

uint64_t deadlines_next(const struct deadlines *deadlines, uint32_t *out)
{
    if (deadlines->heap_count == 0) {
        return DEADLINE_NEVER;
    }
    if (out != NULL) {
        *out = deadlines->heap[0];
    }
    return when_at(deadlines, 0);
}
