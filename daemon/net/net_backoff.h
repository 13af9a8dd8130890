/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_BACKOFF_H
#define GSRELAY_DAEMON_NET_NET_BACKOFF_H

/* net_backoff.h - when to try again what the system refused.
 *
 * At once the first time, then after 1, 2, 4 ... ms, at most 100 ms, until something succeeds.
 * Private to the backends. Threads: the owner's. Memory: the caller's, all zero to begin. */

#include <stdint.h>

#define NET_BACKOFF_FIRST_NS UINT64_C(1000000)
#define NET_BACKOFF_LAST_NS  UINT64_C(100000000)

struct net_backoff {
    uint32_t failure_count; /* In a row, saturating at a value beyond the longest delay. */
};

static inline void net_backoff_reset(struct net_backoff *backoff)
{
    backoff->failure_count = 0;
}

/* Notes a failure. Returns how long to wait before the next attempt; 0: try at once. */
static inline uint64_t net_backoff_fail(struct net_backoff *backoff)
{
    const uint32_t steps = backoff->failure_count;

    if (steps < 9) {
        backoff->failure_count = steps + 1;
    }
    if (steps == 0) {
        return 0;
    }
    const uint64_t delay_ns = NET_BACKOFF_FIRST_NS << (steps - 1);
    return delay_ns < NET_BACKOFF_LAST_NS ? delay_ns : NET_BACKOFF_LAST_NS;
}

#endif
