/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_WORKER_H
#define GSRELAY_DAEMON_WORKER_H

#include "daemon/core/core.h"
#include "daemon/link.h"

/* worker.h - the loop that owns one share of the data plane: its sockets, its core, its rooms.
 *
 * Workers share nothing with each other, so no lock is taken per datagram. A worker never writes
 * logs and never allocates after worker_create(): what it has to say goes through its link.
 *
 * Threads: worker_create() and worker_destroy() while no worker runs; worker_run() is the body of
 * the worker's thread. Memory: the core's block and the queues, all of it made by worker_create().
 */

struct worker;

/* How many commands and events may be under way between a worker and the control thread. */
#define WORKER_COMMANDS 256
#define WORKER_EVENTS   64

/* Makes a worker around sockets that are open already; it owns `net` from then on. `seed` is 32
 * random bytes. Returns RESULT_NO_MEMORY or RESULT_INVALID (limits that contradict each other) and
 * leaves `net` with the caller on failure. */
GSRELAY_CHECKED int worker_create(const struct relay_limits *limits, struct net_udp *net,
                                  const uint8_t seed[32], uint64_t now_ns, struct worker **out);

/* The bytes that a worker with these limits may come to use, without its sockets; 0 if the limits
 * contradict each other. */
size_t worker_size(const struct relay_limits *limits);

/* The worker's link; valid until worker_destroy(). The caller fills in wake_control before the
 * thread starts. */
struct link *worker_link(struct worker *worker);

/* Runs until link->stop, or until waiting for datagrams fails for good (link->failure says so).
 * `worker` is void so that a thread can begin here. */
void worker_run(void *worker);

/* Closes the sockets and frees everything. The worker's thread has ended. NULL is nothing. */
void worker_destroy(struct worker *worker);

#endif
