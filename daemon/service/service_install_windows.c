/* SPDX-License-Identifier: MIT */
#include "daemon/service/service_extras_windows.h"
#include "daemon/service/service_files_windows.h"
#include "daemon/service/service_task_windows.h"

#include "config/config_text.h"
#include "daemon/exit_code.h"
#include "daemon/identity.h"
#include "daemon/os/os_text_windows.h"

#include <string.h>

/* How long the manager may take to forget a service that is gone. */
#define FORGET_MS 5000
#define POLL_MS   100

/* What is to stand with the manager. */
struct plan {
    bool is_new;
    struct service_image image;
    wchar_t image_line[SERVICE_IMAGE_SIZE];
    wchar_t display_name[SERVICE_ACCOUNT_SIZE];
    wchar_t account[SERVICE_ACCOUNT_SIZE];
    const wchar_t *password; /* Empty for the built-in accounts, NULL for those that have none. */
    bool sets_account;
    bool sets_display_name;
};

static bool is_word(const char *text, const char *word)
{
    return config_equal_ignoring_case(text, word);
}

/* The account as the manager wants to have it; NULL: not one that we can set. */
static const char *find_account(const char *asked, const char *own, const wchar_t **password_out)
{
    static const struct {
        const char *word;
        const char *account;
    } builtin[] = {
        {"LocalService", "NT AUTHORITY\\LocalService"},
        {"NetworkService", "NT AUTHORITY\\NetworkService"},
        {"LocalSystem", "LocalSystem"},
    };

    *password_out = NULL;
    if (is_word(asked, "virtual") || is_word(asked, own)) {
        return own;
    }
    for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++) {
        if (is_word(asked, builtin[i].word) || is_word(asked, builtin[i].account)) {
            *password_out = L"";
            return builtin[i].account;
        }
    }
    /* A group-managed account: Windows knows its password. */
    return strchr(asked, '\\') != NULL && asked[strlen(asked) - 1] == '$' ? asked : NULL;
}

static int plan_account(const struct service_task *task, struct plan *plan)
{
    const char *asked = task->command->account;
    char own[SERVICE_NAME_SIZE + 16];
    const char *account;

    plan->sets_account = plan->is_new || asked != NULL;
    if (!plan->sets_account) {
        return EXIT_CODE_OK;
    }
    (void)snprintf(own, sizeof(own), "NT SERVICE\\%s", task->command->name);
    account = find_account(asked != NULL ? asked : own, own, &plan->password);
    if (account == NULL) {
        return service_task_refuse(
            task, EXIT_CODE_CONFIG,
            "--account takes virtual, LocalService, NetworkService, LocalSystem or a "
            "group-managed account as DOMAIN\\NAME$, not \"%s\"; an account with a password is set "
            "in services.msc, and stays",
            asked);
    }
    if (os_widen(account, plan->account, SERVICE_ACCOUNT_SIZE) != 0) {
        return service_task_refuse(task, EXIT_CODE_CONFIG, "--account is too long");
    }
    return EXIT_CODE_OK;
}

