/* SPDX-License-Identifier: MIT */
#include "daemon/service/last_end.h"

#include "daemon/log/log_line.h"
#include "daemon/os/os.h"

#include <stdio.h>
#include <string.h>

void last_end_clear(struct last_end *end)
{
    end->size = 0;
    end->text[0] = '\0';
}

void last_end_write(struct last_end *end, const char *text, size_t size)
{
    const size_t left = sizeof(end->text) - 1 - end->size;

    if (size > left) {
        size = left;
    }
    memcpy(end->text + end->size, text, size);
    end->size += size;
    end->text[end->size] = '\0';
}

void last_end_add(struct last_end *end, const char *sentence)
{
    last_end_write(end, sentence, strlen(sentence));
    last_end_write(end, "\n", 1);
}

const char *last_end_text(const struct last_end *end)
{
    return end->text;
}

void last_end_store(const struct last_end *end, enum exit_code code, const char *path)
{
    char time[LOG_TIMESTAMP_SIZE];
    FILE *file = path == NULL ? NULL : os_file_open_write(path);

    if (file == NULL) {
        return;
    }
    log_timestamp_print(os_wall_ms(), time);
    (void)fprintf(file, "ended %s with exit code %d\n%s", time, (int)code, end->text);
    (void)fclose(file);
}

void last_end_remove(const char *path)
{
    if (path != NULL) {
        (void)os_file_remove(path);
    }
}
