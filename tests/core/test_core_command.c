/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"

/* What each command answers and announces. a is the host; none is bound. */
struct world {
    struct fixture f;
    struct client a;
    struct client b;
    struct client c;
};

static void open_world(struct world *world, const struct relay_limits *limits)
{
    fixture_open(&world->f, limits);
    client_create(&world->f, &world->a, 1, 16000);
    client_join(&world->f, &world->b, 2, &world->a);
    client_join(&world->f, &world->c, 3, &world->a);
    fixture_forget(&world->f);
}

/* Carries it out and returns the answer, which has to be the first event. */
static const struct event *command(struct world *world, const struct command *command)
{
    fixture_forget(&world->f);
    fixture_command(&world->f, command);
    assert_true(world->f.event_count > 0);
    assert_true(world->f.events[0].answer);
    assert_int_equal(world->f.events[0].request, command->request);
    assert_int_equal(world->f.events[0].session.index, command->session.index);
    assert_int_equal(world->f.events[0].session.tag, command->session.tag);
    return &world->f.events[0];
}

static void expect_refused(struct world *world, const struct command *entry, enum reason reason,
                           uint32_t limit)
{
    const struct event *answer = command(world, entry);

    assert_int_equal(answer->type, EVENT_REFUSED);
    assert_int_equal(answer->reason, reason);
    assert_int_equal(answer->limit, limit);
    assert_int_equal(world->f.event_count, 1);
}

static void create__answer__tells_the_whole_membership(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct command entry = {.type = COMMAND_CREATE,
                            .session = {7, 8},
                            .request = 99,
                            .secret = {.tag = 5, .key_up = {1}, .key_down = {2}},
                            .members_max = 10,
                            .tick_us = 20000,
                            .locked = true,
                            .code = "BCDFGH",
                            .code_size = 6,
                            .metadata_size = 4,
                            .metadata = "meta"};
    const struct event *event = NULL;
    (void)state;

    fixture_open(&f, &limits);
    fixture_command(&f, &entry);
    assert_int_equal(f.event_count, 1);
    event = &f.events[0];
    assert_int_equal(event->type, EVENT_MEMBERSHIP);
    assert_true(event->answer);
    assert_int_equal(event->request, 99);
    assert_int_equal(event->slot.tag, 5);
    assert_int_equal(event->secret.key_up[0], 1);
    assert_int_equal(event->secret.key_down[0], 2);
    assert_int_not_equal(event->room.tag, 0);
    assert_int_not_equal(event->member, 0);
    assert_int_equal(event->host, event->member);
    assert_int_equal(event->host_epoch, 1);
    assert_true(event->locked);
    assert_int_equal(event->members_max, 10);
    assert_int_equal(event->tick_us, 20000);
    assert_int_equal(event->code_size, 6);
    assert_memory_equal(event->code, "BCDFGH", 6);
    assert_int_equal(event->metadata_size, 4);
    assert_memory_equal(event->metadata, "meta", 4);
    assert_int_equal(event->member_count, 1);
    assert_int_equal(event->members[0], event->member);
    fixture_close(&f);
}

static void join__answer__names_all_members_oldest_first(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct command entry;
    const struct event *event = NULL;
    (void)state;

    open_world(&world, &limits);
    entry = client_command(&world.b, COMMAND_LEAVE);
    (void)command(&world, &entry);
    fixture_forget(&world.f);
    client_join(&world.f, &world.b, 4, &world.a);
    assert_int_equal(world.f.event_count, 2);
    event = &world.f.events[0];
    assert_int_equal(event->member_count, 3);
    assert_int_equal(event->members[0], world.a.member);
    assert_int_equal(event->members[1], world.c.member);
    assert_int_equal(event->members[2], world.b.member);
    assert_int_equal(event->host, world.a.member);
    event = fixture_event(&world.f, EVENT_JOINED, 0);
    assert_int_equal(event->member, world.b.member);
    assert_int_equal(event->receiver_count, 2);
    entry = client_command(&world.c, COMMAND_ROOM_STATE);
    event = command(&world, &entry);
    assert_int_equal(event->type, EVENT_MEMBERSHIP);
    assert_int_equal(event->member, world.c.member);
    assert_memory_equal(event->secret.key_up, world.c.secret.key_up, 16);
    assert_int_equal(event->member_count, 3);
    fixture_close(&world.f);
}

