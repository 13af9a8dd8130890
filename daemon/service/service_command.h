/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_SERVICE_SERVICE_COMMAND_H
#define GSRELAY_SERVICE_SERVICE_COMMAND_H

#include "proto/result.h"

#include <stdbool.h>

/* service_command.h - "gsrelayd service VERB [options]": the words taken apart, and who does what
 * they ask for.
 *
 * service_command_parse() knows the words on both systems. service_command_act() is one file for
 * each system: Windows asks the service manager, Linux signals the unit's main process and says
 * which command of systemd does the rest.
 * Threads: the main thread. Memory: a command points into argv. */

enum service_verb {
    SERVICE_VERB_HELP, /* No verb, but --help. */
    SERVICE_VERB_INSTALL,
    SERVICE_VERB_UNINSTALL,
    SERVICE_VERB_START,
    SERVICE_VERB_STOP,
    SERVICE_VERB_RESTART,
    SERVICE_VERB_STATUS,
    SERVICE_VERB_RUN,
    SERVICE_VERB_RELOAD,
    SERVICE_VERB_DRAIN,
    SERVICE_VERB_REOPEN_LOG
};

enum service_start {
    SERVICE_START_UNSAID, /* What a service that exists has; delayed for a new one. */
    SERVICE_START_AUTO,
    SERVICE_START_DELAYED,
    SERVICE_START_MANUAL
};

/* A text is NULL where its option was not given, but for the name. */
struct service_command {
    enum service_verb verb;
    const char *name;
    const char *display_name;
    const char *config_path;
    const char *account;
    enum service_start start;
    bool firewall;
};

#define SERVICE_COMMAND_ERROR_SIZE 320

/* How `service status` ends, like the init scripts of the Linux Standard Base; the other verbs end
 * with the codes of exit_code.h. */
enum service_status_code {
    SERVICE_STATUS_RUNNING = 0,
    SERVICE_STATUS_STOPPED = 3,
    SERVICE_STATUS_NOT_INSTALLED = 4
};

/* Reads what follows the word "service". Returns RESULT_OK, or RESULT_INVALID with a sentence. */
GSRELAY_CHECKED int service_command_parse(int argc, char *const argv[], struct service_command *out,
                                          char error[SERVICE_COMMAND_ERROR_SIZE]);

/* The word of a verb. */
const char *service_verb_name(enum service_verb verb);

/* What `gsrelayd service --help` prints. */
const char *service_command_help(void);

/* Does what the command asks for and returns the exit code. Answers go to standard output, errors
 * and warnings to standard error. Not for SERVICE_VERB_HELP and SERVICE_VERB_RUN. */
int service_command_act(const struct service_command *command);

/* The whole of it: parses, acts, prints what is wrong. `argv` begins behind the word "service". */
int service_command_run(int argc, char *const argv[]);

#endif
