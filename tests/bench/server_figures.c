/* SPDX-License-Identifier: MIT */
#include "tests/bench/server_figures.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void read_threads(struct server_figures *out, pid_t pid)
{
    char path[64];
    struct dirent *entry;
    DIR *tasks;

    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    if (tasks == NULL) {
        return;
    }
    while ((entry = readdir(tasks)) != NULL) {
        char file[384];
        uint64_t cpu_ns = 0;
        uint64_t waited_ns = 0;
        FILE *from;

        (void)snprintf(file, sizeof(file), "%s/%s/schedstat", path, entry->d_name);
        from = entry->d_name[0] == '.' ? NULL : fopen(file, "re");
        if (from == NULL) {
            continue;
        }
        if (fscanf(from, "%" SCNu64 " %" SCNu64, &cpu_ns, &waited_ns) == 2) {
            out->cpu_ns += cpu_ns;
            out->waited_ns += waited_ns;
        }
        (void)fclose(from);
    }
    (void)closedir(tasks);
}

static void read_memory(struct server_figures *out, pid_t pid)
{
    char path[64];
    char line[256];
    FILE *from;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    from = fopen(path, "re");
    while (from != NULL && fgets(line, sizeof(line), from) != NULL) {
        (void)sscanf(line, "VmRSS: %" SCNu64, &out->resident_kb);
        (void)sscanf(line, "RssAnon: %" SCNu64, &out->private_kb);
    }
    if (from != NULL) {
        (void)fclose(from);
    }
}

void server_figures_read(struct server_figures *out, pid_t pid)
{
    memset(out, 0, sizeof(*out));
    read_threads(out, pid);
    read_memory(out, pid);
}
