/* SPDX-License-Identifier: MIT */

/* rooms.c - every verb of a room, through a real relay and as each member sees it.
 *
 * Run by with_daemon.sh against a relay with limits.clients_per_room = 4.
 *
 * usage: gsrelay_rooms CONTROL_ADDRESS:PORT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/system/trio.h"

static void lock__room__refuses_until_unlocked(void **state)
{
    const struct trio trio = trio_enter(NULL);
    struct actor *late = actor_connect();
    struct gsrelay_client *host = actor_client(trio.host);

    (void)state;
    actor_await_refused(trio.player, gsrelay_lock(actor_client(trio.player), 1),
                        GSRELAY_REASON_NOT_HOST);
    actor_await_done(trio.host, gsrelay_lock(host, 1));
    assert_int_equal(actor_await(trio.player, GSRELAY_EVENT_LOCK).flags, GSRELAY_EVENT_LOCKED);
    actor_await_refused(late, gsrelay_join_room(actor_client(late), trio.code),
                        GSRELAY_REASON_ROOM_LOCKED);
    actor_await_done(trio.host, gsrelay_lock(host, 0));
    assert_int_equal(actor_await(trio.player, GSRELAY_EVENT_LOCK).flags, 0);
    assert_true(gsrelay_join_room(actor_client(late), trio.code) > 0);
    (void)actor_await(late, GSRELAY_EVENT_ROOM_JOINED);
}

static void kick__member__leaves_and_may_come_back(void **state)
{
    const struct trio trio = trio_enter(NULL);
    struct gsrelay_event event;

    (void)state;
    actor_await_refused(trio.player,
                        gsrelay_kick(actor_client(trio.player), actor_member(trio.onlooker)),
                        GSRELAY_REASON_NOT_HOST);
    actor_await_refused(trio.host, gsrelay_kick(actor_client(trio.host), 0x7777),
                        GSRELAY_REASON_NO_SUCH_MEMBER);
    actor_await_done(trio.host, gsrelay_kick(actor_client(trio.host), actor_member(trio.player)));
    assert_int_equal(actor_await(trio.player, GSRELAY_EVENT_ROOM_LEFT).reason,
                     GSRELAY_REASON_KICKED);
    event = actor_await(trio.onlooker, GSRELAY_EVENT_MEMBER_LEFT);
    assert_int_equal(event.member, actor_member(trio.player));
    assert_int_equal(event.reason, GSRELAY_REASON_KICKED);
    /* The session goes on; the member is a new one. */
    actor_forget(trio.player);
    assert_true(gsrelay_join_room(actor_client(trio.player), trio.code) > 0);
    (void)actor_await(trio.player, GSRELAY_EVENT_ROOM_JOINED);
    assert_int_not_equal(actor_member(trio.player), event.member);
}

static void hand_over__to_player__everybody_knows_the_new_host(void **state)
{
    const struct trio trio = trio_enter(NULL);
    struct actor *all[] = {trio.host, trio.player, trio.onlooker};
    struct gsrelay_room room;

    (void)state;
    assert_int_equal(gsrelay_get_room(actor_client(trio.host), &room), GSRELAY_OK);
    actor_await_done(trio.host,
                     gsrelay_hand_over(actor_client(trio.host), actor_member(trio.player)));
    for (unsigned i = 0; i < 3; i++) {
        const struct gsrelay_event event = actor_await(all[i], GSRELAY_EVENT_HOST_CHANGED);

        assert_int_equal(event.host, actor_member(trio.player));
        assert_true(event.host_epoch > room.host_epoch);
    }
    actor_await_refused(trio.host, gsrelay_lock(actor_client(trio.host), 1),
                        GSRELAY_REASON_NOT_HOST);
    actor_await_done(trio.player, gsrelay_lock(actor_client(trio.player), 0));
    /* What is sent to the host goes to the new one alone. */
    actor_forget(trio.onlooker);
    assert_int_equal(gsrelay_send(actor_client(trio.host), GSRELAY_TO_HOST, 1, 0, "to you", 6),
                     GSRELAY_OK);
    assert_int_equal(actor_await(trio.player, GSRELAY_EVENT_STATE).size, 6);
    actors_turns(20);
    assert_int_equal(actor_count(trio.onlooker, GSRELAY_EVENT_STATE), 0);
}

