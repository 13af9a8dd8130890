/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"

/* A room with a tick, so that records wait: a, b, c are bound. */
struct world {
    struct fixture f;
    struct client a;
    struct client b;
    struct client c;
    struct record records[RECEIVE_MAX];
};

#define TICK_US 20000

static void open_world(struct world *world, const struct relay_limits *limits)
{
    fixture_open(&world->f, limits);
    client_create(&world->f, &world->a, 1, TICK_US);
    client_join(&world->f, &world->b, 2, &world->a);
    client_join(&world->f, &world->c, 3, &world->a);
    client_bind(&world->f, &world->a);
    client_bind(&world->f, &world->b);
    client_bind(&world->f, &world->c);
}

static void flush(struct world *world)
{
    fixture_run(&world->f, world->f.now_ns + TICK_US * UINT64_C(1000));
}

static struct core_counters counters(const struct world *world)
{
    return fixture_counters(&world->f);
}

static void state__newer_before_the_tick__replaces_the_older(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    open_world(&world, &limits);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, "old", 3);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, "newer", 5);
    fixture_flush(&world.f);
    assert_int_equal(world.f.sent_count, 0);
    assert_int_equal(counters(&world).deliveries_waiting, 2);
    flush(&world);
    assert_int_equal(client_records(&world.f, &world.b, world.records), 1);
    assert_int_equal(world.records[0].size, 5);
    assert_memory_equal(world.records[0].payload, "newer", 5);
    assert_int_equal(counters(&world).deliveries_made, 4);
    assert_int_equal(counters(&world).deliveries_superseded, 2);
    assert_int_equal(counters(&world).deliveries_sent, 2);
    assert_int_equal(counters(&world).deliveries_waiting, 0);
    assert_int_equal(counters(&world).cells_in_use, 0);
    fixture_close(&world.f);
}

static void state__reordered_on_the_way_up__is_stale(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    static const uint8_t old_body[] = {0xFF, 0xFF, 1, 0, 3, 'o', 'l', 'd'};
    uint8_t bytes[64];
    size_t size = 0;
    (void)state;

    open_world(&world, &limits);
    size =
        client_seal(&world.a, DATAGRAM_DATA, ++world.a.sequence, old_body, sizeof(old_body), bytes);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, "new", 3);
    client_send_raw(&world.f, &world.a.path, bytes, size);
    client_send_raw(&world.f, &world.a.path, bytes, size);
    flush(&world);
    assert_int_equal(client_records(&world.f, &world.b, world.records), 1);
    assert_memory_equal(world.records[0].payload, "new", 3);
    assert_int_equal(fixture_dropped(&world.f, REASON_STALE), 1);
    assert_int_equal(fixture_dropped(&world.f, REASON_REPLAYED), 1);
    fixture_close(&world.f);
}

static void state__twice_in_one_datagram__the_later_position_wins(void **state)
{
    static const uint8_t body[] = {0xFF, 0xFF, 1, 0, 1, '1', 0xFF, 0xFF, 1, 0, 1, '2'};
    const struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    open_world(&world, &limits);
    client_send(&world.f, &world.a, DATAGRAM_DATA, body, sizeof(body));
    flush(&world);
    assert_int_equal(client_records(&world.f, &world.b, world.records), 1);
    assert_memory_equal(world.records[0].payload, "2", 1);
    fixture_close(&world.f);
}

static void state__to_another_destination__never_reaches_the_first(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    open_world(&world, &limits);
    client_send_record(&world.f, &world.a, world.b.member, 1, false, "for b", 5);
    client_send_record(&world.f, &world.a, world.c.member, 1, false, "for c", 5);
    flush(&world);
    assert_int_equal(client_records(&world.f, &world.b, world.records), 0);
    assert_int_equal(client_records(&world.f, &world.c, world.records), 1);
    assert_memory_equal(world.records[0].payload, "for c", 5);
    assert_int_equal(counters(&world).deliveries_superseded, 1);
    fixture_close(&world.f);
}

static void ordered__many__come_in_order_and_none_is_replaced(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    open_world(&world, &limits);
    for (uint8_t number = 0; number < RING_SIZE; number++) {
        client_send_record(&world.f, number % 2 == 0 ? &world.a : &world.b, MEMBER_ALL, 0, false,
                           &number, 1);
    }
    flush(&world);
    assert_int_equal(client_records(&world.f, &world.c, world.records), RING_SIZE);
    for (uint8_t number = 0; number < RING_SIZE; number++) {
        assert_int_equal(world.records[number].payload[0], number);
        assert_int_equal(world.records[number].member,
                         number % 2 == 0 ? world.a.member : world.b.member);
    }
    assert_int_equal(client_records(&world.f, &world.a, world.records), RING_SIZE / 2);
    fixture_close(&world.f);
}

