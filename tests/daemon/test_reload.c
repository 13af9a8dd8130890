/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/config_keys.h"
#include "config/config_report.h"
#include "config/config_value.h"
#include "daemon/os/os.h"
#include "daemon/reload.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* What the fake loader reads: a configuration that the test sets while the loader waits at its
 * gate, or never. */
static struct {
    atomic_uint begun; /* Loads that have begun. */
    atomic_uint gate;  /* How many of them may go on. */
    atomic_uint wakes;
    struct config found;
    struct secret_file secrets;
    bool is_bad;
    char path[CONFIG_PATH_SIZE]; /* The --config that it was asked for. */
} files;

static struct config in_force;
static struct options options;
static struct reload *reload;

/* Another value of a key, from line 1 of the file. */
static void set(const char *section, const char *name, const char *value)
{
    const size_t index = config_key_find(section, name);
    char why[CONFIG_MESSAGE_TEXT_SIZE];

    assert_int_equal(config_value_parse(config_key_at(index), value, &files.found.values, why), 0);
    files.found.origins[index] = (struct config_origin){.kind = CONFIG_FROM_FILE, .line = 1};
}

static int load(const struct options *asked, struct config *out, struct secret_file *secrets_out,
                struct config_report reports_out[CONFIGURE_REPORTS])
{
    const unsigned number = atomic_fetch_add(&files.begun, 1) + 1;

    while (atomic_load(&files.gate) < number) {
        os_sleep_ms(1);
    }
    config_report_start(&reports_out[0], "relay.ini");
    config_report_start(&reports_out[1], NULL);
    (void)snprintf(files.path, sizeof(files.path), "%s",
                   asked->config_path != NULL ? asked->config_path : "");
    if (files.is_bad) {
        config_report_add_file(&reports_out[0], "is bad");
        return RESULT_INVALID;
    }
    *out = files.found;
    *secrets_out = files.secrets;
    return RESULT_OK;
}

static void wake(void *context)
{
    assert_ptr_equal(context, &files);
    (void)atomic_fetch_add(&files.wakes, 1);
}

static void open_reload(void)
{
    const struct reload_options reload_options = {.options = &options,
                                                  .in_force = &in_force,
                                                  .load = load,
                                                  .wake = wake,
                                                  .wake_context = &files};

    assert_int_equal(reload_create(&reload_options, &reload), RESULT_OK);
}

