/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_CONFORMANCE_UDP_SUPPORT_H
#define GSRELAY_TESTS_CONFORMANCE_UDP_SUPPORT_H

/* udp_support.h - what the conformance tests of net_udp.h share.
 *
 * Everything is asserted inside; waits are bounded but generous, and no time is asserted. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/net/net_udp.h"

#define SUPPORT_MAX_DATAGRAM 1232
#define SUPPORT_STORE_MAX    512
#define MILLISECOND_NS       UINT64_C(1000000)
#define SECOND_NS            UINT64_C(1000000000)

/* A copy of a received datagram; of a long one only the first bytes. */
struct stored {
    uint8_t bytes[16];
    uint32_t size;
    uint32_t socket_index;
    struct addr from;
};

struct store {
    unsigned count;
    struct stored items[SUPPORT_STORE_MAX];
};

/* 127.0.0.1 and ::1 with a port. */
struct addr loopback4(uint16_t port);
struct addr loopback6(uint16_t port);

/* A second loopback address with a port: 127.0.0.2, or ::1 where one port cannot be had on two
 * addresses of 127.0.0.0/8 (Wine binds every UDP socket but those of 127.0.0.1 to all addresses).
 * Fails where there is neither. */
struct addr second_loopback(uint16_t port);

/* Whether that is 127.0.0.2. */
bool has_loopback_block(void);

/* Options for the addresses, with large buffers and defaults. */
struct net_udp_options udp_options(const struct addr addresses[], uint32_t count);

/* A net_udp on a free port of 127.0.0.1. */
struct net_udp *open_udp(void);
struct net_udp *open_udp_with(const struct net_udp_options *options);

/* An outgoing datagram with all its bytes in the body. */
struct net_outgoing outgoing(struct addr to, const void *bytes, size_t size);

/* Sends one datagram, which must be taken. */
void send_one(struct net_udp *net, struct addr to, const void *bytes, size_t size);

/* Sends datagrams of 4 bytes that hold first, first + 1, ... in one call. All must be taken. */
void send_numbered(struct net_udp *net, struct addr to, uint32_t first, unsigned count);

/* Waits and receives until the store holds `expected` datagrams; fails after about 20 s. */
void collect(struct net_udp *net, struct store *store, unsigned expected);

/* The same with a capacity of its own for each receive. */
void collect_with(struct net_udp *net, struct store *store, unsigned expected, unsigned capacity);

uint32_t stored_number(const struct stored *stored);

/* Whether IPv6 works on this machine; if not, says so. */
bool has_ipv6(void);

struct net_udp_counters counters_of(struct net_udp *net);

#endif
