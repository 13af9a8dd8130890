/* SPDX-License-Identifier: MIT */

/* players_relay.c - the players of gsrelayd, on its real wire (docs/PROTOCOL.md 2).
 *
 * They join by the client library (relay_join.h); states are sealed and read here, by the same
 * functions of proto/ but without what a game wants beside, so that the players stay cheaper than
 * the relay. Every datagram sent is authenticated, each player pings once a second as the library
 * does; of the datagrams that come the tags of one in sixteen are checked. */

#include "tests/bench/players.h"

#include "daemon/os/os.h"
#include "proto/body.h"
#include "proto/datagram.h"
#include "proto/record.h"
#include "proto/wire.h"
#include "tests/bench/relay_join.h"
#include "tests/bench/sockets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOCKETS = 8, CHECK_EACH = 16, STREAM = 1 };

static const uint64_t BIND_NS = UINT64_C(20000000000);
static const uint64_t REPEAT_NS = UINT64_C(100000000);

struct path {
    uint64_t sequence;
    uint64_t highest; /* Down. */
    uint64_t received;
    uint64_t room_time_us;
    uint64_t pong_ns;
    bool is_bound;
};

static struct relay_slot *slots;
static struct path *paths;
static unsigned *player_of_slot;
static unsigned slot_limit;
static unsigned bound_count;
static unsigned unchecked;
static unsigned upkeep_next;

static void seal_and_queue(unsigned player, enum datagram_type type, size_t body_size)
{
    const struct relay_slot *slot = &slots[player];
    const struct datagram_head head = {.type = type,
                                       .slot = slot->slot,
                                       .slot_tag = slot->slot_tag,
                                       .sequence = ++paths[player].sequence};
    uint8_t *bytes = sockets_datagram(player % SOCKETS);

    sockets_datagram_done(player % SOCKETS, datagram_seal(&head, slot->key_up, bytes, body_size),
                          NULL);
}

static void take_records(struct players *players, unsigned player, const uint8_t *at, size_t size,
                         uint64_t now_ns)
{
    const uint8_t *end = at + size;
    const bool is_budgeted = players->down_bytes_s != 0 && player % players->members == 0;
    const unsigned room = player / players->members;

    while (end - at >= RECORD_HEAD_SIZE) {
        const unsigned member = (unsigned)at[0] << 8 | at[1];
        const size_t payload = (size_t)(at[3] & 0x07) << 8 | at[4];

        at += RECORD_HEAD_SIZE;
        if (payload > (size_t)(end - at)) {
            players->strange++;
            return;
        }
        if (member != MEMBER_PADDING && member != slots[player].member) {
            players_take_state(players, room, is_budgeted, at, payload, now_ns);
        }
        at += payload;
    }
}

static void take_pong(unsigned player, const uint8_t *body, size_t size, uint64_t now_ns)
{
    struct body_ping pong;

    if (body_ping_read(body, size, &pong)) {
        paths[player].room_time_us = pong.room_time_us;
        paths[player].pong_ns = now_ns;
    }
}

static void take(void *context, unsigned socket, const uint8_t *bytes, size_t size,
                 const struct sockaddr_in *source, uint64_t now_ns)
{
    struct players *players = context;
    struct datagram_head head;
    uint8_t cookie[BODY_COOKIE_SIZE];
    unsigned player;

    (void)socket;
    (void)source;
    if (datagram_check_down(bytes, size, DATAGRAM_LIMIT_MAX, &head) != REASON_NONE ||
        head.slot >= slot_limit) {
        players->strange++;
        return;
    }
    player = player_of_slot[head.slot];
    if (++unchecked == CHECK_EACH || head.type != DATAGRAM_DATA) {
        unchecked = 0;
        if (!datagram_tag_fits(bytes, size, slots[player].key_down)) {
            players->strange++;
            return;
        }
    }
    paths[player].highest =
        head.sequence > paths[player].highest ? head.sequence : paths[player].highest;
    paths[player].received++;
    if (head.type == DATAGRAM_DATA) {
        players_take_datagram(players, size, now_ns);
        take_records(players, player, datagram_body(bytes), datagram_body_size(size), now_ns);
    } else if (head.type == DATAGRAM_PONG) {
        take_pong(player, datagram_body(bytes), datagram_body_size(size), now_ns);
    } else if (head.type == DATAGRAM_BOUND) {
        bound_count += !paths[player].is_bound;
        paths[player].is_bound = true;
    } else if (head.type == DATAGRAM_CHALLENGE &&
               body_challenge_read(datagram_body(bytes), datagram_body_size(size), cookie)) {
        body_confirm_write(sockets_datagram(player % SOCKETS) + DATAGRAM_HEAD_SIZE, cookie);
        seal_and_queue(player, DATAGRAM_CONFIRM, BODY_CONFIRM_SIZE);
    }
}

