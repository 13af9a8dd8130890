/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct ring {
    uint32_t start;     /* Offset of the oldest byte, below ring_bytes. */
    uint32_t used;      /* Bytes that wait, up to ring_bytes. */
    uint32_t next_free; /* The free list; NET_RING_NONE at its end. */
    uint32_t is_taken;
};

struct net_ring_pool {
    uint32_t ring_count;
    uint32_t ring_bytes;
    uint32_t first_free;
    uint32_t fresh; /* Rings from here on were never used: their memory is untouched. */
    uint8_t *bytes; /* ring_count x ring_bytes, behind rings[] in the same block. */
    struct ring rings[];
};

int net_ring_pool_create(uint32_t ring_count, uint32_t ring_bytes, struct net_ring_pool **out)
{
    assert(ring_count > 0 && ring_bytes > 0);

    const uint64_t heads =
        sizeof(struct net_ring_pool) + (uint64_t)ring_count * sizeof(struct ring);
    const uint64_t total = heads + (uint64_t)ring_count * ring_bytes;
    struct net_ring_pool *pool = total <= SIZE_MAX ? calloc(1, (size_t)total) : NULL;

    if (pool == NULL) {
        return RESULT_NO_MEMORY;
    }
    pool->ring_count = ring_count;
    pool->ring_bytes = ring_bytes;
    pool->first_free = NET_RING_NONE;
    pool->bytes = (uint8_t *)pool + heads;
    *out = pool;
    return RESULT_OK;
}

void net_ring_pool_destroy(struct net_ring_pool *pool)
{
    free(pool);
}

static const struct ring *find_taken(const struct net_ring_pool *pool, uint32_t ring)
{
    assert(ring < pool->ring_count);
    assert(pool->rings[ring].is_taken);
    return &pool->rings[ring];
}

uint32_t net_ring_take(struct net_ring_pool *pool)
{
    uint32_t ring = pool->first_free;

    if (ring != NET_RING_NONE) {
        pool->first_free = pool->rings[ring].next_free;
    } else if (pool->fresh < pool->ring_count) {
        ring = pool->fresh++;
    } else {
        return NET_RING_NONE;
    }
    assert(!pool->rings[ring].is_taken);
    pool->rings[ring] = (struct ring){.next_free = NET_RING_NONE, .is_taken = 1};
    return ring;
}

void net_ring_put(struct net_ring_pool *pool, uint32_t ring)
{
    (void)find_taken(pool, ring);
    pool->rings[ring].is_taken = 0;
    pool->rings[ring].next_free = pool->first_free;
    pool->first_free = ring;
}

size_t net_ring_used(const struct net_ring_pool *pool, uint32_t ring)
{
    return find_taken(pool, ring)->used;
}

size_t net_ring_room(const struct net_ring_pool *pool, uint32_t ring)
{
    return pool->ring_bytes - find_taken(pool, ring)->used;
}

void net_ring_write(struct net_ring_pool *pool, uint32_t ring, const void *bytes, size_t size)
{
    assert(size <= net_ring_room(pool, ring));

    struct ring *const head = &pool->rings[ring];
    uint8_t *const base = pool->bytes + (size_t)ring * pool->ring_bytes;
    const size_t at = ((size_t)head->start + head->used) % pool->ring_bytes;
    const size_t first = size < pool->ring_bytes - at ? size : pool->ring_bytes - at;

    memcpy(base + at, bytes, first);
    memcpy(base, (const uint8_t *)bytes + first, size - first);
    head->used += (uint32_t)size;
}

unsigned net_ring_peek(struct net_ring_pool *pool, uint32_t ring, struct net_ring_piece pieces[2])
{
    const struct ring *const head = find_taken(pool, ring);
    uint8_t *const base = pool->bytes + (size_t)ring * pool->ring_bytes;
    const size_t to_end = pool->ring_bytes - head->start;

    if (head->used == 0) {
        return 0;
    }
    if (head->used <= to_end) {
        pieces[0] = (struct net_ring_piece){base + head->start, head->used};
        return 1;
    }
    pieces[0] = (struct net_ring_piece){base + head->start, to_end};
    pieces[1] = (struct net_ring_piece){base, head->used - to_end};
    return 2;
}

void net_ring_consume(struct net_ring_pool *pool, uint32_t ring, size_t size)
{
    assert(size <= net_ring_used(pool, ring));

    struct ring *const head = &pool->rings[ring];

    head->used -= (uint32_t)size;
    head->start = (uint32_t)(((size_t)head->start + size) % pool->ring_bytes);
}
