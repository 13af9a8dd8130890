/* SPDX-License-Identifier: MIT */

/* resume.c - members whose TCP breaks, whose address changes, or who fall silent, in mid-game.
 *
 * Run by with_daemon.sh against a relay with control.resume_grace = 3s, udp.session_idle = 5s,
 * udp.bind_timeout = 1s; hosts stay hosts (hosts.c has those that do not).
 *
 * usage: gsrelay_resume CONTROL_ADDRESS:PORT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/system/trio.h"

static struct trio enter_trio(void)
{
    const struct trio trio = trio_enter(NULL);

    trio_forget(&trio);
    return trio;
}

static void assert_undisturbed(const struct actor *actor)
{
    assert_int_equal(actor_count(actor, GSRELAY_EVENT_MEMBER_LEFT), 0);
    assert_int_equal(actor_count(actor, GSRELAY_EVENT_HOST_CHANGED), 0);
    assert_int_equal(actor_count(actor, GSRELAY_EVENT_ROOM_LEFT), 0);
    assert_int_equal(actor_count(actor, GSRELAY_EVENT_SESSION_LOST), 0);
}

/* The host or the player of a trio loses its connection and comes back. */
static void break_and_resume(bool is_host, enum actor_cut how)
{
    const struct trio trio = enter_trio();
    struct actor *broken = is_host ? trio.host : trio.player;
    struct actor *other = is_host ? trio.player : trio.host;
    const uint16_t member = actor_member(broken);
    struct gsrelay_room room;
    struct actor *late;

    actor_cut(broken, how);
    (void)actor_await(broken, GSRELAY_EVENT_CONNECTION_LOST);
    actor_send_numbered(broken, 20);
    actor_await_numbered(other, broken, 20);
    actor_await_numbered(trio.onlooker, broken, 20);
    actor_send_numbered(other, 20);
    actor_await_numbered(broken, other, 20);
    actor_await_numbered(trio.onlooker, other, 20);

    /* What happens in the room meanwhile is known after the resume. */
    late = actor_enter(trio.code);
    assert_int_equal(actor_count(broken, GSRELAY_EVENT_RESUMED), 0);
    actor_mend(broken);
    (void)actor_await(broken, GSRELAY_EVENT_RESUMED);
    assert_int_equal(actor_await(broken, GSRELAY_EVENT_MEMBER_JOINED).member, actor_member(late));

    assert_int_equal(gsrelay_get_room(actor_client(broken), &room), GSRELAY_OK);
    assert_int_equal(room.member, member);
    assert_string_equal(room.code, trio.code);
    assert_int_equal(room.host, actor_member(trio.host));
    assert_int_equal(room.member_count, 4);
    assert_undisturbed(broken);
    assert_undisturbed(other);
    assert_undisturbed(trio.onlooker);

    /* The connection is whole again, both ways, and so is the game. */
    assert_true(gsrelay_ping(actor_client(broken)) > 0);
    (void)actor_await(broken, GSRELAY_EVENT_REQUEST_DONE);
    actor_send_numbered(broken, 3);
    actor_await_numbered(late, broken, 3);
    assert_true(gsrelay_leave(actor_client(broken)) > 0);
    assert_int_equal(actor_await(trio.onlooker, GSRELAY_EVENT_MEMBER_LEFT).reason,
                     GSRELAY_REASON_LEFT);
}

static void resume__player_closes__keeps_its_place(void **state)
{
    (void)state;
    break_and_resume(false, ACTOR_CUT_ORDERLY);
}

static void resume__host_is_reset__keeps_its_place(void **state)
{
    (void)state;
    break_and_resume(true, ACTOR_CUT_RESET);
}

static void resume__again_and_again__keeps_its_place(void **state)
{
    const struct trio trio = enter_trio();

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        actor_cut(trio.player, i % 2 == 0 ? ACTOR_CUT_RESET : ACTOR_CUT_ORDERLY);
        actor_mend(trio.player);
        (void)actor_await(trio.player, GSRELAY_EVENT_RESUMED);
    }
    actor_send_numbered(trio.player, 3);
    actor_await_numbered(trio.host, trio.player, 3);
    assert_undisturbed(trio.host);
    assert_undisturbed(trio.player);
}

