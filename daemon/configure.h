/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_CONFIGURE_H
#define GSRELAY_DAEMON_CONFIGURE_H

#include "config/config.h"
#include "config/config_report.h"
#include "config/secret_file.h"
#include "daemon/options.h"

/* configure.h - finds relay.ini, reads it together with the environment and the command line, and
 * the secrets that it names. What config/ does over bytes, this does with the files of the system.
 *
 * Threads: one at a time. Memory: none is kept. */

/* Loads the configuration. The report holds every mistake and warning, with its place, also when no
 * file was found where one was named. Returns RESULT_OK or RESULT_INVALID. */
GSRELAY_CHECKED int configure_load(const struct options *options, struct config *out,
                                   struct config_report *report);

/* Loads the secrets of auth.secret_file; an empty set when auth.mode is open. Refuses a file that
 * others may read. Returns RESULT_OK or RESULT_INVALID; the report says why. */
GSRELAY_CHECKED int configure_load_secrets(const struct relay_config *config,
                                           struct secret_file *out, struct config_report *report);

/* What is wrong with relay.ini, the environment and the command line, and what with the secrets. */
enum { CONFIGURE_REPORTS = 2 };

/* Loads both, and checks all that can be checked without opening a socket. The reports hold every
 * mistake and warning. Returns RESULT_OK or RESULT_INVALID. */
GSRELAY_CHECKED int configure_all(const struct options *options, struct config *out,
                                  struct secret_file *secrets_out,
                                  struct config_report reports_out[CONFIGURE_REPORTS]);

/* The line of a fresh secret for auth.secret_file, with its line end. To be wiped. */
void configure_new_secret(char line_out[SECRET_LINE_SIZE]);

#endif
