/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_RING_H
#define GSRELAY_DAEMON_NET_NET_RING_H

/* net_ring.h - a pool of byte rings of one size, for output that the system has not taken yet.
 *
 * A connection holds a ring only while bytes of it wait. Private to the backends.
 * Threads: the owner's. Memory: one block from net_ring_pool_create(), whose pages are touched
 * when a ring is used, and not before; bytes of a ring stay where they are until net_ring_consume()
 * has passed them, so that the system may read them meanwhile. */

#include <stddef.h>
#include <stdint.h>

#include "proto/result.h"

#define NET_RING_NONE UINT32_MAX

struct net_ring_pool;

/* One stretch of waiting bytes. */
struct net_ring_piece {
    uint8_t *bytes;
    size_t size;
};

GSRELAY_CHECKED int net_ring_pool_create(uint32_t ring_count, uint32_t ring_bytes,
                                         struct net_ring_pool **out);
void net_ring_pool_destroy(struct net_ring_pool *pool);

/* Takes an empty ring out of the pool, or returns NET_RING_NONE. */
uint32_t net_ring_take(struct net_ring_pool *pool);

/* Gives a ring back, with whatever is in it. */
void net_ring_put(struct net_ring_pool *pool, uint32_t ring);

/* Bytes that wait, and bytes that still fit. */
size_t net_ring_used(const struct net_ring_pool *pool, uint32_t ring);
size_t net_ring_room(const struct net_ring_pool *pool, uint32_t ring);

/* Copies size bytes in, which must fit (asserted). */
void net_ring_write(struct net_ring_pool *pool, uint32_t ring, const void *bytes, size_t size);

/* The waiting bytes in order, in one or two pieces; returns how many (0 when empty). */
unsigned net_ring_peek(struct net_ring_pool *pool, uint32_t ring, struct net_ring_piece pieces[2]);

/* Forgets the oldest size bytes (asserted: that many wait). */
void net_ring_consume(struct net_ring_pool *pool, uint32_t ring, size_t size);

#endif
