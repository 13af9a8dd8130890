/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_NET_UDP_SCRIPT_WINDOWS_H
#define GSRELAY_TESTS_NET_UDP_SCRIPT_WINDOWS_H

/* udp_script_windows.h - a Windows that misbehaves as the test says, under the real net_udp.
 *
 * Calls that are not told to fail go to the real system. Time is the script's own: a wait that
 * finds nothing moves its clock and returns at once. What must hold always is asserted inside. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/net/net_udp_windows.h"
#include "tests/net/fault.h"

#define STEP_NS UINT64_C(1000000)

/* What the script's system makes of a send of several datagrams. */
enum cutting {
    CUT_AS_REAL, /* What the real system does. */
    CUT_AS_TOLD, /* The datagrams, as Windows 10 2004 has it. */
    CUT_NOT,     /* Takes everything, and sends one long datagram. */
    CUT_AWAY,    /* Takes everything, and sends nothing. */
};

struct script {
    struct net_system system; /* First: the backend passes it back to us. */
    uint64_t now_ns;
    uint64_t waited_ns; /* Sum of the time-outs that ran out. */
    struct fault post;
    struct fault receive;
    struct fault send;
    struct fault send_message;
    enum cutting cutting;
    unsigned messages;    /* Calls of send_message. */
    struct fault wake_up; /* A completion that ends badly. */
    struct fault associate;
    struct fault ioctl;
    struct fault bind;
    struct fault wake;
    bool is_random;
    uint64_t seed;
    bool lacks_timer;
    int period_depth;
    int period_calls;
    int open_sockets;
    int posted;    /* Overlapped receives in flight, as the system sees it. */
    int cancelled; /* Calls of cancel. */
};

struct script make_script(void);

#endif
