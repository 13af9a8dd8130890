/* SPDX-License-Identifier: MIT */

/* players_enet.c - the players of the ENet room relay: peers of one ENet host. */

#include "tests/bench/players.h"

#include "daemon/os/os.h"

#include <enet/enet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THROTTLE_INTERVAL_MS = 5000, AT_ONCE = 64 };

static const uint64_t OPEN_NS = UINT64_C(20000000000);

static ENetHost *host;
static ENetPeer **peers;

/* peer->data is the player's number, and one so that none is NULL. */
static void *number_data(unsigned player)
{
    return (void *)(uintptr_t)(player + 1);
}

static unsigned data_number(const ENetPeer *peer)
{
    return (unsigned)((uintptr_t)peer->data - 1);
}

static uint64_t enet_receive(struct players *players)
{
    const uint64_t then_ns = os_clock_ns();
    uint64_t now_ns;
    ENetEvent event;
    int result = enet_host_service(host, &event, 0);

    now_ns = os_clock_ns();
    if (result <= 0) {
        return now_ns - then_ns;
    }
    while (result > 0) {
        if (event.type == ENET_EVENT_TYPE_RECEIVE) {
            players_take_state(players, data_number(event.peer) / players->members, false,
                               event.packet->data, event.packet->dataLength, now_ns);
            enet_packet_destroy(event.packet);
        } else if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
            players->strange++;
        }
        result = enet_host_check_events(host, &event);
    }
    return 0;
}

static void enet_send(struct players *players, unsigned player, uint64_t now_ns)
{
    ENetPacket *packet =
        enet_packet_create(NULL, players->state_size, ENET_PACKET_FLAG_UNSEQUENCED);

    if (packet == NULL) {
        return;
    }
    memset(packet->data, 0, players->state_size);
    players_make_state(players, player, now_ns, packet->data);
    if (enet_peer_send(peers[player], 0, packet) != 0) {
        enet_packet_destroy(packet);
    }
}

static void enet_send_waiting(struct players *players)
{
    (void)players;
    enet_host_flush(host);
}

static void enet_upkeep(struct players *players, uint64_t now_ns)
{
    (void)players;
    (void)now_ns; /* ENet pings by itself. */
}

static bool connect_next(struct players *players, const ENetAddress *address, unsigned player)
{
    peers[player] = enet_host_connect(host, address, 1, player / players->members);
    if (peers[player] != NULL) {
        peers[player]->data = number_data(player);
    }
    return peers[player] != NULL;
}

static bool enet_open(struct players *players)
{
    const int buffer_bytes = 8 * 1024 * 1024;
    const uint64_t deadline_ns = os_clock_ns() + OPEN_NS;
    ENetAddress address = {.port = players->udp_port};
    unsigned asked = 0;
    unsigned connected = 0;

    peers = calloc(players->count, sizeof(*peers));
    if (peers == NULL || enet_initialize() != 0 ||
        enet_address_set_host_ip(&address, "127.0.0.1") != 0 ||
        (host = enet_host_create(NULL, players->count, 1, 0, 0)) == NULL) {
        (void)fprintf(stderr, "bench: no ENet host for %u players\n", players->count);
        return false;
    }
    (void)enet_socket_set_option(host->socket, ENET_SOCKOPT_RCVBUF, buffer_bytes);
    while (connected < players->count && os_clock_ns() < deadline_ns) {
        ENetEvent event;

        while (asked < players->count && asked < connected + AT_ONCE) {
            if (!connect_next(players, &address, asked++)) {
                return false;
            }
        }
        if (enet_host_service(host, &event, 1) > 0 && event.type == ENET_EVENT_TYPE_CONNECT) {
            enet_peer_throttle_configure(event.peer, THROTTLE_INTERVAL_MS,
                                         ENET_PEER_PACKET_THROTTLE_SCALE, 0);
            connected++;
        }
    }
    return connected == players->count;
}

const struct protocol protocol_enet = {
    .name = "enet",
    .open = enet_open,
    .send = enet_send,
    .flush = enet_send_waiting,
    .upkeep = enet_upkeep,
    .receive = enet_receive,
};
