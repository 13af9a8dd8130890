/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_LOG_LOG_STREAM_H
#define GSRELAY_LOG_LOG_STREAM_H

/* log_stream.h - a sink that writes lines to something slow without ever making the caller wait.
 *
 * A full pipe, a frozen terminal (a Windows console stops its writers while text is selected), a
 * slow disk and a lost share all block a write, and a full disk refuses it. So lines go into a
 * ring, and a thread of the sink's own writes them out. What cannot be written stays and is tried
 * again, after 100 ms at first and 5 s at last; when the ring is full the line is refused, and the
 * log counts it. So a short failure loses nothing.
 * Threads: the owner's for every call; one inside. Memory: the ring, allocated at open. */

#include <stddef.h>

#include "daemon/log/log.h"
#include "proto/result.h"

/* Where the thread writes to. It alone calls these, one at a time; they may block. */
struct log_output {
    /* Writes whole lines. Returns how many bytes of them it took, from the first on and whole lines
     * alone, or -1 when it took none. error_out is an empty string at the call; it is written when
     * something is wrong, also where the lines were taken all the same. */
    int (*write)(void *context, const char *lines, size_t size, char error_out[LOG_ERROR_SIZE]);
    void (*reopen)(void *context); /* As in struct log_sink. NULL: it has no file. */
    void (*close)(void *context);  /* Frees the context. NULL: it needs no end. */
    void *context;
};

/* What a ring for all that the daemon logs should hold, and one for what is notable. */
#define LOG_STREAM_RING_BYTES       (256u * 1024u)
#define LOG_STREAM_SMALL_RING_BYTES (32u * 1024u)

/* How long closing waits for an output that has stopped taking anything. */
#define LOG_STREAM_CLOSE_NS 1000000000u

/* A write that takes longer than this counts as stuck. */
#define LOG_STREAM_HANG_NS 5000000000u

/* Pauses between two attempts: the first, and the longest. */
#define LOG_STREAM_RETRY_MIN_NS 100000000u
#define LOG_STREAM_RETRY_MAX_NS 5000000000u

/* A sink over an output, which it owns from then on and closes, also when this fails. Returns
 * RESULT_NO_MEMORY.
 *
 * Closing waits until all is written, a last attempt has failed, or nothing has moved for
 * LOG_STREAM_CLOSE_NS. A write that hangs even then is left behind with its thread and the ring:
 * the process is about to end, and to wait for ever would be the greater harm. */
GSRELAY_CHECKED int log_stream_open(const struct log_output *output, size_t ring_bytes,
                                    struct log_sink *out);

/* The same over standard error. */
GSRELAY_CHECKED int log_stderr_open(size_t ring_bytes, struct log_sink *out);

#endif
