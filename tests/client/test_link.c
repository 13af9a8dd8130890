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

static void start(const struct gsrelay_options *options)
{
    fake_link_open(&link, options);
    assert_int_equal(gsrelay_io_start(link.client, link.now_ns), GSRELAY_OK);
}

static void expect(uint32_t type, struct gsrelay_event *out)
{
    assert_true(fake_link_event(&link, type, out));
}

/* --- The first connection -------------------------------------------------------------------- */

static void start__without_a_seed__is_refused(void **state)
{
    struct gsrelay_client *client;

    (void)state;
    assert_int_equal(gsrelay_create(NULL, &client), GSRELAY_OK);
    assert_int_equal(gsrelay_io_start(client, 1), GSRELAY_INVALID);
    gsrelay_destroy(client);
}

static void start__twice__is_refused(void **state)
{
    (void)state;
    start(NULL);
    assert_int_equal(gsrelay_io_start(link.client, link.now_ns), GSRELAY_WRONG_STATE);
    fake_link_close(&link);
}

static void connect__unreachable__ends_after_one_try(void **state)
{
    struct gsrelay_event event;

    (void)state;
    start(NULL);
    link.is_unreachable = true;
    fake_link_turn(&link);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_DISCONNECTED);
    assert_int_equal(event.reason, GSRELAY_REASON_CONNECTION_LOST);
    assert_string_equal(gsrelay_error_text(link.client), "could not connect to the relay");
    assert_false(gsrelay_next_event(link.client, &event));
    assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_IDLE);
    assert_int_equal(gsrelay_io_start(link.client, link.now_ns), GSRELAY_OK);
    fake_link_close(&link);
}

static void connect__several_tries__pauses_grow_with_jitter(void **state)
{
    struct gsrelay_options options;
    struct gsrelay_event event;
    unsigned shortened = 0;

    (void)state;
    gsrelay_options_init(&options);
    options.connect_tries = 6;
    start(&options);
    link.is_unreachable = true;
    fake_link_pass(&link, 60 * FAKE_S);
    for (uint32_t most_ms = 250; most_ms < 250 * 32; most_ms *= 2) {
        assert_true(gsrelay_next_event(link.client, &event));
        assert_int_equal(event.type, GSRELAY_EVENT_ATTEMPT_FAILED);
        assert_in_range(event.time_ms, most_ms / 2, most_ms);
        shortened += event.time_ms < most_ms;
    }
    assert_true(shortened >= 3);
    expect(GSRELAY_EVENT_DISCONNECTED, NULL);
    fake_link_close(&link);
}

static void connect__silent_relay__times_out(void **state)
{
    struct gsrelay_event event;

    (void)state;
    start(NULL);
    link.relay.hello = FAKE_SILENT;
    fake_link_pass(&link, 4 * FAKE_S);
    assert_false(gsrelay_next_event(link.client, &event));
    fake_link_pass(&link, 2 * FAKE_S);
    expect(GSRELAY_EVENT_DISCONNECTED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_HANDSHAKE_TIMEOUT);
    assert_false(link.is_connected);
    fake_link_close(&link);
}

static void connect__something_else_answers__is_told(void **state)
{
    struct gsrelay_event event;

    (void)state;
    start(NULL);
    link.relay.hello = FAKE_GARBAGE;
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_DISCONNECTED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_BAD_MESSAGE);
    assert_string_equal(gsrelay_error_text(link.client),
                        "what answers at the relay is not a gsrelay relay");
    fake_link_close(&link);
}

static void connect__other_version__names_it(void **state)
{
    struct gsrelay_event event;
    static const uint8_t refusal[] = {0, 9, 3, HELLO_VERSION, 0, 0, 0, 1, 2, 3, 4};

    (void)state;
    start(NULL);
    link.relay.hello = FAKE_SILENT;
    fake_link_turn(&link);
    /* A later version may have more to say. */
    memcpy(link.relay.output, refusal, sizeof(refusal));
    link.relay.output_size = sizeof(refusal);
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_DISCONNECTED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_VERSION_UNSUPPORTED);
    assert_int_equal(event.limit, 3);
    fake_link_close(&link);
}