static uint64_t relay_receive(struct players *players)
{
    return sockets_receive(take, players);
}

static void relay_send(struct players *players, unsigned player, uint64_t now_ns)
{
    uint8_t *record = sockets_datagram(player % SOCKETS) + DATAGRAM_HEAD_SIZE;

    record[0] = (uint8_t)(MEMBER_ALL >> 8);
    record[1] = (uint8_t)(MEMBER_ALL & 0xFF);
    record[2] = STREAM;
    record[3] = (uint8_t)(players->state_size >> 8);
    record[4] = (uint8_t)players->state_size;
    players_make_state(players, player, now_ns, record + RECORD_HEAD_SIZE);
    seal_and_queue(player, DATAGRAM_DATA, RECORD_HEAD_SIZE + players->state_size);
}

static void relay_flush(struct players *players)
{
    (void)players;
    sockets_flush();
}

static void ping(unsigned player, uint64_t now_ns)
{
    const struct path *path = &paths[player];
    const struct body_ping body = {
        .client_time_us = now_ns / 1000,
        .room_time_us = path->room_time_us,
        .delay_us = path->pong_ns == 0 ? 0 : (uint32_t)((now_ns - path->pong_ns) / 1000),
        .highest = path->highest,
        .received = path->received,
    };

    body_ping_write(sockets_datagram(player % SOCKETS) + DATAGRAM_HEAD_SIZE, &body);
    seal_and_queue(player, DATAGRAM_PING, BODY_PING_SIZE);
}

/* Called each millisecond: all players in ping_ms times. */
static void relay_upkeep(struct players *players, uint64_t now_ns)
{
    if (players->ping_ms == 0) {
        return;
    }
    for (unsigned player = upkeep_next; player < players->count; player += players->ping_ms) {
        ping(player, now_ns);
    }
    upkeep_next = (upkeep_next + 1) % players->ping_ms;
    sockets_flush();
}

static bool number_slots(const struct players *players)
{
    for (unsigned player = 0; player < players->count; player++) {
        slot_limit = slots[player].slot >= slot_limit ? slots[player].slot + 1 : slot_limit;
    }
    player_of_slot = calloc(slot_limit, sizeof(*player_of_slot));
    for (unsigned player = 0; player_of_slot != NULL && player < players->count; player++) {
        player_of_slot[slots[player].slot] = player;
    }
    return player_of_slot != NULL;
}

static bool bind_all(struct players *players)
{
    const uint64_t deadline_ns = os_clock_ns() + BIND_NS;
    uint64_t repeat_ns = 0;

    while (bound_count < players->count && os_clock_ns() < deadline_ns) {
        if (os_clock_ns() >= repeat_ns) {
            for (unsigned player = 0; player < players->count; player++) {
                if (!paths[player].is_bound) {
                    body_bind_write(sockets_datagram(player % SOCKETS) + DATAGRAM_HEAD_SIZE, 0);
                    seal_and_queue(player, DATAGRAM_BIND, BODY_BIND_SIZE);
                }
            }
            repeat_ns = os_clock_ns() + REPEAT_NS;
        }
        sockets_flush();
        (void)relay_receive(players);
    }
    if (bound_count < players->count) {
        (void)fprintf(stderr, "bench: %u of %u players are bound\n", bound_count, players->count);
    }
    return bound_count == players->count;
}

static bool relay_open(struct players *players)
{
    slots = calloc(players->count, sizeof(*slots));
    paths = calloc(players->count, sizeof(*paths));
    return slots != NULL && paths != NULL && relay_join(players, slots) && number_slots(players) &&
           sockets_open(SOCKETS, players->udp_port) && bind_all(players);
}

const struct protocol protocol_relay = {
    .name = "gsrelay",
    .open = relay_open,
    .send = relay_send,
    .flush = relay_flush,
    .upkeep = relay_upkeep,
    .receive = relay_receive,
};
