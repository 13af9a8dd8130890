/* SPDX-License-Identifier: MIT */
#include "daemon/os/os.h"
#include "tests/bench/io_models/accept_ex_windows.h"
#include "tests/bench/io_models/io_model.h"
#include "tests/bench/io_models/io_socket.h"

#include <stdlib.h>

/* A completion port.
 *
 * Operations are posted as with events and routines, but their ends come to one queue, from which
 * any number of threads take them. The system lets as many run as there are processors, wakes the
 * one that ran last, and knows no limit of sockets. Any worker may get any completion, so what an
 * operation needs must be found from its OVERLAPPED alone, and must still be there: the OVERLAPPED
 * is extended by the kind of the operation, and a session lives until the last reference to it is
 * given back, one of which each operation in flight holds. */

#define WORKERS      2
#define ACCEPTS      4
#define UDP_RECEIVES 16

enum kind {
    KIND_ACCEPT,
    KIND_RECEIVE,
    KIND_SEND,
    KIND_RECEIVE_DATAGRAM,
    KIND_SEND_DATAGRAM,
};

struct operation {
    OVERLAPPED overlapped;
    enum kind kind;
    bool is_in_flight; /* Else its packet was posted by ourselves, to try again. */
};

struct iocp {
    struct io_server *server;
    HANDLE port;
    SOCKET listener;
    SOCKET udp;
    struct os_thread *workers[WORKERS];
    struct os_mutex *mutex; /* Of the list of sessions. */
    struct session *sessions;
    atomic_bool is_stopping;
    /* Sessions, accepts and datagrams that still are, and one for ourselves. Whoever gives back the
     * last one sends the workers home. */
    atomic_uint references;
};

struct session {
    struct operation operation; /* One at a time: a receive, then the sends of what came. */
    struct iocp *owner;
    SOCKET socket;
    atomic_uint references;
    atomic_bool is_closing;
    struct session *next;
    struct session *previous;
    WSABUF buffer; /* What is left to send. */
    char bytes[IO_TCP_BYTES];
};

struct acceptor {
    struct operation operation;
    struct accept_ex accept;
};

struct datagram {
    struct operation operation;
    WSABUF buffer;
    struct sockaddr_in from;
    int from_size;
    char bytes[IO_UDP_BYTES];
};

/* --- References and posting ------------------------------------------------------------------ */

static void release_owner(struct iocp *owner)
{
    if (atomic_fetch_sub(&owner->references, 1) == 1) {
        for (unsigned i = 0; i < WORKERS; i++) {
            (void)PostQueuedCompletionStatus(owner->port, 0, 0, NULL);
        }
    }
}

static void release_session(struct session *session)
{
    if (atomic_fetch_sub(&session->references, 1) > 1) {
        return;
    }
    struct iocp *const owner = session->owner;
    (void)closesocket(session->socket);
    free(session);
    atomic_fetch_add(&owner->server->closed, 1);
    release_owner(owner);
}

/* With the mutex held. */
static void unlink_session(struct session *session)
{
    if (session->previous != NULL) {
        session->previous->next = session->next;
    } else {
        session->owner->sessions = session->next;
    }
    if (session->next != NULL) {
        session->next->previous = session->previous;
    }
}

/* Takes the session out of the list and gives back the list's reference, once. What is in flight
 * ends with an error and gives back its own. */
static void close_session(struct session *session)
{
    struct iocp *const owner = session->owner;

    if (atomic_exchange(&session->is_closing, true)) {
        return;
    }
    os_mutex_lock(owner->mutex);
    unlink_session(session);
    os_mutex_unlock(owner->mutex);
    (void)CancelIoEx((HANDLE)session->socket, NULL);
    release_session(session);
}

/* Nought or WSA_IO_PENDING: a packet will come to the port, in both cases. Any other error: none
 * will, and the OVERLAPPED is ours again. */
