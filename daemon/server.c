/* SPDX-License-Identifier: MIT */
#include "daemon/server.h"

#include "daemon/control/control_server.h"
#include "daemon/os/os.h"
#include "daemon/reload.h"
#include "daemon/worker.h"
#include "daemon/worker_settings.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS_MAX = 64, GRANTED_MAX = 64 };

struct server {
    struct log *log;
    uint32_t worker_count;
    uint32_t listen_count;
    struct worker *workers[WORKERS_MAX];
    struct link *links[WORKERS_MAX];
    struct os_thread *threads[WORKERS_MAX];
    struct addr udp_addresses[WORKERS_MAX][CONFIG_LISTEN_MAX];
    struct control_server *control;
    struct reload *reload;        /* NULL: there is nothing to read from. */
    struct relay_config in_force; /* What a reload leads to; the control thread's. */
    struct relay_limits limits;   /* Of every worker, made of that. */
    bool is_owed[WORKERS_MAX];    /* The worker still has the limits before. */
    bool is_draining;
    void (*notify)(void *context, enum server_notice notice);
    void *notify_context;
};

static int fail(struct server_failure *failure, int result, enum exit_code exit_code,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

static int fail(struct server_failure *failure, int result, enum exit_code exit_code,
                const char *format, ...)
{
    va_list arguments;

    failure->exit_code = exit_code;
    va_start(arguments, format);
    (void)vsnprintf(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
    return result;
}

/* A sentence that says what to do: `port_key` is the key of relay.ini that a user would change. */
static int fail_open(struct server_failure *failure, const struct net_failure *net,
                     const char *port_key)
{
    char address[ADDR_TEXT_SIZE] = "its address";

    if (net->address.family != ADDR_FAMILY_NONE) {
        (void)addr_print(&net->address, address);
    }
    switch (net->result) {
    case RESULT_IN_USE:
        return fail(failure, net->result, EXIT_CODE_ADDRESS,
                    "%s is in use by another program; stop that one or change %s", address,
                    port_key);
    case RESULT_UNREACHABLE:
        return fail(failure, net->result, EXIT_CODE_ADDRESS,
                    "%s is no address of this machine; correct server.listen", address);
    case RESULT_DENIED:
        return fail(failure, net->result, EXIT_CODE_ADDRESS,
                    "the system does not allow us to use %s; choose a port above 1023 in %s",
                    address, port_key);
    case RESULT_NO_MEMORY:
        return fail(failure, net->result, EXIT_CODE_RESOURCES,
                    "there was not enough memory or not enough handles to open %s (%s: %s)",
                    address, net->step, net->text);
    default:
        return fail(failure, net->result, EXIT_CODE_ADDRESS,
                    "%s could not be opened (%s: %s); see server.listen and %s", address, net->step,
                    net->text, port_key);
    }
}

size_t server_memory(const struct relay_config *config)
{
    struct relay_limits limits;
    const size_t control_bytes = control_server_size(config);
    size_t worker_bytes;

    worker_settings_limits(config, &limits);
    worker_bytes = worker_size(&limits);
    if (worker_bytes == 0 || control_bytes == 0 ||
        worker_bytes > (SIZE_MAX - control_bytes) / config->udp.workers) {
        return 0;
    }
    return worker_bytes * config->udp.workers + control_bytes;
}

int server_check(const struct relay_config *config, struct server_failure *failure)
{
    const size_t bytes = server_memory(config);

    if (bytes == 0 || bytes > config->server.memory_max_bytes) {
        return fail(failure, RESULT_INVALID, EXIT_CODE_CONFIG,
                    "these limits may come to use %llu MiB, which is more than server.memory_max = "
                    "%llu MiB; raise it or lower limits.max_clients, limits.max_rooms, "
                    "limits.streams_per_member, room.blob_pool or udp.workers",
                    (unsigned long long)((bytes + 1048575) >> 20),
                    (unsigned long long)(config->server.memory_max_bytes >> 20));
    }
    return RESULT_OK;
}

static void log_granted(struct log *log, const struct net_udp *net, unsigned worker_index)
{
    struct net_granted granted[GRANTED_MAX];
    const unsigned count = net_udp_granted(net, granted, GRANTED_MAX);

    for (unsigned i = 0; i < count && i < GRANTED_MAX; i++) {
        const struct addr address = net_udp_address(net, granted[i].socket_index);
        char text[ADDR_TEXT_SIZE];
        struct log_line *line = log_begin(log, LOG_EVENT_SOCKET);

        (void)addr_print(&address, text);
        log_text(line, "udp", text);
        log_u64(line, "worker", worker_index);
        log_text(line, "option", granted[i].name);
        if (granted[i].asked == NET_SETTING_DEFAULT) {
            log_text(line, "asked", "system");
        } else {
            log_i64(line, "asked", granted[i].asked);
        }
        log_i64(line, "granted", granted[i].granted);
        log_end(log);
    }
}

static int open_worker(struct server *server, const struct relay_config *config, unsigned index,
                       struct server_failure *failure)
{
    struct net_failure net_failure;
    struct net_udp *net;
    uint8_t seed[32];
    int result;

    result = worker_settings_open_udp(config, index, &net, &net_failure);
    if (result != RESULT_OK) {
        return fail_open(failure, &net_failure, "udp.port");
    }
    os_random_fill(seed, sizeof(seed));
    result = worker_create(&server->limits, net, seed, os_clock_ns(), &server->workers[index]);
    sodium_memzero(seed, sizeof(seed));
    if (result != RESULT_OK) {
        net_udp_close(net);
        return fail(failure, result, EXIT_CODE_RESOURCES,
                    "there was not enough memory for the tables; lower limits.max_clients, "
                    "limits.max_rooms or udp.workers");
    }
    server->links[index] = worker_link(server->workers[index]);
    for (unsigned i = 0; i < server->listen_count; i++) {
        server->udp_addresses[index][i] = net_udp_address(net, i);
    }
    log_granted(server->log, net, index);
    return RESULT_OK;
}

/* --- Reload, drain, and what they change while we serve --------------------------------------- */

static void notify(const struct server *server, enum server_notice notice)
{
    if (server->notify != NULL) {
        server->notify(server->notify_context, notice);
    }
}

/* A worker that has not taken the limits before yet wakes us when it has. */
static void give_limits(struct server *server)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        if (server->is_owed[i] && link_limits_give(server->links[i], &server->limits)) {
            server->is_owed[i] = false;
        }
    }
}

