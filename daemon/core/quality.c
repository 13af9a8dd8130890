/* SPDX-License-Identifier: MIT */
#include "daemon/core/quality.h"

#define NS_PER_US UINT64_C(1000)

/* Longer round trips are taken for a mistake of the client's clock. */
#define RTT_MAX_US UINT64_C(60000000)

/* RFC 6298 2.3: the weights of a new sample in the round trip and in its deviation. */
#define RTT_WEIGHT     8
#define RTT_VAR_WEIGHT 4

static void add_sample(struct quality *quality, uint64_t sample_ns)
{
    uint64_t deviation_ns = 0;

    quality->rtt_last_ns = sample_ns;
    if (quality->rtt_ns == 0) {
        quality->rtt_ns = sample_ns;
        quality->rtt_var_ns = sample_ns / 2;
        return;
    }
    deviation_ns =
        quality->rtt_ns > sample_ns ? quality->rtt_ns - sample_ns : sample_ns - quality->rtt_ns;
    quality->rtt_var_ns += deviation_ns / RTT_VAR_WEIGHT;
    quality->rtt_var_ns -= quality->rtt_var_ns / RTT_VAR_WEIGHT;
    quality->rtt_ns += sample_ns / RTT_WEIGHT;
    quality->rtt_ns -= quality->rtt_ns / RTT_WEIGHT;
}

void quality_ping(struct quality *quality, const struct body_ping *ping, uint64_t sent,
                  uint64_t now_ns)
{
    const uint64_t now_us = now_ns / NS_PER_US;
    uint64_t elapsed_us = 0;

    if (ping->highest <= sent && ping->received <= ping->highest) {
        quality->down_highest = ping->highest;
        quality->down_received = ping->received;
    }
    /* A PONG may have been lost, so the time may be of an earlier one, but not of none. */
    if (ping->relay_time_us == 0 || ping->relay_time_us > quality->pong_us) {
        return;
    }
    elapsed_us = now_us - ping->relay_time_us;
    if (elapsed_us < ping->delay_us || elapsed_us - ping->delay_us > RTT_MAX_US) {
        return;
    }
    elapsed_us -= ping->delay_us;
    add_sample(quality, (elapsed_us == 0 ? 1 : elapsed_us) * NS_PER_US);
}

uint32_t quality_loss_ppm(uint64_t highest, uint64_t received)
{
    if (highest == 0 || received >= highest) {
        return 0;
    }
    /* Sequences have 48 bits: halve until the product fits. */
    while (highest > UINT64_MAX / 1000000) {
        highest >>= 1;
        received >>= 1;
    }
    return (uint32_t)((highest - received) * 1000000 / highest);
}
