/* SPDX-License-Identifier: MIT */
#include "daemon/service/service_task_windows.h"

#include "daemon/exit_code.h"
#include "daemon/identity.h"

#include <string.h>

#define POLL_MS 100

/* A service that neither moves on nor answers for this long hangs, whatever it hinted at less. */
#define PATIENCE_MS 30000

/* How long a process may take to end once the service has. */
#define GONE_MS 10000

/* Controls of our own; docs/OPERATIONS.md. */
#define CONTROL_REOPEN_LOG 128
#define CONTROL_DRAIN      129

static const char *state_name(DWORD state)
{
    static const char *const names[] = {"unknown", "stopped",  "starting", "stopping",
                                        "running", "resuming", "pausing",  "paused"};

    return state < sizeof(names) / sizeof(names[0]) ? names[state] : names[0];
}

/* Waits until the service leaves `leaving`, as long as it shows by its checkpoints that it goes on.
 * Returns 0 or an error: ERROR_SERVICE_REQUEST_TIMEOUT when it hangs. */
static DWORD wait_while(const struct service_task *task, DWORD leaving, SERVICE_STATUS_PROCESS *out)
{
    uint64_t end_ms = 0;
    DWORD checkpoint = 0;

    for (;;) {
        const DWORD error = service_task_state(task, out);
        const uint64_t now_ms = task->scm->now_ms();

        if (error != ERROR_SUCCESS || out->dwCurrentState != leaving) {
            return error;
        }
        if (end_ms == 0 || out->dwCheckPoint != checkpoint) {
            checkpoint = out->dwCheckPoint;
            end_ms = now_ms + (out->dwWaitHint > PATIENCE_MS ? out->dwWaitHint : PATIENCE_MS);
        } else if (now_ms >= end_ms) {
            return ERROR_SERVICE_REQUEST_TIMEOUT;
        }
        task->scm->sleep_ms(POLL_MS);
    }
}

/* Asks for the stop. A service that starts takes no control before it says so. */
static DWORD ask_to_stop(const struct service_task *task, SERVICE_STATUS_PROCESS *status)
{
    SERVICE_STATUS answer;
    DWORD error = ERROR_SUCCESS;

    if (status->dwCurrentState == SERVICE_START_PENDING &&
        (status->dwControlsAccepted & SERVICE_ACCEPT_STOP) == 0) {
        error = wait_while(task, SERVICE_START_PENDING, status);
    }
    if (error == ERROR_SUCCESS && status->dwCurrentState != SERVICE_STOPPED &&
        status->dwCurrentState != SERVICE_STOP_PENDING &&
        !task->scm->control(task->service, SERVICE_CONTROL_STOP, &answer)) {
        error = GetLastError();
        if (error == ERROR_SERVICE_NOT_ACTIVE || error == ERROR_SERVICE_CANNOT_ACCEPT_CTRL) {
            error = ERROR_SUCCESS; /* It is stopping by itself. */
        }
    }
    return error;
}

/* The last that a service says is that it has stopped; until its process is gone as well, its
 * program cannot be replaced. */
static void wait_process_gone(const struct service_task *task, DWORD process_id)
{
    const uint64_t end_ms = task->scm->now_ms() + GONE_MS;

    while (task->scm->is_alive(process_id) && task->scm->now_ms() < end_ms) {
        task->scm->sleep_ms(POLL_MS);
    }
}

static int stop_and_wait(const struct service_task *task, SERVICE_STATUS_PROCESS *status)
{
    const char *name = task->command->name;
    const DWORD process_id = status->dwProcessId;
    DWORD error = ask_to_stop(task, status);

    /* Until the control has come through, the state may still be the old one. */
    if (error == ERROR_SUCCESS && status->dwCurrentState != SERVICE_STOPPED &&
        status->dwCurrentState != SERVICE_STOP_PENDING) {
        error = wait_while(task, status->dwCurrentState, status);
    }
    if (error == ERROR_SUCCESS) {
        error = wait_while(task, SERVICE_STOP_PENDING, status);
    }
    if (error != ERROR_SUCCESS) {
        return service_task_fail(task, error, "the service %s does not stop", name);
    }
    if (status->dwCurrentState != SERVICE_STOPPED) {
        return service_task_refuse(task, EXIT_CODE_FAILURE,
                                   "the service %s was told to stop and is %s", name,
                                   state_name(status->dwCurrentState));
    }
    if (process_id != 0) {
        wait_process_gone(task, process_id);
    }
    return EXIT_CODE_OK;
}

