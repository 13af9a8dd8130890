/* SPDX-License-Identifier: MIT */
#include "tests/net/udp_batch_linux.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Several datagrams as one send (UDP_SEGMENT); the rest of sending is in test_net_udp_linux.c. */

static struct net_udp *open_segmenting(struct script *script)
{
    const struct addr addresses[] = {addr_ipv4(127, 0, 0, 1, 0), addr_ipv4(127, 0, 0, 2, 0)};
    struct net_udp_options options = udp_batch_options(script, addresses, 2);
    struct net_udp *net = NULL;
    struct net_failure failure = {0};

    options.segments = true;
    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_OK);
    return net;
}

static void segments__equal_and_to_one_peer__leave_as_one_send(void **state)
{
    uint32_t numbers[129];
    struct net_outgoing batch[129];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_segmenting(&script);
    script.chunk = 1; /* So that calls are messages. */
    udp_batch_prepare(net, numbers, batch, 129, true);
    assert_int_equal(net_udp_send(net, batch, 129), 129);
    assert_int_equal(script.calls[CALL_SENDMMSG], 3);
    assert_int_equal(udp_batch_counters(net).sent_segmented, 128);
    assert_int_equal(udp_batch_counters(net).sent_bytes, 129 * 4);
    udp_batch_expect(net, batch, 129);
    /* To two peers in turn, by two sockets: each has its own. */
    udp_batch_prepare(net, numbers, batch, 20, false);
    assert_int_equal(net_udp_send(net, batch, 20), 20);
    assert_int_equal(script.calls[CALL_SENDMMSG], 5);
    udp_batch_close(&script, net);
}

static void segments__that_are_to_be_apart__begin_anew(void **state)
{
    uint32_t numbers[12];
    struct net_outgoing batch[12];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_segmenting(&script);
    script.chunk = 1;
    udp_batch_prepare(net, numbers, batch, 12, true);
    batch[0].is_apart = true; /* Of nothing. */
    batch[4].is_apart = true;
    batch[5].is_apart = true;
    assert_int_equal(net_udp_send(net, batch, 12), 12);
    assert_int_equal(script.calls[CALL_SENDMMSG], 3);
    assert_int_equal(udp_batch_counters(net).sent_segmented, 4 + 7);
    udp_batch_expect(net, batch, 12);
    udp_batch_close(&script, net);
}

static void segments__of_other_lengths_and_peers__begin_anew(void **state)
{
    /* Lengths, and where a new send begins: behind a shorter one, at a longer one, at an empty one
     * and behind it, and at another peer. */
    static const uint8_t sizes[] = {20, 20, 12, 20, 20, 30, 30, 0, 30, 30, 30, 30};
    static const unsigned messages = 6;
    uint8_t bytes[12][100];
    struct net_outgoing batch[12];
    struct net_received received[NET_UDP_BATCH];
    struct script script;
    unsigned seen = 0;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_segmenting(&script);
    script.chunk = 1;
    for (unsigned i = 0; i < 12; i++) {
        memset(bytes[i], (int)i, sizeof(bytes[i]));
        batch[i] = (struct net_outgoing){.to = net_udp_address(net, i < 10 ? 0 : 1),
                                         .socket_index = 0,
                                         .head = {bytes[i], sizes[i] / 2},
                                         .tag = {bytes[i], sizes[i] - sizes[i] / 2}};
    }
    assert_int_equal(net_udp_send(net, batch, 12), 12);
    assert_int_equal(script.calls[CALL_SENDMMSG], messages);
    assert_int_equal(udp_batch_counters(net).sent_segmented, 3 + 2 + 2 + 2 + 2);
    while (seen < 12) {
        assert_true(net_udp_wait(net, NET_WAIT_FOREVER) > 0);
        const unsigned got = net_udp_recv(net, received, NET_UDP_BATCH);
        for (unsigned i = 0; i < got; i++) {
            const unsigned number = received[i].size == 0 ? 7 : received[i].bytes[0];
            assert_int_equal(received[i].size, sizes[number]);
            assert_int_equal(received[i].socket_index, number < 10 ? 0 : 1);
        }
        seen += got;
    }
    udp_batch_close(&script, net);
}

static void segments__short_counts__nothing_is_lost_or_doubled(void **state)
{
    static const unsigned chunks[] = {1, 2, 3, 7};
    uint8_t bytes[64][100];
    struct net_outgoing batch[64];
    struct net_received received[NET_UDP_BATCH];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_segmenting(&script);
    for (unsigned c = 0; c < 4; c++) {
        unsigned next = 0;

        script.chunk = chunks[c];
        for (unsigned i = 0; i < 64; i++) {
            memset(bytes[i], (int)i, sizeof(bytes[i]));
            /* Sends of three. */
            batch[i] = (struct net_outgoing){.to = net_udp_address(net, 0),
                                             .body = {bytes[i], i % 3 == 2 ? 50U : 51U}};
        }
        script_fail(&script, CALL_SENDMMSG, 2, 1, EINTR);
        assert_int_equal(net_udp_send(net, batch, 64), 64);
        while (next < 64) {
            assert_true(net_udp_wait(net, NET_WAIT_FOREVER) > 0);
            const unsigned got = net_udp_recv(net, received, NET_UDP_BATCH);
            for (unsigned i = 0; i < got; i++) {
                assert_int_equal(received[i].bytes[0], next++);
            }
        }
    }
    assert_int_equal(udp_batch_counters(net).segment_refusals, 0);
    udp_batch_close(&script, net);
}

