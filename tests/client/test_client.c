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

static void client__connect_and_create__events_come_in_order(void **state)
{
    static struct fake_link link;
    struct gsrelay_event event;
    int32_t request;

    (void)state;
    fake_link_open(&link, NULL);
    assert_int_equal(gsrelay_io_start(link.client, link.now_ns), GSRELAY_OK);
    request = gsrelay_create_room(link.client, NULL);
    assert_true(request > 0);
    assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_CONNECTING);
    fake_link_turn(&link);

    assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_CONNECTED);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_CONNECTED);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_ROOM_JOINED);
    assert_int_equal(event.request, request);
    assert_int_equal(event.member, 2);
    assert_int_equal(event.host, 1);
    assert_string_equal(event.code, "CDFHJK");
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_MEMBER_JOINED);
    assert_int_equal(event.member, 1);
    assert_int_equal(event.flags, GSRELAY_EVENT_PRESENT);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_UDP_BOUND);
    assert_int_equal(event.size, strlen("192.0.2.7:4242"));
    assert_memory_equal(event.bytes, "192.0.2.7:4242", event.size);
    assert_false(gsrelay_next_event(link.client, &event));
    fake_link_close(&link);
}

static void client__state_sent__arrives_as_one_record(void **state)
{
    static struct fake_link link;
    const struct fake_datagram *datagram;
    struct record_reader reader;
    struct record record;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    link.relay.datagram_count = 0;
    assert_int_equal(gsrelay_send(link.client, GSRELAY_TO_ALL, 3, GSRELAY_RETAIN, "hello", 5), 0);
    fake_link_turn(&link);

    assert_int_equal(link.relay.datagram_count, 1);
    datagram = &link.relay.datagrams[0];
    assert_int_equal(datagram->head.type, DATAGRAM_DATA);
    assert_true(datagram->size >= DATAGRAM_UP_SIZE_MIN);
    assert_int_equal(record_body_check(RECORD_UP, datagram->body, datagram->body_size), 1);
    record_reader_init(&reader, RECORD_UP, datagram->body, datagram->body_size);
    assert_true(record_next(&reader, &record));
    assert_int_equal(record.member, MEMBER_ALL);
    assert_int_equal(record.stream, 3);
    assert_true(record.is_retained);
    assert_int_equal(record.size, 5);
    assert_memory_equal(record.payload, "hello", 5);
    fake_link_close(&link);
}

static void client__state_received__is_an_event_with_its_bytes(void **state)
{
    static struct fake_link link;
    struct gsrelay_event event;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    fake_relay_record(&link.relay, 1, 0, "hello");
    fake_link_turn(&link);

    assert_true(fake_link_event(&link, GSRELAY_EVENT_STATE, &event));
    assert_int_equal(event.member, 1);
    assert_int_equal(event.stream, 0);
    assert_int_equal(event.size, 5);
    assert_memory_equal(event.bytes, "hello", 5);
    fake_link_close(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client__connect_and_create__events_come_in_order),
        cmocka_unit_test(client__state_sent__arrives_as_one_record),
        cmocka_unit_test(client__state_received__is_an_event_with_its_bytes),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
