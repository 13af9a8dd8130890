/* SPDX-License-Identifier: MIT */
#include "daemon/core/outbox.h"

#include "daemon/core/core_internal.h"
#include "proto/retained.h"

#include <assert.h>
#include <string.h>

struct ring *outbox_ring(struct core *core, uint32_t room)
{
    return core->rings + room;
}

struct stream *outbox_stream(struct core *core, uint32_t room, uint32_t cell)
{
    const uint32_t slot = room_slot(core, room, cell >> core->stream_shift);

    return slot_streams(core, slot) + (cell & ((1U << core->stream_shift) - 1));
}

static uint64_t *active_row(const struct core *core, uint32_t room)
{
    return core->room_active + (size_t)room * core->active_words;
}

uint32_t outbox_next(const struct core *core, uint32_t room, uint32_t from)
{
    const uint64_t *words = active_row(core, room);

    for (uint32_t word = from / 64; word < core->active_words; word++) {
        uint64_t bits = words[word];

        if (word == from / 64) {
            bits &= ~UINT64_C(0) << (from % 64);
        }
        if (bits != 0) {
            return word * 64 + (uint32_t)__builtin_ctzll(bits);
        }
    }
    return UINT32_MAX;
}

static void set_active(struct core *core, uint32_t room, uint32_t cell, bool is_active)
{
    uint64_t *word = &active_row(core, room)[cell / 64];
    const uint64_t bit = UINT64_C(1) << (cell % 64);

    *word = is_active ? *word | bit : *word & ~bit;
}

static uint32_t cell_of(const struct core *core, const struct slot *slot, unsigned place)
{
    return (uint32_t)slot->member << core->stream_shift | place;
}

/* The three ways in which deliveries of a room stop waiting, and the one in which they begin. */
static void count_made(struct core *core, uint32_t room, const struct receivers *receivers)
{
    const unsigned bound = member_set_count(&receivers->bound);

    core->counters.deliveries_made += bound + receivers->unbound;
    core->counters.deliveries_waiting += bound;
    core_drop(core, REASON_NOT_BOUND, receivers->unbound);
    core->rooms[room].waiting += bound;
}

static void count_superseded(struct core *core, uint32_t room, unsigned count)
{
    core->counters.deliveries_superseded += count;
    core->counters.deliveries_waiting -= count;
    core->rooms[room].waiting -= count;
}

static void count_dropped(struct core *core, uint32_t room, enum reason reason, unsigned count)
{
    core_drop(core, reason, count);
    core->counters.deliveries_waiting -= count;
    core->rooms[room].waiting -= count;
}

static void count_taken(struct core *core, uint32_t room, unsigned count)
{
    core->waiting_sent += count;
    core->rooms[room].waiting -= count;
}

static void release_ring(struct core *core, uint32_t room, unsigned place)
{
    struct ring *ring = outbox_ring(core, room);

    cell_put(&core->cells, ring->entries[place].cell);
    ring_remove(ring, place);
}

void outbox_put_ordered(struct core *core, uint32_t room_index, uint32_t slot,
                        const struct record *record, const struct receivers *receivers)
{
    const uint16_t sender_id = core->slots[slot].member_id;
    struct ring *ring = outbox_ring(core, room_index);
    struct ring_entry *entry = NULL;

    count_made(core, room_index, receivers);
    if (member_set_is_empty(&receivers->bound)) {
        return;
    }
    if (ring->count == RING_SIZE) {
        const unsigned victim = ring_victim(ring, sender_id, &core->rooms[room_index].held);

        count_dropped(core, room_index, REASON_OVERRUN,
                      member_set_count(&ring->entries[victim].waiting));
        release_ring(core, room_index, victim);
    }
    entry = &ring->entries[ring_append(ring)];
    entry->cell = cell_take(&core->cells);
    assert(entry->cell != CELL_NONE);
    entry->waiting = receivers->bound;
    entry->sender_id = sender_id;
    entry->size = record->size;
    memcpy(cell_bytes(&core->cells, entry->cell), record->payload, record->size);
}

static void forget_retained(struct core *core, struct slot *slot, struct stream *stream)
{
    struct room *room = &core->rooms[slot->room];

    if (stream->is_retained) {
        room->retained_bytes -= stream->size;
        room->retained_count--;
        room->retained_sum -= stream->hash;
        slot->retained_sum -= stream->hash;
        stream->is_retained = false;
    }
}

