/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_CONTROL_LOG_H
#define GSRELAY_CONTROL_CONTROL_LOG_H

#include "daemon/core/message.h"
#include "proto/addr.h"
#include "proto/join_code.h"
#include "proto/reason.h"
#include "proto/ticket.h"

#include <stdint.h>

/* control_log.h - what the control channel has to say to the log, as values.
 *
 * control.c fills records into a bounded ring; the server thread prints them. The names are stable:
 * operators match on them. Nothing here ever holds a key, a ticket or a resume key; the client id
 * is the client's own bytes and is escaped by the log.
 * Threads: values. Memory: the caller's. */

enum control_log_level { CONTROL_LOG_ERROR, CONTROL_LOG_WARN, CONTROL_LOG_INFO, CONTROL_LOG_DEBUG };

/* Symbol, name, level, and which fields a line has beside `peer` and `session`. */
#define CONTROL_LOG_TABLE(X)                                                                       \
    X(CONN_ACCEPTED, "conn_accepted", DEBUG, 0)                                                    \
    X(CONN_REFUSED, "conn_refused", INFO, HAS_REASON | HAS_LIMIT)                                  \
    X(CONN_CLOSED, "conn_closed", DEBUG, HAS_REASON)                                               \
    X(CONN_BROKEN, "conn_broken", INFO, HAS_REASON)                                                \
    X(AUTH_FAILED, "auth_failed", WARN, HAS_REASON)                                                \
    X(AUTH_LOCKOUT, "auth_lockout", WARN, HAS_LIMIT)                                               \
    X(SESSION_OPENED, "session_opened", INFO, HAS_CLIENT)                                          \
    X(SESSION_RESUMED, "session_resumed", INFO, HAS_CLIENT)                                        \
    X(SESSION_LOST, "session_lost", INFO, HAS_REASON)                                              \
    X(SESSION_ENDED, "session_ended", INFO, HAS_REASON | HAS_CLIENT)                               \
    X(ROOM_CREATED, "room_created", INFO, HAS_ROOM)                                                \
    X(ROOM_CLOSED, "room_closed", INFO, HAS_ROOM)                                                  \
    X(MEMBER_JOINED, "member_joined", INFO, HAS_ROOM | HAS_MEMBER)                                 \
    X(MEMBER_LEFT, "member_left", INFO, HAS_REASON)                                                \
    X(HOST_CHANGED, "host_changed", DEBUG, HAS_MEMBER)                                             \
    X(REQUEST_REFUSED, "request_refused", INFO, HAS_REASON | HAS_LIMIT | HAS_REQUEST)              \
    X(CLIENT_LIMITED, "client_limited", INFO, HAS_REASON | HAS_LIMIT)                              \
    X(DRAINING, "draining", INFO, 0)                                                               \
    X(WORKER_FAULT, "worker_fault", ERROR, HAS_REASON)

enum control_log_event {
#define CONTROL_LOG_ENUM(symbol, name, level, fields) CONTROL_LOG_EVENT_##symbol,
    CONTROL_LOG_TABLE(CONTROL_LOG_ENUM)
#undef CONTROL_LOG_ENUM
        CONTROL_LOG_EVENTS
};

enum control_log_field {
    HAS_REASON = 1 << 0,
    HAS_LIMIT = 1 << 1,
    HAS_CLIENT = 1 << 2,
    HAS_ROOM = 1 << 3,
    HAS_MEMBER = 1 << 4,
    HAS_REQUEST = 1 << 5
};

struct control_log_record {
    enum control_log_event event;
    struct addr peer;           /* Family 0: no connection is concerned. */
    struct session_ref session; /* Tag 0: no session is concerned. */
    enum reason reason;
    uint32_t limit;
    uint32_t retry_ms;
    uint32_t worker;
    uint16_t member;
    uint8_t request; /* enum control_type */
    uint8_t code_size;
    uint8_t code[CORE_CODE_MAX];
    char client_id[TICKET_CLIENT_ID_MAX + 1];
};

const char *control_log_name(enum control_log_event event);
enum control_log_level control_log_level(enum control_log_event event);
unsigned control_log_fields(enum control_log_event event);

#endif
