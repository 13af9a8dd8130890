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
 * control.c fills records into a bounded ring; the server thread prints them. Nothing here ever
 * holds a key, a ticket or a resume key; the client id is the client's own bytes and is escaped by
 * the log. Threads: values. Memory: the caller's. */

/* Symbol, and which fields a line has beside `peer` and `session`. The server gives each its name
 * and level (daemon/log/log_event.h). */
#define CONTROL_LOG_TABLE(X)                                                                       \
    X(CLIENT_ACCEPTED, 0)                                                                          \
    X(CLIENT_REFUSED, HAS_REASON | HAS_LIMIT)                                                      \
    X(CLIENT_CLOSED, HAS_REASON)                                                                   \
    X(AUTH_FAILED, HAS_REASON)                                                                     \
    X(SESSION_OPENED, HAS_CLIENT)                                                                  \
    X(SESSION_RESUMED, HAS_CLIENT)                                                                 \
    X(SESSION_LOST, HAS_REASON)                                                                    \
    X(SESSION_CLOSED, HAS_REASON | HAS_CLIENT)                                                     \
    X(ROOM_OPENED, HAS_ROOM)                                                                       \
    X(ROOM_CLOSED, HAS_ROOM)                                                                       \
    X(MEMBER_JOINED, HAS_ROOM | HAS_MEMBER)                                                        \
    X(MEMBER_LEFT, HAS_REASON | HAS_ROOM | HAS_MEMBER)                                             \
    X(HOST_CHANGED, HAS_ROOM | HAS_MEMBER)                                                         \
    X(REQUEST_REFUSED, HAS_REASON | HAS_LIMIT | HAS_REQUEST)                                       \
    X(LIMIT_HIT, HAS_REASON | HAS_LIMIT)

enum control_log_event {
#define CONTROL_LOG_ENUM(symbol, fields) CONTROL_LOG_EVENT_##symbol,
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

/* Bits of enum control_log_field. */
unsigned control_log_fields(enum control_log_event event);

#endif
