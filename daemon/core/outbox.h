/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_OUTBOX_H
#define GSRELAY_CORE_OUTBOX_H

#include "daemon/core/member_set.h"
#include "daemon/core/room.h"
#include "daemon/core/slot.h"
#include "proto/record.h"

#include <stdint.h>

/* outbox.h - what waits for whom.
 *
 * The relation "this record waits for this member" is kept from the record's side: each stream's
 * newest state and each place of the room's ring holds the set of members that wait for it. So
 * passing a state on to a whole room is one operation on a set, whatever the room's size, and to
 * replace a state, to leave, to join late and to pack are each a walk over the records in use.
 *
 * A room's *cells* are numbered member << stream_shift | place; `active` has a bit for each cell
 * that somebody waits for.
 *
 * All counting of the deliveries' ledger (counters.h) happens here and in core_output_done().
 * Threads: those of the core. Memory: the core's. */

/* The receivers of one record. */
struct receivers {
    struct member_set bound;
    unsigned unbound; /* Members that have no validated path: their deliveries are dropped. */
};

/* Puts a record of stream 0 behind what the room has waiting. The pool has a cell left, or the ring
 * is full, so that another record gives way. */
void outbox_put_ordered(struct core *core, uint32_t room, uint32_t slot,
                        const struct record *record, const struct receivers *receivers);

/* Makes a record the newest state of its stream, in the stream's place. `order` is its key. The
 * pool has a cell left, or the stream has one. */
void outbox_put_latest(struct core *core, uint32_t slot, unsigned place,
                       const struct record *record, uint64_t order,
                       const struct receivers *receivers, uint64_t now_ns);

/* Gives a bound member all that the others retain: one that is new before anything live, one that
 * has lost some of it in the rotation with all else. What waits for it already stays as it is. */
void outbox_replay(struct core *core, uint32_t slot, bool is_new);

/* Makes what one member retains retained by another, as if that one had sent it when the first did;
 * all others are given it under the new name. Where the other uses the stream itself, or has no
 * stream left, the state stays with its sender. `from` and `to` are in one room. */
void outbox_inherit(struct core *core, uint32_t from, uint32_t to, uint64_t now_ns);

/* Forgets what waits for a member that leaves and what it has on its streams. What it sent on
 * stream 0 goes on to the others. */
void outbox_remove(struct core *core, uint32_t slot);

/* `count` of the members that waited for a cell, or for a place of the ring, have got it packed.
 * The delivery itself stays counted as waiting until core_output_done(). */
void outbox_taken(struct core *core, uint32_t room, uint32_t cell,
                  const struct member_set *members);
void outbox_taken_ordered(struct core *core, uint32_t room, unsigned place,
                          const struct member_set *members);

/* The stream of a room's cell. */
struct stream *outbox_stream(struct core *core, uint32_t room, uint32_t cell);

/* The first active cell of a room from `from` on, in words of 64; UINT32_MAX if there is none. */
uint32_t outbox_next(const struct core *core, uint32_t room, uint32_t from);

struct ring *outbox_ring(struct core *core, uint32_t room);

#endif
