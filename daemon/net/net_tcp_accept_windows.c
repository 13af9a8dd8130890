/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_tcp_windows.h"

#include <assert.h>
#include <limits.h>
#include <mstcpip.h>
#include <string.h>

#include "daemon/net/net_error.h"

/* Names that the headers of MinGW-w64 10 do not have. */
#ifndef TCP_KEEPIDLE
#define TCP_KEEPIDLE 3
#endif
#ifndef TCP_KEEPINTVL
#define TCP_KEEPINTVL 17
#endif

#define MS_PER_S 1000u

/* What Windows has when nothing is set; SIO_KEEPALIVE_VALS sets both or none. */
#define KEEPALIVE_IDLE_S     7200
#define KEEPALIVE_INTERVAL_S 1

static void close_accepted(struct net_tcp *net, struct tcp_accept *accept)
{
    (void)net->system->close_socket(net->system, accept->socket);
    accept->socket = INVALID_SOCKET;
    accept->state = ACCEPT_IDLE;
}

/* Counts a connection that could not be had. Its own end is no fault of ours. */
static void count_failure(struct net_tcp *net, int error)
{
    if (net_error_class_windows(error) == NET_ERROR_PEER_GONE) {
        net->counters.accept_aborted++;
    } else {
        net->counters.accept_errors++;
    }
}

/* Returns 0 or the system's error. */
static int post_accept(struct net_tcp *net, struct tcp_listener *listener,
                       struct tcp_accept *accept)
{
    struct net_system *const system = net->system;

    assert(accept->state == ACCEPT_IDLE && !accept->op.is_in_flight);
    accept->socket = system->socket(system, net_family_of(&listener->bound), SOCK_STREAM, 0);
    if (accept->socket == INVALID_SOCKET) {
        return WSAGetLastError();
    }
    accept->op.overlapped = (OVERLAPPED){0};
    if (!system->post_accept(system, listener->accept_ex, listener->socket, accept->socket,
                             accept->addresses, (DWORD)ACCEPT_ADDRESS_SIZE,
                             &accept->op.overlapped)) {
        const int error = WSAGetLastError();
        if (error != WSA_IO_PENDING) {
            close_accepted(net, accept);
            return error;
        }
    }
    /* Also if it succeeded at once: without SKIP mode a completion comes. */
    accept->state = ACCEPT_POSTED;
    tcp_op_posted(net, &accept->op);
    return 0;
}

/* After a failure: again at once the first time, then after a delay. Those posted stay posted. */
static void back_off(struct net_tcp *net, struct tcp_listener *listener)
{
    const uint64_t delay_ns = net_backoff_fail(&listener->backoff);

    net->counters.accept_backoffs += delay_ns > 0;
    listener->retry_at_ns = net->system->now_ns(net->system) + delay_ns;
}

static void post_idle_accepts(struct net_tcp *net, struct tcp_listener *listener)
{
    if (listener->socket == INVALID_SOCKET || listener->retry_at_ns != 0) {
        return;
    }
    for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
        struct tcp_accept *const accept = &listener->accepts[i];
        if (accept->state != ACCEPT_IDLE) {
            continue;
        }
        const int error = post_accept(net, listener, accept);
        if (error != 0) {
            count_failure(net, error);
            back_off(net, listener);
            return;
        }
    }
}

uint64_t tcp_listeners_retry(struct net_tcp *net, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;

    for (uint32_t i = 0; i < net->listener_count; i++) {
        struct tcp_listener *const listener = &net->listeners[i];
        if (listener->retry_at_ns != 0 && listener->retry_at_ns <= now_ns) {
            listener->retry_at_ns = 0;
            post_idle_accepts(net, listener);
        }
        if (listener->retry_at_ns != 0 && listener->retry_at_ns < next_ns) {
            next_ns = listener->retry_at_ns;
        }
    }
    return next_ns;
}

int tcp_extension_load(struct net_system *system, SOCKET socket, GUID id, void *call_out,
                       DWORD size)
{
    return system->ioctl(system, socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id),
                         call_out, size);
}

