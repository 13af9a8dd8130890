/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"
#include "proto/body.h"
#include "proto/retained.h"

/* Digests, repair and inheritance of retained states; what a late joiner gets is in
 * test_core_outbox.c and test_core_down.c. */

#define TICK_US 20000

struct world {
    struct fixture f;
    struct client a;
    struct client b;
    struct client c;
    struct body_ping pong;
    struct record records[RECEIVE_MAX];
};

static void open_world(struct world *world, uint32_t tick_us, bool is_heritable)
{
    const struct relay_limits limits = fixture_limits();

    world->pong = (struct body_ping){0};
    fixture_open(&world->f, &limits);
    world->pong = (struct body_ping){.digest = 0};
    world->f.heritable = is_heritable;
    client_create(&world->f, &world->a, 1, tick_us);
    client_join(&world->f, &world->b, 2, &world->a);
    client_join(&world->f, &world->c, 3, &world->a);
    client_bind(&world->f, &world->a);
    client_bind(&world->f, &world->b);
    client_bind(&world->f, &world->c);
    fixture_forget(&world->f);
}

static void retain(struct world *world, struct client *client, uint8_t stream, const char *text)
{
    client_send_record(&world->f, client, MEMBER_ALL, stream, true, text, strlen(text));
}

static uint64_t hash(const struct client *client, uint8_t stream, const char *text)
{
    return retained_hash(client->member, stream, (const uint8_t *)text, strlen(text));
}

/* A PING that answers the last PONG; the PONG to it is in world->pong. */
static void ping(struct world *world, struct client *client, uint64_t room_time_us, uint64_t digest)
{
    const struct body_ping out = {
        .client_time_us = 1, .room_time_us = room_time_us, .digest = digest};
    uint8_t body[BODY_PING_SIZE];
    const struct sent *sent = NULL;

    fixture_forget(&world->f);
    body_ping_write(body, &out);
    client_send(&world->f, client, DATAGRAM_PING, body, sizeof(body));
    fixture_flush(&world->f);
    sent = client_find(&world->f, client, DATAGRAM_PONG, 0);
    if (sent != NULL) {
        assert_true(body_ping_read(datagram_body(sent->bytes), BODY_PONG_SIZE, &world->pong));
    }
}

/* A second later, as clients do. */
static void ping_back(struct world *world, struct client *client, uint64_t digest)
{
    world->f.now_ns += SECOND;
    ping(world, client, world->pong.room_time_us, digest);
}

static uint64_t repairs(const struct world *world)
{
    return fixture_counters(&world->f).retained_repairs;
}

static void digest__is_the_sum_of_what_the_others_retain(void **state)
{
    struct world world;
    struct command command;
    (void)state;

    open_world(&world, 0, false);
    ping(&world, &world.a, 0, RETAINED_NOT_TOLD);
    assert_true(world.pong.digest == 0);
    retain(&world, &world.a, 1, "a1");
    retain(&world, &world.b, 1, "old");
    retain(&world, &world.b, 1, "b1");
    retain(&world, &world.b, 9, "");
    fixture_settle(&world.f);
    ping(&world, &world.a, 0, 0);
    assert_true(world.pong.digest == hash(&world.b, 1, "b1") + hash(&world.b, 9, ""));
    ping(&world, &world.c, 0, 0);
    assert_true(world.pong.digest ==
                hash(&world.a, 1, "a1") + hash(&world.b, 1, "b1") + hash(&world.b, 9, ""));
    client_send_record(&world.f, &world.b, MEMBER_ALL, 9, false, "live", 4);
    fixture_settle(&world.f);
    ping(&world, &world.a, 0, 0);
    assert_true(world.pong.digest == hash(&world.b, 1, "b1"));
    command = client_command(&world.b, COMMAND_LEAVE);
    fixture_command(&world.f, &command);
    fixture_settle(&world.f);
    ping(&world, &world.a, 0, 0);
    assert_true(world.pong.digest == 0);
    fixture_close(&world.f);
}

static void pong__while_states_wait__comes_behind_them(void **state)
{
    struct world world;
    unsigned data = 0;
    (void)state;

    open_world(&world, TICK_US, false);
    retain(&world, &world.a, 1, "x");
    ping(&world, &world.b, 0, RETAINED_NOT_TOLD);
    assert_null(client_find(&world.f, &world.b, DATAGRAM_PONG, 0));
    fixture_run(&world.f, world.f.now_ns + 20 * MS);
    assert_int_equal(client_count(&world.f, &world.b, DATAGRAM_PONG), 1);
    while (world.f.sent[data].path.peer.port != world.b.path.peer.port) {
        data++;
    }
    /* The first thing that it was sent is the state, and the digest has it. */
    assert_ptr_equal(&world.f.sent[data], client_find(&world.f, &world.b, DATAGRAM_DATA, 0));
    assert_true(
        body_ping_read(datagram_body(client_find(&world.f, &world.b, DATAGRAM_PONG, 0)->bytes),
                       BODY_PONG_SIZE, &world.pong));
    assert_true(world.pong.digest == hash(&world.a, 1, "x"));
    assert_in_range(world.pong.delay_us, 1, 20000);
    /* Where nothing is retained nothing waits. */
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, "x", 1);
    ping(&world, &world.b, 0, RETAINED_NOT_TOLD);
    assert_non_null(client_find(&world.f, &world.b, DATAGRAM_PONG, 0));
    fixture_close(&world.f);
}

