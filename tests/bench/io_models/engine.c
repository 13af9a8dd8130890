/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_model.h"

#include "daemon/net/net_tcp.h"
#include "daemon/net/net_udp.h"
#include "daemon/os/os.h"

#include <stdlib.h>

/* The relay's own engine behind the same contract, to be measured beside the models.
 *
 * daemon/net waits for completions on Windows and for epoll on Linux. Two threads here, as in the
 * relay: datagrams belong to one, connections to the other. */

#define CONNECTIONS_MAX  1024
#define EVENTS_MAX       64
#define LINGER_S         5
#define UDP_BUFFER_BYTES (4 * 1024 * 1024)

/* What did not go out at once because the peer does not read; then we read no more either. */
struct rest {
    int size;
    char bytes[IO_TCP_BYTES];
};

struct engine {
    struct io_server *server;
    struct net_tcp *tcp;
    struct net_udp *udp;
    struct os_thread *tcp_thread;
    struct os_thread *udp_thread;
    atomic_bool is_stopping;
    struct rest rests[CONNECTIONS_MAX];
};

static void close_connection(struct engine *engine, struct net_conn conn, enum net_close_mode mode)
{
    (void)net_tcp_close(engine->tcp, conn, mode);
    atomic_fetch_add(&engine->server->closed, 1);
}

static void echo_input(struct engine *engine, struct net_conn conn)
{
    struct rest *const rest = &engine->rests[conn.index];

    if (rest->size > 0) {
        return;
    }
    const int count = net_tcp_read(engine->tcp, conn, rest->bytes, sizeof(rest->bytes));
    if (count == 0) {
        /* In order: the last bytes, then our end. */
        close_connection(engine, conn, NET_CLOSE_ORDERLY);
    } else if (count > 0 &&
               net_tcp_write(engine->tcp, conn, rest->bytes, (size_t)count) == RESULT_FULL) {
        rest->size = count;
        (void)net_tcp_pause(engine->tcp, conn);
    }
}

static void echo_rest(struct engine *engine, struct net_conn conn)
{
    struct rest *const rest = &engine->rests[conn.index];

    if (rest->size > 0 &&
        net_tcp_write(engine->tcp, conn, rest->bytes, (size_t)rest->size) != RESULT_FULL) {
        rest->size = 0;
        (void)net_tcp_resume(engine->tcp, conn);
    }
}

static void serve_event(struct engine *engine, const struct net_tcp_event *event)
{
    switch (event->type) {
    case NET_TCP_ACCEPTED:
        atomic_fetch_add(&engine->server->accepted, 1);
        engine->rests[event->conn.index].size = 0;
        break;
    case NET_TCP_READABLE:
        echo_input(engine, event->conn);
        break;
    case NET_TCP_SENT:
        echo_rest(engine, event->conn);
        break;
    case NET_TCP_CONNECTED:
        break;
    case NET_TCP_CLOSED:
        atomic_fetch_add(&engine->server->closed, 1);
        break;
    }
}

static void serve_connections(void *context)
{
    struct engine *const engine = context;
    struct net_tcp_event events[EVENTS_MAX];

    while (!atomic_load(&engine->is_stopping)) {
        const int count = net_tcp_wait(engine->tcp, events, EVENTS_MAX, NET_WAIT_FOREVER);
        for (int i = 0; i < count; i++) {
            serve_event(engine, &events[i]);
        }
    }
}

static void serve_datagrams(void *context)
{
    struct engine *const engine = context;
    struct net_received received[NET_UDP_BATCH];
    struct net_outgoing outgoing[NET_UDP_BATCH];

    while (!atomic_load(&engine->is_stopping)) {
        if (net_udp_wait(engine->udp, NET_WAIT_FOREVER) < 0) {
            break;
        }
        const unsigned count = net_udp_recv(engine->udp, received, NET_UDP_BATCH);
        for (unsigned i = 0; i < count; i++) {
            outgoing[i] = (struct net_outgoing){
                .to = received[i].from,
                .socket_index = received[i].socket_index,
                .body = {.bytes = received[i].bytes, .size = received[i].size},
            };
        }
        (void)net_udp_send(engine->udp, outgoing, count);
    }
}

static int open_engine(struct engine *engine, struct io_server *server)
{
    const struct addr loopback = addr_ipv4(127, 0, 0, 1, 0);
    const struct net_tcp_options tcp_options = {.addresses = &loopback,
                                                .address_count = 1,
                                                .max_connections = CONNECTIONS_MAX,
                                                .output_bytes = IO_TCP_BYTES,
                                                .output_rings = CONNECTIONS_MAX,
                                                .backlog = CONNECTIONS_MAX,
                                                .no_delay = true,
                                                .reuse_address = true,
                                                .linger_s = LINGER_S,
                                                .keepalive_idle_s = NET_SETTING_DEFAULT,
                                                .keepalive_interval_s = NET_SETTING_DEFAULT,
                                                .recv_buffer_bytes = NET_SETTING_DEFAULT,
                                                .send_buffer_bytes = NET_SETTING_DEFAULT};
    const struct net_udp_options udp_options = {.addresses = &loopback,
                                                .address_count = 1,
                                                .max_datagram = NET_DATAGRAM_MAX,
                                                .recv_buffer_bytes = UDP_BUFFER_BYTES,
                                                .send_buffer_bytes = UDP_BUFFER_BYTES,
                                                .ttl = NET_SETTING_DEFAULT,
                                                .dscp = NET_SETTING_DEFAULT};
    struct net_failure failure;

    if (net_tcp_open(&tcp_options, &engine->tcp, &failure) != RESULT_OK ||
        net_udp_open(&udp_options, &engine->udp, &failure) != RESULT_OK) {
        return -1;
    }
    server->tcp_port = net_tcp_address(engine->tcp, 0).port;
    server->udp_port = net_udp_address(engine->udp, 0).port;
    return 0;
}

static void stop_engine(struct io_server *server)
{
    struct engine *const engine = server->state;

    atomic_store(&engine->is_stopping, true);
    if (engine->tcp_thread != NULL) {
        net_tcp_wake(engine->tcp);
        os_thread_join(engine->tcp_thread);
    }
    if (engine->udp_thread != NULL) {
        net_udp_wake(engine->udp);
        os_thread_join(engine->udp_thread);
    }
    net_tcp_shutdown(engine->tcp);
    net_udp_close(engine->udp);
    /* What was still open went with the table. */
    atomic_store(&server->closed, atomic_load(&server->accepted));
    free(engine);
}

static int start_engine(struct io_server *server)
{
    struct engine *const engine = calloc(1, sizeof(*engine));

    if (engine == NULL) {
        return -1;
    }
    server->state = engine;
    engine->server = server;
    if (open_engine(engine, server) != 0 ||
        os_thread_create(serve_connections, engine, "tcp", &engine->tcp_thread) != 0 ||
        os_thread_create(serve_datagrams, engine, "udp", &engine->udp_thread) != 0) {
        stop_engine(server);
        return -1;
    }
    return 0;
}

const struct io_model io_model_engine = {
    .name = "engine", .start = start_engine, .stop = stop_engine};
