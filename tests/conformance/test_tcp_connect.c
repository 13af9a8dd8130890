/* SPDX-License-Identifier: MIT */
#include "tests/conformance/tcp_support.h"

/* Connecting: what every backend of net_tcp.h must do. Both ends are in one net_tcp. */

static void open__no_listener__connects_all_the_same(void **state)
{
    struct net_tcp_options options = tcp_options(NULL, 0);
    struct world server;
    struct world client;
    char byte = 0;

    (void)state;
    world_open(&server);
    world_open_with(&client, &options);
    const struct net_conn conn = dial(&client, net_tcp_address(server.net, 0));
    PUMP_UNTIL(&client, (pump_for(&server, 0), client.connected_count == 1));
    PUMP_UNTIL(&server, server.accepted_count == 1);
    assert_int_equal(net_tcp_write(client.net, conn, "x", 1), RESULT_OK);
    read_exactly(&server, server.last_accepted, &byte, 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(counters_of(&client).connected, 1);
    assert_int_equal(counters_of(&client).accepted, 0);
    world_close(&client);
    world_close(&server);
}

/* Returns both ends of a new connection. */
static struct net_conn connect_both(struct world *world, struct net_conn *accepted_out)
{
    const unsigned accepted = world->accepted_count;
    const unsigned connected = world->connected_count;
    const struct net_conn conn = dial(world, net_tcp_address(world->net, 0));

    PUMP_UNTIL(world, world->accepted_count > accepted && world->connected_count > connected);
    *accepted_out = world->last_accepted;
    return conn;
}

static void connect__bytes__go_both_ways_and_end(void **state)
{
    struct world world;
    struct net_conn accepted;
    struct addr peer;
    char bytes[5];

    (void)state;
    world_open(&world);
    const struct addr address = net_tcp_address(world.net, 0);
    const struct net_conn conn = connect_both(&world, &accepted);
    assert_int_equal(net_tcp_peer(world.net, conn, &peer), RESULT_OK);
    assert_true(addr_equal(&peer, &address));
    assert_int_equal(net_tcp_write(world.net, conn, "hello", 5), RESULT_OK);
    read_exactly(&world, accepted, bytes, 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_int_equal(net_tcp_write(world.net, accepted, "world", 5), RESULT_OK);
    read_exactly(&world, conn, bytes, 5);
    assert_memory_equal(bytes, "world", 5);
    assert_int_equal(net_tcp_finish(world.net, accepted), RESULT_OK);
    read_end(&world, conn);
    assert_int_equal(net_tcp_finish(world.net, conn), RESULT_OK);
    read_end(&world, accepted);
    PUMP_UNTIL(&world, world.closed_count == 2);
    assert_int_equal(model_of(&world, conn)->reason, NET_CLOSE_FINISHED);
    assert_stale(&world, conn);
    world_close(&world);
}

static void connect__nobody_listens__is_closed_as_reset(void **state)
{
    struct world world;
    struct world gone;
    char byte = 0;

    (void)state;
    world_open(&world);
    world_open(&gone);
    const struct addr address = net_tcp_address(gone.net, 0);
    world_close(&gone);
    const struct net_conn conn = dial(&world, address);
    PUMP_UNTIL(&world, world.closed_count == 1);
    assert_int_equal(world.connected_count, 0);
    assert_int_equal(model_of(&world, conn)->reason, NET_CLOSE_RESET);
    assert_int_equal(net_tcp_read(world.net, conn, &byte, 1), RESULT_NOT_FOUND);
    assert_int_equal(net_tcp_connection_count(world.net), 0);
    world_close(&world);
}

static void connect__before_it_stands__nothing_is_taken(void **state)
{
    struct world world;
    char byte = 0;

    (void)state;
    world_open(&world);
    const struct net_conn conn = dial(&world, net_tcp_address(world.net, 0));
    assert_int_equal(net_tcp_read(world.net, conn, &byte, 1), RESULT_AGAIN);
    assert_int_equal(net_tcp_write(world.net, conn, "x", 1), RESULT_AGAIN);
    assert_int_equal(net_tcp_finish(world.net, conn), RESULT_AGAIN);
    assert_int_equal(net_tcp_pending(world.net, conn), 0);
    PUMP_UNTIL(&world, world.connected_count == 1 && world.accepted_count == 1);
    assert_int_equal(net_tcp_write(world.net, conn, "x", 1), RESULT_OK);
    read_exactly(&world, world.last_accepted, &byte, 1);
    world_close(&world);
}

static void connect__closed_before_it_stands__says_nothing_more(void **state)
{
    static const enum net_close_mode modes[] = {NET_CLOSE_ORDERLY, NET_CLOSE_ABORT};
    struct world server;
    struct world client;

    (void)state;
    world_open(&server);
    world_open(&client);
    for (unsigned i = 0; i < 2; i++) {
        const struct net_conn conn = dial(&client, net_tcp_address(server.net, 0));
        drop(&client, conn, modes[i]);
        assert_stale(&client, conn);
    }
    PUMP_UNTIL(&client, net_tcp_connection_count(client.net) == 0);
    for (unsigned i = 0; i < 10; i++) {
        (void)pump_for(&client, MILLISECOND_NS);
    }
    assert_int_equal(client.connected_count, 0);
    assert_int_equal(client.closed_count, 0);
    world_close(&client);
    world_close(&server);
}

static void connect__full_table_or_no_address__is_refused(void **state)
{
    struct net_tcp_options options = tcp_options(NULL, 0);
    const struct addr nobody = {0};
    struct net_conn untouched = {7, 7};
    struct world server;
    struct world client;

    (void)state;
    world_open(&server);
    const struct addr address = net_tcp_address(server.net, 0);
    const struct addr no_port = loopback4(0);
    options.max_connections = 1;
    options.output_rings = 1;
    world_open_with(&client, &options);
    assert_int_equal(net_tcp_connect(client.net, &nobody, &untouched), RESULT_INVALID);
    assert_int_equal(net_tcp_connect(client.net, &no_port, &untouched), RESULT_INVALID);
    const struct net_conn conn = dial(&client, address);
    assert_int_equal(net_tcp_connect(client.net, &address, &untouched), RESULT_FULL);
    assert_int_equal(untouched.index, 7);
    PUMP_UNTIL(&client, client.connected_count == 1);
    drop(&client, conn, NET_CLOSE_ABORT);
    PUMP_UNTIL(&client, net_tcp_connection_count(client.net) == 0);
    (void)dial(&client, address);
    PUMP_UNTIL(&client, client.connected_count == 2);
    world_close(&client);
    world_close(&server);
}

static void connect__ipv6__stands(void **state)
{
    const struct addr address = loopback6(0);
    const struct net_tcp_options options = tcp_options(&address, 1);
    struct net_tcp *probe = NULL;
    struct net_failure failure = {0};
    struct world world;
    struct net_conn accepted;

    (void)state;
    if (net_tcp_open(&options, &probe, &failure) < 0) {
        print_message("no IPv6 here: %s\n", failure.text);
        skip();
    }
    net_tcp_shutdown(probe);
    world_open_with(&world, &options);
    (void)connect_both(&world, &accepted);
    world_close(&world);
}

static void connect__100_at_a_time__all_stand_and_end(void **state)
{
    struct world world;
    struct net_conn conns[100];

    (void)state;
    world_open(&world);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 100; i++) {
            conns[i] = dial(&world, net_tcp_address(world.net, 0));
        }
        PUMP_UNTIL(&world, world.connected_count == 100 * (round + 1) &&
                               world.accepted_count == 100 * (round + 1));
        for (unsigned i = 0; i < 100; i++) {
            drop(&world, conns[i], NET_CLOSE_ABORT);
        }
        for (uint32_t i = 0; i < WORLD_CONNS_MAX; i++) {
            if (world.models[i].is_open) {
                drop(&world, world.models[i].conn, NET_CLOSE_ABORT);
            }
        }
        PUMP_UNTIL(&world, net_tcp_connection_count(world.net) == 0);
    }
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open__no_listener__connects_all_the_same),
        cmocka_unit_test(connect__bytes__go_both_ways_and_end),
        cmocka_unit_test(connect__nobody_listens__is_closed_as_reset),
        cmocka_unit_test(connect__before_it_stands__nothing_is_taken),
        cmocka_unit_test(connect__closed_before_it_stands__says_nothing_more),
        cmocka_unit_test(connect__full_table_or_no_address__is_refused),
        cmocka_unit_test(connect__ipv6__stands),
        cmocka_unit_test(connect__100_at_a_time__all_stand_and_end),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests_name("tcp connect", tests, NULL, NULL);
}
