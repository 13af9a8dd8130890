/* SPDX-License-Identifier: MIT */
#include "daemon/core/core_internal.h"

#include "proto/limits.h"
#include "proto/record.h"

#include <assert.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)

/* A record that waits: a cell of the room, or a place of its ring with RING_BIT. */
#define RING_BIT UINT32_C(0x80000000)

/* One packing of a room. */
struct packing {
    struct core *core;
    uint32_t room_index;
    struct room *room;
    struct ring *ring;
    uint64_t now_ns;
    struct member_set waiting; /* Members that something waits for, without those served. */
    struct member_set alone;   /* Members whose budget is too low for all that waits. */
    struct member_set held;    /* Those of them that cannot have a datagram now. */
    const struct pack_item *items;
    uint32_t ring_count; /* The first of them are the ring's, oldest first; the cells ascend. */
    uint32_t item_count;
    uint32_t start; /* The first cell's item from the room's rotor on, and around. */
};

static size_t size_down(bool is_retained, size_t size)
{
    return record_size(RECORD_DOWN, is_retained, size);
}

static void list_ring(const struct packing *packing, unsigned place, struct pack_item *out)
{
    const struct ring_entry *entry = &packing->ring->entries[place];

    out->waiting = &entry->waiting;
    out->id = place | RING_BIT;
    out->owner = (uint16_t)room_member(packing->core, packing->room_index, entry->sender_id);
    out->size = (uint16_t)size_down(false, entry->size);
}

static void list_cell(const struct packing *packing, uint32_t cell, struct pack_item *out)
{
    const struct stream *stream = outbox_stream(packing->core, packing->room_index, cell);

    out->waiting = &stream->waiting;
    out->id = cell;
    out->owner = (uint16_t)(cell >> packing->core->stream_shift);
    out->size = (uint16_t)size_down(stream->is_retained, stream->size);
}