static void leave__host_and_all__the_oldest_follows_and_the_code_lives(void **state)
{
    const struct trio trio = trio_enter(NULL);
    struct gsrelay_event event;

    (void)state;
    assert_true(gsrelay_leave(actor_client(trio.host)) > 0);
    assert_int_equal(actor_await(trio.host, GSRELAY_EVENT_ROOM_LEFT).reason, GSRELAY_REASON_LEFT);
    assert_int_equal(actor_await(trio.onlooker, GSRELAY_EVENT_MEMBER_LEFT).reason,
                     GSRELAY_REASON_LEFT);
    assert_int_equal(actor_await(trio.onlooker, GSRELAY_EVENT_HOST_CHANGED).host,
                     actor_member(trio.player));
    assert_int_equal(gsrelay_disconnect(actor_client(trio.player)), GSRELAY_OK);
    assert_int_equal(actor_await(trio.player, GSRELAY_EVENT_DISCONNECTED).reason,
                     GSRELAY_REASON_LEFT);
    assert_int_equal(actor_await(trio.onlooker, GSRELAY_EVENT_HOST_CHANGED).host,
                     actor_member(trio.onlooker));
    assert_true(gsrelay_leave(actor_client(trio.onlooker)) > 0);
    (void)actor_await(trio.onlooker, GSRELAY_EVENT_ROOM_LEFT);
    /* An empty room keeps its code for room.empty_ttl; who comes first is its host. */
    assert_true(gsrelay_join_room(actor_client(trio.host), trio.code) > 0);
    event = actor_await(trio.host, GSRELAY_EVENT_ROOM_JOINED);
    if (event.host == 0) {
        event = actor_await(trio.host, GSRELAY_EVENT_HOST_CHANGED);
    }
    assert_int_equal(event.host, actor_member(trio.host));
}

static void metadata__set_by_the_host__reaches_all_and_who_comes_later(void **state)
{
    const struct trio trio = trio_enter(NULL);
    static const char text[] = "map=\0forest";
    struct gsrelay_event event;
    struct actor *late;

    (void)state;
    actor_await_refused(trio.player, gsrelay_set_metadata(actor_client(trio.player), "no", 2),
                        GSRELAY_REASON_NOT_HOST);
    actor_await_done(trio.host, gsrelay_set_metadata(actor_client(trio.host), text, sizeof(text)));
    event = actor_await(trio.onlooker, GSRELAY_EVENT_METADATA);
    assert_int_equal(event.size, sizeof(text));
    assert_memory_equal(event.bytes, text, sizeof(text));
    late = actor_connect();
    assert_true(gsrelay_join_room(actor_client(late), trio.code) > 0);
    event = actor_await(late, GSRELAY_EVENT_ROOM_JOINED);
    assert_int_equal(event.size, sizeof(text));
    assert_memory_equal(event.bytes, text, sizeof(text));
}

static void join__full_room__is_refused_with_the_limit(void **state)
{
    const struct trio trio = trio_enter(NULL);
    struct actor *fourth = actor_enter(trio.code);
    struct actor *fifth = actor_connect();
    struct gsrelay_event event;

    (void)state;
    assert_true(gsrelay_join_room(actor_client(fifth), trio.code) > 0);
    event = actor_await(fifth, GSRELAY_EVENT_REQUEST_FAILED);
    assert_int_equal(event.reason, GSRELAY_REASON_ROOM_FULL);
    assert_int_equal(event.limit, 4);
    assert_int_equal(gsrelay_disconnect(actor_client(fourth)), GSRELAY_OK);
    (void)actor_await(trio.host, GSRELAY_EVENT_MEMBER_LEFT);
    assert_true(gsrelay_join_room(actor_client(fifth), trio.code) > 0);
    (void)actor_await(fifth, GSRELAY_EVENT_ROOM_JOINED);
    actor_await_refused(fifth, gsrelay_join_room(actor_client(fifth), trio.code),
                        GSRELAY_REASON_ALREADY_IN_ROOM);
}