static void join__that_may_not_be__is_refused(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    struct client d = {.session = {9, 9}, .secret = {.tag = 1}};
    struct command entry;
    struct command lock;
    (void)state;

    limits.members_per_room_max = 3;
    limits.slots_max = 4;
    limits.rooms_max = 2;
    open_world(&world, &limits);
    entry = client_command(&d, COMMAND_JOIN);
    entry.secret = d.secret;
    entry.room = world.a.room;
    expect_refused(&world, &entry, REASON_ROOM_FULL, 3);
    entry.room.tag++;
    expect_refused(&world, &entry, REASON_NO_SUCH_ROOM, 0);
    entry.room.index = 77;
    expect_refused(&world, &entry, REASON_NO_SUCH_ROOM, 0);
    lock = client_command(&world.a, COMMAND_LOCK);
    lock.locked = true;
    assert_int_equal(command(&world, &lock)->type, EVENT_DONE);
    entry.room = world.a.room;
    expect_refused(&world, &entry, REASON_ROOM_LOCKED, 0);
    entry.type = COMMAND_CREATE;
    entry.members_max = 2;
    assert_int_equal(command(&world, &entry)->type, EVENT_MEMBERSHIP);
    expect_refused(&world, &entry, REASON_ROOMS_LIMIT, 2);
    entry.type = COMMAND_JOIN;
    entry.room = (struct room_ref){1, 1};
    expect_refused(&world, &entry, REASON_CLIENTS_LIMIT, 4);
    fixture_close(&world.f);
}

static void create__without_a_slot__leaves_no_room_behind(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    struct client d = {.session = {9, 9}, .secret = {.tag = 1}};
    struct command entry;
    (void)state;

    limits.slots_max = 3;
    limits.members_per_room_max = 3;
    open_world(&world, &limits);
    entry = client_command(&d, COMMAND_CREATE);
    entry.secret = d.secret;
    entry.members_max = 2;
    expect_refused(&world, &entry, REASON_CLIENTS_LIMIT, 3);
    assert_int_equal(fixture_counters(&world.f).rooms_in_use, 1);
    fixture_close(&world.f);
}

static void commands__of_who_is_not_host_or_not_there__are_refused(void **state)
{
    static const enum command_type types[] = {COMMAND_KICK, COMMAND_LOCK, COMMAND_HAND_OVER,
                                              COMMAND_SET_METADATA, COMMAND_BLOB_PUT};
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct command entry;
    (void)state;

    open_world(&world, &limits);
    for (unsigned index = 0; index < 4; index++) {
        entry = client_command(&world.b, types[index]);
        expect_refused(&world, &entry, REASON_NOT_HOST, 0);
        entry.slot.tag++;
        expect_refused(&world, &entry, REASON_NOT_IN_ROOM, 0);
        entry.slot.tag--;
        entry.session.tag++;
        expect_refused(&world, &entry, REASON_NOT_IN_ROOM, 0);
        entry.session.tag--;
        entry.slot.index = UINT32_MAX;
        expect_refused(&world, &entry, REASON_NOT_IN_ROOM, 0);
    }
    entry = client_command(&world.a, COMMAND_KICK);
    entry.member = world.a.member;
    expect_refused(&world, &entry, REASON_NO_SUCH_MEMBER, 0);
    entry.member = (uint16_t)(world.b.member + 0x100);
    expect_refused(&world, &entry, REASON_NO_SUCH_MEMBER, 0);
    entry.type = COMMAND_HAND_OVER;
    expect_refused(&world, &entry, REASON_NO_SUCH_MEMBER, 0);
    entry.member = 0xFFFF;
    expect_refused(&world, &entry, REASON_NO_SUCH_MEMBER, 0);
    /* By the relay itself, to a slot that is gone: nobody to answer. */
    fixture_forget(&world.f);
    entry = client_command(&world.b, COMMAND_LEAVE);
    entry.request = 0;
    entry.slot.tag++;
    fixture_command(&world.f, &entry);
    assert_int_equal(world.f.event_count, 0);
    fixture_close(&world.f);
}

