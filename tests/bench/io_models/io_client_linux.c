/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_client_parts.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/time.h>

#define FIRST_CLIENT_NUMBER 1100

int client_system_set_timeout(SOCKET socket_handle, uint32_t timeout_ms)
{
    const struct timeval timeout = {.tv_sec = (time_t)(timeout_ms / 1000),
                                    .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};

    return setsockopt(socket_handle, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

SOCKET client_system_move_away(SOCKET socket_handle)
{
    const SOCKET moved = fcntl(socket_handle, F_DUPFD_CLOEXEC, FIRST_CLIENT_NUMBER);

    if (moved < 0) {
        return socket_handle;
    }
    (void)close(socket_handle);
    return moved;
}

uint64_t client_system_handles(void)
{
    uint64_t count = 0;
    DIR *const files = opendir("/proc/self/fd");

    while (files != NULL && readdir(files) != NULL) {
        count++;
    }
    if (files != NULL) {
        (void)closedir(files);
    }
    return count;
}

int client_system_check_heaps(void)
{
    /* The sanitizers' builds of this test look closer than anything could from here. */
    return 0;
}
