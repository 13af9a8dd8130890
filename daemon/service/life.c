/* SPDX-License-Identifier: MIT */
#include "daemon/service/life.h"

#include "daemon/configure.h"
#include "daemon/logging.h"
#include "daemon/os/os.h"
#include "daemon/server.h"
#include "daemon/service/last_end.h"

#include <stdio.h>
#include <string.h>

#define MS UINT64_C(1000000)

/* A port that is in use is tried again for this long only: long enough for the process before us
 * to go, short enough for an operator who waits for the answer. */
static const uint64_t in_use_retry_ns = 5000 * MS;

static const uint64_t first_pause_ns = 250 * MS;

struct life_news {
    unsigned requests;
    bool is_stopping;
    bool is_over;
};

struct life {
    const struct options *options;
    struct life_host host;
    struct config config;
    struct secret_file secrets;
    struct config_report reports[CONFIGURE_REPORTS];
    struct last_end end;
    struct log *log;
    struct server *server;
    struct os_thread *keeper;
    struct os_mutex *mutex;       /* Guards what follows. */
    struct os_condition *changed; /* One of the next two was set. */
    bool has_news;                /* Requests, or is_stopping. */
    bool is_over;                 /* The server has ended; the keeper goes. */
    bool is_stopping;             /* The server says that it is. */
    unsigned early;               /* What was asked for before there was a server. */
};

/* --- Waiting --------------------------------------------------------------------------------- */

/* Called by os/ with a lock held, so it only passes the word on. */
static void wake(void *context)
{
    struct life *life = context;

    os_mutex_lock(life->mutex);
    life->has_news = true;
    os_condition_broadcast(life->changed);
    os_mutex_unlock(life->mutex);
}

/* Waits for a request, for a change of what the server does, or for `timeout_ns`. */
static struct life_news wait_for_news(struct life *life, uint64_t timeout_ns)
{
    struct life_news news;

    os_mutex_lock(life->mutex);
    if (life->is_stopping && timeout_ns > LIFE_STOPPING_MS * MS) {
        timeout_ns = LIFE_STOPPING_MS * MS;
    }
    if (!life->has_news && !life->is_over) {
        (void)os_condition_wait(life->changed, life->mutex, timeout_ns);
    }
    life->has_news = false;
    news = (struct life_news){.is_stopping = life->is_stopping, .is_over = life->is_over};
    os_mutex_unlock(life->mutex);
    news.requests = os_requests_take();
    return news;
}

/* --- The host -------------------------------------------------------------------------------- */

static void tell_starting(const struct life *life, const char *what)
{
    if (life->host.starting != NULL) {
        life->host.starting(life->host.context, what);
    }
}

static void tell_stopping(const struct life *life)
{
    if (life->host.stopping != NULL) {
        life->host.stopping(life->host.context);
    }
}

static void note_stopping(struct life *life)
{
    os_mutex_lock(life->mutex);
    life->is_stopping = true;
    life->has_news = true;
    os_condition_broadcast(life->changed);
    os_mutex_unlock(life->mutex);
}

/* On the control thread. */
static void take_notice(void *context, enum server_notice notice)
{
    struct life *life = context;

    if (life->host.notice != NULL) {
        life->host.notice(life->host.context, notice);
    }
    if (notice == SERVER_NOTICE_STOPPING) {
        note_stopping(life);
    }
}

static void tell_ready(const struct life *life)
{
    char ready[SERVER_READY_SIZE];

    server_ready_line(life->server, ready);
    if (life->host.ready != NULL) {
        life->host.ready(life->host.context, ready);
    }
}

/* --- The keeper ------------------------------------------------------------------------------ */

static void carry_out(struct life *life, unsigned requests)
{
    if ((requests & OS_REQUEST_COUNTERS) != 0) {
        server_report(life->server);
    }
    if ((requests & OS_REQUEST_REOPEN_LOG) != 0) {
        server_reopen_log(life->server);
    }
    if ((requests & OS_REQUEST_RELOAD) != 0) {
        server_reload(life->server);
    }
    if ((requests & OS_REQUEST_DRAIN) != 0) {
        server_drain(life->server);
    }
    if ((requests & OS_REQUEST_STOP) != 0) {
        note_stopping(life);
        server_stop(life->server, (requests & OS_REQUEST_HURRY) != 0 ? OS_HURRY_MS : UINT32_MAX);
    }
}

