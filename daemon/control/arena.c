/* SPDX-License-Identifier: MIT */
#include "daemon/control/arena.h"

void *arena_take(struct arena *arena, size_t count, size_t size)
{
    const size_t unit = _Alignof(max_align_t);

    if (arena->used == SIZE_MAX || (size != 0 && count > (SIZE_MAX / 2 - arena->used) / size)) {
        arena->used = SIZE_MAX;
        return NULL;
    }
    void *place = arena->base == NULL ? NULL : arena->base + arena->used;
    arena->used += (count * size + unit - 1) / unit * unit;
    return place;
}
