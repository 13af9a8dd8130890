/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONFIG_CONFIG_REPORT_H
#define GSRELAY_CONFIG_CONFIG_REPORT_H

/* config_report.h - the list of what is wrong with a configuration.
 *
 * Threads: one at a time. Memory: struct config_report, the caller's. */

#include "config/config.h"

#if defined(__GNUC__)
#define CONFIG_PRINTF(FORMAT, FIRST) __attribute__((format(printf, FORMAT, FIRST)))
#else
#define CONFIG_PRINTF(FORMAT, FIRST)
#endif

/* Empties the report. path names the file in messages; NULL: there is none. */
void config_report_start(struct config_report *report, const char *path);

/* Adds a message; one that finds no place is counted. */
void config_report_add(struct config_report *report, enum config_severity severity,
                       struct config_origin origin, const char *format, ...) CONFIG_PRINTF(4, 5);

/* Adds an error about the file as a whole, as "does not exist". */
void config_report_add_file(struct config_report *report, const char *what);

/* Writes one line for each message, as
 *   relay.ini:12: [udp] prot: no such key; did you mean "port"?
 * and one that tells how many more there are. */
void config_report_print(const struct config_report *report, config_write *write, void *context);

#endif
