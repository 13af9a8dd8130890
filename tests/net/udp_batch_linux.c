/* SPDX-License-Identifier: MIT */
#include "tests/net/udp_batch_linux.h"

#include <string.h>

#define MILLISECOND_NS UINT64_C(1000000)

struct net_udp_options udp_batch_options(struct script *script, const struct addr addresses[],
                                         uint32_t count)
{
    return (struct net_udp_options){
        .addresses = addresses,
        .address_count = count,
        .max_datagram = 100,
        .recv_buffer_bytes = 1 << 20,
        .send_buffer_bytes = 1 << 20,
        .ttl = NET_SETTING_DEFAULT,
        .dscp = NET_SETTING_DEFAULT,
        .system = &script->system,
    };
}

void udp_batch_close(struct script *script, struct net_udp *net)
{
    net_udp_close(net);
    assert_int_equal(script->open_sockets, 0);
}

struct net_udp_counters udp_batch_counters(struct net_udp *net)
{
    struct net_udp_counters counters;

    net_udp_counters(net, &counters);
    return counters;
}

void udp_batch_prepare(const struct net_udp *net, uint32_t numbers[], struct net_outgoing batch[],
                       unsigned count, bool is_one_socket)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t index = is_one_socket ? 0 : i % 2;
        numbers[i] = i;
        batch[i] = (struct net_outgoing){.to = net_udp_address(net, index),
                                         .socket_index = index,
                                         .result = -99,
                                         .body = {&numbers[i], 4}};
    }
}

void udp_batch_expect(struct net_udp *net, const struct net_outgoing batch[], unsigned count)
{
    struct net_received received[NET_UDP_BATCH];
    unsigned next = 0;

    for (unsigned round = 0; next < count; round++) {
        assert_true(round < 1000);
        while (next < count && batch[next].result != RESULT_OK) {
            next++;
        }
        if (next == count) {
            break;
        }
        assert_true(net_udp_wait(net, MILLISECOND_NS) >= 0);
        const unsigned got = net_udp_recv(net, received, NET_UDP_BATCH);
        for (unsigned i = 0; i < got; i++) {
            uint32_t number = 0;
            memcpy(&number, received[i].bytes, 4);
            while (next < count && batch[next].result != RESULT_OK) {
                next++;
            }
            assert_int_equal(number, next);
            next++;
        }
    }
    assert_true(net_udp_wait(net, 0) >= 0);
    assert_int_equal(net_udp_recv(net, received, NET_UDP_BATCH), 0);
    assert_int_equal(net_udp_wait(net, 0), 0);
}
