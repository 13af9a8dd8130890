/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_IO_MODELS_IO_SYSTEM_H
#define GSRELAY_TESTS_BENCH_IO_MODELS_IO_SYSTEM_H

/* io_system.h - the part of io_socket.h that each system does in its own way.
 *
 * Private to io_socket.c. Threads: any. Memory: none. */

#include "winsock_names.h"

/* Sets what a new socket of that type (SOCK_STREAM, SOCK_DGRAM) must have before it is bound.
 * Returns 0 or -1. */
int io_system_prepare(SOCKET socket_handle, int type);

#endif
