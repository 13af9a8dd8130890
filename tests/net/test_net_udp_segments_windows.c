/* SPDX-License-Identifier: MIT */
#include "tests/net/udp_script_windows.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Several datagrams as one send (UDP_SEND_MSG_SIZE), on a system that can, one that says so and
 * cannot, and one that refuses later. Wine cannot, so the cutting itself is the script's. */

enum { LONGEST = 1455, MOST = 130 };

static struct net_udp *open_on(struct script *script, bool segments, int granted, int os_error)
{
    static const uint8_t loopback6[16] = {[15] = 1};
    const struct addr addresses[] = {addr_ipv4(127, 0, 0, 1, 0), addr_ipv6(loopback6, 0, 0)};
    const struct net_udp_options options = {
        .addresses = addresses,
        .address_count = 2,
        .max_datagram = LONGEST,
        .recv_buffer_bytes = 1 << 20,
        .send_buffer_bytes = NET_SETTING_DEFAULT,
        .ttl = NET_SETTING_DEFAULT,
        .segments = segments,
        .dscp = NET_SETTING_DEFAULT,
        .system = &script->system,
    };
    struct net_granted list[16];
    struct net_udp *net = NULL;
    struct net_failure failure = {0};
    unsigned told = 0;

    if (net_udp_open(&options, &net, &failure) < 0) {
        fail_msg("open: %s: %s", failure.step, failure.text);
    }
    /* The ends of the trial are gone. */
    assert_int_equal(script->open_sockets, 2);
    const unsigned count = net_udp_granted(net, list, 16);
    assert_true(count <= 16);
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(list[i].name, "segment") == 0) {
            assert_int_equal(list[i].asked, segments);
            assert_int_equal(list[i].granted, granted);
            assert_int_equal(list[i].os_error, os_error);
            told++;
        }
    }
    assert_int_equal(told, 2);
    return net;
}

/* On a system that can; the calls of the trial are not counted. */
static struct net_udp *open_segmenting(struct script *script)
{
    script->cutting = CUT_AS_TOLD;
    struct net_udp *const net = open_on(script, true, 1, 0);
    assert_int_equal(script->messages, 2);
    script->messages = 0;
    return net;
}

static void close_scripted(struct script *script, struct net_udp *net)
{
    net_udp_close(net);
    assert_int_equal(script->open_sockets, 0);
}

static struct net_udp_counters counters_of(struct net_udp *net)
{
    struct net_udp_counters counters;

    net_udp_counters(net, &counters);
    return counters;
}

/* Datagrams to socket 0, each full of its number, in three parts. */
static void prepare(const struct net_udp *net, struct net_outgoing batch[], unsigned count,
                    const size_t sizes[])
{
    static uint8_t bytes[MOST][LONGEST];

    assert_true(count <= MOST);
    for (unsigned i = 0; i < count; i++) {
        const size_t size = sizes != NULL ? sizes[i] : 40;
        memset(bytes[i], (int)i, LONGEST);
        batch[i] = (struct net_outgoing){.to = net_udp_address(net, 0),
                                         .result = -99,
                                         .head = {bytes[i], size / 3},
                                         .body = {bytes[i], size / 3},
                                         .tag = {bytes[i], size - size / 3 - size / 3}};
    }
}

/* Receives all that were taken, in order, and nothing else. */
static void expect(struct net_udp *net, const struct net_outgoing batch[], unsigned count)
{
    struct net_received received[NET_UDP_BATCH];
    unsigned next = 0;

    for (unsigned round = 0; round < 1000; round++) {
        while (next < count && batch[next].result != RESULT_OK) {
            next++;
        }
        if (next == count) {
            break;
        }
        assert_true(net_udp_wait(net, STEP_NS) >= 0);
        const unsigned got = net_udp_recv(net, received, NET_UDP_BATCH);
        for (unsigned i = 0; i < got; i++, next++) {
            while (next < count && batch[next].result != RESULT_OK) {
                next++;
            }
            assert_true(next < count);
            const struct net_outgoing *const one = &batch[next];
            assert_int_equal(received[i].size, one->head.size + one->body.size + one->tag.size);
            assert_true(received[i].size == 0 || received[i].bytes[0] == next);
        }
    }
    assert_int_equal(next, count);
    assert_true(net_udp_wait(net, 0) >= 0);
    assert_int_equal(net_udp_recv(net, received, NET_UDP_BATCH), 0);
}

static void segments__equal_and_to_one_peer__leave_as_one_send(void **state)
{
    struct script script = make_script();
    struct net_udp *const net = open_segmenting(&script);
    struct net_outgoing batch[129];

    (void)state;
    prepare(net, batch, 129, NULL);
    assert_int_equal(net_udp_send(net, batch, 129), 129);
    assert_int_equal(script.messages, 2); /* The last goes alone. */
    assert_int_equal(counters_of(net).sent_segmented, 128);
    assert_int_equal(counters_of(net).sent_datagrams, 129);
    assert_int_equal(counters_of(net).sent_bytes, 129 * 40);
    expect(net, batch, 129);
    close_scripted(&script, net);
}

