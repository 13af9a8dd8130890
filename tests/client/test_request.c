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

static void join(void)
{
    fake_link_open(&link, NULL);
    fake_link_join(&link);
}

static void expect(uint32_t type, struct gsrelay_event *out)
{
    assert_true(fake_link_event(&link, type, out));
}

static void expect_done(int32_t request)
{
    struct gsrelay_event event;

    assert_true(request > 0);
    fake_link_turn(&link);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_REQUEST_DONE);
    assert_int_equal(event.request, request);
}

/* --- Verbs ----------------------------------------------------------------------------------- */

static void verbs__before_connecting__are_refused(void **state)
{
    (void)state;
    fake_link_open(&link, NULL);
    assert_int_equal(gsrelay_create_room(link.client, NULL), GSRELAY_WRONG_STATE);
    assert_int_equal(gsrelay_leave(link.client), GSRELAY_WRONG_STATE);
    assert_int_equal(gsrelay_ping(link.client), GSRELAY_WRONG_STATE);
    fake_link_close(&link);
}

static void verbs__of_the_host__carry_their_fields(void **state)
{
    (void)state;
    join();
    expect_done(gsrelay_kick(link.client, 7));
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_KICK)->member, 7);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_KICK)->host_epoch, 1);
    expect_done(gsrelay_lock(link.client, 1));
    assert_true(fake_relay_request(&link.relay, CONTROL_LOCK)->is_locked);
    expect_done(gsrelay_hand_over(link.client, 9));
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_HAND_OVER)->member, 9);
    expect_done(gsrelay_set_heir(link.client, 11));
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_SET_HEIR)->member, 11);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_SET_HEIR)->host_epoch, 1);
    expect_done(gsrelay_subscribe(link.client, UINT64_C(1) << 63 | 5));
    assert_true(fake_relay_request(&link.relay, CONTROL_SUBSCRIBE)->groups ==
                (UINT64_C(1) << 63 | 5));
    expect_done(gsrelay_set_metadata(link.client, "map=2", 5));
    assert_memory_equal(fake_relay_request(&link.relay, CONTROL_SET_METADATA)->metadata.at, "map=2",
                        5);
    expect_done(gsrelay_set_metadata(link.client, NULL, 0));
    fake_link_close(&link);
}

static void create__with_options__carries_them(void **state)
{
    struct gsrelay_room_options options = {
        .members_max = 5, .tick_us = 16000, .is_locked = 1, .metadata_size = 3, .metadata = "abc"};
    const struct control_message *message;

    (void)state;
    join();
    assert_true(gsrelay_create_room(link.client, &options) > 0);
    fake_link_turn(&link);
    message = fake_relay_request(&link.relay, CONTROL_CREATE);
    assert_int_equal(message->create.members_max, 5);
    assert_int_equal(message->create.tick_us, 16000);
    assert_int_equal(message->create.flags, CREATE_LOCKED);
    assert_int_equal(message->create.election, ELECTION_OLDEST);
    assert_memory_equal(message->create.metadata.at, "abc", 3);
    options.election = GSRELAY_ELECT_HEIR;
    options.tick_us = GSRELAY_TICK_NONE;
    assert_true(gsrelay_create_room(link.client, &options) > 0);
    fake_link_turn(&link);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_CREATE)->create.tick_us, 0);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_CREATE)->create.election,
                     ELECTION_HEIR);
    options.election = GSRELAY_ELECT_HEIR + 1;
    assert_int_equal(gsrelay_create_room(link.client, &options), GSRELAY_INVALID);
    assert_true(gsrelay_create_room(link.client, NULL) > 0);
    fake_link_turn(&link);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_CREATE)->create.tick_us,
                     ROOM_TICK_DEFAULT);
    fake_link_close(&link);
}

static void arguments__out_of_range__are_refused(void **state)
{
    struct gsrelay_room_options options = {.members_max = 70000};
    char large[GSRELAY_METADATA_MAX + 1] = {0};

    (void)state;
    join();
    assert_int_equal(gsrelay_create_room(link.client, &options), GSRELAY_INVALID);
    options = (struct gsrelay_room_options){.metadata_size = 5};
    assert_int_equal(gsrelay_create_room(link.client, &options), GSRELAY_INVALID);
    assert_int_equal(gsrelay_set_metadata(link.client, large, sizeof(large)), GSRELAY_INVALID);
    assert_int_equal(gsrelay_join_room(link.client, ""), GSRELAY_INVALID);
    assert_int_equal(gsrelay_join_room(link.client, "A B C"), GSRELAY_INVALID);
    assert_int_equal(gsrelay_join_room(link.client, "CDFHJKMNPQRTV"), GSRELAY_INVALID);
    assert_true(gsrelay_join_room(link.client, " cdf-hjk ") > 0);
    fake_link_turn(&link);
    assert_memory_equal(fake_relay_request(&link.relay, CONTROL_JOIN)->join.code.at, "CDFHJK", 6);
    fake_link_close(&link);
}

