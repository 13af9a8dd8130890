/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "fake_relay.h"

#include "proto/body.h"

/* What a client knows of its own path, and as the host of those of the others. */

static struct fake_link link;

/* Whether answer() tells of a longer delay than all took, by a microsecond. */
static bool is_delay_too_long;

static struct gsrelay_quality own(void)
{
    struct gsrelay_quality quality;
    struct gsrelay_room room;

    assert_int_equal(gsrelay_get_room(link.client, &room), GSRELAY_OK);
    assert_int_equal(gsrelay_get_quality(link.client, room.member, &quality), GSRELAY_OK);
    return quality;
}

static uint32_t last_rtt_us(void)
{
    struct gsrelay_stats stats;

    gsrelay_get_stats(link.client, &stats);
    return stats.rtt_last_us;
}

/* Answers the next PING by hand after so long, of which the relay takes delay_us; with another
 * client's time on it unless that is 0. */
static struct body_ping answer(uint64_t rtt_ns, uint32_t delay_us, uint64_t other_time_us)
{
    const struct fake_datagram *ping;
    struct body_ping pong;
    uint8_t body[BODY_PONG_SIZE];

    link.relay.is_answering = false;
    link.relay.datagram_count = 0;
    fake_link_pass(&link, FAKE_S);
    ping = &link.relay.datagrams[0];
    assert_int_equal(ping->head.type, DATAGRAM_PING);
    assert_true(body_ping_read(ping->body, ping->body_size, &pong));
    link.now_ns = pong.client_time_us * 1000 + rtt_ns + delay_us * UINT64_C(1000);
    if (other_time_us != 0)
        pong.client_time_us = other_time_us;
    pong.delay_us = is_delay_too_long ? (uint32_t)(rtt_ns / 1000) + delay_us + 1 : delay_us;
    pong.room_time_us = link.now_ns / 1000;
    pong.queue_us = 850;
    pong.queue_max_us = 16200;
    body_ping_write(body, &pong);
    fake_relay_datagram(&link.relay, DATAGRAM_PONG, body, sizeof(body));
    fake_link_turn(&link);
    return pong;
}

static void quality__of_ourselves__is_smoothed_and_has_the_relays_figures(void **state)
{
    struct gsrelay_quality quality;
    uint32_t before;

    (void)state;
    fake_link_open(&link, NULL);
    assert_int_equal(gsrelay_get_quality(link.client, 1, &quality), GSRELAY_WRONG_STATE);
    fake_link_join(&link);
    for (unsigned i = 0; i < 60; i++)
        (void)answer(40 * FAKE_MS, 3000, 0);
    quality = own();
    assert_in_range(quality.rtt_us, 39900, 40000);
    assert_in_range(quality.jitter_us, 0, 50);
    assert_int_equal(quality.queue_us, 850);
    assert_int_equal(quality.queue_max_us, 16200);
    before = quality.rtt_us;
    (void)answer(80 * FAKE_MS, 0, 0);
    quality = own();
    assert_in_range(quality.rtt_us, before + 4990, before + 5010);
    assert_in_range(quality.jitter_us, 9990, 10060);
    fake_link_close(&link);
}

/* A PONG measures only if it answers one of our last PINGs, and the first time. */
static void pong__to_no_ping_of_ours__measures_nothing(void **state)
{
    struct gsrelay_room_time time;
    struct body_ping pong;
    uint8_t body[BODY_PONG_SIZE];
    uint32_t error_us;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    pong = answer(40 * FAKE_MS, 0, 0);
    assert_int_equal(gsrelay_io_room_time(link.client, link.now_ns, &time), GSRELAY_OK);
    error_us = time.error_us;
    /* Another time, by which the way would have taken a millisecond only. */
    (void)answer(40 * FAKE_MS, 0, link.now_ns / 1000 + 1000000 - 1000);
    assert_int_equal(last_rtt_us(), 40000);
    /* The answer of before again, under a sequence of its own. */
    link.now_ns += FAKE_MS;
    body_ping_write(body, &pong);
    fake_relay_datagram(&link.relay, DATAGRAM_PONG, body, sizeof(body));
    fake_link_turn(&link);
    assert_int_equal(last_rtt_us(), 40000);
    assert_int_equal(gsrelay_io_room_time(link.client, link.now_ns, &time), GSRELAY_OK);
    assert_true(time.error_us >= error_us);
    fake_link_close(&link);
}

