/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/body.h"
#include "tests/client/fake_relay.h"

static struct fake_link link;

static void join(void)
{
    fake_link_open(&link, NULL);
    fake_link_join(&link);
}

static struct gsrelay_stats stats(void)
{
    struct gsrelay_stats now;

    gsrelay_get_stats(link.client, &now);
    return now;
}

static void expect_state(uint16_t member, uint8_t stream, const char *text)
{
    struct gsrelay_event event;

    assert_true(fake_link_event(&link, GSRELAY_EVENT_STATE, &event));
    assert_int_equal(event.member, member);
    assert_int_equal(event.stream, stream);
    assert_int_equal(event.size, strlen(text));
    assert_memory_equal(event.bytes, text, event.size);
}

static void expect_nothing(void)
{
    struct gsrelay_event event;

    assert_false(gsrelay_next_event(link.client, &event));
}

/* --- Binding --------------------------------------------------------------------------------- */

static void bind__no_answer__is_repeated_ever_more_slowly(void **state)
{
    /* docs/PROTOCOL.md 2.3: at once, then after 100, 200, 400 ms and so on up to 10 s. */
    static const uint64_t at_ms[] = {0, 100, 300, 700, 1500, 3100, 6300, 12700, 22700, 32700};
    unsigned seen = 0;

    (void)state;
    fake_link_open(&link, NULL);
    link.relay.is_mute = true;
    assert_int_equal(gsrelay_io_start(link.client, link.now_ns), GSRELAY_OK);
    gsrelay_join_room(link.client, "CDFHJK");
    fake_link_turn(&link);
    for (uint64_t ms = 0; ms <= 33000; ms += 100) {
        unsigned due = 0;

        while (due < sizeof(at_ms) / sizeof(at_ms[0]) && at_ms[due] <= ms)
            due++;
        seen = fake_relay_datagrams(&link.relay, DATAGRAM_BIND);
        assert_int_equal(seen, due);
        fake_link_pass(&link, 100 * FAKE_MS);
    }
    for (unsigned i = 0; i < link.relay.datagram_count; i++)
        assert_int_equal(link.relay.datagrams[i].size, 64);
    fake_link_close(&link);
}

static void bind__no_answer__silence_is_told_once_and_ends(void **state)
{
    struct gsrelay_event event;

    (void)state;
    fake_link_open(&link, NULL);
    link.relay.is_mute = true;
    gsrelay_io_start(link.client, link.now_ns);
    gsrelay_join_room(link.client, "CDFHJK");
    fake_link_pass(&link, 20 * FAKE_S);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_UDP_SILENT, &event));
    assert_int_equal(event.time_ms, 5000);
    expect_nothing();
    link.relay.is_mute = false;
    fake_link_pass(&link, 15 * FAKE_S);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_UDP_BOUND, NULL));
    expect_nothing();
    fake_link_close(&link);
}

static void bind__two_seconds_of_silence__begins_anew(void **state)
{
    (void)state;
    join();
    link.relay.is_mute = true;
    link.relay.datagram_count = 0;
    fake_link_pass(&link, 1900 * FAKE_MS);
    assert_int_equal(fake_relay_datagrams(&link.relay, DATAGRAM_BIND), 0);
    fake_link_pass(&link, 400 * FAKE_MS);
    assert_int_equal(fake_relay_datagrams(&link.relay, DATAGRAM_BIND), 3);
    link.relay.is_mute = false;
    fake_link_pass(&link, FAKE_S);
    link.relay.datagram_count = 0;
    fake_link_pass(&link, 30 * FAKE_S);
    assert_int_equal(fake_relay_datagrams(&link.relay, DATAGRAM_BIND), 0);
    expect_nothing();
    fake_link_close(&link);
}

static void rebind__asked_for__binds_at_once_and_tells_the_new_address(void **state)
{
    struct gsrelay_event event;

    (void)state;
    join();
    link.relay.datagram_count = 0;
    link.relay.seen = addr_ipv4(198, 51, 100, 9, 1111);
    gsrelay_io_udp_rebind(link.client, link.now_ns);
    fake_link_turn(&link);
    assert_int_equal(fake_relay_datagrams(&link.relay, DATAGRAM_BIND), 1);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_UDP_BOUND, &event));
    assert_memory_equal(event.bytes, "198.51.100.9:1111", event.size);
    fake_link_close(&link);
}

