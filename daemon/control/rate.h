/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_RATE_H
#define GSRELAY_CONTROL_RATE_H

#include <stdbool.h>
#include <stdint.h>

/* rate.h - a token bucket that is one number: when it will be full again.
 *
 * The generic cell rate algorithm (ITU-T I.371, virtual scheduling): one token comes back every
 * `interval_ns`, and `burst` (at least 1) fit. A zeroed bucket is full.
 * Threads: pure functions. Memory: the caller's. */

struct rate {
    uint64_t full_ns;
};

/* Takes a token. False when there is none; retry_ns_out then tells how long until there is. The
 * interval and the burst may change from call to call: the bucket then owes no more than fits. */
bool rate_take(struct rate *rate, uint64_t interval_ns, uint32_t burst, uint64_t now_ns,
               uint64_t *retry_ns_out);

/* Whether rate_take() would give one now; takes nothing. */
bool rate_has(const struct rate *rate, uint64_t interval_ns, uint32_t burst, uint64_t now_ns,
              uint64_t *retry_ns_out);

/* The interval of `count` tokens in `period_ns`; count is at least 1. */
uint64_t rate_interval(uint64_t count, uint64_t period_ns);

/* Nanoseconds as milliseconds for a client: rounded up, within 32 bits. */
uint32_t rate_retry_ms(uint64_t retry_ns);

#endif
