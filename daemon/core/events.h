/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_EVENTS_H
#define GSRELAY_CORE_EVENTS_H

#include "daemon/core/core.h"

#include <stdbool.h>
#include <stdint.h>

/* events.h - what the core tells the control side, in a bounded ring.
 *
 * Commands and timers run only while the ring has room for CORE_EVENTS_PER_ACT more, so adding
 * never fails. Notices do not use the ring: they are marks on the slots, turned into events when
 * the ring is empty.
 * Threads: those of the core. Memory: in the core. */

#define EVENT_RING_SIZE 16

struct event_ring {
    unsigned first;
    unsigned count;
    struct event events[EVENT_RING_SIZE];
};

bool events_have_room(const struct event_ring *ring);

/* The answers to a command. */
void events_done(struct core *core, const struct command *command);
void events_refused(struct core *core, const struct command *command, enum reason reason,
                    uint32_t limit);
void events_membership(struct core *core, const struct command *command, uint32_t slot);

/* Announcements to all members of a room but `except` (MEMBER_NONE = to all). */
void events_joined(struct core *core, uint32_t room, uint16_t member_id, unsigned except);
void events_left(struct core *core, uint32_t room, uint16_t member_id, enum reason reason);
void events_host_changed(struct core *core, uint32_t room, unsigned except);
void events_metadata(struct core *core, uint32_t room);
void events_locked(struct core *core, uint32_t room);

/* To one session, whose slot has just ended. */
void events_removed(struct core *core, struct session_ref session, struct slot_ref slot,
                    struct room_ref room, enum reason reason);

/* To the directory. */
void events_room_closed(struct core *core, struct room_ref room);

/* A member's path was measured: tells the room's host of all others, if it is time. */
void events_quality(struct core *core, uint32_t room);

/* Takes the next part of what a host is to be told. */
bool events_take_quality(struct core *core, struct event *out);

/* Takes the oldest event, or makes one of a notice. */
bool events_take(struct core *core, struct event *out);

#endif
