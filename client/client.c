/* SPDX-License-Identifier: MIT */
#include "client/client.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/ticket.h"

static_assert(GSRELAY_SEED_SIZE == randombytes_SEEDBYTES, "the seed is libsodium's");
static_assert(GSRELAY_TICKET_NAME_MAX == TICKET_NAME_MAX, "one limit");
static_assert(GSRELAY_TICKET_KEY_SIZE == TICKET_KEY_SIZE, "one size");
static_assert(GSRELAY_EVENT_BYTES >= DATAGRAM_LIMIT_MAX, "any payload fits an event");

/* What may come at once apart from a message: each request failing, and the end of session, room
 * and connection. */
#define LINK_EVENTS 40

#define MEMBERS_MIN     2
#define STATE_BYTES_MIN 4096u
#define STATE_BYTES_MAX (256u << 20)

/* --- Options --------------------------------------------------------------------------------- */

void gsrelay_options_init(struct gsrelay_options *options)
{
    *options = (struct gsrelay_options){.members_max = GSRELAY_MEMBERS_LIMIT,
                                        .state_bytes = 256u << 10,
                                        .connect_tries = 1,
                                        .reconnect_ms = 60000,
                                        .backoff_min_ms = 250,
                                        .backoff_max_ms = 10000,
                                        .attempt_ms = 5000};
}

static bool is_sound(const struct gsrelay_options *options)
{
    size_t name_size = 0;

    if (options->ticket_name != NULL) {
        name_size = strlen(options->ticket_name);
        if (name_size == 0 || name_size > GSRELAY_TICKET_NAME_MAX || options->ticket_key == NULL)
            return false;
    }
    return (options->ticket_name != NULL || options->ticket_key == NULL) &&
           options->members_max >= MEMBERS_MIN && options->members_max <= GSRELAY_MEMBERS_LIMIT &&
           options->state_bytes >= STATE_BYTES_MIN && options->state_bytes <= STATE_BYTES_MAX &&
           options->backoff_min_ms > 0 && options->backoff_min_ms <= options->backoff_max_ms &&
           options->attempt_ms > 0 && options->blob_bytes <= GSRELAY_BLOB_MAX &&
           options->rejoin <= 1 && (options->allocate == NULL) == (options->release == NULL);
}

int gsrelay_ticket_read(const char *line, char name_out[GSRELAY_TICKET_NAME_MAX + 1],
                        uint8_t key_out[GSRELAY_TICKET_KEY_SIZE])
{
    return ticket_line_parse(line, strlen(line), name_out, key_out) < 0 ? GSRELAY_INVALID
                                                                        : GSRELAY_OK;
}

/* --- Memory ---------------------------------------------------------------------------------- */

void *client_allocate(const struct gsrelay_options *options, size_t size)
{
    if (options->allocate != NULL)
        return options->allocate(options->allocator_context, size);
    return malloc(size);
}

void client_release(const struct gsrelay_options *options, void *memory)
{
    if (options->release != NULL)
        options->release(options->allocator_context, memory);
    else
        free(memory);
}

/* How the one piece of memory is cut up. All parts start at a multiple of 16. */
struct layout {
    size_t members;
    size_t free_rows;
    size_t messages;
    size_t input;
    size_t output;
    size_t queue;
    size_t cells;
    size_t events;
    size_t events_size;
    size_t states;
    size_t blob_put;
    size_t blob_got;
    size_t total;
};

static size_t add_part(size_t *total, size_t size)
{
    size_t at = *total;

    *total = (at + size + 15) / 16 * 16;
    return at;
}

/* The most that one message from the relay adds: a ROOM_STATE answer that replaces every member,
 * or a JOIN answer. */
static size_t message_events_size(uint32_t members_max)
{
    return 2 * (size_t)members_max * EVENT_ENTRY_SIZE(0) +
           2 * EVENT_ENTRY_SIZE(GSRELAY_METADATA_MAX) + 6 * EVENT_ENTRY_SIZE(0);
}

static void plan(struct layout *layout, const struct gsrelay_options *options)
{
    size_t members_max = options->members_max;

    *layout = (struct layout){0};
    add_part(&layout->total, sizeof(struct gsrelay_client));
    layout->members = add_part(&layout->total, members_max * sizeof(struct member));
    layout->free_rows = add_part(&layout->total, members_max * sizeof(uint16_t));
    layout->messages = add_part(&layout->total, REQUEST_TABLE_SIZE * REQUEST_MESSAGE_SIZE);
    layout->input = add_part(&layout->total, CONTROL_FRAME_SIZE_MAX);
    layout->output = add_part(&layout->total, LINK_OUTPUT_SIZE);
    layout->queue = add_part(&layout->total, UDP_QUEUE_SIZE * sizeof(struct udp_queued));
    layout->cells = add_part(&layout->total, members_max * STREAM_COUNT * sizeof(struct cell));
    layout->events_size = 2 * message_events_size(options->members_max) +
                          2 * LINK_EVENTS * EVENT_ENTRY_SIZE(ADDR_TEXT_SIZE);
    layout->events = add_part(&layout->total, layout->events_size);
    layout->states = add_part(&layout->total, options->state_bytes);
    layout->blob_put = add_part(&layout->total, options->blob_bytes);
    layout->blob_got = add_part(&layout->total, options->blob_bytes);
}

