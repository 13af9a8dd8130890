/* SPDX-License-Identifier: MIT */
#include "core_ops.h"

#include "proto/body.h"
#include "proto/limits.h"

#include <string.h>

static unsigned take(struct ops *ops)
{
    return ops->bytes == ops->end ? 0 : *ops->bytes++;
}

static unsigned take_below(struct ops *ops, unsigned bound)
{
    return take(ops) % bound;
}

static struct relay_limits make_limits(void)
{
    struct relay_limits limits = fixture_limits();

    limits.slots_max = 20;
    limits.rooms_max = 4;
    limits.members_per_room_max = 12;
    limits.streams_per_member = 3;
    limits.max_datagram = 300;
    limits.cells_max = 60;
    limits.client_datagrams_rate = 50;
    limits.client_datagrams_burst = 60;
    limits.client_bytes_rate = 8000;
    limits.client_bytes_burst = 9000;
    limits.client_records_rate = 100;
    limits.client_records_burst = 120;
    limits.room_deliveries_rate = 300;
    limits.room_deliveries_burst = 600;
    limits.room_bytes_rate = 9000;
    limits.room_bytes_burst = 9000;
    limits.over_limit_close_ns = 3 * SECOND;
    limits.room_empty_ttl_ns = 5 * SECOND;
    limits.room_age_max_ns = 200 * SECOND;
    limits.room_retained_bytes = 200;
    limits.challenge_address_rate = 3;
    limits.challenge_address_burst = 5;
    return limits;
}

static void start(struct ops *ops)
{
    for (unsigned number = 0; number < OPS_CLIENTS; number++) {
        ops->clients[number].client.session = (struct session_ref){number, 1};
    }
}

void ops_open(struct ops *ops)
{
    const struct relay_limits limits = make_limits();

    fixture_open(&ops->fixture, &limits);
    start(ops);
}

void ops_reset(struct ops *ops)
{
    const struct relay_limits limits = make_limits();

    fixture_reset(&ops->fixture, &limits);
    memset(ops->messages, 0,
           sizeof(ops->messages[0]) *
               (ops->number < OPS_MESSAGES ? ops->number + 1 : OPS_MESSAGES));
    memset(ops->clients, 0, sizeof(ops->clients));
    memset(ops->bytes_in, 0, sizeof(ops->bytes_in));
    memset(ops->bytes_out, 0, sizeof(ops->bytes_out));
    memset(ops->has_echoed, 0, sizeof(ops->has_echoed));
    ops->step = 0;
    ops->request = 0;
    ops->number = 0;
    ops->records_received = 0;
    start(ops);
}

void ops_close(struct ops *ops)
{
    fixture_close(&ops->fixture);
}

/* Commands. */

static const struct event *command(struct ops *ops, struct ops_client *client,
                                   struct command *command)
{
    struct fixture *fixture = &ops->fixture;
    const struct event *answer = NULL;

    fixture_take_events(fixture);
    ops_look(ops);
    command->request = ++ops->request;
    command->session = client->client.session;
    fixture_command(fixture, command);
    for (unsigned index = 0; index < fixture->event_count; index++) {
        if (fixture->events[index].answer) {
            OPS_REQUIRE(ops, answer == NULL && index == 0);
            answer = &fixture->events[index];
            OPS_REQUIRE(ops, answer->request == ops->request);
        }
    }
    OPS_REQUIRE(ops, answer != NULL);
    return answer;
}

static void become_member(const struct ops *ops, struct ops_client *client,
                          const struct event *answer)
{
    client->is_member = true;
    client->has_cookie = false;
    client->last_size = 0;
    client->last_number = 0;
    client->groups = 0;
    client->pong = (struct body_ping){0};
    client->is_heritable = answer->heritable;
    client->down_bytes_s = answer->down_bytes_s;
    client->down_begin_ns = ops->fixture.now_ns;
    client->down_bytes = 0;
    client->client.room = answer->room;
    client->client.slot = answer->slot;
    client->client.member = answer->member;
    client->client.host_epoch = answer->host_epoch;
    client->client.sequence = 0;
    memset(client->last_orders, 0, sizeof(client->last_orders));
    memset(client->senders, 0, sizeof(client->senders));
}