static void connect__refused__says_what_the_relay_wants(void **state)
{
    struct gsrelay_event event;

    (void)state;
    start(NULL);
    link.relay.hello = FAKE_REFUSE;
    link.relay.refusal = HELLO_REFUSED;
    link.relay.refusal_mode = HELLO_TICKET;
    link.relay.refusal_retry_s = 30;
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_DISCONNECTED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_REFUSED);
    assert_int_equal(event.limit, 1);
    assert_int_equal(event.time_ms, 30000);
    assert_string_equal(gsrelay_error_text(link.client), "the relay wants a ticket");
    fake_link_close(&link);
}

static void connect__busy__waits_as_long_as_asked(void **state)
{
    struct gsrelay_options options;
    struct gsrelay_event event;

    (void)state;
    gsrelay_options_init(&options);
    options.connect_tries = 2;
    start(&options);
    link.relay.hello = FAKE_REFUSE;
    link.relay.refusal = HELLO_BUSY;
    link.relay.refusal_retry_s = 7;
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_ATTEMPT_FAILED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_BUSY);
    assert_int_equal(event.time_ms, 7000);
    link.relay.hello = FAKE_ACCEPT;
    fake_link_pass(&link, 6900 * FAKE_MS);
    assert_int_equal(link.relay.connections, 1);
    fake_link_pass(&link, 200 * FAKE_MS);
    expect(GSRELAY_EVENT_CONNECTED, NULL);
    fake_link_close(&link);
}

static void connect__draining__says_so_and_does_not_wait(void **state)
{
    struct gsrelay_event event;

    (void)state;
    start(NULL);
    link.relay.hello = FAKE_REFUSE;
    link.relay.refusal = HELLO_DRAINING;
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_DISCONNECTED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_DRAINING);
    assert_int_equal(event.time_ms, 0);
    assert_string_equal(gsrelay_error_text(link.client),
                        "the relay is stopping and takes nobody new");
    link.relay.hello = FAKE_ACCEPT;
    fake_link_pass(&link, 60000 * FAKE_MS);
    assert_int_equal(link.relay.connections, 1);
    fake_link_close(&link);
}

static void connect__start_is_refused__reason_arrives(void **state)
{
    struct gsrelay_event event;

    (void)state;
    start(NULL);
    /* The relay answers START by ERROR, as when limits.max_clients is reached. */
    link.relay.hello = FAKE_SILENT;
    link.relay.hello = FAKE_ACCEPT;
    link.relay.refuses_start = true;
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_DISCONNECTED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_CLIENTS_LIMIT);
    assert_int_equal(event.time_ms, 5000);
    fake_link_close(&link);
}

static void connect__with_a_ticket__name_and_key_are_used(void **state)
{
    struct gsrelay_options options;
    uint8_t key[32];

    (void)state;
    gsrelay_options_init(&options);
    memset(key, 9, sizeof(key));
    options.ticket_name = "gsr1:main:99:me:create";
    options.ticket_key = key;
    start(&options);
    memcpy(link.relay.ticket_key, key, sizeof(key));
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_CONNECTED, NULL);
    assert_int_equal(link.relay.mode, HELLO_TICKET);
    assert_string_equal(link.relay.name, options.ticket_name);
    fake_link_close(&link);
}

static void connect__wrong_ticket__is_refused_and_never_tried_in_open_mode(void **state)
{
    struct gsrelay_options options;
    struct gsrelay_event event;
    uint8_t key[32] = {1};

    (void)state;
    gsrelay_options_init(&options);
    options.ticket_name = "gsr1:main:99:me:create";
    options.ticket_key = key;
    options.connect_tries = 5;
    start(&options);
    fake_link_pass(&link, 60 * FAKE_S);
    expect(GSRELAY_EVENT_DISCONNECTED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_REFUSED);
    assert_int_equal(link.relay.connections, 1);
    assert_int_equal(link.relay.mode, HELLO_TICKET);
    fake_link_close(&link);
}

