/* SPDX-License-Identifier: MIT */
#include "client/room_clock.h"

#define NS_PER_S UINT64_C(1000000000)

/* Times on the wire are in whole microseconds: half of what two of them may be wrong by. */
#define ROUNDING_NS 1000

/* A correction takes up to this part of the passing time; one forward beyond STEP_NS takes none. */
#define SLEW_PART 16
#define STEP_NS   ((int64_t)NS_PER_S)

/* Nobody's clock runs for so long; sums of two such times fit. */
#define TIME_LIMIT_NS (UINT64_MAX / 8)

static uint64_t distance(int64_t a, int64_t b)
{
    return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

static uint64_t drift(uint64_t age_ns)
{
    return age_ns / (1000000 / ROOM_CLOCK_DRIFT_PPM);
}

static uint64_t error_at(const struct room_clock_sample *sample, uint64_t now_ns)
{
    return sample->error_ns + drift(now_ns - sample->at_ns);
}

void room_clock_init(struct room_clock *clock)
{
    *clock = (struct room_clock){.count = 0};
}

/* Keeps those that may be true as well as the newest, oldest first. */
static void drop_contradicted(struct room_clock *clock, const struct room_clock_sample *newest)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < clock->count; i++) {
        const struct room_clock_sample *sample = &clock->samples[i];

        if (distance(sample->offset_ns, newest->offset_ns) <=
            error_at(sample, newest->at_ns) + newest->error_ns)
            clock->samples[kept++] = *sample;
    }
    clock->count = kept;
}

void room_clock_add(struct room_clock *clock, const struct room_clock_exchange *exchange)
{
    struct room_clock_sample sample = {.at_ns = exchange->heard_ns};
    uint64_t away_ns;
    uint64_t there_ns;
    int64_t ahead_ns;
    int64_t behind_ns;

    if (exchange->asked_ns > exchange->heard_ns || exchange->came_ns > exchange->answered_ns ||
        exchange->heard_ns > TIME_LIMIT_NS || exchange->answered_ns > TIME_LIMIT_NS)
        return;
    away_ns = exchange->heard_ns - exchange->asked_ns;
    there_ns = exchange->answered_ns - exchange->came_ns;
    if (there_ns > away_ns + 2 * ROUNDING_NS)
        return;
    ahead_ns = (int64_t)exchange->came_ns - (int64_t)exchange->asked_ns;
    behind_ns = (int64_t)exchange->answered_ns - (int64_t)exchange->heard_ns;
    sample.offset_ns = (ahead_ns + behind_ns) / 2;
    sample.error_ns = (away_ns > there_ns ? (away_ns - there_ns) / 2 : 0) + ROUNDING_NS;
    drop_contradicted(clock, &sample);
    if (clock->count == ROOM_CLOCK_SAMPLES) {
        for (unsigned i = 1; i < clock->count; i++)
            clock->samples[i - 1] = clock->samples[i];
        clock->count--;
    }
    clock->samples[clock->count++] = sample;
}

static const struct room_clock_sample *best_at(const struct room_clock *clock, uint64_t now_ns)
{
    const struct room_clock_sample *best = &clock->samples[0];

    for (unsigned i = 1; i < clock->count; i++) {
        if (error_at(&clock->samples[i], now_ns) <= error_at(best, now_ns))
            best = &clock->samples[i];
    }
    return best;
}

/* Moves what is shown towards what is believed. */
static void slew(struct room_clock *clock, int64_t believed_ns, uint64_t now_ns)
{
    const int64_t wanted_ns = believed_ns - clock->shown_ns;
    const int64_t allowed_ns = (int64_t)((now_ns - clock->shown_at_ns) / SLEW_PART);

    if (!clock->is_shown || wanted_ns > STEP_NS ||
        (wanted_ns <= allowed_ns && wanted_ns >= -allowed_ns))
        clock->shown_ns = believed_ns;
    else
        clock->shown_ns += wanted_ns > 0 ? allowed_ns : -allowed_ns;
    clock->is_shown = true;
    clock->shown_at_ns = now_ns;
}

bool room_clock_read(struct room_clock *clock, uint64_t now_ns, uint64_t *time_ns_out,
                     uint64_t *error_ns_out)
{
    const struct room_clock_sample *best;
    int64_t time_ns;

    if (clock->count == 0 || now_ns > TIME_LIMIT_NS)
        return false;
    /* Time that goes back counts as standing still. */
    if (now_ns < clock->samples[clock->count - 1].at_ns)
        now_ns = clock->samples[clock->count - 1].at_ns;
    if (clock->is_shown && now_ns < clock->shown_at_ns)
        now_ns = clock->shown_at_ns;
    best = best_at(clock, now_ns);
    slew(clock, best->offset_ns, now_ns);
    time_ns = (int64_t)now_ns + clock->shown_ns;
    *time_ns_out = time_ns > 0 ? (uint64_t)time_ns : 0;
    *error_ns_out = error_at(best, now_ns) + distance(best->offset_ns, clock->shown_ns);
    return true;
}
