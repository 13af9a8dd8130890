/* SPDX-License-Identifier: MIT */

/* bench_fanout.c - what one delivered state costs the relay, beside the least that it could cost.
 *
 * Rooms of 8, 32 and 64 members who send 60 states of 100 bytes a second each. The relay and
 * fanout_limit are run in turn, several rounds, and the medians are compared: the machine is noisy,
 * so only the ratio within one run says something. Servers run on processor 0, the players on
 * processor 1. Linux only. Prints a table in Markdown.
 *
 * usage: bench_fanout GSRELAYD FANOUT_LIMIT [ROUNDS [SECONDS]] */

#include "daemon/os/os.h"
#include "tests/bench/bench_bot.h"

#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BOTS = 64, RATE_PER_S = 60, ROUNDS_MAX = 31, SERVERS = 3 };

static const uint64_t SECOND_NS = UINT64_C(1000000000);
static const unsigned MEMBERS[] = {8, 32, 64};
#define CASES (sizeof(MEMBERS) / sizeof(MEMBERS[0]))

struct measured {
    double cpu_ns; /* Of the server, for each state that arrived. */
    double loss;   /* Share of the states that did not arrive: superseded or lost. */
    double p50_us, p99_us;
    double core; /* Share of its processor that the server took. */
};

struct contender {
    const char *name;
    char *const *argv;
    const char *log;
    bool is_relay;
    unsigned tick_us;
    struct measured results[CASES][ROUNDS_MAX];
};

static struct bot bots[BOTS];

static double percentile(const struct bot_tally *tally, double share)
{
    uint64_t seen = 0;

    for (unsigned bin = 0; bin < 32; bin++) {
        seen += tally->latencies[bin];
        if (tally->states > 0 && (double)seen >= share * (double)tally->states) {
            return (double)(UINT64_C(1) << bin);
        }
    }
    return 0;
}

static bool open_bots(const struct contender *contender, const struct bench_server *server,
                      unsigned members)
{
    char code[GSRELAY_CODE_SIZE] = "";

    for (unsigned i = 0; i < BOTS; i++) {
        if (i % members == 0) {
            code[0] = '\0';
        }
        if (contender->is_relay ? !bot_open_relay(&bots[i], server, code, contender->tick_us)
                                : !bot_open_limit(&bots[i], server, (uint8_t)(i / members))) {
            return false;
        }
    }
    return true;
}

/* Every bot sends at its own phase; returns how many states were sent. */
static uint64_t play(uint64_t duration_ns, struct bot_tally *tally)
{
    const uint64_t period_ns = SECOND_NS / RATE_PER_S;
    const uint64_t start_ns = os_clock_ns();
    const uint64_t end_ns = start_ns + duration_ns;
    uint64_t sent = 0;
    uint64_t next_ns = start_ns;
    struct pollfd fds[BOTS];

    for (unsigned i = 0; i < BOTS; i++) {
        fds[i] = (struct pollfd){.fd = bots[i].udp_fd, .events = POLLIN};
    }
    for (;;) {
        uint64_t now_ns = os_clock_ns();

        if (now_ns > end_ns + SECOND_NS / 5) {
            return sent;
        }
        while (next_ns <= now_ns && next_ns < end_ns) {
            bot_send(&bots[sent % BOTS], now_ns);
            sent++;
            next_ns = start_ns + sent * (period_ns / BOTS);
        }
        if (poll(fds, BOTS, 0) <= 0) {
            continue; /* Spinning: a sleeping generator would add its own wake-up to each latency.
                       */
        }
        now_ns = os_clock_ns();
        for (unsigned i = 0; i < BOTS; i++) {
            if ((fds[i].revents & POLLIN) != 0) {
                bot_receive(&bots[i], now_ns, tally);
            }
        }
    }
}

static bool measure(const struct contender *contender, unsigned members, uint64_t duration_ns,
                    struct measured *out)
{
    struct bot_tally warm_up = {0};
    struct bot_tally tally = {0};
    struct bench_server server;
    bool is_good = bench_server_start(&server, contender->argv, contender->log, 0);

