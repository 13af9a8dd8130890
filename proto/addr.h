/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_ADDR_H
#define GSRELAY_PROTO_ADDR_H

/* addr.h - an IP address and port as a plain value.
 *
 * A struct addr is copied, compared and hashed as memory: unused bytes are always zero, and an IPv4
 * address is never kept in its IPv4-mapped IPv6 form (::ffff:a.b.c.d, RFC 4291 2.5.5.2). Whoever
 * fills one from the system's sockaddr calls addr_canonicalise() once, at the socket's edge; every
 * function here that makes an address returns it canonical.
 * Not here: names (DNS), sockets, any type of the operating system.
 * Threads: pure functions. Memory: the caller's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/result.h"

#define ADDR_FAMILY_NONE 0
#define ADDR_FAMILY_IPV4 4
#define ADDR_FAMILY_IPV6 6

/* Enough for the longest text of addr_print() and its NUL: "[" 39 "%" 10 "]:" 5. */
#define ADDR_TEXT_SIZE 64

/* The form on the wire: 16 bytes of IPv6, IPv4 as ::ffff:a.b.c.d, then the port. */
#define ADDR_WIRE_SIZE 18

struct addr {
    uint8_t ip[16];    /* Network order. IPv4 in ip[0..3], the rest zero. */
    uint16_t port;     /* Host order; 0 where there is none. */
    uint8_t family;    /* ADDR_FAMILY_*: 4 or 6, or 0 for no address at all. */
    uint8_t reserved;  /* Always 0, so that no byte of the struct is padding. */
    uint32_t scope_id; /* Interface index of a link-local or multicast IPv6 address, else 0. */
};

/* The address a.b.c.d:port. */
struct addr addr_ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);

/* The IPv6 address in 16 network-order bytes, made canonical. */
struct addr addr_ipv6(const uint8_t ip[16], uint16_t port, uint32_t scope_id);

/* Turns ::ffff:a.b.c.d into IPv4, clears what the family does not use, and clears the scope of an
 * address that has none (RFC 4007: all but link-local unicast and multicast). An unknown family
 * becomes ADDR_FAMILY_NONE. Doing it twice changes nothing. */
void addr_canonicalise(struct addr *addr);

/* True when family, address, scope and port are the same. Both must be canonical. */
bool addr_equal(const struct addr *a, const struct addr *b);

/* True when they differ in the port at most. */
bool addr_equal_ip(const struct addr *a, const struct addr *b);

/* Reads "1.2.3.4", "1.2.3.4:80", "::1", "fe80::1%2", "[::1]", "[fe80::1%2]:80".
 *
 * The text is size bytes long and need not end in NUL. A port that is not named is 0. Numbers are
 * decimal, without sign and without leading zeros ("010" is eight to some readers and ten to
 * others), the IPv4 form has four parts, and a scope is an interface's number from 1, only where
 * the address has a scope. Returns RESULT_INVALID for anything else and then leaves out alone. */
GSRELAY_CHECKED int addr_parse(const char *text, size_t size, struct addr *out);

/* Writes "1.2.3.4:80" or "[2001:db8::1]:80" (RFC 5952), always with the port; "none" for no
 * address. What it writes, addr_parse() reads back to an equal value. Returns the length without
 * the NUL. */
size_t addr_print(const struct addr *addr, char out[ADDR_TEXT_SIZE]);

/* The same without port and brackets. */
size_t addr_print_ip(const struct addr *addr, char out[ADDR_TEXT_SIZE]);

/* 127.0.0.0/8 or ::1. */
bool addr_is_loopback(const struct addr *addr);

/* 0.0.0.0 or ::. */
bool addr_is_unspecified(const struct addr *addr);

/* 224.0.0.0/4 or ff00::/8. */
bool addr_is_multicast(const struct addr *addr);

/* The key of limits per address: one IPv4 address, or one IPv6 /64, which is what a single
 * subscriber gets. IPv4 keys stand in the reserved block 0:ffff::/32, so they meet no IPv6 key
 * that can exist. The port does not count. No address gives 0. */
uint64_t addr_prefix_key(const struct addr *addr);

/* Writes the wire form. No address is written as zeros. The scope stays behind: it means something
 * on its own host only. */
void addr_to_wire(const struct addr *addr, uint8_t out[ADDR_WIRE_SIZE]);

/* Reads the wire form; any bytes are a valid address. */
struct addr addr_from_wire(const uint8_t bytes[ADDR_WIRE_SIZE]);

#endif
