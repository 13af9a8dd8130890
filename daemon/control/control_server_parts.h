/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_CONTROL_SERVER_PARTS_H
#define GSRELAY_CONTROL_CONTROL_SERVER_PARTS_H

#include "config/config.h"
#include "daemon/control/control.h"
#include "daemon/link.h"
#include "daemon/log/log.h"
#include "daemon/net/net_tcp.h"

/* control_server_parts.h - what the control thread is made of besides its loop: relay.ini in the
 * terms of struct control and of net_tcp, log records as lines, counters as lines.
 *
 * Threads: the control thread. Memory: none. */

/* The limits of the control channel. The ports of the workers are filled in by the caller. */
void control_server_limits(const struct relay_config *config, uint32_t rooms_per_worker,
                           struct control_limits *out);

/* The sockets; `addresses` has room for CONFIG_LISTEN_MAX and must outlive the options. */
void control_server_sockets(const struct relay_config *config, struct addr addresses[],
                            struct net_tcp_options *out);

/* Writes what struct control has to say. */
void control_server_log_all(struct log *log, struct control *control);

/* Writes the options that the system granted to the listeners. */
void control_server_log_granted(struct log *log, const struct net_tcp *net);

/* evt=counters lines: scope=worker, scope=udp; scope=control, scope=tcp, scope=log. */
void control_server_log_worker(struct log *log, unsigned worker,
                               const struct link_snapshot *snapshot);
void control_server_log_control(struct log *log, const struct control *control,
                                const struct net_tcp *net);

#endif
