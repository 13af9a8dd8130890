/* SPDX-License-Identifier: MIT */
#include "daemon/service/service_command.h"

#include "config/config_text.h"
#include "daemon/exit_code.h"
#include "daemon/identity.h"
#include "daemon/service/service.h"
#include "daemon/service/service_paths.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char HELP[] =
    "usage: gsrelayd service VERB [options]\n"
    "\n"
    "  install       make the Windows service, or change one that is there: only what is asked "
    "for\n"
    "  uninstall     stop it and remove it; relay.ini, secrets and logs stay\n"
    "  start, stop, restart\n"
    "  status        its state, settings and last failure\n"
    "  reload        read relay.ini again\n"
    "  drain         no new rooms, no newcomers; stops when the last room is gone\n"
    "  reopen-log    close the log file and open it anew\n"
    "  run           what the service manager starts; of no use by hand\n"
    "\n"
    "  --name NAME            which service (default: " IDENTITY_SERVICE_NAME ")\n"
    "  --display-name TEXT    install: the name in lists\n"
    "  --config FILE          install, run: its relay.ini; without it install makes one in\n"
    "                         ProgramData if there is none\n"
    "  --start auto|delayed|manual\n"
    "                         install: when it starts (a new service: delayed)\n"
    "  --account ACCOUNT      install: virtual (NT SERVICE\\NAME, that of a new service),\n"
    "                         LocalService, NetworkService, LocalSystem, or a group-managed\n"
    "                         account as DOMAIN\\NAME$\n"
    "  --firewall             install: let players in through the Windows firewall\n"
    "\n"
    "On Linux the service is a unit of systemd: reload, drain and reopen-log signal its main\n"
    "process; the other verbs name the command of systemctl that does it.\n"
    "\n"
    "exit codes: 0 done; 1 the system refused; 2 command line or configuration; start and "
    "restart:\n"
    "            what the relay ended with. status: 0 running, 3 stopped, 4 not installed\n";

static const struct {
    const char *name;
    enum service_verb verb;
} VERBS[] = {
    {"install", SERVICE_VERB_INSTALL}, {"uninstall", SERVICE_VERB_UNINSTALL},
    {"start", SERVICE_VERB_START},     {"stop", SERVICE_VERB_STOP},
    {"restart", SERVICE_VERB_RESTART}, {"status", SERVICE_VERB_STATUS},
    {"run", SERVICE_VERB_RUN},         {"reload", SERVICE_VERB_RELOAD},
    {"drain", SERVICE_VERB_DRAIN},     {"reopen-log", SERVICE_VERB_REOPEN_LOG},
};

enum option {
    OPTION_NAME,
    OPTION_DISPLAY_NAME,
    OPTION_CONFIG,
    OPTION_START,
    OPTION_ACCOUNT,
    OPTION_FIREWALL,
    OPTION_HELP
};

static const struct option_row {
    const char *name;
    const char *value_name; /* NULL: takes none. */
    enum option option;
    bool with_run;   /* install takes all of them. */
    bool with_every; /* verb. */
} OPTIONS[] = {
    {"--name", "NAME", OPTION_NAME, true, true},
    {"--display-name", "TEXT", OPTION_DISPLAY_NAME, false, false},
    {"--config", "FILE", OPTION_CONFIG, true, false},
    {"--start", "auto, delayed or manual", OPTION_START, false, false},
    {"--account", "ACCOUNT", OPTION_ACCOUNT, false, false},
    {"--firewall", NULL, OPTION_FIREWALL, false, false},
    {"--help", NULL, OPTION_HELP, true, true},
    {"-h", NULL, OPTION_HELP, true, true},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *service_command_help(void)
{
    return HELP;
}

const char *service_verb_name(enum service_verb verb)
{
    for (size_t i = 0; i < COUNT(VERBS); i++) {
        if (VERBS[i].verb == verb) {
            return VERBS[i].name;
        }
    }
    return "--help";
}

/* The one of `names` (each `stride` bytes behind the other) that was probably meant; NULL: none. */
static const char *nearest(const char *written, const char *const *names, size_t count,
                           size_t stride)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;

    for (size_t i = 0; i < count; i++) {
        const char *name = *(const char *const *)((const char *)names + i * stride);
        size_t distance;

        if (config_is_close(written, name, &distance) && distance < best_distance) {
            best = name;
            best_distance = distance;
        }
    }
    return best;
}

