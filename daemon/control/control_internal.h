/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_CONTROL_INTERNAL_H
#define GSRELAY_CONTROL_CONTROL_INTERNAL_H

#include "daemon/base/timer.h"
#include "daemon/control/admission.h"
#include "daemon/control/connection.h"
#include "daemon/control/control.h"

#include "daemon/control/room_table.h"
#include "daemon/control/session.h"

/* control_internal.h - what the files of the control channel share: control.c (tables, log,
 * commands, time), channel.c (bytes of connections), ending.c (how connections and sessions end),
 * handshake.c (authentication), command.c (requests), event.c (what workers tell), blob_verb.c (the
 * blobs of rooms, up and down), drain.c.
 *
 * Closing a connection never frees it at once: it becomes FINISHING and is freed when the owner of
 * the sockets collects the order. So no call in here invalidates a connection that its caller is
 * working on; after anything that sends, the caller looks at the state.
 * Threads and memory: as in control.h. */

#define CONTROL_COMMANDS_MAX 64                   /* Commands that may wait for one worker. */
#define CONTROL_LOGS_MAX     256                  /* Log records that may wait. */
#define CONTROL_PATIENCE_NS  UINT64_C(5000000000) /* For last bytes. */
#define CONTROL_BUSY_NS                                                                            \
    UINT64_C(100000000) /* The longest pause of a connection that asks too much. */
#define CONTROL_SECOND_NS UINT64_C(1000000000)

struct command_ring {
    struct command *commands; /* CONTROL_COMMANDS_MAX */
    uint32_t first;
    uint32_t count;
    bool is_drain_owed;
};

struct control {
    struct control_limits limits;
    struct control_random random;
    struct ticket_secret secrets[TICKET_SECRETS_MAX];
    size_t secret_count;
    uint64_t now_ns; /* Of the call that is being carried out. */
    uint64_t unix_s;
    struct admission admission;
    struct session_table sessions;
    struct room_table rooms;
    struct blob_store blobs;
    struct connection *connections;
    struct connection_pools pools;
    uint8_t *scratch; /* connection_frame_bytes() bytes: kept input on its way back. */
    struct timer_heap connection_timers;
    struct timer_heap session_timers;
    uint32_t preauth_oldest; /* The list of connections without a session. */
    uint32_t preauth_newest;
    uint32_t dirty_first; /* The list of connections that want something of their sockets. */
    uint32_t dirty_last;
    uint32_t owing_first;       /* Sessions that owe their worker a command. */
    struct command_ring *rings; /* By worker. */
    struct control_log_record *logs;
    uint32_t log_first;
    uint32_t log_count;
    bool is_draining;
    uint64_t drain_end_ns; /* While draining; UINT64_MAX: when the last room is gone. */
    struct control_counters counters;
};

/* Why a request is refused, as ERROR tells it. */
struct refusal {
    enum reason reason;
    uint32_t limit;
    uint64_t retry_ns;
};

/* control.c: tables, log, commands, time */

/* A record to be filled in at once, with event, peer and session set; never NULL. */
struct control_log_record *control_log_add(struct control *control, enum control_log_event event,
                                           const struct connection *connection,
                                           uint32_t session_index);

/* Says that a session, which is a member, leaves its room. */
void control_log_left(struct control *control, uint32_t index, enum reason reason);

/* Queues a message for the client of an open connection; closes it when that cannot be. */
void control_send(struct control *control, uint32_t index, const struct control_message *message);

/* Ends a connection: after its output, or at once. Its session goes into its grace time. */
void control_connection_close(struct control *control, uint32_t index, enum reason reason,
                              bool is_aborted);

/* The entry is free from here on. For channel.c alone: see above. */
void control_connection_release(struct control *control, uint32_t index);

/* It wants something of its socket (or does no more), or its deadlines have changed. */
void control_connection_mark(struct control *control, uint32_t index);
void control_connection_unmark(struct control *control, uint32_t index);
void control_connection_time(struct control *control, uint32_t index);

/* Takes a connection out of the list of those without a session. */
void control_preauth_remove(struct control *control, uint32_t index);

/* Judges anew whether input is wanted; what was kept is taken up when the timers run. */
void control_connection_resume(struct control *control, uint32_t index);

/* The end of a timed pause: goes on with what was kept. */
void control_connection_take_up(struct control *control, uint32_t index);

/* Ends a session: it can be resumed no more, its worker is told to drop its slot. If it has a
 * connection and is_told, the client gets a BYE; the connection ends. */
void control_session_end(struct control *control, uint32_t index, enum reason reason, bool is_told);

/* Tells the worker of a member what it does not know yet: that its connection is lost, or back, or
 * that its session has ended, which then is freed. */
void control_session_settle(struct control *control, uint32_t index);

/* Room for a command to a worker; NULL when too many wait. It is zeroed, and queued by
 * control_command_push(). */
struct command *control_command_reserve(struct control *control, uint32_t worker);
void control_command_push(struct control *control, uint32_t worker);

/* handshake.c */

/* The first flight of a connection, or that it broke its format. */
void handshake_first_flight(struct control *control, uint32_t index, const uint8_t *bytes,
                            size_t size);
void handshake_fail(struct control *control, uint32_t index, enum reason reason);

/* Answers a connection in clear and ends it. */
void handshake_refuse(struct control *control, uint32_t index, enum reason reason,
                      uint64_t retry_ns);

/* The first message of a connection whose key fitted. */
void handshake_start(struct control *control, uint32_t index,
                     const struct control_message *message);

/* command.c */

/* One decrypted message of an open connection. */
void command_run(struct control *control, uint32_t index, const uint8_t *bytes, size_t size);

/* Answers a request with ERROR. */
void command_refuse(struct control *control, uint32_t index, uint32_t request, uint8_t type,
                    const struct refusal *refusal);

/* blob_verb.c */

/* The worker's answer to what a session has asked about its room's blob. Returns why the client is
 * refused what the worker has allowed. */
struct refusal blob_verb_settle(struct control *control, uint32_t worker, uint32_t index,
                                const struct event *event);

/* The room has a host that did not make what is uploaded now: that is forgotten. Whoever is host
 * is sent the blob that an earlier one has left, the others no more of it. */
void blob_verb_host_changed(struct control *control, uint32_t worker, const struct event *event);

/* The client of this connection has been told that it is the host of its room, in this epoch. */
void blob_verb_tell_host(struct control *control, uint32_t connection, uint32_t worker,
                         struct room_ref room, uint32_t host_epoch);

/* Somebody has come to an empty room, as its host: no upload of it goes on. */
void blob_verb_forget_upload(struct control *control, uint32_t worker, struct room_ref room);

/* Nothing more of a blob goes to this connection. */
void blob_verb_stop(struct control *control, uint32_t connection);

/* Puts the next part of a blob into the output of a connection that has nothing else waiting. */
void blob_verb_feed(struct control *control, uint32_t connection);

/* drain.c */

/* Tells the client of an open connection by when the relay stops. */
void control_drain_tell(struct control *control, uint32_t index);

#endif
