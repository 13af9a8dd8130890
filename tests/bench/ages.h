/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_AGES_H
#define GSRELAY_TESTS_BENCH_AGES_H

/* ages.h - a histogram of ages, from a nanosecond to hours, each within 3 %.
 *
 * Each power of two is cut into 32 equal parts.
 * Threads: one owner. Memory: the caller's, all zero at first. */

#include <stdint.h>

#define AGES_PARTS_BITS 5
#define AGES_BINS       (48 << AGES_PARTS_BITS)

struct ages {
    uint64_t count;
    uint64_t bins[AGES_BINS];
};

static inline void ages_add(struct ages *ages, uint64_t age_ns)
{
    unsigned bin = (unsigned)age_ns;

    if (age_ns >> AGES_PARTS_BITS != 0) {
        const unsigned shift = 63u - AGES_PARTS_BITS - (unsigned)__builtin_clzll(age_ns);

        bin = (shift << AGES_PARTS_BITS) + (unsigned)(age_ns >> shift);
    }
    ages->count++;
    ages->bins[bin < AGES_BINS ? bin : AGES_BINS - 1]++;
}

/* The age that a share of them is below, in nanoseconds: the middle of its bin. 0 when there are
 * none. */
uint64_t ages_below(const struct ages *ages, double share);

#endif
