/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/client/fake_relay.h"

static struct fake_link link;
static const char bytes[2048];

static void join(void)
{
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    link.relay.datagram_count = 0;
}

static int send_to_all(size_t size)
{
    return gsrelay_send(link.client, GSRELAY_TO_ALL, 1, 0, bytes, size);
}

static void send__several__leave_in_one_datagram(void **state)
{
    (void)state;
    join();
    for (int i = 0; i < 10; i++)
        assert_int_equal(send_to_all(50), GSRELAY_OK);
    assert_int_equal(link.relay.datagram_count, 0);
    fake_link_turn(&link);
    assert_int_equal(link.relay.datagram_count, 1);
    assert_int_equal(record_body_check(RECORD_UP, link.relay.datagrams[0].body,
                                       link.relay.datagrams[0].body_size),
                     10);
    fake_link_close(&link);
}

static void send__flushed_between__leave_apart(void **state)
{
    (void)state;
    join();
    send_to_all(50);
    gsrelay_flush(link.client);
    send_to_all(50);
    gsrelay_flush(link.client);
    gsrelay_flush(link.client);
    fake_link_turn(&link);
    assert_int_equal(link.relay.datagram_count, 2);
    fake_link_close(&link);
}

static void send__of_every_size__fits_and_is_padded(void **state)
{
    (void)state;
    join();
    for (size_t size = 0; size <= gsrelay_payload_max(link.client, 0); size++) {
        link.relay.datagram_count = 0;
        assert_int_equal(send_to_all(size), GSRELAY_OK);
        fake_link_pass(&link, 50 * FAKE_MS);
        assert_int_equal(fake_relay_datagrams(&link.relay, DATAGRAM_DATA), 1);
        assert_in_range(link.relay.datagrams[0].size, DATAGRAM_UP_SIZE_MIN, 1232);
    }
    assert_int_equal(link.relay.bad_datagrams, 0);
    fake_link_close(&link);
}

static void send__too_large__is_refused_and_the_most_is_known(void **state)
{
    (void)state;
    join();
    assert_int_equal(gsrelay_payload_max(link.client, 0), 1232 - 22 - 5);
    assert_int_equal(gsrelay_payload_max(link.client, GSRELAY_RETAIN), 1232 - 22 - 9);
    assert_int_equal(send_to_all(1232 - 22 - 5 + 1), GSRELAY_TOO_LARGE);
    assert_int_equal(
        gsrelay_send(link.client, GSRELAY_TO_ALL, 1, GSRELAY_RETAIN, bytes, 1232 - 22 - 5),
        GSRELAY_TOO_LARGE);
    fake_link_close(&link);
}

static void send__wrong_arguments__are_refused(void **state)
{
    (void)state;
    join();
    assert_int_equal(gsrelay_send(link.client, 0, 1, 0, bytes, 1), GSRELAY_INVALID);
    assert_int_equal(gsrelay_send(link.client, 0xFF40, 1, 0, bytes, 1), GSRELAY_INVALID);
    assert_int_equal(gsrelay_send(link.client, GSRELAY_TO_ALL, 1, 2, bytes, 1), GSRELAY_INVALID);
    assert_int_equal(gsrelay_send(link.client, GSRELAY_TO_ALL, 1, 0, NULL, 1), GSRELAY_INVALID);
    assert_int_equal(gsrelay_send(link.client, GSRELAY_TO_ALL, 0, GSRELAY_RETAIN, bytes, 1),
                     GSRELAY_INVALID);
    assert_int_equal(gsrelay_send(link.client, 1, 1, GSRELAY_RETAIN, bytes, 1), GSRELAY_INVALID);
    assert_int_equal(gsrelay_send(link.client, 1, 1, 0, NULL, 0), GSRELAY_OK);
    assert_int_equal(gsrelay_send(link.client, GSRELAY_TO_HOST, 1, 0, bytes, 1), GSRELAY_OK);
    fake_link_turn(&link);
    assert_int_equal(link.relay.bad_datagrams, 0);
    fake_link_close(&link);
}

static void send__full_datagram__the_next_begins(void **state)
{
    (void)state;
    join();
    /* 1210 bytes of body hold ten records of 105 + 5, and one more does not fit beside them. */
    for (int i = 0; i < 12; i++)
        assert_int_equal(send_to_all(105), GSRELAY_OK);
    fake_link_turn(&link);
    assert_int_equal(link.relay.datagram_count, 2);
    assert_int_equal(record_body_check(RECORD_UP, link.relay.datagrams[0].body,
                                       link.relay.datagrams[0].body_size),
                     11);
    assert_int_equal(link.relay.datagrams[0].size, 1232);
    fake_link_close(&link);
}

