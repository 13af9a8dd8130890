/* SPDX-License-Identifier: MIT */
#include "client/client.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

/* The control connection is pinged four times as often as the relay's patience asks for. */
#define PINGS_PER_IDLE     4
#define PING_PERIOD_MIN_NS NS_PER_S
#define PING_PERIOD_MAX_NS (15 * NS_PER_S)

static bool is_open(enum link_state state)
{
    return state == LINK_HELLO || state == LINK_STARTING || state == LINK_UP;
}

static void wipe_channel(struct link *link)
{
    noise_handshake_wipe(&link->handshake);
    noise_cipher_wipe(&link->cipher_up);
    noise_cipher_wipe(&link->cipher_down);
    link->answer_due_ns = TIME_NEVER;
    link->ping_due_ns = TIME_NEVER;
}

/* Leaves the connection for `after`, by way of its closing where there is one. */
static void close_link(struct link *link, enum link_state after)
{
    wipe_channel(link);
    link->after_close = after;
    link->state = link->has_tcp ? LINK_CLOSING : after;
}

static void dial(struct gsrelay_client *client)
{
    wipe_channel(&client->link);
    client->link.state = LINK_DIALLING;
    client->link.output_size = 0;
    client->error_text[0] = '\0';
    client->link.due_ns = client->now_ns + client->options.attempt_ms * NS_PER_MS;
}

int link_start(struct gsrelay_client *client)
{
    struct link *link = &client->link;

    if (link->state != LINK_IDLE)
        return GSRELAY_WRONG_STATE;
    if (!client->has_seed)
        return GSRELAY_INVALID;
    if (!client_events_have_room(client))
        return GSRELAY_BUSY;
    link->attempts = 0;
    link->is_reconnecting = false;
    link->is_ending = false;
    dial(client);
    return GSRELAY_OK;
}

/* --- Failure and end ------------------------------------------------------------------------- */

/* The pause doubles with each failure and varies, so that a thousand clients that lost the same
 * relay do not come back in one moment. */
static uint64_t next_pause_ms(struct gsrelay_client *client, uint32_t wait_ms)
{
    const struct gsrelay_options *options = &client->options;
    uint64_t pause_ms = options->backoff_min_ms;
    uint32_t draw = 0;

    for (uint32_t i = 0; i < client->link.attempts && pause_ms < options->backoff_max_ms; i++)
        pause_ms *= 2;
    if (pause_ms > options->backoff_max_ms)
        pause_ms = options->backoff_max_ms;
    client_random_fill(client, &draw, sizeof(draw));
    pause_ms -= draw % (pause_ms / 2 + 1);
    return pause_ms > wait_ms ? pause_ms : wait_ms;
}

static bool may_try_again(const struct gsrelay_client *client, uint64_t pause_ms)
{
    const struct gsrelay_options *options = &client->options;

    if (client->link.is_reconnecting)
        return client->now_ns - client->link.lost_ns + pause_ms * NS_PER_MS <=
               options->reconnect_ms * NS_PER_MS;
    return options->connect_tries == 0 || client->link.attempts + 1 < options->connect_tries;
}

void link_fail(struct gsrelay_client *client, uint32_t reason, uint32_t wait_ms)
{
    struct link *link = &client->link;
    bool was_up = link->state == LINK_UP;
    struct gsrelay_event event = {.type = was_up ? GSRELAY_EVENT_CONNECTION_LOST
                                                 : GSRELAY_EVENT_ATTEMPT_FAILED,
                                  .reason = reason};
    uint64_t pause_ms;

    if (link->is_ending) {
        link_end(client, REASON_LEFT, 0, 0);
        return;
    }
    /* A relay that takes us in and drops us at once is not tried again and again without pause. */
    if (was_up && client->now_ns - link->up_ns >= client->options.backoff_max_ms * NS_PER_MS)
        link->attempts = 0;
    if (was_up)
        link->lost_ns = client->now_ns;
    pause_ms = next_pause_ms(client, wait_ms);
    if (!may_try_again(client, pause_ms)) {
        link_end(client, reason, 0, wait_ms);
        return;
    }
    request_link_lost(client);
    link->attempts++;
    link->due_ns = client->now_ns + pause_ms * NS_PER_MS;
    link->output_size = 0;
    close_link(link, LINK_PAUSE);
    event.time_ms = (uint32_t)pause_ms;
    client_event_push(client, &event, NULL, 0);
}

