/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_fixture.h"
#include "fake_relay.h"

#include "client/room_clock.h"

/* --- One clock, fed by hand ------------------------------------------------------------------ */

#define US UINT64_C(1000)

static struct room_clock room_clock;

/* An exchange in which our clock shows at_ns when the answer comes, and the room's is ahead by
 * ahead_ns. */
static void feed(uint64_t at_ns, int64_t ahead_ns, uint64_t up_ns, uint64_t stay_ns,
                 uint64_t down_ns)
{
    struct room_clock_exchange exchange = {.asked_ns = at_ns - up_ns - stay_ns - down_ns,
                                           .heard_ns = at_ns};

    exchange.came_ns = (uint64_t)((int64_t)(exchange.asked_ns + up_ns) + ahead_ns);
    exchange.answered_ns = exchange.came_ns + stay_ns;
    room_clock_add(&room_clock, &exchange);
}

/* By how much the reading is ahead of the truth. */
static int64_t off(uint64_t at_ns, int64_t ahead_ns, uint64_t *error_out)
{
    uint64_t time_ns = 0;

    assert_true(room_clock_read(&room_clock, at_ns, &time_ns, error_out));
    return (int64_t)time_ns - ((int64_t)at_ns + ahead_ns);
}

static void clock__before_the_first_exchange__tells_nothing(void **state)
{
    uint64_t time_ns = 7;
    uint64_t error_ns = 7;

    (void)state;
    room_clock_init(&room_clock);
    assert_false(room_clock_read(&room_clock, FAKE_S, &time_ns, &error_ns));
    assert_int_equal(time_ns, 7);
    assert_int_equal(error_ns, 7);
}

/* Half of what the ways differ, whatever the relay's own delay, and on which side the delay is. */
static void clock__ways_that_differ__is_wrong_by_half_of_it_exactly(void **state)
{
    uint64_t error_ns = 0;

    (void)state;
    room_clock_init(&room_clock);
    feed(100 * FAKE_S, 5000000, 20 * FAKE_MS, 3 * FAKE_MS, 20 * FAKE_MS);
    assert_int_equal(off(100 * FAKE_S, 5000000, &error_ns), 0);
    assert_int_equal(error_ns, 20 * FAKE_MS + US);
    room_clock_init(&room_clock);
    feed(100 * FAKE_S, -99 * (int64_t)FAKE_S, 50 * FAKE_MS, 16 * FAKE_MS, 10 * FAKE_MS);
    assert_int_equal(off(100 * FAKE_S, -99 * (int64_t)FAKE_S, &error_ns), 20 * FAKE_MS);
    assert_int_equal(error_ns, 30 * FAKE_MS + US);
    room_clock_init(&room_clock);
    feed(100 * FAKE_S, 77 * (int64_t)FAKE_S, 10 * FAKE_MS, 0, 50 * FAKE_MS);
    assert_int_equal(off(100 * FAKE_S, 77 * (int64_t)FAKE_S, &error_ns), -20 * (int64_t)FAKE_MS);
}

/* The shortest round trip of the last eight is believed, as long as drift cannot make it worse than
 * a newer one. */
static void clock__of_eight__believes_the_shortest(void **state)
{
    uint64_t error_ns = 0;

    (void)state;
    room_clock_init(&room_clock);
    feed(10 * FAKE_S, 0, 40 * FAKE_MS, 0, 10 * FAKE_MS);
    feed(11 * FAKE_S, 0, 9 * FAKE_MS, 0, 9 * FAKE_MS);
    for (uint64_t second = 12; second < 19; second++)
        feed(second * FAKE_S, 0, 30 * FAKE_MS, 0, 60 * FAKE_MS);
    assert_int_equal(off(18 * FAKE_S, 0, &error_ns), 0);
    assert_int_equal(error_ns, 9 * FAKE_MS + US + 7 * FAKE_S / 5000);
    /* The ninth pushes it out, and the correction is worked in slowly. */
    feed(19 * FAKE_S, 0, 30 * FAKE_MS, 0, 60 * FAKE_MS);
    feed(19 * FAKE_S, 0, 30 * FAKE_MS, 0, 60 * FAKE_MS);
    assert_int_equal(off(18 * FAKE_S + FAKE_S, 0, &error_ns), -15 * (int64_t)FAKE_MS);
    assert_int_equal(error_ns, 45 * FAKE_MS + US);
}

