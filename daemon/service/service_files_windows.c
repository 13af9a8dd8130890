/* SPDX-License-Identifier: MIT */
#include "daemon/service/service_files_windows.h"

#include "config/config_dump.h"
#include "config/config_lines.h"
#include "daemon/configure.h"
#include "daemon/exit_code.h"
#include "daemon/os/os_text_windows.h"

#include <aclapi.h>
#include <bcrypt.h>
#include <sddl.h>
#include <sodium.h>
#include <string.h>

/* The rights of the service: to read and list, or to write and delete as well (SDDL has no letters
 * for these two; winnt.h: FILE_GENERIC_READ | FILE_GENERIC_EXECUTE, and with FILE_GENERIC_WRITE and
 * DELETE). */
#define MAY_READ   "0x1200a9"
#define MAY_MODIFY "0x1301bf"

/* Owner and full control to the administrators, full control to the system; inherits nothing. */
#define GUARDED               "O:BAD:P"
#define OF_FOLDER(sid_rights) GUARDED "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;" sid_rights ";;;%s)"
#define SDDL_SIZE             (sizeof(OF_FOLDER(MAY_READ)) + SERVICE_SID_SIZE)

#define TEXT_SIZE 65536

struct text {
    size_t size;
    bool is_cut;
    char bytes[TEXT_SIZE];
};

int service_sid_print(const wchar_t *name, char out[SERVICE_SID_SIZE])
{
    wchar_t capitals[SERVICE_NAME_SIZE];
    uint32_t parts[5] = {0};
    BCRYPT_ALG_HANDLE algorithm;
    NTSTATUS status;
    const int length = LCMapStringEx(LOCALE_NAME_INVARIANT, LCMAP_UPPERCASE, name, -1, capitals,
                                     SERVICE_NAME_SIZE, NULL, NULL, 0);

    if (length <= 0 ||
        BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_SHA1_ALGORITHM, NULL, 0) != 0) {
        return RESULT_OS;
    }
    status = BCryptHash(algorithm, NULL, 0, (PUCHAR)capitals,
                        (ULONG)((size_t)(length - 1) * sizeof(capitals[0])), (PUCHAR)parts,
                        sizeof(parts));
    (void)BCryptCloseAlgorithmProvider(algorithm, 0);
    if (status != 0) {
        return RESULT_OS;
    }
    (void)snprintf(out, SERVICE_SID_SIZE, "S-1-5-80-%u-%u-%u-%u-%u", parts[0], parts[1], parts[2],
                   parts[3], parts[4]);
    return RESULT_OK;
}

/* The descriptor that `format` gives with the service's SID in it; to be freed with LocalFree. */
static PSECURITY_DESCRIPTOR make_descriptor(const struct service_task *task, const char *format)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    char sid[SERVICE_SID_SIZE];
    wchar_t sddl[SDDL_SIZE];
    char text[SDDL_SIZE];

    if (service_sid_print(task->name, sid) != RESULT_OK) {
        (void)service_task_refuse(task, 0, "the system does not make out the service's identity");
        return NULL;
    }
    (void)snprintf(text, sizeof(text), format, sid);
    if (os_widen(text, sddl, SDDL_SIZE) != 0 ||
        !ConvertStringSecurityDescriptorToSecurityDescriptorW(sddl, SDDL_REVISION_1, &descriptor,
                                                              NULL)) {
        (void)service_task_fail(task, GetLastError(), "the access list %s is refused", text);
        return NULL;
    }
    return descriptor;
}

/* When the access list of something that exists is set. */
enum guarding {
    GUARD_NEVER,
    GUARD_FOREIGN, /* If it belongs to somebody who is no administrator. */
    GUARD_ALWAYS
};

/* Whose something is that stands there already. */
enum owner {
    OWNER_ADMINISTRATORS, /* Or the system. */
    OWNER_CALLER,         /* Whoever installs. */
    OWNER_OTHER,          /* Or nobody knows. */
};

