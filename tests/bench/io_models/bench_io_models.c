/* SPDX-License-Identifier: MIT */

/* bench_io_models.c - the models and the engine beside each other: rate, processor time, p99, and
 * what clients cost that say nothing.
 *
 * Each model in turn is started, asked for a second by 1, 64 or 500 clients that wait for their
 * echo (io_load.h), left alone by them for a second (TCP), and stopped; several rounds, so that
 * what else the machine does falls on all of them. Clients run on processor 0 and servers on
 * processor 1.
 *
 * usage: bench_io_models [--rounds N] [--ms N] [--model NAME] [--and-pid PID] [--] SERVER
 * [ARGUMENT...]
 *
 * SERVER is io_echo_server, or what runs it; the model's name is added as last argument. --model
 * measures that one only. --and-pid adds the processor time of another process, which does part of
 * the servers' work (wineserver).
 *
 * The first line says "#rounds N ms N". Then one line for each case, separated by tabs: model,
 * protocol, clients, echoes a second, processor time for an echo in microseconds (median, least,
 * most), median and p99 of the echo's time in microseconds, datagrams sent again (all rounds
 * together), attempts that failed and were made again (all rounds), and for TCP processor time
 * while the clients are silent in percent of a core, threads, KiB of memory that a client takes.
 * Each value is the median of its rounds but where it says otherwise. */

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
#define WARM_UP_NS    (200 * NS_PER_MS)
#define SETTLE_MS     100 /* What is left of the last echoes is not counted as silence. */
#define ATTEMPTS      3
#define EXIT_UNKNOWN  2 /* How io_echo_server ends if it has no such model. */

static const char *const models[] = {
    "blocking",         "nonblocking",        "select", "event_select",
    "overlapped_event", "completion_routine", "iocp",   "engine",
};
static const unsigned clients[] = {1, 64, 500};

#define MODELS  (sizeof(models) / sizeof(models[0]))
#define CLIENTS (sizeof(clients) / sizeof(clients[0]))
#define CASES   (2 * CLIENTS) /* First TCP, then UDP. */

enum { RATE, CPU, P50, P99, RESENT, IDLE, THREADS, MEMORY, VALUES };

struct bench {
    unsigned rounds;
    uint64_t duration_ns;
    uint32_t other_pid;
    const char *only;              /* NULL is all models. */
    char *argv[ARGUMENTS_MAX + 2]; /* The last but one is the model. */
    unsigned argc;
    bool is_absent[MODELS]; /* Not on this system, or not asked for. */
    unsigned retries[MODELS][CASES];
    double values[MODELS][CASES][VALUES][ROUNDS_MAX];
};

static bool is_udp_case(unsigned index)
{
    return index >= CLIENTS;
}

