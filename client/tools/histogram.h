/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CLIENT_TOOLS_HISTOGRAM_H
#define GSRELAY_CLIENT_TOOLS_HISTOGRAM_H

/* histogram.h - how often values came, with the same relative precision everywhere.
 *
 * Log-linear bins, as HdrHistogram has them (G. Tene, hdrhistogram.org): values below 128 have a
 * bin each, and from there on every power of two is divided into 64 equal bins. A quantile is so
 * told at most 1/64 (1.6 %) too high and never too low, whatever the unit, and nothing is out of
 * range. The largest value and the sum are kept as they are. Threads: one owner. Memory: fixed, 30
 * KiB in the struct. */

#include <stdint.h>

#define HISTOGRAM_STEP_BITS 6
#define HISTOGRAM_BINS      ((64 - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS)

struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint64_t bins[HISTOGRAM_BINS];
};

/* All zero is an empty one. */
void histogram_clear(struct histogram *histogram);

void histogram_add(struct histogram *histogram, uint64_t value);

/* Adds all that `other` has. */
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/* The smallest value that at least `share` (0 to 1) of all values do not exceed, rounded up to the
 * end of its bin, but never beyond the largest; 0 when it is empty. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

/* The arithmetic mean; 0 when it is empty. */
double histogram_mean(const struct histogram *histogram);

#endif