/* The flush has nothing to send, because the only receiver is over its budget. */
static void pong__behind_a_flush_without_a_datagram__comes_in_the_same_turn(void **state)
{
    struct fixture f;
    struct client a;
    struct client b;
    struct body_ping ping = {.client_time_us = 1, .digest = RETAINED_NOT_TOLD};
    uint8_t body[BODY_PING_SIZE];
    uint8_t state_bytes[1000] = {0};
    const struct relay_limits limits = fixture_limits();
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    f.down_bytes_s = 1000;
    client_join(&f, &b, 2, &a);
    client_bind(&f, &a);
    client_bind(&f, &b);
    body_ping_write(body, &ping);
    for (unsigned turn = 0; turn < 8; turn++) {
        fixture_forget(&f);
        client_send_record(&f, &a, MEMBER_ALL, 1, true, state_bytes, sizeof(state_bytes));
        client_send(&f, &a, DATAGRAM_PING, body, sizeof(body));
        fixture_flush(&f);
        assert_int_equal(client_count(&f, &a, DATAGRAM_PONG), 1);
    }
    assert_int_equal(client_count(&f, &b, DATAGRAM_DATA), 0);
    fixture_close(&f);
}

static void digest__wrong_twice_in_a_row__brings_all_again(void **state)
{
    struct world world;
    uint64_t right = 0;
    (void)state;

    open_world(&world, 0, false);
    retain(&world, &world.a, 1, "a1");
    retain(&world, &world.b, 2, "b2");
    retain(&world, &world.c, 3, "c3");
    fixture_settle(&world.f);
    right = hash(&world.a, 1, "a1") + hash(&world.b, 2, "b2");
    ping(&world, &world.c, 0, RETAINED_NOT_TOLD);
    ping_back(&world, &world.c, right);
    ping_back(&world, &world.c, 1);
    ping_back(&world, &world.c, right);
    ping_back(&world, &world.c, 1);
    assert_int_equal(repairs(&world), 0);
    ping_back(&world, &world.c, 2);
    assert_int_equal(repairs(&world), 1);
    assert_int_equal(client_records(&world.f, &world.c, world.records), 2);
    assert_true(world.records[0].is_retained && world.records[1].is_retained);
    assert_in_range(world.records[0].age_ms, 5000, 5001);
    assert_int_equal(client_records(&world.f, &world.b, world.records), 0);
    /* The PONG comes behind them and has them. */
    assert_true(world.pong.digest == right);
    assert_int_equal(fixture_counters(&world.f).deliveries_replayed, 2);
    ping_back(&world, &world.c, right);
    assert_int_equal(repairs(&world), 1);
    fixture_close(&world.f);
}

static void digest__wrong_again_and_again__brings_all_once_a_second_at_most(void **state)
{
    struct world world;
    (void)state;

    open_world(&world, 0, false);
    retain(&world, &world.a, 1, "a1");
    fixture_settle(&world.f);
    ping(&world, &world.c, 0, RETAINED_NOT_TOLD);
    /* A client that pings 20 times a second and always has it wrong. */
    for (unsigned count = 0; count < 200; count++) {
        world.f.now_ns += 50 * MS;
        ping(&world, &world.c, world.pong.room_time_us, 7);
    }
    assert_in_range(repairs(&world), 9, 11);
    fixture_close(&world.f);
}

static void ping__that_answers_no_last_pong__is_not_judged(void **state)
{
    struct world world;
    (void)state;

    open_world(&world, 0, false);
    retain(&world, &world.a, 1, "a1");
    fixture_settle(&world.f);
    ping(&world, &world.c, 0, RETAINED_NOT_TOLD);
    for (unsigned count = 0; count < 5; count++) {
        const uint64_t room_time_us = world.pong.room_time_us;

        /* Each PONG is answered right, then again, wrong; and others are made up. */
        ping_back(&world, &world.c, hash(&world.a, 1, "a1"));
        ping(&world, &world.c, room_time_us, 1);
        ping(&world, &world.c, room_time_us + 12345, 1);
        ping(&world, &world.c, 0, 1);
    }
    assert_int_equal(repairs(&world), 0);
    fixture_close(&world.f);
}

