/* SPDX-License-Identifier: MIT */
#include "client/client.h"

#include <assert.h>
#include <string.h>

/* --- The table ------------------------------------------------------------------------------- */

uint32_t request_number_next(struct gsrelay_client *client)
{
    client->request_last = client->request_last >= INT32_MAX ? 1 : client->request_last + 1;
    return client->request_last;
}

static struct request *find_free(struct gsrelay_client *client, bool is_own)
{
    struct request *found = NULL;
    unsigned used = 0;

    for (size_t i = 0; i < REQUEST_TABLE_SIZE; i++) {
        struct request *request = &client->requests[i];

        if (request->state == REQUEST_FREE)
            found = request;
        else if (!request->is_own)
            used++;
    }
    return !is_own && used >= GSRELAY_REQUESTS_MAX ? NULL : found;
}

static struct request *find_sent(struct gsrelay_client *client, uint32_t number)
{
    for (size_t i = 0; i < REQUEST_TABLE_SIZE; i++) {
        struct request *request = &client->requests[i];

        if (request->state == REQUEST_SENT && request->number == number)
            return request;
    }
    return NULL;
}

int32_t request_add(struct gsrelay_client *client, struct control_message *message, bool is_own)
{
    const struct link *link = &client->link;
    struct request *request;
    int size;

    if (link->state == LINK_IDLE ||
        (link->state == LINK_CLOSING && link->after_close == LINK_IDLE) ||
        (link->is_ending && !is_own))
        return GSRELAY_WRONG_STATE;
    request = find_free(client, is_own);
    if (request == NULL)
        return GSRELAY_BUSY;
    message->request = request_number_next(client);
    size = control_message_encode(message, request->message, REQUEST_MESSAGE_SIZE);
    if (size < 0)
        return GSRELAY_INVALID;
    request->state = REQUEST_QUEUED;
    request->is_own = is_own;
    request->is_again = false;
    request->type = message->type;
    request->number = message->request;
    request->order = ++client->request_order;
    request->size = (size_t)size;
    request_send_queued(client);
    return (int32_t)message->request;
}

void request_send_queued(struct gsrelay_client *client)
{
    while (client->link.state == LINK_UP) {
        struct request *next = NULL;
        unsigned sent = 0;

        for (size_t i = 0; i < REQUEST_TABLE_SIZE; i++) {
            struct request *request = &client->requests[i];

            if (request->state == REQUEST_SENT)
                sent++;
            if (request->state == REQUEST_QUEUED && (next == NULL || request->order < next->order))
                next = request;
        }
        if (next == NULL || sent >= CONTROL_REQUESTS_MAX ||
            !link_frame_put(client, next->message, next->size))
            return;
        next->state = REQUEST_SENT;
        next->sent_ns = client->now_ns;
    }
}

void request_clear(struct gsrelay_client *client)
{
    for (size_t i = 0; i < REQUEST_TABLE_SIZE; i++)
        client->requests[i].state = REQUEST_FREE;
    client->blob_put.state = BLOB_PUT_IDLE;
}

/* --- Outcomes -------------------------------------------------------------------------------- */

static void fail(struct gsrelay_client *client, struct request *request,
                 const struct control_error *error)
{
    struct gsrelay_event event = {.type = GSRELAY_EVENT_REQUEST_FAILED,
                                  .request = request->is_own ? 0 : request->number,
                                  .reason = error->reason,
                                  .limit = error->limit,
                                  .time_ms = error->retry_ms};

    request->state = REQUEST_FREE;
    client_event_push(client, &event, NULL, 0);
}

static bool is_entering(const struct request *request)
{
    return request->type == CONTROL_CREATE || request->type == CONTROL_JOIN;
}

