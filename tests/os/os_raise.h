/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_OS_OS_RAISE_H
#define GSRELAY_TESTS_OS_OS_RAISE_H

/* os_raise.h - for tests: brings a request into this process the way the system would. */

#include <stdbool.h>

#include "daemon/os/os.h"

/* Sends the signal (Linux) or the console event (Windows) that stands for the request. False where
 * this system has none, or where there is no console to send it to. */
bool os_raise(enum os_request request);

#endif
