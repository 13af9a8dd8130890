/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_CONTROL_BENCH_WORKER_H
#define GSRELAY_TESTS_CONTROL_BENCH_WORKER_H

#include "tests/control/bench.h"

/* bench_worker.h - a worker as simple as can be: rooms and members, no datagrams. It keeps the
 * rules of message.h: one answer to each command with a session, answers before announcements. */

void bench_worker_run(struct bench_worker *worker, const struct command *command);

/* Members of all its rooms. */
unsigned bench_worker_members(const struct bench_worker *worker);

#endif
