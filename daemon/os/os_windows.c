/* SPDX-License-Identifier: MIT */
#include "daemon/os/os.h"
#include "daemon/os/os_text_windows.h"

/* windows.h comes first: the others need its types. */
#include <windows.h>

#include <bcrypt.h>
#include <errno.h>
#include <psapi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NS_PER_S 1000000000u

/* FILETIME counts 100 ns steps from 1601; this is where 1970 begins. */
#define FILETIME_UNIX_EPOCH 116444736000000000u
#define FILETIME_PER_MS     10000u
#define NS_PER_FILETIME     100u

static uint64_t filetime_value(FILETIME time)
{
    return ((uint64_t)time.dwHighDateTime << 32) | time.dwLowDateTime;
}

uint64_t os_clock_ns(void)
{
    /* Neither call can fail since Windows XP. The frequency is fixed at boot; reading it is a load
     * from a page that is shared with the kernel. */
    LARGE_INTEGER frequency;
    LARGE_INTEGER ticks;
    (void)QueryPerformanceFrequency(&frequency);
    (void)QueryPerformanceCounter(&ticks);
    uint64_t per_s = (uint64_t)frequency.QuadPart;
    uint64_t now = (uint64_t)ticks.QuadPart;
    /* In two parts, because ticks times 10^9 overflows after minutes. */
    return now / per_s * NS_PER_S + now % per_s * NS_PER_S / per_s;
}

uint64_t os_wall_ms(void)
{
    FILETIME now;
    GetSystemTimePreciseAsFileTime(&now);
    return (filetime_value(now) - FILETIME_UNIX_EPOCH) / FILETIME_PER_MS;
}

void os_sleep_ms(uint32_t duration_ms)
{
    /* Sleep counts whole ticks of the system and may return up to one early. */
    uint64_t end_ns = os_clock_ns() + (uint64_t)duration_ms * 1000000u;
    Sleep(duration_ms);
    while (os_clock_ns() < end_ns) {
        Sleep(1);
    }
}

uint64_t os_cpu_time_ns(void)
{
    FILETIME created;
    FILETIME exited;
    FILETIME kernel;
    FILETIME user;
    if (!GetProcessTimes(GetCurrentProcess(), &created, &exited, &kernel, &user)) {
        return 0;
    }
    return (filetime_value(kernel) + filetime_value(user)) * NS_PER_FILETIME;
}

int os_memory_usage(struct os_memory *out)
{
    PROCESS_MEMORY_COUNTERS counters = {.cb = sizeof(counters)};
    if (!K32GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof(counters))) {
        return -1;
    }
    out->resident_bytes = counters.WorkingSetSize;
    out->peak_bytes = counters.PeakWorkingSetSize;
    return 0;
}

uint64_t os_file_limit_raise(uint64_t wanted)
{
    return wanted;
}

void os_random_fill(void *out, size_t size)
{
    uint8_t *bytes = out;
    while (size > 0) {
        ULONG step = size > 0x10000u ? 0x10000u : (ULONG)size;
        if (BCryptGenRandom(NULL, bytes, step, BCRYPT_USE_SYSTEM_PREFERRED_RNG) != 0) {
            (void)fputs("no random bytes from the system\n", stderr);
            abort();
        }
        bytes += step;
        size -= step;
    }
}

/* UTF-8 to UTF-16 with its NUL, or -1 when it is not UTF-8 or does not fit. */
int os_widen(const char *text, wchar_t *out, int capacity)
{
    return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, out, capacity) > 0 ? 0 : -1;
}

/* `length` units of UTF-16 to UTF-8 with a NUL; returns the length without it, or -1. */
int os_narrow(const wchar_t *text, size_t length, char *out, size_t size)
{
    if (length == 0 && size > 0) {
        out[0] = '\0';
        return 0;
    }
    /* Asked with room for nothing, the call below would answer how much it needs. */
    if (length > INT_MAX || size < 2) {
        return -1;
    }
    int capacity = size - 1 > INT_MAX ? INT_MAX : (int)(size - 1);
    int written = WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, text, (int)length, out,
                                      capacity, NULL, NULL);
    if (written <= 0) {
        return -1;
    }
    out[written] = '\0';
    return written;
}

