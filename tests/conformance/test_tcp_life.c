/* SPDX-License-Identifier: MIT */
#include "tests/conformance/tcp_support.h"

/* Accepting and closing: what every backend of net_tcp.h must do. */

static void accept__a_peer__is_named(void **state)
{
    const struct addr addresses[] = {loopback4(0), addr_ipv4(127, 0, 0, 2, 0)};
    const struct net_tcp_options options = tcp_options(addresses, 2);
    struct world world;

    (void)state;
    world_open_with(&world, &options);
    assert_int_equal(net_tcp_address(world.net, 0).port, net_tcp_address(world.net, 1).port);
    for (uint32_t i = 0; i < 2; i++) {
        struct addr peer_seen = {0};
        struct peer *const peer = peer_connect(net_tcp_address(world.net, i), false);
        assert_non_null(peer);
        PUMP_UNTIL(&world, world.accepted_count == i + 1);
        const struct addr expected = peer_address(peer);
        const struct model *const model = model_of(&world, world.last_accepted);
        assert_true(addr_equal(&model->peer, &expected));
        assert_int_equal(model->listener_index, i);
        assert_int_equal(net_tcp_peer(world.net, model->conn, &peer_seen), RESULT_OK);
        assert_true(addr_equal(&peer_seen, &expected));
        assert_int_equal(net_tcp_connection_count(world.net), i + 1);
        peer_close(peer);
    }
    world_close(&world);
}

static void accept__ipv6__is_canonical(void **state)
{
    const struct addr address = loopback6(0);
    const struct net_tcp_options options = tcp_options(&address, 1);
    struct net_tcp *probe = NULL;
    struct net_failure failure = {0};
    struct world world;
    struct net_conn conn;

    (void)state;
    if (net_tcp_open(&options, &probe, &failure) < 0) {
        print_message("no IPv6 here: %s\n", failure.text);
        assert_true(failure.result == RESULT_UNREACHABLE || failure.result == RESULT_UNSUPPORTED);
        skip();
    }
    net_tcp_shutdown(probe);
    world_open_with(&world, &options);
    struct peer *const peer = join(&world, &conn);
    const struct addr expected = peer_address(peer);
    assert_int_equal(expected.family, ADDR_FAMILY_IPV6);
    assert_true(addr_equal(&model_of(&world, conn)->peer, &expected));
    peer_close(peer);
    world_close(&world);
}

static void accept__full_table__goes_on_when_somebody_left(void **state)
{
    const struct addr address = loopback4(0);
    struct net_tcp_options options = tcp_options(&address, 1);
    struct world world;
    struct peer *peers[7];
    char byte = 0;

    (void)state;
    options.max_connections = 4;
    options.output_rings = 4;
    world_open_with(&world, &options);
    for (unsigned i = 0; i < 7; i++) {
        peers[i] = peer_connect(net_tcp_address(world.net, 0), false);
        assert_non_null(peers[i]);
        assert_int_equal(peer_send(peers[i], "x", 1), 1);
    }
    PUMP_UNTIL(&world, world.accepted_count == 4);
    for (uint32_t i = 0; i < 4; i++) {
        read_exactly(&world, world.models[i].conn, &byte, 1);
        assert_int_equal(net_tcp_read(world.net, world.models[i].conn, &byte, 1), RESULT_AGAIN);
    }
    for (unsigned i = 0; i < 5; i++) {
        (void)pump_for(&world, MILLISECOND_NS);
    }
    assert_int_equal(world.accepted_count, 4);
    assert_int_equal(net_tcp_connection_count(world.net), 4);
    for (uint32_t i = 0; i < 3; i++) {
        drop(&world, world.models[i].conn, NET_CLOSE_ABORT);
        /* The freed place alone must get things going again, or this hangs. */
        while (world.accepted_count < 5 + i) {
            (void)pump_for(&world, NET_WAIT_FOREVER);
        }
        /* What a peer had sent while it waited in the backlog is there. */
        read_exactly(&world, world.last_accepted, &byte, 1);
        assert_int_equal(net_tcp_read(world.net, world.last_accepted, &byte, 1), RESULT_AGAIN);
    }
    assert_int_equal(net_tcp_connection_count(world.net), 4);
    assert_true(counters_of(&world).accept_pauses >= 1);
    for (unsigned i = 0; i < 7; i++) {
        peer_close(peers[i]);
    }
    world_close(&world);
}

