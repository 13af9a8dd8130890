/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_CELL_H
#define GSRELAY_CORE_CELL_H

#include "daemon/core/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* cell.h - the worker's fixed pool of payload cells.
 *
 * A cell holds one record's payload while somebody waits for it or while it is retained. The cell
 * freed last is taken first.
 * Threads: one owner. Memory: cell_pool_size() zeroed bytes of the caller's; cells that were never
 * taken are never written. */

#define CELL_NONE POOL_NONE

struct cell_pool {
    struct pool pool;
    uint8_t *bytes;
    size_t cell_size;
    uint32_t used_max;
};

/* 0 if the size does not fit size_t. */
size_t cell_pool_size(uint32_t cells, size_t cell_size);
void cell_pool_init(struct cell_pool *cells, void *memory, uint32_t count, size_t cell_size);

/* CELL_NONE when the pool is empty. */
uint32_t cell_take(struct cell_pool *cells);
void cell_put(struct cell_pool *cells, uint32_t cell);

/* Whether cell_take() would succeed. */
bool cell_is_left(const struct cell_pool *cells);

static inline uint8_t *cell_bytes(const struct cell_pool *cells, uint32_t cell)
{
    return cells->bytes + (size_t)cell * cells->cell_size;
}

#endif