/* The full path of a file that must be there. */
static int find_file(const struct service_task *task, const char *path, char out[OS_PATH_SIZE])
{
    wchar_t wide[OS_PATH_SIZE];
    wchar_t full[OS_PATH_SIZE];
    DWORD attributes;
    DWORD length;

    if (os_widen(path, wide, OS_PATH_SIZE) != 0) {
        return service_task_refuse(task, EXIT_CODE_CONFIG, "--config %s is too long a path", path);
    }
    length = GetFullPathNameW(wide, OS_PATH_SIZE, full, NULL);
    if (length == 0 || length >= OS_PATH_SIZE || os_narrow(full, length, out, OS_PATH_SIZE) < 0) {
        return service_task_refuse(task, EXIT_CODE_CONFIG, "--config %s is too long a path", path);
    }
    attributes = GetFileAttributesW(full);
    if (attributes == INVALID_FILE_ATTRIBUTES) {
        (void)service_task_fail(task, GetLastError(), "--config %s cannot be used", out);
        return EXIT_CODE_CONFIG;
    }
    if ((attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
        return service_task_refuse(task, EXIT_CODE_CONFIG, "--config %s is a folder", out);
    }
    return EXIT_CODE_OK;
}

/* Which relay.ini: the one that is named, else the one that the service has, else our own. */
static int plan_config(const struct service_task *task, struct plan *plan)
{
    if (task->command->config_path != NULL) {
        return find_file(task, task->command->config_path, plan->image.config);
    }
    (void)snprintf(plan->image.config, OS_PATH_SIZE, "%s",
                   task->image.config[0] != '\0' ? task->image.config : task->paths.config);
    return EXIT_CODE_OK;
}

/* Letters of network drives belong to a log-on; a service has none of them. */
static void warn_of_network(const struct service_task *task, const char *path)
{
    const wchar_t root[] = {(wchar_t)path[0], L':', L'\\', L'\0'};

    if (path[0] != '\0' && path[1] == ':' && GetDriveTypeW(root) == DRIVE_REMOTE) {
        service_task_warn(task, "%s is on a network drive, which services do not see", path);
    }
}

static int plan_image(const struct service_task *task, struct plan *plan)
{
    static char line[SERVICE_IMAGE_SIZE];
    wchar_t program[OS_PATH_SIZE];
    const DWORD length = task->scm->program_path(NULL, program, OS_PATH_SIZE);

    if (length == 0 || length >= OS_PATH_SIZE ||
        os_narrow(program, length, plan->image.program, OS_PATH_SIZE) < 0) {
        return service_task_refuse(task, EXIT_CODE_FAILURE, "the path of this program is too long");
    }
    if (!service_image_is_ours(plan->image.program)) {
        return service_task_refuse(task, EXIT_CODE_FAILURE,
                                   "%s cannot become a service: its name has to begin with "
                                   "gsrelayd, by which the service is known again",
                                   plan->image.program);
    }
    warn_of_network(task, plan->image.program);
    warn_of_network(task, plan->image.config);
    (void)snprintf(plan->image.name, SERVICE_NAME_SIZE, "%s", task->command->name);
    if (service_image_print(&plan->image, line) != RESULT_OK ||
        os_widen(line, plan->image_line, SERVICE_IMAGE_SIZE) != 0) {
        return service_task_refuse(task, EXIT_CODE_FAILURE,
                                   "%s and %s: the service manager takes no path with a percent "
                                   "sign, and none so long; move the program or the file",
                                   plan->image.program, plan->image.config);
    }
    return EXIT_CODE_OK;
}

static int plan_display_name(const struct service_task *task, struct plan *plan)
{
    char text[SERVICE_NAME_SIZE + 64];
    const char *name = task->command->display_name;

    plan->sets_display_name = plan->is_new || name != NULL;
    if (name == NULL) {
        const bool is_usual = is_word(task->command->name, IDENTITY_SERVICE_NAME);

        (void)snprintf(text, sizeof(text), is_usual ? "%s" : "%s (%s)",
                       IDENTITY_SERVICE_DISPLAY_NAME, task->command->name);
        name = text;
    }
    if (os_widen(name, plan->display_name, 256) != 0) {
        return service_task_refuse(task, EXIT_CODE_CONFIG, "--display-name is too long");
    }
    return EXIT_CODE_OK;
}

static DWORD start_type(enum service_start start, DWORD unsaid)
{
    switch (start) {
    case SERVICE_START_AUTO:
    case SERVICE_START_DELAYED:
        return SERVICE_AUTO_START;
    case SERVICE_START_MANUAL:
        return SERVICE_DEMAND_START;
    case SERVICE_START_UNSAID:
        break;
    }
    return unsaid;
}

static int create(struct service_task *task, const struct plan *plan)
{
    task->service = task->scm->create_service(
        task->manager, task->name, plan->display_name,
        SERVICE_CHANGE_CONFIG | SERVICE_QUERY_CONFIG | SERVICE_QUERY_STATUS | SERVICE_START,
        SERVICE_WIN32_OWN_PROCESS, start_type(task->command->start, SERVICE_AUTO_START),
        SERVICE_ERROR_NORMAL, plan->image_line, NULL, NULL, NULL, plan->account, plan->password);
    if (task->service == NULL) {
        return service_task_fail(task, GetLastError(), "the service %s cannot be made",
                                 task->command->name);
    }
    return EXIT_CODE_OK;
}

static int change(const struct service_task *task, const struct plan *plan)
{
    if (!task->scm->change(
            task->service, SERVICE_NO_CHANGE, start_type(task->command->start, SERVICE_NO_CHANGE),
            SERVICE_NO_CHANGE, plan->image_line, NULL, NULL, NULL,
            plan->sets_account ? plan->account : NULL, plan->sets_account ? plan->password : NULL,
            plan->sets_display_name ? plan->display_name : NULL)) {
        return service_task_fail(task, GetLastError(), "the service %s cannot be changed",
                                 task->command->name);
    }
    return EXIT_CODE_OK;
}

static void tell(const struct service_task *task, const struct plan *plan,
                 const struct service_files *files)
{
    const char *name = task->command->name;
    const bool has_moved = !plan->is_new && !is_word(task->image.program, plan->image.program);

    (void)fprintf(task->out, "%s: %s\n  program  %s\n  config   %s%s\n", name,
                  plan->is_new ? "installed" : "was installed already; changed what was asked for",
                  plan->image.program, plan->image.config,
                  files->wrote_config_out ? " (new: who has a ticket may play)" : "");
    if (files->wrote_secret_out) {
        (void)fprintf(task->out, "  secret   %s (new: what makes tickets needs it)\n",
                      task->paths.secret_file);
    }
    if (files->has_own_config) {
        char sid[SERVICE_SID_SIZE];

        if (service_sid_print(task->name, sid) == RESULT_OK) {
            (void)fprintf(task->out,
                          "  the service has to be able to read that file, and the secrets that "
                          "it names:\n    icacls \"%s\" /grant *%s:R\n",
                          plan->image.config, sid);
        }
    }
    if (has_moved) {
        (void)fprintf(task->out,
                      "  it ran %s before; if the firewall was opened for that, give "
                      "--firewall again\n",
                      task->image.program);
    }
    if (plan->is_new) {
        (void)fprintf(task->out, "start it: gsrelayd service start%s%s%s\n",
                      is_word(name, IDENTITY_SERVICE_NAME) ? "" : " --name \"",
                      is_word(name, IDENTITY_SERVICE_NAME) ? "" : name,
                      is_word(name, IDENTITY_SERVICE_NAME) ? "" : "\"");
    } else {
        (void)fputs("a service that runs takes the change at its next start\n", task->out);
    }
}

static void add_extras(const struct service_task *task, const struct plan *plan)
{
    const struct relay_config *config = service_task_config(task, plan->image.config);

    if (config == NULL) {
        service_task_warn(task, "the service will not start before this is mended");
    }
    service_settings_apply(task, plan->is_new, config);
    service_event_source_add(task, plan->image.program);
    if (task->command->firewall && config != NULL) {
        service_firewall_open(task, plan->image.program, config);
    } else if (task->command->firewall) {
        service_task_warn(task, "the firewall is not opened: the ports are not known");
    }
}

int service_install(struct service_task *task)
{
    static struct plan plan;
    struct service_files files = {.is_first = false};
    int result;
    int code;

    result = service_task_open(task, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE,
                               SERVICE_CHANGE_CONFIG | SERVICE_START);
    if (result != RESULT_OK && result != RESULT_NOT_FOUND) {
        return EXIT_CODE_FAILURE;
    }
    plan = (struct plan){.is_new = result == RESULT_NOT_FOUND};
    if ((code = plan_account(task, &plan)) != EXIT_CODE_OK ||
        (code = plan_display_name(task, &plan)) != EXIT_CODE_OK ||
        (code = plan_config(task, &plan)) != EXIT_CODE_OK ||
        (code = plan_image(task, &plan)) != EXIT_CODE_OK) {
        return code;
    }
    files.is_first = plan.is_new || task->command->account != NULL;
    files.has_own_config = !is_word(plan.image.config, task->paths.config);
    if ((code = service_files_make(task, &files)) != EXIT_CODE_OK ||
        (code = plan.is_new ? create(task, &plan) : change(task, &plan)) != EXIT_CODE_OK) {
        return code;
    }
    add_extras(task, &plan);
    tell(task, &plan, &files);
    return EXIT_CODE_OK;
}

/* Windows forgets a service when the last program that holds it open lets go. */
static void wait_forgotten(struct service_task *task)
{
    const uint64_t end_ms = task->scm->now_ms() + FORGET_MS;

    for (;;) {
        const SC_HANDLE service =
            task->scm->open_service(task->manager, task->name, SERVICE_QUERY_STATUS);

        if (service != NULL) {
            (void)task->scm->close(service);
        } else if (GetLastError() == ERROR_SERVICE_DOES_NOT_EXIST) {
            return;
        }
        if (task->scm->now_ms() >= end_ms) {
            service_task_warn(task,
                              "another program still holds the service %s open; it is gone "
                              "when that lets go (services.msc, Task Manager, Event Viewer)",
                              task->command->name);
            return;
        }
        task->scm->sleep_ms(POLL_MS);
    }
}

static void tell_what_stays(const struct service_task *task)
{
    const char *const places[] = {task->image.config, task->paths.secret_file, task->paths.logs};
    bool is_first = true;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        wchar_t wide[OS_PATH_SIZE];

        if (places[i][0] != '\0' && os_widen(places[i], wide, OS_PATH_SIZE) == 0 &&
            GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES) {
            (void)fprintf(task->out, "%s%s\n",
                          is_first ? "these stay; delete them if nobody needs them:\n  " : "  ",
                          places[i]);
            is_first = false;
        }
    }
}

static int remove_service(struct service_task *task)
{
    bool was_running;
    int code = service_task_stop(task, &was_running);

    if (code != EXIT_CODE_OK) {
        return code;
    }
    if (!task->scm->remove(task->service)) {
        return service_task_fail(task, GetLastError(), "the service %s cannot be removed",
                                 task->command->name);
    }
    (void)task->scm->close(task->service);
    task->service = NULL;
    wait_forgotten(task);
    return EXIT_CODE_OK;
}

int service_uninstall(struct service_task *task)
{
    const int result = service_task_open(task, SC_MANAGER_CONNECT, SERVICE_STOP | DELETE);
    int code;

    if (result != RESULT_OK && result != RESULT_NOT_FOUND) {
        return EXIT_CODE_FAILURE;
    }
    if (result == RESULT_OK) {
        code = remove_service(task);
        if (code != EXIT_CODE_OK) {
            return code;
        }
    }
    /* Also what an uninstall that was cut short has left. */
    service_event_source_remove(task);
    service_firewall_close(task);
    (void)fprintf(task->out, "%s: %s\n", task->command->name,
                  result == RESULT_OK ? "uninstalled" : "there is no such service");
    tell_what_stays(task);
    return EXIT_CODE_OK;
}
