/* SPDX-License-Identifier: MIT */
#include "daemon/control/rate.h"

#include <assert.h>

bool rate_has(const struct rate *rate, uint64_t interval_ns, uint32_t burst, uint64_t now_ns,
              uint64_t *retry_ns_out)
{
    assert(burst >= 1);
    uint64_t debt_ns = rate->full_ns > now_ns ? rate->full_ns - now_ns : 0;
    uint64_t depth_ns = interval_ns * (burst - 1);

    if (debt_ns > depth_ns) {
        *retry_ns_out = debt_ns - depth_ns;
        return false;
    }
    return true;
}

bool rate_take(struct rate *rate, uint64_t interval_ns, uint32_t burst, uint64_t now_ns,
               uint64_t *retry_ns_out)
{
    const uint64_t empty_ns = now_ns + interval_ns * burst;

    /* Only a bucket that was filled under other limits owes more than it holds. */
    if (rate->full_ns > empty_ns) {
        rate->full_ns = empty_ns;
    }
    if (!rate_has(rate, interval_ns, burst, now_ns, retry_ns_out)) {
        return false;
    }
    rate->full_ns = (rate->full_ns > now_ns ? rate->full_ns : now_ns) + interval_ns;
    return true;
}

uint64_t rate_interval(uint64_t count, uint64_t period_ns)
{
    assert(count >= 1);
    return period_ns / count;
}

uint32_t rate_retry_ms(uint64_t retry_ns)
{
    uint64_t retry_ms = retry_ns / 1000000 + (retry_ns % 1000000 != 0);

    return retry_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)retry_ms;
}
