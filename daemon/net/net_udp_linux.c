/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_udp_linux.h"

#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <unistd.h>

#include "daemon/net/net_check.h"
#include "daemon/net/net_error.h"

/* Unusable datagrams and errors that one net_udp_recv() passes over before it gives the owner its
 * turn back: a flood of oversize datagrams must not hold the loop. */
#define PASSED_MAX 1024

#define WAKER_TAG UINT32_MAX

static void enter_backoff(struct net_udp *net, struct udp_socket *socket, uint64_t delay_ns)
{
    struct net_system *const system = net->system;

    if (socket->is_registered) {
        /* Out of the set, or its readiness would make every wait return at once. */
        (void)system->epoll_ctl(system, net->waiter.epoll_fd, EPOLL_CTL_DEL, socket->fd, NULL);
        socket->is_registered = false;
    }
    socket->retry_at_ns = system->now_ns(system) + delay_ns;
    socket->state = SOCKET_BACKOFF;
    net->counters.backoffs++;
}

/* After any failure: to be drained at once the first time, later after a while. Never deaf. */
static void note_failure(struct net_udp *net, struct udp_socket *socket)
{
    const uint64_t delay_ns = net_backoff_fail(&socket->backoff);

    if (delay_ns == 0) {
        socket->state = SOCKET_READY;
    } else {
        enter_backoff(net, socket, delay_ns);
    }
}

/* The socket was found empty: waits for it. */
static void arm(struct net_udp *net, struct udp_socket *socket)
{
    struct net_system *const system = net->system;

    if (!socket->is_registered) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET,
                                    .data.u32 = (uint32_t)(socket - net->sockets)};
        if (system->epoll_ctl(system, net->waiter.epoll_fd, EPOLL_CTL_ADD, socket->fd, &event) !=
                0 &&
            errno != EEXIST) {
            net->counters.arm_failures++;
            note_failure(net, socket);
            return;
        }
        socket->is_registered = true;
    }
    net_backoff_reset(&socket->backoff);
    socket->state = SOCKET_ARMED;
}

static void prepare_batches(struct net_udp *net)
{
    const size_t buffer_bytes = (size_t)net->max_datagram + 1;

    for (unsigned i = 0; i < NET_UDP_BATCH; i++) {
        net->receive.vectors[i] = (struct iovec){net->buffers + i * buffer_bytes, buffer_bytes};
        net->receive.messages[i].msg_hdr = (struct msghdr){
            .msg_name = &net->receive.names[i],
            .msg_iov = &net->receive.vectors[i],
            .msg_iovlen = 1,
        };
        net->send.messages[i].msg_hdr = (struct msghdr){.msg_name = &net->send.names[i]};
    }
}

/* Whether the kernel knows UDP_SEGMENT. It must be asked: one that does not (before 4.18) ignores
 * the control message and sends all segments as one datagram. Whether the device behind a route can
 * segment shows when it refuses. */
static bool find_segments(struct net_udp *net, int fd, uint32_t index, bool is_wanted)
{
    struct net_system *const system = net->system;
    struct net_granted granted = {.name = "segment", .socket_index = index, .asked = is_wanted};
    int value = 0;
    socklen_t size = sizeof(value);

    if (is_wanted) {
        const int status = system->getsockopt(system, fd, IPPROTO_UDP, UDP_SEGMENT, &value, &size);
        granted.granted = status == 0;
        granted.os_error = status == 0 ? 0 : errno;
    }
    net_grants_add(&net->grants, granted);
    return granted.granted == 1;
}