static void accept__peer_gone_before__leaves_no_trace(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    for (unsigned i = 0; i < 20; i++) {
        struct peer *const peer = peer_connect(net_tcp_address(world.net, 0), false);
        assert_non_null(peer);
        if (i % 2 == 0) {
            peer_reset(peer);
        } else {
            peer_close(peer);
        }
    }
    /* Whether they are accepted is the system's affair; each that is, ends. */
    struct net_conn conn;
    struct peer *const last = peer_connect(net_tcp_address(world.net, 0), false);
    assert_non_null(last);
    const struct addr last_address = peer_address(last);
    PUMP_UNTIL(&world, world.accepted_count > 0 &&
                           addr_equal(&model_of(&world, world.last_accepted)->peer, &last_address));
    conn = world.last_accepted;
    for (unsigned i = 0; i < WORLD_CONNS_MAX; i++) {
        if (world.models[i].is_open && world.models[i].conn.index != conn.index) {
            drop(&world, world.models[i].conn, NET_CLOSE_ORDERLY);
        }
    }
    PUMP_UNTIL(&world, net_tcp_connection_count(world.net) == 1);
    peer_close(last);
    world_close(&world);
}

static void wait__capacity_1__tells_everything_in_time(void **state)
{
    struct world world;
    struct peer *peers[10];
    struct net_conn conns[10];
    char byte = 0;

    (void)state;
    world_open(&world);
    world.capacity = 1;
    for (unsigned i = 0; i < 10; i++) {
        peers[i] = join(&world, &conns[i]);
    }
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 10; i++) {
            assert_int_equal(peer_send(peers[i], "x", 1), 1);
        }
        for (unsigned i = 0; i < 10; i++) {
            read_exactly(&world, conns[i], &byte, 1);
        }
    }
    for (unsigned i = 0; i < 10; i++) {
        peer_reset(peers[i]);
    }
    for (unsigned idle = 0; world.closed_count < 10;) {
        assert_true(idle < 1000);
        idle += pump(&world) == 0;
        for (unsigned i = 0; i < 10; i++) {
            if (model_of(&world, conns[i])->is_open) {
                read_or_finish(&world, conns[i]);
            }
        }
    }
    world_close(&world);
}

static void close__abort__resets_and_says_nothing_more(void **state)
{
    struct world world;
    struct net_conn conn;
    uint64_t written = 0;

    (void)state;
    world_open(&world);
    struct peer *const peer = join_with(&world, true, &conn);
    assert_int_equal(peer_send(peer, "unread", 6), 6);
    fill_output(&world, conn, &written);
    drop(&world, conn, NET_CLOSE_ABORT);
    PUMP_UNTIL(&world, net_tcp_connection_count(world.net) == 0);
    peer_read_reset(&world, peer);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pump_for(&world, MILLISECOND_NS), 0);
    }
    peer_close(peer);
    world_close(&world);
}

static void close__abort_of_an_idle_connection__is_a_reset_too(void **state)
{
    struct world world;
    struct net_conn conn;

    (void)state;
    world_open(&world);
    struct peer *const peer = join(&world, &conn);
    drop(&world, conn, NET_CLOSE_ABORT);
    peer_read_reset(&world, peer);
    peer_close(peer);
    world_close(&world);
}