/* The stream's cell, size and id are set. */
static void retain(struct core *core, struct slot *slot, struct stream *stream, uint8_t id)
{
    struct room *room = &core->rooms[slot->room];

    stream->is_retained = true;
    stream->hash =
        retained_hash(slot->member_id, id, cell_bytes(&core->cells, stream->cell), stream->size);
    room->retained_bytes += stream->size;
    room->retained_count++;
    room->retained_sum += stream->hash;
    slot->retained_sum += stream->hash;
}

/* Gives the cell back when nothing needs it any more. */
static void settle_stream(struct core *core, uint32_t room, uint32_t cell, struct stream *stream)
{
    const bool is_waited_for = !member_set_is_empty(&stream->waiting);

    set_active(core, room, cell, is_waited_for);
    if (!is_waited_for && !stream->is_retained && stream->cell != CELL_NONE) {
        cell_put(&core->cells, stream->cell);
        stream->cell = CELL_NONE;
    }
}

static bool may_retain(const struct core *core, const struct room *room, uint16_t size)
{
    return room->retained_bytes + size <= core->limits.room_retained_bytes;
}

void outbox_put_latest(struct core *core, uint32_t slot_index, unsigned place,
                       const struct record *record, uint64_t order,
                       const struct receivers *receivers, uint64_t now_ns)
{
    struct slot *slot = &core->slots[slot_index];
    struct stream *stream = slot_streams(core, slot_index) + place;

    count_superseded(core, slot->room, member_set_count(&stream->waiting));
    count_made(core, slot->room, receivers);
    forget_retained(core, slot, stream);
    if (stream->cell == CELL_NONE) {
        stream->cell = cell_take(&core->cells);
        assert(stream->cell != CELL_NONE);
    }
    stream->waiting = receivers->bound;
    stream->order = order;
    stream->arrived_ns = now_ns;
    stream->size = record->size;
    memcpy(cell_bytes(&core->cells, stream->cell), record->payload, record->size);
    if (record->is_retained && may_retain(core, &core->rooms[slot->room], record->size)) {
        retain(core, slot, stream, record->stream);
    } else if (record->is_retained) {
        core->counters.retained_beyond_bound++;
    }
    settle_stream(core, slot->room, cell_of(core, slot, place), stream);
}

void outbox_replay(struct core *core, uint32_t slot_index, bool is_new)
{
    struct slot *slot = &core->slots[slot_index];
    const struct room *room = &core->rooms[slot->room];
    struct receivers receivers = {.bound = {{0}}};
    unsigned member = member_set_next(&room->present, 0);

    member_set_add(&receivers.bound, slot->member);
    for (; member != MEMBER_NONE; member = member_set_next(&room->present, member + 1)) {
        const uint32_t sender = room_slot(core, slot->room, member);
        struct stream *streams = slot_streams(core, sender);

        for (unsigned place = 0; place < core->limits.streams_per_member; place++) {
            if (!streams[place].is_retained || member == slot->member ||
                member_set_has(&streams[place].waiting, slot->member)) {
                continue;
            }
            count_made(core, slot->room, &receivers);
            core->counters.deliveries_replayed++;
            member_set_add(&streams[place].waiting, slot->member);
            set_active(core, slot->room, cell_of(core, &core->slots[sender], place), true);
            if (is_new) {
                slot->is_fresh = true;
                slot->rotor = 0;
            }
        }
    }
}

/* A stream of the heir for what it inherits on one of that number; NULL if there is none. */
static struct stream *place_of_heir(struct core *core, uint32_t heir, uint8_t id, uint64_t now_ns)
{
    struct slot *slot = &core->slots[heir];
    unsigned place = 0;

    if (memchr(slot->stream_ids, id, core->limits.streams_per_member) != NULL) {
        return NULL; /* What it says there itself is what holds. */
    }
    place = slot_stream_place(core, heir, now_ns);
    if (place == STREAM_PLACE_NONE) {
        return NULL;
    }
    slot->stream_ids[place] = id;
    return slot_streams(core, heir) + place;
}

