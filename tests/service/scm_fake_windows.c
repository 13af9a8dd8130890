/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scm_fake_windows.h"

#include "daemon/os/os.h"
#include "daemon/os/os_text_windows.h"
#include "daemon/service/service_task_windows.h"

#include <aclapi.h>
#include <sddl.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE 4096

struct scm_fake scm_fake;

static SC_HANDLE manager = (SC_HANDLE)(uintptr_t)1;
static SC_HANDLE service = (SC_HANDLE)(uintptr_t)2;

static const char *narrow(const wchar_t *text)
{
    static char texts[8][TEXT_SIZE];
    static unsigned next;
    char *out = texts[next++ % 8];

    if (text == NULL) {
        return "NULL";
    }
    if (os_narrow(text, wcslen(text), out + 1, TEXT_SIZE - 2) < 0) {
        return "?";
    }
    out[0] = '[';
    (void)strncat(out, "]", TEXT_SIZE - strlen(out) - 1);
    return out;
}

GSRELAY_PRINTF(1, 2)
static void note(const char *format, ...)
{
    const size_t left = sizeof(scm_fake.calls) - scm_fake.calls_size;
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(scm_fake.calls + scm_fake.calls_size, left, format, arguments);
    va_end(arguments);
    assert_true(size >= 0 && (size_t)size < left);
    scm_fake.calls_size += (size_t)size;
}

static bool fails(const char *call)
{
    if (scm_fake.failing_call == NULL || strcmp(scm_fake.failing_call, call) != 0) {
        return false;
    }
    SetLastError(scm_fake.error);
    return true;
}

/* --- The service manager --------------------------------------------------------------------- */

static SC_HANDLE WINAPI open_manager(LPCWSTR machine, LPCWSTR database, DWORD access)
{
    assert_null(machine);
    assert_null(database);
    note("open_manager access=0x%lx\n", access);
    if (fails("open_manager")) {
        return NULL;
    }
    scm_fake.open_handles++;
    return manager;
}

static SC_HANDLE WINAPI open_service(SC_HANDLE handle, LPCWSTR name, DWORD access)
{
    assert_ptr_equal(handle, manager);
    note("open %s access=0x%lx\n", narrow(name), access);
    if (fails("open")) {
        return NULL;
    }
    if (!scm_fake.exists && scm_fake.opens_after_removal-- <= 0) {
        SetLastError(ERROR_SERVICE_DOES_NOT_EXIST);
        return NULL;
    }
    scm_fake.open_handles++;
    return service;
}

static SC_HANDLE WINAPI create_service(SC_HANDLE handle, LPCWSTR name, LPCWSTR display_name,
                                       DWORD access, DWORD type, DWORD start, DWORD error_control,
                                       LPCWSTR image, LPCWSTR group, LPDWORD tag,
                                       LPCWSTR dependencies, LPCWSTR account, LPCWSTR password)
{
    assert_ptr_equal(handle, manager);
    assert_null(tag);
    note("create %s display=%s access=0x%lx type=%lu start=%lu error=%lu\n  image=%s\n  group=%s "
         "dependencies=%s account=%s password=%s\n",
         narrow(name), narrow(display_name), access, type, start, error_control, narrow(image),
         narrow(group), narrow(dependencies), narrow(account), narrow(password));
    if (fails("create")) {
        return NULL;
    }
    scm_fake.exists = true;
    scm_fake.open_handles++;
    return service;
}

static BOOL WINAPI change(SC_HANDLE handle, DWORD type, DWORD start, DWORD error_control,
                          LPCWSTR image, LPCWSTR group, LPDWORD tag, LPCWSTR dependencies,
                          LPCWSTR account, LPCWSTR password, LPCWSTR display_name)
{
    assert_ptr_equal(handle, service);
    assert_int_equal(type, SERVICE_NO_CHANGE);
    assert_int_equal(error_control, SERVICE_NO_CHANGE);
    assert_null(group);
    assert_null(tag);
    assert_null(dependencies);
    note("change start=%ld account=%s password=%s display=%s\n  image=%s\n", (long)start,
         narrow(account), narrow(password), narrow(display_name), narrow(image));
    return !fails("change");
}

