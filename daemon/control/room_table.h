/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_ROOM_TABLE_H
#define GSRELAY_CONTROL_ROOM_TABLE_H

#include "daemon/control/arena.h"
#include "daemon/control/blob.h"
#include "daemon/control/control_limits.h"
#include "daemon/core/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* room_table.h - the rooms by their codes: which worker has the room, and under which name.
 *
 * Nothing else about a room is known here; its truth is with the worker's core. A room is *pending*
 * from the command that makes it until the worker has answered, and cannot be joined until then.
 * Codes are hashed with SipHash under a random key and chained, so that nobody can make them
 * collide.
 * Threads: none of its own. Memory: from the arena. */

#define ROOM_NONE UINT32_MAX /* As an index or a worker: there is none. */

struct room_entry {
    uint8_t code[CORE_CODE_MAX];
    uint8_t code_size; /* 0: the entry is free. */
    bool is_pending;
    uint32_t worker;
    struct room_ref room; /* Once it is not pending. */
    uint32_t blob;        /* Its place among the blobs, or BLOB_NONE. */
    uint32_t next;        /* In the chain of its hash, or of free entries. */
};

struct room_table {
    struct room_entry *entries;
    uint32_t *chains;      /* First entry of each hash. */
    uint32_t *by_room;     /* [worker * rooms_per_worker + room.index]: the entry. */
    uint32_t *worker_load; /* Rooms of each worker, pending ones included. */
    uint32_t capacity;
    uint32_t chain_mask;
    uint32_t rooms_per_worker;
    uint32_t worker_count;
    uint32_t touched_count; /* Entries from here on were never used. */
    uint32_t first_free;
    uint32_t count;
    uint8_t key[16];
};

void room_table_init(struct room_table *table, struct arena *arena,
                     const struct control_limits *limits, const uint8_t key[16]);

/* The room with this code, pending or not; ROOM_NONE if there is none. */
uint32_t room_table_find(const struct room_table *table, const void *code, size_t code_size);

/* The room that a worker names; ROOM_NONE if it is not (or no longer) known. */
uint32_t room_table_find_ref(const struct room_table *table, uint32_t worker, struct room_ref room);

/* The worker with the fewest rooms; ROOM_NONE when the table or every worker is full. */
uint32_t room_table_choose_worker(const struct room_table *table);

/* Adds a pending room on a worker that room_table_choose_worker() gave; the code is not in use. */
uint32_t room_table_add(struct room_table *table, const void *code, size_t code_size,
                        uint32_t worker);

/* The worker has made the room and calls it `room`. False when the name cannot be (it is out of
 * range), which only a broken worker brings about. */
bool room_table_open(struct room_table *table, uint32_t index, struct room_ref room);

/* Forgets the room and its code; it has no place among the blobs any more. */
void room_table_remove(struct room_table *table, uint32_t index);

#endif