static void close__orderly__delivers_what_was_written(void **state)
{
    struct world world;
    struct net_conn conn;
    uint64_t written = 0;
    uint64_t drained = 0;

    (void)state;
    world_open(&world);
    struct peer *const peer = join_with(&world, true, &conn);
    /* Unread input: a plain close would turn into a reset and destroy the last bytes. */
    assert_int_equal(peer_send(peer, "unread", 6), 6);
    fill_output(&world, conn, &written);
    drop(&world, conn, NET_CLOSE_ORDERLY);
    assert_int_equal(net_tcp_connection_count(world.net), 1);
    peer_drain(&world, peer, &drained, written);
    peer_read_end(&world, peer);
    peer_close(peer);
    PUMP_UNTIL(&world, net_tcp_connection_count(world.net) == 0);
    assert_int_equal(counters_of(&world).linger_expired, 0);
    assert_int_equal(counters_of(&world).closed_by_owner, 1);
    world_close(&world);
}

static void close__orderly_but_the_peer_stays__ends_after_linger(void **state)
{
    const struct addr address = loopback4(0);
    struct net_tcp_options options = tcp_options(&address, 1);
    struct world world;
    struct net_conn conn;

    (void)state;
    options.linger_s = 1;
    world_open_with(&world, &options);
    struct peer *const peer = join(&world, &conn);
    assert_int_equal(net_tcp_write(world.net, conn, "bye", 3), RESULT_OK);
    drop(&world, conn, NET_CLOSE_ORDERLY);
    assert_int_equal(net_tcp_connection_count(world.net), 1);
    /* The wait has no other reason to end. */
    for (unsigned i = 0; net_tcp_connection_count(world.net) > 0; i++) {
        assert_true(i < 1000);
        (void)pump_for(&world, NET_WAIT_FOREVER);
    }
    assert_int_equal(counters_of(&world).linger_expired, 1);
    peer_close(peer);
    world_close(&world);
}

/* Whoever ends slowly on purpose must not keep others out. */
static void close__table_full_of_lingering__newcomers_take_the_oldest_places(void **state)
{
    const struct addr address = loopback4(0);
    struct net_tcp_options options = tcp_options(&address, 1);
    struct world world;
    struct net_conn conns[3];
    struct peer *peers[3];

    (void)state;
    options.linger_s = 3600;
    options.max_connections = 2;
    options.output_rings = 2;
    world_open_with(&world, &options);
    peers[0] = join(&world, &conns[0]);
    peers[1] = join(&world, &conns[1]);
    drop(&world, conns[1], NET_CLOSE_ORDERLY);
    (void)pump(&world);
    drop(&world, conns[0], NET_CLOSE_ORDERLY);
    peers[2] = join(&world, &conns[2]);
    assert_int_equal(conns[2].index, conns[1].index);
    assert_int_equal(counters_of(&world).linger_expired, 1);
    assert_int_equal(net_tcp_connection_count(world.net), 2);
    for (unsigned i = 0; i < 3; i++) {
        peer_close(peers[i]);
    }
    world_close(&world);
}

/* The newcomer was there before: accepting had stopped for want of a place. */
static void close__full_table_begins_to_linger__the_waiting_newcomer_gets_in(void **state)
{
    const struct addr address = loopback4(0);
    struct net_tcp_options options = tcp_options(&address, 1);
    struct world world;
    struct net_conn conn;

    (void)state;
    options.linger_s = 3600;
    options.max_connections = 1;
    options.output_rings = 1;
    world_open_with(&world, &options);
    struct peer *const first = join(&world, &conn);
    struct peer *const second = peer_connect(net_tcp_address(world.net, 0), false);
    for (unsigned i = 0; i < 5; i++) {
        (void)pump(&world);
    }
    assert_int_equal(world.accepted_count, 1);
    drop(&world, conn, NET_CLOSE_ORDERLY);
    PUMP_UNTIL(&world, world.accepted_count == 2);
    peer_close(first);
    peer_close(second);
    world_close(&world);
}

static void close__orderly_without_linger__is_gone_at_once(void **state)
{
    const struct addr address = loopback4(0);
    struct net_tcp_options options = tcp_options(&address, 1);
    struct world world;
    struct net_conn conn;

    (void)state;
    options.linger_s = 0;
    world_open_with(&world, &options);
    struct peer *const peer = join(&world, &conn);
    drop(&world, conn, NET_CLOSE_ORDERLY);
    PUMP_UNTIL(&world, net_tcp_connection_count(world.net) == 0);
    peer_read_end(&world, peer);
    peer_close(peer);
    world_close(&world);
}