static void enter(struct ops *ops, struct ops_client *client, enum command_type type)
{
    struct command entry = client_command(&client->client, type);
    const struct event *answer = NULL;

    if (client->is_member) {
        return;
    }
    entry.room = ops->clients[take_below(ops, OPS_CLIENTS)].client.room;
    entry.members_max = (uint16_t)(4 + take_below(ops, 9));
    entry.heritable = take_below(ops, 2) == 0;
    entry.tick_us = take_below(ops, 2) * (1 + take_below(ops, 50)) * 1000;
    entry.down_bytes_s = take_below(ops, 3) == 0 ? 1 + take(ops) * 8 : 0;
    entry.secret.tag = (uint32_t)(fixture_random(&ops->fixture) | 1);
    for (unsigned index = 0; index < DATAGRAM_KEY_SIZE; index++) {
        entry.secret.key_up[index] = (uint8_t)fixture_random(&ops->fixture);
        entry.secret.key_down[index] = (uint8_t)fixture_random(&ops->fixture);
    }
    answer = command(ops, client, &entry);
    if (answer->type == EVENT_MEMBERSHIP) {
        client->client.secret = entry.secret;
        become_member(ops, client, answer);
    }
    ops_look(ops);
}

static void do_member_command(struct ops *ops, struct ops_client *client, enum command_type type)
{
    struct command entry = client_command(&client->client, type);
    const struct event *answer = NULL;

    entry.member = ops->clients[take_below(ops, OPS_CLIENTS)].client.member;
    entry.locked = take_below(ops, 8) == 0;
    entry.metadata_size = (uint16_t)(take(ops) * 2);
    entry.reason = take_below(ops, 2) == 0 ? REASON_LEFT : REASON_CONTROL_LOST;
    entry.host_epoch -= take_below(ops, 8) == 0;
    answer = command(ops, client, &entry);
    OPS_REQUIRE(ops, answer->type != EVENT_DONE || type == COMMAND_LEAVE ||
                         entry.host_epoch == client->client.host_epoch);
    OPS_REQUIRE(ops, client->is_member || answer->reason == REASON_NOT_IN_ROOM);
    if (type == COMMAND_LEAVE && client->is_member) {
        OPS_REQUIRE(ops, answer->type == EVENT_DONE);
        client->is_member = false;
    }
    ops_look(ops);
}

static void subscribe(struct ops *ops, struct ops_client *client)
{
    struct command entry = client_command(&client->client, COMMAND_SUBSCRIBE);

    entry.groups = (take(ops) & 1) | (uint64_t)(take(ops) & 1) << 31 | (uint64_t)take(ops) << 56;
    if (command(ops, client, &entry)->type == EVENT_DONE) {
        client->groups = entry.groups;
    }
    ops_look(ops);
}

static void drain(struct ops *ops)
{
    struct command entry = {.type = COMMAND_DRAIN, .reason = REASON_SHUTDOWN};

    fixture_take_events(&ops->fixture);
    ops_look(ops);
    fixture_command(&ops->fixture, &entry);
    OPS_REQUIRE(ops, ops->fixture.event_count == 0);
    for (unsigned number = 0; number < OPS_CLIENTS; number++) {
        ops->clients[number].is_member = false;
    }
}

/* Datagrams. */

static void send(struct ops *ops, struct ops_client *client, unsigned address,
                 enum datagram_type type, const uint8_t *body, size_t body_size)
{
    const struct path from = fixture_path(address);
    const uint64_t back = take_below(ops, 8) == 0 ? take(ops) * 8 : 0;
    uint64_t sequence = ++client->client.sequence;

    sequence = back < sequence ? sequence - back : 1;
    client->last_size = client_seal(&client->client, type, sequence, body, body_size, client->last);
    ops->bytes_in[address] += client->last_size;
    client_send_raw(&ops->fixture, &from, client->last, client->last_size);
}

/* The client's home address, or sometimes another's. */
static unsigned take_address(struct ops *ops, const struct ops_client *client)
{
    const unsigned home = (unsigned)(client - ops->clients);

    return take_below(ops, 6) == 0 ? take_below(ops, OPS_ADDRESSES) : home;
}