static void challenge__at_any_time__is_confirmed(void **state)
{
    const uint8_t cookie[BODY_COOKIE_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t body[BODY_CHALLENGE_SIZE];
    uint8_t got[BODY_COOKIE_SIZE];

    (void)state;
    join();
    link.relay.is_answering = false;
    link.relay.datagram_count = 0;
    body_challenge_write(body, cookie);
    fake_relay_datagram(&link.relay, DATAGRAM_CHALLENGE, body, sizeof(body));
    fake_link_turn(&link);
    assert_int_equal(link.relay.datagram_count, 1);
    assert_int_equal(link.relay.datagrams[0].head.type, DATAGRAM_CONFIRM);
    assert_int_equal(link.relay.datagrams[0].size, 64);
    assert_true(
        body_confirm_read(link.relay.datagrams[0].body, link.relay.datagrams[0].body_size, got));
    assert_memory_equal(got, cookie, sizeof(cookie));
    fake_link_close(&link);
}

static void probe__is_answered_by_a_ping(void **state)
{
    uint8_t body[BODY_PROBE_SIZE];

    (void)state;
    join();
    link.relay.datagram_count = 0;
    body_probe_write(body);
    fake_relay_datagram(&link.relay, DATAGRAM_PROBE, body, sizeof(body));
    fake_link_turn(&link);
    assert_int_equal(fake_relay_datagrams(&link.relay, DATAGRAM_PING), 1);
    fake_link_close(&link);
}

/* --- Measuring ------------------------------------------------------------------------------- */

static void ping__each_second__measures_the_way(void **state)
{
    (void)state;
    join();
    link.relay.datagram_count = 0;
    fake_link_pass(&link, 10 * FAKE_S);
    assert_in_range(fake_relay_datagrams(&link.relay, DATAGRAM_PING), 9, 11);
    fake_link_close(&link);
}

static void pong__late__round_trip_is_told(void **state)
{
    struct body_ping pong;
    uint8_t body[BODY_PONG_SIZE];
    const struct fake_datagram *ping;

    (void)state;
    join();
    link.relay.is_answering = false;
    link.relay.datagram_count = 0;
    fake_link_pass(&link, FAKE_S);
    ping = &link.relay.datagrams[0];
    assert_int_equal(ping->head.type, DATAGRAM_PING);
    assert_true(body_ping_read(ping->body, ping->body_size, &pong));
    link.now_ns = pong.client_time_us * 1000 + 45 * FAKE_MS;
    pong.delay_us = 5000;
    pong.highest = 4;
    pong.received = 4;
    body_ping_write(body, &pong);
    fake_relay_datagram(&link.relay, DATAGRAM_PONG, body, sizeof(body));
    fake_link_turn(&link);
    assert_int_equal(stats().rtt_last_us, 40000);
    assert_int_equal(gsrelay_get_rtt_us(link.client), stats().rtt_us);

    /* A clock that nobody had cannot be measured against. */
    pong.client_time_us = UINT64_MAX;
    body_ping_write(body, &pong);
    fake_relay_datagram(&link.relay, DATAGRAM_PONG, body, sizeof(body));
    fake_link_turn(&link);
    assert_int_equal(stats().rtt_last_us, 40000);
    fake_link_close(&link);
}

static void loss__half_of_what_goes_up__is_measured(void **state)
{
    (void)state;
    join();
    link.drop_up = 50;
    for (int i = 0; i < 600; i++) {
        gsrelay_send(link.client, GSRELAY_TO_ALL, 1, 0, "x", 1);
        fake_link_pass(&link, 20 * FAKE_MS);
    }
    assert_in_range(stats().loss_up_ppm, 400000, 600000);
    assert_in_range(stats().loss_down_ppm, 0, 100000);
    link.drop_up = 0;
    for (int i = 0; i < 600; i++) {
        gsrelay_send(link.client, GSRELAY_TO_ALL, 1, 0, "x", 1);
        fake_link_pass(&link, 20 * FAKE_MS);
    }
    assert_int_equal(stats().loss_up_ppm, 0);
    fake_link_close(&link);
}

static void loss__of_what_comes_down__is_measured(void **state)
{
    (void)state;
    join();
    fake_link_pass(&link, FAKE_S);
    for (int i = 0; i < 1000; i++) {
        link.drop_down = i % 4 == 0 ? 100 : 0;
        fake_relay_record(&link.relay, 1, 1, "x");
        fake_link_turn(&link);
        fake_link_drain(&link);
        link.now_ns += 10 * FAKE_MS;
    }
    link.drop_down = 0;
    fake_link_pass(&link, FAKE_S);
    assert_in_range(stats().loss_down_ppm, 200000, 300000);
    fake_link_close(&link);
}

/* --- States ---------------------------------------------------------------------------------- */

static void state__older_on_a_latest_wins_stream__is_dropped(void **state)
{
    (void)state;
    join();
    fake_relay_record_at(&link.relay, 100, 1, 1, "new");
    fake_relay_record_at(&link.relay, 99, 1, 1, "old");
    fake_relay_record_at(&link.relay, 98, 1, 2, "other stream");
    fake_relay_record_at(&link.relay, 97, 1, 0, "in order as it comes");
    fake_relay_record_at(&link.relay, 101, 1, 1, "newer");
    fake_link_turn(&link);
    expect_state(1, 1, "new");
    expect_state(1, 2, "other stream");
    expect_state(1, 0, "in order as it comes");
    expect_state(1, 1, "newer");
    expect_nothing();
    assert_int_equal(stats().dropped_stale, 1);
    fake_link_close(&link);
}

static void state__two_in_one_datagram__the_later_wins(void **state)
{
    uint8_t body[200];
    struct record_writer writer;
    struct record record = {.member = 1, .stream = 1, .size = 1, .payload = (const uint8_t *)"a"};

    (void)state;
    join();
    record_writer_init(&writer, RECORD_DOWN, body, sizeof(body));
    assert_true(record_write(&writer, &record));
    record.payload = (const uint8_t *)"b";
    assert_true(record_write(&writer, &record));
    fake_relay_datagram(&link.relay, DATAGRAM_DATA, body, writer.size);
    fake_link_turn(&link);
    expect_state(1, 1, "a");
    expect_state(1, 1, "b");
    expect_nothing();
    fake_link_close(&link);
}

static void state__datagram_repeated__is_taken_once(void **state)
{
    (void)state;
    join();
    link.repeat = 100;
    fake_relay_record(&link.relay, 1, 0, "x");
    fake_link_turn(&link);
    expect_state(1, 0, "x");
    expect_nothing();
    assert_int_equal(stats().datagrams_replayed, 1);
    fake_link_close(&link);
}

static void state__our_own__is_dropped(void **state)
{
    (void)state;
    join();
    fake_relay_record(&link.relay, 2, 1, "mine");
    fake_link_turn(&link);
    expect_nothing();
    assert_int_equal(stats().dropped_own, 1);
    fake_link_close(&link);
}

static void state__retained__has_flag_and_age(void **state)
{
    uint8_t body[200];
    struct record_writer writer;
    struct gsrelay_event event;
    struct record record = {.member = 1,
                            .stream = 9,
                            .is_retained = true,
                            .age_ms = 4321,
                            .size = 1,
                            .payload = (const uint8_t *)"r"};

    (void)state;
    join();
    record_writer_init(&writer, RECORD_DOWN, body, sizeof(body));
    assert_true(record_write(&writer, &record));
    fake_relay_datagram(&link.relay, DATAGRAM_DATA, body, writer.size);
    fake_link_turn(&link);
    assert_true(fake_link_event(&link, GSRELAY_EVENT_STATE, &event));
    assert_int_equal(event.flags, GSRELAY_EVENT_RETAINED);
    assert_int_equal(event.age_ms, 4321);
    fake_link_close(&link);
}

static void state__before_its_sender_is_announced__announces_it(void **state)
{
    struct control_message joined = {.type = CONTROL_JOINED, .member = 9};
    struct gsrelay_event event;

    (void)state;
    join();
    fake_relay_record(&link.relay, 9, 1, "early");
    fake_link_turn(&link);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_MEMBER_JOINED);
    assert_int_equal(event.member, 9);
    expect_state(9, 1, "early");
    fake_relay_send(&link.relay, &joined);
    fake_link_turn(&link);
    expect_nothing();
    assert_int_equal(gsrelay_get_members(link.client, NULL, 0), 3);
    fake_link_close(&link);
}

