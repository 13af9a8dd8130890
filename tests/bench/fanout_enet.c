/* SPDX-License-Identifier: MIT */

/* fanout_enet.c - a room relay as one writes it with ENet: the peer of the benchmarks.
 *
 * A peer names its room when it connects. Its packets go on to the other members unsequenced, that
 * is unreliable and in any order, as the same packet and without a copy; ENet's throttle, which
 * would drop some of them, is off. ENet puts what waits for a peer into one datagram by itself.
 *
 * Prints "fanout_enet ready udp=127.0.0.1:PORT" and runs until it is killed. */

#include "tests/bench/raw_wire.h"

#include <enet/enet.h>
#include <stdio.h>
#include <stdlib.h>

enum { THROTTLE_INTERVAL_MS = 5000 };

struct room {
    ENetPeer *members[RAW_MEMBERS_MAX];
    unsigned count;
};

static struct room rooms[RAW_ROOMS_MAX];

static void join(ENetPeer *peer, enet_uint32 number)
{
    struct room *room = &rooms[number % RAW_ROOMS_MAX];

    enet_peer_throttle_configure(peer, THROTTLE_INTERVAL_MS, ENET_PEER_PACKET_THROTTLE_SCALE, 0);
    if (room->count < RAW_MEMBERS_MAX) {
        room->members[room->count++] = peer;
        peer->data = room;
    }
}

static void leave(ENetPeer *peer)
{
    struct room *room = peer->data;

    for (unsigned i = 0; room != NULL && i < room->count; i++) {
        if (room->members[i] == peer) {
            room->members[i] = room->members[--room->count];
        }
    }
    peer->data = NULL;
}

static void relay(const ENetPeer *sender, ENetPacket *packet)
{
    const struct room *room = sender->data;

    packet->flags = ENET_PACKET_FLAG_UNSEQUENCED;
    for (unsigned i = 0; room != NULL && i < room->count; i++) {
        if (room->members[i] != sender) {
            (void)enet_peer_send(room->members[i], 0, packet);
        }
    }
    if (packet->referenceCount == 0) {
        enet_packet_destroy(packet);
    }
}

int main(void)
{
    const int buffer_bytes = 4 * 1024 * 1024;
    ENetAddress address = {.port = ENET_PORT_ANY};
    ENetHost *host;

    if (enet_initialize() != 0 || enet_address_set_host_ip(&address, "127.0.0.1") != 0 ||
        (host = enet_host_create(&address, ENET_PROTOCOL_MAXIMUM_PEER_ID, 1, 0, 0)) == NULL) {
        (void)fprintf(stderr, "fanout_enet does not start\n");
        return 1;
    }
    (void)enet_socket_set_option(host->socket, ENET_SOCKOPT_RCVBUF, buffer_bytes);
    (void)enet_socket_set_option(host->socket, ENET_SOCKOPT_SNDBUF, buffer_bytes);
    (void)enet_socket_get_address(host->socket, &address);
    (void)printf("fanout_enet ready udp=127.0.0.1:%u\n", address.port);
    (void)fflush(stdout);
    for (;;) {
        ENetEvent event;

        while (enet_host_service(host, &event, 1000) > 0) {
            if (event.type == ENET_EVENT_TYPE_CONNECT) {
                join(event.peer, event.data);
            } else if (event.type == ENET_EVENT_TYPE_DISCONNECT) {
                leave(event.peer);
            } else if (event.type == ENET_EVENT_TYPE_RECEIVE) {
                relay(event.peer, event.packet);
            }
        }
    }
}
