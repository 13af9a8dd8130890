/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_ADMISSION_H
#define GSRELAY_CONTROL_ADMISSION_H

#include "daemon/control/arena.h"
#include "daemon/control/control_limits.h"
#include "daemon/control/rate.h"
#include "proto/addr.h"
#include "proto/reason.h"

#include <stdint.h>

/* admission.h - what one address may do: connections at a time, connections a second, failed
 * authentications, wrong join codes.
 *
 * An address is an IPv4 address or an IPv6 /64 (addr_prefix_key()). The table has a fixed number of
 * places, found by SipHash under a random key (Aumasson and Bernstein, 2012), and no place knows
 * whose it is: addresses that collide share a budget, which nobody can bring about on purpose and
 * which costs no search and no eviction.
 * Threads: none of its own. Memory: from the arena. */

struct admission_place {
    struct rate accepts;
    struct rate misses;        /* Join codes that no room has. */
    struct rate rooms_created; /* What its ended sessions had used up. */
    uint64_t fail_window_end_ns;
    uint64_t lockout_end_ns;
    uint32_t connection_count;
    uint32_t session_count; /* Those whose connection is lost included. */
    uint32_t fail_count;    /* Within the window. */
};

struct admission {
    struct admission_place *places;
    uint32_t place_mask;
    uint8_t key[16];
};

#define ADMISSION_SESSIONS_FACTOR 2u

/* Wrong join codes of one address: this many at once, and one more each interval. Six letters are
 * 148 million codes; without this bound a thousand rooms would be found by trying within minutes.
 */
#define ADMISSION_MISS_BURST       30u
#define ADMISSION_MISS_INTERVAL_NS UINT64_C(1000000000)

/* What is told to someone who is not let in. */
struct admission_answer {
    enum reason reason; /* REASON_NONE: let in, and counted until admission_leave(). */
    uint32_t limit;     /* The value of the limit that was met, else 0. */
    uint64_t retry_ns;
    bool is_silent; /* The refusal itself would cost too much: not even an answer. */
};

void admission_init(struct admission *admission, struct arena *arena, uint32_t connections_max,
                    const uint8_t key[16]);

/* The place of an address: to be kept with the connection. */
uint32_t admission_place(const struct admission *admission, const struct addr *peer);

/* Judges a new connection. */
struct admission_answer admission_enter(struct admission *admission, uint32_t place,
                                        const struct control_limits *limits, uint64_t now_ns);

/* The end of a connection that was let in. */
void admission_leave(struct admission *admission, uint32_t place);

/* One more session, as long as there are fewer than twice as many as connections may be. A session
 * that lost its connection still takes a place that others want, so connecting anew must not be a
 * way round the limit; twice, so that all clients of an address may crash and come back at once. */
bool admission_session_enter(struct admission *admission, uint32_t place,
                             const struct control_limits *limits);

/* The session has ended. */
void admission_session_leave(struct admission *admission, uint32_t place);

/* The session goes on from another address; nobody who comes back is turned away. */
void admission_session_move(struct admission *admission, uint32_t from, uint32_t to);

/* A failed authentication. True when it was the one that begins a lockout. */
bool admission_fail(struct admission *admission, uint32_t place,
                    const struct control_limits *limits, uint64_t now_ns);

/* How long the place is still locked out; 0 = it is not. A connection that was accepted before the
 * lockout began must not authenticate in it either. */
uint64_t admission_lockout_ns(const struct admission *admission, uint32_t place, uint64_t now_ns);

/* Whether a join code may be tried; false with the time until it may. */
bool admission_may_guess(const struct admission *admission, uint32_t place, uint64_t now_ns,
                         uint64_t *retry_ns_out);

/* A join code was wrong. */
void admission_miss(struct admission *admission, uint32_t place, uint64_t now_ns);

/* A session of this address has ended, and a new one begins: what the one has used up of its rate
 * of rooms counts for the other, or ending a session would be the way round the limit. */
void admission_rooms_leave(struct admission *admission, uint32_t place, struct rate rate);
struct rate admission_rooms_enter(const struct admission *admission, uint32_t place);

#endif
