/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/bench_process.h"

#include <windows.h>

#include <psapi.h>
#include <tlhelp32.h>

#include <stdio.h>
#include <stdlib.h>

#define COMMAND_MAX 4096

struct bench_process {
    HANDLE process;
    HANDLE input; /* Of the child. */
};

static DWORD_PTR processor(unsigned cpu)
{
    DWORD_PTR ours = 0;
    DWORD_PTR all = 0;

    if (!GetProcessAffinityMask(GetCurrentProcess(), &ours, &all) || (all & 3) != 3) {
        return all;
    }
    return (DWORD_PTR)1 << cpu;
}

void bench_process_pin_self(void)
{
    (void)SetProcessAffinityMask(GetCurrentProcess(), processor(0));
}

/* Our arguments have no quotes in them. */
static bool make_command(char *const argv[], WCHAR command[COMMAND_MAX])
{
    int used = 0;

    for (unsigned i = 0; argv[i] != NULL; i++) {
        WCHAR argument[COMMAND_MAX];
        if (MultiByteToWideChar(CP_UTF8, 0, argv[i], -1, argument, COMMAND_MAX) == 0) {
            return false;
        }
        const int length =
            _snwprintf(command + used, (size_t)(COMMAND_MAX - used), L"\"%ls\" ", argument);
        if (length < 0 || length >= COMMAND_MAX - used) {
            return false;
        }
        used += length;
    }
    return used > 0;
}

/* A pipe of which the child has one end; it must not have the other too, or it never ends. */
static bool make_pipe(HANDLE *read_end, HANDLE *write_end, HANDLE *ours)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof(inherited), .bInheritHandle = TRUE};

    return CreatePipe(read_end, write_end, &inherited, 0) &&
           SetHandleInformation(*ours, HANDLE_FLAG_INHERIT, 0);
}

static bool read_line(HANDLE from, char *line, size_t size)
{
    size_t used = 0;
    DWORD count = 0;

    while (used + 1 < size && ReadFile(from, line + used, 1, &count, NULL) && count == 1) {
        used++;
        if (line[used - 1] == '\n') {
            break;
        }
    }
    line[used] = '\0';
    return used > 0;
}

struct bench_process *bench_process_start(char *const argv[], char *line, size_t size,
                                          int *exit_code_out)
{
    STARTUPINFOW startup = {.cb = sizeof(startup), .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION started = {0};
    WCHAR command[COMMAND_MAX];
    HANDLE output = NULL;
    struct bench_process *const process = calloc(1, sizeof(*process));

    *exit_code_out = -1;
    if (process == NULL || !make_command(argv, command) ||
        !make_pipe(&startup.hStdInput, &process->input, &process->input) ||
        !make_pipe(&output, &startup.hStdOutput, &output)) {
        free(process);
        return NULL;
    }
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    const bool is_started =
        CreateProcessW(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &started);
    (void)CloseHandle(startup.hStdInput);
    (void)CloseHandle(startup.hStdOutput);
    if (is_started) {
        process->process = started.hProcess;
        (void)SetProcessAffinityMask(started.hProcess, processor(1));
        (void)CloseHandle(started.hThread);
    }
    const bool is_ready = is_started && read_line(output, line, size);
    (void)CloseHandle(output);
    if (!is_ready) {
        *exit_code_out = bench_process_stop(process);
        return NULL;
    }
    return process;
}

static uint64_t to_ns(FILETIME time)
{
    return (((uint64_t)time.dwHighDateTime << 32) | time.dwLowDateTime) * 100;
}

uint64_t bench_process_cpu_ns(const struct bench_process *process)
{
    FILETIME created;
    FILETIME ended;
    FILETIME kernel = {0};
    FILETIME user = {0};

    (void)GetProcessTimes(process->process, &created, &ended, &kernel, &user);
    return to_ns(kernel) + to_ns(user);
}

uint64_t bench_process_other_cpu_ns(uint32_t pid)
{
    (void)pid;
    return 0;
}

uint64_t bench_process_memory_bytes(const struct bench_process *process)
{
    PROCESS_MEMORY_COUNTERS counters = {.cb = sizeof(counters)};

    return K32GetProcessMemoryInfo(process->process, &counters, sizeof(counters))
               ? counters.PagefileUsage
               : 0;
}

unsigned bench_process_threads(const struct bench_process *process)
{
    const DWORD pid = GetProcessId(process->process);
    const HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 thread = {.dwSize = sizeof(thread)};
    unsigned count = 0;

    if (snapshot == INVALID_HANDLE_VALUE) {
        return 0;
    }
    for (BOOL is_one = Thread32First(snapshot, &thread); is_one;
         is_one = Thread32Next(snapshot, &thread)) {
        count += thread.th32OwnerProcessID == pid;
    }
    (void)CloseHandle(snapshot);
    return count;
}

int bench_process_stop(struct bench_process *process)
{
    DWORD code = 0;
    bool has_code = false;

    (void)CloseHandle(process->input);
    if (process->process != NULL) {
        (void)WaitForSingleObject(process->process, INFINITE);
        has_code = GetExitCodeProcess(process->process, &code);
        (void)CloseHandle(process->process);
    }
    free(process);
    return has_code ? (int)code : -1;
}