static bool posted(int status)
{
    return status == 0 || WSAGetLastError() == WSA_IO_PENDING;
}

static void prepare(struct operation *operation, enum kind kind)
{
    operation->overlapped = (OVERLAPPED){0};
    operation->kind = kind;
    operation->is_in_flight = true;
}

/* --- Connections ----------------------------------------------------------------------------- */

/* Before posting: the operation in flight holds the session. The caller has a reference too, so
 * that the session outlives the call even if another worker ends the operation meanwhile. */
static void hold(struct session *session, enum kind kind)
{
    atomic_fetch_add(&session->references, 1);
    prepare(&session->operation, kind);
}

/* After posting. Somebody may have closed the session at this moment: he cancels what he finds, and
 * what was posted behind his back is cancelled here. First post, then look: in the other order both
 * could miss it. */
static void check_posted(struct session *session, int status)
{
    if (!posted(status)) {
        close_session(session);
        release_session(session);
    } else if (atomic_load(&session->is_closing)) {
        (void)CancelIoEx((HANDLE)session->socket, NULL);
    }
}

static void receive(struct session *session)
{
    DWORD flags = 0;

    hold(session, KIND_RECEIVE);
    session->buffer = (WSABUF){.len = sizeof(session->bytes), .buf = session->bytes};
    check_posted(session, WSARecv(session->socket, &session->buffer, 1, NULL, &flags,
                                  &session->operation.overlapped, NULL));
}

static void send_rest(struct session *session)
{
    hold(session, KIND_SEND);
    check_posted(session, WSASend(session->socket, &session->buffer, 1, NULL, 0,
                                  &session->operation.overlapped, NULL));
}

static void finish_receive(struct session *session, bool is_done, DWORD count)
{
    if (is_done && count > 0) {
        session->buffer.len = count;
        send_rest(session);
        return;
    }
    if (is_done) {
        /* Nought bytes of a stream: the peer has said all, so our end follows. */
        (void)shutdown(session->socket, SD_SEND);
    }
    close_session(session);
}

static void finish_send(struct session *session, bool is_done, DWORD count)
{
    if (!is_done) {
        close_session(session);
        return;
    }
    session->buffer.buf += count;
    session->buffer.len -= count;
    if (session->buffer.len > 0) {
        send_rest(session);
    } else {
        receive(session);
    }
}

static void add_session(struct iocp *owner, SOCKET newcomer)
{
    struct session *const session = calloc(1, sizeof(*session));

    if (session == NULL ||
        CreateIoCompletionPort((HANDLE)newcomer, owner->port, 0, 0) != owner->port) {
        free(session);
        (void)closesocket(newcomer);
        return;
    }
    atomic_fetch_add(&owner->server->accepted, 1);
    atomic_fetch_add(&owner->references, 1);
    session->owner = owner;
    session->socket = newcomer;
    atomic_init(&session->references, 2); /* The list's, and ours until the end of this. */
    os_mutex_lock(owner->mutex);
    session->next = owner->sessions;
    if (session->next != NULL) {
        session->next->previous = session;
    }
    owner->sessions = session;
    os_mutex_unlock(owner->mutex);
    receive(session);
    if (atomic_load(&owner->is_stopping)) {
        /* It may have come behind the back of who closed them all. */
        close_session(session);
    }
    release_session(session);
}

/* --- Newcomers and datagrams ----------------------------------------------------------------- */

/* What could not be posted comes back to a worker, which tries again: or it would never again. */
static void try_again(struct iocp *owner, struct operation *operation)
{
    os_sleep_ms(1);
    operation->is_in_flight = false;
    (void)PostQueuedCompletionStatus(owner->port, 0, 0, &operation->overlapped);
}

/* As check_posted(), for what lives as long as the server. */
static void check_standing(struct iocp *owner, struct operation *operation, SOCKET socket_handle,
                           bool is_posted)
{
    if (!is_posted) {
        try_again(owner, operation);
    } else if (atomic_load(&owner->is_stopping)) {
        (void)CancelIoEx((HANDLE)socket_handle, NULL);
    }
}

