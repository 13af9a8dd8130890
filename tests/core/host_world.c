/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "host_world.h"

#include "daemon/core/core_internal.h"

void host_world_bind(struct host_world *world)
{
    for (unsigned number = 0; number < CLIENTS; number++) {
        client_bind(&world->f, &world->clients[number]);
    }
    fixture_forget(&world->f);
}

void host_world_open_with(struct host_world *world, const struct relay_limits *limits,
                          uint8_t election, bool is_heritable)
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

void host_world_open(struct host_world *world, uint8_t election)
{
    const struct relay_limits limits = fixture_limits();

    host_world_open_with(world, &limits, election, false);
    host_world_bind(world);
}

void host_world_command(struct host_world *world, unsigned number, enum command_type type)
{
    struct command entry = client_command(&world->clients[number], type);

    entry.request = type == COMMAND_LEAVE;
    fixture_command(&world->f, &entry);
}

const struct room *host_world_room(const struct host_world *world)
{
    return &world->f.core->rooms[world->clients[0].room.index];
}

struct slot *host_world_slot(const struct host_world *world, unsigned number)
{
    return &world->f.core->slots[world->clients[number].slot.index];
}

void host_world_speak(struct host_world *world, unsigned number)
{
    client_send_record(&world->f, &world->clients[number], MEMBER_ALL, 9, false, "x", 1);
}

void host_world_pass(struct host_world *world, uint64_t duration_ns, unsigned speakers)
{
    const uint64_t end_ns = world->f.now_ns + duration_ns;

    while (world->f.now_ns < end_ns) {
        const uint64_t left_ns = end_ns - world->f.now_ns;

        for (unsigned number = 0; number < CLIENTS; number++) {
            if ((speakers >> number & 1) != 0) {
                host_world_speak(world, number);
            }
        }
        fixture_run(&world->f, world->f.now_ns + (left_ns < SECOND ? left_ns : SECOND));
    }
}

void host_world_expect(const struct host_world *world, unsigned number, uint32_t epoch)
{
    const struct event *last = NULL;

    for (unsigned index = 0; fixture_event(&world->f, EVENT_HOST_CHANGED, index) != NULL; index++) {
        last = fixture_event(&world->f, EVENT_HOST_CHANGED, index);
    }
    assert_int_equal(
        room_member_id(world->f.core, world->clients[0].room.index, host_world_room(world)->host),
        world->clients[number].member);
    assert_int_equal(host_world_room(world)->host_epoch, epoch);
    if (epoch > 1) {
        assert_non_null(last);
        assert_int_equal(last->host, world->clients[number].member);
        assert_int_equal(last->host_epoch, epoch);
        assert_int_equal(last->receiver_count, host_world_room(world)->member_count);
    }
}

void host_world_expect_no_change(const struct host_world *world)
{
    assert_null(fixture_event(&world->f, EVENT_HOST_CHANGED, 0));
}
