/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_server.h"

#include "daemon/control/control_server_parts.h"
#include "daemon/os/os.h"

#include <assert.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX        64
#define READS_PER_EVENT   4 /* Then the others have their turn; readable is told again. */
#define EVENTS_PER_WORKER 256

/* Commands that a worker's queue had no room for are offered again this soon. */
static const uint64_t blocked_wait_ns = UINT64_C(1000000);

/* How long a stop waits for clients that were told BYE to close their ends. */
static const uint64_t linger_wait_ns = UINT64_C(1000000000);

/* How long the last counters of the workers are waited for. */
static const uint64_t report_wait_ns = UINT64_C(1000000000);

struct place {
    struct net_conn conn; /* Generation 0: nobody. */
    bool is_paused;
};

struct control_server {
    struct net_tcp *net;
    struct control *control;
    void *control_memory;
    struct place *places; /* By index, the same with net_tcp and with struct control. */
    uint8_t *input;
    struct link *const *links;
    uint32_t worker_count;
    struct log *log;
    uint64_t drain_timeout_ns;
    uint64_t stats_interval_ns; /* 0: never by itself. */
    uint64_t next_stats_ns;
    bool is_blocked;   /* A command waits for room in a worker's queue. */
    bool is_reporting; /* Snapshots were asked for. */
    atomic_bool stop;
    atomic_uint stop_within_ms; /* Bounds the drain beside drain_timeout_ns. */
    atomic_bool report;
};

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
    size_t place_bytes = limits.connections_max * sizeof(struct place);
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