static void member__always_behind_its_budget__is_repaired_unseen(void **state)
{
    struct world world;
    uint8_t payload[600] = {0};
    (void)state;

    open_world(&world, 0, false);
    retain(&world, &world.b, 7, "lost");
    fixture_settle(&world.f);
    world.f.down_bytes_s = 1500;
    client_join(&world.f, &world.c, 40, &world.a);
    client_bind(&world.f, &world.c);
    for (unsigned second = 0; second < 40; second++) {
        for (unsigned count = 0; count < 20; count++) {
            for (uint8_t stream = 1; stream <= 4; stream++) {
                client_send_record(&world.f, &world.a, MEMBER_ALL, stream, true, payload, 600);
            }
            fixture_run(&world.f, world.f.now_ns + 50 * MS);
            fixture_forget(&world.f);
        }
        ping(&world, &world.c, world.pong.room_time_us, 1);
        assert_true(world.pong.digest == RETAINED_NOT_TOLD);
    }
    assert_in_range(repairs(&world), 2, 4);
    fixture_close(&world.f);
}

static void host__leaves_a_heritable_room__passes_on_what_it_retained(void **state)
{
    struct world world;
    struct command command;
    struct client d;
    (void)state;

    open_world(&world, 0, true);
    retain(&world, &world.a, 1, "map");
    retain(&world, &world.a, 2, "score");
    retain(&world, &world.a, 3, "a three");
    client_send_record(&world.f, &world.a, MEMBER_ALL, 4, false, "live", 4);
    retain(&world, &world.b, 3, "b three");
    fixture_settle(&world.f);
    fixture_forget(&world.f);
    world.f.now_ns += 400 * MS;
    command = client_command(&world.a, COMMAND_LEAVE);
    fixture_command(&world.f, &command);
    fixture_settle(&world.f);
    assert_int_equal(fixture_event(&world.f, EVENT_HOST_CHANGED, 0)->host, world.b.member);
    assert_int_equal(fixture_counters(&world.f).retained_inherited, 2);
    /* c has it all under the new host's name, with its age; b has nothing to hear. */
    assert_int_equal(client_records(&world.f, &world.c, world.records), 2);
    for (unsigned index = 0; index < 2; index++) {
        assert_int_equal(world.records[index].member, world.b.member);
        assert_true(world.records[index].is_retained);
        assert_in_range(world.records[index].age_ms, 400, 401);
    }
    assert_int_equal(client_records(&world.f, &world.b, world.records), 0);
    ping(&world, &world.c, 0, RETAINED_NOT_TOLD);
    assert_true(world.pong.digest == hash(&world.b, 1, "map") + hash(&world.b, 2, "score") +
                                         hash(&world.b, 3, "b three"));
    client_join(&world.f, &d, 7, &world.b);
    fixture_forget(&world.f);
    client_bind(&world.f, &d);
    /* What the new host says on such a stream is newer than what it inherited. */
    retain(&world, &world.b, 1, "next map");
    fixture_settle(&world.f);
    assert_int_equal(client_records(&world.f, &world.c, world.records), 1);
    assert_memory_equal(world.records[0].payload, "next map", 8);
    fixture_close(&world.f);
}

static void host__leaves_another_room_or_is_no_host__takes_its_states_along(void **state)
{
    struct world world;
    struct command command;
    (void)state;

    for (unsigned is_heritable = 0; is_heritable < 2; is_heritable++) {
        struct client *leaver = is_heritable ? &world.b : &world.a;

        open_world(&world, 0, is_heritable);
        retain(&world, leaver, 1, "map");
        fixture_settle(&world.f);
        fixture_forget(&world.f);
        command = client_command(leaver, COMMAND_LEAVE);
        fixture_command(&world.f, &command);
        fixture_settle(&world.f);
        assert_int_equal(fixture_counters(&world.f).retained_inherited, 0);
        assert_int_equal(fixture_counters(&world.f).cells_in_use, 0);
        assert_int_equal(client_records(&world.f, &world.c, world.records), 0);
        fixture_close(&world.f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest__is_the_sum_of_what_the_others_retain),
        cmocka_unit_test(pong__while_states_wait__comes_behind_them),
        cmocka_unit_test(pong__behind_a_flush_without_a_datagram__comes_in_the_same_turn),
        cmocka_unit_test(digest__wrong_twice_in_a_row__brings_all_again),
        cmocka_unit_test(digest__wrong_again_and_again__brings_all_once_a_second_at_most),
        cmocka_unit_test(ping__that_answers_no_last_pong__is_not_judged),
        cmocka_unit_test(member__always_behind_its_budget__is_repaired_unseen),
        cmocka_unit_test(host__leaves_a_heritable_room__passes_on_what_it_retained),
        cmocka_unit_test(host__leaves_another_room_or_is_no_host__takes_its_states_along),
    };

    return RUN_TESTS(tests);
}
