/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_server_internal.h"
#include "daemon/os/os.h"

#include <inttypes.h>
#include <stdio.h>

/* control_server_run.c - from serving to the end: what a drain and a stop do, and in which order.
 */

/* How long a stop waits for clients that were told BYE to close their ends. */
static const uint64_t linger_wait_ns = UINT64_C(1000000000);

/* How long the last counters of the workers are waited for. */
static const uint64_t report_wait_ns = UINT64_C(1000000000);

static uint64_t sooner(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
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

/* --- Drain ---------------------------------------------------------------------------------- */

static void tell(struct control_server *server, enum control_server_moment moment)
{
    if (server->on_moment != NULL) {
        server->on_moment(server->context, moment);
    }
}

/* When a drain ends at the latest; UINT64_MAX: when the last room is gone, or there is none. */
static uint64_t drain_end(const struct control_server *server)
{
    return server->is_draining && server->drain_wait_ns != 0
               ? server->drain_begin_ns + server->drain_wait_ns
               : UINT64_MAX;
}

static void begin_drain(struct control_server *server)
{
    struct log_line *line = log_begin(server->log, LOG_EVENT_DRAINING);

    log_u64(line, "rooms", control_room_count(server->control));
    if (server->drain_wait_ns == 0) {
        log_text(line, "wait", "off");
    } else {
        char wait[24];
        (void)snprintf(wait, sizeof(wait), "%" PRIu64 "ms", server->drain_wait_ns / 1000000);
        log_text(line, "wait", wait);
    }
    log_end(server->log);
    server->is_draining = true;
    server->drain_begin_ns = os_clock_ns();
    tell(server, CONTROL_SERVER_DRAINING);
    control_drain_begin(server->control, drain_end(server), server->drain_begin_ns);
    control_server_flush(server);
}

/* Begins the drain that was asked for; true when there is none left to wait for. */
static bool is_drain_over(struct control_server *server)
{
    if (!server->is_draining && atomic_load_explicit(&server->drain, memory_order_acquire)) {
        begin_drain(server);
    }
    return server->is_draining &&
           (control_room_count(server->control) == 0 || os_clock_ns() >= drain_end(server));
}

void control_server_apply(struct control_server *server, const struct relay_config *config,
                          const struct secret_file *secrets)
{
    const uint64_t stats_interval_ns = server->stats_interval_ns;
    const uint64_t drain_wait_ns = server->drain_wait_ns;
    struct control_limits limits;

    control_server_fill_limits(server, config, &limits);
    control_set_limits(server->control, &limits);
    if (secrets != NULL) {
        control_set_secrets(server->control, secrets->secrets, secrets->count);
    }
    control_server_take_times(server, config);
    if (server->stats_interval_ns != stats_interval_ns) {
        control_server_report_plan(server);
    }
    if (server->is_draining && server->drain_wait_ns != drain_wait_ns) {
        control_drain_begin(server->control, drain_end(server), os_clock_ns());
        control_server_flush(server);
    }
}

/* --- Stop ----------------------------------------------------------------------------------- */

/* Every last byte is with the system and every command with its worker. */
static bool is_drained(const struct control_server *server)
{
    return control_connection_count(server->control) == 0 && !server->is_blocked;
}

/* When a stop that began at begin_ns has to be over; a later one may still bring it forward. */
static uint64_t stop_end(struct control_server *server, uint64_t begin_ns)
{
    uint64_t within_ms = atomic_load_explicit(&server->stop_within_ms, memory_order_relaxed);

    return begin_ns + sooner(server->drain_timeout_ns, within_ms * 1000000);
}

/* Clients hear of the end before their connections close; how long they may take is bounded. */
static int end_all(struct control_server *server)
{
    uint64_t now_ns = os_clock_ns();
    uint64_t timeout_ms = (stop_end(server, now_ns) - now_ns) / 1000000;
    struct log_line *line = log_begin(server->log, LOG_EVENT_STOPPING);

    log_u64(line, "connections", control_connection_count(server->control));
    log_u64(line, "timeout_ms", timeout_ms);
    log_end(server->log);
    tell(server, CONTROL_SERVER_STOPPING);
    net_tcp_stop_accepting(server->net);
    control_drain_begin(server->control, stop_end(server, now_ns), now_ns);
    control_server_flush(server);
    control_drain_end(server->control, now_ns);
    int result = control_server_turn(server, now_ns);
    while (result == RESULT_OK && !is_drained(server) && os_clock_ns() < stop_end(server, now_ns)) {
        result = control_server_turn(server, stop_end(server, now_ns));
    }
    /* Connections that we closed end when their clients close them too. To break them off sooner
     * might cost a client its last bytes, but nobody waits long for one that does not answer. */
    uint64_t end_ns = sooner(stop_end(server, now_ns), os_clock_ns() + linger_wait_ns);
    while (result == RESULT_OK && net_tcp_connection_count(server->net) > 0 &&
           os_clock_ns() < end_ns) {
        result = control_server_turn(server, end_ns);
    }
    return result;
}

/* The last counters: the workers still run, so they can be asked. */
static void report_last(struct control_server *server)
{
    uint64_t end_ns = os_clock_ns() + report_wait_ns;

    if (server->is_reporting) {
        control_server_report_finish(server);
    }
    while (server->is_reporting && os_clock_ns() < end_ns &&
           control_server_turn(server, end_ns) == RESULT_OK) {
    }
    control_server_report_begin(server);
    while (server->is_reporting && os_clock_ns() < end_ns &&
           control_server_turn(server, end_ns) == RESULT_OK) {
    }
}

int control_server_run(struct control_server *server)
{
    int result = RESULT_OK;

    control_server_report_plan(server);
    while (result == RESULT_OK && worker_failure(server) == RESULT_OK &&
           !atomic_load_explicit(&server->stop, memory_order_acquire) && !is_drain_over(server)) {
        tell(server, CONTROL_SERVER_TURN);
        result = control_server_turn(server, drain_end(server));
    }
    /* A worker that failed ends us all, but clients are told as long as we can wait at all. */
    if (result == RESULT_OK) {
        result = end_all(server);
    }
    server->next_stats_ns = UINT64_MAX;
    if (result == RESULT_OK && worker_failure(server) == RESULT_OK) {
        report_last(server);
    }
    control_server_log_all(server->log, server->control);
    return result == RESULT_OK ? worker_failure(server) : result;
}
