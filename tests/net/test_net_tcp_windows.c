/* SPDX-License-Identifier: MIT */
#include "tests/net/tcp_script_windows.h"

#include "tests/net/handles_windows.h"

/* What loopback cannot produce, on the real backend with a system that misbehaves. */

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

/* Somebody connects and is thrown out. */
static void visit(void)
{
    struct net_conn conn;
    struct peer *const peer = join(&script.world, &conn);

    drop(&script.world, conn, NET_CLOSE_ABORT);
    PUMP_UNTIL(&script.world, net()->conns[conn.index].state == CONN_FREE);
    peer_close(peer);
}

static void accept__each_one_taken__is_posted_again(void **state)
{
    (void)state;
    script_open(&script);
    assert_int_equal(script.accepts_posted, ACCEPTS_MAX);
    for (unsigned i = 1; i <= 3 * ACCEPTS_MAX; i++) {
        visit();
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
    visit();
    PUMP_UNTIL(&script.world, count_accepts(ACCEPT_POSTED) == ACCEPTS_MAX);
    assert_int_equal(counters_of(&script.world).accept_errors, 6);
    /* The first of a row is tried again at once, and the visitor may have ended the row. */
    assert_in_range(counters_of(&script.world).accept_backoffs, 4, 5);
    visit();
    script_close(&script);
}

static void accept__none_can_be_posted__listener_is_not_deaf_for_good(void **state)
{
    (void)state;
    script.make_socket = (struct fault){.after = 1, .count = 12, .error = WSAEMFILE};
    script_open(&script);
    assert_int_equal(count_accepts(ACCEPT_IDLE), ACCEPTS_MAX);
    visit();
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
        visit();
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
    visit();
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
    visit();
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

static void send__system_full_at_once__the_rest_follows_by_completion(void **state)
{
    struct net_conn conn;
    uint64_t written = 0;
    uint64_t drained = 0;

    (void)state;
    script_open(&script);
    struct peer *const peer = join(&script.world, &conn);
    script.send_at_once = (struct fault){.count = 1000000, .error = WSAEWOULDBLOCK};
    while (written < 100000) {
        uint8_t bytes[500];
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = pattern(written + i);
        }
        const unsigned told = model_of(&script.world, conn)->sent_count;
        const int result = net_tcp_write(net(), conn, bytes, sizeof(bytes));
        if (result == RESULT_FULL) {
            PUMP_UNTIL(&script.world, model_of(&script.world, conn)->sent_count > told);
            continue;
        }
        assert_int_equal(result, RESULT_OK);
        assert_true(net_tcp_pending(net(), conn) > 0);
        written += sizeof(bytes);
    }
    peer_drain(&script.world, peer, &drained, written);
    PUMP_UNTIL(&script.world, net_tcp_pending(net(), conn) == 0);
    assert_int_equal(counters_of(&script.world).bytes_sent, written);
    peer_close(peer);
    script_close(&script);
}

static void send__in_small_parts__stream_is_unaltered(void **state)
{
    static const unsigned limits[] = {1, 7, 1000};

    (void)state;
    script_open(&script);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned is_posted = 0; is_posted < 2; is_posted++) {
            uint8_t bytes[3000];
            struct net_conn conn;
            uint64_t drained = 0;
            struct peer *const peer = join(&script.world, &conn);
            for (size_t k = 0; k < sizeof(bytes); k++) {
                bytes[k] = pattern(k);
            }
            script.send_limit_bytes = limits[i];
            script.send_at_once =
                (struct fault){.count = is_posted * 100000, .error = WSAEWOULDBLOCK};
            assert_int_equal(net_tcp_write(net(), conn, bytes, sizeof(bytes)), RESULT_OK);
            peer_drain(&script.world, peer, &drained, sizeof(bytes));
            PUMP_UNTIL(&script.world, net_tcp_pending(net(), conn) == 0);
            PUMP_UNTIL(&script.world,
                       is_posted == 0 || model_of(&script.world, conn)->sent_count > 0);
            drop(&script.world, conn, NET_CLOSE_ABORT);
            peer_close(peer);
        }
    }
    script_close(&script);
}

