/* SPDX-License-Identifier: MIT */
#include "daemon/core/auto_tick.h"

#define WINDOW_NS UINT64_C(16000000)
#define STEP_NS   UINT64_C(250000)

/* Of the window, in fifths and halves. */
static int is_short_of_time(const struct auto_tick *tick)
{
    return tick->busy_ns / 4 > tick->idle_ns;
}

static int has_time(const struct auto_tick *tick)
{
    return tick->busy_ns < tick->idle_ns;
}

static void lengthen(struct auto_tick *tick, uint64_t limit_ns)
{
    const uint64_t longer_ns = tick->tick_ns == 0 ? STEP_NS : 2 * tick->tick_ns;

    tick->raised += tick->tick_ns < limit_ns;
    tick->tick_ns = longer_ns < limit_ns ? longer_ns : limit_ns;
    tick->max_ns = tick->tick_ns > tick->max_ns ? tick->tick_ns : tick->max_ns;
}

static void shorten(struct auto_tick *tick)
{
    /* A wait of several windows is as good as several windows. */
    for (uint64_t ns = tick->busy_ns + tick->idle_ns; ns >= WINDOW_NS; ns /= 2) {
        tick->tick_ns = tick->tick_ns / 2 < STEP_NS ? 0 : tick->tick_ns / 2;
    }
}

void auto_tick_turn(struct auto_tick *tick, uint64_t limit_ns, uint64_t busy_ns, uint64_t idle_ns)
{
    tick->busy_ns += busy_ns;
    tick->idle_ns += idle_ns;
    if (tick->busy_ns + tick->idle_ns < WINDOW_NS) {
        return;
    }
    if (is_short_of_time(tick)) {
        lengthen(tick, limit_ns);
    } else if (has_time(tick)) {
        shorten(tick);
    }
    if (tick->tick_ns > limit_ns) {
        tick->tick_ns = limit_ns;
    }
    tick->busy_ns = 0;
    tick->idle_ns = 0;
}
