/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_SYSTEM_LINUX_H
#define GSRELAY_DAEMON_NET_NET_SYSTEM_LINUX_H

/* net_system_linux.h - the system calls of the Linux backends, as a table.
 *
 * A test copies net_system_linux(), replaces what should misbehave, and passes the copy in the
 * options. Every function has the meaning, return value and errno of the call that it is named
 * after; its first argument is the table itself, so that a test can embed the table in a struct of
 * its own. Threads: the owner's. Waking is a write to an eventfd and not in the table. */

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

struct net_system {
    uint64_t (*now_ns)(struct net_system *system);
    int (*socket)(struct net_system *system, int domain, int type, int protocol);
    int (*bind)(struct net_system *system, int fd, const struct sockaddr *address, socklen_t size);
    int (*listen)(struct net_system *system, int fd, int backlog);
    int (*connect)(struct net_system *system, int fd, const struct sockaddr *address,
                   socklen_t size);
    int (*setsockopt)(struct net_system *system, int fd, int level, int name, const void *value,
                      socklen_t size);
    int (*getsockopt)(struct net_system *system, int fd, int level, int name, void *value,
                      socklen_t *size);
    int (*recvmmsg)(struct net_system *system, int fd, struct mmsghdr *messages, unsigned count,
                    int flags);
    int (*sendmmsg)(struct net_system *system, int fd, struct mmsghdr *messages, unsigned count,
                    int flags);
    int (*accept4)(struct net_system *system, int fd, struct sockaddr *address, socklen_t *size,
                   int flags);
    ssize_t (*recv)(struct net_system *system, int fd, void *bytes, size_t size, int flags);
    ssize_t (*sendmsg)(struct net_system *system, int fd, const struct msghdr *message, int flags);
    int (*shutdown)(struct net_system *system, int fd, int how);
    int (*close)(struct net_system *system, int fd);
    int (*epoll_ctl)(struct net_system *system, int epoll_fd, int operation, int fd,
                     struct epoll_event *event);
    int (*epoll_pwait2)(struct net_system *system, int epoll_fd, struct epoll_event *events,
                        int capacity, const struct timespec *timeout);
    int (*epoll_wait)(struct net_system *system, int epoll_fd, struct epoll_event *events,
                      int capacity, int timeout_ms);
};

/* The real calls. Shared and constant: copy it to change it. */
struct net_system *net_system_linux(void);

#endif
