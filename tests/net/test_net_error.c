/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "daemon/net/net_backoff.h"
#include "daemon/net/net_error.h"
#include "proto/result.h"

static void zero__both_systems__is_no_error(void **state)
{
    (void)state;
    assert_int_equal(net_error_class_linux(0), NET_ERROR_NONE);
    assert_int_equal(net_error_class_windows(0), NET_ERROR_NONE);
    assert_int_equal(net_error_result_linux(0), RESULT_OK);
    assert_int_equal(net_error_result_windows(0), RESULT_OK);
}

static void unknown__both_systems__is_fatal(void **state)
{
    (void)state;
    assert_int_equal(net_error_class_linux(9999), NET_ERROR_FATAL);
    assert_int_equal(net_error_class_linux(-11), NET_ERROR_FATAL);
    assert_int_equal(net_error_class_windows(424242), NET_ERROR_FATAL);
    assert_int_equal(net_error_class_windows(INT64_C(10035) + (INT64_C(1) << 32)), NET_ERROR_FATAL);
    assert_int_equal(net_error_result_linux(9999), RESULT_OS);
}

static void linux__each_class__has_its_numbers(void **state)
{
    (void)state;
    assert_int_equal(net_error_class_linux(4), NET_ERROR_RETRY);
    assert_int_equal(net_error_class_linux(11), NET_ERROR_AGAIN);
    assert_int_equal(net_error_class_linux(90), NET_ERROR_DROP_ONE);
    assert_int_equal(net_error_class_linux(111), NET_ERROR_PEER_GONE);
    assert_int_equal(net_error_class_linux(104), NET_ERROR_PEER_GONE);
    assert_int_equal(net_error_class_linux(125), NET_ERROR_CLOSING);
    assert_int_equal(net_error_class_linux(24), NET_ERROR_RESOURCE);
    assert_int_equal(net_error_class_linux(9), NET_ERROR_FATAL);
    assert_int_equal(net_error_result_linux(98), RESULT_IN_USE);
    assert_int_equal(net_error_result_linux(99), RESULT_UNREACHABLE);
    assert_int_equal(net_error_result_linux(13), RESULT_DENIED);
    assert_int_equal(net_error_result_linux(24), RESULT_NO_MEMORY);
}

static void windows__dead_peer_of_udp__is_never_fatal(void **state)
{
    /* The outage of aesthetics 6, bug 4: these arrive at a receive that has nothing to do with the
     * peer that died. */
    static const int64_t errors[] = {10054, 10052, 10061, 1234, 10040, 234};

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        const enum net_error_class class = net_error_class_windows(errors[i]);
        assert_true(class == NET_ERROR_PEER_GONE || class == NET_ERROR_DROP_ONE);
    }
}

static void windows__each_class__has_its_numbers(void **state)
{
    (void)state;
    assert_int_equal(net_error_class_windows(10004), NET_ERROR_RETRY);
    assert_int_equal(net_error_class_windows(10035), NET_ERROR_AGAIN);
    assert_int_equal(net_error_class_windows(997), NET_ERROR_AGAIN);
    assert_int_equal(net_error_class_windows(995), NET_ERROR_CLOSING);
    assert_int_equal(net_error_class_windows(10055), NET_ERROR_RESOURCE);
    assert_int_equal(net_error_class_windows(10024), NET_ERROR_RESOURCE);
    assert_int_equal(net_error_class_windows(10038), NET_ERROR_FATAL);
    assert_int_equal(net_error_result_windows(10048), RESULT_IN_USE);
    assert_int_equal(net_error_result_windows(10013), RESULT_DENIED);
    assert_int_equal(net_error_result_windows(10049), RESULT_UNREACHABLE);
}

static void names__every_class__differ(void **state)
{
    (void)state;
    for (int a = NET_ERROR_NONE; a <= NET_ERROR_FATAL; a++) {
        for (int b = NET_ERROR_NONE; b < a; b++) {
            assert_string_not_equal(net_error_class_name((enum net_error_class)a),
                                    net_error_class_name((enum net_error_class)b));
        }
    }
}

static void backoff__failures_in_a_row__at_once_then_doubling_to_100_ms(void **state)
{
    static const uint64_t expected_ms[] = {0, 1, 2, 4, 8, 16, 32, 64};
    struct net_backoff backoff = {0};

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(net_backoff_fail(&backoff), expected_ms[i] * 1000000);
    }
    for (int i = 0; i < 1000; i++) {
        const uint64_t delay_ns = net_backoff_fail(&backoff);
        assert_in_range(delay_ns, NET_BACKOFF_LAST_NS, NET_BACKOFF_LAST_NS);
    }
    net_backoff_reset(&backoff);
    assert_int_equal(net_backoff_fail(&backoff), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero__both_systems__is_no_error),
        cmocka_unit_test(unknown__both_systems__is_fatal),
        cmocka_unit_test(linux__each_class__has_its_numbers),
        cmocka_unit_test(windows__dead_peer_of_udp__is_never_fatal),
        cmocka_unit_test(windows__each_class__has_its_numbers),
        cmocka_unit_test(names__every_class__differ),
        cmocka_unit_test(backoff__failures_in_a_row__at_once_then_doubling_to_100_ms),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
