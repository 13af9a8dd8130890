/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"
#include "proto/control_message.h"
#include "proto/retained.h"

/* Who is host: client 0 made the room, the others came in order. */
#define CLIENTS 4

#define GRACE_NS   (3 * SECOND)
#define SILENCE_NS (5 * SECOND)

struct world {
    struct fixture f;
    struct client clients[CLIENTS];
};

static void bind_all(struct world *world)
{
    for (unsigned number = 0; number < CLIENTS; number++) {
        client_bind(&world->f, &world->clients[number]);
    }
    fixture_forget(&world->f);
}

static void open_with(struct world *world, const struct relay_limits *limits, uint8_t election,
                      bool is_heritable)
{
    fixture_open(&world->f, limits);
    world->f.election = election;
    world->f.heritable = is_heritable;
    client_create(&world->f, &world->clients[0], 0, 0);
    for (unsigned number = 1; number < CLIENTS; number++) {
        client_join(&world->f, &world->clients[number], number, &world->clients[0]);
    }
    fixture_forget(&world->f);
}

static void open_world(struct world *world, uint8_t election)
{
    const struct relay_limits limits = fixture_limits();

    open_with(world, &limits, election, false);
    bind_all(world);
}

static void command(struct world *world, unsigned number, enum command_type type)
{
    struct command entry = client_command(&world->clients[number], type);

    entry.request = type == COMMAND_LEAVE;
    fixture_command(&world->f, &entry);
}

static const struct room *room(const struct world *world)
{
    return &world->f.core->rooms[world->clients[0].room.index];
}

static struct slot *slot(const struct world *world, unsigned number)
{
    return &world->f.core->slots[world->clients[number].slot.index];
}

/* What a member says now and then. */
static void speak(struct world *world, unsigned number)
{
    client_send_record(&world->f, &world->clients[number], MEMBER_ALL, 9, false, "x", 1);
}

/* Lets time pass while those in the mask are heard of each second. */
static void pass(struct world *world, uint64_t duration_ns, unsigned speakers)
{
    const uint64_t end_ns = world->f.now_ns + duration_ns;

    while (world->f.now_ns < end_ns) {
        const uint64_t left_ns = end_ns - world->f.now_ns;

        for (unsigned number = 0; number < CLIENTS; number++) {
            if ((speakers >> number & 1) != 0) {
                speak(world, number);
            }
        }
        fixture_run(&world->f, world->f.now_ns + (left_ns < SECOND ? left_ns : SECOND));
    }
}

/* The room's host is that client, in that epoch, and the last event that told of one said so. */
static void expect_host(const struct world *world, unsigned number, uint32_t epoch)
{
    const struct event *last = NULL;

    for (unsigned index = 0; fixture_event(&world->f, EVENT_HOST_CHANGED, index) != NULL; index++) {
        last = fixture_event(&world->f, EVENT_HOST_CHANGED, index);
    }
    assert_int_equal(room_member_id(world->f.core, world->clients[0].room.index, room(world)->host),
                     world->clients[number].member);
    assert_int_equal(room(world)->host_epoch, epoch);
    if (epoch > 1) {
        assert_non_null(last);
        assert_int_equal(last->host, world->clients[number].member);
        assert_int_equal(last->host_epoch, epoch);
        assert_int_equal(last->receiver_count, room(world)->member_count);
    }
}

static void expect_no_change(const struct world *world)
{
    assert_null(fixture_event(&world->f, EVENT_HOST_CHANGED, 0));
}

/* --- The rules ------------------------------------------------------------------------------- */

static void oldest__host_leaves__first_of_the_others_follows(void **state)
{
    struct world world;
    (void)state;

    open_world(&world, ELECTION_OLDEST);
    slot(&world, 3)->quality.rtt_ns = 1; /* Of no account here. */
    command(&world, 0, COMMAND_LEAVE);
    expect_host(&world, 1, 2);
    command(&world, 2, COMMAND_LEAVE);
    command(&world, 1, COMMAND_LEAVE);
    expect_host(&world, 3, 3);
    fixture_close(&world.f);
}

static void lowest_rtt__host_leaves__shortest_then_oldest_then_unmeasured(void **state)
{
    struct world world;
    (void)state;

    open_world(&world, ELECTION_LOWEST_RTT);
    slot(&world, 2)->quality.rtt_ns = 30 * MS;
    slot(&world, 3)->quality.rtt_ns = 20 * MS;
    command(&world, 0, COMMAND_LEAVE);
    expect_host(&world, 3, 2);
    command(&world, 3, COMMAND_LEAVE);
    expect_host(&world, 2, 3); /* Client 1 is older and not measured. */
    command(&world, 2, COMMAND_LEAVE);
    expect_host(&world, 1, 4);
    fixture_close(&world.f);

    open_world(&world, ELECTION_LOWEST_RTT);
    for (unsigned number = 0; number < CLIENTS; number++) {
        slot(&world, number)->quality.rtt_ns = 20 * MS;
    }
    command(&world, 0, COMMAND_LEAVE);
    expect_host(&world, 1, 2);
    fixture_close(&world.f);
}