static void kick__answer_removed_left__in_this_order(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct command entry;
    (void)state;

    open_world(&world, &limits);
    entry = client_command(&world.a, COMMAND_KICK);
    entry.member = world.b.member;
    assert_int_equal(command(&world, &entry)->type, EVENT_DONE);
    assert_int_equal(world.f.event_count, 3);
    assert_int_equal(world.f.events[1].type, EVENT_REMOVED);
    assert_int_equal(world.f.events[1].session.index, world.b.session.index);
    assert_int_equal(world.f.events[1].slot.tag, world.b.slot.tag);
    assert_int_equal(world.f.events[1].reason, REASON_KICKED);
    assert_int_equal(world.f.events[2].type, EVENT_LEFT);
    assert_int_equal(world.f.events[2].member, world.b.member);
    assert_int_equal(world.f.events[2].reason, REASON_KICKED);
    assert_int_equal(world.f.events[2].receiver_count, 2);
    expect_refused(&world, &entry, REASON_NO_SUCH_MEMBER, 0);
    fixture_close(&world.f);
}

static void hand_over__to_another__raises_the_epoch(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct command entry;
    (void)state;

    open_world(&world, &limits);
    entry = client_command(&world.a, COMMAND_HAND_OVER);
    entry.member = world.c.member;
    assert_int_equal(command(&world, &entry)->type, EVENT_DONE);
    assert_int_equal(world.f.event_count, 2);
    assert_int_equal(world.f.events[1].type, EVENT_HOST_CHANGED);
    assert_int_equal(world.f.events[1].host, world.c.member);
    assert_int_equal(world.f.events[1].host_epoch, 2);
    assert_int_equal(world.f.events[1].receiver_count, 3);
    expect_refused(&world, &entry, REASON_STALE_EPOCH, 0);
    /* To itself: done, and nothing has changed. */
    world.c.host_epoch = 2;
    entry = client_command(&world.c, COMMAND_HAND_OVER);
    entry.member = world.c.member;
    assert_int_equal(command(&world, &entry)->type, EVENT_DONE);
    assert_int_equal(world.f.event_count, 1);
    fixture_close(&world.f);
}

static void commands__of_another_epoch__have_no_effect(void **state)
{
    static const enum command_type types[] = {COMMAND_KICK, COMMAND_LOCK, COMMAND_HAND_OVER,
                                              COMMAND_SET_METADATA, COMMAND_BLOB_PUT};
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct command entry;
    (void)state;

    open_world(&world, &limits);
    /* a is the host of the epochs 1 and 3. */
    entry = client_command(&world.a, COMMAND_HAND_OVER);
    entry.member = world.c.member;
    assert_int_equal(command(&world, &entry)->type, EVENT_DONE);
    world.c.host_epoch = 2;
    entry = client_command(&world.c, COMMAND_HAND_OVER);
    entry.member = world.a.member;
    assert_int_equal(command(&world, &entry)->type, EVENT_DONE);
    for (unsigned index = 0; index < 4; index++) {
        static const uint32_t others[] = {0, 1, 2, 4, UINT32_MAX};

        for (unsigned other = 0; other < 5; other++) {
            entry = client_command(&world.a, types[index]);
            entry.member = world.b.member;
            entry.host_epoch = others[other];
            expect_refused(&world, &entry, REASON_STALE_EPOCH, 0);
        }
        /* Who was never host is told first that it knows an old epoch, then that it is none. */
        entry = client_command(&world.b, types[index]);
        expect_refused(&world, &entry, REASON_STALE_EPOCH, 0);
        entry.host_epoch = 3;
        expect_refused(&world, &entry, REASON_NOT_HOST, 0);
    }
    world.a.host_epoch = 3;
    entry = client_command(&world.a, COMMAND_LOCK);
    entry.locked = true;
    assert_int_equal(command(&world, &entry)->type, EVENT_DONE);
    fixture_close(&world.f);
}

