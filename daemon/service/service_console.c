/* SPDX-License-Identifier: MIT */
#include "daemon/service/service.h"

#include "daemon/logging.h"
#include "daemon/os/os.h"
#include "daemon/server.h"

#include <stdatomic.h>
#include <stdio.h>

/* Requests can come before there is a server; they wait in os/ until it is there. */
struct console {
    _Atomic(struct server *) server;
};

static void take_requests(void *context)
{
    struct console *console = context;
    struct server *server = atomic_load(&console->server);
    unsigned requests;

    if (server == NULL) {
        return;
    }
    requests = os_requests_take();
    if ((requests & OS_REQUEST_COUNTERS) != 0) {
        server_report(server);
    }
    if ((requests & OS_REQUEST_REOPEN_LOG) != 0) {
        server_reopen_log(server);
    }
    if ((requests & OS_REQUEST_RELOAD) != 0) {
        server_reload(server);
    }
    if ((requests & OS_REQUEST_DRAIN) != 0) {
        server_drain(server);
    }
    if ((requests & OS_REQUEST_STOP) != 0) {
        server_stop(server, (requests & OS_REQUEST_HURRY) != 0 ? OS_HURRY_MS : UINT32_MAX);
    }
}

static void say_starting(struct log *log, const struct config *config)
{
    struct log_line *line = log_begin(log, LOG_EVENT_STARTING);

    log_text(line, "version", GSRELAY_VERSION);
    log_text(line, "config", config->path[0] != '\0' ? config->path : "built-in defaults");
    log_end(log);
}

static void say_failed(struct log *log, const struct server_failure *failure)
{
    struct log_line *line = log_begin(log, LOG_EVENT_FAILED);

    log_text(line, "error", failure->text);
    log_u64(line, "exit_code", (uint64_t)failure->exit_code);
    log_end(log);
}

static void say_ready(const struct server *server)
{
    char ready[SERVER_READY_SIZE];

    server_ready_line(server, ready);
    (void)fputs(ready, stdout);
    (void)fflush(stdout);
}

static enum exit_code open_server(const struct server_setup *setup, struct server **out)
{
    struct server_failure failure;

    say_starting(setup->log, setup->config);
    if (server_open(setup, out, &failure) != RESULT_OK) {
        say_failed(setup->log, &failure);
        return failure.exit_code;
    }
    return EXIT_CODE_OK;
}

enum exit_code service_run_console(const struct config *config, const struct secret_file *secrets,
                                   const struct options *options)
{
    struct server_setup setup = {.config = config, .secrets = secrets, .options = options};
    static struct console console; /* Outlives whatever thread the system calls us on. */
    enum exit_code code = EXIT_CODE_RESOURCES;
    struct server *server = NULL;
    struct log *log = NULL;

    if (os_requests_open(take_requests, &console) != 0) {
        (void)fprintf(stderr, "gsrelayd: the system does not let us listen for signals\n");
        return EXIT_CODE_RESOURCES;
    }
    if (logging_open(config, &(struct logging_way){0}, &log) != RESULT_OK) {
        (void)fprintf(stderr, "gsrelayd: there is not enough memory to begin\n");
    } else {
        setup.log = log;
        code = open_server(&setup, &server);
    }
    if (code == EXIT_CODE_OK) {
        atomic_store(&console.server, server);
        say_ready(server);
        take_requests(&console);
        code = server_run(server);
    }
    /* The log first: a Windows console that was closed ends the process with os_requests_close().
     * The server after it: until then a request may still reach it. */
    log_destroy(log);
    os_requests_close();
    server_close(server);
    return code;
}
