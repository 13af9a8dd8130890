/* SPDX-License-Identifier: MIT */
#include "client/tools/histogram.h"

#include <string.h>

#define STEPS (UINT64_C(1) << HISTOGRAM_STEP_BITS)

/* The place of the highest bit that is set; 0 for 0. */
static unsigned highest_bit(uint64_t value)
{
    unsigned bit = 0;

    for (unsigned step = 32; step > 0; step /= 2) {
        if (value >> step != 0) {
            value >>= step;
            bit += step;
        }
    }
    return bit;
}

/* Values below 2 * STEPS are their own bin; above, the highest STEP_BITS + 1 bits choose it. */
static unsigned bin_of(uint64_t value)
{
    unsigned shift;

    if (value < 2 * STEPS)
        return (unsigned)value;
    shift = highest_bit(value) - HISTOGRAM_STEP_BITS;
    return (unsigned)((shift << HISTOGRAM_STEP_BITS) + (value >> shift));
}

/* The largest value of a bin. */
static uint64_t bin_end(unsigned bin)
{
    unsigned shift;

    if (bin < 2 * STEPS)
        return bin;
    shift = (bin >> HISTOGRAM_STEP_BITS) - 1;
    return (((bin & (STEPS - 1)) + STEPS) << shift) + ((UINT64_C(1) << shift) - 1);
}

void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof(*histogram));
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->count++;
    histogram->sum += value;
    if (value > histogram->max)
        histogram->max = value;
    histogram->bins[bin_of(value)]++;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
    histogram->count += other->count;
    histogram->sum += other->sum;
    if (other->max > histogram->max)
        histogram->max = other->max;
    for (unsigned i = 0; i < HISTOGRAM_BINS; i++)
        histogram->bins[i] += other->bins[i];
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t seen = 0;

    if (histogram->count == 0)
        return 0;
    for (unsigned i = 0; i < HISTOGRAM_BINS; i++) {
        seen += histogram->bins[i];
        if (seen > 0 && (double)seen >= share * (double)histogram->count)
            return bin_end(i) < histogram->max ? bin_end(i) : histogram->max;
    }
    return histogram->max;
}

double histogram_mean(const struct histogram *histogram)
{
    return histogram->count == 0 ? 0 : (double)histogram->sum / (double)histogram->count;
}