static void post_accept(struct iocp *owner, struct acceptor *acceptor)
{
    const SOCKET listener = owner->listener;

    prepare(&acceptor->operation, KIND_ACCEPT);
    check_standing(owner, &acceptor->operation, listener,
                   accept_ex_post(&acceptor->accept, &acceptor->operation.overlapped));
}

static void finish_accept(struct iocp *owner, struct acceptor *acceptor, bool is_done)
{
    SOCKET newcomer = INVALID_SOCKET;

    if (is_done) {
        newcomer = accept_ex_take(&acceptor->accept);
    } else {
        accept_ex_drop(&acceptor->accept);
    }
    if (atomic_load(&owner->is_stopping)) {
        if (newcomer != INVALID_SOCKET) {
            (void)closesocket(newcomer);
        }
        free(acceptor);
        release_owner(owner);
        return;
    }
    if (newcomer != INVALID_SOCKET) {
        add_session(owner, newcomer);
    }
    post_accept(owner, acceptor);
}

static void receive_datagram(struct iocp *owner, struct datagram *datagram)
{
    DWORD flags = 0;

    prepare(&datagram->operation, KIND_RECEIVE_DATAGRAM);
    datagram->buffer = (WSABUF){.len = sizeof(datagram->bytes), .buf = datagram->bytes};
    datagram->from_size = sizeof(datagram->from);
    const int status = WSARecvFrom(owner->udp, &datagram->buffer, 1, NULL, &flags,
                                   (struct sockaddr *)&datagram->from, &datagram->from_size,
                                   &datagram->operation.overlapped, NULL);
    check_standing(owner, &datagram->operation, owner->udp, posted(status));
}

static void finish_datagram(struct iocp *owner, struct datagram *datagram, bool is_done,
                            DWORD count)
{
    const bool is_received = is_done && datagram->operation.kind == KIND_RECEIVE_DATAGRAM;

    if (atomic_load(&owner->is_stopping)) {
        free(datagram);
        release_owner(owner);
        return;
    }
    /* Whatever went wrong was one datagram's. Nought is a datagram of no bytes. */
    if (is_received) {
        prepare(&datagram->operation, KIND_SEND_DATAGRAM);
        datagram->buffer.len = count;
        if (posted(WSASendTo(owner->udp, &datagram->buffer, 1, NULL, 0,
                             (struct sockaddr *)&datagram->from, datagram->from_size,
                             &datagram->operation.overlapped, NULL))) {
            return;
        }
    }
    receive_datagram(owner, datagram);
}

/* --- Workers --------------------------------------------------------------------------------- */

static void finish(struct iocp *owner, struct operation *operation, bool is_done, DWORD count)
{
    struct session *const session = CONTAINING_RECORD(operation, struct session, operation);

    switch (operation->kind) {
    case KIND_RECEIVE:
        finish_receive(session, is_done, count);
        release_session(session);
        break;
    case KIND_SEND:
        finish_send(session, is_done, count);
        release_session(session);
        break;
    case KIND_ACCEPT:
        finish_accept(owner, CONTAINING_RECORD(operation, struct acceptor, operation), is_done);
        break;
    case KIND_RECEIVE_DATAGRAM:
    case KIND_SEND_DATAGRAM:
        finish_datagram(owner, CONTAINING_RECORD(operation, struct datagram, operation), is_done,
                        count);
        break;
    }
}

static void work(void *context)
{
    struct iocp *const owner = context;

    for (;;) {
        DWORD count = 0;
        ULONG_PTR key = 0;
        OVERLAPPED *overlapped = NULL;
        /* The port writes all three, so it is given their addresses. False with an OVERLAPPED is an
         * operation that failed; without one it is the wait that did. */
        const BOOL is_good =
            GetQueuedCompletionStatus(owner->port, &count, &key, &overlapped, INFINITE);
        if (overlapped == NULL) {
            return; /* The packet that sends us home. */
        }
        struct operation *const operation =
            CONTAINING_RECORD(overlapped, struct operation, overlapped);
        finish(owner, operation, is_good && operation->is_in_flight, count);
    }
}

