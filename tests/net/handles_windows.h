/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_NET_HANDLES_WINDOWS_H
#define GSRELAY_TESTS_NET_HANDLES_WINDOWS_H

/* handles_windows.h - whether handles leak, where the system does not say how many there are.
 *
 * Threads: the test's only one. Memory: none. */

#include <stdint.h>

/* The highest number among some new handles, closed again. Wine's GetProcessHandleCount() is always
 * 0, but both systems give freed numbers out again, four by four, so that a leak pushes new handles
 * upwards; some of them, as low numbers may be free beside many that leaked. */
uintptr_t handles_highest(void);

#endif
