/* SPDX-License-Identifier: MIT */
#include "tests/service/life_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "daemon/logging.h"
#include "daemon/os/os.h"

enum { LINES_MAX = 4096, LINE_SIZE = 600, FILE_SIZE = 65536 };

static struct {
    struct os_mutex *mutex;
    struct os_condition *changed;
    size_t count;
    char lines[LINES_MAX][LINE_SIZE];
} said;

void said_clear(void)
{
    if (said.mutex == NULL) {
        said.mutex = os_mutex_create();
        said.changed = os_condition_create();
        assert_non_null(said.mutex);
        assert_non_null(said.changed);
    }
    os_mutex_lock(said.mutex);
    said.count = 0;
    os_mutex_unlock(said.mutex);
}

void said_add(const char *format, ...)
{
    va_list arguments;

    os_mutex_lock(said.mutex);
    if (said.count < LINES_MAX) {
        va_start(arguments, format);
        (void)vsnprintf(said.lines[said.count], LINE_SIZE, format, arguments);
        va_end(arguments);
        said.count++;
    }
    os_condition_broadcast(said.changed);
    os_mutex_unlock(said.mutex);
}

size_t said_wait(size_t from, const char *beginning)
{
    size_t at = from;

    os_mutex_lock(said.mutex);
    for (;;) {
        while (at < said.count && strncmp(said.lines[at], beginning, strlen(beginning)) != 0) {
            at++;
        }
        if (at < said.count) {
            break;
        }
        (void)os_condition_wait(said.changed, said.mutex, UINT64_MAX);
    }
    os_mutex_unlock(said.mutex);
    return at + 1;
}

size_t said_count(void)
{
    size_t count;

    os_mutex_lock(said.mutex);
    count = said.count;
    os_mutex_unlock(said.mutex);
    return count;
}

const char *said_line(size_t index)
{
    assert_true(index < said_count());
    return said.lines[index];
}

static struct {
    enum exit_code (*run)(void *context);
    void *context;
    enum exit_code code;
    struct os_thread *thread;
} life;

static void run_life(void *context)
{
    (void)context;
    life.code = life.run(life.context);
}

void life_begin(enum exit_code (*run)(void *context), void *context)
{
    life.run = run;
    life.context = context;
    assert_int_equal(os_thread_create(run_life, NULL, "life", &life.thread), 0);
}

enum exit_code life_end(void)
{
    os_thread_join(life.thread);
    return life.code;
}

const char *write_file(const char *name, const char *text)
{
    static char path[512];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/tests/%s", GSRELAY_BINARY_DIR, name);
    file = os_file_open_write(path);
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

const char *read_file(const char *path)
{
    static char text[FILE_SIZE];
    FILE *file = os_file_open_read(path);
    size_t size = 0;

    if (file != NULL) {
        size = fread(text, 1, sizeof(text) - 1, file);
        assert_int_equal(fclose(file), 0);
    }
    text[size] = '\0';
    return text;
}

void set(struct options *options, const char *setting)
{
    assert_true(options->setting_count < OPTIONS_SETTINGS_MAX);
    options->settings[options->setting_count++] = setting;
}

struct options free_ports(void)
{
    static char path[512];
    struct options options = {.action = OPTIONS_RUN, .config_path = path};

    (void)snprintf(path, sizeof(path), "%s", write_file("life.ini", ""));
    set(&options, "udp.port=0");
    set(&options, "control.port=0");
    return options;
}

static struct log *blocker_log;

struct server *block_port(struct options *options)
{
    static char setting[64];
    static struct config config;
    static struct secret_file secrets;
    struct server_failure failure;
    struct server_setup setup = {.config = &config, .secrets = &secrets};
    char line[SERVER_READY_SIZE];
    struct server *server;
    const char *control;

    config_defaults(&config);
    config.values.udp.port = 0;
    config.values.control.port = 0;
    assert_int_equal(logging_open(&config, &(struct logging_way){0}, &setup.log), RESULT_OK);
    assert_int_equal(server_open(&setup, &server, &failure), RESULT_OK);
    server_ready_line(server, line);
    blocker_log = setup.log;
    control = strstr(line, "control=127.0.0.1:");
    assert_non_null(control);
    (void)snprintf(setting, sizeof(setting), "control.port=%lu",
                   strtoul(control + strlen("control=127.0.0.1:"), NULL, 10));
    set(options, setting);
    return server;
}

void unblock_port(struct server *server)
{
    server_close(server);
    log_destroy(blocker_log);
}