static void segments__that_are_to_be_apart__begin_anew(void **state)
{
    struct script script = make_script();
    struct net_udp *const net = open_segmenting(&script);
    struct net_outgoing batch[12];

    (void)state;
    prepare(net, batch, 12, NULL);
    batch[0].is_apart = true; /* Of nothing. */
    batch[4].is_apart = true;
    batch[5].is_apart = true;
    assert_int_equal(net_udp_send(net, batch, 12), 12);
    assert_int_equal(script.messages, 2); /* One goes alone. */
    assert_int_equal(counters_of(net).sent_segmented, 4 + 7);
    expect(net, batch, 12);
    close_scripted(&script, net);
}

static void segments__of_other_lengths_and_peers__begin_anew(void **state)
{
    /* A new send begins behind a shorter one, at a longer one, at an empty one and behind it, at
     * one that may not be sent and behind it, and at another peer. */
    static const size_t sizes[] = {20, 20, 12, 20, 20, 30, 30, 0, 30, 30, 30, 30, 30, 30, 30};
    struct script script = make_script();
    struct net_udp *const net = open_segmenting(&script);
    struct net_outgoing batch[15];

    (void)state;
    prepare(net, batch, 15, sizes);
    batch[10].to.port = 0;
    batch[13].to.port ^= 1; /* Nobody's, and nobody looks. */
    batch[14].to.port ^= 1;
    assert_int_equal(net_udp_send(net, batch, 15), 14);
    assert_int_equal(batch[10].result, RESULT_INVALID);
    assert_int_equal(script.messages, 6);
    assert_int_equal(counters_of(net).sent_segmented, 3 + 2 + 2 + 2 + 2 + 2);
    expect(net, batch, 13);
    close_scripted(&script, net);
}

/* All segments of a send together are at most what one datagram may be. */
static void segments__together_65507__are_the_most(void **state)
{
    enum { FULL = 45 };
    static_assert(FULL * LONGEST + 32 == NET_DATAGRAM_MAX, "the first case is the bound");
    size_t sizes[FULL + 1];
    struct net_outgoing batch[FULL + 1];

    (void)state;
    for (unsigned last = 32; last < 34; last++) {
        struct script script = make_script();
        struct net_udp *const net = open_segmenting(&script);

        for (unsigned i = 0; i < FULL; i++) {
            sizes[i] = LONGEST;
        }
        sizes[FULL] = last;
        prepare(net, batch, FULL + 1, sizes);
        assert_int_equal(net_udp_send(net, batch, FULL + 1), FULL + 1);
        assert_int_equal(counters_of(net).sent_segmented, last == 32 ? FULL + 1 : FULL);
        expect(net, batch, FULL + 1);
        close_scripted(&script, net);
    }
}

/* A system that takes the calls and does not do what they say must be found out. */
static void trial__not_cut_or_lost__is_off(void **state)
{
    static const struct {
        enum cutting cutting;
        int error;
    } cases[] = {{CUT_NOT, WSAEOPNOTSUPP}, {CUT_AWAY, WSAETIMEDOUT}};
    struct net_outgoing batch[10];

    (void)state;
    for (unsigned c = 0; c < 2; c++) {
        struct script script = make_script();
        script.cutting = cases[c].cutting;
        struct net_udp *const net = open_on(&script, true, 0, cases[c].error);
        assert_int_equal(script.messages, 2); /* Each family has a trial. */
        prepare(net, batch, 10, NULL);
        assert_int_equal(net_udp_send(net, batch, 10), 10);
        assert_int_equal(script.messages, 2);
        assert_int_equal(counters_of(net).sent_segmented, 0);
        expect(net, batch, 10);
        close_scripted(&script, net);
    }
}

static void trial__a_step_fails__is_off_and_the_relay_starts(void **state)
{
    struct script script = make_script();

    (void)state;
    script.cutting = CUT_AS_TOLD;
    script.bind = (struct fault){.after = 3, .count = 2, .error = WSAEACCES};
    close_scripted(&script, open_on(&script, true, 0, WSAEACCES));
    script = make_script();
    script.cutting = CUT_AS_TOLD;
    script.send_message = (struct fault){.count = 2, .error = WSAEINVAL};
    close_scripted(&script, open_on(&script, true, 0, WSAEINVAL));
}

static void trial__not_wanted__is_not_made(void **state)
{
    struct script script = make_script();

    (void)state;
    script.cutting = CUT_AS_TOLD;
    close_scripted(&script, open_on(&script, false, 0, 0));
    assert_int_equal(script.messages, 0);
}

