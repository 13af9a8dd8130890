/* SPDX-License-Identifier: MIT */
#include "daemon/control/buffer_pool.h"

#include <assert.h>

void buffer_pool_init(struct buffer_pool *pool, struct arena *arena, uint32_t count,
                      size_t buffer_bytes)
{
    *pool = (struct buffer_pool){.buffer_bytes = buffer_bytes, .count = count};
    pool->buffers = arena_take(arena, count, buffer_bytes);
    pool->free_list = arena_take(arena, count, sizeof(*pool->free_list));
}

uint8_t *buffer_pool_get(struct buffer_pool *pool)
{
    uint32_t index = 0;

    if (pool->free_count > 0) {
        pool->free_count--;
        index = pool->free_list[pool->free_count];
    } else if (pool->touched_count < pool->count) {
        index = pool->touched_count;
        pool->touched_count++;
    } else {
        return NULL;
    }
    pool->used_count++;
    if (pool->used_count > pool->used_count_max) {
        pool->used_count_max = pool->used_count;
    }
    return pool->buffers + index * pool->buffer_bytes;
}

void buffer_pool_put(struct buffer_pool *pool, uint8_t *buffer)
{
    size_t offset = (size_t)(buffer - pool->buffers);

    assert(offset % pool->buffer_bytes == 0 && offset / pool->buffer_bytes < pool->touched_count);
    assert(pool->used_count > 0);
    pool->free_list[pool->free_count] = (uint32_t)(offset / pool->buffer_bytes);
    pool->free_count++;
    pool->used_count--;
}