static void inherit_stream(struct core *core, uint32_t from, unsigned place, uint32_t to,
                           uint64_t now_ns)
{
    struct slot *giver = &core->slots[from];
    struct slot *heir = &core->slots[to];
    struct stream *old = slot_streams(core, from) + place;
    struct stream *stream = place_of_heir(core, to, giver->stream_ids[place], now_ns);
    struct receivers receivers = {.bound = core->rooms[giver->room].bound};
    const uint32_t room = giver->room;

    if (stream == NULL) {
        return;
    }
    member_set_remove(&receivers.bound, giver->member);
    member_set_remove(&receivers.bound, heir->member);
    count_dropped(core, room, REASON_SENDER_LEFT, member_set_count(&old->waiting));
    forget_retained(core, giver, old);
    *stream = (struct stream){.waiting = receivers.bound,
                              .arrived_ns = old->arrived_ns,
                              .cell = old->cell,
                              .size = old->size};
    *old = (struct stream){.order = old->order, .arrived_ns = old->arrived_ns, .cell = CELL_NONE};
    set_active(core, room, cell_of(core, giver, place), false);
    retain(core, heir, stream, giver->stream_ids[place]);
    count_made(core, room, &receivers);
    core->counters.deliveries_replayed += member_set_count(&receivers.bound);
    core->counters.retained_inherited++;
    settle_stream(core, room, cell_of(core, heir, (unsigned)(stream - slot_streams(core, to))),
                  stream);
}

void outbox_inherit(struct core *core, uint32_t from, uint32_t to, uint64_t now_ns)
{
    const struct stream *streams = slot_streams(core, from);

    assert(core->slots[from].room == core->slots[to].room && from != to);
    for (unsigned place = 0; place < core->limits.streams_per_member; place++) {
        if (streams[place].is_retained) {
            inherit_stream(core, from, place, to, now_ns);
        }
    }
}

static void remove_receiver(struct core *core, uint32_t room_index, unsigned member)
{
    struct ring *ring = outbox_ring(core, room_index);
    uint32_t cell = outbox_next(core, room_index, 0);

    for (; cell != UINT32_MAX; cell = outbox_next(core, room_index, cell + 1)) {
        struct stream *stream = outbox_stream(core, room_index, cell);

        if (member_set_has(&stream->waiting, member)) {
            member_set_remove(&stream->waiting, member);
            count_dropped(core, room_index, REASON_RECEIVER_LEFT, 1);
            settle_stream(core, room_index, cell, stream);
        }
    }
    /* From the newest back: who is taken out has been passed. */
    for (unsigned index = ring->count; index > 0; index--) {
        const unsigned place = ring->order[index - 1];
        struct ring_entry *entry = &ring->entries[place];

        if (member_set_has(&entry->waiting, member)) {
            member_set_remove(&entry->waiting, member);
            count_dropped(core, room_index, REASON_RECEIVER_LEFT, 1);
            if (member_set_is_empty(&entry->waiting)) {
                release_ring(core, room_index, place);
            }
        }
    }
}

void outbox_remove(struct core *core, uint32_t slot_index)
{
    struct slot *slot = &core->slots[slot_index];
    struct stream *streams = slot_streams(core, slot_index);

    remove_receiver(core, slot->room, slot->member);
    for (unsigned place = 0; place < core->limits.streams_per_member; place++) {
        struct stream *stream = &streams[place];

        if (slot->stream_ids[place] == 0) {
            continue;
        }
        count_dropped(core, slot->room, REASON_SENDER_LEFT, member_set_count(&stream->waiting));
        stream->waiting = (struct member_set){{0}};
        forget_retained(core, slot, stream);
        settle_stream(core, slot->room, cell_of(core, slot, place), stream);
        slot->stream_ids[place] = 0;
    }
}

void outbox_taken(struct core *core, uint32_t room, uint32_t cell, const struct member_set *members)
{
    struct stream *stream = outbox_stream(core, room, cell);
    const struct member_set taken = member_set_both(&stream->waiting, members);

    count_taken(core, room, member_set_count(&taken));
    member_set_remove_all(&stream->waiting, members);
    settle_stream(core, room, cell, stream);
}

void outbox_taken_ordered(struct core *core, uint32_t room, unsigned place,
                          const struct member_set *members)
{
    struct ring_entry *entry = &outbox_ring(core, room)->entries[place];
    const struct member_set taken = member_set_both(&entry->waiting, members);

    count_taken(core, room, member_set_count(&taken));
    member_set_remove_all(&entry->waiting, members);
    if (member_set_is_empty(&entry->waiting)) {
        release_ring(core, room, place);
    }
}
