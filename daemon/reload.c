/* SPDX-License-Identifier: MIT */
#include "daemon/reload.h"

#include "config/config_keys.h"
#include "daemon/logging.h"
#include "daemon/os/os.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long the end waits for a reader. */
static const uint64_t end_wait_ns = UINT64_C(1000000000);

struct reload {
    struct options options;
    reload_load *load;
    void (*wake)(void *context);
    void *wake_context;
    struct os_thread *thread;
    struct os_mutex *mutex; /* Guards the five below; held by whoever wakes. */
    struct os_condition *changed;
    bool is_wanted;
    bool is_ending;
    bool has_ended;
    bool is_abandoned; /* The owner is gone; the reader frees what is left. */
    bool is_news;      /* The news and what is in force are the owner's; otherwise the reader's. */
    atomic_bool has_begun;
    struct config in_force;
    struct reload_news news;
};

/* --- The reader ------------------------------------------------------------------------------ */

/* Appends ",section.name"; RELOAD_KEYS_SIZE has room for all. */
static void add_key(char out[RELOAD_KEYS_SIZE], const struct config_key *key)
{
    const size_t used = strlen(out);

    (void)snprintf(out + used, RELOAD_KEYS_SIZE - used, "%s%s.%s", used > 0 ? "," : "",
                   key->section, key->name);
}

static void name_changes(const struct config *in_force, const struct config *read,
                         struct reload_news *news)
{
    size_t changed[CONFIG_KEYS_MAX];
    const size_t count = config_changed(&in_force->values, &read->values, changed);

    for (size_t i = 0; i < count; i++) {
        const struct config_key *key = config_key_at(changed[i]);

        /* A default that follows from other keys is not what somebody has changed. */
        if (in_force->origins[changed[i]].kind == CONFIG_FROM_DEFAULT &&
            read->origins[changed[i]].kind == CONFIG_FROM_DEFAULT) {
            continue;
        }
        add_key(key->is_live ? news->changed : news->restart, key);
    }
}

static void read_again(struct reload *reload)
{
    struct reload_news *news = &reload->news;
    struct config read;

    memset(news, 0, sizeof(*news));
    /* Where a file was found it is that file: if it is gone, that is a mistake, and no reason to
     * go on with the defaults. */
    if (reload->options.config_path == NULL && reload->in_force.path[0] != '\0') {
        reload->options.config_path = reload->in_force.path;
    }
    news->result = reload->load(&reload->options, &read, &news->secrets, news->reports);
    if (news->result == RESULT_OK) {
        news->result = config_reload(&reload->in_force, &read, &news->config, &news->reports[0]);
    }
    if (news->result != RESULT_OK) {
        news->config = reload->in_force;
        return;
    }
    name_changes(&reload->in_force, &read, news);
    /* Another mode waits for a restart, and what it needs with it. */
    news->has_secrets = reload->in_force.values.auth.mode == CONFIG_AUTH_TICKET &&
                        read.values.auth.mode == CONFIG_AUTH_TICKET;
}

/* Waits for a question and says that it is taken; false when it is the end. The owner is woken with
 * the mutex held, here and below: he takes it before he lets go of what he is woken by. */
static bool await_question(struct reload *reload)
{
    bool is_wanted;

    os_mutex_lock(reload->mutex);
    while (!reload->is_ending && (!reload->is_wanted || reload->is_news)) {
        (void)os_condition_wait(reload->changed, reload->mutex, UINT64_MAX);
    }
    is_wanted = !reload->is_ending;
    reload->is_wanted = false;
    if (is_wanted) {
        atomic_store(&reload->has_begun, true);
        reload->wake(reload->wake_context);
    }
    os_mutex_unlock(reload->mutex);
    return is_wanted;
}

static void free_reload(struct reload *reload)
{
    os_condition_destroy(reload->changed);
    os_mutex_destroy(reload->mutex);
    secret_file_wipe(&reload->news.secrets);
    free(reload);
}

