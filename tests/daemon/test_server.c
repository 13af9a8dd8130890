/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/configure.h"
#include "daemon/os/os.h"
#include "daemon/server.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A whole server on free ports, in a thread; its log is in memory, its relay.ini in this folder. */

enum { LOG_BYTES = 65536, NOTICES = SERVER_NOTICE_STOPPING + 1 };

static const uint64_t PATIENCE_NS = UINT64_C(20000000000);

static const char ini[] = "test_server.ini";

static struct {
    struct options options;
    struct config config;
    struct secret_file secrets;
    struct config_report reports[CONFIGURE_REPORTS];
    struct log *log;
    struct server *server;
    struct os_thread *thread;
    enum exit_code code;
    atomic_uint notices[NOTICES];
    struct os_mutex *mutex; /* Guards the log's text. */
    char logged[LOG_BYTES];
    size_t logged_size;
} fixture;

static void write_ini(const char *text)
{
    FILE *file = fopen(ini, "wb");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int write_log(void *context, const char *line, size_t size)
{
    (void)context;
    os_mutex_lock(fixture.mutex);
    if (fixture.logged_size + size < LOG_BYTES) {
        memcpy(fixture.logged + fixture.logged_size, line, size);
        fixture.logged_size += size;
    }
    os_mutex_unlock(fixture.mutex);
    return 0;
}

static void close_log(void *context)
{
    (void)context;
}

static unsigned count_logged(const char *text)
{
    unsigned count = 0;

    os_mutex_lock(fixture.mutex);
    fixture.logged[fixture.logged_size] = '\0';
    for (const char *at = strstr(fixture.logged, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    os_mutex_unlock(fixture.mutex);
    return count;
}

static void await_logged(const char *text, unsigned count)
{
    const uint64_t end_ns = os_clock_ns() + PATIENCE_NS;

    while (count_logged(text) < count) {
        if (os_clock_ns() > end_ns) {
            fail_msg("not logged %u times: %s in\n%s", count, text, fixture.logged);
        }
        os_sleep_ms(1);
    }
    assert_int_equal(count_logged(text), count);
}

static void take_notice(void *context, enum server_notice notice)
{
    assert_ptr_equal(context, &fixture);
    (void)atomic_fetch_add(&fixture.notices[notice], 1);
}

static unsigned noticed(enum server_notice notice)
{
    return atomic_load(&fixture.notices[notice]);
}

static void run(void *context)
{
    (void)context;
    fixture.code = server_run(fixture.server);
}

static void start(const char *text)
{
    const struct log_sink sink = {.write = write_log, .close = close_log};
    const struct log_options log_options = {.level = LOG_INFO, .lines_per_s = 1000};
    const struct server_setup setup = {.config = &fixture.config,
                                       .secrets = &fixture.secrets,
                                       .options = &fixture.options,
                                       .notify = take_notice,
                                       .notify_context = &fixture};
    struct server_setup with_log = setup;
    struct server_failure failure;

    write_ini(text);
    fixture.options.config_path = ini;
    fixture.options.settings[fixture.options.setting_count++] = "udp.port=0";
    fixture.options.settings[fixture.options.setting_count++] = "control.port=0";
    assert_int_equal(
        configure_all(&fixture.options, &fixture.config, &fixture.secrets, fixture.reports), 0);
    assert_int_equal(log_create(&log_options, sink, &fixture.log), 0);
    with_log.log = fixture.log;
    assert_int_equal(server_open(&with_log, &fixture.server, &failure), RESULT_OK);
    assert_int_equal(os_thread_create(run, NULL, "control", &fixture.thread), 0);
    await_logged("evt=ready", 1);
}

static enum exit_code join(void)
{
    if (fixture.thread != NULL) {
        os_thread_join(fixture.thread);
        fixture.thread = NULL;
    }
    return fixture.code;
}

static int set_up(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof(fixture));
    fixture.mutex = os_mutex_create();
    return fixture.mutex == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (fixture.thread != NULL) {
        server_stop(fixture.server, UINT32_MAX);
    }
    (void)join();
    log_destroy(fixture.log);
    server_close(fixture.server);
    os_mutex_destroy(fixture.mutex);
    (void)remove(ini);
    return 0;
}

static void reload__good_file__acts_and_names_what_waits_for_a_restart(void **state)
{
    (void)state;
    start("");
    write_ini("[limits]\nmax_clients = 64\nclient_datagrams_s = 99\n[log]\nlevel = debug\n");
    server_reload(fixture.server);
    await_logged("evt=reloaded file=test_server.ini "
                 "changed=limits.client_datagrams_s,log.level\n",
                 1);
    await_logged("evt=restart_needed keys=limits.max_clients\n", 1);
    assert_int_equal(count_logged("evt=reloading"), 1);
    assert_int_equal(count_logged("option=dscp asked=system granted="), 1);
    while (noticed(SERVER_NOTICE_RELOADED) < 1) {
        os_sleep_ms(1);
    }
    assert_int_equal(noticed(SERVER_NOTICE_RELOADING), 1);
    assert_int_equal(noticed(SERVER_NOTICE_RELOAD_REFUSED), 0);
}

static void reload__file_of_another_log_level__holds_for_the_next_line(void **state)
{
    (void)state;
    start("");
    write_ini("[log]\nlevel = error\n");
    server_reload(fixture.server);
    while (noticed(SERVER_NOTICE_RELOADED) < 1) {
        os_sleep_ms(1);
    }
    assert_int_equal(count_logged("evt=reloaded"), 0);
    write_ini("[log]\nlevel = info\n");
    server_reload(fixture.server);
    await_logged("changed=log.level\n", 1);
}

static void reload__every_kind_of_mistake__is_told_with_its_place_and_nothing_changes(void **state)
{
    static const struct {
        const char *text;
        const char *told;
    } cases[] = {
        {"[udp]\nprot = 1\n", "file=test_server.ini line=2 text=\"[udp] prot: there is no such"},
        {"[server]\nlisten = 0.0.0.0\n", "line=2 text=\"[server] listen: with auth.mode = open"},
        {"[limits]\nmax_clients = 1000000\n", "which is more than server.memory_max"},
        {"[auth]\nmode = ticket\nsecret_file = no such file\n", "the file cannot be opened"},
        {"[udp]\nmax_datagram = 256B\n[limits]\nclient_bytes_s = 256\nclient_bytes_burst = 300\n",
         "these values do not go together with those of keys that need a restart"},
    };

    (void)state;
    start("");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_ini(cases[i].text);
        server_reload(fixture.server);
        await_logged("evt=reload_refused", i + 1);
        if (count_logged(cases[i].told) != 1) {
            fail_msg("not told: %s in\n%s", cases[i].told, fixture.logged);
        }
    }
    assert_int_equal(noticed(SERVER_NOTICE_RELOADED), 0);
    (void)remove(ini);
    server_reload(fixture.server);
    await_logged("evt=reload_refused", sizeof(cases) / sizeof(cases[0]) + 1);
    /* Nothing of all that is in force: the file of the start changes nothing. */
    write_ini("");
    server_reload(fixture.server);
    await_logged("evt=reloaded file=test_server.ini changed=none\n", 1);
}

static void reload__many_at_once__end_with_what_was_written_last(void **state)
{
    char text[64];

    (void)state;
    start("");
    for (unsigned i = 1; i <= 50; i++) {
        (void)snprintf(text, sizeof(text), "[limits]\nclient_datagrams_s = %u\n", i);
        write_ini(text);
        server_reload(fixture.server);
        server_reload(fixture.server);
    }
    /* A file that is read while it is written may be anything; the last question came after it. */
    write_ini("[limits]\nclient_datagrams_s = 51\n[log]\nlines_per_s = 51\n");
    server_reload(fixture.server);
    while (count_logged("log.lines_per_s") == 0) {
        os_sleep_ms(1);
    }
}

static void drain__without_rooms__ends_at_once_with_0(void **state)
{
    (void)state;
    start("[server]\ndrain_wait = 1h\n");
    server_drain(fixture.server);
    assert_int_equal(join(), EXIT_CODE_OK);
    assert_int_equal(count_logged("evt=draining rooms=0 wait=3600000ms\n"), 1);
    assert_int_equal(count_logged("evt=stopped"), 1);
    assert_int_equal(noticed(SERVER_NOTICE_DRAINING), 1);
    assert_int_equal(noticed(SERVER_NOTICE_STOPPING), 1);
}

static void stop__while_a_reload_is_asked__is_in_order(void **state)
{
    (void)state;
    start("");
    server_reload(fixture.server);
    server_stop(fixture.server, UINT32_MAX);
    assert_int_equal(join(), EXIT_CODE_OK);
    server_reload(fixture.server);
    server_drain(fixture.server);
    server_reopen_log(fixture.server);
    assert_int_equal(count_logged("evt=stopped"), 1);
    assert_int_equal(count_logged("evt=draining"), 0);
}

static void server__without_options__has_nothing_to_reload(void **state)
{
    const struct log_sink sink = {.write = write_log, .close = close_log};
    const struct log_options log_options = {.level = LOG_INFO, .lines_per_s = 1000};
    struct server_setup setup = {.config = &fixture.config, .secrets = &fixture.secrets};
    struct server_failure failure;

    (void)state;
    config_defaults(&fixture.config);
    fixture.config.values.udp.port = 0;
    fixture.config.values.control.port = 0;
    assert_int_equal(log_create(&log_options, sink, &fixture.log), 0);
    setup.log = fixture.log;
    assert_int_equal(server_open(&setup, &fixture.server, &failure), RESULT_OK);
    server_reload(fixture.server);
    server_stop(fixture.server, UINT32_MAX);
    assert_int_equal(server_run(fixture.server), EXIT_CODE_OK);
    assert_int_equal(count_logged("evt=reloading"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(reload__good_file__acts_and_names_what_waits_for_a_restart),
        TEST(reload__file_of_another_log_level__holds_for_the_next_line),
        TEST(reload__every_kind_of_mistake__is_told_with_its_place_and_nothing_changes),
        TEST(reload__many_at_once__end_with_what_was_written_last),
        TEST(drain__without_rooms__ends_at_once_with_0),
        TEST(stop__while_a_reload_is_asked__is_in_order),
        TEST(server__without_options__has_nothing_to_reload),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