static enum reason set_heir(struct world *world, unsigned number, uint16_t member)
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
    struct world world;
    (void)state;

    open_world(&world, ELECTION_HEIR);
    assert_int_equal(set_heir(&world, 0, world.clients[3].member), REASON_NONE);
    command(&world, 0, COMMAND_LEAVE);
    expect_host(&world, 3, 2);
    /* The choice was that of the host before: this one has made none. */
    command(&world, 3, COMMAND_LEAVE);
    expect_host(&world, 1, 3);
    world.clients[1].host_epoch = 3;
    assert_int_equal(set_heir(&world, 1, world.clients[2].member), REASON_NONE);
    assert_int_equal(set_heir(&world, 1, 0), REASON_NONE);
    assert_int_equal(room(&world)->heir, MEMBER_NONE);
    fixture_close(&world.f);
}

static void heir__that_left_or_is_out_of_reach__is_passed_over(void **state)
{
    struct world world;
    (void)state;

    open_world(&world, ELECTION_HEIR);
    assert_int_equal(set_heir(&world, 0, world.clients[2].member), REASON_NONE);
    command(&world, 2, COMMAND_LEAVE);
    assert_int_equal(room(&world)->heir, MEMBER_NONE);
    assert_int_equal(set_heir(&world, 0, world.clients[3].member), REASON_NONE);
    command(&world, 3, COMMAND_CONTROL_LOST);
    command(&world, 0, COMMAND_LEAVE);
    expect_host(&world, 1, 2);
    fixture_close(&world.f);
}

static void set_heir__wrong__is_refused(void **state)
{
    struct world world;
    (void)state;

    open_world(&world, ELECTION_HEIR);
    assert_int_equal(set_heir(&world, 0, world.clients[0].member), REASON_NO_SUCH_MEMBER);
    assert_int_equal(set_heir(&world, 0, 0x7777), REASON_NO_SUCH_MEMBER);
    assert_int_equal(set_heir(&world, 1, world.clients[2].member), REASON_NOT_HOST);
    world.clients[0].host_epoch = 0;
    assert_int_equal(set_heir(&world, 0, world.clients[2].member), REASON_STALE_EPOCH);
    fixture_close(&world.f);
    open_world(&world, ELECTION_OLDEST);
    assert_int_equal(set_heir(&world, 0, world.clients[2].member), REASON_BAD_VALUE);
    fixture_close(&world.f);
}

/* --- Who can be elected ---------------------------------------------------------------------- */

static void election__unbound_silent_or_without_control__come_last_or_never(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    /* Client 1 has lost control, 2 is not bound, 3 is well. */
    open_with(&world, &limits, ELECTION_OLDEST, false);
    client_bind(&world.f, &world.clients[0]);
    client_bind(&world.f, &world.clients[1]);
    client_bind(&world.f, &world.clients[3]);
    fixture_forget(&world.f);
    command(&world, 1, COMMAND_CONTROL_LOST);
    command(&world, 0, COMMAND_LEAVE);
    expect_host(&world, 3, 2);
    /* Better one that is not bound than none; without control nobody. */
    command(&world, 3, COMMAND_LEAVE);
    expect_host(&world, 2, 3);
    fixture_forget(&world.f);
    command(&world, 2, COMMAND_LEAVE);
    assert_int_equal(fixture_event(&world.f, EVENT_HOST_CHANGED, 0)->host, 0);
    assert_int_equal(fixture_event(&world.f, EVENT_HOST_CHANGED, 0)->host_epoch, 4);
    assert_int_equal(room(&world)->host, MEMBER_NONE);
    /* What goes to the host has no receiver meanwhile. */
    client_send_record(&world.f, &world.clients[1], MEMBER_HOST, 1, false, "x", 1);
    assert_int_equal(fixture_dropped(&world.f, REASON_NO_RECEIVER), 1);
    /* Whoever is back is it. */
    command(&world, 1, COMMAND_CONTROL_BACK);
    expect_host(&world, 1, 5);
    fixture_close(&world.f);
}

