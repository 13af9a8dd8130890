/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "daemon/net/net_udp_windows.h"

/* Names that the headers of MinGW-w64 10 do not have. */
#ifndef UDP_SEND_MSG_SIZE
#define UDP_SEND_MSG_SIZE 2
#endif

/* How long the trial waits for each of its two datagrams. */
#define TRIAL_WAIT_MS 200

#define TRIAL_SEGMENT 8
#define TRIAL_BYTES   12

/* One control message as Windows lays it out: the data on the next 8 bytes behind the head, and the
 * whole on 8 bytes. The macros of MinGW-w64 for it do not compile without warnings. */
struct segment_control {
    WSACMSGHDR header;
    DWORD size;
    DWORD padding;
};

static_assert(offsetof(struct segment_control, size) % 8 == 0, "WSA_CMSG_DATA");
static_assert(sizeof(struct segment_control) % 8 == 0, "WSA_CMSG_SPACE");

int udp_segments_send(struct net_system *system, SOCKET socket, const struct addr *to,
                      WSABUF buffers[], DWORD buffer_count, DWORD segment_size)
{
    struct segment_control control = {
        .header = {.cmsg_len = offsetof(struct segment_control, size) + sizeof(control.size),
                   .cmsg_level = IPPROTO_UDP,
                   .cmsg_type = UDP_SEND_MSG_SIZE},
        .size = segment_size};
    union net_sockaddr name;
    DWORD sent = 0;
    WSAMSG message = {.name = &name.any,
                      .namelen = net_sockaddr_from(to, &name),
                      .lpBuffers = buffers,
                      .dwBufferCount = buffer_count,
                      .Control = {.len = sizeof(control), .buf = (CHAR *)&control}};

    return system->send_message(system, socket, &message, &sent) == 0 ? 0 : WSAGetLastError();
}

/* A socket of the loopback on a port of its own, that waits a moment for what it receives. Returns
 * 0 or the system's error. */
static int open_end(struct net_system *system, uint8_t family, SOCKET *out, struct addr *bound_out)
{
    static const uint8_t ip[16] = {[15] = 1};
    struct addr loopback =
        family == ADDR_FAMILY_IPV6 ? addr_ipv6(ip, 0, 0) : addr_ipv4(127, 0, 0, 1, 0);
    const DWORD wait_ms = TRIAL_WAIT_MS;
    union net_sockaddr address;
    int size = net_sockaddr_from(&loopback, &address);
    int error = 0;

    const SOCKET end = system->socket(system, net_family_of(&loopback), SOCK_DGRAM, 0);
    if (end == INVALID_SOCKET) {
        return WSAGetLastError();
    }
    if (system->setsockopt(system, end, SOL_SOCKET, SO_RCVTIMEO, &wait_ms, sizeof(wait_ms)) != 0 ||
        system->bind(system, end, &address.any, size) != 0) {
        error = WSAGetLastError();
    }
    size = sizeof(address);
    if (error == 0 && system->getsockname(system, end, &address.any, &size) != 0) {
        error = WSAGetLastError();
    }
    if (error != 0) {
        (void)system->close_socket(system, end);
        return error;
    }
    *bound_out = net_sockaddr_to(&address);
    *out = end;
    return 0;
}

/* Receives one datagram and compares it. Returns 0, the system's error, or WSAEOPNOTSUPP. */
static int expect(struct net_system *system, SOCKET socket, const struct addr *from,
                  const uint8_t *bytes, int size)
{
    uint8_t received[TRIAL_BYTES + 1];
    union net_sockaddr address = {0};
    int address_size = sizeof(address);
    const int got =
        system->recv_from(system, socket, received, sizeof(received), &address.any, &address_size);

    if (got < 0) {
        return WSAGetLastError();
    }
    const struct addr sender = net_sockaddr_to(&address);
    return got == size && addr_equal(&sender, from) && memcmp(received, bytes, (size_t)size) == 0
               ? 0
               : WSAEOPNOTSUPP;
}

/* The trial between two open ends. */
static int try_between(struct net_system *system, SOCKET near_end, const struct addr *near_address,
                       SOCKET far_end, const struct addr *far_address)
{
    uint8_t bytes[TRIAL_BYTES] = "two segments"; /* No NUL behind it. */
    WSABUF buffer = {.len = sizeof(bytes), .buf = (CHAR *)bytes};
    DWORD value = 0;
    int size = sizeof(value);

    /* It is only read: once set on a socket it would cut every other send as well. */
    if (system->getsockopt(system, near_end, IPPROTO_UDP, UDP_SEND_MSG_SIZE, &value, &size) != 0) {
        return WSAGetLastError();
    }
    int error = udp_segments_send(system, near_end, far_address, &buffer, 1, TRIAL_SEGMENT);
    if (error == 0) {
        error = expect(system, far_end, near_address, bytes, TRIAL_SEGMENT);
    }
    if (error == 0) {
        error = expect(system, far_end, near_address, bytes + TRIAL_SEGMENT,
                       TRIAL_BYTES - TRIAL_SEGMENT);
    }
    return error;
}

int udp_segments_try(struct net_system *system, uint8_t family)
{
    SOCKET ends[2] = {INVALID_SOCKET, INVALID_SOCKET};
    struct addr addresses[2];

    int error = open_end(system, family, &ends[0], &addresses[0]);
    if (error == 0) {
        error = open_end(system, family, &ends[1], &addresses[1]);
    }
    if (error == 0) {
        error = try_between(system, ends[0], &addresses[0], ends[1], &addresses[1]);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (ends[i] != INVALID_SOCKET) {
            (void)system->close_socket(system, ends[i]);
        }
    }
    return error;
}
