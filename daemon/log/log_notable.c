/* SPDX-License-Identifier: MIT */
#include "daemon/log/log_notable.h"

#include <assert.h>
#include <string.h>

#include "daemon/log/log.h"

/* The longest name of an event, and its NUL. */
#define NAME_SIZE 32

enum { SELDOM, OFTEN };

static const struct log_notable rows[] = {
#define KEYS(...)                                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define X(number, event_name, only_exit_code, limit, key_list, sentence)                           \
    {.id = (number),                                                                               \
     .event = LOG_EVENT_##event_name,                                                              \
     .is_limited = (limit) == OFTEN,                                                               \
     .exit_code = (only_exit_code),                                                                \
     .keys = key_list,                                                                             \
     .text = (sentence)},
    LOG_NOTABLE_LIST(X)
#undef X
#undef KEYS
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

size_t log_notable_count(void)
{
    return ROW_COUNT;
}

const struct log_notable *log_notable_at(size_t index)
{
    assert(index < ROW_COUNT);
    return &rows[index];
}

size_t log_notable_find(const char *line, size_t size)
{
    char name[NAME_SIZE];
    char exit_code[16] = "";
    size_t index = 0;
    if (log_line_get(line, size, "evt", name, sizeof(name)) < 0) {
        return ROW_COUNT;
    }
    (void)log_line_get(line, size, "exit_code", exit_code, sizeof(exit_code));
    while (index < ROW_COUNT &&
           (strcmp(log_event_name(rows[index].event), name) != 0 ||
            (rows[index].exit_code != NULL && strcmp(rows[index].exit_code, exit_code) != 0))) {
        index++;
    }
    return index;
}

void log_notable_value(const struct log_notable *notable, unsigned index, const char *line,
                       size_t size, char out[LOG_LINE_SIZE])
{
    char raw[LOG_LINE_SIZE];
    size_t used = 0;
    assert(index < LOG_NOTABLE_KEYS_MAX && notable->keys[index] != NULL);
    if (log_line_get(line, size, notable->keys[index], raw, sizeof(raw)) < 0) {
        raw[0] = '\0';
    }
    for (const char *at = raw; *at != '\0' && used + 2 < LOG_LINE_SIZE; at++) {
        out[used++] = *at;
        if (*at == '%' && at[1] >= '0' && at[1] <= '9') {
            out[used++] = ' ';
        }
    }
    out[used] = '\0';
}