static int open_sockets(struct net_udp *net, const struct net_udp_options *options,
                        struct net_failure *failure_out)
{
    const struct net_option table[] = {
        {"recv_buffer",
         {SOL_SOCKET, SOL_SOCKET},
         {SO_RCVBUF, SO_RCVBUF},
         0,
         1,
         options->recv_buffer_bytes},
        {"send_buffer",
         {SOL_SOCKET, SOL_SOCKET},
         {SO_SNDBUF, SO_SNDBUF},
         0,
         1,
         options->send_buffer_bytes},
        {"ttl", {IPPROTO_IP, IPPROTO_IPV6}, {IP_TTL, IPV6_UNICAST_HOPS}, 0, 0, options->ttl},
        {"dscp", {IPPROTO_IP, IPPROTO_IPV6}, {IP_TOS, IPV6_TCLASS}, 2, 0, options->dscp},
        /* Forged ICMP "fragmentation needed" must not shrink the path for everybody: the path MTU
         * is neither learned nor obeyed (Linux 3.15), as DNS servers do it. */
        {NULL,
         {IPPROTO_IP, IPPROTO_IPV6},
         {IP_MTU_DISCOVER, IPV6_MTU_DISCOVER},
         0,
         0,
         IP_PMTUDISC_OMIT},
    };
    const struct net_socket_plan plan = {
        .system = net->system,
        .type = SOCK_DGRAM,
        .addresses = options->addresses,
        .address_count = options->address_count,
        .options = table,
        .option_count = sizeof(table) / sizeof(table[0]),
    };
    int fds[NET_ADDRESSES_MAX];
    struct addr bound[NET_ADDRESSES_MAX];

    const int result = net_sockets_open(&plan, fds, bound, &net->grants, failure_out);
    if (result < 0) {
        return result;
    }
    net->socket_count = options->address_count;
    for (uint32_t i = 0; i < net->socket_count; i++) {
        net->sockets[i] =
            (struct udp_socket){.fd = fds[i],
                                .has_segments = find_segments(net, fds[i], i, options->segments),
                                .address = bound[i]};
    }
    return RESULT_OK;
}