static void down_rate__of_the_options__goes_with_create_and_join(void **state)
{
    struct gsrelay_options options;
    struct gsrelay_room room;

    (void)state;
    gsrelay_options_init(&options);
    assert_int_equal(options.down_bytes_s, 0);
    options.down_bytes_s = 20000;
    fake_link_open(&link, &options);
    link.relay.membership.down_bytes_s = 15000;
    fake_link_join(&link);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_JOIN)->join.down_bytes_s, 20000);
    assert_int_equal(gsrelay_get_room(link.client, &room), GSRELAY_OK);
    assert_int_equal(room.down_bytes_s, 15000);
    assert_true(gsrelay_leave(link.client) > 0);
    assert_true(gsrelay_create_room(link.client, NULL) > 0);
    fake_link_turn(&link);
    assert_int_equal(fake_relay_request(&link.relay, CONTROL_CREATE)->create.down_bytes_s, 20000);
    fake_link_close(&link);
}

static void ping__takes_time__it_is_told(void **state)
{
    struct gsrelay_event event;
    int32_t request;

    (void)state;
    join();
    link.relay.is_answering = false;
    request = gsrelay_ping(link.client);
    fake_link_turn(&link);
    link.now_ns += 33 * FAKE_MS;
    {
        struct control_message pong = {.type = CONTROL_PONG, .request = (uint32_t)request};

        fake_relay_send(&link.relay, &pong);
    }
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_REQUEST_DONE, &event);
    assert_int_equal(event.request, request);
    assert_int_equal(event.rtt_us, 33000);
    fake_link_close(&link);
}

static void leave__answered__room_is_left(void **state)
{
    struct gsrelay_event event;
    int32_t request;

    (void)state;
    join();
    request = gsrelay_leave(link.client);
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_ROOM_LEFT, &event);
    assert_int_equal(event.request, request);
    assert_int_equal(event.reason, GSRELAY_REASON_LEFT);
    assert_int_equal(gsrelay_payload_max(link.client, 0), 0);
    assert_int_equal(gsrelay_get_members(link.client, NULL, 0), 0);
    assert_true(gsrelay_join_room(link.client, "CDFHJK") > 0);
    link.relay.membership.slot_tag++;
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_ROOM_JOINED, NULL);
    expect(GSRELAY_EVENT_UDP_BOUND, NULL);
    fake_link_close(&link);
}

/* --- Refusals -------------------------------------------------------------------------------- */

static void request__refused__has_reason_limit_and_time(void **state)
{
    struct gsrelay_event event;
    int32_t request;

    (void)state;
    join();
    link.relay.is_answering = false;
    request = gsrelay_kick(link.client, 3);
    fake_link_turn(&link);
    fake_relay_send_error(&link.relay, (uint32_t)request, REASON_COMMAND_RATE, 20, 1500);
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_REQUEST_FAILED, &event);
    assert_int_equal(event.request, request);
    assert_int_equal(event.reason, GSRELAY_REASON_COMMAND_RATE);
    assert_int_equal(event.limit, 20);
    assert_int_equal(event.time_ms, 1500);
    /* The second answer to one request means nothing. */
    fake_relay_send_error(&link.relay, (uint32_t)request, REASON_COMMAND_RATE, 20, 1500);
    fake_link_turn(&link);
    assert_false(gsrelay_next_event(link.client, &event));
    fake_link_close(&link);
}

static void requests__more_than_sixteen__are_refused_until_answers_come(void **state)
{
    int32_t request;

    (void)state;
    join();
    link.relay.is_answering = false;
    for (int i = 0; i < GSRELAY_REQUESTS_MAX; i++)
        assert_true(gsrelay_lock(link.client, i % 2) > 0);
    assert_int_equal(gsrelay_lock(link.client, 1), GSRELAY_BUSY);
    fake_link_turn(&link);
    request = (int32_t)link.relay.requests[link.relay.request_count - 1].request;
    fake_relay_send_error(&link.relay, (uint32_t)request, REASON_NOT_HOST, 0, 0);
    fake_link_turn(&link);
    assert_true(gsrelay_lock(link.client, 1) > 0);
    assert_int_equal(gsrelay_lock(link.client, 1), GSRELAY_BUSY);
    fake_link_close(&link);
}

