/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_BUFFER_POOL_H
#define GSRELAY_CONTROL_BUFFER_POOL_H

#include "daemon/control/arena.h"

#include <stdint.h>

/* buffer_pool.h - buffers of one size, lent to connections while they have bytes in them.
 *
 * The buffer given back last is lent next, so that as little memory as possible is ever touched.
 * Threads: none of its own. Memory: from the arena. */

struct buffer_pool {
    uint8_t *buffers;
    uint32_t *free_list; /* A stack of the indexes of buffers that were given back. */
    size_t buffer_bytes;
    uint32_t count;
    uint32_t free_count;    /* Of the stack. */
    uint32_t touched_count; /* Buffers from here on were never lent. */
    uint32_t used_count;
    uint32_t used_count_max;
};

void buffer_pool_init(struct buffer_pool *pool, struct arena *arena, uint32_t count,
                      size_t buffer_bytes);

/* Lends a buffer; NULL when all are lent. What it holds is left from its last user. */
uint8_t *buffer_pool_get(struct buffer_pool *pool);

/* Takes a buffer back. */
void buffer_pool_put(struct buffer_pool *pool, uint8_t *buffer);

#endif
