/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_SERVICE_SCM_WINDOWS_H
#define GSRELAY_SERVICE_SCM_WINDOWS_H

#include <windows.h>
#include <stdbool.h>
#include <stdint.h>

#include <accctrl.h>

/* scm_windows.h - every call by which the verbs change or ask the system, in one table.
 *
 * Most are the system's own functions, so that a test sees the very structures that the service
 * manager would. Whoever wants a real service takes scm_windows. Threads: the main thread. */

struct scm_calls {
    /* The service manager. */
    SC_HANDLE(WINAPI *open_manager)(LPCWSTR machine, LPCWSTR database, DWORD access);
    SC_HANDLE(WINAPI *open_service)(SC_HANDLE manager, LPCWSTR name, DWORD access);
    SC_HANDLE(WINAPI *create_service)
    (SC_HANDLE manager, LPCWSTR name, LPCWSTR display_name, DWORD access, DWORD type, DWORD start,
     DWORD error_control, LPCWSTR image, LPCWSTR group, LPDWORD tag, LPCWSTR dependencies,
     LPCWSTR account, LPCWSTR password);
    BOOL(WINAPI *change)
    (SC_HANDLE service, DWORD type, DWORD start, DWORD error_control, LPCWSTR image, LPCWSTR group,
     LPDWORD tag, LPCWSTR dependencies, LPCWSTR account, LPCWSTR password, LPCWSTR display_name);
    BOOL(WINAPI *change_more)(SC_HANDLE service, DWORD level, LPVOID information);
    BOOL(WINAPI *query)
    (SC_HANDLE service, LPQUERY_SERVICE_CONFIGW out, DWORD size, LPDWORD needed_out);
    BOOL(WINAPI *query_more)
    (SC_HANDLE service, DWORD level, LPBYTE out, DWORD size, LPDWORD needed_out);
    BOOL(WINAPI *query_status)
    (SC_HANDLE service, SC_STATUS_TYPE level, LPBYTE out, DWORD size, LPDWORD needed_out);
    BOOL(WINAPI *start)(SC_HANDLE service, DWORD argument_count, LPCWSTR *arguments);
    BOOL(WINAPI *control)(SC_HANDLE service, DWORD code, LPSERVICE_STATUS status_out);
    BOOL(WINAPI *remove)(SC_HANDLE service);
    BOOL(WINAPI *close)(SC_HANDLE handle);

    /* Files and who may read them. */
    BOOL(WINAPI *create_directory)(LPCWSTR path, LPSECURITY_ATTRIBUTES security);
    HANDLE(WINAPI *create_file)
    (LPCWSTR path, DWORD access, DWORD sharing, LPSECURITY_ATTRIBUTES security, DWORD disposition,
     DWORD flags, HANDLE template_file);
    DWORD(WINAPI *set_security)
    (HANDLE file, SE_OBJECT_TYPE type, SECURITY_INFORMATION information, PSID owner, PSID group,
     PACL access, PACL audit);

    /* Whose a file is; the descriptor is to be freed with LocalFree. */
    DWORD(WINAPI *get_security)
    (HANDLE file, SE_OBJECT_TYPE type, SECURITY_INFORMATION information, PSID *owner_out,
     PSID *group_out, PACL *access_out, PACL *audit_out, PSECURITY_DESCRIPTOR *descriptor_out);

    /* os_path_config_dir(). */
    int (*config_dir)(char *out, size_t size);

    /* Where the event sources are registered. */
    HKEY registry;
    LSTATUS(WINAPI *registry_create)
    (HKEY parent, LPCWSTR path, DWORD reserved, LPWSTR type, DWORD options, REGSAM access,
     LPSECURITY_ATTRIBUTES security, PHKEY out, LPDWORD disposition_out);

    /* The running program, other programs and time. */
    DWORD(WINAPI *program_path)(HMODULE module, LPWSTR out, DWORD size);
    /* Runs a program to its end. 0 with its exit code, or the system's error. */
    DWORD (*run)(const wchar_t *program, const wchar_t *command_line, DWORD *exit_code_out);
    /* False when no process has this id any more. */
    bool (*is_alive)(DWORD process_id);
    /* How long the process has run; false when the system does not tell. */
    bool (*uptime)(DWORD process_id, uint64_t *seconds_out);
    uint64_t (*now_ms)(void);
    void (*sleep_ms)(uint32_t duration_ms);
};

extern const struct scm_calls scm_windows;

#endif
