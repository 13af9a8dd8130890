/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_socket_linux.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/net/net_check.h"
#include "daemon/net/net_error.h"

/* How often a port that was free on the first address may be taken on another one. */
#define PORT_ATTEMPTS_MAX 32

int net_failure_set(struct net_failure *failure_out, const char *step, const struct addr *address,
                    int os_error, const char *text)
{
    char words[NET_FAILURE_TEXT_MAX];
    const char *reason = text;

    *failure_out = (struct net_failure){
        .result = os_error == 0 ? RESULT_INVALID : net_error_result_linux(os_error),
        .step = step,
        .os_error = os_error,
    };
    if (address != NULL) {
        failure_out->address = *address;
    }
    if (reason == NULL) {
        reason = strerror_r(os_error, words, sizeof(words));
    }
    (void)snprintf(failure_out->text, sizeof(failure_out->text), "%s", reason);
    return failure_out->result;
}

socklen_t net_sockaddr_from(const struct addr *addr, union net_sockaddr *out)
{
    assert(addr->family == ADDR_FAMILY_IPV4 || addr->family == ADDR_FAMILY_IPV6);

    if (addr->family == ADDR_FAMILY_IPV4) {
        out->ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(addr->port)};
        memcpy(&out->ipv4.sin_addr, addr->ip, 4);
        return sizeof(out->ipv4);
    }
    out->ipv6 = (struct sockaddr_in6){
        .sin6_family = AF_INET6, .sin6_port = htons(addr->port), .sin6_scope_id = addr->scope_id};
    memcpy(&out->ipv6.sin6_addr, addr->ip, 16);
    return sizeof(out->ipv6);
}

struct addr net_sockaddr_to(const union net_sockaddr *address)
{
    if (address->any.sa_family == AF_INET) {
        struct addr addr = {.family = ADDR_FAMILY_IPV4, .port = ntohs(address->ipv4.sin_port)};
        memcpy(addr.ip, &address->ipv4.sin_addr, 4);
        return addr;
    }
    if (address->any.sa_family == AF_INET6) {
        return addr_ipv6(address->ipv6.sin6_addr.s6_addr, ntohs(address->ipv6.sin6_port),
                         address->ipv6.sin6_scope_id);
    }
    return (struct addr){0};
}

/* Sets one option and reads it back. A refusal is noted, never a failure: the log shows it, and a
 * relay with the system's buffer size is better than none. */
static void apply_option(struct net_system *system, int fd, unsigned family,
                         const struct net_option *option, struct net_granted *granted)
{
    const int level = option->level[family];
    const int name = option->option[family];
    int value = 0;
    socklen_t size = sizeof(value);

    if (option->value != NET_SETTING_DEFAULT) {
        value = (int)(option->value << option->shift);
        if (system->setsockopt(system, fd, level, name, &value, sizeof(value)) != 0) {
            granted->os_error = errno;
        }
    }
    value = 0;
    if (system->getsockopt(system, fd, level, name, &value, &size) != 0) {
        granted->os_error = errno;
        granted->granted = NET_SETTING_DEFAULT;
    } else {
        granted->granted = value >> (option->shift + option->read_shift);
    }
}

static void apply_options(const struct net_socket_plan *plan, int fd, uint32_t index,
                          struct net_grants *grants)
{
    const unsigned family = plan->addresses[index].family == ADDR_FAMILY_IPV6;

    assert(plan->option_count <= NET_OPTIONS_MAX);
    for (unsigned i = 0; i < plan->option_count; i++) {
        const struct net_option *const option = &plan->options[i];
        struct net_granted granted = {
            .name = option->name, .socket_index = index, .asked = option->value};

        if (option->level[family] < 0) {
            continue;
        }
        apply_option(plan->system, fd, family, option, &granted);
        if (option->name != NULL) {
            net_grants_add(grants, granted);
        }
    }
}

static int read_bound(int fd, struct addr *out)
{
    union net_sockaddr address = {0};
    socklen_t size = sizeof(address);

    if (getsockname(fd, &address.any, &size) != 0) {
        return -1;
    }
    *out = net_sockaddr_to(&address);
    return 0;
}

/* Opens the socket of plan->addresses[index] on the given port. Returns 0 or a negative result. */
static int open_one(const struct net_socket_plan *plan, uint32_t index, uint16_t port, int *fd_out,
                    struct addr *bound_out, struct net_grants *grants,
                    struct net_failure *failure_out)
{
    struct net_system *const system = plan->system;
    struct addr wanted = plan->addresses[index];
    union net_sockaddr address;
    const char *step = "open socket";
    const int on = 1;
    int fd = -1;

