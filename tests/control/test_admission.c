/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/control/admission.h"

#define SECOND_NS UINT64_C(1000000000)

static const struct control_limits limits = {
    .connections_per_ip = 3,
    .accepts_per_ip_s = 10,
    .accepts_per_ip_burst = 5,
    .fail_limit = 3,
    .fail_window_ns = 60 * SECOND_NS,
    .lockout_ns = 30 * SECOND_NS,
};
static struct admission admission;
static void *memory;
static uint32_t place;

static int set_up(void **state)
{
    static const uint8_t key[16] = {7};
    struct arena arena = {.base = NULL};
    struct addr peer = addr_ipv4(192, 0, 2, 1, 1);
    (void)state;
    admission_init(&admission, &arena, 100, key);
    arena.base = calloc(1, arena.used);
    arena.used = 0;
    memory = arena.base;
    admission_init(&admission, &arena, 100, key);
    place = admission_place(&admission, &peer);
    return memory == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static void place__port__does_not_count_and_ipv6_counts_by_64(void **state)
{
    (void)state;
    struct addr other_port = addr_ipv4(192, 0, 2, 1, 999);
    struct addr other_host = addr_ipv4(192, 0, 2, 2, 1);
    assert_int_equal(admission_place(&admission, &other_port), place);
    assert_int_not_equal(admission_place(&admission, &other_host), place);
    uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 1};
    struct addr one = addr_ipv6(ip, 1, 0);
    ip[15] = 9;
    struct addr same_net = addr_ipv6(ip, 2, 0);
    ip[7] = 2;
    struct addr other_net = addr_ipv6(ip, 1, 0);
    uint32_t one_place = admission_place(&admission, &one);
    assert_int_equal(admission_place(&admission, &same_net), one_place);
    assert_int_not_equal(admission_place(&admission, &other_net), one_place);
}

static void enter__connections__are_counted_until_they_leave(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(admission_enter(&admission, place, &limits, 0).reason, REASON_NONE);
    }
    struct admission_answer answer = admission_enter(&admission, place, &limits, 0);
    assert_int_equal(answer.reason, REASON_CONNECTIONS_PER_IP);
    assert_int_equal(answer.limit, 3);
    assert_true(answer.retry_ns > 0);
    assert_false(answer.is_silent);
    admission_leave(&admission, place);
    assert_int_equal(admission_enter(&admission, place, &limits, 0).reason, REASON_NONE);
}

static void enter__too_fast__is_refused_silently(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        (void)admission_enter(&admission, place, &limits, 0);
    }
    struct admission_answer answer = admission_enter(&admission, place, &limits, 0);
    assert_int_equal(answer.reason, REASON_ACCEPTS_PER_IP);
    assert_true(answer.is_silent);
    assert_int_equal(answer.retry_ns, SECOND_NS / 10);
    answer = admission_enter(&admission, place, &limits, SECOND_NS / 10);
    assert_int_equal(answer.reason, REASON_CONNECTIONS_PER_IP);
}

static void fail__at_the_limit_in_the_window__locks_out_for_a_time(void **state)
{
    (void)state;
    assert_false(admission_fail(&admission, place, &limits, 0));
    assert_false(admission_fail(&admission, place, &limits, 1));
    assert_true(admission_lockout_ns(&admission, place, 1) == 0);
    assert_true(admission_fail(&admission, place, &limits, 2));
    assert_true(admission_lockout_ns(&admission, place, 2) == 30 * SECOND_NS);
    struct admission_answer answer = admission_enter(&admission, place, &limits, SECOND_NS);
    assert_int_equal(answer.reason, REASON_LOCKOUT);
    assert_true(answer.retry_ns == 29 * SECOND_NS + 2);
    assert_int_equal(admission_enter(&admission, place, &limits, 31 * SECOND_NS).reason,
                     REASON_NONE);
}

static void fail__spread_over_windows__does_not_lock_out(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 20; i++) {
        assert_false(admission_fail(&admission, place, &limits, i * 31 * SECOND_NS));
    }
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(place__port__does_not_count_and_ipv6_counts_by_64),
        TEST(enter__connections__are_counted_until_they_leave),
        TEST(enter__too_fast__is_refused_silently),
        TEST(fail__at_the_limit_in_the_window__locks_out_for_a_time),
        TEST(fail__spread_over_windows__does_not_lock_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
