/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_IO_MODELS_BENCH_PROCESS_H
#define GSRELAY_TESTS_BENCH_IO_MODELS_BENCH_PROCESS_H

/* bench_process.h - a child that is measured: its first line, its processor time, its end.
 *
 * Threads: one. Memory: one block for each child, from start to stop. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_process;

/* Starts argv[0] on processor 1, where there are two, and waits for the first line of its standard
 * output. NULL if it has none, or cannot be started. */
struct bench_process *bench_process_start(char *const argv[], char *line, size_t size);

/* Processor time of all its threads so far, those that have ended too. */
uint64_t bench_process_cpu_ns(const struct bench_process *process);

/* The same of a process that we did not start. 0 where the system does not tell. */
uint64_t bench_process_other_cpu_ns(uint32_t pid);

/* Ends its standard input and waits for it. */
void bench_process_stop(struct bench_process *process);

/* Keeps ourselves on processor 0, where there are two. */
void bench_process_pin_self(void);

#endif
