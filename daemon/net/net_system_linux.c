/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_system_linux.h"

#include <unistd.h>

static uint64_t real_now_ns(struct net_system *system)
{
    struct timespec now = {0};

    (void)system;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static int real_socket(struct net_system *system, int domain, int type, int protocol)
{
    (void)system;
    return socket(domain, type, protocol);
}

static int real_bind(struct net_system *system, int fd, const struct sockaddr *address,
                     socklen_t size)
{
    (void)system;
    return bind(fd, address, size);
}

static int real_listen(struct net_system *system, int fd, int backlog)
{
    (void)system;
    return listen(fd, backlog);
}

static int real_connect(struct net_system *system, int fd, const struct sockaddr *address,
                        socklen_t size)
{
    (void)system;
    return connect(fd, address, size);
}

static int real_setsockopt(struct net_system *system, int fd, int level, int name,
                           const void *value, socklen_t size)
{
    (void)system;
    return setsockopt(fd, level, name, value, size);
}

static int real_getsockopt(struct net_system *system, int fd, int level, int name, void *value,
                           socklen_t *size)
{
    (void)system;
    return getsockopt(fd, level, name, value, size);
}

static int real_recvmmsg(struct net_system *system, int fd, struct mmsghdr *messages,
                         unsigned count, int flags)
{
    (void)system;
    return recvmmsg(fd, messages, count, flags, NULL);
}

static int real_sendmmsg(struct net_system *system, int fd, struct mmsghdr *messages,
                         unsigned count, int flags)
{
    (void)system;
    return sendmmsg(fd, messages, count, flags);
}

static int real_accept4(struct net_system *system, int fd, struct sockaddr *address,
                        socklen_t *size, int flags)
{
    (void)system;
    return accept4(fd, address, size, flags);
}

static ssize_t real_recv(struct net_system *system, int fd, void *bytes, size_t size, int flags)
{
    (void)system;
    return recv(fd, bytes, size, flags);
}

static ssize_t real_sendmsg(struct net_system *system, int fd, const struct msghdr *message,
                            int flags)
{
    (void)system;
    return sendmsg(fd, message, flags);
}

static int real_shutdown(struct net_system *system, int fd, int how)
{
    (void)system;
    return shutdown(fd, how);
}

static int real_close(struct net_system *system, int fd)
{
    (void)system;
    return close(fd);
}

static int real_epoll_ctl(struct net_system *system, int epoll_fd, int operation, int fd,
                          struct epoll_event *event)
{
    (void)system;
    return epoll_ctl(epoll_fd, operation, fd, event);
}

static int real_epoll_pwait2(struct net_system *system, int epoll_fd, struct epoll_event *events,
                             int capacity, const struct timespec *timeout)
{
    (void)system;
    return epoll_pwait2(epoll_fd, events, capacity, timeout, NULL);
}

static int real_epoll_wait(struct net_system *system, int epoll_fd, struct epoll_event *events,
                           int capacity, int timeout_ms)
{
    (void)system;
    return epoll_wait(epoll_fd, events, capacity, timeout_ms);
}

struct net_system *net_system_linux(void)
{
    static struct net_system real = {
        .now_ns = real_now_ns,
        .socket = real_socket,
        .bind = real_bind,
        .listen = real_listen,
        .connect = real_connect,
        .setsockopt = real_setsockopt,
        .getsockopt = real_getsockopt,
        .recvmmsg = real_recvmmsg,
        .sendmmsg = real_sendmmsg,
        .accept4 = real_accept4,
        .recv = real_recv,
        .sendmsg = real_sendmsg,
        .shutdown = real_shutdown,
        .close = real_close,
        .epoll_ctl = real_epoll_ctl,
        .epoll_pwait2 = real_epoll_pwait2,
        .epoll_wait = real_epoll_wait,
    };

    return &real;
}