static void forget_session(struct gsrelay_client *client)
{
    room_forget(client);
    udp_end(client);
    sodium_memzero(&client->session, sizeof(client->session));
}

void link_end(struct gsrelay_client *client, uint32_t reason, uint32_t limit, uint32_t time_ms)
{
    struct gsrelay_event event = {
        .type = GSRELAY_EVENT_DISCONNECTED, .reason = reason, .limit = limit, .time_ms = time_ms};

    client->link.is_ending = false;
    client->link.is_reconnecting = false;
    client->rejoin_code[0] = '\0';
    request_clear(client);
    forget_session(client);
    close_link(&client->link, LINK_IDLE);
    client_event_push(client, &event, NULL, 0);
}

/* The relay does not know the session any more; a new one is asked for. */
static void lose_session(struct gsrelay_client *client, uint32_t reason)
{
    struct gsrelay_event event = {.type = GSRELAY_EVENT_SESSION_LOST, .reason = reason};

    if (client->options.rejoin != 0 && client->room.exists)
        memcpy(client->rejoin_code, client->room.code, sizeof(client->rejoin_code));
    request_link_lost(client);
    forget_session(client);
    request_session_lost(client);
    client_event_push(client, &event, NULL, 0);
}

void link_bye(struct gsrelay_client *client, uint32_t reason)
{
    if (client->link.is_ending) {
        link_end(client, REASON_LEFT, 0, 0);
        return;
    }
    client_error_set(client, "%s ended the session: %s", client->peer_text, reason_text(reason));
    if (client->options.rejoin == 0 || reason != REASON_SHUTDOWN) {
        link_end(client, reason, 0, 0);
        return;
    }
    link_fail(client, reason, 0);
    /* Only now: what is asked for again must not go out on the connection that ends. */
    if (client->link.is_reconnecting)
        lose_session(client, reason);
}

/* --- The handshake --------------------------------------------------------------------------- */

void gsrelay_io_tcp_connected(struct gsrelay_client *client, uint64_t now_ns)
{
    static const uint8_t open_key[NOISE_KEY_SIZE] = {0};
    struct link *link = &client->link;
    const uint8_t *psk = open_key;
    const void *name = "";
    size_t name_size = 0;
    uint8_t ephemeral[NOISE_KEY_SIZE];
    size_t offset;
    int size;

    client_time_set(client, now_ns);
    if (link->state != LINK_DIALLING)
        return;
    link->has_tcp = true;
    link->mode = HELLO_OPEN;
    if (client->session.exists) {
        link->mode = HELLO_RESUME;
        psk = client->session.resume_key;
        name = client->session.id;
        name_size = sizeof(client->session.id);
    } else if (client->has_ticket) {
        link->mode = HELLO_TICKET;
        psk = client->ticket_key;
        name = client->ticket_name;
        name_size = strlen(client->ticket_name);
    }
    static_assert(LINK_OUTPUT_SIZE >= HELLO_SIZE_MAX, "the first flight fits");
    offset = hello_begin(link->mode, name, name_size, link->output);
    client_random_fill(client, ephemeral, sizeof(ephemeral));
    noise_handshake_init(&link->handshake, NOISE_INITIATOR, link->output + 2, offset - 2, psk,
                         ephemeral);
    sodium_memzero(ephemeral, sizeof(ephemeral));
    size =
        noise_handshake_write(&link->handshake, NULL, 0, link->output + offset, HELLO_NOISE_SIZE);
    assert(size == HELLO_NOISE_SIZE);
    link->output_size = offset + (size_t)size;
    frame_reader_init(&link->reader, HELLO_ANSWER_BODY_MIN, HELLO_ANSWER_BODY_MAX);
    link->state = LINK_HELLO;
    link->due_ns = client->now_ns + client->options.attempt_ms * NS_PER_MS;
}

