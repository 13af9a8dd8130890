/* SPDX-License-Identifier: MIT */
#include "tests/bench/bench_server.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uint16_t read_port(const char *line, const char *key)
{
    const char *value = strstr(line, key);
    const char *colon = value != NULL ? strchr(value, ':') : NULL;

    return colon != NULL ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
}

static void run_child(char *const argv[], const char *log_path, unsigned cpu, int out_fd)
{
    const int log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    (void)sched_setaffinity(0, sizeof(cpus), &cpus);
    if (log_fd >= 0) {
        (void)dup2(log_fd, STDERR_FILENO);
    }
    (void)dup2(out_fd, STDOUT_FILENO);
    (void)execv(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

bool bench_server_start(struct bench_server *out, char *const argv[], const char *log_path,
                        unsigned cpu)
{
    char line[512] = "";
    int ends[2];
    FILE *from;

    memset(out, 0, sizeof(*out));
    if (pipe2(ends, O_CLOEXEC) != 0) {
        perror("pipe");
        return false;
    }
    out->pid = fork();
    if (out->pid == 0) {
        run_child(argv, log_path, cpu, ends[1]);
    }
    (void)close(ends[1]);
    from = fdopen(ends[0], "r");
    if (out->pid < 0 || from == NULL || fgets(line, sizeof(line), from) == NULL) {
        (void)fprintf(stderr, "%s did not become ready; see %s\n", argv[0], log_path);
        bench_server_stop(out);
        return false;
    }
    (void)fclose(from);
    out->udp_port = read_port(line, "udp=");
    out->control_port = read_port(line, "control=");
    return out->udp_port != 0;
}

uint64_t bench_server_cpu_ns(const struct bench_server *server)
{
    char path[64];
    uint64_t total_ns = 0;
    struct dirent *entry;
    DIR *tasks;

    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)server->pid);
    tasks = opendir(path);
    if (tasks == NULL) {
        return 0;
    }
    while ((entry = readdir(tasks)) != NULL) {
        char file[384];
        uint64_t cpu_ns = 0;
        FILE *stat;

        (void)snprintf(file, sizeof(file), "%s/%s/schedstat", path, entry->d_name);
        stat = entry->d_name[0] == '.' ? NULL : fopen(file, "re");
        if (stat == NULL) {
            continue;
        }
        if (fscanf(stat, "%" SCNu64, &cpu_ns) == 1) {
            total_ns += cpu_ns;
        }
        (void)fclose(stat);
    }
    (void)closedir(tasks);
    return total_ns;
}

void bench_server_stop(struct bench_server *server)
{
    if (server->pid > 0) {
        (void)kill(server->pid, SIGTERM);
        (void)waitpid(server->pid, NULL, 0);
    }
    server->pid = 0;
}
