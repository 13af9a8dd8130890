/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_client_parts.h"

#include "tests/net/process_windows.h"

int client_system_set_timeout(SOCKET socket_handle, uint32_t timeout_ms)
{
    const DWORD timeout = timeout_ms;

    return setsockopt(socket_handle, SOL_SOCKET, SO_RCVTIMEO, (const char *)&timeout,
                      sizeof(timeout));
}

SOCKET client_system_move_away(SOCKET socket_handle)
{
    return socket_handle;
}

uint64_t client_system_handles(void)
{
    return process_highest_handle();
}

int client_system_check_heaps(void)
{
    return process_check_heaps(NULL);
}
