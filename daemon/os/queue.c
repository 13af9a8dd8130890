/* SPDX-License-Identifier: MIT */
#include "daemon/os/queue.h"

#include "daemon/os/lines.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* Positions count elements since the beginning and wrap with size_t; only their difference and
 * their remainder by the number of places count. So the number of places is a power of two. */
struct queue {
    size_t place_size;
    size_t element_size;
    size_t place_mask;
    size_t capacity;
    unsigned char *places;

    _Alignas(LINES_APART) atomic_size_t pushed; /* Written by the producer. */
    size_t popped_seen;                         /* The producer's copy of `popped`. */

    _Alignas(LINES_APART) atomic_size_t popped; /* Written by the consumer. */
    size_t pushed_seen;                         /* The consumer's copy of `pushed`. */
};

static_assert(LINES_PART(struct queue, places, pushed), "what nobody writes is apart");
static_assert(LINES_PART(struct queue, popped_seen, popped), "the two sides are apart");

struct queue *queue_create(size_t element_size, size_t capacity)
{
    assert(element_size > 0 && capacity > 0);
    const size_t unit = _Alignof(max_align_t);
    if (element_size > SIZE_MAX - unit || capacity > SIZE_MAX / 2) {
        return NULL;
    }
    size_t place_size = (element_size + unit - 1) / unit * unit;
    size_t place_count = 1;
    while (place_count < capacity) {
        place_count *= 2;
    }
    if (place_count > SIZE_MAX / place_size) {
        return NULL;
    }
    struct queue *queue = lines_create(sizeof(*queue));
    if (queue == NULL) {
        return NULL;
    }
    queue->places = lines_create(place_count * place_size);
    if (queue->places == NULL) {
        lines_destroy(queue);
        return NULL;
    }
    queue->place_size = place_size;
    queue->element_size = element_size;
    queue->place_mask = place_count - 1;
    queue->capacity = capacity;
    atomic_init(&queue->pushed, 0);
    atomic_init(&queue->popped, 0);
    return queue;
}

void queue_destroy(struct queue *queue)
{
    if (queue != NULL) {
        lines_destroy(queue->places);
        lines_destroy(queue);
    }
}

size_t queue_capacity(const struct queue *queue)
{
    return queue->capacity;
}

static void *place_at(const struct queue *queue, size_t position)
{
    return queue->places + (position & queue->place_mask) * queue->place_size;
}

size_t queue_space(struct queue *queue)
{
    size_t pushed = atomic_load_explicit(&queue->pushed, memory_order_relaxed);
    queue->popped_seen = atomic_load_explicit(&queue->popped, memory_order_acquire);
    return queue->capacity - (pushed - queue->popped_seen);
}

void *queue_reserve(struct queue *queue)
{
    size_t pushed = atomic_load_explicit(&queue->pushed, memory_order_relaxed);
    if (pushed - queue->popped_seen == queue->capacity && queue_space(queue) == 0) {
        return NULL;
    }
    return place_at(queue, pushed);
}

void queue_push_reserved(struct queue *queue)
{
    size_t pushed = atomic_load_explicit(&queue->pushed, memory_order_relaxed);
    assert(pushed - queue->popped_seen < queue->capacity);
    atomic_store_explicit(&queue->pushed, pushed + 1, memory_order_release);
}

bool queue_push(struct queue *queue, const void *element)
{
    void *place = queue_reserve(queue);
    if (place == NULL) {
        return false;
    }
    memcpy(place, element, queue->element_size);
    queue_push_reserved(queue);
    return true;
}

size_t queue_count(struct queue *queue)
{
    size_t popped = atomic_load_explicit(&queue->popped, memory_order_relaxed);
    queue->pushed_seen = atomic_load_explicit(&queue->pushed, memory_order_acquire);
    return queue->pushed_seen - popped;
}

void *queue_peek(struct queue *queue)
{
    size_t popped = atomic_load_explicit(&queue->popped, memory_order_relaxed);
    if (popped == queue->pushed_seen && queue_count(queue) == 0) {
        return NULL;
    }
    return place_at(queue, popped);
}

void queue_pop_peeked(struct queue *queue)
{
    size_t popped = atomic_load_explicit(&queue->popped, memory_order_relaxed);
    assert(popped != queue->pushed_seen);
    atomic_store_explicit(&queue->popped, popped + 1, memory_order_release);
}

bool queue_pop(struct queue *queue, void *out)
{
    const void *place = queue_peek(queue);
    if (place == NULL) {
        return false;
    }
    memcpy(out, place, queue->element_size);
    queue_pop_peeked(queue);
    return true;
}
