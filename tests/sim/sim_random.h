/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SIM_SIM_RANDOM_H
#define GSRELAY_TESTS_SIM_SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* sim_random.h - the only source of chance in a simulation: the same seed gives the same run on any
 * machine. SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
 * 2014), because any seed is a good one, neighbours too. */

struct sim_random {
    uint64_t state;
};

static inline uint64_t sim_random_next(struct sim_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* From 0 to count - 1; count is not 0. */
static inline uint32_t sim_random_below(struct sim_random *random, uint32_t count)
{
    return (uint32_t)((sim_random_next(random) >> 32) * count >> 32);
}

/* From low to high, both included. */
static inline uint32_t sim_random_between(struct sim_random *random, uint32_t low, uint32_t high)
{
    return low + sim_random_below(random, high - low + 1);
}

static inline bool sim_random_chance(struct sim_random *random, uint32_t per_mille)
{
    return sim_random_below(random, 1000) < per_mille;
}

static inline void sim_random_fill(struct sim_random *random, void *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)out)[i] = (uint8_t)(sim_random_next(random) >> 56);
    }
}

#endif
