/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_WORKER_SETTINGS_H
#define GSRELAY_DAEMON_WORKER_SETTINGS_H

#include "config/config.h"
#include "daemon/core/core.h"
#include "daemon/net/net_udp.h"

/* worker_settings.h - relay.ini in the terms of core and of net_udp, which know no configuration.
 *
 * Threads: any. Memory: none. */

/* What bounds one worker. A room goes to the worker with the fewest, so no worker ever has more
 * than its share of rooms; all clients could still be in the rooms of one worker, so each has slots
 * for all. Cells are shared out: they are most of the memory, and few members use all of their
 * streams. */
void worker_settings_limits(const struct relay_config *config, struct relay_limits *out);

/* Opens the sockets of worker `index` on udp.port + index, or on a free port where udp.port is 0.
 */
GSRELAY_CHECKED int worker_settings_open_udp(const struct relay_config *config, unsigned index,
                                             struct net_udp **out, struct net_failure *failure_out);

#endif