static void change_limits(struct server *server)
{
    worker_settings_limits(&server->in_force, &server->limits);
    if (server->is_draining) {
        /* Nobody can come to an empty room but who just left it; the drain does not wait for it. */
        server->limits.room_empty_ttl_ns = 0;
    }
    for (unsigned i = 0; i < server->worker_count; i++) {
        server->is_owed[i] = true;
    }
    give_limits(server);
}

static void apply(struct server *server, const struct reload_news *news)
{
    const struct config_log before = server->in_force.log;
    const struct config_log *log = &news->config.values.log;

    server->in_force = news->config.values;
    change_limits(server);
    control_server_apply(server->control, &server->in_force,
                         news->has_secrets ? &news->secrets : NULL);
    if (log->level != before.level || log->lines_per_s != before.lines_per_s) {
        log_limits_set(server->log, (enum log_level)log->level, log->lines_per_s);
    }
}

static void take_reload(struct server *server)
{
    /* Looked at first: the reader may begin and end between two looks, and an end that was told
     * before its beginning would leave systemd waiting for another. */
    const struct reload_news *const news = reload_news(server->reload);

    if (reload_has_begun(server->reload)) {
        (void)log_begin(server->log, LOG_EVENT_RELOADING);
        log_end(server->log);
        notify(server, SERVER_NOTICE_RELOADING);
    }
    if (news == NULL) {
        return;
    }
    if (news->result == RESULT_OK) {
        apply(server, news);
    }
    reload_log(server->log, news);
    notify(server,
           news->result == RESULT_OK ? SERVER_NOTICE_RELOADED : SERVER_NOTICE_RELOAD_REFUSED);
    reload_done(server->reload);
}

/* On the control thread. */
static void take_moment(void *context, enum control_server_moment moment)
{
    struct server *server = context;

    switch (moment) {
    case CONTROL_SERVER_TURN:
        give_limits(server);
        if (server->reload != NULL) {
            take_reload(server);
        }
        break;
    case CONTROL_SERVER_DRAINING:
        server->is_draining = true;
        change_limits(server);
        notify(server, SERVER_NOTICE_DRAINING);
        break;
    case CONTROL_SERVER_STOPPING:
        notify(server, SERVER_NOTICE_STOPPING);
        break;
    }
}

