/* SPDX-License-Identifier: MIT */
#include "tests/net/script_linux.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static struct script *script_of(struct net_system *system)
{
    return (struct script *)system;
}

/* Whether this call is to fail; *result_out is then what it returns. */
static int is_faulty(struct net_system *system, enum call call, int *result_out)
{
    struct script *const script = script_of(system);
    struct fault *const fault = &script->faults[call];

    script->calls[call]++;
    if (fault->times == 0) {
        return 0;
    }
    if (fault->skip > 0) {
        fault->skip--;
        return 0;
    }
    fault->times--;
    errno = fault->error;
    *result_out = fault->error != 0 ? -1 : 0;
    return 1;
}

static uint64_t scripted_now_ns(struct net_system *system)
{
    return script_of(system)->now_ns;
}

static int scripted_socket(struct net_system *system, int domain, int type, int protocol)
{
    int result = 0;

    if (is_faulty(system, CALL_SOCKET, &result)) {
        return result;
    }
    result = net_system_linux()->socket(system, domain, type, protocol);
    script_of(system)->open_sockets += result >= 0;
    return result;
}

static int scripted_bind(struct net_system *system, int fd, const struct sockaddr *address,
                         socklen_t size)
{
    int result = 0;

    return is_faulty(system, CALL_BIND, &result)
               ? result
               : net_system_linux()->bind(system, fd, address, size);
}

static int scripted_listen(struct net_system *system, int fd, int backlog)
{
    int result = 0;

    return is_faulty(system, CALL_LISTEN, &result)
               ? result
               : net_system_linux()->listen(system, fd, backlog);
}

static int scripted_setsockopt(struct net_system *system, int fd, int level, int name,
                               const void *value, socklen_t size)
{
    int result = 0;

    return is_faulty(system, CALL_SETSOCKOPT, &result)
               ? result
               : net_system_linux()->setsockopt(system, fd, level, name, value, size);
}

static int scripted_getsockopt(struct net_system *system, int fd, int level, int name, void *value,
                               socklen_t *size)
{
    if (level == IPPROTO_UDP && script_of(system)->lacks_segments) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return net_system_linux()->getsockopt(system, fd, level, name, value, size);
}

static int scripted_recvmmsg(struct net_system *system, int fd, struct mmsghdr *messages,
                             unsigned count, int flags)
{
    int result = 0;

    return is_faulty(system, CALL_RECVMMSG, &result)
               ? result
               : net_system_linux()->recvmmsg(system, fd, messages, count, flags);
}

static int scripted_sendmmsg(struct net_system *system, int fd, struct mmsghdr *messages,
                             unsigned count, int flags)
{
    const unsigned chunk = script_of(system)->chunk;
    int result = 0;

    for (unsigned i = 0; i < count && script_of(system)->lacks_segments; i++) {
        assert_null(messages[i].msg_hdr.msg_control);
    }
    if (is_faulty(system, CALL_SENDMMSG, &result)) {
        return result;
    }
    return net_system_linux()->sendmmsg(system, fd, messages,
                                        chunk > 0 && chunk < count ? chunk : count, flags);
}

static int scripted_accept4(struct net_system *system, int fd, struct sockaddr *address,
                            socklen_t *size, int flags)
{
    int result = 0;

    if (is_faulty(system, CALL_ACCEPT, &result)) {
        return result;
    }
    result = net_system_linux()->accept4(system, fd, address, size, flags);
    script_of(system)->open_sockets += result >= 0;
    return result;
}

static ssize_t scripted_recv(struct net_system *system, int fd, void *bytes, size_t size, int flags)
{
    int result = 0;

    return is_faulty(system, CALL_RECV, &result)
               ? result
               : net_system_linux()->recv(system, fd, bytes, size, flags);
}

static ssize_t scripted_sendmsg(struct net_system *system, int fd, const struct msghdr *message,
                                int flags)
{
    const unsigned chunk = script_of(system)->chunk;
    struct msghdr shorter = *message;
    struct iovec first = message->msg_iov[0];
    int result = 0;

    if (is_faulty(system, CALL_SENDMSG, &result)) {
        return result;
    }
    if (chunk > 0) {
        first.iov_len = chunk < first.iov_len ? chunk : first.iov_len;
        shorter.msg_iov = &first;
        shorter.msg_iovlen = 1;
    }
    return net_system_linux()->sendmsg(system, fd, &shorter, flags);
}

