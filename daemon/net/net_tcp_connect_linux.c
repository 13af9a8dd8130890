/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>

#include "daemon/net/net_error.h"
#include "daemon/net/net_tcp_linux.h"

/* A failure here is no reason not to connect: what a connection has is asked of no one. */
static void set_options(struct net_tcp *net, int fd)
{
    for (unsigned i = 0; i < net->option_count; i++) {
        const struct net_option *const option = &net->options[i];
        const int value = (int)option->value;
        /* An address is never taken over by somebody who only connects. */
        if (option->value != NET_SETTING_DEFAULT && option->option[0] != SO_REUSEADDR) {
            (void)net->system->setsockopt(net->system, fd, option->level[0], option->option[0],
                                          &value, sizeof(value));
        }
    }
}

/* What the system's refusal to begin means to the caller. */
static int result_of(int error)
{
    /* Without a free port for our end. */
    return error == EADDRNOTAVAIL || error == EAGAIN ? RESULT_NO_MEMORY
                                                     : net_error_result_linux(error);
}

int net_tcp_connect(struct net_tcp *net, const struct addr *peer, struct net_conn *out)
{
    struct net_system *const system = net->system;
    union net_sockaddr address;

    if (peer->family == ADDR_FAMILY_NONE || peer->port == 0) {
        return RESULT_INVALID;
    }
    if (!tcp_conn_is_left(net)) {
        return RESULT_FULL;
    }
    const socklen_t size = net_sockaddr_from(peer, &address);
    const int fd = system->socket(system, address.any.sa_family,
                                  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return result_of(errno);
    }
    set_options(net, fd);
    const int error = system->connect(system, fd, &address.any, size) == 0 ? 0 : errno;
    if (error != 0 && error != EINPROGRESS && error != EINTR && error != ECONNREFUSED) {
        (void)system->close(system, fd);
        return result_of(error);
    }
    struct tcp_conn *const conn = tcp_conn_add(net, fd, peer, NET_TCP_NO_LISTENER, true);
    if (conn == NULL) {
        return RESULT_NO_MEMORY;
    }
    if (error == ECONNREFUSED) {
        /* Loopback may know at once. The system has told it and forgets it. */
        tcp_conn_end(net, conn, NET_CLOSE_RESET);
    }
    *out = tcp_conn_handle(net, conn);
    return RESULT_OK;
}

int tcp_conn_take_error(struct net_tcp *net, const struct tcp_conn *conn)
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (net->system->getsockopt(net->system, conn->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        return errno;
    }
    return error;
}

static enum net_close_reason reason_of(int error)
{
    if (error == ECONNREFUSED || error == ECONNRESET) {
        return NET_CLOSE_RESET;
    }
    return error == ETIMEDOUT ? NET_CLOSE_TIMEOUT : NET_CLOSE_ERROR;
}

void tcp_conn_finish_connecting(struct net_tcp *net, struct tcp_conn *conn)
{
    const int error = tcp_conn_take_error(net, conn);

    assert(conn->state == CONN_OPEN && conn->is_connecting);
    if (error != 0) {
        tcp_conn_end(net, conn, reason_of(error));
        return;
    }
    conn->is_connecting = false;
    tcp_conn_set_interest(net, conn);
    if (conn->state == CONN_OPEN) {
        tcp_conn_add_note(net, conn, NOTE_CONNECTED);
    }
}