static int open_reload(struct server *server, const struct server_setup *setup,
                       struct server_failure *failure)
{
    const struct reload_options options = {
        .options = setup->options,
        .in_force = setup->config,
        .load = configure_all,
        .wake = control_server_wake,
        .wake_context = server->control,
    };

    if (setup->options != NULL && reload_create(&options, &server->reload) != RESULT_OK) {
        server->reload = NULL;
        return fail(failure, RESULT_NO_MEMORY, EXIT_CODE_RESOURCES,
                    "the system has no memory or no thread for reading settings again");
    }
    return RESULT_OK;
}

/* --- Open ------------------------------------------------------------------------------------ */

static int open_control(struct server *server, const struct relay_config *config,
                        const struct secret_file *secrets, struct server_failure *failure)
{
    const struct control_server_options options = {
        .config = config,
        .secrets = secrets,
        .links = server->links,
        .worker_count = server->worker_count,
        .rooms_per_worker = server->limits.rooms_max,
        .log = server->log,
        .on_moment = take_moment,
        .context = server,
    };
    struct net_failure net_failure;

    if (control_server_open(&options, &server->control, &net_failure) != RESULT_OK) {
        return fail_open(failure, &net_failure, "control.port");
    }
    for (unsigned i = 0; i < server->worker_count; i++) {
        server->links[i]->wake_control = control_server_wake;
        server->links[i]->wake_context = server->control;
    }
    return RESULT_OK;
}

static int start_workers(struct server *server, struct server_failure *failure)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        if (os_thread_create(worker_run, server->workers[i], "gsrelay-worker",
                             &server->threads[i]) != 0) {
            server->threads[i] = NULL;
            return fail(failure, RESULT_NO_MEMORY, EXIT_CODE_RESOURCES,
                        "the system has no more threads for udp.workers");
        }
    }
    return RESULT_OK;
}

/* Sockets and their connections need handles: two for each client at most, and some for ourselves.
 */
static int raise_handles(const struct relay_config *config, struct server_failure *failure)
{
    const uint64_t wanted = (uint64_t)config->control.max_connections +
                            (uint64_t)config->udp.workers * (config->server.listen_count + 2) + 64;
    const uint64_t allowed = os_file_limit_raise(wanted);

    if (allowed < wanted) {
        return fail(failure, RESULT_NO_MEMORY, EXIT_CODE_RESOURCES,
                    "control.max_connections = %u needs %llu open files, but the system allows "
                    "%llu; lower it, limits.max_clients, or raise the limit (ulimit -n)",
                    (unsigned)config->control.max_connections, (unsigned long long)wanted,
                    (unsigned long long)allowed);
    }
    return RESULT_OK;
}

static int open_all(struct server *server, const struct server_setup *setup,
                    struct server_failure *failure)
{
    const struct relay_config *config = &setup->config->values;
    int result = server_check(config, failure);

    if (result == RESULT_OK) {
        result = raise_handles(config, failure);
    }
    for (unsigned i = 0; result == RESULT_OK && i < server->worker_count; i++) {
        result = open_worker(server, config, i, failure);
    }
    if (result == RESULT_OK) {
        result = open_control(server, config, setup->secrets, failure);
    }
    if (result == RESULT_OK) {
        result = open_reload(server, setup, failure);
    }
    if (result == RESULT_OK) {
        result = start_workers(server, failure);
    }
    return result;
}

int server_open(const struct server_setup *setup, struct server **out,
                struct server_failure *failure)
{
    const struct relay_config *config = &setup->config->values;
    struct server *server = calloc(1, sizeof(*server));
    struct log_line *line;
    int result;

