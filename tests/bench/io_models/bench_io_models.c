/* SPDX-License-Identifier: MIT */

/* bench_io_models.c - the models and the engine beside each other: rate, processor time, p99.
 *
 * Each model in turn is started, asked for a second by 1, 64 or 500 clients that wait for their
 * echo (io_load.h), and stopped; several rounds, so that what else the machine does falls on all of
 * them. Clients run on processor 0 and servers on processor 1.
 *
 * usage: bench_io_models [--rounds N] [--ms N] [--and-pid PID] [--] SERVER [ARGUMENT...]
 *
 * SERVER is io_echo_server, or what runs it; the model's name is added as last argument. --and-pid
 * adds the processor time of another process, which does part of the servers' work (wineserver).
 * Writes one line for each case: model, protocol, clients, echoes a second, processor time for an
 * echo in microseconds (median, least, most), median and p99 of the echo's time in microseconds,
 * datagrams sent again; separated by tabs. Each value is the median of its rounds. */

#include "daemon/os/os.h"
#include "tests/bench/io_models/bench_process.h"
#include "tests/bench/io_models/io_load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX    31
#define ARGUMENTS_MAX 16
#define NS_PER_MS     UINT64_C(1000000)
#define WARM_UP_MS    200
#define ATTEMPTS      3

static const char *const models[] = {
    "blocking",         "nonblocking",        "select", "event_select",
    "overlapped_event", "completion_routine", "iocp",   "engine",
};
static const unsigned clients[] = {1, 64, 500};

#define MODELS  (sizeof(models) / sizeof(models[0]))
#define CLIENTS (sizeof(clients) / sizeof(clients[0]))
#define CASES   (2 * CLIENTS) /* First TCP, then UDP. */

enum { RATE, CPU, P50, P99, LOST, VALUES };

struct bench {
    unsigned rounds;
    uint64_t duration_ns;
    uint32_t other_pid;
    char *argv[ARGUMENTS_MAX + 2]; /* The last but one is the model. */
    unsigned argc;
    bool is_absent[MODELS]; /* Not on this system. */
    double values[MODELS][CASES][VALUES][ROUNDS_MAX];
};

static bool is_udp_case(unsigned index)
{
    return index >= CLIENTS;
}

static uint16_t port_in(const char *line, const char *key)
{
    const char *const value = strstr(line, key);
    const char *const colon = value != NULL ? strchr(value, ':') : NULL;

    return colon != NULL ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
}

static uint64_t cpu_ns(const struct bench *bench, const struct bench_process *process)
{
    return bench_process_cpu_ns(process) + bench_process_other_cpu_ns(bench->other_pid);
}

static int measure_load(struct bench *bench, const struct bench_process *process,
                        struct io_load *load, struct io_load_result *result, double *cpu_us_out)
{
    if (io_load_run(load, WARM_UP_MS * NS_PER_MS, result) != 0) {
        return -1;
    }
    const uint64_t before_ns = cpu_ns(bench, process);
    if (io_load_run(load, bench->duration_ns, result) != 0) {
        return -1;
    }
    const uint64_t used_ns = cpu_ns(bench, process) - before_ns;
    *cpu_us_out = result->echoes > 0 ? (double)used_ns / 1000.0 / (double)result->echoes : 0;
    return 0;
}

static int measure(struct bench *bench, unsigned model, unsigned index, unsigned round)
{
    const bool is_udp = is_udp_case(index);
    double(*const values)[ROUNDS_MAX] = bench->values[model][index];
    char line[256] = "";
    struct io_load_result result;
    double cpu_us = 0;
    char name[32];

    (void)snprintf(name, sizeof(name), "%s", models[model]);
    bench->argv[bench->argc] = name;
    struct bench_process *const process = bench_process_start(bench->argv, line, sizeof(line));
    if (process == NULL) {
        return -1;
    }
    struct io_load *const load =
        io_load_open(is_udp, port_in(line, is_udp ? "udp=" : "tcp="), clients[index % CLIENTS]);
    int status = load != NULL ? 0 : -1;
    if (load != NULL) {
        status = measure_load(bench, process, load, &result, &cpu_us);
        io_load_close(load);
    }
    bench_process_stop(process);
    if (status == 0) {
        values[RATE][round] = result.rate_s;
        values[CPU][round] = cpu_us;
        values[P50][round] = result.p50_us;
        values[P99][round] = result.p99_us;
        values[LOST][round] = (double)result.lost;
    }
    return status;
}

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;

    return (left > right) - (left < right);
}

