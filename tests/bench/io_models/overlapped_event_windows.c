/* SPDX-License-Identifier: MIT */
#include "daemon/os/os.h"
#include "tests/bench/io_models/accept_ex_windows.h"
#include "tests/bench/io_models/event_group_windows.h"
#include "tests/bench/io_models/io_model.h"
#include "tests/bench/io_models/io_socket.h"

#include <stdlib.h>

/* Overlapped operations, each with an event.
 *
 * WSARecv() is given the buffer before there is anything to put into it. It returns at once, most
 * often with WSA_IO_PENDING, which is no failure: from then on buffer and OVERLAPPED belong to the
 * system, which fills them and sets the event. WSAGetOverlappedResult says how it ended. The call
 * after that works on what has come, not on what might: a copy and a call less than with readiness.
 * Every operation has its own event, so the limit of 64 is one of operations. */

#define UDP_RECEIVES 8

struct overlapped_event {
    struct io_server *server;
    struct event_groups *groups;
    SOCKET listener;
    SOCKET udp;
};

enum kind {
    KIND_ACCEPT,
    KIND_CONNECTION,
    KIND_DATAGRAM,
};

/* One thing that always has one operation in flight, or is between two. */
struct operation {
    struct event_member member;
    OVERLAPPED overlapped;
    struct overlapped_event *owner;
    enum kind kind;
    SOCKET socket;
    bool is_in_flight;
    bool is_sending;
    WSABUF buffer; /* What is left to send. */
    struct accept_ex accept;
    struct sockaddr_in from;
    int from_size;
    ULONG size;
    char bytes[];
};

static struct operation *operation_of(struct event_member *member)
{
    return CONTAINING_RECORD(member, struct operation, member);
}

static void prepare(struct operation *operation)
{
    (void)WSAResetEvent(operation->member.event);
    operation->overlapped = (OVERLAPPED){.hEvent = operation->member.event};
}

/* Nought means that it is done already; the event is set then too, so both go the same way. Any
 * other error: nothing is in flight, and nothing will set the event. */
static bool posted(struct operation *operation, int status)
{
    operation->is_in_flight = status == 0 || WSAGetLastError() == WSA_IO_PENDING;
    return operation->is_in_flight;
}

static bool receive(struct operation *operation)
{
    DWORD flags = 0;

    prepare(operation);
    operation->is_sending = false;
    operation->buffer = (WSABUF){.len = operation->size, .buf = operation->bytes};
    if (operation->kind == KIND_CONNECTION) {
        return posted(operation, WSARecv(operation->socket, &operation->buffer, 1, NULL, &flags,
                                         &operation->overlapped, NULL));
    }
    /* Address and its size are filled when it completes: they must live as long as the buffer. */
    operation->from_size = sizeof(operation->from);
    return posted(operation, WSARecvFrom(operation->socket, &operation->buffer, 1, NULL, &flags,
                                         (struct sockaddr *)&operation->from, &operation->from_size,
                                         &operation->overlapped, NULL));
}

static bool send_rest(struct operation *operation)
{
    prepare(operation);
    operation->is_sending = true;
    if (operation->kind == KIND_CONNECTION) {
        return posted(operation, WSASend(operation->socket, &operation->buffer, 1, NULL, 0,
                                         &operation->overlapped, NULL));
    }
    return posted(operation, WSASendTo(operation->socket, &operation->buffer, 1, NULL, 0,
                                       (struct sockaddr *)&operation->from, operation->from_size,
                                       &operation->overlapped, NULL));
}

/* The listener and the datagram socket never end by themselves: if the system is short of something
 * now, the event brings them back here. */
static bool try_again(struct operation *operation)
{
    os_sleep_ms(1);
    (void)WSASetEvent(operation->member.event);
    return true;
}

static bool begin_operation(struct event_member *member)
{
    struct operation *const operation = operation_of(member);

    if (operation->kind == KIND_ACCEPT) {
        prepare(operation);
        operation->is_in_flight = accept_ex_post(&operation->accept, &operation->overlapped);
    } else {
        (void)receive(operation);
    }
    if (!operation->is_in_flight && operation->kind != KIND_CONNECTION) {
        return try_again(operation);
    }
    return operation->is_in_flight;
}

/* What became of the operation: true and the bytes, or false if it failed or could not be posted.
 */
static bool finish(struct operation *operation, DWORD *count_out)
{
    DWORD flags = 0;

    if (!operation->is_in_flight) {
        return false;
    }
    operation->is_in_flight = false;
    return WSAGetOverlappedResult(operation->socket, &operation->overlapped, count_out, FALSE,
                                  &flags);
}

static bool connection_signalled(struct event_member *member)
{
    struct operation *const operation = operation_of(member);
    DWORD count = 0;

    if (!finish(operation, &count)) {
        return false;
    }
    if (operation->is_sending) {
        operation->buffer.buf += count;
        operation->buffer.len -= count;
        return operation->buffer.len > 0 ? send_rest(operation) : receive(operation);
    }
    if (count == 0) {
        (void)shutdown(operation->socket, SD_SEND);
        return false;
    }
    operation->buffer.len = count;
    return send_rest(operation);
}

