/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_UDP_LINUX_H
#define GSRELAY_DAEMON_NET_NET_UDP_LINUX_H

/* net_udp_linux.h - what net_udp_linux.c (sockets, waiting, receiving) and net_udp_send_linux.c
 * (sending) share. Private to these two. Threads and memory: net_udp.h. */

#include "daemon/net/net_backoff.h"
#include "daemon/net/net_socket_linux.h"
#include "daemon/net/net_udp.h"

/* Where a socket stands; it is always in exactly one of these. The epoll set is level-triggered, so
 * that an ARMED socket cannot miss a datagram. */
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
    struct addr address;
};

/* What one recvmmsg() needs, for all 64 buffers. */
struct receive_batch {
    struct mmsghdr messages[NET_UDP_BATCH];
    struct iovec vectors[NET_UDP_BATCH];
    union net_sockaddr names[NET_UDP_BATCH];
};

struct send_batch {
    struct mmsghdr messages[NET_UDP_BATCH];
    struct iovec vectors[NET_UDP_BATCH][3];
    union net_sockaddr names[NET_UDP_BATCH];
    struct net_outgoing *entries[NET_UDP_BATCH];
    size_t sizes[NET_UDP_BATCH];
};

struct net_udp {
    struct net_system *system;
    struct net_waiter waiter;
    struct net_waker waker;
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

#endif