static void lock_and_metadata__by_the_host__are_announced_to_all(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct command entry;
    (void)state;

    open_world(&world, &limits);
    entry = client_command(&world.a, COMMAND_LOCK);
    entry.locked = true;
    assert_int_equal(command(&world, &entry)->type, EVENT_DONE);
    assert_int_equal(world.f.event_count, 2);
    assert_int_equal(world.f.events[1].type, EVENT_LOCKED);
    assert_true(world.f.events[1].locked);
    assert_int_equal(world.f.events[1].receiver_count, 3);
    assert_int_equal(command(&world, &entry)->type, EVENT_DONE);
    assert_int_equal(world.f.event_count, 1);
    entry = client_command(&world.a, COMMAND_SET_METADATA);
    entry.metadata_size = CORE_METADATA_MAX;
    memset(entry.metadata, 'm', CORE_METADATA_MAX);
    assert_int_equal(command(&world, &entry)->type, EVENT_DONE);
    assert_int_equal(world.f.events[1].type, EVENT_METADATA);
    assert_int_equal(world.f.events[1].metadata_size, CORE_METADATA_MAX);
    assert_memory_equal(world.f.events[1].metadata, entry.metadata, CORE_METADATA_MAX);
    fixture_close(&world.f);
}

static void leave__on_behalf_of_the_relay__says_bye_and_only_answers(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct command entry;
    (void)state;

    open_world(&world, &limits);
    client_bind(&world.f, &world.b);
    entry = client_command(&world.b, COMMAND_LEAVE);
    entry.reason = REASON_CONTROL_LOST;
    entry.request = 0;
    assert_int_equal(command(&world, &entry)->type, EVENT_DONE);
    assert_int_equal(world.f.event_count, 2);
    assert_int_equal(world.f.events[1].type, EVENT_LEFT);
    assert_int_equal(world.f.events[1].reason, REASON_CONTROL_LOST);
    fixture_flush(&world.f);
    assert_int_equal(client_count(&world.f, &world.b, DATAGRAM_BYE), 1);
    fixture_close(&world.f);
}

static void drain__says_bye_to_the_bound_and_empties_everything(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct command entry = {.type = COMMAND_DRAIN, .reason = REASON_SHUTDOWN};
    struct core_counters counters;
    (void)state;

    open_world(&world, &limits);
    client_bind(&world.f, &world.a);
    client_bind(&world.f, &world.b);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, true, "x", 1);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 0, false, "x", 1);
    fixture_command(&world.f, &entry);
    assert_int_equal(world.f.event_count, 0);
    fixture_settle(&world.f);
    assert_int_equal(world.f.sent_count, 2);
    assert_int_equal(client_count(&world.f, &world.a, DATAGRAM_BYE), 1);
    assert_int_equal(client_count(&world.f, &world.b, DATAGRAM_BYE), 1);
    counters = fixture_counters(&world.f);
    assert_int_equal(counters.slots_in_use, 0);
    assert_int_equal(counters.slots_bound, 0);
    assert_int_equal(counters.rooms_in_use, 0);
    assert_int_equal(counters.cells_in_use, 0);
    assert_int_equal(counters.deliveries_waiting, 0);
    assert_false(core_is_ticking(world.f.core));
    assert_true(core_next_deadline(world.f.core) == UINT64_MAX);
    fixture_close(&world.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create__answer__tells_the_whole_membership),
        cmocka_unit_test(join__answer__names_all_members_oldest_first),
        cmocka_unit_test(join__that_may_not_be__is_refused),
        cmocka_unit_test(create__without_a_slot__leaves_no_room_behind),
        cmocka_unit_test(commands__of_who_is_not_host_or_not_there__are_refused),
        cmocka_unit_test(kick__answer_removed_left__in_this_order),
        cmocka_unit_test(hand_over__to_another__raises_the_epoch),
        cmocka_unit_test(commands__of_another_epoch__have_no_effect),
        cmocka_unit_test(lock_and_metadata__by_the_host__are_announced_to_all),
        cmocka_unit_test(leave__on_behalf_of_the_relay__says_bye_and_only_answers),
        cmocka_unit_test(drain__says_bye_to_the_bound_and_empties_everything),
    };

    return RUN_TESTS(tests);
}
