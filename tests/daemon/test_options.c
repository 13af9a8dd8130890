/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/options.h"

#include <stdio.h>
#include <string.h>

#define COUNT(words) ((int)(sizeof(words) / sizeof((words)[0])))

static struct options options;
static char error[OPTIONS_ERROR_SIZE];

static void options__nothing__runs(void **state)
{
    char *words[] = {"gsrelayd"};

    (void)state;
    assert_int_equal(options_parse(COUNT(words), words, &options, error), RESULT_OK);
    assert_int_equal(options.action, OPTIONS_RUN);
    assert_null(options.config_path);
    assert_int_equal(options.setting_count, 0);
}

static void options__both_forms_of_a_value__are_taken(void **state)
{
    char *words[] = {"gsrelayd", "--config", "a b.ini", "--set", "udp.port=1", "--set=log.level=x"};

    (void)state;
    assert_int_equal(options_parse(COUNT(words), words, &options, error), RESULT_OK);
    assert_string_equal(options.config_path, "a b.ini");
    assert_int_equal(options.setting_count, 2);
    assert_string_equal(options.settings[0], "udp.port=1");
    assert_string_equal(options.settings[1], "log.level=x");
}

static void options__each_action__is_known(void **state)
{
    static const struct {
        char *word;
        enum options_action action;
    } actions[] = {
        {"--check-config", OPTIONS_CHECK_CONFIG},
        {"-t", OPTIONS_CHECK_CONFIG},
        {"--dump-config", OPTIONS_DUMP_CONFIG},
        {"--dump-defaults", OPTIONS_DUMP_DEFAULTS},
        {"--genkey", OPTIONS_GENKEY},
        {"--version", OPTIONS_VERSION},
        {"--help", OPTIONS_HELP},
        {"-h", OPTIONS_HELP},
    };

    (void)state;
    for (int i = 0; i < COUNT(actions); i++) {
        char *words[] = {"gsrelayd", actions[i].word};

        assert_int_equal(options_parse(2, words, &options, error), RESULT_OK);
        assert_int_equal(options.action, actions[i].action);
    }
}

static void expect_refused(int argc, char **argv, const char *word)
{
    error[0] = '\0';
    assert_int_equal(options_parse(argc, argv, &options, error), RESULT_INVALID);
    assert_non_null(strstr(error, word));
}

static void options__mistakes__are_refused_by_name(void **state)
{
    char *unknown[] = {"gsrelayd", "--cofnig"};
    char *stray[] = {"gsrelayd", "relay.ini"};
    char *missing[] = {"gsrelayd", "--config"};
    char *empty[] = {"gsrelayd", "--set", ""};
    char *twice[] = {"gsrelayd", "--config", "a", "--config", "b"};
    char *two_actions[] = {"gsrelayd", "--version", "--genkey"};
    char *not_a_flag_value[] = {"gsrelayd", "--version=1"};

    (void)state;
    expect_refused(COUNT(unknown), unknown, "--cofnig");
    expect_refused(COUNT(stray), stray, "relay.ini");
    expect_refused(COUNT(missing), missing, "FILE");
    expect_refused(COUNT(empty), empty, "SECTION.KEY=VALUE");
    expect_refused(COUNT(twice), twice, "only once");
    expect_refused(COUNT(two_actions), two_actions, "one at a time");
    expect_refused(COUNT(not_a_flag_value), not_a_flag_value, "--version=1");
}

static void options__too_many_settings__are_refused(void **state)
{
    char *words[2 + 2 * OPTIONS_SETTINGS_MAX + 1] = {"gsrelayd"};
    int count = 1;

    (void)state;
    for (int i = 0; i < OPTIONS_SETTINGS_MAX; i++) {
        words[count++] = "--set";
        words[count++] = "a.b=c";
    }
    assert_int_equal(options_parse(count, words, &options, error), RESULT_OK);
    words[count++] = "--set";
    words[count++] = "a.b=c";
    expect_refused(count, words, "--set");
}

static void options__help__names_every_option(void **state)
{
    static const char *const names[] = {"--config",        "--set",    "--check-config",
                                        "--dump-config",   "--genkey", "--version",
                                        "--dump-defaults", "--help",   "exit codes"};

    (void)state;
    for (int i = 0; i < COUNT(names); i++) {
        assert_non_null(strstr(options_help(), names[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options__nothing__runs),
        cmocka_unit_test(options__both_forms_of_a_value__are_taken),
        cmocka_unit_test(options__each_action__is_known),
        cmocka_unit_test(options__mistakes__are_refused_by_name),
        cmocka_unit_test(options__too_many_settings__are_refused),
        cmocka_unit_test(options__help__names_every_option),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