static void note_failure_actions(const SERVICE_FAILURE_ACTIONSW *failure)
{
    note("failure reset=%lu message=%s command=%s", failure->dwResetPeriod,
         narrow(failure->lpRebootMsg), narrow(failure->lpCommand));
    for (DWORD i = 0; i < failure->cActions; i++) {
        note(" %d/%lu", (int)failure->lpsaActions[i].Type, failure->lpsaActions[i].Delay);
    }
    note("\n");
}

static void note_privileges(const wchar_t *names)
{
    note("privileges");
    for (; *names != L'\0'; names += wcslen(names) + 1) {
        note(" %s", narrow(names));
    }
    note("\n");
}

static BOOL WINAPI change_more(SC_HANDLE handle, DWORD level, LPVOID information)
{
    static const char *const names[] = {"",     "description", "failure",    "delay",
                                        "flag", "sid",         "privileges", "preshutdown"};

    assert_ptr_equal(handle, service);
    assert_in_range(level, 1, 7);
    switch (level) {
    case SERVICE_CONFIG_DESCRIPTION:
        note("description %s\n", narrow(((SERVICE_DESCRIPTIONW *)information)->lpDescription));
        break;
    case SERVICE_CONFIG_FAILURE_ACTIONS:
        note_failure_actions(information);
        break;
    case SERVICE_CONFIG_DELAYED_AUTO_START_INFO:
        note("delay %d\n", ((SERVICE_DELAYED_AUTO_START_INFO *)information)->fDelayedAutostart);
        break;
    case SERVICE_CONFIG_FAILURE_ACTIONS_FLAG:
        note("flag %d\n",
             ((SERVICE_FAILURE_ACTIONS_FLAG *)information)->fFailureActionsOnNonCrashFailures);
        break;
    case SERVICE_CONFIG_SERVICE_SID_INFO:
        note("sid %lu\n", ((SERVICE_SID_INFO *)information)->dwServiceSidType);
        break;
    case SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO:
        note_privileges(((SERVICE_REQUIRED_PRIVILEGES_INFOW *)information)->pmszRequiredPrivileges);
        break;
    default:
        note("preshutdown %lu\n", ((SERVICE_PRESHUTDOWN_INFO *)information)->dwPreshutdownTimeout);
        break;
    }
    return !fails(names[level]) && !fails("change_more");
}

static BOOL WINAPI query(SC_HANDLE handle, LPQUERY_SERVICE_CONFIGW out, DWORD size,
                         LPDWORD needed_out)
{
    static wchar_t texts[2][TEXT_SIZE];

    (void)needed_out;
    assert_ptr_equal(handle, service);
    assert_true(size >= 8192);
    if (fails("query")) {
        return FALSE;
    }
    (void)swprintf(texts[0], TEXT_SIZE, L"%ls", scm_fake.image);
    (void)swprintf(texts[1], TEXT_SIZE, L"%ls", scm_fake.account);
    *out = (QUERY_SERVICE_CONFIGW){.dwServiceType = SERVICE_WIN32_OWN_PROCESS,
                                   .dwStartType = scm_fake.start_type,
                                   .lpBinaryPathName = texts[0],
                                   .lpServiceStartName = texts[1]};
    return TRUE;
}

static BOOL WINAPI query_more(SC_HANDLE handle, DWORD level, LPBYTE out, DWORD size,
                              LPDWORD needed_out)
{
    static wchar_t text[] = L"of its own\0";

    (void)needed_out;
    assert_ptr_equal(handle, service);
    if (fails("query_more")) {
        return FALSE;
    }
    memset(out, 0, size);
    if (level == SERVICE_CONFIG_DELAYED_AUTO_START_INFO) {
        ((SERVICE_DELAYED_AUTO_START_INFO *)(void *)out)->fDelayedAutostart = scm_fake.is_delayed;
    } else if (scm_fake.has_settings && level == SERVICE_CONFIG_DESCRIPTION) {
        ((SERVICE_DESCRIPTIONW *)(void *)out)->lpDescription = text;
    } else if (scm_fake.has_settings && level == SERVICE_CONFIG_FAILURE_ACTIONS) {
        ((SERVICE_FAILURE_ACTIONSW *)(void *)out)->cActions = 1;
    } else if (scm_fake.has_settings && level == SERVICE_CONFIG_SERVICE_SID_INFO) {
        ((SERVICE_SID_INFO *)(void *)out)->dwServiceSidType = SERVICE_SID_TYPE_RESTRICTED;
    } else if (scm_fake.has_settings && level == SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO) {
        ((SERVICE_REQUIRED_PRIVILEGES_INFOW *)(void *)out)->pmszRequiredPrivileges = text;
    }
    return TRUE;
}