static int unknown(const char *what, const char *written, const char *meant,
                   char error[SERVICE_COMMAND_ERROR_SIZE])
{
    char shown[100];

    (void)config_escape(written, shown, sizeof(shown));
    if (meant != NULL) {
        (void)snprintf(error, SERVICE_COMMAND_ERROR_SIZE,
                       "%s \"%s\" is not known; did you mean %s?", what, shown, meant);
    } else {
        (void)snprintf(error, SERVICE_COMMAND_ERROR_SIZE,
                       "%s \"%s\" is not known; gsrelayd service --help lists what is", what,
                       shown);
    }
    return RESULT_INVALID;
}

static int take_verb(const char *word, struct service_command *command,
                     char error[SERVICE_COMMAND_ERROR_SIZE])
{
    if (command->verb != SERVICE_VERB_HELP) {
        (void)snprintf(error, SERVICE_COMMAND_ERROR_SIZE, "service %s takes no \"%.64s\"",
                       service_verb_name(command->verb), word);
        return RESULT_INVALID;
    }
    for (size_t i = 0; i < COUNT(VERBS); i++) {
        if (strcmp(word, VERBS[i].name) == 0) {
            command->verb = VERBS[i].verb;
            return RESULT_OK;
        }
    }
    return unknown("the verb", word, nearest(word, &VERBS[0].name, COUNT(VERBS), sizeof(VERBS[0])),
                   error);
}

static int take_start(const char *value, struct service_command *command,
                      char error[SERVICE_COMMAND_ERROR_SIZE])
{
    static const char *const words[] = {"auto", "delayed", "manual"};

    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcmp(value, words[i]) == 0) {
            command->start = (enum service_start)(SERVICE_START_AUTO + (int)i);
            return RESULT_OK;
        }
    }
    (void)snprintf(error, SERVICE_COMMAND_ERROR_SIZE,
                   "--start takes auto, delayed or manual, not \"%.64s\"", value);
    return RESULT_INVALID;
}

static int take_text(const char *option, const char *value, const char **target,
                     char error[SERVICE_COMMAND_ERROR_SIZE])
{
    if (*target != NULL) {
        (void)snprintf(error, SERVICE_COMMAND_ERROR_SIZE, "%s may be given only once", option);
        return RESULT_INVALID;
    }
    *target = value;
    return RESULT_OK;
}

static int take_option(const struct option_row *row, const char *value,
                       struct service_command *command, char error[SERVICE_COMMAND_ERROR_SIZE])
{
    switch (row->option) {
    case OPTION_NAME:
        return take_text(row->name, value, &command->name, error);
    case OPTION_DISPLAY_NAME:
        return take_text(row->name, value, &command->display_name, error);
    case OPTION_CONFIG:
        return take_text(row->name, value, &command->config_path, error);
    case OPTION_ACCOUNT:
        return take_text(row->name, value, &command->account, error);
    case OPTION_START:
        if (command->start != SERVICE_START_UNSAID) {
            (void)snprintf(error, SERVICE_COMMAND_ERROR_SIZE, "--start may be given only once");
            return RESULT_INVALID;
        }
        return take_start(value, command, error);
    case OPTION_FIREWALL:
        command->firewall = true;
        break;
    case OPTION_HELP:
        break;
    }
    return RESULT_OK;
}