static void segments__refused__leave_one_by_one(void **state)
{
    static const struct {
        int error;
        bool is_sticky;
    } cases[] = {{EINVAL, true}, {EIO, true}, {EMSGSIZE, false}};
    uint32_t numbers[65];
    struct net_outgoing batch[65];

    (void)state;
    for (unsigned c = 0; c < 3; c++) {
        struct script script;
        script_init(&script);
        struct net_udp *const net = open_segmenting(&script);
        script_fail(&script, CALL_SENDMMSG, 0, 1, cases[c].error);
        udp_batch_prepare(net, numbers, batch, 65, true);
        assert_int_equal(net_udp_send(net, batch, 65), 65);
        udp_batch_expect(net, batch, 65);
        assert_int_equal(udp_batch_counters(net).segment_refusals, 1);
        assert_int_equal(udp_batch_counters(net).send_errors, 0);
        assert_int_equal(udp_batch_counters(net).sent_segmented, 0);
        udp_batch_prepare(net, numbers, batch, 10, true);
        assert_int_equal(net_udp_send(net, batch, 10), 10);
        assert_int_equal(udp_batch_counters(net).sent_segmented, cases[c].is_sticky ? 0 : 10);
        udp_batch_expect(net, batch, 10);
        udp_batch_close(&script, net);
    }
}

static void segments__other_errors__belong_to_all_of_the_send(void **state)
{
    uint32_t numbers[64];
    struct net_outgoing batch[64];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_segmenting(&script);
    script_fail(&script, CALL_SENDMMSG, 0, 1, EPERM);
    udp_batch_prepare(net, numbers, batch, 64, true);
    assert_int_equal(net_udp_send(net, batch, 64), 0);
    assert_int_equal(batch[63].result, RESULT_DENIED);
    assert_int_equal(udp_batch_counters(net).send_peer_errors, 64);
    script_fail(&script, CALL_SENDMMSG, 0, 1, EAGAIN);
    udp_batch_prepare(net, numbers, batch, 64, true);
    assert_int_equal(net_udp_send(net, batch, 64), 0);
    assert_int_equal(batch[0].result, RESULT_AGAIN);
    assert_int_equal(udp_batch_counters(net).send_would_block, 64);
    /* Refused, and then taken a few at a time. */
    script.chunk = 5;
    script_fail(&script, CALL_SENDMMSG, 0, 1, EINVAL);
    udp_batch_prepare(net, numbers, batch, 64, true);
    assert_int_equal(net_udp_send(net, batch, 64), 64);
    udp_batch_expect(net, batch, 64);
    udp_batch_close(&script, net);
}

/* What went before the refused send has gone, what comes behind it goes alone. */
static void segments__refused_in_the_middle__nothing_is_lost_or_doubled(void **state)
{
    uint8_t bytes[60][51];
    struct net_outgoing batch[60];
    struct net_received received[NET_UDP_BATCH];
    struct script script;
    unsigned next = 0;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_segmenting(&script);
    for (unsigned i = 0; i < 60; i++) {
        memset(bytes[i], (int)i, sizeof(bytes[i]));
        /* Sends of three. */
        batch[i] = (struct net_outgoing){.to = net_udp_address(net, 0),
                                         .body = {bytes[i], i % 3 == 2 ? 50U : 51U}};
    }
    script.chunk = 4;
    script_fail(&script, CALL_SENDMMSG, 2, 1, EIO);
    assert_int_equal(net_udp_send(net, batch, 60), 60);
    assert_int_equal(udp_batch_counters(net).sent_datagrams, 60);
    assert_int_equal(udp_batch_counters(net).sent_segmented, 24);
    while (next < 60) {
        assert_true(net_udp_wait(net, NET_WAIT_FOREVER) > 0);
        const unsigned got = net_udp_recv(net, received, NET_UDP_BATCH);
        for (unsigned i = 0; i < got; i++) {
            assert_int_equal(received[i].bytes[0], next++);
        }
    }
    assert_true(net_udp_wait(net, 0) >= 0);
    assert_int_equal(net_udp_recv(net, received, NET_UDP_BATCH), 0);
    udp_batch_close(&script, net);
}

/* An address that the system refuses may be a peer's choice (link-local, without its interface): it
 * must not cost everybody else the segments. */
