/* SPDX-License-Identifier: MIT */

/* freeze_linux.c - stops one thread of a process, as if it hung, until standard input ends.
 *
 * The rest of the process runs on. Prints "frozen" when it is so and "thawed" at the end; exits
 * with 77 where the system does not let us.
 *
 * usage: gsrelay_freeze PID THREAD_NAME */

#include "daemon/os/os.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

/* 0 when there is none of that name. */
static pid_t find_thread(const char *process, const char *name)
{
    char path[512];
    struct dirent *entry;
    pid_t found = 0;
    DIR *folder;

    (void)snprintf(path, sizeof(path), "/proc/%s/task", process);
    folder = opendir(path);
    while (folder != NULL && found == 0 && (entry = readdir(folder)) != NULL) {
        char comm[64] = "";
        FILE *file;

        (void)snprintf(path, sizeof(path), "/proc/%s/task/%s/comm", process, entry->d_name);
        file = os_file_open_read(path);
        if (file != NULL) {
            if (fgets(comm, sizeof(comm), file) != NULL) {
                comm[strcspn(comm, "\n")] = '\0';
            }
            (void)fclose(file);
        }
        if (strcmp(comm, name) == 0) {
            found = (pid_t)strtol(entry->d_name, NULL, 10);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return found;
}

int program_main(int argc, char **argv)
{
    pid_t thread;
    char byte;

    if (argc != 3 || (thread = find_thread(argv[1], argv[2])) == 0) {
        (void)fprintf(stderr, "usage: gsrelay_freeze PID THREAD_NAME, and both have to be there\n");
        return 2;
    }
    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0 ||
        ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0 ||
        waitpid(thread, NULL, __WALL) != thread) {
        (void)puts("not allowed");
        return 77;
    }
    (void)puts("frozen");
    (void)fflush(stdout);
    while (os_stdin_read(&byte, 1) > 0) {
    }
    (void)ptrace(PTRACE_DETACH, thread, NULL, NULL);
    (void)puts("thawed");
    return 0;
}
