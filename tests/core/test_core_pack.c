/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"

#define TICK_US 20000
#define MEMBERS 64

/* A full room with a tick; all are bound. Made on the heap: it is large. */
struct world {
    struct fixture f;
    struct client clients[MEMBERS];
    struct record records[RECEIVE_MAX];
    uint8_t payload[1200];
};

static struct world *open_world(unsigned members, uint32_t tick_us)
{
    const struct relay_limits limits = fixture_limits();
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    fixture_open(&world->f, &limits);
    for (unsigned number = 0; number < members; number++) {
        if (number == 0) {
            client_create(&world->f, &world->clients[0], 0, tick_us);
        } else {
            client_join(&world->f, &world->clients[number], number, &world->clients[0]);
        }
        client_bind(&world->f, &world->clients[number]);
    }
    fixture_forget(&world->f);
    return world;
}

static void close_world(struct world *world)
{
    fixture_close(&world->f);
    free(world);
}

static void flush(struct world *world)
{
    fixture_run(&world->f, world->f.now_ns + TICK_US * UINT64_C(1000));
}

/* How many different bodies the DATA in the net has. */
static unsigned count_bodies(const struct world *world)
{
    unsigned count = 0;

    for (unsigned index = 0; index < world->f.sent_count; index++) {
        bool is_new = true;

        for (unsigned other = 0; other < index && is_new; other++) {
            is_new = world->f.sent[other].size != world->f.sent[index].size ||
                     memcmp(world->f.sent[other].bytes + DATAGRAM_HEAD_SIZE,
                            world->f.sent[index].bytes + DATAGRAM_HEAD_SIZE,
                            datagram_body_size(world->f.sent[index].size)) != 0;
        }
        count += is_new;
    }
    return count;
}

static void room__all_send__share_bodies(void **state)
{
    struct world *world = open_world(MEMBERS, TICK_US);
    unsigned shared = 0;
    (void)state;

    for (unsigned number = 0; number < MEMBERS; number++) {
        world->payload[0] = (uint8_t)number;
        client_send_record(&world->f, &world->clients[number], MEMBER_ALL, 1, false, world->payload,
                           100);
    }
    flush(world);
    for (unsigned number = 0; number < MEMBERS; number++) {
        assert_int_equal(client_records(&world->f, &world->clients[number], world->records),
                         MEMBERS - 1);
        assert_int_equal(client_count(&world->f, &world->clients[number], DATAGRAM_DATA), 6);
    }
    assert_int_equal(count_bodies(world), 6);
    /* Within one batch the memory is shared too. */
    for (unsigned index = 6; index < 60; index++) {
        shared += world->f.sent[index].body == world->f.sent[index - 6].body;
    }
    assert_int_equal(shared, 54);
    assert_int_equal(fixture_counters(&world->f).deliveries_sent, MEMBERS * (MEMBERS - 1));
    close_world(world);
}

static void room__any_capacity__serves_the_same(void **state)
{
    static const unsigned capacities[] = {1, 2, 5, 7, 63};
    (void)state;

    for (unsigned index = 0; index < 5; index++) {
        struct world *world = open_world(12, TICK_US);

        world->f.capacity = capacities[index];
        for (unsigned number = 0; number < 12; number++) {
            client_send_record(&world->f, &world->clients[number], MEMBER_ALL, 1, false,
                               world->payload, 400);
            client_send_record(&world->f, &world->clients[number], MEMBER_ALL, 0, false,
                               world->payload, 300);
        }
        flush(world);
        for (unsigned number = 0; number < 12; number++) {
            assert_int_equal(client_records(&world->f, &world->clients[number], world->records),
                             22);
        }
        close_world(world);
    }
}

static void room__more_than_a_round_of_bodies__serves_everyone_in_rounds(void **state)
{
    struct world *world = open_world(24, TICK_US);
    (void)state;

    /* 24 members, 2 streams of a body each: 48 bodies are shared by all. */
    for (unsigned number = 0; number < 24; number++) {
        for (uint8_t stream = 1; stream <= 2; stream++) {
            world->payload[0] = (uint8_t)number;
            client_send_record(&world->f, &world->clients[number], MEMBER_ALL, stream, false,
                               world->payload, 1000);
        }
    }
    flush(world);
    for (unsigned number = 0; number < 24; number++) {
        assert_int_equal(client_records(&world->f, &world->clients[number], world->records), 46);
        /* Bodies with nothing but its own are not sent to it. */
        assert_int_equal(client_count(&world->f, &world->clients[number], DATAGRAM_DATA), 46);
    }
    assert_int_equal(count_bodies(world), 48);
    close_world(world);
}

