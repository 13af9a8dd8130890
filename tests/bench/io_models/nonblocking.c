/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/nonblocking_step.h"

#include "daemon/os/os.h"

#include <stdlib.h>

/* Non-blocking calls, polled.
 *
 * ioctlsocket(FIONBIO) makes every call return at once: with a result, or with WSAEWOULDBLOCK. One
 * thread then serves everybody, by asking each socket in turn whether it has something, for ever.
 * It never sleeps: idle or not it takes a whole processor, and a round costs a call for each
 * connection, most of them for nothing. The models after this one ask the system to tell. */

#define DATAGRAMS_PER_ROUND 64

struct polling {
    SOCKET listener;
    SOCKET udp;
    struct os_thread *thread;
    atomic_bool is_stopping;
    struct connections connections;
    char datagram[IO_UDP_BYTES];
};

static void poll_for_ever(void *context)
{
    struct polling *const polling = context;
    struct connections *const connections = &polling->connections;

    while (!atomic_load(&polling->is_stopping)) {
        SOCKET newcomer = INVALID_SOCKET;
        while ((newcomer = connection_accept(polling->listener)) != INVALID_SOCKET) {
            connections_add(connections, newcomer);
        }
        (void)datagrams_step(polling->udp, polling->datagram, DATAGRAMS_PER_ROUND);
        for (unsigned i = connections->count; i > 0; i--) {
            if (connection_step(connections->items[i - 1]) == STEP_OVER) {
                connections_remove(connections, i - 1);
            }
        }
    }
}

static void stop_polling(struct io_server *server)
{
    struct polling *const polling = server->state;

    /* Nothing ever waits here, so there is nothing to wake. */
    atomic_store(&polling->is_stopping, true);
    if (polling->thread != NULL) {
        os_thread_join(polling->thread);
    }
    connections_clear(&polling->connections);
    io_close(polling->listener);
    io_close(polling->udp);
    free(polling);
    io_sockets_stop();
}

static int start_polling(struct io_server *server)
{
    if (io_sockets_start() != 0) {
        return -1;
    }
    struct polling *const polling = calloc(1, sizeof(*polling));
    if (polling == NULL) {
        io_sockets_stop();
        return -1;
    }
    server->state = polling;
    polling->connections.server = server;
    polling->listener = io_listen(&server->tcp_port);
    polling->udp = io_bind_udp(&server->udp_port);
    if (polling->listener == INVALID_SOCKET || polling->udp == INVALID_SOCKET ||
        !io_set_nonblocking(polling->listener) || !io_set_nonblocking(polling->udp) ||
        os_thread_create(poll_for_ever, polling, "polling", &polling->thread) != 0) {
        stop_polling(server);
        return -1;
    }
    return 0;
}

const struct io_model io_model_nonblocking = {
    .name = "nonblocking", .start = start_polling, .stop = stop_polling};