static uint16_t take_destination(struct ops *ops, const struct ops_client *client)
{
    switch (take_below(ops, 8)) {
    case 0:
        return MEMBER_HOST;
    case 1:
        return (uint16_t)(MEMBER_GROUP_FIRST + take_below(ops, 3) * 31);
    case 2:
        return client->client.member;
    case 3:
    case 4:
        return ops->clients[take_below(ops, OPS_CLIENTS)].client.member;
    default:
        return MEMBER_ALL;
    }
}

/* To the host: any member may be it, so the record may reach anyone. */
static void remember(struct ops *ops, const struct ops_client *client, const struct record *record,
                     uint64_t order)
{
    ops->messages[ops->number % OPS_MESSAGES] =
        (struct ops_message){.number = ops->number,
                             .sender = client->client.member,
                             .to = record->member == MEMBER_HOST ? MEMBER_ALL : record->member,
                             .receivers = ops_group_members(ops, record->member),
                             .room = client->client.room,
                             .order = order,
                             .is_heritable = client->is_heritable && record->is_retained,
                             .size = record->size,
                             .stream = record->stream};
}

static void make_payload(uint32_t number, uint8_t *out, unsigned size)
{
    memcpy(out, &number, sizeof(number));
    for (unsigned index = sizeof(number); index < size; index++) {
        out[index] = ops_filler(number, index);
    }
}

static void send_data(struct ops *ops, struct ops_client *client)
{
    const unsigned count = 1 + take_below(ops, 6);
    const unsigned address = take_address(ops, client);
    uint8_t body[DATAGRAM_LIMIT_MAX];
    uint8_t payload[256];
    const struct path from = fixture_path(address);
    struct record_writer writer;

    record_writer_init(&writer, RECORD_UP, body,
                       ops->fixture.limits.max_datagram - DATAGRAM_OVERHEAD);
    for (unsigned position = 0; position < count; position++) {
        struct record record = {.member = take_destination(ops, client), .payload = payload};

        if (record.member == MEMBER_PADDING) {
            record.member = MEMBER_ALL;
        }
        record.stream = (uint8_t)take_below(ops, OPS_STREAMS);
        record.is_retained =
            record.stream != 0 && record.member == MEMBER_ALL && take_below(ops, 3) == 0;
        record.size =
            (uint16_t)(PAYLOAD_SIZE_MIN + take_below(ops, take_below(ops, 5) == 0 ? 250 : 40));
        make_payload(ops->number + 1, payload, record.size);
        if (!record_write(&writer, &record)) {
            break;
        }
        ops->number++;
        remember(ops, client, &record, (client->client.sequence + 1) * RECORDS_MAX + position);
    }
    if (!record_write_padding(&writer, DATAGRAM_UP_SIZE_MIN - DATAGRAM_OVERHEAD)) {
        return;
    }
    /* No late sequence here: the order remembered is that of the next one. */
    client->client.sequence++;
    client->last_size = client_seal(&client->client, DATAGRAM_DATA, client->client.sequence, body,
                                    writer.size, client->last);
    ops->bytes_in[address] += client->last_size;
    client_send_raw(&ops->fixture, &from, client->last, client->last_size);
}

static void send_bind(struct ops *ops, struct ops_client *client)
{
    uint8_t body[BODY_BIND_SIZE];

    body_bind_write(body, ops->step);
    send(ops, client, take_address(ops, client), DATAGRAM_BIND, body, sizeof(body));
}

static void send_confirm(struct ops *ops, struct ops_client *client)
{
    uint8_t body[BODY_CONFIRM_SIZE];
    unsigned address = client->cookie_address;

    if (!client->has_cookie) {
        return;
    }
    if (take_below(ops, 8) == 0) {
        address = take_below(ops, OPS_ADDRESSES);
    }
    if (address == client->cookie_address) {
        ops->has_echoed[address] = true;
    }
    body_confirm_write(body, client->cookie);
    send(ops, client, address, DATAGRAM_CONFIRM, body, sizeof(body));
}

