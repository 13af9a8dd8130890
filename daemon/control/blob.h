/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_BLOB_H
#define GSRELAY_CONTROL_BLOB_H

#include "daemon/control/arena.h"
#include "daemon/core/message.h"
#include "proto/control_message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* blob.h - the bytes that hosts leave for the hosts after them (docs/PROTOCOL.md 1.9).
 *
 * A room that has a blob, or an upload, holds a place of the pool: two halves of blob_bytes each.
 * One is the current blob, the other takes the upload; when that is complete and the room's core
 * has said that it still counts, they change roles. So what is current is whole at any time, and a
 * room that has a place can always be given a newer blob.
 *
 *     NONE --blob_begin--> OPEN --last byte--> COMPLETE --blob_commit--> NONE (current)
 *                           |                     |
 *                           +----blob_discard-----+-----------------> NONE
 *
 * Who may upload is not known here: the worker's core decides, and blob_begin() and blob_commit()
 * are called when it has.
 * Threads: none of its own. Memory: from the arena; nothing is written before it is used. */

#define BLOB_NONE UINT32_MAX /* As a place: there is none. */

enum blob_upload_state { BLOB_UPLOAD_NONE, BLOB_UPLOAD_OPEN, BLOB_UPLOAD_COMPLETE };

/* What an upload is: who began it, and what it said of itself. */
struct blob_upload {
    struct session_ref session;
    uint32_t host_epoch;
    uint32_t version;
    uint32_t total;
};

struct blob {
    uint32_t next_free;
    enum blob_upload_state state;
    struct blob_upload upload; /* OPEN and COMPLETE. */
    uint32_t received;         /* Bytes of it that are there. */
    uint64_t serial;           /* Of the current blob: another one for each; 0 = there is none. */
    unsigned half;             /* Where the current blob is. */
    uint32_t host_epoch;       /* Under which it was uploaded. */
    uint32_t version;
    uint32_t total;
};

struct blob_store {
    struct blob *blobs;
    uint8_t *bytes;
    uint32_t blob_bytes;
    uint32_t capacity;
    uint32_t touched_count; /* Places from here on were never used. */
    uint32_t first_free;
    uint32_t used_count;
    uint32_t used_count_max;
    uint64_t serial;
};

/* `capacity` places for blobs of at most `blob_bytes`; either may be 0. */
void blob_store_init(struct blob_store *store, struct arena *arena, uint32_t capacity,
                     uint32_t blob_bytes);

/* Begins an upload of 1 to blob_bytes bytes, in place of one that was under way. `*place` is the
 * room's; BLOB_NONE is replaced by a new one. False when the pool has none. */
bool blob_begin(struct blob_store *store, uint32_t *place, const struct blob_upload *upload);

/* Whether these bytes are the next piece of the open upload. */
bool blob_is_next(const struct blob_store *store, uint32_t place, struct session_ref session,
                  uint32_t host_epoch, const struct control_blob *piece);

/* Takes such a piece. With the last one the upload is complete. */
void blob_add(struct blob_store *store, uint32_t place, const struct control_blob *piece);

/* The complete upload of this session becomes the current blob. False if there is none. */
bool blob_commit(struct blob_store *store, uint32_t place, struct session_ref session);

/* Forgets the upload; a place without a current blob is free again. */
void blob_discard(struct blob_store *store, uint32_t *place);

/* The same, if the upload is of this session. */
void blob_discard_of(struct blob_store *store, uint32_t *place, struct session_ref session);

/* Forgets everything; the place is free again. */
void blob_remove(struct blob_store *store, uint32_t *place);

/* The current blob, NULL if there is none. */
const struct blob *blob_current(const struct blob_store *store, uint32_t place);

/* The piece of the current blob from `offset` on, at most BLOB_PART_SIZE_MAX bytes of it. */
struct control_blob blob_part(const struct blob_store *store, uint32_t place, uint32_t offset);

#endif