/* What enters or leaves a room can be asked about or asked again; of all else nobody can tell. */
void request_link_lost(struct gsrelay_client *client)
{
    static const struct control_error lost = {.reason = REASON_CONNECTION_LOST};

    for (size_t i = 0; i < REQUEST_TABLE_SIZE; i++) {
        struct request *request = &client->requests[i];

        if (request->state == REQUEST_QUEUED && request->is_own && !is_entering(request))
            request->state = REQUEST_FREE;
        if (request->state != REQUEST_SENT)
            continue;
        if (is_entering(request) || (request->type == CONTROL_LEAVE && !request->is_own))
            request->state = REQUEST_UNSURE;
        else if (request->is_own)
            request->state = REQUEST_FREE;
        else
            fail(client, request, &lost);
    }
    blob_link_lost(client);
}

static void ask_again(struct request *request)
{
    request->state = REQUEST_QUEUED;
    request->is_again = true;
}

void request_resumed(struct gsrelay_client *client, bool is_in_room)
{
    for (size_t i = 0; i < REQUEST_TABLE_SIZE; i++) {
        struct request *request = &client->requests[i];

        if (request->state != REQUEST_UNSURE)
            continue;
        if (is_entering(request)) {
            /* In a room that we do not know of: it was this one, and ROOM_STATE answers it. */
            if (!is_in_room || client->room.exists)
                ask_again(request);
        } else if (is_in_room) {
            ask_again(request);
        } else {
            request->state = REQUEST_FREE;
            room_leave(client, request->number, REASON_LEFT);
        }
    }
    if (is_in_room) {
        struct control_message message = {.type = CONTROL_ROOM_STATE};

        room_make_official(client);
        (void)request_add(client, &message, true);
    } else if (client->room.exists) {
        room_leave(client, 0, client->udp.bye_reason);
    }
    request_send_queued(client);
}

void request_session_lost(struct gsrelay_client *client)
{
    size_t code_size = strlen(client->rejoin_code);
    struct control_message message = {.type = CONTROL_JOIN};

    for (size_t i = 0; i < REQUEST_TABLE_SIZE; i++) {
        struct request *request = &client->requests[i];

        if (request->state != REQUEST_UNSURE)
            continue;
        if (is_entering(request)) {
            request->state = REQUEST_QUEUED;
        } else {
            request->state = REQUEST_FREE;
            room_leave(client, request->number, REASON_LEFT);
        }
    }
    if (code_size > 0) {
        message.join.code = (struct wire_bytes){(const uint8_t *)client->rejoin_code, code_size};
        message.join.down_bytes_s = client->options.down_bytes_s;
        (void)request_add(client, &message, true);
        client->rejoin_code[0] = '\0';
    }
}

/* --- Answers --------------------------------------------------------------------------------- */

static void bad_message(struct gsrelay_client *client)
{
    client_error_set(client, "%s sent a message that breaks the protocol", client->peer_text);
    link_fail(client, REASON_BAD_MESSAGE, 0);
}

/* A room that is larger than this client has memory for is left again. */
static void refuse_large(struct gsrelay_client *client, struct request *request)
{
    struct control_error error = {.reason = REASON_BAD_VALUE, .limit = client->options.members_max};
    struct control_message leave = {.type = CONTROL_LEAVE};

    client_error_set(client, "the room allows more members than this client (members_max = %u)",
                     (unsigned)client->options.members_max);
    if (request->type != CONTROL_ROOM_STATE)
        fail(client, request, &error);
    request->state = REQUEST_FREE;
    for (size_t i = 0; i < REQUEST_TABLE_SIZE; i++) {
        if (client->requests[i].state == REQUEST_UNSURE && is_entering(&client->requests[i]))
            fail(client, &client->requests[i], &error);
    }
    (void)request_add(client, &leave, true);
}

static void enter(struct gsrelay_client *client, const struct request *request,
                  const struct control_membership *membership)
{
    room_enter(client, membership, request->is_own ? 0 : request->number);
    if (request->type == CONTROL_CREATE)
        blob_room_made(client);
    else if (membership->host == membership->member)
        blob_host_told(client);
}

static void take_room_state(struct gsrelay_client *client,
                            const struct control_membership *membership)
{
    for (size_t i = 0; i < REQUEST_TABLE_SIZE; i++) {
        struct request *request = &client->requests[i];

        if (request->state == REQUEST_UNSURE && is_entering(request) && !client->room.exists) {
            request->state = REQUEST_FREE;
            enter(client, request, membership);
            return;
        }
    }
    room_update(client, membership);
}