static void election__silent_member__is_passed_over(void **state)
{
    struct world world;
    (void)state;

    open_world(&world, ELECTION_OLDEST);
    pass(&world, SILENCE_NS + SECOND, 1U << 0 | 1U << 2);
    fixture_forget(&world.f);
    command(&world, 0, COMMAND_LEAVE);
    expect_host(&world, 2, 2);
    /* 1 and 3 are silent, both are better than nobody. */
    command(&world, 2, COMMAND_LEAVE);
    expect_host(&world, 1, 3);
    fixture_close(&world.f);
}

static void no_host__somebody_joins__is_it_and_all_are_told(void **state)
{
    struct world world;
    struct client late;
    (void)state;

    open_world(&world, ELECTION_OLDEST);
    for (unsigned number = 1; number < CLIENTS; number++) {
        command(&world, number, COMMAND_CONTROL_LOST);
    }
    command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(room(&world)->host, MEMBER_NONE);
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
    struct world world;
    (void)state;

    open_world(&world, ELECTION_OLDEST);
    command(&world, 0, COMMAND_CONTROL_LOST);
    assert_int_equal(world.f.event_count, 0); /* Nobody waits for an answer. */
    pass(&world, GRACE_NS - 1, 0xF);
    expect_no_change(&world);
    pass(&world, 1, 0xF);
    expect_host(&world, 1, 2);
    assert_int_equal(room(&world)->member_count, CLIENTS);
    assert_int_equal(fixture_counters(&world.f).hosts_deposed, 1);
    /* It comes back as a member like the others; what it asked for as host is of the past. */
    fixture_forget(&world.f);
    command(&world, 0, COMMAND_CONTROL_BACK);
    {
        struct command kick = client_command(&world.clients[0], COMMAND_KICK);

        kick.member = world.clients[2].member;
        fixture_command(&world.f, &kick);
        assert_int_equal(world.f.events[0].reason, REASON_STALE_EPOCH);
        kick.host_epoch = 2;
        fixture_command(&world.f, &kick);
        assert_int_equal(world.f.events[1].reason, REASON_NOT_HOST);
    }
    assert_int_equal(room(&world)->member_count, CLIENTS);
    pass(&world, 10 * SECOND, 0xF);
    expect_no_change(&world);
    fixture_close(&world.f);
}

static void host__back_in_time__stays_host(void **state)
{
    struct world world;
    (void)state;

    open_world(&world, ELECTION_OLDEST);
    command(&world, 0, COMMAND_CONTROL_LOST);
    pass(&world, GRACE_NS - 1, 0xF);
    command(&world, 0, COMMAND_CONTROL_BACK);
    pass(&world, 2 * GRACE_NS, 0xF);
    /* The time begins anew, and a second LOST does not shorten it. */
    command(&world, 0, COMMAND_CONTROL_LOST);
    pass(&world, SECOND, 0xF);
    command(&world, 0, COMMAND_CONTROL_LOST);
    pass(&world, GRACE_NS - SECOND - 1, 0xF);
    expect_no_change(&world);
    expect_host(&world, 0, 1);
    fixture_close(&world.f);
}

static void grace__of_zero__role_goes_with_the_connection(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    limits.room_host_grace_ns = 0;
    open_with(&world, &limits, ELECTION_OLDEST, false);
    bind_all(&world);
    command(&world, 0, COMMAND_CONTROL_LOST);
    expect_host(&world, 1, 2);
    fixture_close(&world.f);
}

static void grace__changed_while_it_runs__holds_at_once(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    open_world(&world, ELECTION_OLDEST);
    command(&world, 0, COMMAND_CONTROL_LOST);
    pass(&world, SECOND, 0xF);
    limits.room_host_grace_ns = SECOND;
    core_set_limits(world.f.core, &limits);
    fixture_settle(&world.f);
    expect_host(&world, 1, 2);
    fixture_close(&world.f);
}

static void host__silent_on_udp__loses_the_role_long_before_it_is_removed(void **state)
{
    struct world world;
    (void)state;

    open_world(&world, ELECTION_OLDEST);
    speak(&world, 0);
    pass(&world, SILENCE_NS - 1, 0xE);
    expect_no_change(&world);
    pass(&world, 1, 0xE);
    expect_host(&world, 1, 2);
    assert_null(fixture_event(&world.f, EVENT_LEFT, 0));
    /* Heard of again: nothing changes. The next one falls silent: it may be elected again. */
    fixture_forget(&world.f);
    pass(&world, 10 * SECOND, 0xF);
    expect_no_change(&world);
    pass(&world, SILENCE_NS, 0xD);
    expect_host(&world, 0, 3);
    fixture_close(&world.f);
}

