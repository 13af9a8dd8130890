/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_SERVICE_SERVICE_H
#define GSRELAY_SERVICE_SERVICE_H

#include "daemon/exit_code.h"
#include "daemon/options.h"
#include "daemon/service/life.h"

/* service.h - how the operating system runs us: from a console, under the Windows service manager,
 * under systemd.
 *
 * Each of them fills a struct life_host and runs one life; they read no configuration and open no
 * socket themselves.
 * Threads: the main thread, before any other exists. */

/* Runs the relay in the foreground and returns how it ended. Logs go to standard error; what keeps
 * it from starting is a sentence there as well; "ready" is one line on standard output. Ctrl+C,
 * Ctrl+Break, closing the console's window, SIGINT and SIGTERM stop it in order. Where systemd
 * started it (NOTIFY_SOCKET is set) it is told as well. */
enum exit_code service_run_foreground(const struct options *options);

/* What `gsrelayd service run --name NAME` does, the command line that the Windows service manager
 * starts: runs the relay as the service `name` and returns when it has stopped. Typed by hand it
 * says so and returns EXIT_CODE_CONFIG. On Linux, where a unit starts the daemon itself, it is the
 * foreground. */
enum exit_code service_run_managed(const char *name, const struct options *options);

/* The console's part, for the files of this folder: "ready" on standard output, mistakes on
 * standard error. */
struct life_host service_console(void);

#endif