FILE *os_file_open_read(const char *path)
{
    wchar_t wide[OS_PATH_SIZE];
    if (os_widen(path, wide, OS_PATH_SIZE) != 0) {
        errno = EINVAL;
        return NULL;
    }
    /* The C library says EACCES for a folder, which would send the reader to its permissions. */
    DWORD attributes = GetFileAttributesW(wide);
    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
        errno = EISDIR;
        return NULL;
    }
    return _wfopen(wide, L"rbN");
}

FILE *os_file_open_write(const char *path)
{
    wchar_t wide[OS_PATH_SIZE];
    if (os_widen(path, wide, OS_PATH_SIZE) != 0) {
        errno = EINVAL;
        return NULL;
    }
    return _wfopen(wide, L"wbN");
}

int os_file_remove(const char *path)
{
    wchar_t wide[OS_PATH_SIZE];
    if (os_widen(path, wide, OS_PATH_SIZE) != 0) {
        errno = EINVAL;
        return -1;
    }
    return _wunlink(wide);
}

/* One line typed at the console, as UTF-8. ReadFile would give '?' or NUL for what lies outside
 * the console's old code page. */
static int read_console(HANDLE console, char *out, size_t size)
{
    wchar_t wide[256];
    DWORD got = 0;
    /* A unit of UTF-16 becomes three bytes at most. One unit of the buffer is kept for the second
     * half of a pair that the console would split. */
    size_t capacity = size / 3;
    if (capacity > sizeof(wide) / sizeof(wide[0])) {
        capacity = sizeof(wide) / sizeof(wide[0]);
    }
    if (capacity < 2) {
        return -1;
    }
    if (!ReadConsoleW(console, wide, (DWORD)capacity - 1, &got, NULL)) {
        return -1;
    }
    if (got > 0 && IS_HIGH_SURROGATE(wide[got - 1])) {
        DWORD more = 0;
        if (ReadConsoleW(console, wide + got, 1, &more, NULL)) {
            got += more;
        }
    }
    /* Ctrl+Z at the start of a line is how input ends on Windows. */
    if (got == 0 || wide[0] == 0x1A) {
        return 0;
    }
    return WideCharToMultiByte(CP_UTF8, 0, wide, (int)got, out, (int)size, NULL, NULL);
}

int os_stdin_read(char *out, size_t size)
{
    DWORD mode;
    DWORD got = 0;
    HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
    if (input == NULL || input == INVALID_HANDLE_VALUE) {
        return 0;
    }
    if (GetConsoleMode(input, &mode)) {
        return read_console(input, out, size);
    }
    DWORD wanted = size > 0x10000u ? 0x10000u : (DWORD)size;
    if (!ReadFile(input, out, wanted, &got, NULL)) {
        /* A pipe whose writer has gone is the end of input, as everywhere else. */
        return GetLastError() == ERROR_BROKEN_PIPE ? 0 : -1;
    }
    return (int)got;
}