static BOOL WINAPI query_status(SC_HANDLE handle, SC_STATUS_TYPE level, LPBYTE out, DWORD size,
                                LPDWORD needed_out)
{
    (void)needed_out;
    assert_ptr_equal(handle, service);
    assert_int_equal(level, SC_STATUS_PROCESS_INFO);
    assert_int_equal(size, sizeof(SERVICE_STATUS_PROCESS));
    if (fails("query_status")) {
        return FALSE;
    }
    memcpy(out, &scm_fake.states[scm_fake.state_at], size);
    scm_fake.last_state = scm_fake.states[scm_fake.state_at].dwCurrentState;
    if (scm_fake.state_at + 1 < scm_fake.state_count) {
        scm_fake.state_at++;
    }
    return TRUE;
}

static BOOL WINAPI start(SC_HANDLE handle, DWORD argument_count, LPCWSTR *arguments)
{
    assert_ptr_equal(handle, service);
    assert_int_equal(argument_count, 0);
    assert_null(arguments);
    note("start\n");
    return !fails("start");
}

static BOOL WINAPI control(SC_HANDLE handle, DWORD code, LPSERVICE_STATUS status_out)
{
    assert_ptr_equal(handle, service);
    assert_non_null(status_out);
    note("control %lu\n", code);
    return !fails("control");
}

static BOOL WINAPI remove_service(SC_HANDLE handle)
{
    assert_ptr_equal(handle, service);
    note("remove\n");
    if (fails("remove")) {
        return FALSE;
    }
    scm_fake.exists = false;
    return TRUE;
}

static BOOL WINAPI close_handle(SC_HANDLE handle)
{
    assert_non_null(handle);
    scm_fake.open_handles--;
    return TRUE;
}

/* --- Files, registry, programs --------------------------------------------------------------- */

/* What a path is called below the folder of the test. */
static const char *name_in_folder(const wchar_t *path)
{
    static char text[TEXT_SIZE];
    const char *at;

    assert_true(os_narrow(path, wcslen(path), text, sizeof(text)) > 0);
    at = strstr(text, scm_fake_folder);
    return at == NULL                            ? text
           : at[strlen(scm_fake_folder)] == '\0' ? "."
                                                 : at + strlen(scm_fake_folder) + 1;
}

void scm_fake_print_sddl(PSECURITY_DESCRIPTOR descriptor, char out[TEXT_SIZE])
{
    wchar_t *text = NULL;

    assert_true(ConvertSecurityDescriptorToStringSecurityDescriptorW(
        descriptor, SDDL_REVISION_1, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &text,
        NULL));
    assert_true(os_narrow(text, wcslen(text), out, TEXT_SIZE) > 0);
    (void)LocalFree(text);
}

static BOOL WINAPI create_directory(LPCWSTR path, LPSECURITY_ATTRIBUTES security)
{
    char sddl[TEXT_SIZE];

    if (fails("create_directory")) {
        return FALSE;
    }
    scm_fake_print_sddl(security->lpSecurityDescriptor, sddl);
    if (!CreateDirectoryW(path, NULL)) {
        return FALSE;
    }
    note("folder %s %s\n", name_in_folder(path), sddl);
    return TRUE;
}

static HANDLE WINAPI create_file(LPCWSTR path, DWORD access, DWORD sharing,
                                 LPSECURITY_ATTRIBUTES security, DWORD disposition, DWORD flags,
                                 HANDLE template_file)
{
    char sddl[TEXT_SIZE];

    if (fails("create_file")) {
        return INVALID_HANDLE_VALUE;
    }
    if (security != NULL) {
        scm_fake_print_sddl(security->lpSecurityDescriptor, sddl);
        note("file %s %s\n", name_in_folder(path), sddl);
    } else {
        note("guard %s\n", name_in_folder(path));
        access = FILE_READ_ATTRIBUTES; /* More is no matter of this test. */
    }
    return CreateFileW(path, access, sharing, NULL, disposition, flags, template_file);
}

