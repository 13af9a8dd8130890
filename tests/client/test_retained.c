/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/body.h"
#include "proto/retained.h"
#include "tests/client/fake_relay.h"
#include "tests/core/core_fixture.h"

/* Retained states: the digest that a client tells; and clients and the relay's core together, with
 * a network between them that loses much. */

static struct fake_link link;

/* The digest of the newest PING. */
static uint64_t told(void)
{
    struct body_ping ping = {.digest = 0};

    link.relay.datagram_count = 0;
    fake_link_pass(&link, FAKE_S);
    for (unsigned i = 0; i < link.relay.datagram_count; i++) {
        if (link.relay.datagrams[i].head.type == DATAGRAM_PING)
            assert_true(body_ping_read(link.relay.datagrams[i].body,
                                       link.relay.datagrams[i].body_size, &ping));
    }
    return ping.digest;
}

static void hear(uint16_t member, uint8_t stream, bool is_retained, const char *text)
{
    uint8_t body[128];
    struct record_writer writer;
    const struct record record = {.member = member,
                                  .stream = stream,
                                  .is_retained = is_retained,
                                  .size = (uint16_t)strlen(text),
                                  .payload = (const uint8_t *)text};

    record_writer_init(&writer, RECORD_DOWN, body, sizeof(body));
    assert_true(record_write(&writer, &record));
    fake_relay_datagram(&link.relay, DATAGRAM_DATA, body, writer.size);
    fake_link_turn(&link);
}

static uint64_t hash(uint16_t member, uint8_t stream, const char *text)
{
    return retained_hash(member, stream, (const uint8_t *)text, strlen(text));
}

static void join(void)
{
    fake_link_open(&link, NULL);
    fake_link_join(&link);
    fake_link_pass(&link, FAKE_S);
}

/* A PING tells what was held at the PONG before it: two of them later all is in it. */
static uint64_t held(void)
{
    (void)told();
    return told();
}

static void digest__of_what_comes_and_goes__is_kept(void **state)
{
    struct control_message left = {.type = CONTROL_LEFT};
    uint16_t other;

    (void)state;
    join();
    other = link.relay.membership.members[0];
    assert_true(held() == 0);
    hear(other, 1, true, "one");
    hear(other, 2, true, "two");
    hear(other, 3, false, "live");
    assert_true(held() == hash(other, 1, "one") + hash(other, 2, "two"));
    hear(other, 1, true, "newer");
    assert_true(held() == hash(other, 1, "newer") + hash(other, 2, "two"));
    hear(other, 2, false, "no more");
    assert_true(held() == hash(other, 1, "newer"));
    left.left.member = other;
    fake_relay_send(&link.relay, &left);
    assert_true(held() == 0);
    fake_link_close(&link);
}

static void digest__that_differs_twice__is_told_and_begun_anew(void **state)
{
    uint16_t other;

    (void)state;
    join();
    other = link.relay.membership.members[0];
    hear(other, 1, true, "one");
    link.relay.tells_digest = true;
    link.relay.digest = hash(other, 1, "one");
    assert_true(held() == hash(other, 1, "one"));
    link.relay.digest += 5;
    (void)told(); /* Its PONG is the first that differs, */
    assert_true(told() == hash(other, 1, "one"));
    assert_true(told() == hash(other, 1, "one")); /* and here the relay has seen two. */
    hear(other, 2, true, "again");
    link.relay.digest = hash(other, 2, "again");
    assert_true(held() == hash(other, 2, "again"));
    fake_link_close(&link);
}

static void pong__that_tells_no_digest__is_not_compared(void **state)
{
    uint16_t other;

    (void)state;
    join();
    other = link.relay.membership.members[0];
    hear(other, 1, true, "one");
    link.relay.tells_digest = true;
    link.relay.digest = RETAINED_NOT_TOLD;
    for (unsigned i = 0; i < 5; i++)
        (void)told();
    assert_true(told() == hash(other, 1, "one"));
    fake_link_close(&link);
}

/* A program that does not take its states loses the oldest; those are not held. */
static void state__that_nobody_takes__is_not_held(void **state)
{
    struct gsrelay_options options;
    uint16_t other;

    (void)state;
    gsrelay_options_init(&options);
    options.state_bytes = 4096;
    fake_link_open(&link, &options);
    fake_link_join(&link);
    fake_link_pass(&link, FAKE_S);
    other = link.relay.membership.members[0];
    hear(other, 9, true, "kept");
    for (unsigned i = 0; i < 100; i++)
        hear(other, 1, false, "0123456789012345678901234567890123456789");
    assert_true(held() == 0);
    fake_link_close(&link);
}

/* --- Clients, the core, and what is lost between them ---------------------------------------- */

#define PLAYERS 4
#define STREAMS 3
#define ROUNDS  12

