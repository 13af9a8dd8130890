/* SPDX-License-Identifier: MIT */

/* bench_load.c - the players of one case of the benchmarks, and what they found.
 *
 * usage: bench_load PROTOCOL KEY=VALUE...
 *
 * The server runs already, at the ports udp= and control= as process pid=, by the processor
 * that it is pinned to. `rooms` rooms of `members` players send states of `size` bytes, `rate` a
 * second each, every player at a phase of its own. After warm_ms the figures are taken over run_ms,
 * and printed as one object of JSON. run_ms=0 only opens the players: what an idle one costs in
 * memory.
 *
 * The players never sleep: asking in vain is counted as idle time, and the rest is the share of
 * their processor that they were busy. Linux only. */

#include "daemon/os/os.h"
#include "tests/bench/players.h"
#include "tests/bench/server_figures.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BURST = 64 };

static const uint64_t SECOND_NS = UINT64_C(1000000000);
static const uint64_t MS_NS = UINT64_C(1000000);
static const uint64_t LATE_NS = UINT64_C(300000000); /* For the last states to arrive. */

struct task {
    const struct protocol *protocol;
    double rate;
    unsigned warm_ms;
    unsigned run_ms;
    unsigned own_core;
    pid_t pid;
};

/* What the server had cost, and we, at an edge of the measured time. */
struct edge {
    struct server_figures server;
    struct server_figures own;
    uint64_t idle_ns;
    uint64_t at_ns;
};

static const struct protocol *const protocols[] = {
    &protocol_raw,
    &protocol_relay,
    &protocol_turn,
#ifdef BENCH_HAS_ENET
    &protocol_enet,
#endif
};

static struct players players = {.rooms = 1, .members = 8, .state_size = 100, .ping_ms = 1000};
static unsigned
    *order; /* Of sending: mixed, so that the members of a room do not speak together. */

static bool take_argument(struct task *task, const char *text)
{
    const struct {
        const char *name;
        unsigned *value;
    } numbers[] = {
        {"rooms=", &players.rooms},       {"members=", &players.members},
        {"size=", &players.state_size},   {"tick_us=", &players.tick_us},
        {"down=", &players.down_bytes_s}, {"ping_ms=", &players.ping_ms},
        {"warm_ms=", &task->warm_ms},     {"run_ms=", &task->run_ms},
        {"own_core=", &task->own_core},
    };
    const char *value = strchr(text, '=') != NULL ? strchr(text, '=') + 1 : "";

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strncmp(text, numbers[i].name, strlen(numbers[i].name)) == 0) {
            *numbers[i].value = (unsigned)strtoul(value, NULL, 10);
            return true;
        }
    }
    if (strncmp(text, "rate=", 5) == 0) {
        task->rate = strtod(value, NULL);
    } else if (strncmp(text, "udp=", 4) == 0) {
        players.udp_port = (uint16_t)strtoul(value, NULL, 10);
    } else if (strncmp(text, "control=", 8) == 0) {
        players.control_port = (uint16_t)strtoul(value, NULL, 10);
    } else if (strncmp(text, "pid=", 4) == 0) {
        task->pid = (pid_t)strtol(value, NULL, 10);
    } else {
        return false;
    }
    return true;
}

static bool read_arguments(struct task *task, int argc, char **argv)
{
    for (unsigned i = 0; argc > 1 && i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (strcmp(argv[1], protocols[i]->name) == 0) {
            task->protocol = protocols[i];
        }
    }
    for (int i = 2; i < argc; i++) {
        if (!take_argument(task, argv[i])) {
            (void)fprintf(stderr, "bench_load: what is %s?\n", argv[i]);
            return false;
        }
    }
    players.count = players.rooms * players.members;
    return task->protocol != NULL && players.rooms >= 1 && players.members >= 2 &&
           players.members <= RAW_MEMBERS_MAX && players.state_size >= RAW_HEAD_SIZE &&
           players.state_size <= STATE_SIZE_MAX && task->rate > 0 && players.udp_port != 0;
}

