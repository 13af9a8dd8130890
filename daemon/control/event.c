/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_internal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

/* event.c - what workers tell: answers to requests, announcements to a room's members, the end of
 * rooms. An event for a session, slot or request that is gone is counted and forgotten. */

static struct wire_bytes borrow(const void *bytes, size_t size)
{
    return (struct wire_bytes){.at = bytes, .size = size};
}

static void fill_membership(const struct control *control, uint32_t worker,
                            const struct event *event, struct control_membership *out)
{
    const struct control_limits *limits = &control->limits;

    out->code = borrow(event->code, event->code_size);
    out->room_flags =
        (uint8_t)((event->locked ? ROOM_LOCKED : 0) | (event->heritable ? ROOM_HERITABLE : 0));
    out->member = event->member;
    out->host = event->host;
    out->host_epoch = event->host_epoch;
    out->election = event->election;
    out->tick_us = event->tick_us;
    out->members_max = event->members_max;
    out->address = borrow(limits->advertise, strlen(limits->advertise));
    out->udp_port = limits->udp_ports[worker];
    out->slot = event->slot.index;
    out->slot_tag = event->slot.tag;
    memcpy(out->key_up, event->secret.key_up, sizeof(out->key_up));
    memcpy(out->key_down, event->secret.key_down, sizeof(out->key_down));
    out->max_datagram = limits->max_datagram;
    out->streams = limits->streams_per_member;
    out->datagrams_s = limits->client_datagrams_s;
    out->bytes_s = limits->client_bytes_s;
    out->records_s = limits->client_records_s;
    out->down_bytes_s = event->down_bytes_s;
    out->member_count = event->member_count;
    memcpy(out->members, event->members, event->member_count * sizeof(event->members[0]));
    out->metadata = borrow(event->metadata, event->metadata_size);
}

static void log_room(struct control *control, enum control_log_event what, uint32_t worker,
                     const struct connection *connection, uint32_t session_index,
                     const struct event *event)
{
    struct control_log_record *record = control_log_add(control, what, connection, session_index);

    record->worker = worker;
    record->member = event->member;
    record->reason = event->reason;
    record->code_size = event->code_size;
    memcpy(record->code, event->code, event->code_size);
}

static const struct connection *connection_of(const struct control *control,
                                              const struct session *session)
{
    return session->connection == SESSION_NONE ? NULL : &control->connections[session->connection];
}

/* The answer to CREATE or JOIN. */
static void settle_joining(struct control *control, uint32_t worker, uint32_t index,
                           const struct event *event)
{
    struct session *session = &control->sessions.sessions[index];
    uint32_t pending = session->membership.room_pending;
    const struct connection *connection = connection_of(control, session);

    session->membership.room_pending = ROOM_NONE;
    if (event->type != EVENT_MEMBERSHIP) {
        session->membership.state = MEMBERSHIP_NONE;
        if (pending != ROOM_NONE) {
            room_table_remove(&control->rooms, pending);
        }
        return;
    }
    session->membership.state = MEMBERSHIP_MEMBER;
    session->membership.worker = worker;
    session->membership.slot = event->slot;
    session->membership.room = event->room;
    session->membership.member = event->member;
    if (pending != ROOM_NONE) {
        if (room_table_open(&control->rooms, pending, event->room)) {
            log_room(control, CONTROL_LOG_EVENT_ROOM_OPENED, worker, connection, index, event);
        } else {
            room_table_remove(&control->rooms, pending);
            control->counters.events_stale++;
        }
    }
    if (event->host == event->member) {
        blob_verb_forget_upload(control, worker, event->room);
    }
    log_room(control, CONTROL_LOG_EVENT_MEMBER_JOINED, worker, connection, index, event);
}

static void leave_room(struct control *control, uint32_t index, enum reason reason)
{
    struct session *session = &control->sessions.sessions[index];

    control_log_left(control, index, reason);
    if (session->connection != SESSION_NONE) {
        blob_verb_stop(control, session->connection);
    }
    session->membership = (struct membership){.state = MEMBERSHIP_NONE, .room_pending = ROOM_NONE};
}

/* What an answer changes in what is known of the session's place. Returns why the client is refused
 * what its worker has allowed. */
