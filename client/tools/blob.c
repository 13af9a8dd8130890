/* SPDX-License-Identifier: MIT */
#include "client/tools/tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/os/os.h"

static uint8_t blob[GSRELAY_BLOB_MAX];

/* Reads a whole file. Returns its size, or complains and returns -1 when it cannot be read or is
 * larger than capacity. */
static int file_read(const char *path, uint8_t *out, size_t capacity)
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

/* Writes a whole file, in place of what was in it. Complains and returns -1. */
static int file_write(const char *path, const uint8_t *bytes, size_t size)
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

int tool_blob_leave(const struct tool_options *options, struct gsrelay_client *client,
                    uint32_t *request_out)
{
    const int size = file_read(options->blob_file, blob, sizeof(blob));
    int32_t request;

    if (size < 0)
        return TOOL_USAGE;
    if (size == 0) {
        say("%s is empty: there is nothing to leave", options->blob_file);
        return TOOL_USAGE;
    }
    request = gsrelay_set_blob(client, blob, (size_t)size);
    if (request < 0) {
        say("could not leave %s: %s", options->blob_file, gsrelay_result_text(request));
        return TOOL_REFUSED;
    }
    *request_out = (uint32_t)request;
    return TOOL_DONE;
}

int tool_blob_left(const struct tool_options *options)
{
    if (options->is_json && !print_line("{\"event\":\"blob_left\"}"))
        return TOOL_REFUSED;
    if (!options->is_quiet)
        say("the relay keeps %s for the next host", options->blob_file);
    return TOOL_DONE;
}

int tool_blob_got(const struct tool_options *options, const struct gsrelay_client *client,
                  const struct gsrelay_event *event)
{
    const size_t size = gsrelay_get_blob(client, blob, sizeof(blob));

    if (options->blob_out_file == NULL)
        return TOOL_DONE;
    if (size > 0 && file_write(options->blob_out_file, blob, size) < 0)
        return TOOL_USAGE;
    if (options->is_json && !print_line("{\"event\":\"blob\",\"bytes\":%u}", event->blob_bytes))
        return TOOL_REFUSED;
    if (options->is_quiet)
        return TOOL_DONE;
    if (size == 0)
        say("the host before us has left nothing");
    else
        say("what the host before us has left is in %s", options->blob_out_file);
    return TOOL_DONE;
}
