/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_SERVER_FIGURES_H
#define GSRELAY_TESTS_BENCH_SERVER_FIGURES_H

/* server_figures.h - what a server under test has cost so far, from /proc.
 *
 * Linux only. Threads: one. Memory: none. */

#include <stdint.h>
#include <sys/types.h>

struct server_figures {
    uint64_t cpu_ns;      /* Of all its threads, as the scheduler counts it (schedstat). */
    uint64_t resident_kb; /* VmRSS. */
    uint64_t private_kb;  /* RssAnon: without the pages of files. */
    uint64_t waited_ns;   /* In which its threads were ready and something else ran. */
};

/* Reads those of process `pid`. What cannot be read is 0. */
void server_figures_read(struct server_figures *out, pid_t pid);

#endif
