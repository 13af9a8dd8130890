/* SPDX-License-Identifier: MIT */
#include "daemon/service/scm_windows.h"

#include "daemon/os/os.h"

#include <aclapi.h>

/* Longer than netsh takes on the slowest machine; whoever hangs is left behind. */
#define RUN_TIMEOUT_MS 30000

static DWORD run_program(const wchar_t *program, const wchar_t *command_line, DWORD *exit_code_out)
{
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    PROCESS_INFORMATION process;
    wchar_t line[2048]; /* CreateProcessW may write into it. */
    const size_t size = (wcslen(command_line) + 1) * sizeof(line[0]);
    DWORD error = ERROR_SUCCESS;

    if (size > sizeof(line)) {
        return ERROR_FILENAME_EXCED_RANGE;
    }
    memcpy(line, command_line, size);
    if (!CreateProcessW(program, line, NULL, NULL, FALSE, CREATE_NO_WINDOW, NULL, NULL, &startup,
                        &process)) {
        return GetLastError();
    }
    if (WaitForSingleObject(process.hProcess, RUN_TIMEOUT_MS) != WAIT_OBJECT_0) {
        error = ERROR_TIMEOUT;
    } else if (!GetExitCodeProcess(process.hProcess, exit_code_out)) {
        error = GetLastError();
    }
    (void)CloseHandle(process.hThread);
    (void)CloseHandle(process.hProcess);
    return error;
}

static bool is_process_alive(DWORD process_id)
{
    const HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, process_id);
    DWORD code = STILL_ACTIVE;

    if (process == NULL) {
        return GetLastError() != ERROR_INVALID_PARAMETER; /* Else it is there, but not for us. */
    }
    (void)GetExitCodeProcess(process, &code);
    (void)CloseHandle(process);
    return code == STILL_ACTIVE;
}

static uint64_t file_time(FILETIME time)
{
    return ((uint64_t)time.dwHighDateTime << 32) | time.dwLowDateTime;
}

static bool process_uptime(DWORD process_id, uint64_t *seconds_out)
{
    const HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, process_id);
    FILETIME created;
    FILETIME ended;
    FILETIME kernel;
    FILETIME user;
    FILETIME now;
    bool is_known;

    if (process == NULL) {
        return false;
    }
    is_known = GetProcessTimes(process, &created, &ended, &kernel, &user) != FALSE;
    (void)CloseHandle(process);
    GetSystemTimeAsFileTime(&now);
    if (!is_known || file_time(now) < file_time(created)) {
        return false;
    }
    *seconds_out = (file_time(now) - file_time(created)) / 10000000u;
    return true;
}

static uint64_t now_ms(void)
{
    return os_clock_ns() / 1000000u;
}

const struct scm_calls scm_windows = {
    .open_manager = OpenSCManagerW,
    .open_service = OpenServiceW,
    .create_service = CreateServiceW,
    .change = ChangeServiceConfigW,
    .change_more = ChangeServiceConfig2W,
    .query = QueryServiceConfigW,
    .query_more = QueryServiceConfig2W,
    .query_status = QueryServiceStatusEx,
    .start = StartServiceW,
    .control = ControlService,
    .remove = DeleteService,
    .close = CloseServiceHandle,
    .create_directory = CreateDirectoryW,
    .create_file = CreateFileW,
    .set_security = SetSecurityInfo,
    .get_security = GetSecurityInfo,
    .config_dir = os_path_config_dir,
    .registry = HKEY_LOCAL_MACHINE,
    .registry_create = RegCreateKeyExW,
    .program_path = GetModuleFileNameW,
    .run = run_program,
    .is_alive = is_process_alive,
    .uptime = process_uptime,
    .now_ms = now_ms,
    .sleep_ms = os_sleep_ms,
};
