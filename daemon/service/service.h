/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_SERVICE_SERVICE_H
#define GSRELAY_SERVICE_SERVICE_H

#include "config/config.h"
#include "config/secret_file.h"
#include "daemon/exit_code.h"
#include "daemon/options.h"

/* service.h - how the operating system runs us: who says start, and to whom we say ready and
 * stopped.
 *
 * Today the console: Ctrl+C, Ctrl+Break, closing its window, SIGINT and SIGTERM stop in order;
 * SIGQUIT drains, SIGHUP reloads, SIGUSR1 reopens the log, SIGUSR2 writes the counters. The Windows
 * service manager and systemd will stand beside it with the same three steps: server_open() while
 * starting, the word "ready", server_run() until the end.
 *
 * Threads: the main thread, before any other exists. */

/* Runs the relay in the foreground and returns how it ended. Logs go to standard error; what keeps
 * it from starting is a sentence there as well; "ready" is one line on standard output. */
enum exit_code service_run_console(const struct config *config, const struct secret_file *secrets,
                                   const struct options *options);

#endif