static void print_case(struct bench *bench, unsigned model, unsigned index)
{
    double(*const values)[ROUNDS_MAX] = bench->values[model][index];
    const unsigned middle = bench->rounds / 2;

    for (unsigned value = 0; value < VALUES; value++) {
        qsort(values[value], bench->rounds, sizeof(double), compare);
    }
    (void)printf("%s\t%s\t%u\t%.0f\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t%.0f\n", models[model],
                 is_udp_case(index) ? "udp" : "tcp", clients[index % CLIENTS], values[RATE][middle],
                 values[CPU][middle], values[CPU][0], values[CPU][bench->rounds - 1],
                 values[P50][middle], values[P99][middle], values[LOST][middle]);
}

/* On a busy machine a start or a connection fails now and then. */
static int measure_patiently(struct bench *bench, unsigned model, unsigned index, unsigned round)
{
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        if (measure(bench, model, index, round) == 0) {
            return 0;
        }
    }
    return -1;
}

/* A model that does not start in the first case of all is none of this system's. */
static int run_round(struct bench *bench, unsigned round)
{
    for (unsigned index = 0; index < CASES; index++) {
        for (unsigned model = 0; model < MODELS; model++) {
            if (bench->is_absent[model] || measure_patiently(bench, model, index, round) == 0) {
                continue;
            }
            if (round > 0 || index > 0) {
                (void)fprintf(stderr, "bench: %s failed\n", models[model]);
                return -1;
            }
            (void)fprintf(stderr, "bench: no %s here\n", models[model]);
            bench->is_absent[model] = true;
        }
    }
    (void)fprintf(stderr, "bench: round %u of %u\n", round + 1, bench->rounds);
    return 0;
}

/* Returns false when the line of arguments cannot be understood. */
static bool read_arguments(struct bench *bench, int argc, char **argv)
{
    int next = 1;

    for (; next + 1 < argc && strncmp(argv[next], "--", 2) == 0; next += 2) {
        const uint32_t number = (uint32_t)strtoul(argv[next + 1], NULL, 10);
        if (strcmp(argv[next], "--") == 0) {
            next++;
            break;
        }
        if (strcmp(argv[next], "--rounds") == 0) {
            bench->rounds = number;
        } else if (strcmp(argv[next], "--ms") == 0) {
            bench->duration_ns = number * NS_PER_MS;
        } else if (strcmp(argv[next], "--and-pid") == 0) {
            bench->other_pid = number;
        } else {
            return false;
        }
    }
    while (next < argc && bench->argc < ARGUMENTS_MAX) {
        bench->argv[bench->argc] = argv[next];
        bench->argc++;
        next++;
    }
    return next == argc && bench->argc > 0 && bench->rounds >= 1 && bench->rounds <= ROUNDS_MAX &&
           bench->duration_ns > 0;
}

int program_main(int argc, char **argv)
{
    static struct bench bench = {.rounds = 5, .duration_ns = 1000 * NS_PER_MS};

    if (!read_arguments(&bench, argc, argv)) {
        (void)fprintf(stderr, "usage: bench_io_models [--rounds N] [--ms N] [--and-pid PID] [--] "
                              "SERVER [ARGUMENT...]\n");
        return 2;
    }
    bench_process_pin_self();
    for (unsigned round = 0; round < bench.rounds; round++) {
        if (run_round(&bench, round) != 0) {
            return 1;
        }
    }
    for (unsigned index = 0; index < CASES; index++) {
        for (unsigned model = 0; model < MODELS; model++) {
            if (!bench.is_absent[model]) {
                print_case(&bench, model, index);
            }
        }
    }
    return 0;
}