static void state__before_its_sender_is_announced__leaves_the_members_in_their_order(void **state)
{
    struct control_message first = {.type = CONTROL_JOINED, .member = 9};
    struct control_message second = {.type = CONTROL_JOINED, .member = 5};
    uint16_t before[4];
    uint16_t ids[4];

    (void)state;
    join();
    assert_int_equal(gsrelay_get_members(link.client, before, 4), 2);
    fake_relay_record(&link.relay, 5, 1, "early");
    fake_link_turn(&link);
    fake_relay_send(&link.relay, &first);
    fake_link_turn(&link);
    fake_relay_send(&link.relay, &second);
    fake_link_turn(&link);
    assert_int_equal(gsrelay_get_members(link.client, ids, 4), 4);
    assert_memory_equal(ids, before, 2 * sizeof(ids[0]));
    assert_int_equal(ids[2], 9);
    assert_int_equal(ids[3], 5);
    fake_link_close(&link);
}

static void state__after_its_sender_left__is_dropped(void **state)
{
    struct control_message left = {.type = CONTROL_LEFT, .left = {1, REASON_KICKED}};
    struct gsrelay_event event;

    (void)state;
    join();
    fake_relay_send(&link.relay, &left);
    fake_link_turn(&link);
    fake_relay_record(&link.relay, 1, 1, "late");
    fake_link_turn(&link);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_MEMBER_LEFT);
    assert_int_equal(event.member, 1);
    assert_int_equal(event.reason, GSRELAY_REASON_KICKED);
    expect_nothing();
    assert_int_equal(stats().dropped_left, 1);
    fake_link_close(&link);
}