/* Of anything, or an answer to the last PONG with a digest that is right or not. */
static void send_ping(struct ops *ops, struct ops_client *client)
{
    uint8_t body[BODY_PING_SIZE];
    struct body_ping ping = client->pong;

    if (take_below(ops, 2) == 0) {
        ping = (struct body_ping){.client_time_us = take(ops),
                                  .room_time_us = take(ops) * UINT64_C(0x10000000),
                                  .delay_us = take(ops),
                                  .highest = take(ops),
                                  .received = take(ops)};
    }
    ping.digest ^= take(ops) & 1;
    body_ping_write(body, &ping);
    send(ops, client, take_address(ops, client), DATAGRAM_PING, body, sizeof(body));
}

/* The last datagram again, changed or not: nothing may come of it. */
static void send_forged(struct ops *ops, struct ops_client *client)
{
    const struct path from = fixture_path(take_below(ops, OPS_ADDRESSES));
    uint8_t bytes[2048];
    size_t size = client->last_size;
    const unsigned changes = take_below(ops, 3);

    memcpy(bytes, client->last, size);
    for (unsigned change = 0; change < changes && size > 0; change++) {
        bytes[take(ops) * 5 % size] ^= (uint8_t)(1U << take_below(ops, 8));
    }
    if (take_below(ops, 4) == 0) {
        size = size * take(ops) / 256;
    }
    client_send_raw(&ops->fixture, &from, bytes, size);
}

/* Sealed by the client, with a body of the fuzzer's choice. */
static void send_sealed(struct ops *ops, struct ops_client *client)
{
    static const enum datagram_type types[] = {DATAGRAM_DATA, DATAGRAM_BIND, DATAGRAM_CONFIRM,
                                               DATAGRAM_PING, DATAGRAM_BOUND};
    const enum datagram_type type = types[take_below(ops, 5)];
    const unsigned address = take_address(ops, client);
    uint8_t body[64];
    const size_t size = 8 + take_below(ops, 56);

    memset(body, 0xEE, sizeof(body)); /* Member 0xEEEE: nobody. */
    for (size_t index = 0; index < size && type != DATAGRAM_DATA; index++) {
        body[index] = (uint8_t)take(ops);
    }
    send(ops, client, address, type, body, size);
}

/* Time, outputs, limits. */

static void pass_time(struct ops *ops)
{
    static const uint64_t steps_ns[] = {1,       1000,   MS,         7 * MS,
                                        50 * MS, SECOND, 4 * SECOND, 40 * SECOND};

    ops->fixture.now_ns +=
        steps_ns[take_below(ops, 4) + take_below(ops, 5)] * (1 + take_below(ops, 3));
}

static void flush(struct ops *ops)
{
    static const enum output_result results[] = {OUTPUT_SENT, OUTPUT_SENT, OUTPUT_SENT,
                                                 OUTPUT_SENT, OUTPUT_FULL, OUTPUT_FAILED};

    ops->fixture.capacity = 1 + take_below(ops, 64);
    ops->fixture.result = results[take_below(ops, 6)];
    fixture_flush(&ops->fixture);
    ops_look(ops);
}

/* One batch only, so that calls come between the parts of a flush. */
static void flush_partly(struct ops *ops)
{
    struct output outputs[64];
    const unsigned count =
        core_output(ops->fixture.core, outputs, 1 + take_below(ops, 8), ops->fixture.now_ns);

    for (unsigned index = 0; index < count; index++) {
        const unsigned address = ops_address(ops, &outputs[index].path);

        outputs[index].result = OUTPUT_FULL;
        ops->bytes_out[address] +=
            (uint64_t)outputs[index].head_size + outputs[index].body_size + outputs[index].tag_size;
        OPS_REQUIRE(ops,
                    ops->has_echoed[address] || ops->bytes_out[address] <= ops->bytes_in[address]);
    }
    fixture_check(&ops->fixture);
    core_output_done(ops->fixture.core, outputs, count);
    fixture_check(&ops->fixture);
}

static void settle(struct ops *ops)
{
    core_run_timers(ops->fixture.core, ops->fixture.now_ns);
    fixture_check(&ops->fixture);
    fixture_take_events(&ops->fixture);
    ops_look(ops);
}

