/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"
#include "proto/body.h"

/* Addresses: how one is proven, changes, is forged, and is taken back. */

struct world {
    struct fixture f;
    struct client a;
    struct client b;
};

static void open_world(struct world *world, const struct relay_limits *limits)
{
    fixture_open(&world->f, limits);
    client_create(&world->f, &world->a, 1, 0);
    client_join(&world->f, &world->b, 2, &world->a);
    client_bind(&world->f, &world->a);
    client_bind(&world->f, &world->b);
}

static void send_bind(struct world *world, struct client *client, const struct path *from)
{
    uint8_t body[BODY_BIND_SIZE];

    body_bind_write(body, 77);
    client_send_from(&world->f, client, from, DATAGRAM_BIND, body, sizeof(body));
}

static void send_ping(struct world *world, struct client *client, const struct path *from)
{
    const struct body_ping ping = {.client_time_us = 5};
    uint8_t body[BODY_PING_SIZE];

    body_ping_write(body, &ping);
    client_send_from(&world->f, client, from, DATAGRAM_PING, body, sizeof(body));
}

static void send_state(struct world *world, struct client *client, const struct path *from)
{
    static const uint8_t body[] = {0xFF, 0xFF, 1, 0, 3, 'a', 'b', 'c'};

    client_send_from(&world->f, client, from, DATAGRAM_DATA, body, sizeof(body));
}

/* Answers the last CHALLENGE of the client from where it was sent to, or from elsewhere. */
static void confirm_from(struct world *world, struct client *client, const struct path *from)
{
    const unsigned count = client_count(&world->f, client, DATAGRAM_CHALLENGE);
    const struct sent *challenge = client_find(&world->f, client, DATAGRAM_CHALLENGE, count - 1);
    uint8_t body[BODY_CONFIRM_SIZE];
    uint8_t cookie[BODY_COOKIE_SIZE];

    assert_true(count > 0);
    assert_true(body_challenge_read(datagram_body(challenge->bytes),
                                    datagram_body_size(challenge->size), cookie));
    body_confirm_write(body, cookie);
    client_send_from(&world->f, client, from, DATAGRAM_CONFIRM, body, sizeof(body));
}

static bool goes_to(const struct sent *sent, const struct path *path)
{
    return sent != NULL && addr_equal(&sent->path.peer, &path->peer) &&
           sent->path.socket == path->socket;
}

/* Where the next state of b comes down to a. */
static bool receives_at(struct world *world, const struct path *path)
{
    bool answer = false;

    fixture_settle(&world->f);
    fixture_forget(&world->f);
    send_state(world, &world->b, &world->b.path);
    fixture_settle(&world->f);
    answer = client_count(&world->f, &world->a, DATAGRAM_DATA) == 1 &&
             goes_to(client_find(&world->f, &world->a, DATAGRAM_DATA, 0), path);
    fixture_forget(&world->f);
    return answer;
}

static void bind__until_confirmed__changes_nothing(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    const struct path spoofed = fixture_path(99);
    const struct sent *sent = NULL;
    struct addr seen;
    (void)state;

    fixture_open(&world.f, &limits);
    client_create(&world.f, &world.a, 1, 0);
    fixture_forget(&world.f);
    send_bind(&world, &world.a, &spoofed);
    fixture_settle(&world.f);
    assert_int_equal(world.f.sent_count, 1);
    sent = client_find(&world.f, &world.a, DATAGRAM_CHALLENGE, 0);
    assert_true(goes_to(sent, &spoofed));
    assert_int_equal(sent->size, 30);
    assert_int_equal(core_bound_count(world.f.core), 0);
    /* The cookie is of the other address. */
    confirm_from(&world, &world.a, &world.a.path);
    assert_int_equal(fixture_dropped(&world.f, REASON_BAD_COOKIE), 1);
    assert_int_equal(core_bound_count(world.f.core), 0);
    fixture_forget(&world.f);
    send_bind(&world, &world.a, &world.a.path);
    fixture_settle(&world.f);
    confirm_from(&world, &world.a, &world.a.path);
    fixture_settle(&world.f);
    sent = client_find(&world.f, &world.a, DATAGRAM_BOUND, 0);
    assert_true(goes_to(sent, &world.a.path));
    assert_int_equal(sent->size, 40);
    assert_true(body_bound_read(datagram_body(sent->bytes), datagram_body_size(sent->size), &seen));
    assert_true(addr_equal(&seen, &world.a.path.peer));
    assert_int_equal(core_bound_count(world.f.core), 1);
    fixture_close(&world.f);
}