static void refused(struct gsrelay_client *client, const struct hello_answer *answer)
{
    struct link *link = &client->link;
    uint32_t wait_ms = answer->retry_s * 1000u;
    const char *peer = client->peer_text;

    if (answer->status == HELLO_VERSION) {
        client_error_set(client, "%s speaks protocol version %u, this client speaks %d", peer,
                         (unsigned)answer->version, PROTOCOL_VERSION);
        link_end(client, REASON_VERSION_UNSUPPORTED, answer->version, 0);
    } else if (answer->status == HELLO_DRAINING) {
        client_error_set(client, "%s is stopping and takes nobody new", peer);
        link_end(client, REASON_DRAINING, 0, 0);
    } else if (answer->status == HELLO_BUSY) {
        client_error_set(client, "%s is busy and asks to wait %u s", peer,
                         (unsigned)answer->retry_s);
        link_fail(client, REASON_BUSY, wait_ms);
    } else if (link->mode == HELLO_RESUME) {
        client_error_set(client, "%s does not know the session any more", peer);
        lose_session(client, REASON_NO_SUCH_SESSION);
        link->due_ns = client->now_ns + wait_ms * NS_PER_MS;
        close_link(link, LINK_PAUSE);
    } else {
        if (link->mode == HELLO_TICKET)
            client_error_set(client, "%s refused the ticket; the relay's log says why", peer);
        else if (answer->mode == HELLO_TICKET)
            client_error_set(client, "%s wants a ticket", peer);
        else
            client_error_set(client, "%s refused the connection", peer);
        link_end(client, REASON_REFUSED, answer->mode, wait_ms);
    }
}

static void take_answer(struct gsrelay_client *client, const uint8_t *bytes, size_t size)
{
    struct link *link = &client->link;
    struct hello_answer answer;
    struct control_message start = {.type = CONTROL_START};
    uint8_t message[CONTROL_MESSAGE_SIZE_MAX];
    int message_size;
    bool is_put;

    if (!hello_answer_decode(bytes, size, &answer)) {
        client_error_set(client, "what answers at %s is not a gsrelay relay", client->peer_text);
        link_fail(client, REASON_BAD_MESSAGE, 0);
        return;
    }
    if (answer.status != HELLO_ACCEPTED) {
        refused(client, &answer);
        return;
    }
    if (noise_handshake_read(&link->handshake, answer.noise_message, HELLO_NOISE_SIZE, NULL, 0) <
        0) {
        client_error_set(client, "%s does not have the key that this client has",
                         client->peer_text);
        link_fail(client, REASON_DECRYPT_FAILED, 0);
        return;
    }
    noise_handshake_split(&link->handshake, &link->cipher_up, &link->cipher_down, NULL);
    frame_reader_init(&link->reader, CONTROL_FRAME_SIZE_MIN, CONTROL_FRAME_SIZE_MAX);
    link->state = LINK_STARTING;
    start.request = request_number_next(client);
    message_size = control_message_encode(&start, message, sizeof(message));
    assert(message_size > 0);
    is_put = link_frame_put(client, message, (size_t)message_size);
    assert(is_put);
    (void)is_put;
}

void link_welcome(struct gsrelay_client *client, const struct control_welcome *welcome)
{
    struct link *link = &client->link;
    bool is_resumed = client->session.exists && (welcome->flags & WELCOME_RESUMED) != 0;
    struct gsrelay_event event = {.type =
                                      is_resumed ? GSRELAY_EVENT_RESUMED : GSRELAY_EVENT_CONNECTED};
    uint64_t period_ns = welcome->idle_timeout_ms * NS_PER_MS / PINGS_PER_IDLE;

    if (client->session.exists && !is_resumed)
        lose_session(client, REASON_NO_SUCH_SESSION);
    client->session.exists = true;
    memcpy(client->session.id, welcome->session_id, sizeof(client->session.id));
    memcpy(client->session.resume_key, welcome->resume_key, sizeof(client->session.resume_key));
    if (period_ns < PING_PERIOD_MIN_NS)
        period_ns = PING_PERIOD_MIN_NS;
    link->ping_period_ns = period_ns < PING_PERIOD_MAX_NS ? period_ns : PING_PERIOD_MAX_NS;
    link->ping_due_ns = client->now_ns + link->ping_period_ns;
    if (link->is_reconnecting)
        client->stats.reconnects++;
    else
        link->attempts = 0;
    link->is_reconnecting = true;
    link->up_ns = client->now_ns;
    link->features = welcome->features;
    link->frame_max = welcome->frame_max;
    link->state = LINK_UP;
    client->error_text[0] = '\0';
    client_event_push(client, &event, NULL, 0);
    if (is_resumed)
        request_resumed(client, (welcome->flags & WELCOME_IN_ROOM) != 0);
}

