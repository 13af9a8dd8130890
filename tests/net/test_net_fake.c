/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/net/net_fake.h"
#include "daemon/net/net_tcp.h"
#include "daemon/net/net_udp.h"

#define MILLISECOND_NS UINT64_C(1000000)

/* What the conformance suite cannot ask of every backend: weather, time, and repeating exactly. */

struct pair {
    struct net_system *system;
    struct net_udp *from;
    struct net_udp *to;
};

static struct net_udp *open_udp(struct net_system *system, int32_t recv_buffer_bytes)
{
    const struct addr address = addr_ipv4(10, 0, 0, 1, 0);
    const struct net_udp_options options = {.addresses = &address,
                                            .address_count = 1,
                                            .max_datagram = 1232,
                                            .recv_buffer_bytes = recv_buffer_bytes,
                                            .send_buffer_bytes = NET_SETTING_DEFAULT,
                                            .ttl = NET_SETTING_DEFAULT,
                                            .dscp = NET_SETTING_DEFAULT,
                                            .system = system};
    struct net_failure failure;
    struct net_udp *net = NULL;

    assert_int_equal(net_udp_open(&options, &net, &failure), RESULT_OK);
    return net;
}

static struct pair open_pair(const struct net_fake_options *options, int32_t recv_buffer_bytes)
{
    struct pair pair = {.system = net_fake_create(options)};

    assert_non_null(pair.system);
    pair.from = open_udp(pair.system, NET_SETTING_DEFAULT);
    pair.to = open_udp(pair.system, recv_buffer_bytes);
    return pair;
}

static void close_pair(struct pair *pair)
{
    net_udp_close(pair->from);
    net_udp_close(pair->to);
    net_fake_destroy(pair->system);
}

static unsigned send_number(struct pair *pair, uint32_t number)
{
    struct net_outgoing one = {.to = net_udp_address(pair->to, 0), .body = {&number, 4}};

    return net_udp_send(pair->from, &one, 1);
}

/* Receives all that comes within a virtual second of silence. */
static unsigned receive_all(struct pair *pair, uint32_t numbers[], unsigned capacity)
{
    struct net_received received[NET_UDP_BATCH];
    unsigned count = 0;

    while (net_udp_wait(pair->to, 1000 * MILLISECOND_NS) != 0) {
        const unsigned got = net_udp_recv(pair->to, received, NET_UDP_BATCH);
        for (unsigned i = 0; i < got; i++) {
            assert_true(count < capacity);
            memcpy(&numbers[count], received[i].bytes, 4);
            count++;
        }
    }
    return count;
}

static const struct net_fake_options bad_weather = {.seed = 7,
                                                    .delay_min_ns = 20 * MILLISECOND_NS,
                                                    .delay_max_ns = 60 * MILLISECOND_NS,
                                                    .loss_per_million = 100000,
                                                    .duplicate_per_million = 50000,
                                                    .reorder_per_million = 50000};

static unsigned run_weather(const struct net_fake_options *options, uint32_t numbers[],
                            unsigned capacity, uint64_t *end_ns_out)
{
    struct pair pair = open_pair(options, 1 << 20);

    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(send_number(&pair, i), 1);
        net_fake_advance(pair.system, MILLISECOND_NS);
    }
    const unsigned count = receive_all(&pair, numbers, capacity);
    *end_ns_out = net_fake_now_ns(pair.system);
    close_pair(&pair);
    return count;
}

static void weather__same_seed__same_run(void **state)
{
    static uint32_t first[2000];
    static uint32_t second[2000];
    struct net_fake_options other = bad_weather;
    uint64_t first_end_ns = 0;
    uint64_t second_end_ns = 0;

    (void)state;
    const unsigned count = run_weather(&bad_weather, first, 2000, &first_end_ns);
    assert_int_equal(run_weather(&bad_weather, second, 2000, &second_end_ns), count);
    assert_memory_equal(first, second, count * sizeof(first[0]));
    assert_true(first_end_ns == second_end_ns);
    other.seed = 8;
    const unsigned other_count = run_weather(&other, second, 2000, &second_end_ns);
    assert_true(other_count != count || memcmp(first, second, count * sizeof(first[0])) != 0);
}

static void weather__bad__loses_doubles_and_reorders(void **state)
{
    static uint32_t numbers[2000];
    unsigned seen[1000] = {0};
    unsigned lost = 0;
    unsigned doubled = 0;
    unsigned overtaken = 0;
    uint64_t end_ns = 0;

    (void)state;
    const unsigned count = run_weather(&bad_weather, numbers, 2000, &end_ns);
    for (unsigned i = 0; i < count; i++) {
        seen[numbers[i]]++;
        overtaken += i > 0 && numbers[i] < numbers[i - 1];
    }
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(seen[i] <= 2);
        lost += seen[i] == 0;
        doubled += seen[i] == 2;
    }
    assert_in_range(lost, 50, 150);
    assert_in_range(doubled, 20, 100);
    assert_true(overtaken > 10);
}

