/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_SERVER_H
#define GSRELAY_DAEMON_SERVER_H

#include "config/config.h"
#include "config/secret_file.h"
#include "daemon/exit_code.h"
#include "daemon/log/log.h"

#include <stddef.h>

/* server.h - the daemon as a whole: what is started in which order, and ended in the opposite one.
 *
 * server_open() opens every socket and every table, or nothing; server_run() serves until it is
 * asked to stop, drains and returns; server_close() frees what is left. Whoever runs us (the
 * console today, the service manager later) says "ready" between the first two.
 *
 * Threads: open, run and close from one thread, which becomes the control thread while it runs;
 * workers have threads of their own between open and the end of run. server_stop() and
 * server_report() from any thread, between the return of open and the call of close. */

#define SERVER_ERROR_SIZE 512
#define SERVER_READY_SIZE 1024

struct server;

struct server_failure {
    enum exit_code exit_code;
    char text[SERVER_ERROR_SIZE]; /* One sentence that names the thing and the setting. */
};

/* Opens everything that the configuration asks for. The configuration and the secrets are copied;
 * the log is borrowed until server_run() returns, or until server_close() where that is not called.
 * Returns RESULT_OK, or a negative enum result with the failure told. */
GSRELAY_CHECKED int server_open(const struct relay_config *config,
                                const struct secret_file *secrets, struct log *log,
                                struct server **out, struct server_failure *failure_out);

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

/* Asks for the counters to be written to the log now. */
void server_report(struct server *server);

/* Frees everything. NULL is nothing. */
void server_close(struct server *server);

#endif
