/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_COUNTERS_H
#define GSRELAY_CORE_COUNTERS_H

#include "daemon/core/quality.h"
#include "proto/reason.h"

#include <stdint.h>

/* counters.h - what a core counts. Three ledgers, each exact at the end of any call:
 *
 *     datagrams:   received = sum(handled) + sum(dropped[1..39])
 *     records:     read = admitted + sum(dropped[40..59])
 *     deliveries:  made = sent + superseded + sum(dropped[60..79]) + waiting
 *
 * `made` is the sum of receivers over all admitted records plus retained records given to late
 * joiners. One array holds the drops of all three, because a reason belongs to one ledger. */

#define CORE_TYPES 16 /* Datagram types, 4 bits. */

struct core_counters {
    uint64_t datagrams_received;
    uint64_t datagrams_handled[CORE_TYPES];
    uint64_t bytes_received;
    uint64_t records_read;
    uint64_t records_admitted;
    uint64_t deliveries_made;
    uint64_t deliveries_sent;
    uint64_t deliveries_superseded;
    uint64_t deliveries_replayed; /* Of `made`: retained records given to late joiners. */
    uint64_t deliveries_waiting;  /* Gauge. */
    uint64_t dropped[REASON_LIMIT];
    uint64_t datagrams_sent[CORE_TYPES];
    uint64_t bytes_sent;
    uint64_t challenges_withheld; /* New addresses that were not challenged, for a limit. */
    uint64_t path_moves;
    uint64_t hosts_deposed;         /* Hosts that were out of reach and lost the role. */
    uint64_t retained_repairs;      /* Times that a member was sent all of it again. */
    uint64_t retained_inherited;    /* States that passed from a host to the next one. */
    uint64_t retained_beyond_bound; /* Records relayed live because room.retained_bytes was full. */
    uint64_t flushes;
    uint64_t
        flushes_lengthened; /* Flushes that waited longer than their room's tick, under load. */
    uint64_t auto_tick_us;  /* Gauge: by how much flushes are lengthened now. */
    uint64_t auto_tick_us_max;
    uint64_t auto_tick_raised;  /* How often it was lengthened. */
    uint64_t receivers_held;    /* Members that a flush left waiting for their downlink budget. */
    uint64_t flush_late_ns_max; /* How late the latest flush of a tick was. */
    uint64_t queue_times[QUALITY_BINS]; /* Flushes by how long their oldest record had waited. */
    uint64_t queue_ns_max;
    uint64_t rtts[QUALITY_BINS];    /* PINGs that measured a round trip, by what they measured. */
    uint64_t jitters[QUALITY_BINS]; /* The same PINGs, by the jitter after them. */
    uint64_t path_up_sent;          /* Sums over all members, of what loss is made of: sequences */
    uint64_t path_up_received;      /* used and datagrams that came, as far as PINGs have told. */
    uint64_t path_down_sent;
    uint64_t path_down_received;
    uint32_t slots_in_use; /* Gauge. */
    uint32_t slots_bound;  /* Gauge. */
    uint32_t rooms_in_use; /* Gauge. */
    uint32_t cells_in_use; /* Gauge. */
    uint32_t cells_in_use_max;
};

#endif
