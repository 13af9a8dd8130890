/* SPDX-License-Identifier: MIT */
#include "daemon/service/service_command.h"

#include "daemon/exit_code.h"
#include "daemon/identity.h"
#include "daemon/os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Room for the longest name and ".service". */
#define UNIT_SIZE   128
#define ANSWER_SIZE 512

/* What the package calls the unit of the service with the usual name. */
#define USUAL_UNIT "gsrelayd.service"

/* What systemd says about a unit. */
struct unit {
    char name[UNIT_SIZE];
    bool is_known;
    pid_t main_pid; /* 0: none runs. */
};

/* The rules of systemd.unit(5), without those names that would read as an option. */
static int name_unit(const char *name, char out[UNIT_SIZE])
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
    const bool is_usual = strcmp(name, IDENTITY_SERVICE_NAME) == 0;
    const size_t size = strlen(name);
    const bool is_whole = size > 8 && strcmp(name + size - 8, ".service") == 0;

    if (name[0] == '-' || name[strspn(name, letters)] != '\0') {
        (void)fprintf(stderr, "gsrelayd: \"%s\" cannot be the name of a unit of systemd\n", name);
        return RESULT_INVALID;
    }
    (void)snprintf(out, UNIT_SIZE, "%s%s", is_usual ? USUAL_UNIT : name,
                   is_usual || is_whole ? "" : ".service");
    return RESULT_OK;
}

static void read_all(int from, char out[ANSWER_SIZE])
{
    size_t used = 0;
    ssize_t got;

    do {
        got = read(from, out + used, ANSWER_SIZE - 1 - used);
        used += got > 0 ? (size_t)got : 0;
    } while ((got > 0 && used < ANSWER_SIZE - 1) || (got < 0 && errno == EINTR));
    out[used] = '\0';
}

/* Runs systemctl, found in PATH, without a shell; what it says goes to `answer`, its errors to
 * ours. Returns its exit code, or -1 with a sentence said when it cannot be run. */
static int ask_systemctl(const char *unit, char answer[ANSWER_SIZE])
{
    char *words[] = {"systemctl", "show", "--property=LoadState,MainPID", "--", (char *)unit, NULL};
    posix_spawn_file_actions_t actions;
    char text[OS_ERROR_TEXT_SIZE];
    int ends[2];
    int status = -1;
    int error;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        (void)fprintf(stderr, "gsrelayd: no pipe to systemctl: %s\n", os_error_text(errno, text));
        return -1;
    }
    error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        if (error == 0) {
            error = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
        }
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    (void)close(ends[1]);
    if (error == 0) {
        read_all(ends[0], answer);
    }
    (void)close(ends[0]);
    if (error != 0) {
        (void)fprintf(stderr,
                      "gsrelayd: systemctl cannot be run (%s); without systemd send the signal "
                      "yourself: SIGHUP reloads, SIGQUIT drains, SIGUSR1 reopens the log\n",
                      os_error_text(error, text));
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* The value of "KEY=value" in lines of such. */
static const char *find_value(const char *answer, const char *key)
{
    const size_t size = strlen(key);

    while (strncmp(answer, key, size) != 0) {
        answer = strchr(answer, '\n');
        if (answer == NULL) {
            return "";
        }
        answer++;
    }
    return answer + size;
}

static int ask_unit(struct unit *unit)
{
    char answer[ANSWER_SIZE] = "";
    const int code = ask_systemctl(unit->name, answer);
    const char *pid_text;
    char *end;
    long pid;

    if (code != 0) {
        if (code > 0) {
            (void)fprintf(stderr, "gsrelayd: systemctl show %s failed with %d\n", unit->name, code);
        }
        return RESULT_OS;
    }
    unit->is_known = strncmp(find_value(answer, "LoadState="), "not-found", 9) != 0;
    pid_text = find_value(answer, "MainPID=");
    pid = strtol(pid_text, &end, 10);
    if (end == pid_text || (*end != '\n' && *end != '\0') || pid < 0 || pid > INT_MAX) {
        (void)fprintf(stderr, "gsrelayd: systemctl does not tell the main process of %s\n",
                      unit->name);
        return RESULT_OS;
    }
    unit->main_pid = (pid_t)pid;
    return RESULT_OK;
}

static int send_signal(const struct unit *unit, int number, const char *what)
{
    char text[OS_ERROR_TEXT_SIZE];

    if (!unit->is_known) {
        (void)fprintf(stderr, "gsrelayd: systemd knows no unit %s; --name names another\n",
                      unit->name);
        return EXIT_CODE_FAILURE;
    }
    if (unit->main_pid == 0) {
        (void)fprintf(stderr, "gsrelayd: %s is not running: systemctl start %s\n", unit->name,
                      unit->name);
        return EXIT_CODE_FAILURE;
    }
    if (kill(unit->main_pid, number) != 0) {
        const bool is_denied = errno == EPERM;

        (void)fprintf(stderr, "gsrelayd: process %ld of %s took no signal: %s%s\n",
                      (long)unit->main_pid, unit->name, os_error_text(errno, text),
                      is_denied ? "; run this as root" : "");
        return EXIT_CODE_FAILURE;
    }
    (void)printf("%s: %s; what came of it: journalctl -u %s\n", unit->name, what, unit->name);
    return fflush(stdout) == 0 ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static int ask_and_signal(struct unit *unit, int number, const char *what)
{
    return ask_unit(unit) == RESULT_OK ? send_signal(unit, number, what) : EXIT_CODE_FAILURE;
}

/* Systemd has one command for each of these that every administrator knows; a second one would
 * only be another place for mistakes. */
static int name_command(const char *command)
{
    (void)fprintf(stderr, "gsrelayd: on Linux systemd does this: %s\n", command);
    return EXIT_CODE_CONFIG;
}

static int name_systemctl(const char *verb, const struct unit *unit)
{
    char command[UNIT_SIZE + 32];

    (void)snprintf(command, sizeof(command), "systemctl %s %s", verb, unit->name);
    return name_command(command);
}

int service_command_act(const struct service_command *command)
{
    struct unit unit = {.main_pid = 0};

    if (name_unit(command->name, unit.name) != RESULT_OK) {
        return EXIT_CODE_CONFIG;
    }
    switch (command->verb) {
    case SERVICE_VERB_RELOAD:
        return ask_and_signal(&unit, SIGHUP, "asked to read its configuration again");
    case SERVICE_VERB_DRAIN:
        return ask_and_signal(&unit, SIGQUIT, "asked to drain");
    case SERVICE_VERB_REOPEN_LOG:
        return ask_and_signal(&unit, SIGUSR1, "asked to reopen its log");
    case SERVICE_VERB_INSTALL:
        return name_command("apt install ./gsrelayd_VERSION_amd64.deb");
    case SERVICE_VERB_UNINSTALL:
        return name_command("apt remove gsrelay");
    case SERVICE_VERB_START:
    case SERVICE_VERB_STOP:
    case SERVICE_VERB_RESTART:
    case SERVICE_VERB_STATUS:
        return name_systemctl(service_verb_name(command->verb), &unit);
    case SERVICE_VERB_HELP:
    case SERVICE_VERB_RUN:
        break;
    }
    return EXIT_CODE_CONFIG;
}