/* The option that `argument` names, as "--name" or "--name=value". */
static const struct option_row *find_option(const char *argument, const char **value_out)
{
    for (size_t i = 0; i < COUNT(OPTIONS); i++) {
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

/* Refuses what does not go with the verb; the verb may stand behind the option. */
static int check_options(const bool given[], const struct service_command *command,
                         char error[SERVICE_COMMAND_ERROR_SIZE])
{
    for (size_t i = 0; i < COUNT(OPTIONS); i++) {
        const bool fits = OPTIONS[i].with_every || command->verb == SERVICE_VERB_INSTALL ||
                          (command->verb == SERVICE_VERB_RUN && OPTIONS[i].with_run);

        if (given[i] && !fits) {
            (void)snprintf(error, SERVICE_COMMAND_ERROR_SIZE,
                           "service %s takes no %s; service install does",
                           service_verb_name(command->verb), OPTIONS[i].name);
            return RESULT_INVALID;
        }
    }
    return RESULT_OK;
}

static int take_words(int argc, char *const argv[], struct service_command *command,
                      bool given[COUNT(OPTIONS)], char error[SERVICE_COMMAND_ERROR_SIZE])
{
    for (int i = 0; i < argc; i++) {
        const char *value = NULL;
        const struct option_row *row;
        int result;

        if (argv[i][0] != '-') {
            result = take_verb(argv[i], command, error);
            if (result != RESULT_OK) {
                return result;
            }
            continue;
        }
        row = find_option(argv[i], &value);
        if (row == NULL) {
            return unknown("the option", argv[i],
                           nearest(argv[i], &OPTIONS[0].name, COUNT(OPTIONS), sizeof(OPTIONS[0])),
                           error);
        }
        if (row->value_name != NULL && value == NULL && i + 1 < argc) {
            value = argv[++i];
        }
        if (row->value_name != NULL && (value == NULL || value[0] == '\0')) {
            (void)snprintf(error, SERVICE_COMMAND_ERROR_SIZE, "%s needs %s after it", row->name,
                           row->value_name);
            return RESULT_INVALID;
        }
        result = take_option(row, value, command, error);
        if (result != RESULT_OK) {
            return result;
        }
        given[row - OPTIONS] = true;
    }
    return RESULT_OK;
}

int service_command_parse(int argc, char *const argv[], struct service_command *out,
                          char error[SERVICE_COMMAND_ERROR_SIZE])
{
    struct service_command command = {.verb = SERVICE_VERB_HELP};
    bool given[COUNT(OPTIONS)] = {false};
    int result = take_words(argc, argv, &command, given, error);

    if (result != RESULT_OK) {
        return result;
    }
    if (given[OPTION_HELP] || given[OPTION_HELP + 1]) {
        command.verb = SERVICE_VERB_HELP;
    } else if (command.verb == SERVICE_VERB_HELP) {
        (void)snprintf(error, SERVICE_COMMAND_ERROR_SIZE,
                       "a verb is missing: install, uninstall, start, stop, restart, status, "
                       "reload, drain, reopen-log or run");
        return RESULT_INVALID;
    } else {
        result = check_options(given, &command, error);
    }
    if (command.name == NULL) {
        command.name = IDENTITY_SERVICE_NAME;
    }
    if (result == RESULT_OK) {
        result = service_name_check(command.name, error);
    }
    if (result == RESULT_OK) {
        *out = command;
    }
    return result;
}

static int answer_help(void)
{
    return fputs(HELP, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

int service_command_run(int argc, char *const argv[])
{
    char error[SERVICE_COMMAND_ERROR_SIZE];
    struct service_command command;

    if (service_command_parse(argc, argv, &command, error) != RESULT_OK) {
        (void)fprintf(stderr, "gsrelayd: %s\n", error);
        return EXIT_CODE_CONFIG;
    }
    if (command.verb == SERVICE_VERB_HELP) {
        return answer_help();
    }
    if (command.verb == SERVICE_VERB_RUN) {
        static struct options options;

        options.config_path = command.config_path;
        return (int)service_run_managed(command.name, &options);
    }
    return service_command_act(&command);
}