static void run_reader(void *context)
{
    struct reload *reload = context;
    bool is_abandoned;

    while (await_question(reload)) {
        read_again(reload);
        os_mutex_lock(reload->mutex);
        reload->is_news = true;
        if (!reload->is_ending) {
            reload->wake(reload->wake_context);
        }
        os_mutex_unlock(reload->mutex);
    }
    os_mutex_lock(reload->mutex);
    reload->has_ended = true;
    is_abandoned = reload->is_abandoned;
    os_condition_broadcast(reload->changed);
    os_mutex_unlock(reload->mutex);
    if (is_abandoned) {
        free_reload(reload);
    }
}

/* --- The owner ------------------------------------------------------------------------------- */

int reload_create(const struct reload_options *options, struct reload **out)
{
    struct reload *reload = calloc(1, sizeof(*reload));

    if (reload == NULL) {
        return RESULT_NO_MEMORY;
    }
    reload->options = *options->options;
    reload->load = options->load;
    reload->wake = options->wake;
    reload->wake_context = options->wake_context;
    reload->in_force = *options->in_force;
    atomic_init(&reload->has_begun, false);
    reload->mutex = os_mutex_create();
    reload->changed = os_condition_create();
    if (reload->mutex == NULL || reload->changed == NULL ||
        os_thread_create(run_reader, reload, "reload", &reload->thread) != 0) {
        free_reload(reload);
        return RESULT_NO_MEMORY;
    }
    *out = reload;
    return RESULT_OK;
}

void reload_ask(struct reload *reload)
{
    os_mutex_lock(reload->mutex);
    reload->is_wanted = true;
    os_condition_broadcast(reload->changed);
    os_mutex_unlock(reload->mutex);
}

bool reload_has_begun(struct reload *reload)
{
    return atomic_exchange(&reload->has_begun, false);
}

const struct reload_news *reload_news(struct reload *reload)
{
    bool is_news;

    os_mutex_lock(reload->mutex);
    is_news = reload->is_news;
    os_mutex_unlock(reload->mutex);
    return is_news ? &reload->news : NULL;
}

void reload_done(struct reload *reload)
{
    if (reload->news.result == RESULT_OK) {
        reload->in_force = reload->news.config;
    }
    secret_file_wipe(&reload->news.secrets);
    os_mutex_lock(reload->mutex);
    reload->is_news = false;
    os_condition_broadcast(reload->changed);
    os_mutex_unlock(reload->mutex);
}

static const char *file_of(const struct reload_news *news)
{
    if (news->reports[0].path[0] != '\0') {
        return news->reports[0].path;
    }
    return news->config.path[0] != '\0' ? news->config.path : "built-in defaults";
}

void reload_log(struct log *log, const struct reload_news *news)
{
    const char *file = file_of(news);
    struct log_line *line;
    uint32_t errors = 0;

    for (int i = 0; i < CONFIGURE_REPORTS; i++) {
        logging_report(log, &news->reports[i]);
        errors += news->reports[i].error_count;
    }
    if (news->result != RESULT_OK) {
        line = log_begin(log, LOG_EVENT_RELOAD_REFUSED);
        log_text(line, "file", file);
        log_u64(line, "errors", errors);
        log_end(log);
        return;
    }
    line = log_begin(log, LOG_EVENT_RELOADED);
    log_text(line, "file", file);
    log_text(line, "changed", news->changed[0] != '\0' ? news->changed : "none");
    if (news->has_secrets) {
        log_u64(line, "secrets", news->secrets.count);
    }
    log_end(log);
    if (news->restart[0] != '\0') {
        line = log_begin(log, LOG_EVENT_RESTART_NEEDED);
        log_text(line, "keys", news->restart);
        log_end(log);
    }
}

void reload_destroy(struct reload *reload)
{
    uint64_t now_ns = os_clock_ns();
    const uint64_t end_ns = now_ns + end_wait_ns;
    bool has_ended;

    if (reload == NULL) {
        return;
    }
    os_mutex_lock(reload->mutex);
    reload->is_ending = true;
    os_condition_broadcast(reload->changed);
    while (!reload->has_ended && now_ns < end_ns) {
        (void)os_condition_wait(reload->changed, reload->mutex, end_ns - now_ns);
        now_ns = os_clock_ns();
    }
    has_ended = reload->has_ended;
    if (!has_ended) {
        os_thread_abandon(reload->thread);
        reload->is_abandoned = true;
    }
    os_mutex_unlock(reload->mutex);
    if (has_ended) {
        os_thread_join(reload->thread);
        free_reload(reload);
    }
}
