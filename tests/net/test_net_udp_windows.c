/* SPDX-License-Identifier: MIT */
#include "tests/net/udp_script_windows.h"

#include <stdio.h>
#include <string.h>

#include "tests/net/process_windows.h"

/* What loopback cannot produce, on the real backend with a system that misbehaves. */

#define MAX_DATAGRAM 100
#define SECOND_NS    (1000 * STEP_NS)

static int try_open(struct script *script, struct net_udp **out, struct net_failure *failure_out)
{
    const struct addr address = addr_ipv4(127, 0, 0, 1, 0);
    const struct net_udp_options options = {
        .addresses = &address,
        .address_count = 1,
        .max_datagram = MAX_DATAGRAM,
        .recv_buffer_bytes = 1 << 20,
        .send_buffer_bytes = NET_SETTING_DEFAULT,
        .ttl = NET_SETTING_DEFAULT,
        .dscp = NET_SETTING_DEFAULT,
        .system = &script->system,
    };

    return net_udp_open(&options, out, failure_out);
}

static struct net_udp *open_scripted(struct script *script)
{
    struct net_udp *net = NULL;
    struct net_failure failure = {0};

    assert_int_equal(try_open(script, &net, &failure), RESULT_OK);
    return net;
}

static void send_to_self(struct net_udp *net, const char *text)
{
    struct net_outgoing one = {.to = net_udp_address(net, 0), .body = {text, strlen(text)}};

    assert_int_equal(net_udp_send(net, &one, 1), 1);
}

static void assert_sound(const struct net_udp *net, enum udp_state state)
{
    assert_int_equal(net->sockets[0].state, state);
    assert_true(udp_socket_is_sound(&net->sockets[0]));
}

/* Waits and reads until one datagram is there, and compares it. */
static void expect(struct net_udp *net, const char *text)
{
    struct net_received received[1];
    unsigned count = 0;

    for (unsigned i = 0; count == 0; i++) {
        assert_true(i < 1000);
        assert_true(net_udp_wait(net, 10 * STEP_NS) >= 0);
        assert_true(udp_socket_is_sound(&net->sockets[0]));
        count = net_udp_recv(net, received, 1);
        assert_true(udp_socket_is_sound(&net->sockets[0]));
    }
    assert_int_equal(received[0].size, strlen(text));
    assert_memory_equal(received[0].bytes, text, received[0].size);
}

static struct net_udp_counters counters_of(struct net_udp *net)
{
    struct net_udp_counters counters;

    net_udp_counters(net, &counters);
    return counters;
}

static void state__every_pair__only_the_steps_of_the_machine(void **state)
{
    static const enum udp_state steps[][2] = {
        {UDP_QUEUED, UDP_DRAINING},   {UDP_DRAINING, UDP_QUEUED},      {UDP_DRAINING, UDP_ARMED},
        {UDP_ARMED, UDP_QUEUED},      {UDP_DRAINING, UDP_BACKING_OFF}, {UDP_ARMED, UDP_BACKING_OFF},
        {UDP_BACKING_OFF, UDP_QUEUED}};
    unsigned count = 0;

    (void)state;
    for (unsigned from = 0; from < UDP_STATE_COUNT; from++) {
        for (unsigned to = 0; to < UDP_STATE_COUNT; to++) {
            count += udp_state_may_change((enum udp_state)from, (enum udp_state)to);
        }
    }
    assert_int_equal(count, sizeof(steps) / sizeof(steps[0]));
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        assert_true(udp_state_may_change(steps[i][0], steps[i][1]));
    }
}

static void post__says_too_long__a_completion_still_comes(void **state)
{
    struct script script = make_script();

    (void)state;
    script.post = (struct fault){.count = 3, .error = WSAEMSGSIZE, .is_posted_anyway = true};
    struct net_udp *const net = open_scripted(&script);
    assert_sound(net, UDP_ARMED);
    for (unsigned i = 0; i < 3; i++) {
        send_to_self(net, "peek");
        expect(net, "peek");
    }
    assert_int_equal(counters_of(net).arm_failures, 0);
    net_udp_close(net);
    assert_int_equal(script.posted, 0);
}

