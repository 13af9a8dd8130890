/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CLIENT_ROOM_CLOCK_H
#define GSRELAY_CLIENT_ROOM_CLOCK_H

/* room_clock.h - the room's clock as one member knows it.
 *
 * Each exchange of PING and PONG says, by four times, that the room's clock is ahead of ours by
 * ((t1 - t0) + (t2 - t3)) / 2, and that this is wrong by at most half the round trip: by half of
 * what the two ways differ. As RFC 5905 section 10 does, the last eight are kept and the best one
 * is believed; the best is the one with the least possible error, which grows with its age, as two
 * clocks may drift apart by ROOM_CLOCK_DRIFT_PPM. An older one that contradicts a newer one is
 * dropped: then one of the clocks has jumped, as ours does when the machine sleeps.
 *
 * What is read never goes back. A correction is worked in at a sixteenth of the passing time; only
 * a correction forward of more than a second is made at once. Until it is worked in, what is left
 * of it counts as error, so the true time is always within the error that is told. Threads: one
 * owner. Memory: the caller's. */

#include <stdbool.h>
#include <stdint.h>

#define ROOM_CLOCK_SAMPLES   8
#define ROOM_CLOCK_DRIFT_PPM 200 /* Two clocks of 100 ppm each. */

struct room_clock_sample {
    int64_t offset_ns; /* The room's clock less ours. */
    uint64_t error_ns; /* Its greatest possible error when it was taken. */
    uint64_t at_ns;    /* Ours. */
};

struct room_clock {
    struct room_clock_sample samples[ROOM_CLOCK_SAMPLES]; /* Oldest first. */
    unsigned count;
    bool is_shown; /* It has been read. */
    int64_t shown_ns;
    uint64_t shown_at_ns;
};

/* The times of one exchange, with an error of less than a microsecond each. */
struct room_clock_exchange {
    uint64_t asked_ns;    /* t0: our clock, when the PING left. */
    uint64_t came_ns;     /* t1: the room's clock, when it came. */
    uint64_t answered_ns; /* t2: the room's clock, when the PONG left. */
    uint64_t heard_ns;    /* t3: our clock, when it came. */
};

/* Nothing is known yet. */
void room_clock_init(struct room_clock *clock);

/* Takes an exchange; one that cannot have been is passed over. */
void room_clock_add(struct room_clock *clock, const struct room_clock_exchange *exchange);

/* The room's time at now_ns of ours, and by how much it may be wrong. False before the first
 * exchange. */
bool room_clock_read(struct room_clock *clock, uint64_t now_ns, uint64_t *time_ns_out,
                     uint64_t *error_ns_out);

#endif
