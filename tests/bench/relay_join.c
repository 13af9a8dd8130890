/* SPDX-License-Identifier: MIT */
#include "tests/bench/relay_join.h"

#include "client/client.h"
#include "daemon/os/os.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AT_ONCE = 32 };

static const uint64_t JOIN_NS = UINT64_C(10000000000);

/* One who is on the way in. */
struct joiner {
    struct gsrelay_client *client; /* NULL: nobody. */
    int fd;
    unsigned player;
    uint64_t deadline_ns;
};

static char (*codes)[GSRELAY_CODE_SIZE];

static int connect_tcp(uint16_t port)
{
    const int yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror("bench: control connection");
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    return fd;
}

static bool begin(const struct players *players, unsigned player, struct joiner *joiner)
{
    const struct gsrelay_room_options room = {.tick_us = players->tick_us == 0 ? GSRELAY_TICK_NONE
                                                                               : players->tick_us};
    const unsigned number = player / players->members;
    struct gsrelay_options options;

    gsrelay_options_init(&options);
    os_random_fill(options.seed, sizeof(options.seed));
    options.down_bytes_s = player % players->members == 0 ? players->down_bytes_s : 0;
    joiner->player = player;
    joiner->deadline_ns = os_clock_ns() + JOIN_NS;
    joiner->fd = connect_tcp(players->control_port);
    if (joiner->fd < 0 || gsrelay_create(&options, &joiner->client) != 0 ||
        gsrelay_io_start(joiner->client, os_clock_ns()) != 0) {
        return false;
    }
    gsrelay_io_tcp_connected(joiner->client, os_clock_ns());
    return player % players->members == 0 ? gsrelay_create_room(joiner->client, &room) > 0
                                          : gsrelay_join_room(joiner->client, codes[number]) > 0;
}

static void pump(struct joiner *joiner)
{
    uint8_t bytes[4096];
    size_t size;
    const uint8_t *output = gsrelay_io_tcp_output(joiner->client, &size);
    ssize_t count = size > 0 ? send(joiner->fd, output, size, MSG_NOSIGNAL) : 0;

    if (count > 0) {
        gsrelay_io_tcp_sent(joiner->client, (size_t)count);
    }
    count = recv(joiner->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (count > 0) {
        (void)gsrelay_io_tcp_input(joiner->client, os_clock_ns(), bytes, (size_t)count);
    }
    gsrelay_io_run(joiner->client, os_clock_ns());
}

/* 1: it is in the room. 0: not yet. -1: it will not be. */
static int look(const struct players *players, struct joiner *joiner, struct relay_slot *slot)
{
    static struct gsrelay_event event;

    while (gsrelay_next_event(joiner->client, &event) == 1) {
        if (event.type == GSRELAY_EVENT_ROOM_JOINED) {
            const struct udp *udp = &joiner->client->udp;

            memcpy(codes[joiner->player / players->members], event.code, GSRELAY_CODE_SIZE);
            slot->slot = udp->slot;
            slot->slot_tag = udp->slot_tag;
            slot->udp_port = udp->port;
            slot->member = event.member;
            memcpy(slot->key_up, udp->key_up, sizeof(slot->key_up));
            memcpy(slot->key_down, udp->key_down, sizeof(slot->key_down));
            return 1;
        }
        if (event.type == GSRELAY_EVENT_REQUEST_FAILED ||
            event.type == GSRELAY_EVENT_DISCONNECTED) {
            (void)fprintf(stderr, "bench: player %u does not get in: %s\n", joiner->player,
                          gsrelay_reason_name(event.reason));
            return -1;
        }
    }
    if (os_clock_ns() > joiner->deadline_ns) {
        (void)fprintf(stderr, "bench: player %u was not let in in ten seconds\n", joiner->player);
        return -1;
    }
    return 0;
}

/* Whose turn it is as number `order`: first all who make rooms, then who joins them. */
static unsigned player_of_order(const struct players *players, unsigned order)
{
    if (order < players->rooms) {
        return order * players->members;
    }
    order -= players->rooms;
    return order / (players->members - 1) * players->members + 1 + order % (players->members - 1);
}

static bool join_range(const struct players *players, struct relay_slot *slots, unsigned from,
                       unsigned to)
{
    struct joiner joiners[AT_ONCE] = {0};
    unsigned next = from;
    unsigned done = from;

    while (done < to) {
        for (unsigned i = 0; i < AT_ONCE; i++) {
            struct joiner *joiner = &joiners[i];
            int result;

            if (joiner->client == NULL) {
                if (next == to) {
                    continue;
                }
                if (!begin(players, player_of_order(players, next), joiner)) {
                    return false;
                }
                next++;
            }
            pump(joiner);
            result = look(players, joiner, &slots[joiner->player]);
            if (result < 0) {
                return false;
            }
            if (result > 0) {
                gsrelay_destroy(joiner->client);
                joiner->client = NULL;
                done++;
            }
        }
    }
    return true;
}

bool relay_join(const struct players *players, struct relay_slot *slots)
{
    codes = calloc(players->rooms, sizeof(*codes));
    return codes != NULL && join_range(players, slots, 0, players->rooms) &&
           join_range(players, slots, players->rooms, players->count);
}
