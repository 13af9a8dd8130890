/* SPDX-License-Identifier: MIT */
#include "client/client.h"

#include <string.h>

/* A round trip beyond this is a mistake of somebody's clock. */
#define RTT_LIMIT_US UINT64_C(60000000)

/* RFC 6298 2.3: the weights of a new sample in the round trip and in its deviation. */
#define RTT_WEIGHT     8
#define RTT_VAR_WEIGHT 4

void measure_begin(struct gsrelay_client *client)
{
    struct udp *udp = &client->udp;

    udp->sample_count = 0;
    memset(udp->pings_us, 0, sizeof(udp->pings_us));
    udp->ping_next = 0;
    udp->jitter_us = 0;
    udp->queue_us = 0;
    udp->queue_max_us = 0;
    room_clock_init(&udp->clock);
    client->stats.rtt_us = 0;
    client->stats.rtt_min_us = 0;
    client->stats.rtt_last_us = 0;
    client->stats.loss_up_ppm = 0;
    client->stats.loss_down_ppm = 0;
}

void measure_asked(struct udp *udp, uint64_t client_time_us)
{
    udp->pings_us[udp->ping_next] = client_time_us;
    udp->ping_next = (udp->ping_next + 1) % UDP_PING_COUNT;
}

/* Whether that is an answer to one of the last PINGs, and the first to it. */
static bool take_asked(struct udp *udp, uint64_t client_time_us)
{
    for (unsigned i = 0; i < UDP_PING_COUNT; i++) {
        if (udp->pings_us[i] == client_time_us && client_time_us != 0) {
            udp->pings_us[i] = 0;
            return true;
        }
    }
    return false;
}

static uint32_t loss_ppm(uint64_t sent, uint64_t received)
{
    if (sent == 0 || received >= sent)
        return 0;
    return (uint32_t)((sent - received) * 1000000 / sent);
}

/* Loss is told over the last ten seconds: the difference between the newest sample and the oldest
 * that is kept. Counts that go backwards are a relay's mistake and start it anew. */
static void sample_loss(struct gsrelay_client *client, const struct body_ping *pong)
{
    struct udp *udp = &client->udp;
    const struct udp_sample *oldest = &udp->samples[0];
    struct udp_sample sample = {.highest_up = pong->highest,
                                .received_up = pong->received,
                                .highest_down = udp->replay.highest,
                                .received_down = udp->received};
    const struct udp_sample *last =
        udp->sample_count > 0 ? &udp->samples[udp->sample_count - 1] : NULL;

    if (last != NULL &&
        (sample.highest_up < last->highest_up || sample.received_up < last->received_up))
        udp->sample_count = 0;
    if (udp->sample_count == UDP_SAMPLE_COUNT) {
        memmove(udp->samples, udp->samples + 1, sizeof(udp->samples) - sizeof(udp->samples[0]));
        udp->sample_count--;
    }
    udp->samples[udp->sample_count++] = sample;
    client->stats.loss_up_ppm =
        loss_ppm(sample.highest_up - oldest->highest_up, sample.received_up - oldest->received_up);
    client->stats.loss_down_ppm = loss_ppm(sample.highest_down - oldest->highest_down,
                                           sample.received_down - oldest->received_down);
}

static uint32_t smooth(uint32_t old, uint32_t sample, unsigned weight)
{
    return (uint32_t)(((weight - 1) * (uint64_t)old + sample) / weight);
}

static void sample_rtt(struct gsrelay_client *client, uint32_t rtt_us)
{
    struct gsrelay_stats *stats = &client->stats;
    struct udp *udp = &client->udp;

    stats->rtt_last_us = rtt_us;
    if (stats->rtt_us == 0) {
        stats->rtt_us = rtt_us;
        udp->jitter_us = rtt_us / 2;
    } else {
        uint32_t off_us = rtt_us > stats->rtt_us ? rtt_us - stats->rtt_us : stats->rtt_us - rtt_us;

        udp->jitter_us = smooth(udp->jitter_us, off_us, RTT_VAR_WEIGHT);
        stats->rtt_us = smooth(stats->rtt_us, rtt_us, RTT_WEIGHT);
    }
    if (stats->rtt_min_us == 0 || rtt_us < stats->rtt_min_us)
        stats->rtt_min_us = rtt_us;
}

void measure_answered(struct gsrelay_client *client, const struct body_ping *pong)
{
    struct udp *udp = &client->udp;
    uint64_t now_us = client->now_ns / NS_PER_US;
    uint64_t elapsed_us = now_us - pong->client_time_us;
    struct room_clock_exchange exchange = {.asked_ns = pong->client_time_us * NS_PER_US,
                                           .answered_ns = pong->room_time_us * NS_PER_US,
                                           .heard_ns = client->now_ns};

    sample_loss(client, pong);
    udp->queue_us = pong->queue_us;
    udp->queue_max_us = pong->queue_max_us;
    /* What may have lain in our own socket for long measures nothing. */
    if (!take_asked(udp, pong->client_time_us) || pong->client_time_us > now_us ||
        elapsed_us > RTT_LIMIT_US || client->is_input_old)
        return;
    /* Nor does a delay that is longer than the PING was away. */
    if (pong->delay_us > elapsed_us)
        return;
    sample_rtt(client, elapsed_us > pong->delay_us ? (uint32_t)(elapsed_us - pong->delay_us) : 1);
    if (pong->room_time_us < pong->delay_us || pong->room_time_us > INT64_MAX / NS_PER_US)
        return;
    exchange.came_ns = (pong->room_time_us - pong->delay_us) * NS_PER_US;
    room_clock_add(&udp->clock, &exchange);
}

static int get_quality_of(const struct member *member, struct gsrelay_quality *out)
{
    if (member == NULL)
        return GSRELAY_INVALID;
    if (member->quality.rtt_us == 0)
        return GSRELAY_WRONG_STATE;
    *out = member->quality;
    return GSRELAY_OK;
}

int gsrelay_get_quality(const struct gsrelay_client *client, uint16_t member,
                        struct gsrelay_quality *out)
{
    if (!client->room.exists || !client->udp.exists)
        return GSRELAY_WRONG_STATE;
    if (member != client->room.own)
        return get_quality_of(room_member_find(client, member), out);
    if (client->stats.rtt_us == 0)
        return GSRELAY_WRONG_STATE;
    *out = (struct gsrelay_quality){.rtt_us = client->stats.rtt_us,
                                    .jitter_us = client->udp.jitter_us,
                                    .loss_up_ppm = client->stats.loss_up_ppm,
                                    .loss_down_ppm = client->stats.loss_down_ppm,
                                    .queue_us = client->udp.queue_us,
                                    .queue_max_us = client->udp.queue_max_us};
    return GSRELAY_OK;
}

int gsrelay_io_room_time(struct gsrelay_client *client, uint64_t now_ns,
                         struct gsrelay_room_time *out)
{
    uint64_t time_ns;
    uint64_t error_us;

    if (!client->udp.exists || !room_clock_read(&client->udp.clock, now_ns, &time_ns, &error_us))
        return GSRELAY_WRONG_STATE;
    /* Both are cut to whole microseconds: the time loses less than one. */
    error_us = (error_us + NS_PER_US - 1) / NS_PER_US + 1;
    *out = (struct gsrelay_room_time){.time_us = time_ns / NS_PER_US,
                                      .error_us =
                                          error_us < UINT32_MAX ? (uint32_t)error_us : UINT32_MAX};
    return GSRELAY_OK;
}
