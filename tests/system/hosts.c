/* SPDX-License-Identifier: MIT */

/* hosts.c - hosts that are killed, cut off or silent, and two that both take themselves for it.
 *
 * Run by with_daemon.sh against a relay with room.host_grace = 3s, room.host_silence = 4s.
 *
 * usage: gsrelay_hosts CONTROL_ADDRESS:PORT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/system/trio.h"

static struct trio enter_trio(uint32_t election)
{
    const struct gsrelay_room_options options = {.election = election};
    const struct trio trio = trio_enter(&options);
    struct gsrelay_room room;

    assert_int_equal(gsrelay_get_room(actor_client(trio.player), &room), GSRELAY_OK);
    assert_int_equal(room.election, election);
    trio_forget(&trio);
    return trio;
}

/* This one is told that `host` is host, in the epoch after the one before. */
static void assert_next_host(struct trio *trio, struct actor *told, struct actor *host)
{
    const struct gsrelay_event event = actor_await(told, GSRELAY_EVENT_HOST_CHANGED);

    assert_int_equal(event.host, actor_member(host));
    assert_int_equal(event.host_epoch, trio->epoch + 1);
}

/* What a killed process leaves behind: its connection is reset, and no datagram comes any more. */
static void host__killed__another_is_host_while_it_is_still_a_member(void **state)
{
    struct trio trio = enter_trio(GSRELAY_ELECT_OLDEST);

    (void)state;
    actor_mute(trio.host, true);
    actor_cut(trio.host, ACTOR_CUT_RESET);
    assert_next_host(&trio, trio.player, trio.player);
    assert_next_host(&trio, trio.onlooker, trio.player);
    assert_int_equal(actor_count(trio.player, GSRELAY_EVENT_MEMBER_LEFT), 0);
    actor_await_done(trio.player, gsrelay_lock(actor_client(trio.player), 1));
}

/* Both take themselves for the host: the old one cannot know better. */
static void host__cut_off__what_it_asks_for_comes_to_nothing(void **state)
{
    struct trio trio = enter_trio(GSRELAY_ELECT_OLDEST);
    struct gsrelay_room room;
    int32_t kick;

    (void)state;
    actor_cut(trio.host, ACTOR_CUT_ORDERLY);
    (void)actor_await(trio.host, GSRELAY_EVENT_CONNECTION_LOST);
    kick = gsrelay_kick(actor_client(trio.host), actor_member(trio.onlooker));
    assert_next_host(&trio, trio.onlooker, trio.player);
    assert_next_host(&trio, trio.player, trio.player);
    assert_int_equal(gsrelay_get_room(actor_client(trio.host), &room), GSRELAY_OK);
    assert_int_equal(room.host, room.member);
    actor_await_done(trio.player, gsrelay_set_metadata(actor_client(trio.player), "new", 3));
    /* Its states go on over UDP, as those of a member. */
    actor_send_numbered(trio.host, 5);
    actor_await_numbered(trio.onlooker, trio.host, 5);
    actor_mend(trio.host);
    (void)actor_await(trio.host, GSRELAY_EVENT_RESUMED);
    assert_next_host(&trio, trio.host, trio.player);
    actor_await_refused(trio.host, kick, GSRELAY_REASON_STALE_EPOCH);
    /* Now it knows. */
    actor_await_refused(trio.host,
                        gsrelay_kick(actor_client(trio.host), actor_member(trio.onlooker)),
                        GSRELAY_REASON_NOT_HOST);
    assert_int_equal(actor_count(trio.onlooker, GSRELAY_EVENT_ROOM_LEFT), 0);
    assert_int_equal(actor_count(trio.player, GSRELAY_EVENT_MEMBER_LEFT), 0);
    /* With the role back it may again. */
    actor_await_done(trio.player,
                     gsrelay_hand_over(actor_client(trio.player), actor_member(trio.host)));
    (void)actor_await(trio.host, GSRELAY_EVENT_HOST_CHANGED);
    actor_await_done(trio.host, gsrelay_kick(actor_client(trio.host), actor_member(trio.onlooker)));
}