static bool is_caller(PSID sid)
{
    union {
        TOKEN_USER user;
        BYTE bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } answer;
    DWORD size;
    HANDLE token;
    bool result;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
        return false;
    }
    result = GetTokenInformation(token, TokenUser, &answer, sizeof(answer), &size) &&
             EqualSid(answer.user.User.Sid, sid);
    (void)CloseHandle(token);
    return result;
}

static enum owner find_owner(const struct service_task *task, HANDLE file)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID sid = NULL;
    enum owner owner = OWNER_OTHER;

    if (task->scm->get_security(file, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &sid, NULL, NULL,
                                NULL, &descriptor) != ERROR_SUCCESS) {
        return OWNER_OTHER;
    }
    if (IsWellKnownSid(sid, WinBuiltinAdministratorsSid) ||
        IsWellKnownSid(sid, WinLocalSystemSid)) {
        owner = OWNER_ADMINISTRATORS;
    } else if (is_caller(sid)) {
        owner = OWNER_CALLER;
    }
    (void)LocalFree(descriptor);
    return owner;
}

/* Anybody may make folders in ProgramData. Settings, secrets or a folder that somebody else has put
 * there beforehand are not taken over: who made them knows the secrets, and may still have them
 * open with the right to undo an access list. */
static int refuse_foreign(const struct service_task *task, const char *path)
{
    return service_task_refuse(task, EXIT_CODE_FAILURE,
                               "%s belongs to somebody who is neither an administrator nor you; "
                               "remove it, or look what is in it and make it the administrators' "
                               "by takeown /a /f \"%s\"",
                               path, path);
}

/* Gives what exists its access list. It goes by a handle, so that what was looked at is what is
 * changed, and nobody can put a link in its place in between. */
