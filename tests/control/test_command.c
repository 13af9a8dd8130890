/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "tests/control/bench.h"

static struct bench *bench;

static int set_up(void **state)
{
    struct control_limits limits = bench_limits();
    (void)state;
    bench = bench_open(&limits);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_close(bench);
    return 0;
}

/* The code of a membership as text. */
static const char *code_text(const struct control_membership *membership)
{
    static char text[JOIN_CODE_TEXT_SIZE];
    memcpy(text, membership->code.at, membership->code.size);
    text[membership->code.size] = 0;
    return text;
}

static void create__open_client__is_host_of_a_room(void **state)
{
    (void)state;
    struct bench_client *client = bench_login(bench, 0);
    assert_int_equal(client->welcome.flags, 0);
    assert_int_equal(client->welcome.resume_grace_ms, 30000);
    struct control_membership membership = bench_create(bench, 0);
    assert_int_equal(membership.code.size, 6);
    assert_true(join_code_is_canonical((const char *)membership.code.at, 6));
    assert_int_equal(membership.member, membership.host);
    assert_int_equal(membership.members_max, BENCH_MEMBERS);
    assert_int_equal(membership.member_count, 1);
    assert_true(membership.slot_tag != 0);
    assert_int_equal(membership.udp_port, 7777);
    assert_int_equal(membership.max_datagram, 1232);
    assert_int_equal(membership.streams, 8);
    assert_int_equal(membership.address.size, 0);
    assert_int_equal(bench_logged(bench, CONTROL_LOG_EVENT_ROOM_OPENED, REASON_NONE), 1);
}

static void join__code_of_a_room__both_are_told(void **state)
{
    (void)state;
    bench_login(bench, 0);
    bench_login(bench, 1);
    struct control_membership host = bench_create(bench, 0);
    struct control_membership guest = bench_join(bench, 1, code_text(&host));
    assert_int_equal(guest.member_count, 2);
    assert_int_equal(guest.host, host.member);
    assert_memory_not_equal(guest.key_up, host.key_up, 16);
    assert_int_equal(bench_expect(bench, 0, CONTROL_JOINED).member, guest.member);
    bench_expect_nothing(bench, 0);
    bench_expect_nothing(bench, 1);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(create__open_client__is_host_of_a_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(join__code_of_a_room__both_are_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
