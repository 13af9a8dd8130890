/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_QUALITY_H
#define GSRELAY_CORE_QUALITY_H

#include "proto/body.h"

#include <stdint.h>

/* quality.h - round trip and loss of one member's path, from its PINGs.
 *
 * The smoothing is RFC 6298 2.2 and 2.3 (alpha 1/8, beta 1/4). What a client says about itself is
 * checked for what is possible; beyond that it can only spoil its own figures.
 * Threads: one owner. Memory: the caller's; zero bytes = nothing known. */

struct quality {
    uint64_t rtt_ns;     /* Smoothed; 0 = not measured yet. */
    uint64_t rtt_var_ns; /* Its mean deviation. */
    uint64_t rtt_last_ns;
    uint64_t pong_us;       /* relay_time of the last PONG; 0 = none sent. */
    uint64_t down_highest;  /* What the client has said in its last PING. */
    uint64_t down_received; /* Not above down_highest. */
};

/* Takes a PING that came at now_ns; `sent` is the highest sequence used downwards. */
void quality_ping(struct quality *quality, const struct body_ping *ping, uint64_t sent,
                  uint64_t now_ns);

/* Lost of 1,000,000; 0 if nothing was sent. */
uint32_t quality_loss_ppm(uint64_t highest, uint64_t received);

#endif
