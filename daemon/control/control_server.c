/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_server.h"

#include "daemon/control/control_server_internal.h"
#include "daemon/os/os.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX        64
#define READS_PER_EVENT   4 /* Then the others have their turn; readable is told again. */
#define EVENTS_PER_WORKER 256

/* Commands that a worker's queue had no room for are offered again this soon. */
static const uint64_t blocked_wait_ns = UINT64_C(1000000);

/* While lines are not written yet, so that trouble with the log is said soon. */
static const uint64_t log_look_ns = UINT64_C(1000000000);

/* --- Open and close -------------------------------------------------------------------------- */

size_t control_server_size(const struct relay_config *config)
{
    struct control_limits limits;
    struct net_tcp_options sockets;
    struct addr addresses[CONFIG_LISTEN_MAX];

    control_server_limits(config, config->limits.max_rooms, &limits);
    control_server_sockets(config, addresses, &sockets);
    size_t control_bytes = control_size(&limits);
    size_t ring_bytes = (size_t)sockets.output_rings * sockets.output_bytes;
    size_t place_bytes = limits.connections_max * sizeof(struct control_server_place);
    if (control_bytes == 0 || ring_bytes > SIZE_MAX - control_bytes - place_bytes) {
        return 0;
    }
    return control_bytes + ring_bytes + place_bytes;
}

static int fail_memory(struct net_failure *failure_out)
{
    *failure_out = (struct net_failure){.result = RESULT_NO_MEMORY, .step = "allocate"};
    (void)snprintf(failure_out->text, sizeof(failure_out->text), "%s",
                   "not enough memory for the tables of the control channel");
    return RESULT_NO_MEMORY;
}

static void fill_random(void *context, void *out, size_t size)
{
    (void)context;
    os_random_fill(out, size);
}

void control_server_fill_limits(const struct control_server *server,
                                const struct relay_config *config, struct control_limits *out)
{
    control_server_limits(config, server->rooms_per_worker, out);
    out->worker_count = server->worker_count;
    for (uint32_t i = 0; i < server->worker_count; i++) {
        out->udp_ports[i] = server->links[i]->udp_port;
    }
}

void control_server_take_times(struct control_server *server, const struct relay_config *config)
{
    server->drain_timeout_ns = config->server.drain_timeout_ns;
    server->drain_wait_ns = config->server.drain_wait_ns;
    server->stats_interval_ns = config->log.stats_interval_ns;
}

static int make_control(struct control_server *server, const struct control_server_options *options)
{
    const struct control_random random = {.fill = fill_random};
    struct control_limits limits;

    control_server_fill_limits(server, options->config, &limits);
    size_t size = control_size(&limits);
    server->control_memory = size == 0 ? NULL : calloc(1, size);
    server->places = calloc(limits.connections_max, sizeof(*server->places));
    if (server->control_memory == NULL || server->places == NULL) {
        return RESULT_NO_MEMORY;
    }
    server->control = control_init(server->control_memory, &limits, &random);
    control_set_secrets(server->control, options->secrets->secrets,
                        limits.is_ticket_required ? options->secrets->count : 0);
    server->input = malloc(control_input_max(server->control));
    return server->input == NULL ? RESULT_NO_MEMORY : RESULT_OK;
}

int control_server_open(const struct control_server_options *options, struct control_server **out,
                        struct net_failure *failure_out)
{
    const struct relay_config *config = options->config;
    struct addr addresses[CONFIG_LISTEN_MAX];
    struct net_tcp_options sockets;
    struct control_server *server = calloc(1, sizeof(*server));

    if (server == NULL || sodium_init() < 0) {
        free(server);
        return fail_memory(failure_out);
    }
    server->links = options->links;
    server->worker_count = options->worker_count;
    server->rooms_per_worker = options->rooms_per_worker;
    server->log = options->log;
    server->on_moment = options->on_moment;
    server->context = options->context;
    control_server_take_times(server, config);
    atomic_init(&server->stop, false);
    atomic_init(&server->stop_within_ms, UINT32_MAX);
    atomic_init(&server->drain, false);
    atomic_init(&server->reopen_log, false);
    atomic_init(&server->report, false);
    if (make_control(server, options) != RESULT_OK) {
        control_server_close(server);
        return fail_memory(failure_out);
    }
    control_server_sockets(config, addresses, &sockets);
    int result = net_tcp_open(&sockets, &server->net, failure_out);
    if (result != RESULT_OK) {
        server->net = NULL;
        control_server_close(server);
        return result;
    }
    control_server_log_granted(server->log, server->net);
    *out = server;
    return RESULT_OK;
}

