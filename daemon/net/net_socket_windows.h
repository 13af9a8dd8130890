/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_SOCKET_WINDOWS_H
#define GSRELAY_DAEMON_NET_NET_SOCKET_WINDOWS_H

/* net_socket_windows.h - sockets for a list of addresses, made by a table of options.
 *
 * Private to the Windows backends. Threads: the caller's. Memory: the caller's. */

#include "daemon/net/net_grants.h"
#include "daemon/net/net_system_windows.h"
#include "daemon/net/net_types.h"

/* Large enough for any family that we open. */
union net_sockaddr {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

/* One socket option. The value is shifted left before it is set and back after it was read. */
struct net_option {
    const char *name;      /* Static; the key of relay.ini, or NULL: our own, not reported. */
    const char *must_step; /* Static; the step to name when it fails, or NULL: then we go on. */
    int level[2];          /* For IPv4 and IPv6. A level of -1: the family does not have it. */
    int option[2];
    unsigned shift;
    int64_t value; /* NET_SETTING_DEFAULT: only read it. */
};

/* The two columns of an option that IPv4 and IPv6 have in common. */
#define NET_OPTION_BOTH(level, option)                                                             \
    {level, level},                                                                                \
    {                                                                                              \
        option, option                                                                             \
    }

struct net_socket_plan {
    struct net_system *system;
    int type; /* SOCK_DGRAM or SOCK_STREAM. */
    const struct addr *addresses;
    uint32_t address_count;
    const struct net_option *options; /* At most NET_OPTIONS_MAX; set before the bind. */
    unsigned option_count;
    /* Called for each socket before the bind, for what is no option; NULL: nothing. Returns NULL,
     * or the step that failed with WSAGetLastError(). */
    const char *(*prepare)(struct net_system *system, SOCKET socket);
};

/* Starts Winsock; each success is answered by one net_winsock_stop(). The system counts them. */
GSRELAY_CHECKED int net_winsock_start(struct net_failure *failure_out);
void net_winsock_stop(void);

/* Opens and binds a non-blocking socket per address, with one port for all of them. Fills
 * sockets[], bound[] and grants, or returns a negative enum result with *failure_out filled and
 * nothing open. */
GSRELAY_CHECKED int net_sockets_open(const struct net_socket_plan *plan,
                                     SOCKET sockets[NET_ADDRESSES_MAX],
                                     struct addr bound[NET_ADDRESSES_MAX],
                                     struct net_grants *grants, struct net_failure *failure_out);

/* Sets one option and reads it back into *granted. Returns 0 or the system's error. */
int net_option_apply(struct net_system *system, SOCKET socket, uint8_t family,
                     const struct net_option *option, struct net_granted *granted);

/* Makes recv and send on the socket never block. Returns 0, or SOCKET_ERROR. */
GSRELAY_CHECKED int net_socket_set_nonblocking(struct net_system *system, SOCKET socket);

/* Fills *failure_out; os_error is the system's number, or 0 with text as the whole reason. Returns
 * the result that it wrote. */
int net_failure_set(struct net_failure *failure_out, const char *step, const struct addr *address,
                    int os_error, const char *text);

int net_sockaddr_from(const struct addr *addr, union net_sockaddr *out);
struct addr net_sockaddr_to(const union net_sockaddr *address);

/* AF_INET or AF_INET6. */
int net_family_of(const struct addr *addr);

#endif