/* --- Bytes in and out ------------------------------------------------------------------------ */

bool link_frame_put(struct gsrelay_client *client, const uint8_t *message, size_t size)
{
    struct link *link = &client->link;
    size_t frame_size = size + NOISE_TAG_SIZE;
    uint8_t *at = link->output + link->output_size;

    if (LINK_OUTPUT_SIZE - link->output_size < 2 + frame_size)
        return false;
    frame_length_write(at, (uint16_t)frame_size);
    if (noise_encrypt(&link->cipher_up, message, size, at + 2, frame_size) < 0)
        return false;
    link->output_size += 2 + frame_size;
    return true;
}

static void take_frame(struct gsrelay_client *client, uint8_t *bytes, size_t size)
{
    struct link *link = &client->link;
    int message_size = noise_decrypt(&link->cipher_down, bytes, size, bytes, size);

    if (message_size < 0) {
        client_error_set(client, "a message of %s does not decrypt", client->peer_text);
        link_fail(client, REASON_DECRYPT_FAILED, 0);
        return;
    }
    request_message(client, bytes, (size_t)message_size);
}

static void take_bad_frame(struct gsrelay_client *client)
{
    if (client->link.state == LINK_HELLO) {
        client_error_set(client, "what answers at %s is not a gsrelay relay", client->peer_text);
        link_fail(client, REASON_BAD_MESSAGE, 0);
    } else {
        client_error_set(client, "%s sent a message of a wrong size", client->peer_text);
        link_fail(client, REASON_FRAME_SIZE, 0);
    }
}

size_t gsrelay_io_tcp_input(struct gsrelay_client *client, uint64_t now_ns, const void *bytes,
                            size_t size)
{
    struct link *link = &client->link;
    const uint8_t *from = bytes;
    size_t taken = 0;

    client_time_set(client, now_ns);
    while (taken < size && is_open(link->state) && client_events_have_room(client)) {
        size_t part = 0;
        size_t frame_size = 0;
        enum frame_result result = frame_reader_feed(&link->reader, link->input, from + taken,
                                                     size - taken, &part, &frame_size);

        taken += part;
        if (result == FRAME_BAD)
            take_bad_frame(client);
        else if (result == FRAME_READY && link->state == LINK_HELLO)
            take_answer(client, link->input, frame_size);
        else if (result == FRAME_READY)
            take_frame(client, link->input, frame_size);
    }
    /* What comes after the connection was given up is of no use to anybody. */
    return is_open(link->state) ? taken : size;
}

void gsrelay_io_tcp_closed(struct gsrelay_client *client, uint64_t now_ns, uint32_t reason)
{
    struct link *link = &client->link;

    client_time_set(client, now_ns);
    if (!link->has_tcp && link->state != LINK_DIALLING)
        return;
    link->has_tcp = false;
    if (link->state == LINK_CLOSING) {
        link->state = link->after_close;
        return;
    }
    if (client->error_text[0] == '\0')
        client_error_set(client,
                         link->state == LINK_DIALLING ? "could not connect to %s"
                                                      : "%s closed the connection",
                         client->peer_text);
    link_fail(client, reason, 0);
}

const uint8_t *gsrelay_io_tcp_output(const struct gsrelay_client *client, size_t *size_out)
{
    *size_out = client->link.has_tcp ? client->link.output_size : 0;
    return client->link.output;
}

void gsrelay_io_tcp_sent(struct gsrelay_client *client, size_t size)
{
    struct link *link = &client->link;

    if (size > link->output_size)
        size = link->output_size;
    link->output_size -= size;
    memmove(link->output, link->output + size, link->output_size);
    request_send_queued(client);
    blob_run(client);
}

int gsrelay_io_tcp_wanted(const struct gsrelay_client *client)
{
    return client->link.state == LINK_DIALLING || is_open(client->link.state);
}

/* --- Time ------------------------------------------------------------------------------------ */

