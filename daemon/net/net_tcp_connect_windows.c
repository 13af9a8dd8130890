/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_tcp_windows.h"

#include <assert.h>

#include "daemon/net/net_error.h"

/* ConnectEx wants a socket that is bound; the system chooses the port. */
static int bind_anywhere(struct net_system *system, SOCKET socket, const struct addr *peer)
{
    struct addr any = {.family = peer->family};
    union net_sockaddr address;
    const int size = net_sockaddr_from(&any, &address);

    return system->bind(system, socket, &address.any, size) == 0 ? 0 : WSAGetLastError();
}

static int find_connect_ex(struct net_tcp *net, SOCKET socket, LPFN_CONNECTEX *call)
{
    const GUID connect_ex = WSAID_CONNECTEX;

    if (*call == NULL &&
        tcp_extension_load(net->system, socket, connect_ex, call, sizeof(*call)) != 0) {
        return WSAGetLastError();
    }
    return 0;
}

/* What the system's refusal to begin means to the caller. */
static int result_of(int error)
{
    /* Without a free port for our end. */
    return error == WSAEADDRINUSE || error == WSAEADDRNOTAVAIL ? RESULT_NO_MEMORY
                                                               : net_error_result_windows(error);
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
    LPFN_CONNECTEX *const call = &net->connect_ex[peer->family == ADDR_FAMILY_IPV6];
    const int size = net_sockaddr_from(peer, &address);
    const SOCKET socket = system->socket(system, net_family_of(peer), SOCK_STREAM, 0);
    if (socket == INVALID_SOCKET) {
        return result_of(WSAGetLastError());
    }
    int error = bind_anywhere(system, socket, peer);
    if (error == 0) {
        error = find_connect_ex(net, socket, call);
    }
    if (error == 0) {
        error = tcp_socket_prepare(net, socket);
    }
    if (error != 0) {
        (void)system->close_socket(system, socket);
        return result_of(error);
    }
    struct tcp_conn *const conn = tcp_conn_take(net, socket, peer, NET_TCP_NO_LISTENER);
    conn->read_side = READ_CONNECTING;
    if (!system->post_connect(system, *call, socket, &address.any, size, &conn->recv.overlapped) &&
        WSAGetLastError() != WSA_IO_PENDING) {
        const int connect_error = WSAGetLastError();
        tcp_conn_abort(net, conn);
        return result_of(connect_error);
    }
    /* Also if it succeeded at once: without SKIP mode a completion comes. */
    tcp_op_posted(net, &conn->recv);
    *out = tcp_conn_handle(net, conn);
    return RESULT_OK;
}

static enum net_close_reason reason_of(int error)
{
    if (error == WSAECONNREFUSED || error == ERROR_CONNECTION_REFUSED || error == WSAECONNRESET) {
        return NET_CLOSE_RESET;
    }
    return error == WSAETIMEDOUT || error == ERROR_SEM_TIMEOUT ? NET_CLOSE_TIMEOUT
                                                               : NET_CLOSE_ERROR;
}

void tcp_conn_finish_connecting(struct net_tcp *net, struct tcp_conn *conn)
{
    struct net_system *const system = net->system;
    DWORD transferred = 0;

    assert(conn->state == CONN_OPEN && conn->read_side == READ_CONNECTING);
    /* Without the update, shutdown() and getpeername() know nothing of the connection. */
    if (!system->operation_result(system, conn->socket, &conn->recv.overlapped, &transferred) ||
        system->setsockopt(system, conn->socket, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0) !=
            0) {
        tcp_conn_end(net, conn, reason_of(WSAGetLastError()));
        return;
    }
    conn->has_connected = true;
    tcp_conn_arm(net, conn);
}
