/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_IO_MODELS_BENCH_PROCESS_H
#define GSRELAY_TESTS_BENCH_IO_MODELS_BENCH_PROCESS_H

/* bench_process.h - a child that is measured: its first line, its costs, its end.
 *
 * Threads: one. Memory: one block for each child, from start to stop. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_process;

/* Starts argv[0] on processor 1, where there are two, and waits for the first line of its standard
 * output. NULL if it has none, or cannot be started; then *exit_code_out is what it ended with, or
 * -1. */
struct bench_process *bench_process_start(char *const argv[], char *line, size_t size,
                                          int *exit_code_out);

/* Processor time of all its threads so far, those that have ended too. */
uint64_t bench_process_cpu_ns(const struct bench_process *process);

/* Memory that is its own: resident on Linux, committed on Windows. And its threads now. 0 where the
 * system does not tell. */
uint64_t bench_process_memory_bytes(const struct bench_process *process);
unsigned bench_process_threads(const struct bench_process *process);

/* The processor time of a process that we did not start. 0 where the system does not tell. */
uint64_t bench_process_other_cpu_ns(uint32_t pid);

/* Ends its standard input and waits for it. Returns its exit code, or -1 if it has none. */
int bench_process_stop(struct bench_process *process);

/* Keeps ourselves on processor 0, where there are two. */
void bench_process_pin_self(void);

#endif
