/* SPDX-License-Identifier: MIT */
#include "tests/net/process_windows.h"
#include "tests/net/tcp_script_windows.h"

/* Listeners of the real backend, on a system that misbehaves. */

static struct script script;

static int set_up(void **state)
{
    (void)state;
    script_init(&script);
    return 0;
}

static struct net_tcp *net(void)
{
    return script.world.net;
}

static unsigned count_accepts(enum accept_state state)
{
    unsigned count = 0;

    for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
        count += net()->listeners[0].accepts[i].state == state;
    }
    return count;
}

static void accept__each_one_taken__is_posted_again(void **state)
{
    (void)state;
    script_open(&script);
    assert_int_equal(script.accepts_posted, ACCEPTS_MAX);
    for (unsigned i = 1; i <= 3 * ACCEPTS_MAX; i++) {
        script_visit(&script);
        assert_int_equal(count_accepts(ACCEPT_POSTED), ACCEPTS_MAX);
        assert_int_equal(script.accepts_posted, ACCEPTS_MAX + i);
    }
    script_close(&script);
}

static void accept__cannot_be_posted__backs_off_and_comes_back(void **state)
{
    (void)state;
    /* Half are posted, then memory is short for some time. */
    script.post_accept = (struct fault){.after = 8, .count = 6, .error = WSAENOBUFS};
    script_open(&script);
    assert_int_equal(count_accepts(ACCEPT_POSTED), 8);
    script_visit(&script);
    PUMP_UNTIL(&script.world, count_accepts(ACCEPT_POSTED) == ACCEPTS_MAX);
    assert_int_equal(counters_of(&script.world).accept_errors, 6);
    /* The first of a row is tried again at once, and the visitor may have ended the row. */
    assert_in_range(counters_of(&script.world).accept_backoffs, 4, 5);
    script_visit(&script);
    script_close(&script);
}

static void accept__none_can_be_posted__listener_is_not_deaf_for_good(void **state)
{
    (void)state;
    script.make_socket = (struct fault){.after = 1, .count = 12, .error = WSAEMFILE};
    script_open(&script);
    assert_int_equal(count_accepts(ACCEPT_IDLE), ACCEPTS_MAX);
    script_visit(&script);
    assert_int_equal(counters_of(&script.world).accept_errors, 12);
    assert_int_equal(counters_of(&script.world).accept_backoffs, 11);
    script_close(&script);
}

static void accept__waits_while_none_is_posted__grow_to_100_ms(void **state)
{
    static const uint64_t delays_ms[] = {1, 2, 4, 8, 16, 32, 64, 100, 100};

    (void)state;
    script.post_accept = (struct fault){.count = 1000, .error = WSAENOBUFS};
    script_open(&script);
    (void)pump_for(&script.world, 0);
    for (unsigned i = 0; i < sizeof(delays_ms) / sizeof(delays_ms[0]); i++) {
        const uint64_t before_ns = script.now_ns;
        assert_int_equal(pump_for(&script.world, NET_WAIT_FOREVER), 0);
        assert_int_equal(script.now_ns - before_ns, delays_ms[i] * STEP_NS);
        (void)pump_for(&script.world, 0);
    }
    script_close(&script);
}

static void accept__peer_gone__is_counted_and_posted_again_at_once(void **state)
{
    static const int errors[] = {WSAECONNRESET, ERROR_NETNAME_DELETED};

    (void)state;
    script_open(&script);
    for (unsigned i = 0; i < 2; i++) {
        script.accept_result = (struct fault){.count = 1, .error = errors[i]};
        struct peer *const lost = peer_connect(net_tcp_address(net(), 0), false);
        PUMP_UNTIL(&script.world, counters_of(&script.world).accept_aborted == i + 1);
        script_visit(&script);
        peer_close(lost);
    }
    assert_int_equal(counters_of(&script.world).accept_errors, 0);
    assert_int_equal(counters_of(&script.world).accept_backoffs, 0);
    script_close(&script);
}

static void accept__completes_badly__backs_off(void **state)
{
    (void)state;
    script.accept_result = (struct fault){.count = 3, .error = ERROR_OPERATION_ABORTED};
    script_open(&script);
    struct peer *peers[3];
    for (unsigned i = 0; i < 3; i++) {
        peers[i] = peer_connect(net_tcp_address(net(), 0), false);
    }
    PUMP_UNTIL(&script.world, counters_of(&script.world).accept_errors == 3);
    assert_true(counters_of(&script.world).accept_backoffs > 0);
    script_visit(&script);
    PUMP_UNTIL(&script.world, count_accepts(ACCEPT_POSTED) == ACCEPTS_MAX);
    for (unsigned i = 0; i < 3; i++) {
        peer_close(peers[i]);
    }
    script_close(&script);
}

