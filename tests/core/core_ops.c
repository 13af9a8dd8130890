/* SPDX-License-Identifier: MIT */
#include "core_ops.h"

#include "proto/body.h"
#include "proto/limits.h"

#include <string.h>

unsigned ops_take(struct ops *ops)
{
    return ops->bytes == ops->end ? 0 : *ops->bytes++;
}

unsigned ops_take_below(struct ops *ops, unsigned bound)
{
    return ops_take(ops) % bound;
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

/* Datagrams. */

static void send(struct ops *ops, struct ops_client *client, unsigned address,
                 enum datagram_type type, const uint8_t *body, size_t body_size)
{
    const struct path from = fixture_path(address);
    const uint64_t back = ops_take_below(ops, 8) == 0 ? ops_take(ops) * 8 : 0;
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

    return ops_take_below(ops, 6) == 0 ? ops_take_below(ops, OPS_ADDRESSES) : home;
}

static uint16_t take_destination(struct ops *ops, const struct ops_client *client)
{
    switch (ops_take_below(ops, 8)) {
    case 0:
        return MEMBER_HOST;
    case 1:
        return (uint16_t)(MEMBER_GROUP_FIRST + ops_take_below(ops, 3) * 31);
    case 2:
        return client->client.member;
    case 3:
    case 4:
        return ops->clients[ops_take_below(ops, OPS_CLIENTS)].client.member;
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
    const unsigned count = 1 + ops_take_below(ops, 6);
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
        record.stream = (uint8_t)ops_take_below(ops, OPS_STREAMS);
        record.is_retained =
            record.stream != 0 && record.member == MEMBER_ALL && ops_take_below(ops, 3) == 0;
        record.size = (uint16_t)(PAYLOAD_SIZE_MIN +
                                 ops_take_below(ops, ops_take_below(ops, 5) == 0 ? 250 : 40));
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
    if (ops_take_below(ops, 8) == 0) {
        address = ops_take_below(ops, OPS_ADDRESSES);
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

    if (ops_take_below(ops, 2) == 0) {
        ping = (struct body_ping){.client_time_us = ops_take(ops),
                                  .room_time_us = ops_take(ops) * UINT64_C(0x10000000),
                                  .delay_us = ops_take(ops),
                                  .highest = ops_take(ops),
                                  .received = ops_take(ops)};
    }
    ping.digest ^= ops_take(ops) & 1;
    body_ping_write(body, &ping);
    send(ops, client, take_address(ops, client), DATAGRAM_PING, body, sizeof(body));
}

/* The last datagram again, changed or not: nothing may come of it. */
static void send_forged(struct ops *ops, struct ops_client *client)
{
    const struct path from = fixture_path(ops_take_below(ops, OPS_ADDRESSES));
    uint8_t bytes[2048];
    size_t size = client->last_size;
    const unsigned changes = ops_take_below(ops, 3);

    memcpy(bytes, client->last, size);
    for (unsigned change = 0; change < changes && size > 0; change++) {
        bytes[ops_take(ops) * 5 % size] ^= (uint8_t)(1U << ops_take_below(ops, 8));
    }
    if (ops_take_below(ops, 4) == 0) {
        size = size * ops_take(ops) / 256;
    }
    client_send_raw(&ops->fixture, &from, bytes, size);
}

/* Sealed by the client, with a body of the fuzzer's choice. */
static void send_sealed(struct ops *ops, struct ops_client *client)
{
    static const enum datagram_type types[] = {DATAGRAM_DATA, DATAGRAM_BIND, DATAGRAM_CONFIRM,
                                               DATAGRAM_PING, DATAGRAM_BOUND};
    const enum datagram_type type = types[ops_take_below(ops, 5)];
    const unsigned address = take_address(ops, client);
    uint8_t body[64];
    const size_t size = 8 + ops_take_below(ops, 56);

    memset(body, 0xEE, sizeof(body)); /* Member 0xEEEE: nobody. */
    for (size_t index = 0; index < size && type != DATAGRAM_DATA; index++) {
        body[index] = (uint8_t)ops_take(ops);
    }
    send(ops, client, address, type, body, size);
}

/* Time, outputs, limits. */

static void pass_time(struct ops *ops)
{
    static const uint64_t steps_ns[] = {1,       1000,   MS,         7 * MS,
                                        50 * MS, SECOND, 4 * SECOND, 40 * SECOND};

    ops->fixture.now_ns +=
        steps_ns[ops_take_below(ops, 4) + ops_take_below(ops, 5)] * (1 + ops_take_below(ops, 3));
}

static void flush(struct ops *ops)
{
    static const enum output_result results[] = {OUTPUT_SENT, OUTPUT_SENT, OUTPUT_SENT,
                                                 OUTPUT_SENT, OUTPUT_FULL, OUTPUT_FAILED};

    ops->fixture.capacity = 1 + ops_take_below(ops, 64);
    ops->fixture.result = results[ops_take_below(ops, 6)];
    fixture_flush(&ops->fixture);
    ops_look(ops);
}

/* One batch only, so that calls come between the parts of a flush. */
static void flush_partly(struct ops *ops)
{
    struct output outputs[64];
    const unsigned count =
        core_output(ops->fixture.core, outputs, 1 + ops_take_below(ops, 8), ops->fixture.now_ns);

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

    limits.session_idle_ns = (1 + ops_take_below(ops, 60)) * SECOND;
    limits.bind_timeout_ns = (1 + ops_take_below(ops, 30)) * SECOND;
    limits.rebind = (enum rebind_rule)ops_take_below(ops, 3);
    limits.rebind_moves = 1 + ops_take_below(ops, 8);
    limits.room_age_max_ns = ops_take_below(ops, 300) * SECOND;
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
        ops_enter(ops, client, COMMAND_JOIN);
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
    const unsigned count = ops_take_below(ops, 40);

    for (unsigned index = 0; index < count && client->is_member; index++) {
        send_data(ops, client);
    }
}

static void step(struct ops *ops)
{
    const unsigned op = ops_take_below(ops, 43);
    struct ops_client *client = &ops->clients[ops_take_below(ops, OPS_CLIENTS)];

    ops->step++;
    if (op >= 33) {
        if (client->is_member) {
            send_data(ops, client);
        } else {
            ops_enter(ops, client, COMMAND_JOIN);
        }
        return;
    }
    if (op <= 11) {
        ops_command(ops, client, op);
        return;
    }
    switch (op) {
    case 12:
    case 13:
        send_bind(ops, client);
        break;
    case 14:
    case 15:
    case 16:
        send_confirm(ops, client);
        break;
    case 17:
        send_ping(ops, client);
        break;
    case 18:
        send_forged(ops, client);
        break;
    case 19:
        send_sealed(ops, client);
        break;
    case 20:
    case 21:
        pass_time(ops);
        break;
    case 22:
    case 23:
    case 24:
        flush(ops);
        break;
    case 25:
        flush_partly(ops);
        break;
    case 26:
        settle(ops);
        break;
    case 27:
        if (ops_take_below(ops, 64) == 0) {
            ops_drain(ops);
        } else {
            ops_subscribe(ops, client);
        }
        break;
    case 28:
        if (ops_take_below(ops, 4) == 0) {
            change_limits(ops);
        }
        break;
    case 29:
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