static void change_limits(struct ops *ops)
{
    struct relay_limits limits = ops->fixture.limits;

    limits.session_idle_ns = (1 + take_below(ops, 60)) * SECOND;
    limits.bind_timeout_ns = (1 + take_below(ops, 30)) * SECOND;
    limits.rebind = (enum rebind_rule)take_below(ops, 3);
    limits.rebind_moves = 1 + take_below(ops, 8);
    limits.room_age_max_ns = take_below(ops, 300) * SECOND;
    core_set_limits(ops->fixture.core, &limits);
    ops->fixture.limits = limits;
    fixture_check(&ops->fixture);
}

/* The whole way to a validated path, at the client's home. */
static void greet(struct ops *ops, struct ops_client *client)
{
    uint8_t body[BODY_BIND_SIZE];
    const unsigned home = (unsigned)(client - ops->clients);

    if (!client->is_member) {
        enter(ops, client, COMMAND_JOIN);
    }
    if (!client->is_member) {
        return;
    }
    ops->fixture.result = OUTPUT_SENT;
    ops->fixture.capacity = 64;
    body_bind_write(body, ops->step);
    send(ops, client, home, DATAGRAM_BIND, body, sizeof(body));
    fixture_flush(&ops->fixture);
    ops_look(ops);
    send_confirm(ops, client);
}

static void send_burst(struct ops *ops, struct ops_client *client)
{
    const unsigned count = take_below(ops, 40);

    for (unsigned index = 0; index < count && client->is_member; index++) {
        send_data(ops, client);
    }
}

static void run_command(struct ops *ops, struct ops_client *client, unsigned op)
{
    switch (op) {
    case 0:
        enter(ops, client, COMMAND_CREATE);
        break;
    case 1:
    case 2:
        enter(ops, client, COMMAND_JOIN);
        break;
    case 3:
        do_member_command(ops, client, COMMAND_LEAVE);
        break;
    case 4:
        do_member_command(ops, client, COMMAND_KICK);
        break;
    case 5:
        do_member_command(ops, client, COMMAND_LOCK);
        break;
    case 6:
        do_member_command(ops, client, COMMAND_HAND_OVER);
        break;
    case 7:
        do_member_command(ops, client, COMMAND_SET_METADATA);
        break;
    default:
        do_member_command(ops, client, COMMAND_ROOM_STATE);
        break;
    }
}

static void step(struct ops *ops)
{
    const unsigned op = take_below(ops, 40);
    struct ops_client *client = &ops->clients[take_below(ops, OPS_CLIENTS)];

    ops->step++;
    if (op >= 30) {
        if (client->is_member) {
            send_data(ops, client);
        } else {
            enter(ops, client, COMMAND_JOIN);
        }
        return;
    }
    if (op <= 8) {
        run_command(ops, client, op);
        return;
    }
    switch (op) {
    case 9:
    case 10:
        send_bind(ops, client);
        break;
    case 11:
    case 12:
    case 13:
        send_confirm(ops, client);
        break;
    case 14:
        send_ping(ops, client);
        break;
    case 15:
        send_forged(ops, client);
        break;
    case 16:
        send_sealed(ops, client);
        break;
    case 17:
    case 18:
        pass_time(ops);
        break;
    case 19:
    case 20:
    case 21:
        flush(ops);
        break;
    case 22:
        flush_partly(ops);
        break;
    case 23:
        settle(ops);
        break;
    case 24:
        if (take_below(ops, 64) == 0) {
            drain(ops);
        } else {
            subscribe(ops, client);
        }
        break;
    case 25:
        if (take_below(ops, 4) == 0) {
            change_limits(ops);
        }
        break;
    case 26:
        send_burst(ops, client);
        break;
    default:
        greet(ops, client);
        break;
    }
}

void ops_run(struct ops *ops, const uint8_t *bytes, size_t size)
{
    ops->bytes = bytes;
    ops->end = bytes + size;
    while (ops->bytes < ops->end) {
        ops->fixture.is_unchecked =
            ops->check_interval != 0 && (ops->step + 1) % ops->check_interval != 0;
        step(ops);
    }
    ops->fixture.is_unchecked = false;
    settle(ops);
    flush(ops);
}
