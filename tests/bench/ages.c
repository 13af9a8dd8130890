/* SPDX-License-Identifier: MIT */
#include "tests/bench/ages.h"

static uint64_t bin_middle(unsigned bin)
{
    const unsigned shift = bin >> (AGES_PARTS_BITS + 1) == 0 ? 0 : (bin >> AGES_PARTS_BITS) - 1;
    const uint64_t low = (uint64_t)(bin - (shift << AGES_PARTS_BITS)) << shift;

    return low + (UINT64_C(1) << shift) / 2;
}

uint64_t ages_below(const struct ages *ages, double share)
{
    const double wanted = share * (double)ages->count;
    uint64_t seen = 0;

    for (unsigned bin = 0; bin < AGES_BINS; bin++) {
        seen += ages->bins[bin];
        if (seen > 0 && (double)seen >= wanted) {
            return bin_middle(bin);
        }
    }
    return 0;
}