static void bind__from_the_validated_path__is_answered_by_bound(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    open_world(&world, &limits);
    send_bind(&world, &world.a, &world.a.path);
    fixture_settle(&world.f);
    assert_int_equal(world.f.sent_count, 1);
    assert_non_null(client_find(&world.f, &world.a, DATAGRAM_BOUND, 0));
    fixture_close(&world.f);
}

static void challenges__of_one_session_and_one_address__are_limited(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    limits.challenge_address_rate = 2;
    limits.challenge_address_burst = 5;
    open_world(&world, &limits);
    world.f.now_ns += 10 * SECOND;
    for (unsigned number = 0; number < 10; number++) {
        const struct path from = fixture_path(100 + number);

        send_bind(&world, &world.a, &from);
        fixture_settle(&world.f);
    }
    assert_int_equal(client_count(&world.f, &world.a, DATAGRAM_CHALLENGE), 4);
    assert_int_equal(fixture_dropped(&world.f, REASON_CHALLENGE_LIMIT), 6);
    fixture_forget(&world.f);
    /* Another address's budget: five for both sessions together. */
    for (unsigned number = 0; number < 40; number++) {
        struct path from = fixture_path(300);

        from.peer.port = (uint16_t)(2000 + number);
        world.f.now_ns += 10 * MS;
        send_state(&world, number % 2 == 0 ? &world.a : &world.b, &from);
        fixture_flush(&world.f);
    }
    assert_int_equal(client_count(&world.f, &world.a, DATAGRAM_CHALLENGE) +
                         client_count(&world.f, &world.b, DATAGRAM_CHALLENGE),
                     5);
    assert_int_equal(fixture_counters(&world.f).challenges_withheld, 41);
    fixture_close(&world.f);
}

static void new_address__spoken_from__is_challenged_and_then_used(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    const struct path moved = fixture_path(50);
    (void)state;

    open_world(&world, &limits);
    send_state(&world, &world.a, &moved);
    fixture_settle(&world.f);
    /* Upward nothing is lost; downward nothing has changed. */
    assert_int_equal(client_count(&world.f, &world.b, DATAGRAM_DATA), 1);
    assert_true(goes_to(client_find(&world.f, &world.a, DATAGRAM_CHALLENGE, 0), &moved));
    assert_true(receives_at(&world, &world.a.path));
    send_state(&world, &world.a, &moved);
    fixture_settle(&world.f);
    confirm_from(&world, &world.a, &moved);
    fixture_settle(&world.f);
    assert_true(goes_to(client_find(&world.f, &world.a, DATAGRAM_BOUND, 0), &moved));
    assert_true(goes_to(client_find(&world.f, &world.a, DATAGRAM_PROBE, 0), &world.a.path));
    assert_int_equal(client_find(&world.f, &world.a, DATAGRAM_PROBE, 0)->size, 30);
    assert_true(receives_at(&world, &moved));
    assert_int_equal(fixture_counters(&world.f).path_moves, 1);
    fixture_close(&world.f);
}

static void ping__from_a_new_address__gets_a_challenge_and_no_pong(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    const struct path moved = fixture_path(50);
    (void)state;

    open_world(&world, &limits);
    send_ping(&world, &world.a, &moved);
    fixture_settle(&world.f);
    assert_int_equal(world.f.sent_count, 1);
    assert_non_null(client_find(&world.f, &world.a, DATAGRAM_CHALLENGE, 0));
    assert_int_equal(fixture_counters(&world.f).datagrams_handled[DATAGRAM_PING], 1);
    fixture_close(&world.f);
}