/* --- Beginning and end ----------------------------------------------------------------------- */

static void close_all_sessions(struct iocp *owner)
{
    for (;;) {
        os_mutex_lock(owner->mutex);
        struct session *const session = owner->sessions;
        if (session != NULL) {
            atomic_fetch_add(&session->references, 1);
        }
        os_mutex_unlock(owner->mutex);
        if (session == NULL) {
            return;
        }
        close_session(session);
        release_session(session);
    }
}

static void stop_iocp(struct io_server *server)
{
    struct iocp *const owner = server->state;

    atomic_store(&owner->is_stopping, true);
    if (owner->workers[0] != NULL) {
        (void)CancelIoEx((HANDLE)owner->listener, NULL);
        (void)CancelIoEx((HANDLE)owner->udp, NULL);
        close_all_sessions(owner);
    }
    release_owner(owner);
    for (unsigned i = 0; i < WORKERS && owner->workers[i] != NULL; i++) {
        os_thread_join(owner->workers[i]);
    }
    io_close(owner->listener);
    io_close(owner->udp);
    if (owner->port != NULL) {
        (void)CloseHandle(owner->port);
    }
    os_mutex_destroy(owner->mutex);
    free(owner);
    io_sockets_stop();
}

/* Each holds the owner until it sees, after its last completion, that we are stopping. */
static bool start_standing(struct iocp *owner)
{
    for (unsigned i = 0; i < ACCEPTS; i++) {
        struct acceptor *const acceptor = calloc(1, sizeof(*acceptor));
        if (acceptor == NULL || !accept_ex_init(&acceptor->accept, owner->listener)) {
            free(acceptor);
            return false;
        }
        atomic_fetch_add(&owner->references, 1);
        post_accept(owner, acceptor);
    }
    for (unsigned i = 0; i < UDP_RECEIVES; i++) {
        struct datagram *const datagram = calloc(1, sizeof(*datagram));
        if (datagram == NULL) {
            return false;
        }
        atomic_fetch_add(&owner->references, 1);
        receive_datagram(owner, datagram);
    }
    return true;
}

static bool open_iocp(struct iocp *owner, struct io_server *server)
{
    owner->mutex = os_mutex_create();
    owner->listener = io_listen(&server->tcp_port);
    owner->udp = io_bind_udp(&server->udp_port);
    owner->port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, WORKERS);
    if (owner->mutex == NULL || owner->listener == INVALID_SOCKET || owner->udp == INVALID_SOCKET ||
        owner->port == NULL ||
        CreateIoCompletionPort((HANDLE)owner->listener, owner->port, 0, 0) != owner->port ||
        CreateIoCompletionPort((HANDLE)owner->udp, owner->port, 0, 0) != owner->port) {
        return false;
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        if (os_thread_create(work, owner, "worker", &owner->workers[i]) != 0) {
            return false;
        }
    }
    /* The last: a failure before it leaves nothing in flight, one in it is taken back by stopping.
     */
    return start_standing(owner);
}

static int start_iocp(struct io_server *server)
{
    if (io_sockets_start() != 0) {
        return -1;
    }
    struct iocp *const owner = calloc(1, sizeof(*owner));
    if (owner == NULL) {
        io_sockets_stop();
        return -1;
    }
    server->state = owner;
    owner->server = server;
    atomic_init(&owner->references, 1);
    if (!open_iocp(owner, server)) {
        stop_iocp(server);
        return -1;
    }
    return 0;
}

const struct io_model io_model_iocp = {.name = "iocp", .start = start_iocp, .stop = stop_iocp};
