/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_ARENA_H
#define GSRELAY_CONTROL_ARENA_H

#include <stddef.h>
#include <stdint.h>

/* arena.h - cuts one block of memory into tables, once.
 *
 * The same code runs twice: first without a block, to learn the size, then with it. A table is
 * aligned for any type and lies on zeroed memory that the caller gave.
 * Threads: none of its own. Memory: the caller's. */

struct arena {
    uint8_t *base; /* NULL while only the size is asked for. */
    size_t used;   /* SIZE_MAX once the size does not fit. */
};

/* Takes `count` elements of `size` bytes. NULL while only the size is asked for. */
void *arena_take(struct arena *arena, size_t count, size_t size);

#endif
