/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_SERVICE_SERVICE_FILES_WINDOWS_H
#define GSRELAY_SERVICE_SERVICE_FILES_WINDOWS_H

#include "daemon/service/service_task_windows.h"

/* service_files_windows.h - the folders of a service, its first relay.ini and secret, and who may
 * read them.
 *
 * ProgramData lets every user of the machine make files in it, and what they make is theirs. So the
 * folders have access lists of their own that inherit nothing: the system and the administrators do
 * all, the service reads its settings and secrets and writes its logs and state, nobody else sees
 * anything. "The service" is its own SID, which is in its token whatever account it runs under.
 * Threads: the main thread. */

/* "S-1-5-80-" and five numbers. */
#define SERVICE_SID_SIZE 80

/* The SID of the service of that name, as Windows derives it: of the SHA-1 of the name in capitals,
 * in UTF-16. It needs no such service. */
GSRELAY_CHECKED int service_sid_print(const wchar_t *name, char out[SERVICE_SID_SIZE]);

struct service_files {
    bool is_first;         /* Sets the access lists of what exists as well. */
    bool has_own_config;   /* relay.ini is elsewhere: it and its secrets are the operator's. */
    bool wrote_config_out; /* What was made. */
    bool wrote_secret_out;
};

/* Makes what is missing, over nothing that exists. EXIT_CODE_OK, or what to end with; all is said.
 */
GSRELAY_CHECKED int service_files_make(const struct service_task *task,
                                       struct service_files *files);

#endif
