/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_SOCKET_LINUX_H
#define GSRELAY_DAEMON_NET_NET_SOCKET_LINUX_H

/* net_socket_linux.h - sockets for a list of addresses, made by a table of options.
 *
 * Private to the Linux backends. Threads: the caller's. Memory: the caller's. */

#include <netinet/in.h>

#include "daemon/net/net_grants.h"
#include "daemon/net/net_system_linux.h"
#include "daemon/net/net_types.h"

/* Large enough for any family that we open. */
union net_sockaddr {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

/* One socket option. The value is shifted left before it is set and back after it was read. */
struct net_option {
    const char *name; /* Static; the key of relay.ini, or NULL for one of our own: not reported. */
    int level[2];     /* For IPv4 and IPv6. A level of -1: the family does not have it. */
    int option[2];
    unsigned shift;
    unsigned read_shift; /* What the kernel reads back beyond shift: it doubles buffer sizes. */
    int64_t value;       /* NET_SETTING_DEFAULT: only read it. */
};

struct net_socket_plan {
    struct net_system *system;
    int type; /* SOCK_DGRAM or SOCK_STREAM. */
    const struct addr *addresses;
    uint32_t address_count;
    const struct net_option *options; /* At most NET_OPTIONS_MAX; set before the bind. */
    unsigned option_count;
};

/* Opens and binds a non-blocking socket per address, with one port for all of them. Fills fds[],
 * bound[] and grants, or returns a negative enum result with *failure_out filled and nothing open.
 */
GSRELAY_CHECKED int net_sockets_open(const struct net_socket_plan *plan, int fds[NET_ADDRESSES_MAX],
                                     struct addr bound[NET_ADDRESSES_MAX],
                                     struct net_grants *grants, struct net_failure *failure_out);

/* Fills *failure_out; os_error is an errno value, or 0 with text as the whole reason. Returns the
 * result that it wrote. */
int net_failure_set(struct net_failure *failure_out, const char *step, const struct addr *address,
                    int os_error, const char *text);

socklen_t net_sockaddr_from(const struct addr *addr, union net_sockaddr *out);
struct addr net_sockaddr_to(const union net_sockaddr *address);

/* A wait as the contracts describe it: by epoll_pwait2, and for good by epoll_wait once the kernel
 * has said that it lacks the former (before 5.11; some sandboxes). Goes on after a signal with the
 * time that is left. Returns the count of events or a negative errno. */
struct net_waiter {
    struct net_system *system;
    int epoll_fd;
    int lacks_pwait2;
};
int net_waiter_wait(struct net_waiter *waiter, struct epoll_event events[], int capacity,
                    uint64_t timeout_ns);

/* The wake-up: an eventfd and the flag that merges wakes. */
struct net_waker {
    int fd;
    _Atomic int is_woken;
};
GSRELAY_CHECKED int net_waker_open(struct net_waker *waker);
void net_waker_wake(struct net_waker *waker);
/* After the wait has seen fd: takes the wake. */
void net_waker_take(struct net_waker *waker);

#endif
