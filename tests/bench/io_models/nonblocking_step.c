/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/nonblocking_step.h"

#include <stdlib.h>

static bool would_block(void)
{
    return WSAGetLastError() == WSAEWOULDBLOCK;
}

SOCKET connection_accept(SOCKET listener)
{
    const SOCKET newcomer = accept(listener, NULL, NULL);

    /* Windows hands the mode of the listener on to what it accepts and Linux does not. */
    if (newcomer != INVALID_SOCKET && !io_set_nonblocking(newcomer)) {
        (void)closesocket(newcomer);
        return INVALID_SOCKET;
    }
    return newcomer;
}

/* Sends until all has gone or the system takes no more: only then will Windows tell us when there
 * is room again (FD_WRITE). */
static enum step flush(struct connection *connection)
{
    while (connection->begin < connection->end) {
        const int count = send(connection->socket, connection->bytes + connection->begin,
                               connection->end - connection->begin, 0);
        if (count == SOCKET_ERROR) {
            return would_block() ? STEP_WANTS_ROOM : STEP_OVER;
        }
        connection->begin += count;
    }
    return STEP_AGAIN;
}

enum step connection_step(struct connection *connection)
{
    const enum step flushed = flush(connection);

    if (flushed != STEP_AGAIN) {
        return flushed;
    }
    const int count = recv(connection->socket, connection->bytes, sizeof(connection->bytes), 0);
    if (count == SOCKET_ERROR) {
        return would_block() ? STEP_WANTS_INPUT : STEP_OVER;
    }
    if (count == 0) {
        /* The peer has said all, and all of it has been sent back: our end follows. */
        (void)shutdown(connection->socket, SD_SEND);
        return STEP_OVER;
    }
    connection->begin = 0;
    connection->end = count;
    return flush(connection);
}

void connections_add(struct connections *connections, SOCKET socket_handle)
{
    struct connection *connection = NULL;

    atomic_fetch_add(&connections->server->accepted, 1);
    if (connections->count == connections->capacity) {
        const unsigned capacity = 2 * connections->capacity + 16;
        struct connection **const items =
            realloc(connections->items, capacity * sizeof(struct connection *));
        if (items != NULL) {
            connections->items = items;
            connections->capacity = capacity;
        }
    }
    if (connections->count < connections->capacity) {
        connection = calloc(1, sizeof(*connection));
    }
    if (connection == NULL) {
        (void)closesocket(socket_handle);
        atomic_fetch_add(&connections->server->closed, 1);
        return;
    }
    connection->socket = socket_handle;
    connections->items[connections->count] = connection;
    connections->count++;
}

void connections_remove(struct connections *connections, unsigned index)
{
    (void)closesocket(connections->items[index]->socket);
    free(connections->items[index]);
    connections->count--;
    connections->items[index] = connections->items[connections->count];
    atomic_fetch_add(&connections->server->closed, 1);
}

void connections_clear(struct connections *connections)
{
    while (connections->count > 0) {
        connections_remove(connections, connections->count - 1);
    }
    free(connections->items);
    connections->items = NULL;
    connections->capacity = 0;
}

unsigned datagrams_step(SOCKET udp, char bytes[IO_UDP_BYTES], unsigned limit)
{
    unsigned done = 0;

    while (done < limit) {
        struct sockaddr_storage from;
        socklen_t from_size = sizeof(from);
        const int count =
            recvfrom(udp, bytes, IO_UDP_BYTES, 0, (struct sockaddr *)&from, &from_size);
        if (count == SOCKET_ERROR && would_block()) {
            break;
        }
        done++;
        /* Nought is a datagram of no bytes. Another error is that of one datagram and not the end
         * of the socket. What cannot be sent at once is dropped, as any network may do. */
        if (count != SOCKET_ERROR) {
            (void)sendto(udp, bytes, count, 0, (struct sockaddr *)&from, from_size);
        }
    }
    return done;
}
