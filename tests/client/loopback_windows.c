/* SPDX-License-Identifier: MIT */
#include "tests/client/loopback.h"

#include <stdlib.h>
#include <string.h>

#include <winsock2.h>
#include <ws2tcpip.h>

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address;

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

static void set_non_blocking(SOCKET socket)
{
    u_long on = 1;

    if (ioctlsocket(socket, (long)FIONBIO, &on) != 0)
        abort();
}

static socket_os open_bound(int type, uint16_t *port_out)
{
    struct sockaddr_in address = loopback(0);
    int size = sizeof(address);
    SOCKET handle = socket(AF_INET, type, 0);

    if (handle == INVALID_SOCKET ||
        bind(handle, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(handle, (struct sockaddr *)&address, &size) != 0)
        abort();
    set_non_blocking(handle);
    *port_out = ntohs(address.sin_port);
    return (socket_os)handle;
}

socket_os loopback_tcp_listen(uint16_t *port_out)
{
    socket_os socket = open_bound(SOCK_STREAM, port_out);

    if (listen((SOCKET)socket, 8) != 0)
        abort();
    return socket;
}

socket_os loopback_tcp_accept(socket_os listener)
{
    SOCKET accepted = accept((SOCKET)listener, NULL, NULL);

    if (accepted == INVALID_SOCKET)
        return SOCKET_OS_NONE;
    set_non_blocking(accepted);
    return (socket_os)accepted;
}

socket_os loopback_udp_open(uint16_t *port_out)
{
    return open_bound(SOCK_DGRAM, port_out);
}

int loopback_udp_receive(socket_os socket, void *out, size_t capacity, uint16_t *port_out)
{
    struct sockaddr_in from = loopback(0);
    int size = sizeof(from);
    int received =
        (int)recvfrom((SOCKET)socket, out, (int)capacity, 0, (struct sockaddr *)&from, &size);

    if (received >= 0)
        *port_out = ntohs(from.sin_port);
    return received < 0 ? -1 : received;
}

void loopback_udp_send(socket_os socket, uint16_t port, const void *bytes, size_t size)
{
    struct sockaddr_in to = loopback(port);

    (void)sendto((SOCKET)socket, bytes, (int)size, 0, (const struct sockaddr *)&to, sizeof(to));
}