static struct refusal settle_answer(struct control *control, uint32_t worker, uint32_t index,
                                    const struct session_request *request,
                                    const struct event *event)
{
    const struct session *session = &control->sessions.sessions[index];

    switch (request->type) {
    case COMMAND_CREATE:
    case COMMAND_JOIN:
        if (session->membership.state == MEMBERSHIP_JOINING) {
            settle_joining(control, worker, index, event);
        }
        break;
    case COMMAND_LEAVE:
        if (session->membership.state == MEMBERSHIP_LEAVING) {
            leave_room(control, index, event->type == EVENT_REFUSED ? event->reason : REASON_LEFT);
        }
        break;
    case COMMAND_KICK:
    case COMMAND_LOCK:
    case COMMAND_HAND_OVER:
    case COMMAND_SET_METADATA:
    case COMMAND_SET_HEIR:
    case COMMAND_SUBSCRIBE:
    case COMMAND_ROOM_STATE:
    case COMMAND_CONTROL_LOST:
    case COMMAND_CONTROL_BACK:
    case COMMAND_DRAIN:
        break;
    case COMMAND_BLOB_PUT:
        return blob_verb_settle(control, worker, index, event);
    }
    return (struct refusal){.reason = REASON_NONE};
}

/* By the command's type: what the client called it. */
static const uint8_t request_types[] = {
    [COMMAND_CREATE] = CONTROL_CREATE,
    [COMMAND_JOIN] = CONTROL_JOIN,
    [COMMAND_LEAVE] = CONTROL_LEAVE,
    [COMMAND_KICK] = CONTROL_KICK,
    [COMMAND_LOCK] = CONTROL_LOCK,
    [COMMAND_HAND_OVER] = CONTROL_HAND_OVER,
    [COMMAND_SET_METADATA] = CONTROL_SET_METADATA,
    [COMMAND_SET_HEIR] = CONTROL_SET_HEIR,
    [COMMAND_BLOB_PUT] = CONTROL_BLOB_PUT,
    [COMMAND_SUBSCRIBE] = CONTROL_SUBSCRIBE,
    [COMMAND_ROOM_STATE] = CONTROL_ROOM_STATE,
};

static void send_answer(struct control *control, uint32_t worker, uint32_t connection,
                        const struct session_request *request, const struct event *event)
{
    struct control_message message = {.type = CONTROL_OK, .request = request->request};

    if (event->type == EVENT_REFUSED) {
        struct refusal refusal = {.reason = event->reason,
                                  .limit = event->limit,
                                  .retry_ns = (uint64_t)event->retry_ms * 1000000};
        command_refuse(control, connection, request->request, request_types[request->type],
                       &refusal);
        return;
    }
    if (event->type == EVENT_MEMBERSHIP) {
        message.type = CONTROL_MEMBERSHIP;
        fill_membership(control, worker, event, &message.membership);
    }
    control_send(control, connection, &message);
    sodium_memzero(&message, sizeof(message));
    if (event->type == EVENT_MEMBERSHIP && event->host == event->member &&
        request->type != COMMAND_CREATE) {
        blob_verb_tell_host(control, connection, worker, event->room, event->host_epoch);
    }
}

static void take_answer(struct control *control, uint32_t worker, const struct event *event)
{
    struct session *session = session_find(&control->sessions, event->session);
    uint32_t index = event->session.index;
    struct session_request request;

    if (session == NULL || !session_request_take(session, event->request, &request)) {
        /* Its session has ended, or it answers a LEAVE of the relay's own. */
        control->counters.events_stale++;
        return;
    }
    const struct refusal refusal = settle_answer(control, worker, index, &request, event);
    if (session->state == SESSION_ATTACHED) {
        uint32_t connection = session->connection;
        if (request.attachment == session->attachment) {
            if (refusal.reason != REASON_NONE) {
                command_refuse(control, connection, request.request, request_types[request.type],
                               &refusal);
            } else {
                send_answer(control, worker, connection, &request, event);
            }
        }
        control_connection_resume(control, connection);
    } else {
        control_session_settle(control, index);
    }
}

/* To one session; false when it has no connection (its client will ask ROOM_STATE). */
static bool tell(struct control *control, struct session_ref ref,
                 const struct control_message *message)
{
    const struct session *session = session_find(&control->sessions, ref);

    if (session == NULL || session->state != SESSION_ATTACHED) {
        control->counters.events_stale++;
        return false;
    }
    control_send(control, session->connection, message);
    return true;
}

static void tell_receivers(struct control *control, const struct event *event,
                           const struct control_message *message)
{
    for (uint32_t i = 0; i < event->receiver_count; i++) {
        (void)tell(control, event->receivers[i], message);
    }
}

static void take_removed(struct control *control, uint32_t worker, const struct event *event)
{
    struct session *session = session_find(&control->sessions, event->session);
    struct control_message message = {.type = CONTROL_REMOVED, .reason = (uint16_t)event->reason};

    if (session == NULL) {
        control->counters.events_stale++;
        return;
    }
    const struct membership *membership = &session->membership;
    if (session->state != SESSION_ENDING && membership->state == MEMBERSHIP_MEMBER &&
        membership->worker == worker && membership->slot.index == event->slot.index &&
        membership->slot.tag == event->slot.tag) {
        leave_room(control, event->session.index, event->reason);
    }
    (void)tell(control, event->session, &message);
}

