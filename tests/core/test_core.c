/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core_fixture.h"
#include "daemon/core/core_internal.h"
#include "proto/body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The whole way of a room's life through core.h. */

static void room__two_members__state_passes(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    struct record records[RECEIVE_MAX];
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_join(&f, &b, 2, &a);
    client_bind(&f, &a);
    client_bind(&f, &b);
    assert_int_equal(core_bound_count(f.core), 2);
    client_send_record(&f, &a, MEMBER_ALL, 3, false, "hello", 5);
    fixture_settle(&f);
    assert_int_equal(client_records(&f, &a, records), 0);
    assert_int_equal(client_records(&f, &b, records), 1);
    assert_int_equal(records[0].member, a.member);
    assert_int_equal(records[0].stream, 3);
    assert_false(records[0].is_retained);
    assert_int_equal(records[0].size, 5);
    assert_memory_equal(records[0].payload, "hello", 5);
    assert_int_equal(core_next_deadline(f.core), f.now_ns + limits.room_host_silence_ns);
    fixture_close(&f);
}

static void ping__from_the_validated_path__is_answered(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    uint8_t body[BODY_PING_SIZE];
    struct body_ping ping = {.client_time_us = 12345};
    const struct sent *sent = NULL;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_bind(&f, &a);
    body_ping_write(body, &ping);
    f.now_ns += 3 * SECOND;
    client_send(&f, &a, DATAGRAM_PING, body, sizeof(body));
    f.now_ns += 5000;
    fixture_settle(&f);
    sent = client_find(&f, &a, DATAGRAM_PONG, 0);
    assert_non_null(sent);
    assert_true(body_ping_read(datagram_body(sent->bytes), datagram_body_size(sent->size), &ping));
    assert_int_equal(ping.client_time_us, 12345);
    assert_int_equal(ping.room_time_us, 3000005);
    assert_int_equal(ping.queue_us, 0);
    assert_int_equal(ping.delay_us, 5);
    assert_int_equal(ping.highest, 3);
    assert_int_equal(ping.received, 3);
    fixture_close(&f);
}

static void member__leaves__others_hear_and_its_slot_is_silent(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    struct command command;
    const struct event *event = NULL;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_join(&f, &b, 2, &a);
    client_bind(&f, &a);
    client_bind(&f, &b);
    command = client_command(&a, COMMAND_LEAVE);
    fixture_command(&f, &command);
    assert_int_equal(f.event_count, 3);
    assert_int_equal(f.events[0].type, EVENT_DONE);
    assert_true(f.events[0].answer);
    event = fixture_event(&f, EVENT_LEFT, 0);
    assert_non_null(event);
    assert_int_equal(event->member, a.member);
    assert_int_equal(event->reason, REASON_LEFT);
    assert_int_equal(event->receiver_count, 1);
    assert_int_equal(event->receivers[0].index, b.session.index);
    event = fixture_event(&f, EVENT_HOST_CHANGED, 0);
    assert_non_null(event);
    assert_int_equal(event->host, b.member);
    assert_int_equal(event->host_epoch, 2);
    client_send_record(&f, &a, MEMBER_ALL, 1, false, "x", 1);
    fixture_settle(&f);
    assert_int_equal(f.sent_count, 0);
    assert_int_equal(fixture_dropped(&f, REASON_BAD_SLOT), 1);
    fixture_close(&f);
}

static void size__limits_that_contradict__is_zero(void **state)
{
    struct relay_limits limits = fixture_limits();
    (void)state;

    assert_int_not_equal(core_size(&limits), 0);
    limits.members_per_room_max = 257;
    assert_int_equal(core_size(&limits), 0);
    limits = fixture_limits();
    limits.max_datagram = 1401;
    assert_int_equal(core_size(&limits), 0);
    limits = fixture_limits();
    limits.slots_max = (1U << 24) + 1;
    assert_int_equal(core_size(&limits), 0);
    limits = fixture_limits();
    limits.client_bytes_rate = 0;
    assert_int_equal(core_size(&limits), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room__two_members__state_passes),
        cmocka_unit_test(ping__from_the_validated_path__is_answered),
        cmocka_unit_test(member__leaves__others_hear_and_its_slot_is_silent),
        cmocka_unit_test(size__limits_that_contradict__is_zero),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
