/* SPDX-License-Identifier: MIT */
#include "daemon/core/core_internal.h"

#include "proto/control_message.h"

#include <assert.h>
#include <string.h>

void core_end_member(struct core *core, uint32_t index, enum core_end how, enum reason reason)
{
    const struct slot *slot = &core->slots[index];
    const uint32_t room = slot->room;
    const uint16_t member_id = slot->member_id;
    const struct room_change change = room_remove(core, room, slot->member, core->now_ns);

    if (how != CORE_END_LEAVE) {
        events_removed(core, slot->session, (struct slot_ref){index, slot->tag},
                       room_name(core, room), reason);
    }
    slot_end(core, index, reason == REASON_LEFT ? REASON_NONE : reason);
    if (how == CORE_END_CLOSE) {
        return;
    }
    events_left(core, room, member_id, reason);
    if (change.has_new_host) {
        events_host_changed(core, room, MEMBER_NONE);
    }
}

static void create(struct core *core, const struct command *command)
{
    const uint32_t room = room_open(core, command, core->now_ns);
    uint32_t slot = POOL_NONE;

    if (room == POOL_NONE) {
        events_refused(core, command, REASON_ROOMS_LIMIT, core->limits.rooms_max);
        return;
    }
    slot = slot_take(core, &command->secret, command->session, core->now_ns);
    if (slot == POOL_NONE) {
        room_free(core, room);
        events_refused(core, command, REASON_CLIENTS_LIMIT, core->limits.slots_max);
        return;
    }
    core->slots[slot].down_rate = command->down_bytes_s;
    room_add(core, room, slot);
    events_membership(core, command, slot);
}

static void join(struct core *core, const struct command *command)
{
    const struct room *room = room_find(core, command->room);
    uint32_t slot = POOL_NONE;
    bool has_no_host = false;

    if (room == NULL) {
        events_refused(core, command, REASON_NO_SUCH_ROOM, 0);
        return;
    }
    if (room->is_locked) {
        events_refused(core, command, REASON_ROOM_LOCKED, 0);
        return;
    }
    if (room->member_count >= room->members_max) {
        events_refused(core, command, REASON_ROOM_FULL, room->members_max);
        return;
    }
    slot = slot_take(core, &command->secret, command->session, core->now_ns);
    if (slot == POOL_NONE) {
        events_refused(core, command, REASON_CLIENTS_LIMIT, core->limits.slots_max);
        return;
    }
    core->slots[slot].down_rate = command->down_bytes_s;
    has_no_host = room->host == MEMBER_NONE;
    room_add(core, command->room.index, slot);
    events_membership(core, command, slot);
    events_joined(core, command->room.index, core->slots[slot].member_id, core->slots[slot].member);
    if (has_no_host) {
        events_host_changed(core, command->room.index, core->slots[slot].member);
    }
}

static void kick(struct core *core, const struct command *command, const struct slot *slot)
{
    const unsigned member = room_member(core, slot->room, command->member);

    if (member == MEMBER_NONE || member == slot->member) {
        events_refused(core, command, REASON_NO_SUCH_MEMBER, 0);
        return;
    }
    events_done(core, command);
    core_end_member(core, room_slot(core, slot->room, member), CORE_END_REMOVE, REASON_KICKED);
}

static void hand_over(struct core *core, const struct command *command, const struct slot *slot)
{
    const unsigned member = room_member(core, slot->room, command->member);

    if (member == MEMBER_NONE) {
        events_refused(core, command, REASON_NO_SUCH_MEMBER, 0);
        return;
    }
    events_done(core, command);
    if (member != slot->member) {
        room_set_host(core, slot->room, member);
        events_host_changed(core, slot->room, MEMBER_NONE);
    }
}

static void lock(struct core *core, const struct command *command, struct room *room,
                 uint32_t room_index)
{
    events_done(core, command);
    if (room->is_locked != command->locked) {
        room->is_locked = command->locked;
        events_locked(core, room_index);
    }
}

static void set_metadata(struct core *core, const struct command *command, struct room *room,
                         uint32_t room_index)
{
    assert(command->metadata_size <= CORE_METADATA_MAX);
    events_done(core, command);
    room->metadata_size = command->metadata_size;
    memcpy(room->metadata, command->metadata, command->metadata_size);
    events_metadata(core, room_index);
}

static void set_heir(struct core *core, const struct command *command, struct room *room,
                     const struct slot *slot)
{
    const unsigned member =
        command->member == 0 ? MEMBER_NONE : room_member(core, slot->room, command->member);

    if (room->election != ELECTION_HEIR) {
        events_refused(core, command, REASON_BAD_VALUE, 0);
        return;
    }
    if (command->member != 0 && (member == MEMBER_NONE || member == slot->member)) {
        events_refused(core, command, REASON_NO_SUCH_MEMBER, 0);
        return;
    }
    events_done(core, command);
    room->heir = (uint16_t)member;
}

