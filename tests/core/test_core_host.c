/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "daemon/core/core_internal.h"
#include "host_world.h"
#include "proto/control_message.h"
#include "proto/retained.h"

/* Who is host, and who follows. */

/* --- The rules ------------------------------------------------------------------------------- */

static void oldest__host_leaves__first_of_the_others_follows(void **state)
{
    struct host_world world;
    (void)state;

    host_world_open(&world, ELECTION_OLDEST);
    host_world_slot(&world, 3)->quality.rtt_ns = 1; /* Of no account here. */
    host_world_command(&world, 0, COMMAND_LEAVE);
    host_world_expect(&world, 1, 2);
    host_world_command(&world, 2, COMMAND_LEAVE);
    host_world_command(&world, 1, COMMAND_LEAVE);
    host_world_expect(&world, 3, 3);
    fixture_close(&world.f);
}

static void lowest_rtt__host_leaves__shortest_then_oldest_then_unmeasured(void **state)
{
    struct host_world world;
    (void)state;

    host_world_open(&world, ELECTION_LOWEST_RTT);
    host_world_slot(&world, 2)->quality.rtt_ns = 30 * MS;
    host_world_slot(&world, 3)->quality.rtt_ns = 20 * MS;
    host_world_command(&world, 0, COMMAND_LEAVE);
    host_world_expect(&world, 3, 2);
    host_world_command(&world, 3, COMMAND_LEAVE);
    host_world_expect(&world, 2, 3); /* Client 1 is older and not measured. */
    host_world_command(&world, 2, COMMAND_LEAVE);
    host_world_expect(&world, 1, 4);
    fixture_close(&world.f);

    host_world_open(&world, ELECTION_LOWEST_RTT);
    for (unsigned number = 0; number < CLIENTS; number++) {
        host_world_slot(&world, number)->quality.rtt_ns = 20 * MS;
    }
    host_world_command(&world, 0, COMMAND_LEAVE);
    host_world_expect(&world, 1, 2);
    fixture_close(&world.f);
}

static enum reason set_heir(struct host_world *world, unsigned number, uint16_t member)
{
    struct command entry = client_command(&world->clients[number], COMMAND_SET_HEIR);
    const struct event *answer = NULL;

    entry.member = member;
    fixture_forget(&world->f);
    fixture_command(&world->f, &entry);
    assert_int_equal(world->f.event_count, 1);
    answer = &world->f.events[0];
    assert_true(answer->answer);
    return answer->type == EVENT_DONE ? REASON_NONE : answer->reason;
}

static void heir__named_or_not__follows_or_the_oldest_does(void **state)
{
    struct host_world world;
    (void)state;

    host_world_open(&world, ELECTION_HEIR);
    assert_int_equal(set_heir(&world, 0, world.clients[3].member), REASON_NONE);
    host_world_command(&world, 0, COMMAND_LEAVE);
    host_world_expect(&world, 3, 2);
    /* The choice was that of the host before: this one has made none. */
    host_world_command(&world, 3, COMMAND_LEAVE);
    host_world_expect(&world, 1, 3);
    world.clients[1].host_epoch = 3;
    assert_int_equal(set_heir(&world, 1, world.clients[2].member), REASON_NONE);
    assert_int_equal(set_heir(&world, 1, 0), REASON_NONE);
    assert_int_equal(host_world_room(&world)->heir, MEMBER_NONE);
    fixture_close(&world.f);
}

static void heir__that_left_or_is_out_of_reach__is_passed_over(void **state)
{
    struct host_world world;
    (void)state;

    host_world_open(&world, ELECTION_HEIR);
    assert_int_equal(set_heir(&world, 0, world.clients[2].member), REASON_NONE);
    host_world_command(&world, 2, COMMAND_LEAVE);
    assert_int_equal(host_world_room(&world)->heir, MEMBER_NONE);
    assert_int_equal(set_heir(&world, 0, world.clients[3].member), REASON_NONE);
    host_world_command(&world, 3, COMMAND_CONTROL_LOST);
    host_world_command(&world, 0, COMMAND_LEAVE);
    host_world_expect(&world, 1, 2);
    fixture_close(&world.f);
}

