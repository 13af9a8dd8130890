/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/config_keys.h"
#include "config_fixture.h"

static enum config_origin_kind origin_of(const char *section, const char *name)
{
    return fixture_config.origins[config_key_find(section, name)].kind;
}

static void load__nothing_given__is_the_defaults(void **state)
{
    static struct config defaults;

    (void)state;
    config_defaults(&defaults);
    assert_int_equal(load_with(NULL, NULL, NULL), 0);
    assert_memory_equal(&fixture_config, &defaults, sizeof(defaults));
    assert_int_equal(load_text(""), 0);
    assert_int_equal(
        config_changed(&fixture_config.values, &defaults.values, (size_t[CONFIG_KEYS_MAX]){0}), 0);
    assert_string_equal(fixture_config.path, "relay.ini");
}

static void load__one_key_in_every_place__the_nearest_to_the_command_line_wins(void **state)
{
    static const char *const environment[] = {"PATH=/bin",
                                              "GSRELAY_UDP_PORT=2000",
                                              "GSRELAY_UDP_WORKERS=2",
                                              "GSRELAY_CONFIG=x.ini",
                                              "GSRELAY_LOG_LEVEL=debug",
                                              NULL};
    static const char *const settings[] = {"udp.port=3000", "udp.port = 3001", NULL};

    (void)state;
    assert_int_equal(load_with("[udp]\nport = 1000\nworkers = 1\nttl = 9\n", environment, settings),
                     0);
    assert_string_equal(fixture_messages.bytes, "");
    assert_int_equal(fixture_config.values.udp.port, 3001);
    assert_int_equal(origin_of("udp", "port"), CONFIG_FROM_SET);
    assert_int_equal(fixture_config.values.udp.workers, 2);
    assert_int_equal(origin_of("udp", "workers"), CONFIG_FROM_ENVIRONMENT);
    assert_int_equal(fixture_config.values.udp.ttl, 9);
    assert_int_equal(origin_of("udp", "ttl"), CONFIG_FROM_FILE);
    assert_int_equal(fixture_config.origins[config_key_find("udp", "ttl")].line, 4);
    assert_int_equal(fixture_config.values.log.level, CONFIG_LOG_DEBUG);
    assert_int_equal(origin_of("udp", "dscp"), CONFIG_FROM_DEFAULT);
}

static void load__a_mistake_anywhere__names_its_source_and_writes_nothing(void **state)
{
    static const char *const environment[] = {"GSRELAY_UDP_PORT=70000", NULL};
    static const char *const settings[] = {
        "udp.port=80000",   "udp.prt=1", "upd.port=1", "port=1", "udp.port",
        "server.backlog=2", "",          "=",          NULL};
    static struct config before;

    (void)state;
    memset(&before, 0xA5, sizeof(before));
    assert_int_equal(load_with("[udp]\nport = 90000\n", environment, settings), RESULT_INVALID);
    assert_memory_equal(&fixture_config, &before, sizeof(before));
    assert_string_equal(
        fixture_messages.bytes,
        "relay.ini:2: [udp] port: 90000 is out of range; allowed: 0 to 65535\n"
        "environment GSRELAY_UDP_PORT: 70000 is out of range; allowed: 0 to 65535\n"
        "--set udp.port: 80000 is out of range; allowed: 0 to 65535\n"
        "--set udp.prt: there is no such key; did you mean \"port\"?\n"
        "--set upd.port: there is no such section; did you mean \"udp\"?\n"
        "--set \"port=1\": write section.key=value\n"
        "--set \"udp.port\": write section.key=value\n"
        "--set server.backlog: there is no such key in [server]; did you mean the one in "
        "[control]?\n"
        "--set \"\": write section.key=value\n"
        "--set \"=\": write section.key=value\n");
    assert_int_equal(fixture_report.error_count, 10);
}

static void environment__unknown_names_that_look_like_keys__are_warned_about(void **state)
{
    static const char *const environment[] = {"GSRELAY_UDP_PROT=1",
                                              "gsrelay_udp_port=1",
                                              "GSRELAY_UPD_PORT=1",
                                              "GSRELAY_LOG_NONSENSE=1",
                                              "GSRELAY_CONFIG=here",
                                              "GSRELAY_SERVER=host:1",
                                              "GSRELAY_WINDOWS_DEPS=/x",
                                              "GSRELAYED_UDP_X=1",
                                              "GSRELAY_UDP_PORT",
                                              "=C:=C:\\",
                                              "GSRELAY_=",
                                              NULL};

    (void)state;
    assert_int_equal(load_with(NULL, environment, NULL), 0);
    assert_string_equal(
        fixture_messages.bytes,
        "warning: environment GSRELAY_UDP_PROT: not read; did you mean GSRELAY_UDP_PORT?\n"
        "warning: environment gsrelay_udp_port: not read; did you mean GSRELAY_UDP_PORT?\n"
        "warning: environment GSRELAY_UPD_PORT: there is no such section; did you mean \"udp\"?\n"
        "warning: environment GSRELAY_LOG_NONSENSE: there is no such key in [log]\n");
    assert_int_equal(fixture_config.values.udp.port, 7777);
}