static void requests__of_the_library_too__are_never_more_than_the_relay_takes(void **state)
{
    (void)state;
    join();
    link.relay.is_answering = false;
    link.relay.request_count = 0;
    for (int i = 0; i < GSRELAY_REQUESTS_MAX; i++)
        assert_true(gsrelay_lock(link.client, 1) > 0);
    /* Long enough for the ping that keeps the connection alive. */
    fake_link_pass(&link, 16 * FAKE_S);
    assert_int_equal(link.relay.request_count, CONTROL_REQUESTS_MAX);
    fake_relay_send_error(&link.relay, link.relay.requests[0].request, REASON_NOT_HOST, 0, 0);
    fake_link_turn(&link);
    assert_int_equal(link.relay.requests[CONTROL_REQUESTS_MAX].type, CONTROL_PING);
    fake_link_close(&link);
}

static void requests__made_while_connecting__are_sent_in_order(void **state)
{
    (void)state;
    fake_link_open(&link, NULL);
    gsrelay_io_start(link.client, link.now_ns);
    assert_true(gsrelay_create_room(link.client, NULL) > 0);
    assert_true(gsrelay_lock(link.client, 1) > 0);
    assert_true(gsrelay_ping(link.client) > 0);
    fake_link_turn(&link);
    assert_int_equal(link.relay.requests[0].type, CONTROL_START);
    assert_int_equal(link.relay.requests[1].type, CONTROL_CREATE);
    assert_int_equal(link.relay.requests[2].type, CONTROL_LOCK);
    assert_int_equal(link.relay.requests[3].type, CONTROL_PING);
    fake_link_close(&link);
}

static void room__allows_more_than_we_have_memory_for__is_left_again(void **state)
{
    struct gsrelay_options options;
    struct gsrelay_event event;
    struct gsrelay_room room;

    (void)state;
    gsrelay_options_init(&options);
    options.members_max = 4;
    fake_link_open(&link, &options);
    gsrelay_io_start(link.client, link.now_ns);
    gsrelay_join_room(link.client, "CDFHJK");
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_REQUEST_FAILED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_BAD_VALUE);
    assert_int_equal(event.limit, 4);
    assert_non_null(fake_relay_request(&link.relay, CONTROL_LEAVE));
    assert_int_equal(gsrelay_get_room(link.client, &room), GSRELAY_WRONG_STATE);
    fake_link_close(&link);
}

/* --- A connection that breaks ---------------------------------------------------------------- */

static void connection__lost_with_requests_out__they_fail_or_are_asked_again(void **state)
{
    struct gsrelay_event event;
    int32_t lock;

    (void)state;
    fake_link_open(&link, NULL);
    gsrelay_io_start(link.client, link.now_ns);
    fake_link_turn(&link);
    link.relay.is_answering = false;
    lock = gsrelay_lock(link.client, 1);
    assert_true(gsrelay_join_room(link.client, "CDFHJK") > 0);
    fake_link_turn(&link);
    fake_link_break(&link);
    expect(GSRELAY_EVENT_REQUEST_FAILED, &event);
    assert_int_equal(event.request, lock);
    assert_int_equal(event.reason, GSRELAY_REASON_CONNECTION_LOST);
    link.relay.is_answering = true;
    fake_link_pass(&link, FAKE_S);
    expect(GSRELAY_EVENT_ROOM_JOINED, NULL);
    fake_link_close(&link);
}

static void join__answer_lost__resume_finds_the_room(void **state)
{
    struct gsrelay_event event;
    int32_t request;

    (void)state;
    fake_link_open(&link, NULL);
    gsrelay_io_start(link.client, link.now_ns);
    fake_link_turn(&link);
    link.relay.is_answering = false;
    request = gsrelay_join_room(link.client, "CDFHJK");
    fake_link_turn(&link);
    fake_link_break(&link);
    link.relay.is_answering = true;
    link.relay.is_in_room = true;
    link.relay.request_count = 0;
    fake_link_pass(&link, FAKE_S);
    expect(GSRELAY_EVENT_ROOM_JOINED, &event);
    assert_int_equal(event.request, request);
    assert_null(fake_relay_request(&link.relay, CONTROL_JOIN));
    expect(GSRELAY_EVENT_UDP_BOUND, NULL);
    fake_link_close(&link);
}