static void set_heir__wrong__is_refused(void **state)
{
    struct host_world world;
    (void)state;

    host_world_open(&world, ELECTION_HEIR);
    assert_int_equal(set_heir(&world, 0, world.clients[0].member), REASON_NO_SUCH_MEMBER);
    assert_int_equal(set_heir(&world, 0, 0x7777), REASON_NO_SUCH_MEMBER);
    assert_int_equal(set_heir(&world, 1, world.clients[2].member), REASON_NOT_HOST);
    world.clients[0].host_epoch = 0;
    assert_int_equal(set_heir(&world, 0, world.clients[2].member), REASON_STALE_EPOCH);
    fixture_close(&world.f);
    host_world_open(&world, ELECTION_OLDEST);
    assert_int_equal(set_heir(&world, 0, world.clients[2].member), REASON_BAD_VALUE);
    fixture_close(&world.f);
}

/* --- Who can be elected ---------------------------------------------------------------------- */

static void election__unbound_silent_or_without_control__come_last_or_never(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct host_world world;
    (void)state;

    /* Client 1 has lost control, 2 is not bound, 3 is well. */
    host_world_open_with(&world, &limits, ELECTION_OLDEST, false);
    client_bind(&world.f, &world.clients[0]);
    client_bind(&world.f, &world.clients[1]);
    client_bind(&world.f, &world.clients[3]);
    fixture_forget(&world.f);
    host_world_command(&world, 1, COMMAND_CONTROL_LOST);
    host_world_command(&world, 0, COMMAND_LEAVE);
    host_world_expect(&world, 3, 2);
    /* Better one that is not bound than none; without control nobody. */
    host_world_command(&world, 3, COMMAND_LEAVE);
    host_world_expect(&world, 2, 3);
    fixture_forget(&world.f);
    host_world_command(&world, 2, COMMAND_LEAVE);
    assert_int_equal(fixture_event(&world.f, EVENT_HOST_CHANGED, 0)->host, 0);
    assert_int_equal(fixture_event(&world.f, EVENT_HOST_CHANGED, 0)->host_epoch, 4);
    assert_int_equal(host_world_room(&world)->host, MEMBER_NONE);
    /* What goes to the host has no receiver meanwhile. */
    client_send_record(&world.f, &world.clients[1], MEMBER_HOST, 1, false, "x", 1);
    assert_int_equal(fixture_dropped(&world.f, REASON_NO_RECEIVER), 1);
    /* Whoever is back is it. */
    host_world_command(&world, 1, COMMAND_CONTROL_BACK);
    host_world_expect(&world, 1, 5);
    fixture_close(&world.f);
}

static void election__silent_member__is_passed_over(void **state)
{
    struct host_world world;
    (void)state;

    host_world_open(&world, ELECTION_OLDEST);
    host_world_pass(&world, SILENCE_NS + SECOND, 1U << 0 | 1U << 2);
    fixture_forget(&world.f);
    host_world_command(&world, 0, COMMAND_LEAVE);
    host_world_expect(&world, 2, 2);
    /* 1 and 3 are silent, both are better than nobody. */
    host_world_command(&world, 2, COMMAND_LEAVE);
    host_world_expect(&world, 1, 3);
    fixture_close(&world.f);
}

static void no_host__somebody_joins__is_it_and_all_are_told(void **state)
{
    struct host_world world;
    struct client late;
    (void)state;

    host_world_open(&world, ELECTION_OLDEST);
    for (unsigned number = 1; number < CLIENTS; number++) {
        host_world_command(&world, number, COMMAND_CONTROL_LOST);
    }
    host_world_command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(host_world_room(&world)->host, MEMBER_NONE);
    fixture_forget(&world.f);
    client_join(&world.f, &late, 9, &world.clients[0]);
    assert_int_equal(late.host_epoch, 3);
    assert_int_equal(world.f.events[0].host, late.member);
    assert_int_equal(world.f.events[1].type, EVENT_JOINED);
    assert_int_equal(world.f.events[2].type, EVENT_HOST_CHANGED);
    assert_int_equal(world.f.events[2].host, late.member);
    assert_int_equal(world.f.events[2].receiver_count, CLIENTS - 1); /* It knows already. */
    assert_int_equal(world.f.event_count, 3);
    fixture_close(&world.f);
}

/* --- Out of reach ---------------------------------------------------------------------------- */

