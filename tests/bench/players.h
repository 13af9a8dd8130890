/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_PLAYERS_H
#define GSRELAY_TESTS_BENCH_PLAYERS_H

/* players.h - all the clients of one case: what they are to do, what they have received, and one
 * way to speak for each protocol.
 *
 * Player p is member p % members of room p / members. States begin with struct raw_head whatever
 * carries them, so that whoever receives one knows its age. Many players share a few sockets
 * (sockets.h): the players must not cost more than the server.
 *
 * Linux only. Threads: one. Memory: made by open and kept until the program ends. */

#include "client/tools/histogram.h"
#include "tests/bench/raw_wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_SIZE_MAX 1024

struct players {
    unsigned rooms;
    unsigned members; /* Of each room. */
    unsigned count;   /* Players in all. */
    unsigned state_size;
    unsigned tick_us;      /* Of the relay's rooms; 0 = none. */
    unsigned ping_ms;      /* Between the relay's players' signs of life; 0 = none. */
    unsigned down_bytes_s; /* What the first member of each room asks to be sent; 0 = all. */
    uint16_t udp_port;
    uint16_t control_port;

    /* States that were sent between these two are those that are looked for. */
    uint64_t begin_ns;
    uint64_t end_ns;
    uint64_t due;       /* Their receivers. */
    uint64_t delivered; /* Of those, whenever. */

    /* Of all states that came between the two. */
    struct histogram ages;        /* But for those of budgeted players. */
    struct histogram budget_ages; /* Of the players that asked for less. */
    uint64_t bytes;               /* Of datagrams. */
    uint64_t datagrams;
    uint64_t strange; /* What nobody had sent there. */
};

/* A way to speak. receive() takes what has come and returns whether anything had; it is called all
 * the time. */
struct protocol {
    const char *name;
    bool (*open)(struct players *players);
    void (*send)(struct players *players, unsigned player, uint64_t now_ns);
    void (*flush)(struct players *players);
    /* Once a millisecond or so: signs of life. */
    void (*upkeep)(struct players *players, uint64_t now_ns);
    /* Returns the nanoseconds that it had nothing to do. */
    uint64_t (*receive)(struct players *players);
};

extern const struct protocol protocol_raw;
extern const struct protocol protocol_relay;
extern const struct protocol protocol_turn;
#ifdef BENCH_HAS_ENET
extern const struct protocol protocol_enet;
#endif

/* Fills in the state that a player sends at that time. */
static inline void players_make_state(const struct players *players, unsigned player,
                                      uint64_t now_ns, uint8_t *out)
{
    const struct raw_head head = {.room = (uint16_t)(player / players->members),
                                  .member = (uint16_t)(player % players->members),
                                  .sent_ns = now_ns};

    __builtin_memcpy(out, &head, sizeof(head));
}

/* A state has come to somebody in that room. */
static inline void players_take_state(struct players *players, unsigned room, bool is_budgeted,
                                      const uint8_t *state, size_t size, uint64_t now_ns)
{
    struct raw_head head;

    __builtin_memcpy(&head, state, sizeof(head));
    if (size != players->state_size || head.room != room || head.member >= players->members) {
        players->strange++;
        return;
    }
    if (now_ns >= players->begin_ns && now_ns < players->end_ns) {
        histogram_add(is_budgeted ? &players->budget_ages : &players->ages,
                      now_ns > head.sent_ns ? now_ns - head.sent_ns : 0);
    }
    if (head.sent_ns >= players->begin_ns && head.sent_ns < players->end_ns && !is_budgeted) {
        players->delivered++;
    }
}

static inline void players_take_datagram(struct players *players, size_t size, uint64_t now_ns)
{
    if (now_ns >= players->begin_ns && now_ns < players->end_ns) {
        players->datagrams++;
        players->bytes += size;
    }
}

#endif
