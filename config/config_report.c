/* SPDX-License-Identifier: MIT */
#include "config/config_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/config_text.h"

void config_report_start(struct config_report *report, const char *path)
{
    memset(report, 0, sizeof(*report));
    if (path != NULL) {
        (void)config_escape(path, report->path, sizeof(report->path));
    }
}

void config_report_add(struct config_report *report, enum config_severity severity,
                       struct config_origin origin, const char *format, ...)
{
    char raw[CONFIG_MESSAGE_TEXT_SIZE];
    struct config_message *message;
    va_list arguments;

    if (severity == CONFIG_ERROR) {
        report->error_count++;
    } else {
        report->warning_count++;
    }
    if (report->message_count == CONFIG_MESSAGES_MAX) {
        return;
    }
    message = &report->messages[report->message_count++];
    message->severity = severity;
    message->origin = origin;
    va_start(arguments, format);
    (void)vsnprintf(raw, sizeof(raw), format, arguments);
    va_end(arguments);
    (void)config_escape(raw, message->text, sizeof(message->text));
}

void config_report_add_file(struct config_report *report, const char *what)
{
    const struct config_origin origin = {.kind = CONFIG_FROM_FILE, .line = 0};

    config_report_add(report, CONFIG_ERROR, origin, "%s", what);
}

static void put(config_write *write, void *context, const char *text)
{
    write(context, text, strlen(text));
}

static void print_message(const struct config_report *report, const struct config_message *message,
                          config_write *write, void *context)
{
    char line[16];

    if (message->origin.kind == CONFIG_FROM_FILE) {
        put(write, context, report->path);
        if (message->origin.line != 0) {
            (void)snprintf(line, sizeof(line), ":%u", (unsigned)message->origin.line);
            put(write, context, line);
        }
        put(write, context, ": ");
    }
    if (message->severity == CONFIG_WARNING) {
        put(write, context, "warning: ");
    }
    put(write, context, message->text);
    put(write, context, "\n");
}

void config_report_print(const struct config_report *report, config_write *write, void *context)
{
    const uint32_t all = report->error_count + report->warning_count;
    char line[48];

    for (uint32_t i = 0; i < report->message_count; i++) {
        print_message(report, &report->messages[i], write, context);
    }
    if (all > report->message_count) {
        (void)snprintf(line, sizeof(line), "... and %u more\n",
                       (unsigned)(all - report->message_count));
        put(write, context, line);
    }
}
