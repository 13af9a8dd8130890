/* SPDX-License-Identifier: MIT */
#include "core_fixture.h"

#include "core_check.h"
#include "proto/body.h"
#include "proto/limits.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what)
{
    (void)fprintf(stderr, "core fixture: %s\n", what);
    abort();
}

struct relay_limits fixture_limits(void)
{
    return (struct relay_limits){
        .slots_max = 512,
        .rooms_max = 32,
        .members_per_room_max = 64,
        .streams_per_member = 8,
        .max_datagram = 1232,
        .cells_max = 4096,
        .client_datagrams_rate = 100000,
        .client_datagrams_burst = 100000,
        .client_bytes_rate = 100000000,
        .client_bytes_burst = 100000000,
        .client_records_rate = 1000000,
        .client_records_burst = 1000000,
        .client_down_bytes_rate = 0,
        .room_deliveries_rate = 100000000,
        .room_deliveries_burst = 100000000,
        .room_bytes_rate = 0,
        .room_bytes_burst = 0,
        .challenge_session_rate = 4,
        .challenge_session_burst = 4,
        .challenge_address_rate = 1000,
        .challenge_address_burst = 1000,
        .cookie_rotate_ns = 30 * SECOND,
        .bind_timeout_ns = 10 * SECOND,
        .session_idle_ns = 30 * SECOND,
        .over_limit_close_ns = 10 * SECOND,
        .room_empty_ttl_ns = 60 * SECOND,
        .room_host_grace_ns = 3 * SECOND,
        .room_host_silence_ns = 5 * SECOND,
        .room_age_max_ns = 0,
        .room_retained_bytes = 256 * 1024,
        .rebind = REBIND_ANY,
        .rebind_moves = 4,
    };
}

/* Makes the core with quite other limits and then sets the right ones, so that every test of the
 * core is also one of a reload: whatever sizes nothing must act as soon as it is set. */
static struct core *make_core(struct fixture *fixture, const struct relay_limits *limits,
                              const uint8_t seed[32])
{
    struct relay_limits other;
    struct core *core;

    memset(&other, 1, sizeof(other));
    other.slots_max = limits->slots_max;
    other.rooms_max = limits->rooms_max;
    other.members_per_room_max = limits->members_per_room_max;
    other.streams_per_member = limits->streams_per_member;
    other.max_datagram = limits->max_datagram;
    other.cells_max = limits->cells_max;
    other.rebind = limits->rebind == REBIND_NEVER ? REBIND_ANY : REBIND_NEVER;
    core = core_init(fixture->memory, &other, seed, fixture->now_ns);
    core_set_limits(core, limits);
    return core;
}

/* Memory is zeroed; limits have the size that it was taken for. */
static void start(struct fixture *fixture, const struct relay_limits *limits)
{
    uint8_t seed[32];

    memset(seed, 7, sizeof(seed));
    fixture->limits = *limits;
    fixture->now_ns = 1000 * SECOND + 17;
    fixture->random = 1;
    fixture->capacity = 64;
    fixture->result = OUTPUT_SENT;
    fixture->sent_count = 0;
    fixture->event_count = 0;
    fixture->core = make_core(fixture, limits, seed);
}

void fixture_open(struct fixture *fixture, const struct relay_limits *limits)
{
    memset(fixture, 0, sizeof(*fixture));
    fixture->memory_size = core_size(limits);
    if (sodium_init() < 0 || fixture->memory_size == 0) {
        fail("no libsodium, or limits that contradict each other");
    }
    fixture->memory = calloc(1, fixture->memory_size);
    fixture->sent = calloc(SENT_MAX, sizeof(*fixture->sent));
    fixture->events = calloc(EVENTS_MAX, sizeof(*fixture->events));
    if (fixture->memory == NULL || fixture->sent == NULL || fixture->events == NULL) {
        fail("no memory");
    }
    start(fixture, limits);
}

void fixture_reset(struct fixture *fixture, const struct relay_limits *limits)
{
    memset(fixture->memory, 0, fixture->memory_size);
    start(fixture, limits);
}

