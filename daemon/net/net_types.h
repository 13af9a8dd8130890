/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_TYPES_H
#define GSRELAY_DAEMON_NET_NET_TYPES_H

/* net_types.h - what net_udp.h and net_tcp.h have in common.
 *
 * Values only: no platform type, no socket, no function that calls the system. */

#include <stdbool.h>
#include <stdint.h>

#include "proto/addr.h"
#include "proto/result.h"

#define NET_ADDRESSES_MAX    8          /* Listen addresses of one net_udp or net_tcp. */
#define NET_DATAGRAM_MAX     65507      /* Payload bytes of the largest UDP datagram over IPv4. */
#define NET_WAIT_FOREVER     UINT64_MAX /* As timeout_ns: until something happens. */
#define NET_FAILURE_TEXT_MAX 160        /* Bytes of net_failure.text, with its NUL. */
#define NET_SETTING_DEFAULT  (-1) /* As the value of an option: leave it as the system has it. */

/* The calls to the operating system that a backend makes, as a table that tests replace in part.
 * Each backend defines its own in net_system_<os>.h; the fake's is its network (net_fake.h). */
struct net_system;

/* Why something could not be opened, in enough detail for a sentence that names the thing. */
struct net_failure {
    int result;          /* enum result; RESULT_IN_USE, RESULT_UNREACHABLE, ... */
    const char *step;    /* Static text: "bind", "listen", "set recv_buffer". Never NULL. */
    struct addr address; /* The address at fault; family 0 if none is. */
    int64_t os_error;    /* The system's number, 0 where our own check refused. */
    char text[NET_FAILURE_TEXT_MAX]; /* The system's words, or ours; NUL-terminated, one line. */
};

/* One socket option: what was asked for and what the system then said it has. */
struct net_granted {
    const char *name; /* Static text, the key of relay.ini: "recv_buffer", "ttl", "no_delay". */
    uint32_t socket_index; /* The listen address that it belongs to. */
    int64_t asked;         /* In the unit of the option. */
    int64_t granted;       /* Read back; NET_SETTING_DEFAULT where that failed. */
    int64_t os_error;      /* Why setting or reading failed; 0 if neither did. */
};

#endif