static void host__cut_off_shortly__stays_host(void **state)
{
    struct trio trio = enter_trio(GSRELAY_ELECT_OLDEST);

    (void)state;
    actor_cut(trio.host, ACTOR_CUT_RESET);
    (void)actor_await(trio.host, GSRELAY_EVENT_CONNECTION_LOST);
    actor_mend(trio.host);
    (void)actor_await(trio.host, GSRELAY_EVENT_RESUMED);
    actor_await_done(trio.host, gsrelay_lock(actor_client(trio.host), 1));
    assert_int_equal(actor_count(trio.player, GSRELAY_EVENT_HOST_CHANGED), 0);
}

static void host__silent_on_udp__loses_the_role_and_hears_of_it(void **state)
{
    struct trio trio = enter_trio(GSRELAY_ELECT_OLDEST);

    (void)state;
    actor_mute(trio.host, true);
    assert_next_host(&trio, trio.host, trio.player);
    assert_next_host(&trio, trio.onlooker, trio.player);
    actor_await_refused(trio.host, gsrelay_lock(actor_client(trio.host), 1),
                        GSRELAY_REASON_NOT_HOST);
    actor_mute(trio.host, false);
    actor_send_numbered(trio.host, 5);
    actor_await_numbered(trio.onlooker, trio.host, 5);
    assert_int_equal(actor_count(trio.onlooker, GSRELAY_EVENT_MEMBER_LEFT), 0);
}

static void host__names_an_heir_and_leaves__the_heir_follows(void **state)
{
    struct trio trio = enter_trio(GSRELAY_ELECT_HEIR);

    (void)state;
    actor_await_refused(trio.player,
                        gsrelay_set_heir(actor_client(trio.player), actor_member(trio.player)),
                        GSRELAY_REASON_NOT_HOST);
    actor_await_done(trio.host,
                     gsrelay_set_heir(actor_client(trio.host), actor_member(trio.onlooker)));
    assert_true(gsrelay_leave(actor_client(trio.host)) > 0);
    assert_next_host(&trio, trio.player, trio.onlooker);
    assert_next_host(&trio, trio.onlooker, trio.onlooker);
    /* Its own choice is not made yet: the oldest is next. */
    assert_true(gsrelay_leave(actor_client(trio.onlooker)) > 0);
    trio.epoch++;
    assert_next_host(&trio, trio.player, trio.player);
}

static void room__by_round_trip__has_a_host_after_the_host(void **state)
{
    struct trio trio = enter_trio(GSRELAY_ELECT_LOWEST_RTT);
    struct gsrelay_event event;

    (void)state;
    actor_await_refused(trio.host,
                        gsrelay_set_heir(actor_client(trio.host), actor_member(trio.player)),
                        GSRELAY_REASON_BAD_VALUE);
    assert_true(gsrelay_leave(actor_client(trio.host)) > 0);
    /* Who is nearer on one machine is anybody's guess. */
    event = actor_await(trio.player, GSRELAY_EVENT_HOST_CHANGED);
    assert_true(event.host == actor_member(trio.player) ||
                event.host == actor_member(trio.onlooker));
    assert_int_equal(actor_await(trio.onlooker, GSRELAY_EVENT_HOST_CHANGED).host, event.host);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, trio_set_up, trio_tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(host__killed__another_is_host_while_it_is_still_a_member),
        TEST(host__cut_off__what_it_asks_for_comes_to_nothing),
        TEST(host__cut_off_shortly__stays_host),
        TEST(host__silent_on_udp__loses_the_role_and_hears_of_it),
        TEST(host__names_an_heir_and_leaves__the_heir_follows),
        TEST(room__by_round_trip__has_a_host_after_the_host),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    if (!trio_take_arguments(argc, argv, "gsrelay_hosts")) {
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
