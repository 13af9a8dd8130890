/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "daemon/core/core_internal.h"
#include "host_world.h"
#include "proto/control_message.h"

/* Heritable rooms: what becomes of what a host retained that was out of reach. */

static void open_heritable(struct host_world *world)
{
    const struct relay_limits limits = fixture_limits();

    host_world_open_with(world, &limits, ELECTION_OLDEST, true);
    host_world_bind(world);
    client_send_record(&world->f, &world->clients[0], MEMBER_ALL, 1, true, "map", 3);
    fixture_settle(&world->f);
}

static uint64_t inherited(const struct host_world *world)
{
    return fixture_counters(&world->f).retained_inherited;
}

static void heritage__host_lost_for_good__passes_when_it_leaves(void **state)
{
    struct host_world world;
    (void)state;

    open_heritable(&world);
    host_world_command(&world, 0, COMMAND_CONTROL_LOST);
    host_world_pass(&world, GRACE_NS + SECOND, 0xF);
    host_world_expect(&world, 1, 2);
    /* Still there, under its own name. */
    assert_int_equal(inherited(&world), 0);
    host_world_command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(inherited(&world), 1);
    fixture_close(&world.f);

    open_heritable(&world);
    host_world_pass(&world, 29 * SECOND, 0xE);
    host_world_expect(&world, 1, 2);
    assert_int_equal(inherited(&world), 0);
    host_world_pass(&world, 2 * SECOND, 0xE);
    assert_int_equal(host_world_room(&world)->member_count, CLIENTS - 1);
    assert_int_equal(inherited(&world), 1);
    fixture_close(&world.f);
}

/* Deposed for its silence while it was without control, too, but not for long. */
static void open_silent_and_cut_off(struct host_world *world)
{
    open_heritable(world);
    host_world_speak(world, 0);
    host_world_pass(world, SILENCE_NS - SECOND, 0xE);
    host_world_command(world, 0, COMMAND_CONTROL_LOST);
    host_world_pass(world, SECOND, 0xE);
    host_world_expect(world, 1, 2);
}

static void heritage__host_silent_and_cut_off__passes_until_it_is_back_on_both(void **state)
{
    struct host_world world;
    (void)state;

    open_silent_and_cut_off(&world);
    host_world_command(&world, 0, COMMAND_CONTROL_BACK);
    host_world_command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(inherited(&world), 1);
    fixture_close(&world.f);

    open_silent_and_cut_off(&world);
    host_world_pass(&world, 2 * SECOND, 0xF);
    host_world_command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(inherited(&world), 1);
    fixture_close(&world.f);

    open_silent_and_cut_off(&world);
    host_world_pass(&world, 2 * SECOND, 0xF);
    host_world_command(&world, 0, COMMAND_CONTROL_BACK);
    host_world_command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(inherited(&world), 0);
    fixture_close(&world.f);
}

static void heritage__host_back_or_handed_over__goes_with_it(void **state)
{
    struct host_world world;
    struct command entry;
    (void)state;

    open_heritable(&world);
    host_world_command(&world, 0, COMMAND_CONTROL_LOST);
    host_world_pass(&world, GRACE_NS, 0xF);
    host_world_command(&world, 0, COMMAND_CONTROL_BACK);
    host_world_command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(inherited(&world), 0);
    fixture_close(&world.f);

    open_heritable(&world);
    host_world_pass(&world, SILENCE_NS + SECOND, 0xE);
    host_world_expect(&world, 1, 2);
    host_world_speak(&world, 0);
    host_world_command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(inherited(&world), 0);
    fixture_close(&world.f);

    open_heritable(&world);
    entry = client_command(&world.clients[0], COMMAND_HAND_OVER);
    entry.member = world.clients[1].member;
    fixture_command(&world.f, &entry);
    host_world_command(&world, 0, COMMAND_CONTROL_LOST);
    host_world_command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(inherited(&world), 0);
    fixture_close(&world.f);

    /* Nobody is left to be host: nobody inherits. */
    open_heritable(&world);
    for (unsigned number = 1; number < CLIENTS; number++) {
        host_world_command(&world, number, COMMAND_CONTROL_LOST);
    }
    host_world_command(&world, 0, COMMAND_LEAVE);
    assert_int_equal(inherited(&world), 0);
    fixture_close(&world.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heritage__host_lost_for_good__passes_when_it_leaves),
        cmocka_unit_test(heritage__host_silent_and_cut_off__passes_until_it_is_back_on_both),
        cmocka_unit_test(heritage__host_back_or_handed_over__goes_with_it),
    };

    return RUN_TESTS(tests);
}