static void groups__subscribed__get_what_is_for_them(void **state)
{
    const struct trio trio = trio_enter(NULL);
    struct gsrelay_client *host = actor_client(trio.host);
    struct actor *outside = actor_connect();

    (void)state;
    actor_await_refused(outside, gsrelay_subscribe(actor_client(outside), 1),
                        GSRELAY_REASON_NOT_IN_ROOM);
    actor_await_done(trio.player,
                     gsrelay_subscribe(actor_client(trio.player), UINT64_C(1) << 63 | 1));
    actor_await_done(trio.onlooker, gsrelay_subscribe(actor_client(trio.onlooker), 2));
    assert_int_equal(gsrelay_send(host, GSRELAY_TO_GROUP(64), 1, 0, "x", 1), GSRELAY_INVALID);
    assert_int_equal(gsrelay_send(host, GSRELAY_TO_GROUP(63), 1, GSRELAY_RETAIN, "x", 1),
                     GSRELAY_INVALID);
    assert_int_equal(gsrelay_send(host, GSRELAY_TO_GROUP(63), 1, 0, "63", 2), GSRELAY_OK);
    assert_int_equal(gsrelay_send(host, GSRELAY_TO_GROUP(1), 2, 0, "1", 1), GSRELAY_OK);
    assert_int_equal(actor_await(trio.player, GSRELAY_EVENT_STATE).stream, 1);
    assert_int_equal(actor_await(trio.onlooker, GSRELAY_EVENT_STATE).stream, 2);
    actors_turns(20);
    assert_int_equal(actor_count(trio.player, GSRELAY_EVENT_STATE), 0);
    assert_int_equal(actor_count(trio.onlooker, GSRELAY_EVENT_STATE), 0);
}

static void send_live(struct actor *actor, unsigned number)
{
    const uint8_t live[2] = {'l', (uint8_t)number};

    assert_int_equal(gsrelay_send(actor_client(actor), GSRELAY_TO_ALL, 3, 0, live, sizeof(live)),
                     GSRELAY_OK);
}

/* Two retained streams of the host, and a third that goes on live while somebody joins. */
static void retained__late_joiner__gets_the_newest_with_its_age_first(void **state)
{
    const struct trio trio = trio_enter(NULL);
    struct gsrelay_client *host = actor_client(trio.host);
    struct gsrelay_event event;
    struct actor *late;
    unsigned seen = 0;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(
            gsrelay_send(host, GSRELAY_TO_ALL, 1, GSRELAY_RETAIN, i == 0 ? "v1" : "v2", 2), 0);
        event = actor_await(trio.player, GSRELAY_EVENT_STATE);
        assert_int_equal(event.bytes[1], '1' + i);
    }
    assert_int_equal(gsrelay_send(host, GSRELAY_TO_ALL, 2, GSRELAY_RETAIN, "w", 1), 0);
    assert_int_equal(actor_await(trio.player, GSRELAY_EVENT_STATE).stream, 2);
    actors_turns(60); /* At least 60 ms, which is what the age must be. */

    late = actor_connect();
    assert_true(gsrelay_join_room(actor_client(late), trio.code) > 0);
    for (unsigned i = 0; actor_count(late, GSRELAY_EVENT_STATE) < 3; i++) {
        if (i % 10 == 0 && i < 1000) {
            send_live(trio.host, i / 10);
        }
        assert_true(i < 60000);
        actors_turn();
    }
    for (unsigned i = 0; i < 2; i++) {
        event = actor_await(late, GSRELAY_EVENT_STATE);
        assert_int_equal(event.flags, GSRELAY_EVENT_RETAINED);
        assert_int_equal(event.member, actor_member(trio.host));
        assert_true(event.age_ms >= 60);
        assert_true(event.stream == 1 || event.stream == 2);
        if (event.stream == 1) {
            assert_memory_equal(event.bytes, "v2", 2);
        }
        seen |= 1u << event.stream;
    }
    assert_int_equal(seen, 6);
    assert_int_equal(actor_await(late, GSRELAY_EVENT_STATE).stream, 3);

    /* With its sender a retained state goes. */
    assert_true(gsrelay_leave(host) > 0);
    (void)actor_await(trio.player, GSRELAY_EVENT_MEMBER_LEFT);
    late = actor_enter(trio.code);
    actors_turns(50);
    assert_int_equal(actor_count(late, GSRELAY_EVENT_STATE), 0);
}

int main(int argc, char **argv)
{
#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, trio_set_up, trio_tear_down)
    const struct CMUnitTest tests[] = {
        ROOM_TEST(lock__room__refuses_until_unlocked),
        ROOM_TEST(kick__member__leaves_and_may_come_back),
        ROOM_TEST(hand_over__to_player__everybody_knows_the_new_host),
        ROOM_TEST(leave__host_and_all__the_oldest_follows_and_the_code_lives),
        ROOM_TEST(metadata__set_by_the_host__reaches_all_and_who_comes_later),
        ROOM_TEST(join__full_room__is_refused_with_the_limit),
        ROOM_TEST(groups__subscribed__get_what_is_for_them),
        ROOM_TEST(retained__late_joiner__gets_the_newest_with_its_age_first),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    if (!trio_take_arguments(argc, argv, "gsrelay_rooms")) {
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
