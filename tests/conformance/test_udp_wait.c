/* SPDX-License-Identifier: MIT */
#include "tests/conformance/udp_support.h"

#include <stdatomic.h>
#include <string.h>

#include "daemon/os/os.h"

/* Opening, waiting, waking and closing: what every backend of net_udp.h must do. */

static void wait__nothing_happens__returns_0_after_the_timeout(void **state)
{
    struct net_udp *const net = open_udp();

    (void)state;
    assert_int_equal(net_udp_wait(net, 0), 0);
    assert_int_equal(net_udp_wait(net, 5 * MILLISECOND_NS), 0);
    net_udp_set_precise(net, true);
    assert_int_equal(net_udp_wait(net, 1), 0);
    assert_int_equal(net_udp_wait(net, MILLISECOND_NS + 1), 0);
    net_udp_set_precise(net, false);
    assert_int_equal(net_udp_wait(net, 1), 0);
    net_udp_close(net);
}

static void receive__nothing_there__is_0_any_number_of_times(void **state)
{
    struct net_udp *const net = open_udp();
    struct net_received received[NET_UDP_BATCH];

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(net_udp_recv(net, received, NET_UDP_BATCH), 0);
        assert_int_equal(net_udp_wait(net, 0), 0);
    }
    net_udp_close(net);
}

static void wake__before_the_wait__is_seen_once(void **state)
{
    struct net_udp *const net = open_udp();

    (void)state;
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i <= round * round; i++) {
            net_udp_wake(net);
        }
        assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_WOKEN);
        assert_int_equal(net_udp_wait(net, 0), 0);
    }
    assert_int_equal(counters_of(net).wakes, 10);
    net_udp_close(net);
}

struct waker {
    struct net_udp *net;
    uint32_t count;
    uint32_t written;           /* Plain memory: the wake must carry it over. */
    _Atomic uint32_t announced; /* How much of it may be read. */
};

static void wake_often(void *context)
{
    struct waker *const waker = context;

    for (uint32_t i = 1; i <= waker->count; i++) {
        atomic_store_explicit(&waker->announced, i, memory_order_relaxed);
        net_udp_wake(waker->net);
    }
}

static void write_and_wake(void *context)
{
    struct waker *const waker = context;

    os_sleep_ms(20);
    waker->written = 42;
    net_udp_wake(waker->net);
}

static void wake__from_another_thread__ends_a_wait_and_carries_memory(void **state)
{
    struct waker waker = {.net = open_udp()};
    struct os_thread *thread = NULL;

    (void)state;
    assert_int_equal(os_thread_create(write_and_wake, &waker, "waker", &thread), 0);
    assert_int_equal(net_udp_wait(waker.net, NET_WAIT_FOREVER), NET_UDP_WOKEN);
    assert_int_equal(waker.written, 42);
    os_thread_join(thread);
    net_udp_close(waker.net);
}

static void wake__storm_from_another_thread__the_last_is_never_lost(void **state)
{
    struct waker waker = {.net = open_udp(), .count = 20000};
    struct os_thread *thread = NULL;
    uint32_t seen = 0;

    (void)state;
    assert_int_equal(os_thread_create(wake_often, &waker, "waker", &thread), 0);
    while (seen < waker.count) {
        /* If a wake after the last look were lost, this would hang. */
        assert_int_equal(net_udp_wait(waker.net, NET_WAIT_FOREVER), NET_UDP_WOKEN);
        seen = atomic_load_explicit(&waker.announced, memory_order_relaxed);
    }
    os_thread_join(thread);
    (void)!net_udp_wait(waker.net, 0);
    assert_int_equal(net_udp_wait(waker.net, 0), 0);
    net_udp_close(waker.net);
}

static void wake__storm_with_traffic__no_datagram_is_missed(void **state)
{
    struct waker waker = {.net = open_udp(), .count = 5000};
    struct net_udp *const from = open_udp();
    struct os_thread *thread = NULL;
    struct store store = {0};

    (void)state;
    assert_int_equal(os_thread_create(wake_often, &waker, "waker", &thread), 0);
    for (unsigned i = 0; i < 50; i++) {
        send_numbered(from, net_udp_address(waker.net, 0), i, 1);
        collect(waker.net, &store, i + 1);
    }
    os_thread_join(thread);
    net_udp_close(from);
    net_udp_close(waker.net);
}

