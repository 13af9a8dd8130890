/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_system.h"

#include "tests/bench/io_models/io_socket.h"

int io_sockets_start(void)
{
    WSADATA found;

    return WSAStartup(MAKEWORD(2, 2), &found) == 0 ? 0 : -1;
}

void io_sockets_stop(void)
{
    (void)WSACleanup();
}

int io_system_prepare(SOCKET socket_handle, int type)
{
    const BOOL on = TRUE;
    BOOL off = FALSE;
    DWORD size = 0;

    /* Without it any program may bind the same port with SO_REUSEADDR and take our clients. */
    if (setsockopt(socket_handle, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&on, sizeof(on)) !=
        0) {
        return -1;
    }
    /* A client that has gone would make the next receive fail, whoever's datagram that brings. */
    if (type == SOCK_DGRAM && WSAIoctl(socket_handle, (DWORD)SIO_UDP_CONNRESET, &off, sizeof(off),
                                       NULL, 0, &size, NULL, NULL) != 0) {
        return -1;
    }
    return 0;
}

void io_interrupt(SOCKET socket_handle)
{
    /* The first makes later calls fail, the second those that are waiting: in this order, so that
     * none slips through between. */
    (void)shutdown(socket_handle, SD_BOTH);
    (void)CancelIoEx((HANDLE)socket_handle, NULL);
}

bool io_fits_fd_set(SOCKET socket_handle)
{
    /* A set of Windows is a list of up to 64 handles, whatever their numbers are. */
    (void)socket_handle;
    return true;
}