static void address__port_changes_in_mid_game__goes_on(void **state)
{
    const struct trio trio = enter_trio();

    (void)state;
    actor_send_numbered(trio.player, 10);
    actor_await_numbered(trio.host, trio.player, 10);
    actor_move(trio.player);
    actor_send_numbered(trio.player, 30);
    actor_await_numbered(trio.host, trio.player, 30);
    actor_await_numbered(trio.onlooker, trio.player, 10);
    actor_await_numbered(trio.onlooker, trio.player, 30);

    /* The relay has seen the new address by now, or will: then everything comes down again. */
    (void)actor_await(trio.player, GSRELAY_EVENT_UDP_BOUND);
    actor_send_numbered(trio.host, 10);
    actor_await_numbered(trio.player, trio.host, 10);
    assert_undisturbed(trio.host);
    assert_undisturbed(trio.player);
}

/* Three ways to be given up, all at once because each takes its seconds. */
static void silence__of_each_kind__leaves_with_its_reason(void **state)
{
    const struct trio trio = enter_trio();
    struct actor *never_bound = actor_connect();
    struct gsrelay_event event;

    (void)state;
    actor_mute(never_bound, true);
    assert_true(gsrelay_join_room(actor_client(never_bound), trio.code) > 0);
    (void)actor_await(never_bound, GSRELAY_EVENT_ROOM_JOINED);
    actor_cut(trio.player, ACTOR_CUT_ORDERLY);
    actor_mute(trio.onlooker, true);

    event = actor_await(trio.host, GSRELAY_EVENT_MEMBER_LEFT);
    assert_int_equal(event.member, actor_member(never_bound));
    assert_int_equal(event.reason, GSRELAY_REASON_BIND_TIMEOUT);
    event = actor_await(trio.host, GSRELAY_EVENT_MEMBER_LEFT);
    assert_int_equal(event.member, actor_member(trio.player));
    assert_int_equal(event.reason, GSRELAY_REASON_CONTROL_LOST);
    event = actor_await(trio.host, GSRELAY_EVENT_MEMBER_LEFT);
    assert_int_equal(event.member, actor_member(trio.onlooker));
    assert_int_equal(event.reason, GSRELAY_REASON_UDP_IDLE);

    /* They are told too, and the one that comes back too late begins anew. */
    assert_int_equal(actor_await(never_bound, GSRELAY_EVENT_ROOM_LEFT).reason,
                     GSRELAY_REASON_BIND_TIMEOUT);
    assert_int_equal(actor_await(trio.onlooker, GSRELAY_EVENT_ROOM_LEFT).reason,
                     GSRELAY_REASON_UDP_IDLE);
    actor_mend(trio.player);
    (void)actor_await(trio.player, GSRELAY_EVENT_SESSION_LOST);
    (void)actor_await(trio.player, GSRELAY_EVENT_CONNECTED);
    actor_mute(trio.onlooker, false);
    assert_true(gsrelay_join_room(actor_client(trio.onlooker), trio.code) > 0);
    (void)actor_await(trio.onlooker, GSRELAY_EVENT_UDP_BOUND);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(resume__player_closes__keeps_its_place, trio_set_up,
                                        trio_tear_down),
        cmocka_unit_test_setup_teardown(resume__host_is_reset__keeps_its_place, trio_set_up,
                                        trio_tear_down),
        cmocka_unit_test_setup_teardown(resume__again_and_again__keeps_its_place, trio_set_up,
                                        trio_tear_down),
        cmocka_unit_test_setup_teardown(address__port_changes_in_mid_game__goes_on, trio_set_up,
                                        trio_tear_down),
        cmocka_unit_test_setup_teardown(silence__of_each_kind__leaves_with_its_reason, trio_set_up,
                                        trio_tear_down),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    if (!trio_take_arguments(argc, argv, "gsrelay_resume")) {
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