void control_server_close(struct control_server *server)
{
    if (server == NULL) {
        return;
    }
    net_tcp_shutdown(server->net);
    if (server->control != NULL) {
        control_wipe(server->control);
    }
    free(server->control_memory);
    free(server->places);
    free(server->input);
    free(server);
}

struct addr control_server_address(const struct control_server *server, unsigned listener_index)
{
    return net_tcp_address(server->net, listener_index);
}

/* --- Connections ----------------------------------------------------------------------------- */

static enum reason close_reason(enum net_close_reason reason)
{
    return reason == NET_CLOSE_FINISHED ? REASON_CONNECTION_CLOSED : REASON_CONNECTION_LOST;
}

static void read_input(struct control_server *server, struct net_conn conn, uint64_t now_ns)
{
    for (int i = 0; i < READS_PER_EVENT; i++) {
        if (!control_wants_input(server->control, conn.index)) {
            return;
        }
        int size =
            net_tcp_read(server->net, conn, server->input, control_input_max(server->control));
        if (size == 0) {
            control_input_end(server->control, conn.index, now_ns);
        }
        if (size <= 0) {
            return; /* Nothing now, or it has failed and CLOSED will say so. */
        }
        control_input(server->control, conn.index, server->input, (size_t)size, now_ns);
    }
}

static void handle_tcp(struct control_server *server, const struct net_tcp_event *event,
                       uint64_t now_ns)
{
    struct net_conn conn = event->conn;
    struct control_server_place *place = &server->places[conn.index];

    if (event->type == NET_TCP_ACCEPTED) {
        assert(place->conn.generation == 0);
        *place = (struct control_server_place){.conn = conn};
        control_accepted(server->control, conn.index, &event->peer, now_ns);
        return;
    }
    if (place->conn.generation != conn.generation) {
        return; /* We closed it a moment ago. */
    }
    switch (event->type) {
    case NET_TCP_ACCEPTED:
    case NET_TCP_CONNECTED:
        break;
    case NET_TCP_READABLE:
        read_input(server, conn, now_ns);
        break;
    case NET_TCP_SENT:
        control_sent(server->control, conn.index, net_tcp_pending(server->net, conn), now_ns);
        break;
    case NET_TCP_CLOSED:
        place->conn.generation = 0;
        control_closed(server->control, conn.index, close_reason(event->reason), now_ns);
        break;
    }
}

/* True when the bytes are the net layer's business from now on, or nobody's. */
static bool write_output(struct control_server *server, struct net_conn conn,
                         const struct control_output *output)
{
    return output->size == 0 ||
           net_tcp_write(server->net, conn, output->bytes, output->size) != RESULT_FULL;
}

void control_server_flush(struct control_server *server)
{
    struct control_output output;

    while (control_output(server->control, &output)) {
        struct control_server_place *place = &server->places[output.connection];
        struct net_conn conn = place->conn;
        if (output.order != CONTROL_ORDER_NONE) {
            place->conn.generation = 0;
            (void)net_tcp_close(server->net, conn,
                                output.order == CONTROL_ORDER_CLOSE ? NET_CLOSE_ORDERLY
                                                                    : NET_CLOSE_ABORT);
            continue;
        }
        if (output.is_paused != place->is_paused) {
            place->is_paused = output.is_paused;
            (void)(output.is_paused ? net_tcp_pause(server->net, conn)
                                    : net_tcp_resume(server->net, conn));
        }
        bool is_taken = write_output(server, conn, &output);
        control_output_done(server->control, &output, is_taken, net_tcp_pending(server->net, conn));
    }
}

