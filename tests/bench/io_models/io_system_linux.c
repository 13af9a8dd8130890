/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_system.h"

#include "daemon/os/os.h"
#include "tests/bench/io_models/io_socket.h"

/* Five hundred connections have two ends each when clients and server are one process. */
#define FILES_WANTED 8192

int io_sockets_start(void)
{
    return os_file_limit_raise(FILES_WANTED) > 0 ? 0 : -1;
}

void io_sockets_stop(void)
{
}

int io_system_prepare(SOCKET socket_handle, int type)
{
    (void)socket_handle;
    (void)type;
    return 0;
}

void io_interrupt(SOCKET socket_handle)
{
    (void)shutdown(socket_handle, SD_BOTH);
}

bool io_fits_fd_set(SOCKET socket_handle)
{
    return socket_handle < FD_SETSIZE;
}