static void send__sixty_four_records__are_the_most_of_one_datagram(void **state)
{
    (void)state;
    join();
    for (int i = 0; i < 130; i++)
        assert_int_equal(send_to_all(0), GSRELAY_OK);
    fake_link_turn(&link);
    assert_int_equal(link.relay.bad_datagrams, 0);
    assert_int_equal(link.relay.datagram_count, 3);
    fake_link_close(&link);
}

static void send__over_the_budget__is_refused_and_counted(void **state)
{
    struct gsrelay_stats stats;
    uint64_t sent_bytes = 0;
    unsigned refused = 0;

    (void)state;
    join();
    for (int i = 0; i < 1000; i++) {
        int result;

        link.relay.datagram_count = 0;
        result = send_to_all(1000);
        assert_true(result == GSRELAY_OK || result == GSRELAY_OVER_BUDGET);
        refused += result == GSRELAY_OVER_BUDGET;
        fake_link_pass(&link, 5 * FAKE_MS);
        for (unsigned d = 0; d < link.relay.datagram_count; d++)
            sent_bytes += link.relay.datagrams[d].size;
    }
    gsrelay_get_stats(link.client, &stats);
    assert_int_equal(stats.states_over_budget, refused);
    assert_true(refused > 0);
    /* Five seconds' worth and a burst of half a second, and no more. */
    assert_in_range(sent_bytes, 65536 * 5, 65536 * 11 / 2 + 3000);
    fake_link_close(&link);
}

static void send__many_small_datagrams__keep_to_the_rate(void **state)
{
    unsigned taken = 0;

    (void)state;
    join();
    link.relay.datagram_count = 0;
    for (int i = 0; i < 5000; i++) {
        taken += send_to_all(1) == GSRELAY_OK;
        fake_link_pass(&link, FAKE_MS);
    }
    assert_in_range(link.relay.datagram_count, 128 * 5 - 10, 128 * 5 + 64 + 10);
    assert_in_range(taken, 128 * 5 - 20, 128 * 5 + 64);
    fake_link_close(&link);
}

static void send__many_records__keep_to_the_rate(void **state)
{
    unsigned taken = 0;

    (void)state;
    join();
    for (int i = 0; i < 1000; i++) {
        for (int j = 0; j < 10; j++)
            taken += send_to_all(1) == GSRELAY_OK;
        fake_link_pass(&link, 10 * FAKE_MS);
    }
    assert_in_range(taken, 9500, 10000);
    for (int i = 0; i < 1000; i++) {
        for (int j = 0; j < 20; j++)
            taken += send_to_all(1) == GSRELAY_OK;
        fake_link_pass(&link, 10 * FAKE_MS);
    }
    assert_in_range(taken, 9500 + 10200, 10000 + 10240 + 600);
    fake_link_close(&link);
}

static void sequence__of_all_datagrams__rises_and_begins_anew_in_a_new_room(void **state)
{
    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    for (int i = 0; i < 20; i++) {
        send_to_all(10);
        fake_link_pass(&link, 100 * FAKE_MS);
    }
    for (unsigned i = 0; i < link.relay.datagram_count; i++)
        assert_int_equal(link.relay.datagrams[i].head.sequence, i + 1);
    gsrelay_leave(link.client);
    gsrelay_join_room(link.client, "CDFHJK");
    link.relay.datagram_count = 0;
    link.relay.membership.slot_tag++;
    fake_link_turn(&link);
    assert_int_equal(link.relay.datagrams[0].head.sequence, 1);
    fake_link_close(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(send__several__leave_in_one_datagram),
        cmocka_unit_test(send__flushed_between__leave_apart),
        cmocka_unit_test(send__of_every_size__fits_and_is_padded),
        cmocka_unit_test(send__too_large__is_refused_and_the_most_is_known),
        cmocka_unit_test(send__wrong_arguments__are_refused),
        cmocka_unit_test(send__full_datagram__the_next_begins),
        cmocka_unit_test(send__sixty_four_records__are_the_most_of_one_datagram),
        cmocka_unit_test(send__over_the_budget__is_refused_and_counted),
        cmocka_unit_test(send__many_small_datagrams__keep_to_the_rate),
        cmocka_unit_test(send__many_records__keep_to_the_rate),
        cmocka_unit_test(sequence__of_all_datagrams__rises_and_begins_anew_in_a_new_room),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
