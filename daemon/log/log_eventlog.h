/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_LOG_LOG_EVENTLOG_H
#define GSRELAY_LOG_LOG_EVENTLOG_H

/* log_eventlog.h - an output of log_stream.h that reports notable lines to the Windows Event Log;
 * what is not notable it passes over.
 *
 * The source is the service's name; `service install` registers it, with our exe as the place of
 * its message table. Event ids are those of log_notable.h as they stand, without severity bits, so
 * that every tool shows the same number; the type is the line's level, the category none.
 * Windows only. Threads: one at a time, the stream's writer. Memory: one struct. */

#include <wchar.h>

#include "daemon/log/log_stream.h"

/* The calls that it needs; a test has others than the system's. Each returns 0 or an error number
 * for os_error_text(). */
struct log_eventlog_system {
    int (*open)(const wchar_t *source, void **out);
    int (*report)(void *source, uint16_t type, uint32_t id, uint16_t string_count,
                  const wchar_t *const strings[]);
    void (*close)(void *source);
};

extern const struct log_eventlog_system log_eventlog_system;

/* The source is opened with the first line, and again after a failure. Returns RESULT_INVALID for a
 * name that is too long or no UTF-8, or RESULT_NO_MEMORY. */
GSRELAY_CHECKED int log_eventlog_open(const char *source, const struct log_eventlog_system *system,
                                      struct log_output *out);

#endif
