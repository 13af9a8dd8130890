/* SPDX-License-Identifier: MIT */
#include "daemon/os/os.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S  1000000000u
#define NS_PER_MS 1000000u

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) {
        /* Both clocks exist on every Linux; without time nothing here can be trusted. */
        abort();
    }
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t os_clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t os_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME) / NS_PER_MS;
}

void os_sleep_ms(uint32_t duration_ms)
{
    struct timespec left = {.tv_sec = (time_t)(duration_ms / 1000),
                            .tv_nsec = (long)(duration_ms % 1000) * (long)NS_PER_MS};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

uint64_t os_cpu_time_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

int os_memory_usage(struct os_memory *out)
{
    struct rusage usage;
    unsigned long long resident_pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm == NULL) {
        return -1;
    }
    int fields = fscanf(statm, "%*u %llu", &resident_pages);
    (void)fclose(statm);
    if (fields != 1 || getrusage(RUSAGE_SELF, &usage) != 0) {
        return -1;
    }
    out->resident_bytes = (uint64_t)resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
    out->peak_bytes = (uint64_t)usage.ru_maxrss * 1024u;
    /* The kernel counts pages per processor and adds them up late, so the two may disagree. */
    if (out->peak_bytes < out->resident_bytes) {
        out->peak_bytes = out->resident_bytes;
    }
    return 0;
}

uint64_t os_file_limit_raise(uint64_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    if (limit.rlim_cur < wanted) {
        struct rlimit raised = limit;
        raised.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            limit = raised;
        }
    }
    return limit.rlim_cur;
}

void os_random_fill(void *out, size_t size)
{
    uint8_t *bytes = out;
    while (size > 0) {
        ssize_t got = getrandom(bytes, size, 0);
        if (got > 0) {
            bytes += got;
            size -= (size_t)got;
        } else if (got < 0 && errno != EINTR) {
            (void)fputs("no random bytes from the system\n", stderr);
            abort();
        }
    }
}

FILE *os_file_open_read(const char *path)
{
    struct stat status;
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return NULL;
    }
    if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode)) {
        (void)fclose(file);
        errno = EISDIR;
        return NULL;
    }
    return file;
}

FILE *os_file_open_write(const char *path)
{
    return fopen(path, "wbe");
}

int os_file_remove(const char *path)
{
    return unlink(path);
}

int os_stdin_read(char *out, size_t size)
{
    ssize_t got;
    do {
        got = read(STDIN_FILENO, out, size);
    } while (got < 0 && errno == EINTR);
    return (int)got;
}

/* Whoever shares the terminal with us may have made it non-blocking. */
static bool wait_until_writable(void)
{
    struct pollfd error_stream = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&error_stream, 1, -1) >= 0 || errno == EINTR;
}

bool os_stderr_is_terminal(void)
{
    return isatty(STDERR_FILENO) == 1;
}

int os_stderr_write(const char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t written = write(STDERR_FILENO, bytes, size);

        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        } else if (written == 0 ||
                   (errno != EINTR && (errno != EAGAIN || !wait_until_writable()))) {
            return -1;
        }
    }
    return 0;
}

int os_path_program_dir(char *out, size_t size)
{
    char path[OS_PATH_SIZE];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path));
    if (length <= 0 || (size_t)length == sizeof(path)) {
        return -1;
    }
    while (length > 1 && path[length - 1] != '/') {
        length--;
    }
    /* Without the separator, unless it is the root folder itself. */
    if (length > 1) {
        length--;
    }
    if ((size_t)length >= size) {
        return -1;
    }
    memcpy(out, path, (size_t)length);
    out[length] = '\0';
    return 0;
}

static int copy_text(const char *text, char *out, size_t size)
{
    size_t length = strlen(text);
    if (length >= size) {
        return -1;
    }
    memcpy(out, text, length + 1);
    return (int)length;
}

int os_path_config_dir(char *out, size_t size)
{
    return copy_text("/etc/gsrelay", out, size) < 0 ? -1 : 0;
}

int os_path_config_file(unsigned index, char *out, size_t size)
{
    if (index > 0) {
        return -1;
    }
    return copy_text("/etc/gsrelay/relay.ini", out, size) < 0 ? -2 : 0;
}

int os_env_get(const char *name, char *out, size_t size)
{
    const char *value = getenv(name);
    if (value == NULL) {
        return -1;
    }
    int length = copy_text(value, out, size);
    if (length < 0) {
        if (size > 0) {
            out[0] = '\0';
        }
        return -2;
    }
    return length;
}

size_t os_env_list(const char *prefix, char *buffer, size_t size, const char *out[],
                   size_t capacity)
{
    const size_t prefix_size = strlen(prefix);
    size_t count = 0;
    size_t used = 0;

    for (char **entry = environ; *entry != NULL && count < capacity; entry++) {
        if (strncmp(*entry, prefix, prefix_size) != 0) {
            continue;
        }
        const int length = copy_text(*entry, buffer + used, size - used);
        if (length >= 0) {
            out[count++] = buffer + used;
            used += (size_t)length + 1;
        }
    }
    return count;
}

int os_file_is_private(FILE *file)
{
    struct stat status;

    if (fstat(fileno(file), &status) != 0) {
        return -1;
    }
    return (status.st_mode & (S_IRWXG | S_IRWXO)) == 0 ? 1 : 0;
}

const char *os_error_text(int error, char out[OS_ERROR_TEXT_SIZE])
{
    /* GNU's form of strerror_r, which may return a text of its own. */
    const char *text = strerror_r(error, out, OS_ERROR_TEXT_SIZE);
    if (text != out && copy_text(text, out, OS_ERROR_TEXT_SIZE) < 0) {
        out[0] = '\0';
    }
    return out;
}