static void close__inside_the_event_walk__later_entries_are_harmless(void **state)
{
    struct world world;
    struct peer *peers[8];
    struct net_conn conns[8];
    struct net_tcp_event events[WORLD_EVENTS_MAX];
    uint8_t byte = 0;

    (void)state;
    world_open(&world);
    for (unsigned i = 0; i < 8; i++) {
        peers[i] = join(&world, &conns[i]);
        assert_int_equal(peer_send(peers[i], "x", 1), 1);
    }
    int count = 0;
    for (unsigned idle = 0; count == 0; idle++) {
        assert_true(idle < 1000);
        count = net_tcp_wait(world.net, events, WORLD_EVENTS_MAX, 20 * MILLISECOND_NS);
    }
    assert_true(count > 0);
    for (unsigned i = 0; i < 8; i++) {
        model_of(&world, conns[i])->is_open = false;
        assert_int_equal(net_tcp_close(world.net, conns[i], NET_CLOSE_ABORT), RESULT_OK);
    }
    for (int i = 0; i < count; i++) {
        assert_int_equal(net_tcp_read(world.net, events[i].conn, &byte, 1), RESULT_NOT_FOUND);
    }
    for (unsigned i = 0; i < 8; i++) {
        peer_close(peers[i]);
    }
    PUMP_UNTIL(&world, net_tcp_connection_count(world.net) == 0);
    world_close(&world);
}

static void handle__index_used_again__old_one_stays_stale(void **state)
{
    const struct addr address = loopback4(0);
    struct net_tcp_options options = tcp_options(&address, 1);
    struct world world;
    struct net_conn old = {0};

    (void)state;
    options.max_connections = 1;
    options.output_rings = 1;
    world_open_with(&world, &options);
    assert_stale(&world, old);
    assert_stale(&world, (struct net_conn){.index = 0, .generation = 77});
    assert_stale(&world, (struct net_conn){.index = 1, .generation = 1});
    assert_stale(&world, (struct net_conn){.index = UINT32_MAX, .generation = UINT32_MAX});
    for (unsigned round = 0; round < 10; round++) {
        struct net_conn conn;
        struct peer *const peer = join(&world, &conn);
        assert_int_equal(conn.index, 0);
        assert_int_not_equal(conn.generation, old.generation);
        assert_stale(&world, old);
        drop(&world, conn, NET_CLOSE_ABORT);
        PUMP_UNTIL(&world, net_tcp_connection_count(world.net) == 0);
        peer_close(peer);
        old = conn;
    }
    world_close(&world);
}

static void many__200_connections__come_and_go(void **state)
{
    struct world world;
    static struct peer *peers[200];
    static struct net_conn conns[200];
    char bytes[4];

    (void)state;
    world_open(&world);
    for (unsigned i = 0; i < 200; i++) {
        peers[i] = join(&world, &conns[i]);
    }
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(peer_send(peers[i], "ping", 4), 4);
        assert_int_equal(net_tcp_write(world.net, conns[i], "pong", 4), RESULT_OK);
    }
    for (unsigned i = 0; i < 200; i++) {
        read_exactly(&world, conns[i], bytes, 4);
        peer_read_exactly(&world, peers[i], bytes, 4);
        assert_memory_equal(bytes, "pong", 4);
    }
    for (unsigned i = 0; i < 200; i++) {
        switch (i % 4) {
        case 0:
            peer_reset(peers[i]);
            peers[i] = NULL;
            break;
        case 1:
            drop(&world, conns[i], NET_CLOSE_ABORT);
            break;
        case 2:
            drop(&world, conns[i], NET_CLOSE_ORDERLY);
            break;
        default:
            assert_int_equal(net_tcp_finish(world.net, conns[i]), RESULT_OK);
            break;
        }
    }
    for (unsigned i = 0; i < 200; i++) {
        peer_close(peers[i]);
    }
    for (unsigned idle = 0; net_tcp_connection_count(world.net) > 0;) {
        assert_true(idle < 1000);
        idle += pump(&world) == 0;
        for (unsigned i = 0; i < 200; i++) {
            if (model_of(&world, conns[i])->is_open) {
                read_or_finish(&world, conns[i]);
            }
        }
    }
    assert_int_equal(world.closed_count, 100);
    assert_int_equal(counters_of(&world).closed_by_owner, 100);
    assert_int_equal(counters_of(&world).accepted, 200);
    world_close(&world);
}

