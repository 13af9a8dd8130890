/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_internal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

/* handshake.c - from the first flight to WELCOME. A session exists only once START proved the key:
 * a first flight that somebody recorded and sends again passes the check of message 1. */

#define BUSY_RETRY_NS CONTROL_SECOND_NS

void handshake_refuse(struct control *control, uint32_t index, enum reason reason,
                      uint64_t retry_ns)
{
    struct connection *connection = &control->connections[index];
    enum hello_mode mode = control->limits.is_ticket_required ? HELLO_TICKET : HELLO_OPEN;
    enum hello_status status = HELLO_REFUSED;
    uint64_t retry_s = (retry_ns + CONTROL_SECOND_NS - 1) / CONTROL_SECOND_NS;
    uint8_t answer[HELLO_REFUSAL_SIZE];

    if (reason == REASON_VERSION_UNSUPPORTED) {
        status = HELLO_VERSION;
    } else if (reason == REASON_DRAINING) {
        status = HELLO_DRAINING;
    } else if (retry_ns > 0) {
        status = HELLO_BUSY;
    }
    hello_refuse(status, mode, retry_s > UINT16_MAX ? UINT16_MAX : (uint16_t)retry_s, answer);
    /* Without room for seven bytes the client learns less, and is closed all the same. */
    (void)connection_put(connection, &control->pools, &control->limits, answer, sizeof(answer));
    control_connection_close(control, index, reason, false);
}

void handshake_fail(struct control *control, uint32_t index, enum reason reason)
{
    const struct connection *connection = &control->connections[index];

    control->counters.auth_failures++;
    control_log_add(control, CONTROL_LOG_EVENT_AUTH_FAILED, connection, SESSION_NONE)->reason =
        reason;
    if (admission_fail(&control->admission, connection->place, &control->limits, control->now_ns)) {
        control->counters.lockouts++;
        struct control_log_record *record =
            control_log_add(control, CONTROL_LOG_EVENT_LIMIT_HIT, connection, SESSION_NONE);
        record->reason = REASON_LOCKOUT;
        record->limit = control->limits.fail_limit;
    }
    if (connection->state == CONNECTION_FIRST_FLIGHT) {
        handshake_refuse(control, index, reason, 0);
    } else {
        control_connection_close(control, index, reason, true);
    }
}

/* Answers message 1 if it was made with this key. */
static bool try_key(struct control *control, uint32_t index, const struct hello *hello,
                    const uint8_t psk[NOISE_KEY_SIZE])
{
    struct connection *connection = &control->connections[index];
    struct noise_handshake handshake;
    uint8_t private_key[NOISE_KEY_SIZE];
    uint8_t answer[HELLO_ACCEPTED_SIZE];

    control->random.fill(control->random.context, private_key, sizeof(private_key));
    noise_handshake_init(&handshake, NOISE_RESPONDER, hello->prologue.at, hello->prologue.size, psk,
                         private_key);
    sodium_memzero(private_key, sizeof(private_key));
    hello_accept_begin(answer);
    if (noise_handshake_read(&handshake, hello->noise_message, HELLO_NOISE_SIZE, NULL, 0) < 0 ||
        noise_handshake_write(&handshake, NULL, 0, answer + 4, HELLO_NOISE_SIZE) < 0) {
        noise_handshake_wipe(&handshake);
        return false;
    }
    noise_handshake_split(&handshake, &connection->down, &connection->up, NULL);
    control->counters.handshakes++;
    connection_state_set(connection, CONNECTION_PROVING);
    connection_begin_frames(connection, &control->limits, control->now_ns);
    enum reason reason =
        connection_put(connection, &control->pools, &control->limits, answer, sizeof(answer));
    if (reason != REASON_NONE) {
        control_connection_close(control, index, reason, true);
    } else {
        control_connection_mark(control, index);
    }
    return true;
}

static void try_resume(struct control *control, uint32_t index, const struct hello *hello)
{
    struct connection_claim *claim = &control->connections[index].claim;
    uint32_t found = session_find_id(&control->sessions, hello->name.at, hello->name.size);

    if (found == SESSION_NONE) {
        /* Every client of a relay that was restarted comes here once: no failure to be counted. */
        control_log_add(control, CONTROL_LOG_EVENT_CLIENT_REFUSED, &control->connections[index],
                        SESSION_NONE)
            ->reason = REASON_NO_SUCH_SESSION;
        handshake_refuse(control, index, REASON_NO_SUCH_SESSION, 0);
        return;
    }
    const struct session *session = &control->sessions.sessions[found];
    claim->session = session_name(&control->sessions, found);
    claim->attachment = session->attachment;
    claim->with_key_next =
        session->has_key_next && try_key(control, index, hello, session->key_next);
    if (!claim->with_key_next && !try_key(control, index, hello, session->key_current)) {
        handshake_fail(control, index, REASON_REFUSED);
    }
}