static void outside__values_no_file_could_hold__are_refused(void **state)
{
    static const char *const environment[] = {"GSRELAY_AUTH_SECRET_FILE=a\xFF", NULL};
    static const char *const settings[] = {"auth.secret_file=a\nb", NULL};
    static char long_setting[4096];
    static const char *const long_settings[] = {long_setting, NULL};

    (void)state;
    assert_int_equal(load_with(NULL, environment, settings), RESULT_INVALID);
    assert_string_equal(fixture_messages.bytes,
                        "environment GSRELAY_AUTH_SECRET_FILE: the value holds control characters "
                        "or is not UTF-8\n"
                        "--set auth.secret_file: the value holds control characters or is not "
                        "UTF-8\n");
    memset(long_setting, 'x', sizeof(long_setting) - 1);
    memcpy(long_setting, "auth.secret_file=", 17);
    assert_int_equal(load_with(NULL, NULL, long_settings), RESULT_INVALID);
    assert_one_error("--set auth.secret_file: the value is too long");
}

static void environment__every_key__can_be_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        char variable[256];
        const char *environment[] = {variable, NULL};
        char name[CONFIG_ENVIRONMENT_NAME_SIZE];

        config_environment_name(key, name);
        assert_true(strlen(name) < sizeof(name) - 1);
        (void)snprintf(variable, sizeof(variable), "%s=%s", name, key->fallback);
        assert_int_equal(load_with(NULL, environment, NULL), 0);
        assert_int_equal(fixture_config.origins[i].kind, CONFIG_FROM_ENVIRONMENT);
        assert_string_equal(fixture_messages.bytes, "");
    }
}

static void max_connections__auto__follows_the_limits(void **state)
{
    static const char *const settings[] = {"limits.max_clients=1000000",
                                           "control.preauth_max=32768", NULL};
    static const char *const named[] = {"control.max_connections=5000", NULL};

    (void)state;
    assert_int_equal(load_with(NULL, NULL, settings), 0);
    assert_int_equal(fixture_config.values.control.max_connections, 1032768);
    assert_int_equal(load_with(NULL, NULL, named), 0);
    assert_int_equal(fixture_config.values.control.max_connections, 5000);
}

static void changed__two_configurations__names_the_keys(void **state)
{
    static const char *const settings[] = {"udp.port=1", "log.level=warn", "server.listen=::1",
                                           "auth.clock_skew=off", NULL};
    static struct config defaults;
    size_t changed[CONFIG_KEYS_MAX];

    (void)state;
    config_defaults(&defaults);
    assert_int_equal(load_with(NULL, NULL, settings), 0);
    assert_int_equal(config_changed(&defaults.values, &fixture_config.values, changed), 4);
    assert_string_equal(config_key_at(changed[0])->name, "listen");
    assert_string_equal(config_key_at(changed[1])->name, "port");
    assert_false(config_key_at(changed[1])->is_live);
    assert_string_equal(config_key_at(changed[2])->name, "clock_skew");
    assert_string_equal(config_key_at(changed[3])->name, "level");
    assert_true(config_key_at(changed[3])->is_live);
}

static void read_file__a_stream_of_the_c_library__is_read(void **state)
{
    FILE *file = tmpfile();
    struct config_input input = {
        .path = "relay.ini", .read = config_read_file, .read_context = file};

    (void)state;
    assert_non_null(file);
    assert_true(fputs("[udp]\r\nport = 1234\r\n", file) >= 0);
    rewind(file);
    assert_int_equal(config_load(&input, &fixture_config, &fixture_report), 0);
    assert_int_equal(fixture_config.values.udp.port, 1234);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load__nothing_given__is_the_defaults),
        cmocka_unit_test(load__one_key_in_every_place__the_nearest_to_the_command_line_wins),
        cmocka_unit_test(load__a_mistake_anywhere__names_its_source_and_writes_nothing),
        cmocka_unit_test(environment__unknown_names_that_look_like_keys__are_warned_about),
        cmocka_unit_test(outside__values_no_file_could_hold__are_refused),
        cmocka_unit_test(environment__every_key__can_be_set),
        cmocka_unit_test(max_connections__auto__follows_the_limits),
        cmocka_unit_test(changed__two_configurations__names_the_keys),
        cmocka_unit_test(read_file__a_stream_of_the_c_library__is_read),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