static int open_waiter(struct net_udp *net, struct net_failure *failure_out)
{
    struct net_system *const system = net->system;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = WAKER_TAG};

    net->waiter = (struct net_waiter){.system = system, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    net->rester = (struct net_waiter){.system = system, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    net->waker.fd = -1;
    if (net->waiter.epoll_fd < 0 || net->rester.epoll_fd < 0 || net_waker_open(&net->waker) < 0 ||
        system->epoll_ctl(system, net->waiter.epoll_fd, EPOLL_CTL_ADD, net->waker.fd, &event) !=
            0 ||
        epoll_ctl(net->rester.epoll_fd, EPOLL_CTL_ADD, net->waker.fd, &event) != 0) {
        return net_failure_set(failure_out, "open epoll", NULL, errno, NULL);
    }
    for (uint32_t i = 0; i < net->socket_count; i++) {
        arm(net, &net->sockets[i]);
    }
    return RESULT_OK;
}

static int check_options(const struct net_udp_options *options, struct net_failure *failure_out)
{
    const char *const text = net_check_udp(options);

    return text == NULL ? RESULT_OK : net_failure_set(failure_out, "check options", NULL, 0, text);
}

int net_udp_open(const struct net_udp_options *options, struct net_udp **out,
                 struct net_failure *failure_out)
{
    int result = check_options(options, failure_out);
    if (result < 0) {
        return result;
    }
    const size_t buffers_bytes = NET_UDP_BATCH * ((size_t)options->max_datagram + 1);
    struct net_udp *const net = lines_create(sizeof(*net) + buffers_bytes);
    if (net == NULL) {
        return net_failure_set(failure_out, "allocate buffers", NULL, ENOMEM, NULL);
    }
    net->system = options->system != NULL ? options->system : net_system_linux();
    net->max_datagram = options->max_datagram;
    net->waiter.epoll_fd = -1;
    net->rester.epoll_fd = -1;
    net->waker.fd = -1;
    prepare_batches(net);
    result = open_sockets(net, options, failure_out);
    if (result == RESULT_OK) {
        result = open_waiter(net, failure_out);
    }
    if (result < 0) {
        net_udp_close(net);
        return result;
    }
    *out = net;
    return RESULT_OK;
}

void net_udp_close(struct net_udp *net)
{
    if (net == NULL) {
        return;
    }
    for (uint32_t i = 0; i < net->socket_count; i++) {
        (void)net->system->close(net->system, net->sockets[i].fd);
    }
    if (net->waker.fd >= 0) {
        (void)close(net->waker.fd);
    }
    if (net->waiter.epoll_fd >= 0) {
        (void)close(net->waiter.epoll_fd);
    }
    if (net->rester.epoll_fd >= 0) {
        (void)close(net->rester.epoll_fd);
    }
    lines_destroy(net);
}

/* Shortens the timeout to what the sockets need. */
static uint64_t shorten_timeout(const struct net_udp *net, uint64_t timeout_ns)
{
    uint64_t now_ns = 0;

    for (uint32_t i = 0; i < net->socket_count && timeout_ns > 0; i++) {
        const struct udp_socket *const socket = &net->sockets[i];
        if (socket->state == SOCKET_READY) {
            return 0;
        }
        if (socket->state == SOCKET_BACKOFF) {
            now_ns = now_ns != 0 ? now_ns : net->system->now_ns(net->system);
            const uint64_t left_ns =
                socket->retry_at_ns > now_ns ? socket->retry_at_ns - now_ns : 0;
            timeout_ns = left_ns < timeout_ns ? left_ns : timeout_ns;
        }
    }
    return timeout_ns;
}

static void end_backoffs(struct net_udp *net)
{
    for (uint32_t i = 0; i < net->socket_count; i++) {
        struct udp_socket *const socket = &net->sockets[i];
        if (socket->state == SOCKET_BACKOFF &&
            net->system->now_ns(net->system) >= socket->retry_at_ns) {
            socket->state = SOCKET_READY;
        }
    }
}

static int take_wake(struct net_udp *net)
{
    net_waker_take(&net->waker);
    net->counters.wakes++;
    return NET_UDP_WOKEN;
}

/* What a wait tells of the sockets. */
static int ready_bits(struct net_udp *net)
{
    end_backoffs(net);
    for (uint32_t i = 0; i < net->socket_count; i++) {
        if (net->sockets[i].state == SOCKET_READY) {
            return NET_UDP_READY;
        }
    }
    return 0;
}

int net_udp_wait(struct net_udp *net, uint64_t timeout_ns)
{
    struct epoll_event events[NET_ADDRESSES_MAX + 1];
    int bits = 0;

    const int count = net_waiter_wait(&net->waiter, events, NET_ADDRESSES_MAX + 1,
                                      shorten_timeout(net, timeout_ns));
    if (count < 0) {
        return RESULT_OS;
    }
    for (int i = 0; i < count; i++) {
        const uint32_t tag = events[i].data.u32;
        if (tag == WAKER_TAG) {
            bits |= take_wake(net);
        } else if (net->sockets[tag].state == SOCKET_ARMED) {
            net->sockets[tag].state = SOCKET_READY;
        }
    }
    return bits | ready_bits(net);
}

int net_udp_rest(struct net_udp *net, uint64_t timeout_ns)
{
    struct epoll_event event;

    const int count = net_waiter_wait(&net->rester, &event, 1, shorten_timeout(net, timeout_ns));
    if (count < 0) {
        return RESULT_OS;
    }
    for (uint32_t i = 0; i < net->socket_count; i++) {
        if (net->sockets[i].state == SOCKET_ARMED) {
            net->sockets[i].state = SOCKET_READY; /* To look into it costs less than to ask. */
        }
    }
    return (count > 0 ? take_wake(net) : 0) | ready_bits(net);
}

void net_udp_set_precise(struct net_udp *net, bool is_precise)
{
    /* epoll_pwait2() always is. */
    (void)net;
    (void)is_precise;
}

void net_udp_wake(struct net_udp *net)
{
    net_waker_wake(&net->waker);
}

/* How far one net_udp_recv() has come. */
struct receive_progress {
    struct net_received *received;
    unsigned capacity;
    unsigned filled; /* Entries of received[]. */
    unsigned used;   /* Buffers, with those of datagrams that were dropped. */
    unsigned passed; /* Unusable datagrams and errors. */
};

/* Turns what recvmmsg() put into buffers first to first + count - 1 into entries. */
static void accept_messages(struct net_udp *net, uint32_t index, unsigned count,
                            struct receive_progress *progress)
{
    for (unsigned i = progress->used; i < progress->used + count; i++) {
        const struct mmsghdr *const message = &net->receive.messages[i];
        if (message->msg_len > net->max_datagram || (message->msg_hdr.msg_flags & MSG_TRUNC) != 0) {
            net->counters.received_oversize++;
            progress->passed++;
            continue;
        }
        progress->received[progress->filled] = (struct net_received){
            .bytes = net->receive.vectors[i].iov_base,
            .size = message->msg_len,
            .socket_index = index,
            .from = net_sockaddr_to(&net->receive.names[i]),
        };
        progress->filled++;
        net->counters.received_datagrams++;
        net->counters.received_bytes += message->msg_len;
    }
    progress->used += count;
}

static void note_receive_error(struct net_udp *net, struct udp_socket *socket, int error,
                               struct receive_progress *progress)
{
    progress->passed++;
    switch (net_error_class_linux(error)) {
    case NET_ERROR_AGAIN:
        arm(net, socket);
        return;
    case NET_ERROR_RETRY:
        /* Stays READY: the loop above comes back to it. */
        return;
    case NET_ERROR_PEER_GONE:
    case NET_ERROR_DROP_ONE:
        /* The error of some earlier destination was reported here, and is now consumed. */
        net->counters.receive_peer_errors++;
        return;
    case NET_ERROR_NONE:
    case NET_ERROR_CLOSING:
    case NET_ERROR_RESOURCE:
    case NET_ERROR_FATAL:
        break;
    }
    net->counters.receive_errors++;
    note_failure(net, socket);
}

static void receive_from(struct net_udp *net, uint32_t index, struct receive_progress *progress)
{
    struct net_system *const system = net->system;
    struct udp_socket *const socket = &net->sockets[index];
    const unsigned buffers_left = NET_UDP_BATCH - progress->used;
    const unsigned entries_left = progress->capacity - progress->filled;
    const unsigned wanted = entries_left < buffers_left ? entries_left : buffers_left;

    for (unsigned i = 0; i < wanted; i++) {
        net->receive.messages[progress->used + i].msg_hdr.msg_namelen = sizeof(union net_sockaddr);
    }
    const int count = system->recvmmsg(system, socket->fd, &net->receive.messages[progress->used],
                                       wanted, MSG_DONTWAIT);
    if (count <= 0) {
        note_receive_error(net, socket, count < 0 ? errno : EIO, progress);
        return;
    }
    assert((unsigned)count <= wanted);
    net_backoff_reset(&socket->backoff);
    accept_messages(net, index, (unsigned)count, progress);
    if ((unsigned)count < wanted) {
        /* Empty. (The kernel also ends a batch at an error, which an unconnected socket has only if
         * a security module refuses; the next datagram tells of what lies behind it.) */
        arm(net, socket);
    }
}

unsigned net_udp_recv(struct net_udp *net, struct net_received received[], unsigned capacity)
{
    struct receive_progress progress = {.received = received, .capacity = capacity};
    unsigned idle_visits = 0;

    assert(capacity >= 1 && capacity <= NET_UDP_BATCH);
    while (progress.filled < capacity && progress.passed < PASSED_MAX &&
           idle_visits < net->socket_count) {
        const uint32_t index = net->rotor;
        if (progress.used == NET_UDP_BATCH) {
            if (progress.filled > 0) {
                break;
            }
            progress.used = 0;
        }
        net->rotor = (net->rotor + 1) % net->socket_count;
        if (net->sockets[index].state == SOCKET_READY) {
            receive_from(net, index, &progress);
            idle_visits = 0;
        } else {
            idle_visits++;
        }
    }
    return progress.filled;
}

struct addr net_udp_address(const struct net_udp *net, unsigned socket_index)
{
    assert(socket_index < net->socket_count);
    return net->sockets[socket_index].address;
}

unsigned net_udp_granted(const struct net_udp *net, struct net_granted out[], unsigned capacity)
{
    return net_grants_copy(&net->grants, out, capacity);
}

void net_udp_counters(struct net_udp *net, struct net_udp_counters *out)
{
    struct net_system *const system = net->system;

    net->counters.kernel_drops = 0;
    for (uint32_t i = 0; i < net->socket_count; i++) {
        /* Linux 4.12. The same number as SO_RXQ_OVFL's, without a control message per datagram, and
         * true also when nothing has arrived since. */
        uint32_t figures[SK_MEMINFO_VARS] = {0};
        socklen_t size = sizeof(figures);
        if (system->getsockopt(system, net->sockets[i].fd, SOL_SOCKET, SO_MEMINFO, figures,
                               &size) == 0 &&
            size > SK_MEMINFO_DROPS * sizeof(figures[0])) {
            net->counters.kernel_drops += figures[SK_MEMINFO_DROPS];
        }
    }
    *out = net->counters;
}