static void trial__under_wine__is_off(void **state)
{
    const HMODULE module = GetModuleHandleW(L"ntdll.dll");

    (void)state;
    assert_non_null(module);
    assert_int_equal(net_winsock_start(&(struct net_failure){0}), RESULT_OK);
    const int error = udp_segments_try(net_system_windows(), ADDR_FAMILY_IPV4);
    net_winsock_stop();
    print_message("UDP_SEND_MSG_SIZE here: %d\n", error);
    if (GetProcAddress(module, "wine_get_version") != NULL) {
        assert_int_not_equal(error, 0);
    }
}

static void segments__refused_in_flight__leave_one_by_one(void **state)
{
    static const struct {
        int error;
        bool is_sticky;
    } cases[] = {{WSAEINVAL, true}, {WSAEOPNOTSUPP, true}, {WSAEMSGSIZE, false}};
    struct net_outgoing batch[MOST];

    (void)state;
    for (unsigned c = 0; c < 3; c++) {
        struct script script = make_script();
        struct net_udp *const net = open_segmenting(&script);

        /* The first send goes well, the second is refused. */
        script.send_message = (struct fault){.after = 1, .count = 1, .error = cases[c].error};
        prepare(net, batch, MOST, NULL);
        assert_int_equal(net_udp_send(net, batch, MOST), MOST);
        expect(net, batch, MOST);
        assert_int_equal(counters_of(net).segment_refusals, 1);
        assert_int_equal(counters_of(net).send_errors, 0);
        assert_int_equal(counters_of(net).sent_datagrams, MOST);
        assert_int_equal(counters_of(net).sent_segmented, cases[c].is_sticky ? 64 : 66);
        prepare(net, batch, 10, NULL);
        assert_int_equal(net_udp_send(net, batch, 10), 10);
        assert_int_equal(counters_of(net).sent_segmented, cases[c].is_sticky ? 64 : 76);
        expect(net, batch, 10);
        close_scripted(&script, net);
    }
}

/* An address that the system refuses may be a peer's choice: it must not cost everybody else the
 * segments. */
static void segments__refused_address__others_keep_theirs(void **state)
{
    struct script script = make_script();
    struct net_udp *const net = open_segmenting(&script);
    struct net_outgoing batch[64];

    (void)state;
    script.send_message = (struct fault){.count = 1, .error = WSAEINVAL};
    script.send = (struct fault){.count = 1, .error = WSAEINVAL};
    prepare(net, batch, 64, NULL);
    assert_int_equal(net_udp_send(net, batch, 64), 63);
    assert_int_equal(batch[0].result, RESULT_INVALID);
    assert_int_equal(counters_of(net).send_errors, 1);
    expect(net, batch, 64);
    prepare(net, batch, 64, NULL);
    assert_int_equal(net_udp_send(net, batch, 64), 64);
    assert_int_equal(counters_of(net).sent_segmented, 64);
    expect(net, batch, 64);
    close_scripted(&script, net);
}

static void segments__other_errors__belong_to_all_of_the_send(void **state)
{
    static const struct {
        int error;
        int result;
    } cases[] = {{WSAEHOSTUNREACH, RESULT_UNREACHABLE}, {WSAENOBUFS, RESULT_NO_MEMORY}};
    struct script script = make_script();
    struct net_udp *const net = open_segmenting(&script);
    struct net_outgoing batch[70];

    (void)state;
    for (unsigned c = 0; c < 2; c++) {
        script.send_message = (struct fault){.count = 1, .error = cases[c].error};
        prepare(net, batch, 70, NULL);
        assert_int_equal(net_udp_send(net, batch, 70), 6);
        assert_int_equal(batch[0].result, cases[c].result);
        assert_int_equal(batch[63].result, cases[c].result);
        expect(net, batch, 70);
    }
    assert_int_equal(counters_of(net).segment_refusals, 0);
    /* Full: the rest is not tried. */
    script.messages = 0;
    script.send_message = (struct fault){.count = 1, .error = WSAEWOULDBLOCK};
    prepare(net, batch, 70, NULL);
    assert_int_equal(net_udp_send(net, batch, 70), 0);
    assert_int_equal(batch[69].result, RESULT_AGAIN);
    assert_int_equal(counters_of(net).send_would_block, 70);
    assert_int_equal(script.messages, 1);
    close_scripted(&script, net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments__equal_and_to_one_peer__leave_as_one_send),
        cmocka_unit_test(segments__that_are_to_be_apart__begin_anew),
        cmocka_unit_test(segments__of_other_lengths_and_peers__begin_anew),
        cmocka_unit_test(segments__together_65507__are_the_most),
        cmocka_unit_test(trial__not_cut_or_lost__is_off),
        cmocka_unit_test(trial__a_step_fails__is_off_and_the_relay_starts),
        cmocka_unit_test(trial__not_wanted__is_not_made),
        cmocka_unit_test(trial__under_wine__is_off),
        cmocka_unit_test(segments__refused_in_flight__leave_one_by_one),
        cmocka_unit_test(segments__refused_address__others_keep_theirs),
        cmocka_unit_test(segments__other_errors__belong_to_all_of_the_send),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