static void take_notice(struct control *control, const struct event *event)
{
    struct control_message message = {.type = CONTROL_NOTICE};
    const struct session *session = session_find(&control->sessions, event->session);

    message.error.reason = (uint16_t)event->reason;
    message.error.limit = event->limit;
    message.error.retry_ms = event->retry_ms;
    if (session != NULL) {
        struct control_log_record *record =
            control_log_add(control, CONTROL_LOG_EVENT_LIMIT_HIT, connection_of(control, session),
                            event->session.index);
        record->reason = event->reason;
        record->limit = event->limit;
    }
    (void)tell(control, event->session, &message);
}

static_assert(CORE_QUALITIES <= CONTROL_QUALITIES_MAX, "one event, one message");

static void take_quality(struct control *control, const struct event *event)
{
    struct control_message message = {.type = CONTROL_MEMBER_QUALITY};

    message.qualities.count = (uint8_t)event->quality_count;
    for (unsigned i = 0; i < event->quality_count; i++) {
        const struct member_quality *quality = &event->qualities[i];

        message.qualities.at[i] = (struct control_quality){.member = quality->member,
                                                           .rtt_us = quality->rtt_us,
                                                           .jitter_us = quality->jitter_us,
                                                           .loss_up_ppm = quality->loss_up_ppm,
                                                           .loss_down_ppm = quality->loss_down_ppm,
                                                           .queue_us = quality->queue_us};
    }
    (void)tell(control, event->session, &message);
}

static void log_host_changed(struct control *control, uint32_t worker, const struct event *event)
{
    const uint32_t room = room_table_find_ref(&control->rooms, worker, event->room);
    struct control_log_record *record =
        control_log_add(control, CONTROL_LOG_EVENT_HOST_CHANGED, NULL, SESSION_NONE);

    record->worker = worker;
    record->member = event->host;
    if (room != ROOM_NONE) {
        record->code_size = control->rooms.entries[room].code_size;
        memcpy(record->code, control->rooms.entries[room].code, record->code_size);
    }
}

static void take_room_closed(struct control *control, uint32_t worker, const struct event *event)
{
    uint32_t index = room_table_find_ref(&control->rooms, worker, event->room);

    if (index == ROOM_NONE) {
        control->counters.events_stale++;
        return;
    }
    const struct room_entry *entry = &control->rooms.entries[index];
    struct control_log_record *record =
        control_log_add(control, CONTROL_LOG_EVENT_ROOM_CLOSED, NULL, SESSION_NONE);
    record->worker = worker;
    record->code_size = entry->code_size;
    memcpy(record->code, entry->code, entry->code_size);
    blob_remove(&control->blobs, &control->rooms.entries[index].blob);
    room_table_remove(&control->rooms, index);
}

static void take_announcement(struct control *control, uint32_t worker, const struct event *event)
{
    struct control_message message = {.type = CONTROL_JOINED};

    switch (event->type) {
    case EVENT_JOINED:
        message.member = event->member;
        break;
    case EVENT_LEFT:
        message.type = CONTROL_LEFT;
        message.left = (struct control_left){event->member, (uint16_t)event->reason};
        break;
    case EVENT_HOST_CHANGED:
        message.type = CONTROL_HOST_CHANGED;
        message.host_changed = (struct control_host_changed){event->host, event->host_epoch};
        log_host_changed(control, worker, event);
        break;
    case EVENT_METADATA:
        message.type = CONTROL_METADATA;
        message.metadata = borrow(event->metadata, event->metadata_size);
        break;
    case EVENT_LOCKED:
        message.type = CONTROL_LOCKED;
        message.is_locked = event->locked;
        break;
    case EVENT_MEMBERSHIP:
    case EVENT_DONE:
    case EVENT_REFUSED:
    case EVENT_NOTICE:
    case EVENT_REMOVED:
    case EVENT_QUALITY:
    case EVENT_ROOM_CLOSED:
        return; /* Not announcements. */
    }
    tell_receivers(control, event, &message);
    if (event->type == EVENT_HOST_CHANGED) {
        blob_verb_host_changed(control, worker, event);
    }
}

void control_event(struct control *control, uint32_t worker, const struct event *event,
                   uint64_t now_ns)
{
    assert(worker < control->limits.worker_count);
    control->now_ns = now_ns;
    control->counters.events++;
    if (event->answer) {
        take_answer(control, worker, event);
    } else if (event->type == EVENT_REMOVED) {
        take_removed(control, worker, event);
    } else if (event->type == EVENT_NOTICE) {
        take_notice(control, event);
    } else if (event->type == EVENT_QUALITY) {
        take_quality(control, event);
    } else if (event->type == EVENT_ROOM_CLOSED) {
        take_room_closed(control, worker, event);
    } else {
        take_announcement(control, worker, event);
    }
}
