/* SPDX-License-Identifier: MIT */
#include "daemon/service/service_windows.h"

#include "daemon/os/os.h"
#include "daemon/service/service_paths.h"

#include <stdio.h>

/* The longest between two reports while starting is LIFE_STARTING_MS and while stopping
 * LIFE_STOPPING_MS; the service manager gives up on a service that overruns its hint. */
#define STARTING_HINT_MS 20000
#define STOPPING_HINT_MS 10000

/* A process is one service, and ServiceMain gets no context: the one place with state of the
 * process. */
static struct {
    const struct service_run *run;
    SERVICE_STATUS_HANDLE handle;
    SRWLOCK lock; /* Guards the status, and the order of the reports. */
    SERVICE_STATUS status;
    enum exit_code code;
} service;

/* --- What we tell the service manager -------------------------------------------------------- */

/* The lock is held. */
static void report(void)
{
    (void)service.run->manager->set_status(service.handle, &service.status);
}

/* A further sign that a start or a stop goes on. The lock is held. */
static void report_progress(DWORD state, DWORD hint_ms, DWORD accepted)
{
    service.status.dwCheckPoint =
        service.status.dwCurrentState == state ? service.status.dwCheckPoint + 1 : 1;
    service.status.dwCurrentState = state;
    service.status.dwWaitHint = hint_ms;
    service.status.dwControlsAccepted = accepted;
    report();
}

static void tell_starting(void *context, const char *what)
{
    (void)context;
    (void)what; /* It is in the log. */
    AcquireSRWLockExclusive(&service.lock);
    if (service.status.dwCurrentState == SERVICE_START_PENDING) {
        report_progress(SERVICE_START_PENDING, STARTING_HINT_MS,
                        SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN);
    }
    ReleaseSRWLockExclusive(&service.lock);
}

static void tell_ready(void *context, const char *line)
{
    (void)context;
    (void)line;
    AcquireSRWLockExclusive(&service.lock);
    /* Not after a STOP that came while we started: what follows is the end. */
    if (service.status.dwCurrentState == SERVICE_START_PENDING) {
        service.status.dwCurrentState = SERVICE_RUNNING;
        service.status.dwCheckPoint = 0;
        service.status.dwWaitHint = 0;
        service.status.dwControlsAccepted =
            SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN | SERVICE_ACCEPT_PARAMCHANGE;
        report();
    }
    ReleaseSRWLockExclusive(&service.lock);
}

static void tell_stopping(void *context)
{
    (void)context;
    AcquireSRWLockExclusive(&service.lock);
    if (service.status.dwCurrentState != SERVICE_STOPPED) {
        report_progress(SERVICE_STOP_PENDING, STOPPING_HINT_MS, 0);
    }
    ReleaseSRWLockExclusive(&service.lock);
}

/* The last act: the system may end the process as soon as it has heard this. */
static void tell_stopped(enum exit_code code)
{
    AcquireSRWLockExclusive(&service.lock);
    service.status.dwCurrentState = SERVICE_STOPPED;
    service.status.dwCheckPoint = 0;
    service.status.dwWaitHint = 0;
    service.status.dwControlsAccepted = 0;
    service.status.dwWin32ExitCode = code == EXIT_CODE_OK ? NO_ERROR : ERROR_SERVICE_SPECIFIC_ERROR;
    service.status.dwServiceSpecificExitCode = (DWORD)code;
    report();
    ReleaseSRWLockExclusive(&service.lock);
}

/* --- What the service manager tells us ------------------------------------------------------- */

static void repeat_status(void)
{
    AcquireSRWLockExclusive(&service.lock);
    if (service.status.dwCurrentState != SERVICE_STOPPED) {
        report();
    }
    ReleaseSRWLockExclusive(&service.lock);
}