/* --- Workers --------------------------------------------------------------------------------- */

static void take_events(struct control_server *server, uint64_t now_ns)
{
    for (uint32_t i = 0; i < server->worker_count; i++) {
        for (unsigned taken = 0; taken < EVENTS_PER_WORKER; taken++) {
            struct event *event = queue_peek(server->links[i]->events);
            if (event == NULL) {
                break;
            }
            control_event(server->control, i, event, now_ns);
            sodium_memzero(&event->secret, sizeof(event->secret));
            queue_pop_peeked(server->links[i]->events);
        }
    }
}

static void push_commands(struct control_server *server)
{
    server->is_blocked = false;
    for (uint32_t i = 0; i < server->worker_count; i++) {
        const struct command *command = control_command(server->control, i);
        bool has_pushed = false;
        while (command != NULL && queue_push(server->links[i]->commands, command)) {
            has_pushed = true;
            control_command_done(server->control, i);
            command = control_command(server->control, i);
        }
        server->is_blocked = server->is_blocked || command != NULL;
        if (has_pushed) {
            link_wake_worker(server->links[i]);
        }
    }
}

/* --- The loop -------------------------------------------------------------------------------- */

static uint64_t sooner(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

static uint64_t wait_time_ns(const struct control_server *server, uint64_t end_ns)
{
    uint64_t now_ns = os_clock_ns();
    uint64_t until_ns = sooner(control_next_deadline(server->control), end_ns);

    until_ns = sooner(until_ns, server->next_stats_ns);
    if (server->is_blocked) {
        until_ns = sooner(until_ns, now_ns + blocked_wait_ns);
    }
    if (server->has_log_look) {
        until_ns = sooner(until_ns, now_ns + log_look_ns);
    }
    if (until_ns == UINT64_MAX) {
        return NET_WAIT_FOREVER;
    }
    return until_ns > now_ns ? until_ns - now_ns : 0;
}

int control_server_turn(struct control_server *server, uint64_t end_ns)
{
    struct net_tcp_event events[EVENTS_MAX];
    int count = net_tcp_wait(server->net, events, EVENTS_MAX, wait_time_ns(server, end_ns));
    uint64_t now_ns = os_clock_ns();

    if (count < 0) {
        return count;
    }
    control_set_wall(server->control, os_wall_ms() / 1000);
    for (int i = 0; i < count; i++) {
        handle_tcp(server, &events[i], now_ns);
    }
    take_events(server, now_ns);
    control_run_timers(server->control, now_ns);
    push_commands(server);
    control_server_flush(server);
    control_server_log_all(server->log, server->control);
    control_server_report_run(server, now_ns);
    if (atomic_exchange(&server->reopen_log, false)) {
        log_reopen(server->log);
    }
    server->has_log_look = log_look(server->log);
    link_pulse_answer(&server->pulse);
    return RESULT_OK;
}

void control_server_stop(struct control_server *server, uint32_t within_ms)
{
    unsigned before = atomic_load(&server->stop_within_ms);

    while (within_ms < before &&
           !atomic_compare_exchange_weak(&server->stop_within_ms, &before, within_ms)) {
    }
    atomic_store_explicit(&server->stop, true, memory_order_release);
    net_tcp_wake(server->net);
}

void control_server_drain(struct control_server *server)
{
    atomic_store_explicit(&server->drain, true, memory_order_release);
    net_tcp_wake(server->net);
}

void control_server_reopen_log(struct control_server *server)
{
    atomic_store_explicit(&server->reopen_log, true, memory_order_release);
    net_tcp_wake(server->net);
}

void control_server_report(struct control_server *server)
{
    atomic_store_explicit(&server->report, true, memory_order_release);
    net_tcp_wake(server->net);
}

void control_server_pulse_ask(struct control_server *server)
{
    link_pulse_ask(&server->pulse);
    net_tcp_wake(server->net);
}

bool control_server_pulse_is_felt(const struct control_server *server)
{
    return link_pulse_is_felt(&server->pulse);
}

void control_server_wake(void *server)
{
    net_tcp_wake(((struct control_server *)server)->net);
}