const char *tcp_listener_start(struct net_tcp *net, uint32_t index, uint32_t backlog)
{
    const GUID accept_ex = WSAID_ACCEPTEX;
    const GUID get_addresses = WSAID_GETACCEPTEXSOCKADDRS;
    struct tcp_listener *const listener = &net->listeners[index];
    struct net_system *const system = net->system;

    if (system->listen(system, listener->socket, backlog < INT_MAX ? (int)backlog : INT_MAX) != 0) {
        return "listen";
    }
    if (tcp_extension_load(system, listener->socket, accept_ex, &listener->accept_ex,
                           sizeof(listener->accept_ex)) != 0 ||
        tcp_extension_load(system, listener->socket, get_addresses, &listener->get_addresses,
                           sizeof(listener->get_addresses)) != 0) {
        return "find AcceptEx";
    }
    for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
        listener->accepts[i] = (struct tcp_accept){
            .op.kind = OP_ACCEPT, .socket = INVALID_SOCKET, .listener_index = index};
    }
    post_idle_accepts(net, listener);
    return NULL;
}

void tcp_accept_finish(struct net_tcp *net, struct tcp_accept *accept)
{
    struct tcp_listener *const listener = &net->listeners[accept->listener_index];
    DWORD transferred = 0;

    assert(accept->state == ACCEPT_POSTED);
    if (listener->socket == INVALID_SOCKET) {
        close_accepted(net, accept);
        return;
    }
    if (!net->system->operation_result(net->system, listener->socket, &accept->op.overlapped,
                                       &transferred)) {
        const int error = WSAGetLastError();
        count_failure(net, error);
        close_accepted(net, accept);
        if (net_error_class_windows(error) != NET_ERROR_PEER_GONE) {
            back_off(net, listener);
        }
        post_idle_accepts(net, listener);
        return;
    }
    net_backoff_reset(&listener->backoff);
    accept->state = ACCEPT_DONE;
    accept->next_done = NULL;
    if (net->first_done == NULL) {
        net->first_done = accept;
    } else {
        net->last_done->next_done = accept;
    }
    net->last_done = accept;
}

bool tcp_accept_is_waiting(struct net_tcp *net)
{
    if (net->first_done == NULL) {
        return false;
    }
    const bool is_full = !tcp_conn_is_left(net);
    net->counters.accept_pauses += is_full && !net->is_full;
    net->is_full = is_full;
    return !is_full;
}

static struct tcp_accept *pop_done(struct net_tcp *net)
{
    struct tcp_accept *const accept = net->first_done;

    net->first_done = accept->next_done;
    accept->next_done = NULL;
    return accept;
}

static struct addr peer_of(struct tcp_listener *listener, struct tcp_accept *accept)
{
    struct sockaddr *local = NULL;
    struct sockaddr *remote = NULL;
    int local_size = 0;
    int remote_size = 0;
    union net_sockaddr address = {0};

    listener->get_addresses(accept->addresses, 0, (DWORD)ACCEPT_ADDRESS_SIZE,
                            (DWORD)ACCEPT_ADDRESS_SIZE, &local, &local_size, &remote, &remote_size);
    if (remote == NULL || remote_size < 0 || (size_t)remote_size > sizeof(address)) {
        return (struct addr){0};
    }
    memcpy(&address, remote, (size_t)remote_size);
    return net_sockaddr_to(&address);
}

/* Reads one keepalive time back for the log, from the first connection: listeners have none. */
static void grant_keepalive(struct net_tcp *net, SOCKET socket, const char *name, int option,
                            int32_t asked_s, int set_error)
{
    struct net_granted granted = {
        .name = name, .asked = asked_s, .granted = NET_SETTING_DEFAULT, .os_error = set_error};
    int value = 0;
    int size = sizeof(value);

    if (net->system->getsockopt(net->system, socket, IPPROTO_TCP, option, &value, &size) == 0) {
        granted.granted = value;
    } else if (set_error == 0) {
        granted.os_error = WSAGetLastError();
    }
    net_grants_add(&net->grants, granted);
}

