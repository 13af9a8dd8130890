/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/bench_process.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

struct bench_process *bench_process_start(char *const argv[], char *line, size_t size)
{
    int input[2];
    int output[2];
    struct bench_process *const process = calloc(1, sizeof(*process));

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
    if (process->pid < 0 || !read_line(output[0], line, size)) {
        bench_process_stop(process);
        return NULL;
    }
    return process;
}

uint64_t bench_process_other_cpu_ns(uint32_t pid)
{
    char path[64];
    char text[1024] = "";
    unsigned long user = 0;
    unsigned long system = 0;

    (void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    FILE *const file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    const bool is_read = fgets(text, sizeof(text), file) != NULL;
    (void)fclose(file);
    /* The name, in parentheses, may hold anything; behind it stand the fields from the third on. */
    const char *const fields = is_read ? strrchr(text, ')') : NULL;
    if (fields == NULL || sscanf(fields, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                                 &user, &system) != 2) {
        return 0;
    }
    return (user + system) * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

uint64_t bench_process_cpu_ns(const struct bench_process *process)
{
    return bench_process_other_cpu_ns((uint32_t)process->pid);
}

void bench_process_stop(struct bench_process *process)
{
    (void)close(process->input);
    if (process->pid > 0) {
        (void)waitpid(process->pid, NULL, 0);
    }
    free(process);
}