static void handshake__message_two_altered__is_not_trusted(void **state)
{
    struct gsrelay_event event;

    (void)state;
    for (size_t at = 4; at < HELLO_ACCEPTED_SIZE; at += 7) {
        start(NULL);
        gsrelay_io_tcp_connected(link.client, link.now_ns);
        link.is_connected = true;
        fake_relay_connected(&link.relay);
        {
            size_t size;
            const uint8_t *bytes = gsrelay_io_tcp_output(link.client, &size);

            fake_relay_tcp_input(&link.relay, bytes, size);
            gsrelay_io_tcp_sent(link.client, size);
        }
        link.relay.output[at] ^= 1;
        gsrelay_io_tcp_input(link.client, link.now_ns, link.relay.output, link.relay.output_size);
        expect(GSRELAY_EVENT_DISCONNECTED, &event);
        assert_int_equal(event.reason, GSRELAY_REASON_DECRYPT_FAILED);
        fake_link_close(&link);
    }
}

static void stream__cut_anywhere__makes_no_difference(void **state)
{
    (void)state;
    for (size_t chunk = 1; chunk < 40; chunk++) {
        start(NULL);
        link.chunk = chunk;
        assert_true(gsrelay_join_room(link.client, "CDFHJK") > 0);
        fake_link_turn(&link);
        expect(GSRELAY_EVENT_UDP_BOUND, NULL);
        fake_link_close(&link);
    }
}

/* --- Ends ------------------------------------------------------------------------------------ */

static void disconnect__in_a_room__says_bye_after_the_states_arrived(void **state)
{
    struct gsrelay_event event;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    assert_int_equal(gsrelay_send(link.client, GSRELAY_TO_ALL, 0, 0, "last", 4), GSRELAY_OK);
    assert_int_equal(gsrelay_disconnect(link.client), GSRELAY_OK);
    assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_CLOSING);
    assert_int_equal(gsrelay_send(link.client, GSRELAY_TO_ALL, 0, 0, "x", 1), GSRELAY_WRONG_STATE);
    assert_int_equal(gsrelay_join_room(link.client, "CDFHJK"), GSRELAY_WRONG_STATE);
    fake_link_turn(&link);
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_DISCONNECTED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_LEFT);
    assert_int_equal(fake_relay_datagrams(&link.relay, DATAGRAM_DATA), 1);
    assert_non_null(fake_relay_request(&link.relay, CONTROL_BYE));
    assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_IDLE);
    assert_false(link.is_connected);
    fake_link_close(&link);
}

static void disconnect__no_pong_comes__bye_goes_out_after_half_a_second(void **state)
{
    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    link.relay.is_mute = true;
    assert_int_equal(gsrelay_send(link.client, GSRELAY_TO_ALL, 0, 0, "last", 4), GSRELAY_OK);
    gsrelay_disconnect(link.client);
    fake_link_pass(&link, 400 * FAKE_MS);
    assert_null(fake_relay_request(&link.relay, CONTROL_BYE));
    fake_link_pass(&link, 200 * FAKE_MS);
    expect(GSRELAY_EVENT_DISCONNECTED, NULL);
    fake_link_close(&link);
}

static void disconnect__nobody_answers__ends_after_a_second(void **state)
{
    struct gsrelay_event event;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    link.relay.is_answering = false;
    gsrelay_disconnect(link.client);
    fake_link_pass(&link, 990 * FAKE_MS);
    assert_false(fake_link_event(&link, GSRELAY_EVENT_DISCONNECTED, NULL));
    fake_link_pass(&link, 20 * FAKE_MS);
    expect(GSRELAY_EVENT_DISCONNECTED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_LEFT);
    fake_link_close(&link);
}

static void disconnect__while_idle__is_refused(void **state)
{
    (void)state;
    fake_link_open(&link, NULL);
    assert_int_equal(gsrelay_disconnect(link.client), GSRELAY_WRONG_STATE);
    fake_link_close(&link);
}

static void disconnect__while_connecting__ends_at_once(void **state)
{
    (void)state;
    start(NULL);
    assert_int_equal(gsrelay_disconnect(link.client), GSRELAY_OK);
    expect(GSRELAY_EVENT_DISCONNECTED, NULL);
    fake_link_turn(&link);
    assert_int_equal(gsrelay_io_start(link.client, link.now_ns), GSRELAY_OK);
    fake_link_close(&link);
}

