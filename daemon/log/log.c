/* SPDX-License-Identifier: MIT */
#include "daemon/log/log.h"

#include <assert.h>
#include <stdlib.h>

#include "daemon/os/os.h"

#define NS_PER_S 1000000000u

enum limit { LIMIT_OURS, LIMIT_PEER };

struct event_rule {
    const char *name;
    const char *help;
    enum log_level level;
    enum limit limit;
};

static const struct event_rule rules[LOG_EVENT_COUNT] = {
#define X(upper, lower, event_level, event_limit, event_help)                                      \
    {.name = #lower, .help = event_help, .level = LOG_##event_level, .limit = LIMIT_##event_limit},
    LOG_EVENT_LIST(X)
#undef X
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* A token bucket that counts in nanoseconds: a line costs `cost_ns`, and time is what fills it. */
struct bucket {
    uint64_t cost_ns;     /* 0: no limit. */
    uint64_t capacity_ns; /* What a full bucket holds. */
    uint64_t level_ns;
    uint64_t filled_ns; /* When level_ns was last right. */
};

struct event_state {
    struct bucket bucket;
    uint64_t suppressed; /* Since the event's last line that the sink took. */
};

struct log {
    struct log_options options;
    struct log_sink sink;
    struct log_counts counts;
    bool is_stuck;        /* The sink; as we have said. */
    uint64_t lost_untold; /* Lost lines since then. */
    uint64_t told_ns;     /* When we last said that it is not. */
    struct bucket all;
    struct event_state events[LOG_EVENT_COUNT];
    struct log_line line;
    enum log_event event; /* Of the line. */
};

static void bucket_init(struct bucket *bucket, uint32_t rate_per_s, uint32_t burst, uint64_t now_ns)
{
    bucket->cost_ns = NS_PER_S / rate_per_s;
    bucket->capacity_ns = bucket->cost_ns * burst;
    bucket->level_ns = bucket->capacity_ns;
    bucket->filled_ns = now_ns;
}

static bool bucket_has_line(struct bucket *bucket, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - bucket->filled_ns;
    uint64_t missing_ns = bucket->capacity_ns - bucket->level_ns;
    bucket->level_ns += passed_ns < missing_ns ? passed_ns : missing_ns;
    bucket->filled_ns = now_ns;
    return bucket->level_ns >= bucket->cost_ns;
}

/* Takes a line's worth from both buckets or from none. */
static bool admit(struct log *log, enum log_event event, uint64_t now_ns)
{
    struct bucket *own = &log->events[event].bucket;
    if (rules[event].limit == LIMIT_OURS) {
        return true;
    }
    bool own_has = bucket_has_line(own, now_ns);
    bool all_has = bucket_has_line(&log->all, now_ns);
    if (!own_has || !all_has) {
        return false;
    }
    own->level_ns -= own->cost_ns;
    log->all.level_ns -= log->all.cost_ns;
    return true;
}

void log_limits_set(struct log *log, enum log_level level, uint32_t lines_per_s)
{
    uint64_t now_ns = log->options.clock_ns();
    if (lines_per_s == 0) {
        lines_per_s = 1;
    }
    log->options.level = level;
    log->options.lines_per_s = lines_per_s;
    bucket_init(&log->all, lines_per_s,
                lines_per_s > UINT32_MAX / 2 ? lines_per_s : lines_per_s * 2, now_ns);
    for (int i = 0; i < LOG_EVENT_COUNT; i++) {
        bucket_init(&log->events[i].bucket, LOG_EVENT_RATE_PER_S, LOG_EVENT_BURST, now_ns);
    }
}

int log_create(const struct log_options *options, struct log_sink sink, struct log **out)
{
    struct log *log = calloc(1, sizeof(*log));
    if (log == NULL) {
        return RESULT_NO_MEMORY;
    }
    log->options = *options;
    if (log->options.clock_ns == NULL) {
        log->options.clock_ns = os_clock_ns;
    }
    if (log->options.wall_ms == NULL) {
        log->options.wall_ms = os_wall_ms;
    }
    log->sink = sink;
    log_limits_set(log, options->level, options->lines_per_s);
    *out = log;
    return 0;
}

bool log_wants(const struct log *log, enum log_event event)
{
    return rules[event].level <= log->options.level;
}

static void begin_line(struct log *log, enum log_event event)
{
    const struct event_rule *rule = &rules[event];
    log_line_begin(&log->line, log->options.wall_ms(), level_names[rule->level], rule->name);
}

struct log_line *log_begin(struct log *log, enum log_event event)
{
    assert(!log->line.is_open);
    struct event_state *state = &log->events[event];
    if (!log_wants(log, event)) {
        log_line_skip(&log->line);
        return &log->line;
    }
    if (!admit(log, event, log->options.clock_ns())) {
        state->suppressed++;
        log->counts.suppressed++;
        log_line_skip(&log->line);
        return &log->line;
    }
    begin_line(log, event);
    log->event = event;
    /* Told at the front of the line, where a long one cannot cut it off. */
    if (state->suppressed > 0) {
        log_u64(&log->line, "suppressed", state->suppressed);
    }
    return &log->line;
}

/* Gives the open record to the sink; false when it does not take it. */
static bool put_record(struct log *log)
{
    if (!log->line.is_open) {
        return true;
    }
    log_line_end(&log->line);
    if (log->sink.write(log->sink.context, log->line.text, log->line.size) < 0) {
        return false;
    }
    log->events[log->event].suppressed = 0;
    log->counts.written++;
    return true;
}

static void tell_stuck(struct log *log, const char *error)
{
    log->is_stuck = true;
    log_text(log_begin(log, LOG_EVENT_LOG_STUCK), "error", error);
    /* The sink that it is about may refuse it; one that stands beside it does not. */
    (void)put_record(log);
}

static void tell_lost(struct log *log)
{
    log_u64(log_begin(log, LOG_EVENT_LOG_LOST), "lines", log->lost_untold);
    if (put_record(log)) {
        log->is_stuck = false;
        log->lost_untold = 0;
        log->told_ns = log->options.clock_ns();
    }
}

/* Says what has become of the sink. One that takes a line now and then, as a slow console, does not
 * get one more for each: once a second is enough. */
static enum log_sink_state tell_sink(struct log *log, bool has_refused, bool is_last)
{
    char error[LOG_ERROR_SIZE] = "lines come faster than they can be written";
    const enum log_sink_state state =
        log->sink.state != NULL ? log->sink.state(log->sink.context, error) : LOG_SINK_DONE;
    const bool is_stuck = state == LOG_SINK_STUCK || has_refused;
    if (is_stuck && !log->is_stuck) {
        tell_stuck(log, error);
    } else if (!is_stuck && log->is_stuck &&
               (is_last || log->options.clock_ns() - log->told_ns >= NS_PER_S)) {
        tell_lost(log);
    }
    return state;
}

void log_end(struct log *log)
{
    if (!log->line.is_open) {
        return;
    }
    const bool is_taken = put_record(log);
    if (!is_taken) {
        log->counts.lost++;
        log->lost_untold++;
    }
    (void)tell_sink(log, !is_taken, false);
}

bool log_look(struct log *log)
{
    return tell_sink(log, false, false) != LOG_SINK_DONE || log->is_stuck;
}

/* What was held back at the end of the log's life has no next line of its own to be told on. */
static void tell_suppressed(struct log *log)
{
    for (int i = 0; i < LOG_EVENT_COUNT; i++) {
        if (log->events[i].suppressed == 0) {
            continue;
        }
        struct log_line *line = log_begin(log, LOG_EVENT_LOG_SUPPRESSED);
        log_text(line, "name", rules[i].name);
        log_u64(line, "count", log->events[i].suppressed);
        log_end(log);
        log->events[i].suppressed = 0;
    }
}

void log_destroy(struct log *log)
{
    if (log == NULL) {
        return;
    }
    tell_suppressed(log);
    (void)tell_sink(log, false, true);
    log->sink.close(log->sink.context);
    free(log);
}

void log_reopen(struct log *log)
{
    if (log->sink.reopen == NULL) {
        return;
    }
    log->sink.reopen(log->sink.context);
    (void)log_begin(log, LOG_EVENT_LOG_REOPENED);
    log_end(log);
}

struct log_counts log_counts_get(const struct log *log)
{
    return log->counts;
}

const char *log_event_name(enum log_event event)
{
    return event < LOG_EVENT_COUNT ? rules[event].name : "unknown";
}

const char *log_event_help(enum log_event event)
{
    return event < LOG_EVENT_COUNT ? rules[event].help : "";
}
