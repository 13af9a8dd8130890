/* SPDX-License-Identifier: MIT */
#include "tests/net/script_linux.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/net/net_udp_linux.h"
#include "tests/net/udp_batch_linux.h"

/* What loopback cannot produce, on the real backend with a system that misbehaves. */

#define MILLISECOND_NS UINT64_C(1000000)

static struct net_udp *open_scripted(struct script *script)
{
    const struct addr addresses[] = {addr_ipv4(127, 0, 0, 1, 0), addr_ipv4(127, 0, 0, 2, 0)};
    const struct net_udp_options options = udp_batch_options(script, addresses, 2);
    struct net_udp *net = NULL;
    struct net_failure failure = {0};

    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_OK);
    return net;
}

static void send__short_counts__nothing_is_lost_or_doubled(void **state)
{
    static const unsigned chunks[] = {1, 2, 3, 7, 63};
    uint32_t numbers[129];
    struct net_outgoing batch[129];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    for (unsigned i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        script.chunk = chunks[i];
        udp_batch_prepare(net, numbers, batch, 129, true);
        assert_int_equal(net_udp_send(net, batch, 129), 129);
        udp_batch_expect(net, batch, 129);
    }
    udp_batch_close(&script, net);
}

static void send__interrupted__goes_on(void **state)
{
    uint32_t numbers[70];
    struct net_outgoing batch[70];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    script.chunk = 10;
    script_fail(&script, CALL_SENDMMSG, 2, 5, EINTR);
    udp_batch_prepare(net, numbers, batch, 70, true);
    assert_int_equal(net_udp_send(net, batch, 70), 70);
    udp_batch_expect(net, batch, 70);
    udp_batch_close(&script, net);
}

static void send__interrupted_for_ever_or_taking_none__ends(void **state)
{
    uint32_t numbers[3];
    struct net_outgoing batch[3];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    script_fail(&script, CALL_SENDMMSG, 0, UINT32_MAX, EINTR);
    udp_batch_prepare(net, numbers, batch, 3, true);
    assert_int_equal(net_udp_send(net, batch, 3), 0);
    assert_int_equal(batch[2].result, RESULT_OS);
    script_fail(&script, CALL_SENDMMSG, 0, UINT32_MAX, 0);
    assert_int_equal(net_udp_send(net, batch, 3), 0);
    assert_int_equal(batch[0].result, RESULT_OS);
    assert_int_equal(udp_batch_counters(net).send_errors, 6);
    udp_batch_close(&script, net);
}

static void send__error_in_the_middle__belongs_to_one_datagram(void **state)
{
    static const struct {
        int error;
        int result;
    } cases[] = {{EPERM, RESULT_DENIED},
                 {EACCES, RESULT_DENIED},
                 {EMSGSIZE, RESULT_INVALID},
                 {EINVAL, RESULT_INVALID},
                 {ENETUNREACH, RESULT_UNREACHABLE},
                 {EHOSTUNREACH, RESULT_UNREACHABLE},
                 {ECONNREFUSED, RESULT_UNREACHABLE},
                 {ECONNRESET, RESULT_UNREACHABLE},
                 {EADDRNOTAVAIL, RESULT_UNREACHABLE},
                 {EAFNOSUPPORT, RESULT_INVALID},
                 {ENOBUFS, RESULT_NO_MEMORY},
                 {ENOMEM, RESULT_NO_MEMORY},
                 {EBADF, RESULT_OS},
                 {EIO, RESULT_OS}};
    uint32_t numbers[65];
    struct net_outgoing batch[65];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        script.chunk = 20;
        script_fail(&script, CALL_SENDMMSG, 2, 1, cases[i].error);
        udp_batch_prepare(net, numbers, batch, 65, true);
        assert_int_equal(net_udp_send(net, batch, 65), 64);
        for (unsigned k = 0; k < 65; k++) {
            assert_int_equal(batch[k].result, k == 40 ? cases[i].result : RESULT_OK);
        }
        udp_batch_expect(net, batch, 65);
    }
    const struct net_udp_counters counters = udp_batch_counters(net);
    assert_int_equal(counters.send_peer_errors + counters.send_errors, 14);
    assert_int_equal(counters.send_peer_errors, 7);
    udp_batch_close(&script, net);
}

