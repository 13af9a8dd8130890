/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_internal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

/* command.c - requests of clients: what needs no knowledge of a room is judged here, the rest
 * becomes a command for the worker that has the room. */

#define TICK_STEP_US 1000u /* The shortest tick that is not "each turn". */
#define MEMBERS_MIN  2u
#define CODE_TRIES   64
#define MINUTE_NS    UINT64_C(60000000000)

/* What a verb works on. */
struct request {
    struct control *control;
    uint32_t connection;
    uint32_t session_index;
    struct session *session;
    const struct control_message *message;
};

static const struct refusal allowed = {.reason = REASON_NONE};

static struct refusal refuse(enum reason reason)
{
    return (struct refusal){.reason = reason};
}

void command_refuse(struct control *control, uint32_t index, uint32_t request, uint8_t type,
                    const struct refusal *refusal)
{
    const struct connection *connection = &control->connections[index];
    struct control_message message = {.type = CONTROL_ERROR, .request = request};
    struct control_log_record *record = control_log_add(control, CONTROL_LOG_EVENT_REQUEST_REFUSED,
                                                        connection, connection->session);

    message.error.reason = (uint16_t)refusal->reason;
    message.error.limit = refusal->limit;
    message.error.retry_ms = rate_retry_ms(refusal->retry_ns);
    record->reason = refusal->reason;
    record->limit = refusal->limit;
    record->retry_ms = message.error.retry_ms;
    record->request = type;
    control->counters.requests_refused++;
    control->counters.refused[refusal->reason]++;
    control_send(control, index, &message);
}

/* The client is told, and what else it has sent waits a moment: the worker is the one that must
 * catch up. */
static struct refusal refuse_busy(const struct request *request)
{
    struct connection *connection = &request->control->connections[request->connection];

    connection->pause_end_ns = request->control->now_ns + CONTROL_BUSY_NS;
    return (struct refusal){.reason = REASON_BUSY, .retry_ns = CONTROL_BUSY_NS};
}

/* --- Verbs without a room -------------------------------------------------------------------- */

static struct refusal run_start(struct request *request)
{
    (void)request;
    return refuse(REASON_BAD_MESSAGE); /* It was said already. */
}

static struct refusal run_ping(struct request *request)
{
    struct control_message answer = {.type = CONTROL_PONG,
                                     .request = request->message->request,
                                     .token = request->message->token};

    control_send(request->control, request->connection, &answer);
    return allowed;
}

static struct refusal run_bye(struct request *request)
{
    struct control_message answer = {.type = CONTROL_OK, .request = request->message->request};

    control_send(request->control, request->connection, &answer);
    if (request->session->state == SESSION_ATTACHED) {
        control_session_end(request->control, request->session_index, REASON_LEFT, false);
    }
    return allowed;
}

/* --- Verbs that begin a membership ----------------------------------------------------------- */

static void draw_secret(struct control *control, struct slot_secret *out)
{
    control->random.fill(control->random.context, out, sizeof(*out));
    if (out->tag == 0) {
        out->tag = 1;
    }
}

/* Notes the request and hands the command over; the session waits for the answer. */
static void begin_membership(struct request *request, struct command *command, uint32_t worker,
                             uint32_t room_pending)
{
    struct control *control = request->control;

    command->session = session_name(&control->sessions, request->session_index);
    command->request =
        session_request_add(request->session, command->type, request->message->request);
    draw_secret(control, &command->secret);
    request->session->membership = (struct membership){
        .state = MEMBERSHIP_JOINING, .worker = worker, .room_pending = room_pending};
    control_command_push(control, worker);
}

static struct refusal check_create(const struct request *request)
{
    const struct control_limits *limits = &request->control->limits;
    const struct control_create *create = &request->message->create;
    bool is_tick_set = create->tick_us != ROOM_TICK_DEFAULT && create->tick_us != 0;

    if (request->control->is_draining) {
        return refuse(REASON_DRAINING);
    }
    if (!request->session->ticket.may_create) {
        return refuse(REASON_NOT_PERMITTED);
    }
    if (request->session->membership.state != MEMBERSHIP_NONE) {
        return refuse(REASON_ALREADY_IN_ROOM);
    }
    if (create->members_max > limits->members_per_room_max) {
        return (struct refusal){.reason = REASON_BAD_VALUE, .limit = limits->members_per_room_max};
    }
    if (is_tick_set && create->tick_us > limits->tick_max_us) {
        return (struct refusal){.reason = REASON_BAD_VALUE, .limit = limits->tick_max_us};
    }
    if (create->election > ELECTION_HEIR) {
        return (struct refusal){.reason = REASON_BAD_VALUE, .limit = ELECTION_HEIR};
    }
    if ((create->members_max != 0 && create->members_max < MEMBERS_MIN) ||
        (is_tick_set && create->tick_us < TICK_STEP_US)) {
        return refuse(REASON_BAD_VALUE);
    }
    return allowed;
}

