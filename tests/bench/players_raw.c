/* SPDX-License-Identifier: MIT */

/* players_raw.c - the players of the servers that speak raw_wire.h. */

#include "tests/bench/players.h"

#include "daemon/os/os.h"
#include "tests/bench/sockets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOCKETS = 8 };

static const uint64_t OPEN_NS = UINT64_C(10000000000);
static const uint64_t REPEAT_NS = UINT64_C(50000000);

static bool *is_known;
static unsigned known_count;

static void take(void *context, unsigned socket, const uint8_t *bytes, size_t size,
                 const struct sockaddr_in *source, uint64_t now_ns)
{
    struct players *players = context;
    struct raw_head head;

    (void)socket;
    (void)source;
    memcpy(&head, bytes, sizeof(head));
    if (size == RAW_HELLO_SIZE) {
        const unsigned player = head.room * players->members + head.member;

        known_count += !is_known[player];
        is_known[player] = true;
        return;
    }
    players_take_datagram(players, size, now_ns);
    players_take_state(players, head.room, false, bytes, size, now_ns);
}

static uint64_t raw_receive(struct players *players)
{
    return sockets_receive(take, players);
}

static void raw_send(struct players *players, unsigned player, uint64_t now_ns)
{
    players_make_state(players, player, now_ns, sockets_datagram(player % SOCKETS));
    sockets_datagram_done(player % SOCKETS, players->state_size, NULL);
}

static void raw_flush(struct players *players)
{
    (void)players;
    sockets_flush();
}

static void raw_upkeep(struct players *players, uint64_t now_ns)
{
    (void)players;
    (void)now_ns;
}

static bool raw_open(struct players *players)
{
    const uint64_t deadline_ns = os_clock_ns() + OPEN_NS;
    uint64_t repeat_ns = 0;

    is_known = calloc(players->count, sizeof(*is_known));
    if (is_known == NULL || players->rooms > RAW_ROOMS_MAX ||
        !sockets_open(SOCKETS, players->udp_port)) {
        return false;
    }
    while (known_count < players->count && os_clock_ns() < deadline_ns) {
        if (os_clock_ns() >= repeat_ns) {
            for (unsigned player = 0; player < players->count; player++) {
                if (!is_known[player]) {
                    players_make_state(players, player, 0, sockets_datagram(player % SOCKETS));
                    sockets_datagram_done(player % SOCKETS, RAW_HELLO_SIZE, NULL);
                }
            }
            sockets_flush();
            repeat_ns = os_clock_ns() + REPEAT_NS;
        }
        (void)raw_receive(players);
    }
    if (known_count < players->count) {
        (void)fprintf(stderr, "bench: the server knows %u of %u players\n", known_count,
                      players->count);
    }
    return known_count == players->count;
}

const struct protocol protocol_raw = {
    .name = "raw",
    .open = raw_open,
    .send = raw_send,
    .flush = raw_flush,
    .upkeep = raw_upkeep,
    .receive = raw_receive,
};