static void join__asked_again_and_in_the_room_already__the_room_is_found(void **state)
{
    struct gsrelay_event event;
    int32_t request;

    (void)state;
    fake_link_open(&link, NULL);
    gsrelay_io_start(link.client, link.now_ns);
    fake_link_turn(&link);
    link.relay.is_answering = false;
    request = gsrelay_join_room(link.client, "CDFHJK");
    fake_link_turn(&link);
    fake_link_break(&link);
    fake_link_pass(&link, FAKE_S);
    assert_int_equal(link.relay.requests[link.relay.request_count - 1].type, CONTROL_JOIN);
    link.relay.is_answering = true;
    fake_relay_send_error(&link.relay, (uint32_t)request, REASON_ALREADY_IN_ROOM, 0, 0);
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_ROOM_JOINED, &event);
    assert_int_equal(event.request, request);
    fake_link_close(&link);
}

static void leave__answer_lost__is_done_after_the_resume(void **state)
{
    struct gsrelay_event event;
    int32_t request;

    (void)state;
    join();
    link.relay.is_answering = false;
    request = gsrelay_leave(link.client);
    fake_link_turn(&link);
    fake_link_break(&link);
    link.relay.is_answering = true;
    link.relay.is_in_room = false;
    fake_link_pass(&link, FAKE_S);
    expect(GSRELAY_EVENT_ROOM_LEFT, &event);
    assert_int_equal(event.request, request);
    assert_false(fake_link_event(&link, GSRELAY_EVENT_ROOM_LEFT, NULL));
    fake_link_close(&link);
}

/* --- Events ---------------------------------------------------------------------------------- */

static void room__changes__each_is_an_event(void **state)
{
    static const struct {
        struct control_message message;
        uint32_t type;
    } cases[] = {
        {{.type = CONTROL_JOINED, .member = 5}, GSRELAY_EVENT_MEMBER_JOINED},
        {{.type = CONTROL_LEFT, .left = {5, REASON_LEFT}}, GSRELAY_EVENT_MEMBER_LEFT},
        {{.type = CONTROL_HOST_CHANGED, .host_changed = {2, 2}}, GSRELAY_EVENT_HOST_CHANGED},
        {{.type = CONTROL_METADATA, .metadata = {(const uint8_t *)"m", 1}}, GSRELAY_EVENT_METADATA},
        {{.type = CONTROL_LOCKED, .is_locked = true}, GSRELAY_EVENT_LOCK},
        {{.type = CONTROL_NOTICE, .error = {REASON_CLIENT_BYTES, 65536, 100}},
         GSRELAY_EVENT_NOTICE},
        {{.type = CONTROL_DRAINING, .deadline_ms = 5000}, GSRELAY_EVENT_DRAINING},
        {{.type = CONTROL_REMOVED, .reason = REASON_KICKED}, GSRELAY_EVENT_ROOM_LEFT},
    };
    struct gsrelay_event event;
    struct gsrelay_room room;

    (void)state;
    join();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_relay_send(&link.relay, &cases[i].message);
        fake_link_turn(&link);
        assert_true(gsrelay_next_event(link.client, &event));
        assert_int_equal(event.type, cases[i].type);
        assert_false(gsrelay_next_event(link.client, NULL));
        if (i == 4) {
            assert_int_equal(gsrelay_get_room(link.client, &room), GSRELAY_OK);
            assert_int_equal(room.host, 2);
            assert_int_equal(room.is_locked, 1);
        }
    }
    assert_int_equal(event.reason, GSRELAY_REASON_KICKED);
    assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_CONNECTED);
    fake_link_close(&link);
}

static void event__of_an_unknown_type__is_passed_over(void **state)
{
    static const uint8_t later[] = {0xDD, 0, 0, 0, 0, 1, 2, 3};
    struct gsrelay_event event;

    (void)state;
    join();
    fake_relay_send_bytes(&link.relay, later, sizeof(later));
    fake_link_turn(&link);
    assert_int_equal(gsrelay_get_state(link.client), GSRELAY_STATE_CONNECTED);
    assert_false(gsrelay_next_event(link.client, &event));
    fake_link_close(&link);
}

static void message__broken__connection_is_given_up(void **state)
{
    static const uint8_t broken[] = {CONTROL_LEFT, 0, 0, 0, 0, 1};
    struct gsrelay_event event;

    (void)state;
    join();
    fake_relay_send_bytes(&link.relay, broken, sizeof(broken));
    fake_link_turn(&link);
    expect(GSRELAY_EVENT_CONNECTION_LOST, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_BAD_MESSAGE);
    fake_link_close(&link);
}