static void post__fails_once__socket_is_read_again_at_once(void **state)
{
    struct script script = make_script();

    (void)state;
    script.post = (struct fault){.count = 1, .error = WSAENOBUFS};
    struct net_udp *const net = open_scripted(&script);
    assert_sound(net, UDP_QUEUED);
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
    struct net_received received[1];
    assert_int_equal(net_udp_recv(net, received, 1), 0);
    assert_sound(net, UDP_ARMED);
    assert_int_equal(counters_of(net).arm_failures, 1);
    assert_int_equal(counters_of(net).backoffs, 0);
    assert_int_equal(script.waited_ns, 0);
    send_to_self(net, "heard");
    expect(net, "heard");
    net_udp_close(net);
}

static void post__goes_on_failing__waits_grow_and_end(void **state)
{
    static const uint64_t delays_ms[] = {1, 2, 4, 8, 16, 32, 64, 100, 100, 100};
    struct script script = make_script();
    struct net_received received[1];

    (void)state;
    script.post = (struct fault){.count = 11, .error = WSAENOBUFS};
    struct net_udp *const net = open_scripted(&script);
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
    assert_int_equal(net_udp_recv(net, received, 1), 0);
    for (unsigned i = 0; i < 10; i++) {
        const uint64_t before_ns = script.now_ns;
        assert_sound(net, UDP_BACKING_OFF);
        assert_int_equal(net_udp_recv(net, received, 1), 0);
        assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
        assert_int_equal(script.now_ns - before_ns, delays_ms[i] * STEP_NS);
        assert_sound(net, UDP_QUEUED);
        assert_int_equal(net_udp_recv(net, received, 1), 0);
    }
    assert_sound(net, UDP_ARMED);
    assert_int_equal(counters_of(net).arm_failures, 11);
    assert_int_equal(counters_of(net).backoffs, 10);
    send_to_self(net, "back");
    expect(net, "back");
    net_udp_close(net);
}

static void wait__back_off_longer_than_timeout__timeout_wins(void **state)
{
    struct script script = make_script();
    struct net_received received[1];

    (void)state;
    script.post = (struct fault){.count = 100, .error = WSAENOBUFS};
    struct net_udp *const net = open_scripted(&script);
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
        assert_int_equal(net_udp_recv(net, received, 1), 0);
    }
    const uint64_t before_ns = script.now_ns;
    assert_int_equal(net_udp_wait(net, 5 * STEP_NS), 0);
    assert_int_equal(script.now_ns - before_ns, 5 * STEP_NS);
    assert_sound(net, UDP_BACKING_OFF);
    net_udp_close(net);
}

static void receive__notices_between_datagrams__are_counted_and_passed_over(void **state)
{
    static const int errors[] = {WSAECONNRESET, WSAENETRESET, WSAEMSGSIZE};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct script script = make_script();
        struct net_udp *const net = open_scripted(&script);
        struct net_received received[8];

        send_to_self(net, "a");
        send_to_self(net, "b");
        script.receive = (struct fault){.after = 1, .count = 5, .error = errors[i]};
        assert_int_equal(net_udp_wait(net, 10 * STEP_NS), NET_UDP_READY);
        assert_int_equal(net_udp_recv(net, received, 8), 2);
        assert_int_equal(received[1].bytes[0], 'b');
        assert_sound(net, UDP_ARMED);
        assert_int_equal(counters_of(net).receive_peer_errors, i < 2 ? 5 : 0);
        assert_int_equal(counters_of(net).received_oversize, i < 2 ? 0 : 5);
        assert_int_equal(counters_of(net).backoffs, 0);
        net_udp_close(net);
    }
}

static void receive__notices_without_end__are_bounded_and_backed_off(void **state)
{
    struct script script = make_script();
    struct net_udp *const net = open_scripted(&script);
    struct net_received received[1];

    (void)state;
    send_to_self(net, "x");
    script.receive = (struct fault){.count = 1000, .error = WSAECONNRESET};
    assert_int_equal(net_udp_wait(net, 10 * STEP_NS), NET_UDP_READY);
    assert_int_equal(net_udp_recv(net, received, 1), 0);
    assert_sound(net, UDP_QUEUED);
    assert_int_equal(net_udp_recv(net, received, 1), 0);
    assert_sound(net, UDP_BACKING_OFF);
    expect(net, "x");
    assert_int_equal(counters_of(net).receive_peer_errors, 1000);
    net_udp_close(net);
}

