/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"

/* Interest groups: a, b, c are bound, in a room without a tick. */
struct world {
    struct fixture f;
    struct client a;
    struct client b;
    struct client c;
    struct record records[RECEIVE_MAX];
};

#define GROUP(number) ((uint16_t)(MEMBER_GROUP_FIRST + (number)))

static void open_world(struct world *world)
{
    const struct relay_limits limits = fixture_limits();

    fixture_open(&world->f, &limits);
    client_create(&world->f, &world->a, 1, 0);
    client_join(&world->f, &world->b, 2, &world->a);
    client_join(&world->f, &world->c, 3, &world->a);
    client_bind(&world->f, &world->a);
    client_bind(&world->f, &world->b);
    client_bind(&world->f, &world->c);
}

static void subscribe(struct world *world, const struct client *client, uint64_t groups)
{
    struct command command = client_command(client, COMMAND_SUBSCRIBE);

    fixture_forget(&world->f);
    command.groups = groups;
    fixture_command(&world->f, &command);
    assert_int_equal(world->f.event_count, 1);
    assert_int_equal(world->f.events[0].type, EVENT_DONE);
    assert_true(world->f.events[0].answer);
}

/* Who gets a record of a to a group, as bits: a, b, c. */
static unsigned heard(struct world *world, const struct client *from, unsigned group)
{
    const struct client *const clients[] = {&world->a, &world->b, &world->c};
    unsigned who = 0;

    fixture_forget(&world->f);
    client_send_record(&world->f, (struct client *)(uintptr_t)from, GROUP(group), 1, false, "x", 1);
    fixture_settle(&world->f);
    for (unsigned index = 0; index < 3; index++) {
        who |= client_records(&world->f, clients[index], world->records) << index;
    }
    return who;
}

static void record__to_a_group__reaches_its_members_and_not_the_sender(void **state)
{
    struct world world;
    (void)state;

    open_world(&world);
    subscribe(&world, &world.a, 1);
    subscribe(&world, &world.b, UINT64_C(1) << 63 | 1);
    subscribe(&world, &world.c, UINT64_C(1) << 63);
    assert_int_equal(heard(&world, &world.a, 0), 2);
    assert_int_equal(heard(&world, &world.c, 0), 3);
    assert_int_equal(heard(&world, &world.a, 63), 6);
    assert_int_equal(fixture_dropped(&world.f, REASON_NO_RECEIVER), 0);
    assert_int_equal(heard(&world, &world.a, 17), 0);
    assert_int_equal(fixture_dropped(&world.f, REASON_NO_RECEIVER), 1);
    fixture_close(&world.f);
}

static void subscription__anew__takes_the_place_of_the_old(void **state)
{
    struct world world;
    (void)state;

    open_world(&world);
    subscribe(&world, &world.b, 6);
    assert_int_equal(heard(&world, &world.a, 1), 2);
    subscribe(&world, &world.b, 4);
    assert_int_equal(heard(&world, &world.a, 1), 0);
    assert_int_equal(heard(&world, &world.a, 2), 2);
    subscribe(&world, &world.b, 0);
    assert_int_equal(heard(&world, &world.a, 2), 0);
    fixture_close(&world.f);
}

static void member__that_comes_in_the_place_of_one_that_left__is_of_no_group(void **state)
{
    struct world world;
    struct command command;
    (void)state;

    open_world(&world);
    subscribe(&world, &world.b, ~UINT64_C(0));
    command = client_command(&world.b, COMMAND_LEAVE);
    fixture_command(&world.f, &command);
    /* Indices are given out in turn: 61 others come and go first. */
    for (unsigned number = 0; number < 61; number++) {
        client_join(&world.f, &world.b, 10 + number, &world.a);
        command = client_command(&world.b, COMMAND_LEAVE);
        fixture_command(&world.f, &command);
        fixture_forget(&world.f);
    }
    for (unsigned number = 0; number < 2; number++) {
        client_join(&world.f, &world.b, 80 + number, &world.a);
    }
    client_bind(&world.f, &world.b);
    assert_int_equal(heard(&world, &world.a, 5), 0);
    fixture_close(&world.f);
}

static void subscribe__of_who_is_in_no_room__is_refused(void **state)
{
    struct world world;
    struct command command;
    (void)state;

    open_world(&world);
    command = client_command(&world.b, COMMAND_LEAVE);
    fixture_command(&world.f, &command);
    fixture_forget(&world.f);
    command = client_command(&world.b, COMMAND_SUBSCRIBE);
    command.groups = 1;
    fixture_command(&world.f, &command);
    assert_int_equal(world.f.events[0].type, EVENT_REFUSED);
    assert_int_equal(world.f.events[0].reason, REASON_NOT_IN_ROOM);
    fixture_close(&world.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record__to_a_group__reaches_its_members_and_not_the_sender),
        cmocka_unit_test(subscription__anew__takes_the_place_of_the_old),
        cmocka_unit_test(member__that_comes_in_the_place_of_one_that_left__is_of_no_group),
        cmocka_unit_test(subscribe__of_who_is_in_no_room__is_refused),
    };

    return RUN_TESTS(tests);
}
