/* SPDX-License-Identifier: MIT */
#include "daemon/options.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char HELP[] =
    "gsrelayd relays game state between the members of a room over UDP.\n"
    "\n"
    "usage: gsrelayd [options]      runs in the foreground; Ctrl+C or SIGTERM stops it in order\n"
    "       gsrelayd service VERB   as a service of the system; gsrelayd service --help\n"
    "\n"
    "  --config FILE            read this file (also GSRELAY_CONFIG); without it: relay.ini "
    "beside\n"
    "                           the program on Windows, then gsrelay\\relay.ini in ProgramData or\n"
    "                           /etc/gsrelay/relay.ini; else the built-in defaults\n"
    "  --set SECTION.KEY=VALUE  one setting, over the file and the environment; may be repeated\n"
    "  -t, --check-config       check everything, list every mistake, and exit\n"
    "  --dump-config            print the settings in force and where each came from\n"
    "  --dump-defaults          print a commented relay.ini with the defaults\n"
    "  --genkey                 print a fresh line for auth.secret_file\n"
    "  --version                print the version\n"
    "  --help                   print this\n"
    "\n"
    "When it is ready it prints one line on standard output that begins with \"gsrelayd ready\".\n"
    "Logs go to standard error.\n"
    "\n"
    "exit codes: 0 stopped in order; 1 failed while running; 2 command line or configuration;\n"
    "            3 an address or port could not be opened; 4 out of memory, handles or threads\n";

struct option {
    const char *name;
    const char *value_name; /* NULL: takes none. */
    enum options_action action;
};

static const struct option OPTIONS[] = {
    {"--config", "FILE", OPTIONS_RUN},
    {"--set", "SECTION.KEY=VALUE", OPTIONS_RUN},
    {"--check-config", NULL, OPTIONS_CHECK_CONFIG},
    {"-t", NULL, OPTIONS_CHECK_CONFIG},
    {"--dump-config", NULL, OPTIONS_DUMP_CONFIG},
    {"--dump-defaults", NULL, OPTIONS_DUMP_DEFAULTS},
    {"--genkey", NULL, OPTIONS_GENKEY},
    {"--version", NULL, OPTIONS_VERSION},
    {"--help", NULL, OPTIONS_HELP},
    {"-h", NULL, OPTIONS_HELP},
};

const char *options_help(void)
{
    return HELP;
}

/* The option that `argument` names, as "--name" or "--name=value". */
static const struct option *find_option(const char *argument, const char **value_out)
{
    for (size_t i = 0; i < sizeof(OPTIONS) / sizeof(OPTIONS[0]); i++) {
        const size_t size = strlen(OPTIONS[i].name);

        if (strncmp(argument, OPTIONS[i].name, size) != 0) {
            continue;
        }
        if (argument[size] == '\0') {
            *value_out = NULL;
            return &OPTIONS[i];
        }
        if (argument[size] == '=' && OPTIONS[i].value_name != NULL) {
            *value_out = argument + size + 1;
            return &OPTIONS[i];
        }
    }
    return NULL;
}

static int take_value(struct options *options, const struct option *option, const char *value,
                      char error[OPTIONS_ERROR_SIZE])
{
    if (strcmp(option->name, "--config") == 0) {
        if (options->config_path != NULL) {
            (void)snprintf(error, OPTIONS_ERROR_SIZE, "--config may be given only once");
            return RESULT_INVALID;
        }
        options->config_path = value;
        return RESULT_OK;
    }
    if (options->setting_count == OPTIONS_SETTINGS_MAX) {
        (void)snprintf(error, OPTIONS_ERROR_SIZE, "more than %d --set; write a file instead",
                       OPTIONS_SETTINGS_MAX);
        return RESULT_INVALID;
    }
    options->settings[options->setting_count++] = value;
    return RESULT_OK;
}

static int take_action(struct options *options, const struct option *option,
                       char error[OPTIONS_ERROR_SIZE])
{
    if (options->action != OPTIONS_RUN && options->action != option->action) {
        (void)snprintf(error, OPTIONS_ERROR_SIZE,
                       "%s does not go together with another action; give one at a time",
                       option->name);
        return RESULT_INVALID;
    }
    options->action = option->action;
    return RESULT_OK;
}

int options_parse(int argc, char *const argv[], struct options *out, char error[OPTIONS_ERROR_SIZE])
{
    struct options options = {.action = OPTIONS_RUN};

    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        const struct option *option = find_option(argv[i], &value);
        int result;

        if (option == NULL) {
            (void)snprintf(error, OPTIONS_ERROR_SIZE,
                           "unknown argument \"%.64s\"; gsrelayd --help lists the known ones",
                           argv[i]);
            return RESULT_INVALID;
        }
        if (option->value_name == NULL) {
            result = take_action(&options, option, error);
        } else {
            if (value == NULL && i + 1 < argc) {
                value = argv[++i];
            }
            if (value == NULL || value[0] == '\0') {
                (void)snprintf(error, OPTIONS_ERROR_SIZE, "%s needs %s after it", option->name,
                               option->value_name);
                return RESULT_INVALID;
            }
            result = take_value(&options, option, value, error);
        }
        if (result != RESULT_OK) {
            return result;
        }
    }
    *out = options;
    return RESULT_OK;
}
