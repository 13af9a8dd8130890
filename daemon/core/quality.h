/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_QUALITY_H
#define GSRELAY_CORE_QUALITY_H

#include "proto/body.h"

#include <stdbool.h>
#include <stdint.h>

/* quality.h - round trip, jitter and loss of one member's path, from its PINGs; and how long states
 * wait in the relay.
 *
 * The smoothing is RFC 6298 2.2 and 2.3 (alpha 1/8, beta 1/4). Jitter is the mean deviation of the
 * round trip: the interarrival jitter of RFC 3550 6.4.1 needs the sender's time in each datagram,
 * which DATA does not have. What a client says about itself is checked for what is possible; within
 * that it can make its own figures better or worse, and so win an election by the shortest round
 * trip (host.h): that rule trusts the members.
 * Threads: one owner. Memory: the caller's; zero bytes = nothing known. */

/* Counts of both directions; differences of them fit 32 bits. */
struct quality_mark {
    uint32_t up_highest;
    uint32_t up_received;
    uint32_t down_highest;
    uint32_t down_received;
};

struct quality {
    uint64_t rtt_ns;     /* Smoothed; 0 = not measured yet. */
    uint64_t rtt_var_ns; /* Its mean deviation: the jitter. */
    uint64_t rtt_last_ns;
    uint64_t pong_us;       /* room_time of the last PONG; 0 = none sent. */
    uint64_t down_highest;  /* What the client has said in its last PING. */
    uint64_t down_received; /* Not above down_highest. */

    /* Loss is told over the last five to ten seconds: from `begin` to `last`. */
    struct quality_mark begin;
    struct quality_mark middle;
    struct quality_mark last;
    uint64_t middle_ns;

    uint64_t own_wait_ns; /* Since the last PONG, the longest wait of a live state that left in a
                             body of the member's own. */
    uint32_t queue_us;    /* What that PONG told. */
    uint32_t queue_max_us;
};

/* What the relay itself has counted. */
struct quality_counts {
    uint64_t up_highest;
    uint64_t up_received;
    uint64_t down_sent; /* The highest sequence used downwards. */
};

/* Takes a PING that came at room_ns of the room's clock. Returns true if it measured the round
 * trip. */
bool quality_ping(struct quality *quality, const struct body_ping *ping,
                  const struct quality_counts *counts, uint64_t room_ns);

/* A live state leaves that has waited so long for the member's downlink budget. */
static inline void quality_waited(struct quality *quality, uint64_t waited_ns)
{
    if (waited_ns > quality->own_wait_ns) {
        quality->own_wait_ns = waited_ns;
    }
}

/* Lost of 1,000,000; 0 if nothing was sent. */
uint32_t quality_loss_ppm(uint64_t sent, uint64_t received);

/* The same of the last five to ten seconds. */
uint32_t quality_loss_up_ppm(const struct quality *quality);
uint32_t quality_loss_down_ppm(const struct quality *quality);

/* --- Waiting in the relay -------------------------------------------------------------------- */

/* Of a room: how long the oldest state of each flush had waited since it came. */
struct queue_time {
    uint64_t smoothed_ns; /* An eighth of each new one. */
    uint64_t max_ns;      /* Of the second that began at window_ns, and of the one before. */
    uint64_t max_before_ns;
    uint64_t window_ns;
};

void queue_time_add(struct queue_time *times, uint64_t waited_ns, uint64_t now_ns);

/* Smoothed, and the longest of the last one to two seconds; both 0 if nothing was sent in them. */
void queue_time_get(const struct queue_time *times, uint64_t now_ns, uint64_t *smoothed_ns_out,
                    uint64_t *max_ns_out);

/* In whole microseconds, as far as 32 bits go. */
uint32_t quality_us(uint64_t time_ns);

/* --- Histograms ------------------------------------------------------------------------------ */

/* Bins of times: bin i has those below 2^(i + QUALITY_*_SHIFT) µs, the last one all longer ones. */
#define QUALITY_BINS        12
#define QUALITY_QUEUE_SHIFT 6  /* 64 µs to 65.5 ms: for waiting, and for jitter. */
#define QUALITY_RTT_SHIFT   10 /* 1 ms to 1 s. */

unsigned quality_bin(uint64_t time_ns, unsigned shift);

#endif