static void send__short_of_memory__goes_on_later_and_unaltered(void **state)
{
    uint8_t bytes[3000];
    struct net_conn conn;
    uint64_t drained = 0;

    (void)state;
    script_open(&script);
    struct peer *const peer = join(&script.world, &conn);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = pattern(i);
    }
    script.send_at_once = (struct fault){.count = 5, .error = WSAENOBUFS};
    script.post_send = (struct fault){.count = 5, .error = WSAENOBUFS};
    assert_int_equal(net_tcp_write(net(), conn, bytes, 1000), RESULT_OK);
    assert_int_equal(net()->in_flight_count, ACCEPTS_MAX + 1);
    assert_int_equal(net_tcp_write(net(), conn, bytes + 1000, 2000), RESULT_OK);
    assert_int_equal(net_tcp_pending(net(), conn), sizeof(bytes));
    peer_drain(&script.world, peer, &drained, sizeof(bytes));
    assert_int_equal(model_of(&script.world, conn)->sent_count, 1);
    assert_int_equal(script.post_send.count, 0);
    peer_close(peer);
    script_close(&script);
}

static void send__completes_badly__connection_is_over_and_ring_is_back(void **state)
{
    static const struct {
        int error;
        enum net_close_reason reason;
    } cases[] = {
        {WSAECONNRESET, NET_CLOSE_RESET},
        {ERROR_NETNAME_DELETED, NET_CLOSE_RESET},
        {WSAETIMEDOUT, NET_CLOSE_TIMEOUT},
        {WSAENETRESET, NET_CLOSE_TIMEOUT},
        {ERROR_OPERATION_ABORTED, NET_CLOSE_ERROR},
        {676, NET_CLOSE_ERROR},
        {WSAENOBUFS, NET_CLOSE_ERROR},
    };
    struct net_tcp_options options = tcp_options(NULL, 0);

    (void)state;
    options.output_rings = 1;
    script_open_with(&script, options);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct net_conn conn;
        struct peer *const peer = join(&script.world, &conn);
        script.send_at_once = (struct fault){.count = 1, .error = WSAEWOULDBLOCK};
        script.send_result = (struct fault){.count = 1, .error = cases[i].error};
        assert_int_equal(net_tcp_write(net(), conn, "x", 1), RESULT_OK);
        PUMP_UNTIL(&script.world, script.world.closed_count == i + 1);
        assert_int_equal(model_of(&script.world, conn)->reason, cases[i].reason);
        assert_int_equal(net_tcp_connection_count(net()), 0);
        peer_close(peer);
    }
    script_close(&script);
}

static void send__fails_at_once__write_says_closed(void **state)
{
    struct net_conn conn;

    (void)state;
    script_open(&script);
    struct peer *const peer = join(&script.world, &conn);
    script.send_at_once = (struct fault){.count = 1, .error = WSAECONNABORTED};
    assert_int_equal(net_tcp_write(net(), conn, "x", 1), RESULT_CLOSED);
    assert_int_equal(net_tcp_write(net(), conn, "x", 1), RESULT_CLOSED);
    PUMP_UNTIL(&script.world, script.world.closed_count == 1);
    assert_int_equal(model_of(&script.world, conn)->reason, NET_CLOSE_RESET);
    peer_close(peer);
    script_close(&script);
}

static void recv__cannot_be_posted__waits_grow_and_nothing_is_lost(void **state)
{
    struct net_conn conn;
    char bytes[5];

    (void)state;
    script_open(&script);
    script.post_recv = (struct fault){.count = 9, .error = WSAENOBUFS};
    struct peer *const peer = join(&script.world, &conn);
    assert_int_equal(peer_send(peer, "still", 5), 5);
    assert_int_equal(net_tcp_read(net(), conn, bytes, 5), RESULT_AGAIN);
    const uint64_t before_ns = script.now_ns;
    read_exactly(&script.world, conn, bytes, 5);
    assert_memory_equal(bytes, "still", 5);
    assert_int_equal(script.post_recv.count, 0);
    assert_true(script.now_ns - before_ns >= (1 + 2 + 4 + 8 + 16 + 32 + 64 + 100) * STEP_NS);
    peer_close(peer);
    script_close(&script);
}

