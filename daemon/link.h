/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_LINK_H
#define GSRELAY_DAEMON_LINK_H

#include "daemon/core/core.h"
#include "daemon/core/counters.h"
#include "daemon/core/message.h"
#include "daemon/net/net_udp.h"
#include "daemon/os/lines.h"
#include "daemon/os/queue.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* link.h - what ties one worker to the control thread.
 *
 * Two queues, two wakes, a mailbox for counters and one for new limits; nothing else is shared
 * between them. server.c makes the links before either thread starts and frees them after both have
 * ended.
 *
 * Threads: `pulse` as it says; the control thread pushes `commands`, pops `events`, asks for
 * snapshots, gives limits and calls link_wake_worker(); the worker does the opposite. `stop` is set
 * by the control thread.
 * Memory: the worker's, on LINES_APART; each writer has lines of its own. */

/* What a worker counts, copied as a whole at the end of a turn, so that the ledgers in it add up.
 */
struct link_snapshot {
    struct core_counters core;
    struct net_udp_counters net;
    uint64_t turns;
    uint64_t turns_bounded;   /* Turns that ended at their bound with datagrams left unread. */
    uint64_t events_withheld; /* Turns in which the event queue was full. */
    uint64_t taken_ns;        /* Monotonic. */
};

/* A question whether a thread still turns, which any thread may ask, and its answer. */
struct link_pulse {
    atomic_uint asked;
    atomic_uint answered; /* Set to what was asked, at the end of a turn. */
};

struct link {
    /* Written by nobody while the threads run. */
    struct queue *commands; /* struct command */
    struct queue *events;   /* struct event */
    struct net_udp *net;    /* For net_udp_wake() and the bound addresses only. */
    uint16_t udp_port;      /* The port of all the worker's sockets. */
    void (*wake_control)(void *context);
    void *wake_context;

    /* Any thread's, and the worker's answer. */
    _Alignas(LINES_APART) struct link_pulse pulse;

    /* The control thread's; the worker looks at them once a turn. */
    _Alignas(LINES_APART) atomic_uint snapshot_asked; /* Raised by the control thread. */
    atomic_uint limits_given;   /* Raised by the control thread when `limits` is filled. */
    atomic_bool stop;           /* The worker ends after the turn in which it sees this. */
    struct relay_limits limits; /* The control thread's while taken == given, then the worker's. */

    /* The worker's. */
    _Alignas(LINES_APART) atomic_uint snapshot_taken; /* Set to what was asked when filled. */
    atomic_uint limits_taken; /* Set to what was given when the worker has them. */
    atomic_int failure;       /* A negative enum result: the worker cannot go on and has ended. */
    struct link_snapshot
        snapshot; /* The worker's until taken == asked, then the control thread's. */
};

static_assert(LINES_PART(struct link, wake_context, pulse), "the lines of constants");
static_assert(LINES_PART(struct link, pulse, snapshot_asked), "the lines of the pulse");
static_assert(LINES_PART(struct link, limits, snapshot_taken), "the lines of the control thread");

/* Asks for a snapshot; at most one may be under way. */
void link_snapshot_ask(struct link *link);

/* The snapshot asked for, or NULL while the worker has not filled it. */
const struct link_snapshot *link_snapshot_get(const struct link *link);

/* Asks, answers, and tells whether the last question was answered. The one who asks wakes the
 * thread as well. */
void link_pulse_ask(struct link_pulse *pulse);
void link_pulse_answer(struct link_pulse *pulse);
bool link_pulse_is_felt(const struct link_pulse *pulse);

/* Hands new limits to the worker and wakes it. False while it has not taken those before; it wakes
 * the control thread when it does. */
bool link_limits_give(struct link *link, const struct relay_limits *limits);

/* For the worker: new limits, or NULL; valid until link_limits_took(). */
const struct relay_limits *link_limits_get(const struct link *link);
void link_limits_took(struct link *link);

/* Makes the worker look at its commands, at new limits, at a snapshot that was asked for, and at
 * `stop`. */
void link_wake_worker(struct link *link);

#endif
