/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CLIENT_EVENT_RING_H
#define GSRELAY_CLIENT_EVENT_RING_H

/* event_ring.h - events that wait to be taken, packed one behind the other in a ring of bytes.
 *
 * An entry takes what the event really carries, not the largest that it could. Each has a serial
 * number, so that two rings can be read as one queue.
 * Threads: one owner. Memory: handed in at init. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gsrelay/gsrelay.h>

/* All of an event but its bytes. */
#define EVENT_HEAD_SIZE offsetof(struct gsrelay_event, bytes)

/* What an event with that many bytes takes in a ring. */
#define EVENT_ENTRY_SIZE(bytes_size) (sizeof(uint64_t) + EVENT_HEAD_SIZE + (bytes_size))

struct event_ring {
    uint8_t *bytes;
    size_t capacity;
    size_t start; /* Offset of the oldest entry, < capacity. */
    size_t used;  /* Bytes of all entries, <= capacity. */
};

void event_ring_init(struct event_ring *ring, uint8_t *bytes, size_t capacity);

size_t event_ring_left(const struct event_ring *ring);

/* Appends head with payload as its bytes; head->bytes is not read and head->size is set to size.
 * False, and nothing is written, when it does not fit. */
bool event_ring_push(struct event_ring *ring, uint64_t serial, struct gsrelay_event *head,
                     const void *payload, size_t size);

/* The serial of the oldest entry; UINT64_MAX when the ring is empty. */
uint64_t event_ring_serial(const struct event_ring *ring);

/* Removes the oldest entry of a ring that is not empty, into out unless that is NULL. */
void event_ring_pop(struct event_ring *ring, struct gsrelay_event *out);

#endif