int gsrelay_disconnect(struct gsrelay_client *client)
{
    struct link *link = &client->link;

    if (gsrelay_get_state(client) == GSRELAY_STATE_IDLE)
        return GSRELAY_WRONG_STATE;
    if (link->is_ending)
        return GSRELAY_OK;
    if (link->state != LINK_UP) {
        link_end(client, REASON_LEFT, 0, 0);
        return GSRELAY_OK;
    }
    send_flush(client);
    link->is_ending = true;
    link->is_bye_sent = false;
    link->end_due_ns = client->now_ns + ENDING_NS;
    link->bye_due_ns = client->now_ns;
    if (client->udp.exists && client->udp.confirmed < client->udp.data_sequence) {
        /* States go by another road than BYE, and the relay drops what waits for its tick when the
         * sender leaves. So BYE waits until a PONG says that the last state has arrived. */
        link->bye_due_ns = client->now_ns + ENDING_STATES_NS;
        client->udp.ping_due_ns = client->now_ns;
    }
    return GSRELAY_OK;
}

static void run_ending(struct gsrelay_client *client)
{
    struct link *link = &client->link;
    struct udp *udp = &client->udp;
    uint64_t ticks_ns = 2 * client->room.tick_us * NS_PER_US;

    if (client->now_ns >= link->end_due_ns) {
        link_end(client, REASON_LEFT, 0, 0);
        return;
    }
    if (link->is_bye_sent)
        return;
    if (udp->exists && udp->confirmed >= udp->data_sequence && udp->data_sequence > 0 &&
        link->bye_due_ns > client->now_ns + ticks_ns)
        link->bye_due_ns = client->now_ns + ticks_ns;
    if (client->now_ns >= link->bye_due_ns) {
        struct control_message bye = {.type = CONTROL_BYE};

        link->is_bye_sent = true;
        (void)request_add(client, &bye, true);
    }
}

static void run_pings(struct gsrelay_client *client)
{
    struct link *link = &client->link;

    /* While the program takes no events nothing is read, so no answer can be missed. */
    if (link->answer_due_ns != TIME_NEVER && !client_events_have_room(client))
        link->answer_due_ns = client->now_ns + LINK_ANSWER_NS;
    if (client->now_ns >= link->answer_due_ns) {
        client_error_set(client, "%s does not answer any more", client->peer_text);
        link_fail(client, REASON_CONNECTION_LOST, 0);
    } else if (client->now_ns >= link->ping_due_ns) {
        struct control_message ping = {.type = CONTROL_PING};

        link->ping_due_ns = client->now_ns + link->ping_period_ns;
        if (link->answer_due_ns == TIME_NEVER && request_add(client, &ping, true) > 0)
            link->answer_due_ns = client->now_ns + LINK_ANSWER_NS;
    }
}

void link_run(struct gsrelay_client *client)
{
    struct link *link = &client->link;

    switch (link->state) {
    case LINK_PAUSE:
        if (client->now_ns >= link->due_ns && client_events_have_room(client))
            dial(client);
        break;
    case LINK_DIALLING:
    case LINK_HELLO:
    case LINK_STARTING:
        if (client->now_ns >= link->due_ns) {
            client_error_set(client, "%s did not answer within %u ms", client->peer_text,
                             (unsigned)client->options.attempt_ms);
            link_fail(client, REASON_HANDSHAKE_TIMEOUT, 0);
        }
        break;
    case LINK_UP:
        if (link->is_ending)
            run_ending(client);
        else
            run_pings(client);
        break;
    case LINK_IDLE:
    case LINK_CLOSING:
        break;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t link_deadline(const struct gsrelay_client *client)
{
    const struct link *link = &client->link;

    switch (link->state) {
    case LINK_PAUSE:
        return client_events_have_room(client) ? link->due_ns : TIME_NEVER;
    case LINK_DIALLING:
    case LINK_HELLO:
    case LINK_STARTING:
        return link->due_ns;
    case LINK_UP:
        if (link->is_ending)
            return earlier(link->end_due_ns, link->is_bye_sent ? TIME_NEVER : link->bye_due_ns);
        return earlier(link->answer_due_ns, link->ping_due_ns);
    case LINK_IDLE:
    case LINK_CLOSING:
        break;
    }
    return TIME_NEVER;
}