static bool datagram_signalled(struct event_member *member)
{
    struct operation *const operation = operation_of(member);
    DWORD count = 0;
    const bool is_done = finish(operation, &count);

    /* Whatever went wrong was one datagram's. Nought is a datagram of no bytes. */
    if (is_done && !operation->is_sending) {
        operation->buffer.len = count;
        if (send_rest(operation)) {
            return true;
        }
    }
    return begin_operation(member);
}

/* Takes back what is in flight: asks the system to let go of it, and waits until it has. */
static void end_operation(struct event_member *member)
{
    struct operation *const operation = operation_of(member);
    const bool is_connection = operation->kind == KIND_CONNECTION;
    DWORD count = 0;
    DWORD flags = 0;

    if (operation->is_in_flight) {
        (void)CancelIoEx((HANDLE)operation->socket, &operation->overlapped);
        (void)WSAGetOverlappedResult(operation->socket, &operation->overlapped, &count, TRUE,
                                     &flags);
    }
    accept_ex_drop(&operation->accept);
    if (is_connection) {
        (void)closesocket(operation->socket);
    }
    (void)WSACloseEvent(member->event);
    struct io_server *const server = operation->owner->server;
    free(operation);
    if (is_connection) {
        atomic_fetch_add(&server->closed, 1);
    }
}

/* False if there is no memory or no thread for it; then the socket is still the caller's. */
static bool start_operation(struct overlapped_event *owner, enum kind kind, SOCKET socket_handle,
                            bool (*signalled)(struct event_member *), ULONG size)
{
    struct operation *const operation = calloc(1, sizeof(*operation) + size);

    if (operation == NULL) {
        return false;
    }
    operation->owner = owner;
    operation->kind = kind;
    operation->socket = socket_handle;
    operation->size = size;
    operation->accept.newcomer = INVALID_SOCKET;
    operation->member = (struct event_member){.event = WSACreateEvent(),
                                              .begin = begin_operation,
                                              .signalled = signalled,
                                              .end = end_operation};
    const bool has_event = operation->member.event != WSA_INVALID_EVENT;
    const bool is_ready =
        has_event && (kind != KIND_ACCEPT || accept_ex_init(&operation->accept, socket_handle));
    if (is_ready && event_groups_add(owner->groups, &operation->member)) {
        return true;
    }
    if (has_event) {
        (void)WSACloseEvent(operation->member.event);
    }
    free(operation);
    return false;
}

static bool accept_signalled(struct event_member *member)
{
    struct operation *const operation = operation_of(member);
    struct overlapped_event *const owner = operation->owner;
    DWORD count = 0;
    SOCKET newcomer = INVALID_SOCKET;

    if (finish(operation, &count)) {
        newcomer = accept_ex_take(&operation->accept);
    } else {
        accept_ex_drop(&operation->accept); /* It was gone before we took it. */
    }
    if (newcomer != INVALID_SOCKET) {
        atomic_fetch_add(&owner->server->accepted, 1);
        if (!start_operation(owner, KIND_CONNECTION, newcomer, connection_signalled,
                             IO_TCP_BYTES)) {
            (void)closesocket(newcomer);
            atomic_fetch_add(&owner->server->closed, 1);
        }
    }
    return begin_operation(member);
}

static void stop_overlapped_event(struct io_server *server)
{
    struct overlapped_event *const owner = server->state;

    event_groups_destroy(owner->groups);
    io_close(owner->listener);
    io_close(owner->udp);
    free(owner);
    io_sockets_stop();
}

static int start_overlapped_event(struct io_server *server)
{
    if (io_sockets_start() != 0) {
        return -1;
    }
    struct overlapped_event *const owner = calloc(1, sizeof(*owner));
    if (owner == NULL) {
        io_sockets_stop();
        return -1;
    }
    server->state = owner;
    owner->server = server;
    owner->groups = event_groups_create();
    owner->listener = io_listen(&server->tcp_port);
    owner->udp = io_bind_udp(&server->udp_port);
    bool is_started = owner->groups != NULL && owner->listener != INVALID_SOCKET &&
                      owner->udp != INVALID_SOCKET &&
                      start_operation(owner, KIND_ACCEPT, owner->listener, accept_signalled, 0);
    for (unsigned i = 0; i < UDP_RECEIVES && is_started; i++) {
        is_started =
            start_operation(owner, KIND_DATAGRAM, owner->udp, datagram_signalled, IO_UDP_BYTES);
    }
    if (!is_started) {
        stop_overlapped_event(server);
        return -1;
    }
    return 0;
}

const struct io_model io_model_overlapped_event = {
    .name = "overlapped_event", .start = start_overlapped_event, .stop = stop_overlapped_event};
