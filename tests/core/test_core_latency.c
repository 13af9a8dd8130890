/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "proto/body.h"

/* What the relay tells of latency: to the member by PONG, and in its counters. */

struct world {
    struct fixture f;
    struct client a;
    struct client b;
};

static void open_world(struct world *world, uint32_t tick_us)
{
    const struct relay_limits limits = fixture_limits();

    fixture_open(&world->f, &limits);
    client_create(&world->f, &world->a, 0, tick_us);
    client_join(&world->f, &world->b, 1, &world->a);
    client_bind(&world->f, &world->a);
    client_bind(&world->f, &world->b);
    world->f.now_ns += SECOND;
    fixture_settle(&world->f);
    fixture_forget(&world->f);
}

static struct body_ping ping(struct world *world, struct client *client,
                             const struct body_ping *out)
{
    struct body_ping pong = {.client_time_us = 0};
    uint8_t body[BODY_PING_SIZE];

    fixture_forget(&world->f);
    body_ping_write(body, out);
    client_send(&world->f, client, DATAGRAM_PING, body, sizeof(body));
    fixture_settle(&world->f);
    assert_true(
        body_ping_read(datagram_body(client_find(&world->f, client, DATAGRAM_PONG, 0)->bytes),
                       BODY_PONG_SIZE, &pong));
    return pong;
}

static struct body_ping ask(struct world *world, struct client *client)
{
    const struct body_ping nothing = {.client_time_us = 1};

    return ping(world, client, &nothing);
}

static void say(struct world *world, struct client *client)
{
    client_send_record(&world->f, client, MEMBER_ALL, 1, false, "state", 5);
}

static void queue_time__in_a_turn__is_from_arrival_to_output(void **state)
{
    struct world world;
    struct body_ping pong;
    (void)state;

    open_world(&world, 0);
    say(&world, &world.a);
    world.f.now_ns += 300000;
    say(&world, &world.b); /* Came later: the oldest counts. */
    world.f.now_ns += 500000;
    fixture_settle(&world.f);
    pong = ask(&world, &world.b);
    assert_int_equal(pong.queue_us, 100); /* An eighth. */
    assert_int_equal(pong.queue_max_us, 800);
    for (unsigned index = 0; index < 100; index++) {
        say(&world, &world.a);
        world.f.now_ns += 800000;
        fixture_settle(&world.f);
    }
    pong = ask(&world, &world.b);
    assert_in_range(pong.queue_us, 795, 800);
    assert_int_equal(fixture_counters(&world.f).queue_times[4], 101); /* Below 1024 µs. */
    assert_int_equal(fixture_counters(&world.f).queue_ns_max, 800000);
    world.f.now_ns += 3 * SECOND;
    pong = ask(&world, &world.b);
    assert_int_equal(pong.queue_us, 0);
    assert_int_equal(pong.queue_max_us, 0);
    fixture_close(&world.f);
}

static void queue_time__in_a_room_with_a_tick__is_the_tick_at_most(void **state)
{
    struct world world;
    struct body_ping pong;
    (void)state;

    open_world(&world, 20000);
    for (unsigned index = 0; index < 200; index++) {
        say(&world, &world.a);
        fixture_run(&world.f, world.f.now_ns + 7 * MS);
    }
    pong = ask(&world, &world.b);
    assert_in_range(pong.queue_us, 10000, 20000);
    assert_in_range(pong.queue_max_us, 14000, 20000);
    fixture_close(&world.f);
}

/* What is given to who comes late or has lost it is old, but has not waited here. */
static void queue_time__of_retained_states__is_not_their_age(void **state)
{
    struct world world;
    struct client c;
    struct body_ping pong;
    (void)state;

    open_world(&world, 0);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, true, "kept", 4);
    fixture_settle(&world.f);
    world.f.now_ns += 60 * SECOND / 3;
    client_join(&world.f, &c, 2, &world.a);
    client_bind(&world.f, &c);
    fixture_settle(&world.f);
    pong = ask(&world, &c);
    assert_in_range(pong.queue_max_us, 0, 10);
    fixture_close(&world.f);
}

