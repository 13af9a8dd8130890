/* SPDX-License-Identifier: MIT */
#include "core_ops.h"

#include "proto/body.h"

#include <string.h>

uint8_t ops_filler(uint32_t number, unsigned index)
{
    return (uint8_t)(number * 31 + index * 7);
}

unsigned ops_address(const struct ops *ops, const struct path *path)
{
    for (unsigned number = 0; number < OPS_ADDRESSES; number++) {
        const struct path other = fixture_path(number);

        if (addr_equal(&other.peer, &path->peer)) {
            return number;
        }
    }
    OPS_REQUIRE(ops, false && "an address that nobody has");
    return 0;
}

uint32_t ops_group_members(const struct ops *ops, uint16_t group)
{
    uint32_t members = 0;

    for (unsigned number = 0; number < OPS_CLIENTS; number++) {
        const bool is_of_it = group >= MEMBER_GROUP_FIRST && group <= MEMBER_GROUP_LAST &&
                              (ops->clients[number].groups >> (group & 63) & 1) != 0;

        members |= (uint32_t)is_of_it << number;
    }
    return members;
}

static struct ops_client *client_of(struct ops *ops, const struct sent *sent)
{
    struct datagram_head head;

    OPS_REQUIRE(ops, datagram_check_down(sent->bytes, sent->size, ops->fixture.limits.max_datagram,
                                         &head) == REASON_NONE);
    for (unsigned number = 0; number < OPS_CLIENTS; number++) {
        struct ops_client *client = &ops->clients[number];

        if (client->client.slot.index == head.slot && client->client.slot.tag == head.slot_tag) {
            OPS_REQUIRE(ops,
                        datagram_tag_fits(sent->bytes, sent->size, client->client.secret.key_down));
            return client;
        }
    }
    return NULL; /* Its client has gone, and so have the keys. */
}

/* The orders of a sender, forgotten when its place has another member. */
static uint64_t *orders_of(struct ops *ops, struct ops_client *client, uint16_t sender)
{
    unsigned number = 0;

    while (number < OPS_CLIENTS && client->senders[number] != sender) {
        number++;
    }
    if (number == OPS_CLIENTS) {
        number = ops->number % OPS_CLIENTS;
        client->senders[number] = sender;
        memset(client->last_orders[number], 0, sizeof(client->last_orders[number]));
    }
    return client->last_orders[number];
}

static void check_record(struct ops *ops, struct ops_client *client, const struct record *record)
{
    const struct ops_message *message = NULL;
    uint32_t number = 0;

    if (record->member == client->client.member) {
        return;
    }
    OPS_REQUIRE(ops, record->size >= PAYLOAD_SIZE_MIN);
    memcpy(&number, record->payload, sizeof(number));
    message = &ops->messages[number % OPS_MESSAGES];
    OPS_REQUIRE(ops, message->number == number);
    OPS_REQUIRE(ops, message->stream == record->stream);
    OPS_REQUIRE(ops, message->sender == record->member ||
                         (message->is_heritable && record->is_retained));
    OPS_REQUIRE(ops, message->size == record->size);
    for (unsigned index = PAYLOAD_SIZE_MIN; index < record->size; index++) {
        OPS_REQUIRE(ops, record->payload[index] == ops_filler(number, index));
    }
    OPS_REQUIRE(ops, message->room.index == client->client.room.index &&
                         message->room.tag == client->client.room.tag);
    OPS_REQUIRE(ops, message->to == MEMBER_ALL || message->to == client->client.member ||
                         (message->receivers >> (client - ops->clients) & 1) != 0);
    if (record->stream == 0) {
        OPS_REQUIRE(ops, number > client->last_number);
        client->last_number = number;
    } else if (message->sender == record->member) {
        uint64_t *last = &orders_of(ops, client, record->member)[record->stream];

        /* What is retained may come again. */
        OPS_REQUIRE(ops, record->is_retained ? message->order >= *last : message->order > *last);
        *last = message->order;
    }
    ops->records_received++;
}

