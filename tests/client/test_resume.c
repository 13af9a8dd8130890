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

static void connection__lost__is_resumed_in_the_same_room(void **state)
{
    struct gsrelay_event event;
    struct gsrelay_room room;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    fake_link_break(&link);
    assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_RECONNECTING);
    expect(GSRELAY_EVENT_CONNECTION_LOST, &event);
    assert_in_range(event.time_ms, 125, 250);
    assert_int_equal(gsrelay_get_room(link.client, &room), GSRELAY_OK);

    /* States go on meanwhile. */
    assert_int_equal(gsrelay_send(link.client, GSRELAY_TO_ALL, 1, 0, "x", 1), GSRELAY_OK);
    fake_relay_record(&link.relay, 1, 1, "y");
    fake_link_turn(&link);
    assert_int_equal(fake_relay_datagrams(&link.relay, DATAGRAM_DATA), 1);
    expect(GSRELAY_EVENT_STATE, NULL);

    fake_link_pass(&link, FAKE_S);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_RESUMED);
    assert_int_equal(link.relay.mode, HELLO_RESUME);
    assert_non_null(fake_relay_request(&link.relay, CONTROL_ROOM_STATE));
    assert_false(gsrelay_next_event(link.client, &event));
    assert_int_equal(gsrelay_send(link.client, GSRELAY_TO_ALL, 1, 0, "x", 1), GSRELAY_OK);
    fake_link_close(&link);
}

static void connection__lost_twice__the_newest_key_is_used(void **state)
{
    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    for (int i = 0; i < 5; i++) {
        fake_link_break(&link);
        fake_link_pass(&link, 12 * FAKE_S);
        expect(GSRELAY_EVENT_RESUMED, NULL);
    }
    assert_int_equal(link.relay.connections, 6);
    fake_link_close(&link);
}

static void resume__events_were_missed__differences_are_told(void **state)
{
    static const uint8_t words[] = "arena 2";
    struct gsrelay_event event;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    fake_link_break(&link);
    link.relay.membership.member_count = 3;
    link.relay.membership.members[0] = 2;
    link.relay.membership.members[1] = 7;
    link.relay.membership.members[2] = 8;
    link.relay.membership.host = 7;
    link.relay.membership.host_epoch = 2;
    link.relay.membership.room_flags = ROOM_LOCKED;
    link.relay.membership.metadata = (struct wire_bytes){words, 7};
    fake_link_pass(&link, FAKE_S);

    expect(GSRELAY_EVENT_RESUMED, NULL);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_MEMBER_LEFT);
    assert_int_equal(event.member, 1);
    for (uint16_t id = 7; id < 9; id++) {
        assert_true(gsrelay_next_event(link.client, &event));
        assert_int_equal(event.type, GSRELAY_EVENT_MEMBER_JOINED);
        assert_int_equal(event.member, id);
    }
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_HOST_CHANGED);
    assert_int_equal(event.host, 7);
    assert_int_equal(event.host_epoch, 2);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_LOCK);
    assert_int_equal(event.flags, GSRELAY_EVENT_LOCKED);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_METADATA);
    assert_int_equal(event.size, 7);
    assert_false(gsrelay_next_event(link.client, &event));
    fake_link_close(&link);
}

static void verbs__of_the_host__carry_the_epoch_that_the_program_knows(void **state)
{
    struct control_message changed = {.type = CONTROL_HOST_CHANGED, .host_changed = {2, 5}};
    struct gsrelay_room room;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    fake_relay_send(&link.relay, &changed);
    changed.host_changed.host_epoch = 6;
    fake_relay_send(&link.relay, &changed);
    fake_link_turn(&link);
    /* The library has heard of epoch 6, the program has not. */
    assert_int_equal(gsrelay_get_room(link.client, &room), GSRELAY_OK);
    assert_int_equal(room.host_epoch, 6);
    assert_true(gsrelay_kick(link.client, 7) > 0);
    fake_link_turn(&link);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_KICK)->host_epoch, 1);
    expect(GSRELAY_EVENT_HOST_CHANGED, NULL);
    assert_true(gsrelay_lock(link.client, 1) > 0);
    fake_link_turn(&link);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_LOCK)->host_epoch, 5);
    expect(GSRELAY_EVENT_HOST_CHANGED, NULL);
    /* What is asked while there is no connection keeps the epoch of that moment. */
    fake_link_break(&link);
    assert_true(gsrelay_hand_over(link.client, 7) > 0);
    link.relay.membership.host_epoch = 9;
    fake_link_pass(&link, FAKE_S);
    expect(GSRELAY_EVENT_HOST_CHANGED, NULL);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_HAND_OVER)->host_epoch, 6);
    assert_true(gsrelay_set_metadata(link.client, "x", 1) > 0);
    fake_link_turn(&link);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_SET_METADATA)->host_epoch, 9);
    assert_true(gsrelay_leave(link.client) > 0);
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_ROOM_LEFT, NULL);
    assert_true(gsrelay_lock(link.client, 1) > 0);
    fake_link_turn(&link);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_LOCK)->host_epoch, 0);
    fake_link_close(&link);
}

