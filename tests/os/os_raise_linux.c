/* SPDX-License-Identifier: MIT */
#include "tests/os/os_raise.h"

#include <signal.h>
#include <unistd.h>

bool os_raise(enum os_request request)
{
    switch (request) {
    case OS_REQUEST_STOP:
    case OS_REQUEST_HURRY:
        return kill(getpid(), SIGTERM) == 0;
    case OS_REQUEST_COUNTERS:
        return kill(getpid(), SIGUSR2) == 0;
    case OS_REQUEST_RELOAD:
        return kill(getpid(), SIGHUP) == 0;
    case OS_REQUEST_REOPEN_LOG:
        return kill(getpid(), SIGUSR1) == 0;
    case OS_REQUEST_DRAIN:
        return kill(getpid(), SIGQUIT) == 0;
    }
    return false;
}