static void try_ticket(struct control *control, uint32_t index, const struct hello *hello)
{
    uint8_t key[TICKET_KEY_SIZE];
    enum reason reason = ticket_accept(
        control->secrets, control->secret_count, (const char *)hello->name.at, hello->name.size,
        control->unix_s, control->limits.clock_skew_s, control->limits.ticket_age_max_s,
        &control->connections[index].claim.ticket, key);

    if (reason == REASON_NONE && !try_key(control, index, hello, key)) {
        reason = REASON_REFUSED;
    }
    sodium_memzero(key, sizeof(key));
    if (reason != REASON_NONE) {
        handshake_fail(control, index, reason);
    }
}

static void try_open(struct control *control, uint32_t index, const struct hello *hello)
{
    static const uint8_t no_key[NOISE_KEY_SIZE] = {0};

    ticket_unrestricted(&control->connections[index].claim.ticket);
    if (!try_key(control, index, hello, no_key)) {
        handshake_fail(control, index, REASON_REFUSED);
    }
}

void handshake_first_flight(struct control *control, uint32_t index, const uint8_t *bytes,
                            size_t size)
{
    struct connection *connection = &control->connections[index];
    struct hello hello;
    enum reason reason = hello_decode(bytes, size, &hello);
    uint64_t lockout_ns =
        admission_lockout_ns(&control->admission, connection->place, control->now_ns);

    /* Who has a session comes back to it: what is being played goes on to its end. */
    if (reason == REASON_NONE && control->is_draining && hello.mode != HELLO_RESUME) {
        handshake_refuse(control, index, REASON_DRAINING, 0);
    } else if (lockout_ns > 0) {
        handshake_refuse(control, index, REASON_LOCKOUT, lockout_ns);
    } else if (reason == REASON_VERSION_UNSUPPORTED) {
        handshake_refuse(control, index, reason, 0);
    } else if (reason != REASON_NONE) {
        handshake_fail(control, index, reason);
    } else if (hello.mode == HELLO_RESUME) {
        connection->claim.mode = HELLO_RESUME;
        try_resume(control, index, &hello);
    } else if ((hello.mode == HELLO_TICKET) != control->limits.is_ticket_required) {
        /* The refusal names the mode that is wanted. It is a wrong setting and not an attack. */
        control_log_add(control, CONTROL_LOG_EVENT_CLIENT_REFUSED, connection, SESSION_NONE)
            ->reason = REASON_REFUSED;
        handshake_refuse(control, index, REASON_REFUSED, 0);
    } else {
        connection->claim.mode = hello.mode;
        if (hello.mode == HELLO_TICKET) {
            try_ticket(control, index, &hello);
        } else {
            try_open(control, index, &hello);
        }
    }
}

/* The newest session of a client id wins: the oldest make room. */
static void replace_older(struct control *control, const struct ticket *ticket)
{
    uint32_t oldest = SESSION_NONE;

    if (ticket->client_id[0] == 0) {
        return;
    }
    while (session_count_client(&control->sessions, ticket->client_id, &oldest) >=
           control->limits.sessions_per_client_id) {
        control_session_end(control, oldest, REASON_REPLACED, true);
    }
}

/* A session of its own for this connection; SESSION_NONE, and why, when there is no place. */
static uint32_t open_session(struct control *control, uint32_t index, struct refusal *refusal_out)
{
    const struct connection *connection = &control->connections[index];
    const struct connection_claim *claim = &connection->claim;
    const struct control_limits *limits = &control->limits;
    uint8_t random[SESSION_RANDOM_SIZE];

    if (control->is_draining) { /* It began before its handshake was over. */
        *refusal_out = (struct refusal){.reason = REASON_DRAINING};
        return SESSION_NONE;
    }
    replace_older(control, &claim->ticket);
    if (!admission_session_enter(&control->admission, connection->place, limits)) {
        *refusal_out = (struct refusal){.reason = REASON_CONNECTIONS_PER_IP,
                                        .limit = limits->connections_per_ip,
                                        .retry_ns = BUSY_RETRY_NS};
        return SESSION_NONE;
    }
    control->random.fill(control->random.context, random, sizeof(random));
    uint32_t session = session_add(&control->sessions, index, &claim->ticket, random);
    sodium_memzero(random, sizeof(random));
    if (session == SESSION_NONE) {
        admission_session_leave(&control->admission, connection->place);
        *refusal_out = (struct refusal){.reason = REASON_CLIENTS_LIMIT,
                                        .limit = limits->sessions_max,
                                        .retry_ns = BUSY_RETRY_NS};
        return SESSION_NONE;
    }
    control->sessions.sessions[session].place = connection->place;
    return session;
}