static void queue_time__under_a_downlink_budget__is_the_members_own(void **state)
{
    struct world world;
    struct client slow;
    struct body_ping pong;
    (void)state;

    open_world(&world, 0);
    world.f.down_bytes_s = 4000;
    client_join(&world.f, &slow, 2, &world.a);
    client_bind(&world.f, &slow);
    for (unsigned index = 0; index < 600; index++) {
        uint8_t bytes[200] = {0};

        client_send_record(&world.f, &world.a, MEMBER_ALL, 1 + index % 8, false, bytes,
                           sizeof(bytes));
        fixture_run(&world.f, world.f.now_ns + 5 * MS);
    }
    pong = ask(&world, &slow);
    assert_in_range(pong.queue_us, 20000, 1000000);
    pong = ask(&world, &world.b);
    assert_in_range(pong.queue_us, 0, 100);
    fixture_close(&world.f);
}

static void clock__of_a_room__begins_with_the_room(void **state)
{
    struct world world;
    struct client other;
    struct body_ping pong;
    (void)state;

    open_world(&world, 0);
    pong = ask(&world, &world.a);
    assert_int_equal(pong.room_time_us, 1000000);
    assert_int_equal(ask(&world, &world.b).room_time_us, 1000000);
    world.f.now_ns += 1234567;
    assert_int_equal(ask(&world, &world.b).room_time_us, 1001234);
    client_create(&world.f, &other, 2, 0);
    client_bind(&world.f, &other);
    world.f.now_ns += 5 * MS;
    assert_int_equal(ask(&world, &other).room_time_us, 5000);
    fixture_close(&world.f);
}

static void counters__of_pings__sum_what_all_paths_lose(void **state)
{
    struct world world;
    struct body_ping pong;
    struct core_counters counters;
    (void)state;

    open_world(&world, 0);
    pong = ask(&world, &world.a);
    world.f.now_ns += SECOND + 30 * MS;
    world.a.sequence += 6; /* Of what goes up six are lost. */
    pong.delay_us = 1000000;
    pong.highest = 4;
    pong.received = 3;
    (void)ping(&world, &world.a, &pong);
    counters = fixture_counters(&world.f);
    assert_int_equal(counters.rtts[5], 1);    /* 16 to 33 ms. */
    assert_int_equal(counters.jitters[8], 1); /* At first half of it: 8 to 16 ms. */
    assert_int_equal(counters.path_up_sent, 10);
    assert_int_equal(counters.path_up_received, 4);
    assert_int_equal(counters.path_down_sent, 0); /* Nothing like 4 was ever sent there. */
    pong.highest = 3;
    pong.received = 2;
    (void)ping(&world, &world.a, &pong);
    counters = fixture_counters(&world.f);
    assert_int_equal(counters.path_down_sent, 3);
    assert_int_equal(counters.path_down_received, 2);
    fixture_close(&world.f);
}

/* Answers the PONG at once, after a round trip of so much. */
static void measure(struct world *world, struct client *client, uint64_t rtt_ns)
{
    struct body_ping pong = ask(world, client);

    world->f.now_ns += rtt_ns;
    (void)ping(world, client, &pong);
}

static unsigned count_told(const struct fixture *f, uint16_t member)
{
    unsigned count = 0;

    for (unsigned index = 0; index < f->event_count; index++) {
        const struct event *event = &f->events[index];

        for (unsigned at = 0; event->type == EVENT_QUALITY && at < event->quality_count; at++) {
            count += event->qualities[at].member == member;
        }
    }
    return count;
}