int gsrelay_create(const struct gsrelay_options *options, struct gsrelay_client **out)
{
    struct gsrelay_options defaults;
    struct gsrelay_client *client;
    struct layout layout;
    uint8_t *memory;

    gsrelay_options_init(&defaults);
    if (options == NULL)
        options = &defaults;
    if (!is_sound(options))
        return GSRELAY_INVALID;
    plan(&layout, options);
    memory = client_allocate(options, layout.total);
    if (memory == NULL)
        return GSRELAY_NO_MEMORY;

    client = (struct gsrelay_client *)memory;
    memset(client, 0, sizeof(*client));
    client->options = *options;
    client->room.cells = (struct cell *)(memory + layout.cells);
    client->room.row_count = options->members_max;
    client->room.members = (struct member *)(memory + layout.members);
    client->room.free_rows = (uint16_t *)(memory + layout.free_rows);
    for (size_t i = 0; i < REQUEST_TABLE_SIZE; i++)
        client->requests[i].message = memory + layout.messages + i * REQUEST_MESSAGE_SIZE;
    client->link.input = memory + layout.input;
    client->link.output = memory + layout.output;
    client->udp.queue = (struct udp_queued *)(memory + layout.queue);
    event_ring_init(&client->events, memory + layout.events, layout.events_size);
    event_ring_init(&client->states, memory + layout.states, options->state_bytes);
    client->blob_put.bytes = memory + layout.blob_put;
    client->blob_got.bytes = memory + layout.blob_got;
    client->event_reserve =
        message_events_size(options->members_max) + LINK_EVENTS * EVENT_ENTRY_SIZE(ADDR_TEXT_SIZE);
    if (options->ticket_name != NULL) {
        client->has_ticket = true;
        memcpy(client->ticket_name, options->ticket_name, strlen(options->ticket_name));
        memcpy(client->ticket_key, options->ticket_key, sizeof(client->ticket_key));
    }
    client->options.ticket_name = NULL;
    client->options.ticket_key = NULL;
    client_seed(client, options->seed);
    snprintf(client->peer_text, sizeof(client->peer_text), "the relay");
    *out = client;
    return GSRELAY_OK;
}

void gsrelay_destroy(struct gsrelay_client *client)
{
    struct gsrelay_options options;

    if (client == NULL)
        return;
    if (client->sockets_close != NULL)
        client->sockets_close(client);
    options = client->options;
    /* Where keys have been. */
    sodium_memzero(client->link.input, CONTROL_FRAME_SIZE_MAX);
    sodium_memzero(client, sizeof(*client));
    client_release(&options, client);
}

/* --- Time, random bytes, words --------------------------------------------------------------- */

void client_time_set(struct gsrelay_client *client, uint64_t now_ns)
{
    if (now_ns > client->now_ns)
        client->now_ns = now_ns;
}

void client_seed(struct gsrelay_client *client, const uint8_t seed[GSRELAY_SEED_SIZE])
{
    client->has_seed = !sodium_is_zero(seed, GSRELAY_SEED_SIZE);
    memcpy(client->random_key, seed, GSRELAY_SEED_SIZE);
    sodium_memzero(client->options.seed, sizeof(client->options.seed));
}

/* ChaCha20 with fast key erasure (D. J. Bernstein, "Fast-key-erasure random-number generators",
 * 2017): the first bytes of each draw become the next key, so that what was drawn cannot be found
 * again from what is kept. */
void client_random_fill(struct gsrelay_client *client, void *out, size_t size)
{
    uint8_t bytes[GSRELAY_SEED_SIZE + 64];

    assert(size <= sizeof(bytes) - GSRELAY_SEED_SIZE);
    randombytes_buf_deterministic(bytes, sizeof(bytes), client->random_key);
    memcpy(client->random_key, bytes, GSRELAY_SEED_SIZE);
    memcpy(out, bytes + GSRELAY_SEED_SIZE, size);
    sodium_memzero(bytes, sizeof(bytes));
}

void client_error_set(struct gsrelay_client *client, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(client->error_text, sizeof(client->error_text), format, arguments);
    va_end(arguments);
}

const char *gsrelay_error_text(const struct gsrelay_client *client)
{
    return client->error_text;
}

const char *gsrelay_version(void)
{
    return GSRELAY_VERSION;
}

const char *gsrelay_reason_name(uint32_t reason)
{
    return reason_name(reason);
}

const char *gsrelay_reason_text(uint32_t reason)
{
    return reason_text(reason);
}

