/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_CLIENT_LOOPBACK_H
#define GSRELAY_TESTS_CLIENT_LOOPBACK_H

/* loopback.h - the relay's side of real sockets on 127.0.0.1, for tests of the socket layer.
 *
 * Everything is non-blocking; a call that finds nothing returns SOCKET_OS_NONE or -1.
 * Threads: one. Memory: none. */

#include <stddef.h>
#include <stdint.h>

#include "client/socket_os.h"

/* A free port of 127.0.0.1 goes to port_out. */
socket_os loopback_tcp_listen(uint16_t *port_out);
socket_os loopback_tcp_accept(socket_os listener);
socket_os loopback_udp_open(uint16_t *port_out);

/* Returns the size and whom it came from, or -1. */
int loopback_udp_receive(socket_os socket, void *out, size_t capacity, uint16_t *port_out);
void loopback_udp_send(socket_os socket, uint16_t port, const void *bytes, size_t size);

#endif
