/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_tcp_linux.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/net/net_check.h"
#include "daemon/net/net_error.h"

#define EVENTS_MAX 64

/* Connections that one listener gives in one wait, so that it cannot hold the loop. */
#define ACCEPTS_MAX 64

/* In epoll_event.data a connection has its generation, never 0, in the upper half. */
#define WAKER_TAG UINT64_C(0xFFFFFFFF)

/* The caller's array as it fills. */
struct event_sink {
    struct net_tcp_event *events;
    unsigned capacity;
    unsigned count;
};

static bool has_room(const struct event_sink *sink)
{
    return sink->count < sink->capacity;
}

static void tell(struct net_tcp *net, struct event_sink *sink, const struct tcp_conn *conn,
                 enum net_tcp_event_type type, enum net_close_reason reason)
{
    assert(has_room(sink));
    sink->events[sink->count] = (struct net_tcp_event){
        .type = type,
        .reason = reason,
        .conn = tcp_conn_handle(net, conn),
        .peer = conn->peer,
        .listener_index = conn->listener_index,
    };
    sink->count++;
}

static int register_fd(struct net_tcp *net, int fd, uint64_t tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};

    return net->system->epoll_ctl(net->system, net->waiter.epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* Takes a listener out of the epoll set, so that its readiness does not make every wait return. */
static void disarm_listener(struct net_tcp *net, struct tcp_listener *listener,
                            enum listener_state state)
{
    struct net_system *const system = net->system;

    if (listener->state == LISTENER_ARMED) {
        (void)system->epoll_ctl(system, net->waiter.epoll_fd, EPOLL_CTL_DEL, listener->fd, NULL);
    }
    listener->state = state;
}

/* After a failure of accepting or arming: at once the first time, later after a while. */
static void back_off_listener(struct net_tcp *net, struct tcp_listener *listener)
{
    const uint64_t delay_ns = net_backoff_fail(&listener->backoff);

    if (delay_ns > 0 || listener->state != LISTENER_ARMED) {
        disarm_listener(net, listener, LISTENER_BACKOFF);
        listener->retry_at_ns = net->system->now_ns(net->system) + delay_ns;
        net->counters.accept_backoffs++;
    }
}

static void arm_listener(struct net_tcp *net, struct tcp_listener *listener)
{
    assert(listener->state != LISTENER_ARMED && listener->state != LISTENER_CLOSED);

    if (register_fd(net, listener->fd, (uint64_t)(listener - net->listeners)) != 0) {
        back_off_listener(net, listener);
        return;
    }
    listener->state = LISTENER_ARMED;
}

static void pause_listeners(struct net_tcp *net)
{
    net->is_full = true;
    net->counters.accept_pauses++;
    for (uint32_t i = 0; i < net->listener_count; i++) {
        if (net->listeners[i].state != LISTENER_CLOSED) {
            disarm_listener(net, &net->listeners[i], LISTENER_PAUSED);
        }
    }
}

/* Arms what may listen again: after a back-off, or because there is room in the table. */
static void revive_listeners(struct net_tcp *net)
{
    const bool has_entry = tcp_conn_is_left(net) || net->lingering.first != CONN_NONE;

    net->is_full = net->is_full && !has_entry;
    for (uint32_t i = 0; i < net->listener_count; i++) {
        struct tcp_listener *const listener = &net->listeners[i];
        const bool is_due = listener->state == LISTENER_BACKOFF &&
                            net->system->now_ns(net->system) >= listener->retry_at_ns;
        if (is_due || (listener->state == LISTENER_PAUSED && has_entry)) {
            arm_listener(net, listener);
        }
    }
}

static int open_listeners(struct net_tcp *net, const struct net_tcp_options *options,
                          struct net_failure *failure_out)
{
    const int32_t idle_s = options->keepalive ? options->keepalive_idle_s : NET_SETTING_DEFAULT;
    const int32_t interval_s =
        options->keepalive ? options->keepalive_interval_s : NET_SETTING_DEFAULT;
#define EVERY(level, option)                                                                       \
    {level, level},                                                                                \
    {                                                                                              \
        option, option                                                                             \
    }
    /* Linux hands all of these down to the accepted sockets. */
    const struct net_option table[] = {
        {"reuse_address", EVERY(SOL_SOCKET, SO_REUSEADDR), 0, 0, options->reuse_address},
        {"no_delay", EVERY(IPPROTO_TCP, TCP_NODELAY), 0, 0, options->no_delay},
        {"keepalive", EVERY(SOL_SOCKET, SO_KEEPALIVE), 0, 0, options->keepalive},
        {"keepalive_idle", EVERY(IPPROTO_TCP, TCP_KEEPIDLE), 0, 0, idle_s},
        {"keepalive_interval", EVERY(IPPROTO_TCP, TCP_KEEPINTVL), 0, 0, interval_s},
        {"recv_buffer", EVERY(SOL_SOCKET, SO_RCVBUF), 0, 1, options->recv_buffer_bytes},
        {"send_buffer", EVERY(SOL_SOCKET, SO_SNDBUF), 0, 1, options->send_buffer_bytes},
    };
#undef EVERY
    const struct net_socket_plan plan = {
        .system = net->system,
        .type = SOCK_STREAM,
        .addresses = options->addresses,
        .address_count = options->address_count,
        .options = table,
        .option_count = sizeof(table) / sizeof(table[0]),
    };
    int fds[NET_ADDRESSES_MAX];
    struct addr bound[NET_ADDRESSES_MAX];

    static_assert(sizeof(table) == sizeof(net->options), "room for all options");
    memcpy(net->options, table, sizeof(table));
    net->option_count = plan.option_count;
    if (plan.address_count == 0) {
        return RESULT_OK;
    }
    const int result = net_sockets_open(&plan, fds, bound, &net->grants, failure_out);
    if (result < 0) {
        return result;
    }
    net->listener_count = options->address_count;
    for (uint32_t i = 0; i < net->listener_count; i++) {
        net->listeners[i] =
            (struct tcp_listener){.fd = fds[i], .state = LISTENER_BACKOFF, .address = bound[i]};
    }
    const int backlog = options->backlog < 65535 ? (int)options->backlog : 65535;
    for (uint32_t i = 0; i < net->listener_count; i++) {
        if (net->system->listen(net->system, fds[i], backlog) != 0) {
            return net_failure_set(failure_out, "listen", &bound[i], errno, NULL);
        }
    }
    return RESULT_OK;
}

static int open_waiter(struct net_tcp *net, struct net_failure *failure_out)
{
    net->waiter.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (net->waiter.epoll_fd < 0 || net_waker_open(&net->waker) < 0 ||
        register_fd(net, net->waker.fd, WAKER_TAG) != 0) {
        return net_failure_set(failure_out, "open epoll", NULL, errno, NULL);
    }
    for (uint32_t i = 0; i < net->listener_count; i++) {
        arm_listener(net, &net->listeners[i]);
    }
    return RESULT_OK;
}

static int check_options(const struct net_tcp_options *options, struct net_failure *failure_out)
{
    const char *const text = net_check_tcp(options);

    return text == NULL ? RESULT_OK : net_failure_set(failure_out, "check options", NULL, 0, text);
}

static struct net_tcp *allocate(const struct net_tcp_options *options)
{
    const size_t conns_bytes = (size_t)options->max_connections * sizeof(struct tcp_conn);
    struct net_tcp *const net = calloc(1, sizeof(*net) + conns_bytes);

    if (net == NULL) {
        return NULL;
    }
    if (net_ring_pool_create(options->output_rings, options->output_bytes, &net->rings) < 0) {
        free(net);
        return NULL;
    }
    net->system = options->system != NULL ? options->system : net_system_linux();
    net->waiter = (struct net_waiter){.system = net->system, .epoll_fd = -1};
    net->waker.fd = -1;
    net->output_bytes = options->output_bytes;
    net->linger_ns = (uint64_t)options->linger_s * UINT64_C(1000000000);
    net->max_connections = options->max_connections;
    net->noted = (struct conn_list){CONN_NONE, CONN_NONE};
    net->lingering = (struct conn_list){CONN_NONE, CONN_NONE};
    net->first_free = CONN_NONE;
    return net;
}

int net_tcp_open(const struct net_tcp_options *options, struct net_tcp **out,
                 struct net_failure *failure_out)
{
    int result = check_options(options, failure_out);
    if (result < 0) {
        return result;
    }
    struct net_tcp *const net = allocate(options);
    if (net == NULL) {
        return net_failure_set(failure_out, "allocate connections", NULL, ENOMEM, NULL);
    }
    result = open_listeners(net, options, failure_out);
    if (result == RESULT_OK) {
        result = open_waiter(net, failure_out);
    }
    if (result < 0) {
        net_tcp_shutdown(net);
        return result;
    }
    *out = net;
    return RESULT_OK;
}

void net_tcp_stop_accepting(struct net_tcp *net)
{
    for (uint32_t i = 0; i < net->listener_count; i++) {
        struct tcp_listener *const listener = &net->listeners[i];
        if (listener->state != LISTENER_CLOSED) {
            (void)net->system->close(net->system, listener->fd);
            listener->state = LISTENER_CLOSED;
        }
    }
}

void net_tcp_shutdown(struct net_tcp *net)
{
    if (net == NULL) {
        return;
    }
    for (uint32_t i = 0; i < net->fresh; i++) {
        struct tcp_conn *const conn = &net->conns[i];
        if (conn->state == CONN_OPEN || conn->state == CONN_OVER) {
            (void)net_tcp_close(net, tcp_conn_handle(net, conn), NET_CLOSE_ABORT);
        }
    }
    tcp_conn_end_lingering(net, UINT64_MAX);
    assert(net->connection_count == 0);
    net_tcp_stop_accepting(net);
    if (net->waker.fd >= 0) {
        (void)close(net->waker.fd);
    }
    if (net->waiter.epoll_fd >= 0) {
        (void)close(net->waiter.epoll_fd);
    }
    net_ring_pool_destroy(net->rings);
    free(net);
}

/* Accepts one connection. Returns false when the listener has no more for now. */
static bool accept_one(struct net_tcp *net, struct tcp_listener *listener, struct event_sink *sink)
{
    const uint32_t index = (uint32_t)(listener - net->listeners);
    union net_sockaddr address = {0};
    socklen_t size = sizeof(address);

    const int fd = net->system->accept4(net->system, listener->fd, &address.any, &size,
                                        SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        const enum net_error_class error_class = net_error_class_linux(errno);
        if (error_class == NET_ERROR_AGAIN) {
            return false;
        }
        if (error_class == NET_ERROR_RETRY) {
            return true;
        }
        if (error_class == NET_ERROR_PEER_GONE || error_class == NET_ERROR_DROP_ONE) {
            net->counters.accept_aborted++;
            return true;
        }
        net->counters.accept_errors++;
        back_off_listener(net, listener);
        return false;
    }
    const struct addr peer = net_sockaddr_to(&address);
    const struct tcp_conn *const conn = tcp_conn_add(net, fd, &peer, index, false);
    if (conn == NULL) {
        net->counters.accept_errors++;
        back_off_listener(net, listener);
        return false;
    }
    net_backoff_reset(&listener->backoff);
    net->counters.accepted++;
    tell(net, sink, conn, NET_TCP_ACCEPTED, NET_CLOSE_NONE);
    return true;
}

/* A newcomer is there. If there is no place, one that only lingers gives its own up, the oldest
 * first, or whoever ends slowly on purpose would keep all others out. */
static void make_room(struct net_tcp *net)
{
    if (!tcp_conn_is_left(net) && net->lingering.first != CONN_NONE) {
        tcp_conn_end_lingering(net, net->conns[net->lingering.first].deadline_ns);
    }
}

static void accept_some(struct net_tcp *net, struct tcp_listener *listener, struct event_sink *sink)
{
    make_room(net);
    for (unsigned i = 0; i < ACCEPTS_MAX && has_room(sink); i++) {
        if (!tcp_conn_is_left(net)) {
            /* With somebody who lingers there can be room for the next one, if there is one. */
            if (net->lingering.first == CONN_NONE) {
                pause_listeners(net);
            }
            return;
        }
        if (!accept_one(net, listener, sink)) {
            return;
        }
    }
}

/* What becomes of a connection is told by reason. */
static void count_closed(struct net_tcp *net, enum net_close_reason reason)
{
    switch (reason) {
    case NET_CLOSE_FINISHED:
        net->counters.closed_finished++;
        break;
    case NET_CLOSE_RESET:
        net->counters.closed_reset++;
        break;
    case NET_CLOSE_TIMEOUT:
        net->counters.closed_timeout++;
        break;
    case NET_CLOSE_ERROR:
        net->counters.closed_error++;
        break;
    case NET_CLOSE_NONE:
        assert(false);
        break;
    }
}

/* The first connection with something to tell, or NULL. */
static struct tcp_conn *first_noted(struct net_tcp *net)
{
    return net->noted.first != CONN_NONE ? &net->conns[net->noted.first] : NULL;
}

static void tell_notes(struct net_tcp *net, struct event_sink *sink)
{
    struct tcp_conn *conn = NULL;

    while (has_room(sink) && (conn = first_noted(net)) != NULL) {
        if (conn->state == CONN_OVER) {
            tell(net, sink, conn, NET_TCP_CLOSED, conn->reason);
            count_closed(net, conn->reason);
            tcp_conn_invalidate(conn);
            tcp_conn_release(net, conn);
        } else {
            const bool is_new = (conn->notes & NOTE_CONNECTED) != 0;
            tell(net, sink, conn, is_new ? NET_TCP_CONNECTED : NET_TCP_SENT, NET_CLOSE_NONE);
            net->counters.connected += is_new;
            tcp_conn_forget_notes(net, conn);
        }
    }
}

static void handle_event(struct net_tcp *net, const struct epoll_event *event,
                         struct event_sink *sink)
{
    const uint64_t tag = event->data.u64;
    const uint32_t index = (uint32_t)tag;
    const uint32_t generation = (uint32_t)(tag >> 32);

    if (tag == WAKER_TAG) {
        net_waker_take(&net->waker);
        net->counters.wakes++;
    } else if (generation == 0) {
        if (net->listeners[index].state == LISTENER_ARMED) {
            accept_some(net, &net->listeners[index], sink);
        }
    } else if (net->conns[index].generation == generation && net->conns[index].fd >= 0) {
        /* Without room it is told next time: the set is level-triggered. */
        if (tcp_conn_step(net, &net->conns[index], event->events) && has_room(sink)) {
            tell(net, sink, &net->conns[index], NET_TCP_READABLE, NET_CLOSE_NONE);
        }
    }
}

/* Shortens the timeout to the earliest deadline of our own. */
static uint64_t shorten_timeout(const struct net_tcp *net, uint64_t timeout_ns)
{
    uint64_t deadline_ns = UINT64_MAX;

    if (net->lingering.first != CONN_NONE) {
        deadline_ns = net->conns[net->lingering.first].deadline_ns;
    }
    for (uint32_t i = 0; i < net->listener_count; i++) {
        const struct tcp_listener *const listener = &net->listeners[i];
        if (listener->state == LISTENER_BACKOFF && listener->retry_at_ns < deadline_ns) {
            deadline_ns = listener->retry_at_ns;
        }
    }
    if (deadline_ns == UINT64_MAX || timeout_ns == 0) {
        return timeout_ns;
    }
    const uint64_t now_ns = net->system->now_ns(net->system);
    const uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    return left_ns < timeout_ns ? left_ns : timeout_ns;
}

int net_tcp_wait(struct net_tcp *net, struct net_tcp_event events[], unsigned capacity,
                 uint64_t timeout_ns)
{
    struct epoll_event ready[EVENTS_MAX];
    struct event_sink sink = {.events = events, .capacity = capacity};

    assert(capacity >= 1);
    revive_listeners(net);
    tell_notes(net, &sink);
    if (!has_room(&sink)) {
        return (int)sink.count;
    }
    const unsigned left = capacity - sink.count;
    const int count =
        net_waiter_wait(&net->waiter, ready, left < EVENTS_MAX ? (int)left : EVENTS_MAX,
                        sink.count > 0 ? 0 : shorten_timeout(net, timeout_ns));
    if (count < 0) {
        return sink.count > 0 ? (int)sink.count : RESULT_OS;
    }
    for (int i = 0; i < count; i++) {
        handle_event(net, &ready[i], &sink);
    }
    if (net->lingering.first != CONN_NONE) {
        tcp_conn_end_lingering(net, net->system->now_ns(net->system));
    }
    revive_listeners(net);
    tell_notes(net, &sink);
    return (int)sink.count;
}

void net_tcp_wake(struct net_tcp *net)
{
    net_waker_wake(&net->waker);
}

struct addr net_tcp_address(const struct net_tcp *net, unsigned listener_index)
{
    assert(listener_index < net->listener_count);
    return net->listeners[listener_index].address;
}

unsigned net_tcp_granted(const struct net_tcp *net, struct net_granted out[], unsigned capacity)
{
    return net_grants_copy(&net->grants, out, capacity);
}

unsigned net_tcp_connection_count(const struct net_tcp *net)
{
    return net->connection_count;
}

void net_tcp_counters(const struct net_tcp *net, struct net_tcp_counters *out)
{
    *out = net->counters;
}
