/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_ROOM_H
#define GSRELAY_CORE_ROOM_H

#include "daemon/core/bucket.h"
#include "daemon/core/core.h"
#include "daemon/core/member_set.h"
#include "daemon/core/quality.h"
#include "daemon/core/ring.h"
#include "daemon/core/share.h"

#include <stdbool.h>
#include <stdint.h>

/* room.h - who is in a room, who is its host, and what it says about itself.
 *
 *     FREE -- open --> OPEN -- last member left, time is up --> FREE
 *                       |
 *                       +-- too old --> CLOSING -- all removed --> FREE
 *
 * A member has an index in its room and an id on the wire: generation << 8 | index. Indices are
 * given out in turn and generations count up, so that an id comes back after 254 rounds.
 * Threads: those of the core. Memory: the core's. */

enum room_state { ROOM_FREE, ROOM_OPEN, ROOM_CLOSING };

/* What the room's flush waits for. */
enum room_flush {
    FLUSH_NONE,   /* Nothing waits. */
    FLUSH_TIMED,  /* The tick. */
    FLUSH_HELD,   /* A downlink budget: nothing waits but for members that have used up theirs. */
    FLUSH_QUEUED, /* The next core_output(). */
};

#define ROOM_REST_MIN   16
#define GENERATION_LAST 0xFE

struct room {
    enum room_state state;
    uint32_t tag; /* Never 0 while in use; another one each time. */
    uint16_t member_count;
    uint16_t members_max;
    uint16_t host; /* A member's index; MEMBER_NONE: nobody could be (host.h). */
    uint32_t host_epoch;
    uint16_t heir;          /* A member's index: whom this host has named; MEMBER_NONE. */
    uint8_t election;       /* ELECTION_*. */
    uint64_t host_retry_ns; /* No election of a host in the place of this one before. */
    uint32_t tick_us;
    bool is_locked;
    uint64_t made_ns;
    uint64_t empty_ns; /* Since when it has no member. */
    struct member_set present;
    struct member_set bound;
    uint16_t next_member; /* Where the search for a free index begins. */

    struct member_set budgeted; /* Members that asked for a downlink budget of their own. */
    struct member_set held;     /* Those whose budget was used up at the last flush. */

    struct bucket deliveries; /* The room's budgets, and who shares them. */
    struct bucket bytes;
    struct share share;

    enum room_flush flush;
    uint64_t flush_due_ns;    /* FLUSH_TIMED and FLUSH_HELD: when. */
    uint64_t touched_ns;      /* When the first of what waits now came; 0 = nothing has since. */
    struct queue_time queue;  /* How long that waits. */
    uint64_t quality_next_ns; /* The host is not told of the others before. */
    uint16_t quality_member;  /* The next member that it is told of; 0 = it was told of all. */
    uint32_t waiting;         /* Deliveries that wait, of all members. */
    bool is_heritable;        /* What a host retains passes to the next one when it leaves. */
    uint32_t retained_bytes;  /* Payload of all retained records. */
    uint32_t retained_count;  /* Their number. */
    uint64_t retained_sum;    /* Of their hashes. */
    struct member_set pongs; /* Members whose PONG waits for the flush, so that its digest holds. */
    uint32_t rotor;          /* The cell that the next flush begins with. */

    uint8_t code_size;
    uint8_t code[CORE_CODE_MAX];
    uint16_t metadata_size;
    uint8_t metadata[CORE_METADATA_MAX];
};

/* Makes a room out of a CREATE, without members; POOL_NONE when all are in use. */
uint32_t room_open(struct core *core, const struct command *command, uint64_t now_ns);

/* The room that `name` means, if it is OPEN; else NULL. */
struct room *room_find(struct core *core, struct room_ref name);

/* Frees a room that has no members. */
void room_free(struct core *core, uint32_t index);

struct room_ref room_name(const struct core *core, uint32_t index);

/* Puts a slot into a room that has a place left. A room without a host makes it that. */
void room_add(struct core *core, uint32_t index, uint32_t slot);

/* What room_remove() changed besides. */
struct room_change {
    bool has_new_host;
};

/* Takes a member out, with all that waits for it and all latest-wins state from it. The slot stays
 * as it is. If it was the host, another one is elected (host.h). */
struct room_change room_remove(struct core *core, uint32_t index, unsigned member, uint64_t now_ns);

/* Makes the member of a slot one of exactly these interest groups. */
void room_subscribe(struct core *core, uint32_t slot, uint64_t groups);

/* Who is of a group, below CORE_GROUPS. */
const struct member_set *room_group(const struct core *core, uint32_t index, unsigned group);

/* Makes `member`, or nobody (MEMBER_NONE), the host, in a new epoch. The room's timer looks at it
 * from then on. */
void room_set_host(struct core *core, uint32_t index, unsigned member);

/* The member with this id; MEMBER_NONE if there is none. */
unsigned room_member(const struct core *core, uint32_t index, uint16_t member_id);

/* The slot of a member. */
uint32_t room_slot(const struct core *core, uint32_t index, unsigned member);

/* The member that joined `position`-th of those present; position < member_count. */
unsigned room_member_by_age(const struct core *core, uint32_t index, unsigned position);

/* The id on the wire; 0 for MEMBER_NONE. */
uint16_t room_member_id(const struct core *core, uint32_t index, unsigned member);

/* Something waits now: sees to it that it is flushed at its time. */
void room_touch(struct core *core, uint32_t index, uint64_t now_ns);

/* The room's clock: the time since it was made, which its members share. */
uint64_t room_clock_ns(const struct core *core, uint32_t index);

/* All is packed that may be: waits until the first of those held back has budget again, or for
 * whatever comes before. */
void room_flushed(struct core *core, uint32_t index, uint64_t now_ns);

/* The downlink budgets have changed: looks at once at who is held back. */
void room_let_go(struct core *core, uint32_t index);

/* When the room ends: emptiness or age; UINT64_MAX = never. */
uint64_t room_end_deadline(const struct core *core, uint32_t index);

/* Sets the timer of the room's own end, and of the next look at its host. */
void room_set_timer(struct core *core, uint32_t index);

#endif
