/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "daemon/core/bucket.h"

#define SECOND UINT64_C(1000000000)

static void bucket__zeroed__is_full(void **state)
{
    struct bucket bucket = {0};
    (void)state;

    for (unsigned count = 0; count < 5; count++) {
        assert_true(bucket_take(&bucket, 1, 5, 1, 77 * SECOND));
    }
    assert_false(bucket_take(&bucket, 1, 5, 1, 77 * SECOND));
}

static void bucket__asked_often__loses_nothing_to_rounding(void **state)
{
    struct bucket bucket = {0};
    uint64_t now_ns = 1;
    unsigned taken = 0;
    (void)state;

    /* 3 a second, asked every 7 ns to 13 ms for ten seconds. */
    for (unsigned step = 0; now_ns < 10 * SECOND; step++) {
        taken += bucket_take(&bucket, 3, 1, 1, now_ns);
        now_ns += step % 2 == 0 ? 7 : 13000001;
    }
    assert_in_range(taken, 30, 31);
}

static void bucket__long_pause__is_full_and_not_fuller(void **state)
{
    struct bucket bucket = {0};
    (void)state;

    assert_true(bucket_take(&bucket, UINT32_MAX, UINT32_MAX, UINT32_MAX, 5));
    assert_false(bucket_has(&bucket, UINT32_MAX, UINT32_MAX, 1, 5));
    assert_true(bucket_take(&bucket, 1, 2, 1, UINT64_MAX / 2));
    assert_true(bucket_take(&bucket, 1, 2, 1, UINT64_MAX / 2));
    assert_false(bucket_take(&bucket, 1, 2, 1, UINT64_MAX / 2));
}

static void bucket__slow_rate_and_a_pause_beyond_32_bits__fills_exactly(void **state)
{
    struct bucket bucket = {0};
    (void)state;

    assert_true(bucket_take(&bucket, 1, 100, 100, 0));
    /* 50 s: more ns than 32 bits hold, less than what fills it. */
    assert_true(bucket_take(&bucket, 1, 100, 50, 50 * SECOND));
    assert_false(bucket_take(&bucket, 1, 100, 1, 50 * SECOND));
    assert_int_equal(bucket.debt, 100 * SECOND);
}

static void bucket__cost_above_the_burst__is_given_when_full_and_owed(void **state)
{
    struct bucket bucket = {0};
    (void)state;

    assert_true(bucket_take(&bucket, 10, 10, 50, 0));
    assert_false(bucket_take(&bucket, 10, 10, 50, 4 * SECOND));
    assert_int_equal(bucket_wait_ns(&bucket, 10, 10, 50), SECOND);
    assert_true(bucket_take(&bucket, 10, 10, 50, 5 * SECOND));
}

static void bucket__wait__is_the_moment_at_which_it_gives(void **state)
{
    struct bucket bucket = {0};
    uint64_t wait_ns = 0;
    (void)state;

    assert_true(bucket_take(&bucket, 7, 3, 3, SECOND));
    wait_ns = bucket_wait_ns(&bucket, 7, 3, 2);
    assert_int_equal(wait_ns, 285714286);
    assert_false(bucket_has(&bucket, 7, 3, 2, SECOND + wait_ns - 1));
    assert_true(bucket_has(&bucket, 7, 3, 2, SECOND + wait_ns));
    assert_int_equal(bucket_wait_ns(&bucket, 7, 3, 2), 0);
}

static void bucket__rate_zero__waits_for_ever(void **state)
{
    struct bucket bucket = {0};
    (void)state;

    assert_true(bucket_take(&bucket, 0, 1, 1, 0));
    assert_false(bucket_take(&bucket, 0, 1, 1, UINT64_MAX));
    assert_true(bucket_wait_ns(&bucket, 0, 1, 1) == UINT64_MAX);
}

static void bucket__shrunk__owes_no_more_than_it_holds(void **state)
{
    struct bucket bucket = {0};
    (void)state;

    assert_true(bucket_take(&bucket, 1, 1000, 1000, 0));
    bucket_shrink(&bucket, 2000);
    assert_int_equal(bucket_wait_ns(&bucket, 1, 1000, 1), SECOND);
    /* A hundredth of the burst, at ten times the rate. */
    bucket_shrink(&bucket, 10);
    assert_false(bucket_has(&bucket, 10, 10, 1, SECOND / 10 - 1));
    assert_true(bucket_take(&bucket, 10, 10, 1, SECOND / 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket__zeroed__is_full),
        cmocka_unit_test(bucket__asked_often__loses_nothing_to_rounding),
        cmocka_unit_test(bucket__long_pause__is_full_and_not_fuller),
        cmocka_unit_test(bucket__slow_rate_and_a_pause_beyond_32_bits__fills_exactly),
        cmocka_unit_test(bucket__cost_above_the_burst__is_given_when_full_and_owed),
        cmocka_unit_test(bucket__wait__is_the_moment_at_which_it_gives),
        cmocka_unit_test(bucket__rate_zero__waits_for_ever),
        cmocka_unit_test(bucket__shrunk__owes_no_more_than_it_holds),
    };

    return RUN_TESTS(tests);
}
