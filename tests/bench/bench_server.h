/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_BENCH_SERVER_H
#define GSRELAY_TESTS_BENCH_BENCH_SERVER_H

/* bench_server.h - a server under test: a child process, its ports, its processor time.
 *
 * Linux only. Threads: one. Memory: none but the caller's. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bench_server {
    pid_t pid;
    uint16_t udp_port;
    uint16_t control_port; /* 0: has none. */
};

/* Starts argv[0] on processor `cpu` and waits for its line "... ready udp=127.0.0.1:PORT
 * [control=127.0.0.1:PORT]". Its standard error goes to `log_path`. False, with a message, if the
 * line does not come. */
bool bench_server_start(struct bench_server *out, char *const argv[], const char *log_path,
                        unsigned cpu);

/* Processor time of all its threads so far, in nanoseconds, as the scheduler counts it
 * (/proc/PID/task/TID/schedstat). */
uint64_t bench_server_cpu_ns(const struct bench_server *server);

/* Stops it by SIGTERM and waits. */
void bench_server_stop(struct bench_server *server);

#endif