static int guard(const struct service_task *task, const char *path, const wchar_t *wide,
                 PSECURITY_DESCRIPTOR descriptor, bool is_folder, enum guarding guarding)
{
    BY_HANDLE_FILE_INFORMATION information;
    BOOL is_present = FALSE;
    BOOL is_defaulted = FALSE;
    PSID owner = NULL;
    PACL access = NULL;
    enum owner present;
    DWORD error;
    const HANDLE file = task->scm->create_file(
        wide, READ_CONTROL | WRITE_DAC | WRITE_OWNER | FILE_READ_ATTRIBUTES,
        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
        FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);

    if (file == INVALID_HANDLE_VALUE) {
        return service_task_fail(task, GetLastError(), "%s cannot be opened to guard it", path);
    }
    if (!GetFileInformationByHandle(file, &information)) {
        error = GetLastError();
    } else if ((information.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0 ||
               ((information.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0) != is_folder ||
               (!is_folder && information.nNumberOfLinks > 1)) {
        (void)CloseHandle(file);
        return service_task_refuse(task, EXIT_CODE_FAILURE,
                                   "%s is a link or no %s; remove it, or name another place for "
                                   "relay.ini by --config",
                                   path, is_folder ? "folder" : "file");
    } else if ((present = find_owner(task, file)) == OWNER_OTHER) {
        (void)CloseHandle(file);
        return refuse_foreign(task, path);
    } else if (guarding == GUARD_FOREIGN && present == OWNER_ADMINISTRATORS) {
        error = ERROR_SUCCESS;
    } else {
        (void)GetSecurityDescriptorOwner(descriptor, &owner, &is_defaulted);
        (void)GetSecurityDescriptorDacl(descriptor, &is_present, &access, &is_defaulted);
        error = task->scm->set_security(file, SE_FILE_OBJECT,
                                        OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION |
                                            PROTECTED_DACL_SECURITY_INFORMATION,
                                        owner, NULL, access, NULL);
    }
    (void)CloseHandle(file);
    if (error != ERROR_SUCCESS) {
        return service_task_fail(task, error, "the access list of %s cannot be set", path);
    }
    return EXIT_CODE_OK;
}

static int make_folder(const struct service_task *task, const char *path, const char *format,
                       enum guarding guarding)
{
    SECURITY_ATTRIBUTES security = {.nLength = sizeof(security)};
    wchar_t wide[OS_PATH_SIZE];
    int code = EXIT_CODE_OK;

    security.lpSecurityDescriptor = make_descriptor(task, format);
    if (security.lpSecurityDescriptor == NULL) {
        return EXIT_CODE_FAILURE;
    }
    if (os_widen(path, wide, OS_PATH_SIZE) != 0) {
        code = service_task_refuse(task, EXIT_CODE_FAILURE, "%s is too long a path", path);
    } else if (!task->scm->create_directory(wide, &security)) {
        const DWORD error = GetLastError();

        if (error != ERROR_ALREADY_EXISTS) {
            code = service_task_fail(task, error, "the folder %s cannot be made", path);
        } else if (guarding != GUARD_NEVER) {
            code = guard(task, path, wide, security.lpSecurityDescriptor, true, guarding);
        }
    }
    (void)LocalFree(security.lpSecurityDescriptor);
    return code;
}

/* Writes all of a new file beside its place, then moves it there unless there is one by now: a
 * half-written file is never in its place, and nothing is ever lost. */
static int store_file(const struct service_task *task, const char *path, const wchar_t *wide,
                      PSECURITY_DESCRIPTOR descriptor, const char *bytes, size_t size)
{
    SECURITY_ATTRIBUTES security = {.nLength = sizeof(security),
                                    .lpSecurityDescriptor = descriptor};
    wchar_t beside[OS_PATH_SIZE + 8];
    DWORD error = ERROR_SUCCESS;
    DWORD written = 0;
    HANDLE file;

    (void)swprintf(beside, OS_PATH_SIZE + 8, L"%ls.new", wide);
    (void)DeleteFileW(beside); /* Of an install that was cut short; its access list is unknown. */
    file = task->scm->create_file(beside, GENERIC_WRITE, 0, &security, CREATE_NEW,
                                  FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) {
        return service_task_fail(task, GetLastError(), "%s.new cannot be made", path);
    }
    if (!WriteFile(file, bytes, (DWORD)size, &written, NULL) || !FlushFileBuffers(file)) {
        error = GetLastError();
    } else if (written != size) {
        error = ERROR_DISK_FULL;
    }
    (void)CloseHandle(file);
    if (error == ERROR_SUCCESS && !MoveFileExW(beside, wide, MOVEFILE_WRITE_THROUGH)) {
        error = GetLastError();
    }
    if (error != ERROR_SUCCESS) {
        (void)DeleteFileW(beside);
        return service_task_fail(task, error, "%s cannot be written", path);
    }
    return EXIT_CODE_OK;
}

/* One of our two files: written where there is none, its access list set where asked. */
static int make_file(const struct service_task *task, const char *path, const char *bytes,
                     size_t size, bool is_first, bool *was_written_out)
{
    PSECURITY_DESCRIPTOR descriptor;
    wchar_t wide[OS_PATH_SIZE];
    int code = EXIT_CODE_OK;

    if (os_widen(path, wide, OS_PATH_SIZE) != 0) {
        return service_task_refuse(task, EXIT_CODE_FAILURE, "%s is too long a path", path);
    }
    descriptor = make_descriptor(task, GUARDED "(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;%s)");
    if (descriptor == NULL) {
        return EXIT_CODE_FAILURE;
    }
    if (GetFileAttributesW(wide) == INVALID_FILE_ATTRIBUTES) {
        code = store_file(task, path, wide, descriptor, bytes, size);
        *was_written_out = code == EXIT_CODE_OK;
    } else if (is_first) {
        code = guard(task, path, wide, descriptor, false, GUARD_ALWAYS);
    }
    (void)LocalFree(descriptor);
    return code;
}

/* Takes the template with the line ends of Windows: older editors of it know no others. */
static void collect(void *context, const char *bytes, size_t size)
{
    struct text *text = context;

    for (size_t i = 0; i < size; i++) {
        if (TEXT_SIZE - text->size < 2) {
            text->is_cut = true;
            return;
        }
        if (bytes[i] == '\n') {
            text->bytes[text->size++] = '\r';
        }
        text->bytes[text->size++] = bytes[i];
    }
}

static int make_secret(const struct service_task *task, struct service_files *files)
{
    static const char head[] =
        "; Who has a secret of this file can make tickets for the relay: keep it as safe.\r\n"
        "; To replace one, add a line (gsrelayd --genkey), reload, and remove the old line "
        "later.\r\n";
    char text[sizeof(head) + SECRET_LINE_SIZE];
    char line[SECRET_LINE_SIZE];
    int size;
    int code;

    configure_new_secret(line);
    size = snprintf(text, sizeof(text), "%s%s", head, line);
    code = make_file(task, task->paths.secret_file, text, (size_t)size, files->is_first,
                     &files->wrote_secret_out);
    sodium_memzero(line, sizeof(line));
    sodium_memzero(text, sizeof(text));
    return code;
}

static int make_config(const struct service_task *task, struct service_files *files)
{
    /* Open to the network, because a relay that players cannot reach is of no use, and closed to
     * all who have no ticket. */
    const struct config_assignment set[] = {
        {"server", "listen", "0.0.0.0, ::"},
        {"auth", "mode", "ticket"},
        {"auth", "secret_file", task->paths.secret_file},
    };
    static struct text text;

    if (strlen("secret_file = \"\"") + strlen(task->paths.secret_file) > CONFIG_LINE_MAX) {
        return service_task_refuse(task, EXIT_CODE_FAILURE,
                                   "%s is too long for a line of relay.ini: choose a shorter "
                                   "--name, or name a file of your own by --config",
                                   task->paths.secret_file);
    }
    text.size = 0;
    text.is_cut = false;
    config_dump_template(set, sizeof(set) / sizeof(set[0]), collect, &text);
    if (text.is_cut) {
        return service_task_refuse(task, EXIT_CODE_FAILURE, "relay.ini has grown too large");
    }
    return make_file(task, task->paths.config, text.bytes, text.size, files->is_first,
                     &files->wrote_config_out);
}

/* The folder in which services of other names have theirs belongs to the administrators. */
static int make_base(const struct service_task *task, bool is_first)
{
    char base[OS_PATH_SIZE];

    if (task->scm->config_dir(base, sizeof(base)) != 0) {
        return service_task_refuse(task, EXIT_CODE_FAILURE, "ProgramData is not known");
    }
    if (strcmp(base, task->paths.data) == 0) {
        return EXIT_CODE_OK;
    }
    return make_folder(task, base, GUARDED "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)",
                       is_first ? GUARD_FOREIGN : GUARD_NEVER);
}

static bool exists(const char *path)
{
    wchar_t wide[OS_PATH_SIZE];

    return os_widen(path, wide, OS_PATH_SIZE) == 0 &&
           GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES;
}

int service_files_make(const struct service_task *task, struct service_files *files)
{
    const struct {
        const char *path;
        const char *format;
        bool is_of_config;
    } folders[] = {
        {task->paths.data, OF_FOLDER(MAY_READ), false},
        {task->paths.secrets, OF_FOLDER(MAY_READ), true},
        {task->paths.logs, OF_FOLDER(MAY_MODIFY), false},
        {task->paths.state, OF_FOLDER(MAY_MODIFY), false},
    };
    int code = make_base(task, files->is_first);

    for (size_t i = 0; code == EXIT_CODE_OK && i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (!folders[i].is_of_config || !files->has_own_config) {
            code = make_folder(task, folders[i].path, folders[i].format,
                               files->is_first ? GUARD_ALWAYS : GUARD_NEVER);
        }
    }
    if (code != EXIT_CODE_OK || files->has_own_config) {
        return code;
    }
    /* The secret first: a relay.ini never names a file that is not there. One that exists already
     * need not name ours. */
    if (!exists(task->paths.config) || exists(task->paths.secret_file)) {
        code = make_secret(task, files);
    }
    return code == EXIT_CODE_OK ? make_config(task, files) : code;
}