    if (server == NULL) {
        return fail(failure, RESULT_NO_MEMORY, EXIT_CODE_RESOURCES,
                    "there is not enough memory to begin");
    }
    server->log = setup->log;
    server->worker_count = config->udp.workers;
    server->listen_count = config->server.listen_count;
    server->in_force = *config;
    worker_settings_limits(config, &server->limits);
    server->notify = setup->notify;
    server->notify_context = setup->notify_context;
    result = open_all(server, setup, failure);
    if (result != RESULT_OK) {
        server_close(server);
        return result;
    }
    line = log_begin(setup->log, LOG_EVENT_MEMORY);
    log_u64(line, "tables_max_bytes", server_memory(config));
    log_end(setup->log);
    *out = server;
    return RESULT_OK;
}

struct addresses {
    char control[CONFIG_LISTEN_MAX * (ADDR_TEXT_SIZE + 1)];
    char udp[CONFIG_LISTEN_MAX * (ADDR_TEXT_SIZE + 1)];
};

/* Adds ",a:1" to a list, or "a:1" to an empty one. */
static void add_address(char *list, size_t size, const struct addr *address)
{
    const size_t used = strlen(list);
    char text[ADDR_TEXT_SIZE];

    (void)addr_print(address, text);
    (void)snprintf(list + used, size - used, "%s%s", used > 0 ? "," : "", text);
}

/* What clients reach: the addresses really bound, of game states those of the first worker. */
static void list_addresses(const struct server *server, struct addresses *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < server->listen_count; i++) {
        const struct addr control = control_server_address(server->control, i);

        add_address(out->control, sizeof(out->control), &control);
        add_address(out->udp, sizeof(out->udp), &server->udp_addresses[0][i]);
    }
}

void server_ready_line(const struct server *server, char out[SERVER_READY_SIZE])
{
    struct addresses addresses;

    list_addresses(server, &addresses);
    (void)snprintf(out, SERVER_READY_SIZE,
                   "gsrelayd ready udp=%s control=%s workers=%u version=%s\n", addresses.udp,
                   addresses.control, (unsigned)server->worker_count, GSRELAY_VERSION);
}

static void say_ready(const struct server *server)
{
    struct log_line *line = log_begin(server->log, LOG_EVENT_READY);
    struct addresses addresses;

    list_addresses(server, &addresses);
    log_text(line, "udp", addresses.udp);
    log_text(line, "control", addresses.control);
    log_u64(line, "workers", server->worker_count);
    log_text(line, "version", GSRELAY_VERSION);
    log_end(server->log);
}

static void stop_workers(struct server *server)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        if (server->threads[i] != NULL) {
            atomic_store_explicit(&server->links[i]->stop, true, memory_order_release);
            link_wake_worker(server->links[i]);
            os_thread_join(server->threads[i]);
            server->threads[i] = NULL;
        }
    }
}

enum exit_code server_run(struct server *server)
{
    struct log_line *line;
    int result;

    say_ready(server);
    result = control_server_run(server->control);
    stop_workers(server);
    if (result != RESULT_OK) {
        line = log_begin(server->log, LOG_EVENT_FAILED);
        log_text(line, "error", result_name(result));
        log_end(server->log);
        return EXIT_CODE_FAILURE;
    }
    (void)log_begin(server->log, LOG_EVENT_STOPPED);
    log_end(server->log);
    return EXIT_CODE_OK;
}

void server_stop(struct server *server, uint32_t within_ms)
{
    control_server_stop(server->control, within_ms);
}

void server_drain(struct server *server)
{
    control_server_drain(server->control);
}

void server_reload(struct server *server)
{
    if (server->reload != NULL) {
        reload_ask(server->reload);
    }
}

void server_reopen_log(struct server *server)
{
    control_server_reopen_log(server->control);
}

void server_report(struct server *server)
{
    control_server_report(server->control);
}

void server_pulse_ask(struct server *server)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        link_pulse_ask(&server->links[i]->pulse);
        link_wake_worker(server->links[i]);
    }
    control_server_pulse_ask(server->control);
}

bool server_pulse_is_felt(const struct server *server)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        if (!link_pulse_is_felt(&server->links[i]->pulse)) {
            return false;
        }
    }
    return control_server_pulse_is_felt(server->control);
}

void server_close(struct server *server)
{
    if (server == NULL) {
        return;
    }
    stop_workers(server);
    reload_destroy(server->reload); /* It wakes the control thread. */
    control_server_close(server->control);
    for (unsigned i = 0; i < server->worker_count; i++) {
        worker_destroy(server->workers[i]);
    }
    free(server);
}
