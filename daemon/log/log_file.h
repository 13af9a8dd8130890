/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_LOG_LOG_FILE_H
#define GSRELAY_LOG_LOG_FILE_H

/* log_file.h - an output of log_stream.h that keeps lines in a file and rotates it by size.
 *
 * gsrelayd.log is written to; when the next line would make it longer than size_max it becomes
 * gsrelayd.log.1, what had that name becomes .2, and so on; what would be past the last number is
 * overwritten. Every line is whole and in one file. A file that others rename or remove is noticed
 * within a second and begun anew, with its folder if that is gone, also where nobody asks for it.
 * What cannot be opened or written is an error of the write, and each write tries again. A file
 * that cannot be renamed is gone on with, and renaming is tried again after LOG_FILE_ROTATE_AGAIN.
 * A device or a pipe is written to and never renamed.
 * Threads: one at a time, the stream's writer. Memory: one struct, allocated at open. */

#include "daemon/log/log_stream.h"
#include "daemon/os/os_append.h"

#define LOG_FILE_ROTATE_AGAIN_NS 10000000000u

/* The calls that a file needs; a test has others than the system's. */
struct log_file_system {
    int (*open)(const char *path, struct os_append *out);
    int (*write)(struct os_append *file, const char *bytes, size_t size, size_t *written_out);
    int (*cut)(struct os_append *file, uint64_t size);
    bool (*is_at)(struct os_append *file, const char *path);
    void (*close)(struct os_append *file);
    int (*rename)(const char *from, const char *to);
    uint64_t (*clock_ns)(void);
};

extern const struct log_file_system log_file_system;

struct log_file_options {
    const char *path;  /* UTF-8. Copied. */
    uint64_t size_max; /* Bytes. */
    uint32_t count;    /* Full files that are kept beside the one that is written to; from 1. */
    const struct log_file_system *system; /* NULL: log_file_system. */
};

/* Touches no file yet. RESULT_INVALID when the path is too long for names with a number behind;
 * RESULT_NO_MEMORY. */
GSRELAY_CHECKED int log_file_open(const struct log_file_options *options, struct log_output *out);

#endif
