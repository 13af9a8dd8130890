/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "daemon/core/quality.h"

#define US UINT64_C(1000)

static bool take(struct quality *quality, const struct body_ping *ping, uint64_t sent,
                 uint64_t room_us)
{
    const struct quality_counts counts = {.down_sent = sent};

    return quality_ping(quality, ping, &counts, room_us * US);
}

static void ping__that_answers_a_pong__measures_the_round_trip(void **state)
{
    struct quality quality = {.pong_us = 1000000};
    struct body_ping ping = {
        .room_time_us = 1000000, .delay_us = 500000, .highest = 5, .received = 4};
    (void)state;

    assert_true(take(&quality, &ping, 10, 1540000));
    assert_int_equal(quality.rtt_ns, 40000 * US);
    assert_int_equal(quality.rtt_var_ns, 20000 * US);
    assert_int_equal(quality.down_highest, 5);
    assert_int_equal(quality.down_received, 4);
    /* RFC 6298 2.3: 7/8 of the old and 1/8 of the new; 3/4 and 1/4. */
    assert_true(take(&quality, &ping, 10, 1580000));
    assert_int_equal(quality.rtt_last_ns, 80000 * US);
    assert_int_equal(quality.rtt_ns, 45000 * US);
    assert_int_equal(quality.rtt_var_ns, 25000 * US);
    for (unsigned index = 0; index < 200; index++) {
        assert_true(take(&quality, &ping, 10, 1580000));
    }
    assert_in_range(quality.rtt_ns, 79999 * US, 80000 * US);
    assert_in_range(quality.rtt_var_ns, 0, US);
}

static void ping__with_impossible_values__changes_nothing(void **state)
{
    struct quality quality = {.pong_us = 1000000, .down_highest = 3, .down_received = 2};
    struct quality before = quality;
    (void)state;

    /* No PONG named, one that was never sent, a delay longer than the time, a round trip of an
     * hour; more received than sent, a sequence that was never used, counts that go back. */
    const struct body_ping pings[] = {
        {.room_time_us = 0, .highest = 11, .received = 1},
        {.room_time_us = 1000001, .highest = 5, .received = 6},
        {.room_time_us = 1000000, .delay_us = 500001, .highest = 5, .received = 6},
        {.highest = 2, .received = 2},
        {.highest = 4, .received = 1},
    };

    before.last = (struct quality_mark){.down_highest = 3, .down_received = 2};
    for (unsigned index = 0; index < sizeof(pings) / sizeof(pings[0]); index++) {
        assert_false(take(&quality, &pings[index], 10, 1500000));
        assert_memory_equal(&quality, &before, sizeof(quality));
    }
    assert_false(take(&quality, &(struct body_ping){.room_time_us = 1000000, .highest = 11}, 10,
                      UINT64_C(3600000000) + 1000000));
    assert_int_equal(quality.rtt_ns, 0);
    assert_int_equal(quality.down_highest, 3);
}

static void loss__of_both_ways__is_that_of_the_last_seconds(void **state)
{
    struct quality quality = {.pong_us = 0};
    struct quality_counts counts = {.down_sent = UINT64_C(1) << 40};
    struct body_ping ping = {.highest = 0};
    (void)state;

    /* A hundred each second; half of them are lost upwards for a minute, a fifth downwards; then
     * nothing is. */
    for (unsigned second = 1; second <= 80; second++) {
        counts.up_highest += 100;
        counts.up_received += second <= 60 ? 50 : 100;
        ping.highest += 100;
        ping.received += second <= 60 ? 80 : 100;
        (void)quality_ping(&quality, &ping, &counts, second * UINT64_C(1000000000));
        if (second <= 60) {
            assert_int_equal(quality_loss_up_ppm(&quality), 500000);
            assert_int_equal(quality_loss_down_ppm(&quality), 200000);
        } else if (second > 70) {
            assert_int_equal(quality_loss_up_ppm(&quality), 0);
            assert_int_equal(quality_loss_down_ppm(&quality), 0);
        }
    }
}

static void queue_time__of_flushes__is_smoothed_and_its_longest_is_kept_for_a_while(void **state)
{
    struct queue_time times = {.window_ns = 0};
    uint64_t now_ns = UINT64_C(5000000000);
    uint64_t smoothed_ns = 0;
    uint64_t max_ns = 0;
    (void)state;

    queue_time_get(&times, now_ns, &smoothed_ns, &max_ns);
    assert_int_equal(smoothed_ns, 0);
    assert_int_equal(max_ns, 0);
    for (unsigned index = 0; index < 100; index++) {
        queue_time_add(&times, index == 3 ? 9000 : 800, now_ns);
        now_ns += 10000000;
    }
    queue_time_get(&times, now_ns, &smoothed_ns, &max_ns);
    assert_in_range(smoothed_ns, 790, 810);
    assert_int_equal(max_ns, 9000);
    queue_time_add(&times, 500, now_ns);
    queue_time_get(&times, now_ns, &smoothed_ns, &max_ns);
    assert_int_equal(max_ns, 9000);
    queue_time_add(&times, 600, now_ns + UINT64_C(1000000000));
    queue_time_get(&times, now_ns + UINT64_C(1000000000), &smoothed_ns, &max_ns);
    assert_int_equal(max_ns, 600);
    queue_time_get(&times, now_ns + UINT64_C(3000000000), &smoothed_ns, &max_ns);
    assert_int_equal(smoothed_ns, 0);
    assert_int_equal(max_ns, 0);
}

static void bin__of_a_time__has_all_times_below_its_power_of_two(void **state)
{
    (void)state;
    assert_int_equal(quality_bin(0, QUALITY_QUEUE_SHIFT), 0);
    assert_int_equal(quality_bin(63999, QUALITY_QUEUE_SHIFT), 0);
    assert_int_equal(quality_bin(64000, QUALITY_QUEUE_SHIFT), 1);
    assert_int_equal(quality_bin(127999, QUALITY_QUEUE_SHIFT), 1);
    assert_int_equal(quality_bin(65535999, QUALITY_QUEUE_SHIFT), QUALITY_BINS - 2);
    assert_int_equal(quality_bin(65536000, QUALITY_QUEUE_SHIFT), QUALITY_BINS - 1);
    assert_int_equal(quality_bin(UINT64_MAX, QUALITY_QUEUE_SHIFT), QUALITY_BINS - 1);
    assert_int_equal(quality_bin(UINT64_C(1048575999), QUALITY_RTT_SHIFT), QUALITY_BINS - 2);
}

static void loss__of_sequences__is_in_parts_per_million(void **state)
{
    (void)state;
    assert_int_equal(quality_loss_ppm(0, 0), 0);
    assert_int_equal(quality_loss_ppm(100, 100), 0);
    assert_int_equal(quality_loss_ppm(100, 101), 0);
    assert_int_equal(quality_loss_ppm(100, 98), 20000);
    assert_int_equal(quality_loss_ppm(100, 0), 1000000);
    assert_int_equal(quality_loss_ppm((UINT64_C(1) << 48) - 1, UINT64_C(1) << 47), 499999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ping__that_answers_a_pong__measures_the_round_trip),
        cmocka_unit_test(ping__with_impossible_values__changes_nothing),
        cmocka_unit_test(loss__of_sequences__is_in_parts_per_million),
        cmocka_unit_test(loss__of_both_ways__is_that_of_the_last_seconds),
        cmocka_unit_test(queue_time__of_flushes__is_smoothed_and_its_longest_is_kept_for_a_while),
        cmocka_unit_test(bin__of_a_time__has_all_times_below_its_power_of_two),
    };

    return RUN_TESTS(tests);
}
