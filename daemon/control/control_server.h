/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_CONTROL_SERVER_H
#define GSRELAY_CONTROL_CONTROL_SERVER_H

#include "config/config.h"
#include "config/secret_file.h"
#include "daemon/link.h"
#include "daemon/log/log.h"
#include "daemon/net/net_types.h"

#include <stddef.h>

/* control_server.h - the control thread: TCP, the links to the workers, the log, the counters.
 *
 * It moves bytes, commands, events and log records between net_tcp, struct control (sans-I/O), the
 * workers and the log, and decides nothing itself.
 *
 * Threads: open, run and close from one thread, and control_server_apply() within run's moments.
 * control_server_stop(), _drain(), _reopen_log(), _report(), _pulse_*() and _wake() from any thread
 * between open and close. Memory: all of it is allocated in control_server_open(). */

struct control_server;

/* When the owner is called, on the control thread; it must not block. */
enum control_server_moment {
    CONTROL_SERVER_TURN,     /* Once in each turn, as long as it serves. */
    CONTROL_SERVER_DRAINING, /* A drain has begun. */
    CONTROL_SERVER_STOPPING  /* The end has begun. */
};

struct control_server_options {
    const struct relay_config *config; /* Read during open only. */
    const struct secret_file *secrets; /* Copied; wiped at close. */
    struct link *const *links;         /* One for each worker; must outlive the server. */
    uint32_t worker_count;
    uint32_t rooms_per_worker; /* What each worker's core was given as rooms_max. */
    struct log *log;           /* Borrowed. */
    void (*on_moment)(void *context, enum control_server_moment moment); /* NULL: nobody. */
    void *context;
};

/* Opens the listeners and the tables, or nothing. On failure `failure_out` says what and why. */
GSRELAY_CHECKED int control_server_open(const struct control_server_options *options,
                                        struct control_server **out,
                                        struct net_failure *failure_out);

/* The bytes that the tables may come to use; 0 if they do not fit size_t. */
size_t control_server_size(const struct relay_config *config);

/* The address that a listener is really bound to. */
struct addr control_server_address(const struct control_server *server, unsigned listener_index);

/* Serves until control_server_stop(), until a drain is over, or until a worker or waiting fails for
 * good. Then: refuses the new, tells every client DRAINING, gives the workers COMMAND_DRAIN, tells
 * BYE, writes out what is left for at most server.drain_timeout, writes the last counters (asked of
 * every worker once more), and returns RESULT_OK or the negative enum result of what failed. The
 * workers still run when it returns. */
GSRELAY_CHECKED int control_server_run(struct control_server *server);

/* Asks for the end, within server.drain_timeout and within `within_ms`; UINT32_MAX bounds nothing.
 */
void control_server_stop(struct control_server *server, uint32_t within_ms);

/* Asks for a drain: nobody new and no new rooms, and an end as above when the last room is gone or
 * server.drain_wait has passed. */
void control_server_drain(struct control_server *server);

/* Goes on with these settings; what sizes tables or sockets is as it was. `secrets` NULL: those of
 * now stay. */
void control_server_apply(struct control_server *server, const struct relay_config *config,
                          const struct secret_file *secrets);

/* Asks for the log's file to be opened anew. */
void control_server_reopen_log(struct control_server *server);

/* Asks for evt=counters lines now. */
void control_server_report(struct control_server *server);

/* Asks for a sign of life, and whether the last was given: a turn has ended since it was asked for.
 */
void control_server_pulse_ask(struct control_server *server);
bool control_server_pulse_is_felt(const struct control_server *server);

/* For link->wake_control. */
void control_server_wake(void *server);

/* Closes the sockets and frees everything. NULL is nothing. */
void control_server_close(struct control_server *server);

#endif
