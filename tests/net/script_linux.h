/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_NET_SCRIPT_LINUX_H
#define GSRELAY_TESTS_NET_SCRIPT_LINUX_H

/* script_linux.h - the real system, but misbehaving as told.
 *
 * Every call goes to the kernel unless a fault is due for it. The clock is the script's own: it
 * moves by what the waits were asked to wait, so that nothing here takes time. Sockets are counted.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/net/net_system_linux.h"

enum call {
    CALL_SOCKET,
    CALL_BIND,
    CALL_LISTEN,
    CALL_SETSOCKOPT,
    CALL_RECVMMSG,
    CALL_SENDMMSG,
    CALL_ACCEPT,
    CALL_RECV,
    CALL_SENDMSG,
    CALL_SHUTDOWN,
    CALL_EPOLL_ADD,
    CALL_EPOLL_MOD,
    CALL_EPOLL_DEL,
    CALL_PWAIT2,
    CALL_WAIT,
    CALL_COUNT
};

/* The next `skip` calls go through, then `times` calls fail with `error` (0: they return 0). */
struct fault {
    unsigned skip;
    unsigned times;
    int error;
};

struct script {
    struct net_system system; /* First: the backend's pointer is ours. */
    uint64_t now_ns;
    int open_sockets;
    unsigned calls[CALL_COUNT];
    struct fault faults[CALL_COUNT];
    unsigned chunk; /* Messages or bytes that a send takes at most; 0: all. */
    uint64_t last_timeout_ns;
    int last_timeout_ms;
    uint64_t interrupted_after_ns; /* How far the clock is when a wait is interrupted. */
    bool lacks_segments; /* A kernel before 4.18: it would send all segments as one datagram. */
};

void script_init(struct script *script);
void script_fail(struct script *script, enum call call, unsigned skip, unsigned times, int error);

#endif
