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

#include "tests/system/actor.h"

static struct addr control_address;

static int open_all(void **state)
{
    (void)state;
    actors_open(&control_address);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    actors_close();
    return 0;
}

/* Host, player and onlooker, who know each other; what led there is forgotten. */
struct trio {
    struct actor *host;
    struct actor *player;
    struct actor *onlooker;
    uint32_t epoch;
};

static struct trio enter_trio(uint32_t election)
{
    const struct gsrelay_room_options options = {.election = election};
    struct trio trio = {.host = actor_connect()};
    struct gsrelay_room room;

    assert_true(gsrelay_create_room(actor_client(trio.host), &options) > 0);
    trio.epoch = actor_await(trio.host, GSRELAY_EVENT_ROOM_JOINED).host_epoch;
    (void)actor_await(trio.host, GSRELAY_EVENT_UDP_BOUND);
    trio.player = actor_enter(actor_code(trio.host));
    trio.onlooker = actor_enter(actor_code(trio.host));
    (void)actor_await(trio.host, GSRELAY_EVENT_MEMBER_JOINED);
    (void)actor_await(trio.host, GSRELAY_EVENT_MEMBER_JOINED);
    (void)actor_await(trio.player, GSRELAY_EVENT_MEMBER_JOINED);
    (void)actor_await(trio.player, GSRELAY_EVENT_MEMBER_JOINED);
    assert_int_equal(gsrelay_get_room(actor_client(trio.player), &room), GSRELAY_OK);
    assert_int_equal(room.election, election);
    actor_forget(trio.host);
    actor_forget(trio.player);
    actor_forget(trio.onlooker);
    return trio;
}

/* This one is told that `host` is host, in the epoch after the one before. */
static void assert_next_host(struct trio *trio, struct actor *told, struct actor *host)
{
    const struct gsrelay_event event = actor_await(told, GSRELAY_EVENT_HOST_CHANGED);

    assert_int_equal(event.host, actor_member(host));
    assert_int_equal(event.host_epoch, trio->epoch + 1);
}

static void assert_refused(struct actor *actor, int32_t request, enum gsrelay_reason reason)
{
    struct gsrelay_event event;

    assert_true(request > 0);
    event = actor_await(actor, GSRELAY_EVENT_REQUEST_FAILED);
    assert_int_equal(event.request, request);
    assert_string_equal(gsrelay_reason_name(event.reason), gsrelay_reason_name(reason));
}

static void assert_done(struct actor *actor, int32_t request)
{
    assert_true(request > 0);
    assert_int_equal(actor_await(actor, GSRELAY_EVENT_REQUEST_DONE).request, request);
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
    assert_done(trio.player, gsrelay_lock(actor_client(trio.player), 1));
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
    assert_done(trio.player, gsrelay_set_metadata(actor_client(trio.player), "new", 3));
    /* Its states go on over UDP, as those of a member. */
    actor_send_numbered(trio.host, 5);
    actor_await_numbered(trio.onlooker, trio.host, 5);
    actor_mend(trio.host);
    (void)actor_await(trio.host, GSRELAY_EVENT_RESUMED);
    assert_next_host(&trio, trio.host, trio.player);
    assert_refused(trio.host, kick, GSRELAY_REASON_STALE_EPOCH);
    /* Now it knows. */
    assert_refused(trio.host, gsrelay_kick(actor_client(trio.host), actor_member(trio.onlooker)),
                   GSRELAY_REASON_NOT_HOST);
    assert_int_equal(actor_count(trio.onlooker, GSRELAY_EVENT_ROOM_LEFT), 0);
    assert_int_equal(actor_count(trio.player, GSRELAY_EVENT_MEMBER_LEFT), 0);
    /* With the role back it may again. */
    assert_done(trio.player, gsrelay_hand_over(actor_client(trio.player), actor_member(trio.host)));
    (void)actor_await(trio.host, GSRELAY_EVENT_HOST_CHANGED);
    assert_done(trio.host, gsrelay_kick(actor_client(trio.host), actor_member(trio.onlooker)));
}

static void host__cut_off_shortly__stays_host(void **state)
{
    struct trio trio = enter_trio(GSRELAY_ELECT_OLDEST);

    (void)state;
    actor_cut(trio.host, ACTOR_CUT_RESET);
    (void)actor_await(trio.host, GSRELAY_EVENT_CONNECTION_LOST);
    actor_mend(trio.host);
    (void)actor_await(trio.host, GSRELAY_EVENT_RESUMED);
    assert_done(trio.host, gsrelay_lock(actor_client(trio.host), 1));
    assert_int_equal(actor_count(trio.player, GSRELAY_EVENT_HOST_CHANGED), 0);
}

static void host__silent_on_udp__loses_the_role_and_hears_of_it(void **state)
{
    struct trio trio = enter_trio(GSRELAY_ELECT_OLDEST);

    (void)state;
    actor_mute(trio.host, true);
    assert_next_host(&trio, trio.host, trio.player);
    assert_next_host(&trio, trio.onlooker, trio.player);
    assert_refused(trio.host, gsrelay_lock(actor_client(trio.host), 1), GSRELAY_REASON_NOT_HOST);
    actor_mute(trio.host, false);
    actor_send_numbered(trio.host, 5);
    actor_await_numbered(trio.onlooker, trio.host, 5);
    assert_int_equal(actor_count(trio.onlooker, GSRELAY_EVENT_MEMBER_LEFT), 0);
}

static void host__names_an_heir_and_leaves__the_heir_follows(void **state)
{
    struct trio trio = enter_trio(GSRELAY_ELECT_HEIR);

    (void)state;
    assert_refused(trio.player,
                   gsrelay_set_heir(actor_client(trio.player), actor_member(trio.player)),
                   GSRELAY_REASON_NOT_HOST);
    assert_done(trio.host, gsrelay_set_heir(actor_client(trio.host), actor_member(trio.onlooker)));
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
    assert_refused(trio.host, gsrelay_set_heir(actor_client(trio.host), actor_member(trio.player)),
                   GSRELAY_REASON_BAD_VALUE);
    assert_true(gsrelay_leave(actor_client(trio.host)) > 0);
    /* Who is nearer on one machine is anybody's guess. */
    event = actor_await(trio.player, GSRELAY_EVENT_HOST_CHANGED);
    assert_true(event.host == actor_member(trio.player) ||
                event.host == actor_member(trio.onlooker));
    assert_int_equal(actor_await(trio.onlooker, GSRELAY_EVENT_HOST_CHANGED).host, event.host);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

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
    if (argc != 2 || addr_parse(argv[1], strlen(argv[1]), &control_address) < 0) {
        (void)fprintf(stderr, "usage: gsrelay_hosts ADDRESS:PORT\n");
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
