/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/service/service_command.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 12

static struct service_command command;
static char error[SERVICE_COMMAND_ERROR_SIZE];

/* Takes a line apart at its spaces, so '_' stands for a space in a value. */
static int parse(const char *line)
{
    static char text[512];
    char *words[WORDS_MAX + 1] = {NULL};
    int count = 0;
    size_t at = 0;

    (void)snprintf(text, sizeof(text), "%s", line);
    error[0] = '\0';
    while (text[at] != '\0' && count < WORDS_MAX) {
        const size_t size = strcspn(text + at, " ");
        const bool is_last = text[at + size] == '\0';

        words[count++] = text + at;
        text[at + size] = '\0';
        at += size + (is_last ? 0 : 1);
    }
    return service_command_parse(count, words, &command, error);
}

static void command__each_verb__is_known(void **state)
{
    static const struct {
        const char *word;
        enum service_verb verb;
    } verbs[] = {
        {"install", SERVICE_VERB_INSTALL}, {"uninstall", SERVICE_VERB_UNINSTALL},
        {"start", SERVICE_VERB_START},     {"stop", SERVICE_VERB_STOP},
        {"restart", SERVICE_VERB_RESTART}, {"status", SERVICE_VERB_STATUS},
        {"run", SERVICE_VERB_RUN},         {"reload", SERVICE_VERB_RELOAD},
        {"drain", SERVICE_VERB_DRAIN},     {"reopen-log", SERVICE_VERB_REOPEN_LOG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        assert_int_equal(parse(verbs[i].word), RESULT_OK);
        assert_int_equal(command.verb, verbs[i].verb);
        assert_string_equal(command.name, "gsrelay");
        assert_null(command.config_path);
        assert_string_equal(service_verb_name(command.verb), verbs[i].word);
        assert_non_null(strstr(service_command_help(), verbs[i].word));
    }
}

static void command__install_with_everything__holds_everything(void **state)
{
    (void)state;
    assert_int_equal(parse("--name eu install --display-name=EU --config C:\\a.ini --start delayed "
                           "--account LocalService --firewall"),
                     RESULT_OK);
    assert_int_equal(command.verb, SERVICE_VERB_INSTALL);
    assert_string_equal(command.name, "eu");
    assert_string_equal(command.display_name, "EU");
    assert_string_equal(command.config_path, "C:\\a.ini");
    assert_int_equal(command.start, SERVICE_START_DELAYED);
    assert_string_equal(command.account, "LocalService");
    assert_true(command.firewall);
}

static void command__install_with_nothing__asks_for_nothing(void **state)
{
    (void)state;
    assert_int_equal(parse("install"), RESULT_OK);
    assert_null(command.display_name);
    assert_null(command.account);
    assert_int_equal(command.start, SERVICE_START_UNSAID);
    assert_false(command.firewall);
    assert_int_equal(parse("install --start auto"), RESULT_OK);
    assert_int_equal(command.start, SERVICE_START_AUTO);
    assert_int_equal(parse("install --start=manual"), RESULT_OK);
    assert_int_equal(command.start, SERVICE_START_MANUAL);
}

static void command__help__wins_over_any_verb(void **state)
{
    (void)state;
    assert_int_equal(parse("--help"), RESULT_OK);
    assert_int_equal(command.verb, SERVICE_VERB_HELP);
    assert_int_equal(parse("install -h"), RESULT_OK);
    assert_int_equal(command.verb, SERVICE_VERB_HELP);
}

static void command__that_cannot_be__is_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *line;
        const char *sentence;
    } lines[] = {
        {"", "a verb is missing: install, uninstall,"},
        {"--name x", "a verb is missing"},
        {"instal", "\"instal\" is not known; did you mean install?"},
        {"reopen_log", "did you mean reopen-log?"},
        {"banana", "\"banana\" is not known; gsrelayd service --help"},
        {"start stop", "service start takes no \"stop\""},
        {"install --nam x", "\"--nam\" is not known; did you mean --name?"},
        {"install --banana", "\"--banana\" is not known; gsrelayd service --help"},
        {"install --name", "--name needs NAME after it"},
        {"install --name=", "--name needs NAME after it"},
        {"install --name a --name b", "--name may be given only once"},
        {"install --start auto --start auto", "--start may be given only once"},
        {"install --start never", "--start takes auto, delayed or manual, not \"never\""},
        {"install --start", "--start needs auto, delayed or manual after it"},
        {"install --firewall=yes", "\"--firewall=yes\" is not known"},
        {"--firewall start", "service start takes no --firewall; service install does"},
        {"status --config x", "service status takes no --config; service install does"},
        {"run --account x", "service run takes no --account; service install does"},
        {"start --name a/b", "holds /"},
        {"start --name logs", "cannot be a service's name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(parse(lines[i].line), RESULT_INVALID);
        if (strstr(error, lines[i].sentence) == NULL) {
            fail_msg("\"%s\" gave: %s", lines[i].line, error);
        }
    }
}

static void command__run__takes_a_name_and_a_file(void **state)
{
    (void)state;
    assert_int_equal(parse("run --name eu --config C:\\r.ini"), RESULT_OK);
    assert_string_equal(command.name, "eu");
    assert_string_equal(command.config_path, "C:\\r.ini");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command__each_verb__is_known),
        cmocka_unit_test(command__install_with_everything__holds_everything),
        cmocka_unit_test(command__install_with_nothing__asks_for_nothing),
        cmocka_unit_test(command__help__wins_over_any_verb),
        cmocka_unit_test(command__that_cannot_be__is_refused_with_a_sentence),
        cmocka_unit_test(command__run__takes_a_name_and_a_file),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
