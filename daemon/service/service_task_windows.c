/* SPDX-License-Identifier: MIT */
#include "daemon/service/service_task_windows.h"

#include "config/config_report.h"
#include "daemon/configure.h"
#include "daemon/exit_code.h"
#include "daemon/os/os_text_windows.h"

#include <stdarg.h>
#include <stdlib.h>

/* What to do about an error that an operator can meet. */
static const char *advice(DWORD error)
{
    switch (error) {
    case ERROR_ACCESS_DENIED:
        return "run this in a console that was opened with \"Run as administrator\"";
    case ERROR_SERVICE_MARKED_FOR_DELETE:
        return "it goes when nobody looks at it any more: close services.msc, Task Manager and "
               "Event Viewer, or restart Windows";
    case ERROR_SERVICE_DISABLED:
        return "gsrelayd service install --start auto lets it start again";
    case ERROR_SERVICE_LOGON_FAILED:
        return "the account or its password is wrong: gsrelayd service install --account virtual";
    case ERROR_INVALID_SERVICE_ACCOUNT:
        return "no such account; without --account the service gets one of its own";
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
        return "if the program has moved: gsrelayd service install, from where it is now";
    case ERROR_DUPLICATE_SERVICE_NAME:
        return "another service is shown under this name: choose another --display-name";
    default:
        return NULL;
    }
}

static void print_error(const struct service_task *task, const char *kind, DWORD error,
                        const char *format, va_list arguments)
{
    char text[OS_ERROR_TEXT_SIZE];
    const char *what_to_do = advice(error);

    (void)fprintf(task->err, "gsrelayd: %s", kind);
    (void)vfprintf(task->err, format, arguments);
    if (error == ERROR_SUCCESS) {
        (void)fputs(": the system refuses it without a reason", task->err); /* Wine does. */
    } else {
        (void)fprintf(task->err, ": %s (%lu)", os_error_text((int)error, text), error);
    }
    if (what_to_do != NULL) {
        (void)fprintf(task->err, "; %s", what_to_do);
    }
    (void)fputc('\n', task->err);
}

int service_task_fail(const struct service_task *task, DWORD error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_error(task, "", error, format, arguments);
    va_end(arguments);
    return EXIT_CODE_FAILURE;
}

void service_task_warn_error(const struct service_task *task, DWORD error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_error(task, "warning: ", error, format, arguments);
    va_end(arguments);
}

void service_task_warn(const struct service_task *task, const char *format, ...)
{
    va_list arguments;

    (void)fputs("gsrelayd: warning: ", task->err);
    va_start(arguments, format);
    (void)vfprintf(task->err, format, arguments);
    va_end(arguments);
    (void)fputc('\n', task->err);
}

int service_task_refuse(const struct service_task *task, int exit_code, const char *format, ...)
{
    va_list arguments;

    (void)fputs("gsrelayd: ", task->err);
    va_start(arguments, format);
    (void)vfprintf(task->err, format, arguments);
    va_end(arguments);
    (void)fputc('\n', task->err);
    return exit_code;
}

/* Reads what the service starts, under which account and when. */
static int read_service(struct service_task *task)
{
    static union {
        QUERY_SERVICE_CONFIGW config;
        BYTE bytes[SERVICE_QUERY_SIZE];
    } answer;
    static wchar_t image[SERVICE_IMAGE_SIZE];
    static char text[SERVICE_IMAGE_SIZE * 3];
    const char *name = task->command->name;
    DWORD needed;

    text[0] = '\0';
    if (!task->scm->query(task->service, &answer.config, sizeof(answer), &needed)) {
        (void)service_task_fail(task, GetLastError(), "the settings of the service %s are not told",
                                name);
        return RESULT_OS;
    }
    const DWORD length =
        ExpandEnvironmentStringsW(answer.config.lpBinaryPathName, image, SERVICE_IMAGE_SIZE);

    if (length == 0 || length > SERVICE_IMAGE_SIZE ||
        os_narrow(image, length - 1, text, sizeof(text)) < 0 ||
        service_image_read(text, &task->image) != RESULT_OK) {
        (void)service_task_refuse(
            task, 0, "the service %s is another program's (%s); it is left alone", name, text);
        return RESULT_IN_USE;
    }
    if (answer.config.lpServiceStartName == NULL ||
        os_narrow(answer.config.lpServiceStartName, wcslen(answer.config.lpServiceStartName),
                  task->account, sizeof(task->account)) < 0) {
        task->account[0] = '\0';
    }
    task->start_type = answer.config.dwStartType;
    return RESULT_OK;
}

