/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_CONTROL_SERVER_INTERNAL_H
#define GSRELAY_CONTROL_CONTROL_SERVER_INTERNAL_H

#include "daemon/control/control_server.h"
#include "daemon/control/control_server_parts.h"

#include <stdatomic.h>

/* control_server_internal.h - what the files of the control thread share: control_server.c (open
 * and close, connections, workers, a turn), control_server_run.c (serving, drain, stop) and
 * control_server_counters.c (reports).
 *
 * Threads and memory: as in control_server.h; the atomics are what other threads ask for. */

struct control_server_place {
    struct net_conn conn; /* Generation 0: nobody. */
    bool is_paused;
};

struct control_server {
    struct net_tcp *net;
    struct control *control;
    void *control_memory;
    struct control_server_place
        *places; /* By index, the same with net_tcp and with struct control. */
    uint8_t *input;
    struct link *const *links;
    uint32_t worker_count;
    struct log *log;
    struct link_pulse pulse;
    uint32_t rooms_per_worker;
    void (*on_moment)(void *context, enum control_server_moment moment);
    void *context;
    uint64_t drain_timeout_ns;
    uint64_t drain_wait_ns;     /* 0: until the last room is gone. */
    uint64_t stats_interval_ns; /* 0: never by itself. */
    uint64_t next_stats_ns;
    uint64_t drain_begin_ns; /* While draining. */
    bool is_draining;
    bool is_blocked;   /* A command waits for room in a worker's queue. */
    bool has_log_look; /* The log wants to be looked after soon. */
    bool is_reporting; /* Snapshots were asked for. */
    atomic_bool stop;
    atomic_uint stop_within_ms; /* Bounds the drain beside drain_timeout_ns. */
    atomic_bool drain;
    atomic_bool reopen_log;
    atomic_bool report;
};

/* The limits of struct control, and those times that the thread itself keeps. */
void control_server_fill_limits(const struct control_server *server,
                                const struct relay_config *config, struct control_limits *out);
void control_server_take_times(struct control_server *server, const struct relay_config *config);

/* Everything once, waiting until end_ns at the latest for something to do. */
GSRELAY_CHECKED int control_server_turn(struct control_server *server, uint64_t end_ns);

/* Gives the net layer what is to be written, paused and closed. */
void control_server_flush(struct control_server *server);

/* control_server_counters.c: asks every worker for its counters, unless they are asked already;
 * writes the lines once all have answered; does both when it is time, or was asked for. */
void control_server_report_begin(struct control_server *server);
void control_server_report_finish(struct control_server *server);
void control_server_report_run(struct control_server *server, uint64_t now_ns);

/* Sets when the counters are next written. */
void control_server_report_plan(struct control_server *server);

#endif
