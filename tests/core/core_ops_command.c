/* SPDX-License-Identifier: MIT */
#include "core_ops.h"

#include <string.h>

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

void ops_enter(struct ops *ops, struct ops_client *client, enum command_type type)
{
    struct command entry = client_command(&client->client, type);
    const struct event *answer = NULL;

    if (client->is_member) {
        return;
    }
    entry.room = ops->clients[ops_take_below(ops, OPS_CLIENTS)].client.room;
    entry.members_max = (uint16_t)(4 + ops_take_below(ops, 9));
    entry.heritable = ops_take_below(ops, 2) == 0;
    entry.election = (uint8_t)ops_take_below(ops, 3);
    entry.tick_us = ops_take_below(ops, 2) * (1 + ops_take_below(ops, 50)) * 1000;
    entry.down_bytes_s = ops_take_below(ops, 3) == 0 ? 1 + ops_take(ops) * 8 : 0;
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

    entry.member = ops->clients[ops_take_below(ops, OPS_CLIENTS)].client.member;
    entry.locked = ops_take_below(ops, 8) == 0;
    entry.metadata_size = (uint16_t)(ops_take(ops) * 2);
    entry.reason = ops_take_below(ops, 2) == 0 ? REASON_LEFT : REASON_CONTROL_LOST;
    entry.host_epoch -= ops_take_below(ops, 8) == 0;
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

void ops_subscribe(struct ops *ops, struct ops_client *client)
{
    struct command entry = client_command(&client->client, COMMAND_SUBSCRIBE);

    entry.groups =
        (ops_take(ops) & 1) | (uint64_t)(ops_take(ops) & 1) << 31 | (uint64_t)ops_take(ops) << 56;
    if (command(ops, client, &entry)->type == EVENT_DONE) {
        client->groups = entry.groups;
    }
    ops_look(ops);
}

void ops_drain(struct ops *ops)
{
    const struct command entry = {.type = COMMAND_DRAIN, .reason = REASON_SHUTDOWN};

    fixture_take_events(&ops->fixture);
    ops_look(ops);
    fixture_command(&ops->fixture, &entry);
    OPS_REQUIRE(ops, ops->fixture.event_count == 0);
    for (unsigned number = 0; number < OPS_CLIENTS; number++) {
        ops->clients[number].is_member = false;
    }
}

/* The session's connection is lost or back, also again, also of who is no member any more. */
static void tell_control(struct ops *ops, struct ops_client *client, enum command_type type)
{
    struct command entry = client_command(&client->client, type);

    entry.request = 0;
    fixture_take_events(&ops->fixture);
    ops_look(ops);
    fixture_command(&ops->fixture, &entry);
    ops_look(ops);
}

void ops_command(struct ops *ops, struct ops_client *client, unsigned op)
{
    switch (op) {
    case 0:
        ops_enter(ops, client, COMMAND_CREATE);
        break;
    case 1:
    case 2:
        ops_enter(ops, client, COMMAND_JOIN);
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
    case 8:
        do_member_command(ops, client, COMMAND_SET_HEIR);
        break;
    case 9:
        tell_control(ops, client, COMMAND_CONTROL_LOST);
        break;
    case 10:
        tell_control(ops, client, COMMAND_CONTROL_BACK);
        break;
    default:
        do_member_command(ops, client, COMMAND_ROOM_STATE);
        break;
    }
}
