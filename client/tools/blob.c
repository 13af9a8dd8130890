/* SPDX-License-Identifier: MIT */
#include "client/tools/tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/os/os.h"

int blob_file_read(const char *path, uint8_t *out, size_t capacity)
{
    FILE *file = os_file_open_read(path);
    uint8_t more = 0;
    size_t size = 0;
    bool is_whole;

    if (file == NULL) {
        say("%s cannot be read: %s", path, strerror(errno));
        return -1;
    }
    size = fread(out, 1, capacity, file);
    is_whole = fread(&more, 1, 1, file) == 0 && !ferror(file);
    if (!is_whole)
        say(ferror(file) ? "%s cannot be read to its end" : "%s is larger than 64 KiB", path);
    (void)fclose(file);
    return is_whole ? (int)size : -1;
}

int blob_file_write(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = os_file_open_write(path);
    bool is_written;

    if (file == NULL) {
        say("%s cannot be written: %s", path, strerror(errno));
        return -1;
    }
    is_written = fwrite(bytes, 1, size, file) == size;
    is_written = fclose(file) == 0 && is_written;
    if (!is_written)
        say("%s cannot be written to its end", path);
    return is_written ? 0 : -1;
}
