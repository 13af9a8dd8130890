/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "client/tools/histogram.h"

static struct histogram one;
static struct histogram other;

static void quantile__empty__is_zero(void **state)
{
    (void)state;
    histogram_clear(&one);
    assert_int_equal(histogram_quantile(&one, 0.5), 0);
    assert_true(histogram_mean(&one) == 0);
}

static void quantile__small_values__are_exact(void **state)
{
    (void)state;
    histogram_clear(&one);
    for (uint64_t i = 1; i <= 100; i++)
        histogram_add(&one, i);
    assert_int_equal(histogram_quantile(&one, 0.5), 50);
    assert_int_equal(histogram_quantile(&one, 0.99), 99);
    assert_int_equal(histogram_quantile(&one, 0.999), 100);
    assert_int_equal(histogram_quantile(&one, 0), 1);
    assert_int_equal(histogram_quantile(&one, 1), 100);
    assert_int_equal(one.max, 100);
    assert_true(histogram_mean(&one) == 50.5);
}

/* Every value alone, and then a larger one so that the bin's end is told and not the largest. */
static void quantile__any_value__is_at_most_a_64th_too_high(void **state)
{
    uint64_t value = 0;

    (void)state;
    for (unsigned bit = 0; bit < 63; bit++) {
        for (unsigned step = 0; step < 200; step++) {
            uint64_t told;

            value = (UINT64_C(1) << bit) + (((UINT64_C(1) << bit) / 200) * step);
            histogram_clear(&one);
            histogram_add(&one, value);
            assert_true(histogram_quantile(&one, 0.5) == value);
            histogram_add(&one, UINT64_MAX);
            told = histogram_quantile(&one, 0.5);
            if (told < value || told - value > value / 64)
                fail_msg("%llu is told as %llu", (unsigned long long)value,
                         (unsigned long long)told);
        }
    }
    assert_true(histogram_quantile(&one, 1) == UINT64_MAX);
}

/* Against the sorted values themselves. */
static void quantile__random_values__agrees_with_sorting(void **state)
{
    static const double shares[] = {0.01, 0.25, 0.5, 0.9, 0.99, 0.999};
    enum { COUNT = 5000 };
    static uint64_t values[COUNT];
    uint64_t random = 7;

    (void)state;
    histogram_clear(&one);
    for (unsigned i = 0; i < COUNT; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        values[i] = (random >> 20) >> ((random >> 10) % 40);
        histogram_add(&one, values[i]);
        for (unsigned at = i; at > 0 && values[at - 1] > values[at]; at--) {
            uint64_t swap = values[at];

            values[at] = values[at - 1];
            values[at - 1] = swap;
        }
    }
    for (unsigned i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        uint64_t right = values[(unsigned)(shares[i] * COUNT) - 1];
        uint64_t told = histogram_quantile(&one, shares[i]);

        assert_true(told >= right);
        assert_true(told - right <= right / 64);
    }
}

static void merge__two__is_as_if_all_came_to_one(void **state)
{
    (void)state;
    histogram_clear(&one);
    histogram_clear(&other);
    for (uint64_t i = 1; i <= 50; i++) {
        histogram_add(&one, i);
        histogram_add(&other, i + 50);
    }
    histogram_merge(&one, &other);
    assert_int_equal(one.count, 100);
    assert_int_equal(one.sum, 5050);
    assert_int_equal(one.max, 100);
    assert_int_equal(histogram_quantile(&one, 0.75), 75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantile__empty__is_zero),
        cmocka_unit_test(quantile__small_values__are_exact),
        cmocka_unit_test(quantile__any_value__is_at_most_a_64th_too_high),
        cmocka_unit_test(quantile__random_values__agrees_with_sorting),
        cmocka_unit_test(merge__two__is_as_if_all_came_to_one),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
