/* SPDX-License-Identifier: MIT */
#include "proto/addr.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define IPV6_GROUPS 8

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static_assert(sizeof(struct addr) == 24,
              "struct addr must have no padding: it is compared as memory");

/* A piece of text that is consumed from the front. */
struct cursor {
    const char *at;
    const char *end;
};

static bool at_end(const struct cursor *cursor)
{
    return cursor->at == cursor->end;
}

static bool take_char(struct cursor *cursor, char wanted)
{
    if (at_end(cursor) || *cursor->at != wanted) {
        return false;
    }
    cursor->at++;
    return true;
}

/* Decimal without sign or leading zeros. */
static bool take_decimal(struct cursor *cursor, uint32_t max, uint32_t *out)
{
    const char *start = cursor->at;
    uint64_t value = 0;

    while (!at_end(cursor) && *cursor->at >= '0' && *cursor->at <= '9') {
        value = value * 10 + (uint64_t)(*cursor->at - '0');
        if (value > max || (cursor->at > start && *start == '0')) {
            return false;
        }
        cursor->at++;
    }
    if (cursor->at == start) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

static bool take_ipv4(struct cursor *cursor, uint8_t out[4])
{
    for (int index = 0; index < 4; index++) {
        uint32_t part = 0;

        if (index > 0 && !take_char(cursor, '.')) {
            return false;
        }
        if (!take_decimal(cursor, 255, &part)) {
            return false;
        }
        out[index] = (uint8_t)part;
    }
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* One group of one to four hexadecimal digits. */
static bool take_group(struct cursor *cursor, uint16_t *out)
{
    unsigned value = 0;
    int digits = 0;

    while (!at_end(cursor) && hex_value(*cursor->at) >= 0) {
        if (++digits > 4) {
            return false;
        }
        value = value << 4 | (unsigned)hex_value(*cursor->at);
        cursor->at++;
    }
    *out = (uint16_t)value;
    return digits > 0;
}

static bool is_ipv4_next(const struct cursor *cursor)
{
    for (const char *at = cursor->at; at < cursor->end; at++) {
        if (*at == '.') {
            return true;
        }
        if (*at < '0' || *at > '9') {
            return false;
        }
    }
    return false;
}

/* The groups as read, and where "::" stood among them (-1: nowhere). */
struct ipv6_groups {
    uint16_t group[IPV6_GROUPS];
    int count;
    int gap;
};

/* Reads one group, or the two groups of an IPv4 tail, which ends the address. */
static bool take_group_or_tail(struct cursor *cursor, struct ipv6_groups *groups, bool *is_last)
{
    uint8_t tail[4];

    if (!is_ipv4_next(cursor)) {
        return take_group(cursor, &groups->group[groups->count++]);
    }
    if (groups->count > IPV6_GROUPS - 2 || !take_ipv4(cursor, tail)) {
        return false;
    }
    groups->group[groups->count++] = (uint16_t)(tail[0] << 8 | tail[1]);
    groups->group[groups->count++] = (uint16_t)(tail[2] << 8 | tail[3]);
    *is_last = true;
    return true;
}

static bool take_gap(struct cursor *cursor)
{
    if (cursor->end - cursor->at < 2 || cursor->at[0] != ':' || cursor->at[1] != ':') {
        return false;
    }
    cursor->at += 2;
    return true;
}

static bool take_groups(struct cursor *cursor, struct ipv6_groups *groups)
{
    bool is_last = false;

    while (!is_last && groups->count < IPV6_GROUPS) {
        if (groups->gap < 0 && take_gap(cursor)) {
            groups->gap = groups->count;
            if (at_end(cursor) || hex_value(*cursor->at) < 0) {
                break;
            }
        } else if (groups->count > 0 && !take_char(cursor, ':')) {
            break;
        }
        if (!take_group_or_tail(cursor, groups, &is_last)) {
            return false;
        }
    }
    /* "::" stands for at least one group. */
    return groups->gap < 0 ? groups->count == IPV6_GROUPS : groups->count < IPV6_GROUPS;
}

static bool take_ipv6(struct cursor *cursor, uint8_t out[16])
{
    struct ipv6_groups groups = {.gap = -1};
    int skipped = 0;

    if (!take_groups(cursor, &groups)) {
        return false;
    }
    memset(out, 0, 16);
    for (int index = 0; index < groups.count; index++) {
        if (index == groups.gap) {
            skipped = IPV6_GROUPS - groups.count;
        }
        out[2 * (index + skipped)] = (uint8_t)(groups.group[index] >> 8);
        out[2 * (index + skipped) + 1] = (uint8_t)groups.group[index];
    }
    return true;
}

static bool has_scope(const uint8_t ip[16])
{
    return ip[0] == 0xff || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
}

static bool take_ipv6_scoped(struct cursor *cursor, struct addr *addr)
{
    if (!take_ipv6(cursor, addr->ip)) {
        return false;
    }
    if (!take_char(cursor, '%')) {
        return true;
    }
    return has_scope(addr->ip) && take_decimal(cursor, UINT32_MAX, &addr->scope_id) &&
           addr->scope_id != 0;
}

static bool take_port(struct cursor *cursor, struct addr *addr)
{
    uint32_t port = 0;

    if (!take_decimal(cursor, UINT16_MAX, &port)) {
        return false;
    }
    addr->port = (uint16_t)port;
    return true;
}

static bool take_addr(struct cursor *cursor, struct addr *addr)
{
    if (is_ipv4_next(cursor)) {
        addr->family = ADDR_FAMILY_IPV4;
        return take_ipv4(cursor, addr->ip) && (!take_char(cursor, ':') || take_port(cursor, addr));
    }
    addr->family = ADDR_FAMILY_IPV6;
    if (!take_char(cursor, '[')) {
        return take_ipv6_scoped(cursor, addr);
    }
    return take_ipv6_scoped(cursor, addr) && take_char(cursor, ']') &&
           (!take_char(cursor, ':') || take_port(cursor, addr));
}

int addr_parse(const char *text, size_t size, struct addr *out)
{
    struct cursor cursor = {text, text + size};
    struct addr addr = {0};

    if (!take_addr(&cursor, &addr) || !at_end(&cursor)) {
        return RESULT_INVALID;
    }
    addr_canonicalise(&addr);
    *out = addr;
    return RESULT_OK;
}

struct addr addr_ipv4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    return (struct addr){.ip = {a, b, c, d}, .port = port, .family = ADDR_FAMILY_IPV4};
}

struct addr addr_ipv6(const uint8_t ip[16], uint16_t port, uint32_t scope_id)
{
    struct addr addr = {.port = port, .family = ADDR_FAMILY_IPV6, .scope_id = scope_id};

    memcpy(addr.ip, ip, sizeof(addr.ip));
    addr_canonicalise(&addr);
    return addr;
}

void addr_canonicalise(struct addr *addr)
{
    addr->reserved = 0;
    if (addr->family == ADDR_FAMILY_IPV6) {
        if (memcmp(addr->ip, mapped_prefix, sizeof(mapped_prefix)) != 0) {
            addr->scope_id = has_scope(addr->ip) ? addr->scope_id : 0;
            return;
        }
        memmove(addr->ip, addr->ip + sizeof(mapped_prefix), 4);
        addr->family = ADDR_FAMILY_IPV4;
    }
    if (addr->family == ADDR_FAMILY_IPV4) {
        memset(addr->ip + 4, 0, sizeof(addr->ip) - 4);
        addr->scope_id = 0;
        return;
    }
    memset(addr, 0, sizeof(*addr));
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

bool addr_equal_ip(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && a->scope_id == b->scope_id &&
           memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static uint16_t group_at(const uint8_t ip[16], int index)
{
    return (uint16_t)(ip[2 * index] << 8 | ip[2 * index + 1]);
}

/* RFC 5952 4.2: the longest run of two or more zero groups, the first of equals. Returns its
 * length, 0 when there is none. */
static int find_zero_run(const uint8_t ip[16], int *start_out)
{
    int best = 1;

    for (int start = 0; start < IPV6_GROUPS; start++) {
        int length = 0;

        while (start + length < IPV6_GROUPS && group_at(ip, start + length) == 0) {
            length++;
        }
        if (length > best) {
            best = length;
            *start_out = start;
        }
    }
    return best > 1 ? best : 0;
}

/* The callers' buffers hold the longest text, so snprintf never cuts. */
static size_t print_ipv6(const struct addr *addr, char *out, size_t capacity)
{
    int run_start = IPV6_GROUPS;
    const int run_length = find_zero_run(addr->ip, &run_start);
    size_t used = 0;

    for (int index = 0; index < IPV6_GROUPS; index++) {
        if (index == run_start) {
            used += (size_t)snprintf(out + used, capacity - used, "::");
            index += run_length - 1;
            continue;
        }
        used += (size_t)snprintf(out + used, capacity - used, "%s%x",
                                 index == 0 || index == run_start + run_length ? "" : ":",
                                 (unsigned)group_at(addr->ip, index));
    }
    if (addr->scope_id != 0) {
        used +=
            (size_t)snprintf(out + used, capacity - used, "%%%lu", (unsigned long)addr->scope_id);
    }
    return used;
}

size_t addr_print_ip(const struct addr *addr, char out[ADDR_TEXT_SIZE])
{
    if (addr->family == ADDR_FAMILY_IPV6) {
        return print_ipv6(addr, out, ADDR_TEXT_SIZE);
    }
    if (addr->family == ADDR_FAMILY_IPV4) {
        return (size_t)snprintf(out, ADDR_TEXT_SIZE, "%u.%u.%u.%u", addr->ip[0], addr->ip[1],
                                addr->ip[2], addr->ip[3]);
    }
    return (size_t)snprintf(out, ADDR_TEXT_SIZE, "none");
}

size_t addr_print(const struct addr *addr, char out[ADDR_TEXT_SIZE])
{
    char ip[ADDR_TEXT_SIZE];

    addr_print_ip(addr, ip);
    if (addr->family == ADDR_FAMILY_NONE) {
        return (size_t)snprintf(out, ADDR_TEXT_SIZE, "none");
    }
    /* The bound is one the compiler can check: 50 characters, brackets, colon, port, NUL. */
    return (size_t)snprintf(out, ADDR_TEXT_SIZE,
                            addr->family == ADDR_FAMILY_IPV6 ? "[%.50s]:%u" : "%.50s:%u", ip,
                            (unsigned)addr->port);
}

bool addr_is_loopback(const struct addr *addr)
{
    static const uint8_t loopback[16] = {[15] = 1};

    if (addr->family == ADDR_FAMILY_IPV4) {
        return addr->ip[0] == 127;
    }
    return addr->family == ADDR_FAMILY_IPV6 && memcmp(addr->ip, loopback, 16) == 0;
}

bool addr_is_unspecified(const struct addr *addr)
{
    static const uint8_t unspecified[16] = {0};

    return addr->family != ADDR_FAMILY_NONE && memcmp(addr->ip, unspecified, 16) == 0;
}

bool addr_is_multicast(const struct addr *addr)
{
    if (addr->family == ADDR_FAMILY_IPV4) {
        return (addr->ip[0] & 0xf0) == 0xe0;
    }
    return addr->family == ADDR_FAMILY_IPV6 && addr->ip[0] == 0xff;
}

uint64_t addr_prefix_key(const struct addr *addr)
{
    const size_t size = addr->family == ADDR_FAMILY_IPV4 ? 4 : 8;
    uint64_t key = addr->family == ADDR_FAMILY_IPV4 ? 0xffff : 0;

    for (size_t index = 0; index < size; index++) {
        key = key << 8 | addr->ip[index];
    }
    return key;
}

void addr_to_wire(const struct addr *addr, uint8_t out[ADDR_WIRE_SIZE])
{
    if (addr->family == ADDR_FAMILY_IPV4) {
        memcpy(out, mapped_prefix, sizeof(mapped_prefix));
        memcpy(out + sizeof(mapped_prefix), addr->ip, 4);
    } else {
        memcpy(out, addr->ip, sizeof(addr->ip));
    }
    out[16] = (uint8_t)(addr->port >> 8);
    out[17] = (uint8_t)addr->port;
}

struct addr addr_from_wire(const uint8_t bytes[ADDR_WIRE_SIZE])
{
    return addr_ipv6(bytes, (uint16_t)(bytes[16] << 8 | bytes[17]), 0);
}