static void send__full_buffer__drops_that_sockets_rest_only(void **state)
{
    uint32_t numbers[200];
    struct net_outgoing batch[200];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    script.chunk = 10;
    script_fail(&script, CALL_SENDMMSG, 3, 1, EAGAIN);
    udp_batch_prepare(net, numbers, batch, 200, false);
    assert_int_equal(net_udp_send(net, batch, 200), 130);
    for (unsigned i = 0; i < 200; i++) {
        const bool is_lost = i % 2 == 0 && i >= 60;
        assert_int_equal(batch[i].result, is_lost ? RESULT_AGAIN : RESULT_OK);
    }
    assert_int_equal(udp_batch_counters(net).send_would_block, 70);
    assert_int_equal(udp_batch_counters(net).sent_datagrams, 130);

    /* And the next call is as good as new. */
    unsigned seen = 0;
    struct net_received received[NET_UDP_BATCH];
    while (seen < 130) {
        assert_true(net_udp_wait(net, NET_WAIT_FOREVER) > 0);
        seen += net_udp_recv(net, received, NET_UDP_BATCH);
    }
    script.chunk = 0;
    udp_batch_prepare(net, numbers, batch, 65, true);
    assert_int_equal(net_udp_send(net, batch, 65), 65);
    udp_batch_expect(net, batch, 65);
    udp_batch_close(&script, net);
}

static void send__mixed_outcomes__each_is_counted_once(void **state)
{
    uint32_t numbers[50];
    struct net_outgoing batch[50];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    udp_batch_prepare(net, numbers, batch, 50, true);
    batch[3].to.port = 0;
    batch[20].to = addr_ipv4(0, 0, 0, 0, 7);
    script.chunk = 8;
    script_fail(&script, CALL_SENDMMSG, 2, 1, EPERM);
    (void)net_udp_send(net, batch, 50);
    const struct net_udp_counters counters = udp_batch_counters(net);
    assert_int_equal(counters.sent_datagrams + counters.send_would_block + counters.send_refused +
                         counters.send_peer_errors + counters.send_errors,
                     50);
    assert_int_equal(counters.send_refused, 2);
    udp_batch_expect(net, batch, 50);
    udp_batch_close(&script, net);
}

static void receive__errors_of_dead_peers__are_passed_over(void **state)
{
    uint32_t numbers[3];
    struct net_outgoing batch[3];
    struct net_received received[NET_UDP_BATCH];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    udp_batch_prepare(net, numbers, batch, 3, true);
    assert_int_equal(net_udp_send(net, batch, 3), 3);
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
    script_fail(&script, CALL_RECVMMSG, 0, 20, ECONNREFUSED);
    assert_int_equal(net_udp_recv(net, received, NET_UDP_BATCH), 3);
    assert_int_equal(udp_batch_counters(net).receive_peer_errors, 20);
    assert_int_equal(udp_batch_counters(net).backoffs, 0);
    udp_batch_close(&script, net);
}

static void receive__short_of_memory__backs_off_and_hears_again(void **state)
{
    uint32_t numbers[3];
    struct net_outgoing batch[3];
    struct net_received received[NET_UDP_BATCH];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    udp_batch_prepare(net, numbers, batch, 3, true);
    assert_int_equal(net_udp_send(net, batch, 3), 3);
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
    const uint64_t start_ns = script.now_ns;
    script_fail(&script, CALL_RECVMMSG, 0, 6, ENOMEM);
    /* Twice at once, then 1, 2, 4, 8, 16 ms later. */
    unsigned waits = 0;
    while (net_udp_recv(net, received, NET_UDP_BATCH) == 0) {
        assert_true(waits < 10);
        waits++;
        assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
    }
    assert_int_equal(waits, 5);
    assert_int_equal(script.now_ns - start_ns, 31 * MILLISECOND_NS);
    assert_int_equal(udp_batch_counters(net).receive_errors, 6);
    assert_int_equal(udp_batch_counters(net).backoffs, 5);

    /* And in the ordinary way from then on. */
    udp_batch_prepare(net, numbers, batch, 3, true);
    assert_int_equal(net_udp_send(net, batch, 3), 3);
    udp_batch_expect(net, batch, 3);
    udp_batch_close(&script, net);
}

