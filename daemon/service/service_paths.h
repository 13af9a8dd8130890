/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_SERVICE_SERVICE_PATHS_H
#define GSRELAY_SERVICE_SERVICE_PATHS_H

#include "daemon/os/os.h"
#include "proto/result.h"

/* service_paths.h - what a service may be called, and where it keeps what is its own.
 *
 * The service with the usual name owns the machine's configuration folder (on Windows
 * %ProgramData%\gsrelay), one of another name a folder of that name in it. So a name must be one
 * that a folder, a registry key, an account (NT SERVICE\NAME) and a quoted argument can carry.
 * Not here: making any of it, and who may read it (service_files_windows.h). On Linux systemd and
 * the package say where things are; the layout is the same there, and only the tests use it.
 * Threads: any. Memory: the caller's. */

/* UTF-8 with its NUL. */
#define SERVICE_NAME_SIZE 97

#define SERVICE_PATHS_ERROR_SIZE 320

struct service_paths {
    char data[OS_PATH_SIZE];        /* The folder of all that follows. */
    char config[OS_PATH_SIZE];      /* relay.ini, where no other file is named. */
    char secrets[OS_PATH_SIZE];     /* A folder. */
    char secret_file[OS_PATH_SIZE]; /* secrets.ini in it. */
    char logs[OS_PATH_SIZE];        /* A folder. */
    char log_file[OS_PATH_SIZE];    /* gsrelayd.log in it. */
    char state[OS_PATH_SIZE];       /* A folder. */
    char last_end[OS_PATH_SIZE];    /* A file in it: how a failed run ended. */
};

/* Whether a service may have this name. RESULT_INVALID with a sentence that says why not. */
GSRELAY_CHECKED int service_name_check(const char *name, char error[SERVICE_PATHS_ERROR_SIZE]);

/* The places of the service `name`, which service_name_check() took, under the folder `base`.
 * RESULT_FULL when one of them does not fit. */
GSRELAY_CHECKED int service_paths_under(const char *base, const char *name,
                                        struct service_paths *out);

/* The same under os_path_config_dir(); RESULT_INVALID when the system does not tell that. */
GSRELAY_CHECKED int service_paths_find(const char *name, struct service_paths *out);

#endif
