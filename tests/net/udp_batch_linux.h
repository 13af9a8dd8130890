/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_NET_UDP_BATCH_LINUX_H
#define GSRELAY_TESTS_NET_UDP_BATCH_LINUX_H

/* udp_batch_linux.h - batches of numbered datagrams on a scripted system. */

#include "tests/net/script_linux.h"

#include "daemon/net/net_udp.h"

/* Datagrams of up to 100 bytes, on the script's system. */
struct net_udp_options udp_batch_options(struct script *script, const struct addr addresses[],
                                         uint32_t count);

/* Closes, and no socket is left. */
void udp_batch_close(struct script *script, struct net_udp *net);
struct net_udp_counters udp_batch_counters(struct net_udp *net);

/* Each datagram is its number; even ones by socket 0 to itself, all if is_one_socket. */
void udp_batch_prepare(const struct net_udp *net, uint32_t numbers[], struct net_outgoing batch[],
                       unsigned count, bool is_one_socket);

/* Receives until all numbers are there whose result is OK, in order, and nothing else. */
void udp_batch_expect(struct net_udp *net, const struct net_outgoing batch[], unsigned count);

#endif
