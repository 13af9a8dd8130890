/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/client/fake_relay.h"
#include "tests/client/loopback.h"

/* The relay in memory, behind real sockets. */
static struct {
    struct fake_relay relay;
    struct gsrelay_client *client;
    socket_os listener;
    socket_os tcp;
    socket_os udp;
    uint16_t control_port;
    uint16_t client_port; /* Where the last datagram came from. */
    unsigned moves;       /* How often that changed. */
} world;

static int start_sockets(void **state)
{
    int error = 0;

    (void)state;
    return socket_os_start(&error);
}

static int stop_sockets(void **state)
{
    (void)state;
    socket_os_stop();
    return 0;
}

static void open_world(void)
{
    uint16_t udp_port = 0;

    world.listener = loopback_tcp_listen(&world.control_port);
    world.udp = loopback_udp_open(&udp_port);
    world.tcp = SOCKET_OS_NONE;
    world.moves = 0;
    world.client_port = 0;
    fake_relay_init(&world.relay);
    world.relay.membership.udp_port = udp_port;
    assert_int_equal(gsrelay_create(NULL, &world.client), GSRELAY_OK);
    assert_int_equal(gsrelay_connect(world.client, "127.0.0.1", world.control_port), GSRELAY_OK);
}

static void close_relay_tcp(void)
{
    if (world.tcp != SOCKET_OS_NONE)
        socket_os_close(world.tcp);
    world.tcp = SOCKET_OS_NONE;
}

static void close_world(void)
{
    gsrelay_destroy(world.client);
    close_relay_tcp();
    socket_os_close(world.listener);
    socket_os_close(world.udp);
}

static void serve_tcp(void)
{
    uint8_t bytes[2000];
    int error = 0;
    int size;

    if (world.tcp == SOCKET_OS_NONE) {
        world.tcp = loopback_tcp_accept(world.listener);
        if (world.tcp != SOCKET_OS_NONE)
            fake_relay_connected(&world.relay);
    }
    if (world.tcp == SOCKET_OS_NONE)
        return;
    while ((size = socket_os_receive(world.tcp, bytes, sizeof(bytes), &error)) > 0)
        fake_relay_tcp_input(&world.relay, bytes, (size_t)size);
    if (size == 0 || size == SOCKET_OS_FAILED) {
        close_relay_tcp();
        return;
    }
    if (world.relay.output_size > 0 &&
        socket_os_send(world.tcp, world.relay.output, world.relay.output_size, &error) > 0)
        world.relay.output_size = 0;
}

static void serve_udp(void)
{
    uint8_t bytes[2000];
    uint16_t port = 0;
    int size;

    while ((size = loopback_udp_receive(world.udp, bytes, sizeof(bytes), &port)) >= 0) {
        world.moves += port != world.client_port;
        world.client_port = port;
        fake_relay_udp_input(&world.relay, bytes, (size_t)size);
    }
    for (unsigned i = 0; i < world.relay.down_count; i++)
        loopback_udp_send(world.udp, world.client_port, world.relay.down_queue[i].bytes,
                          world.relay.down_queue[i].size);
    world.relay.down_count = 0;
}

/* Runs both sides until an event of that type comes. Only a hang ends it otherwise. */
static void wait_for(uint32_t type, struct gsrelay_event *out)
{
    struct gsrelay_event event = {0};

    for (unsigned i = 0; i < 20000; i++) {
        serve_tcp();
        serve_udp();
        assert_true(gsrelay_poll(world.client, 1) >= 0);
        while (gsrelay_next_event(world.client, &event)) {
            if (event.type == type) {
                if (out != NULL)
                    *out = event;
                return;
            }
        }
    }
    fail_msg("event %u did not come", type);
}

static void join(void)
{
    open_world();
    assert_true(gsrelay_join_room(world.client, "CDFHJK") > 0);
    wait_for(GSRELAY_EVENT_UDP_BOUND, NULL);
}