/* Who joined in the meantime may become host before ROOM_STATE is answered. */
static void resume__host_that_is_not_known_yet__joins_first(void **state)
{
    const struct control_message changed = {.type = CONTROL_HOST_CHANGED, .host_changed = {7, 2}};
    struct gsrelay_event event;
    uint16_t members[4];

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    fake_relay_send(&link.relay, &changed);
    fake_link_turn(&link);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_MEMBER_JOINED);
    assert_int_equal(event.member, 7);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_HOST_CHANGED);
    assert_int_equal(event.host, 7);
    assert_int_equal(gsrelay_get_members(link.client, members, 4), 3);
    fake_link_close(&link);
}

static void resume__removed_meanwhile__room_is_left(void **state)
{
    struct gsrelay_event event;
    struct gsrelay_room room;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    fake_link_break(&link);
    link.relay.is_in_room = false;
    fake_link_pass(&link, FAKE_S);
    expect(GSRELAY_EVENT_RESUMED, NULL);
    expect(GSRELAY_EVENT_ROOM_LEFT, &event);
    assert_int_equal(gsrelay_get_room(link.client, &room), GSRELAY_WRONG_STATE);
    assert_int_equal(gsrelay_send(link.client, GSRELAY_TO_ALL, 1, 0, "x", 1), GSRELAY_WRONG_STATE);
    fake_link_close(&link);
}

static void resume__relay_is_busy__the_room_is_asked_for_again(void **state)
{
    struct gsrelay_event event;
    struct gsrelay_room room;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    fake_link_break(&link);
    link.relay.is_answering = false;
    fake_link_pass(&link, FAKE_S);
    expect(GSRELAY_EVENT_RESUMED, NULL);
    for (unsigned i = 0; i < 3; i++) {
        const unsigned count = link.relay.request_count;
        const struct control_message *asked = fake_relay_request(&link.relay, CONTROL_ROOM_STATE);

        assert_non_null(asked);
        fake_relay_send_error(&link.relay, asked->request,
                              i == 0 ? REASON_BUSY : REASON_COMMAND_RATE, 0, 100);
        fake_link_turn(&link);
        assert_int_equal(link.relay.request_count, count + 1);
        assert_false(gsrelay_next_event(link.client, &event));
        assert_int_equal(gsrelay_get_room(link.client, &room), GSRELAY_OK);
    }
    fake_relay_send_error(&link.relay, fake_relay_request(&link.relay, CONTROL_ROOM_STATE)->request,
                          REASON_NOT_IN_ROOM, 0, 0);
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_ROOM_LEFT, NULL);
    fake_link_close(&link);
}

static void resume__relay_forgot__a_new_session_begins(void **state)
{
    struct gsrelay_event event;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    fake_link_break(&link);
    link.relay.knows_session = false;
    fake_link_pass(&link, 2 * FAKE_S);
    expect(GSRELAY_EVENT_CONNECTION_LOST, NULL);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_SESSION_LOST);
    assert_int_equal(event.reason, GSRELAY_REASON_NO_SUCH_SESSION);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_CONNECTED);
    assert_false(gsrelay_next_event(link.client, &event));
    assert_int_equal(link.relay.mode, HELLO_OPEN);
    fake_link_close(&link);
}

static void resume__relay_forgot_and_rejoin_is_on__joins_the_code_again(void **state)
{
    struct gsrelay_options options;
    struct gsrelay_event event;

    (void)state;
    gsrelay_options_init(&options);
    options.rejoin = 1;
    fake_link_open(&link, &options);
    fake_link_join(&link);
    fake_link_break(&link);
    link.relay.knows_session = false;
    fake_link_pass(&link, 2 * FAKE_S);
    expect(GSRELAY_EVENT_SESSION_LOST, NULL);
    expect(GSRELAY_EVENT_ROOM_JOINED, &event);
    assert_int_equal(event.request, 0);
    expect(GSRELAY_EVENT_UDP_BOUND, NULL);
    fake_link_close(&link);
}

static void relay__drops_us_after_each_resume__pauses_grow(void **state)
{
    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    for (unsigned i = 0; i < 6000; i++) {
        if (gsrelay_get_state(link.client) == GSRELAY_STATE_CONNECTED)
            fake_link_break(&link);
        fake_link_pass(&link, 10 * FAKE_MS);
        fake_link_drain(&link);
    }
    /* A minute with pauses of a quarter of a second, a half, one, and so on up to ten. */
    assert_in_range(link.relay.connections, 8, 16);
    fake_link_close(&link);
}

