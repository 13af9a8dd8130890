/* SPDX-License-Identifier: MIT */
#include "client/socket_os.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int socket_os_start(int *error_out)
{
    *error_out = 0;
    return 0;
}

void socket_os_stop(void)
{
}

uint64_t socket_os_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static socklen_t to_sockaddr(const struct addr *addr, struct sockaddr_storage *out)
{
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof(*out));
    if (addr->family == ADDR_FAMILY_IPV4) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(addr->port);
        memcpy(&ipv4->sin_addr, addr->ip, 4);
        return sizeof(*ipv4);
    }
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(addr->port);
    ipv6->sin6_scope_id = addr->scope_id;
    memcpy(&ipv6->sin6_addr, addr->ip, 16);
    return sizeof(*ipv6);
}

static bool from_sockaddr(const struct sockaddr *from, struct addr *out)
{
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)from;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)from;

    if (from->sa_family == AF_INET) {
        const uint8_t *ip = (const uint8_t *)&ipv4->sin_addr;

        *out = addr_ipv4(ip[0], ip[1], ip[2], ip[3], ntohs(ipv4->sin_port));
        return true;
    }
    if (from->sa_family == AF_INET6) {
        *out = addr_ipv6((const uint8_t *)&ipv6->sin6_addr, ntohs(ipv6->sin6_port),
                         ipv6->sin6_scope_id);
        return true;
    }
    return false;
}

size_t socket_os_resolve(const char *host, uint16_t port, struct addr *out, size_t capacity,
                         char text_out[SOCKET_OS_TEXT_SIZE])
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    size_t count = 0;
    char service[8];
    int error;

    snprintf(service, sizeof(service), "%u", (unsigned)port);
    error = getaddrinfo(host, service, &hints, &found);
    if (error != 0) {
        snprintf(text_out, SOCKET_OS_TEXT_SIZE, "%s", gai_strerror(error));
        return 0;
    }
    for (const struct addrinfo *at = found; at != NULL && count < capacity; at = at->ai_next)
        count += from_sockaddr(at->ai_addr, &out[count]);
    freeaddrinfo(found);
    if (count == 0)
        snprintf(text_out, SOCKET_OS_TEXT_SIZE, "the name has no IP address");
    return count;
}

static socket_os open_socket(const struct addr *peer, int type, int *error_out)
{
    struct sockaddr_storage address;
    socklen_t size = to_sockaddr(peer, &address);
    int on = 1;
    int fd = socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        *error_out = errno;
        return SOCKET_OS_NONE;
    }
    if (type == SOCK_STREAM)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (const struct sockaddr *)&address, size) < 0 && errno != EINPROGRESS) {
        *error_out = errno;
        close(fd);
        return SOCKET_OS_NONE;
    }
    return fd;
}

socket_os socket_os_tcp_open(const struct addr *peer, int *error_out)
{
    return open_socket(peer, SOCK_STREAM, error_out);
}

socket_os socket_os_udp_open(const struct addr *peer, int *error_out)
{
    return open_socket(peer, SOCK_DGRAM, error_out);
}

int socket_os_tcp_result(socket_os socket)
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (getsockopt((int)socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return errno;
    return error;
}

void socket_os_close(socket_os socket)
{
    close((int)socket);
}

/* An ICMP answer to an earlier datagram comes up here (ECONNREFUSED: the relay is restarting); it
 * is no fault of the socket. */
static int outcome(int *error_out)
{
    *error_out = errno;
    if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
        return SOCKET_OS_AGAIN;
    if (errno == ECONNREFUSED || errno == EMSGSIZE)
        return SOCKET_OS_PASS;
    return SOCKET_OS_FAILED;
}

int socket_os_send(socket_os socket, const void *bytes, size_t size, int *error_out)
{
    ssize_t sent = send((int)socket, bytes, size, MSG_NOSIGNAL);

    return sent < 0 ? outcome(error_out) : (int)sent;
}

int socket_os_receive(socket_os socket, void *out, size_t capacity, int *error_out)
{
    ssize_t received = recv((int)socket, out, capacity, 0);

    return received < 0 ? outcome(error_out) : (int)received;
}

void socket_os_wait(struct socket_os_wait *wait, uint64_t timeout_ns)
{
    struct pollfd fds[2] = {{.fd = (int)wait->tcp}, {.fd = (int)wait->udp, .events = POLLIN}};
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / UINT64_C(1000000000)),
                               .tv_nsec = (long)(timeout_ns % UINT64_C(1000000000))};

    if (wait->wants_tcp_input)
        fds[0].events |= POLLIN;
    if (wait->wants_tcp_output)
        fds[0].events |= POLLOUT;
    /* A connection that nothing is wanted of would report its end over and over. */
    if (fds[0].events == 0)
        fds[0].fd = -1;
    if (ppoll(fds, 2, &timeout, NULL) <= 0) {
        fds[0].revents = 0;
        fds[1].revents = 0;
    }
    wait->is_tcp_readable = (fds[0].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
    wait->is_tcp_writable = (fds[0].revents & (POLLOUT | POLLERR | POLLHUP)) != 0;
    wait->is_udp_readable = fds[1].revents != 0;
}

const char *socket_os_error_text(int error, char out[SOCKET_OS_TEXT_SIZE])
{
    char text[SOCKET_OS_TEXT_SIZE];

    snprintf(out, SOCKET_OS_TEXT_SIZE, "%s", strerror_r(error, text, sizeof(text)));
    return out;
}