static const char *protocol_of(unsigned index)
{
    return is_udp_case(index) ? "udp" : "tcp";
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

/* These return NULL, or what went wrong. */

static const char *measure_load(const struct bench *bench, const struct bench_process *process,
                                struct io_load *load, double out[VALUES])
{
    struct io_load_result result;

    if (io_load_run(load, bench->duration_ns < WARM_UP_NS ? bench->duration_ns : WARM_UP_NS,
                    &result) != 0) {
        return "a connection broke while warming up";
    }
    const uint64_t before_ns = cpu_ns(bench, process);
    if (io_load_run(load, bench->duration_ns, &result) != 0) {
        return "a connection broke";
    }
    const uint64_t used_ns = cpu_ns(bench, process) - before_ns;
    out[RATE] = result.rate_s;
    out[CPU] = result.echoes > 0 ? (double)used_ns / 1000.0 / (double)result.echoes : 0;
    out[P50] = result.p50_us;
    out[P99] = result.p99_us;
    out[RESENT] = (double)result.resent;
    return NULL;
}

static const char *measure_silence(const struct bench *bench, const struct bench_process *process,
                                   struct io_load *load, double out[VALUES])
{
    if (io_load_fall_silent(load) != 0) {
        return "the last echoes did not come";
    }
    os_sleep_ms(SETTLE_MS);
    const uint64_t begin_ns = os_clock_ns();
    const uint64_t before_ns = cpu_ns(bench, process);
    os_sleep_ms((uint32_t)(bench->duration_ns / NS_PER_MS));
    const uint64_t used_ns = cpu_ns(bench, process) - before_ns;
    out[IDLE] = 100.0 * (double)used_ns / (double)(os_clock_ns() - begin_ns);
    out[THREADS] = bench_process_threads(process);
    return NULL;
}

static const char *measure_server(const struct bench *bench, const struct bench_process *process,
                                  const char *line, unsigned index, double out[VALUES])
{
    const bool is_udp = is_udp_case(index);
    const unsigned count = clients[index % CLIENTS];
    const double before_bytes = (double)bench_process_memory_bytes(process);
    struct io_load *const load =
        io_load_open(is_udp, port_in(line, is_udp ? "udp=" : "tcp="), count);

    if (load == NULL) {
        return "clients could not connect";
    }
    const char *problem = measure_load(bench, process, load, out);
    if (problem == NULL && !is_udp) {
        problem = measure_silence(bench, process, load, out);
        out[MEMORY] = ((double)bench_process_memory_bytes(process) - before_bytes) / 1024.0 / count;
    }
    io_load_close(load);
    return problem;
}

static const char *measure(struct bench *bench, unsigned model, unsigned index, double out[VALUES],
                           int *exit_code_out)
{
    char line[256] = "";
    char name[32];

    (void)snprintf(name, sizeof(name), "%s", models[model]);
    bench->argv[bench->argc] = name;
    struct bench_process *const process =
        bench_process_start(bench->argv, line, sizeof(line), exit_code_out);
    if (process == NULL) {
        return "the server did not start";
    }
    const char *const problem = measure_server(bench, process, line, index, out);
    *exit_code_out = bench_process_stop(process);
    return problem == NULL && *exit_code_out != 0 ? "the server did not end well" : problem;
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
    double resent = 0;

    for (unsigned value = 0; value < VALUES; value++) {
        qsort(values[value], bench->rounds, sizeof(double), compare);
    }
    for (unsigned round = 0; round < bench->rounds; round++) {
        resent += values[RESENT][round];
    }
    (void)printf("%s\t%s\t%u\t%.0f\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t%.0f\t%u", models[model],
                 protocol_of(index), clients[index % CLIENTS], values[RATE][middle],
                 values[CPU][middle], values[CPU][0], values[CPU][bench->rounds - 1],
                 values[P50][middle], values[P99][middle], resent, bench->retries[model][index]);
    if (is_udp_case(index)) {
        (void)printf("\n");
    } else {
        (void)printf("\t%.3f\t%.0f\t%.1f\n", values[IDLE][middle], values[THREADS][middle],
                     values[MEMORY][middle]);
    }
}

/* On a busy machine a start or a connection may fail; nobody is spared hearing of it. */
static int run_case(struct bench *bench, unsigned model, unsigned index, unsigned round)
{
    for (unsigned i = 1; i <= ATTEMPTS; i++) {
        double out[VALUES] = {0};
        int exit_code = -1;
        const char *const problem = measure(bench, model, index, out, &exit_code);
        if (problem == NULL) {
            for (unsigned value = 0; value < VALUES; value++) {
                bench->values[model][index][value][round] = out[value];
            }
            return 0;
        }
        if (round == 0 && index == 0 && exit_code == EXIT_UNKNOWN) {
            bench->is_absent[model] = true;
            return 0;
        }
        (void)fprintf(stderr, "bench: %s %s %u, round %u, attempt %u of %u: %s (exit code %d)\n",
                      models[model], protocol_of(index), clients[index % CLIENTS], round + 1, i,
                      ATTEMPTS, problem, exit_code);
        bench->retries[model][index]++;
    }
    return -1;
}

static int run_round(struct bench *bench, unsigned round)
{
    for (unsigned index = 0; index < CASES; index++) {
        for (unsigned model = 0; model < MODELS; model++) {
            if (!bench->is_absent[model] && run_case(bench, model, index, round) != 0) {
                return -1;
            }
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
        } else if (strcmp(argv[next], "--model") == 0) {
            bench->only = argv[next + 1];
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
        (void)fprintf(stderr, "usage: bench_io_models [--rounds N] [--ms N] [--model NAME] "
                              "[--and-pid PID] [--] SERVER [ARGUMENT...]\n");
        return 2;
    }
    for (unsigned model = 0; model < MODELS; model++) {
        bench.is_absent[model] = bench.only != NULL && strcmp(bench.only, models[model]) != 0;
    }
    bench_process_pin_self();
    for (unsigned round = 0; round < bench.rounds; round++) {
        if (run_round(&bench, round) != 0) {
            return 1;
        }
    }
    (void)printf("#rounds %u ms %" PRIu64 "\n", bench.rounds, bench.duration_ns / NS_PER_MS);
    for (unsigned index = 0; index < CASES; index++) {
        for (unsigned model = 0; model < MODELS; model++) {
            if (!bench.is_absent[model]) {
                print_case(&bench, model, index);
            }
        }
    }
    return 0;
}
