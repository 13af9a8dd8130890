/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_POOL_H
#define GSRELAY_CORE_POOL_H

#include <stddef.h>
#include <stdint.h>

/* pool.h - which places of a fixed table are free, and lists of places.
 *
 * Both are threads of indices through an array of their own. The array's zero means "in no list",
 * so nothing has to be written at init, and places above the high-water mark are never touched.
 * Threads: one owner. Memory: 4 zeroed bytes per place, of the caller's. */

#define POOL_NONE UINT32_MAX

/* A first-in first-out list; a place is in it at most once. */
struct place_list {
    uint32_t *next; /* By place: 0 = not in the list, 1 = its end, else the next place + 2. */
    uint32_t head;  /* POOL_NONE = empty. */
    uint32_t tail;
    uint32_t count;
};

size_t place_list_size(uint32_t capacity);
void place_list_init(struct place_list *list, void *memory);

/* Nothing happens if it is in the list already. */
void place_list_append(struct place_list *list, uint32_t place);
void place_list_prepend(struct place_list *list, uint32_t place);

/* Takes the first place out; POOL_NONE if there is none. */
uint32_t place_list_take(struct place_list *list);

struct pool {
    struct place_list free;
    uint32_t capacity;
    uint32_t fresh;    /* Places from here on were never used. */
    uint32_t rest_min; /* A freed place rests until this many were freed after it, if possible. */
};

size_t pool_size(uint32_t capacity);
void pool_init(struct pool *pool, void *memory, uint32_t capacity, uint32_t rest_min);

/* POOL_NONE if none is free. */
uint32_t pool_take(struct pool *pool);

/* With rest_min 0 the place freed last is taken first (its memory is still in the cache), else the
 * one freed first. */
void pool_put(struct pool *pool, uint32_t place);

/* Places that are in use. */
uint32_t pool_used(const struct pool *pool);

#endif
