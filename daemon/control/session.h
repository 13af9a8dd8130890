/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_SESSION_H
#define GSRELAY_CONTROL_SESSION_H

#include "daemon/control/arena.h"
#include "daemon/control/blob.h"
#include "daemon/control/control_limits.h"
#include "daemon/control/rate.h"
#include "daemon/core/message.h"
#include "proto/limits.h"
#include "proto/ticket.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* session.h - the sessions: who has authenticated, and what each is a member of.
 *
 * A session is named by index and tag inside the relay and by 16 random-looking bytes outside. It
 * outlives its connection by the grace time. Which room it is in is known here only as far as it is
 * needed to address the worker: the worker's core decides.
 * Threads: none of its own. Memory: from the arena. Secrets: random bytes are arguments; the keys
 * of a session are wiped when it is removed. */

#define SESSION_NONE UINT32_MAX /* As an index of a session or a connection: there is none. */

/* Random bytes that a new session is made of: tag, id, resume key. */
#define SESSION_RANDOM_SIZE (4 + SESSION_ID_SIZE + RESUME_KEY_SIZE)

enum session_state {
    SESSION_FREE,
    SESSION_ATTACHED, /* It has a connection. */
    SESSION_GRACE,    /* It lost its connection and may be resumed until its deadline. */
    SESSION_ENDING,   /* It cannot be resumed; it waits until its worker was told to drop the slot.
                       */
    SESSION_STATES
};

enum membership_state {
    MEMBERSHIP_NONE,
    MEMBERSHIP_JOINING, /* CREATE or JOIN is with the worker. */
    MEMBERSHIP_MEMBER,
    MEMBERSHIP_LEAVING /* LEAVE is with the worker. */
};

struct membership {
    enum membership_state state;
    uint32_t worker;       /* Of all but NONE. */
    uint32_t room_pending; /* JOINING by CREATE: the entry in the room table, else ROOM_NONE. */
    struct slot_ref slot;  /* MEMBER and LEAVING. */
    struct room_ref room;  /* MEMBER and LEAVING; for the log. */
    uint16_t member;       /* The same. */
    bool is_lost_told;     /* MEMBER: the worker knows that the session has no connection. */
};

/* What a BLOB_PUT of the session that is with its worker is about. */
enum blob_question {
    BLOB_QUESTION_NONE,
    BLOB_QUESTION_BEGIN, /* May it begin the upload `blob_asked`, or (total 0) remove the blob? */
    BLOB_QUESTION_COMMIT /* Does its complete upload still count? */
};

/* A request that is with a worker. */
struct session_request {
    uint32_t serial;     /* What the worker knows it by. */
    uint32_t request;    /* What the client knows it by. */
    uint32_t attachment; /* An answer goes to the connection that asked, or to none. */
    enum command_type type;
};

struct session {
    enum session_state state;
    uint32_t tag; /* Never 0. */
    uint8_t id[SESSION_ID_SIZE];
    uint8_t key_current[RESUME_KEY_SIZE];
    uint8_t key_next[RESUME_KEY_SIZE]; /* Told in the last WELCOME, not used yet. */
    bool has_key_next;
    uint32_t connection;  /* ATTACHED: its index, else SESSION_NONE. */
    uint32_t attachment;  /* Rises with each connection that it gets. */
    enum reason end;      /* ENDING: why. */
    uint64_t client_hash; /* Of the client id; 0 where there is none. */
    struct ticket ticket; /* What its client may do; no client id in open mode. */
    struct membership membership;
    struct rate rooms_created;
    enum blob_question blob_question;
    struct blob_upload blob_asked;
    uint32_t place; /* Of its last connection, in the admission table. */
    struct session_request requests[CONTROL_REQUESTS_MAX];
    uint32_t request_count;
    uint32_t request_serial;
    uint32_t newer; /* In the chain of the client ids' hash. */
    uint32_t older;
    uint32_t next; /* Of free sessions; of sessions that owe their worker a command. */
    bool is_owing; /* It is in that list. */
};

struct session_table {
    struct session *sessions;
    uint32_t *chains; /* Newest session of each hash of client ids. */
    uint32_t capacity;
    uint32_t chain_mask;
    uint32_t touched_count;
    uint32_t first_free;
    uint32_t count;
    uint8_t key[16];
};

void session_table_init(struct session_table *table, struct arena *arena, uint32_t sessions_max,
                        const uint8_t key[16]);

/* Makes a session that is attached to the connection. Its resume key is in key_current. Returns its
 * index, or SESSION_NONE when the table is full. */
uint32_t session_add(struct session_table *table, uint32_t connection, const struct ticket *ticket,
                     const uint8_t random[SESSION_RANDOM_SIZE]);

/* Wipes and frees it. */
void session_remove(struct session_table *table, uint32_t index);

/* The session of that name, in any state but FREE; NULL if there is none. */
struct session *session_find(struct session_table *table, struct session_ref ref);

/* The session with this id that can be resumed (attached or in its grace time); SESSION_NONE if
 * there is none. */
uint32_t session_find_id(const struct session_table *table, const uint8_t *id, size_t id_size);

/* The name of a session that is not free. */
struct session_ref session_name(const struct session_table *table, uint32_t index);

/* How many sessions of this client id can be resumed, and the oldest of them. */
uint32_t session_count_client(const struct session_table *table, const char *client_id,
                              uint32_t *oldest_out);

/* The session goes on over another connection: it was resumed with key_next (then that one becomes
 * current) or with key_current, and `key` is the one told in the WELCOME that follows. */
void session_resume(struct session *session, uint32_t connection, bool with_key_next,
                    const uint8_t key[RESUME_KEY_SIZE]);

/* The connection is gone. */
void session_detach(struct session *session);

/* The session cannot be found by its id or client id any more. */
void session_end(struct session_table *table, uint32_t index, enum reason reason);

/* Notes a request that goes to a worker and returns its serial, never 0. There must be room. */
uint32_t session_request_add(struct session *session, enum command_type type, uint32_t request);

/* Takes a request back by its serial. False if there is none. */
bool session_request_take(struct session *session, uint32_t serial, struct session_request *out);

#endif
