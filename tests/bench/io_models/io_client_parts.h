/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_IO_MODELS_IO_CLIENT_PARTS_H
#define GSRELAY_TESTS_BENCH_IO_MODELS_IO_CLIENT_PARTS_H

/* io_client_parts.h - what io_client.c needs and each system does in its own way.
 *
 * Private to the tests. Threads: one. Memory: none. */

#include "winsock_names.h"

#include <stdint.h>

/* Sets SO_RCVTIMEO, which takes another type on each system. Returns 0 or -1. */
int client_system_set_timeout(SOCKET socket_handle, uint32_t timeout_ms);

/* Leaves the low numbers to the server in the same process, whose fd_set on Linux has none above
 * 1023. Returns the socket to be used from now on. */
SOCKET client_system_move_away(SOCKET socket_handle);

/* A number that grows when sockets or handles of this process leak. */
uint64_t client_system_handles(void);

/* 0 if no heap is damaged, as far as the system can tell. */
int client_system_check_heaps(void);

#endif
