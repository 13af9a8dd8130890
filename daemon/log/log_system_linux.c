/* SPDX-License-Identifier: MIT */
#include "daemon/log/log_system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log/log_stream.h"
#include "daemon/os/os.h"

#define PREFIX_SIZE 3

/* The level's number in syslog(3). */
static char priority_of(const char *line, size_t size)
{
    char level[8] = "";
    (void)log_line_get(line, size, "level", level, sizeof(level));
    switch (level[0]) {
    case 'e':
        return '3';
    case 'w':
        return '4';
    case 'd':
        return '7';
    default:
        return '6';
    }
}

/* One write for each line: the journal takes what one brings as one entry or several, never half of
 * one. */
static int write_journal(void *context, const char *lines, size_t size,
                         char error_out[LOG_ERROR_SIZE])
{
    char entry[PREFIX_SIZE + LOG_LINE_SIZE];
    size_t taken = 0;
    (void)context;
    while (taken < size) {
        const char *end = memchr(lines + taken, '\n', size - taken);
        const size_t line_size = end != NULL ? (size_t)(end - lines) + 1 - taken : size - taken;
        const size_t copied = line_size < LOG_LINE_SIZE ? line_size : LOG_LINE_SIZE;
        entry[0] = '<';
        entry[1] = priority_of(lines + taken, line_size);
        entry[2] = '>';
        memcpy(entry + PREFIX_SIZE, lines + taken, copied);
        if (os_stderr_write(entry, PREFIX_SIZE + copied) != 0) {
            (void)snprintf(error_out, LOG_ERROR_SIZE, "the journal takes nothing any more");
            return taken > 0 ? (int)taken : -1;
        }
        taken += line_size;
    }
    return (int)taken;
}

/* Others may have inherited the variable together with another standard error, so it names the
 * stream that it is about: "DEVICE:INODE". */
static bool is_journal(void)
{
    char stream[64];
    char ours[64];
    struct stat status;
    if (os_env_get("JOURNAL_STREAM", stream, sizeof(stream)) <= 0 ||
        fstat(STDERR_FILENO, &status) != 0) {
        return false;
    }
    (void)snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)status.st_dev,
                   (unsigned long long)status.st_ino);
    return strcmp(stream, ours) == 0;
}

int log_system_open(const char *service, size_t ring_bytes, struct log_sink *out)
{
    const struct log_output journal = {.write = write_journal};
    (void)service;
    return is_journal() ? log_stream_open(&journal, ring_bytes, out)
                        : log_stderr_open(ring_bytes, out);
}