const char *gsrelay_result_text(int result)
{
    static const char *const texts[] = {
        "success",
        "an argument is out of its range",
        "there is not enough memory",
        "this cannot be done now: not connected, not in a room, or already done",
        "too many requests are unanswered",
        "the state is longer than a datagram can carry",
        "the relay's budget for this client is used up for the moment",
        "the operating system refused",
    };

    if (result > 0)
        result = 0;
    return result < -7 ? "unknown result" : texts[-result];
}

/* --- Driving --------------------------------------------------------------------------------- */

int gsrelay_io_start(struct gsrelay_client *client, uint64_t now_ns)
{
    client_time_set(client, now_ns);
    return link_start(client);
}

void gsrelay_io_run(struct gsrelay_client *client, uint64_t now_ns)
{
    client_time_set(client, now_ns);
    send_flush(client);
    link_run(client);
    blob_run(client);
    udp_run(client);
}

uint64_t gsrelay_io_deadline(const struct gsrelay_client *client)
{
    uint64_t link_ns = link_deadline(client);
    uint64_t udp_ns = udp_deadline(client);
    uint64_t blob_ns = blob_deadline(client);
    uint64_t next_ns = link_ns < udp_ns ? link_ns : udp_ns;

    return next_ns < blob_ns ? next_ns : blob_ns;
}

/* --- Events ---------------------------------------------------------------------------------- */

bool client_events_have_room(const struct gsrelay_client *client)
{
    return event_ring_left(&client->events) >= client->event_reserve;
}

bool client_events_have_room_for_one(const struct gsrelay_client *client)
{
    return event_ring_left(&client->events) >= (LINK_EVENTS + 1) * EVENT_ENTRY_SIZE(ADDR_TEXT_SIZE);
}

void client_event_push(struct gsrelay_client *client, struct gsrelay_event *head, const void *bytes,
                       size_t size)
{
    bool is_pushed = event_ring_push(&client->events, ++client->event_serial, head, bytes, size);

    assert(is_pushed);
    (void)is_pushed;
}

int gsrelay_next_event(struct gsrelay_client *client, struct gsrelay_event *out)
{
    uint64_t event_serial = event_ring_serial(&client->events);
    uint64_t state_serial = event_ring_serial(&client->states);

    if (event_serial == UINT64_MAX && state_serial == UINT64_MAX)
        return 0;
    event_ring_pop(event_serial < state_serial ? &client->events : &client->states, out);
    if (out->type == GSRELAY_EVENT_ROOM_JOINED || out->type == GSRELAY_EVENT_HOST_CHANGED)
        client->host_epoch_taken = out->host_epoch;
    else if (out->type == GSRELAY_EVENT_ROOM_LEFT || out->type == GSRELAY_EVENT_SESSION_LOST ||
             out->type == GSRELAY_EVENT_DISCONNECTED)
        client->host_epoch_taken = 0;
    return 1;
}

/* --- What is so now -------------------------------------------------------------------------- */

int gsrelay_get_state(const struct gsrelay_client *client)
{
    const struct link *link = &client->link;

    if (link->is_ending)
        return GSRELAY_STATE_CLOSING;
    if (link->state == LINK_UP)
        return GSRELAY_STATE_CONNECTED;
    if (link->state == LINK_IDLE || (link->state == LINK_CLOSING && link->after_close == LINK_IDLE))
        return GSRELAY_STATE_IDLE;
    return link->is_reconnecting ? GSRELAY_STATE_RECONNECTING : GSRELAY_STATE_CONNECTING;
}

int gsrelay_get_room(const struct gsrelay_client *client, struct gsrelay_room *out)
{
    const struct room *room = &client->room;
    const struct udp *udp = &client->udp;

    if (!room->exists)
        return GSRELAY_WRONG_STATE;
    *out = (struct gsrelay_room){.member = room->own,
                                 .host = room->host,
                                 .member_count = (uint16_t)room->member_count,
                                 .members_max = room->members_max,
                                 .host_epoch = room->host_epoch,
                                 .election = room->election,
                                 .tick_us = room->tick_us,
                                 .datagrams_s = udp->datagrams_s,
                                 .bytes_s = udp->bytes_s,
                                 .records_s = udp->records_s,
                                 .down_bytes_s = udp->down_bytes_s,
                                 .streams = udp->streams,
                                 .is_locked = room->is_locked,
                                 .is_bound = udp->is_bound};
    memcpy(out->code, room->code, sizeof(out->code));
    return GSRELAY_OK;
}

size_t gsrelay_get_members(const struct gsrelay_client *client, uint16_t *out, size_t capacity)
{
    const struct room *room = &client->room;

    for (size_t i = 0; i < room->member_count && i < capacity; i++)
        out[i] = room->members[i].id;
    return room->member_count;
}

uint32_t gsrelay_get_rtt_us(const struct gsrelay_client *client)
{
    return client->stats.rtt_us;
}

void gsrelay_get_stats(const struct gsrelay_client *client, struct gsrelay_stats *out)
{
    *out = client->stats;
}
