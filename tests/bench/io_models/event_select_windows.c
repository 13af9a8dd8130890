/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/event_group_windows.h"
#include "tests/bench/io_models/nonblocking_step.h"

#include <stdlib.h>

/* WSAEventSelect.
 *
 * Windows sets an event when something can be done with a socket, and WSAEnumNetworkEvents says
 * what: FD_ACCEPT, FD_READ, FD_WRITE, FD_CLOSE. Each of these is reported once and then armed again
 * by the call that deals with it: recv() arms FD_READ, accept() FD_ACCEPT, and FD_WRITE comes only
 * after a send() that failed with WSAEWOULDBLOCK. FD_CLOSE comes once and never again, with bytes
 * still to be read perhaps. Whoever is told and does not make the call waits for ever. */

#define DATAGRAMS_PER_EVENT 64

struct event_select {
    struct io_server *server;
    struct event_groups *groups;
};

/* A socket of one of three kinds, which differ in the functions of their member. */
struct watched {
    struct event_member member;
    struct event_select *owner;
    long interest;     /* FD_*: what it is told of. */
    bool has_fd_close; /* No FD_READ comes any more: all that is left must be read now. */
    char *datagram;    /* The datagram socket's. */
    struct connection connection;
};

static struct watched *watched_of(struct event_member *member)
{
    return CONTAINING_RECORD(member, struct watched, member);
}

/* What has happened, as FD_* bits; it is told once. Also resets the event. */
static long take_network_events(struct watched *watched)
{
    WSANETWORKEVENTS events;

    if (WSAEnumNetworkEvents(watched->connection.socket, watched->member.event, &events) != 0) {
        return FD_CLOSE;
    }
    return events.lNetworkEvents;
}

/* Makes the socket non-blocking too, always. What has happened before is told as well. */
static bool begin_watched(struct event_member *member)
{
    struct watched *const watched = watched_of(member);

    return WSAEventSelect(watched->connection.socket, member->event, watched->interest) == 0;
}

static void end_watched(struct event_member *member)
{
    struct watched *const watched = watched_of(member);

    (void)closesocket(watched->connection.socket);
    (void)WSACloseEvent(member->event);
    free(watched->datagram);
    free(watched);
}

static void end_connection(struct event_member *member)
{
    struct event_select *const owner = watched_of(member)->owner;

    end_watched(member);
    atomic_fetch_add(&owner->server->closed, 1);
}

static bool serve_connection(struct event_member *member)
{
    struct watched *const watched = watched_of(member);

    if (take_network_events(watched) & FD_CLOSE) {
        watched->has_fd_close = true;
    }
    /* One buffer for each event is enough while there is FD_READ: the recv() arms it, and if more
     * is there it is set at once. After FD_WRITE, too, there must be a recv(), because the FD_READ
     * that came while there was no room was left without an answer. */
    enum step step = connection_step(&watched->connection);
    while (step == STEP_AGAIN && watched->has_fd_close) {
        step = connection_step(&watched->connection);
    }
    return step != STEP_OVER;
}

static bool serve_datagrams(struct event_member *member)
{
    struct watched *const watched = watched_of(member);

    (void)take_network_events(watched);
    (void)datagrams_step(watched->connection.socket, watched->datagram, DATAGRAMS_PER_EVENT);
    return true;
}

/* A watched socket, given to a group; on failure it is closed. */
static bool watch(struct event_select *owner, SOCKET socket_handle, long interest,
                  bool (*signalled)(struct event_member *), void (*end)(struct event_member *),
                  char *datagram)
{
    struct watched *const watched = calloc(1, sizeof(*watched));

    if (watched != NULL) {
        *watched = (struct watched){.owner = owner, .interest = interest, .datagram = datagram};
        watched->connection.socket = socket_handle;
        watched->member = (struct event_member){
            .event = WSACreateEvent(), .begin = begin_watched, .signalled = signalled, .end = end};
        if (watched->member.event != WSA_INVALID_EVENT &&
            event_groups_add(owner->groups, &watched->member)) {
            return true;
        }
        if (watched->member.event != WSA_INVALID_EVENT) {
            (void)WSACloseEvent(watched->member.event);
        }
    }
    free(watched);
    free(datagram);
    (void)closesocket(socket_handle);
    return false;
}

static bool accept_one(struct event_member *member)
{
    struct watched *const watched = watched_of(member);
    struct event_select *const owner = watched->owner;

    (void)take_network_events(watched);
    const SOCKET newcomer = accept(watched->connection.socket, NULL, NULL);
    if (newcomer == INVALID_SOCKET) {
        return true;
    }
    atomic_fetch_add(&owner->server->accepted, 1);
    /* It came with the listener's event and interest; watching it replaces both. */
    if (!watch(owner, newcomer, FD_READ | FD_WRITE | FD_CLOSE, serve_connection, end_connection,
               NULL)) {
        atomic_fetch_add(&owner->server->closed, 1);
    }
    return true;
}

static void stop_event_select(struct io_server *server)
{
    struct event_select *const owner = server->state;

    /* Nothing is ever in flight here: an event tells, and the calls return at once. */
    event_groups_destroy(owner->groups);
    free(owner);
    io_sockets_stop();
}

static int start_event_select(struct io_server *server)
{
    if (io_sockets_start() != 0) {
        return -1;
    }
    struct event_select *const owner = calloc(1, sizeof(*owner));
    if (owner == NULL) {
        io_sockets_stop();
        return -1;
    }
    server->state = owner;
    owner->server = server;
    owner->groups = event_groups_create();
    const SOCKET listener = io_listen(&server->tcp_port);
    const SOCKET udp = io_bind_udp(&server->udp_port);
    char *const datagram = malloc(IO_UDP_BYTES);
    if (owner->groups == NULL || listener == INVALID_SOCKET || udp == INVALID_SOCKET ||
        datagram == NULL) {
        free(datagram);
        (void)closesocket(listener);
        (void)closesocket(udp);
        stop_event_select(server);
        return -1;
    }
    const bool is_listening = watch(owner, listener, FD_ACCEPT, accept_one, end_watched, NULL);
    if (!watch(owner, udp, FD_READ, serve_datagrams, end_watched, datagram) || !is_listening) {
        stop_event_select(server);
        return -1;
    }
    return 0;
}

const struct io_model io_model_event_select = {
    .name = "event_select", .start = start_event_select, .stop = stop_event_select};
