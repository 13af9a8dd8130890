/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/conformance/peer.h"

struct peer {
    int fd;
};

static socklen_t to_sockaddr(const struct addr *addr, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (addr->family == ADDR_FAMILY_IPV4) {
        struct sockaddr_in *const ipv4 = (struct sockaddr_in *)out;
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(addr->port);
        memcpy(&ipv4->sin_addr, addr->ip, 4);
        return sizeof(*ipv4);
    }
    struct sockaddr_in6 *const ipv6 = (struct sockaddr_in6 *)out;
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(addr->port);
    memcpy(&ipv6->sin6_addr, addr->ip, 16);
    return sizeof(*ipv6);
}

struct peer *peer_connect(struct addr to, bool small_buffers)
{
    struct sockaddr_storage address;
    const socklen_t size = to_sockaddr(&to, &address);
    const int small = 4096;

    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return NULL;
    }
    if (small_buffers) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    }
    struct peer *const peer = malloc(sizeof(*peer));
    if (peer == NULL || connect(fd, (struct sockaddr *)&address, size) != 0) {
        free(peer);
        (void)close(fd);
        return NULL;
    }
    peer->fd = fd;
    return peer;
}

struct addr peer_address(const struct peer *peer)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);

    if (getsockname(peer->fd, (struct sockaddr *)&address, &size) != 0) {
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

static int to_result(ssize_t count)
{
    if (count >= 0) {
        return (int)count;
    }
    return errno == EAGAIN || errno == EINTR ? RESULT_AGAIN : RESULT_CLOSED;
}

int peer_send(struct peer *peer, const void *bytes, size_t size)
{
    return to_result(send(peer->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int peer_receive(struct peer *peer, void *bytes, size_t size)
{
    return to_result(recv(peer->fd, bytes, size, MSG_DONTWAIT));
}

void peer_finish(struct peer *peer)
{
    (void)shutdown(peer->fd, SHUT_WR);
}

void peer_reset(struct peer *peer)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (peer != NULL) {
        (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    peer_close(peer);
}

void peer_close(struct peer *peer)
{
    if (peer != NULL) {
        (void)close(peer->fd);
        free(peer);
    }
}