static void receive__oversize_without_end__is_never_backed_off(void **state)
{
    struct script script = make_script();
    struct net_udp *const net = open_scripted(&script);

    (void)state;
    send_to_self(net, "x");
    script.receive = (struct fault){.count = 2000, .error = WSAEMSGSIZE};
    expect(net, "x");
    assert_int_equal(script.waited_ns, 0);
    assert_int_equal(counters_of(net).received_oversize, 2000);
    assert_int_equal(counters_of(net).backoffs, 0);
    net_udp_close(net);
}

static void receive__broken__is_tried_again_until_it_works(void **state)
{
    struct script script = make_script();
    struct net_udp *const net = open_scripted(&script);

    (void)state;
    send_to_self(net, "late");
    script.receive = (struct fault){.count = 6, .error = WSAENOBUFS};
    expect(net, "late");
    assert_int_equal(counters_of(net).receive_errors, 6);
    assert_int_equal(counters_of(net).backoffs, 5);
    assert_int_equal(script.waited_ns, (1 + 2 + 4 + 8 + 16) * STEP_NS);
    net_udp_close(net);
}

static void wake_up__ends_badly__socket_is_read_whatever_the_status(void **state)
{
    static const int errors[] = {WSAECONNRESET, WSAENETDOWN, ERROR_OPERATION_ABORTED, 676,
                                 ERROR_GEN_FAILURE};

    (void)state;
    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct script script = make_script();
        struct net_udp *const net = open_scripted(&script);

        script.wake_up = (struct fault){.count = 3, .error = errors[i]};
        for (unsigned round = 0; round < 5; round++) {
            send_to_self(net, "still");
            expect(net, "still");
        }
        net_udp_close(net);
    }
}

static void wake_up__always_bad_and_never_a_datagram__does_not_spin(void **state)
{
    struct script script = make_script();
    struct net_udp *const net = open_scripted(&script);
    struct net_received received[1];

    (void)state;
    /* Each wake-up ends at once, as something is there; but nothing can be read. */
    send_to_self(net, "y");
    script.wake_up = (struct fault){.count = 20, .error = ERROR_GEN_FAILURE};
    script.receive = (struct fault){.count = 20, .error = WSAEWOULDBLOCK};
    for (unsigned i = 0; i < 20; i++) {
        unsigned waits = 0;
        while ((net_udp_wait(net, SECOND_NS) & NET_UDP_READY) == 0) {
            assert_true(++waits < 10);
        }
        assert_int_equal(net_udp_recv(net, received, 1), 0);
        assert_sound(net, UDP_ARMED);
    }
    assert_int_equal(counters_of(net).backoffs, 19);
    expect(net, "y");
    net_udp_close(net);
}

static void faults__of_all_kinds_at_random__no_datagram_is_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct script script = make_script();
        script.seed = seed;
        struct net_udp *const net = open_scripted(&script);

        script.is_random = true;
        for (unsigned i = 0; i < 100; i++) {
            char text[16];
            (void)snprintf(text, sizeof(text), "%u", i);
            send_to_self(net, text);
            if (fault_random(&script.seed) % 2 == 0) {
                (void)!net_udp_wait(net, 0);
            }
            expect(net, text);
        }
        net_udp_close(net);
        assert_int_equal(script.posted, 0);
        assert_int_equal(script.open_sockets, 0);
    }
}

static void send__buffer_full_in_the_middle__rest_would_block(void **state)
{
    struct script script = make_script();
    struct net_udp *const net = open_scripted(&script);
    struct net_outgoing batch[5];

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        batch[i] = (struct net_outgoing){.to = net_udp_address(net, 0), .body = {"z", 1}};
    }
    script.send = (struct fault){.after = 2, .count = 1, .error = WSAEWOULDBLOCK};
    assert_int_equal(net_udp_send(net, batch, 5), 2);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(batch[i].result, i < 2 ? RESULT_OK : RESULT_AGAIN);
    }
    assert_int_equal(counters_of(net).sent_datagrams, 2);
    assert_int_equal(counters_of(net).send_would_block, 3);
    net_udp_close(net);
}