static void host__without_control__keeps_the_role_for_the_grace_time(void **state)
{
    struct host_world world;
    (void)state;

    host_world_open(&world, ELECTION_OLDEST);
    host_world_command(&world, 0, COMMAND_CONTROL_LOST);
    assert_int_equal(world.f.event_count, 0); /* Nobody waits for an answer. */
    host_world_pass(&world, GRACE_NS - 1, 0xF);
    host_world_expect_no_change(&world);
    host_world_pass(&world, 1, 0xF);
    host_world_expect(&world, 1, 2);
    assert_int_equal(host_world_room(&world)->member_count, CLIENTS);
    assert_int_equal(fixture_counters(&world.f).hosts_deposed, 1);
    /* It comes back as a member like the others; what it asked for as host is of the past. */
    fixture_forget(&world.f);
    host_world_command(&world, 0, COMMAND_CONTROL_BACK);
    {
        struct command kick = client_command(&world.clients[0], COMMAND_KICK);

        kick.member = world.clients[2].member;
        fixture_command(&world.f, &kick);
        assert_int_equal(world.f.events[0].reason, REASON_STALE_EPOCH);
        kick.host_epoch = 2;
        fixture_command(&world.f, &kick);
        assert_int_equal(world.f.events[1].reason, REASON_NOT_HOST);
    }
    assert_int_equal(host_world_room(&world)->member_count, CLIENTS);
    host_world_pass(&world, 10 * SECOND, 0xF);
    host_world_expect_no_change(&world);
    fixture_close(&world.f);
}

static void host__back_in_time__stays_host(void **state)
{
    struct host_world world;
    (void)state;

    host_world_open(&world, ELECTION_OLDEST);
    host_world_command(&world, 0, COMMAND_CONTROL_LOST);
    host_world_pass(&world, GRACE_NS - 1, 0xF);
    host_world_command(&world, 0, COMMAND_CONTROL_BACK);
    host_world_pass(&world, 2 * GRACE_NS, 0xF);
    /* The time begins anew, and a second LOST does not shorten it. */
    host_world_command(&world, 0, COMMAND_CONTROL_LOST);
    host_world_pass(&world, SECOND, 0xF);
    host_world_command(&world, 0, COMMAND_CONTROL_LOST);
    host_world_pass(&world, GRACE_NS - SECOND - 1, 0xF);
    host_world_expect_no_change(&world);
    host_world_expect(&world, 0, 1);
    fixture_close(&world.f);
}

static void grace__of_zero__role_goes_with_the_connection(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct host_world world;
    (void)state;

    limits.room_host_grace_ns = 0;
    host_world_open_with(&world, &limits, ELECTION_OLDEST, false);
    host_world_bind(&world);
    host_world_command(&world, 0, COMMAND_CONTROL_LOST);
    host_world_expect(&world, 1, 2);
    fixture_close(&world.f);
}

static void grace__changed_while_it_runs__holds_at_once(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct host_world world;
    (void)state;

    host_world_open(&world, ELECTION_OLDEST);
    host_world_command(&world, 0, COMMAND_CONTROL_LOST);
    host_world_pass(&world, SECOND, 0xF);
    limits.room_host_grace_ns = SECOND;
    core_set_limits(world.f.core, &limits);
    fixture_settle(&world.f);
    host_world_expect(&world, 1, 2);
    fixture_close(&world.f);
}

static void host__silent_on_udp__loses_the_role_long_before_it_is_removed(void **state)
{
    struct host_world world;
    (void)state;

    host_world_open(&world, ELECTION_OLDEST);
    host_world_speak(&world, 0);
    host_world_pass(&world, SILENCE_NS - 1, 0xE);
    host_world_expect_no_change(&world);
    host_world_pass(&world, 1, 0xE);
    host_world_expect(&world, 1, 2);
    assert_null(fixture_event(&world.f, EVENT_LEFT, 0));
    /* Heard of again: nothing changes. The next one falls silent: it may be elected again. */
    fixture_forget(&world.f);
    host_world_pass(&world, 10 * SECOND, 0xF);
    host_world_expect_no_change(&world);
    host_world_pass(&world, SILENCE_NS, 0xD);
    host_world_expect(&world, 0, 3);
    fixture_close(&world.f);
}

static void silence__off__only_removal_ends_the_role(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct host_world world;
    (void)state;

    limits.room_host_silence_ns = 0;
    host_world_open_with(&world, &limits, ELECTION_OLDEST, false);
    host_world_bind(&world);
    host_world_pass(&world, limits.session_idle_ns - SECOND, 0xE);
    host_world_expect_no_change(&world);
    host_world_pass(&world, 2 * SECOND, 0xE);
    assert_int_equal(fixture_event(&world.f, EVENT_LEFT, 0)->reason, REASON_UDP_IDLE);
    host_world_expect(&world, 1, 2);
    fixture_close(&world.f);
}

