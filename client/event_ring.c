/* SPDX-License-Identifier: MIT */
#include "client/event_ring.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(((struct gsrelay_event *)0)->bytes) == GSRELAY_EVENT_BYTES,
              "an event holds the largest payload");

void event_ring_init(struct event_ring *ring, uint8_t *bytes, size_t capacity)
{
    *ring = (struct event_ring){.bytes = bytes, .capacity = capacity};
}

size_t event_ring_left(const struct event_ring *ring)
{
    return ring->capacity - ring->used;
}

static void copy_in(struct event_ring *ring, const void *from, size_t size)
{
    size_t at = (ring->start + ring->used) % ring->capacity;
    size_t first = size < ring->capacity - at ? size : ring->capacity - at;
    const uint8_t *bytes = from;

    if (size == 0)
        return;
    memcpy(ring->bytes + at, bytes, first);
    memcpy(ring->bytes, bytes + first, size - first);
    ring->used += size;
}

/* Copies size bytes that stand offset bytes behind the start. */
static void copy_out(const struct event_ring *ring, size_t offset, void *to, size_t size)
{
    size_t at = (ring->start + offset) % ring->capacity;
    size_t first = size < ring->capacity - at ? size : ring->capacity - at;
    uint8_t *bytes = to;

    if (size == 0)
        return;
    memcpy(bytes, ring->bytes + at, first);
    memcpy(bytes + first, ring->bytes, size - first);
}

bool event_ring_push(struct event_ring *ring, uint64_t serial, struct gsrelay_event *head,
                     const void *payload, size_t size)
{
    assert(size <= GSRELAY_EVENT_BYTES);
    if (EVENT_ENTRY_SIZE(size) > event_ring_left(ring))
        return false;
    head->size = (uint16_t)size;
    copy_in(ring, &serial, sizeof(serial));
    copy_in(ring, head, EVENT_HEAD_SIZE);
    copy_in(ring, payload, size);
    return true;
}

uint64_t event_ring_serial(const struct event_ring *ring)
{
    uint64_t serial = UINT64_MAX;

    if (ring->used > 0)
        copy_out(ring, 0, &serial, sizeof(serial));
    return serial;
}

void event_ring_pop(struct event_ring *ring, struct gsrelay_event *out)
{
    uint16_t size = 0;

    assert(ring->used > 0);
    copy_out(ring, sizeof(uint64_t) + offsetof(struct gsrelay_event, size), &size, sizeof(size));
    if (out != NULL) {
        copy_out(ring, sizeof(uint64_t), out, EVENT_HEAD_SIZE);
        copy_out(ring, EVENT_ENTRY_SIZE(0), out->bytes, size);
    }
    ring->start = (ring->start + EVENT_ENTRY_SIZE(size)) % ring->capacity;
    ring->used -= EVENT_ENTRY_SIZE(size);
    /* Begun anew, a ring that is emptied often touches little memory. */
    if (ring->used == 0)
        ring->start = 0;
}