static void send__one_fails__the_error_is_its_own(void **state)
{
    static const struct {
        int error;
        int result;
    } cases[] = {
        {WSAECONNRESET, RESULT_UNREACHABLE},
        {WSAEHOSTUNREACH, RESULT_UNREACHABLE},
        {WSAENETDOWN, RESULT_UNREACHABLE},
        {WSAEACCES, RESULT_DENIED},
        {WSAEMSGSIZE, RESULT_INVALID},
        {WSAENOBUFS, RESULT_NO_MEMORY},
        {WSAENOTSOCK, RESULT_OS},
        {WSAEADDRNOTAVAIL, RESULT_UNREACHABLE},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct script script = make_script();
        struct net_udp *const net = open_scripted(&script);
        struct net_outgoing batch[3];

        for (unsigned k = 0; k < 3; k++) {
            batch[k] = (struct net_outgoing){.to = net_udp_address(net, 0), .body = {"z", 1}};
        }
        script.send = (struct fault){.after = 1, .count = 1, .error = cases[i].error};
        assert_int_equal(net_udp_send(net, batch, 3), 2);
        assert_int_equal(batch[0].result, RESULT_OK);
        assert_int_equal(batch[1].result, cases[i].result);
        assert_int_equal(batch[2].result, RESULT_OK);
        const struct net_udp_counters counters = counters_of(net);
        assert_int_equal(counters.sent_datagrams, 2);
        assert_int_equal(counters.send_peer_errors + counters.send_errors, 1);
        net_udp_close(net);
    }
}

static void wake__packet_cannot_be_posted__next_wait_sees_it_all_the_same(void **state)
{
    struct script script = make_script();
    struct net_udp *const net = open_scripted(&script);

    (void)state;
    script.wake = (struct fault){.count = 1};
    net_udp_wake(net);
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_WOKEN);
    assert_int_equal(script.waited_ns, 0);
    assert_int_equal(net_udp_wait(net, 0), 0);
    net_udp_wake(net);
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_WOKEN);
    assert_int_equal(counters_of(net).wakes, 2);
    net_udp_close(net);
}

static void precise__without_a_timer__the_period_is_begun_and_ended(void **state)
{
    struct script script = make_script();

    (void)state;
    script.lacks_timer = true;
    struct net_udp *const net = open_scripted(&script);
    assert_int_equal(script.period_calls, 0);
    net_udp_set_precise(net, true);
    net_udp_set_precise(net, true);
    assert_int_equal(script.period_depth, 1);
    net_udp_set_precise(net, false);
    assert_int_equal(script.period_depth, 0);
    net_udp_set_precise(net, true);
    net_udp_close(net);
    assert_int_equal(script.period_depth, 0);
    assert_int_equal(script.period_calls, 2);
}

static void precise__with_a_timer__the_timer_ends_the_wait(void **state)
{
    struct script script = make_script();
    struct net_udp *const net = open_scripted(&script);

    (void)state;
    /* Real time here: without the timer this wait would not end. */
    script.system.get_completions = net_system_windows()->get_completions;
    script.system.now_ns = net_system_windows()->now_ns;
    net_udp_set_precise(net, true);
    assert_non_null(net->port.timer);
    OVERLAPPED *completed[NET_PORT_BATCH];
    assert_int_equal(net_port_wait(&net->port, completed, 3 * STEP_NS), 0);
    assert_int_equal(net_udp_wait(net, 3 * STEP_NS), 0);
    assert_int_equal(script.period_calls, 0);
    script.posted = 0;
    net_udp_close(net);
}

static void open__a_step_fails__nothing_stays_open(void **state)
{
    struct script script = make_script();
    struct net_udp *net = NULL;
    struct net_failure failure = {0};

    (void)state;
    script.ioctl = (struct fault){.count = 1, .error = WSAEOPNOTSUPP};
    assert_int_equal(try_open(&script, &net, &failure), RESULT_UNSUPPORTED);
    assert_string_equal(failure.step, "set SIO_UDP_CONNRESET");
    assert_int_equal(failure.os_error, WSAEOPNOTSUPP);
    assert_true(strlen(failure.text) > 0);
    script.associate = (struct fault){.count = 1, .error = ERROR_NO_SYSTEM_RESOURCES};
    assert_int_equal(try_open(&script, &net, &failure), RESULT_NO_MEMORY);
    assert_string_equal(failure.step, "join completion port");
    assert_int_equal(script.open_sockets, 0);
    assert_null(net);
    assert_int_equal(try_open(&script, &net, &failure), RESULT_OK);
    net_udp_close(net);
}

