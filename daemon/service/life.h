/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_SERVICE_LIFE_H
#define GSRELAY_SERVICE_LIFE_H

#include "daemon/exit_code.h"
#include "daemon/logging.h"
#include "daemon/options.h"
#include "daemon/server.h"

#include <stdbool.h>
#include <stdint.h>

/* life.h - the daemon's life from its first line of the log to its last, whoever runs us.
 *
 * Reads the configuration, opens the log, opens the server (and tries again, for a while, where the
 * service manager started us before the network was there), says ready, carries out what is asked
 * (stop, drain, reload, ...) and says how it ended. Whom it is said to, the console, the Windows
 * service manager or systemd, fills in a struct life_host.
 *
 * Threads: life_run() keeps its caller's thread, which becomes the control thread. Requests are
 * passed on by a thread of the life's own, the keeper, which also looks whether the others are
 * alive. The host's functions are called by either of the two, possibly at once, and must not
 * block. One life at a time in a process. */

/* How often a host is told that stopping goes on. */
#define LIFE_STOPPING_MS 1000

/* How long at most between two calls of `starting`. */
#define LIFE_STARTING_MS 5000

/* Where the life is told. A function that is NULL is not called. */
struct life_host {
    void *context;
    /* It is still starting; `what` is a sentence that says what it does or waits for. */
    void (*starting)(void *context, const char *what);
    /* Every socket is open. The line names the addresses and ends with a line feed. */
    void (*ready)(void *context, const char *line);
    /* What the server does. */
    void (*notice)(void *context, enum server_notice notice);
    /* It is stopping; called again every LIFE_STOPPING_MS until life_run() returns. */
    void (*stopping)(void *context);
    /* The control thread and every worker have ended a turn since the call before. Called
     * every alive_interval_ns while that is so, and not while one of them hangs. */
    void (*alive)(void *context);
    uint64_t alive_interval_ns; /* 0: nobody wants to know. */
    /* Takes the mistakes of the configuration, lines with their line feeds. NULL: each becomes a
     * line of the log instead. */
    void (*mistakes)(void *context, const char *text);
    struct logging_way log;
    /* Where the sentences of a failing end are left for `service status`; NULL: nowhere. */
    const char *last_end_path;
    /* The service manager started us and waits: addresses that are not there yet are tried again
     * for server.start_retry, and consoles have nothing to say. */
    bool is_managed;
};

/* Runs the relay until it is asked to stop, or until it fails. The log says why it failed, and
 * `last_end_path` as well. Nothing of it is left when this returns. */
enum exit_code life_run(const struct options *options, const struct life_host *host);

#endif