bool os_stderr_is_terminal(void)
{
    const HANDLE error_stream = GetStdHandle(STD_ERROR_HANDLE);
    DWORD mode = 0;

    return error_stream != NULL && GetConsoleMode(error_stream, &mode) &&
           SetConsoleMode(error_stream, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
}

int os_stderr_write(const char *bytes, size_t size)
{
    const HANDLE error_stream = GetStdHandle(STD_ERROR_HANDLE);

    if (error_stream == NULL || error_stream == INVALID_HANDLE_VALUE) {
        return -1;
    }
    while (size > 0) {
        const DWORD step = size > 0x10000u ? 0x10000u : (DWORD)size;
        DWORD written = 0;

        if (!WriteFile(error_stream, bytes, step, &written, NULL) || written == 0) {
            return -1;
        }
        bytes += written;
        size -= written;
    }
    return 0;
}

int os_path_program_dir(char *out, size_t size)
{
    wchar_t path[OS_PATH_SIZE];
    DWORD length = GetModuleFileNameW(NULL, path, OS_PATH_SIZE);
    if (length == 0 || length >= OS_PATH_SIZE) {
        return -1;
    }
    while (length > 0 && path[length - 1] != L'\\' && path[length - 1] != L'/') {
        length--;
    }
    if (length > 0) {
        length--;
    }
    return os_narrow(path, length, out, size) < 0 ? -1 : 0;
}

/* Where Windows takes the variable ProgramData from. The variable itself is not asked: a user can
 * set it to another folder, also for what he then runs as administrator, and Wine gives services
 * another one. */
static int read_program_data(char *out, size_t size)
{
    wchar_t path[OS_PATH_SIZE];
    DWORD bytes = sizeof(path);

    if (RegGetValueW(HKEY_LOCAL_MACHINE,
                     L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList",
                     L"ProgramData", RRF_RT_REG_SZ, NULL, path, &bytes) != ERROR_SUCCESS) {
        return -1;
    }
    return os_narrow(path, wcslen(path), out, size);
}

int os_path_config_dir(char *out, size_t size)
{
    static const char tail[] = "\\gsrelay";
    const int length = read_program_data(out, size);

    if (length <= 0 || (size_t)length + sizeof(tail) > size) {
        return -1;
    }
    memcpy(out + length, tail, sizeof(tail));
    return 0;
}

int os_path_config_file(unsigned index, char *out, size_t size)
{
    static const char tail[] = "\\relay.ini";

    if (index > 1) {
        return -1;
    }
    if ((index == 0 ? os_path_program_dir(out, size) : os_path_config_dir(out, size)) != 0 ||
        strlen(out) + sizeof(tail) > size) {
        return -2;
    }
    memcpy(out + strlen(out), tail, sizeof(tail));
    return 0;
}

int os_env_get(const char *name, char *out, size_t size)
{
    wchar_t wide_name[128];
    wchar_t value[OS_PATH_SIZE * 4];
    if (os_widen(name, wide_name, 128) != 0) {
        return -1;
    }
    SetLastError(ERROR_SUCCESS);
    DWORD length = GetEnvironmentVariableW(wide_name, value, OS_PATH_SIZE * 4);
    if (length == 0 && GetLastError() == ERROR_ENVVAR_NOT_FOUND) {
        return -1;
    }
    int result = length < OS_PATH_SIZE * 4 ? os_narrow(value, length, out, size) : -1;
    if (result < 0) {
        if (size > 0) {
            out[0] = '\0';
        }
        return -2;
    }
    return result;
}

size_t os_env_list(const char *prefix, char *buffer, size_t size, const char *out[],
                   size_t capacity)
{
    wchar_t wide_prefix[128];
    size_t count = 0;
    size_t used = 0;

    if (os_widen(prefix, wide_prefix, 128) != 0) {
        return 0;
    }
    wchar_t *block = GetEnvironmentStringsW();
    if (block == NULL) {
        return 0;
    }
    for (const wchar_t *entry = block; *entry != L'\0' && count < capacity;
         entry += wcslen(entry) + 1) {
        if (_wcsnicmp(entry, wide_prefix, wcslen(wide_prefix)) != 0) {
            continue;
        }
        const int length = os_narrow(entry, (DWORD)wcslen(entry), buffer + used, size - used);
        if (length >= 0) {
            out[count++] = buffer + used;
            used += (size_t)length + 1;
        }
    }
    (void)FreeEnvironmentStringsW(block);
    return count;
}

int os_file_is_private(FILE *file)
{
    return file != NULL ? 1 : -1;
}

static DWORD format_error(DWORD error, DWORD language, wchar_t *out, DWORD capacity)
{
    return FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, error,
                          language, out, capacity, NULL);
}

const char *os_error_text(int error, char out[OS_ERROR_TEXT_SIZE])
{
    wchar_t wide[OS_ERROR_TEXT_SIZE];
    /* Logs are read by others than the machine's owner, so English if it is installed. */
    DWORD length = format_error((DWORD)error, MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), wide,
                                OS_ERROR_TEXT_SIZE);
    if (length == 0) {
        length = format_error((DWORD)error, 0, wide, OS_ERROR_TEXT_SIZE);
    }
    while (length > 0 && (wide[length - 1] <= L' ' || wide[length - 1] == L'.')) {
        length--;
    }
    if (length == 0 || os_narrow(wide, length, out, OS_ERROR_TEXT_SIZE) < 0) {
        (void)snprintf(out, OS_ERROR_TEXT_SIZE, "Windows error %d", error);
    }
    return out;
}