/* A code that no room has. False when none was found: nearly all codes of this length are in use.
 */
static bool make_code(struct control *control, char out[JOIN_CODE_TEXT_SIZE])
{
    uint8_t random[JOIN_CODE_RANDOM_SIZE];

    for (int i = 0; i < CODE_TRIES; i++) {
        control->random.fill(control->random.context, random, sizeof(random));
        if (join_code_make(random, control->limits.code_length, out) >= 0 &&
            room_table_find(&control->rooms, out, strlen(out)) == ROOM_NONE) {
            return true;
        }
    }
    return false;
}

static struct refusal take_room_token(const struct request *request)
{
    const struct control_limits *limits = &request->control->limits;
    struct refusal refusal = {.reason = REASON_ROOM_RATE,
                              .limit = limits->rooms_created_per_minute};

    if (rate_take(&request->session->rooms_created,
                  rate_interval(limits->rooms_created_per_minute, MINUTE_NS),
                  limits->rooms_created_burst, request->control->now_ns, &refusal.retry_ns)) {
        return allowed;
    }
    return refusal;
}

static void fill_create(struct command *command, const struct control_create *create,
                        const struct control_limits *limits, const char *code)
{
    command->type = COMMAND_CREATE;
    command->locked = (create->flags & CREATE_LOCKED) != 0;
    command->heritable = (create->flags & CREATE_HERITABLE) != 0;
    command->members_max =
        create->members_max == 0 ? limits->members_per_room_max : create->members_max;
    command->tick_us =
        create->tick_us == ROOM_TICK_DEFAULT ? limits->tick_default_us : create->tick_us;
    command->down_bytes_s = create->down_bytes_s;
    command->election = create->election;
    command->code_size = (uint8_t)strlen(code);
    memcpy(command->code, code, command->code_size);
    command->metadata_size = (uint16_t)create->metadata.size;
    memcpy(command->metadata, create->metadata.at, create->metadata.size);
}

static struct refusal run_create(struct request *request)
{
    struct control *control = request->control;
    struct refusal refusal = check_create(request);
    uint32_t worker = room_table_choose_worker(&control->rooms);
    char code[JOIN_CODE_TEXT_SIZE];

    if (refusal.reason != REASON_NONE) {
        return refusal;
    }
    if (worker == ROOM_NONE || !make_code(control, code)) {
        return (struct refusal){.reason = REASON_ROOMS_LIMIT, .limit = control->limits.rooms_max};
    }
    struct command *command = control_command_reserve(control, worker);
    if (command == NULL) {
        return refuse_busy(request);
    }
    refusal = take_room_token(request);
    if (refusal.reason != REASON_NONE) {
        return refusal;
    }
    fill_create(command, &request->message->create, &control->limits, code);
    begin_membership(request, command, worker,
                     room_table_add(&control->rooms, code, command->code_size, worker));
    return allowed;
}

static struct refusal run_join(struct request *request)
{
    struct control *control = request->control;
    char code[JOIN_CODE_TEXT_SIZE];
    int size = join_code_normalise((const char *)request->message->join.code.at,
                                   request->message->join.code.size, code);

    if (request->session->membership.state != MEMBERSHIP_NONE) {
        return refuse(REASON_ALREADY_IN_ROOM);
    }
    if (size < 0) {
        return refuse(REASON_BAD_CODE);
    }
    if (!ticket_allows_join(&request->session->ticket, code, (size_t)size)) {
        return refuse(REASON_NOT_PERMITTED);
    }
    struct refusal guessed = {.reason = REASON_JOIN_RATE, .limit = ADMISSION_MISS_BURST};
    if (!admission_may_guess(&control->admission, request->session->place, control->now_ns,
                             &guessed.retry_ns)) {
        return guessed;
    }
    uint32_t found = room_table_find(&control->rooms, code, (size_t)size);
    if (found == ROOM_NONE || control->rooms.entries[found].is_pending) {
        admission_miss(&control->admission, request->session->place, control->now_ns);
        return refuse(REASON_NO_SUCH_ROOM);
    }
    const struct room_entry *entry = &control->rooms.entries[found];
    struct command *command = control_command_reserve(control, entry->worker);
    if (command == NULL) {
        return refuse_busy(request);
    }
    command->type = COMMAND_JOIN;
    command->down_bytes_s = request->message->join.down_bytes_s;
    command->room = entry->room;
    begin_membership(request, command, entry->worker, ROOM_NONE);
    return allowed;
}

