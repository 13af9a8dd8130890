/* SPDX-License-Identifier: MIT */
#include "daemon/link.h"

#include <assert.h>

void link_snapshot_ask(struct link *link)
{
    assert(link_snapshot_get(link) != NULL);
    atomic_fetch_add_explicit(&link->snapshot_asked, 1, memory_order_release);
    link_wake_worker(link);
}

const struct link_snapshot *link_snapshot_get(const struct link *link)
{
    const unsigned asked = atomic_load_explicit(&link->snapshot_asked, memory_order_relaxed);
    const unsigned taken = atomic_load_explicit(&link->snapshot_taken, memory_order_acquire);

    return asked == taken ? &link->snapshot : NULL;
}

void link_pulse_ask(struct link_pulse *pulse)
{
    atomic_fetch_add_explicit(&pulse->asked, 1, memory_order_relaxed);
}

void link_pulse_answer(struct link_pulse *pulse)
{
    const unsigned asked = atomic_load_explicit(&pulse->asked, memory_order_relaxed);

    if (asked != atomic_load_explicit(&pulse->answered, memory_order_relaxed)) {
        atomic_store_explicit(&pulse->answered, asked, memory_order_relaxed);
    }
}

bool link_pulse_is_felt(const struct link_pulse *pulse)
{
    return atomic_load_explicit(&pulse->asked, memory_order_relaxed) ==
           atomic_load_explicit(&pulse->answered, memory_order_relaxed);
}

bool link_limits_give(struct link *link, const struct relay_limits *limits)
{
    const unsigned given = atomic_load_explicit(&link->limits_given, memory_order_relaxed);

    if (given != atomic_load_explicit(&link->limits_taken, memory_order_acquire)) {
        return false;
    }
    link->limits = *limits;
    atomic_store_explicit(&link->limits_given, given + 1, memory_order_release);
    link_wake_worker(link);
    return true;
}

const struct relay_limits *link_limits_get(const struct link *link)
{
    const unsigned given = atomic_load_explicit(&link->limits_given, memory_order_acquire);

    return given == atomic_load_explicit(&link->limits_taken, memory_order_relaxed) ? NULL
                                                                                    : &link->limits;
}

void link_limits_took(struct link *link)
{
    const unsigned given = atomic_load_explicit(&link->limits_given, memory_order_relaxed);

    atomic_store_explicit(&link->limits_taken, given, memory_order_release);
    link->wake_control(link->wake_context);
}

void link_wake_worker(struct link *link)
{
    net_udp_wake(link->net);
}
