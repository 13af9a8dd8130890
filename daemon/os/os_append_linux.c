/* SPDX-License-Identifier: MIT */
#include "daemon/os/os_append.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Others than the owner and its group have no business with logs. */
#define FILE_MODE   0640
#define FOLDER_MODE 0750

static int open_for_append(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, FILE_MODE);
}

/* Makes the folder that the path's last part is to stand in. */
static int make_folder(const char *path)
{
    char folder[OS_PATH_SIZE];
    const char *end = strrchr(path, '/');
    if (end == NULL || end == path || (size_t)(end - path) >= sizeof(folder)) {
        return -1;
    }
    memcpy(folder, path, (size_t)(end - path));
    folder[end - path] = '\0';
    return mkdir(folder, FOLDER_MODE);
}

int os_append_open(const char *path, struct os_append *out)
{
    struct stat status;
    int descriptor = open_for_append(path);
    if (descriptor < 0 && errno == ENOENT) {
        if (make_folder(path) != 0) {
            return ENOENT;
        }
        descriptor = open_for_append(path);
    }
    if (descriptor < 0) {
        return errno;
    }
    if (fstat(descriptor, &status) != 0) {
        int error = errno;
        (void)close(descriptor);
        return error;
    }
    out->handle = descriptor;
    out->is_regular = S_ISREG(status.st_mode);
    out->size = out->is_regular ? (uint64_t)status.st_size : 0;
    return 0;
}

int os_append_write(struct os_append *file, const char *bytes, size_t size, size_t *written_out)
{
    *written_out = 0;
    while (*written_out < size) {
        ssize_t written = write((int)file->handle, bytes + *written_out, size - *written_out);
        if (written > 0) {
            *written_out += (size_t)written;
            file->size += (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            return written == 0 ? ENOSPC : errno;
        }
    }
    return 0;
}

int os_append_cut(struct os_append *file, uint64_t size)
{
    if (ftruncate((int)file->handle, (off_t)size) != 0) {
        return errno;
    }
    file->size = size;
    return 0;
}

bool os_append_is_at(struct os_append *file, const char *path)
{
    struct stat open_status;
    struct stat path_status;
    if (fstat((int)file->handle, &open_status) != 0 || stat(path, &path_status) != 0 ||
        open_status.st_dev != path_status.st_dev || open_status.st_ino != path_status.st_ino) {
        return false;
    }
    if (file->is_regular) {
        file->size = (uint64_t)open_status.st_size;
    }
    return true;
}

void os_append_close(struct os_append *file)
{
    (void)close((int)file->handle);
}

int os_file_rename(const char *from, const char *to)
{
    if (rename(from, to) == 0) {
        return 0;
    }
    return errno == ENOENT ? -1 : errno;
}

bool os_path_is_absolute(const char *path)
{
    return path[0] == '/';
}
