/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_NET_FAULT_H
#define GSRELAY_TESTS_NET_FAULT_H

/* fault.h - when a call of a scripted system is to fail, and random numbers for those that choose.
 *
 * Threads: the caller's. Memory: the caller's. */

#include <stdbool.h>
#include <stdint.h>

/* One kind of fault: how many calls go well first, then how many fail, and with which error. */
struct fault {
    unsigned after;
    unsigned count;
    int error;
    bool is_posted_anyway; /* Of a post: the operation is in flight in spite of the error. */
};

/* Whether this call is one that fails. */
static inline bool fault_is_due(struct fault *fault)
{
    if (fault->count == 0) {
        return false;
    }
    if (fault->after > 0) {
        fault->after--;
        return false;
    }
    fault->count--;
    return true;
}

/* The linear congruential generator of Knuth's MMIX, its upper bits: from 0 to below 2^31. */
static inline uint32_t fault_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

#endif
