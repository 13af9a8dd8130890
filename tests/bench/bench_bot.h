/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_BENCH_BOT_H
#define GSRELAY_TESTS_BENCH_BENCH_BOT_H

#include "tests/bench/bench_server.h"

#include <gsrelay/gsrelay_io.h>

/* bench_bot.h - one player of the benchmarks, against the relay or against the bare fan-out.
 *
 * A bot has one UDP socket; against the relay also a TCP connection and a client of the library,
 * driven without its socket layer so that many datagrams are taken by one system call. Linux only.
 * Threads: one. Memory: the library's, made when it opens. */

#define BOT_STATE_SIZE 100

struct bot {
    int udp_fd;
    int tcp_fd;                    /* -1 against the bare fan-out. */
    struct gsrelay_client *client; /* NULL against the bare fan-out. */
    char code[GSRELAY_CODE_SIZE];
    bool is_bound;
    uint8_t room;
    uint16_t udp_port;
};

/* What bots have received, all together. */
struct bot_tally {
    uint64_t states;
    uint64_t latencies[32]; /* Age on arrival: entry i counts those below 2^i microseconds. */
};

/* Opens a bot of the bare fan-out and makes it known there. */
bool bot_open_limit(struct bot *bot, const struct bench_server *server, uint8_t room);

/* Opens a bot of the relay: creates the room if `code` is empty, else joins it; returns when it is
 * bound. `code` then holds the room's code. */
bool bot_open_relay(struct bot *bot, const struct bench_server *server, char *code,
                    unsigned tick_us);

/* Sends one state that carries the time. */
void bot_send(struct bot *bot, uint64_t now_ns);

/* Takes all that has come and adds it to the tally. */
void bot_receive(struct bot *bot, uint64_t now_ns, struct bot_tally *tally);

void bot_close(struct bot *bot);

#endif
