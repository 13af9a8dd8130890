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

void link_wake_worker(struct link *link)
{
    net_udp_wake(link->net);
}