struct player {
    struct world *world;
    struct fake_link link;
    struct client core; /* As the core knows it. */
    char held[PLAYERS][STREAMS + 1][16];
};

struct world {
    struct fixture f;
    unsigned count;
    struct player players[PLAYERS];
    char kept[PLAYERS][STREAMS + 1][16]; /* What the relay holds. */
};

static void take_up(void *context, const uint8_t *bytes, size_t size)
{
    struct player *player = context;

    core_datagram(player->world->f.core, &player->core.path, bytes, size, player->world->f.now_ns);
}

static void announce(struct world *world, unsigned newcomer)
{
    struct control_message joined = {.type = CONTROL_JOINED,
                                     .member = world->players[newcomer].core.member};

    for (unsigned i = 0; i < newcomer; i++)
        fake_relay_send(&world->players[i].link.relay, &joined);
}

static void take_events(struct world *world, struct player *player)
{
    struct gsrelay_event event;

    while (gsrelay_next_event(player->link.client, &event)) {
        if (event.type != GSRELAY_EVENT_STATE)
            continue;
        for (unsigned i = 0; i < world->count; i++) {
            if (world->players[i].core.member == event.member)
                snprintf(player->held[i][event.stream], sizeof(player->held[i][0]), "%.*s",
                         (int)event.size, (const char *)event.bytes);
        }
    }
}

/* Ten milliseconds for everybody. */
static void step(struct world *world)
{
    fixture_settle(&world->f);
    for (unsigned i = 0; i < world->f.sent_count; i++) {
        const struct sent *sent = &world->f.sent[i];

        for (unsigned to = 0; to < world->count; to++) {
            struct player *player = &world->players[to];

            player->link.random = player->link.random * UINT64_C(6364136223846793005) + 1;
            if (addr_equal(&sent->path.peer, &player->core.path.peer) &&

                (player->link.random >> 40) % 100 >= player->link.drop_down)
                gsrelay_io_udp_input(player->link.client, world->f.now_ns, sent->bytes, sent->size);
        }
    }
    fixture_forget(&world->f);
    for (unsigned i = 0; i < world->count; i++) {
        world->players[i].link.now_ns = world->f.now_ns;
        fake_link_turn(&world->players[i].link);
        take_events(world, &world->players[i]);
    }
    world->f.now_ns += 10 * FAKE_MS;
}

static void run(struct world *world, unsigned seconds)
{
    for (unsigned i = 0; i < 100 * seconds; i++)
        step(world);
}

static void enter(struct world *world, uint32_t tick_us)
{
    struct player *player = &world->players[world->count];
    struct control_membership *membership = &player->link.relay.membership;

    player->world = world;
    if (world->count == 0)
        client_create(&world->f, &player->core, 0, tick_us);
    else
        client_join(&world->f, &player->core, world->count, &world->players[0].core);
    fake_link_open(&player->link, NULL);
    player->link.udp_up = take_up;
    player->link.udp_context = player;
    player->link.now_ns = world->f.now_ns;
    player->link.random += world->count * 977;
    membership->member = player->core.member;
    membership->host = world->players[0].core.member;
    membership->slot = player->core.slot.index;
    membership->slot_tag = player->core.slot.tag;
    memcpy(membership->key_up, player->core.secret.key_up, sizeof(membership->key_up));
    memcpy(membership->key_down, player->core.secret.key_down, sizeof(membership->key_down));
    membership->member_count = 0;
    for (unsigned i = 0; i <= world->count; i++)
        membership->members[membership->member_count++] = world->players[i].core.member;
    announce(world, world->count);
    world->count++;
    assert_int_equal(gsrelay_io_start(player->link.client, player->link.now_ns), GSRELAY_OK);
    assert_true(gsrelay_join_room(player->link.client, "CDFHJK") > 0);
    run(world, 3);
}

/* What comes up is not lost here: what the relay never had is the sender's to say again. */
static void say_state(struct world *world, unsigned from, uint8_t stream, unsigned round)
{
    char *text = world->kept[from][stream];

    snprintf(text, sizeof(world->kept[0][0]), "%u/%u/%u", from, stream, round);
    assert_int_equal(gsrelay_send(world->players[from].link.client, GSRELAY_TO_ALL, stream,
                                  GSRELAY_RETAIN, text, strlen(text)),
                     GSRELAY_OK);
    step(world);
}

static unsigned count_missing(const struct world *world)
{
    unsigned missing = 0;

    for (unsigned to = 0; to < world->count; to++) {
        for (unsigned from = 0; from < world->count; from++) {
            for (unsigned stream = 1; stream <= STREAMS; stream++)
                missing += to != from && strcmp(world->players[to].held[from][stream],
                                                world->kept[from][stream]) != 0;
        }
    }
    return missing;
}

