/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/bench_process.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

struct bench_process {
    pid_t pid;
    int input; /* Of the child. */
};

static void pin(int cpu)
{
    cpu_set_t cpus;

    if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
        CPU_ZERO(&cpus);
        CPU_SET((unsigned)cpu, &cpus);
        (void)sched_setaffinity(0, sizeof(cpus), &cpus);
    }
}

void bench_process_pin_self(void)
{
    pin(0);
}

static void run_child(char *const argv[], int input, int output)
{
    pin(1);
    (void)dup2(input, STDIN_FILENO);
    (void)dup2(output, STDOUT_FILENO);
    (void)execvp(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

static bool read_line(int from, char *line, size_t size)
{
    FILE *const file = fdopen(from, "r");

    if (file == NULL) {
        (void)close(from);
        return false;
    }
    const bool is_read = fgets(line, (int)size, file) != NULL;
    (void)fclose(file);
    return is_read;
}

struct bench_process *bench_process_start(char *const argv[], char *line, size_t size,
                                          int *exit_code_out)
{
    int input[2];
    int output[2];
    struct bench_process *const process = calloc(1, sizeof(*process));

    *exit_code_out = -1;
    if (process == NULL || pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0) {
        free(process);
        return NULL;
    }
    process->pid = fork();
    if (process->pid == 0) {
        run_child(argv, input[0], output[1]);
    }
    (void)close(input[0]);
    (void)close(output[1]);
    process->input = input[1];
    if (!read_line(output[0], line, size)) {
        *exit_code_out = bench_process_stop(process);
        return NULL;
    }
    return process;
}

/* All its threads', those that have ended too, to the nanosecond. */
uint64_t bench_process_other_cpu_ns(uint32_t pid)
{
    struct timespec used;
    clockid_t clock = 0;

    if (pid == 0 || clock_getcpuclockid((pid_t)pid, &clock) != 0 ||
        clock_gettime(clock, &used) != 0) {
        return 0;
    }
    return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

uint64_t bench_process_cpu_ns(const struct bench_process *process)
{
    return bench_process_other_cpu_ns((uint32_t)process->pid);
}

/* The number behind `name` in the system's page about the process. */
static uint64_t status_number(const struct bench_process *process, const char *name)
{
    char path[64];
    char line[256];
    uint64_t number = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", process->pid);
    FILE *const file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            number = strtoull(line + strlen(name), NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return number;
}

uint64_t bench_process_memory_bytes(const struct bench_process *process)
{
    return status_number(process, "RssAnon:") * 1024;
}

unsigned bench_process_threads(const struct bench_process *process)
{
    return (unsigned)status_number(process, "Threads:");
}

int bench_process_stop(struct bench_process *process)
{
    int status = 0;
    const pid_t pid = process->pid;

    (void)close(process->input);
    free(process);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                           : -1;
}
