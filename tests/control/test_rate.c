/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "daemon/control/rate.h"

static void rate__new__gives_the_burst_and_then_refuses(void **state)
{
    (void)state;
    for (uint32_t burst = 1; burst <= 5; burst++) {
        struct rate rate = {0};
        uint64_t retry_ns = 0;
        for (uint32_t i = 0; i < burst; i++) {
            assert_true(rate_take(&rate, 100, burst, 1000, &retry_ns));
        }
        assert_false(rate_take(&rate, 100, burst, 1000, &retry_ns));
        assert_int_equal(retry_ns, 100);
    }
}

static void rate__after_the_retry_time__gives_one_more(void **state)
{
    (void)state;
    struct rate rate = {0};
    uint64_t now_ns = 1000;
    uint64_t retry_ns = 0;
    while (rate_take(&rate, 100, 3, now_ns, &retry_ns)) {
    }
    now_ns += 40;
    assert_false(rate_take(&rate, 100, 3, now_ns, &retry_ns));
    assert_int_equal(retry_ns, 60);
    assert_false(rate_take(&rate, 100, 3, now_ns + 59, &retry_ns));
    assert_true(rate_take(&rate, 100, 3, now_ns + 60, &retry_ns));
    assert_false(rate_take(&rate, 100, 3, now_ns + 60, &retry_ns));
}

static void rate__long_rest__never_gives_more_than_the_burst(void **state)
{
    (void)state;
    struct rate rate = {0};
    uint64_t retry_ns = 0;
    (void)rate_take(&rate, 100, 3, 0, &retry_ns);
    unsigned count = 0;
    while (rate_take(&rate, 100, 3, 1000000, &retry_ns)) {
        count++;
    }
    assert_int_equal(count, 3);
}

static void rate__limit_raised__who_owed_does_not_wait_for_the_old_one(void **state)
{
    (void)state;
    struct rate rate = {0};
    uint64_t retry_ns = 0;
    for (int i = 0; i < 10; i++) {
        assert_true(rate_take(&rate, 60000, 10, 0, &retry_ns));
    }
    assert_false(rate_take(&rate, 600, 10, 0, &retry_ns));
    assert_int_equal(retry_ns, 600);
    assert_true(rate_take(&rate, 600, 10, 600, &retry_ns));
    assert_false(rate_take(&rate, 600, 10, 600, &retry_ns));
}

static void retry__nanoseconds__are_rounded_up_to_milliseconds(void **state)
{
    (void)state;
    assert_int_equal(rate_retry_ms(0), 0);
    assert_int_equal(rate_retry_ms(1), 1);
    assert_int_equal(rate_retry_ms(1000000), 1);
    assert_int_equal(rate_retry_ms(1000001), 2);
    assert_int_equal(rate_retry_ms(UINT64_MAX), UINT32_MAX);
    assert_int_equal(rate_interval(20, 1000000000), 50000000);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rate__new__gives_the_burst_and_then_refuses),
        cmocka_unit_test(rate__after_the_retry_time__gives_one_more),
        cmocka_unit_test(rate__long_rest__never_gives_more_than_the_burst),
        cmocka_unit_test(rate__limit_raised__who_owed_does_not_wait_for_the_old_one),
        cmocka_unit_test(retry__nanoseconds__are_rounded_up_to_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