/* --- Tests ----------------------------------------------------------------------------------- */

static void sockets__join_and_talk__works(void **state)
{
    struct gsrelay_event event;

    (void)state;
    join();
    assert_int_equal(gsrelay_get_state(world.client), GSRELAY_STATE_CONNECTED);
    assert_int_equal(gsrelay_connect(world.client, "127.0.0.1", world.control_port),
                     GSRELAY_WRONG_STATE);
    fake_relay_record(&world.relay, 1, 1, "down");
    wait_for(GSRELAY_EVENT_STATE, &event);
    assert_memory_equal(event.bytes, "down", 4);
    world.relay.datagram_count = 0;
    assert_int_equal(gsrelay_send(world.client, GSRELAY_TO_ALL, 1, 0, "up", 2), GSRELAY_OK);
    assert_true(gsrelay_ping(world.client) > 0);
    wait_for(GSRELAY_EVENT_REQUEST_DONE, &event);
    for (unsigned i = 0; i < 10000 && fake_relay_datagrams(&world.relay, DATAGRAM_DATA) == 0; i++)
        serve_udp();
    assert_int_equal(fake_relay_datagrams(&world.relay, DATAGRAM_DATA), 1);
    close_world();
}

static void connection__closed_by_the_relay__is_resumed(void **state)
{
    struct gsrelay_event event;

    (void)state;
    join();
    close_relay_tcp();
    wait_for(GSRELAY_EVENT_CONNECTION_LOST, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_CONNECTION_CLOSED);
    assert_true(strlen(gsrelay_error_text(world.client)) > 0);
    wait_for(GSRELAY_EVENT_RESUMED, NULL);
    fake_relay_record(&world.relay, 1, 1, "still here");
    wait_for(GSRELAY_EVENT_STATE, NULL);
    close_world();
}

static void rebind__asked_for__uses_another_port_and_goes_on(void **state)
{
    unsigned moves;

    (void)state;
    join();
    moves = world.moves;
    world.relay.seen.port++;
    assert_int_equal(gsrelay_rebind(world.client), GSRELAY_OK);
    wait_for(GSRELAY_EVENT_UDP_BOUND, NULL);
    assert_int_equal(world.moves, moves + 1);
    fake_relay_record(&world.relay, 1, 1, "found you");
    wait_for(GSRELAY_EVENT_STATE, NULL);
    close_world();
}

static void room__changed_in_one_breath__datagrams_go_to_its_port(void **state)
{
    struct control_message ok = {.type = CONTROL_OK};
    struct control_message membership = {.type = CONTROL_MEMBERSHIP};

    (void)state;
    join();
    world.relay.is_answering = false;
    ok.request = (uint32_t)gsrelay_leave(world.client);
    membership.request = (uint32_t)gsrelay_join_room(world.client, "CDFHJK");
    while (world.relay.requests[world.relay.request_count - 1].type != CONTROL_JOIN) {
        assert_true(gsrelay_poll(world.client, 1) >= 0);
        serve_tcp();
    }
    socket_os_close(world.udp);
    world.udp = loopback_udp_open(&world.relay.membership.udp_port);
    world.relay.membership.slot_tag++;
    world.relay.sequence = 0;
    replay_init(&world.relay.replay);
    membership.membership = world.relay.membership;
    fake_relay_send(&world.relay, &ok);
    fake_relay_send(&world.relay, &membership);
    world.relay.is_answering = true;
    wait_for(GSRELAY_EVENT_ROOM_LEFT, NULL);
    wait_for(GSRELAY_EVENT_UDP_BOUND, NULL);
    close_world();
}