/* The same order for every server (Fisher and Yates; xorshift64*, Vigna 2016). */
static bool mix_order(void)
{
    uint64_t random = UINT64_C(0x9E3779B97F4A7C15);

    order = calloc(players.count, sizeof(*order));
    for (unsigned i = 0; order != NULL && i < players.count; i++) {
        unsigned other;

        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        other = (unsigned)((random * UINT64_C(0x2545F4914F6CDD1D)) >> 32) % (i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    return order != NULL;
}

static void take_edge(const struct task *task, uint64_t idle_ns, struct edge *out)
{
    server_figures_read(&out->server, task->pid);
    server_figures_read(&out->own, getpid());
    out->idle_ns = idle_ns;
    out->at_ns = os_clock_ns();
}

/* Sends what is due, and not more than that at a time. */
static void send_due(const struct task *task, uint64_t start_ns, uint64_t *sent)
{
    const double gap_ns = (double)SECOND_NS / task->rate / players.count;
    const uint64_t now_ns = os_clock_ns();
    unsigned count = 0;

    while (count < BURST && start_ns + (uint64_t)((double)*sent * gap_ns) <= now_ns) {
        const uint64_t at_ns = os_clock_ns();

        task->protocol->send(&players, order[*sent % players.count], at_ns);
        if (at_ns >= players.begin_ns && at_ns < players.end_ns) {
            const bool is_one_budgeted =
                players.down_bytes_s != 0 && order[*sent % players.count] % players.members != 0;

            players.due += players.members - 1 - is_one_budgeted;
        }
        (*sent)++;
        count++;
    }
    if (count > 0) {
        task->protocol->flush(&players);
    }
}

static void play(const struct task *task, struct edge *begin, struct edge *end)
{
    const uint64_t start_ns = os_clock_ns();
    uint64_t upkeep_ns = start_ns;
    uint64_t idle_ns = 0;
    uint64_t sent = 0;

    players.begin_ns = start_ns + task->warm_ms * MS_NS;
    players.end_ns = players.begin_ns + task->run_ms * MS_NS;
    begin->at_ns = 0;
    end->at_ns = 0;
    for (;;) {
        const uint64_t now_ns = os_clock_ns();

        if (begin->at_ns == 0 && now_ns >= players.begin_ns) {
            take_edge(task, idle_ns, begin);
        }
        if (now_ns >= players.end_ns && end->at_ns == 0) {
            take_edge(task, idle_ns, end);
        }
        if (now_ns >= players.end_ns + LATE_NS) {
            return;
        }
        if (now_ns < players.end_ns) {
            send_due(task, start_ns, &sent);
        }
        if (now_ns >= upkeep_ns) {
            task->protocol->upkeep(&players, now_ns);
            upkeep_ns += MS_NS;
        }
        idle_ns += task->protocol->receive(&players);
    }
}

static void print_figures(const struct task *task, const struct edge *begin, const struct edge *end,
                          const struct server_figures *empty, const struct server_figures *idle)
{
    const double seconds = (double)(end->at_ns - begin->at_ns) / (double)SECOND_NS;
    const double cpu_ns = (double)(end->server.cpu_ns - begin->server.cpu_ns);
    const double waited_ns = (double)(end->server.waited_ns - begin->server.waited_ns);
    const double own_waited_ns = (double)(end->own.waited_ns - begin->own.waited_ns);
    const double states = (double)(players.ages.count + players.budget_ages.count);
    const double busy =
        seconds > 0 ? 1 - (double)(end->idle_ns - begin->idle_ns) / (seconds * 1e9) : 0;

    (void)printf("{\"protocol\":\"%s\",\"rooms\":%u,\"members\":%u,\"clients\":%u,\"size\":%u,"
                 "\"rate\":%.3f,\"tick_us\":%u,\"seconds\":%.4f,",
                 task->protocol->name, players.rooms, players.members, players.count,
                 players.state_size, task->rate, players.tick_us, seconds);
    (void)printf(
        "\"delivered_s\":%.1f,\"cpu_ns\":%.1f,\"core\":%.4f,\"waited\":%.4f,"
        "\"generator\":%.4f,\"players_waited\":%.4f,\"due\":%" PRIu64 ",\"delivered\":%" PRIu64 ",",
        seconds > 0 ? states / seconds : 0, states > 0 ? cpu_ns / states : 0,
        seconds > 0 ? cpu_ns / (seconds * 1e9) : 0, seconds > 0 ? waited_ns / (seconds * 1e9) : 0,
        busy, seconds > 0 ? own_waited_ns / (seconds * 1e9) : 0, players.due, players.delivered);
    (void)printf("\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"datagrams\":%" PRIu64
                 ",\"bytes\":%" PRIu64 ",\"strange\":%" PRIu64 ",",
                 (double)histogram_quantile(&players.ages, 0.5) / 1e3,
                 (double)histogram_quantile(&players.ages, 0.99) / 1e3,
                 (double)histogram_quantile(&players.ages, 0.999) / 1e3, players.datagrams,
                 players.bytes, players.strange);
    (void)printf("\"down\":%u,\"budget_states\":%" PRIu64
                 ",\"budget_p50_us\":%.1f,\"budget_p99_us\":%.1f,",
                 players.down_bytes_s, players.budget_ages.count,
                 (double)histogram_quantile(&players.budget_ages, 0.5) / 1e3,
                 (double)histogram_quantile(&players.budget_ages, 0.99) / 1e3);
    (void)printf("\"empty_kb\":%" PRIu64 ",\"idle_kb\":%" PRIu64 ",\"end_kb\":%" PRIu64
                 ",\"empty_private_kb\":%" PRIu64 ",\"idle_private_kb\":%" PRIu64 "}\n",
                 empty->resident_kb, idle->resident_kb, end->server.resident_kb, empty->private_kb,
                 idle->private_kb);
}

static void take_processor(unsigned core)
{
    struct rlimit files;
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(core, &cpus);
    (void)sched_setaffinity(0, sizeof(cpus), &cpus);
    (void)setpriority(PRIO_PROCESS, 0, -10);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

int program_main(int argc, char **argv)
{
    struct task task = {.rate = 60, .warm_ms = 300, .run_ms = 1000, .own_core = 1};
    struct server_figures empty;
    struct server_figures idle;
    struct edge begin = {0};
    struct edge end = {0};

    if (!read_arguments(&task, argc, argv)) {
        (void)fprintf(stderr, "usage: bench_load PROTOCOL udp=PORT pid=PID [KEY=VALUE...]\n");
        return 2;
    }
    take_processor(task.own_core);
    server_figures_read(&empty, task.pid);
    if (!mix_order() || !task.protocol->open(&players)) {
        return 1;
    }
    if (task.run_ms == 0) {
        (void)usleep(300000);
    }
    server_figures_read(&idle, task.pid);
    end.server = idle;
    if (task.run_ms > 0) {
        play(&task, &begin, &end);
    } else {
        begin = end;
    }
    print_figures(&task, &begin, &end, &empty, &idle);
    return fflush(stdout) == 0 ? 0 : 1;
}
