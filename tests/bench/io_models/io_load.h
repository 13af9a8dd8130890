/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_IO_MODELS_IO_LOAD_H
#define GSRELAY_TESTS_BENCH_IO_MODELS_IO_LOAD_H

/* io_load.h - clients that ask as fast as they are answered, and the times that takes.
 *
 * Each has one request of IO_LOAD_BYTES on the way and sends the next when its echo has come, so
 * the server is never idle and never flooded. Threads: one. Memory: a block for each load. */

#include <stdbool.h>
#include <stdint.h>

#define IO_LOAD_BYTES 64

struct io_load;

struct io_load_result {
    uint64_t echoes;
    uint64_t resent; /* Datagrams that had no echo for a fifth of a second and were sent again. */
    double rate_s;
    double p50_us;
    double p99_us; /* From the first sending to having the whole echo; in steps of 3 %. */
};

/* Connects `count` clients. NULL if that cannot be done. */
struct io_load *io_load_open(bool is_udp, uint16_t port, unsigned count);

/* Asks for that long. Returns -1 when a connection breaks. Requests on the way go on into the next
 * run. */
int io_load_run(struct io_load *load, uint64_t duration_ns, struct io_load_result *out);

/* Takes the echoes that are still on the way and asks no more: from then on the clients are silent.
 * Returns -1 when a connection breaks or when they do not come. */
int io_load_fall_silent(struct io_load *load);

void io_load_close(struct io_load *load);

#endif
