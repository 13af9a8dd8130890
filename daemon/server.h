/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_SERVER_H
#define GSRELAY_DAEMON_SERVER_H

#include "config/config.h"
#include "config/secret_file.h"
#include "daemon/exit_code.h"
#include "daemon/log/log.h"
#include "daemon/options.h"

#include <stddef.h>

/* server.h - the daemon as a whole: what is started in which order, and ended in the opposite one.
 *
 * server_open() opens every socket and every table, or nothing; server_run() serves until it is
 * asked to stop, drains and returns; server_close() frees what is left. Whoever runs us (the
 * console today, the service manager later) says "ready" between the first two.
 *
 * Threads: open, run and close from one thread, which becomes the control thread while it runs;
 * workers have threads of their own between open and the end of run. server_stop(), _drain(),
 * _reload(), _reopen_log(), _report() and _pulse_*() from any thread (never a signal handler),
 * between the return of open and the call of close; they ask and return at once. */

#define SERVER_ERROR_SIZE 512
#define SERVER_READY_SIZE 1280

struct server;

struct server_failure {
    enum exit_code exit_code;
    char text[SERVER_ERROR_SIZE]; /* One sentence that names the thing and the setting. */
};

/* What whoever runs us may want to pass on to the system's service manager. */
enum server_notice {
    SERVER_NOTICE_RELOADING,      /* One of the next two follows. */
    SERVER_NOTICE_RELOADED,       /* The new settings act. */
    SERVER_NOTICE_RELOAD_REFUSED, /* The old ones go on. */
    SERVER_NOTICE_DRAINING,       /* By server_drain(). */
    SERVER_NOTICE_STOPPING        /* By server_stop(), or the drain is over. */
};

struct server_setup {
    const struct config *config;       /* Copied. */
    const struct secret_file *secrets; /* Copied. */
    const struct options *options;     /* Copied: where a reload reads from. NULL: no reload. */
    struct log *log; /* Borrowed until server_run() returns, or server_close() where it is not
                        called. */
    /* On the control thread; it must not block. NULL: nobody wants to know. */
    void (*notify)(void *context, enum server_notice notice);
    void *notify_context;
};

/* Opens everything that the configuration asks for. Returns RESULT_OK, or a negative enum result
 * with the failure told. */
GSRELAY_CHECKED int server_open(const struct server_setup *setup, struct server **out,
                                struct server_failure *failure_out);

/* The bytes that the tables of this configuration may come to use; 0 if they do not fit size_t. */
size_t server_memory(const struct relay_config *config);

/* Checks what can be checked without opening anything: that the tables fit server.memory_max. */
GSRELAY_CHECKED int server_check(const struct relay_config *config,
                                 struct server_failure *failure_out);

/* The line that tells the world that we are ready, with the addresses really bound; ends with "\n".
 */
void server_ready_line(const struct server *server, char out[SERVER_READY_SIZE]);

/* Serves until server_stop(), drains for at most server.drain_timeout, and returns the exit code.
 */
enum exit_code server_run(struct server *server);

/* Asks for the end, in order, within server.drain_timeout and within `within_ms` (UINT32_MAX: no
 * other bound than the first). Another call can only shorten what is left. */
void server_stop(struct server *server, uint32_t within_ms);

/* Asks for an end without a break for anybody: from now on there are no new clients and no new
 * rooms, every client is told DRAINING, and when the last room is gone, or server.drain_wait has
 * passed, the relay stops as by server_stop(). That may come meanwhile. */
void server_drain(struct server *server);

/* Asks for the settings and secrets to be read again from where they came from at the start. They
 * are checked whole, on a thread that may wait for a slow disk; what is wrong is logged with its
 * place (evt=reload_refused) and nothing changes. Otherwise every key marked `live` acts at once,
 * and the others that changed are named (evt=restart_needed). One that is asked for while another
 * is under way follows it. */
void server_reload(struct server *server);

/* Asks for the log's file to be opened anew, after it was moved away. */
void server_reopen_log(struct server *server);

/* Asks for the counters to be written to the log now. */
void server_report(struct server *server);

/* Asks the control thread and every worker for a sign of life, and whether all have given the last
 * one: it ended a turn since it was asked. For watchdogs; while server_run() has not returned. */
void server_pulse_ask(struct server *server);
bool server_pulse_is_felt(const struct server *server);

/* Frees everything. NULL is nothing. */
void server_close(struct server *server);

#endif