static bool is_for_host(enum command_type type)
{
    switch (type) {
    case COMMAND_KICK:
    case COMMAND_LOCK:
    case COMMAND_HAND_OVER:
    case COMMAND_SET_METADATA:
    case COMMAND_SET_HEIR:
    case COMMAND_BLOB_PUT:
        return true;
    case COMMAND_CREATE:
    case COMMAND_JOIN:
    case COMMAND_LEAVE:
    case COMMAND_SUBSCRIBE:
    case COMMAND_ROOM_STATE:
    case COMMAND_CONTROL_LOST:
    case COMMAND_CONTROL_BACK:
    case COMMAND_DRAIN:
        break;
    }
    return false;
}

/* The fence: what was meant for an earlier host's time has no effect, even if the same member is
 * the host again. */
static enum reason check_host(const struct room *room, const struct command *command,
                              const struct slot *slot)
{
    if (command->host_epoch != room->host_epoch) {
        return REASON_STALE_EPOCH;
    }
    return room->host == slot->member ? REASON_NONE : REASON_NOT_HOST;
}

/* The commands of a member. */
static void act_as_member(struct core *core, const struct command *command)
{
    const struct slot *slot = slot_find(core, command->slot, command->session);

    if (slot == NULL) {
        if (command->request != 0) {
            events_refused(core, command, REASON_NOT_IN_ROOM, 0);
        }
        return;
    }
    if (is_for_host(command->type)) {
        const enum reason reason = check_host(&core->rooms[slot->room], command, slot);

        if (reason != REASON_NONE) {
            events_refused(core, command, reason, 0);
            return;
        }
    }
    switch (command->type) {
    case COMMAND_LEAVE:
        events_done(core, command);
        core_end_member(core, command->slot.index, CORE_END_LEAVE, command->reason);
        break;
    case COMMAND_KICK:
        kick(core, command, slot);
        break;
    case COMMAND_LOCK:
        lock(core, command, &core->rooms[slot->room], slot->room);
        break;
    case COMMAND_HAND_OVER:
        hand_over(core, command, slot);
        break;
    case COMMAND_SET_METADATA:
        set_metadata(core, command, &core->rooms[slot->room], slot->room);
        break;
    case COMMAND_SET_HEIR:
        set_heir(core, command, &core->rooms[slot->room], slot);
        break;
    case COMMAND_BLOB_PUT:
        /* Its bytes are the control side's; that it is the host, and still is, is all it asks. */
        events_done(core, command);
        break;
    case COMMAND_SUBSCRIBE:
        events_done(core, command);
        room_subscribe(core, command->slot.index, command->groups);
        break;
    case COMMAND_ROOM_STATE:
        events_membership(core, command, command->slot.index);
        break;
    case COMMAND_CONTROL_LOST:
        host_control_lost(core, command->slot.index);
        break;
    case COMMAND_CONTROL_BACK:
        host_control_back(core, command->slot.index);
        break;
    case COMMAND_CREATE:
    case COMMAND_JOIN:
    case COMMAND_DRAIN:
        break;
    }
}

/* The control side tells its clients itself, so nothing is announced. */
static void drain(struct core *core, enum reason reason)
{
    for (uint32_t index = 0; index < core->slot_pool.fresh; index++) {
        const struct slot *slot = &core->slots[index];

        if (slot->state == SLOT_UNBOUND || slot->state == SLOT_BOUND) {
            (void)room_remove(core, slot->room, slot->member, core->now_ns);
            slot_end(core, index, reason);
        }
    }
    for (uint32_t index = 0; index < core->room_pool.fresh; index++) {
        if (core->rooms[index].state != ROOM_FREE) {
            room_free(core, index);
        }
    }
}

void core_command(struct core *core, const struct command *command, uint64_t now_ns)
{
    assert(core_can_act(core));
    core->now_ns = now_ns;
    switch (command->type) {
    case COMMAND_CREATE:
        create(core, command);
        break;
    case COMMAND_JOIN:
        join(core, command);
        break;
    case COMMAND_DRAIN:
        drain(core, command->reason);
        break;
    case COMMAND_LEAVE:
    case COMMAND_KICK:
    case COMMAND_LOCK:
    case COMMAND_HAND_OVER:
    case COMMAND_SET_METADATA:
    case COMMAND_SET_HEIR:
    case COMMAND_BLOB_PUT:
    case COMMAND_SUBSCRIBE:
    case COMMAND_ROOM_STATE:
    case COMMAND_CONTROL_LOST:
    case COMMAND_CONTROL_BACK:
        act_as_member(core, command);
        break;
    }
}
