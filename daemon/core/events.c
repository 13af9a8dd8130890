/* SPDX-License-Identifier: MIT */
#include "daemon/core/core_internal.h"

#include <assert.h>
#include <sodium.h>
#include <stddef.h>
#include <string.h>

bool events_have_room(const struct event_ring *ring)
{
    return ring->count + CORE_EVENTS_PER_ACT <= EVENT_RING_SIZE;
}

/* A new event at the ring's end. The big arrays are not cleared: their counts are. */
static struct event *add(struct core *core, enum event_type type)
{
    struct event_ring *ring = &core->events;
    struct event *event = &ring->events[(ring->first + ring->count) % EVENT_RING_SIZE];

    assert(ring->count < EVENT_RING_SIZE);
    ring->count++;
    memset(event, 0, offsetof(struct event, metadata));
    event->receiver_count = 0;
    event->member_count = 0;
    event->quality_count = 0;
    event->type = type;
    return event;
}

static struct event *add_answer(struct core *core, enum event_type type,
                                const struct command *command)
{
    struct event *event = add(core, type);

    event->answer = true;
    event->session = command->session;
    event->request = command->request;
    return event;
}

void events_done(struct core *core, const struct command *command)
{
    struct event *event = add_answer(core, EVENT_DONE, command);

    event->slot = command->slot;
}

void events_refused(struct core *core, const struct command *command, enum reason reason,
                    uint32_t limit)
{
    struct event *event = add_answer(core, EVENT_REFUSED, command);

    event->room = command->room;
    event->slot = command->slot;
    event->reason = reason;
    event->limit = limit;
}

static void copy_metadata(const struct room *room, struct event *event)
{
    event->metadata_size = room->metadata_size;
    memcpy(event->metadata, room->metadata, room->metadata_size);
}

void events_membership(struct core *core, const struct command *command, uint32_t slot_index)
{
    const struct slot *slot = &core->slots[slot_index];
    const struct room *room = &core->rooms[slot->room];
    struct event *event = add_answer(core, EVENT_MEMBERSHIP, command);

    event->room = room_name(core, slot->room);
    event->slot = (struct slot_ref){.index = slot_index, .tag = slot->tag};
    event->secret.tag = slot->tag;
    memcpy(event->secret.key_up, slot->key_up, sizeof(slot->key_up));
    memcpy(event->secret.key_down, slot->key_down, sizeof(slot->key_down));
    event->member = slot->member_id;
    event->host = room_member_id(core, slot->room, room->host);
    event->host_epoch = room->host_epoch;
    event->locked = room->is_locked;
    event->heritable = room->is_heritable;
    event->election = room->election;
    event->members_max = room->members_max;
    event->tick_us = room->tick_us;
    event->down_bytes_s = slot_down_rate(core, slot);
    event->code_size = room->code_size;
    memcpy(event->code, room->code, room->code_size);
    copy_metadata(room, event);
    event->member_count = room->member_count;
    for (unsigned position = 0; position < room->member_count; position++) {
        const unsigned member = room_member_by_age(core, slot->room, position);

        event->members[position] = room_member_id(core, slot->room, member);
    }
}

/* An event for all members of a room but one; NULL if that leaves nobody. */
static struct event *announce(struct core *core, enum event_type type, uint32_t room_index,
                              unsigned except)
{
    const struct room *room = &core->rooms[room_index];
    struct member_set to = room->present;
    struct event *event = NULL;
    unsigned member = 0;

    if (except != MEMBER_NONE) {
        member_set_remove(&to, except);
    }
    if (member_set_is_empty(&to)) {
        return NULL;
    }
    event = add(core, type);
    event->room = room_name(core, room_index);
    for (member = member_set_next(&to, 0); member != MEMBER_NONE;
         member = member_set_next(&to, member + 1)) {
        const uint32_t slot = room_slot(core, room_index, member);

        event->receivers[event->receiver_count++] = core->slots[slot].session;
    }
    return event;
}

void events_joined(struct core *core, uint32_t room, uint16_t member_id, unsigned except)
{
    struct event *event = announce(core, EVENT_JOINED, room, except);

    if (event != NULL) {
        event->member = member_id;
    }
}

void events_left(struct core *core, uint32_t room, uint16_t member_id, enum reason reason)
{
    struct event *event = announce(core, EVENT_LEFT, room, MEMBER_NONE);

    if (event != NULL) {
        event->member = member_id;
        event->reason = reason;
    }
}

void events_host_changed(struct core *core, uint32_t room, unsigned except)
{
    struct event *event = announce(core, EVENT_HOST_CHANGED, room, except);

    if (event != NULL) {
        event->host = room_member_id(core, room, core->rooms[room].host);
        event->host_epoch = core->rooms[room].host_epoch;
    }
}