static void silence__off__only_removal_ends_the_role(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    limits.room_host_silence_ns = 0;
    open_with(&world, &limits, ELECTION_OLDEST, false);
    bind_all(&world);
    pass(&world, limits.session_idle_ns - SECOND, 0xE);
    expect_no_change(&world);
    pass(&world, 2 * SECOND, 0xE);
    assert_int_equal(fixture_event(&world.f, EVENT_LEFT, 0)->reason, REASON_UDP_IDLE);
    expect_host(&world, 1, 2);
    fixture_close(&world.f);
}

static void host__that_never_binds__loses_the_role_to_one_that_has(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    open_with(&world, &limits, ELECTION_OLDEST, false);
    client_bind(&world.f, &world.clients[2]);
    fixture_forget(&world.f);
    pass(&world, SILENCE_NS - 1, 0x4);
    expect_no_change(&world);
    pass(&world, 1, 0x4);
    expect_host(&world, 2, 2);
    fixture_close(&world.f);
}

static void all__silent__the_host_stays_until_one_is_heard_of(void **state)
{
    struct world world;
    (void)state;

    open_world(&world, ELECTION_OLDEST);
    pass(&world, 3 * SILENCE_NS, 0);
    expect_no_change(&world);
    speak(&world, 2);
    pass(&world, SECOND, 0);
    expect_host(&world, 2, 2);
    fixture_close(&world.f);

    /* The host itself is the first: it stays. */
    open_world(&world, ELECTION_OLDEST);
    pass(&world, 3 * SILENCE_NS, 0);
    speak(&world, 0);
    speak(&world, 2);
    pass(&world, 3 * SECOND, 1 | 1U << 2);
    expect_no_change(&world);
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

/* --- Heritable rooms ------------------------------------------------------------------------- */

static void open_heritable(struct world *world)
{
    const struct relay_limits limits = fixture_limits();

    open_with(world, &limits, ELECTION_OLDEST, true);
    bind_all(world);
    client_send_record(&world->f, &world->clients[0], MEMBER_ALL, 1, true, "map", 3);
    fixture_settle(&world->f);
}

static uint64_t inherited(const struct world *world)
{
    return fixture_counters(&world->f).retained_inherited;
}

static void heritage__host_lost_for_good__passes_when_it_leaves(void **state)
{
    struct world world;
    (void)state;

    open_heritable(&world);
    command(&world, 0, COMMAND_CONTROL_LOST);
    pass(&world, GRACE_NS + SECOND, 0xF);
    expect_host(&world, 1, 2);
    /* Still there, under its own name. */
    assert_int_equal(inherited(&world), 0);
    command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(inherited(&world), 1);
    fixture_close(&world.f);

    open_heritable(&world);
    pass(&world, 29 * SECOND, 0xE);
    expect_host(&world, 1, 2);
    assert_int_equal(inherited(&world), 0);
    pass(&world, 2 * SECOND, 0xE);
    assert_int_equal(room(&world)->member_count, CLIENTS - 1);
    assert_int_equal(inherited(&world), 1);
    fixture_close(&world.f);
}

static void heritage__host_back_or_handed_over__goes_with_it(void **state)
{
    struct world world;
    struct command entry;
    (void)state;

    open_heritable(&world);
    command(&world, 0, COMMAND_CONTROL_LOST);
    pass(&world, GRACE_NS, 0xF);
    command(&world, 0, COMMAND_CONTROL_BACK);
    command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(inherited(&world), 0);
    fixture_close(&world.f);

    open_heritable(&world);
    pass(&world, SILENCE_NS + SECOND, 0xE);
    expect_host(&world, 1, 2);
    speak(&world, 0);
    command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(inherited(&world), 0);
    fixture_close(&world.f);

    open_heritable(&world);
    entry = client_command(&world.clients[0], COMMAND_HAND_OVER);
    entry.member = world.clients[1].member;
    fixture_command(&world.f, &entry);
    command(&world, 0, COMMAND_CONTROL_LOST);
    command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(inherited(&world), 0);
    fixture_close(&world.f);

    /* Nobody is left to be host: nobody inherits. */
    open_heritable(&world);
    for (unsigned number = 1; number < CLIENTS; number++) {
        command(&world, number, COMMAND_CONTROL_LOST);
    }
    command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(inherited(&world), 0);
    fixture_close(&world.f);
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
        cmocka_unit_test(host__that_never_binds__loses_the_role_to_one_that_has),
        cmocka_unit_test(all__silent__the_host_stays_until_one_is_heard_of),
        cmocka_unit_test(host__alone__is_not_looked_at),
        cmocka_unit_test(heritage__host_lost_for_good__passes_when_it_leaves),
        cmocka_unit_test(heritage__host_back_or_handed_over__goes_with_it),
    };

    return RUN_TESTS(tests);
}