/* --- Verbs inside a membership --------------------------------------------------------------- */

/* Room for a command about the session's slot, filled as far as all of them are alike. */
static struct refusal reserve_slot_command(struct request *request, enum command_type type,
                                           struct command **out)
{
    const struct membership *membership = &request->session->membership;

    if (membership->state != MEMBERSHIP_MEMBER) {
        return refuse(REASON_NOT_IN_ROOM);
    }
    struct command *command = control_command_reserve(request->control, membership->worker);
    if (command == NULL) {
        return refuse_busy(request);
    }
    command->type = type;
    command->session = session_name(&request->control->sessions, request->session_index);
    command->slot = membership->slot;
    *out = command;
    return allowed;
}

static void push_slot_command(struct request *request, struct command *command)
{
    command->request =
        session_request_add(request->session, command->type, request->message->request);
    control_command_push(request->control, request->session->membership.worker);
}

static struct refusal run_leave(struct request *request)
{
    struct command *command = NULL;
    struct refusal refusal = reserve_slot_command(request, COMMAND_LEAVE, &command);

    if (command != NULL) {
        command->reason = REASON_LEFT;
        push_slot_command(request, command);
        request->session->membership.state = MEMBERSHIP_LEAVING;
    }
    return refusal;
}

static struct refusal run_kick(struct request *request)
{
    struct command *command = NULL;
    struct refusal refusal = reserve_slot_command(request, COMMAND_KICK, &command);

    if (command != NULL) {
        command->host_epoch = request->message->host_epoch;
        command->member = request->message->member;
        push_slot_command(request, command);
    }
    return refusal;
}

static struct refusal run_lock(struct request *request)
{
    struct command *command = NULL;
    struct refusal refusal = reserve_slot_command(request, COMMAND_LOCK, &command);

    if (command != NULL) {
        command->host_epoch = request->message->host_epoch;
        command->locked = request->message->is_locked;
        push_slot_command(request, command);
    }
    return refusal;
}

static struct refusal run_hand_over(struct request *request)
{
    struct command *command = NULL;
    struct refusal refusal = reserve_slot_command(request, COMMAND_HAND_OVER, &command);

    if (command != NULL) {
        command->host_epoch = request->message->host_epoch;
        command->member = request->message->member;
        push_slot_command(request, command);
    }
    return refusal;
}

static struct refusal run_set_metadata(struct request *request)
{
    const struct wire_bytes *metadata = &request->message->metadata;
    struct command *command = NULL;
    struct refusal refusal = reserve_slot_command(request, COMMAND_SET_METADATA, &command);

    if (command != NULL) {
        command->host_epoch = request->message->host_epoch;
        command->metadata_size = (uint16_t)metadata->size;
        memcpy(command->metadata, metadata->at, metadata->size);
        push_slot_command(request, command);
    }
    return refusal;
}

static struct refusal run_set_heir(struct request *request)
{
    struct command *command = NULL;
    struct refusal refusal = reserve_slot_command(request, COMMAND_SET_HEIR, &command);

    if (command != NULL) {
        command->host_epoch = request->message->host_epoch;
        command->member = request->message->member;
        push_slot_command(request, command);
    }
    return refusal;
}

/* Asks the worker whether the session is host; the session waits for the answer. */
static struct refusal ask_about_blob(struct request *request, enum blob_question question)
{
    struct command *command = NULL;
    struct refusal refusal = reserve_slot_command(request, COMMAND_BLOB_PUT, &command);

    if (command != NULL) {
        command->host_epoch = request->message->host_epoch;
        push_slot_command(request, command);
        request->session->blob_question = question;
    }
    return refusal;
}

static struct refusal begin_blob(struct request *request)
{
    const struct control_limits *limits = &request->control->limits;
    const struct control_blob *piece = &request->message->blob;

    if (piece->total > limits->blob_bytes || limits->blob_bytes == 0) {
        return (struct refusal){.reason = REASON_BLOB_SIZE, .limit = limits->blob_bytes};
    }
    request->session->blob_asked = (struct blob_upload){
        .session = session_name(&request->control->sessions, request->session_index),
        .host_epoch = request->message->host_epoch,
        .version = piece->version,
        .total = piece->total};
    return ask_about_blob(request, BLOB_QUESTION_BEGIN);
}

static struct refusal run_blob_put(struct request *request)
{
    struct control *control = request->control;
    const struct membership *membership = &request->session->membership;
    const struct control_blob *piece = &request->message->blob;
    struct control_message answer = {.type = CONTROL_OK, .request = request->message->request};

