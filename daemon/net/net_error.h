/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_ERROR_H
#define GSRELAY_DAEMON_NET_NET_ERROR_H

/* net_error.h - what an error of the operating system means to us.
 *
 * Pure functions over numbers: the tables of both systems are compiled everywhere, so that the
 * Windows one is tested on Linux and the other way round. The backends translate here and nowhere
 * else; they pass their own system's number (errno; WSAGetLastError() or a Win32 code).
 * Threads: any. Memory: none. */

#include <stdint.h>

enum net_error_class {
    NET_ERROR_NONE,      /* 0. */
    NET_ERROR_RETRY,     /* Interrupted: call again at once. */
    NET_ERROR_AGAIN,     /* Would block, or has been posted: wait for readiness. */
    NET_ERROR_DROP_ONE,  /* This datagram's own fault: too long, truncated, bad destination. */
    NET_ERROR_PEER_GONE, /* This peer or its path: refused, reset, no route, timed out. */
    NET_ERROR_CLOSING,   /* The operation was cancelled or its socket is being closed. */
    NET_ERROR_RESOURCE,  /* Memory, buffers or handles are short at this moment. */
    NET_ERROR_FATAL      /* Anything else: a broken call or socket. */
};

enum net_error_class net_error_class_linux(int64_t error);
enum net_error_class net_error_class_windows(int64_t error);

/* The enum result that goes with the number; RESULT_OS where there is no better word. */
int net_error_result_linux(int64_t error);
int net_error_result_windows(int64_t error);

/* The name of the class, for logs and tests. */
const char *net_error_class_name(enum net_error_class error_class);

#endif
