/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_LOG_LOG_STREAM_H
#define GSRELAY_LOG_LOG_STREAM_H

/* log_stream.h - a sink that writes lines to standard error without ever making the caller wait.
 *
 * A full pipe, a frozen terminal (a Windows console stops its writers while text is selected) and a
 * slow disk all block a write. So lines go into a ring, and a thread of the sink's own writes them
 * out; when the ring is full the line is refused, and the log counts it.
 * Threads: the owner's for every call; one inside. Memory: the ring, allocated at open. */

#include <stddef.h>

#include "daemon/log/log.h"
#include "proto/result.h"

/* Writes all bytes, waiting if need be. Returns 0, or -1 when the stream is of no use any more. */
typedef int log_stream_write(void *context, const char *bytes, size_t size);

/* What a ring for the daemon's standard error should hold. */
#define LOG_STREAM_RING_BYTES (256u * 1024u)

/* How long closing waits for a stream that has stopped taking anything. */
#define LOG_STREAM_CLOSE_NS 1000000000u

/* A sink over any writer. `write` is called from the sink's thread. Returns RESULT_NO_MEMORY.
 *
 * Closing waits until all is written or nothing has moved for LOG_STREAM_CLOSE_NS. A write that
 * hangs even then is left behind with its thread and the ring: the process is about to end, and to
 * wait for ever would be the greater harm. */
GSRELAY_CHECKED int log_stream_open(log_stream_write *write, void *context, size_t ring_bytes,
                                    struct log_sink *out);

/* The same over standard error. */
GSRELAY_CHECKED int log_stderr_open(struct log_sink *out);

#endif
