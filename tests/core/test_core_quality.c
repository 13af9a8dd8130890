/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "daemon/core/quality.h"

#define US UINT64_C(1000)

static void ping__that_answers_a_pong__measures_the_round_trip(void **state)
{
    struct quality quality = {.pong_us = 1000000};
    struct body_ping ping = {
        .relay_time_us = 1000000, .delay_us = 500000, .highest = 5, .received = 4};
    (void)state;

    quality_ping(&quality, &ping, 10, 1540000 * US);
    assert_int_equal(quality.rtt_ns, 40000 * US);
    assert_int_equal(quality.rtt_var_ns, 20000 * US);
    assert_int_equal(quality.down_highest, 5);
    assert_int_equal(quality.down_received, 4);
    /* RFC 6298 2.3: 7/8 of the old and 1/8 of the new; 3/4 and 1/4. */
    quality_ping(&quality, &ping, 10, 1580000 * US);
    assert_int_equal(quality.rtt_last_ns, 80000 * US);
    assert_in_range(quality.rtt_ns, 43000 * US, 46000 * US);
    assert_in_range(quality.rtt_var_ns, 22000 * US, 26000 * US);
}

static void ping__with_impossible_values__changes_nothing(void **state)
{
    struct quality quality = {.pong_us = 1000000};
    struct quality before = quality;
    (void)state;

    /* No PONG named, one that was never sent, a delay longer than the time, a round trip of an
     * hour; more received than sent, a sequence that was never used. */
    const struct body_ping pings[] = {
        {.relay_time_us = 0, .highest = 11, .received = 1},
        {.relay_time_us = 1000001, .highest = 5, .received = 6},
        {.relay_time_us = 1000000, .delay_us = 500001, .highest = 5, .received = 6},
    };

    for (unsigned index = 0; index < 3; index++) {
        quality_ping(&quality, &pings[index], 10, 1500000 * US);
        assert_memory_equal(&quality, &before, sizeof(quality));
    }
    quality_ping(&quality, &(struct body_ping){.relay_time_us = 1000000, .highest = 11}, 10,
                 (UINT64_C(3600000000) + 1000000) * US);
    assert_memory_equal(&quality, &before, sizeof(quality));
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
    };

    return RUN_TESTS(tests);
}
