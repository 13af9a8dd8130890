/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_BUCKET_H
#define GSRELAY_CORE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* bucket.h - token buckets (RFC 2697's committed bucket), kept as a debt.
 *
 * A bucket of zero bytes is full, so that a table of buckets needs no initialisation, and a new
 * rate or burst holds from the next call on. The debt is in billionths of a token: nothing is lost
 * to rounding, whatever the rate and however often it is asked.
 * Threads: one owner. Memory: the caller's. */

struct bucket {
    uint64_t debt;    /* What was taken and has not flowed back yet, in 1e-9 tokens. */
    uint64_t last_ns; /* When the debt was last brought up to date. */
};

/* Takes `cost` tokens from a bucket of `burst` tokens that fills at `rate` per second. False, and
 * nothing is taken, when there are fewer. A cost above the burst is given by a full bucket, which
 * then owes the rest: nothing waits for ever, and the rate holds. */
bool bucket_take(struct bucket *bucket, uint32_t rate, uint32_t burst, uint32_t cost,
                 uint64_t now_ns);

/* Whether bucket_take() would succeed. */
bool bucket_has(struct bucket *bucket, uint32_t rate, uint32_t burst, uint32_t cost,
                uint64_t now_ns);

/* Takes `cost` tokens whether they are there or not: for what was allowed as a whole before, by
 * bucket_has(), and is charged as it goes. */
void bucket_charge(struct bucket *bucket, uint32_t rate, uint32_t cost, uint64_t now_ns);

/* Nanoseconds after the last call of bucket_take() until `cost` tokens are there; UINT64_MAX when
 * they never will be, because the rate is 0. */
uint64_t bucket_wait_ns(const struct bucket *bucket, uint32_t rate, uint32_t burst, uint32_t cost);

/* The bucket holds `burst` tokens from now on: it owes no more than that. Without this a limit that
 * was raised would have its debtors wait for what the old one let them take. */
void bucket_shrink(struct bucket *bucket, uint32_t burst);

#endif
