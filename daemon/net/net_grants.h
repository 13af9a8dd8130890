/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_GRANTS_H
#define GSRELAY_DAEMON_NET_NET_GRANTS_H

/* net_grants.h - the options that the system granted to the sockets of one net_udp or net_tcp.
 *
 * Private to the backends. Threads: the owner's. Memory: the owner's, all zero to begin. */

#include <assert.h>

#include "daemon/net/net_types.h"

#define NET_OPTIONS_MAX 16 /* Options of one socket. */

struct net_grants {
    unsigned count;
    struct net_granted items[NET_ADDRESSES_MAX * NET_OPTIONS_MAX];
};

static inline void net_grants_add(struct net_grants *grants, struct net_granted granted)
{
    assert(grants->count < NET_ADDRESSES_MAX * NET_OPTIONS_MAX);
    grants->items[grants->count] = granted;
    grants->count++;
}

/* Copies grants as the contracts' _granted() functions promise. */
static inline unsigned net_grants_copy(const struct net_grants *grants, struct net_granted out[],
                                       unsigned capacity)
{
    for (unsigned i = 0; i < grants->count && i < capacity; i++) {
        out[i] = grants->items[i];
    }
    return grants->count;
}

#endif
