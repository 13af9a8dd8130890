/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/reason.h"
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

/* --- What is fixed --------------------------------------------------------------------------- */

static void reasons__of_the_public_header__are_those_of_the_protocol(void **state)
{
    (void)state;
#define CHECK(symbol, number, name, text)                                                          \
    assert_int_equal(GSRELAY_REASON_##symbol, REASON_##symbol);                                    \
    assert_string_equal(gsrelay_reason_name(GSRELAY_REASON_##symbol), name);                       \
    assert_string_equal(gsrelay_reason_text(GSRELAY_REASON_##symbol), text);
    REASON_TABLE(CHECK)
#undef CHECK
    assert_string_equal(gsrelay_reason_name(99), "unknown");
}

static void results__each_has_a_sentence(void **state)
{
    (void)state;
    for (int result = GSRELAY_SYSTEM; result <= 1; result++)
        assert_true(strlen(gsrelay_result_text(result)) > 5);
    assert_string_equal(gsrelay_result_text(-100), "unknown result");
}

static void version__is_that_of_the_header(void **state)
{
    char text[32];

    (void)state;
    snprintf(text, sizeof(text), "%d.%d.%d", GSRELAY_VERSION_MAJOR, GSRELAY_VERSION_MINOR,
             GSRELAY_VERSION_PATCH);
    assert_string_equal(gsrelay_version(), text);
    assert_string_equal(gsrelay_version(), GSRELAY_VERSION);
}

/* --- Creating -------------------------------------------------------------------------------- */

struct counting {
    int taken;
    int given_back;
    bool is_empty;
};

static void *count_allocate(void *context, size_t size)
{
    struct counting *counting = context;

    counting->taken++;
    return counting->is_empty ? NULL : malloc(size);
}

static void count_release(void *context, void *memory)
{
    struct counting *counting = context;

    counting->given_back++;
    free(memory);
}

static void create__with_an_allocator__takes_and_returns_one_piece(void **state)
{
    struct counting counting = {0};
    struct gsrelay_options options;
    struct gsrelay_client *client = NULL;

    (void)state;
    gsrelay_options_init(&options);
    options.allocate = count_allocate;
    options.release = count_release;
    options.allocator_context = &counting;
    assert_int_equal(gsrelay_create(&options, &client), GSRELAY_OK);
    assert_int_equal(counting.taken, 1);
    gsrelay_destroy(client);
    assert_int_equal(counting.given_back, 1);
    counting.is_empty = true;
    client = NULL;
    assert_int_equal(gsrelay_create(&options, &client), GSRELAY_NO_MEMORY);
    assert_null(client);
    gsrelay_destroy(NULL);
}

static void ticket__as_it_is_printed__is_read(void **state)
{
    char line[300] = "gsr1:main:99:me:create ";
    char name[GSRELAY_TICKET_NAME_MAX + 1] = "";
    uint8_t key[GSRELAY_TICKET_KEY_SIZE] = {0};

    (void)state;
    for (unsigned i = 0; i < 32; i++)
        snprintf(line + strlen(line), 3, "%02x", i);
    assert_int_equal(gsrelay_ticket_read(line, name, key), GSRELAY_OK);
    assert_string_equal(name, "gsr1:main:99:me:create");
    assert_int_equal(key[31], 31);
    line[strlen(line) - 1] = '\0';
    assert_int_equal(gsrelay_ticket_read(line, name, key), GSRELAY_INVALID);
    assert_int_equal(gsrelay_ticket_read("", name, key), GSRELAY_INVALID);
}

static void create__options_out_of_range__are_refused(void **state)
{
    static const uint8_t key[32];
    char long_name[GSRELAY_TICKET_NAME_MAX + 2];
    struct gsrelay_client *client = NULL;

    (void)state;
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    for (int i = 0; i < 12; i++) {
        struct gsrelay_options options;

        gsrelay_options_init(&options);
        if (i == 0)
            options.members_max = 1;
        else if (i == 1)
            options.members_max = 257;
        else if (i == 2)
            options.state_bytes = 100;
        else if (i == 3)
            options.backoff_min_ms = 0;
        else if (i == 4)
            options.backoff_max_ms = 10;
        else if (i == 5)
            options.attempt_ms = 0;
        else if (i == 6)
            options.rejoin = 2;
        else if (i == 7)
            options.ticket_name = "name without key";
        else if (i == 8)
            options.ticket_key = key;
        else if (i == 9)
            options.allocate = count_allocate;
        else if (i == 10)
            options.ticket_name = "";
        else {
            options.ticket_name = long_name;
            options.ticket_key = key;
        }
        assert_int_equal(gsrelay_create(&options, &client), GSRELAY_INVALID);
        assert_null(client);
    }
}

static void sockets__not_opened__cannot_be_polled(void **state)
{
    struct gsrelay_client *client;

    (void)state;
    assert_int_equal(gsrelay_create(NULL, &client), GSRELAY_OK);
    assert_int_equal(gsrelay_poll(client, 0), GSRELAY_WRONG_STATE);
    assert_int_equal(gsrelay_rebind(client), GSRELAY_WRONG_STATE);
    assert_int_equal(gsrelay_connect(client, "", 7777), GSRELAY_INVALID);
    assert_int_equal(gsrelay_connect(client, "127.0.0.1", 0), GSRELAY_INVALID);
    gsrelay_destroy(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client__connect_and_create__events_come_in_order),
        cmocka_unit_test(client__state_sent__arrives_as_one_record),
        cmocka_unit_test(client__state_received__is_an_event_with_its_bytes),
        cmocka_unit_test(reasons__of_the_public_header__are_those_of_the_protocol),
        cmocka_unit_test(results__each_has_a_sentence),
        cmocka_unit_test(version__is_that_of_the_header),
        cmocka_unit_test(create__with_an_allocator__takes_and_returns_one_piece),
        cmocka_unit_test(ticket__as_it_is_printed__is_read),
        cmocka_unit_test(create__options_out_of_range__are_refused),
        cmocka_unit_test(sockets__not_opened__cannot_be_polled),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