static int set_up(void **state)
{
    (void)state;
    memset(&files, 0, sizeof(files));
    memset(&options, 0, sizeof(options));
    config_defaults(&in_force);
    files.found = in_force;
    atomic_store(&files.gate, 1000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    reload_destroy(reload);
    reload = NULL;
    return 0;
}

/* ctest's limit ends a wait in vain. */
static const struct reload_news *await_news(void)
{
    const struct reload_news *news = reload_news(reload);

    while (news == NULL) {
        os_sleep_ms(1);
        news = reload_news(reload);
    }
    return news;
}

static void await_begun(unsigned count)
{
    while (atomic_load(&files.begun) < count) {
        os_sleep_ms(1);
    }
}

static void reload__nothing_asked__reads_nothing(void **state)
{
    (void)state;
    open_reload();
    os_sleep_ms(20);
    assert_null(reload_news(reload));
    assert_false(reload_has_begun(reload));
    assert_int_equal(atomic_load(&files.begun), 0);
}

static void reload__good_file__names_what_changed_and_is_in_force_when_done(void **state)
{
    const struct reload_news *news;

    (void)state;
    open_reload();
    set("udp", "port", "1000");
    set("udp", "rebind_moves", "9");
    set("log", "level", "warn");
    files.found.values.control.max_connections++; /* Follows from others. */
    reload_ask(reload);
    news = await_news();
    assert_true(reload_has_begun(reload));
    assert_false(reload_has_begun(reload));
    assert_int_equal(news->result, RESULT_OK);
    assert_string_equal(news->changed, "udp.rebind_moves,log.level");
    assert_string_equal(news->restart, "udp.port");
    assert_int_equal(news->config.values.udp.port, in_force.values.udp.port);
    assert_int_equal(news->config.values.udp.rebind_moves, 9);
    assert_false(news->has_secrets);
    while (atomic_load(&files.wakes) < 2) { /* Begun, and news. */
        os_sleep_ms(1);
    }
    reload_done(reload);
    assert_null(reload_news(reload));
    /* The same file again: what acts is no change any more, the rest still waits for a restart. */
    reload_ask(reload);
    news = await_news();
    assert_string_equal(news->changed, "");
    assert_string_equal(news->restart, "udp.port");
}

static void reload__bad_file__leaves_what_is_in_force(void **state)
{
    const struct reload_news *news;

    (void)state;
    open_reload();
    files.is_bad = true;
    reload_ask(reload);
    news = await_news();
    assert_int_equal(news->result, RESULT_INVALID);
    assert_int_equal(news->reports[0].error_count, 1);
    assert_memory_equal(&news->config, &in_force, sizeof(in_force));
    reload_done(reload);
    files.is_bad = false;
    set("log", "lines_per_s", "7");
    reload_ask(reload);
    assert_string_equal(await_news()->changed, "log.lines_per_s");
}

static void reload__file_of_the_start__is_read_by_its_name(void **state)
{
    (void)state;
    (void)snprintf(in_force.path, sizeof(in_force.path), "/etc/x/relay.ini");
    open_reload();
    reload_ask(reload);
    (void)await_news();
    assert_string_equal(files.path, "/etc/x/relay.ini");
}

static void reload__asked_while_it_reads__reads_once_more(void **state)
{
    (void)state;
    atomic_store(&files.gate, 0);
    open_reload();
    reload_ask(reload);
    await_begun(1);
    for (int i = 0; i < 5; i++) {
        reload_ask(reload);
    }
    atomic_store(&files.gate, 1);
    (void)await_news();
    assert_int_equal(atomic_load(&files.begun), 1);
    /* The second reading waits until the first one's news are done with. */
    reload_done(reload);
    await_begun(2);
    set("log", "lines_per_s", "7");
    atomic_store(&files.gate, 2);
    assert_string_equal(await_news()->changed, "log.lines_per_s");
    reload_done(reload);
    os_sleep_ms(20);
    assert_int_equal(atomic_load(&files.begun), 2);
}

static void reload__asked_while_there_are_news__reads_once_more(void **state)
{
    (void)state;
    open_reload();
    reload_ask(reload);
    (void)await_news();
    reload_ask(reload);
    os_sleep_ms(20);
    assert_int_equal(atomic_load(&files.begun), 1);
    reload_done(reload);
    (void)await_news();
    assert_int_equal(atomic_load(&files.begun), 2);
}

static void reload__secrets__are_replaced_where_tickets_are_and_stay_required(void **state)
{
    static const struct {
        enum config_auth_mode before;
        enum config_auth_mode after;
        bool has_secrets;
    } cases[] = {{CONFIG_AUTH_OPEN, CONFIG_AUTH_OPEN, false},
                 {CONFIG_AUTH_OPEN, CONFIG_AUTH_TICKET, false},
                 {CONFIG_AUTH_TICKET, CONFIG_AUTH_OPEN, false},
                 {CONFIG_AUTH_TICKET, CONFIG_AUTH_TICKET, true}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct reload_news *news;

        (void)set_up(NULL);
        (void)snprintf(in_force.values.auth.secret_file, CONFIG_PATH_SIZE, "s.ini");
        files.found = in_force;
        in_force.values.auth.mode = cases[i].before;
        files.found.values.auth.mode = cases[i].after;
        files.secrets.count = 1;
        files.secrets.secrets[0].bytes[0] = 42;
        open_reload();
        reload_ask(reload);
        news = await_news();
        assert_int_equal(news->result, RESULT_OK);
        assert_int_equal(news->has_secrets, cases[i].has_secrets);
        assert_int_equal(news->config.values.auth.mode, cases[i].before);
        assert_int_equal(news->secrets.secrets[0].bytes[0], 42);
        reload_done(reload);
        assert_int_equal(news->secrets.secrets[0].bytes[0], 0);
        (void)tear_down(NULL);
    }
}

static void reload__reader_hangs__the_end_does_not(void **state)
{
    (void)state;
    atomic_store(&files.gate, 0);
    open_reload();
    reload_ask(reload);
    await_begun(1);
    reload_destroy(reload);
    reload = NULL;
    /* It comes back to nobody, and goes. */
    atomic_store(&files.gate, 1);
    os_sleep_ms(20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reload__nothing_asked__reads_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            reload__good_file__names_what_changed_and_is_in_force_when_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reload__bad_file__leaves_what_is_in_force, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(reload__file_of_the_start__is_read_by_its_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(reload__asked_while_it_reads__reads_once_more, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(reload__asked_while_there_are_news__reads_once_more, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            reload__secrets__are_replaced_where_tickets_are_and_stay_required, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reload__reader_hangs__the_end_does_not, set_up, tear_down),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
