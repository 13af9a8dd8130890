/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_server_parts.h"

#include "proto/control_message.h"

#include <stdio.h>

#define GRANTED_MAX 64

/* The name of each record in the log. */
static const enum log_event event_names[CONTROL_LOG_EVENTS] = {
#define EVENT_NAME(symbol, fields) [CONTROL_LOG_EVENT_##symbol] = LOG_EVENT_##symbol,
    CONTROL_LOG_TABLE(EVENT_NAME)
#undef EVENT_NAME
};

static void log_record(struct log *log, const struct control_log_record *record)
{
    enum log_event event = event_names[record->event];
    unsigned fields = control_log_fields(record->event);
    struct log_line *line = log_begin(log, event);

    if (record->peer.family != ADDR_FAMILY_NONE) {
        char text[ADDR_TEXT_SIZE];
        (void)addr_print(&record->peer, text);
        log_text(line, "peer", text);
    }
    if (record->session.tag != 0) {
        char text[24];
        (void)snprintf(text, sizeof(text), "%u.%08x", (unsigned)record->session.index,
                       (unsigned)record->session.tag);
        log_text(line, "session", text);
    }
    if ((fields & HAS_CLIENT) != 0 && record->client_id[0] != 0) {
        size_t size = 0;
        while (record->client_id[size] != 0) {
            size++;
        }
        log_client(line, "client", record->client_id, size);
    }
    if ((fields & HAS_ROOM) != 0) {
        log_client(line, "room", record->code, record->code_size);
        log_u64(line, "worker", record->worker);
    }
    if ((fields & HAS_MEMBER) != 0) {
        log_u64(line, "member", record->member);
    }
    if ((fields & HAS_REQUEST) != 0) {
        log_text(line, "request", control_type_name(record->request));
    }
    if ((fields & HAS_REASON) != 0) {
        log_text(line, "reason", reason_name(record->reason));
    }
    if ((fields & HAS_LIMIT) != 0) {
        log_text(line, "text", reason_text(record->reason));
        log_u64(line, "limit", record->limit);
        log_u64(line, "retry_ms", record->retry_ms);
    }
    log_end(log);
}

void control_server_log_all(struct log *log, struct control *control)
{
    struct control_log_record record;

    while (control_log_next(control, &record)) {
        log_record(log, &record);
    }
}

void control_server_log_granted(struct log *log, const struct net_tcp *net)
{
    struct net_granted granted[GRANTED_MAX];
    unsigned count = net_tcp_granted(net, granted, GRANTED_MAX);

    for (unsigned i = 0; i < count && i < GRANTED_MAX; i++) {
        struct addr address = net_tcp_address(net, granted[i].socket_index);
        char text[ADDR_TEXT_SIZE];
        struct log_line *line = log_begin(log, LOG_EVENT_SOCKET);
        (void)addr_print(&address, text);
        log_text(line, "control", text);
        log_text(line, "option", granted[i].name);
        if (granted[i].asked == NET_SETTING_DEFAULT) {
            log_text(line, "asked", "system");
        } else {
            log_i64(line, "asked", granted[i].asked);
        }
        log_i64(line, "granted", granted[i].granted);
        log_end(log);
    }
}
