/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_NET_PROCESS_WINDOWS_H
#define GSRELAY_TESTS_NET_PROCESS_WINDOWS_H

/* process_windows.h - whether this process leaked handles or damaged its heaps.
 *
 * Threads: the test's only one. Memory: none. */

#include <stdint.h>

/* The highest number among some new handles, closed again. Wine's GetProcessHandleCount() is always
 * 0, but both systems give freed numbers out again, four by four, so that a leak pushes new handles
 * upwards; some of them, as low numbers may be free beside many that leaked. */
uintptr_t process_highest_handle(void);

/* Validates every heap; returns 0 if all are sound. Wine looks closely only with the debug channel
 * heap (WINEDEBUG=-all,warn+heap,err+heap). Also a group's teardown, which is why it takes state.
 */
int process_check_heaps(void **state);

#endif
