/* SPDX-License-Identifier: MIT */
#include "tests/control/bench_worker.h"

#include <assert.h>
#include <string.h>

static struct event *add_event(struct bench_worker *worker, enum event_type type)
{
    assert(worker->event_count < sizeof(worker->events) / sizeof(worker->events[0]));
    struct event *event = &worker->events[worker->event_count++];
    *event = (struct event){.type = type};
    return event;
}

static struct event *answer(struct bench_worker *worker, const struct command *command,
                            enum event_type type)
{
    struct event *event = add_event(worker, type);
    event->answer = true;
    event->session = command->session;
    event->request = command->request;
    event->slot = command->slot;
    return event;
}

static void refuse(struct bench_worker *worker, const struct command *command, enum reason reason)
{
    answer(worker, command, EVENT_REFUSED)->reason = reason;
}

static void announce_to(struct event *event, const struct bench_room *room, uint16_t but)
{
    for (unsigned i = 0; i < room->count; i++) {
        if (room->members[i].id != but) {
            event->receivers[event->receiver_count++] = room->members[i].session;
        }
    }
}

static struct bench_room *find_room(struct bench_worker *worker, const struct command *command,
                                    struct bench_member **member_out)
{
    for (unsigned r = 0; r < BENCH_ROOMS; r++) {
        struct bench_room *room = &worker->rooms[r];
        for (unsigned m = 0; room->is_used && m < room->count; m++) {
            if (room->members[m].slot.index == command->slot.index &&
                room->members[m].slot.tag == command->slot.tag) {
                *member_out = &room->members[m];
                return room;
            }
        }
    }
    return NULL;
}

static void membership(struct bench_worker *worker, const struct command *command,
                       const struct bench_room *room, const struct bench_member *member)
{
    struct event *event = answer(worker, command, EVENT_MEMBERSHIP);
    event->room = (struct room_ref){(uint32_t)(room - worker->rooms), room->tag};
    event->slot = member->slot;
    event->secret = member->secret;
    event->member = member->id;
    event->host = room->host;
    event->host_epoch = room->host_epoch;
    event->locked = room->locked;
    event->members_max = room->members_max;
    event->tick_us = room->tick_us;
    event->down_bytes_s = member->down_bytes_s;
    event->code_size = room->code_size;
    memcpy(event->code, room->code, room->code_size);
    event->metadata_size = room->metadata_size;
    memcpy(event->metadata, room->metadata, room->metadata_size);
    for (unsigned i = 0; i < room->count; i++) {
        event->members[event->member_count++] = room->members[i].id;
    }
}

static struct bench_member *add_member(struct bench_worker *worker, struct bench_room *room,
                                       const struct command *command)
{
    struct bench_member *member = &room->members[room->count++];
    *member = (struct bench_member){.session = command->session,
                                    .secret = command->secret,
                                    .slot = {++worker->last_slot, command->secret.tag},
                                    .id = ++worker->last_member,
                                    .down_bytes_s = command->down_bytes_s};
    return member;
}

static void create(struct bench_worker *worker, const struct command *command)
{
    for (unsigned i = 0; i < BENCH_ROOMS; i++) {
        struct bench_room *room = &worker->rooms[i];
        if (room->is_used) {
            continue;
        }
        *room = (struct bench_room){.is_used = true,
                                    .tag = ++worker->last_tag,
                                    .code_size = command->code_size,
                                    .locked = command->locked,
                                    .members_max = command->members_max,
                                    .tick_us = command->tick_us,
                                    .metadata_size = command->metadata_size};
        memcpy(room->code, command->code, command->code_size);
        memcpy(room->metadata, command->metadata, command->metadata_size);
        struct bench_member *member = add_member(worker, room, command);
        room->host = member->id;
        membership(worker, command, room, member);
        return;
    }
    refuse(worker, command, REASON_ROOMS_LIMIT);
}

static void join(struct bench_worker *worker, const struct command *command)
{
    struct bench_room *room =
        command->room.index < BENCH_ROOMS ? &worker->rooms[command->room.index] : NULL;
    if (room == NULL || !room->is_used || room->tag != command->room.tag) {
        refuse(worker, command, REASON_NO_SUCH_ROOM);
    } else if (room->locked) {
        refuse(worker, command, REASON_ROOM_LOCKED);
    } else if (room->count >= room->members_max || room->count == BENCH_MEMBERS) {
        struct event *event = answer(worker, command, EVENT_REFUSED);
        event->reason = REASON_ROOM_FULL;
        event->limit = room->members_max;
    } else {
        struct bench_member *member = add_member(worker, room, command);
        membership(worker, command, room, member);
        struct event *event = add_event(worker, EVENT_JOINED);
        event->member = member->id;
        announce_to(event, room, member->id);
    }
}

static void drop(struct bench_worker *worker, struct bench_room *room, struct bench_member *member,
                 enum reason reason)
{
    uint16_t id = member->id;
    unsigned at = (unsigned)(member - room->members);
    room->count--;
    memmove(member, member + 1, (room->count - at) * sizeof(*member));
    if (room->count == 0) {
        room->is_used = false;
        struct event *event = add_event(worker, EVENT_ROOM_CLOSED);
        event->room = (struct room_ref){(uint32_t)(room - worker->rooms), room->tag};
        return;
    }
    struct event *event = add_event(worker, EVENT_LEFT);
    event->member = id;
    event->reason = reason;
    announce_to(event, room, 0);
    if (room->host == id) {
        room->host = room->members[0].id;
        event = add_event(worker, EVENT_HOST_CHANGED);
        event->room = (struct room_ref){(uint32_t)(room - worker->rooms), room->tag};
        event->host = room->host;
        event->host_epoch = ++room->host_epoch;
        announce_to(event, room, 0);
    }
}

