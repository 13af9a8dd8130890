/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_CONFORMANCE_PEER_H
#define GSRELAY_TESTS_CONFORMANCE_PEER_H

/* peer.h - the other end of a connection, for the conformance tests of net_tcp.h.
 *
 * peer_socket_<os>.c uses the system's sockets, peer_fake.c the network in memory. Nothing blocks
 * but connecting, which ends at once on loopback. Threads: one. Memory: allocated per peer. */

#include <stddef.h>

#include "proto/addr.h"
#include "proto/result.h"

struct peer;

/* Connects; NULL when it is refused. small_buffers asks for the smallest receive buffer, so that a
 * peer that does not read soon stops the other side. */
struct peer *peer_connect(struct addr to, bool small_buffers);

/* Where the peer's end is bound. */
struct addr peer_address(const struct peer *peer);

/* The count taken, RESULT_AGAIN, or RESULT_CLOSED after a reset. */
int peer_send(struct peer *peer, const void *bytes, size_t size);

/* The count read, 0 at the end, RESULT_AGAIN, or RESULT_CLOSED after a reset. */
int peer_receive(struct peer *peer, void *bytes, size_t size);

/* Ends the peer's direction. */
void peer_finish(struct peer *peer);

/* Closes with a reset, or in order; both free the peer. NULL is nothing. */
void peer_reset(struct peer *peer);
void peer_close(struct peer *peer);

#endif