static void relay__says_bye__ends_with_its_reason(void **state)
{
    struct control_message bye = {.type = CONTROL_ENDED, .reason = REASON_REPLACED};
    struct gsrelay_options options;
    struct gsrelay_event event;

    (void)state;
    /* Coming back would throw out who came instead of us. */
    gsrelay_options_init(&options);
    options.rejoin = 1;
    fake_link_open(&link, &options);
    fake_link_join(&link);
    fake_relay_send(&link.relay, &bye);
    fake_link_pass(&link, 10 * FAKE_S);
    expect(GSRELAY_EVENT_DISCONNECTED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_REPLACED);
    assert_int_equal(link.relay.connections, 1);
    fake_link_close(&link);
}

static void relay__shuts_down_and_rejoin_is_on__is_joined_again(void **state)
{
    struct control_message bye = {.type = CONTROL_ENDED, .reason = REASON_SHUTDOWN};
    struct gsrelay_options options;

    (void)state;
    gsrelay_options_init(&options);
    options.rejoin = 1;
    fake_link_open(&link, &options);
    fake_link_join(&link);
    fake_relay_send(&link.relay, &bye);
    fake_link_pass(&link, 2 * FAKE_S);
    expect(GSRELAY_EVENT_SESSION_LOST, NULL);
    expect(GSRELAY_EVENT_ROOM_JOINED, NULL);
    fake_link_close(&link);
}

static void relay__sends_what_does_not_decrypt__connection_is_given_up(void **state)
{
    struct gsrelay_event event;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    memset(link.relay.output, 0xAB, 40);
    link.relay.output[0] = 0;
    link.relay.output[1] = 38;
    link.relay.output_size = 40;
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_CONNECTION_LOST, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_DECRYPT_FAILED);
    fake_link_pass(&link, FAKE_S);
    expect(GSRELAY_EVENT_RESUMED, NULL);
    fake_link_close(&link);
}

static void time__goes_back__stands_still(void **state)
{
    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    link.now_ns -= 100 * FAKE_S;
    fake_link_turn(&link);
    link.now_ns += 100 * FAKE_S;
    fake_link_turn(&link);
    assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_CONNECTED);
    assert_int_equal(fake_link_drain(&link), 0);
    fake_link_close(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start__without_a_seed__is_refused),
        cmocka_unit_test(start__twice__is_refused),
        cmocka_unit_test(connect__unreachable__ends_after_one_try),
        cmocka_unit_test(connect__several_tries__pauses_grow_with_jitter),
        cmocka_unit_test(connect__silent_relay__times_out),
        cmocka_unit_test(connect__something_else_answers__is_told),
        cmocka_unit_test(connect__other_version__names_it),
        cmocka_unit_test(connect__refused__says_what_the_relay_wants),
        cmocka_unit_test(connect__busy__waits_as_long_as_asked),
        cmocka_unit_test(connect__draining__says_so_and_does_not_wait),
        cmocka_unit_test(connect__start_is_refused__reason_arrives),
        cmocka_unit_test(connect__with_a_ticket__name_and_key_are_used),
        cmocka_unit_test(connect__wrong_ticket__is_refused_and_never_tried_in_open_mode),
        cmocka_unit_test(handshake__message_two_altered__is_not_trusted),
        cmocka_unit_test(stream__cut_anywhere__makes_no_difference),
        cmocka_unit_test(disconnect__in_a_room__says_bye_after_the_states_arrived),
        cmocka_unit_test(disconnect__no_pong_comes__bye_goes_out_after_half_a_second),
        cmocka_unit_test(disconnect__nobody_answers__ends_after_a_second),
        cmocka_unit_test(disconnect__while_idle__is_refused),
        cmocka_unit_test(disconnect__while_connecting__ends_at_once),
        cmocka_unit_test(relay__says_bye__ends_with_its_reason),
        cmocka_unit_test(relay__shuts_down_and_rejoin_is_on__is_joined_again),
        cmocka_unit_test(relay__sends_what_does_not_decrypt__connection_is_given_up),
        cmocka_unit_test(time__goes_back__stands_still),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