static void clock__corrected__never_goes_back_and_counts_the_rest_as_error(void **state)
{
    uint64_t last_ns = 0;
    uint64_t error_ns = 0;
    uint64_t now_ns = 10 * FAKE_S;

    (void)state;
    room_clock_init(&room_clock);
    /* At first 40 ms ahead of the truth, then right. */
    feed(now_ns, 0, 90 * FAKE_MS, 0, 10 * FAKE_MS);
    assert_int_equal(off(now_ns, 0, &error_ns), 40 * FAKE_MS);
    feed(now_ns, 0, FAKE_MS, 0, FAKE_MS);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t time_ns = 0;

        assert_true(room_clock_read(&room_clock, now_ns, &time_ns, &error_ns));
        assert_true(time_ns >= last_ns);
        assert_true(time_ns >= now_ns && time_ns - now_ns <= error_ns);
        last_ns = time_ns;
        now_ns += FAKE_MS;
    }
    assert_int_equal(off(now_ns, 0, &error_ns), 0);
    assert_in_range(error_ns, FAKE_MS, 2 * FAKE_MS);
    /* Time that goes back stands still. */
    assert_int_equal(off(now_ns - FAKE_S, 0, &error_ns), FAKE_S);
}

/* Our own clock stood still for an hour, as some do while the machine sleeps. */
static void clock__that_slept__steps_forward_and_forgets_what_was(void **state)
{
    const int64_t hour_ns = 3600 * (int64_t)FAKE_S;
    uint64_t error_ns = 0;

    (void)state;
    room_clock_init(&room_clock);
    for (uint64_t second = 10; second < 20; second++)
        feed(second * FAKE_S, 0, FAKE_MS, 0, FAKE_MS);
    assert_int_equal(off(20 * FAKE_S, 0, &error_ns), 0);
    feed(20 * FAKE_S, hour_ns, 50 * FAKE_MS, 0, 50 * FAKE_MS);
    assert_int_equal(off(20 * FAKE_S, hour_ns, &error_ns), 0);
    assert_int_equal(error_ns, 50 * FAKE_MS + US);
    /* The other way round it waits for the truth to come. */
    feed(21 * FAKE_S, 0, 50 * FAKE_MS, 0, 50 * FAKE_MS);
    assert_in_range(off(21 * FAKE_S, 0, &error_ns), hour_ns * 9 / 10, hour_ns);
    assert_true(error_ns >= (uint64_t)hour_ns * 9 / 10);
}

static void exchange__that_cannot_have_been__is_passed_over(void **state)
{
    const struct room_clock_exchange bad[] = {
        {.asked_ns = 2, .heard_ns = 1},
        {.came_ns = 2, .answered_ns = 1, .heard_ns = 5},
        {.asked_ns = 1, .came_ns = 0, .answered_ns = FAKE_S, .heard_ns = 5},
        {.answered_ns = UINT64_MAX, .came_ns = UINT64_MAX, .heard_ns = 5},
        {.asked_ns = UINT64_MAX - 5, .heard_ns = UINT64_MAX},
    };
    uint64_t time_ns = 0;
    uint64_t error_ns = 0;

    (void)state;
    room_clock_init(&room_clock);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        room_clock_add(&room_clock, &bad[i]);
    assert_false(room_clock_read(&room_clock, FAKE_S, &time_ns, &error_ns));
}

/* --- Clients, the core, and a network between them ------------------------------------------- */

#define PLAYERS 3
#define PACKETS 4096

struct packet {
    uint64_t due_ns; /* 0 = none. */
    bool is_up;
    size_t size;
    uint8_t bytes[256];
};

struct player {
    struct world *world;
    struct fake_link link;
    struct client core; /* As the core knows it. */
    uint64_t ahead_ns;  /* Its own clock: so much ahead of the relay's, */
    int64_t ppm;        /* and so much faster. */
    uint64_t up_ns;     /* Its ways. */
    uint64_t down_ns;
    uint64_t jitter_ns;
    uint64_t read_us; /* The room's time that it read last. */
};

struct world {
    struct fixture f;
    uint64_t made_ns; /* The room. */
    uint64_t random;
    unsigned loss;   /* Of 100. */
    unsigned repeat; /* Of 100. */
    unsigned count;
    struct player players[PLAYERS];
    struct packet packets[PLAYERS][PACKETS];
};

static struct world *world;

static uint64_t below(uint64_t limit)
{
    world->random = world->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return limit == 0 ? 0 : (world->random >> 33) % limit;
}

static uint64_t own_time(const struct player *player)
{
    const uint64_t passed_ns = world->f.now_ns - world->made_ns;

    return player->ahead_ns +
           (uint64_t)((int64_t)passed_ns + (int64_t)passed_ns * player->ppm / 1000000);
}