static void host__of_a_room__is_told_of_the_others_now_and_then(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    const struct event *told = NULL;
    struct command command;
    (void)state;

    open_world(&world, 0);
    measure(&world, &world.b, 40 * MS);
    assert_null(fixture_event(&world.f, EVENT_QUALITY, 0)); /* It is switched off here. */
    limits.room_quality_interval_ns = 5 * SECOND;
    core_set_limits(world.f.core, &limits);
    measure(&world, &world.b, 40 * MS);
    told = fixture_event(&world.f, EVENT_QUALITY, 0);
    assert_null(told); /* ping() empties the net between the two. */
    world.f.now_ns += 5 * SECOND;
    (void)ask(&world, &world.a);
    told = fixture_event(&world.f, EVENT_QUALITY, 0);
    assert_non_null(told);
    assert_int_equal(told->session.index, world.a.session.index);
    assert_int_equal(told->session.tag, world.a.session.tag);
    assert_int_equal(told->quality_count, 1); /* Not of itself. */
    assert_int_equal(told->qualities[0].member, world.b.member);
    assert_int_equal(told->qualities[0].rtt_us, 40000);
    assert_in_range(told->qualities[0].jitter_us, 1, 20000);
    assert_int_equal(told->receiver_count, 0);
    /* Not before it is time again. */
    for (unsigned second = 1; second < 5; second++) {
        world.f.now_ns += SECOND;
        (void)ask(&world, &world.a);
        assert_null(fixture_event(&world.f, EVENT_QUALITY, 0));
    }
    world.f.now_ns += SECOND;
    (void)ask(&world, &world.a);
    assert_int_equal(count_told(&world.f, world.b.member), 1);
    /* The next host is told next. */
    command = client_command(&world.a, COMMAND_LEAVE);
    fixture_command(&world.f, &command);
    world.f.now_ns += 5 * SECOND;
    (void)ask(&world, &world.b);
    assert_null(fixture_event(&world.f, EVENT_QUALITY, 0)); /* It is alone. */
    fixture_close(&world.f);
}

static void host__of_a_room__is_told_as_often_as_the_newest_limits_say(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    open_world(&world, 0);
    limits.room_quality_interval_ns = 3600 * SECOND;
    core_set_limits(world.f.core, &limits);
    measure(&world, &world.b, 40 * MS);
    (void)ask(&world, &world.a);
    limits.room_quality_interval_ns = 5 * SECOND;
    core_set_limits(world.f.core, &limits);
    world.f.now_ns += 4 * SECOND;
    (void)ask(&world, &world.a);
    assert_int_equal(count_told(&world.f, world.b.member), 0);
    world.f.now_ns += SECOND;
    (void)ask(&world, &world.a);
    assert_int_equal(count_told(&world.f, world.b.member), 1);
    fixture_close(&world.f);
}

#define MANY 80

static void host__of_a_large_room__is_told_of_each_once_in_parts(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct client *clients = calloc(MANY, sizeof(*clients));
    struct world *world = calloc(1, sizeof(*world));
    unsigned events = 0;
    (void)state;

    assert_true(clients != NULL && world != NULL);
    limits.members_per_room_max = 128;
    limits.slots_max = 256;
    fixture_open(&world->f, &limits);
    for (unsigned index = 0; index < MANY; index++) {
        if (index == 0) {
            client_create(&world->f, &clients[0], 0, 0);
        } else {
            client_join(&world->f, &clients[index], index, &clients[0]);
        }
        client_bind(&world->f, &clients[index]);
        world->f.now_ns += MS;
        measure(world, &clients[index], 30 * MS);
    }
    limits.room_quality_interval_ns = 5 * SECOND;
    core_set_limits(world->f.core, &limits);
    (void)ask(world, &clients[3]);
    for (unsigned index = 0; index < MANY; index++) {
        assert_int_equal(count_told(&world->f, clients[index].member), index != 0);
    }
    while (fixture_event(&world->f, EVENT_QUALITY, events) != NULL) {
        events++;
    }
    assert_int_equal(events, (MANY - 1 + CORE_QUALITIES - 1) / CORE_QUALITIES);
    fixture_close(&world->f);
    free(clients);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_time__in_a_turn__is_from_arrival_to_output),
        cmocka_unit_test(queue_time__in_a_room_with_a_tick__is_the_tick_at_most),
        cmocka_unit_test(queue_time__of_retained_states__is_not_their_age),
        cmocka_unit_test(queue_time__under_a_downlink_budget__is_the_members_own),
        cmocka_unit_test(clock__of_a_room__begins_with_the_room),
        cmocka_unit_test(counters__of_pings__sum_what_all_paths_lose),
        cmocka_unit_test(host__of_a_room__is_told_of_the_others_now_and_then),
        cmocka_unit_test(host__of_a_room__is_told_as_often_as_the_newest_limits_say),
        cmocka_unit_test(host__of_a_large_room__is_told_of_each_once_in_parts),
    };

    return RUN_TESTS(tests);
}
