/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"

/* Downlink budgets: a member that may have less than what the room says. */

#define MEMBERS    16
#define PAYLOAD    100
#define INTERVAL   (SECOND / 60)
#define SLOW_BYTES 9450 /* A tenth of 15 x 60 x (100 + 5). */

/* One round of all senders: 15 records in two datagrams. */
#define ROUND_NS ((15 * (PAYLOAD + 5) + 2 * DATAGRAM_OVERHEAD) * SECOND / SLOW_BYTES)

struct world {
    struct fixture f;
    struct client clients[MEMBERS]; /* The last one is the slow one. */
    struct record records[RECEIVE_MAX];
    uint64_t heard_ns[MEMBERS]; /* When the slow one got a state of each. */
    uint64_t gap_max_ns;
    uint64_t age_max_ns;
    unsigned slow_states;
    unsigned fast_states;
    uint64_t slow_bytes;
};

static struct world *open_world(uint32_t tick_us, uint32_t down_bytes_s,
                                const struct relay_limits *limits)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    fixture_open(&world->f, limits);
    for (unsigned number = 0; number < MEMBERS; number++) {
        world->f.down_bytes_s = number == MEMBERS - 1 ? down_bytes_s : 0;
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

static struct client *slow(struct world *world)
{
    return &world->clients[MEMBERS - 1];
}

static void hear(struct world *world)
{
    const unsigned count = client_records(&world->f, slow(world), world->records);

    for (unsigned index = 0; index < count; index++) {
        const unsigned sender = world->records[index].member & 0xFF;
        uint64_t sent_ns = 0;

        memcpy(&sent_ns, world->records[index].payload, sizeof(sent_ns));
        if (world->heard_ns[sender] != 0 &&
            world->f.now_ns - world->heard_ns[sender] > world->gap_max_ns) {
            world->gap_max_ns = world->f.now_ns - world->heard_ns[sender];
        }
        if (world->f.now_ns - sent_ns > world->age_max_ns) {
            world->age_max_ns = world->f.now_ns - sent_ns;
        }
        world->heard_ns[sender] = world->f.now_ns;
    }
    world->slow_states += count;
    for (unsigned index = 0; index < client_count(&world->f, slow(world), DATAGRAM_DATA); index++) {
        world->slow_bytes += client_find(&world->f, slow(world), DATAGRAM_DATA, index)->size;
    }
    for (unsigned number = 0; number + 1 < MEMBERS; number++) {
        world->fast_states += client_records(&world->f, &world->clients[number], world->records);
    }
    fixture_forget(&world->f);
}

/* Everybody but the slow one sends 60 states a second, each at its own phase. */
static void play(struct world *world, unsigned seconds)
{
    const uint64_t step_ns = INTERVAL / (MEMBERS - 1);
    uint8_t payload[PAYLOAD] = {0};

    for (uint64_t step = 0; step < (uint64_t)seconds * 60 * (MEMBERS - 1); step++) {
        const unsigned sender = (unsigned)(step % (MEMBERS - 1));

        memcpy(payload, &world->f.now_ns, sizeof(world->f.now_ns));
        client_send_record(&world->f, &world->clients[sender], MEMBER_ALL, 1, false, payload,
                           PAYLOAD);
        fixture_settle(&world->f);
        hear(world);
        fixture_run(&world->f, world->f.now_ns + step_ns);
        hear(world);
    }
}

static void check_slow(struct world *world, uint64_t flush_ns, unsigned seconds)
{
    /* It has a state of everyone in each round (a round ends within a datagram), and that is the
     * newest there was. */
    assert_true(world->gap_max_ns < ROUND_NS + 1232 * SECOND / SLOW_BYTES + flush_ns);
    assert_true(world->age_max_ns <= INTERVAL + flush_ns);
    assert_true(world->slow_states > seconds * 15 * SECOND / ROUND_NS * 9 / 10);
    assert_true(world->slow_bytes <= (uint64_t)SLOW_BYTES * seconds + 2 * 1232);
    assert_true(world->slow_bytes >= (uint64_t)SLOW_BYTES * seconds * 9 / 10);
    /* The others have all of it, and nothing piles up. */
    assert_int_equal(world->fast_states, seconds * 60 * 15 * 14);
    assert_true(fixture_counters(&world->f).deliveries_waiting <= 15);
    assert_true(fixture_counters(&world->f).receivers_held > 0);
}

static void receiver__with_a_tenth_of_what_it_needs__has_the_newest_of_all_in_turn(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world *world = open_world(0, SLOW_BYTES, &limits);
    (void)state;

    play(world, 5);
    check_slow(world, 0, 5);
    close_world(world);
}

static void receiver__in_a_room_with_a_tick__the_same_and_a_flush(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world *world = open_world(10000, SLOW_BYTES, &limits);
    (void)state;

    play(world, 5);
    fixture_run(&world->f, world->f.now_ns + 10 * MS);
    hear(world);
    check_slow(world, 10 * MS, 5);
    close_world(world);
}

static void budget__is_the_lower_of_asked_and_limit(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world *world = NULL;
    struct command command;
    (void)state;

    limits.client_down_bytes_rate = 20000;
    world = open_world(0, SLOW_BYTES, &limits);
    command = client_command(slow(world), COMMAND_ROOM_STATE);
    fixture_command(&world->f, &command);
    assert_int_equal(fixture_event(&world->f, EVENT_MEMBERSHIP, 0)->down_bytes_s, SLOW_BYTES);
    command = client_command(&world->clients[3], COMMAND_ROOM_STATE);
    fixture_command(&world->f, &command);
    assert_int_equal(fixture_event(&world->f, EVENT_MEMBERSHIP, 1)->down_bytes_s, 20000);
    play(world, 2);
    assert_true(world->slow_bytes <= SLOW_BYTES * 2 + 2 * 1232);
    /* 20000 bytes for each of the others as well. */
    assert_true(world->fast_states < 15 * (20000 * 2 + 2 * 1232 + 2500) / 105);
    assert_true(world->fast_states > 15 * 20000 * 2 / 140);
    /* A limit that is lifted lets go at once what waits; who asked for less has less. */
    assert_true(fixture_counters(&world->f).deliveries_waiting > 30);
    limits.client_down_bytes_rate = 0;
    core_set_limits(world->f.core, &limits);
    fixture_flush(&world->f);
    assert_true(fixture_counters(&world->f).deliveries_waiting <= 15);
    close_world(world);
}

static void stream_0__for_a_slow_receiver__stays_in_order_and_loses_the_oldest(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world *world = open_world(0, 2500, &limits);
    uint8_t payload[PAYLOAD] = {0};
    uint32_t last = 0;
    unsigned ordered = 0;
    unsigned states = 0;
    (void)state;

    for (uint32_t number = 1; number <= 400; number++) {
        memcpy(payload, &number, sizeof(number));
        client_send_record(&world->f, &world->clients[1], MEMBER_ALL, 0, false, payload, PAYLOAD);
        client_send_record(&world->f, &world->clients[2], MEMBER_ALL, 1, false, payload, PAYLOAD);
        fixture_run(&world->f, world->f.now_ns + 10 * MS);
        if (number % 50 == 0) {
            for (unsigned index = client_records(&world->f, slow(world), world->records); index > 0;
                 index--) {
                states += world->records[index - 1].stream == 1;
            }
            for (unsigned index = 0; index < client_records(&world->f, slow(world), world->records);
                 index++) {
                uint32_t heard = 0;

                if (world->records[index].stream == 0) {
                    memcpy(&heard, world->records[index].payload, sizeof(heard));
                    assert_true(heard > last);
                    last = heard;
                    ordered++;
                }
            }
            fixture_forget(&world->f);
        }
    }
    /* 10000 bytes in 4 s: about 90 records, and stream 0 does not starve the state. */
    assert_in_range(ordered, 60, 120);
    assert_in_range(states, 3, 30);
    assert_true(fixture_dropped(&world->f, REASON_OVERRUN) >= 400 - 120 - RING_SIZE);
    assert_true(fixture_counters(&world->f).deliveries_waiting <= RING_SIZE + 1);
    /* Nobody else has lost a record: 400 of each to 14. */
    assert_int_equal(fixture_counters(&world->f).deliveries_made, 2 * 400 * 15);
    assert_true(fixture_counters(&world->f).deliveries_sent >= 2 * 400 * 14);
    close_world(world);
}

static void flood__beside_a_slow_receiver__harms_no_other(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world *world = open_world(0, 256, &limits);
    uint8_t body[64 * 5];
    (void)state;

    /* What only the slow one still waits for fills the ring. */
    for (unsigned count = 0; count < 300; count++) {
        client_send_record(&world->f, &world->clients[count % 15], MEMBER_ALL, 0, false, "abcd", 4);
        fixture_settle(&world->f);
        fixture_forget(&world->f);
    }
    assert_int_equal(outbox_ring(world->f.core, 0)->count, RING_SIZE);
    for (unsigned record = 0; record < 64; record++) {
        memcpy(body + record * 5, (const uint8_t[]){0xFF, 0xFF, 0, 0, 0}, 5);
    }
    /* A whole datagram of 64, after others have spoken in the same turn. */
    client_send_record(&world->f, &world->clients[3], MEMBER_ALL, 0, false, "x", 1);
    client_send(&world->f, &world->clients[4], DATAGRAM_DATA, body, sizeof(body));
    assert_true(core_is_pressed(world->f.core));
    fixture_flush(&world->f);
    assert_false(core_is_pressed(world->f.core));
    assert_int_equal(client_records(&world->f, &world->clients[5], world->records), 65);
    assert_memory_equal(world->records[0].payload, "x", 1);
    close_world(world);
}

static void joiner__with_a_small_budget__has_all_retained_before_anything_live(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world *world = open_world(0, 0, &limits);
    struct client late;
    uint8_t payload[PAYLOAD * 2] = {0};
    unsigned seen[MEMBERS] = {0};
    unsigned retained = 0;
    (void)state;

    for (unsigned number = 0; number < MEMBERS; number++) {
        client_send_record(&world->f, &world->clients[number], MEMBER_ALL, 7, true, payload,
                           sizeof(payload));
    }
    fixture_settle(&world->f);
    world->f.now_ns += 300 * MS;
    world->f.down_bytes_s = 4000;
    client_join(&world->f, &late, 40, &world->clients[0]);
    client_bind(&world->f, &late);
    fixture_forget(&world->f);
    while (retained < 16 - 10 && world->f.now_ns < 1010 * SECOND) {
        /* Some go on renewing theirs, and all send live states too. */
        for (unsigned number = 0; number < MEMBERS; number++) {
            client_send_record(&world->f, &world->clients[number], MEMBER_ALL, 1, false, payload,
                               PAYLOAD);
            client_send_record(&world->f, &world->clients[number % 3], MEMBER_ALL, 7, true, payload,
                               sizeof(payload));
        }
        fixture_run(&world->f, world->f.now_ns + 20 * MS);
        for (unsigned index = 0; index < client_records(&world->f, &late, world->records);
             index++) {
            if (retained < 16 - 10) {
                assert_true(world->records[index].is_retained);
                assert_int_equal(seen[world->records[index].member & 0xFF], 0);
                seen[world->records[index].member & 0xFF]++;
                retained++;
            }
        }
        fixture_forget(&world->f);
    }
    assert_int_equal(retained, 16 - 10);
    close_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receiver__with_a_tenth_of_what_it_needs__has_the_newest_of_all_in_turn),
        cmocka_unit_test(receiver__in_a_room_with_a_tick__the_same_and_a_flush),
        cmocka_unit_test(budget__is_the_lower_of_asked_and_limit),
        cmocka_unit_test(stream_0__for_a_slow_receiver__stays_in_order_and_loses_the_oldest),
        cmocka_unit_test(flood__beside_a_slow_receiver__harms_no_other),
        cmocka_unit_test(joiner__with_a_small_budget__has_all_retained_before_anything_live),
    };

    return RUN_TESTS(tests);
}
