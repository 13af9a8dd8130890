/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_internal.h"

#include <assert.h>
#include <string.h>

/* ending.c - how connections and sessions end. */

void control_log_left(struct control *control, uint32_t index, enum reason reason)
{
    const struct session *session = &control->sessions.sessions[index];
    const struct membership *membership = &session->membership;
    const uint32_t room =
        room_table_find_ref(&control->rooms, membership->worker, membership->room);
    const struct connection *connection =
        session->connection == SESSION_NONE ? NULL : &control->connections[session->connection];
    struct control_log_record *record =
        control_log_add(control, CONTROL_LOG_EVENT_MEMBER_LEFT, connection, index);

    record->reason = reason;
    record->worker = membership->worker;
    record->member = membership->member;
    if (room != ROOM_NONE) {
        record->code_size = control->rooms.entries[room].code_size;
        memcpy(record->code, control->rooms.entries[room].code, record->code_size);
    }
}

/* A command about the session's slot; NULL where there is no room, and then it is owed. */
static struct command *reserve_or_owe(struct control *control, uint32_t index,
                                      enum command_type type)
{
    struct session *session = &control->sessions.sessions[index];
    struct command *command = control_command_reserve(control, session->membership.worker);

    if (command == NULL) {
        session->is_owing = true;
        session->next = control->owing_first;
        control->owing_first = index;
        return NULL;
    }
    command->type = type;
    command->session = session_name(&control->sessions, index);
    command->slot = session->membership.slot;
    return command;
}

/* Whether a member can be reached matters to who is host. */
static void tell_attachment(struct control *control, uint32_t index)
{
    struct session *session = &control->sessions.sessions[index];
    bool is_lost = session->state == SESSION_GRACE;

    if (session->membership.state == MEMBERSHIP_MEMBER &&
        is_lost != session->membership.is_lost_told &&
        reserve_or_owe(control, index, is_lost ? COMMAND_CONTROL_LOST : COMMAND_CONTROL_BACK) !=
            NULL) {
        session->membership.is_lost_told = is_lost;
        control_command_push(control, session->membership.worker);
    }
}

void control_session_settle(struct control *control, uint32_t index)
{
    struct session *session = &control->sessions.sessions[index];
    uint32_t worker = session->membership.worker;

    if (session->is_owing) {
        return;
    }
    if (session->state != SESSION_ENDING) {
        tell_attachment(control, index);
        return;
    }
    switch (session->membership.state) {
    case MEMBERSHIP_JOINING:
        return; /* The slot that it got is in the answer. */
    case MEMBERSHIP_NONE:
    case MEMBERSHIP_LEAVING:
        session_remove(&control->sessions, index);
        return;
    case MEMBERSHIP_MEMBER:
        break;
    }
    struct command *command = reserve_or_owe(control, index, COMMAND_LEAVE);
    if (command != NULL) {
        command->reason = session->end;
        control_command_push(control, worker);
        session_remove(&control->sessions, index);
    }
}

void control_session_end(struct control *control, uint32_t index, enum reason reason, bool is_told)
{
    struct session *session = &control->sessions.sessions[index];
    uint32_t connection = session->connection;
    const struct connection *peer = NULL;

    if (connection != SESSION_NONE) {
        peer = &control->connections[connection];
        if (is_told) {
            struct control_message message = {.type = CONTROL_ENDED, .reason = (uint16_t)reason};
            control_send(control, connection, &message);
        }
    }
    /* Sending may have lost the connection, and with a grace time of zero the session with it. */
    if (session->state != SESSION_ATTACHED && session->state != SESSION_GRACE) {
        return;
    }
    if (session->membership.state == MEMBERSHIP_MEMBER ||
        session->membership.state == MEMBERSHIP_LEAVING) {
        control_log_left(control, index, reason);
    }
    control_log_add(control, CONTROL_LOG_EVENT_SESSION_CLOSED, peer, index)->reason = reason;
    control->counters.ended[reason]++;
    admission_rooms_leave(&control->admission, session->place, session->rooms_created);
    admission_session_leave(&control->admission, session->place);
    timer_clear(&control->session_timers, index);
    session_end(&control->sessions, index, reason);
    if (connection != SESSION_NONE) {
        control_connection_close(control, connection, reason, false);
    }
    control_session_settle(control, index);
}

/* The connection of a session is gone. */
static void lose_connection(struct control *control, uint32_t index,
                            const struct connection *connection, enum reason reason)
{
    struct session *session = &control->sessions.sessions[index];

    session_detach(session);
    if (control->limits.resume_grace_ns == 0) {
        control_session_end(control, index, REASON_CONTROL_LOST, false);
        return;
    }
    control_log_add(control, CONTROL_LOG_EVENT_SESSION_LOST, connection, index)->reason = reason;
    timer_set(&control->session_timers, index, control->now_ns + control->limits.resume_grace_ns);
    control_session_settle(control, index);
}

void control_connection_close(struct control *control, uint32_t index, enum reason reason,
                              bool is_aborted)
{
    struct connection *connection = &control->connections[index];
    enum connection_state before = connection->state;
    uint32_t session = connection->session;

    assert(before != CONNECTION_FREE);
    if (before != CONNECTION_FINISHING) {
        connection_state_set(connection, CONNECTION_FINISHING);
        connection->session = SESSION_NONE;
        connection->end = reason;
        connection->state_end_ns = control->now_ns + CONTROL_PATIENCE_NS;
        control->counters.closed[reason]++;
        control_log_add(control, CONTROL_LOG_EVENT_CLIENT_CLOSED, connection, session)->reason =
            reason;
    }
    connection->is_aborted = connection->is_aborted || is_aborted;
    connection->is_paused = true;
    control_connection_time(control, index);
    control_connection_mark(control, index);
    if (before == CONNECTION_FIRST_FLIGHT || before == CONNECTION_PROVING) {
        control_preauth_remove(control, index);
    } else if (before == CONNECTION_OPEN && session != SESSION_NONE &&
               control->sessions.sessions[session].state == SESSION_ATTACHED &&
               control->sessions.sessions[session].connection == index) {
        lose_connection(control, session, connection, reason);
    }
}

/* The entry is free from here on. */
void control_connection_release(struct control *control, uint32_t index)
{
    struct connection *connection = &control->connections[index];

    control_connection_unmark(control, index);
    timer_clear(&control->connection_timers, index);
    if (connection->place != SESSION_NONE) {
        admission_leave(&control->admission, connection->place);
    }
    connection_release(connection, &control->pools);
    control->counters.connections--;
}
