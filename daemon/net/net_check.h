/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_CHECK_H
#define GSRELAY_DAEMON_NET_NET_CHECK_H

/* net_check.h - what an open refuses before it asks the system, in the same words on every backend.
 *
 * Private to the backends. Pure functions: any thread, no memory. */

#include "daemon/net/net_tcp.h"
#include "daemon/net/net_udp.h"

/* NULL when the options are as their contract says, else a static sentence that says what is not.
 * The addresses are not looked at. */
const char *net_check_udp(const struct net_udp_options *options);
const char *net_check_tcp(const struct net_tcp_options *options);

/* The same of the listen addresses; *culprit_out is the one at fault, or NULL. */
const char *net_check_addresses(const struct addr addresses[], uint32_t count,
                                const struct addr **culprit_out);

#endif