static void state__nobody_takes_them__the_oldest_give_way(void **state)
{
    struct gsrelay_options options;
    struct gsrelay_event event;
    char text[16];
    unsigned first = 0;
    unsigned count = 0;

    (void)state;
    gsrelay_options_init(&options);
    options.state_bytes = 4096;
    fake_link_open(&link, &options);
    fake_link_join(&link);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(text, sizeof(text), "%u", i);
        fake_relay_record(&link.relay, 1, 0, text);
        fake_link_turn(&link);
    }
    while (fake_link_event(&link, GSRELAY_EVENT_STATE, &event)) {
        event.bytes[event.size] = '\0';
        if (count++ == 0)
            first = (unsigned)strtoul((const char *)event.bytes, NULL, 10);
        else
            assert_int_equal(strtoul((const char *)event.bytes, NULL, 10), first + count - 1);
    }
    assert_in_range(count, 20, 100);
    assert_int_equal(first + count, 200);
    assert_int_equal(stats().dropped_full, first);
    fake_link_close(&link);
}

/* --- Hostile input --------------------------------------------------------------------------- */

static void datagram__altered_or_cut_anywhere__is_dropped(void **state)
{
    uint8_t bytes[DATAGRAM_LIMIT_MAX];
    size_t size;
    uint64_t drops;

    (void)state;
    join();
    fake_relay_record(&link.relay, 1, 1, "hello");
    size = link.relay.down_queue[0].size;
    for (size_t at = 0; at < size; at++) {
        memcpy(bytes, link.relay.down_queue[0].bytes, size);
        bytes[at] ^= 0x10;
        gsrelay_io_udp_input(link.client, link.now_ns, bytes, size);
        gsrelay_io_udp_input(link.client, link.now_ns, link.relay.down_queue[0].bytes, at);
    }
    drops = stats().datagrams_not_ours + stats().datagrams_replayed;
    assert_int_equal(drops, 2 * size);
    expect_nothing();
    fake_link_turn(&link);
    expect_state(1, 1, "hello");
    fake_link_close(&link);
}