/* The session that was claimed, attached to this connection; SESSION_NONE when it is gone or was
 * resumed by another connection since. */
static uint32_t resume_session(struct control *control, uint32_t index,
                               uint8_t key_out[RESUME_KEY_SIZE])
{
    const struct connection_claim *claim = &control->connections[index].claim;
    struct session *session = session_find(&control->sessions, claim->session);

    if (session == NULL || session->state == SESSION_ENDING ||
        session->attachment != claim->attachment) {
        return SESSION_NONE;
    }
    if (session->state == SESSION_ATTACHED) {
        uint32_t old = session->connection;
        session_detach(session);
        control_connection_close(control, old, REASON_REPLACED, true);
    }
    timer_clear(&control->session_timers, claim->session.index);
    admission_session_move(&control->admission, session->place, control->connections[index].place);
    session->place = control->connections[index].place;
    control->random.fill(control->random.context, key_out, RESUME_KEY_SIZE);
    session_resume(session, index, claim->with_key_next, key_out);
    control_session_settle(control, claim->session.index);
    return claim->session.index;
}

static void send_welcome(struct control *control, uint32_t index, uint32_t request,
                         const uint8_t key[RESUME_KEY_SIZE], bool is_resumed)
{
    const struct control_limits *limits = &control->limits;
    const struct session *session =
        &control->sessions.sessions[control->connections[index].session];
    struct control_message message = {.type = CONTROL_WELCOME, .request = request};
    struct control_welcome *welcome = &message.welcome;

    welcome->features = control->limits.blob_bytes > 0 ? FEATURE_BLOBS : 0;
    welcome->flags =
        (uint8_t)((is_resumed ? WELCOME_RESUMED : 0) |
                  (session->membership.state != MEMBERSHIP_NONE ? WELCOME_IN_ROOM : 0));
    memcpy(welcome->session_id, session->id, sizeof(welcome->session_id));
    memcpy(welcome->resume_key, key, sizeof(welcome->resume_key));
    welcome->resume_grace_ms = (uint32_t)(limits->resume_grace_ns / 1000000);
    welcome->idle_timeout_ms = (uint32_t)(control->connections[index].idle_timeout_ns / 1000000);
    welcome->frame_max = (uint16_t)limits->frame_max_bytes;
    control_send(control, index, &message);
    sodium_memzero(&message, sizeof(message));
}

void handshake_start(struct control *control, uint32_t index, const struct control_message *message)
{
    struct connection *connection = &control->connections[index];
    bool is_resumed = connection->claim.mode == HELLO_RESUME;
    uint8_t key[RESUME_KEY_SIZE];
    struct refusal refusal = {.reason = REASON_NO_SUCH_SESSION};
    uint32_t session =
        is_resumed ? resume_session(control, index, key) : open_session(control, index, &refusal);

    control_preauth_remove(control, index);
    connection_state_set(connection, CONNECTION_OPEN);
    connection->session = session;
    if (session == SESSION_NONE) {
        command_refuse(control, index, message->request, CONTROL_START, &refusal);
        control_connection_close(control, index, refusal.reason, false);
        return;
    }
    if (is_resumed) {
        control->counters.sessions_resumed++;
        (void)control_log_add(control, CONTROL_LOG_EVENT_SESSION_RESUMED, connection, session);
    } else {
        struct session *opened = &control->sessions.sessions[session];
        opened->rooms_created = admission_rooms_enter(&control->admission, connection->place);
        memcpy(key, opened->key_current, sizeof(key));
        control->counters.sessions_opened++;
        (void)control_log_add(control, CONTROL_LOG_EVENT_SESSION_OPENED, connection, session);
    }
    send_welcome(control, index, message->request, key, is_resumed);
    sodium_memzero(key, sizeof(key));
    sodium_memzero(&connection->claim, sizeof(connection->claim));
    if (control->is_draining) { /* It may not have heard of it. */
        control_drain_tell(control, index);
    }
}
