/* SPDX-License-Identifier: MIT */
#include "daemon/core/bucket.h"

#define NANO UINT64_C(1000000000)

/* Below this many ns the product with a 32-bit rate fits 64 bits. */
#define ELAPSED_EXACT (UINT64_C(1) << 32)

static void refill(struct bucket *bucket, uint32_t rate, uint64_t now_ns)
{
    const uint64_t elapsed_ns = now_ns - bucket->last_ns;
    uint64_t back = 0;

    bucket->last_ns = now_ns;
    if (bucket->debt == 0) {
        return;
    }
    if (elapsed_ns >= ELAPSED_EXACT && rate != 0 && bucket->debt / rate <= elapsed_ns) {
        bucket->debt = 0;
        return;
    }
    /* Here either the elapsed time is short, or the product is below the debt: both fit. */
    back = elapsed_ns * rate;
    bucket->debt -= back < bucket->debt ? back : bucket->debt;
}

bool bucket_has(struct bucket *bucket, uint32_t rate, uint32_t burst, uint32_t cost,
                uint64_t now_ns)
{
    refill(bucket, rate, now_ns);
    return bucket->debt == 0 || bucket->debt + cost * NANO <= burst * NANO;
}

bool bucket_take(struct bucket *bucket, uint32_t rate, uint32_t burst, uint32_t cost,
                 uint64_t now_ns)
{
    if (!bucket_has(bucket, rate, burst, cost, now_ns)) {
        return false;
    }
    bucket->debt += cost * NANO;
    return true;
}

void bucket_charge(struct bucket *bucket, uint32_t rate, uint32_t cost, uint64_t now_ns)
{
    refill(bucket, rate, now_ns);
    bucket->debt += cost * NANO;
}

uint64_t bucket_wait_ns(const struct bucket *bucket, uint32_t rate, uint32_t burst, uint32_t cost)
{
    uint64_t missing = 0;

    if (bucket->debt == 0 || bucket->debt + cost * NANO <= burst * NANO) {
        return 0;
    }
    if (rate == 0) {
        return UINT64_MAX;
    }
    missing = cost >= burst ? bucket->debt : bucket->debt + cost * NANO - burst * NANO;
    return missing / rate + (missing % rate != 0);
}

void bucket_shrink(struct bucket *bucket, uint32_t burst)
{
    if (bucket->debt > burst * NANO) {
        bucket->debt = burst * NANO;
    }
}
