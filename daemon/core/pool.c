/* SPDX-License-Identifier: MIT */
#include "daemon/core/pool.h"

#include <assert.h>

#define LIST_END 1U

size_t place_list_size(uint32_t capacity)
{
    return capacity * sizeof(uint32_t);
}

void place_list_init(struct place_list *list, void *memory)
{
    *list = (struct place_list){.next = memory, .head = POOL_NONE, .tail = POOL_NONE};
}

void place_list_append(struct place_list *list, uint32_t place)
{
    if (list->next[place] != 0) {
        return;
    }
    list->next[place] = LIST_END;
    if (list->head == POOL_NONE) {
        list->head = place;
    } else {
        list->next[list->tail] = place + 2;
    }
    list->tail = place;
    list->count++;
}

void place_list_prepend(struct place_list *list, uint32_t place)
{
    if (list->next[place] != 0) {
        return;
    }
    list->next[place] = list->head == POOL_NONE ? LIST_END : list->head + 2;
    if (list->head == POOL_NONE) {
        list->tail = place;
    }
    list->head = place;
    list->count++;
}

uint32_t place_list_take(struct place_list *list)
{
    const uint32_t place = list->head;

    if (place == POOL_NONE) {
        return POOL_NONE;
    }
    assert(list->next[place] != 0);
    if (list->next[place] == LIST_END) {
        list->head = POOL_NONE;
        list->tail = POOL_NONE;
    } else {
        list->head = list->next[place] - 2;
    }
    list->next[place] = 0;
    list->count--;
    return place;
}

size_t pool_size(uint32_t capacity)
{
    return place_list_size(capacity);
}

void pool_init(struct pool *pool, void *memory, uint32_t capacity, uint32_t rest_min)
{
    place_list_init(&pool->free, memory);
    pool->capacity = capacity;
    pool->fresh = 0;
    pool->rest_min = rest_min;
}

uint32_t pool_take(struct pool *pool)
{
    if (pool->fresh < pool->capacity && pool->free.count <= pool->rest_min) {
        if (pool->rest_min != 0 || pool->free.count == 0) {
            return pool->fresh++;
        }
    }
    return place_list_take(&pool->free);
}

void pool_put(struct pool *pool, uint32_t place)
{
    assert(place < pool->fresh && pool->free.next[place] == 0);
    if (pool->rest_min == 0) {
        place_list_prepend(&pool->free, place);
    } else {
        place_list_append(&pool->free, place);
    }
}

uint32_t pool_used(const struct pool *pool)
{
    return pool->fresh - pool->free.count;
}