static void receive__broken_for_good__does_not_spin(void **state)
{
    uint32_t numbers[1];
    struct net_outgoing batch[1];
    struct net_received received[NET_UDP_BATCH];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    udp_batch_prepare(net, numbers, batch, 1, true);
    assert_int_equal(net_udp_send(net, batch, 1), 1);
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
    script_fail(&script, CALL_RECVMMSG, 0, UINT32_MAX, EBADF);
    const uint64_t start_ns = script.now_ns;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(net_udp_recv(net, received, NET_UDP_BATCH), 0);
        assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
    }
    assert_true(script.now_ns - start_ns > 9000 * MILLISECOND_NS);
    assert_true(script.calls[CALL_RECVMMSG] < 110);

    /* The other socket is not held back. */
    struct net_outgoing other = {.to = net_udp_address(net, 1), .socket_index = 1};
    assert_int_equal(net_udp_recv(net, received, NET_UDP_BATCH), 0);
    script_fail(&script, CALL_RECVMMSG, 0, 0, 0);
    assert_int_equal(net_udp_send(net, &other, 1), 1);
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
    assert_int_equal(net_udp_recv(net, received, NET_UDP_BATCH), 1);
    assert_int_equal(received[0].socket_index, 1);
    udp_batch_close(&script, net);
}

static int oversize_for_ever(struct net_system *system, int fd, struct mmsghdr *messages,
                             unsigned count, int flags)
{
    (void)system;
    (void)fd;
    (void)flags;
    for (unsigned i = 0; i < count; i++) {
        messages[i].msg_len = 101;
        messages[i].msg_hdr.msg_flags = MSG_TRUNC;
    }
    return (int)count;
}

static void receive__flood_of_oversize__gives_the_turn_back(void **state)
{
    uint32_t numbers[1];
    struct net_outgoing batch[1];
    struct net_received received[NET_UDP_BATCH];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    udp_batch_prepare(net, numbers, batch, 1, true);
    assert_int_equal(net_udp_send(net, batch, 1), 1);
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
    script.system.recvmmsg = oversize_for_ever;
    assert_int_equal(net_udp_recv(net, received, NET_UDP_BATCH), 0);
    assert_int_equal(udp_batch_counters(net).received_oversize, 1024);
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
    udp_batch_close(&script, net);
}

static void receive__one_socket_flooded__the_other_gets_its_turn(void **state)
{
    static uint32_t numbers[200];
    static struct net_outgoing batch[201];
    struct net_received received[NET_UDP_BATCH];
    struct script script;
    bool is_heard = false;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_scripted(&script);
    udp_batch_prepare(net, numbers, batch, 200, true);
    batch[200] = (struct net_outgoing){.to = net_udp_address(net, 1), .socket_index = 1};
    assert_int_equal(net_udp_send(net, batch, 201), 201);
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
    for (unsigned i = 0; i < 2; i++) {
        const unsigned count = net_udp_recv(net, received, NET_UDP_BATCH);
        for (unsigned k = 0; k < count; k++) {
            is_heard = is_heard || received[k].socket_index == 1;
        }
    }
    assert_true(is_heard);
    udp_batch_close(&script, net);
}