/* On a thread of the system's, which has to be free again soon: it only passes the word on. */
static DWORD WINAPI take_control(DWORD control, DWORD event, void *data, void *context)
{
    (void)event;
    (void)data;
    (void)context;
    switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_PRESHUTDOWN:
        tell_stopping(NULL);
        os_requests_add(OS_REQUEST_STOP);
        return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
        repeat_status();
        return NO_ERROR;
    case SERVICE_CONTROL_PARAMCHANGE:
        os_requests_add(OS_REQUEST_RELOAD);
        return NO_ERROR;
    case SERVICE_CONTROL_REOPEN_LOG:
        os_requests_add(OS_REQUEST_REOPEN_LOG);
        return NO_ERROR;
    case SERVICE_CONTROL_DRAIN:
        os_requests_add(OS_REQUEST_DRAIN);
        return NO_ERROR;
    case SERVICE_CONTROL_COUNTERS:
        os_requests_add(OS_REQUEST_COUNTERS);
        return NO_ERROR;
    default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

/* --- From the dispatcher to the end ---------------------------------------------------------- */

/* The service manager passes the name back that it knows us by; ours comes from the command line,
 * which `service install` wrote. */
static void WINAPI run_service(DWORD argument_count, LPWSTR *arguments)
{
    const struct life_host host = {
        .starting = tell_starting,
        .ready = tell_ready,
        .stopping = tell_stopping,
        .log = {.service = service.run->name, .default_file = service.run->log_file},
        .last_end_path = service.run->last_end_path,
        .is_managed = true,
    };

    service.code = EXIT_CODE_RESOURCES;
    service.handle = service.run->manager->register_handler(argument_count > 0 ? arguments[0] : L"",
                                                            take_control, NULL);
    if (service.handle == NULL) {
        return; /* Without a handle there is nobody to tell. */
    }
    service.status = (SERVICE_STATUS){.dwServiceType = SERVICE_WIN32_OWN_PROCESS,
                                      .dwCurrentState = SERVICE_START_PENDING};
    service.code = life_run(service.run->options, &host);
    tell_stopped(service.code);
}

static enum exit_code fail(DWORD error)
{
    char text[OS_ERROR_TEXT_SIZE];

    if (error == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
        (void)fprintf(stderr, "gsrelayd: \"service run\" is what Windows starts a service by; type "
                              "\"gsrelayd service start\" to start the service, or \"gsrelayd\" "
                              "alone to run in this console\n");
        return EXIT_CODE_CONFIG;
    }
    (void)fprintf(stderr, "gsrelayd: the service manager does not take us: %s\n",
                  os_error_text((int)error, text));
    return EXIT_CODE_FAILURE;
}

enum exit_code service_run_under(const struct service_run *run)
{
    WCHAR name[] = L""; /* A process with one service need not name it. */
    const SERVICE_TABLE_ENTRYW table[] = {{name, run_service}, {NULL, NULL}};

    InitializeSRWLock(&service.lock);
    service.run = run;
    service.code = EXIT_CODE_FAILURE;
    if (!run->manager->start_dispatcher(table)) {
        return fail(GetLastError());
    }
    return service.code;
}

/* The service manager starts us in system32. A path in relay.ini that does not say from where shall
 * be found beside it; our own are absolute. */
static void enter_folder(const char *path)
{
    WCHAR wide[OS_PATH_SIZE];

    if (MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, OS_PATH_SIZE) > 0) {
        (void)SetCurrentDirectoryW(wide);
    }
}

enum exit_code service_run_managed(const char *name, const struct options *options)
{
    static const struct service_manager manager = {
        .start_dispatcher = StartServiceCtrlDispatcherW,
        .register_handler = RegisterServiceCtrlHandlerExW,
        .set_status = SetServiceStatus,
    };
    struct service_run run = {.manager = &manager, .name = name, .options = options};
    static struct service_paths paths;

    if (service_paths_find(name, &paths) == RESULT_OK) {
        run.log_file = paths.log_file;
        run.last_end_path = paths.last_end;
        enter_folder(paths.data);
    }
    return service_run_under(&run);
}

enum exit_code service_run_foreground(const struct options *options)
{
    const struct life_host host = service_console();

    return life_run(options, &host);
}