static void kick(struct bench_worker *worker, const struct command *command,
                 struct bench_room *room)
{
    for (unsigned i = 0; i < room->count; i++) {
        if (room->members[i].id == command->member) {
            struct bench_member *member = &room->members[i];
            (void)answer(worker, command, EVENT_DONE);
            struct event *event = add_event(worker, EVENT_REMOVED);
            event->session = member->session;
            event->slot = member->slot;
            event->reason = REASON_KICKED;
            drop(worker, room, member, REASON_KICKED);
            return;
        }
    }
    refuse(worker, command, REASON_NO_SUCH_MEMBER);
}

static void hand_over(struct bench_worker *worker, const struct command *command,
                      struct bench_room *room)
{
    for (unsigned i = 0; i < room->count; i++) {
        if (room->members[i].id == command->member) {
            room->host = command->member;
            (void)answer(worker, command, EVENT_DONE);
            struct event *event = add_event(worker, EVENT_HOST_CHANGED);
            event->room = (struct room_ref){(uint32_t)(room - worker->rooms), room->tag};
            event->host = room->host;
            event->host_epoch = ++room->host_epoch;
            announce_to(event, room, 0);
            return;
        }
    }
    refuse(worker, command, REASON_NO_SUCH_MEMBER);
}

static void set_metadata(struct bench_worker *worker, const struct command *command,
                         struct bench_room *room)
{
    room->metadata_size = command->metadata_size;
    memcpy(room->metadata, command->metadata, command->metadata_size);
    (void)answer(worker, command, EVENT_DONE);
    struct event *event = add_event(worker, EVENT_METADATA);
    event->metadata_size = room->metadata_size;
    memcpy(event->metadata, room->metadata, room->metadata_size);
    announce_to(event, room, 0);
}

static void set_lock(struct bench_worker *worker, const struct command *command,
                     struct bench_room *room)
{
    room->locked = command->locked;
    (void)answer(worker, command, EVENT_DONE);
    struct event *event = add_event(worker, EVENT_LOCKED);
    event->locked = room->locked;
    announce_to(event, room, 0);
}

static void drain(struct bench_worker *worker)
{
    worker->drains++;
    for (unsigned i = 0; i < BENCH_ROOMS; i++) {
        worker->rooms[i].is_used = false;
    }
}

/* What only a member may say, and some of it only the host. */
static void run_member(struct bench_worker *worker, const struct command *command)
{
    struct bench_member *member = NULL;
    struct bench_room *room = find_room(worker, command, &member);
    bool is_for_host = command->type == COMMAND_KICK || command->type == COMMAND_LOCK ||
                       command->type == COMMAND_HAND_OVER ||
                       command->type == COMMAND_SET_METADATA || command->type == COMMAND_SET_HEIR ||
                       command->type == COMMAND_BLOB_PUT;

    if (room == NULL) {
        refuse(worker, command, REASON_NOT_IN_ROOM);
    } else if (is_for_host && command->host_epoch != room->host_epoch) {
        refuse(worker, command, REASON_STALE_EPOCH);
    } else if (is_for_host && room->host != member->id) {
        refuse(worker, command, REASON_NOT_HOST);
    } else if (command->type == COMMAND_LEAVE) {
        (void)answer(worker, command, EVENT_DONE);
        drop(worker, room, member, command->reason);
    } else if (command->type == COMMAND_KICK) {
        kick(worker, command, room);
    } else if (command->type == COMMAND_LOCK) {
        set_lock(worker, command, room);
    } else if (command->type == COMMAND_HAND_OVER) {
        hand_over(worker, command, room);
    } else if (command->type == COMMAND_SET_METADATA) {
        set_metadata(worker, command, room);
    } else if (command->type == COMMAND_SUBSCRIBE || command->type == COMMAND_SET_HEIR ||
               command->type == COMMAND_BLOB_PUT) {
        (void)answer(worker, command, EVENT_DONE);
    } else {
        membership(worker, command, room, member);
    }
}

void bench_worker_run(struct bench_worker *worker, const struct command *command)
{
    worker->commands++;
    worker->last = *command;
    if (command->type == COMMAND_CREATE) {
        create(worker, command);
    } else if (command->type == COMMAND_JOIN) {
        join(worker, command);
    } else if (command->type == COMMAND_DRAIN) {
        drain(worker);
    } else if (command->type == COMMAND_CONTROL_LOST || command->type == COMMAND_CONTROL_BACK) {
        struct bench_member *member = NULL;
        if (find_room(worker, command, &member) != NULL) {
            member->is_control_lost = command->type == COMMAND_CONTROL_LOST;
        }
    } else {
        run_member(worker, command);
    }
}

unsigned bench_worker_members(const struct bench_worker *worker)
{
    unsigned count = 0;
    for (unsigned i = 0; i < BENCH_ROOMS; i++) {
        count += worker->rooms[i].is_used ? worker->rooms[i].count : 0;
    }
    return count;
}
