/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/nonblocking_step.h"

#include "daemon/os/os.h"

#include <stdlib.h>

/* select.
 *
 * select() waits until one of the sockets in its sets can be read or written. It overwrites the
 * sets with its answer, so they are built anew for every call, and whoever wants to know which
 * socket it was asks for each.
 *
 * An fd_set of Windows has 64 places. The header lets a program define a larger FD_SETSIZE before
 * it is included; that moves the limit and not the cost. Here it stays, and more connections are
 * served by several sets in turn. Nothing can wait for several sets at once: with one set the
 * thread sleeps until something happens; with more it looks at each, and when a whole round found
 * nothing it rests a moment in one of them. On Linux the limit is another one (numbers below 1024);
 * we fill the sets to 64 there too, so that the same code is tested. */

#define SET_PLACES 64
/* The listener and the datagram socket are in every set, so that newcomers and datagrams end the
 * wait, whichever set that is in. */
#define SET_CONNECTIONS (SET_PLACES - 2)

#define REST_US 1000

struct selecting {
    SOCKET listener;
    SOCKET udp;
    struct os_thread *thread;
    atomic_bool is_stopping;
    struct connections connections;
    char datagram[IO_UDP_BYTES];
};

/* One set and what select() wrote over it. */
struct sets {
    fd_set readable;
    fd_set writable;
    SOCKET highest; /* What Linux must be told; Windows counts for itself. */
};

static void sets_add(struct sets *sets, SOCKET socket_handle, fd_set *set)
{
    FD_SET(socket_handle, set);
    if (socket_handle > sets->highest) {
        sets->highest = socket_handle;
    }
}

static void build_sets(struct selecting *selecting, unsigned begin, unsigned end, struct sets *sets)
{
    FD_ZERO(&sets->readable);
    FD_ZERO(&sets->writable);
    sets->highest = 0;
    sets_add(sets, selecting->listener, &sets->readable);
    sets_add(sets, selecting->udp, &sets->readable);
    for (unsigned i = begin; i < end; i++) {
        const struct connection *const connection = selecting->connections.items[i];
        /* Either, never both: whoever does not read gets nothing read. */
        const bool has_output = connection->begin < connection->end;
        sets_add(sets, connection->socket, has_output ? &sets->writable : &sets->readable);
    }
}

static void accept_one(struct selecting *selecting)
{
    const SOCKET newcomer = connection_accept(selecting->listener);

    if (newcomer == INVALID_SOCKET) {
        return;
    }
    if (!io_fits_fd_set(newcomer)) {
        /* FD_SET would write behind the end of the set. */
        (void)closesocket(newcomer);
        return;
    }
    connections_add(&selecting->connections, newcomer);
}

/* Waits for the connections from begin to end and serves those that are ready. Returns how many
 * sockets were; timeout NULL waits for ever. */
static int serve_set(struct selecting *selecting, unsigned begin, unsigned end,
                     struct timeval *timeout)
{
    struct connections *const connections = &selecting->connections;
    struct sets sets;

    build_sets(selecting, begin, end, &sets);
    const int found = select((int)sets.highest + 1, &sets.readable, &sets.writable, NULL, timeout);
    if (found <= 0) {
        return 0;
    }
    for (unsigned i = end; i > begin; i--) {
        const SOCKET socket_handle = connections->items[i - 1]->socket;
        const bool is_ready =
            FD_ISSET(socket_handle, &sets.readable) || FD_ISSET(socket_handle, &sets.writable);
        if (is_ready && connection_step(connections->items[i - 1]) == STEP_OVER) {
            connections_remove(connections, i - 1);
        }
    }
    if (FD_ISSET(selecting->udp, &sets.readable)) {
        (void)datagrams_step(selecting->udp, selecting->datagram, SET_PLACES);
    }
    if (FD_ISSET(selecting->listener, &sets.readable)) {
        accept_one(selecting);
    }
    return found;
}

static void serve_for_ever(void *context)
{
    struct selecting *const selecting = context;
    unsigned first = 0;
    bool was_idle = false;

    while (!atomic_load(&selecting->is_stopping)) {
        const unsigned count = selecting->connections.count;
        struct timeval no_time = {0, 0};
        struct timeval rest = {0, REST_US};
        if (count <= SET_CONNECTIONS) {
            (void)serve_set(selecting, 0, count, NULL);
            was_idle = false;
            continue;
        }
        int found = 0;
        for (unsigned begin = 0; begin < count; begin += SET_CONNECTIONS) {
            /* The table may have shrunk on the way. */
            const unsigned left = selecting->connections.count;
            const unsigned end = begin + SET_CONNECTIONS < left ? begin + SET_CONNECTIONS : left;
            const bool rests_here = was_idle && begin == first;
            if (begin < end) {
                found += serve_set(selecting, begin, end, rests_here ? &rest : &no_time);
            }
        }
        was_idle = found == 0;
        /* Not always in the same one, or the others would be slow for good. */
        first = first + SET_CONNECTIONS < count ? first + SET_CONNECTIONS : 0;
    }
}

static void stop_selecting(struct io_server *server)
{
    struct selecting *const selecting = server->state;

    atomic_store(&selecting->is_stopping, true);
    if (selecting->thread != NULL) {
        io_poke_udp(server->udp_port);
        os_thread_join(selecting->thread);
    }
    connections_clear(&selecting->connections);
    io_close(selecting->listener);
    io_close(selecting->udp);
    free(selecting);
    io_sockets_stop();
}

static int start_selecting(struct io_server *server)
{
    if (io_sockets_start() != 0) {
        return -1;
    }
    struct selecting *const selecting = calloc(1, sizeof(*selecting));
    if (selecting == NULL) {
        io_sockets_stop();
        return -1;
    }
    server->state = selecting;
    selecting->connections.server = server;
    selecting->listener = io_listen(&server->tcp_port);
    selecting->udp = io_bind_udp(&server->udp_port);
    if (selecting->listener == INVALID_SOCKET || selecting->udp == INVALID_SOCKET ||
        !io_set_nonblocking(selecting->listener) || !io_set_nonblocking(selecting->udp) ||
        !io_fits_fd_set(selecting->listener) || !io_fits_fd_set(selecting->udp) ||
        os_thread_create(serve_for_ever, selecting, "select", &selecting->thread) != 0) {
        stop_selecting(server);
        return -1;
    }
    return 0;
}

const struct io_model io_model_select = {
    .name = "select", .start = start_selecting, .stop = stop_selecting};