static void wait__datagram_on_an_idle_socket__wakes_every_time(void **state)
{
    struct net_udp *const from = open_udp();
    struct net_udp *const to = open_udp();
    struct net_received received[NET_UDP_BATCH];

    (void)state;
    /* Each round finds the socket armed and empty: a re-arm that failed would hang the wait. */
    for (unsigned round = 0; round < 200; round++) {
        send_numbered(from, net_udp_address(to, 0), round, 1);
        unsigned count = 0;
        while (count == 0) {
            assert_true((net_udp_wait(to, NET_WAIT_FOREVER) & NET_UDP_READY) != 0);
            count = net_udp_recv(to, received, NET_UDP_BATCH);
        }
        assert_int_equal(count, 1);
        assert_int_equal(net_udp_recv(to, received, NET_UDP_BATCH), 0);
    }
    net_udp_close(from);
    net_udp_close(to);
}

static void rest__ends_with_its_time_or_a_wake__and_finds_what_came(void **state)
{
    struct net_udp *const from = open_udp();
    struct net_udp *const to = open_udp();
    struct store store = {0};

    (void)state;
    assert_true(net_udp_rest(to, MILLISECOND_NS) >= 0);
    net_udp_wake(to);
    assert_true((net_udp_rest(to, NET_WAIT_FOREVER) & NET_UDP_WOKEN) != 0);
    assert_int_equal(counters_of(to).wakes, 1);
    for (unsigned round = 0; round < 50; round++) {
        /* Rested through, waited for, and come before either. */
        send_numbered(from, net_udp_address(to, 0), 2 * round, 1);
        assert_true(net_udp_rest(to, MILLISECOND_NS / 10) >= 0);
        send_numbered(from, net_udp_address(to, 0), 2 * round + 1, 1);
        collect(to, &store, 2 * (round + 1));
    }
    net_udp_close(from);
    net_udp_close(to);
}

static void open__port_0_on_two_addresses__gets_one_number(void **state)
{
    const struct addr addresses[] = {loopback4(0), second_loopback(0), addr_ipv4(127, 0, 0, 3, 0)};
    const uint32_t count = has_loopback_block() ? 3 : 2;
    const struct net_udp_options options = udp_options(addresses, count);

    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        struct net_udp *const net = open_udp_with(&options);
        const struct addr first = net_udp_address(net, 0);
        assert_int_not_equal(first.port, 0);
        for (unsigned i = 1; i < count; i++) {
            const struct addr bound = net_udp_address(net, i);
            assert_int_equal(bound.port, first.port);
            assert_true(addr_equal_ip(&bound, &addresses[i]));
        }
        net_udp_close(net);
    }
}

static void open__port_in_use__names_the_address_and_leaves_nothing(void **state)
{
    const struct addr occupied_address = second_loopback(0);
    const struct net_udp_options occupied_options = udp_options(&occupied_address, 1);
    struct net_udp *const occupied = open_udp_with(&occupied_options);
    const uint16_t port = net_udp_address(occupied, 0).port;
    const struct addr addresses[] = {loopback4(port), net_udp_address(occupied, 0)};
    const struct net_udp_options options = udp_options(addresses, 2);
    struct net_udp *net = (struct net_udp *)&options;
    struct net_failure failure = {0};

    (void)state;
    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_IN_USE);
    assert_ptr_equal(net, &options);
    assert_int_equal(failure.result, RESULT_IN_USE);
    assert_true(addr_equal(&failure.address, &addresses[1]));
    assert_non_null(failure.step);
    assert_true(strlen(failure.text) > 0);

    net_udp_close(occupied);
    net = open_udp_with(&options);
    net_udp_close(net);
}

static void open__address_of_nobody_here__is_unreachable(void **state)
{
    /* Addresses for documentation, RFC 5737 and RFC 3849. */
    static const uint8_t ip[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    const struct addr address =
        has_loopback_block() ? addr_ipv4(192, 0, 2, 1, 0) : addr_ipv6(ip, 0, 0);
    const struct net_udp_options options = udp_options(&address, 1);
    struct net_udp *net = NULL;
    struct net_failure failure = {0};

    (void)state;
    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_UNREACHABLE);
    assert_null(net);
    assert_true(addr_equal_ip(&failure.address, &address));
}

