/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_SERVICE_SERVICE_TASK_WINDOWS_H
#define GSRELAY_SERVICE_SERVICE_TASK_WINDOWS_H

#include "daemon/service/scm_windows.h"
#include "daemon/service/service_command.h"
#include "daemon/service/service_image.h"
#include "daemon/service/service_paths.h"

#include <stdio.h>

/* service_task_windows.h - one verb at work: what it knows about the service, and how it speaks.
 *
 * The files service_*_windows.c have a verb or a part of one each; they share this and nothing
 * else. Functions that return an int return an exit code, where they say no other.
 * Threads: the main thread. Memory: the caller's; handles are closed by service_task_run(). */

/* UTF-8 with its NUL: a domain and a name. */
#define SERVICE_ACCOUNT_SIZE 384

/* Room for what QueryServiceConfig gives: at most 8 KiB. */
#define SERVICE_QUERY_SIZE 8192

struct service_task {
    const struct scm_calls *scm;
    const struct service_command *command;
    FILE *out;
    FILE *err;
    wchar_t name[SERVICE_NAME_SIZE];
    struct service_paths paths;
    SC_HANDLE manager;
    SC_HANDLE service; /* NULL: there is none of that name. */
    /* Of the service that is there: */
    struct service_image image;
    char account[SERVICE_ACCOUNT_SIZE];
    DWORD start_type;
};

/* Does all that a command asks for. `out` and `err` are for the answers and for what went wrong. */
int service_task_run(const struct scm_calls *scm, const struct service_command *command, FILE *out,
                     FILE *err);

/* The verbs. The manager is not open yet. */
int service_install(struct service_task *task);
int service_uninstall(struct service_task *task);
int service_start(struct service_task *task);
int service_stop(struct service_task *task);
int service_restart(struct service_task *task);
int service_status(struct service_task *task);
int service_reload(struct service_task *task);
int service_drain(struct service_task *task);
int service_reopen_log(struct service_task *task);

/* Opens the manager and the service, and reads what it starts. RESULT_OK; RESULT_NOT_FOUND when
 * there is no such service, which is not yet said; RESULT_IN_USE when it is another program's and
 * RESULT_OS for the rest, which are. */
GSRELAY_CHECKED int service_task_open(struct service_task *task, DWORD manager_access,
                                      DWORD service_access);

/* The same for verbs that need a service. EXIT_CODE_OK, or what to end with; all is said. */
GSRELAY_CHECKED int service_task_need(struct service_task *task, DWORD service_access);

/* "gsrelayd: ...", each a line. */
void service_task_warn(const struct service_task *task, const char *format, ...)
    GSRELAY_PRINTF(2, 3);
int service_task_refuse(const struct service_task *task, int exit_code, const char *format, ...)
    GSRELAY_PRINTF(3, 4);

/* The sentence, the system's text for the error, its number, and what to do about it where that is
 * known. */
int service_task_fail(const struct service_task *task, DWORD error, const char *format, ...)
    GSRELAY_PRINTF(3, 4);
/* The same as a warning, for what the service can do without. */
void service_task_warn_error(const struct service_task *task, DWORD error, const char *format, ...)
    GSRELAY_PRINTF(3, 4);

/* The state now; a process that is gone although the manager believes it runs (Wine does not watch
 * it) reads as SERVICE_STOPPED with ERROR_PROCESS_ABORTED. Returns 0 or the system's error. */
DWORD service_task_state(const struct service_task *task, SERVICE_STATUS_PROCESS *out);

/* Stops what runs and waits until it is gone. EXIT_CODE_OK also when nothing ran; `was_running_out`
 * tells. */
int service_task_stop(struct service_task *task, bool *was_running_out);

/* How a service that is not running ended, in words, with what it left in state\last-end. */
void service_task_tell_end(const struct service_task *task, FILE *to,
                           const SERVICE_STATUS_PROCESS *status);

/* Reads the configuration at `path`, and says on `err` what is wrong with it. What it gives is
 * valid until the next call. NULL: it is no good. */
const struct relay_config *service_task_config(const struct service_task *task, const char *path);

#endif
