/* SPDX-License-Identifier: MIT */

/* players_turn.c - the players of a TURN server (RFC 8656 over RFC 8489), in pairs.
 *
 * TURN has no rooms: a client that has an allocation talks to one peer over a channel, and the peer
 * answers to the relayed address as if it were the client. So player 2n allocates, 2n + 1 is its
 * peer, and each sends its partner what a room would have had it send to everybody: members - 1
 * copies of each state, one datagram each. That is one hop of the relay for each state, the
 * cheapest that TURN can be; two clients behind NATs would need two. */

#include "tests/bench/players.h"

#include "daemon/os/os.h"
#include "tests/bench/sockets.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PEER_SOCKETS = 8,
    STUN_HEAD_SIZE = 20,
    CHANNEL = 0x4000,
    CHANNEL_HEAD_SIZE = 4,
    ALLOCATE = 0x0003,
    CHANNEL_BIND = 0x0009,
    SUCCESS = 0x0100,
    REQUESTED_TRANSPORT = 0x0019,
    CHANNEL_NUMBER = 0x000C,
    XOR_PEER_ADDRESS = 0x0012,
    XOR_RELAYED_ADDRESS = 0x0016,
    TRANSPORT_UDP = 17
};

static const uint32_t MAGIC = 0x2112A442;
static const uint64_t OPEN_NS = UINT64_C(20000000000);
static const uint64_t REPEAT_NS = UINT64_C(10000000);

struct pair {
    struct sockaddr_in relayed; /* Port 0: not allocated yet. */
    bool is_bound;              /* The channel. */
};

static struct pair *pairs;
static unsigned pair_count;
static unsigned bound_count;