static void recv__fails__connection_is_over_for_the_right_reason(void **state)
{
    static const struct {
        int error;
        enum net_close_reason reason;
    } cases[] = {
        {WSAECONNRESET, NET_CLOSE_RESET},  {WSAECONNABORTED, NET_CLOSE_RESET},
        {WSAETIMEDOUT, NET_CLOSE_TIMEOUT}, {WSAENETRESET, NET_CLOSE_TIMEOUT},
        {WSAENOTSOCK, NET_CLOSE_ERROR},
    };

    (void)state;
    script_open(&script);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct fault fault = {.count = 1, .error = cases[i].error};
        /* In the post, in the completion, and in the read. */
        for (unsigned place = 0; place < 3; place++) {
            struct net_conn conn;
            char byte = 0;
            const unsigned closed = script.world.closed_count;
            *(place == 0   ? &script.post_recv
              : place == 1 ? &script.recv_result
                           : &script.recv) = fault;
            struct peer *const peer = join(&script.world, &conn);
            (void)peer_send(peer, "x", 1);
            while (script.world.closed_count == closed) {
                (void)pump(&script.world);
                const int count = net_tcp_read(net(), conn, &byte, 1);
                assert_true(count == RESULT_AGAIN || count == RESULT_CLOSED ||
                            (count == RESULT_NOT_FOUND && script.world.closed_count > closed));
            }
            assert_int_equal(model_of(&script.world, conn)->reason, cases[i].reason);
            peer_close(peer);
        }
    }
    script_close(&script);
}

static void close__completions_are_late__entry_and_ring_wait_for_them(void **state)
{
    struct net_tcp_options options = tcp_options(NULL, 0);
    struct net_conn conn;
    struct net_conn other;

    (void)state;
    options.output_rings = 1;
    script_open_with(&script, options);
    struct peer *const peer = join(&script.world, &conn);
    struct peer *const other_peer = join(&script.world, &other);
    script.send_at_once = (struct fault){.count = 1, .error = WSAEWOULDBLOCK};
    script.holds_completions = true;
    assert_int_equal(net_tcp_write(net(), conn, "x", 1), RESULT_OK);
    drop(&script.world, conn, NET_CLOSE_ABORT);
    for (unsigned i = 0; i < 5; i++) {
        (void)pump(&script.world);
        assert_int_equal(net()->conns[conn.index].state, CONN_CLOSING);
        assert_int_equal(net_tcp_connection_count(net()), 2);
        /* The system may still read the only ring. */
        assert_int_equal(net_tcp_write(net(), other, "y", 1), RESULT_FULL);
    }
    script.holds_completions = false;
    PUMP_UNTIL(&script.world, net_tcp_connection_count(net()) == 1);
    PUMP_UNTIL(&script.world, model_of(&script.world, other)->sent_count > 0);
    assert_int_equal(net_tcp_write(net(), other, "y", 1), RESULT_OK);
    peer_close(peer);
    peer_close(other_peer);
    script_close(&script);
}

static void close__in_every_state__everything_comes_back(void **state)
{
    (void)state;
    script_open(&script);
    for (unsigned i = 0; i < 40; i++) {
        struct net_conn conn;
        uint64_t written = 0;
        struct peer *const peer = join_with(&script.world, true, &conn);
        if ((i & 1) != 0) {
            (void)peer_send(peer, "x", 1);
            (void)pump(&script.world);
        }
        if ((i & 2) != 0) {
            fill_output(&script.world, conn, &written);
        }
        if ((i & 4) != 0) {
            assert_int_equal(net_tcp_finish(net(), conn), RESULT_OK);
        }
        if ((i & 8) != 0) {
            assert_int_equal(net_tcp_pause(net(), conn), RESULT_OK);
        }
        drop(&script.world, conn, i % 5 == 0 ? NET_CLOSE_ORDERLY : NET_CLOSE_ABORT);
        peer_reset(peer);
        PUMP_UNTIL(&script.world, net_tcp_connection_count(net()) == 0);
        assert_int_equal(net()->in_flight_count, ACCEPTS_MAX);
    }
    assert_true(script.cancels > 0);
    script_close(&script);
}

