/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_SERVICE_SERVICE_WINDOWS_H
#define GSRELAY_SERVICE_SERVICE_WINDOWS_H

#include "daemon/service/service.h"

#include <windows.h>

/* service_windows.h - a life under the Windows service manager, with the three functions of the
 * system that it needs in a table, so that a test can stand in for the service manager.
 *
 * What is reported: START_PENDING with a checkpoint at every step and every attempt to open an
 * address, RUNNING once every socket is bound, STOP_PENDING with a checkpoint every second, and
 * STOPPED as the last act, with ERROR_SERVICE_SPECIFIC_ERROR and an enum exit_code if it failed.
 * What is understood: INTERROGATE, STOP and PRESHUTDOWN (both stop in order), PARAMCHANGE (reload)
 * and SERVICE_CONTROL_* below. */

enum service_control {
    SERVICE_CONTROL_REOPEN_LOG = 128, /* nats-server has the same numbers. */
    SERVICE_CONTROL_DRAIN = 129,
    SERVICE_CONTROL_COUNTERS = 130
};

/* As the functions of the same names without "service_manager". */
struct service_manager {
    BOOL(WINAPI *start_dispatcher)(const SERVICE_TABLE_ENTRYW *table);
    SERVICE_STATUS_HANDLE(WINAPI *register_handler)
    (LPCWSTR name, LPHANDLER_FUNCTION_EX handler, LPVOID context);
    BOOL(WINAPI *set_status)(SERVICE_STATUS_HANDLE handle, LPSERVICE_STATUS status);
};

struct service_run {
    const struct service_manager *manager;
    const char *name;
    const struct options *options;
    const char *log_file;      /* Where the log goes unless relay.ini says so; or NULL. */
    const char *last_end_path; /* Or NULL. */
};

/* The body of service_run_managed(). */
enum exit_code service_run_under(const struct service_run *run);

#endif