/* Tells the host, when it is time, that everybody is alive, if so. Returns the time until the next
 * look. */
static uint64_t feel_pulse(struct life *life, uint64_t *next_ns)
{
    const uint64_t now_ns = os_clock_ns();

    if (life->host.alive == NULL || life->host.alive_interval_ns == 0) {
        return UINT64_MAX;
    }
    if (now_ns >= *next_ns) {
        if (server_pulse_is_felt(life->server)) {
            life->host.alive(life->host.context);
        }
        server_pulse_ask(life->server);
        *next_ns = now_ns + life->host.alive_interval_ns;
    }
    return *next_ns - now_ns;
}

/* The body of the keeper's thread, from ready to the end of the server. */
static void keep(void *context)
{
    struct life *life = context;
    uint64_t next_pulse_ns = 0;

    carry_out(life, life->early | os_requests_take());
    for (;;) {
        const struct life_news news = wait_for_news(life, feel_pulse(life, &next_pulse_ns));

        if (news.is_over) {
            return;
        }
        if (news.is_stopping) {
            tell_stopping(life);
        }
        carry_out(life, news.requests);
    }
}

static void end_keeper(struct life *life)
{
    os_mutex_lock(life->mutex);
    life->is_over = true;
    os_condition_broadcast(life->changed);
    os_mutex_unlock(life->mutex);
    os_thread_join(life->keeper);
}

/* --- Starting -------------------------------------------------------------------------------- */

static enum exit_code fail(struct life *life, enum exit_code code, const char *sentence)
{
    if (life->log != NULL) {
        struct log_line *line = log_begin(life->log, LOG_EVENT_FAILED);

        log_text(line, "error", sentence);
        log_u64(line, "exit_code", (uint64_t)code);
        log_end(life->log);
    }
    last_end_add(&life->end, sentence);
    return code;
}

static void say_starting(struct life *life)
{
    struct log_line *line = log_begin(life->log, LOG_EVENT_STARTING);

    log_text(line, "version", GSRELAY_VERSION);
    log_text(line, "config",
             life->config.path[0] != '\0' ? life->config.path : "built-in defaults");
    log_end(life->log);
}

static void note_mistakes(void *context, const char *text, size_t size)
{
    struct life *life = context;

    last_end_write(&life->end, text, size);
}

/* Reads the configuration and opens the log; with a bad configuration the log of the defaults, for
 * hosts to whom the log alone can tell the mistakes. */
static enum exit_code configure(struct life *life)
{
    const int result = configure_all(life->options, &life->config, &life->secrets, life->reports);
    const bool is_good = result == RESULT_OK;
    const bool is_logged = life->host.mistakes == NULL;

    for (int i = 0; i < CONFIGURE_REPORTS; i++) {
        config_report_print(&life->reports[i], note_mistakes, life);
    }
    if (!is_good && !is_logged) {
        last_end_add(&life->end, "gsrelayd: nothing was started");
    }
    if (!is_logged) {
        life->host.mistakes(life->host.context, last_end_text(&life->end));
    }
    if ((is_good || is_logged) &&
        logging_open(is_good ? &life->config : NULL, &life->host.log, &life->log) != RESULT_OK) {
        static const char sentence[] = "gsrelayd: there is not enough memory to begin";

        (void)fprintf(stderr, "%s\n", sentence);
        return fail(life, EXIT_CODE_RESOURCES, sentence);
    }
    for (int i = 0; is_logged && i < CONFIGURE_REPORTS; i++) {
        logging_report(life->log, &life->reports[i]);
    }
    if (!is_good && is_logged) {
        return fail(life, EXIT_CODE_CONFIG, "nothing was started");
    }
    return is_good ? EXIT_CODE_OK : EXIT_CODE_CONFIG;
}

/* For how long a failure to open is tried again. */
static uint64_t retry_ns(const struct life *life, int result)
{
    const uint64_t key_ns = life->config.values.server.start_retry_ns;

    if (!life->host.is_managed) {
        return 0;
    }
    if (result == RESULT_UNREACHABLE) {
        return key_ns;
    }
    if (result == RESULT_IN_USE) {
        return key_ns < in_use_retry_ns ? key_ns : in_use_retry_ns;
    }
    return 0;
}

