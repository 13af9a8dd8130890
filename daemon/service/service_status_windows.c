/* SPDX-License-Identifier: MIT */
#include "daemon/service/service_task_windows.h"

#include "daemon/exit_code.h"
#include "daemon/service/last_end.h"

#include <errno.h>
#include <string.h>

static const char *exit_code_words(DWORD code)
{
    switch (code) {
    case EXIT_CODE_FAILURE:
        return "something broke while it ran";
    case EXIT_CODE_CONFIG:
        return "the configuration is wrong";
    case EXIT_CODE_ADDRESS:
        return "an address or port could not be opened";
    case EXIT_CODE_RESOURCES:
        return "memory, handles or threads were not to be had";
    default:
        return "no exit code of gsrelayd";
    }
}

/* What the service left about its last end, line by line. */
static void print_last_end(const struct service_task *task, FILE *to)
{
    static char text[LAST_END_SIZE];
    FILE *file = os_file_open_read(task->paths.last_end);
    size_t size;

    if (file == NULL) {
        if (errno == EACCES) {
            (void)fprintf(to, "  %s says more, to an administrator\n", task->paths.last_end);
        }
        return;
    }
    size = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[size] = '\0';
    for (const char *line = text; *line != '\0';) {
        const size_t length = strcspn(line, "\r\n");

        if (length > 0) {
            (void)fprintf(to, "    %.*s\n", (int)length, line);
        }
        line += length + strspn(line + length, "\r\n");
    }
}

void service_task_tell_end(const struct service_task *task, FILE *to,
                           const SERVICE_STATUS_PROCESS *status)
{
    char text[OS_ERROR_TEXT_SIZE];
    const DWORD error = status->dwWin32ExitCode;
    const DWORD code = status->dwServiceSpecificExitCode;

    if (error == ERROR_SERVICE_NEVER_STARTED) {
        (void)fputs("  last end   it has not been started since Windows was\n", to);
        return;
    }
    if (error == NO_ERROR) {
        (void)fputs("  last end   in order\n", to);
        return;
    }
    if (error == ERROR_SERVICE_SPECIFIC_ERROR) {
        (void)fprintf(to, "  last end   exit code %lu: %s (%lu)\n", code, exit_code_words(code),
                      error);
    } else if (error == ERROR_PROCESS_ABORTED) {
        (void)fprintf(to, "  last end   its process ended without a word (%lu)\n", error);
    } else {
        (void)fprintf(to, "  last end   %s (%lu)\n", os_error_text((int)error, text), error);
    }
    print_last_end(task, to);
}

static const char *state_words(DWORD state)
{
    switch (state) {
    case SERVICE_RUNNING:
        return "running";
    case SERVICE_STOPPED:
        return "stopped";
    case SERVICE_START_PENDING:
        return "starting";
    case SERVICE_STOP_PENDING:
        return "stopping";
    default:
        return "in a state that it should not be in";
    }
}

static const char *start_words(const struct service_task *task)
{
    SERVICE_DELAYED_AUTO_START_INFO delay = {.fDelayedAutostart = FALSE};
    DWORD needed;

    switch (task->start_type) {
    case SERVICE_AUTO_START:
        (void)task->scm->query_more(task->service, SERVICE_CONFIG_DELAYED_AUTO_START_INFO,
                                    (LPBYTE)&delay, sizeof(delay), &needed);
        return delay.fDelayedAutostart ? "with Windows, delayed" : "with Windows";
    case SERVICE_DEMAND_START:
        return "by hand";
    case SERVICE_DISABLED:
        return "never: it is disabled";
    default:
        return "unknown";
    }
}

static void print_process(const struct service_task *task, const SERVICE_STATUS_PROCESS *status)
{
    uint64_t seconds;

    (void)fprintf(task->out, "  process    %lu", status->dwProcessId);
    if (task->scm->uptime(status->dwProcessId, &seconds)) {
        (void)fprintf(task->out, ", for %llu d %02llu:%02llu:%02llu",
                      (unsigned long long)(seconds / 86400),
                      (unsigned long long)(seconds / 3600 % 24),
                      (unsigned long long)(seconds / 60 % 60), (unsigned long long)(seconds % 60));
    }
    (void)fputc('\n', task->out);
}

static void print_settings(const struct service_task *task)
{
    (void)fprintf(task->out, "  starts     %s\n  account    %s\n  program    %s\n  config     %s\n",
                  start_words(task), task->account, task->image.program,
                  task->image.config[0] != '\0' ? task->image.config : "not named");
}

int service_status(struct service_task *task)
{
    SERVICE_STATUS_PROCESS status;
    const int result = service_task_open(task, SC_MANAGER_CONNECT, 0);
    DWORD error;

    if (result == RESULT_NOT_FOUND) {
        (void)fprintf(task->out, "%s: not installed\n", task->command->name);
        return SERVICE_STATUS_NOT_INSTALLED;
    }
    if (result != RESULT_OK) {
        return EXIT_CODE_FAILURE;
    }
    error = service_task_state(task, &status);
    if (error != ERROR_SUCCESS) {
        return service_task_fail(task, error, "the state of the service %s is not told",
                                 task->command->name);
    }
    (void)fprintf(task->out, "%s: %s\n", task->command->name, state_words(status.dwCurrentState));
    if (status.dwCurrentState == SERVICE_STOPPED) {
        service_task_tell_end(task, task->out, &status);
    } else {
        print_process(task, &status);
    }
    print_settings(task);
    return status.dwCurrentState == SERVICE_RUNNING ? SERVICE_STATUS_RUNNING
                                                    : SERVICE_STATUS_STOPPED;
}
