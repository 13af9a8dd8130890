/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_UDP_WINDOWS_H
#define GSRELAY_DAEMON_NET_NET_UDP_WINDOWS_H

/* net_udp_windows.h - what net_udp_windows.c (sockets, waiting, receiving), net_udp_send_windows.c
 * (sending), net_udp_segments_windows.c (several datagrams as one send) and their tests share.
 * Private to these. Threads and memory: net_udp.h.
 *
 * Each open socket is at every moment in exactly one of four states, so that something is always
 * about to read it: a completion that will come, the owner's next net_udp_recv(), or a time. That
 * is how it never goes deaf. */

#include <assert.h>

#include "daemon/net/net_backoff.h"
#include "daemon/net/net_port_windows.h"
#include "daemon/net/net_socket_windows.h"
#include "daemon/net/net_udp.h"
#include "daemon/os/lines.h"

enum udp_state {
    UDP_QUEUED,      /* To be read: its wake-up has come, or more was left to read. */
    UDP_DRAINING,    /* Being read. */
    UDP_ARMED,       /* Was empty: a receive of no bytes is in flight, and will end as wake-up. */
    UDP_BACKING_OFF, /* The system refused; queued again when the time is over. */
    UDP_STATE_COUNT,
};

struct udp_socket {
    OVERLAPPED wake_up; /* Belongs to the system while is_in_flight. */
    SOCKET handle;
    enum udp_state state;
    uint8_t family;
    bool has_segments; /* Wanted, seen to work at the start, and not refused since. */
    bool is_in_flight; /* In UDP_ARMED, and in no other state. */
    bool is_suspect;   /* The last wake-up was an error, and no datagram came since. */
    struct net_backoff backoff;
    uint64_t retry_at_ns; /* In UDP_BACKING_OFF, else 0. */
    struct addr bound;
};

struct net_udp {
    struct net_system *system;
    _Alignas(LINES_APART) struct net_port port; /* The only lines that others write, by a wake. */
    _Alignas(LINES_APART) struct udp_socket sockets[NET_ADDRESSES_MAX];
    uint32_t socket_count;
    uint32_t first_socket; /* The one that the next batch begins with. */
    uint32_t max_datagram;
    struct net_udp_counters counters;
    struct net_grants grants;
    uint8_t bytes[]; /* NET_UDP_BATCH buffers of max_datagram + 1. */
};

static_assert(LINES_PART(struct net_udp, system, port), "constants are apart from the wakes");
static_assert(LINES_PART(struct net_udp, port, sockets), "wakes are apart from what is written");

/* Whether this system cuts a send into datagrams as told (UDP_SEND_MSG_SIZE; Windows 10 2004). It
 * is tried out on two sockets of the loopback of this family, once asked. Returns 0 or the system's
 * error; WSAEOPNOTSUPP where every call succeeded and the datagrams came otherwise, or not within a
 * moment. */
int udp_segments_try(struct net_system *system, uint8_t family);

/* One send of several datagrams, each segment_size bytes long but the last, which may be shorter:
 * WSASendMsg with that size as control message. Returns 0 or the system's error. */
int udp_segments_send(struct net_system *system, SOCKET socket, const struct addr *to,
                      WSABUF buffers[], DWORD buffer_count, DWORD segment_size);

/* Whether the machine has this step. */
bool udp_state_may_change(enum udp_state from, enum udp_state to);

/* Whether all else that is known of the socket agrees with its state. */
bool udp_socket_is_sound(const struct udp_socket *socket);

#endif