/* Silence is off, so that nothing else would ever make the room look. */
static void host__handed_over_to_one_without_control__has_the_grace_time(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct host_world world;
    struct command entry;
    (void)state;

    limits.room_host_silence_ns = 0;
    host_world_open_with(&world, &limits, ELECTION_OLDEST, false);
    host_world_bind(&world);
    host_world_command(&world, 1, COMMAND_CONTROL_LOST);
    host_world_pass(&world, SECOND, 0xF);
    entry = client_command(&world.clients[0], COMMAND_HAND_OVER);
    entry.member = world.clients[1].member;
    fixture_command(&world.f, &entry);
    host_world_expect(&world, 1, 2);
    fixture_forget(&world.f);
    host_world_pass(&world, GRACE_NS - SECOND - 1, 0xF);
    host_world_expect_no_change(&world);
    host_world_pass(&world, 1, 0xF);
    host_world_expect(&world, 0, 3);
    fixture_close(&world.f);
}

static void host__that_never_binds__loses_the_role_to_one_that_has(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct host_world world;
    (void)state;

    host_world_open_with(&world, &limits, ELECTION_OLDEST, false);
    client_bind(&world.f, &world.clients[2]);
    fixture_forget(&world.f);
    host_world_pass(&world, SILENCE_NS - 1, 0x4);
    host_world_expect_no_change(&world);
    host_world_pass(&world, 1, 0x4);
    host_world_expect(&world, 2, 2);
    fixture_close(&world.f);
}

static void all__silent__the_host_stays_until_one_is_heard_of(void **state)
{
    struct host_world world;
    (void)state;

    host_world_open(&world, ELECTION_OLDEST);
    host_world_pass(&world, 3 * SILENCE_NS, 0);
    host_world_expect_no_change(&world);
    host_world_speak(&world, 2);
    host_world_pass(&world, SECOND, 0);
    host_world_expect(&world, 2, 2);
    fixture_close(&world.f);

    /* The host itself is the first: it stays. */
    host_world_open(&world, ELECTION_OLDEST);
    host_world_pass(&world, 3 * SILENCE_NS, 0);
    host_world_speak(&world, 0);
    host_world_speak(&world, 2);
    host_world_pass(&world, 3 * SECOND, 1 | 1U << 2);
    host_world_expect_no_change(&world);
    fixture_close(&world.f);
}

static void host__alone__is_not_looked_at(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    const struct command lost = {.type = COMMAND_CONTROL_LOST};
    struct command command;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_bind(&f, &a);
    command = client_command(&a, lost.type);
    command.request = 0;
    fixture_command(&f, &command);
    assert_true(core_next_deadline(f.core) == f.now_ns + limits.session_idle_ns);
    fixture_run(&f, f.now_ns + 10 * SECOND);
    /* Now there is somebody: as soon as that one is bound the role passes on. */
    fixture_forget(&f);
    client_join(&f, &b, 2, &a);
    fixture_settle(&f);
    assert_null(fixture_event(&f, EVENT_HOST_CHANGED, 0));
    client_bind(&f, &b);
    fixture_run(&f, f.now_ns + SECOND);
    assert_int_equal(f.core->rooms[a.room.index].host_epoch, 2);
    assert_int_equal(f.core->slots[b.slot.index].member, f.core->rooms[a.room.index].host);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldest__host_leaves__first_of_the_others_follows),
        cmocka_unit_test(lowest_rtt__host_leaves__shortest_then_oldest_then_unmeasured),
        cmocka_unit_test(heir__named_or_not__follows_or_the_oldest_does),
        cmocka_unit_test(heir__that_left_or_is_out_of_reach__is_passed_over),
        cmocka_unit_test(set_heir__wrong__is_refused),
        cmocka_unit_test(election__unbound_silent_or_without_control__come_last_or_never),
        cmocka_unit_test(election__silent_member__is_passed_over),
        cmocka_unit_test(no_host__somebody_joins__is_it_and_all_are_told),
        cmocka_unit_test(host__without_control__keeps_the_role_for_the_grace_time),
        cmocka_unit_test(host__back_in_time__stays_host),
        cmocka_unit_test(grace__of_zero__role_goes_with_the_connection),
        cmocka_unit_test(grace__changed_while_it_runs__holds_at_once),
        cmocka_unit_test(host__silent_on_udp__loses_the_role_long_before_it_is_removed),
        cmocka_unit_test(silence__off__only_removal_ends_the_role),
        cmocka_unit_test(host__handed_over_to_one_without_control__has_the_grace_time),
        cmocka_unit_test(host__that_never_binds__loses_the_role_to_one_that_has),
        cmocka_unit_test(all__silent__the_host_stays_until_one_is_heard_of),
        cmocka_unit_test(host__alone__is_not_looked_at),
    };

    return RUN_TESTS(tests);
}
