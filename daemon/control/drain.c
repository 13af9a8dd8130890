/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_internal.h"

/* drain.c - the end of the relay, said to everybody before it comes, and how it comes. */

static uint32_t deadline_ms(const struct control *control)
{
    uint64_t left_ns = 0;

    if (control->drain_end_ns == UINT64_MAX) {
        return CONTROL_NO_DEADLINE;
    }
    if (control->drain_end_ns > control->now_ns) {
        left_ns = control->drain_end_ns - control->now_ns;
    }
    return rate_retry_ms(left_ns) < CONTROL_NO_DEADLINE ? rate_retry_ms(left_ns)
                                                        : CONTROL_NO_DEADLINE - 1;
}

void control_drain_tell(struct control *control, uint32_t index)
{
    struct control_message message = {.type = CONTROL_DRAINING,
                                      .deadline_ms = deadline_ms(control)};

    control_send(control, index, &message);
}

void control_drain_begin(struct control *control, uint64_t end_ns, uint64_t now_ns)
{
    control->now_ns = now_ns;
    control->is_draining = true;
    control->drain_end_ns = end_ns;
    for (uint32_t i = 0; i < control->limits.connections_max; i++) {
        control_drain_tell(control, i);
    }
}

/* The worker drops every slot by itself, so no session owes it a LEAVE. */
static void end_session(struct control *control, uint32_t index)
{
    struct session *session = &control->sessions.sessions[index];

    session->membership = (struct membership){.state = MEMBERSHIP_NONE, .room_pending = ROOM_NONE};
    if (session->state == SESSION_ATTACHED || session->state == SESSION_GRACE) {
        control_session_end(control, index, REASON_SHUTDOWN, true);
    } else {
        control_session_settle(control, index);
    }
}

void control_drain_end(struct control *control, uint64_t now_ns)
{
    control->now_ns = now_ns;
    control->is_draining = true;
    while (control->owing_first != SESSION_NONE) {
        struct session *session = &control->sessions.sessions[control->owing_first];
        control->owing_first = session->next;
        session->is_owing = false;
    }
    for (uint32_t i = 0; i < control->sessions.touched_count; i++) {
        if (control->sessions.sessions[i].state != SESSION_FREE) {
            end_session(control, i);
        }
    }
    for (uint32_t i = 0; i < control->limits.connections_max; i++) {
        const struct connection *connection = &control->connections[i];
        bool is_stranger =
            connection->state == CONNECTION_FIRST_FLIGHT || connection->state == CONNECTION_PROVING;
        if (connection->state != CONNECTION_FREE) {
            /* Nobody waits for the orderly end of a stranger. */
            control_connection_close(control, i, REASON_SHUTDOWN, is_stranger);
        }
    }
    for (uint32_t i = 0; i < control->limits.worker_count; i++) {
        control->rings[i].is_drain_owed = true;
    }
}
