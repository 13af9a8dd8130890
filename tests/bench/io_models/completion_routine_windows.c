/* SPDX-License-Identifier: MIT */
#include "daemon/os/os.h"
#include "tests/bench/io_models/io_model.h"
#include "tests/bench/io_models/io_socket.h"

#include <stdlib.h>

/* Overlapped operations with completion routines.
 *
 * Instead of setting an event the system calls a function of ours: in the thread that posted the
 * operation, and only while that thread is in an alertable wait. So there are no locks, no limit of
 * 64 and no table to search: the routine is handed the OVERLAPPED, and the session is what that
 * OVERLAPPED is part of. But one thread must do everything: no other can help it out. */

#define UDP_RECEIVES 16

struct routines {
    struct io_server *server;
    SOCKET listener;
    SOCKET udp;
    WSAEVENT stop_event;
    WSAEVENT accept_event; /* AcceptEx has no completion routine, so newcomers come by an event. */
    struct os_thread *thread;
    struct session *sessions;
    unsigned in_flight; /* Routines that will still be called. */
    bool is_stopping;
};

struct session {
    OVERLAPPED overlapped; /* Its hEvent means nothing here: the system does not look at it. */
    struct routines *owner;
    SOCKET socket;
    struct session *next;
    struct session *previous;
    WSABUF buffer; /* What is left to send. */
    char bytes[IO_TCP_BYTES];
};

struct datagram {
    OVERLAPPED overlapped;
    struct routines *owner;
    struct sockaddr_in from;
    int from_size;
    char bytes[IO_UDP_BYTES];
};

static void CALLBACK session_received(DWORD error, DWORD count, LPWSAOVERLAPPED overlapped,
                                      DWORD flags);
static void CALLBACK session_sent(DWORD error, DWORD count, LPWSAOVERLAPPED overlapped,
                                  DWORD flags);
static void CALLBACK datagram_received(DWORD error, DWORD count, LPWSAOVERLAPPED overlapped,
                                       DWORD flags);

/* Nought or WSA_IO_PENDING: the routine will be called, though never before the next wait, however
 * soon the operation is done. Any other error: it will not. */
static bool posted(struct routines *owner, int status)
{
    const bool is_posted = status == 0 || WSAGetLastError() == WSA_IO_PENDING;

    owner->in_flight += is_posted;
    return is_posted;
}

/* --- Connections ----------------------------------------------------------------------------- */

/* Nothing of it is in flight: this is called instead of posting. */
static void end_session(struct session *session)
{
    struct routines *const owner = session->owner;

    if (session->previous != NULL) {
        session->previous->next = session->next;
    } else {
        owner->sessions = session->next;
    }
    if (session->next != NULL) {
        session->next->previous = session->previous;
    }
    (void)closesocket(session->socket);
    free(session);
    atomic_fetch_add(&owner->server->closed, 1);
}

static void receive(struct session *session)
{
    DWORD flags = 0;

    session->overlapped = (OVERLAPPED){0};
    session->buffer = (WSABUF){.len = sizeof(session->bytes), .buf = session->bytes};
    if (session->owner->is_stopping ||
        !posted(session->owner, WSARecv(session->socket, &session->buffer, 1, NULL, &flags,
                                        &session->overlapped, session_received))) {
        end_session(session);
    }
}

static void send_rest(struct session *session)
{
    session->overlapped = (OVERLAPPED){0};
    if (session->owner->is_stopping ||
        !posted(session->owner, WSASend(session->socket, &session->buffer, 1, NULL, 0,
                                        &session->overlapped, session_sent))) {
        end_session(session);
    }
}

static void CALLBACK session_received(DWORD error, DWORD count, LPWSAOVERLAPPED overlapped,
                                      DWORD flags)
{
    struct session *const session = CONTAINING_RECORD(overlapped, struct session, overlapped);

    (void)flags;
    session->owner->in_flight--;
    if (error != 0 || count == 0) {
        /* Nought bytes of a stream: the peer has said all, so our end follows. */
        if (error == 0) {
            (void)shutdown(session->socket, SD_SEND);
        }
        end_session(session);
        return;
    }
    session->buffer.len = count;
    send_rest(session);
}

