/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_UDP_LINUX_H
#define GSRELAY_DAEMON_NET_NET_UDP_LINUX_H

/* net_udp_linux.h - what net_udp_linux.c (sockets, waiting, receiving) and net_udp_send_linux.c
 * (sending) share. Private to these two. Threads and memory: net_udp.h. */

#include <assert.h>
#include <netinet/udp.h>

#include "daemon/net/net_backoff.h"
#include "daemon/net/net_socket_linux.h"
#include "daemon/net/net_udp.h"
#include "daemon/os/lines.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* Linux 4.18; older headers lack it. */
#endif

/* Where a socket stands; it is always in exactly one of these. In the epoll set sockets are
 * edge-triggered, which saves the kernel a look at each wait: each datagram that comes to an ARMED
 * socket is told, and a socket is ARMED only once it was found empty, or gave less than was asked
 * for. */
enum socket_state {
    SOCKET_ARMED,   /* In the epoll set; nothing known to wait. */
    SOCKET_READY,   /* To be drained; in the epoll set or not. */
    SOCKET_BACKOFF, /* Out of the epoll set, left alone until retry_at_ns. */
};

struct udp_socket {
    int fd;
    enum socket_state state;
    bool is_registered; /* In the epoll set. */
    struct net_backoff backoff;
    uint64_t retry_at_ns;
    bool has_segments; /* Wanted, known to the kernel, and not refused yet. */
    struct addr address;
};

/* What one recvmmsg() needs, for all 64 buffers. */
struct receive_batch {
    struct mmsghdr messages[NET_UDP_BATCH];
    struct iovec vectors[NET_UDP_BATCH];
    union net_sockaddr names[NET_UDP_BATCH];
};

/* Room for the one control message of a send, the length of its segments. */
struct segment_control {
    _Alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
};

/* Datagrams that wait for one sendmmsg(): each belongs to a message, of which it is all or a
 * segment. */
struct send_batch {
    unsigned message_count;
    unsigned datagram_count;
    unsigned vector_count;
    bool is_last_open; /* Another datagram may join the last message. */
    struct mmsghdr messages[NET_UDP_BATCH];
    union net_sockaddr names[NET_UDP_BATCH];
    struct segment_control controls[NET_UDP_BATCH];
    uint8_t datagrams[NET_UDP_BATCH];    /* By message: how many it has. */
    size_t segment_sizes[NET_UDP_BATCH]; /* By message: of its first datagram. */
    size_t message_sizes[NET_UDP_BATCH];
    struct iovec vectors[NET_UDP_BATCH * 3];
    struct net_outgoing *entries[NET_UDP_BATCH]; /* By datagram. */
    size_t sizes[NET_UDP_BATCH];
};

struct net_udp {
    struct net_system *system;
    _Alignas(LINES_APART) struct net_waker waker; /* The only lines that others write. */
    _Alignas(LINES_APART) struct net_waiter waiter;
    struct net_waiter rester; /* Waits for the waker alone. */
    struct udp_socket sockets[NET_ADDRESSES_MAX];
    uint32_t socket_count;
    uint32_t max_datagram;
    uint32_t rotor; /* The socket that the next receive begins with. */
    struct net_udp_counters counters;
    struct net_grants grants;
    struct receive_batch receive;
    struct send_batch send;
    uint8_t buffers[]; /* NET_UDP_BATCH x (max_datagram + 1). */
};

static_assert(LINES_PART(struct net_udp, system, waker), "constants are apart from the wakes");
static_assert(LINES_PART(struct net_udp, waker, waiter), "wakes are apart from what is written");

#endif
