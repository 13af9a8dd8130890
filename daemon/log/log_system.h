/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_LOG_LOG_SYSTEM_H
#define GSRELAY_LOG_LOG_SYSTEM_H

/* log_system.h - the sink that the system gives us without a file: standard error, the journal of
 * systemd, or the Windows Event Log.
 *
 * Standard error is the journal's where JOURNAL_STREAM names it (systemd.exec(5)); each line then
 * begins with <3> to <7> for its level (sd-daemon(3)). The Event Log takes notable lines alone.
 * Threads: one inside. Memory: a ring, allocated at open. */

#include "daemon/log/log.h"

/* `service` is the name of the Windows service that we are; NULL, and anywhere on Linux: standard
 * error. Returns RESULT_NO_MEMORY. */
GSRELAY_CHECKED int log_system_open(const char *service, size_t ring_bytes, struct log_sink *out);

#endif