static void open__options_that_break_the_contract__are_refused(void **state)
{
    const struct addr addresses[9] = {loopback4(1), loopback4(2)};
    const struct addr nothing = {0};
    struct net_udp_options options = udp_options(addresses, 0);
    struct net_udp *net = NULL;
    struct net_failure failure = {0};

    (void)state;
    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_INVALID);
    options.address_count = 9;
    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_INVALID);
    options.address_count = 2; /* Two ports. */
    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_INVALID);
    options = udp_options(&nothing, 1);
    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_INVALID);
    options = udp_options(addresses, 1);
    options.max_datagram = 0;
    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_INVALID);
    options.max_datagram = NET_DATAGRAM_MAX + 1;
    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_INVALID);
    assert_null(net);
}

static void close__unread_datagrams__port_is_free_at_once(void **state)
{
    struct net_udp *const from = open_udp();
    struct net_udp *to = open_udp();
    const struct addr address = net_udp_address(to, 0);
    const struct net_udp_options options = udp_options(&address, 1);

    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        struct store store = {0};
        send_numbered(from, address, 1000, 3);
        net_udp_close(to);
        to = open_udp_with(&options);
        /* What the old socket had not read is gone with it. */
        send_numbered(from, address, round, 1);
        collect(to, &store, 1);
        assert_int_equal(stored_number(&store.items[0]), round);
    }
    net_udp_close(to);
    net_udp_close(from);
}

static void close__null_and_freshly_opened__is_harmless(void **state)
{
    (void)state;
    net_udp_close(NULL);
    for (unsigned i = 0; i < 50; i++) {
        net_udp_close(open_udp());
    }
}

static void close__with_a_wake_pending__is_harmless(void **state)
{
    struct net_udp *const net = open_udp();

    (void)state;
    net_udp_wake(net);
    net_udp_close(net);
}

static void granted__every_option__is_named_per_socket(void **state)
{
    const struct addr addresses[] = {loopback4(0), second_loopback(0)};
    struct net_udp_options options = udp_options(addresses, 2);
    const struct {
        const char *name;
        int32_t asked;
    } rows[] = {
        {"recv_buffer", 65536}, {"send_buffer", 32768}, {"ttl", 33}, {"dscp", 46}, {"segment", 1}};
    struct net_granted granted[16];

    (void)state;
    options.recv_buffer_bytes = rows[0].asked;
    options.send_buffer_bytes = rows[1].asked;
    options.ttl = rows[2].asked;
    options.dscp = rows[3].asked;
    struct net_udp *const net = open_udp_with(&options);
    assert_int_equal(net_udp_granted(net, granted, 0), 10);
    assert_int_equal(net_udp_granted(net, granted, 16), 10);
    for (unsigned i = 0; i < 10; i++) {
        const uint32_t socket = i / 5;
        unsigned found = 0;

        for (unsigned k = 0; k < 10; k++) {
            if (granted[k].socket_index == socket &&
                strcmp(granted[k].name, rows[i % 5].name) == 0) {
                assert_int_equal(granted[k].asked, rows[i % 5].asked);
                /* What a system makes of the others is its own affair; ttl is always obeyed. */
                assert_true(i % 5 != 2 || granted[k].granted == 33);
                found++;
            }
        }
        assert_int_equal(found, 1);
    }
    net_udp_close(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait__nothing_happens__returns_0_after_the_timeout),
        cmocka_unit_test(receive__nothing_there__is_0_any_number_of_times),
        cmocka_unit_test(wake__before_the_wait__is_seen_once),
        cmocka_unit_test(wake__from_another_thread__ends_a_wait_and_carries_memory),
        cmocka_unit_test(wake__storm_from_another_thread__the_last_is_never_lost),
        cmocka_unit_test(wake__storm_with_traffic__no_datagram_is_missed),
        cmocka_unit_test(wait__datagram_on_an_idle_socket__wakes_every_time),
        cmocka_unit_test(rest__ends_with_its_time_or_a_wake__and_finds_what_came),
        cmocka_unit_test(open__port_0_on_two_addresses__gets_one_number),
        cmocka_unit_test(open__port_in_use__names_the_address_and_leaves_nothing),
        cmocka_unit_test(open__address_of_nobody_here__is_unreachable),
        cmocka_unit_test(open__options_that_break_the_contract__are_refused),
        cmocka_unit_test(close__unread_datagrams__port_is_free_at_once),
        cmocka_unit_test(close__null_and_freshly_opened__is_harmless),
        cmocka_unit_test(close__with_a_wake_pending__is_harmless),
        cmocka_unit_test(granted__every_option__is_named_per_socket),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
