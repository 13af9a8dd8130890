/* SPDX-License-Identifier: MIT */
#include "daemon/base/timer.h"

#include <assert.h>

size_t timer_heap_size(uint32_t capacity)
{
    return capacity * (sizeof(uint64_t) + 2 * sizeof(uint32_t));
}

void timer_heap_init(struct timer_heap *heap, void *memory, uint32_t capacity)
{
    heap->deadlines = memory;
    heap->positions = (uint32_t *)(heap->deadlines + capacity);
    heap->ids = heap->positions + capacity;
    heap->count = 0;
    heap->capacity = capacity;
}

static uint64_t deadline_at(const struct timer_heap *heap, uint32_t place)
{
    return heap->deadlines[heap->ids[place]];
}

static void put(struct timer_heap *heap, uint32_t place, uint32_t id)
{
    heap->ids[place] = id;
    heap->positions[id] = place + 1;
}

/* Moves `id`, for which `place` is free, to where it belongs. */
static void settle(struct timer_heap *heap, uint32_t place, uint32_t id)
{
    const uint64_t deadline_ns = heap->deadlines[id];

    while (place > 0 && deadline_at(heap, (place - 1) / 2) > deadline_ns) {
        put(heap, place, heap->ids[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * place + 1;

        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count && deadline_at(heap, child + 1) < deadline_at(heap, child)) {
            child++;
        }
        if (deadline_at(heap, child) >= deadline_ns) {
            break;
        }
        put(heap, place, heap->ids[child]);
        place = child;
    }
    put(heap, place, id);
}

void timer_set(struct timer_heap *heap, uint32_t id, uint64_t deadline_ns)
{
    assert(id < heap->capacity);
    if (deadline_ns == TIMER_NEVER) {
        timer_clear(heap, id);
        return;
    }
    heap->deadlines[id] = deadline_ns;
    if (heap->positions[id] != 0) {
        settle(heap, heap->positions[id] - 1, id);
    } else {
        heap->count++;
        settle(heap, heap->count - 1, id);
    }
}

void timer_clear(struct timer_heap *heap, uint32_t id)
{
    const uint32_t position = heap->positions[id];

    assert(id < heap->capacity);
    if (position == 0) {
        return;
    }
    heap->positions[id] = 0;
    heap->count--;
    if (position - 1 < heap->count) {
        settle(heap, position - 1, heap->ids[heap->count]);
    }
}

uint64_t timer_next(const struct timer_heap *heap)
{
    return heap->count == 0 ? TIMER_NEVER : deadline_at(heap, 0);
}

bool timer_take_due(struct timer_heap *heap, uint64_t now_ns, uint32_t *out_id)
{
    if (heap->count == 0 || deadline_at(heap, 0) > now_ns) {
        return false;
    }
    *out_id = heap->ids[0];
    timer_clear(heap, *out_id);
    return true;
}