static void datagram__good_tag_on_a_bad_body__is_counted(void **state)
{
    static const enum datagram_type types[] = {DATAGRAM_DATA, DATAGRAM_CHALLENGE, DATAGRAM_BOUND,
                                               DATAGRAM_PONG, DATAGRAM_BYE};
    uint8_t body[100];

    (void)state;
    join();
    memset(body, 0xFF, sizeof(body));
    for (unsigned i = 0; i < 5; i++)
        fake_relay_datagram(&link.relay, types[i], body, 91);
    fake_link_turn(&link);
    /* A fixed type of a wrong size may be caught before its tag, as not ours. */
    assert_int_equal(stats().datagrams_malformed + stats().datagrams_not_ours, 5);
    assert_true(stats().datagrams_malformed >= 1);
    expect_nothing();
    fake_link_close(&link);
}

static void datagram__while_in_no_room__is_ignored(void **state)
{
    (void)state;
    join();
    gsrelay_leave(link.client);
    fake_link_turn(&link);
    fake_link_drain(&link);
    fake_relay_record(&link.relay, 1, 1, "x");
    fake_link_turn(&link);
    expect_nothing();
    assert_int_equal(stats().datagrams_not_ours, 1);
    fake_link_close(&link);
}

static void states__over_a_bad_network__stay_in_order_on_each_stream(void **state)
{
    struct gsrelay_event event;
    unsigned last[3] = {0};
    unsigned got = 0;
    char text[16];

    (void)state;
    join();
    link.drop_down = 20;
    link.repeat = 20;
    link.swap = 30;
    for (unsigned i = 1; i <= 2000; i++) {
        snprintf(text, sizeof(text), "%u", i);
        fake_relay_record(&link.relay, 1, (uint8_t)(1 + i / 10 % 2), text);
        if (i % 5 == 0)
            fake_link_turn(&link);
        while (fake_link_event(&link, GSRELAY_EVENT_STATE, &event)) {
            unsigned number;

            event.bytes[event.size] = '\0';
            number = (unsigned)strtoul((const char *)event.bytes, NULL, 10);
            assert_true(number > last[event.stream]);
            last[event.stream] = number;
            got++;
        }
    }
    assert_in_range(got, 1200, 1700);
    assert_true(stats().dropped_stale > 0);
    fake_link_close(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bind__no_answer__is_repeated_ever_more_slowly),
        cmocka_unit_test(bind__no_answer__silence_is_told_once_and_ends),
        cmocka_unit_test(bind__two_seconds_of_silence__begins_anew),
        cmocka_unit_test(rebind__asked_for__binds_at_once_and_tells_the_new_address),
        cmocka_unit_test(challenge__at_any_time__is_confirmed),
        cmocka_unit_test(probe__is_answered_by_a_ping),
        cmocka_unit_test(ping__each_second__measures_the_way),
        cmocka_unit_test(pong__late__round_trip_is_told),
        cmocka_unit_test(loss__half_of_what_goes_up__is_measured),
        cmocka_unit_test(loss__of_what_comes_down__is_measured),
        cmocka_unit_test(state__older_on_a_latest_wins_stream__is_dropped),
        cmocka_unit_test(state__two_in_one_datagram__the_later_wins),
        cmocka_unit_test(state__datagram_repeated__is_taken_once),
        cmocka_unit_test(state__our_own__is_dropped),
        cmocka_unit_test(state__retained__has_flag_and_age),
        cmocka_unit_test(state__before_its_sender_is_announced__announces_it),
        cmocka_unit_test(state__before_its_sender_is_announced__leaves_the_members_in_their_order),
        cmocka_unit_test(state__after_its_sender_left__is_dropped),
        cmocka_unit_test(state__nobody_takes_them__the_oldest_give_way),
        cmocka_unit_test(datagram__altered_or_cut_anywhere__is_dropped),
        cmocka_unit_test(datagram__good_tag_on_a_bad_body__is_counted),
        cmocka_unit_test(datagram__while_in_no_room__is_ignored),
        cmocka_unit_test(states__over_a_bad_network__stay_in_order_on_each_stream),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