static void weather__delay_alone__keeps_the_order_and_moves_the_clock(void **state)
{
    static uint32_t numbers[100];
    const struct net_fake_options options = {
        .seed = 1, .delay_min_ns = 5 * MILLISECOND_NS, .delay_max_ns = 50 * MILLISECOND_NS};
    struct pair pair = open_pair(&options, 1 << 20);
    const uint64_t start_ns = net_fake_now_ns(pair.system);

    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(send_number(&pair, i), 1);
    }
    assert_int_equal(net_udp_wait(pair.to, 0), 0);
    assert_int_equal(net_udp_wait(pair.to, 4 * MILLISECOND_NS), 0);
    assert_true(net_fake_now_ns(pair.system) == start_ns + 4 * MILLISECOND_NS);
    assert_int_equal(net_udp_wait(pair.to, NET_WAIT_FOREVER), NET_UDP_READY);
    assert_in_range(net_fake_now_ns(pair.system), start_ns + 5 * MILLISECOND_NS,
                    start_ns + 50 * MILLISECOND_NS);
    assert_int_equal(receive_all(&pair, numbers, 100), 100);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(numbers[i], i);
    }
    close_pair(&pair);
}

static void send__full_socket__drops_the_rest_of_the_call(void **state)
{
    const struct net_fake_options options = {.send_room = 5};
    struct pair pair = open_pair(&options, 1 << 20);
    struct net_outgoing batch[8];
    struct net_udp_counters counters;

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        batch[i] = (struct net_outgoing){.to = net_udp_address(pair.to, 0), .body = {"x", 1}};
    }
    assert_int_equal(net_udp_send(pair.from, batch, 8), 5);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(batch[i].result, i < 5 ? RESULT_OK : RESULT_AGAIN);
    }
    net_udp_counters(pair.from, &counters);
    assert_int_equal(counters.send_would_block, 3);
    close_pair(&pair);
}

static void receive__full_inbox__drops_the_newest_and_tells(void **state)
{
    static uint32_t numbers[100];
    const struct net_fake_options options = {0};
    struct pair pair = open_pair(&options, 10 * (4 + 64));
    struct net_udp_counters counters;

    (void)state;
    for (uint32_t i = 0; i < 25; i++) {
        assert_int_equal(send_number(&pair, i), 1);
    }
    assert_int_equal(receive_all(&pair, numbers, 100), 10);
    assert_int_equal(numbers[9], 9);
    net_udp_counters(pair.to, &counters);
    assert_int_equal(counters.kernel_drops, 15);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(send_number(&pair, 100 + i), 1);
    }
    assert_int_equal(receive_all(&pair, numbers, 100), 5);
    close_pair(&pair);
}

static void stream__small_chunks_and_delay__bytes_are_unaltered(void **state)
{
    const struct net_fake_options weather = {.seed = 3,
                                             .delay_min_ns = MILLISECOND_NS,
                                             .delay_max_ns = 30 * MILLISECOND_NS,
                                             .chunk_max = 7};
    struct net_system *const system = net_fake_create(&weather);
    const struct addr address = addr_ipv4(10, 0, 0, 1, 0);
    const struct net_tcp_options options = {.addresses = &address,
                                            .address_count = 1,
                                            .max_connections = 2,
                                            .output_bytes = 512,
                                            .output_rings = 2,
                                            .backlog = 1,
                                            .linger_s = 1,
                                            .keepalive_idle_s = NET_SETTING_DEFAULT,
                                            .keepalive_interval_s = NET_SETTING_DEFAULT,
                                            .recv_buffer_bytes = NET_SETTING_DEFAULT,
                                            .send_buffer_bytes = NET_SETTING_DEFAULT,
                                            .system = system};
    struct net_failure failure;
    struct net_tcp *net = NULL;
    struct net_tcp_event event;

    (void)state;
    assert_int_equal(net_tcp_open(&options, &net, &failure), RESULT_OK);
    const struct addr to = net_tcp_address(net, 0);
    struct net_fake_peer *const peer = net_fake_connect(system, to, 256);
    assert_non_null(peer);
    assert_null(net_fake_connect(system, to, 256));
    assert_int_equal(net_tcp_wait(net, &event, 1, 0), 1);
    const struct net_conn conn = event.conn;

    uint32_t up_sent = 0;
    uint32_t up_have = 0;
    uint32_t down_sent = 0;
    uint32_t down_have = 0;
    for (unsigned round = 0; up_have < 3000 || down_have < 3000; round++) {
        uint8_t bytes[50];
        assert_true(round < 100000);
        bytes[0] = (uint8_t)(up_sent % 251);
        up_sent += up_sent < 3000 && net_fake_peer_send(peer, bytes, 1) == 1;
        bytes[0] = (uint8_t)(down_sent % 241);
        down_sent += down_sent < 3000 && net_tcp_write(net, conn, bytes, 1) == RESULT_OK;
        int count = net_tcp_read(net, conn, bytes, sizeof(bytes));
        for (int i = 0; i < count; i++) {
            assert_int_equal(bytes[i], up_have++ % 251);
        }
        count = net_fake_peer_receive(peer, bytes, sizeof(bytes));
        for (int i = 0; i < count; i++) {
            assert_int_equal(bytes[i], down_have++ % 241);
        }
        assert_true(net_tcp_wait(net, &event, 1, MILLISECOND_NS) >= 0);
    }
    net_fake_peer_close(peer, false);
    net_tcp_shutdown(net);
    net_fake_destroy(system);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weather__same_seed__same_run),
        cmocka_unit_test(weather__bad__loses_doubles_and_reorders),
        cmocka_unit_test(weather__delay_alone__keeps_the_order_and_moves_the_clock),
        cmocka_unit_test(send__full_socket__drops_the_rest_of_the_call),
        cmocka_unit_test(receive__full_inbox__drops_the_newest_and_tells),
        cmocka_unit_test(stream__small_chunks_and_delay__bytes_are_unaltered),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