int service_task_stop(struct service_task *task, bool *was_running_out)
{
    SERVICE_STATUS_PROCESS status;
    const DWORD error = service_task_state(task, &status);

    if (error != ERROR_SUCCESS) {
        return service_task_fail(task, error, "the state of the service %s is not told",
                                 task->command->name);
    }
    *was_running_out = status.dwCurrentState != SERVICE_STOPPED;
    return *was_running_out ? stop_and_wait(task, &status) : EXIT_CODE_OK;
}

/* The codes of a relay that could not start; anything else is none of ours. */
static int code_of(const SERVICE_STATUS_PROCESS *status)
{
    const DWORD code = status->dwServiceSpecificExitCode;

    return status->dwWin32ExitCode == ERROR_SERVICE_SPECIFIC_ERROR && code > EXIT_CODE_OK &&
                   code <= EXIT_CODE_RESOURCES
               ? (int)code
               : EXIT_CODE_FAILURE;
}

static int refuse_start(const struct service_task *task, DWORD error)
{
    if (error == ERROR_ACCESS_DENIED) {
        /* We hold the right to start it, so it is the account that is refused. */
        return service_task_refuse(task, EXIT_CODE_FAILURE,
                                   "the account %s may not run %s: Access is denied (5); move the "
                                   "program to a folder that every account may read, as Program "
                                   "Files, and install it from there",
                                   task->account, task->image.program);
    }
    if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND) {
        return service_task_refuse(task, EXIT_CODE_FAILURE,
                                   "%s is not there (%lu); if the program has moved: gsrelayd "
                                   "service install, from where it is now",
                                   task->image.program, error);
    }
    return service_task_fail(task, error, "the service %s cannot be started", task->command->name);
}

static int wait_started(const struct service_task *task)
{
    const char *name = task->command->name;
    SERVICE_STATUS_PROCESS status;
    const DWORD error = wait_while(task, SERVICE_START_PENDING, &status);

    if (error != ERROR_SUCCESS) {
        return service_task_fail(task, error, "the service %s hangs in its start", name);
    }
    if (status.dwCurrentState == SERVICE_STOPPED) {
        (void)service_task_refuse(task, 0, "the service %s started and stopped again", name);
        service_task_tell_end(task, task->err, &status);
        return code_of(&status);
    }
    (void)fprintf(task->out, "%s: %s, process %lu\n", name, state_name(status.dwCurrentState),
                  status.dwProcessId);
    return EXIT_CODE_OK;
}

static int start_and_wait(const struct service_task *task)
{
    SERVICE_STATUS_PROCESS status;
    DWORD error = service_task_state(task, &status);

    if (error != ERROR_SUCCESS) {
        return service_task_fail(task, error, "the state of the service %s is not told",
                                 task->command->name);
    }
    if (status.dwCurrentState == SERVICE_RUNNING) {
        (void)fprintf(task->out, "%s: runs already, process %lu\n", task->command->name,
                      status.dwProcessId);
        return EXIT_CODE_OK;
    }
    error = wait_while(task, SERVICE_STOP_PENDING, &status);
    if (error == ERROR_SUCCESS && !task->scm->start(task->service, 0, NULL)) {
        error = GetLastError();
        if (error == ERROR_SERVICE_ALREADY_RUNNING) {
            error = ERROR_SUCCESS; /* Somebody else was faster. */
        }
    }
    return error == ERROR_SUCCESS ? wait_started(task) : refuse_start(task, error);
}