static void say_waiting(struct life *life, const char *sentence, uint64_t wait_ns)
{
    struct log_line *line = log_begin(life->log, LOG_EVENT_WAITING);

    log_text(line, "error", sentence);
    log_u64(line, "tried_for_ms", wait_ns / MS);
    log_end(life->log);
}

/* EXIT_CODE_OK without a server: a stop was asked for before there was one. */
static enum exit_code open_server(struct life *life)
{
    const struct server_setup setup = {
        .config = &life->config,
        .secrets = &life->secrets,
        .options = life->options,
        .log = life->log,
        .notify = take_notice,
        .notify_context = life,
    };
    const uint64_t begin_ns = os_clock_ns();
    uint64_t pause_ns = first_pause_ns;
    char told[SERVER_ERROR_SIZE] = "";

    tell_starting(life, "opening the sockets");
    life->early = os_requests_take();
    while ((life->early & OS_REQUEST_STOP) == 0) {
        struct server_failure failure;
        const int result = server_open(&setup, &life->server, &failure);

        if (result == RESULT_OK) {
            secret_file_wipe(&life->secrets); /* The server has its own. */
            return EXIT_CODE_OK;
        }
        life->server = NULL;
        if (os_clock_ns() - begin_ns >= retry_ns(life, result)) {
            return fail(life, failure.exit_code, failure.text);
        }
        if (strcmp(told, failure.text) != 0) {
            say_waiting(life, failure.text, retry_ns(life, result));
            (void)snprintf(told, sizeof(told), "%s", failure.text);
        }
        tell_starting(life, failure.text);
        life->early |= wait_for_news(life, pause_ns).requests;
        pause_ns =
            pause_ns * 2 < LIFE_STARTING_MS * MS / 2 ? pause_ns * 2 : LIFE_STARTING_MS * MS / 2;
    }
    return EXIT_CODE_OK;
}

/* --- The whole ------------------------------------------------------------------------------- */

static enum exit_code serve(struct life *life)
{
    enum exit_code code;

    last_end_remove(life->host.last_end_path);
    tell_ready(life);
    if (os_thread_create(keep, life, "keeper", &life->keeper) != 0) {
        return fail(life, EXIT_CODE_RESOURCES, "the system has no more threads");
    }
    code = server_run(life->server);
    end_keeper(life);
    tell_stopping(life);
    if (code != EXIT_CODE_OK) {
        last_end_add(&life->end, "the relay failed while it ran; the log says how");
    }
    return code;
}

static enum exit_code live(struct life *life)
{
    enum exit_code code;

    tell_starting(life, "reading the configuration");
    code = configure(life);
    if (code == EXIT_CODE_OK) {
        last_end_clear(&life->end);
        say_starting(life);
        code = open_server(life);
    }
    if (life->server != NULL) {
        code = serve(life);
    } else if (code == EXIT_CODE_OK) {
        (void)log_begin(life->log, LOG_EVENT_STOPPED);
        log_end(life->log);
    }
    if (code != EXIT_CODE_OK) {
        last_end_store(&life->end, code, life->host.last_end_path);
    }
    return code;
}

static int open_life(struct life *life)
{
    life->mutex = os_mutex_create();
    life->changed = os_condition_create();
    if (life->mutex == NULL || life->changed == NULL) {
        return -1;
    }
    return life->host.is_managed ? os_requests_open_managed(wake, life)
                                 : os_requests_open(wake, life);
}

enum exit_code life_run(const struct options *options, const struct life_host *host)
{
    static struct life life; /* Large. */
    enum exit_code code;

    if (life.options != NULL) {
        memset(&life, 0, sizeof(life)); /* Only where one process has several lives: in tests. */
    }
    life.options = options;
    life.host = *host;
    if (open_life(&life) != 0) {
        (void)fprintf(stderr, "gsrelayd: the system does not let us listen for signals\n");
        code = EXIT_CODE_RESOURCES;
    } else {
        code = live(&life);
    }
    /* The log first: a Windows console that was closed ends the process with os_requests_close().
     * The server after it: until then a request may still reach it. */
    log_destroy(life.log);
    os_requests_close();
    server_close(life.server);
    secret_file_wipe(&life.secrets);
    os_condition_destroy(life.changed);
    os_mutex_destroy(life.mutex);
    return code;
}