    if (membership->state != MEMBERSHIP_MEMBER) {
        return refuse(REASON_NOT_IN_ROOM);
    }
    if (piece->offset == 0 && piece->bytes.size == 0) {
        return begin_blob(request);
    }
    const uint32_t room =
        room_table_find_ref(&control->rooms, membership->worker, membership->room);
    const uint32_t place = room == ROOM_NONE ? BLOB_NONE : control->rooms.entries[room].blob;
    if (!blob_is_next(&control->blobs, place,
                      session_name(&control->sessions, request->session_index),
                      request->message->host_epoch, piece)) {
        return refuse(REASON_BLOB_ORDER);
    }
    if (piece->offset + piece->bytes.size == piece->total) {
        struct refusal refusal = ask_about_blob(request, BLOB_QUESTION_COMMIT);
        if (refusal.reason == REASON_NONE) {
            blob_add(&control->blobs, place, piece);
        }
        return refusal;
    }
    blob_add(&control->blobs, place, piece);
    control_send(control, request->connection, &answer);
    return allowed;
}

static struct refusal run_subscribe(struct request *request)
{
    struct command *command = NULL;
    struct refusal refusal = reserve_slot_command(request, COMMAND_SUBSCRIBE, &command);

    if (command != NULL) {
        command->groups = request->message->groups;
        push_slot_command(request, command);
    }
    return refusal;
}

static struct refusal run_room_state(struct request *request)
{
    struct command *command = NULL;
    struct refusal refusal = reserve_slot_command(request, COMMAND_ROOM_STATE, &command);

    if (command != NULL) {
        push_slot_command(request, command);
    }
    return refusal;
}

/* --- All of them ----------------------------------------------------------------------------- */

/* By type; START is 1. */
static struct refusal (*const verbs[])(struct request *) = {
    [CONTROL_START] = run_start,
    [CONTROL_CREATE] = run_create,
    [CONTROL_JOIN] = run_join,
    [CONTROL_LEAVE] = run_leave,
    [CONTROL_KICK] = run_kick,
    [CONTROL_LOCK] = run_lock,
    [CONTROL_HAND_OVER] = run_hand_over,
    [CONTROL_SET_METADATA] = run_set_metadata,
    [CONTROL_ROOM_STATE] = run_room_state,
    [CONTROL_PING] = run_ping,
    [CONTROL_BYE] = run_bye,
    [CONTROL_SUBSCRIBE] = run_subscribe,
    [CONTROL_SET_HEIR] = run_set_heir,
    [CONTROL_BLOB_PUT] = run_blob_put,
};

/* What else a client over its rate has sent waits until it may ask again, so that a flood of
 * requests costs us no more refusals than the rate allows requests. */
static void slow_down(struct connection *connection, uint64_t retry_ns, uint64_t now_ns)
{
    connection->pause_end_ns = now_ns + (retry_ns < CONTROL_BUSY_NS ? retry_ns : CONTROL_BUSY_NS);
}

static struct refusal run_verb(struct request *request, enum reason decoded)
{
    struct control *control = request->control;
    const struct control_limits *limits = &control->limits;
    struct connection *connection = &control->connections[request->connection];
    struct refusal refusal = {.reason = REASON_COMMAND_RATE, .limit = limits->commands_per_s};

    /* The rate comes first, so that it bounds mistakes too. */
    if (!rate_take(&connection->commands, rate_interval(limits->commands_per_s, CONTROL_SECOND_NS),
                   limits->commands_burst, control->now_ns, &refusal.retry_ns)) {
        slow_down(connection, refusal.retry_ns, control->now_ns);
        return refusal;
    }
    if (decoded != REASON_NONE) {
        return refuse(decoded);
    }
    assert(request->message->type < sizeof(verbs) / sizeof(verbs[0]) &&
           verbs[request->message->type] != NULL);
    return verbs[request->message->type](request);
}

void command_run(struct control *control, uint32_t index, const uint8_t *bytes, size_t size)
{
    struct connection *connection = &control->connections[index];
    struct control_message message;
    enum reason decoded = control_message_decode(CONTROL_UP, bytes, size, &message);

    if (connection->state == CONNECTION_PROVING) {
        if (decoded == REASON_NONE && message.type == CONTROL_START) {
            handshake_start(control, index, &message);
        } else {
            control_connection_close(control, index, REASON_BAD_MESSAGE, true);
        }
        return;
    }
    struct request request = {.control = control,
                              .connection = index,
                              .session_index = connection->session,
                              .session = &control->sessions.sessions[connection->session],
                              .message = &message};
    struct refusal refusal = run_verb(&request, decoded);
    if (refusal.reason != REASON_NONE) {
        command_refuse(control, index, message.request, message.type, &refusal);
    }
}
