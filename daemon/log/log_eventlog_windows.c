/* SPDX-License-Identifier: MIT */
#include "daemon/log/log_eventlog.h"

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log/log_notable.h"
#include "daemon/os/os_text_windows.h"

/* A name of a service has 256 characters at most. */
#define SOURCE_SIZE 257

struct eventlog {
    const struct log_eventlog_system *system;
    void *source; /* NULL: not open. */
    wchar_t name[SOURCE_SIZE];
    wchar_t strings[LOG_NOTABLE_KEYS_MAX][LOG_LINE_SIZE];
};

static int open_source(const wchar_t *name, void **out)
{
    *out = RegisterEventSourceW(NULL, name);
    return *out != NULL ? 0 : (int)GetLastError();
}

static int report_event(void *source, uint16_t type, uint32_t id, uint16_t string_count,
                        const wchar_t *const strings[])
{
    /* The function wants pointers that it could write through, and does not. */
    LPCWSTR list[LOG_NOTABLE_KEYS_MAX] = {NULL};
    for (uint16_t i = 0; i < string_count; i++) {
        list[i] = strings[i];
    }
    return ReportEventW(source, type, 0, id, NULL, string_count, 0, list, NULL)
               ? 0
               : (int)GetLastError();
}

static void close_source(void *source)
{
    (void)DeregisterEventSource(source);
}

const struct log_eventlog_system log_eventlog_system = {
    .open = open_source, .report = report_event, .close = close_source};

static uint16_t type_of(const char *line, size_t size)
{
    char level[8] = "";
    (void)log_line_get(line, size, "level", level, sizeof(level));
    if (level[0] == 'e') {
        return EVENTLOG_ERROR_TYPE;
    }
    return level[0] == 'w' ? EVENTLOG_WARNING_TYPE : EVENTLOG_INFORMATION_TYPE;
}

/* What is no UTF-8, as a path that was cut, becomes U+FFFD. */
static void widen_value(const char *value, wchar_t out[LOG_LINE_SIZE])
{
    if (MultiByteToWideChar(CP_UTF8, 0, value, -1, out, LOG_LINE_SIZE) <= 0) {
        out[0] = L'\0';
    }
}

/* Reports one line if it is notable. Returns an error number. */
static int report_line(struct eventlog *log, const char *line, size_t size)
{
    const wchar_t *strings[LOG_NOTABLE_KEYS_MAX];
    char value[LOG_LINE_SIZE];
    const size_t row = log_notable_find(line, size);
    uint16_t count = 0;
    if (row == log_notable_count()) {
        return 0;
    }
    const struct log_notable *notable = log_notable_at(row);
    while (count < LOG_NOTABLE_KEYS_MAX && notable->keys[count] != NULL) {
        log_notable_value(notable, count, line, size, value);
        widen_value(value, log->strings[count]);
        strings[count] = log->strings[count];
        count++;
    }
    if (log->source == NULL) {
        const int error = log->system->open(log->name, &log->source);
        if (error != 0) {
            log->source = NULL;
            return error;
        }
    }
    return log->system->report(log->source, type_of(line, size), notable->id, count, strings);
}

static void close_if_open(struct eventlog *log)
{
    if (log->source != NULL) {
        log->system->close(log->source);
        log->source = NULL;
    }
}

static int write_eventlog(void *context, const char *lines, size_t size,
                          char error_out[LOG_ERROR_SIZE])
{
    struct eventlog *log = context;
    size_t taken = 0;
    while (taken < size) {
        const char *end = memchr(lines + taken, '\n', size - taken);
        const size_t line_size = end != NULL ? (size_t)(end - lines) + 1 - taken : size - taken;
        const int error = report_line(log, lines + taken, line_size);
        if (error != 0) {
            char text[OS_ERROR_TEXT_SIZE];
            (void)snprintf(error_out, LOG_ERROR_SIZE, "the Event Log takes nothing: %s",
                           os_error_text(error, text));
            /* The service behind it may have been started anew. */
            close_if_open(log);
            return taken > 0 ? (int)taken : -1;
        }
        taken += line_size;
    }
    return (int)taken;
}

static void free_eventlog(void *context)
{
    close_if_open(context);
    free(context);
}

int log_eventlog_open(const char *source, const struct log_eventlog_system *system,
                      struct log_output *out)
{
    struct eventlog *log = calloc(1, sizeof(*log));
    if (log == NULL) {
        return RESULT_NO_MEMORY;
    }
    if (os_widen(source, log->name, SOURCE_SIZE) != 0) {
        free(log);
        return RESULT_INVALID;
    }
    log->system = system;
    *out = (struct log_output){.write = write_eventlog, .close = free_eventlog, .context = log};
    return 0;
}
