/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_WORKER_SETTINGS_H
#define GSRELAY_DAEMON_WORKER_SETTINGS_H

#include "config/config.h"
#include "daemon/core/core.h"
#include "daemon/net/net_udp.h"

/* worker_settings.h - relay.ini in the terms of core and of net_udp, which know no configuration.
 *
 * Threads: any. Memory: none. */

/* What bounds one worker. Each worker could come to hold every room, so each is sized for all. */
void worker_settings_limits(const struct relay_config *config, struct relay_limits *out);

/* Opens the sockets of worker `index` on udp.port + index, or on a free port where udp.port is 0.
 */
GSRELAY_CHECKED int worker_settings_open_udp(const struct relay_config *config, unsigned index,
                                             struct net_udp **out, struct net_failure *failure_out);

#endif
