/* SPDX-License-Identifier: MIT */
#include "tests/client/loopback.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address;

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

static void set_non_blocking(int socket)
{
    if (fcntl(socket, F_SETFL, O_NONBLOCK) != 0)
        abort();
}

static socket_os open_bound(int type, uint16_t *port_out)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    int handle = socket(AF_INET, type, 0);

    if (handle == -1 || bind(handle, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(handle, (struct sockaddr *)&address, &size) != 0)
        abort();
    set_non_blocking(handle);
    *port_out = ntohs(address.sin_port);
    return (socket_os)handle;
}

socket_os loopback_tcp_listen(uint16_t *port_out)
{
    socket_os socket = open_bound(SOCK_STREAM, port_out);

    if (listen((int)socket, 8) != 0)
        abort();
    return socket;
}

socket_os loopback_tcp_accept(socket_os listener)
{
    int accepted = accept((int)listener, NULL, NULL);

    if (accepted == -1)
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
    socklen_t size = sizeof(from);
    int received = (int)recvfrom((int)socket, out, capacity, 0, (struct sockaddr *)&from, &size);

    if (received >= 0)
        *port_out = ntohs(from.sin_port);
    return received < 0 ? -1 : received;
}

void loopback_udp_send(socket_os socket, uint16_t port, const void *bytes, size_t size)
{
    struct sockaddr_in to = loopback(port);

    (void)!sendto((int)socket, bytes, size, 0, (const struct sockaddr *)&to, sizeof(to));
}