static void post(struct player *player, bool is_up, const uint8_t *bytes, size_t size)
{
    const unsigned copies = below(100) < world->repeat ? 2 : 1;
    struct packet *packets = world->packets[player - world->players];

    assert_true(size <= sizeof(packets[0].bytes));
    if (below(100) < world->loss)
        return;
    for (unsigned copy = 0; copy < copies; copy++) {
        unsigned i = 0;

        while (packets[i].due_ns != 0)
            assert_true(++i < PACKETS);
        packets[i] =
            (struct packet){.due_ns = world->f.now_ns + (is_up ? player->up_ns : player->down_ns) +
                                      below(player->jitter_ns),
                            .is_up = is_up,
                            .size = size};
        memcpy(packets[i].bytes, bytes, size);
    }
}

static void take_up(void *context, const uint8_t *bytes, size_t size)
{
    post(context, true, bytes, size);
}

static void arrive(struct player *player)
{
    struct packet *packets = world->packets[player - world->players];

    for (unsigned i = 0; i < PACKETS; i++) {
        struct packet *packet = &packets[i];

        if (packet->due_ns == 0 || packet->due_ns > world->f.now_ns)
            continue;
        packet->due_ns = 0;
        if (packet->is_up)
            core_datagram(world->f.core, &player->core.path, packet->bytes, packet->size,
                          world->f.now_ns);
        else
            gsrelay_io_udp_input(player->link.client, own_time(player), packet->bytes,
                                 packet->size);
    }
}

/* A millisecond for everybody. */
static void step(void)
{
    world->f.now_ns += FAKE_MS;
    for (unsigned i = 0; i < world->count; i++)
        arrive(&world->players[i]);
    fixture_settle(&world->f);
    for (unsigned i = 0; i < world->f.sent_count; i++) {
        const struct sent *sent = &world->f.sent[i];

        for (unsigned to = 0; to < world->count; to++) {
            if (addr_equal(&sent->path.peer, &world->players[to].core.path.peer))
                post(&world->players[to], false, sent->bytes, sent->size);
        }
    }
    fixture_forget(&world->f);
    for (unsigned i = 0; i < world->count; i++) {
        world->players[i].link.now_ns = own_time(&world->players[i]);
        fake_link_turn(&world->players[i].link);
        fake_link_drain(&world->players[i].link);
    }
}

/* The room's time as the player tells it, less the truth, in µs; what it says of its error is true
 * and it never goes back. */
static int64_t read_off(struct player *player)
{
    struct gsrelay_room_time time;
    const uint64_t true_us = (world->f.now_ns - world->made_ns) / US;
    int64_t off_us;

    assert_int_equal(gsrelay_io_room_time(player->link.client, own_time(player), &time),
                     GSRELAY_OK);
    off_us = (int64_t)time.time_us - (int64_t)true_us;
    assert_true(off_us <= (int64_t)time.error_us && -off_us <= (int64_t)time.error_us);
    assert_true(time.time_us >= player->read_us);
    player->read_us = time.time_us;
    return off_us;
}

static void pass(uint64_t duration_ns)
{
    const uint64_t end_ns = world->f.now_ns + duration_ns;

    while (world->f.now_ns < end_ns)
        step();
}

static struct player *enter(uint64_t up_ns, uint64_t down_ns, uint64_t jitter_ns)
{
    struct player *player = &world->players[world->count];
    struct control_membership *membership = &player->link.relay.membership;

    player->world = world;
    player->up_ns = up_ns;
    player->down_ns = down_ns;
    player->jitter_ns = jitter_ns;
    if (world->count == 0) {
        client_create(&world->f, &player->core, 0, 0);
        world->made_ns = world->f.now_ns;
    } else {
        client_join(&world->f, &player->core, world->count, &world->players[0].core);
    }
    player->ahead_ns = (world->count * UINT64_C(7777) + 3) * FAKE_S + 123456789;
    fake_link_open(&player->link, NULL);
    player->link.udp_up = take_up;
    player->link.udp_context = player;
    player->link.now_ns = own_time(player);
    membership->member = player->core.member;
    membership->host = world->players[0].core.member;
    membership->slot = player->core.slot.index;
    membership->slot_tag = player->core.slot.tag;
    memcpy(membership->key_up, player->core.secret.key_up, sizeof(membership->key_up));
    memcpy(membership->key_down, player->core.secret.key_down, sizeof(membership->key_down));
    membership->member_count = 0;
    for (unsigned i = 0; i <= world->count; i++)
        membership->members[membership->member_count++] = world->players[i].core.member;
    world->count++;
    assert_int_equal(gsrelay_io_start(player->link.client, player->link.now_ns), GSRELAY_OK);
    assert_true(gsrelay_join_room(player->link.client, "CDFHJK") > 0);
    return player;
}