static void late_sequence__from_a_new_address__is_relayed_but_not_challenged(void **state)
{
    static const uint8_t body[] = {0xFF, 0xFF, 1, 0, 3, 'a', 'b', 'c'};
    static const uint8_t bind[BODY_BIND_SIZE] = {0};
    const struct relay_limits limits = fixture_limits();
    struct world world;
    const struct path moved = fixture_path(50);
    uint8_t bytes[64];
    size_t size = 0;
    (void)state;

    open_world(&world, &limits);
    size = client_seal(&world.a, DATAGRAM_DATA, world.a.sequence + 1, body, sizeof(body), bytes);
    world.a.sequence += 5;
    send_ping(&world, &world.a, &world.a.path);
    fixture_settle(&world.f);
    fixture_forget(&world.f);
    client_send_raw(&world.f, &moved, bytes, size);
    /* Nor is a BIND that was overtaken. */
    size = client_seal(&world.a, DATAGRAM_BIND, world.a.sequence - 2, bind, sizeof(bind), bytes);
    client_send_raw(&world.f, &moved, bytes, size);
    fixture_settle(&world.f);
    assert_int_equal(world.f.sent_count, 1);
    assert_int_equal(client_count(&world.f, &world.b, DATAGRAM_DATA), 1);
    assert_int_equal(fixture_counters(&world.f).datagrams_handled[DATAGRAM_BIND], 3);
    fixture_close(&world.f);
}

static void confirm__overtaken_on_the_old_path__does_not_move_it(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    const struct path moved = fixture_path(50);
    uint8_t body[BODY_CONFIRM_SIZE];
    uint8_t cookie[BODY_COOKIE_SIZE];
    uint8_t bytes[64];
    size_t size = 0;
    (void)state;

    open_world(&world, &limits);
    send_state(&world, &world.a, &moved);
    fixture_settle(&world.f);
    (void)body_challenge_read(
        datagram_body(client_find(&world.f, &world.a, DATAGRAM_CHALLENGE, 0)->bytes),
        BODY_CHALLENGE_SIZE, cookie);
    body_confirm_write(body, cookie);
    size = client_seal(&world.a, DATAGRAM_CONFIRM, ++world.a.sequence, body, sizeof(body), bytes);
    send_ping(&world, &world.a, &world.a.path);
    client_send_raw(&world.f, &moved, bytes, size);
    assert_true(receives_at(&world, &world.a.path));
    assert_int_equal(fixture_counters(&world.f).path_moves, 0);
    assert_int_equal(fixture_counters(&world.f).datagrams_handled[DATAGRAM_CONFIRM], 3);
    fixture_close(&world.f);
}

static void cookie__too_old__is_refused(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    fixture_open(&world.f, &limits);
    client_create(&world.f, &world.a, 1, 0);
    send_bind(&world, &world.a, &world.a.path);
    fixture_settle(&world.f);
    world.f.limits.bind_timeout_ns = 100 * SECOND;
    core_set_limits(world.f.core, &world.f.limits);
    world.f.now_ns += 61 * SECOND;
    confirm_from(&world, &world.a, &world.a.path);
    assert_int_equal(fixture_dropped(&world.f, REASON_BAD_COOKIE), 1);
    fixture_close(&world.f);
}

static void path__stolen_by_who_forwards__is_taken_back_after_a_probe(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    const struct path thief = fixture_path(66);
    (void)state;

    open_world(&world, &limits);
    /* The thief is faster: what a sends arrives over its address first, CONFIRM too. */
    send_state(&world, &world.a, &thief);
    fixture_settle(&world.f);
    confirm_from(&world, &world.a, &thief);
    fixture_settle(&world.f);
    assert_true(goes_to(client_find(&world.f, &world.a, DATAGRAM_PROBE, 0), &world.a.path));
    assert_true(receives_at(&world, &thief));
    /* a hears the PROBE, and its PING comes over its own path. */
    send_ping(&world, &world.a, &world.a.path);
    fixture_settle(&world.f);
    assert_true(goes_to(client_find(&world.f, &world.a, DATAGRAM_CHALLENGE, 0), &world.a.path));
    confirm_from(&world, &world.a, &world.a.path);
    assert_true(receives_at(&world, &world.a.path));
    assert_int_equal(fixture_counters(&world.f).path_moves, 2);
    fixture_close(&world.f);
}