static DWORD WINAPI set_security(HANDLE file, SE_OBJECT_TYPE type, SECURITY_INFORMATION information,
                                 PSID owner, PSID group, PACL access, PACL audit)
{
    SECURITY_DESCRIPTOR descriptor;
    char sddl[TEXT_SIZE];

    assert_true(file != INVALID_HANDLE_VALUE);
    assert_int_equal(type, SE_FILE_OBJECT);
    assert_null(group);
    assert_null(audit);
    assert_int_equal(information, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION |
                                      PROTECTED_DACL_SECURITY_INFORMATION);
    assert_true(InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION));
    assert_true(SetSecurityDescriptorOwner(&descriptor, owner, FALSE));
    assert_true(SetSecurityDescriptorDacl(&descriptor, TRUE, access, FALSE));
    assert_true(SetSecurityDescriptorControl(&descriptor, SE_DACL_PROTECTED, SE_DACL_PROTECTED));
    scm_fake_print_sddl(&descriptor, sddl);
    note("  %s\n", sddl);
    return fails("set_security") ? scm_fake.error : ERROR_SUCCESS;
}

/* The handles of this test do not have the right to be asked. */
static DWORD WINAPI get_security(HANDLE file, SE_OBJECT_TYPE type, SECURITY_INFORMATION information,
                                 PSID *owner_out, PSID *group_out, PACL *access_out,
                                 PACL *audit_out, PSECURITY_DESCRIPTOR *descriptor_out)
{
    union {
        TOKEN_USER user;
        BYTE bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } answer;
    HANDLE token;
    DWORD size;

    assert_true(file != INVALID_HANDLE_VALUE);
    assert_int_equal(type, SE_FILE_OBJECT);
    assert_int_equal(information, OWNER_SECURITY_INFORMATION);
    assert_true(group_out == NULL && access_out == NULL && audit_out == NULL);
    if (fails("get_security")) {
        return scm_fake.error;
    }
    if (scm_fake.owner != NULL) {
        assert_true(ConvertStringSidToSidW(scm_fake.owner, owner_out));
        *descriptor_out = *owner_out;
        return ERROR_SUCCESS;
    }
    assert_true(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    assert_true(GetTokenInformation(token, TokenUser, &answer, sizeof(answer), &size));
    (void)CloseHandle(token);
    *owner_out = LocalAlloc(LPTR, SECURITY_MAX_SID_SIZE);
    assert_non_null(*owner_out);
    assert_true(CopySid(SECURITY_MAX_SID_SIZE, *owner_out, answer.user.User.Sid));
    *descriptor_out = *owner_out;
    return ERROR_SUCCESS;
}

static LSTATUS WINAPI registry_create(HKEY parent, LPCWSTR path, DWORD reserved, LPWSTR type,
                                      DWORD options, REGSAM access, LPSECURITY_ATTRIBUTES security,
                                      PHKEY out, LPDWORD disposition_out)
{
    if (fails("registry_create")) {
        return (LSTATUS)scm_fake.error;
    }
    return RegCreateKeyExW(parent, path, reserved, type, options, access, security, out,
                           disposition_out);
}

static DWORD WINAPI program_path(HMODULE module, LPWSTR out, DWORD size)
{
    assert_null(module);
    (void)swprintf(out, size, L"%ls", scm_fake.program);
    return (DWORD)wcslen(scm_fake.program);
}

static DWORD run(const wchar_t *program, const wchar_t *command_line, DWORD *exit_code_out)
{
    wchar_t expected[MAX_PATH + 16];

    (void)GetSystemDirectoryW(expected, MAX_PATH);
    (void)wcsncat(expected, L"\\netsh.exe", 12);
    assert_true(wcscmp(program, expected) == 0);
    note("run %s\n", narrow(command_line));
    if (fails("run")) {
        return scm_fake.error;
    }
    *exit_code_out = scm_fake.run_exit_code;
    return ERROR_SUCCESS;
}

static bool is_alive(DWORD process_id)
{
    assert_int_equal(process_id, 4242);
    if (scm_fake.last_state == SERVICE_STOPPED) {
        return scm_fake.polls_after_end-- > 0;
    }
    return !scm_fake.is_process_gone;
}

static bool uptime(DWORD process_id, uint64_t *seconds_out)
{
    assert_int_equal(process_id, 4242);
    *seconds_out = 86400 + 2 * 3600 + 3 * 60 + 4;
    return !fails("uptime");
}

static uint64_t now_ms(void)
{
    return scm_fake.now_ms;
}

static void sleep_ms(uint32_t duration_ms)
{
    assert_int_not_equal(duration_ms, 0);
    scm_fake.now_ms += duration_ms;
}

static int config_dir(char *out, size_t size)
{
    (void)snprintf(out, size, "%s", scm_fake_folder);
    return 0;
}

/* --- The test's side ------------------------------------------------------------------------- */

void scm_fake_reset(void)
{
    scm_fake_make();
    memset(&scm_fake, 0, sizeof(scm_fake));
    scm_fake.program = L"C:\\Program Files\\한국\\gsrelayd.exe";
    scm_fake.image = L"";
    scm_fake.account = L"NT SERVICE\\gsrelay";
    scm_fake.start_type = SERVICE_AUTO_START;
}

void scm_fake_install(const wchar_t *config)
{
    static wchar_t image[TEXT_SIZE];

    (void)swprintf(image, TEXT_SIZE,
                   L"\"C:\\old place\\gsrelayd.exe\" service run --name gsrelay --config \"%ls\"",
                   config);
    scm_fake.exists = true;
    scm_fake.has_settings = true;
    scm_fake.image = image;
}

void scm_fake_state(DWORD state, DWORD checkpoint, DWORD hint_ms)
{
    assert_true(scm_fake.state_count < FAKE_STATES_MAX);
    scm_fake.states[scm_fake.state_count++] =
        (SERVICE_STATUS_PROCESS){.dwServiceType = SERVICE_WIN32_OWN_PROCESS,
                                 .dwCurrentState = state,
                                 .dwCheckPoint = checkpoint,
                                 .dwWaitHint = hint_ms,
                                 .dwProcessId = state == SERVICE_STOPPED ? 0 : 4242};
}

static void take(FILE *file, char *out, size_t size)
{
    size_t used;

    rewind(file);
    used = fread(out, 1, size - 1, file);
    out[used] = '\0';
    (void)fclose(file);
}

static FILE *open_answer(const wchar_t *kind)
{
    wchar_t name[64];
    FILE *file;

    (void)swprintf(name, 64, L"service_%ls.%lu", kind, GetCurrentProcessId());
    file = _wfopen(name, L"w+bD"); /* D: gone when it is closed. */
    assert_non_null(file);
    return file;
}

int scm_fake_run(const char *const words[])
{
    const struct scm_calls calls = {
        .open_manager = open_manager,
        .open_service = open_service,
        .create_service = create_service,
        .change = change,
        .change_more = change_more,
        .query = query,
        .query_more = query_more,
        .query_status = query_status,
        .start = start,
        .control = control,
        .remove = remove_service,
        .close = close_handle,
        .create_directory = create_directory,
        .create_file = create_file,
        .set_security = set_security,
        .get_security = get_security,
        .config_dir = config_dir,
        .registry = scm_fake_registry,
        .registry_create = registry_create,
        .program_path = program_path,
        .run = run,
        .is_alive = is_alive,
        .uptime = uptime,
        .now_ms = now_ms,
        .sleep_ms = sleep_ms,
    };
    char error[SERVICE_COMMAND_ERROR_SIZE];
    struct service_command command;
    FILE *out = open_answer(L"out");
    FILE *err = open_answer(L"err");
    int count = 0;
    int code;

    while (words[count] != NULL) {
        count++;
    }
    assert_int_equal(service_command_parse(count, (char *const *)words, &command, error), 0);
    scm_fake.calls_size = 0;
    scm_fake.calls[0] = '\0';
    code = service_task_run(&calls, &command, out, err);
    take(out, scm_fake.out, sizeof(scm_fake.out));
    take(err, scm_fake.err, sizeof(scm_fake.err));
    assert_int_equal(scm_fake.open_handles, 0);
    return code;
}
