/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/config_keys.h"
#include "config/config_value.h"
#include "tests/config/config_fixture.h"

static struct config in_force;
static struct config next;
static struct config_report report;

/* Loads `before` as the settings in force, then `after`, and reloads. */
static int reload(const char *before, const char *after)
{
    assert_int_equal(load_text(before), 0);
    in_force = fixture_config;
    assert_int_equal(load_text(after), 0);
    memset(&next, 0, sizeof(next));
    config_report_start(&report, fixture_config.path);
    return config_reload(&in_force, &fixture_config, &next, &report);
}

/* A value that is allowed and not the default, for any key. */
static void other_value(const struct config_key *key, char out[CONFIG_VALUE_TEXT_SIZE])
{
    static struct config defaults;
    struct relay_config values;
    char why[CONFIG_MESSAGE_TEXT_SIZE];
    static const char *const candidates[] = {"yes",  "no", "open",      "ticket", "never", "warn",
                                             "off",  "2",  "3",         "4KiB",   "1KiB",  "8KiB",
                                             "300B", "7s", "2m",        "2ms",    "20",    "32MiB",
                                             "::1",  "10", "127.0.0.3", "x"};

    config_defaults(&defaults);
    for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
        values = defaults.values;
        if (config_value_parse(key, candidates[i], &values, why) == 0 &&
            !config_value_equal(key, &values, &defaults.values)) {
            (void)snprintf(out, CONFIG_VALUE_TEXT_SIZE, "%s", candidates[i]);
            return;
        }
    }
    fail_msg("no other value for %s.%s", key->section, key->name);
}

static void reload__each_key_changed__acts_exactly_if_it_is_live(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        static struct config defaults;
        static struct config changed;
        char value[CONFIG_VALUE_TEXT_SIZE];
        char why[CONFIG_MESSAGE_TEXT_SIZE];

        other_value(key, value);
        config_defaults(&defaults);
        changed = defaults;
        assert_int_equal(config_value_parse(key, value, &changed.values, why), 0);
        config_report_start(&report, "relay.ini");
        if (config_reload(&defaults, &changed, &next, &report) != 0) {
            /* It contradicts another key; what is read from a file cannot. */
            assert_true(key->is_live);
            continue;
        }
        assert_int_equal(config_value_equal(key, &next.values, &changed.values), key->is_live);
        assert_int_equal(config_value_equal(key, &next.values, &defaults.values), !key->is_live);
    }
}

static void reload__live_and_other_keys__each_goes_its_way(void **state)
{
    size_t changed[CONFIG_KEYS_MAX];

    (void)state;
    assert_int_equal(reload("[udp]\nport = 1000\nsession_idle = 20s\n",
                            "[log]\nlevel = warn\n[udp]\nport = 2000\nsession_idle = 40s\n"),
                     0);
    assert_int_equal(next.values.udp.port, 1000);
    assert_int_equal(next.values.udp.session_idle_ns, UINT64_C(40000000000));
    assert_int_equal(next.values.log.level, CONFIG_LOG_WARN);
    assert_int_equal(next.origins[config_key_find("udp", "port")].line, 2);
    assert_int_equal(next.origins[config_key_find("udp", "session_idle")].line, 5);
    assert_int_equal(config_changed(&in_force.values, &next.values, changed), 2);
    assert_int_equal(config_changed(&next.values, &fixture_config.values, changed), 1);
    assert_string_equal(config_key_at(changed[0])->name, "port");
    assert_int_equal(report.message_count, 0);
}

static void reload__mixture_that_contradicts_itself__is_refused_with_the_changed_line(void **state)
{
    (void)state;
    /* 300 bytes hold a datagram of the new length, but not of the one in force. */
    assert_int_equal(reload("", "[udp]\nmax_datagram = 256B\n[limits]\nclient_bytes_s = 256\n"
                                "client_bytes_burst = 300\n"),
                     RESULT_INVALID);
    assert_int_equal(report.error_count, 2);
    assert_int_equal(report.messages[0].origin.line, 5);
    assert_non_null(strstr(report.messages[0].text, "udp.max_datagram (1232B)"));
    assert_non_null(strstr(report.messages[1].text, "need a restart"));
    assert_string_equal(next.path, "");
}

static void reload__another_mode_and_its_secrets_dropped__names_the_line_of_the_mode(void **state)
{
    (void)state;
    assert_int_equal(reload("[auth]\nmode = ticket\nsecret_file = secrets.ini\n",
                            "[udp]\n\n[auth]\nmode = open\n"),
                     RESULT_INVALID);
    assert_int_equal(report.messages[0].origin.kind, CONFIG_FROM_FILE);
    assert_int_equal(report.messages[0].origin.line, 4);
    assert_non_null(strstr(report.messages[0].text, "auth.secret_file"));
}

static void reload__open_relay_made_public_or_closed__waits_for_the_restart(void **state)
{
    (void)state;
    /* In force: open to the world, on purpose. The file asks for a private one. */
    assert_int_equal(reload("[server]\nlisten = 0.0.0.0\nallow_open_public = yes\n", ""), 0);
    assert_true(next.values.server.allow_open_public);
    assert_true(addr_is_unspecified(&next.values.server.listen[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reload__each_key_changed__acts_exactly_if_it_is_live),
        cmocka_unit_test(reload__live_and_other_keys__each_goes_its_way),
        cmocka_unit_test(reload__mixture_that_contradicts_itself__is_refused_with_the_changed_line),
        cmocka_unit_test(reload__another_mode_and_its_secrets_dropped__names_the_line_of_the_mode),
        cmocka_unit_test(reload__open_relay_made_public_or_closed__waits_for_the_restart),
    };
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
