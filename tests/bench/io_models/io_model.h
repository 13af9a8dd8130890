/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_IO_MODELS_IO_MODEL_H
#define GSRELAY_TESTS_BENCH_IO_MODELS_IO_MODEL_H

/* io_model.h - one small server, written once for each way of doing socket I/O.
 *
 * Every model serves an echo on 127.0.0.1: what comes over TCP goes back in order, and when the
 * peer ends its direction ours ends after the last byte; each UDP datagram goes back to its sender
 * as it is, the one of no bytes too. A model keeps at most IO_TCP_BYTES for each connection and
 * reads no further before they have left, so a peer that does not read stops only itself. Not here:
 * limits, timeouts, IPv6, logging.
 *
 * Threads: start and stop belong to one thread; what runs between them is the model's business.
 * Memory: what start takes, stop gives back. */

#include <stdatomic.h>
#include <stdint.h>

#define IO_TCP_BYTES 4096  /* The buffer of a connection. */
#define IO_UDP_BYTES 65536 /* More than the largest datagram, which is 65507 bytes. */

struct io_server {
    uint16_t tcp_port; /* Both chosen by the system, and filled by start. */
    uint16_t udp_port;
    /* Connections that were taken and that were given up again. For the tests: whatever clients do,
     * the second number must come to the first. */
    atomic_uint accepted;
    atomic_uint closed;
    void *state; /* The model's own. */
};

struct io_model {
    const char *name;
    /* Opens the sockets and starts the threads. Returns 0, or -1 with nothing left open. */
    int (*start)(struct io_server *server);
    /* Ends everything, with operations in flight or not. On return no thread runs, the system has
     * no buffer of ours any more, and both ports are free. */
    void (*stop)(struct io_server *server);
};

extern const struct io_model io_model_blocking;
extern const struct io_model io_model_nonblocking;
extern const struct io_model io_model_select;
extern const struct io_model io_model_event_select;
extern const struct io_model io_model_overlapped_event;
extern const struct io_model io_model_completion_routine;
extern const struct io_model io_model_iocp;
extern const struct io_model io_model_engine; /* The relay's own: daemon/net. */

/* The models that this system has, in the order of docs/IO-MODELS.md; ends with NULL. */
extern const struct io_model *const io_models[];

/* NULL if this system has no model of that name. */
const struct io_model *io_model_find(const char *name);

#endif
