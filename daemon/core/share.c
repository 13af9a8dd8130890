/* SPDX-License-Identifier: MIT */
#include "daemon/core/share.h"

#define NS_PER_S UINT64_C(1000000000)

void share_mark(struct share *share, unsigned member, uint64_t now_ns)
{
    const uint64_t second = now_ns / NS_PER_S + 1;

    if (second != share->second) {
        share->before = second == share->second + 1 ? share->now : (struct member_set){{0}};
        share->now = (struct member_set){{0}};
        share->second = second;
    }
    member_set_add(&share->now, member);
}

unsigned share_count(const struct share *share)
{
    struct member_set both = share->now;
    unsigned count = 0;

    member_set_add_all(&both, &share->before);
    count = member_set_count(&both);
    return count > 0 ? count : 1;
}

static uint32_t at_least_one(uint32_t value)
{
    return value > 0 ? value : 1;
}

/* A sender's part of the rate, and of the half of the burst that is kept for the shares. */
static uint32_t own_rate(const struct share *share, const struct share_budget *budget)
{
    return at_least_one(budget->rate / share_count(share));
}

static uint32_t own_burst(const struct share *share, const struct share_budget *budget)
{
    return at_least_one(budget->burst / (2 * share_count(share)));
}

/* While so much is left that the half remains, and for who is alone. */
static bool is_free(const struct share *share, const struct share_budget *budget, uint32_t cost,
                    uint64_t now_ns)
{
    const uint32_t half = budget->burst / 2;

    return (cost <= half &&
            bucket_has(budget->room, budget->rate, budget->burst, half + cost, now_ns)) ||
           share_count(share) == 1;
}

bool share_has(const struct share *share, const struct share_budget *budget, uint32_t cost,
               uint64_t now_ns)
{
    return bucket_has(budget->room, budget->rate, budget->burst, cost, now_ns) &&
           (is_free(share, budget, cost, now_ns) ||
            bucket_has(budget->own, own_rate(share, budget), own_burst(share, budget), cost,
                       now_ns));
}

void share_take(const struct share *share, const struct share_budget *budget, uint32_t cost,
                uint64_t now_ns)
{
    if (!is_free(share, budget, cost, now_ns)) {
        (void)bucket_take(budget->own, own_rate(share, budget), own_burst(share, budget), cost,
                          now_ns);
    }
    (void)bucket_take(budget->room, budget->rate, budget->burst, cost, now_ns);
}

uint64_t share_wait_ns(const struct share *share, const struct share_budget *budget, uint32_t cost)
{
    const uint64_t room_ns = bucket_wait_ns(budget->room, budget->rate, budget->burst, cost);
    const uint64_t own_ns =
        bucket_wait_ns(budget->own, own_rate(share, budget), own_burst(share, budget), cost);

    return room_ns > own_ns || share_count(share) == 1 ? room_ns : own_ns;
}