static void set_loss(struct world *world, unsigned percent)
{
    for (unsigned i = 0; i < world->count; i++)
        world->players[i].link.drop_down = percent;
}

static void check_loss(uint32_t tick_us, unsigned percent)
{
    struct world *world = calloc(1, sizeof(*world));
    const struct relay_limits limits = fixture_limits();
    unsigned missing = 0;
    uint64_t repairs = 0;

    assert_non_null(world);
    fixture_open(&world->f, &limits);
    for (unsigned i = 0; i + 1 < PLAYERS; i++)
        enter(world, tick_us);
    set_loss(world, percent);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (uint8_t stream = 1; stream <= STREAMS; stream++)
            say_state(world, round % 3, stream, round);
        if (round == ROUNDS / 2) {
            enter(world, tick_us);
            set_loss(world, percent);
        }
        run(world, round % 3);
        missing += count_missing(world);
    }
    /* The wires go on losing as much; pings and what is sent again as well. */
    assert_true(missing > 0);
    run(world, 60);
    assert_int_equal(count_missing(world), 0);
    assert_true(fixture_counters(&world->f).retained_repairs > 0);
    /* Where nothing is missing nothing is sent again. */
    set_loss(world, 0);
    run(world, 5);
    repairs = fixture_counters(&world->f).retained_repairs;
    run(world, 30);
    assert_int_equal(fixture_counters(&world->f).retained_repairs, repairs);
    for (unsigned i = 0; i < PLAYERS; i++)
        fake_link_close(&world->players[i].link);
    fixture_close(&world->f);
    free(world);
}

static void network__that_loses_a_third__leaves_nobody_without_a_state(void **state)
{
    (void)state;
    check_loss(0, 33);
}

static void network__that_loses_half__in_a_room_with_a_tick__the_same(void **state)
{
    (void)state;
    check_loss(16000, 50);
}

/* A state that is renewed all the time must neither hide the loss of one that rests, nor look like
 * a loss itself. */
static void states__renewed_all_the_time__hide_no_loss_and_are_none(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    const struct relay_limits limits = fixture_limits();
    unsigned round = 0;

    (void)state;
    assert_non_null(world);
    fixture_open(&world->f, &limits);
    for (unsigned i = 0; i + 1 < PLAYERS; i++)
        enter(world, 16000);
    for (; round < 1000; round++)
        say_state(world, 0, 1, round);
    assert_int_equal(fixture_counters(&world->f).retained_repairs, 0);
    set_loss(world, 100);
    say_state(world, 1, 2, 7);
    run(world, 0);
    step(world);
    step(world);
    step(world);
    set_loss(world, 0);
    for (; round < 2000; round++)
        say_state(world, 0, 1, round);
    run(world, 1);
    assert_int_equal(count_missing(world), 0);
    assert_in_range(fixture_counters(&world->f).retained_repairs, 1, 4);
    for (unsigned i = 0; i + 1 < PLAYERS; i++)
        fake_link_close(&world->players[i].link);
    fixture_close(&world->f);
    free(world);
}

/* The relay forgets a state when its stream says something that is not retained, and that may be
 * for others only. Who still counts it must not be sent everything for ever. */
static void state__given_up_unheard__looks_lost_once(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    const struct relay_limits limits = fixture_limits();
    uint64_t repairs = 0;

    (void)state;
    assert_non_null(world);
    fixture_open(&world->f, &limits);
    for (unsigned i = 0; i + 1 < PLAYERS; i++)
        enter(world, 0);
    say_state(world, 0, 1, 1);
    say_state(world, 0, 2, 1);
    run(world, 3);
    assert_int_equal(fixture_counters(&world->f).retained_repairs, 0);
    assert_int_equal(
        gsrelay_send(world->players[0].link.client, world->players[1].core.member, 1, 0, "you", 3),
        GSRELAY_OK);
    run(world, 8);
    repairs = fixture_counters(&world->f).retained_repairs;
    assert_int_equal(repairs, 1);
    run(world, 30);
    assert_int_equal(fixture_counters(&world->f).retained_repairs, repairs);
    for (unsigned i = 0; i + 1 < PLAYERS; i++)
        fake_link_close(&world->players[i].link);
    fixture_close(&world->f);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest__of_what_comes_and_goes__is_kept),
        cmocka_unit_test(digest__that_differs_twice__is_told_and_begun_anew),
        cmocka_unit_test(pong__that_tells_no_digest__is_not_compared),
        cmocka_unit_test(state__that_nobody_takes__is_not_held),
        cmocka_unit_test(network__that_loses_a_third__leaves_nobody_without_a_state),
        cmocka_unit_test(network__that_loses_half__in_a_room_with_a_tick__the_same),
        cmocka_unit_test(state__given_up_unheard__looks_lost_once),
        cmocka_unit_test(states__renewed_all_the_time__hide_no_loss_and_are_none),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
