/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_LOGGING_H
#define GSRELAY_DAEMON_LOGGING_H

/* logging.h - the daemon's log as its configuration and the way it runs ask for.
 *
 *   in a console             standard error
 *   under systemd            the same, with the journal's <N> in front of each line
 *   as a Windows service     the file of the service, and the Event Log for what is notable
 *   with log.file            that file; what is notable goes to standard error or the Event Log too
 *
 * Threads: those of daemon/log/log.h. Memory: what log_create() and the sinks take. */

#include "config/config.h"
#include "daemon/log/log.h"

/* Mistakes that logging_report() writes one by one. */
#define LOGGING_REPORT_MAX 20

struct logging_way {
    /* The Windows service that we are, which is the name of its source in the Event Log. NULL: a
     * console or systemd. Borrowed for the call. */
    const char *service;
    /* Where the log goes when log.file is empty; NULL: to standard error. Borrowed for the call. */
    const char *default_file;
};

/* Opens the log. `config` NULL stands for the defaults: mistakes in relay.ini have to be logged
 * before there is a configuration. A file that cannot be opened now is tried again, and is no
 * failure. Returns RESULT_NO_MEMORY when there is no memory or no thread. */
GSRELAY_CHECKED int logging_open(const struct config *config, const struct logging_way *way,
                                 struct log **out);

/* Logs each mistake and warning of a report with its file and line, at most LOGGING_REPORT_MAX of
 * them, then how many more there are. Without any it does nothing. */
void logging_report(struct log *log, const struct config_report *report);

#endif
