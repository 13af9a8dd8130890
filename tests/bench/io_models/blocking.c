/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_model.h"

#include "daemon/os/os.h"
#include "tests/bench/io_models/io_socket.h"

#include <stdlib.h>

/* Blocking calls, a thread per connection.
 *
 * Each call returns when it is done, so the code reads like what it does: receive, send, again.
 * The price is a thread for each client, with its stack and its switches, and that a waiting thread
 * cannot be told anything: to stop it, somebody must make its call fail. */

struct client {
    SOCKET socket;
    struct os_thread *thread;
    struct blocking *owner;
    struct client *next;
    bool is_over; /* Its thread has closed the socket and is about to end. */
};

struct blocking {
    struct io_server *server;
    SOCKET listener;
    SOCKET udp;
    struct os_thread *accept_thread;
    struct os_thread *udp_thread;
    struct os_mutex *mutex; /* Of the list and what is in it. */
    struct client *clients;
    atomic_bool is_stopping;
};

/* A stream takes what it has room for, which may be less than was given. */
static bool send_all(SOCKET socket_handle, const char *bytes, int size)
{
    int sent = 0;

    while (sent < size) {
        const int count = send(socket_handle, bytes + sent, size - sent, 0);
        if (count == SOCKET_ERROR) {
            return false;
        }
        sent += count;
    }
    return true;
}

static void serve_client(void *context)
{
    struct client *const client = context;
    char bytes[IO_TCP_BYTES];
    int count = 0;

    do {
        count = recv(client->socket, bytes, sizeof(bytes), 0);
    } while (count > 0 && send_all(client->socket, bytes, count));
    if (count == 0) {
        /* The peer has said all. Our last bytes are on their way, and our end follows them. */
        (void)shutdown(client->socket, SD_SEND);
    }
    /* Under the mutex, so that nobody interrupts a number that is another socket by then. */
    os_mutex_lock(client->owner->mutex);
    (void)closesocket(client->socket);
    client->is_over = true;
    os_mutex_unlock(client->owner->mutex);
    atomic_fetch_add(&client->owner->server->closed, 1);
}

/* Takes out of the list the clients that are over, or all of them, and waits for their threads. */
static void join_clients(struct blocking *blocking, bool is_all)
{
    struct client *joined = NULL;

    os_mutex_lock(blocking->mutex);
    for (struct client **link = &blocking->clients; *link != NULL;) {
        struct client *const client = *link;
        if (client->is_over || is_all) {
            *link = client->next;
            client->next = joined;
            joined = client;
        } else {
            link = &client->next;
        }
    }
    os_mutex_unlock(blocking->mutex);
    while (joined != NULL) {
        struct client *const client = joined;
        joined = client->next;
        os_thread_join(client->thread);
        free(client);
    }
}

static void add_client(struct blocking *blocking, SOCKET socket_handle)
{
    struct client *const client = calloc(1, sizeof(*client));
    bool is_started = false;

    atomic_fetch_add(&blocking->server->accepted, 1);
    if (client != NULL) {
        client->socket = socket_handle;
        client->owner = blocking;
        os_mutex_lock(blocking->mutex);
        is_started = os_thread_create(serve_client, client, "client", &client->thread) == 0;
        if (is_started) {
            client->next = blocking->clients;
            blocking->clients = client;
        }
        os_mutex_unlock(blocking->mutex);
    }
    if (!is_started) {
        /* No memory or no more threads: this client goes, the others stay. */
        free(client);
        (void)closesocket(socket_handle);
        atomic_fetch_add(&blocking->server->closed, 1);
    }
}

static void accept_clients(void *context)
{
    struct blocking *const blocking = context;

    while (!atomic_load(&blocking->is_stopping)) {
        const SOCKET newcomer = accept(blocking->listener, NULL, NULL);
        if (newcomer == INVALID_SOCKET) {
            /* Gone before we took it, or the system is short of sockets: it may have some soon. */
            os_sleep_ms(1);
        } else if (atomic_load(&blocking->is_stopping)) {
            (void)closesocket(newcomer);
        } else {
            /* A thread that has ended keeps its memory until somebody has joined it. */
            join_clients(blocking, false);
            add_client(blocking, newcomer);
        }
    }
}

static void serve_datagrams(void *context)
{
    struct blocking *const blocking = context;
    char *const bytes = malloc(IO_UDP_BYTES);

    while (bytes != NULL && !atomic_load(&blocking->is_stopping)) {
        struct sockaddr_storage from;
        socklen_t from_size = sizeof(from);
        const int count =
            recvfrom(blocking->udp, bytes, IO_UDP_BYTES, 0, (struct sockaddr *)&from, &from_size);
        /* Nought is a datagram of no bytes here, and no end of anything. An error is that of one
         * datagram: the socket goes on. */
        if (count >= 0) {
            (void)sendto(blocking->udp, bytes, count, 0, (struct sockaddr *)&from, from_size);
        }
    }
    free(bytes);
}

static void close_blocking(struct blocking *blocking)
{
    io_close(blocking->listener);
    io_close(blocking->udp);
    os_mutex_destroy(blocking->mutex);
    free(blocking);
    io_sockets_stop();
}

static void stop_blocking(struct io_server *server)
{
    struct blocking *const blocking = server->state;

    atomic_store(&blocking->is_stopping, true);
    if (blocking->udp_thread != NULL) {
        io_poke_udp(server->udp_port);
        os_thread_join(blocking->udp_thread);
    }
    if (blocking->accept_thread != NULL) {
        io_poke_tcp(server->tcp_port);
        os_thread_join(blocking->accept_thread);
    }
    os_mutex_lock(blocking->mutex);
    for (struct client *client = blocking->clients; client != NULL; client = client->next) {
        if (!client->is_over) {
            io_interrupt(client->socket);
        }
    }
    os_mutex_unlock(blocking->mutex);
    join_clients(blocking, true);
    close_blocking(blocking);
}

static int start_blocking(struct io_server *server)
{
    if (io_sockets_start() != 0) {
        return -1;
    }
    struct blocking *const blocking = calloc(1, sizeof(*blocking));
    if (blocking == NULL) {
        io_sockets_stop();
        return -1;
    }
    server->state = blocking;
    blocking->server = server;
    blocking->mutex = os_mutex_create();
    blocking->listener = io_listen(&server->tcp_port);
    blocking->udp = io_bind_udp(&server->udp_port);
    if (blocking->mutex == NULL || blocking->listener == INVALID_SOCKET ||
        blocking->udp == INVALID_SOCKET) {
        close_blocking(blocking);
        return -1;
    }
    if (os_thread_create(serve_datagrams, blocking, "udp", &blocking->udp_thread) != 0 ||
        os_thread_create(accept_clients, blocking, "accept", &blocking->accept_thread) != 0) {
        stop_blocking(server);
        return -1;
    }
    return 0;
}

const struct io_model io_model_blocking = {
    .name = "blocking", .start = start_blocking, .stop = stop_blocking};