void events_metadata(struct core *core, uint32_t room)
{
    struct event *event = announce(core, EVENT_METADATA, room, MEMBER_NONE);

    if (event != NULL) {
        copy_metadata(&core->rooms[room], event);
    }
}

void events_locked(struct core *core, uint32_t room)
{
    struct event *event = announce(core, EVENT_LOCKED, room, MEMBER_NONE);

    if (event != NULL) {
        event->locked = core->rooms[room].is_locked;
    }
}

void events_removed(struct core *core, struct session_ref session, struct slot_ref slot,
                    struct room_ref room, enum reason reason)
{
    struct event *event = add(core, EVENT_REMOVED);

    event->session = session;
    event->slot = slot;
    event->room = room;
    event->reason = reason;
}

void events_room_closed(struct core *core, struct room_ref room)
{
    add(core, EVENT_ROOM_CLOSED)->room = room;
}

static bool take_notice(struct core *core, struct event *out)
{
    uint32_t index = place_list_take(&core->notices);

    for (; index != POOL_NONE; index = place_list_take(&core->notices)) {
        struct slot *slot = &core->slots[index];

        if (slot->notice_reason == REASON_NONE) {
            continue; /* The slot has ended since. */
        }
        memset(out, 0, sizeof(*out));
        out->type = EVENT_NOTICE;
        out->session = slot->session;
        out->room = room_name(core, slot->room);
        out->slot = (struct slot_ref){.index = index, .tag = slot->tag};
        out->reason = slot->notice_reason;
        out->limit = slot->notice_limit;
        out->retry_ms = slot->notice_retry_ms;
        slot->notice_reason = REASON_NONE;
        return true;
    }
    return false;
}

void events_quality(struct core *core, uint32_t index)
{
    struct room *room = &core->rooms[index];

    if (core->limits.room_quality_interval_ns != 0 && core->now_ns >= room->quality_next_ns &&
        room->member_count > 1) {
        room->quality_next_ns = core->now_ns + core->limits.room_quality_interval_ns;
        room->quality_member = 0;
        place_list_append(&core->qualities, index);
    }
}

static struct member_quality quality_of(const struct slot *slot)
{
    const struct quality *quality = &slot->quality;

    return (struct member_quality){.member = slot->member_id,
                                   .rtt_us = quality_us(quality->rtt_ns),
                                   .jitter_us = quality_us(quality->rtt_var_ns),
                                   .loss_up_ppm = quality_loss_up_ppm(quality),
                                   .loss_down_ppm = quality_loss_down_ppm(quality),
                                   .queue_us = quality->queue_us};
}

/* The others of which something is known, from where it was left on; sets where to go on. */
static void list_qualities(const struct core *core, uint32_t index, struct event *out)
{
    struct room *room = &core->rooms[index];
    unsigned member = member_set_next(&room->bound, room->quality_member);

    for (; member != MEMBER_NONE && out->quality_count < CORE_QUALITIES;
         member = member_set_next(&room->bound, member + 1)) {
        const struct slot *slot = &core->slots[room_slot(core, index, member)];

        if (member != room->host && slot->quality.rtt_ns != 0) {
            out->qualities[out->quality_count++] = quality_of(slot);
        }
    }
    room->quality_member = member == MEMBER_NONE ? 0 : (uint16_t)member;
}

bool events_take_quality(struct core *core, struct event *out)
{
    uint32_t index = place_list_take(&core->qualities);

    for (; index != POOL_NONE; index = place_list_take(&core->qualities)) {
        struct room *room = &core->rooms[index];

        if (room->state != ROOM_OPEN || room->host == MEMBER_NONE) {
            continue;
        }
        memset(out, 0, offsetof(struct event, metadata));
        out->type = EVENT_QUALITY;
        out->session = core->slots[room_slot(core, index, room->host)].session;
        out->room = room_name(core, index);
        out->receiver_count = 0;
        out->member_count = 0;
        out->quality_count = 0;
        list_qualities(core, index, out);
        if (room->quality_member != 0) {
            place_list_prepend(&core->qualities, index);
        }
        if (out->quality_count > 0) {
            return true;
        }
    }
    return false;
}

bool events_take(struct core *core, struct event *out)
{
    struct event_ring *ring = &core->events;

    if (ring->count == 0) {
        return take_notice(core, out);
    }
    *out = ring->events[ring->first];
    sodium_memzero(&ring->events[ring->first].secret, sizeof(out->secret));
    ring->first = (ring->first + 1) % EVENT_RING_SIZE;
    ring->count--;
    return true;
}