static void program__pauses_for_longer_than_silence_may_last__nothing_is_bound_anew(void **state)
{
    struct socket_os_wait nothing = {.tcp = SOCKET_OS_NONE, .udp = SOCKET_OS_NONE};
    struct gsrelay_stats stats;

    (void)state;
    join();
    for (unsigned i = 0; i < 10000 && fake_relay_datagrams(&world.relay, DATAGRAM_PING) == 0; i++) {
        assert_true(gsrelay_poll(world.client, 1) >= 0);
        serve_udp();
    }
    /* The answer to the first ping waits in the socket meanwhile. */
    socket_os_wait(&nothing, UINT64_C(2200000000));
    world.relay.datagram_count = 0;
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(gsrelay_poll(world.client, 1), 0);
        serve_udp();
    }
    assert_int_equal(fake_relay_datagrams(&world.relay, DATAGRAM_BIND), 0);
    gsrelay_get_stats(world.client, &stats);
    assert_true(stats.rtt_us < 1000000);
    close_world();
}

static void disconnect__says_bye_and_closes(void **state)
{
    struct gsrelay_event event;

    (void)state;
    join();
    assert_int_equal(gsrelay_disconnect(world.client), GSRELAY_OK);
    wait_for(GSRELAY_EVENT_DISCONNECTED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_LEFT);
    assert_non_null(fake_relay_request(&world.relay, CONTROL_BYE));
    assert_int_equal(gsrelay_connect(world.client, "127.0.0.1", world.control_port), GSRELAY_OK);
    close_relay_tcp();
    wait_for(GSRELAY_EVENT_CONNECTED, NULL);
    close_world();
}

static void connect__nobody_listens__says_so(void **state)
{
    struct gsrelay_event event;
    uint16_t port = 0;

    (void)state;
    open_world();
    gsrelay_destroy(world.client);
    socket_os_close(world.listener);
    world.listener = loopback_tcp_listen(&port);
    socket_os_close(world.listener);
    assert_int_equal(gsrelay_create(NULL, &world.client), GSRELAY_OK);
    assert_int_equal(gsrelay_connect(world.client, "127.0.0.1", port), GSRELAY_OK);
    world.listener = loopback_tcp_listen(&world.control_port);
    wait_for(GSRELAY_EVENT_DISCONNECTED, &event);
    assert_int_equal(event.reason, GSRELAY_REASON_CONNECTION_LOST);
    assert_non_null(strstr(gsrelay_error_text(world.client), "could not connect to 127.0.0.1:"));
    close_world();
}

static void connect__by_name__tries_each_of_its_addresses(void **state)
{
    (void)state;
    open_world();
    gsrelay_destroy(world.client);
    assert_int_equal(gsrelay_create(NULL, &world.client), GSRELAY_OK);
    /* Where that is ::1 first, nobody listens there. */
    assert_int_equal(gsrelay_connect(world.client, "localhost", world.control_port), GSRELAY_OK);
    wait_for(GSRELAY_EVENT_CONNECTED, NULL);
    close_world();
}

static void connect__a_name_that_is_none__says_so(void **state)
{
    (void)state;
    open_world();
    gsrelay_destroy(world.client);
    assert_int_equal(gsrelay_create(NULL, &world.client), GSRELAY_OK);
    assert_int_equal(gsrelay_connect(world.client, "not a name", 7777), GSRELAY_OK);
    wait_for(GSRELAY_EVENT_DISCONNECTED, NULL);
    assert_non_null(strstr(gsrelay_error_text(world.client), "could not find not a name"));
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets__join_and_talk__works),
        cmocka_unit_test(connection__closed_by_the_relay__is_resumed),
        cmocka_unit_test(rebind__asked_for__uses_another_port_and_goes_on),
        cmocka_unit_test(room__changed_in_one_breath__datagrams_go_to_its_port),
        cmocka_unit_test(program__pauses_for_longer_than_silence_may_last__nothing_is_bound_anew),
        cmocka_unit_test(disconnect__says_bye_and_closes),
        cmocka_unit_test(connect__nobody_listens__says_so),
        cmocka_unit_test(connect__by_name__tries_each_of_its_addresses),
        cmocka_unit_test(connect__a_name_that_is_none__says_so),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, start_sockets, stop_sockets);
}