static void open_world(void)
{
    const struct relay_limits limits = fixture_limits();

    world = calloc(1, sizeof(*world));
    assert_non_null(world);
    fixture_open(&world->f, &limits);
    world->random = 1;
}

static void close_world(void)
{
    for (unsigned i = 0; i < world->count; i++)
        fake_link_close(&world->players[i].link);
    fixture_close(&world->f);
    free(world);
}

static void players__with_ways_that_differ__share_one_timeline(void **state)
{
    struct player *even;
    struct player *slow_up;
    struct player *slow_down;

    (void)state;
    open_world();
    even = enter(20 * FAKE_MS, 20 * FAKE_MS, 0);
    slow_up = enter(70 * FAKE_MS, 10 * FAKE_MS, 0);
    slow_down = enter(5 * FAKE_MS, 105 * FAKE_MS, 0);
    pass(3 * FAKE_S);
    /* Half of what the ways differ, and not a microsecond more than the cutting to whole ones. */
    assert_in_range(read_off(even) + 1, 0, 2);
    assert_in_range(read_off(slow_up) - 30000 + 1, 0, 2);
    assert_in_range(read_off(slow_down) + 50000 + 1, 0, 2);
    close_world();
}

/* All that a network does to datagrams, and clocks that run wrongly by 100 ppm each way: what is
 * told of the error is always true, and good. */
static void players__in_bad_weather_with_drifting_clocks__tell_their_error_truly(void **state)
{
    struct gsrelay_room_time time;
    struct gsrelay_quality quality;

    (void)state;
    open_world();
    world->loss = 20;
    world->repeat = 20;
    enter(20 * FAKE_MS, 20 * FAKE_MS, 60 * FAKE_MS)->ppm = 100;
    enter(40 * FAKE_MS, 10 * FAKE_MS, 30 * FAKE_MS)->ppm = -100;
    enter(1 * FAKE_MS, 1 * FAKE_MS, 200 * FAKE_MS);
    pass(10 * FAKE_S);
    for (unsigned round = 0; round < 4000; round++) {
        pass(10 * FAKE_MS);
        for (unsigned i = 0; i < PLAYERS; i++)
            (void)read_off(&world->players[i]);
    }
    for (unsigned i = 0; i < PLAYERS; i++) {
        const struct player *player = &world->players[i];

        assert_int_equal(gsrelay_io_room_time(player->link.client, own_time(player), &time),
                         GSRELAY_OK);
        assert_in_range(time.error_us, 1000, 105000);
        assert_int_equal(gsrelay_get_quality(player->link.client, player->core.member, &quality),
                         GSRELAY_OK);
        assert_in_range(quality.jitter_us, 1000, 100000);
    }
    close_world();
}

/* Without answers the error grows as clocks may drift, and the reading goes on. */
static void players__cut_off__go_on_by_their_own_clock(void **state)
{
    struct gsrelay_room_time before;
    struct gsrelay_room_time after;
    struct player *player;

    (void)state;
    open_world();
    player = enter(20 * FAKE_MS, 20 * FAKE_MS, 0);
    player->ppm = 100;
    pass(5 * FAKE_S);
    assert_int_equal(gsrelay_io_room_time(player->link.client, own_time(player), &before),
                     GSRELAY_OK);
    world->loss = 100;
    pass(10 * FAKE_S);
    (void)read_off(player);
    assert_int_equal(gsrelay_io_room_time(player->link.client, own_time(player), &after),
                     GSRELAY_OK);
    assert_in_range(after.error_us - before.error_us, 1900, 2100);
    /* A new address is the same slot, and the same clock. */
    world->loss = 0;
    gsrelay_io_udp_rebind(player->link.client, own_time(player));
    pass(3 * FAKE_S);
    (void)read_off(player);
    assert_int_equal(gsrelay_io_room_time(player->link.client, own_time(player), &after),
                     GSRELAY_OK);
    assert_in_range(after.error_us, 20000, 20500);
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock__before_the_first_exchange__tells_nothing),
        cmocka_unit_test(clock__ways_that_differ__is_wrong_by_half_of_it_exactly),
        cmocka_unit_test(clock__of_eight__believes_the_shortest),
        cmocka_unit_test(clock__corrected__never_goes_back_and_counts_the_rest_as_error),
        cmocka_unit_test(clock__that_slept__steps_forward_and_forgets_what_was),
        cmocka_unit_test(exchange__that_cannot_have_been__is_passed_over),
        cmocka_unit_test(players__with_ways_that_differ__share_one_timeline),
        cmocka_unit_test(players__in_bad_weather_with_drifting_clocks__tell_their_error_truly),
        cmocka_unit_test(players__cut_off__go_on_by_their_own_clock),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
