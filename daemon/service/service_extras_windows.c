/* SPDX-License-Identifier: MIT */
#include "daemon/service/service_extras_windows.h"

#include "daemon/exit_code.h"
#include "daemon/os/os_text_windows.h"

#include <string.h>

#define SOURCES     L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\"
#define KEY_SIZE    (sizeof(SOURCES) / sizeof(wchar_t) + SERVICE_NAME_SIZE)
#define VALUE       L"EventMessageFile"
#define NETSH       L"\\netsh.exe"
#define LINE_SIZE   (OS_PATH_SIZE + SERVICE_NAME_SIZE + 256)
#define PORTS_SIZE  16
#define EVERY_EVENT (EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE)

static void name_key(const struct service_task *task, wchar_t out[KEY_SIZE])
{
    (void)swprintf(out, KEY_SIZE, L"%ls%ls", SOURCES, task->name);
}

/* The file that the messages of the source come from; false when there is no such source. */
static bool read_message_file(const struct service_task *task, const wchar_t *key,
                              char out[OS_PATH_SIZE * 3])
{
    wchar_t file[OS_PATH_SIZE];
    DWORD size = sizeof(file);

    out[0] = '\0';
    if (RegGetValueW(task->scm->registry, key, VALUE, RRF_RT_REG_SZ, NULL, file, &size) !=
        ERROR_SUCCESS) {
        return false;
    }
    return os_narrow(file, wcslen(file), out, OS_PATH_SIZE * 3) >= 0;
}

/* Whether another program's messages stand there. */
static bool is_taken(const struct service_task *task, const wchar_t *key, const char *what)
{
    char file[OS_PATH_SIZE * 3];

    if (!read_message_file(task, key, file) || service_image_is_ours(file)) {
        return false;
    }
    service_task_warn(task, "the source of events %s is another program's (%s); %s",
                      task->command->name, file, what);
    return true;
}

void service_event_source_add(const struct service_task *task, const char *program)
{
    const DWORD types = EVERY_EVENT;
    wchar_t key[KEY_SIZE];
    wchar_t file[OS_PATH_SIZE];
    HKEY handle;
    LSTATUS error;

    name_key(task, key);
    if (is_taken(task, key, "ours will lack their texts")) {
        return;
    }
    error = os_widen(program, file, OS_PATH_SIZE) != 0 ? ERROR_FILENAME_EXCED_RANGE : ERROR_SUCCESS;
    if (error == ERROR_SUCCESS) {
        error =
            task->scm->registry_create(task->scm->registry, key, 0, NULL, REG_OPTION_NON_VOLATILE,
                                       KEY_SET_VALUE, NULL, &handle, NULL);
    }
    if (error == ERROR_SUCCESS) {
        error = RegSetValueExW(handle, VALUE, 0, REG_EXPAND_SZ, (const BYTE *)file,
                               (DWORD)((wcslen(file) + 1) * sizeof(file[0])));
        if (error == ERROR_SUCCESS) {
            error = RegSetValueExW(handle, L"TypesSupported", 0, REG_DWORD, (const BYTE *)&types,
                                   sizeof(types));
        }
        (void)RegCloseKey(handle);
    }
    if (error != ERROR_SUCCESS) {
        service_task_warn_error(task, (DWORD)error,
                                "the source of events is not registered; Event Viewer will show "
                                "them without their texts");
    }
}

void service_event_source_remove(const struct service_task *task)
{
    char file[OS_PATH_SIZE * 3];
    wchar_t key[KEY_SIZE];
    LSTATUS error;

    name_key(task, key);
    if (is_taken(task, key, "it stays") || !read_message_file(task, key, file)) {
        return; /* A source without such a file is not ours either. */
    }
    error = RegDeleteTreeW(task->scm->registry, key);
    if (error != ERROR_SUCCESS && error != ERROR_FILE_NOT_FOUND) {
        service_task_warn_error(task, (DWORD)error, "the source of events is not removed");
    }
}

/* Runs "netsh advfirewall firewall ..." of the system's own folder, whatever PATH says. Returns its
 * exit code, or 1 with the error in `error_out`. */
static DWORD run_netsh(const struct service_task *task, const char *line, DWORD *error_out)
{
    wchar_t program[MAX_PATH + sizeof(NETSH)];
    wchar_t wide[LINE_SIZE];
    const UINT length = GetSystemDirectoryW(program, MAX_PATH);
    DWORD exit_code = 1;

    *error_out = ERROR_PATH_NOT_FOUND;
    if (length == 0 || length >= MAX_PATH || os_widen(line, wide, LINE_SIZE) != 0) {
        return 1;
    }
    memcpy(program + length, NETSH, sizeof(NETSH));
    *error_out = task->scm->run(program, wide, &exit_code);
    return *error_out == ERROR_SUCCESS ? exit_code : 1;
}

static void print_delete(const struct service_task *task, const char *protocol,
                         char line[LINE_SIZE])
{
    (void)snprintf(line, LINE_SIZE,
                   "netsh advfirewall firewall delete rule name=\"gsrelayd service %s (%s)\"",
                   task->command->name, protocol);
}

static void open_ports(const struct service_task *task, const char *program, const char *protocol,
                       const char *ports)
{
    char line[LINE_SIZE];
    DWORD error;
    DWORD code;

    print_delete(task, protocol, line); /* Else a second install would add a second rule. */
    (void)run_netsh(task, line, &error);
    (void)snprintf(line, sizeof(line),
                   "netsh advfirewall firewall add rule name=\"gsrelayd service %s (%s)\" dir=in "
                   "action=allow program=\"%s\" protocol=%s localport=%s",
                   task->command->name, protocol, program, protocol, ports);
    code = run_netsh(task, line, &error);
    if (error != ERROR_SUCCESS) {
        service_task_warn_error(task, error, "the firewall is not opened for %s %s", protocol,
                                ports);
    } else if (code != 0) {
        service_task_warn(task, "the firewall is not opened for %s %s; netsh ended with %lu: %s",
                          protocol, ports, code, line);
    }
}

void service_firewall_open(const struct service_task *task, const char *program,
                           const struct relay_config *config)
{
    char ports[PORTS_SIZE] = "any"; /* Port 0: whichever is free. */
    const unsigned first = config->udp.port;
    const unsigned last = first + config->udp.workers - 1;

    if (first != 0) {
        (void)snprintf(ports, sizeof(ports), last > first ? "%u-%u" : "%u", first, last);
    }
    open_ports(task, program, "UDP", ports);
    (void)snprintf(ports, sizeof(ports), "any");
    if (config->control.port != 0) {
        (void)snprintf(ports, sizeof(ports), "%u", (unsigned)config->control.port);
    }
    open_ports(task, program, "TCP", ports);
}

void service_firewall_close(const struct service_task *task)
{
    static const char *const protocols[] = {"UDP", "TCP"};
    char line[LINE_SIZE];
    DWORD error;

    /* netsh ends with 1 when there is no such rule, which is the usual case. */
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        print_delete(task, protocols[i], line);
        (void)run_netsh(task, line, &error);
        if (error != ERROR_SUCCESS) {
            service_task_warn_error(task, error, "the firewall's rules are not looked at: %s",
                                    line);
        }
    }
}