    wanted.port = port;
    const int domain = wanted.family == ADDR_FAMILY_IPV6 ? AF_INET6 : AF_INET;
    fd = system->socket(system, domain, plan->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return net_failure_set(failure_out, step, &wanted, errno, NULL);
    }
    step = "set IPV6_V6ONLY";
    if (domain == AF_INET6 &&
        system->setsockopt(system, fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) {
        goto close_socket;
    }
    apply_options(plan, fd, index, grants);
    step = "bind";
    const socklen_t size = net_sockaddr_from(&wanted, &address);
    if (system->bind(system, fd, &address.any, size) != 0) {
        goto close_socket;
    }
    step = "read the bound address";
    if (read_bound(fd, bound_out) != 0) {
        goto close_socket;
    }
    *fd_out = fd;
    return RESULT_OK;

close_socket:
    (void)net_failure_set(failure_out, step, &wanted, errno, NULL);
    (void)system->close(system, fd);
    return failure_out->result;
}

static int check_addresses(const struct net_socket_plan *plan, struct net_failure *failure_out)
{
    const struct addr *culprit = NULL;
    const char *const text = net_check_addresses(plan->addresses, plan->address_count, &culprit);

    if (text != NULL) {
        return net_failure_set(failure_out, "check addresses", culprit, 0, text);
    }
    return RESULT_OK;
}

static int open_all(const struct net_socket_plan *plan, int fds[], struct addr bound[],
                    struct net_grants *grants, struct net_failure *failure_out)
{
    uint16_t port = plan->addresses[0].port;

    grants->count = 0;
    for (uint32_t i = 0; i < plan->address_count; i++) {
        const int result = open_one(plan, i, port, &fds[i], &bound[i], grants, failure_out);
        if (result < 0) {
            while (i > 0) {
                i--;
                (void)plan->system->close(plan->system, fds[i]);
            }
            return result;
        }
        port = bound[i].port;
    }
    return RESULT_OK;
}

int net_sockets_open(const struct net_socket_plan *plan, int fds[NET_ADDRESSES_MAX],
                     struct addr bound[NET_ADDRESSES_MAX], struct net_grants *grants,
                     struct net_failure *failure_out)
{
    int result = check_addresses(plan, failure_out);

    if (result < 0) {
        return result;
    }
    const bool is_port_free_to_choose = plan->addresses[0].port == 0;
    for (int attempt = 0; attempt < PORT_ATTEMPTS_MAX; attempt++) {
        result = open_all(plan, fds, bound, grants, failure_out);
        if (result != RESULT_IN_USE || !is_port_free_to_choose) {
            break;
        }
    }
    return result;
}

static int wait_once(struct net_waiter *waiter, struct epoll_event events[], int capacity,
                     uint64_t timeout_ns)
{
    struct net_system *const system = waiter->system;

    if (!waiter->lacks_pwait2) {
        const struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000U),
                                         .tv_nsec = (long)(timeout_ns % 1000000000U)};
        const int count = system->epoll_pwait2(system, waiter->epoll_fd, events, capacity,
                                               timeout_ns == NET_WAIT_FOREVER ? NULL : &timeout);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) {
            return count >= 0 ? count : -errno;
        }
        waiter->lacks_pwait2 = 1;
    }
    /* Rounded up, or the loop would spin through the last millisecond. */
    const uint64_t timeout_ms = timeout_ns / 1000000U + (timeout_ns % 1000000U != 0);
    const int shortened_ms = timeout_ms > 86400000U ? 86400000 : (int)timeout_ms;
    const int count = system->epoll_wait(system, waiter->epoll_fd, events, capacity,
                                         timeout_ns == NET_WAIT_FOREVER ? -1 : shortened_ms);
    return count >= 0 ? count : -errno;
}

int net_waiter_wait(struct net_waiter *waiter, struct epoll_event events[], int capacity,
                    uint64_t timeout_ns)
{
    const bool is_bounded = timeout_ns != NET_WAIT_FOREVER && timeout_ns != 0;
    const uint64_t start_ns = is_bounded ? waiter->system->now_ns(waiter->system) : 0;
    uint64_t left_ns = timeout_ns;

    for (;;) {
        const int count = wait_once(waiter, events, capacity, left_ns);
        if (count >= 0 || net_error_class_linux(-count) != NET_ERROR_RETRY) {
            return count;
        }
        if (is_bounded) {
            const uint64_t past_ns = waiter->system->now_ns(waiter->system) - start_ns;
            left_ns = past_ns < timeout_ns ? timeout_ns - past_ns : 0;
        }
    }
}

int net_waker_open(struct net_waker *waker)
{
    atomic_init(&waker->is_woken, 0);
    waker->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return waker->fd >= 0 ? RESULT_OK : net_error_result_linux(errno);
}

void net_waker_wake(struct net_waker *waker)
{
    const uint64_t one = 1;

    if (atomic_exchange_explicit(&waker->is_woken, 1, memory_order_acq_rel) == 0) {
        /* Cannot fail: the counter is at 0 or about to be read. */
        const ssize_t written = write(waker->fd, &one, sizeof(one));
        assert(written == (ssize_t)sizeof(one));
        (void)written;
    }
}

void net_waker_take(struct net_waker *waker)
{
    uint64_t count = 0;

    /* In this order: a wake between the two writes again, and the next wait sees it. */
    const ssize_t size = read(waker->fd, &count, sizeof(count));
    (void)size;
    (void)atomic_exchange_explicit(&waker->is_woken, 0, memory_order_acq_rel);
}
