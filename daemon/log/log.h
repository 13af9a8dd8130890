/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_LOG_LOG_H
#define GSRELAY_LOG_LOG_H

/* log.h - events as lines: levels, limits of rate, and counts of what was left out.
 *
 *     struct log_line *line = log_begin(log, LOG_EVENT_ROOM_OPENED);
 *     log_text(line, "room", code);
 *     log_u64(line, "worker", 0);
 *     log_end(log);
 *
 * An event that peers can cause has a token bucket of its own, and all of those share one of
 * log.lines_per_s. What a bucket held back is counted, and the event's next line that passes says
 * suppressed=N. A line that the sink does not take is lost and counted; evt=log_stuck says why, as
 * far as it gets through, and evt=log_lost how many, once the sink takes lines again.
 * Never logged: keys, tickets, payloads.
 * It is not the counters' home: those live with their owners and pass through here as lines.
 * Threads: one at a time; in the daemon that is the control thread, and main before and after it.
 * Memory: allocated in log_create(). A call never blocks and never fails. */

#include <stdint.h>

#include "daemon/log/log_event.h"
#include "daemon/log/log_line.h"
#include "proto/result.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines of one event that peers can cause: this many at once, and this many a second on average. */
#define LOG_EVENT_BURST      20
#define LOG_EVENT_RATE_PER_S 5

/* What is wrong with a sink, in words, with a path of any length. */
#define LOG_ERROR_SIZE 1536

enum log_sink_state {
    LOG_SINK_DONE,  /* All are written. */
    LOG_SINK_BUSY,  /* Some are not yet. */
    LOG_SINK_STUCK, /* They cannot be at the moment, or not as they should. */
};

/* Where lines go. The log owns it and closes it. */
struct log_sink {
    /* Takes one whole line with its line feed, at once or not at all. Returns 0, RESULT_FULL when
     * it would have to wait, RESULT_OS when the system refuses. */
    int (*write)(void *context, const char *line, size_t size);
    /* What has become of the lines that it took. When it is stuck, error_out says why. NULL: they
     * are written at once. */
    enum log_sink_state (*state)(void *context, char error_out[LOG_ERROR_SIZE]);
    /* Writes out what is still held, for a limited time, and frees the sink. */
    void (*close)(void *context);
    void *context;
    /* Opens its file anew, as after a rotation by others; does not wait for it. NULL: it has none.
     */
    void (*reopen)(void *context);
};

struct log_options {
    enum log_level level;       /* What is less important is left out, and not counted. */
    uint32_t lines_per_s;       /* For all events that peers can cause; at once twice that. */
    uint64_t (*clock_ns)(void); /* NULL: os_clock_ns. */
    uint64_t (*wall_ms)(void);  /* NULL: os_wall_ms. */
};

struct log_counts {
    uint64_t written;    /* Lines that the sink took. */
    uint64_t suppressed; /* Lines held back by a limit. */
    uint64_t lost;       /* Lines that the sink did not take. */
};

struct log;

/* Returns RESULT_NO_MEMORY on failure; the sink then stays the caller's. */
GSRELAY_CHECKED int log_create(const struct log_options *options, struct log_sink sink,
                               struct log **out);

/* Tells what was suppressed and not told, closes the sink, frees the log. Takes NULL. */
void log_destroy(struct log *log);

/* For a reload: new limits at once, with full buckets. */
void log_limits_set(struct log *log, enum log_level level, uint32_t lines_per_s);

/* For rotation by others: has the sink open its file anew, and says so in the log. */
void log_reopen(struct log *log);

/* Starts a record. Never NULL: when the record is not wanted, what is added goes nowhere. One
 * record at a time. */
struct log_line *log_begin(struct log *log, enum log_event event);

/* Ends the record and gives it to the sink. */
void log_end(struct log *log);

/* Looks after the sink, so that trouble with it is said also when there is nothing else to log.
 * True when that should be done again, a second later or so. */
bool log_look(struct log *log);

/* True when the event's level is on: spares the making of costly values. */
bool log_wants(const struct log *log, enum log_event event);

struct log_counts log_counts_get(const struct log *log);

/* The name on the line, and the sentence that documents it. Never NULL. */
const char *log_event_name(enum log_event event);
const char *log_event_help(enum log_event event);

#endif