static void set_keepalive(struct net_tcp *net, SOCKET socket)
{
    const int32_t idle_s = net->keepalive_idle_s;
    const int32_t interval_s = net->keepalive_interval_s;
    int error = 0;

    if (idle_s != NET_SETTING_DEFAULT || interval_s != NET_SETTING_DEFAULT) {
        const int32_t wanted_idle_s = idle_s != NET_SETTING_DEFAULT ? idle_s : KEEPALIVE_IDLE_S;
        const int32_t wanted_interval_s =
            interval_s != NET_SETTING_DEFAULT ? interval_s : KEEPALIVE_INTERVAL_S;
        struct tcp_keepalive values = {.onoff = 1,
                                       .keepalivetime = (ULONG)wanted_idle_s * MS_PER_S,
                                       .keepaliveinterval = (ULONG)wanted_interval_s * MS_PER_S};
        if (net->system->ioctl(net->system, socket, (DWORD)SIO_KEEPALIVE_VALS, &values,
                               sizeof(values), NULL, 0) != 0) {
            error = WSAGetLastError();
        }
    }
    if (!net->has_keepalive_grants) {
        net->has_keepalive_grants = true;
        grant_keepalive(net, socket, "keepalive_idle", TCP_KEEPIDLE, idle_s, error);
        grant_keepalive(net, socket, "keepalive_interval", TCP_KEEPINTVL, interval_s, error);
    }
}

int tcp_socket_prepare(struct net_tcp *net, SOCKET socket)
{
    struct net_system *const system = net->system;

    if (net_socket_set_nonblocking(system, socket) != 0) {
        return WSAGetLastError();
    }
    if (!net_port_add(&net->port, socket)) {
        return (int)GetLastError();
    }
    for (unsigned i = TCP_CONN_OPTIONS; i < TCP_OPTIONS_COUNT; i++) {
        const struct net_option *const option = &net->options[i];
        const int value = (int)option->value;
        if (option->value != NET_SETTING_DEFAULT) {
            (void)system->setsockopt(system, socket, option->level[0], option->option[0], &value,
                                     sizeof(value));
        }
    }
    set_keepalive(net, socket);
    return 0;
}

/* Makes the accepted socket a full one: its options come from no listener under Wine, and on
 * Windows only with SO_UPDATE_ACCEPT_CONTEXT. Returns 0 or the system's error. */
static int adopt_socket(struct net_tcp *net, struct tcp_listener *listener, SOCKET socket)
{
    if (net->system->setsockopt(net->system, socket, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
                                &listener->socket, sizeof(listener->socket)) != 0) {
        return WSAGetLastError();
    }
    return tcp_socket_prepare(net, socket);
}

struct tcp_conn *tcp_accept_take(struct net_tcp *net)
{
    if (!tcp_accept_is_waiting(net)) {
        return NULL;
    }
    struct tcp_accept *const accept = pop_done(net);
    struct tcp_listener *const listener = &net->listeners[accept->listener_index];
    const struct addr peer = peer_of(listener, accept);
    const int error = adopt_socket(net, listener, accept->socket);
    struct tcp_conn *conn = NULL;

    if (error != 0 || peer.family == ADDR_FAMILY_NONE) {
        count_failure(net, error);
        close_accepted(net, accept);
    } else {
        net->counters.accepted++;
        conn = tcp_conn_add(net, accept->socket, &peer, accept->listener_index);
        accept->socket = INVALID_SOCKET;
        accept->state = ACCEPT_IDLE;
    }
    post_idle_accepts(net, listener);
    return conn;
}

void net_tcp_stop_accepting(struct net_tcp *net)
{
    for (uint32_t i = 0; i < net->listener_count; i++) {
        struct tcp_listener *const listener = &net->listeners[i];
        if (listener->socket == INVALID_SOCKET) {
            continue;
        }
        /* The accepts end as cancelled and are reaped by the next waits. The listener itself may go
         * at once, and must, so that newcomers are refused from now on. */
        (void)net->system->cancel(net->system, listener->socket);
        (void)net->system->close_socket(net->system, listener->socket);
        listener->socket = INVALID_SOCKET;
        listener->retry_at_ns = 0;
    }
    while (net->first_done != NULL) {
        close_accepted(net, pop_done(net));
    }
}
