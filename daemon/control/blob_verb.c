/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_internal.h"

#include <assert.h>

/* blob_verb.c - the blobs of rooms between requests, events and connections (docs/PROTOCOL.md 1.9).
 *
 * The bytes are here; whether somebody may change them is the worker's to say, when an upload
 * begins and again when it is complete. As a worker's answers and announcements come in the order
 * in which it decided, what is current when HOST_CHANGED comes is what the host before has left. */

/* The room's place among the blobs; NULL when the room is gone. */
static uint32_t *place_of(struct control *control, uint32_t worker, struct room_ref room)
{
    const uint32_t index = room_table_find_ref(&control->rooms, worker, room);

    return index == ROOM_NONE ? NULL : &control->rooms.entries[index].blob;
}

void blob_verb_stop(struct control *control, uint32_t connection)
{
    control->connections[connection].blob_serial = 0;
}

/* The worker says that the session is the host and may. */
static struct refusal do_allowed(struct control *control, const struct session *session,
                                 enum blob_question question, uint32_t *place)
{
    const struct blob_upload *asked = &session->blob_asked;

    if (question == BLOB_QUESTION_COMMIT) {
        if (!blob_commit(&control->blobs, *place, asked->session)) {
            return (struct refusal){.reason = REASON_BLOB_ORDER};
        }
    } else if (asked->total == 0) {
        blob_remove(&control->blobs, place);
    } else if (!blob_begin(&control->blobs, place, asked)) {
        return (struct refusal){.reason = REASON_BLOB_POOL, .limit = control->limits.blobs_max};
    }
    return (struct refusal){.reason = REASON_NONE};
}

struct refusal blob_verb_settle(struct control *control, uint32_t worker, uint32_t index,
                                const struct event *event)
{
    struct session *session = &control->sessions.sessions[index];
    const enum blob_question question = session->blob_question;
    uint32_t *place = place_of(control, worker, session->membership.room);

    assert(question != BLOB_QUESTION_NONE);
    session->blob_question = BLOB_QUESTION_NONE;
    if (event->type == EVENT_REFUSED) {
        if (place != NULL && question == BLOB_QUESTION_COMMIT) {
            blob_discard_of(&control->blobs, place, session->blob_asked.session);
        }
        return (struct refusal){.reason = REASON_NONE};
    }
    if (place == NULL) {
        return (struct refusal){.reason = REASON_NOT_IN_ROOM};
    }
    return do_allowed(control, session, question, place);
}

void blob_verb_forget_upload(struct control *control, uint32_t worker, struct room_ref room)
{
    uint32_t *place = place_of(control, worker, room);

    if (place != NULL) {
        blob_discard(&control->blobs, place);
    }
}

void blob_verb_tell_host(struct control *control, uint32_t index, uint32_t worker,
                         struct room_ref room, uint32_t host_epoch)
{
    struct connection *connection = &control->connections[index];
    const uint32_t *place = place_of(control, worker, room);

    if (control->limits.blob_bytes == 0 || place == NULL || connection->state != CONNECTION_OPEN) {
        return;
    }
    const struct blob *blob = blob_current(&control->blobs, *place);
    if (blob == NULL) {
        struct control_message none = {.type = CONTROL_BLOB_PART,
                                       .blob = {.bytes = {.at = (const uint8_t *)"", .size = 0}}};
        control_send(control, index, &none);
    } else if (blob->host_epoch != host_epoch && blob->serial != connection->blob_serial) {
        connection->blob_serial = blob->serial;
        connection->blob_place = *place;
        connection->blob_offset = 0;
        control_connection_mark(control, index);
    }
}

void blob_verb_host_changed(struct control *control, uint32_t worker, const struct event *event)
{
    blob_verb_forget_upload(control, worker, event->room);
    for (uint32_t i = 0; i < event->receiver_count; i++) {
        const struct session *session = session_find(&control->sessions, event->receivers[i]);
        if (session == NULL || session->state != SESSION_ATTACHED) {
            continue; /* Whoever comes back asks ROOM_STATE. */
        }
        if (session->membership.member == event->host) {
            blob_verb_tell_host(control, session->connection, worker, event->room,
                                event->host_epoch);
        } else {
            blob_verb_stop(control, session->connection);
        }
    }
}

void blob_verb_feed(struct control *control, uint32_t index)
{
    struct connection *connection = &control->connections[index];

    if (connection->state != CONNECTION_OPEN || connection->blob_serial == 0 ||
        connection->output_size > 0 || connection->system_pending > 0) {
        return;
    }
    const struct blob *blob = blob_current(&control->blobs, connection->blob_place);
    if (blob == NULL || blob->serial != connection->blob_serial) {
        connection->blob_serial = 0; /* Its host, or the room, has removed it since. */
        return;
    }
    struct control_message part = {
        .type = CONTROL_BLOB_PART,
        .blob = blob_part(&control->blobs, connection->blob_place, connection->blob_offset)};
    connection->blob_offset += (uint32_t)part.blob.bytes.size;
    if (connection->blob_offset == blob->total) {
        connection->blob_serial = 0;
    }
    control->counters.blob_parts++;
    control_send(control, index, &part);
}
