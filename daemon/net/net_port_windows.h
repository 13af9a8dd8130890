/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_PORT_WINDOWS_H
#define GSRELAY_DAEMON_NET_NET_PORT_WINDOWS_H

/* net_port_windows.h - a completion port for one thread: waiting, waking, waiting with precision.
 *
 * Private to the Windows backends. Threads: the owner's, except net_port_wake().
 * Memory: the caller's; it must not move between net_port_open() and net_port_close().
 * GetQueuedCompletionStatusEx times out on the system's clock tick, up to 15.6 ms late. A precise
 * port has a high-resolution waitable timer, whose wait in the system's thread pool posts to the
 * port; where there is no such timer (before Windows 10 1803) the tick itself is made short. */

#include <stdatomic.h>
#include <stdbool.h>

#include "daemon/net/net_system_windows.h"
#include "daemon/net/net_types.h"

#define NET_PORT_BATCH 64 /* Completions that one wait takes at most. */

struct net_port {
    struct net_system *system;
    HANDLE handle;
    HANDLE timer;      /* NULL: none, or none of high resolution. */
    HANDLE timer_wait; /* The registration that posts when the timer fires. */
    bool is_precise;
    bool has_period; /* The system's tick was made short by us. */
    /* A wake is wanted; its packet is on the way. Two flags, so that a packet that could not be
     * posted still shows at the next wait, and the next wake posts again. */
    atomic_bool is_wanted;
    atomic_bool is_posted;
};

/* Fills *port. Returns RESULT_OK or the system's error number as a positive value. */
GSRELAY_CHECKED int net_port_open(struct net_port *port, struct net_system *system, bool has_timer);

/* Nothing may be in flight any more. */
void net_port_close(struct net_port *port);

/* Lets completions of the socket's operations come to the port. Returns false with GetLastError().
 */
GSRELAY_CHECKED bool net_port_add(struct net_port *port, SOCKET socket);

/* Waits for completions, a wake, or about timeout_ns. Fills completed[] with the operations that
 * have ended, in the order of the port, and returns how many; or RESULT_OS when the port is broken.
 * It may return 0 early. Wakes are left for net_port_take_wake(). */
GSRELAY_CHECKED int net_port_wait(struct net_port *port, OVERLAPPED *completed[NET_PORT_BATCH],
                                  uint64_t timeout_ns);

/* Makes the current or the next wait return. From any thread. */
void net_port_wake(struct net_port *port);

/* Whether there was a wake since the last call. */
bool net_port_take_wake(struct net_port *port);

void net_port_set_precise(struct net_port *port, bool is_precise);

#endif
