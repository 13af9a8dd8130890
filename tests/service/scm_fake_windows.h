/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SERVICE_SCM_FAKE_WINDOWS_H
#define GSRELAY_TESTS_SERVICE_SCM_FAKE_WINDOWS_H

#include "daemon/os/os.h"
#include "daemon/service/scm_windows.h"
#include "daemon/service/service_command.h"

#include <stdbool.h>
#include <stddef.h>

/* scm_fake_windows.h - a service manager in memory, with at most one service, that writes down in
 * words what is handed to it, each call a line.
 *
 * Files and registry keys are real, below a folder of the test's own and HKEY_CURRENT_USER; who may
 * read a file is written down as well. Time passes only in sleep_ms. Threads: one. */

#define FAKE_STATES_MAX 8

struct scm_fake {
    /* What stands with the manager. */
    bool exists;
    const wchar_t *image;
    const wchar_t *account;
    DWORD start_type;
    bool is_delayed;
    bool has_settings; /* Description, failure actions, SID and privileges. */
    /* The answers to query_status, one after the other; the last one stays. */
    SERVICE_STATUS_PROCESS states[FAKE_STATES_MAX];
    size_t state_count;
    size_t state_at;
    DWORD last_state;
    bool is_process_gone;
    int polls_after_end; /* How often the process is still there when the service has stopped. */
    int opens_after_removal; /* How often the service can still be opened when it is removed. */
    /* The call of this name fails with this error, each time. */
    const char *failing_call;
    DWORD error;
    DWORD run_exit_code;
    const wchar_t *program;
    uint64_t now_ms;
    int open_handles;
    const wchar_t *owner; /* Of every file, as a SID in text; NULL: whoever runs the test. */
    /* What was handed over. */
    char calls[16384];
    size_t calls_size;
    /* What was said. */
    char out[8192];
    char err[8192];
};

extern struct scm_fake scm_fake;

/* Everything as on a machine without the service, in an empty folder. */
void scm_fake_reset(void);

/* A service of ours as `gsrelayd service install` makes it. */
void scm_fake_install(const wchar_t *config);

/* Adds an answer of query_status. */
void scm_fake_state(DWORD state, DWORD checkpoint, DWORD hint_ms);

/* Runs "gsrelayd service ..." with these words, up to NULL; returns its exit code. */
int scm_fake_run(const char *const words[]);
#define RUN(...) scm_fake_run((const char *const[]){__VA_ARGS__, NULL})

/* What stands for ProgramData\gsrelay and for HKEY_LOCAL_MACHINE; scm_fake_reset() makes both. */
extern char scm_fake_folder[OS_PATH_SIZE];
extern HKEY scm_fake_registry;
void scm_fake_make(void);

/* A path in the folder, good until the next call but one. */
const char *scm_fake_path(const char *name);

/* Whole files in the folder. read gives NULL where there is none. */
const char *scm_fake_read(const char *name);
void scm_fake_write(const char *name, const char *text);

/* The message file of a source of events in the test's registry; false when there is none. */
bool scm_fake_source(const wchar_t *name, char *file_out);
void scm_fake_set_source(const wchar_t *name, const wchar_t *file);

/* The access list as the system writes it. */
const char *scm_fake_sddl(const char *sddl);
#define SCM_FAKE_SDDL_SIZE 4096
void scm_fake_print_sddl(PSECURITY_DESCRIPTOR descriptor, char out[SCM_FAKE_SDDL_SIZE]);

/* Fails the test unless the text is there, or is not. */
void assert_said(const char *where, const char *text);
void assert_unsaid(const char *where, const char *text);

/* Removes the folder and the registry key. */
void scm_fake_clean(void);

#endif