static void moves__more_than_allowed__are_refused(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    limits.challenge_session_rate = 100;
    limits.challenge_session_burst = 100;
    open_world(&world, &limits);
    for (unsigned number = 0; number < 6; number++) {
        const struct path moved = fixture_path(50 + number);

        fixture_forget(&world.f);
        send_state(&world, &world.a, &moved);
        fixture_settle(&world.f);
        confirm_from(&world, &world.a, &moved);
        fixture_settle(&world.f);
    }
    assert_int_equal(fixture_counters(&world.f).path_moves, 4);
    assert_int_equal(fixture_dropped(&world.f, REASON_REBIND_LIMIT), 2);
    fixture_close(&world.f);
}

static void rebind_rule__port_or_never__holds(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    struct path port = fixture_path(1);
    const struct path other = fixture_path(50);
    (void)state;

    port.peer.port++;
    limits.rebind = REBIND_PORT;
    open_world(&world, &limits);
    send_bind(&world, &world.a, &other);
    assert_int_equal(fixture_dropped(&world.f, REASON_ADDRESS_REFUSED), 1);
    send_state(&world, &world.a, &other);
    fixture_settle(&world.f);
    assert_int_equal(client_count(&world.f, &world.a, DATAGRAM_CHALLENGE), 0);
    assert_int_equal(client_count(&world.f, &world.b, DATAGRAM_DATA), 1);
    send_bind(&world, &world.a, &port);
    fixture_settle(&world.f);
    confirm_from(&world, &world.a, &port);
    assert_true(receives_at(&world, &port));
    world.f.limits.rebind = REBIND_NEVER;
    core_set_limits(world.f.core, &world.f.limits);
    send_bind(&world, &world.a, &world.a.path);
    assert_int_equal(fixture_dropped(&world.f, REASON_ADDRESS_REFUSED), 2);
    /* A challenge that was sent before the rule changed is worth nothing after. */
    world.f.limits.rebind = REBIND_ANY;
    core_set_limits(world.f.core, &world.f.limits);
    fixture_forget(&world.f);
    send_bind(&world, &world.a, &other);
    fixture_settle(&world.f);
    world.f.limits.rebind = REBIND_PORT;
    core_set_limits(world.f.core, &world.f.limits);
    confirm_from(&world, &world.a, &other);
    assert_int_equal(fixture_dropped(&world.f, REASON_ADDRESS_REFUSED), 3);
    assert_true(receives_at(&world, &port));
    fixture_close(&world.f);
}

static void same_address__on_another_socket__is_another_path(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct path moved = fixture_path(1);
    (void)state;

    moved.socket = 1;
    open_world(&world, &limits);
    send_state(&world, &world.a, &moved);
    fixture_settle(&world.f);
    assert_true(goes_to(client_find(&world.f, &world.a, DATAGRAM_CHALLENGE, 0), &moved));
    confirm_from(&world, &world.a, &moved);
    assert_true(receives_at(&world, &moved));
    fixture_close(&world.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bind__until_confirmed__changes_nothing),
        cmocka_unit_test(bind__from_the_validated_path__is_answered_by_bound),
        cmocka_unit_test(challenges__of_one_session_and_one_address__are_limited),
        cmocka_unit_test(new_address__spoken_from__is_challenged_and_then_used),
        cmocka_unit_test(ping__from_a_new_address__gets_a_challenge_and_no_pong),
        cmocka_unit_test(late_sequence__from_a_new_address__is_relayed_but_not_challenged),
        cmocka_unit_test(confirm__overtaken_on_the_old_path__does_not_move_it),
        cmocka_unit_test(cookie__too_old__is_refused),
        cmocka_unit_test(path__stolen_by_who_forwards__is_taken_back_after_a_probe),
        cmocka_unit_test(moves__more_than_allowed__are_refused),
        cmocka_unit_test(rebind_rule__port_or_never__holds),
        cmocka_unit_test(same_address__on_another_socket__is_another_path),
    };

    return RUN_TESTS(tests);
}
