/* SPDX-License-Identifier: MIT */

/* blob.c - hosts leave 64 KiB with the relay, are killed, and others are host after them.
 *
 * Run by with_daemon.sh against a relay with room.blob_bytes = 64KiB, room.host_grace = 1s.
 *
 * usage: gsrelay_blob CONTROL_ADDRESS:PORT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/system/trio.h"

static uint8_t saved[GSRELAY_BLOB_MAX];
static uint8_t got[GSRELAY_BLOB_MAX];

static void fill(uint32_t seed)
{
    for (size_t i = 0; i < sizeof(saved); i++) {
        seed = seed * 1664525u + 1013904223u;
        saved[i] = (uint8_t)(seed >> 24);
    }
}

static struct trio enter_trio(void)
{
    const struct trio trio = trio_enter(NULL);

    trio_forget(&trio);
    return trio;
}

static void leave_blob(struct actor *actor, size_t size)
{
    const int32_t request = gsrelay_set_blob(actor_client(actor), saved, size);

    actor_await_done(actor, request);
}

static void kill_actor(struct actor *actor)
{
    actor_mute(actor, true);
    actor_cut(actor, ACTOR_CUT_RESET);
}

/* Waits until this one is host and has what was left for it. */
static void assert_gets(struct actor *actor, size_t size)
{
    assert_int_equal(actor_await(actor, GSRELAY_EVENT_HOST_CHANGED).host, actor_member(actor));
    assert_int_equal(actor_await(actor, GSRELAY_EVENT_BLOB).blob_bytes, size);
    assert_int_equal(gsrelay_get_blob(actor_client(actor), got, sizeof(got)), size);
    assert_memory_equal(got, saved, size);
}

static void blob__host_is_killed__next_one_gets_it_byte_for_byte(void **state)
{
    const struct trio trio = enter_trio();

    (void)state;
    fill(1);
    leave_blob(trio.host, sizeof(saved));
    kill_actor(trio.host);
    assert_gets(trio.player, sizeof(saved));
    assert_int_equal(actor_count(trio.onlooker, GSRELAY_EVENT_BLOB), 0);
    fill(2);
    leave_blob(trio.player, 4321);
    kill_actor(trio.player);
    (void)actor_await(trio.onlooker, GSRELAY_EVENT_HOST_CHANGED);
    assert_gets(trio.onlooker, 4321);
}

static void blob__none_left__new_host_is_told_so(void **state)
{
    const struct trio trio = enter_trio();

    (void)state;
    assert_true(gsrelay_leave(actor_client(trio.host)) > 0);
    assert_gets(trio.player, 0);
}

/* Killed in the middle of an upload: the one before counts, or all of the new one, never a part. */
static void blob__host_is_killed_on_the_way__never_a_part(void **state)
{
    (void)state;
    for (unsigned turns = 0; turns < 6; turns++) {
        const struct trio trio = enter_trio();
        uint32_t size;

        fill(3);
        leave_blob(trio.host, 20000);
        fill(4);
        assert_true(gsrelay_set_blob(actor_client(trio.host), saved, sizeof(saved)) > 0);
        actors_turns(turns);
        kill_actor(trio.host);
        assert_int_equal(actor_await(trio.player, GSRELAY_EVENT_HOST_CHANGED).host,
                         actor_member(trio.player));
        size = actor_await(trio.player, GSRELAY_EVENT_BLOB).blob_bytes;
        assert_true(size == 20000 || size == sizeof(saved));
        fill(size == 20000 ? 3 : 4);
        assert_int_equal(gsrelay_get_blob(actor_client(trio.player), got, sizeof(got)), size);
        assert_memory_equal(got, saved, size);
        (void)trio_tear_down(NULL);
        (void)trio_set_up(NULL);
    }
}

/* The new host's connection breaks while the blob is on its way, or right behind it. */
static void blob__new_host_is_cut_off__has_it_after_the_resume(void **state)
{
    const struct trio trio = enter_trio();

    (void)state;
    fill(5);
    leave_blob(trio.host, sizeof(saved));
    actor_shrink(trio.player);
    actor_deafen(trio.player, true);
    assert_true(gsrelay_hand_over(actor_client(trio.host), actor_member(trio.player)) > 0);
    (void)actor_await(trio.onlooker, GSRELAY_EVENT_HOST_CHANGED);
    actor_cut(trio.player, ACTOR_CUT_RESET);
    actor_deafen(trio.player, false);
    actor_mend(trio.player);
    (void)actor_await(trio.player, GSRELAY_EVENT_RESUMED);
    assert_gets(trio.player, sizeof(saved));
}

static void blob__too_large__is_refused_with_the_limit(void **state)
{
    const struct trio trio = enter_trio();
    struct gsrelay_event event;

    (void)state;
    assert_int_equal(gsrelay_set_blob(actor_client(trio.host), saved, GSRELAY_BLOB_MAX + 1),
                     GSRELAY_TOO_LARGE);
    assert_true(gsrelay_set_blob(actor_client(trio.player), saved, 100) > 0);
    event = actor_await(trio.player, GSRELAY_EVENT_REQUEST_FAILED);
    assert_int_equal(event.reason, GSRELAY_REASON_NOT_HOST);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, trio_set_up, trio_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(blob__host_is_killed__next_one_gets_it_byte_for_byte),
        TEST(blob__none_left__new_host_is_told_so),
        TEST(blob__host_is_killed_on_the_way__never_a_part),
        TEST(blob__new_host_is_cut_off__has_it_after_the_resume),
        TEST(blob__too_large__is_refused_with_the_limit),
    };
#undef TEST

    setvbuf(stdout, NULL, _IONBF, 0);
    if (!trio_take_arguments(argc, argv, "gsrelay_blob")) {
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