/* Nobody can have had a PING for longer than it was away. */
static void pong__with_a_delay_beyond_the_round_trip__measures_nothing(void **state)
{
    struct gsrelay_room_time before;
    struct gsrelay_room_time after;
    struct gsrelay_stats stats;
    uint32_t rtt_us;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    (void)answer(40 * FAKE_MS, 0, 0);
    rtt_us = own().rtt_us;
    assert_int_equal(gsrelay_io_room_time(link.client, link.now_ns, &before), GSRELAY_OK);
    is_delay_too_long = true;
    (void)answer(40 * FAKE_MS, 3000, 0);
    is_delay_too_long = false;
    gsrelay_get_stats(link.client, &stats);
    assert_int_equal(stats.rtt_last_us, 40000);
    assert_int_equal(stats.rtt_us, rtt_us);
    assert_int_equal(gsrelay_io_room_time(link.client, link.now_ns, &after), GSRELAY_OK);
    assert_true(after.error_us >= before.error_us);
    fake_link_close(&link);
}

/* The room's clock begins anew with another room, and stays through a new connection. */
static void room_time__is_the_rooms_own(void **state)
{
    struct gsrelay_room_time before;
    struct gsrelay_room_time after;

    (void)state;
    fake_link_open(&link, NULL);
    assert_int_equal(gsrelay_io_room_time(link.client, 0, &before), GSRELAY_WRONG_STATE);
    fake_link_join(&link);
    (void)answer(2 * FAKE_MS, 0, 0);
    assert_int_equal(gsrelay_io_room_time(link.client, link.now_ns, &before), GSRELAY_OK);
    assert_int_equal(gsrelay_get_room_time(link.client, &after), GSRELAY_OK);
    assert_int_equal(before.time_us, after.time_us);
    link.relay.is_answering = true;
    link.relay.knows_session = true;
    link.relay.is_in_room = true;
    fake_link_break(&link);
    assert_int_equal(gsrelay_io_room_time(link.client, link.now_ns, &after), GSRELAY_OK);
    assert_true(after.time_us >= before.time_us);
    fake_link_pass(&link, 2 * FAKE_S);
    assert_int_equal(gsrelay_io_room_time(link.client, link.now_ns, &after), GSRELAY_OK);
    assert_in_range(after.time_us, before.time_us + 1900000, before.time_us + 2100000);
    assert_true(gsrelay_leave(link.client) > 0);
    fake_link_turn(&link);
    assert_int_equal(gsrelay_io_room_time(link.client, link.now_ns, &after), GSRELAY_WRONG_STATE);
    fake_link_close(&link);
}

static void quality__of_the_others__is_known_while_we_are_the_host(void **state)
{
    struct control_message told = {
        .type = CONTROL_MEMBER_QUALITY,
        .qualities = {2, {{5, 40000, 2500, 10000, 20000, 850}, {99, 1, 2, 3, 4, 5}}}};
    struct control_message host_changed = {.type = CONTROL_HOST_CHANGED, .host_changed = {5, 9}};
    struct control_message joined = {.type = CONTROL_JOINED, .member = 5};
    struct gsrelay_quality quality = {.rtt_us = 7};
    struct gsrelay_room room;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    assert_int_equal(gsrelay_get_room(link.client, &room), GSRELAY_OK);
    fake_relay_send(&link.relay, &joined);
    fake_link_turn(&link);
    assert_int_equal(gsrelay_get_quality(link.client, 5, &quality), GSRELAY_WRONG_STATE);
    assert_int_equal(gsrelay_get_quality(link.client, 99, &quality), GSRELAY_INVALID);
    assert_int_equal(quality.rtt_us, 7);
    fake_relay_send(&link.relay, &told);
    fake_link_turn(&link);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_QUALITY, NULL));
    assert_int_equal(gsrelay_get_quality(link.client, 5, &quality), GSRELAY_OK);
    assert_int_equal(quality.rtt_us, 40000);
    assert_int_equal(quality.jitter_us, 2500);
    assert_int_equal(quality.loss_up_ppm, 10000);
    assert_int_equal(quality.loss_down_ppm, 20000);
    assert_int_equal(quality.queue_us, 850);
    assert_int_equal(gsrelay_get_quality(link.client, 99, &quality), GSRELAY_INVALID);
    fake_link_pass(&link, 3 * FAKE_S);
    assert_int_equal(gsrelay_get_quality(link.client, room.member, &quality), GSRELAY_OK);
    assert_int_equal(quality.rtt_us, gsrelay_get_rtt_us(link.client));
    fake_relay_send(&link.relay, &host_changed);
    fake_link_turn(&link);
    assert_int_equal(gsrelay_get_quality(link.client, 5, &quality), GSRELAY_WRONG_STATE);
    fake_link_close(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quality__of_ourselves__is_smoothed_and_has_the_relays_figures),
        cmocka_unit_test(pong__to_no_ping_of_ours__measures_nothing),
        cmocka_unit_test(pong__with_a_delay_beyond_the_round_trip__measures_nothing),
        cmocka_unit_test(room_time__is_the_rooms_own),
        cmocka_unit_test(quality__of_the_others__is_known_while_we_are_the_host),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
