/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_CORE_INTERNAL_H
#define GSRELAY_CORE_CORE_INTERNAL_H

#include "daemon/base/timer.h"
#include "daemon/core/auto_tick.h"
#include "daemon/core/cell.h"
#include "daemon/core/core.h"
#include "daemon/core/events.h"
#include "daemon/core/host.h"
#include "daemon/core/outbox.h"
#include "daemon/core/pack.h"
#include "daemon/core/pool.h"
#include "daemon/core/room.h"
#include "daemon/core/slot.h"
#include "daemon/core/validate.h"

/* core_internal.h - the struct behind core.h, for the files of this folder and their tests.
 *
 * Tables by room have one row of a fixed width for each room; slots carry the streams of their
 * member. Everything lies behind the struct in one block. */

struct core {
    struct relay_limits limits;
    uint64_t now_ns; /* Of the call under way, or the last one. */
    struct core_counters counters;
    uint32_t bound_count;
    uint32_t ticking_count; /* Rooms with a tick. */
    uint64_t rested_ns;     /* How long datagrams may have been there unseen. */
    struct auto_tick auto_tick;
    bool is_pressed;       /* A room's stream 0 wants an output before the next datagram. */
    uint32_t waiting_sent; /* Deliveries that are packed and not reported by core_output_done(). */

    struct pool slot_pool;
    struct slot *slots;
    struct stream *streams; /* slots_max rows of 1 << stream_shift. */
    unsigned stream_shift;

    struct pool room_pool;
    struct room *rooms;
    uint32_t *room_slots;      /* Rows of members_per_room_max: slot by member. */
    uint8_t *room_generations; /* Rows of members_per_room_max: the last one used, by member. */
    uint8_t *room_ages;        /* Rows of members_per_room_max: members, oldest first. */
    uint64_t *room_active;     /* Rows of active_words: a bit per cell that somebody waits for. */
    struct ring *rings;        /* By room. */
    struct member_set *room_groups; /* Rows of CORE_GROUPS: who is of which interest group. */
    unsigned active_words;

    struct cell_pool cells;
    struct timer_heap timers;       /* Ids: a slot's index, or slots_max + a room's index. */
    struct timer_heap flush_timers; /* Ids: a room's index. */
    struct place_list answers;      /* Slots that have answers to send. */
    struct place_list notices;      /* Slots whose clients have to be told of a limit. */
    struct place_list dirty;        /* Rooms that core_output() has to flush. */
    struct place_list qualities;    /* Rooms whose hosts have to be told of the others. */
    struct validate validate;
    struct event_ring events;
    struct batch batch;
    struct pack_item *pack_items; /* As many as one room can have waiting. */
};

/* Drops, counted: `count` things of the reason's ledger. */
static inline void core_drop(struct core *core, enum reason reason, uint64_t count)
{
    core->counters.dropped[reason] += count;
}

/* How a membership ends. */
enum core_end {
    CORE_END_LEAVE,  /* By a LEAVE: its answer is what the client's session hears. */
    CORE_END_REMOVE, /* Otherwise: the session is told by EVENT_REMOVED. */
    CORE_END_CLOSE   /* With the whole room: the same, but the others are not told. */
};

/* Ends a membership and tells everyone whom it concerns: three events at most. A bound client gets
 * a BYE unless the reason is REASON_LEFT. */
void core_end_member(struct core *core, uint32_t slot, enum core_end how, enum reason reason);

#endif
