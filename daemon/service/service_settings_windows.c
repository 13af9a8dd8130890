/* SPDX-License-Identifier: MIT */
#include "daemon/service/service_extras_windows.h"

#include "daemon/identity.h"
#include "daemon/os/os_text_windows.h"

/* What a stop may take beyond server.drain_timeout until the process is gone. */
#define SHUTDOWN_SLACK_MS 10000

static void set(const struct service_task *task, DWORD level, void *information, const char *what)
{
    if (!task->scm->change_more(task->service, level, information)) {
        service_task_warn_error(task, GetLastError(), "%s of the service is not set", what);
    }
}

/* Whether the service has a setting already. What cannot be asked counts as not set. */
static bool has(const struct service_task *task, DWORD level)
{
    static union {
        SERVICE_DESCRIPTIONW description;
        SERVICE_FAILURE_ACTIONSW failure;
        SERVICE_SID_INFO sid;
        SERVICE_REQUIRED_PRIVILEGES_INFOW privileges;
        BYTE bytes[SERVICE_QUERY_SIZE];
    } answer;
    DWORD needed;

    if (!task->scm->query_more(task->service, level, answer.bytes, sizeof(answer), &needed)) {
        return false;
    }
    switch (level) {
    case SERVICE_CONFIG_DESCRIPTION:
        return answer.description.lpDescription != NULL &&
               answer.description.lpDescription[0] != L'\0';
    case SERVICE_CONFIG_FAILURE_ACTIONS:
        return answer.failure.cActions > 0;
    case SERVICE_CONFIG_SERVICE_SID_INFO:
        return answer.sid.dwServiceSidType != SERVICE_SID_TYPE_NONE;
    case SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO:
        return answer.privileges.pmszRequiredPrivileges != NULL &&
               answer.privileges.pmszRequiredPrivileges[0] != L'\0';
    default:
        return false;
    }
}

static void set_description(const struct service_task *task)
{
    wchar_t text[512];
    SERVICE_DESCRIPTIONW description = {.lpDescription = text};

    if (os_widen(IDENTITY_SERVICE_DESCRIPTION, text, 512) == 0) {
        set(task, SERVICE_CONFIG_DESCRIPTION, &description, "the description");
    }
}

/* Without the flag an orderly end with an error code would not count as a failure. */
static void set_recovery(const struct service_task *task)
{
    SC_ACTION actions[] = {{.Type = SC_ACTION_RESTART, .Delay = 5000},
                           {.Type = SC_ACTION_RESTART, .Delay = 30000},
                           {.Type = SC_ACTION_RESTART, .Delay = 60000}};
    SERVICE_FAILURE_ACTIONSW failure = {
        .dwResetPeriod = 24 * 60 * 60,
        .cActions = sizeof(actions) / sizeof(actions[0]),
        .lpsaActions = actions,
    };
    SERVICE_FAILURE_ACTIONS_FLAG flag = {.fFailureActionsOnNonCrashFailures = TRUE};

    set(task, SERVICE_CONFIG_FAILURE_ACTIONS, &failure, "the restart after a failure");
    set(task, SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &flag, "the restart after an end with an error");
}

static void set_identity(const struct service_task *task)
{
    SERVICE_SID_INFO sid = {.dwServiceSidType = SERVICE_SID_TYPE_UNRESTRICTED};

    set(task, SERVICE_CONFIG_SERVICE_SID_INFO, &sid, "the identity (SID)");
}

/* All that is left is to pass through folders on the way to its own. */
static void set_privileges(const struct service_task *task)
{
    wchar_t names[] = L"SeChangeNotifyPrivilege\0"; /* A list: it ends with an empty name. */
    SERVICE_REQUIRED_PRIVILEGES_INFOW privileges = {.pmszRequiredPrivileges = names};

    set(task, SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, &privileges, "the list of privileges");
}

static void set_shutdown_time(const struct service_task *task, const struct relay_config *config)
{
    SERVICE_PRESHUTDOWN_INFO shutdown = {.dwPreshutdownTimeout =
                                             (DWORD)(config->server.drain_timeout_ns / 1000000u) +
                                             SHUTDOWN_SLACK_MS};

    set(task, SERVICE_CONFIG_PRESHUTDOWN_INFO, &shutdown, "the time to stop before a shutdown");
}

/* Not for a service that keeps its start type. */
static void set_delay(const struct service_task *task, bool is_new)
{
    const bool is_delayed = task->command->start == SERVICE_START_DELAYED ||
                            (is_new && task->command->start == SERVICE_START_UNSAID);
    SERVICE_DELAYED_AUTO_START_INFO delay = {.fDelayedAutostart = is_delayed};

    if (is_delayed || (!is_new && task->command->start == SERVICE_START_AUTO)) {
        set(task, SERVICE_CONFIG_DELAYED_AUTO_START_INFO, &delay, "the delay of the start");
    }
}

void service_settings_apply(const struct service_task *task, bool is_new,
                            const struct relay_config *config)
{
    if (is_new || !has(task, SERVICE_CONFIG_DESCRIPTION)) {
        set_description(task);
    }
    if (is_new || !has(task, SERVICE_CONFIG_FAILURE_ACTIONS)) {
        set_recovery(task);
    }
    if (is_new || !has(task, SERVICE_CONFIG_SERVICE_SID_INFO)) {
        set_identity(task);
    }
    if (is_new || !has(task, SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO)) {
        set_privileges(task);
    }
    if (config != NULL) {
        set_shutdown_time(task, config);
    }
    set_delay(task, is_new);
}