int service_task_open(struct service_task *task, DWORD manager_access, DWORD service_access)
{
    DWORD error;

    if (task->manager == NULL) {
        task->manager = task->scm->open_manager(NULL, NULL, manager_access);
    }
    if (task->manager == NULL) {
        (void)service_task_fail(task, GetLastError(), "the service manager does not let us in");
        return RESULT_OS;
    }
    task->service = task->scm->open_service(
        task->manager, task->name, service_access | SERVICE_QUERY_CONFIG | SERVICE_QUERY_STATUS);
    if (task->service != NULL) {
        return read_service(task);
    }
    error = GetLastError();
    if (error == ERROR_SERVICE_DOES_NOT_EXIST) {
        return RESULT_NOT_FOUND;
    }
    (void)service_task_fail(task, error, "the service %s cannot be opened", task->command->name);
    return RESULT_OS;
}

int service_task_need(struct service_task *task, DWORD service_access)
{
    const int result = service_task_open(task, SC_MANAGER_CONNECT, service_access);

    if (result == RESULT_OK) {
        return EXIT_CODE_OK;
    }
    if (result == RESULT_NOT_FOUND) {
        return service_task_refuse(task, EXIT_CODE_FAILURE,
                                   "there is no service %s; gsrelayd service install makes it",
                                   task->command->name);
    }
    return EXIT_CODE_FAILURE;
}

DWORD service_task_state(const struct service_task *task, SERVICE_STATUS_PROCESS *out)
{
    DWORD needed;

    if (!task->scm->query_status(task->service, SC_STATUS_PROCESS_INFO, (LPBYTE)out, sizeof(*out),
                                 &needed)) {
        return GetLastError();
    }
    if (out->dwCurrentState != SERVICE_STOPPED && out->dwProcessId != 0 &&
        !task->scm->is_alive(out->dwProcessId)) {
        out->dwCurrentState = SERVICE_STOPPED;
        out->dwWin32ExitCode = ERROR_PROCESS_ABORTED;
        out->dwProcessId = 0;
    }
    return ERROR_SUCCESS;
}

const struct relay_config *service_task_config(const struct service_task *task, const char *path)
{
    static struct options options; /* All of them are large. */
    static struct config config;
    static struct secret_file secrets;
    static struct config_report reports[CONFIGURE_REPORTS];
    int result;

    options = (struct options){.config_path = path};
    result = configure_all(&options, &config, &secrets, reports);
    secret_file_wipe(&secrets);
    for (int i = 0; i < CONFIGURE_REPORTS; i++) {
        config_report_print(&reports[i], config_write_file, task->err);
    }
    return result == RESULT_OK ? &config.values : NULL;
}

static int act(struct service_task *task)
{
    switch (task->command->verb) {
    case SERVICE_VERB_INSTALL:
        return service_install(task);
    case SERVICE_VERB_UNINSTALL:
        return service_uninstall(task);
    case SERVICE_VERB_START:
        return service_start(task);
    case SERVICE_VERB_STOP:
        return service_stop(task);
    case SERVICE_VERB_RESTART:
        return service_restart(task);
    case SERVICE_VERB_STATUS:
        return service_status(task);
    case SERVICE_VERB_RELOAD:
        return service_reload(task);
    case SERVICE_VERB_DRAIN:
        return service_drain(task);
    case SERVICE_VERB_REOPEN_LOG:
        return service_reopen_log(task);
    case SERVICE_VERB_HELP:
    case SERVICE_VERB_RUN:
        break;
    }
    return EXIT_CODE_CONFIG;
}

int service_task_run(const struct scm_calls *scm, const struct service_command *command, FILE *out,
                     FILE *err)
{
    static struct service_task task;
    char base[OS_PATH_SIZE];
    int code;

    task = (struct service_task){.scm = scm, .command = command, .out = out, .err = err};
    if (os_widen(command->name, task.name, SERVICE_NAME_SIZE) != 0 ||
        scm->config_dir(base, sizeof(base)) != 0 ||
        service_paths_under(base, command->name, &task.paths) != RESULT_OK) {
        return service_task_refuse(&task, EXIT_CODE_FAILURE,
                                   "the folder of ProgramData is not known, or too long");
    }
    code = act(&task);
    if (task.service != NULL) {
        (void)scm->close(task.service);
    }
    if (task.manager != NULL) {
        (void)scm->close(task.manager);
    }
    /* An installer may give us nowhere to write to; what was done is done all the same. */
    (void)fflush(out);
    return code;
}

int service_command_act(const struct service_command *command)
{
    return service_task_run(&scm_windows, command, stdout, stderr);
}