static void membership__that_nobody_can_work_with__is_not_taken(void **state)
{
    struct gsrelay_room room;

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct control_membership *membership = &link.relay.membership;

        fake_link_open(&link, NULL);
        gsrelay_io_start(link.client, link.now_ns);
        gsrelay_join_room(link.client, "CDFHJK");
        if (i == 0)
            membership->member = 3; /* Not in the list. */
        else if (i == 1)
            membership->members[0] = 0xFFFF;
        else if (i == 2)
            membership->udp_port = 0;
        else if (i == 3)
            membership->max_datagram = 100;
        else if (i == 4)
            membership->address = (struct wire_bytes){(const uint8_t *)"relay.example", 13};
        else
            membership->code = (struct wire_bytes){(const uint8_t *)"\x1b[2J", 4};
        fake_link_turn(&link);
        expect(GSRELAY_EVENT_CONNECTION_LOST, NULL);
        assert_int_equal(gsrelay_get_room(link.client, &room), GSRELAY_WRONG_STATE);
        fake_link_close(&link);
    }
}

static void events__not_taken__nothing_is_lost_and_the_relay_waits(void **state)
{
    struct control_message message = {.type = CONTROL_NOTICE};
    struct gsrelay_event event;
    uint32_t next = 0;

    (void)state;
    join();
    for (uint32_t i = 0; i < 2000; i++) {
        message.error.limit = i;
        fake_relay_send(&link.relay, &message);
        if (i % 50 == 0)
            fake_link_turn(&link);
        if (link.relay.output_size > 60000)
            break;
        if (i % 500 == 499) {
            while (gsrelay_next_event(link.client, &event))
                assert_int_equal(event.limit, next++);
        }
    }
    for (unsigned i = 0; i < 100; i++) {
        fake_link_turn(&link);
        while (gsrelay_next_event(link.client, &event))
            assert_int_equal(event.limit, next++);
    }
    assert_int_equal(next, message.error.limit + 1);
    assert_int_equal(link.relay.output_size, 0);
    fake_link_close(&link);
}

static void host_changed__to_somebody_not_announced__is_announced_first(void **state)
{
    struct control_message changed = {.type = CONTROL_HOST_CHANGED, .host_changed = {6, 5}};
    struct gsrelay_event event;

    (void)state;
    join();
    (void)fake_link_drain(&link);
    fake_relay_send(&link.relay, &changed);
    fake_link_turn(&link);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_MEMBER_JOINED);
    assert_int_equal(event.member, 6);
    assert_true(gsrelay_next_event(link.client, &event));
    assert_int_equal(event.type, GSRELAY_EVENT_HOST_CHANGED);
    fake_link_close(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs__before_connecting__are_refused),
        cmocka_unit_test(verbs__of_the_host__carry_their_fields),
        cmocka_unit_test(create__with_options__carries_them),
        cmocka_unit_test(arguments__out_of_range__are_refused),
        cmocka_unit_test(down_rate__of_the_options__goes_with_create_and_join),
        cmocka_unit_test(ping__takes_time__it_is_told),
        cmocka_unit_test(leave__answered__room_is_left),
        cmocka_unit_test(request__refused__has_reason_limit_and_time),
        cmocka_unit_test(requests__more_than_sixteen__are_refused_until_answers_come),
        cmocka_unit_test(requests__of_the_library_too__are_never_more_than_the_relay_takes),
        cmocka_unit_test(requests__made_while_connecting__are_sent_in_order),
        cmocka_unit_test(room__allows_more_than_we_have_memory_for__is_left_again),
        cmocka_unit_test(connection__lost_with_requests_out__they_fail_or_are_asked_again),
        cmocka_unit_test(join__answer_lost__resume_finds_the_room),
        cmocka_unit_test(join__asked_again_and_in_the_room_already__the_room_is_found),
        cmocka_unit_test(leave__answer_lost__is_done_after_the_resume),
        cmocka_unit_test(room__changes__each_is_an_event),
        cmocka_unit_test(event__of_an_unknown_type__is_passed_over),
        cmocka_unit_test(message__broken__connection_is_given_up),
        cmocka_unit_test(membership__that_nobody_can_work_with__is_not_taken),
        cmocka_unit_test(events__not_taken__nothing_is_lost_and_the_relay_waits),
        cmocka_unit_test(host_changed__to_somebody_not_announced__is_announced_first),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