static void bodies__of_uneven_records__are_made_equally_long(void **state)
{
    struct world *world = open_world(MEMBERS, TICK_US);
    (void)state;

    for (unsigned number = 0; number < MEMBERS; number++) {
        client_send_record(&world->f, &world->clients[number], MEMBER_ALL, 1, false, world->payload,
                           60 + number * 41 % 60);
    }
    flush(world);
    for (unsigned number = 0; number < MEMBERS; number++) {
        const struct client *client = &world->clients[number];
        const unsigned count = client_count(&world->f, client, DATAGRAM_DATA);

        assert_int_equal(client_records(&world->f, client, world->records), MEMBERS - 1);
        assert_true(count >= 3);
        for (unsigned index = 1; index + 1 < count; index++) {
            assert_int_equal(client_find(&world->f, client, DATAGRAM_DATA, index)->size,
                             client_find(&world->f, client, DATAGRAM_DATA, 0)->size);
        }
        assert_true(client_find(&world->f, client, DATAGRAM_DATA, count - 1)->size <=
                    client_find(&world->f, client, DATAGRAM_DATA, 0)->size);
    }
    close_world(world);
}

static void pair__each_sends__gets_no_record_of_its_own(void **state)
{
    struct world *world = open_world(2, 0);
    const struct sent *sent = NULL;
    (void)state;

    client_send_record(&world->f, &world->clients[0], MEMBER_ALL, 1, false, "abcde", 5);
    client_send_record(&world->f, &world->clients[1], MEMBER_ALL, 1, false, "fghij", 5);
    fixture_settle(&world->f);
    for (unsigned number = 0; number < 2; number++) {
        sent = client_find(&world->f, &world->clients[number], DATAGRAM_DATA, 0);
        assert_non_null(sent);
        assert_int_equal(sent->size, DATAGRAM_OVERHEAD + RECORD_HEAD_SIZE + 5);
    }
    close_world(world);
}

static void host_and_players__different_sets__share_where_they_are_equal(void **state)
{
    struct world *world = open_world(20, TICK_US);
    const struct client *host = &world->clients[0];
    (void)state;

    /* Players to the host, the host to all, one player to one other. */
    for (unsigned number = 1; number < 20; number++) {
        client_send_record(&world->f, &world->clients[number], MEMBER_HOST, 1, false, "input", 5);
    }
    client_send_record(&world->f, &world->clients[0], MEMBER_ALL, 2, false, "world", 5);
    client_send_record(&world->f, &world->clients[5], world->clients[9].member, 3, false, "psst",
                       4);
    flush(world);
    assert_int_equal(client_records(&world->f, host, world->records), 19);
    for (unsigned number = 1; number < 20; number++) {
        assert_int_equal(client_records(&world->f, &world->clients[number], world->records),
                         number == 9 ? 2 : 1);
    }
    assert_int_equal(world->f.sent_count, 20);
    assert_int_equal(count_bodies(world), 3);
    close_world(world);
}

static void body__full__is_split_at_records_and_at_64(void **state)
{
    struct world *world = open_world(2, TICK_US);
    (void)state;

    for (unsigned number = 0; number < 64; number++) {
        client_send_record(&world->f, &world->clients[0], MEMBER_ALL, 0, false, "", 0);
    }
    for (uint8_t stream = 1; stream <= 8; stream++) {
        client_send_record(&world->f, &world->clients[0], MEMBER_ALL, stream, false, world->payload,
                           700);
    }
    flush(world);
    assert_int_equal(client_records(&world->f, &world->clients[1], world->records), 72);
    assert_int_equal(client_count(&world->f, &world->clients[1], DATAGRAM_DATA), 9);
    close_world(world);
}

static void rotor__over_flushes__lets_each_cell_come_first(void **state)
{
    struct world *world = open_world(5, TICK_US);
    unsigned first[5] = {0};
    (void)state;

    for (unsigned round = 0; round < 40; round++) {
        fixture_forget(&world->f);
        for (unsigned number = 1; number < 5; number++) {
            client_send_record(&world->f, &world->clients[number], MEMBER_ALL, 1, false, "x", 1);
        }
        flush(world);
        assert_int_equal(client_records(&world->f, &world->clients[0], world->records), 4);
        for (unsigned number = 1; number < 5; number++) {
            first[number] += world->records[0].member == world->clients[number].member;
        }
    }
    for (unsigned number = 1; number < 5; number++) {
        assert_int_equal(first[number], 10);
    }
    close_world(world);
}