static void ordered__beyond_the_ring__loses_the_oldest(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    open_world(&world, &limits);
    for (uint8_t number = 0; number < RING_SIZE + 5; number++) {
        client_send_record(&world.f, &world.a, MEMBER_ALL, 0, false, &number, 1);
    }
    assert_int_equal(fixture_dropped(&world.f, REASON_OVERRUN), 10);
    flush(&world);
    assert_int_equal(client_records(&world.f, &world.c, world.records), RING_SIZE);
    assert_int_equal(world.records[0].payload[0], 5);
    assert_int_equal(world.records[RING_SIZE - 1].payload[0], RING_SIZE + 4);
    fixture_close(&world.f);
}

static void ordered__half_the_ring_waits__leaves_before_the_tick(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    open_world(&world, &limits);
    client_send_record(&world.f, &world.b, MEMBER_ALL, 0, false, "b", 1);
    for (unsigned number = 1; number < RING_SIZE / 2; number++) {
        fixture_flush(&world.f);
        assert_int_equal(world.f.sent_count, 0);
        client_send_record(&world.f, &world.a, MEMBER_ALL, 0, false, "a", 1);
    }
    fixture_flush(&world.f);
    /* What one member says cannot push out what another has said in the same tick. */
    assert_int_equal(client_records(&world.f, &world.c, world.records), RING_SIZE / 2);
    assert_int_equal(world.records[0].member, world.b.member);
    for (unsigned number = 0; number < RING_SIZE; number++) {
        client_send_record(&world.f, &world.a, MEMBER_ALL, 0, false, "a", 1);
        fixture_flush(&world.f);
    }
    flush(&world);
    assert_int_equal(fixture_dropped(&world.f, REASON_OVERRUN), 0);
    fixture_close(&world.f);
}

static void ordered__sender_leaves_before_the_tick__still_arrives(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct command command;
    (void)state;

    open_world(&world, &limits);
    client_send_record(&world.f, &world.b, MEMBER_ALL, 0, false, "last words", 10);
    client_send_record(&world.f, &world.b, MEMBER_ALL, 1, false, "state", 5);
    command = client_command(&world.b, COMMAND_LEAVE);
    fixture_command(&world.f, &command);
    assert_int_equal(fixture_dropped(&world.f, REASON_SENDER_LEFT), 2);
    /* Who takes the place is another member. The tick is not waited for. */
    client_join(&world.f, &world.b, 9, &world.a);
    fixture_flush(&world.f);
    assert_int_equal(client_records(&world.f, &world.a, world.records), 1);
    assert_memory_equal(world.records[0].payload, "last words", 10);
    fixture_close(&world.f);
}

static void receiver__leaves_while_records_wait__is_counted(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct command command;
    (void)state;

    open_world(&world, &limits);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 0, false, "x", 1);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, "x", 1);
    client_send_record(&world.f, &world.a, world.b.member, 2, false, "x", 1);
    command = client_command(&world.b, COMMAND_LEAVE);
    fixture_command(&world.f, &command);
    assert_int_equal(fixture_dropped(&world.f, REASON_RECEIVER_LEFT), 3);
    assert_int_equal(counters(&world).cells_in_use, 2);
    flush(&world);
    assert_int_equal(client_records(&world.f, &world.c, world.records), 2);
    assert_int_equal(counters(&world).deliveries_waiting, 0);
    fixture_close(&world.f);
}

static void retained__late_joiner__gets_the_newest_of_each_first(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct client d;
    unsigned from_a = 0;
    (void)state;

    open_world(&world, &limits);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 7, true, "a old", 5);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 7, true, "a new", 5);
    client_send_record(&world.f, &world.b, MEMBER_ALL, 3, true, "b", 1);
    client_send_record(&world.f, &world.b, MEMBER_ALL, 4, false, "live", 4);
    flush(&world);
    world.f.now_ns += 250 * MS;
    client_join(&world.f, &d, 4, &world.a);
    client_bind(&world.f, &d);
    assert_int_equal(counters(&world).deliveries_replayed, 2);
    client_send_record(&world.f, &world.c, MEMBER_ALL, 0, false, "now", 3);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, "now too", 7);
    flush(&world);
    assert_int_equal(client_records(&world.f, &d, world.records), 4);
    assert_true(world.records[0].is_retained && world.records[1].is_retained);
    /* Of the two, either may come first. */
    from_a = world.records[0].member == world.a.member ? 0 : 1;
    assert_int_equal(world.records[from_a].size, 5);
    assert_memory_equal(world.records[from_a].payload, "a new", 5);
    assert_memory_equal(world.records[1 - from_a].payload, "b", 1);
    assert_in_range(world.records[from_a].age_ms, 250, 300);
    assert_memory_equal(world.records[2].payload, "now", 3);
    assert_memory_equal(world.records[3].payload, "now too", 7);
    fixture_close(&world.f);
}

