/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_IO_MODELS_ACCEPT_EX_WINDOWS_H
#define GSRELAY_TESTS_BENCH_IO_MODELS_ACCEPT_EX_WINDOWS_H

/* accept_ex_windows.h - AcceptEx: an accept that is an overlapped operation.
 *
 * Threads: one operation belongs to one thread at a time. Memory: the caller's; the struct and the
 * OVERLAPPED are the system's while an accept is in flight. */

#include "winsock_names.h"

#include <stdbool.h>

struct accept_ex {
    SOCKET listener;
    SOCKET newcomer; /* Made before anybody comes; INVALID_SOCKET when none is waiting. */
    LPFN_ACCEPTEX call;
    /* AcceptEx wants 16 bytes more than an address for each of the two. */
    char addresses[2 * (sizeof(struct sockaddr_in) + 16)];
};

/* Finds AcceptEx: it belongs to the socket's provider and not to Winsock itself. */
bool accept_ex_init(struct accept_ex *accept, SOCKET listener);

/* Posts. False with WSAGetLastError() when nothing is in flight; true also if it is done at once.
 */
bool accept_ex_post(struct accept_ex *accept, OVERLAPPED *overlapped);

/* The accepted socket, after the operation has succeeded; INVALID_SOCKET if it is of no use. */
SOCKET accept_ex_take(struct accept_ex *accept);

/* After it failed or was cancelled. */
void accept_ex_drop(struct accept_ex *accept);

#endif