void fixture_close(struct fixture *fixture)
{
    free(fixture->events);
    free(fixture->sent);
    free(fixture->memory);
}

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t fixture_random(struct fixture *fixture)
{
    uint64_t value = fixture->random += UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

struct path fixture_path(unsigned number)
{
    return (struct path){.peer = addr_ipv4(10, 0, (uint8_t)(number >> 8), (uint8_t)number,
                                           (uint16_t)(10000 + number))};
}

void fixture_check(struct fixture *fixture)
{
    const char *broken = fixture->is_unchecked ? NULL : core_check(fixture->core);

    if (broken != NULL) {
        fail(broken);
    }
}

void fixture_flush(struct fixture *fixture)
{
    struct output outputs[64];
    unsigned count = 0;
    bool has_more = true;

    while ((count = core_output(fixture->core, outputs, fixture->capacity, fixture->now_ns)) > 0) {
        if (!has_more) {
            fail("core_has_output() was false, and there was more");
        }
        fixture_check(fixture);
        for (unsigned index = 0; index < count; index++) {
            struct output *output = &outputs[index];
            struct sent *sent = &fixture->sent[fixture->sent_count++];

            if (fixture->sent_count > SENT_MAX) {
                fail("too many datagrams for the net");
            }
            output->result = fixture->result;
            sent->path = output->path;
            sent->body = output->body;
            sent->size = (size_t)output->head_size + output->body_size + output->tag_size;
            memcpy(sent->bytes, output->head, output->head_size);
            memcpy(sent->bytes + output->head_size, output->body, output->body_size);
            memcpy(sent->bytes + output->head_size + output->body_size, output->tag,
                   output->tag_size);
        }
        core_output_done(fixture->core, outputs, count);
        has_more = core_has_output(fixture->core);
        fixture_check(fixture);
    }
    core_output_done(fixture->core, outputs, 0);
}

void fixture_take_events(struct fixture *fixture)
{
    while (core_event(fixture->core, &fixture->events[fixture->event_count]) ||
           core_quality_event(fixture->core, &fixture->events[fixture->event_count])) {
        fixture->event_count++;
        if (fixture->event_count == EVENTS_MAX) {
            fail("too many events for the net");
        }
    }
    fixture_check(fixture);
}

void fixture_settle(struct fixture *fixture)
{
    do {
        core_run_timers(fixture->core, fixture->now_ns);
        fixture_check(fixture);
        fixture_flush(fixture);
        fixture_take_events(fixture);
    } while (core_next_deadline(fixture->core) <= fixture->now_ns);
}

void fixture_run(struct fixture *fixture, uint64_t until_ns)
{
    fixture_settle(fixture);
    while (core_next_deadline(fixture->core) <= until_ns) {
        fixture->now_ns = core_next_deadline(fixture->core);
        fixture_settle(fixture);
    }
    fixture->now_ns = until_ns;
    fixture_settle(fixture);
}

void fixture_forget(struct fixture *fixture)
{
    fixture->sent_count = 0;
    fixture->event_count = 0;
}

struct command client_command(const struct client *client, enum command_type type)
{
    struct command command;

    memset(&command, 0, sizeof(command));
    command.type = type;
    command.session = client->session;
    command.request = 1;
    command.room = client->room;
    command.slot = client->slot;
    command.reason = REASON_LEFT;
    command.host_epoch = client->host_epoch;
    return command;
}

void fixture_command(struct fixture *fixture, const struct command *command)
{
    core_command(fixture->core, command, fixture->now_ns);
    fixture_take_events(fixture);
}

static void init_client(struct fixture *fixture, struct client *client, unsigned number)
{
    memset(client, 0, sizeof(*client));
    client->session = (struct session_ref){number, 0x51000000 + number};
    client->path = fixture_path(number);
    client->secret.tag = (uint32_t)(fixture_random(fixture) | 1);
    for (unsigned index = 0; index < DATAGRAM_KEY_SIZE; index++) {
        client->secret.key_up[index] = (uint8_t)fixture_random(fixture);
        client->secret.key_down[index] = (uint8_t)fixture_random(fixture);
    }
}

static void take_membership(struct fixture *fixture, struct client *client, unsigned from)
{
    const struct event *event = &fixture->events[from];

    if (fixture->event_count == from || event->type != EVENT_MEMBERSHIP) {
        fail("a client was refused");
    }
    client->room = event->room;
    client->slot = event->slot;
    client->member = event->member;
    client->host_epoch = event->host_epoch;
}

void client_create(struct fixture *fixture, struct client *client, unsigned number,
                   uint32_t tick_us)
{
    const unsigned from = fixture->event_count;
    struct command command;

    init_client(fixture, client, number);
    command = client_command(client, COMMAND_CREATE);
    command.secret = client->secret;
    command.down_bytes_s = fixture->down_bytes_s;
    command.members_max = fixture->limits.members_per_room_max;
    command.tick_us = tick_us;
    command.heritable = fixture->heritable;
    command.election = fixture->election;
    command.code_size = 6;
    memcpy(command.code, "BCDFGH", 6);
    fixture_command(fixture, &command);
    take_membership(fixture, client, from);
}

void client_join(struct fixture *fixture, struct client *client, unsigned number,
                 const struct client *host)
{
    const unsigned from = fixture->event_count;
    struct command command;

    init_client(fixture, client, number);
    client->room = host->room;
    command = client_command(client, COMMAND_JOIN);
    command.secret = client->secret;
    command.down_bytes_s = fixture->down_bytes_s;
    fixture_command(fixture, &command);
    take_membership(fixture, client, from);
}

size_t client_seal(const struct client *client, enum datagram_type type, uint64_t sequence,
                   const uint8_t *body, size_t body_size, uint8_t *out)
{
    const struct datagram_head head = {.type = type,
                                       .slot = client->slot.index,
                                       .slot_tag = client->slot.tag,
                                       .sequence = sequence};

    memcpy(out + DATAGRAM_HEAD_SIZE, body, body_size);
    return datagram_seal(&head, client->secret.key_up, out, body_size);
}

void client_send_raw(struct fixture *fixture, const struct path *from, const uint8_t *bytes,
                     size_t size)
{
    core_datagram(fixture->core, from, bytes, size, fixture->now_ns);
    fixture_check(fixture);
}

void client_send_from(struct fixture *fixture, struct client *client, const struct path *from,
                      enum datagram_type type, const uint8_t *body, size_t body_size)
{
    uint8_t bytes[2048];
    const size_t size = client_seal(client, type, ++client->sequence, body, body_size, bytes);

    client_send_raw(fixture, from, bytes, size);
}

void client_send(struct fixture *fixture, struct client *client, enum datagram_type type,
                 const uint8_t *body, size_t body_size)
{
    client_send_from(fixture, client, &client->path, type, body, body_size);
}

void client_send_record(struct fixture *fixture, struct client *client, uint16_t to, uint8_t stream,
                        bool is_retained, const void *payload, size_t size)
{
    uint8_t body[1400];
    struct record_writer writer;
    const struct record record = {.member = to,
                                  .stream = stream,
                                  .is_retained = is_retained,
                                  .size = (uint16_t)size,
                                  .payload = payload};

    record_writer_init(&writer, RECORD_UP, body, sizeof(body));
    if (!record_write(&writer, &record) ||
        !record_write_padding(&writer, DATAGRAM_UP_SIZE_MIN - DATAGRAM_OVERHEAD)) {
        fail("a record does not fit");
    }
    client_send(fixture, client, DATAGRAM_DATA, body, writer.size);
}

void client_bind(struct fixture *fixture, struct client *client)
{
    uint8_t body[BODY_BIND_SIZE];
    uint8_t cookie[BODY_COOKIE_SIZE];
    const struct sent *challenge = NULL;

    fixture_settle(fixture);
    fixture_forget(fixture);
    body_bind_write(body, 1);
    client_send(fixture, client, DATAGRAM_BIND, body, sizeof(body));
    fixture_flush(fixture);
    challenge = client_find(fixture, client, DATAGRAM_CHALLENGE, 0);
    if (challenge == NULL) {
        fail("no CHALLENGE");
    }
    (void)body_challenge_read(challenge->bytes + DATAGRAM_HEAD_SIZE, BODY_CHALLENGE_SIZE, cookie);
    body_confirm_write(body, cookie);
    client_send(fixture, client, DATAGRAM_CONFIRM, body, sizeof(body));
    fixture_settle(fixture);
    if (client_find(fixture, client, DATAGRAM_BOUND, 0) == NULL) {
        fail("no BOUND");
    }
    fixture_forget(fixture);
}

const struct sent *client_find(const struct fixture *fixture, const struct client *client,
                               enum datagram_type type, unsigned index)
{
    for (unsigned at = 0; at < fixture->sent_count; at++) {
        const struct sent *sent = &fixture->sent[at];
        struct datagram_head head;

        if (datagram_check_down(sent->bytes, sent->size, fixture->limits.max_datagram, &head) !=
            REASON_NONE) {
            fail("a datagram that is none");
        }
        if (head.slot != client->slot.index || head.slot_tag != client->slot.tag ||
            head.type != type) {
            continue;
        }
        if (!datagram_tag_fits(sent->bytes, sent->size, client->secret.key_down)) {
            fail("a datagram with a tag that does not fit");
        }
        if (index-- == 0) {
            return sent;
        }
    }
    return NULL;
}

unsigned client_count(const struct fixture *fixture, const struct client *client,
                      enum datagram_type type)
{
    unsigned count = 0;

    while (client_find(fixture, client, type, count) != NULL) {
        count++;
    }
    return count;
}

unsigned client_records(const struct fixture *fixture, const struct client *client,
                        struct record out[RECEIVE_MAX])
{
    const struct sent *sent = NULL;
    unsigned count = 0;

    for (unsigned index = 0; (sent = client_find(fixture, client, DATAGRAM_DATA, index)) != NULL;
         index++) {
        const uint8_t *body = datagram_body(sent->bytes);
        const size_t size = datagram_body_size(sent->size);
        struct record_reader reader;

        if (record_body_check(RECORD_DOWN, body, size) < 0) {
            fail("a body that is malformed");
        }
        record_reader_init(&reader, RECORD_DOWN, body, size);
        while (count < RECEIVE_MAX && record_next(&reader, &out[count])) {
            count += out[count].member != client->member;
        }
    }
    return count;
}

const struct event *fixture_event(const struct fixture *fixture, enum event_type type,
                                  unsigned index)
{
    for (unsigned at = 0; at < fixture->event_count; at++) {
        if (fixture->events[at].type == type && index-- == 0) {
            return &fixture->events[at];
        }
    }
    return NULL;
}

struct core_counters fixture_counters(const struct fixture *fixture)
{
    struct core_counters counters;

    core_counters(fixture->core, &counters);
    return counters;
}

uint64_t fixture_dropped(const struct fixture *fixture, enum reason reason)
{
    return fixture_counters(fixture).dropped[reason];
}
