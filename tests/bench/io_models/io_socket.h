/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_IO_MODELS_IO_SOCKET_H
#define GSRELAY_TESTS_BENCH_IO_MODELS_IO_SOCKET_H

/* io_socket.h - what all models do with sockets before they differ.
 *
 * Threads: any. Memory: none. */

#include "winsock_names.h"

#include <stdbool.h>
#include <stdint.h>

/* Starts Winsock and raises the limit of open files, where there are such things. 0 or -1. Each
 * success is answered by one io_sockets_stop(). */
int io_sockets_start(void);
void io_sockets_stop(void);

/* A socket on a free port of 127.0.0.1, listening or ready to receive; INVALID_SOCKET on failure.
 * Both block, as every new socket does. */
SOCKET io_listen(uint16_t *port_out);
SOCKET io_bind_udp(uint16_t *port_out);

/* Closes a socket that is open; INVALID_SOCKET is nothing. */
void io_close(SOCKET socket_handle);

struct sockaddr_in io_loopback(uint16_t port);

/* From here on a call that would have to wait fails with WSAEWOULDBLOCK instead. */
bool io_set_nonblocking(SOCKET socket_handle);

/* Wakes a thread that waits on the listener or the datagram socket, by being its next client: the
 * one way that works the same everywhere. Closing a socket under a thread that uses it is not: the
 * number may belong to another socket before the thread looks again. */
void io_poke_tcp(uint16_t port);
void io_poke_udp(uint16_t port);

/* Makes the blocking calls on a connection fail, those that wait and those to come; the socket
 * stays open. */
void io_interrupt(SOCKET socket_handle);

/* Whether the socket fits into an fd_set, which on Linux is a set of numbers below 1024. */
bool io_fits_fd_set(SOCKET socket_handle);

#endif