static void stop_accepting__newcomers_are_refused__others_go_on(void **state)
{
    struct world world;
    struct net_conn conn;
    char bytes[4];

    (void)state;
    world_open(&world);
    const struct addr address = net_tcp_address(world.net, 0);
    struct peer *const peer = join(&world, &conn);
    net_tcp_stop_accepting(world.net);
    net_tcp_stop_accepting(world.net);
    (void)pump_for(&world, MILLISECOND_NS);
    assert_null(peer_connect(address, false));
    assert_int_equal(peer_send(peer, "more", 4), 4);
    read_exactly(&world, conn, bytes, 4);
    assert_int_equal(net_tcp_write(world.net, conn, "here", 4), RESULT_OK);
    peer_read_exactly(&world, peer, bytes, 4);
    peer_close(peer);
    world_close(&world);
}

static void shutdown__everything_in_flight__port_is_free_at_once(void **state)
{
    struct world world;
    struct addr address = loopback4(0);

    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        const struct net_tcp_options options = tcp_options(&address, 1);
        struct peer *peers[6];
        struct net_conn conns[4];
        uint64_t written = 0;

        world_open_with(&world, &options);
        address = net_tcp_address(world.net, 0);
        for (unsigned i = 0; i < 4; i++) {
            peers[i] = join_with(&world, true, &conns[i]);
            assert_int_equal(peer_send(peers[i], "unread", 6), 6);
        }
        fill_output(&world, conns[1], &written);
        drop(&world, conns[1], NET_CLOSE_ORDERLY);
        written = 0;
        fill_output(&world, conns[2], &written);
        assert_int_equal(net_tcp_finish(world.net, conns[3]), RESULT_OK);
        peers[4] = peer_connect(address, false);
        peers[5] = peer_connect(address, false);
        net_tcp_wake(world.net);
        world_close(&world);
        for (unsigned i = 0; i < 6; i++) {
            peer_close(peers[i]);
        }
    }
    net_tcp_shutdown(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accept__a_peer__is_named),
        cmocka_unit_test(accept__ipv6__is_canonical),
        cmocka_unit_test(accept__full_table__goes_on_when_somebody_left),
        cmocka_unit_test(accept__peer_gone_before__leaves_no_trace),
        cmocka_unit_test(wait__capacity_1__tells_everything_in_time),
        cmocka_unit_test(close__abort__resets_and_says_nothing_more),
        cmocka_unit_test(close__abort_of_an_idle_connection__is_a_reset_too),
        cmocka_unit_test(close__orderly__delivers_what_was_written),
        cmocka_unit_test(close__orderly_but_the_peer_stays__ends_after_linger),
        cmocka_unit_test(close__table_full_of_lingering__newcomers_take_the_oldest_places),
        cmocka_unit_test(close__full_table_begins_to_linger__the_waiting_newcomer_gets_in),
        cmocka_unit_test(close__orderly_without_linger__is_gone_at_once),
        cmocka_unit_test(close__inside_the_event_walk__later_entries_are_harmless),
        cmocka_unit_test(handle__index_used_again__old_one_stays_stale),
        cmocka_unit_test(many__200_connections__come_and_go),
        cmocka_unit_test(stop_accepting__newcomers_are_refused__others_go_on),
        cmocka_unit_test(shutdown__everything_in_flight__port_is_free_at_once),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
