/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_socket.h"

#include "tests/bench/io_models/io_system.h"

#include <string.h>

/* Room for a burst from all clients at once. The system may grant less. */
#define UDP_QUEUE_BYTES (4 * 1024 * 1024)

void io_close(SOCKET socket_handle)
{
    if (socket_handle != INVALID_SOCKET) {
        (void)closesocket(socket_handle);
    }
}

struct sockaddr_in io_loopback(uint16_t port)
{
    struct sockaddr_in address;

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static SOCKET bind_to_free_port(int type, uint16_t *port_out)
{
    struct sockaddr_in address = io_loopback(0);
    socklen_t size = sizeof(address);
    const SOCKET socket_handle = socket(AF_INET, type, 0);

    if (socket_handle == INVALID_SOCKET) {
        return INVALID_SOCKET;
    }
    if (io_system_prepare(socket_handle, type) != 0 ||
        bind(socket_handle, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(socket_handle, (struct sockaddr *)&address, &size) != 0) {
        (void)closesocket(socket_handle);
        return INVALID_SOCKET;
    }
    *port_out = ntohs(address.sin_port);
    return socket_handle;
}

SOCKET io_listen(uint16_t *port_out)
{
    const int on = 1;
    const SOCKET listener = bind_to_free_port(SOCK_STREAM, port_out);

    /* What is accepted has it from the listener. An echo of small pieces would otherwise wait for
     * the peer to acknowledge the piece before (Nagle), who waits too (delayed acknowledgement). */
    if (listener != INVALID_SOCKET) {
        (void)setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof(on));
    }
    if (listener != INVALID_SOCKET && listen(listener, SOMAXCONN) != 0) {
        (void)closesocket(listener);
        return INVALID_SOCKET;
    }
    return listener;
}

SOCKET io_bind_udp(uint16_t *port_out)
{
    const int queue_bytes = UDP_QUEUE_BYTES;
    const SOCKET udp = bind_to_free_port(SOCK_DGRAM, port_out);

    if (udp != INVALID_SOCKET) {
        (void)setsockopt(udp, SOL_SOCKET, SO_RCVBUF, (const char *)&queue_bytes,
                         sizeof(queue_bytes));
    }
    return udp;
}

bool io_set_nonblocking(SOCKET socket_handle)
{
    u_long on = 1;

    return ioctlsocket(socket_handle, (long)FIONBIO, &on) == 0;
}

void io_poke_tcp(uint16_t port)
{
    const struct sockaddr_in address = io_loopback(port);
    const SOCKET client = socket(AF_INET, SOCK_STREAM, 0);

    if (client != INVALID_SOCKET) {
        (void)connect(client, (const struct sockaddr *)&address, sizeof(address));
        (void)closesocket(client);
    }
}

void io_poke_udp(uint16_t port)
{
    const struct sockaddr_in address = io_loopback(port);
    const SOCKET client = socket(AF_INET, SOCK_DGRAM, 0);

    if (client != INVALID_SOCKET) {
        (void)sendto(client, "", 0, 0, (const struct sockaddr *)&address, sizeof(address));
        (void)closesocket(client);
    }
}
