/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "proto/body.h"

static uint8_t body[BODY_FIXED_SIZE_MAX + 1];

static int setup(void **state)
{
    (void)state;
    memset(body, 0xaa, sizeof(body));
    return 0;
}

static void bind__round_trip__rest_is_zero(void **state)
{
    static const uint8_t zeros[34];
    uint64_t client_time = 0;

    (void)state;
    body_bind_write(body, 0x0102030405060708);
    assert_int_equal(body[0], 1);
    assert_memory_equal(body + 8, zeros, sizeof(zeros));
    assert_int_equal(body[BODY_BIND_SIZE], 0xaa);
    assert_true(body_bind_read(body, BODY_BIND_SIZE, &client_time));
    assert_true(client_time == 0x0102030405060708);
    assert_false(body_bind_read(body, BODY_BIND_SIZE - 1, &client_time));
    assert_false(body_bind_read(body, BODY_BIND_SIZE + 1, &client_time));
}

static void cookie__challenge_and_confirm__round_trip(void **state)
{
    static const uint8_t cookie[BODY_COOKIE_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t zeros[34];
    uint8_t read[BODY_COOKIE_SIZE] = {0};

    (void)state;
    body_challenge_write(body, cookie);
    assert_int_equal(body[BODY_CHALLENGE_SIZE], 0xaa);
    assert_true(body_challenge_read(body, BODY_CHALLENGE_SIZE, read));
    assert_memory_equal(read, cookie, sizeof(cookie));
    assert_false(body_challenge_read(body, BODY_CHALLENGE_SIZE - 1, read));
    assert_false(body_challenge_read(body, BODY_CHALLENGE_SIZE + 1, read));

    memset(read, 0, sizeof(read));
    body_confirm_write(body, cookie);
    assert_memory_equal(body + 8, zeros, sizeof(zeros));
    assert_int_equal(body[BODY_CONFIRM_SIZE], 0xaa);
    assert_true(body_confirm_read(body, BODY_CONFIRM_SIZE, read));
    assert_memory_equal(read, cookie, sizeof(cookie));
    assert_false(body_confirm_read(body, BODY_CONFIRM_SIZE - 1, read));
    assert_false(body_confirm_read(body, BODY_CONFIRM_SIZE + 1, read));
}

static void bound__ipv4__mapped_on_the_wire(void **state)
{
    const struct addr seen = addr_ipv4(1, 2, 3, 4, 0x0506);
    static const uint8_t expected[BODY_BOUND_SIZE] = {0, 0,    0,    0, 0, 0, 0, 0, 0,
                                                      0, 0xff, 0xff, 1, 2, 3, 4, 5, 6};
    struct addr read;

    (void)state;
    body_bound_write(body, &seen);
    assert_memory_equal(body, expected, sizeof(expected));
    assert_int_equal(body[BODY_BOUND_SIZE], 0xaa);
    assert_true(body_bound_read(body, BODY_BOUND_SIZE, &read));
    assert_true(addr_equal(&read, &seen));
    assert_false(body_bound_read(body, BODY_BOUND_SIZE - 1, &read));
    assert_false(body_bound_read(body, BODY_BOUND_SIZE + 1, &read));
}

static void ping__round_trip__counts_are_48_bits(void **state)
{
    const struct body_ping ping = {.client_time_us = UINT64_MAX,
                                   .room_time_us = 2,
                                   .delay_us = UINT32_MAX,
                                   .highest = 0xffffffffffff,
                                   .received = UINT64_C(0x5000000000007)};
    struct body_ping read;

    (void)state;
    body_ping_write(body, &ping);
    assert_int_equal(body[BODY_PING_SIZE], 0xaa);
    assert_true(body_ping_read(body, BODY_PING_SIZE, &read));
    assert_true(read.client_time_us == UINT64_MAX);
    assert_true(read.room_time_us == 2);
    assert_true(read.delay_us == UINT32_MAX);
    assert_true(read.highest == 0xffffffffffff);
    assert_true(read.received == 7);
    assert_false(body_ping_read(body, BODY_PING_SIZE - 1, &read));
    assert_false(body_ping_read(body, BODY_PING_SIZE + 1, &read));
}

static void bye_and_probe__round_trip(void **state)
{
    static const uint8_t expected[BODY_BYE_SIZE] = {0, 166, 0, 0, 0, 0, 0, 0};
    static const uint8_t zeros[BODY_PROBE_SIZE];
    unsigned reason = 0;

    (void)state;
    body_bye_write(body, 166);
    assert_memory_equal(body, expected, sizeof(expected));
    assert_int_equal(body[BODY_BYE_SIZE], 0xaa);
    assert_true(body_bye_read(body, BODY_BYE_SIZE, &reason));
    assert_int_equal(reason, 166);
    assert_false(body_bye_read(body, BODY_BYE_SIZE - 1, &reason));
    assert_false(body_bye_read(body, BODY_BYE_SIZE + 1, &reason));

    memset(body, 0xaa, sizeof(body));
    body_probe_write(body);
    assert_memory_equal(body, zeros, sizeof(zeros));
    assert_int_equal(body[BODY_PROBE_SIZE], 0xaa);
    assert_true(body_probe_read(body, BODY_PROBE_SIZE));
    assert_false(body_probe_read(body, BODY_PROBE_SIZE + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(bind__round_trip__rest_is_zero, setup),
        cmocka_unit_test_setup(cookie__challenge_and_confirm__round_trip, setup),
        cmocka_unit_test_setup(bound__ipv4__mapped_on_the_wire, setup),
        cmocka_unit_test_setup(ping__round_trip__counts_are_48_bits, setup),
        cmocka_unit_test_setup(bye_and_probe__round_trip, setup),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