static int make_control(struct control_server *server, const struct control_server_options *options)
{
    const struct control_random random = {.fill = fill_random};
    struct control_limits limits;

    control_server_limits(options->config, options->rooms_per_worker, &limits);
    limits.worker_count = options->worker_count;
    for (uint32_t i = 0; i < options->worker_count; i++) {
        limits.udp_ports[i] = options->links[i]->udp_port;
    }
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
    server->log = options->log;
    server->drain_timeout_ns = config->server.drain_timeout_ns;
    server->stats_interval_ns = config->log.stats_interval_ns;
    atomic_init(&server->stop, false);
    atomic_init(&server->stop_within_ms, UINT32_MAX);
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
    struct place *place = &server->places[conn.index];

    if (event->type == NET_TCP_ACCEPTED) {
        assert(place->conn.generation == 0);
        *place = (struct place){.conn = conn};
        control_accepted(server->control, conn.index, &event->peer, now_ns);
        return;
    }
    if (place->conn.generation != conn.generation) {
        return; /* We closed it a moment ago. */
    }
    switch (event->type) {
    case NET_TCP_ACCEPTED:
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

static void flush_output(struct control_server *server)
{
    struct control_output output;

    while (control_output(server->control, &output)) {
        struct place *place = &server->places[output.connection];
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

static int worker_failure(const struct control_server *server)
{
    for (uint32_t i = 0; i < server->worker_count; i++) {
        int failure = atomic_load_explicit(&server->links[i]->failure, memory_order_acquire);
        if (failure != RESULT_OK) {
            return failure;
        }
    }
    return RESULT_OK;
}

/* --- Counters -------------------------------------------------------------------------------- */

static void begin_report(struct control_server *server)
{
    if (server->is_reporting) {
        return;
    }
    server->is_reporting = true;
    for (uint32_t i = 0; i < server->worker_count; i++) {
        link_snapshot_ask(server->links[i]);
    }
}

/* Writes the lines once every worker has answered. */
static void finish_report(struct control_server *server)
{
    for (uint32_t i = 0; i < server->worker_count; i++) {
        if (link_snapshot_get(server->links[i]) == NULL) {
            return;
        }
    }
    for (uint32_t i = 0; i < server->worker_count; i++) {
        control_server_log_worker(server->log, i, link_snapshot_get(server->links[i]));
    }
    control_server_log_control(server->log, server->control, server->net);
    server->is_reporting = false;
}

static void run_report(struct control_server *server, uint64_t now_ns)
{
    if (server->is_reporting) {
        finish_report(server);
    }
    if (now_ns >= server->next_stats_ns) {
        server->next_stats_ns = now_ns + server->stats_interval_ns;
        begin_report(server);
    }
    /* A request that comes while a report is under way is served by the next one. */
    if (!server->is_reporting && atomic_exchange(&server->report, false)) {
        begin_report(server);
    }
}

/* --- The loop -------------------------------------------------------------------------------- */

static void write_logs(struct control_server *server)
{
    struct control_log_record record;

    while (control_log_next(server->control, &record)) {
        control_server_log(server->log, &record);
    }
}

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
    if (until_ns == UINT64_MAX) {
        return NET_WAIT_FOREVER;
    }
    return until_ns > now_ns ? until_ns - now_ns : 0;
}

/* Everything once, waiting until end_ns at the latest for something to do. */
static int turn(struct control_server *server, uint64_t end_ns)
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
    flush_output(server);
    write_logs(server);
    run_report(server, now_ns);
    return RESULT_OK;
}

/* Every last byte is with the system and every command with its worker. */
static bool is_drained(const struct control_server *server)
{
    return control_connection_count(server->control) == 0 && !server->is_blocked;
}

/* Clients hear of the end before their connections close; how long they may take is bounded. */
/* When a drain that began at begin_ns has to be over; a later stop may still bring it forward. */
static uint64_t drain_end(struct control_server *server, uint64_t begin_ns)
{
    uint64_t within_ms = atomic_load_explicit(&server->stop_within_ms, memory_order_relaxed);

    return begin_ns + sooner(server->drain_timeout_ns, within_ms * 1000000);
}

static int drain(struct control_server *server)
{
    uint64_t now_ns = os_clock_ns();
    uint64_t timeout_ms = (drain_end(server, now_ns) - now_ns) / 1000000;
    struct log_line *line = log_begin(server->log, LOG_EVENT_STOPPING);

    log_u64(line, "connections", control_connection_count(server->control));
    log_u64(line, "timeout_ms", timeout_ms);
    log_end(server->log);
    net_tcp_stop_accepting(server->net);
    control_drain_begin(server->control, (uint32_t)timeout_ms, now_ns);
    flush_output(server);
    control_drain_end(server->control, now_ns);
    int result = turn(server, now_ns);
    while (result == RESULT_OK && !is_drained(server) &&
           os_clock_ns() < drain_end(server, now_ns)) {
        result = turn(server, drain_end(server, now_ns));
    }
    /* Connections that we closed end when their clients close them too. To break them off sooner
     * might cost a client its last bytes, but nobody waits long for one that does not answer. */
    uint64_t end_ns = sooner(drain_end(server, now_ns), os_clock_ns() + linger_wait_ns);
    while (result == RESULT_OK && net_tcp_connection_count(server->net) > 0 &&
           os_clock_ns() < end_ns) {
        result = turn(server, end_ns);
    }
    return result;
}

/* The last counters: the workers still run, so they can be asked. */
static void report_last(struct control_server *server)
{
    uint64_t end_ns = os_clock_ns() + report_wait_ns;

    if (server->is_reporting) {
        finish_report(server);
    }
    while (server->is_reporting && os_clock_ns() < end_ns && turn(server, end_ns) == RESULT_OK) {
    }
    begin_report(server);
    while (server->is_reporting && os_clock_ns() < end_ns && turn(server, end_ns) == RESULT_OK) {
    }
}

int control_server_run(struct control_server *server)
{
    int result = RESULT_OK;

    server->next_stats_ns =
        server->stats_interval_ns == 0 ? UINT64_MAX : os_clock_ns() + server->stats_interval_ns;
    while (result == RESULT_OK && worker_failure(server) == RESULT_OK &&
           !atomic_load_explicit(&server->stop, memory_order_acquire)) {
        result = turn(server, UINT64_MAX);
    }
    /* A worker that failed ends us all, but clients are told as long as we can wait at all. */
    if (result == RESULT_OK) {
        result = drain(server);
    }
    server->next_stats_ns = UINT64_MAX;
    if (result == RESULT_OK && worker_failure(server) == RESULT_OK) {
        report_last(server);
    }
    write_logs(server);
    return result == RESULT_OK ? worker_failure(server) : result;
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

void control_server_report(struct control_server *server)
{
    atomic_store_explicit(&server->report, true, memory_order_release);
    net_tcp_wake(server->net);
}

void control_server_wake(void *server)
{
    net_tcp_wake(((struct control_server *)server)->net);
}
