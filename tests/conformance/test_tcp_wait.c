/* SPDX-License-Identifier: MIT */
#include "tests/conformance/tcp_support.h"

#include <stdatomic.h>

#include "daemon/os/os.h"

/* Opening, waiting and waking: what every backend of net_tcp.h must do. */

struct waker {
    struct net_tcp *net;
    uint32_t count;
    _Atomic uint32_t announced;
};

static void wake_often(void *context)
{
    struct waker *const waker = context;

    for (uint32_t i = 1; i <= waker->count; i++) {
        atomic_store_explicit(&waker->announced, i, memory_order_relaxed);
        net_tcp_wake(waker->net);
    }
}

static void wait__nothing_happens__returns_0_after_the_timeout(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    assert_int_equal(pump_for(&world, 0), 0);
    assert_int_equal(pump_for(&world, 1), 0);
    assert_int_equal(pump_for(&world, 5 * MILLISECOND_NS), 0);
    world_close(&world);
}

static void wake__before_and_from_another_thread__the_last_is_never_lost(void **state)
{
    struct world world;
    struct os_thread *thread = NULL;
    uint32_t seen = 0;

    (void)state;
    world_open(&world);
    net_tcp_wake(world.net);
    net_tcp_wake(world.net);
    assert_int_equal(pump_for(&world, NET_WAIT_FOREVER), 0);
    assert_int_equal(counters_of(&world).wakes, 1);

    struct waker waker = {.net = world.net, .count = 10000};
    assert_int_equal(os_thread_create(wake_often, &waker, "waker", &thread), 0);
    while (seen < waker.count) {
        assert_int_equal(pump_for(&world, NET_WAIT_FOREVER), 0);
        seen = atomic_load_explicit(&waker.announced, memory_order_relaxed);
    }
    os_thread_join(thread);
    world_close(&world);
}

static void open__port_0_on_two_addresses__gets_one_number(void **state)
{
    const struct addr addresses[] = {loopback4(0), addr_ipv4(127, 0, 0, 2, 0)};
    const struct net_tcp_options options = tcp_options(addresses, 2);
    struct world world;

    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        world_open_with(&world, &options);
        assert_int_not_equal(net_tcp_address(world.net, 0).port, 0);
        assert_int_equal(net_tcp_address(world.net, 0).port, net_tcp_address(world.net, 1).port);
        world_close(&world);
    }
}

static void open__port_in_use__names_the_address(void **state)
{
    struct world world;
    struct net_tcp *second = NULL;
    struct net_failure failure = {0};

    (void)state;
    world_open(&world);
    const struct addr address = net_tcp_address(world.net, 0);
    const struct net_tcp_options options = tcp_options(&address, 1);
    assert_int_equal(net_tcp_open(&options, &second, &failure), RESULT_IN_USE);
    assert_null(second);
    assert_true(addr_equal(&failure.address, &address));
    assert_true(strlen(failure.text) > 0);
    world_close(&world);
    world_open_with(&world, &options);
    world_close(&world);
}

static void open__options_that_break_the_contract__are_refused(void **state)
{
    const struct addr foreign = addr_ipv4(192, 0, 2, 1, 0);
    const struct addr address = loopback4(0);
    struct net_tcp *net = NULL;
    struct net_failure failure = {0};

    (void)state;
    struct net_tcp_options options = tcp_options(&foreign, 1);
    assert_int_equal(net_tcp_open(&options, &net, &failure), RESULT_UNREACHABLE);
    assert_true(addr_equal_ip(&failure.address, &foreign));
    options = tcp_options(&address, 1);
    options.max_connections = 0;
    assert_int_equal(net_tcp_open(&options, &net, &failure), RESULT_INVALID);
    options = tcp_options(&address, 1);
    options.output_rings = options.max_connections + 1;
    assert_int_equal(net_tcp_open(&options, &net, &failure), RESULT_INVALID);
    options = tcp_options(&address, 1);
    options.output_bytes = 0;
    assert_int_equal(net_tcp_open(&options, &net, &failure), RESULT_INVALID);
    options = tcp_options(&address, 1);
    options.backlog = 0;
    assert_int_equal(net_tcp_open(&options, &net, &failure), RESULT_INVALID);
    options = tcp_options(&address, 1);
    options.linger_s = -1;
    assert_int_equal(net_tcp_open(&options, &net, &failure), RESULT_INVALID);
    assert_null(net);
}

static void granted__every_option__is_named(void **state)
{
    static const char *const names[] = {"reuse_address",  "no_delay",           "keepalive",
                                        "keepalive_idle", "keepalive_interval", "recv_buffer",
                                        "send_buffer"};
    struct world world;
    struct net_conn conn;
    struct net_granted granted[32];

    (void)state;
    world_open(&world);
    struct peer *const peer = join(&world, &conn);
    const unsigned count = net_tcp_granted(world.net, granted, 32);
    assert_true(count <= 32);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unsigned found = 0;
        for (unsigned k = 0; k < count; k++) {
            found += strcmp(granted[k].name, names[i]) == 0;
        }
        if (found != 1) {
            fail_msg("%s is there %u times", names[i], found);
        }
    }
    peer_close(peer);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait__nothing_happens__returns_0_after_the_timeout),
        cmocka_unit_test(wake__before_and_from_another_thread__the_last_is_never_lost),
        cmocka_unit_test(open__port_0_on_two_addresses__gets_one_number),
        cmocka_unit_test(open__port_in_use__names_the_address),
        cmocka_unit_test(open__options_that_break_the_contract__are_refused),
        cmocka_unit_test(granted__every_option__is_named),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