static void output__that_fails__loses_its_records_and_counts_them(void **state)
{
    struct world *world = open_world(10, TICK_US);
    (void)state;

    world->f.result = OUTPUT_FULL;
    client_send_record(&world->f, &world->clients[0], MEMBER_ALL, 1, false, "x", 1);
    flush(world);
    assert_int_equal(fixture_dropped(&world->f, REASON_SEND_FULL), 9);
    world->f.result = OUTPUT_FAILED;
    client_send_record(&world->f, &world->clients[0], MEMBER_ALL, 1, false, "x", 1);
    flush(world);
    assert_int_equal(fixture_dropped(&world->f, REASON_SEND_ERROR), 9);
    assert_int_equal(fixture_counters(&world->f).deliveries_sent, 0);
    assert_int_equal(fixture_counters(&world->f).datagrams_sent[DATAGRAM_DATA], 0);
    close_world(world);
}

static void tick__rooms_with_one__flush_at_their_phase_and_only_when_something_waits(void **state)
{
    struct world *world = open_world(2, TICK_US);
    const uint64_t idle_ns = core_next_deadline(world->f.core);
    uint64_t due_ns = 0;
    (void)state;

    assert_true(core_is_ticking(world->f.core));
    assert_true(idle_ns > world->f.now_ns + SECOND);
    client_send_record(&world->f, &world->clients[0], MEMBER_ALL, 1, false, "x", 1);
    due_ns = core_next_deadline(world->f.core);
    assert_in_range(due_ns, world->f.now_ns + 1, world->f.now_ns + TICK_US * UINT64_C(1000));
    world->f.now_ns = due_ns - 1;
    fixture_flush(&world->f);
    assert_int_equal(world->f.sent_count, 0);
    world->f.now_ns = due_ns + 123;
    fixture_flush(&world->f);
    assert_int_equal(world->f.sent_count, 1);
    assert_int_equal(fixture_counters(&world->f).flush_late_ns_max, 123);
    client_send_record(&world->f, &world->clients[0], MEMBER_ALL, 1, false, "x", 1);
    assert_int_equal(core_next_deadline(world->f.core), due_ns + TICK_US * UINT64_C(1000));
    close_world(world);
}

static void room__opened_anew_while_listed__keeps_its_own_tick(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    const struct command drain = {.type = COMMAND_DRAIN, .reason = REASON_SHUTDOWN};
    (void)state;

    limits.rooms_max = 1;
    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_join(&f, &b, 2, &a);
    client_bind(&f, &b);
    client_send_record(&f, &a, MEMBER_ALL, 1, false, "x", 1);
    fixture_command(&f, &drain);
    client_create(&f, &a, 3, TICK_US);
    client_join(&f, &b, 4, &a);
    /* Bound by hand: client_bind() would empty the list. */
    member_set_add(&f.core->rooms[0].bound, 1);
    slot_bind(f.core, b.slot.index);
    f.core->slots[b.slot.index].path = b.path;
    client_send_record(&f, &a, MEMBER_ALL, 1, false, "y", 1);
    fixture_flush(&f);
    assert_int_equal(client_count(&f, &b, DATAGRAM_DATA), 0);
    f.now_ns += TICK_US * UINT64_C(1000);
    fixture_flush(&f);
    assert_int_equal(client_count(&f, &b, DATAGRAM_DATA), 1);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room__all_send__share_bodies),
        cmocka_unit_test(room__any_capacity__serves_the_same),
        cmocka_unit_test(room__more_than_a_round_of_bodies__serves_everyone_in_rounds),
        cmocka_unit_test(bodies__of_uneven_records__are_made_equally_long),
        cmocka_unit_test(pair__each_sends__gets_no_record_of_its_own),
        cmocka_unit_test(host_and_players__different_sets__share_where_they_are_equal),
        cmocka_unit_test(body__full__is_split_at_records_and_at_64),
        cmocka_unit_test(rotor__over_flushes__lets_each_cell_come_first),
        cmocka_unit_test(output__that_fails__loses_its_records_and_counts_them),
        cmocka_unit_test(room__opened_anew_while_listed__keeps_its_own_tick),
        cmocka_unit_test(tick__rooms_with_one__flush_at_their_phase_and_only_when_something_waits),
    };

    return RUN_TESTS(tests);
}