static void reconnect__too_long__ends(void **state)
{
    struct gsrelay_options options;
    struct gsrelay_event event;

    (void)state;
    gsrelay_options_init(&options);
    options.reconnect_ms = 20000;
    fake_link_open(&link, &options);
    fake_link_join(&link);
    link.is_unreachable = true;
    fake_link_break(&link);
    fake_link_pass(&link, 60 * FAKE_S);
    expect(GSRELAY_EVENT_DISCONNECTED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_CONNECTION_LOST);
    assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_IDLE);
    assert_false(gsrelay_next_event(link.client, &event));
    fake_link_close(&link);
}

static void reconnect__forbidden__ends_at_once(void **state)
{
    struct gsrelay_options options;

    (void)state;
    gsrelay_options_init(&options);
    options.reconnect_ms = 0;
    fake_link_open(&link, &options);
    fake_link_join(&link);
    fake_link_break(&link);
    expect(GSRELAY_EVENT_DISCONNECTED, NULL);
    fake_link_close(&link);
}

static void relay__answers_no_ping__connection_counts_as_lost(void **state)
{
    struct gsrelay_event event;

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    link.relay.is_answering = false;
    fake_link_pass(&link, 26 * FAKE_S);
    expect(GSRELAY_EVENT_CONNECTION_LOST, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_CONNECTION_LOST);
    fake_link_close(&link);
}

static void program__takes_no_events__connection_is_not_blamed(void **state)
{
    struct control_message notice = {.type = CONTROL_NOTICE};

    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    while (link.relay.output_size == 0) {
        fake_relay_send(&link.relay, &notice);
        fake_link_turn(&link);
    }
    fake_link_pass(&link, 120 * FAKE_S);
    assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_CONNECTED);
    assert_int_equal(link.relay.connections, 1);
    fake_link_drain(&link);
    fake_link_pass(&link, 120 * FAKE_S);
    assert_int_equal(link.relay.connections, 1);
    fake_link_close(&link);
}

static void relay__idle_for_hours__is_pinged_and_kept(void **state)
{
    (void)state;
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    fake_link_pass(&link, 600 * FAKE_S);
    assert_false(fake_link_event(&link, GSRELAY_EVENT_CONNECTION_LOST, NULL));
    assert_true(link.relay.request_count >= 2 + 600 / 15);
    fake_link_close(&link);
}

/* Cuts the connection after each byte of a whole session; the client always comes back. */
static void connection__cut_after_any_byte__recovers(void **state)
{
    struct gsrelay_options options;
    bool was_cut = true;

    (void)state;
    gsrelay_options_init(&options);
    options.connect_tries = 10;
    for (unsigned cut = 1; was_cut; cut++) {
        start(&options);
        link.cut_after = cut;
        assert_true(gsrelay_join_room(link.client, "CDFHJK") > 0);
        fake_link_pass(&link, 5 * FAKE_S);
        was_cut = link.was_cut;
        assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_CONNECTED);
        expect(GSRELAY_EVENT_ROOM_JOINED, NULL);
        expect(GSRELAY_EVENT_UDP_BOUND, NULL);
        assert_false(fake_link_event(&link, GSRELAY_EVENT_REQUEST_FAILED, NULL));
        fake_link_close(&link);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connection__lost__is_resumed_in_the_same_room),
        cmocka_unit_test(connection__lost_twice__the_newest_key_is_used),
        cmocka_unit_test(resume__events_were_missed__differences_are_told),
        cmocka_unit_test(verbs__of_the_host__carry_the_epoch_that_the_program_knows),
        cmocka_unit_test(resume__host_that_is_not_known_yet__joins_first),
        cmocka_unit_test(resume__removed_meanwhile__room_is_left),
        cmocka_unit_test(resume__relay_is_busy__the_room_is_asked_for_again),
        cmocka_unit_test(resume__relay_forgot__a_new_session_begins),
        cmocka_unit_test(resume__relay_forgot_and_rejoin_is_on__joins_the_code_again),
        cmocka_unit_test(relay__drops_us_after_each_resume__pauses_grow),
        cmocka_unit_test(reconnect__too_long__ends),
        cmocka_unit_test(reconnect__forbidden__ends_at_once),
        cmocka_unit_test(relay__answers_no_ping__connection_counts_as_lost),
        cmocka_unit_test(program__takes_no_events__connection_is_not_blamed),
        cmocka_unit_test(relay__idle_for_hours__is_pinged_and_kept),
        cmocka_unit_test(connection__cut_after_any_byte__recovers),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
