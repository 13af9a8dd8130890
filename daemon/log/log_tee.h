/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_LOG_LOG_TEE_H
#define GSRELAY_LOG_LOG_TEE_H

/* log_tee.h - a sink that feeds two: the first gets every line, the second what is notable
 * (log_notable.h).
 *
 * What may come again and again goes to the second LOG_TEE_BURST times at once, and once in
 * LOG_TEE_INTERVAL_NS on average, for each id: an administrator is to be told, not flooded. The
 * first alone decides what counts as written, lost or stuck.
 * Threads: as struct log_sink. Memory: one struct, allocated at open. */

#include "daemon/log/log.h"

#define LOG_TEE_BURST       3
#define LOG_TEE_INTERVAL_NS UINT64_C(600000000000)

/* Owns both sinks from then on, and closes them when it fails, too. clock_ns NULL: os_clock_ns.
 * Returns RESULT_NO_MEMORY. */
GSRELAY_CHECKED int log_tee_open(struct log_sink all, struct log_sink notable,
                                 uint64_t (*clock_ns)(void), struct log_sink *out);

#endif
