/* SPDX-License-Identifier: MIT */
#include "daemon/log/log_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How often the path is asked whether it still leads to the open file. */
#define LOOK_AGAIN_NS 1000000000u

/* ".4294967295" and a NUL. */
#define NUMBER_SIZE 12

struct log_file {
    const struct log_file_system *system;
    uint64_t size_max;
    uint32_t count;
    struct os_append file;
    bool is_open;
    uint64_t looked_ns;                /* When the path was last asked for. */
    uint64_t rotate_ns;                /* The file is not renamed before this. */
    char rotate_error[LOG_ERROR_SIZE]; /* Why it could not be renamed; empty: it could. */
    char path[OS_PATH_SIZE];
};

const struct log_file_system log_file_system = {
    .open = os_append_open,
    .write = os_append_write,
    .cut = os_append_cut,
    .is_at = os_append_is_at,
    .close = os_append_close,
    .rename = os_file_rename,
    .clock_ns = os_clock_ns,
};

static void say(char out[LOG_ERROR_SIZE], const char *what, int error, const char *path)
{
    char text[OS_ERROR_TEXT_SIZE];
    (void)snprintf(out, LOG_ERROR_SIZE, "%s: %s (%s)", what, os_error_text(error, text), path);
}

static void close_file(struct log_file *log)
{
    if (log->is_open) {
        log->system->close(&log->file);
        log->is_open = false;
    }
}

/* Has the file open that the path leads to. Returns an error number. */
static int make_open(struct log_file *log)
{
    const uint64_t now_ns = log->system->clock_ns();
    if (log->is_open && now_ns - log->looked_ns >= LOOK_AGAIN_NS) {
        log->looked_ns = now_ns;
        if (!log->system->is_at(&log->file, log->path)) {
            close_file(log);
        }
    }
    if (log->is_open) {
        return 0;
    }
    const int error = log->system->open(log->path, &log->file);
    log->is_open = error == 0;
    log->looked_ns = now_ns;
    return error;
}

/* Each file takes the next number, the last one first. A file that cannot be renamed ends it, or
 * the one before would overwrite it. */
static int shift_files(const struct log_file *log)
{
    char from[OS_PATH_SIZE + NUMBER_SIZE];
    char to[OS_PATH_SIZE + NUMBER_SIZE];
    for (uint32_t number = log->count; number > 0; number--) {
        (void)snprintf(from, sizeof(from), "%s.%u", log->path, (unsigned)number - 1);
        (void)snprintf(to, sizeof(to), "%s.%u", log->path, (unsigned)number);
        const int error = log->system->rename(number > 1 ? from : log->path, to);
        if (error > 0) {
            return error;
        }
    }
    return 0;
}

/* Renames the files when the next line would make this one too long. It is closed for that: Windows
 * renames an open one only if all who have it open allow it. */
static void rotate_if_full(struct log_file *log, size_t line_size)
{
    const uint64_t now_ns = log->system->clock_ns();
    if (!log->file.is_regular || log->file.size == 0 ||
        log->file.size + line_size <= log->size_max) {
        log->rotate_error[0] = '\0';
        return;
    }
    if (now_ns < log->rotate_ns) {
        return;
    }
    close_file(log);
    const int error = shift_files(log);
    log->rotate_error[0] = '\0';
    if (error != 0) {
        log->rotate_ns = now_ns + LOG_FILE_ROTATE_AGAIN_NS;
        say(log->rotate_error, "it grows, because it cannot be renamed", error, log->path);
    }
}

/* The bytes of whole lines in `lines`, up to `most` of them, and of one line in any case. */
static size_t whole_lines(const char *lines, size_t size, uint64_t most)
{
    const char *end = memchr(lines, '\n', size);
    size_t fitting = end != NULL ? (size_t)(end - lines) + 1 : size;
    while (fitting < size) {
        end = memchr(lines + fitting, '\n', size - fitting);
        const size_t next = end != NULL ? (size_t)(end - lines) + 1 : size;
        if (next > most) {
            break;
        }
        fitting = next;
    }
    return fitting;
}

/* What went in before the failure stays as far as it is whole lines. */
static size_t keep_whole_lines(struct log_file *log, const char *lines, size_t written)
{
    size_t whole = written;
    while (whole > 0 && lines[whole - 1] != '\n') {
        whole--;
    }
    if (written > whole && log->file.is_regular) {
        const uint64_t size = log->file.size - (written - whole);
        if (log->system->cut(&log->file, size) != 0) {
            /* The lines will be there twice, once in part. Nothing better can be had. */
            return whole;
        }
    }
    return whole;
}

static int write_file(void *context, const char *lines, size_t size, char error_out[LOG_ERROR_SIZE])
{
    struct log_file *log = context;
    int error = make_open(log);
    if (error == 0) {
        rotate_if_full(log, whole_lines(lines, size, 0));
        error = make_open(log);
    }
    if (error != 0) {
        say(error_out, "it cannot be opened", error, log->path);
        return -1;
    }
    if (log->file.is_regular && log->rotate_error[0] == '\0') {
        const uint64_t room = log->size_max > log->file.size ? log->size_max - log->file.size : 0;
        size = whole_lines(lines, size, room);
    }
    size_t written = 0;
    error = log->system->write(&log->file, lines, size, &written);
    if (error != 0) {
        say(error_out, "it cannot be written", error, log->path);
        written = keep_whole_lines(log, lines, written);
        close_file(log);
        return written > 0 ? (int)written : -1;
    }
    (void)snprintf(error_out, LOG_ERROR_SIZE, "%s", log->rotate_error);
    return (int)written;
}

static void reopen_file(void *context)
{
    struct log_file *log = context;
    close_file(log);
    log->rotate_ns = 0;
}

static void free_file(void *context)
{
    close_file(context);
    free(context);
}

int log_file_open(const struct log_file_options *options, struct log_output *out)
{
    const size_t length = strlen(options->path);
    if (length == 0 || length + NUMBER_SIZE > OS_PATH_SIZE) {
        return RESULT_INVALID;
    }
    struct log_file *log = calloc(1, sizeof(*log));
    if (log == NULL) {
        return RESULT_NO_MEMORY;
    }
    log->system = options->system != NULL ? options->system : &log_file_system;
    log->size_max = options->size_max;
    log->count = options->count;
    memcpy(log->path, options->path, length + 1);
    *out = (struct log_output){
        .write = write_file, .reopen = reopen_file, .close = free_file, .context = log};
    return 0;
}