/* A budget of an eighth of a second, or two datagrams, at once, and its rate from then on. */
static void check_down_budget(struct ops *ops, struct ops_client *client, size_t size)
{
    const uint64_t elapsed_ns = ops->fixture.now_ns - client->down_begin_ns;
    const uint64_t rate = client->down_bytes_s;
    const uint64_t least = 2U * ops->fixture.limits.max_datagram;
    const uint64_t burst = rate / 8 > least ? rate / 8 : least;

    client->down_bytes += size;
    OPS_REQUIRE(ops, rate == 0 || client->down_bytes <=
                                      burst + 1 + elapsed_ns / MS * rate / 1000 + rate / 1000);
}

static void check_data(struct ops *ops, struct ops_client *client, const struct sent *sent)
{
    const uint8_t *body = datagram_body(sent->bytes);
    const size_t size = datagram_body_size(sent->size);
    struct record_reader reader;
    struct record record;

    OPS_REQUIRE(ops, record_body_check(RECORD_DOWN, body, size) > 0);
    record_reader_init(&reader, RECORD_DOWN, body, size);
    while (record_next(&reader, &record)) {
        check_record(ops, client, &record);
    }
}

static void check_sent(struct ops *ops, const struct sent *sent)
{
    const unsigned address = ops_address(ops, &sent->path);
    struct ops_client *client = client_of(ops, sent);
    struct datagram_head head;

    (void)datagram_check_down(sent->bytes, sent->size, ops->fixture.limits.max_datagram, &head);
    ops->bytes_out[address] += sent->size;
    OPS_REQUIRE(ops, ops->has_echoed[address] || ops->bytes_out[address] <= ops->bytes_in[address]);
    if (client == NULL) {
        OPS_REQUIRE(ops, head.type != DATAGRAM_DATA);
        return;
    }
    if (head.type == DATAGRAM_DATA) {
        OPS_REQUIRE(ops, ops->has_echoed[address]);
        check_down_budget(ops, client, sent->size);
        check_data(ops, client, sent);
    }
    if (head.type == DATAGRAM_PONG) {
        OPS_REQUIRE(ops, body_ping_read(datagram_body(sent->bytes), BODY_PONG_SIZE, &client->pong));
    }
    if (head.type == DATAGRAM_CHALLENGE) {
        client->has_cookie = true;
        client->cookie_address = address;
        (void)body_challenge_read(datagram_body(sent->bytes), BODY_CHALLENGE_SIZE, client->cookie);
    }
}

static void check_event(struct ops *ops, const struct event *event)
{
    struct ops_client *client = &ops->clients[event->session.index % OPS_CLIENTS];

    for (unsigned index = 0; index < event->receiver_count; index++) {
        struct ops_client *receiver = &ops->clients[event->receivers[index].index];

        OPS_REQUIRE(ops, receiver->is_member && receiver->client.room.index == event->room.index);
        if (event->type == EVENT_HOST_CHANGED) {
            OPS_REQUIRE(ops, event->host_epoch > receiver->client.host_epoch);
            receiver->client.host_epoch = event->host_epoch;
        }
    }
    if (event->type == EVENT_REMOVED) {
        OPS_REQUIRE(ops, client->is_member && client->client.slot.tag == event->slot.tag);
        client->is_member = false;
    }
    if (event->type == EVENT_NOTICE) {
        OPS_REQUIRE(ops, client->is_member && event->reason != REASON_NONE);
    }
}

/* Events come first: who has been removed may still be sent a BYE. */
void ops_look(struct ops *ops)
{
    struct fixture *fixture = &ops->fixture;

    for (unsigned index = 0; index < fixture->event_count; index++) {
        check_event(ops, &fixture->events[index]);
    }
    for (unsigned index = 0; index < fixture->sent_count; index++) {
        check_sent(ops, &fixture->sent[index]);
    }
    fixture_forget(fixture);
}