int service_start(struct service_task *task)
{
    const int code = service_task_need(task, SERVICE_START);

    return code == EXIT_CODE_OK ? start_and_wait(task) : code;
}

int service_stop(struct service_task *task)
{
    bool was_running;
    int code = service_task_need(task, SERVICE_STOP);

    if (code == EXIT_CODE_OK) {
        code = service_task_stop(task, &was_running);
    }
    if (code == EXIT_CODE_OK) {
        (void)fprintf(task->out, "%s: %s\n", task->command->name,
                      was_running ? "stopped" : "was not running");
    }
    return code;
}

/* Whether the file of the service is good, as far as we may read it; its mistakes are said. */
static bool is_config_good(const struct service_task *task)
{
    return task->image.config[0] == '\0' || service_task_config(task, task->image.config) != NULL;
}

int service_restart(struct service_task *task)
{
    bool was_running;
    int code = service_task_need(task, SERVICE_STOP | SERVICE_START);

    /* Before the stop: a relay that runs is worth more than one that cannot start. */
    if (code == EXIT_CODE_OK && !is_config_good(task)) {
        return service_task_refuse(task, EXIT_CODE_CONFIG,
                                   "nothing was restarted; the service %s is as it was",
                                   task->command->name);
    }
    if (code == EXIT_CODE_OK) {
        code = service_task_stop(task, &was_running);
    }
    return code == EXIT_CODE_OK ? start_and_wait(task) : code;
}

/* Sends a control to a service that runs. */
static int send(const struct service_task *task, DWORD control, const char *what)
{
    const char *name = task->command->name;
    SERVICE_STATUS_PROCESS status;
    SERVICE_STATUS answer;
    DWORD error = service_task_state(task, &status);

    if (error == ERROR_SUCCESS && status.dwCurrentState != SERVICE_STOPPED &&
        !task->scm->control(task->service, control, &answer)) {
        error = GetLastError();
    }
    if (error == ERROR_SERVICE_NOT_ACTIVE ||
        (error == ERROR_SUCCESS && status.dwCurrentState == SERVICE_STOPPED)) {
        return service_task_refuse(task, EXIT_CODE_FAILURE, "the service %s is not running", name);
    }
    if (error == ERROR_SERVICE_CANNOT_ACCEPT_CTRL || error == ERROR_INVALID_SERVICE_CONTROL) {
        return service_task_refuse(task, EXIT_CODE_FAILURE,
                                   "the service %s is %s and takes no requests now; try again "
                                   "(%lu)",
                                   name, state_name(status.dwCurrentState), error);
    }
    if (error != ERROR_SUCCESS) {
        return service_task_fail(task, error, "the service %s takes no request", name);
    }
    (void)fprintf(task->out, "%s: %s\n", name, what);
    return EXIT_CODE_OK;
}

int service_reload(struct service_task *task)
{
    int code = service_task_need(task, SERVICE_PAUSE_CONTINUE);

    if (code != EXIT_CODE_OK) {
        return code;
    }
    /* The service looks for itself and would refuse it too, but only the log would say so. It is
     * not asked, so its log has no line of what did not come to it. */
    if (!is_config_good(task)) {
        return service_task_refuse(task, EXIT_CODE_CONFIG,
                                   "nothing was reloaded; the service %s goes on as it was",
                                   task->command->name);
    }
    return send(task, SERVICE_CONTROL_PARAMCHANGE,
                "asked to read its configuration again; the log names what needs a restart");
}

int service_drain(struct service_task *task)
{
    const int code = service_task_need(task, SERVICE_USER_DEFINED_CONTROL);

    return code == EXIT_CODE_OK
               ? send(task, CONTROL_DRAIN, "asked to drain; it stops when the last room is gone")
               : code;
}

int service_reopen_log(struct service_task *task)
{
    const int code = service_task_need(task, SERVICE_USER_DEFINED_CONTROL);

    return code == EXIT_CODE_OK ? send(task, CONTROL_REOPEN_LOG, "asked to reopen its log") : code;
}
