/* SPDX-License-Identifier: MIT */
#include "tests/net/tcp_script_windows.h"

#include "tests/net/process_windows.h"

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

static void recv__short_of_memory_in_the_read__waits_and_goes_on(void **state)
{
    struct net_conn conn;
    char bytes[5];

    (void)state;
    script_open(&script);
    struct peer *const peer = join(&script.world, &conn);
    assert_int_equal(peer_send(peer, "still", 5), 5);
    script.recv = (struct fault){.count = 5, .error = WSAENOBUFS};
    const uint64_t before_ns = script.now_ns;
    read_exactly(&script.world, conn, bytes, 5);
    assert_memory_equal(bytes, "still", 5);
    assert_int_equal(script.recv.count, 0);
    /* Posting works all the while, so that without a pause each of the five would be at once. */
    assert_true(script.now_ns - before_ns >= 5 * STEP_NS);
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

static void close__abort_and_no_wait_after_it__is_a_reset_at_once(void **state)
{
    (void)state;
    script_open(&script);
    for (unsigned i = 0; i < 20; i++) {
        struct net_conn conn;
        struct peer *const peer = join(&script.world, &conn);
        assert_int_equal(net()->in_flight_count, ACCEPTS_MAX + 1);
        drop(&script.world, conn, NET_CLOSE_ABORT);
        assert_int_equal(net_tcp_connection_count(net()), 0);
        peer_close(peer);
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
            highest_before = process_highest_handle();
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
    assert_true(process_highest_handle() < highest_before + (uintptr_t)4 * (ROUNDS - WARM_UP) / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(send__system_full_at_once__the_rest_follows_by_completion, set_up),
        cmocka_unit_test_setup(send__in_small_parts__stream_is_unaltered, set_up),
        cmocka_unit_test_setup(send__short_of_memory__goes_on_later_and_unaltered, set_up),
        cmocka_unit_test_setup(send__completes_badly__connection_is_over_and_ring_is_back, set_up),
        cmocka_unit_test_setup(send__fails_at_once__write_says_closed, set_up),
        cmocka_unit_test_setup(recv__cannot_be_posted__waits_grow_and_nothing_is_lost, set_up),
        cmocka_unit_test_setup(recv__short_of_memory_in_the_read__waits_and_goes_on, set_up),
        cmocka_unit_test_setup(recv__fails__connection_is_over_for_the_right_reason, set_up),
        cmocka_unit_test_setup(close__abort_and_no_wait_after_it__is_a_reset_at_once, set_up),
        cmocka_unit_test_setup(close__completions_are_late__entry_and_ring_wait_for_them, set_up),
        cmocka_unit_test_setup(close__in_every_state__everything_comes_back, set_up),
        cmocka_unit_test_setup(faults__of_all_kinds_at_random__streams_are_unaltered, set_up),
        cmocka_unit_test_setup(open_and_close__many_times__no_handle_is_left, set_up),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, process_check_heaps);
}