static int scripted_shutdown(struct net_system *system, int fd, int how)
{
    int result = 0;

    return is_faulty(system, CALL_SHUTDOWN, &result)
               ? result
               : net_system_linux()->shutdown(system, fd, how);
}

static int scripted_close(struct net_system *system, int fd)
{
    script_of(system)->open_sockets--;
    return net_system_linux()->close(system, fd);
}

static int scripted_epoll_ctl(struct net_system *system, int epoll_fd, int operation, int fd,
                              struct epoll_event *event)
{
    const enum call call = operation == EPOLL_CTL_ADD   ? CALL_EPOLL_ADD
                           : operation == EPOLL_CTL_MOD ? CALL_EPOLL_MOD
                                                        : CALL_EPOLL_DEL;
    int result = 0;

    return is_faulty(system, call, &result)
               ? result
               : net_system_linux()->epoll_ctl(system, epoll_fd, operation, fd, event);
}

/* Looks for what is there; if nothing is, the time asked for has passed. */
static int look(struct net_system *system, int epoll_fd, struct epoll_event *events, int capacity,
                uint64_t timeout_ns)
{
    struct script *const script = script_of(system);
    int count = net_system_linux()->epoll_wait(system, epoll_fd, events, capacity, 0);

    if (count == 0 && timeout_ns == UINT64_MAX) {
        /* Loopback is not instant everywhere: wait for real, but not for ever. */
        count = net_system_linux()->epoll_wait(system, epoll_fd, events, capacity, 10000);
        assert_true(count != 0);
    } else if (count == 0) {
        script->now_ns += timeout_ns;
    }
    return count;
}

static int fail_wait(struct net_system *system, int result)
{
    if (errno == EINTR) {
        script_of(system)->now_ns += script_of(system)->interrupted_after_ns;
        errno = EINTR;
    }
    return result;
}

static int scripted_epoll_pwait2(struct net_system *system, int epoll_fd,
                                 struct epoll_event *events, int capacity,
                                 const struct timespec *timeout)
{
    struct script *const script = script_of(system);
    int result = 0;

    script->last_timeout_ns =
        timeout == NULL ? UINT64_MAX
                        : (uint64_t)timeout->tv_sec * 1000000000U + (uint64_t)timeout->tv_nsec;
    if (is_faulty(system, CALL_PWAIT2, &result)) {
        return fail_wait(system, result);
    }
    return look(system, epoll_fd, events, capacity, script->last_timeout_ns);
}

static int scripted_epoll_wait(struct net_system *system, int epoll_fd, struct epoll_event *events,
                               int capacity, int timeout_ms)
{
    struct script *const script = script_of(system);
    int result = 0;

    script->last_timeout_ms = timeout_ms;
    if (is_faulty(system, CALL_WAIT, &result)) {
        return fail_wait(system, result);
    }
    return look(system, epoll_fd, events, capacity,
                timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * 1000000U);
}

void script_init(struct script *script)
{
    memset(script, 0, sizeof(*script));
    script->now_ns = 1000000000;
    script->system = (struct net_system){
        .now_ns = scripted_now_ns,
        .socket = scripted_socket,
        .bind = scripted_bind,
        .listen = scripted_listen,
        .connect = net_system_linux()->connect,
        .setsockopt = scripted_setsockopt,
        .getsockopt = scripted_getsockopt,
        .recvmmsg = scripted_recvmmsg,
        .sendmmsg = scripted_sendmmsg,
        .accept4 = scripted_accept4,
        .recv = scripted_recv,
        .sendmsg = scripted_sendmsg,
        .shutdown = scripted_shutdown,
        .close = scripted_close,
        .epoll_ctl = scripted_epoll_ctl,
        .epoll_pwait2 = scripted_epoll_pwait2,
        .epoll_wait = scripted_epoll_wait,
    };
}

void script_fail(struct script *script, enum call call, unsigned skip, unsigned times, int error)
{
    script->faults[call] = (struct fault){.skip = skip, .times = times, .error = error};
}