static void take_membership(struct gsrelay_client *client, struct request *request,
                            const struct control_membership *membership)
{
    if ((!is_entering(request) && request->type != CONTROL_ROOM_STATE) ||
        !room_is_sound(membership)) {
        bad_message(client);
        return;
    }
    if (membership->members_max > client->options.members_max ||
        membership->member_count > client->options.members_max) {
        refuse_large(client, request);
        return;
    }
    request->state = REQUEST_FREE;
    if (request->type == CONTROL_ROOM_STATE)
        take_room_state(client, membership);
    else
        enter(client, request, membership);
}

static void take_ok(struct gsrelay_client *client, struct request *request)
{
    struct gsrelay_event event = {.type = GSRELAY_EVENT_REQUEST_DONE, .request = request->number};
    bool is_own = request->is_own;

    if (is_entering(request) || request->type == CONTROL_ROOM_STATE ||
        request->type == CONTROL_PING) {
        bad_message(client);
        return;
    }
    request->state = REQUEST_FREE;
    if (request->type == CONTROL_BYE)
        link_end(client, REASON_LEFT, 0, 0);
    else if (request->type == CONTROL_LEAVE && !is_own)
        room_leave(client, request->number, REASON_LEFT);
    else if (!is_own)
        client_event_push(client, &event, NULL, 0);
}

static void take_pong(struct gsrelay_client *client, struct request *request)
{
    struct gsrelay_event event = {.type = GSRELAY_EVENT_REQUEST_DONE, .request = request->number};
    uint64_t rtt_us = (client->now_ns - request->sent_ns) / NS_PER_US;

    if (request->type != CONTROL_PING) {
        bad_message(client);
        return;
    }
    request->state = REQUEST_FREE;
    client->link.answer_due_ns = TIME_NEVER;
    event.rtt_us = rtt_us > UINT32_MAX ? UINT32_MAX : (uint32_t)rtt_us;
    if (!request->is_own)
        client_event_push(client, &event, NULL, 0);
}

/* The relay says that we are in no room: whatever hoped to find itself there is asked again. */
static void room_state_refused(struct gsrelay_client *client, uint32_t reason)
{
    for (size_t i = 0; i < REQUEST_TABLE_SIZE; i++) {
        if (client->requests[i].state == REQUEST_UNSURE)
            ask_again(&client->requests[i]);
    }
    if (client->room.exists)
        room_leave(client, 0, reason);
    request_send_queued(client);
}

/* That says nothing about the room, so what the library itself asks for is asked again. The relay
 * sets the pace: it reads the next request only after a while. */
static bool is_busy(uint32_t reason)
{
    return reason == REASON_BUSY || reason == REASON_COMMAND_RATE;
}

static void take_error(struct gsrelay_client *client, struct request *request,
                       const struct control_error *error)
{
    struct control_message room_state = {.type = CONTROL_ROOM_STATE};

    if (request->type == CONTROL_BYE) {
        link_end(client, REASON_LEFT, 0, 0);
    } else if (request->is_own && request->type != CONTROL_PING && is_busy(error->reason)) {
        ask_again(request);
    } else if (request->is_own && request->type != CONTROL_JOIN) {
        request->state = REQUEST_FREE;
        client->link.answer_due_ns = TIME_NEVER;
        if (request->type == CONTROL_ROOM_STATE)
            room_state_refused(client, error->reason);
    } else if (request->is_again && is_entering(request) && !client->room.exists &&
               error->reason == REASON_ALREADY_IN_ROOM) {
        request->state = REQUEST_UNSURE;
        request->is_again = false;
        (void)request_add(client, &room_state, true);
    } else if (request->is_again && request->type == CONTROL_LEAVE &&
               error->reason == REASON_NOT_IN_ROOM) {
        request->state = REQUEST_FREE;
        room_leave(client, request->number, REASON_LEFT);
    } else {
        fail(client, request, error);
    }
}

