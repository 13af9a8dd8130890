/* SPDX-License-Identifier: MIT */
#include "daemon/core/ring.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static_assert(RING_SIZE <= UINT8_MAX, "places and counts are bytes");

unsigned ring_append(struct ring *ring)
{
    assert(ring->count < RING_SIZE);
    if (ring->fresh < RING_SIZE) {
        ring->fresh++;
    }
    if (ring->count == ring->known) {
        ring->order[ring->count] = ring->known++;
    }
    return ring->order[ring->count++];
}

void ring_remove(struct ring *ring, unsigned place)
{
    unsigned index = 0;

    while (ring->order[index] != place) {
        index++;
        assert(index < ring->count);
    }
    ring->count--;
    memmove(ring->order + index, ring->order + index + 1, ring->count - index);
    ring->order[ring->count] = (uint8_t)place;
    ring->entries[place].waiting = (struct member_set){{0}};
    ring->entries[place].cell = UINT32_MAX;
}

static bool waits_for_held_only(const struct ring_entry *entry, const struct member_set *held)
{
    struct member_set others = entry->waiting;

    member_set_remove_all(&others, held);
    return member_set_is_empty(&others);
}

unsigned ring_victim(const struct ring *ring, uint16_t sender_id, const struct member_set *held)
{
    uint8_t counts[CORE_MEMBERS_MAX] = {0}; /* By the index part of the id: a tie with an earlier
                                               member of that place harms neither. */
    unsigned most = sender_id & 0xFF;

    counts[most] = 1;
    for (unsigned index = 0; index < ring->count; index++) {
        const struct ring_entry *entry = &ring->entries[ring->order[index]];

        if (waits_for_held_only(entry, held)) {
            return ring->order[index];
        }
        counts[entry->sender_id & 0xFF]++;
    }
    for (unsigned member = 0; member < CORE_MEMBERS_MAX; member++) {
        most = counts[member] > counts[most] ? member : most;
    }
    for (unsigned index = 0; index < ring->count; index++) {
        if ((ring->entries[ring->order[index]].sender_id & 0xFF) == most) {
            return ring->order[index];
        }
    }
    return ring->order[0]; /* As many senders as places, and this one has none yet. */
}
