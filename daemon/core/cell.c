/* SPDX-License-Identifier: MIT */
#include "daemon/core/cell.h"

size_t cell_pool_size(uint32_t cells, size_t cell_size)
{
    if (cell_size > SIZE_MAX / 2 / cells) {
        return 0;
    }
    return pool_size(cells) + cells * cell_size;
}

void cell_pool_init(struct cell_pool *cells, void *memory, uint32_t count, size_t cell_size)
{
    pool_init(&cells->pool, memory, count, 0);
    cells->bytes = (uint8_t *)memory + pool_size(count);
    cells->cell_size = cell_size;
    cells->used_max = 0;
}

uint32_t cell_take(struct cell_pool *cells)
{
    const uint32_t cell = pool_take(&cells->pool);

    if (cell != CELL_NONE && pool_used(&cells->pool) > cells->used_max) {
        cells->used_max = pool_used(&cells->pool);
    }
    return cell;
}

void cell_put(struct cell_pool *cells, uint32_t cell)
{
    pool_put(&cells->pool, cell);
}

bool cell_is_left(const struct cell_pool *cells)
{
    return pool_used(&cells->pool) < cells->pool.capacity;
}