static void CALLBACK session_sent(DWORD error, DWORD count, LPWSAOVERLAPPED overlapped, DWORD flags)
{
    struct session *const session = CONTAINING_RECORD(overlapped, struct session, overlapped);

    (void)flags;
    session->owner->in_flight--;
    if (error != 0) {
        end_session(session);
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

static void accept_one(struct routines *owner)
{
    WSANETWORKEVENTS events;

    (void)WSAEnumNetworkEvents(owner->listener, owner->accept_event, &events);
    const SOCKET newcomer = accept(owner->listener, NULL, NULL);
    if (newcomer == INVALID_SOCKET) {
        return;
    }
    struct session *const session = calloc(1, sizeof(*session));
    /* It came with the listener's event, which is to hear of the listener only. */
    if (session == NULL || WSAEventSelect(newcomer, NULL, 0) != 0) {
        free(session);
        (void)closesocket(newcomer);
        return;
    }
    atomic_fetch_add(&owner->server->accepted, 1);
    session->owner = owner;
    session->socket = newcomer;
    session->next = owner->sessions;
    if (session->next != NULL) {
        session->next->previous = session;
    }
    owner->sessions = session;
    receive(session);
}

/* --- Datagrams ------------------------------------------------------------------------------- */

static void receive_datagram(struct datagram *datagram)
{
    struct routines *const owner = datagram->owner;
    bool is_posted = false;

    while (!owner->is_stopping && !is_posted) {
        WSABUF buffer = {.len = sizeof(datagram->bytes), .buf = datagram->bytes};
        DWORD flags = 0;
        datagram->overlapped = (OVERLAPPED){0};
        /* Address and its size are filled when it completes: they must live until then. The list
         * of buffers is read by the call itself and may go. */
        datagram->from_size = sizeof(datagram->from);
        is_posted =
            posted(owner, WSARecvFrom(owner->udp, &buffer, 1, NULL, &flags,
                                      (struct sockaddr *)&datagram->from, &datagram->from_size,
                                      &datagram->overlapped, datagram_received));
        if (!is_posted) {
            os_sleep_ms(1); /* The system is short of something, or told of a peer that is gone. */
        }
    }
    if (!is_posted) {
        free(datagram);
    }
}

static void CALLBACK datagram_received(DWORD error, DWORD count, LPWSAOVERLAPPED overlapped,
                                       DWORD flags)
{
    struct datagram *const datagram = CONTAINING_RECORD(overlapped, struct datagram, overlapped);
    WSABUF buffer = {.len = count, .buf = datagram->bytes};
    DWORD sent = 0;

    (void)flags;
    datagram->owner->in_flight--;
    /* An error is one datagram's. Without an OVERLAPPED the send is done when it returns. */
    if (error == 0) {
        (void)WSASendTo(datagram->owner->udp, &buffer, 1, &sent, 0,
                        (struct sockaddr *)&datagram->from, datagram->from_size, NULL, NULL);
    }
    receive_datagram(datagram);
}

static void start_datagrams(struct routines *owner)
{
    for (unsigned i = 0; i < UDP_RECEIVES; i++) {
        struct datagram *const datagram = calloc(1, sizeof(*datagram));
        if (datagram != NULL) {
            datagram->owner = owner;
            receive_datagram(datagram);
        }
    }
}

/* --- The thread ------------------------------------------------------------------------------ */

/* Cancelled operations call their routines too, with an error; these see that we are stopping. */
static void end_all(struct routines *owner)
{
    owner->is_stopping = true;
    for (struct session *session = owner->sessions; session != NULL; session = session->next) {
        (void)CancelIoEx((HANDLE)session->socket, NULL);
    }
    (void)CancelIoEx((HANDLE)owner->udp, NULL);
    while (owner->in_flight > 0) {
        (void)SleepEx(INFINITE, TRUE);
    }
}

static void run_routines(void *context)
{
    struct routines *const owner = context;
    const WSAEVENT events[] = {owner->stop_event, owner->accept_event};
    bool goes_on = true;

    start_datagrams(owner);
    while (goes_on) {
        /* The last argument makes it alertable: the routines are called in here. */
        const DWORD found = WSAWaitForMultipleEvents(2, events, FALSE, WSA_INFINITE, TRUE);
        if (found == WSA_WAIT_EVENT_0 + 1) {
            accept_one(owner);
        } else if (found != WSA_WAIT_IO_COMPLETION) {
            goes_on = false;
        }
    }
    end_all(owner);
}

static void stop_routines(struct io_server *server)
{
    struct routines *const owner = server->state;

    if (owner->thread != NULL) {
        (void)WSASetEvent(owner->stop_event);
        os_thread_join(owner->thread);
    }
    io_close(owner->listener);
    io_close(owner->udp);
    if (owner->stop_event != WSA_INVALID_EVENT) {
        (void)WSACloseEvent(owner->stop_event);
    }
    if (owner->accept_event != WSA_INVALID_EVENT) {
        (void)WSACloseEvent(owner->accept_event);
    }
    free(owner);
    io_sockets_stop();
}

static int start_routines(struct io_server *server)
{
    if (io_sockets_start() != 0) {
        return -1;
    }
    struct routines *const owner = calloc(1, sizeof(*owner));
    if (owner == NULL) {
        io_sockets_stop();
        return -1;
    }
    server->state = owner;
    owner->server = server;
    owner->stop_event = WSACreateEvent();
    owner->accept_event = WSACreateEvent();
    owner->listener = io_listen(&server->tcp_port);
    owner->udp = io_bind_udp(&server->udp_port);
    if (owner->stop_event == WSA_INVALID_EVENT || owner->accept_event == WSA_INVALID_EVENT ||
        owner->listener == INVALID_SOCKET || owner->udp == INVALID_SOCKET ||
        WSAEventSelect(owner->listener, owner->accept_event, FD_ACCEPT) != 0 ||
        os_thread_create(run_routines, owner, "routines", &owner->thread) != 0) {
        stop_routines(server);
        return -1;
    }
    return 0;
}

const struct io_model io_model_completion_routine = {
    .name = "completion_routine", .start = start_routines, .stop = stop_routines};