static void arm__refused_at_open_and_later__is_tried_again(void **state)
{
    uint32_t numbers[2];
    struct net_outgoing batch[2];
    struct script script;

    (void)state;
    script_init(&script);
    script_fail(&script, CALL_EPOLL_ADD, 1, 6, ENOSPC);
    struct net_udp *const net = open_scripted(&script);
    assert_true(udp_batch_counters(net).arm_failures > 0);
    udp_batch_prepare(net, numbers, batch, 2, true);
    assert_int_equal(net_udp_send(net, batch, 2), 2);
    udp_batch_expect(net, batch, 2);
    for (unsigned i = 0; i < 20; i++) {
        struct net_received received[1];
        (void)!net_udp_wait(net, 20 * MILLISECOND_NS);
        (void)net_udp_recv(net, received, 1);
    }
    assert_int_equal(net->sockets[0].state, SOCKET_ARMED);
    assert_int_equal(net->sockets[1].state, SOCKET_ARMED);
    assert_true(net->sockets[0].is_registered && net->sockets[1].is_registered);
    assert_int_equal(udp_batch_counters(net).arm_failures, 6);
    udp_batch_close(&script, net);
}

static void arm__refused_once__first_wait_looks_at_the_socket_anyway(void **state)
{
    uint32_t numbers[1];
    struct net_outgoing batch[1];
    struct net_received received[NET_UDP_BATCH];
    struct script script;

    (void)state;
    script_init(&script);
    script_fail(&script, CALL_EPOLL_ADD, 1, 1, ENOSPC);
    struct net_udp *const net = open_scripted(&script);
    udp_batch_prepare(net, numbers, batch, 1, true);
    assert_int_equal(net_udp_send(net, batch, 1), 1);
    /* Socket 0 is not in the epoll set: only our own knowledge of it can end this wait. */
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
    assert_int_equal(net_udp_recv(net, received, NET_UDP_BATCH), 1);
    udp_batch_close(&script, net);
}

static void counters__kernel_drops__are_those_that_did_not_fit(void **state)
{
    const struct addr address = addr_ipv4(127, 0, 0, 1, 0);
    struct net_failure failure = {0};
    struct net_received received[NET_UDP_BATCH];
    struct net_udp *net = NULL;
    struct script script;
    unsigned sent = 0;

    (void)state;
    script_init(&script);
    struct net_udp_options options = udp_batch_options(&script, &address, 1);
    options.recv_buffer_bytes = 4096;
    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_OK);
    for (unsigned i = 0; i < 300; i++) {
        struct net_outgoing one = {.to = net_udp_address(net, 0), .body = {"x", 1}};
        sent += net_udp_send(net, &one, 1);
    }
    assert_int_equal(sent, 300);
    assert_int_equal(net_udp_wait(net, NET_WAIT_FOREVER), NET_UDP_READY);
    while (net_udp_recv(net, received, NET_UDP_BATCH) > 0) {
    }
    const struct net_udp_counters counters = udp_batch_counters(net);
    assert_true(counters.kernel_drops > 0);
    assert_int_equal(counters.kernel_drops + counters.received_datagrams, 300);
    udp_batch_close(&script, net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(send__short_counts__nothing_is_lost_or_doubled),
        cmocka_unit_test(send__interrupted__goes_on),
        cmocka_unit_test(send__interrupted_for_ever_or_taking_none__ends),
        cmocka_unit_test(send__error_in_the_middle__belongs_to_one_datagram),
        cmocka_unit_test(send__full_buffer__drops_that_sockets_rest_only),
        cmocka_unit_test(send__mixed_outcomes__each_is_counted_once),
        cmocka_unit_test(receive__errors_of_dead_peers__are_passed_over),
        cmocka_unit_test(receive__short_of_memory__backs_off_and_hears_again),
        cmocka_unit_test(receive__broken_for_good__does_not_spin),
        cmocka_unit_test(receive__flood_of_oversize__gives_the_turn_back),
        cmocka_unit_test(receive__one_socket_flooded__the_other_gets_its_turn),
        cmocka_unit_test(arm__refused_at_open_and_later__is_tried_again),
        cmocka_unit_test(arm__refused_once__first_wait_looks_at_the_socket_anyway),
        cmocka_unit_test(counters__kernel_drops__are_those_that_did_not_fit),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