static void retained__two_late_joiners_at_once__both_get_it_before_anything_live(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct client late[2];
    (void)state;

    open_world(&world, &limits);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 7, true, "kept", 4);
    flush(&world);
    for (unsigned number = 0; number < 2; number++) {
        client_join(&world.f, &late[number], 4 + number, &world.a);
        client_bind(&world.f, &late[number]);
    }
    client_send_record(&world.f, &world.b, MEMBER_ALL, 0, false, "live", 4);
    flush(&world);
    for (unsigned number = 0; number < 2; number++) {
        assert_int_equal(client_records(&world.f, &late[number], world.records), 2);
        assert_true(world.records[0].is_retained);
        assert_memory_equal(world.records[1].payload, "live", 4);
    }
    fixture_close(&world.f);
}

static void retained__not_retained_any_more_or_sender_left__is_forgotten(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct command command;
    struct client d;
    (void)state;

    open_world(&world, &limits);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 7, true, "a", 1);
    client_send_record(&world.f, &world.b, MEMBER_ALL, 3, true, "b", 1);
    flush(&world);
    assert_int_equal(counters(&world).cells_in_use, 2);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 7, false, "a", 1);
    command = client_command(&world.b, COMMAND_LEAVE);
    fixture_command(&world.f, &command);
    flush(&world);
    assert_int_equal(counters(&world).cells_in_use, 0);
    client_join(&world.f, &d, 4, &world.a);
    client_bind(&world.f, &d);
    flush(&world);
    assert_int_equal(client_records(&world.f, &d, world.records), 0);
    fixture_close(&world.f);
}

static void retained__alone_in_the_room__waits_for_who_comes(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_send_record(&f, &a, MEMBER_ALL, 1, true, "map", 3);
    assert_int_equal(fixture_counters(&f).records_admitted, 1);
    client_join(&f, &b, 2, &a);
    client_bind(&f, &b);
    assert_int_equal(fixture_counters(&f).deliveries_replayed, 1);
    assert_int_equal(fixture_counters(&f).deliveries_sent, 1);
    fixture_close(&f);
}

static void retained__beyond_the_bound__is_relayed_live(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    limits.room_retained_bytes = 10;
    open_world(&world, &limits);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, true, "12345678", 8);
    client_send_record(&world.f, &world.b, MEMBER_ALL, 1, true, "1234", 4);
    flush(&world);
    assert_int_equal(counters(&world).retained_beyond_bound, 1);
    assert_int_equal(client_records(&world.f, &world.c, world.records), 2);
    assert_true(world.records[0].is_retained);
    assert_false(world.records[1].is_retained);
    /* A smaller one in the place of the first makes room. */
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, true, "123456", 6);
    client_send_record(&world.f, &world.b, MEMBER_ALL, 1, true, "1234", 4);
    assert_int_equal(counters(&world).retained_beyond_bound, 1);
    fixture_close(&world.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state__newer_before_the_tick__replaces_the_older),
        cmocka_unit_test(state__reordered_on_the_way_up__is_stale),
        cmocka_unit_test(state__twice_in_one_datagram__the_later_position_wins),
        cmocka_unit_test(state__to_another_destination__never_reaches_the_first),
        cmocka_unit_test(ordered__many__come_in_order_and_none_is_replaced),
        cmocka_unit_test(ordered__beyond_the_ring__loses_the_oldest),
        cmocka_unit_test(ordered__half_the_ring_waits__leaves_before_the_tick),
        cmocka_unit_test(ordered__sender_leaves_before_the_tick__still_arrives),
        cmocka_unit_test(receiver__leaves_while_records_wait__is_counted),
        cmocka_unit_test(retained__late_joiner__gets_the_newest_of_each_first),
        cmocka_unit_test(retained__two_late_joiners_at_once__both_get_it_before_anything_live),
        cmocka_unit_test(retained__not_retained_any_more_or_sender_left__is_forgotten),
        cmocka_unit_test(retained__alone_in_the_room__waits_for_who_comes),
        cmocka_unit_test(retained__beyond_the_bound__is_relayed_live),
    };

    return RUN_TESTS(tests);
}