static void open__port_is_reserved__says_where_to_look(void **state)
{
    struct script script = make_script();
    const struct addr address = addr_ipv4(127, 0, 0, 1, 7777);
    const struct net_udp_options options = {.addresses = &address,
                                            .address_count = 1,
                                            .max_datagram = MAX_DATAGRAM,
                                            .ttl = NET_SETTING_DEFAULT,
                                            .system = &script.system};
    struct net_udp *net = NULL;
    struct net_failure failure = {0};

    (void)state;
    script.bind = (struct fault){.count = 1, .error = WSAEACCES};
    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_DENIED);
    assert_string_equal(failure.step, "bind");
    assert_int_equal(failure.os_error, WSAEACCES);
    assert_true(addr_equal(&failure.address, &address));
    assert_non_null(strstr(failure.text, "excludedportrange"));
    assert_non_null(strstr(failure.text, "for itself"));
    assert_null(net);
}

static void open__port_0_denied_on_the_way__another_is_tried(void **state)
{
    struct script script = make_script();

    (void)state;
    script.bind = (struct fault){.count = 3, .error = WSAEACCES};
    net_udp_close(open_scripted(&script));
    assert_int_equal(script.bind.count, 0);
    assert_int_equal(script.open_sockets, 0);
}

static void close__receive_in_flight__is_cancelled_and_reaped_first(void **state)
{
    struct script script = make_script();
    struct net_udp *const net = open_scripted(&script);

    (void)state;
    assert_int_equal(script.posted, 1);
    net_udp_close(net);
    assert_int_equal(script.cancelled, 1);
    assert_int_equal(script.posted, 0);
    assert_int_equal(script.open_sockets, 0);
}

static void open_and_close__many_times__no_handle_is_left(void **state)
{
    enum { WARM_UP = 10, ROUNDS = 60 };
    uintptr_t highest_before = 0;
    DWORD count_before = 0;
    DWORD count_after = 0;

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        /* The first rounds make what the system then keeps: its thread pool, Winsock's threads. */
        if (i == WARM_UP) {
            assert_true(GetProcessHandleCount(GetCurrentProcess(), &count_before));
            highest_before = process_highest_handle();
        }
        struct script script = make_script();
        struct net_udp *const net = open_scripted(&script);
        net_udp_set_precise(net, true);
        send_to_self(net, "h");
        expect(net, "h");
        net_udp_close(net);
    }
    assert_true(GetProcessHandleCount(GetCurrentProcess(), &count_after));
    assert_int_equal(count_after, count_before);
    assert_true(process_highest_handle() < highest_before + (uintptr_t)4 * (ROUNDS - WARM_UP) / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state__every_pair__only_the_steps_of_the_machine),
        cmocka_unit_test(post__says_too_long__a_completion_still_comes),
        cmocka_unit_test(post__fails_once__socket_is_read_again_at_once),
        cmocka_unit_test(post__goes_on_failing__waits_grow_and_end),
        cmocka_unit_test(wait__back_off_longer_than_timeout__timeout_wins),
        cmocka_unit_test(receive__notices_between_datagrams__are_counted_and_passed_over),
        cmocka_unit_test(receive__notices_without_end__are_bounded_and_backed_off),
        cmocka_unit_test(receive__oversize_without_end__is_never_backed_off),
        cmocka_unit_test(receive__broken__is_tried_again_until_it_works),
        cmocka_unit_test(wake_up__ends_badly__socket_is_read_whatever_the_status),
        cmocka_unit_test(wake_up__always_bad_and_never_a_datagram__does_not_spin),
        cmocka_unit_test(faults__of_all_kinds_at_random__no_datagram_is_lost),
        cmocka_unit_test(send__buffer_full_in_the_middle__rest_would_block),
        cmocka_unit_test(send__one_fails__the_error_is_its_own),
        cmocka_unit_test(wake__packet_cannot_be_posted__next_wait_sees_it_all_the_same),
        cmocka_unit_test(precise__without_a_timer__the_period_is_begun_and_ended),
        cmocka_unit_test(precise__with_a_timer__the_timer_ends_the_wait),
        cmocka_unit_test(open__a_step_fails__nothing_stays_open),
        cmocka_unit_test(open__port_is_reserved__says_where_to_look),
        cmocka_unit_test(open__port_0_denied_on_the_way__another_is_tried),
        cmocka_unit_test(close__receive_in_flight__is_cancelled_and_reaped_first),
        cmocka_unit_test(open_and_close__many_times__no_handle_is_left),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, process_check_heaps);
}