static void take_answer(struct gsrelay_client *client, const struct control_message *message)
{
    struct request *request = find_sent(client, message->request);

    /* Answers to what was given up meanwhile do not matter any more. */
    if (request == NULL) {
        if (blob_answer(client, message))
            blob_run(client);
        return;
    }
    if (message->type == CONTROL_MEMBERSHIP)
        take_membership(client, request, &message->membership);
    else if (message->type == CONTROL_OK)
        take_ok(client, request);
    else if (message->type == CONTROL_PONG)
        take_pong(client, request);
    else
        take_error(client, request, &message->error);
    request_send_queued(client);
}

/* --- Events ---------------------------------------------------------------------------------- */

static void take_notice(struct gsrelay_client *client, const struct control_message *message)
{
    struct gsrelay_event event = {.type = GSRELAY_EVENT_NOTICE,
                                  .reason = message->error.reason,
                                  .limit = message->error.limit,
                                  .time_ms = message->error.retry_ms};

    client_event_push(client, &event, NULL, 0);
}

static void take_draining(struct gsrelay_client *client, uint32_t deadline_ms)
{
    struct gsrelay_event event = {.type = GSRELAY_EVENT_DRAINING, .time_ms = deadline_ms};

    client_event_push(client, &event, NULL, 0);
}

/* Events of a room are of no meaning outside one. */
static void take_room_event(struct gsrelay_client *client, const struct control_message *message)
{
    if (!client->room.exists)
        return;
    if (message->type == CONTROL_JOINED)
        room_member_joined(client, message->member);
    else if (message->type == CONTROL_LEFT)
        room_member_left(client, message->left.member, message->left.reason);
    else if (message->type == CONTROL_HOST_CHANGED)
        room_host_set(client, message->host_changed.host, message->host_changed.host_epoch);
    else if (message->type == CONTROL_METADATA)
        room_metadata_set(client, message->metadata.at, message->metadata.size);
    else if (message->type == CONTROL_LOCKED)
        room_lock_set(client, message->is_locked);
    else if (message->type == CONTROL_MEMBER_QUALITY)
        room_quality_set(client, &message->qualities);
    else if (message->type == CONTROL_REMOVED)
        room_leave(client, 0, message->reason);
    else if (message->type == CONTROL_BLOB_PART)
        blob_part_take(client, &message->blob);
}

static void take_event(struct gsrelay_client *client, const struct control_message *message)
{
    if (message->type == CONTROL_NOTICE)
        take_notice(client, message);
    else if (message->type == CONTROL_DRAINING)
        take_draining(client, message->deadline_ms);
    else if (message->type == CONTROL_ENDED)
        link_bye(client, message->reason);
    else
        take_room_event(client, message);
}

/* Before WELCOME nothing else can come but why there is none. */
static void take_first(struct gsrelay_client *client, const struct control_message *message)
{
    if (message->type == CONTROL_WELCOME) {
        link_welcome(client, &message->welcome);
        request_send_queued(client);
    } else if (message->type == CONTROL_ENDED) {
        link_bye(client, message->reason);
    } else if (message->type == CONTROL_ERROR) {
        client_error_set(client, "%s gives no session: %s", client->peer_text,
                         reason_text(message->error.reason));
        link_fail(client, message->error.reason, message->error.retry_ms);
    } else {
        bad_message(client);
    }
}

void request_message(struct gsrelay_client *client, const uint8_t *bytes, size_t size)
{
    struct control_message message;
    enum reason reason = control_message_decode(CONTROL_DOWN, bytes, size, &message);

    /* A newer relay may tell more than this library understands. */
    if (reason == REASON_UNKNOWN_MESSAGE && client->link.state == LINK_UP)
        return;
    if (reason != REASON_NONE)
        bad_message(client);
    else if (client->link.state == LINK_STARTING)
        take_first(client, &message);
    else if (message.type == CONTROL_WELCOME)
        bad_message(client);
    else if (message.request != 0)
        take_answer(client, &message);
    else
        take_event(client, &message);
}
