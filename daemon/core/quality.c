/* SPDX-License-Identifier: MIT */
#include "daemon/core/quality.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_S  UINT64_C(1000000000)

/* Longer round trips are taken for a mistake of the client's clock. */
#define RTT_MAX_US UINT64_C(60000000)

/* RFC 6298 2.3: the weights of a new sample in the round trip and in its deviation. */
#define RTT_WEIGHT     8
#define RTT_VAR_WEIGHT 4

#define LOSS_STEP_NS (5 * NS_PER_S)

#define QUEUE_WEIGHT    8
#define QUEUE_WINDOW_NS NS_PER_S

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
    quality->rtt_var_ns += deviation_ns / RTT_VAR_WEIGHT - quality->rtt_var_ns / RTT_VAR_WEIGHT;
    quality->rtt_ns += sample_ns / RTT_WEIGHT - quality->rtt_ns / RTT_WEIGHT;
}

static void mark_counts(struct quality *quality, const struct quality_counts *counts,
                        uint64_t room_ns)
{
    quality->last = (struct quality_mark){.up_highest = (uint32_t)counts->up_highest,
                                          .up_received = (uint32_t)counts->up_received,
                                          .down_highest = (uint32_t)quality->down_highest,
                                          .down_received = (uint32_t)quality->down_received};
    if (room_ns - quality->middle_ns >= LOSS_STEP_NS) {
        quality->begin = quality->middle;
        quality->middle = quality->last;
        quality->middle_ns = room_ns;
    }
}

static bool measure(struct quality *quality, const struct body_ping *ping, uint64_t room_us)
{
    uint64_t elapsed_us = 0;

    /* A PONG may have been lost, so the time may be of an earlier one, but not of none. */
    if (ping->room_time_us == 0 || ping->room_time_us > quality->pong_us) {
        return false;
    }
    elapsed_us = room_us - ping->room_time_us;
    if (elapsed_us < ping->delay_us || elapsed_us - ping->delay_us > RTT_MAX_US) {
        return false;
    }
    elapsed_us -= ping->delay_us;
    add_sample(quality, (elapsed_us == 0 ? 1 : elapsed_us) * NS_PER_US);
    return true;
}

bool quality_ping(struct quality *quality, const struct body_ping *ping,
                  const struct quality_counts *counts, uint64_t room_ns)
{
    const bool is_possible =
        ping->highest <= counts->down_sent && ping->received <= ping->highest &&
        ping->highest >= quality->down_highest && ping->received >= quality->down_received;

    if (is_possible) {
        quality->down_highest = ping->highest;
        quality->down_received = ping->received;
    }
    mark_counts(quality, counts, room_ns);
    return measure(quality, ping, room_ns / NS_PER_US);
}

uint32_t quality_loss_ppm(uint64_t sent, uint64_t received)
{
    if (sent == 0 || received >= sent) {
        return 0;
    }
    /* Sequences have 48 bits: halve until the product fits. */
    while (sent > UINT64_MAX / 1000000) {
        sent >>= 1;
        received >>= 1;
    }
    return (uint32_t)((sent - received) * 1000000 / sent);
}

uint32_t quality_loss_up_ppm(const struct quality *quality)
{
    const struct quality_mark *begin = &quality->begin;
    const struct quality_mark *last = &quality->last;

    return quality_loss_ppm((uint32_t)(last->up_highest - begin->up_highest),
                            (uint32_t)(last->up_received - begin->up_received));
}

uint32_t quality_loss_down_ppm(const struct quality *quality)
{
    const struct quality_mark *begin = &quality->begin;
    const struct quality_mark *last = &quality->last;

    return quality_loss_ppm((uint32_t)(last->down_highest - begin->down_highest),
                            (uint32_t)(last->down_received - begin->down_received));
}

void queue_time_add(struct queue_time *times, uint64_t waited_ns, uint64_t now_ns)
{
    const uint64_t passed_ns = now_ns - times->window_ns;

    if (passed_ns >= QUEUE_WINDOW_NS) {
        times->max_before_ns = passed_ns < 2 * QUEUE_WINDOW_NS ? times->max_ns : 0;
        times->max_ns = 0;
        times->window_ns = now_ns;
    }
    if (waited_ns > times->max_ns) {
        times->max_ns = waited_ns;
    }
    times->smoothed_ns += waited_ns / QUEUE_WEIGHT - times->smoothed_ns / QUEUE_WEIGHT;
}

void queue_time_get(const struct queue_time *times, uint64_t now_ns, uint64_t *smoothed_ns_out,
                    uint64_t *max_ns_out)
{
    const uint64_t passed_ns = now_ns - times->window_ns;

    *smoothed_ns_out = passed_ns < 2 * QUEUE_WINDOW_NS ? times->smoothed_ns : 0;
    *max_ns_out = 0;
    if (passed_ns < 2 * QUEUE_WINDOW_NS) {
        *max_ns_out = times->max_ns;
    }
    if (passed_ns < QUEUE_WINDOW_NS && times->max_before_ns > *max_ns_out) {
        *max_ns_out = times->max_before_ns;
    }
}

uint32_t quality_us(uint64_t time_ns)
{
    return time_ns / NS_PER_US < UINT32_MAX ? (uint32_t)(time_ns / NS_PER_US) : UINT32_MAX;
}

unsigned quality_bin(uint64_t time_ns, unsigned shift)
{
    uint64_t rest = time_ns / NS_PER_US >> shift;
    unsigned bin = 0;

    while (rest > 0 && bin < QUALITY_BINS - 1) {
        rest >>= 1;
        bin++;
    }
    return bin;
}
