/* SPDX-License-Identifier: MIT */
#include "tests/conformance/udp_support.h"

#define IDLE_ROUNDS_MAX 200

struct addr loopback4(uint16_t port)
{
    return addr_ipv4(127, 0, 0, 1, port);
}

struct addr loopback6(uint16_t port)
{
    static const uint8_t ip[16] = {[15] = 1};

    return addr_ipv6(ip, port, 0);
}

struct net_udp_options udp_options(const struct addr addresses[], uint32_t count)
{
    return (struct net_udp_options){
        .addresses = addresses,
        .address_count = count,
        .max_datagram = SUPPORT_MAX_DATAGRAM,
        .recv_buffer_bytes = 1 << 20,
        .send_buffer_bytes = 1 << 20,
        .ttl = NET_SETTING_DEFAULT,
        .dscp = NET_SETTING_DEFAULT,
        .segments = true,
    };
}

struct net_udp *open_udp_with(const struct net_udp_options *options)
{
    struct net_udp *net = NULL;
    struct net_failure failure = {0};

    if (net_udp_open(options, &net, &failure) < 0) {
        fail_msg("open: %s: %s (%lld)", failure.step, failure.text, (long long)failure.os_error);
    }
    assert_non_null(net);
    return net;
}

struct net_udp *open_udp(void)
{
    const struct addr address = loopback4(0);
    const struct net_udp_options options = udp_options(&address, 1);

    return open_udp_with(&options);
}

struct net_outgoing outgoing(struct addr to, const void *bytes, size_t size)
{
    return (struct net_outgoing){.to = to, .result = -99, .body = {bytes, size}};
}

void send_one(struct net_udp *net, struct addr to, const void *bytes, size_t size)
{
    struct net_outgoing one = outgoing(to, bytes, size);

    assert_int_equal(net_udp_send(net, &one, 1), 1);
    assert_int_equal(one.result, RESULT_OK);
}

void send_numbered(struct net_udp *net, struct addr to, uint32_t first, unsigned count)
{
    static uint32_t numbers[SUPPORT_STORE_MAX];
    static struct net_outgoing batch[SUPPORT_STORE_MAX];

    assert_true(count <= SUPPORT_STORE_MAX);
    for (unsigned i = 0; i < count; i++) {
        numbers[i] = first + i;
        batch[i] = outgoing(to, &numbers[i], sizeof(numbers[i]));
    }
    assert_int_equal(net_udp_send(net, batch, count), count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(batch[i].result, RESULT_OK);
        numbers[i] = UINT32_MAX; /* The memory is ours again at once. */
    }
}

static void keep(struct store *store, const struct net_received *received)
{
    assert_true(store->count < SUPPORT_STORE_MAX);
    assert_non_null(received->bytes);

    struct stored *const stored = &store->items[store->count];
    const size_t kept =
        received->size < sizeof(stored->bytes) ? received->size : sizeof(stored->bytes);
    *stored = (struct stored){
        .size = received->size, .socket_index = received->socket_index, .from = received->from};
    memcpy(stored->bytes, received->bytes, kept);
    store->count++;
}

void collect_with(struct net_udp *net, struct store *store, unsigned expected, unsigned capacity)
{
    struct net_received received[NET_UDP_BATCH];

    for (unsigned idle = 0; store->count < expected; idle++) {
        unsigned count = 0;
        assert_true(idle < IDLE_ROUNDS_MAX);
        assert_true(net_udp_wait(net, 100 * MILLISECOND_NS) >= 0);
        while ((count = net_udp_recv(net, received, capacity)) > 0) {
            assert_true(count <= capacity);
            for (unsigned i = 0; i < count; i++) {
                keep(store, &received[i]);
            }
            idle = 0;
        }
    }
    assert_int_equal(store->count, expected);
}

void collect(struct net_udp *net, struct store *store, unsigned expected)
{
    collect_with(net, store, expected, NET_UDP_BATCH);
}

uint32_t stored_number(const struct stored *stored)
{
    uint32_t number = 0;

    assert_int_equal(stored->size, sizeof(number));
    memcpy(&number, stored->bytes, sizeof(number));
    return number;
}

bool has_ipv6(void)
{
    const struct addr address = loopback6(0);
    const struct net_udp_options options = udp_options(&address, 1);
    struct net_udp *net = NULL;
    struct net_failure failure = {0};

    if (net_udp_open(&options, &net, &failure) < 0) {
        assert_true(failure.result == RESULT_UNREACHABLE || failure.result == RESULT_UNSUPPORTED);
        print_message("no IPv6 here: %s\n", failure.text);
        return false;
    }
    net_udp_close(net);
    return true;
}

bool has_loopback_block(void)
{
    const struct addr addresses[] = {loopback4(0), addr_ipv4(127, 0, 0, 2, 0)};
    const struct net_udp_options options = udp_options(addresses, 2);
    struct net_udp *net = NULL;
    struct net_failure failure = {0};

    if (net_udp_open(&options, &net, &failure) < 0) {
        return false;
    }
    net_udp_close(net);
    return true;
}

struct addr second_loopback(uint16_t port)
{
    if (has_loopback_block()) {
        return addr_ipv4(127, 0, 0, 2, port);
    }
    assert_true(has_ipv6());
    return loopback6(port);
}

struct net_udp_counters counters_of(struct net_udp *net)
{
    struct net_udp_counters counters;

    net_udp_counters(net, &counters);
    return counters;
}