static void accept__socket_cannot_be_used__is_closed_and_counted(void **state)
{
    (void)state;
    script_open(&script);
    script.update_context = (struct fault){.count = 1, .error = WSAENOTCONN};
    struct peer *const first = peer_connect(net_tcp_address(net(), 0), false);
    PUMP_UNTIL(&script.world, counters_of(&script.world).accept_aborted == 1);
    script.associate = (struct fault){.count = 1, .error = ERROR_NO_SYSTEM_RESOURCES};
    struct peer *const second = peer_connect(net_tcp_address(net(), 0), false);
    PUMP_UNTIL(&script.world, counters_of(&script.world).accept_errors == 1);
    peer_read_end(&script.world, first);
    peer_read_end(&script.world, second);
    assert_int_equal(net_tcp_connection_count(net()), 0);
    script_visit(&script);
    peer_close(first);
    peer_close(second);
    script_close(&script);
}

static void accept__stopped_with_newcomers_untold__they_never_are(void **state)
{
    (void)state;
    script_open(&script);
    struct peer *const peer = peer_connect(net_tcp_address(net(), 0), false);
    for (unsigned i = 0; net()->first_done == NULL; i++) {
        OVERLAPPED *completed[NET_PORT_BATCH];
        assert_true(i < 1000);
        const int count = net_port_wait(&net()->port, completed, STEP_NS);
        for (int k = 0; k < count; k++) {
            struct tcp_op *const op = CONTAINING_RECORD(completed[k], struct tcp_op, overlapped);
            op->is_in_flight = false;
            net()->in_flight_count--;
            tcp_accept_finish(net(), CONTAINING_RECORD(op, struct tcp_accept, op));
        }
    }
    net_tcp_stop_accepting(net());
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(pump(&script.world), 0);
    }
    assert_int_equal(count_accepts(ACCEPT_IDLE), ACCEPTS_MAX);
    assert_int_equal(net()->in_flight_count, 0);
    peer_close(peer);
    script_close(&script);
}

static void open__a_step_fails__nothing_stays_open(void **state)
{
    static const struct {
        const char *step;
        int result;
    } cases[] = {
        {"listen", RESULT_IN_USE},
        {"join completion port", RESULT_NO_MEMORY},
        {"find AcceptEx", RESULT_UNSUPPORTED},
        {"find AcceptEx", RESULT_UNSUPPORTED},
    };
    const struct addr addresses[] = {loopback4(0), addr_ipv4(127, 0, 0, 2, 0)};
    struct net_tcp_options options = tcp_options(addresses, 2);
    struct net_tcp *opened = NULL;
    struct net_failure failure = {0};

    (void)state;
    options.system = &script.system;
    for (unsigned i = 0; i < 4; i++) {
        /* On the second address, when the first is in use already. */
        script.listen = (struct fault){.after = 1, .count = i == 0, .error = WSAEADDRINUSE};
        script.associate =
            (struct fault){.after = 1, .count = i == 1, .error = ERROR_NO_SYSTEM_RESOURCES};
        script.find_extension =
            (struct fault){.after = i == 2 ? 2 : 3, .count = i >= 2, .error = WSAEOPNOTSUPP};
        assert_int_equal(net_tcp_open(&options, &opened, &failure), cases[i].result);
        assert_string_equal(failure.step, cases[i].step);
        assert_true(addr_equal_ip(&failure.address, &addresses[1]));
        assert_int_equal(script.open_sockets, 0);
        assert_null(opened);
    }
}

static void keepalive__times__are_given_in_milliseconds(void **state)
{
    struct net_tcp_options options = tcp_options(NULL, 0);

    (void)state;
    options.keepalive_idle_s = 45;
    options.keepalive_interval_s = NET_SETTING_DEFAULT;
    script_open_with(&script, options);
    script_visit(&script);
    assert_int_equal(script.keepalive.calls, 1);
    assert_int_equal(script.keepalive.on, 1);
    assert_int_equal(script.keepalive.idle_ms, 45000);
    assert_int_equal(script.keepalive.interval_ms, 1000);
    script_close(&script);

    script_init(&script);
    options.keepalive = false;
    script_open_with(&script, options);
    script_visit(&script);
    assert_int_equal(script.keepalive.calls, 0);
    script_close(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(accept__each_one_taken__is_posted_again, set_up),
        cmocka_unit_test_setup(accept__cannot_be_posted__backs_off_and_comes_back, set_up),
        cmocka_unit_test_setup(accept__none_can_be_posted__listener_is_not_deaf_for_good, set_up),
        cmocka_unit_test_setup(accept__waits_while_none_is_posted__grow_to_100_ms, set_up),
        cmocka_unit_test_setup(accept__peer_gone__is_counted_and_posted_again_at_once, set_up),
        cmocka_unit_test_setup(accept__completes_badly__backs_off, set_up),
        cmocka_unit_test_setup(accept__socket_cannot_be_used__is_closed_and_counted, set_up),
        cmocka_unit_test_setup(accept__stopped_with_newcomers_untold__they_never_are, set_up),
        cmocka_unit_test_setup(open__a_step_fails__nothing_stays_open, set_up),
        cmocka_unit_test_setup(keepalive__times__are_given_in_milliseconds, set_up),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, process_check_heaps);
}
