/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_CONTROL_H
#define GSRELAY_CONTROL_CONTROL_H

#include "daemon/control/control_limits.h"
#include "daemon/control/control_log.h"
#include "daemon/core/message.h"
#include "proto/addr.h"
#include "proto/reason.h"
#include "proto/result.h"
#include "proto/ticket.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* control.h - the control channel of all clients: authentication, sessions, room codes, verbs.
 *
 * Sans-I/O: accepted connections, their bytes, workers' events and `now_ns` go in; bytes, orders to
 * pause and close, commands for workers, log records and a deadline come out. There is no socket,
 * clock, allocation or global here; random bytes come from the source given at the start. Nothing
 * is decided about rooms: that is the worker's core (message.h).
 *
 * Threads: one thread owns it. Time: `now_ns` is monotonic and never goes back between calls.
 * Memory: one block of control_size() bytes; untouched parts are never written.
 * Connections are named by the index that the caller gives, below connections_max; an index is free
 * again after control_closed() or after its close was ordered.
 *
 * A turn of the owner:
 *     accepted, bytes, ends, sent      control_accepted(), _input(), _input_end(), _sent(),
 * _closed() events of workers                control_event() control_run_timers() while
 * (control_output())         write, pause, close; control_output_done() commands control_command(),
 * control_command_done() while (control_log_next())       print wait until control_next_deadline()
 */

struct control;

/* Where random bytes come from; it never fails. */
struct control_random {
    void (*fill)(void *context, void *out, size_t size);
    void *context;
};

/* All since control_init(), and gauges of this moment. */
struct control_counters {
    uint64_t connections_accepted;
    uint64_t connections_refused; /* By reason in `closed`, too. */
    uint64_t handshakes;          /* First flights whose key fitted. */
    uint64_t auth_failures;
    uint64_t lockouts;
    uint64_t sessions_opened;
    uint64_t sessions_resumed;
    uint64_t frames_received;
    uint64_t messages_sent;
    uint64_t requests_refused;
    uint64_t commands;
    uint64_t events;
    uint64_t events_stale; /* For a session, room or request that is gone. */
    uint64_t pauses;
    uint64_t logs_lost;             /* The ring of log records was full. */
    uint64_t closed[REASON_LIMIT];  /* Connections, by why they ended. */
    uint64_t ended[REASON_LIMIT];   /* Sessions, by why they ended. */
    uint64_t refused[REASON_LIMIT]; /* Requests, by why they were refused. */
    uint32_t connections;
    uint32_t connections_preauth;
    uint32_t sessions;
    uint32_t rooms;
    uint32_t frame_buffers_used;
    uint32_t frame_buffers_used_max;
    uint32_t out_buffers_used;
    uint32_t out_buffers_used_max;
    uint32_t blobs;       /* Rooms that have one, or an upload. */
    uint32_t blobs_max;   /* The most at a time. */
    uint64_t blobs_taken; /* Complete uploads that became current. */
    uint64_t blob_parts;  /* Parts made for new hosts. */
};

enum control_order {
    CONTROL_ORDER_NONE,
    CONTROL_ORDER_CLOSE, /* In order: what was written goes out. The index is free. */
    CONTROL_ORDER_ABORT  /* At once. The index is free. */
};

/* What one connection wants of its socket. */
struct control_output {
    uint32_t connection;
    enum control_order order;
    bool is_paused;       /* Whether reading is to be paused from now on. */
    const uint8_t *bytes; /* To be written; the control's until control_output_done(). */
    size_t size;          /* 0: nothing. */
};

/* Bytes of memory for these limits; 0 if they contradict each other or do not fit size_t. */
size_t control_size(const struct control_limits *limits);

/* Makes it in `memory` (control_size() bytes, zeroed, aligned for any type). */
struct control *control_init(void *memory, const struct control_limits *limits,
                             const struct control_random *random);

/* The secrets of tickets from now on, at most TICKET_SECRETS_MAX; copied. */
void control_set_secrets(struct control *control, const struct ticket_secret *secrets,
                         size_t count);

/* New limits for what is not sized by them. */
void control_set_limits(struct control *control, const struct control_limits *limits);

/* Wipes every secret. */
void control_wipe(struct control *control);

/* --- Connections ----------------------------------------------------------------------------- */

/* The wall clock, for the expiry of tickets. */
void control_set_wall(struct control *control, uint64_t unix_s);

/* A new connection in a free place. It may be refused: see control_output(). */
void control_accepted(struct control *control, uint32_t connection, const struct addr *peer,
                      uint64_t now_ns);

/* The most bytes that control_input() takes at a time. */
size_t control_input_max(const struct control *control);

/* Whether bytes of this connection are wanted now. False also for a free place. */
bool control_wants_input(const struct control *control, uint32_t connection);

/* Bytes that arrived; all of them are taken, wherever they were cut. Call only while
 * control_wants_input(). */
void control_input(struct control *control, uint32_t connection, const uint8_t *bytes, size_t size,
                   uint64_t now_ns);

/* The client has ended its direction. */
void control_input_end(struct control *control, uint32_t connection, uint64_t now_ns);

/* The connection is gone, for REASON_CONNECTION_LOST or REASON_CONNECTION_CLOSED. */
void control_closed(struct control *control, uint32_t connection, enum reason reason,
                    uint64_t now_ns);

/* Of the bytes written, `pending` still wait for the system. */
void control_sent(struct control *control, uint32_t connection, size_t pending, uint64_t now_ns);

/* The next connection that wants something; false when none does. Unless it orders a close it must
 * be followed by control_output_done() before any other call. */
bool control_output(struct control *control, struct control_output *out);

/* Whether the bytes were taken (false: there was no room; control_sent() will come), and how many
 * wait for the system now. */
void control_output_done(struct control *control, const struct control_output *output,
                         bool is_taken, size_t pending);

/* --- Workers --------------------------------------------------------------------------------- */

/* The oldest command for a worker, valid until control_command_done(); NULL when there is none. */
const struct command *control_command(struct control *control, uint32_t worker);
void control_command_done(struct control *control, uint32_t worker);

/* Takes what a worker tells. */
void control_event(struct control *control, uint32_t worker, const struct event *event,
                   uint64_t now_ns);

/* --- Time and end ---------------------------------------------------------------------------- */

void control_run_timers(struct control *control, uint64_t now_ns);

/* When control_run_timers() has to be called at the latest; UINT64_MAX = never. */
uint64_t control_next_deadline(const struct control *control);

/* From now on nobody new is let in and no room is made; members play on, come back to their
 * sessions and join the rooms that there are. Every client, also one that comes back later, is told
 * that the relay stops by `end_ns` at the latest; UINT64_MAX: when the last room is gone. It may be
 * called again with another end, and then all are told anew. */
void control_drain_begin(struct control *control, uint64_t end_ns, uint64_t now_ns);

/* Ends every session with BYE shutdown and every connection when its bytes are out; each worker
 * gets a COMMAND_DRAIN. Connections without a session end without a word. It is over when no
 * connection is left. */
void control_drain_end(struct control *control, uint64_t now_ns);

uint32_t control_connection_count(const struct control *control);

/* Rooms, those that are being made included. */
uint32_t control_room_count(const struct control *control);

/* --- Watching -------------------------------------------------------------------------------- */

/* The next log record; false if there is none. */
bool control_log_next(struct control *control, struct control_log_record *out);

void control_counters(const struct control *control, struct control_counters *out);

#endif
