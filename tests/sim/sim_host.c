/* SPDX-License-Identifier: MIT */
#include "sim_host.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool has(const struct sim_host_room *room, uint16_t member)
{
    for (unsigned i = 0; i < room->count; i++) {
        if (room->members[i] == member) {
            return true;
        }
    }
    return false;
}

static const char *judge_host(struct sim_host_room *room, uint16_t host, uint32_t epoch)
{
    const bool is_known = room->epoch != 0;

    if (epoch < room->epoch) {
        return "a room's host epoch goes down";
    }
    if (is_known && epoch == room->epoch && host != room->host) {
        return "a room has two hosts in one epoch";
    }
    if (host != 0 && !has(room, host)) {
        return "a room's host is not one of its members";
    }
    room->host = host;
    room->epoch = epoch;
    return NULL;
}

static const char *membership(struct sim_host_worker *worker, struct sim_host_room *room,
                              const struct event *event)
{
    if (event->member_count > SIM_HOST_MEMBERS || event->slot.index >= SIM_HOST_SLOTS) {
        return "a room or a slot is beyond the judge's tables";
    }
    room->count = event->member_count;
    memcpy(room->members, event->members, event->member_count * sizeof(event->members[0]));
    worker->slots[event->slot.index].room = event->room.index;
    worker->slots[event->slot.index].member = event->member;
    return judge_host(room, event->host, event->host_epoch);
}

static const char *joined(struct sim_host_room *room, uint16_t member)
{
    if (!has(room, member) && room->count < SIM_HOST_MEMBERS) {
        room->members[room->count++] = member;
    }
    return NULL;
}

static const char *left(struct sim_host_room *room, uint16_t member)
{
    for (unsigned i = 0; i < room->count; i++) {
        if (room->members[i] == member) {
            room->members[i] = room->members[--room->count];
            return NULL;
        }
    }
    return "a member leaves that was none";
}

/* Who joins a room without a host learns it from its MEMBERSHIP, all others from this event. */
static const char *host_changed(struct sim_host_room *room, const struct event *event)
{
    const bool is_known = event->host_epoch == room->epoch;

    if (event->receiver_count + is_known != room->count) {
        return "not all members are told who is host";
    }
    return judge_host(room, event->host, event->host_epoch);
}

const char *sim_host_event(struct sim_hosts *hosts, uint32_t worker, const struct event *event)
{
    struct sim_host_room *room = NULL;

    if (event->room.tag == 0) {
        return NULL; /* Of no room. */
    }
    if (event->room.index >= SIM_HOST_ROOMS) {
        return "a room is beyond the judge's table";
    }
    room = &hosts->workers[worker].rooms[event->room.index];
    if (room->tag != event->room.tag) {
        *room = (struct sim_host_room){.tag = event->room.tag};
    }
    switch (event->type) {
    case EVENT_MEMBERSHIP:
        return membership(&hosts->workers[worker], room, event);
    case EVENT_JOINED:
        return joined(room, event->member);
    case EVENT_LEFT:
        return left(room, event->member);
    case EVENT_HOST_CHANGED:
        return host_changed(room, event);
    case EVENT_DONE:
    case EVENT_REFUSED:
    case EVENT_METADATA:
    case EVENT_LOCKED:
    case EVENT_NOTICE:
    case EVENT_QUALITY:
    case EVENT_REMOVED:
    case EVENT_ROOM_CLOSED:
        break;
    }
    return NULL;
}

static bool is_for_host(enum command_type type)
{
    return type == COMMAND_KICK || type == COMMAND_LOCK || type == COMMAND_HAND_OVER ||
           type == COMMAND_SET_METADATA || type == COMMAND_SET_HEIR || type == COMMAND_BLOB_PUT;
}

const char *sim_host_done(const struct sim_hosts *hosts, uint32_t worker,
                          const struct sim_host_asked *asked)
{
    const struct sim_host_worker *of = &hosts->workers[worker];
    const struct sim_host_room *room = NULL;

    if (!is_for_host(asked->type) || asked->slot >= SIM_HOST_SLOTS) {
        return NULL;
    }
    room = &of->rooms[of->slots[asked->slot].room];
    if (asked->host_epoch != room->epoch) {
        return "what was asked for in another host epoch was done";
    }
    if (of->slots[asked->slot].member != room->host) {
        return "what is for the host was done for somebody else";
    }
    return NULL;
}
