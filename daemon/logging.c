/* SPDX-License-Identifier: MIT */
#include "daemon/logging.h"

#include "daemon/log/log_stream.h"

#include <stdio.h>

int logging_open(const struct config *config, const struct logging_way *way, struct log **out)
{
    struct log_options options = {.level = LOG_INFO, .lines_per_s = 100};
    struct log_sink sink;
    int result;

    (void)way;
    if (config != NULL) {
        options.level = (enum log_level)config->values.log.level;
        options.lines_per_s = config->values.log.lines_per_s;
    }
    result = log_stderr_open(LOG_STREAM_RING_BYTES, &sink);
    if (result != RESULT_OK) {
        return result;
    }
    result = log_create(&options, sink, out);
    if (result != RESULT_OK) {
        sink.close(sink.context);
    }
    return result;
}

static void log_message(struct log *log, const struct config_report *report,
                        const struct config_message *message)
{
    const bool is_error = message->severity == CONFIG_ERROR;
    struct log_line *line =
        log_begin(log, is_error ? LOG_EVENT_CONFIG_ERROR : LOG_EVENT_CONFIG_WARNING);

    if (message->origin.kind == CONFIG_FROM_FILE) {
        log_text(line, "file", report->path);
        log_u64(line, "line", message->origin.line);
    } else {
        log_text(line, "file",
                 message->origin.kind == CONFIG_FROM_ENVIRONMENT ? "environment" : "command line");
        log_u64(line, "line", 0);
    }
    log_text(line, "text", message->text);
    log_end(log);
}

void logging_report(struct log *log, const struct config_report *report)
{
    const uint32_t all = report->error_count + report->warning_count;
    uint32_t told = 0;

    while (told < report->message_count && told < LOGGING_REPORT_MAX) {
        log_message(log, report, &report->messages[told++]);
    }
    if (told < all) {
        struct config_message more = {.severity =
                                          report->error_count > 0 ? CONFIG_ERROR : CONFIG_WARNING,
                                      .origin = {.kind = CONFIG_FROM_FILE}};

        (void)snprintf(more.text, sizeof(more.text),
                       "... and %u more; gsrelayd --check-config lists all",
                       (unsigned)(all - told));
        log_message(log, report, &more);
    }
}
