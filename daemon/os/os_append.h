/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_OS_OS_APPEND_H
#define GSRELAY_OS_OS_APPEND_H

/* os_append.h - a file that is appended to, as a log, which others may read, rename and remove
 * meanwhile. All paths are UTF-8.
 *
 * These functions return 0 or the error number that os_error_text() explains.
 * Threads: one at a time for each file. Memory: the caller's. */

#include "daemon/os/os.h"

struct os_append {
    intptr_t handle;
    uint64_t size;   /* When it was opened or last asked for, and what was written since. */
    bool is_regular; /* False for a device or a pipe, which must not be renamed. */
};

/* Opens the file at the path, or makes it, and the folder that it is to stand in: on Linux for the
 * owner and its group, on Windows with the rights of the folder above. */
OS_CHECKED int os_append_open(const char *path, struct os_append *out);

/* Writes at the end. `written_out` bytes went in, also when it failed behind them. */
OS_CHECKED int os_append_write(struct os_append *file, const char *bytes, size_t size,
                               size_t *written_out);

/* Takes back what stands behind the first `size` bytes. */
OS_CHECKED int os_append_cut(struct os_append *file, uint64_t size);

/* Whether the path still leads to this file, which somebody may have renamed or removed; asks for
 * the size, too, which somebody may have changed. */
bool os_append_is_at(struct os_append *file, const char *path);

void os_append_close(struct os_append *file);

/* Gives a file another name, in the place of one that has it. -1: there is no such file. */
OS_CHECKED int os_file_rename(const char *from, const char *to);

/* Whether the path stands on its own, and not for something below a folder. */
bool os_path_is_absolute(const char *path);

#endif
