/* SPDX-License-Identifier: MIT */
/* clang-format off */
#include <winsock2.h>
#include <ws2tcpip.h>
/* clang-format on */
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/peer.h"

struct peer {
    SOCKET socket;
    bool has_finished;
};

/* The tests open no net before some of the peers; Winsock counts its users. */
static void start_winsock(void)
{
    static WSADATA data;

    (void)WSAStartup(MAKEWORD(2, 2), &data);
}

static int to_sockaddr(const struct addr *addr, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (addr->family == ADDR_FAMILY_IPV4) {
        struct sockaddr_in *const ipv4 = (struct sockaddr_in *)out;
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(addr->port);
        memcpy(&ipv4->sin_addr, addr->ip, 4);
        return (int)sizeof(*ipv4);
    }
    struct sockaddr_in6 *const ipv6 = (struct sockaddr_in6 *)out;
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(addr->port);
    memcpy(&ipv6->sin6_addr, addr->ip, 16);
    return (int)sizeof(*ipv6);
}

struct peer *peer_connect(struct addr to, bool small_buffers)
{
    struct sockaddr_storage address;
    const int size = to_sockaddr(&to, &address);
    const int small_bytes = 4096;
    u_long on = 1;

    start_winsock();
    const SOCKET socket_handle = socket(address.ss_family, SOCK_STREAM, 0);
    if (socket_handle == INVALID_SOCKET) {
        return NULL;
    }
    if (small_buffers) {
        (void)setsockopt(socket_handle, SOL_SOCKET, SO_RCVBUF, (const char *)&small_bytes,
                         sizeof(small_bytes));
    }
    struct peer *const peer = malloc(sizeof(*peer));
    if (peer == NULL || connect(socket_handle, (struct sockaddr *)&address, size) != 0 ||
        ioctlsocket(socket_handle, (long)FIONBIO, &on) != 0) {
        free(peer);
        (void)closesocket(socket_handle);
        return NULL;
    }
    *peer = (struct peer){.socket = socket_handle};
    return peer;
}

struct addr peer_address(const struct peer *peer)
{
    struct sockaddr_storage address;
    int size = (int)sizeof(address);

    memset(&address, 0, sizeof(address));
    if (getsockname(peer->socket, (struct sockaddr *)&address, &size) != 0) {
        return (struct addr){0};
    }
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *const ipv4 = (const struct sockaddr_in *)&address;
        struct addr addr = {.family = ADDR_FAMILY_IPV4, .port = ntohs(ipv4->sin_port)};
        memcpy(addr.ip, &ipv4->sin_addr, 4);
        return addr;
    }
    const struct sockaddr_in6 *const ipv6 = (const struct sockaddr_in6 *)&address;
    return addr_ipv6(ipv6->sin6_addr.s6_addr, ntohs(ipv6->sin6_port), ipv6->sin6_scope_id);
}

static int to_result(int count)
{
    if (count >= 0) {
        return count;
    }
    return WSAGetLastError() == WSAEWOULDBLOCK ? RESULT_AGAIN : RESULT_CLOSED;
}

int peer_send(struct peer *peer, const void *bytes, size_t size)
{
    return to_result(send(peer->socket, bytes, (int)size, 0));
}

/* Wine reads a reset as an end when no receive was posted before it came. Sending nothing tells
 * them apart, there and on Windows. */
static bool is_reset(const struct peer *peer)
{
    return !peer->has_finished && send(peer->socket, "", 0, 0) == SOCKET_ERROR &&
           WSAGetLastError() != WSAEWOULDBLOCK;
}

int peer_receive(struct peer *peer, void *bytes, size_t size)
{
    const int count = recv(peer->socket, bytes, (int)size, 0);

    return count == 0 && is_reset(peer) ? RESULT_CLOSED : to_result(count);
}

void peer_finish(struct peer *peer)
{
    (void)shutdown(peer->socket, SD_SEND);
    peer->has_finished = true;
}

void peer_reset(struct peer *peer)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (peer != NULL) {
        (void)setsockopt(peer->socket, SOL_SOCKET, SO_LINGER, (const char *)&at_once,
                         sizeof(at_once));
    }
    peer_close(peer);
}

void peer_close(struct peer *peer)
{
    if (peer != NULL) {
        (void)closesocket(peer->socket);
        free(peer);
    }
}
