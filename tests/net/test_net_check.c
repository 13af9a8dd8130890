/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "daemon/net/net_check.h"

static const struct net_udp_options good_udp = {
    .max_datagram = 1232,
    .recv_buffer_bytes = NET_SETTING_DEFAULT,
    .send_buffer_bytes = 0,
    .ttl = 64,
    .dscp = NET_SETTING_DEFAULT,
};

static const struct net_tcp_options good_tcp = {
    .max_connections = 10,
    .output_bytes = 1,
    .output_rings = 10,
    .backlog = 1,
    .linger_s = 0,
    .keepalive_idle_s = NET_SETTING_DEFAULT,
    .keepalive_interval_s = 1,
    .recv_buffer_bytes = NET_SETTING_DEFAULT,
    .send_buffer_bytes = 65536,
};

static struct net_udp_options copy_udp;
static struct net_tcp_options copy_tcp;

/* Checks a copy of the good options with one field set. */
#define CHECK_WITH(kind, field, value)                                                             \
    (copy_##kind = good_##kind, copy_##kind.field = (value), net_check_##kind(&copy_##kind))

static void udp__each_field_at_its_border__only_the_range_passes(void **state)
{
    (void)state;
    assert_null(net_check_udp(&good_udp));
    assert_non_null(CHECK_WITH(udp, max_datagram, 0));
    assert_null(CHECK_WITH(udp, max_datagram, 1));
    assert_null(CHECK_WITH(udp, max_datagram, NET_DATAGRAM_MAX));
    assert_non_null(CHECK_WITH(udp, max_datagram, NET_DATAGRAM_MAX + 1));
    assert_non_null(CHECK_WITH(udp, recv_buffer_bytes, -2));
    assert_non_null(CHECK_WITH(udp, send_buffer_bytes, INT32_MIN));
    assert_null(CHECK_WITH(udp, recv_buffer_bytes, INT32_MAX));
    assert_null(CHECK_WITH(udp, ttl, NET_SETTING_DEFAULT));
    assert_non_null(CHECK_WITH(udp, ttl, 0));
    assert_null(CHECK_WITH(udp, ttl, 1));
    assert_null(CHECK_WITH(udp, ttl, 255));
    assert_non_null(CHECK_WITH(udp, ttl, 256));
    assert_null(CHECK_WITH(udp, dscp, 0));
    assert_null(CHECK_WITH(udp, dscp, 63));
    assert_non_null(CHECK_WITH(udp, dscp, 64));
    assert_non_null(CHECK_WITH(udp, dscp, -2));
}

static void tcp__each_field_at_its_border__only_the_range_passes(void **state)
{
    (void)state;
    assert_null(net_check_tcp(&good_tcp));
    assert_non_null(CHECK_WITH(tcp, max_connections, 0));
    assert_non_null(CHECK_WITH(tcp, max_connections, 9)); /* Fewer than rings. */
    assert_null(CHECK_WITH(tcp, max_connections, 1048576));
    assert_non_null(CHECK_WITH(tcp, max_connections, 1048577));
    assert_non_null(CHECK_WITH(tcp, output_bytes, 0));
    assert_non_null(CHECK_WITH(tcp, output_rings, 0));
    assert_non_null(CHECK_WITH(tcp, output_rings, 11));
    assert_non_null(CHECK_WITH(tcp, backlog, 0));
    assert_null(CHECK_WITH(tcp, linger_s, INT32_MAX));
    assert_non_null(CHECK_WITH(tcp, linger_s, -1));
    assert_non_null(CHECK_WITH(tcp, keepalive_idle_s, 0));
    assert_non_null(CHECK_WITH(tcp, keepalive_interval_s, 0));
    assert_null(CHECK_WITH(tcp, keepalive_idle_s, 1));
    assert_non_null(CHECK_WITH(tcp, recv_buffer_bytes, -2));
    assert_non_null(CHECK_WITH(tcp, send_buffer_bytes, -2));
}

static void addresses__each_fault__names_the_culprit(void **state)
{
    const struct addr one = addr_ipv4(127, 0, 0, 1, 7);
    struct addr addresses[NET_ADDRESSES_MAX + 1];
    const struct addr *culprit = NULL;

    (void)state;
    for (unsigned i = 0; i <= NET_ADDRESSES_MAX; i++) {
        addresses[i] = one;
    }
    assert_null(net_check_addresses(addresses, 1, &culprit));
    assert_null(net_check_addresses(addresses, NET_ADDRESSES_MAX, &culprit));
    assert_null(culprit);
    assert_non_null(net_check_addresses(addresses, 0, &culprit));
    assert_null(culprit);
    assert_non_null(net_check_addresses(addresses, NET_ADDRESSES_MAX + 1, &culprit));
    assert_null(culprit);
    addresses[2].port = 8;
    assert_non_null(net_check_addresses(addresses, 3, &culprit));
    assert_ptr_equal(culprit, &addresses[2]);
    assert_null(net_check_addresses(addresses, 2, &culprit));
    addresses[1] = (struct addr){0};
    assert_non_null(net_check_addresses(addresses, 2, &culprit));
    assert_ptr_equal(culprit, &addresses[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(udp__each_field_at_its_border__only_the_range_passes),
        cmocka_unit_test(tcp__each_field_at_its_border__only_the_range_passes),
        cmocka_unit_test(addresses__each_fault__names_the_culprit),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