static void keepalive__times__are_given_in_milliseconds(void **state)
{
    struct net_tcp_options options = tcp_options(NULL, 0);

    (void)state;
    options.keepalive_idle_s = 45;
    options.keepalive_interval_s = NET_SETTING_DEFAULT;
    script_open_with(&script, options);
    visit();
    assert_int_equal(script.keepalive.calls, 1);
    assert_int_equal(script.keepalive.on, 1);
    assert_int_equal(script.keepalive.idle_ms, 45000);
    assert_int_equal(script.keepalive.interval_ms, 1000);
    script_close(&script);

    script_init(&script);
    options.keepalive = false;
    script_open_with(&script, options);
    visit();
    assert_int_equal(script.keepalive.calls, 0);
    script_close(&script);
}

static void faults__of_all_kinds_at_random__streams_are_unaltered(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct net_conn conn;
        uint64_t written = 0;
        uint64_t drained = 0;
        uint64_t sent = 0;
        uint64_t have = 0;

        script_init(&script);
        script.seed = seed;
        script.is_random = true;
        script_open(&script);
        struct peer *const peer = join(&script.world, &conn);
        while (drained < 50000 || have < 50000) {
            uint8_t bytes[512];
            for (size_t i = 0; i < sizeof(bytes); i++) {
                bytes[i] = pattern(written + i);
            }
            if (net_tcp_write(net(), conn, bytes, sizeof(bytes)) == RESULT_OK) {
                written += sizeof(bytes);
            }
            for (size_t i = 0; i < sizeof(bytes); i++) {
                bytes[i] = pattern(sent + i);
            }
            const int taken = peer_send(peer, bytes, sizeof(bytes));
            sent += taken > 0 ? (uint64_t)taken : 0;
            (void)pump_for(&script.world, 0);
            const int count = net_tcp_read(net(), conn, bytes, sizeof(bytes));
            for (int i = 0; i < count; i++) {
                assert_int_equal(bytes[i], pattern(have + (uint64_t)i));
            }
            have += count > 0 ? (uint64_t)count : 0;
            peer_drain(&script.world, peer, &drained, written);
        }
        peer_reset(peer);
        script_close(&script);
    }
}

static void open_and_close__many_times__no_handle_is_left(void **state)
{
    enum { WARM_UP = 10, ROUNDS = 60 };
    uintptr_t highest_before = 0;
    DWORD count_before = 0;
    DWORD count_after = 0;

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct net_conn conn;
        uint64_t written = 0;
        if (i == WARM_UP) {
            assert_true(GetProcessHandleCount(GetCurrentProcess(), &count_before));
            highest_before = handles_highest();
        }
        script_init(&script);
        script_open(&script);
        struct peer *const peer = join_with(&script.world, true, &conn);
        fill_output(&script.world, conn, &written);
        peer_reset(peer);
        script_close(&script);
    }
    assert_true(GetProcessHandleCount(GetCurrentProcess(), &count_after));
    assert_int_equal(count_after, count_before);
    assert_true(handles_highest() < highest_before + (uintptr_t)4 * (ROUNDS - WARM_UP) / 2);
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
        cmocka_unit_test_setup(send__system_full_at_once__the_rest_follows_by_completion, set_up),
        cmocka_unit_test_setup(send__in_small_parts__stream_is_unaltered, set_up),
        cmocka_unit_test_setup(send__short_of_memory__goes_on_later_and_unaltered, set_up),
        cmocka_unit_test_setup(send__completes_badly__connection_is_over_and_ring_is_back, set_up),
        cmocka_unit_test_setup(send__fails_at_once__write_says_closed, set_up),
        cmocka_unit_test_setup(recv__cannot_be_posted__waits_grow_and_nothing_is_lost, set_up),
        cmocka_unit_test_setup(recv__fails__connection_is_over_for_the_right_reason, set_up),
        cmocka_unit_test_setup(close__completions_are_late__entry_and_ring_wait_for_them, set_up),
        cmocka_unit_test_setup(close__in_every_state__everything_comes_back, set_up),
        cmocka_unit_test_setup(keepalive__times__are_given_in_milliseconds, set_up),
        cmocka_unit_test_setup(faults__of_all_kinds_at_random__streams_are_unaltered, set_up),
        cmocka_unit_test_setup(open_and_close__many_times__no_handle_is_left, set_up),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