    is_good = is_good && open_bots(contender, &server, members);
    if (is_good) {
        uint64_t cpu_ns;
        uint64_t expected;

        (void)play(SECOND_NS / 4, &warm_up);
        cpu_ns = bench_server_cpu_ns(&server);
        expected = play(duration_ns, &tally) * (members - 1);
        cpu_ns = bench_server_cpu_ns(&server) - cpu_ns;
        out->cpu_ns = tally.states > 0 ? (double)cpu_ns / (double)tally.states : 0;
        out->loss = 1.0 - (double)tally.states / (double)expected;
        out->p50_us = percentile(&tally, 0.50);
        out->p99_us = percentile(&tally, 0.99);
        out->core = (double)cpu_ns / (double)duration_ns;
    }
    for (unsigned i = 0; i < BOTS; i++) {
        bot_close(&bots[i]);
        bots[i] = (struct bot){.tcp_fd = -1, .udp_fd = -1};
    }
    bench_server_stop(&server);
    return is_good;
}

static int compare_cpu(const void *a, const void *b)
{
    const double left = ((const struct measured *)a)->cpu_ns;
    const double right = ((const struct measured *)b)->cpu_ns;

    return left < right ? -1 : left > right;
}

static void print_table(struct contender contenders[], unsigned rounds)
{
    (void)printf("\n| Room | Server | CPU ns a delivered state: median (min to max) | ratio | not "
                 "delivered | "
                 "p50 below, µs | p99 below, µs | of a core |\n"
                 "|---|---|---|---|---|---|---|---|\n");
    for (unsigned c = 0; c < CASES; c++) {
        double limit_ns = 0;

        for (unsigned s = 0; s < SERVERS; s++) {
            struct measured *results = contenders[s].results[c];
            const struct measured *median = &results[rounds / 2];

            qsort(results, rounds, sizeof(results[0]), compare_cpu);
            if (s == 0) {
                limit_ns = median->cpu_ns;
            }
            (void)printf(
                "| %u | %s | %.0f (%.0f to %.0f) | %.2f | %.2f %% | %.0f | %.0f | %.2f |\n",
                MEMBERS[c], contenders[s].name, median->cpu_ns, results[0].cpu_ns,
                results[rounds - 1].cpu_ns, median->cpu_ns / limit_ns, 100 * median->loss,
                median->p50_us, median->p99_us, median->core);
        }
    }
    (void)printf(
        "\n60 states of 100 bytes a second from each of %u players; %u rounds in turn. The "
        "ratio is to fanout_limit, which authenticates nothing.\nNot delivered are states that "
        "were superseded by newer ones (the relay) or lost (either).\n",
        BOTS, rounds);
}

static void pin_to(unsigned cpu)
{
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    (void)sched_setaffinity(0, sizeof(cpus), &cpus);
}

int program_main(int argc, char **argv)
{
    char *const limit_argv[] = {argc > 2 ? argv[2] : NULL, NULL};
    char *const relay_argv[] = {argc > 1 ? argv[1] : NULL,
                                "--config",
                                "/dev/null",
                                "--set",
                                "udp.port=0",
                                "--set",
                                "control.port=0",
                                "--set",
                                "control.connections_per_ip=256",
                                "--set",
                                "control.accepts_per_ip_s=1000",
                                "--set",
                                "control.accepts_per_ip_burst=1000",
                                "--set",
                                "limits.room_deliveries_s=1000000",
                                NULL};
    static struct contender contenders[SERVERS] = {
        {.name = "fanout_limit", .log = "bench-limit.log"},
        {.name = "gsrelayd, tick 0", .log = "bench-relay.log", .is_relay = true},
        {.name = "gsrelayd, tick 16 ms",
         .log = "bench-relay.log",
         .is_relay = true,
         .tick_us = 16000},
    };
    const unsigned rounds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 5;
    const uint64_t seconds = argc > 4 ? strtoul(argv[4], NULL, 10) : 2;

    if (argc < 3 || rounds < 1 || rounds > ROUNDS_MAX || seconds < 1) {
        (void)fprintf(stderr, "usage: bench_fanout GSRELAYD FANOUT_LIMIT [ROUNDS [SECONDS]]\n");
        return 2;
    }
    contenders[0].argv = limit_argv;
    contenders[1].argv = relay_argv;
    contenders[2].argv = relay_argv;
    for (unsigned i = 0; i < BOTS; i++) {
        bots[i] = (struct bot){.tcp_fd = -1, .udp_fd = -1};
    }
    pin_to(1);
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned c = 0; c < CASES; c++) {
            for (unsigned s = 0; s < SERVERS; s++) {
                if (!measure(&contenders[s], MEMBERS[c], seconds * SECOND_NS,
                             &contenders[s].results[c][round])) {
                    return 1;
                }
            }
        }
        (void)fprintf(stderr, "round %u of %u\n", round + 1, rounds);
    }
    print_table(contenders, rounds);
    return 0;
}
