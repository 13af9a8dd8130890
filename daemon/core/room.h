/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_ROOM_H
#define GSRELAY_CORE_ROOM_H

#include "daemon/core/bucket.h"
#include "daemon/core/core.h"
#include "daemon/core/member_set.h"

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
    FLUSH_QUEUED, /* The next core_output(). */
};

#define ROOM_RING_SIZE  64 /* Records of stream 0 that can wait in a room. */
#define ROOM_RING_EARLY 32 /* With as many the room does not wait for its tick. */
#define ROOM_REST_MIN   16
#define GENERATION_LAST 0xFE

/* One record of stream 0. */
struct ring_entry {
    struct member_set waiting;
    uint32_t cell; /* CELL_NONE when nobody waits. */
    uint16_t sender_id;
    uint16_t size;
};

struct room {
    enum room_state state;
    uint32_t tag; /* Never 0 while in use; another one each time. */
    uint16_t member_count;
    uint16_t members_max;
    uint16_t host; /* A member's index; MEMBER_NONE. */
    uint32_t host_epoch;
    uint32_t tick_us;
    bool is_locked;
    uint64_t made_ns;
    uint64_t empty_ns; /* Since when it has no member. */
    struct member_set present;
    struct member_set bound;
    uint16_t next_member; /* Where the search for a free index begins. */

    struct bucket deliveries; /* The room's budgets. */
    struct bucket bytes;

    enum room_flush flush;
    uint64_t flush_due_ns;   /* FLUSH_TIMED: when. */
    uint32_t waiting;        /* Deliveries that wait, of all members. */
    uint32_t retained_bytes; /* Payload of all retained records. */
    uint64_t ring_next;      /* The next record of stream 0 gets place ring_next % 64. */
    uint64_t ring_waiting;   /* By place: somebody waits for it. */
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

/* Puts a slot into a room that has a place left. An empty room makes it the host. */
void room_add(struct core *core, uint32_t index, uint32_t slot);

/* What room_remove() changed besides. */
struct room_change {
    bool has_new_host;
};

/* Takes a member out, with all that waits for it and all latest-wins state from it. The slot stays
 * as it is. The oldest member becomes host when the host leaves. */
struct room_change room_remove(struct core *core, uint32_t index, unsigned member, uint64_t now_ns);

/* Makes `member` the host. */
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

/* Sets the timer of the room's own end: emptiness or age. */
void room_set_timer(struct core *core, uint32_t index);

#endif
