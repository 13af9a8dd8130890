/* SPDX-License-Identifier: MIT */
#include "tests/os/os_raise.h"

#include <signal.h>
#include <unistd.h>

bool os_raise(enum os_request request)
{
    return kill(getpid(), request == OS_REQUEST_COUNTERS ? SIGUSR2 : SIGTERM) == 0;
}