/* The sockets of the peers come first, then one for each allocation. */
static unsigned pair_socket(unsigned pair)
{
    return PEER_SOCKETS + pair;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static size_t put_attribute(uint8_t *message, size_t size, unsigned type, const uint8_t *value,
                            unsigned value_size)
{
    put16(message + size, type);
    put16(message + size + 2, value_size);
    memcpy(message + size + 4, value, value_size);
    put16(message + 2, (unsigned)(size + 4 + value_size - STUN_HEAD_SIZE));
    return size + 4 + value_size;
}

static size_t put_head(uint8_t *message, unsigned type, unsigned pair)
{
    const uint32_t magic = htonl(MAGIC);

    memset(message, 0, STUN_HEAD_SIZE);
    put16(message, type);
    memcpy(message + 4, &magic, sizeof(magic));
    memcpy(message + 8, &pair, sizeof(pair));
    return STUN_HEAD_SIZE;
}

static void ask(unsigned pair)
{
    static const uint8_t transport[4] = {TRANSPORT_UDP};
    uint8_t *message = sockets_datagram(pair_socket(pair));
    size_t size;

    if (pairs[pair].relayed.sin_port == 0) {
        size = put_head(message, ALLOCATE, pair);
        size = put_attribute(message, size, REQUESTED_TRANSPORT, transport, sizeof(transport));
    } else {
        const struct sockaddr_in peer = sockets_address(pair % PEER_SOCKETS);
        const uint32_t address = ntohl(peer.sin_addr.s_addr) ^ MAGIC;
        uint8_t channel[4] = {CHANNEL >> 8};
        uint8_t value[8] = {0, 1};

        put16(value + 2, (ntohs(peer.sin_port) ^ (MAGIC >> 16)) & 0xFFFF);
        put16(value + 4, address >> 16);
        put16(value + 6, address & 0xFFFF);
        size = put_head(message, CHANNEL_BIND, pair);
        size = put_attribute(message, size, CHANNEL_NUMBER, channel, sizeof(channel));
        size = put_attribute(message, size, XOR_PEER_ADDRESS, value, sizeof(value));
    }
    sockets_datagram_done(pair_socket(pair), size, NULL);
}

static void take_answer(unsigned pair, const uint8_t *bytes, size_t size)
{
    const unsigned type = get16(bytes);

    if (type == (CHANNEL_BIND | SUCCESS)) {
        bound_count += !pairs[pair].is_bound;
        pairs[pair].is_bound = true;
        return;
    }
    for (size_t at = STUN_HEAD_SIZE; type == (ALLOCATE | SUCCESS) && at + 4 <= size;
         at += 4 + ((get16(bytes + at + 2) + 3u) & ~3u)) {
        if (get16(bytes + at) == XOR_RELAYED_ADDRESS && at + 12 <= size) {
            pairs[pair].relayed.sin_family = AF_INET;
            pairs[pair].relayed.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            pairs[pair].relayed.sin_port = htons((uint16_t)(get16(bytes + at + 6) ^ (MAGIC >> 16)));
        }
    }
}

static void take(void *context, unsigned socket, const uint8_t *bytes, size_t size,
                 const struct sockaddr_in *source, uint64_t now_ns)
{
    struct players *players = context;
    struct raw_head head;

    (void)source;
    if (socket >= PEER_SOCKETS) {
        if (size >= STUN_HEAD_SIZE && bytes[0] < 0x40) {
            take_answer(socket - PEER_SOCKETS, bytes, size);
            return;
        }
        if (size < CHANNEL_HEAD_SIZE + RAW_HEAD_SIZE || get16(bytes) != CHANNEL) {
            players->strange++;
            return;
        }
        bytes += CHANNEL_HEAD_SIZE;
        size -= CHANNEL_HEAD_SIZE;
    }
    memcpy(&head, bytes, sizeof(head));
    players_take_datagram(players, size, now_ns);
    players_take_state(players, head.room, false, bytes, size, now_ns);
}

static uint64_t turn_receive(struct players *players)
{
    return sockets_receive(take, players);
}

static void turn_send(struct players *players, unsigned player, uint64_t now_ns)
{
    const unsigned pair = player / 2;

    for (unsigned copy = 1; copy < players->members; copy++) {
        if (player % 2 == 0) {
            uint8_t *bytes = sockets_datagram(pair_socket(pair));

            put16(bytes, CHANNEL);
            put16(bytes + 2, players->state_size);
            players_make_state(players, player, now_ns, bytes + CHANNEL_HEAD_SIZE);
            sockets_datagram_done(pair_socket(pair), CHANNEL_HEAD_SIZE + players->state_size, NULL);
        } else {
            players_make_state(players, player, now_ns, sockets_datagram(pair % PEER_SOCKETS));
            sockets_datagram_done(pair % PEER_SOCKETS, players->state_size, &pairs[pair].relayed);
        }
    }
}

static void turn_flush(struct players *players)
{
    (void)players;
    sockets_flush();
}

static void turn_upkeep(struct players *players, uint64_t now_ns)
{
    (void)players;
    (void)now_ns;
}

static bool turn_open(struct players *players)
{
    const uint64_t deadline_ns = os_clock_ns() + OPEN_NS;
    uint64_t repeat_ns = 0;

    pair_count = players->count / 2;
    pairs = calloc(pair_count, sizeof(*pairs));
    if (pairs == NULL || players->count % 2 != 0 || !sockets_open(PEER_SOCKETS, 0) ||
        !sockets_open(pair_count, players->udp_port)) {
        return false;
    }
    while (bound_count < pair_count && os_clock_ns() < deadline_ns) {
        unsigned asked = 0;

        if (os_clock_ns() < repeat_ns) {
            (void)turn_receive(players);
            continue;
        }
        for (unsigned pair = 0; pair < pair_count && asked < 64; pair++) {
            if (!pairs[pair].is_bound) {
                ask(pair);
                asked++;
            }
        }
        sockets_flush();
        repeat_ns = os_clock_ns() + REPEAT_NS;
    }
    if (bound_count < pair_count) {
        (void)fprintf(stderr, "bench: %u of %u channels are bound\n", bound_count, pair_count);
    }
    return bound_count == pair_count;
}

const struct protocol protocol_turn = {
    .name = "turn",
    .open = turn_open,
    .send = turn_send,
    .flush = turn_flush,
    .upkeep = turn_upkeep,
    .receive = turn_receive,
};
