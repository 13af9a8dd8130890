/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_IO_MODELS_WINSOCK_NAMES_H
#define GSRELAY_TESTS_BENCH_IO_MODELS_WINSOCK_NAMES_H

/* winsock_names.h - Winsock, as Windows has it. linux/winsock_names.h is the other one.
 *
 * FD_SETSIZE is deliberately left alone, at 64: select.c shows how that limit is met. */

/* clang-format off */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <mswsock.h>
/* clang-format on */

#endif