static void segments__refused_address__others_keep_theirs(void **state)
{
    uint32_t numbers[64];
    struct net_outgoing batch[64];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_segmenting(&script);
    script_fail(&script, CALL_SENDMMSG, 0, 2, EINVAL);
    udp_batch_prepare(net, numbers, batch, 64, true);
    assert_int_equal(net_udp_send(net, batch, 64), 63);
    assert_int_equal(batch[0].result, RESULT_INVALID);
    assert_int_equal(udp_batch_counters(net).send_errors, 1);
    udp_batch_expect(net, batch, 64);
    udp_batch_prepare(net, numbers, batch, 64, true);
    assert_int_equal(net_udp_send(net, batch, 64), 64);
    assert_int_equal(udp_batch_counters(net).sent_segmented, 64);
    assert_int_equal(udp_batch_counters(net).segment_refusals, 1);
    udp_batch_expect(net, batch, 64);
    udp_batch_close(&script, net);
}

static void segments__refused_by_one_socket__others_keep_theirs(void **state)
{
    uint32_t numbers[40];
    struct net_outgoing batch[40];
    struct script script;

    (void)state;
    script_init(&script);
    struct net_udp *const net = open_segmenting(&script);
    script_fail(&script, CALL_SENDMMSG, 0, 1, EIO);
    for (unsigned round = 1; round < 3; round++) {
        /* Twenty by each socket. */
        udp_batch_prepare(net, numbers, batch, 40, false);
        assert_int_equal(net_udp_send(net, batch, 40), 40);
        assert_int_equal(udp_batch_counters(net).sent_segmented, 20 * round);
    }
    assert_int_equal(udp_batch_counters(net).segment_refusals, 1);
    udp_batch_close(&script, net);
}

static void segments__unknown_to_the_kernel__are_never_tried(void **state)
{
    uint32_t numbers[10];
    struct net_outgoing batch[10];
    struct net_granted granted[16];
    struct script script;
    unsigned told = 0;

    (void)state;
    script_init(&script);
    script.lacks_segments = true;
    struct net_udp *const net = open_segmenting(&script);
    const unsigned count = net_udp_granted(net, granted, 16);
    assert_true(count <= 16);
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(granted[i].name, "segment") == 0) {
            assert_int_equal(granted[i].asked, 1);
            assert_int_equal(granted[i].granted, 0);
            assert_int_equal(granted[i].os_error, ENOPROTOOPT);
            told++;
        }
    }
    assert_int_equal(told, 2);
    udp_batch_prepare(net, numbers, batch, 10, true);
    assert_int_equal(net_udp_send(net, batch, 10), 10);
    assert_int_equal(udp_batch_counters(net).sent_segmented, 0);
    udp_batch_expect(net, batch, 10);
    udp_batch_close(&script, net);
}

/* All segments of a send together are at most what one datagram may be. */
static void segments__together_65507__are_the_most(void **state)
{
    static const struct {
        unsigned last_size;
        unsigned messages;
    } cases[] = {{32, 1}, {33, 2}};
    enum { FULL = 45, SIZE = 1455 };
    const struct addr address = addr_ipv4(127, 0, 0, 1, 0);
    static uint8_t bytes[SIZE];
    struct net_outgoing batch[FULL + 1];

    (void)state;
    static_assert(FULL * SIZE + 32 == NET_DATAGRAM_MAX, "the first case is the bound");
    for (unsigned c = 0; c < 2; c++) {
        struct script script;
        struct net_udp *net = NULL;
        struct net_failure failure = {0};
        struct net_received received[NET_UDP_BATCH];
        unsigned seen = 0;

        script_init(&script);
        struct net_udp_options options = udp_batch_options(&script, &address, 1);
        options.segments = true;
        options.max_datagram = SIZE;
        assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_OK);
        script.chunk = 1;
        for (unsigned i = 0; i <= FULL; i++) {
            batch[i] = (struct net_outgoing){.to = net_udp_address(net, 0),
                                             .body = {bytes, i < FULL ? SIZE : cases[c].last_size}};
        }
        assert_int_equal(net_udp_send(net, batch, FULL + 1), FULL + 1);
        assert_int_equal(script.calls[CALL_SENDMMSG], cases[c].messages);
        assert_int_equal(udp_batch_counters(net).segment_refusals, 0);
        while (seen <= FULL) {
            assert_true(net_udp_wait(net, NET_WAIT_FOREVER) > 0);
            const unsigned got = net_udp_recv(net, received, NET_UDP_BATCH);
            for (unsigned i = 0; i < got; i++, seen++) {
                assert_int_equal(received[i].size, seen < FULL ? SIZE : cases[c].last_size);
            }
        }
        udp_batch_close(&script, net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments__equal_and_to_one_peer__leave_as_one_send),
        cmocka_unit_test(segments__that_are_to_be_apart__begin_anew),
        cmocka_unit_test(segments__of_other_lengths_and_peers__begin_anew),
        cmocka_unit_test(segments__short_counts__nothing_is_lost_or_doubled),
        cmocka_unit_test(segments__refused__leave_one_by_one),
        cmocka_unit_test(segments__other_errors__belong_to_all_of_the_send),
        cmocka_unit_test(segments__refused_in_the_middle__nothing_is_lost_or_doubled),
        cmocka_unit_test(segments__refused_address__others_keep_theirs),
        cmocka_unit_test(segments__refused_by_one_socket__others_keep_theirs),
        cmocka_unit_test(segments__unknown_to_the_kernel__are_never_tried),
        cmocka_unit_test(segments__together_65507__are_the_most),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