/* The item of the first cell from `rotor` on; item_count if there is none. */
static uint32_t item_from(const struct packing *packing, uint32_t rotor)
{
    uint32_t low = packing->ring_count;
    uint32_t high = packing->item_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (packing->items[middle].id < rotor) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The same, but with the first cell behind the last. */
static uint32_t item_around(const struct packing *packing, uint32_t rotor)
{
    const uint32_t index = item_from(packing, rotor);

    return index == packing->item_count ? packing->ring_count : index;
}

/* The n-th item of a walk over all: the ring's and the cells' in turn, these from `start` on and
 * around. */
static uint32_t item_at(const struct packing *packing, uint32_t n, uint32_t start, bool cells_first)
{
    const uint32_t cells = packing->item_count - packing->ring_count;
    uint32_t index = start + n;

    if (cells_first && n >= cells) {
        return n - cells;
    }
    if (!cells_first) {
        if (n < packing->ring_count) {
            return n;
        }
        index -= packing->ring_count;
    }
    return index < packing->item_count ? index : index - cells;
}

/* Lists what waits: the ring, oldest first, then the cells. */
static void list_items(struct packing *packing)
{
    struct core *core = packing->core;
    struct pack_item *items = core->pack_items;
    uint32_t count = 0;

    for (unsigned index = 0; index < packing->ring->count; index++) {
        list_ring(packing, packing->ring->order[index], &items[count++]);
    }
    packing->ring_count = count;
    for (uint32_t cell = outbox_next(core, packing->room_index, 0); cell != UINT32_MAX;
         cell = outbox_next(core, packing->room_index, cell + 1)) {
        list_cell(packing, cell, &items[count++]);
    }
    packing->items = items;
    packing->item_count = count;
    packing->start = item_around(packing, packing->room->rotor);
}

static uint32_t age_ms(const struct packing *packing, const struct stream *stream)
{
    const uint64_t age = (packing->now_ns - stream->arrived_ns) / NS_PER_MS;

    return age < UINT32_MAX ? (uint32_t)age : UINT32_MAX;
}

/* The record of an item that somebody still waits for. */
static struct record record_of(const struct packing *packing, const struct pack_item *item)
{
    struct core *core = packing->core;
    const struct slot *slot = NULL;
    const struct stream *stream = NULL;

    if ((item->id & RING_BIT) != 0) {
        const struct ring_entry *entry = &packing->ring->entries[item->id & ~RING_BIT];

        return (struct record){.member = entry->sender_id,
                               .size = entry->size,
                               .payload = cell_bytes(&core->cells, entry->cell)};
    }
    slot = &core->slots[room_slot(core, packing->room_index, item->owner)];
    stream = outbox_stream(core, packing->room_index, item->id);
    return (struct record){.member = slot->member_id,
                           .stream = slot->stream_ids[item->id & ((1U << core->stream_shift) - 1)],
                           .is_retained = stream->is_retained,
                           .age_ms = stream->is_retained ? age_ms(packing, stream) : 0,
                           .size = stream->size,
                           .payload = cell_bytes(&core->cells, stream->cell)};
}

static void find_waiting(struct packing *packing)
{
    packing->waiting = (struct member_set){{0}};
    for (uint32_t index = 0; index < packing->item_count; index++) {
        member_set_add_all(&packing->waiting, packing->items[index].waiting);
    }
    member_set_remove_all(&packing->waiting, &packing->held);
}

/* Where the group splits over a record into those who wait for it and those who neither do nor have
 * sent it, takes one side out: the one on which `first` does not stand, or the smaller one if
 * `first` has sent it. */
static void split_group(struct member_set *group, const struct pack_item *item, unsigned first)
{
    const struct member_set with = member_set_both(group, item->waiting);
    struct member_set without = *group;
    bool keeps_with = member_set_has(item->waiting, first);

    member_set_remove_all(&without, item->waiting);
    if (item->owner != MEMBER_NONE) {
        member_set_remove(&without, item->owner);
    }
    if (member_set_is_empty(&with) || member_set_is_empty(&without)) {
        return;
    }
    if (item->owner == first) {
        keeps_with = member_set_count(&with) >= member_set_count(&without);
    }
    member_set_remove_all(group, keeps_with ? &without : &with);
}

/* The members that wait for the same as `first`, apart from what each has sent itself. What is left
 * after a split agrees on that record, whatever is taken away later. */
static struct member_set find_group(const struct packing *packing, unsigned first)
{
    struct member_set group = packing->waiting;

    member_set_remove_all(&group, &packing->alone);
    for (uint32_t index = 0; index < packing->item_count; index++) {
        if (!member_set_is_empty(packing->items[index].waiting)) {
            split_group(&group, &packing->items[index], first);
        }
        if (index % 16 == 0 && member_set_count(&group) == 1) {
            break;
        }
    }
    return group;
}

/* Whether a record belongs into the bodies that `group` shares. */
static bool is_common(const struct pack_item *item, const struct member_set *group)
{
    const struct member_set with = member_set_both(item->waiting, group);

    return !member_set_is_empty(&with);
}

/* Takes those out of a group for whom sharing does not pay, or who need an order of their own. */
static void thin_group(const struct packing *packing, struct member_set *group)
{
    size_t own_bytes[CORE_MEMBERS_MAX + 1] = {0}; /* The last is for senders that left. */
    size_t common_bytes = 0;

    for (uint32_t index = 0; index < packing->item_count; index++) {
        const struct pack_item *item = &packing->items[index];

        if (is_common(item, group)) {
            common_bytes += item->size;
            own_bytes[item->owner] += item->size;
        }
    }
    for (unsigned member = member_set_next(group, 0); member != MEMBER_NONE;
         member = member_set_next(group, member + 1)) {
        const uint32_t slot = room_slot(packing->core, packing->room_index, member);

        if (own_bytes[member] * SHARED_OWN_PART_MAX > common_bytes ||
            packing->core->slots[slot].is_fresh) {
            member_set_remove(group, member);
        }
    }
}

static void take(const struct packing *packing, uint32_t id, const struct member_set *members)
{
    if ((id & RING_BIT) != 0) {
        outbox_taken_ordered(packing->core, packing->room_index, id & ~RING_BIT, members);
    } else {
        outbox_taken(packing->core, packing->room_index, id, members);
    }
}

struct shared_body {
    uint8_t *room;
    struct record_writer writer;
    unsigned records;
    uint8_t own[CORE_MEMBERS_MAX]; /* Records in it by who sent them. */
};

struct shared {
    unsigned body_count;
    unsigned id_count;
    struct shared_body bodies[SHARED_BODIES_MAX];
    uint32_t ids[SHARED_BODIES_MAX * RECORDS_MAX];
};

static size_t body_capacity(const struct core *core)
{
    return core->limits.max_datagram - DATAGRAM_OVERHEAD;
}

static struct shared_body *begin_shared_body(struct packing *packing, struct shared *shared)
{
    struct shared_body *body = &shared->bodies[shared->body_count++];

    memset(body, 0, sizeof(*body));
    body->room = batch_body(&packing->core->batch);
    record_writer_init(&body->writer, RECORD_DOWN, body->room + DATAGRAM_HEAD_SIZE,
                       body_capacity(packing->core));
    return body;
}

/* Makes all bodies but the last as long as the longest of them, where little is missing. */
static void even_out(struct shared *shared)
{
    size_t longest = 0;

    for (unsigned index = 0; index + 1 < shared->body_count; index++) {
        const size_t size = shared->bodies[index].writer.size;

        longest = size > longest ? size : longest;
    }
    for (unsigned index = 0; index + 1 < shared->body_count; index++) {
        struct record_writer *writer = &shared->bodies[index].writer;
        const size_t missing = longest - writer->size;

        if (missing >= RECORD_HEAD_SIZE && missing * PADDING_PART_MAX <= writer->size) {
            (void)record_write_padding(writer, longest);
        }
    }
}

/* Packs what the group waits for into as many bodies as one member may get at a time. Returns false
 * when these do not fit the batch. */
static bool build_shared(struct packing *packing, const struct member_set *group,
                         struct shared *shared)
{
    const struct batch *batch = &packing->core->batch;
    const unsigned bodies_max =
        batch->capacity < SHARED_BODIES_MAX ? batch->capacity : SHARED_BODIES_MAX;
    struct shared_body *body = NULL;

    shared->body_count = 0;
    shared->id_count = 0;
    for (uint32_t n = 0; n < packing->item_count; n++) {
        const struct pack_item *item = &packing->items[item_at(packing, n, packing->start, false)];
        struct record record;

        if (!is_common(item, group)) {
            continue;
        }
        record = record_of(packing, item);
        if (body == NULL || !record_write(&body->writer, &record)) {
            if (shared->body_count == bodies_max) {
                break;
            }
            if (batch->capacity - batch->count <= shared->body_count ||
                batch->bodies == OUTPUTS_MAX) {
                return false;
            }
            body = begin_shared_body(packing, shared);
            if (!record_write(&body->writer, &record)) {
                assert(false && "a record was admitted that fits no datagram");
            }
        }
        body->records++;
        if (item->owner != MEMBER_NONE) {
            body->own[item->owner]++;
        }
        shared->ids[shared->id_count++] = item->id;
    }
    even_out(shared);
    return true;
}

/* Gives shared bodies to as many members of the group as fit the batch. Returns false when that is
 * none. */
static bool send_shared(struct packing *packing, const struct member_set *group)
{
    struct core *core = packing->core;
    struct batch *batch = &core->batch;
    struct member_set served = {{0}};
    struct shared shared;

    if (!build_shared(packing, group, &shared)) {
        batch->bodies -= shared.body_count;
        return false;
    }
    for (unsigned member = member_set_next(group, 0);
         member != MEMBER_NONE && batch->capacity - batch->count >= shared.body_count;
         member = member_set_next(group, member + 1)) {
        const uint32_t slot = room_slot(core, packing->room_index, member);

        member_set_add(&served, member);
        for (unsigned index = 0; index < shared.body_count; index++) {
            const struct shared_body *body = &shared.bodies[index];

            if (body->own[member] < body->records) {
                batch_add(core, slot, &core->slots[slot].path, DATAGRAM_DATA, body->room,
                          body->writer.size, body->records - body->own[member]);
            }
        }
    }
    for (unsigned index = 0; index < shared.id_count; index++) {
        take(packing, shared.ids[index], &served);
    }
    member_set_remove_all(&packing->waiting, &served);
    return true;
}

/* Puts a record that a member waits for into a body for it alone. Returns false when it does not
 * fit. */
static bool write_item(struct packing *packing, const struct pack_item *item, unsigned member,
                       struct record_writer *writer)
{
    struct slot *slot =
        &packing->core->slots[room_slot(packing->core, packing->room_index, member)];
    const struct record record = record_of(packing, item);
    struct member_set self = {{0}};

    if (!record_write(writer, &record)) {
        return false;
    }
    if ((item->id & RING_BIT) == 0) {
        const struct stream *stream = outbox_stream(packing->core, packing->room_index, item->id);

        slot->rotor = item->id + 1;
        if (!stream->is_retained && member_set_has(&packing->alone, member)) {
            quality_waited(&slot->quality, packing->now_ns - stream->arrived_ns);
        }
    }
    member_set_add(&self, member);
    take(packing, item->id, &self);
    return true;
}

/* The retained records, for who has never had them: one lap over the cells, so that it ends however
 * fast they are renewed. Returns false when the body is full. */
static bool write_retained(struct packing *packing, unsigned member, struct record_writer *writer)
{
    struct slot *slot =
        &packing->core->slots[room_slot(packing->core, packing->room_index, member)];

    for (uint32_t index = item_from(packing, slot->rotor); index < packing->item_count; index++) {
        const struct pack_item *item = &packing->items[index];

        if (member_set_has(item->waiting, member) &&
            outbox_stream(packing->core, packing->room_index, item->id)->is_retained &&
            !write_item(packing, item, member, writer)) {
            return false;
        }
    }
    slot->is_fresh = false;
    return true;
}

/* All that waits for a member, as far as it fits. With a budget that is too low for it the states
 * go on where they have stopped, and take turns with stream 0 in going first. */
static void write_all(struct packing *packing, unsigned member, struct record_writer *writer)
{
    struct slot *slot =
        &packing->core->slots[room_slot(packing->core, packing->room_index, member)];
    const bool is_alone = member_set_has(&packing->alone, member);
    const uint32_t start = is_alone ? item_around(packing, slot->rotor) : packing->start;
    const bool states_first = is_alone && slot->states_next;

    slot->states_next = false;
    for (uint32_t n = 0; n < packing->item_count; n++) {
        const struct pack_item *item = &packing->items[item_at(packing, n, start, states_first)];

        if (member_set_has(item->waiting, member) && !write_item(packing, item, member, writer)) {
            slot->states_next = !states_first;
            return;
        }
    }
}

/* One body with what waits for one member; false if nothing does any more. */
static bool send_own(struct packing *packing, unsigned member)
{
    struct core *core = packing->core;
    const uint32_t slot_index = room_slot(core, packing->room_index, member);
    struct slot *slot = &core->slots[slot_index];
    uint8_t *room = batch_body(&core->batch);
    struct record_writer writer;

    record_writer_init(&writer, RECORD_DOWN, room + DATAGRAM_HEAD_SIZE, body_capacity(core));
    if (!slot->is_fresh || write_retained(packing, member, &writer)) {
        write_all(packing, member, &writer);
    }
    if (writer.count == 0) {
        core->batch.bodies--;
        return false;
    }
    batch_add(core, slot_index, &slot->path, DATAGRAM_DATA, room, writer.size, writer.count);
    return true;
}

/* Whether a member's budget has so many bytes. */
static bool has_budget(const struct packing *packing, unsigned member, size_t bytes)
{
    const struct core *core = packing->core;
    struct slot *slot = &core->slots[room_slot(core, packing->room_index, member)];
    const uint32_t rate = slot_down_rate(core, slot);
    const uint32_t burst = slot_down_burst(core, rate);

    return rate == 0 || (bytes <= burst &&
                         bucket_has(&slot->down, rate, burst, (uint32_t)bytes, packing->now_ns));
}

/* More than all that waits can take, with heads and padding. */
static size_t bytes_of_all(const struct packing *packing)
{
    size_t bodies = packing->item_count / RECORDS_MAX + SHARED_BODIES_MAX;
    size_t bytes = 0;

    for (uint32_t index = 0; index < packing->item_count; index++) {
        bytes += packing->items[index].size;
    }
    bodies += 2 * bytes / body_capacity(packing->core);
    return bytes + bytes / PADDING_PART_MAX + bodies * DATAGRAM_OVERHEAD;
}

/* Finds the members whose budgets do not allow all that waits, and those of them that get nothing
 * now. */
static void find_held(struct packing *packing)
{
    const struct core *core = packing->core;
    struct member_set limited = packing->waiting;
    size_t bytes = 0;

    if (core->limits.client_down_bytes_rate == 0) {
        limited = member_set_both(&limited, &packing->room->budgeted);
    }
    if (member_set_is_empty(&limited)) {
        return;
    }
    bytes = bytes_of_all(packing);
    for (unsigned member = member_set_next(&limited, 0); member != MEMBER_NONE;
         member = member_set_next(&limited, member + 1)) {
        if (has_budget(packing, member, bytes)) {
            continue;
        }
        member_set_add(&packing->alone, member);
        if (!has_budget(packing, member, core->limits.max_datagram)) {
            member_set_add(&packing->held, member);
        }
    }
}

/* Serves a member with bodies of its own. Returns false when the batch is full. */
static bool serve_alone(struct packing *packing, unsigned member)
{
    const struct core *core = packing->core;
    const bool is_alone = member_set_has(&packing->alone, member);

    while (batch_left(&packing->core->batch) > 0) {
        if (is_alone && !has_budget(packing, member, core->limits.max_datagram)) {
            member_set_add(&packing->held, member);
            member_set_remove(&packing->waiting, member);
            return true;
        }
        if (!send_own(packing, member)) {
            member_set_remove(&packing->waiting, member);
            return true;
        }
    }
    return false;
}

/* Serves one member, with its group if it has one. Returns false when the batch is full. */
static bool serve(struct packing *packing, unsigned member)
{
    struct member_set group = {{0}};

    if (member_set_has(&packing->alone, member)) {
        return serve_alone(packing, member);
    }
    group = find_group(packing, member);
    if (member_set_count(&group) >= 2) {
        thin_group(packing, &group);
    }
    if (member_set_has(&group, member) && member_set_count(&group) >= 2) {
        return send_shared(packing, &group);
    }
    return serve_alone(packing, member);
}

/* Serves everyone that something waits for. Returns false when the batch is full. */
static bool serve_all(struct packing *packing)
{
    for (unsigned member = member_set_next(&packing->waiting, 0); member != MEMBER_NONE;
         member = member_set_next(&packing->waiting, member)) {
        if (!serve(packing, member)) {
            return false;
        }
    }
    return true;
}

/* The cell with which the next flush begins: the one behind that with which this one does. */
static uint32_t turned_rotor(const struct packing *packing)
{
    const uint32_t room = packing->room_index;
    uint32_t cell = outbox_next(packing->core, room, packing->room->rotor);

    if (cell == UINT32_MAX) {
        cell = outbox_next(packing->core, room, 0);
    }
    return cell == UINT32_MAX ? packing->room->rotor : cell + 1;
}

bool pack_room(struct core *core, uint32_t room_index, uint64_t now_ns)
{
    struct packing packing = {.core = core,
                              .room_index = room_index,
                              .room = &core->rooms[room_index],
                              .ring = outbox_ring(core, room_index),
                              .now_ns = now_ns};
    const uint32_t rotor = turned_rotor(&packing);
    bool has_room = true;

    list_items(&packing);
    find_waiting(&packing);
    find_held(&packing);
    find_waiting(&packing);
    while (has_room && !member_set_is_empty(&packing.waiting)) {
        has_room = serve_all(&packing);
        find_waiting(&packing);
    }
    if (!member_set_is_empty(&packing.waiting)) {
        return false;
    }
    core->counters.receivers_held += member_set_count(&packing.held);
    packing.room->held = packing.held;
    packing.room->rotor = rotor;
    return true;
}
