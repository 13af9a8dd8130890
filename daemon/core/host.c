/* SPDX-License-Identifier: MIT */
#include "daemon/core/core_internal.h"

#include "proto/control_message.h"

#include <assert.h>

/* An election that found nobody is tried again after this time: members that are heard of again do
 * not say so. */
#define RETRY_NS UINT64_C(1000000000)

/* --- How members are ------------------------------------------------------------------------- */

/* When it counts as silent, if it is not heard of before. */
static uint64_t silent_at(const struct core *core, const struct slot *slot)
{
    const uint64_t heard_ns = slot->state == SLOT_BOUND ? slot->heard_ns : slot->made_ns;

    if (core->limits.room_host_silence_ns == 0) {
        return UINT64_MAX;
    }
    return heard_ns + core->limits.room_host_silence_ns;
}

/* Until when it may be host as things are. */
static uint64_t may_be_host_until(const struct core *core, const struct slot *slot)
{
    const uint64_t silent_ns = silent_at(core, slot);

    if (slot->is_control_lost &&
        slot->control_lost_ns + core->limits.room_host_grace_ns < silent_ns) {
        return slot->control_lost_ns + core->limits.room_host_grace_ns;
    }
    return silent_ns;
}

/* Whether it has been without control for so long that it may not be host for that alone. */
static bool is_grace_over(const struct core *core, const struct slot *slot)
{
    return slot->is_control_lost &&
           slot->control_lost_ns + core->limits.room_host_grace_ns <= core->now_ns;
}

static bool is_reachable(const struct core *core, const struct slot *slot)
{
    (void)core;
    return !slot->is_control_lost;
}

static bool is_fit(const struct core *core, const struct slot *slot)
{
    return is_reachable(core, slot) && slot->state == SLOT_BOUND &&
           silent_at(core, slot) > core->now_ns;
}

/* --- Elections ------------------------------------------------------------------------------- */

/* Whether `slot` goes before the best one so far, which is older. */
static bool goes_before(const struct room *room, const struct slot *slot, const struct slot *best)
{
    switch (room->election) {
    case ELECTION_LOWEST_RTT:
        return slot->quality.rtt_ns != 0 &&
               (best->quality.rtt_ns == 0 || slot->quality.rtt_ns < best->quality.rtt_ns);
    case ELECTION_HEIR:
        return slot->member == room->heir;
    default:
        return false; /* ELECTION_OLDEST. */
    }
}

/* The one of those who are as asked for, but for one; MEMBER_NONE if there is none. */
static unsigned elect(const struct core *core, uint32_t index, unsigned except,
                      bool (*is_candidate)(const struct core *core, const struct slot *slot))
{
    const struct room *room = &core->rooms[index];
    const struct slot *best = NULL;

    for (unsigned position = 0; position < room->member_count; position++) {
        const unsigned member = room_member_by_age(core, index, position);
        const struct slot *slot = &core->slots[room_slot(core, index, member)];

        if (member != except && is_candidate(core, slot) &&
            (best == NULL || goes_before(room, slot, best))) {
            best = slot;
        }
    }
    return best == NULL ? MEMBER_NONE : best->member;
}

unsigned host_after(const struct core *core, uint32_t room, unsigned member)
{
    const unsigned fit = elect(core, room, member, is_fit);

    return fit != MEMBER_NONE ? fit : elect(core, room, member, is_reachable);
}

/* The host cannot fill its role: somebody who can gets it. */
static void depose(struct core *core, uint32_t index)
{
    struct room *room = &core->rooms[index];
    struct slot *former = &core->slots[room_slot(core, index, room->host)];
    const unsigned next = elect(core, index, room->host, is_fit);

    if (next == MEMBER_NONE) {
        room->host_retry_ns = core->now_ns + RETRY_NS;
        return;
    }
    former->host_loss = is_grace_over(core, former) ? HOST_LOST_CONTROL : HOST_FELL_SILENT;
    former->host_lost_ns = core->now_ns;
    room_set_host(core, index, next);
    core->counters.hosts_deposed++;
    events_host_changed(core, index, MEMBER_NONE);
}

void host_look(struct core *core, uint32_t index)
{
    const struct room *room = &core->rooms[index];

    if (room->state != ROOM_OPEN || room->member_count == 0) {
        return;
    }
    if (room->host == MEMBER_NONE) {
        const unsigned next = host_after(core, index, MEMBER_NONE);

        if (next != MEMBER_NONE) {
            room_set_host(core, index, next);
            events_host_changed(core, index, MEMBER_NONE);
        }
    } else if (host_deadline(core, index) <= core->now_ns) {
        depose(core, index);
    }
    room_set_timer(core, index);
}

uint64_t host_deadline(const struct core *core, uint32_t index)
{
    const struct room *room = &core->rooms[index];
    uint64_t until_ns = 0;

    /* With nobody else there is nobody to elect; without a host somebody has to come first. */
    if (room->state != ROOM_OPEN || room->member_count < 2 || room->host == MEMBER_NONE) {
        return UINT64_MAX;
    }
    until_ns = may_be_host_until(core, &core->slots[room_slot(core, index, room->host)]);
    return until_ns > room->host_retry_ns ? until_ns : room->host_retry_ns;
}

/* --- What changes ---------------------------------------------------------------------------- */

bool host_was_lost(const struct core *core, uint32_t index)
{
    const struct slot *slot = &core->slots[index];
    const bool is_unheard = slot->heard_ns <= slot->host_lost_ns;
    const bool is_unasked = slot->is_control_lost && slot->control_lost_ns <= slot->host_lost_ns;

    /* Who was silent may have lost control too by then: it is back when both are. */
    return slot->host_loss == HOST_LOST_CONTROL ||
           (slot->host_loss == HOST_FELL_SILENT && (is_unheard || is_unasked));
}

void host_control_lost(struct core *core, uint32_t index)
{
    struct slot *slot = &core->slots[index];

    if (!slot->is_control_lost) {
        slot->is_control_lost = true;
        slot->control_lost_ns = core->now_ns;
        host_look(core, slot->room);
    }
}

void host_control_back(struct core *core, uint32_t index)
{
    struct slot *slot = &core->slots[index];

    slot->is_control_lost = false;
    if (slot->host_loss == HOST_LOST_CONTROL) {
        slot->host_loss = HOST_NOT_LOST;
    }
    core->rooms[slot->room].host_retry_ns = 0;
    host_look(core, slot->room);
}
