/* SPDX-License-Identifier: MIT */
#include "daemon/logging.h"

#include "daemon/log/log_file.h"
#include "daemon/log/log_stream.h"
#include "daemon/log/log_system.h"
#include "daemon/log/log_tee.h"
#include "daemon/os/os_append.h"

#include <stdio.h>
#include <string.h>

/* The length of a path's folder with the separator behind it; 0 when it names none. */
static size_t folder_length(const char *path)
{
    size_t length = strlen(path);

    while (length > 0 && path[length - 1] != '/' && path[length - 1] != '\\') {
        length--;
    }
    return length;
}

/* Where log.file is: a relative one below the folder of relay.ini. */
static int resolve(const struct config *config, char out[OS_PATH_SIZE])
{
    const char *file = config->values.log.file;
    const size_t folder = os_path_is_absolute(file) ? 0 : folder_length(config->path);

    if (folder + strlen(file) >= OS_PATH_SIZE) {
        return RESULT_INVALID;
    }
    memcpy(out, config->path, folder);
    memcpy(out + folder, file, strlen(file) + 1);
    return RESULT_OK;
}

/* Opens the output over the file that is asked for, without touching it. Returns 1, or 0 when the
 * log is to go to standard error. */
static int open_file(const struct config *config, const struct logging_way *way,
                     struct log_output *out)
{
    char path[OS_PATH_SIZE] = "";
    struct log_file_options options = {.path = path,
                                       .size_max = config->values.log.file_size_bytes,
                                       .count = config->values.log.file_count};
    int result;

    if (config->values.log.file[0] != '\0') {
        result = resolve(config, path);
    } else if (way->default_file == NULL) {
        return 0;
    } else {
        options.path = way->default_file;
        result = RESULT_OK;
    }
    if (result == RESULT_OK) {
        result = log_file_open(&options, out);
    }
    return result == RESULT_OK ? 1 : result;
}

/* Opens all that lines go to. `error_out` stays empty, or says what was not possible. */
static int open_sinks(const struct config *config, const struct logging_way *way,
                      struct log_sink *out, const char **error_out)
{
    struct log_output output;
    struct log_sink file;
    struct log_sink system;
    int result = open_file(config, way, &output);

    if (result == RESULT_INVALID) {
        *error_out = "the path of log.file is too long";
        result = 0;
    }
    if (result <= 0) {
        return result < 0 ? result : log_system_open(way->service, LOG_STREAM_RING_BYTES, out);
    }
    result = log_stream_open(&output, LOG_STREAM_RING_BYTES, &file);
    if (result != RESULT_OK) {
        return result;
    }
    result = log_system_open(way->service, LOG_STREAM_SMALL_RING_BYTES, &system);
    if (result != RESULT_OK) {
        file.close(file.context);
        return result;
    }
    return log_tee_open(file, system, NULL, out);
}

int logging_open(const struct config *config, const struct logging_way *way, struct log **out)
{
    struct config defaults;
    const char *error = NULL;
    struct log_options options;
    struct log_sink sink;
    int result;

    if (config == NULL) {
        config_defaults(&defaults);
        defaults.path[0] = '\0';
        config = &defaults;
    }
    options = (struct log_options){.level = (enum log_level)config->values.log.level,
                                   .lines_per_s = config->values.log.lines_per_s};
    result = open_sinks(config, way, &sink, &error);
    if (result != RESULT_OK) {
        return result;
    }
    result = log_create(&options, sink, out);
    if (result != RESULT_OK) {
        sink.close(sink.context);
        return result;
    }
    if (error != NULL) {
        log_text(log_begin(*out, LOG_EVENT_LOG_STUCK), "error", error);
        log_end(*out);
    }
    return RESULT_OK;
}

static void log_message(struct log *log, const struct config_report *report,
                        const struct config_message *message)
{
    const bool is_error = message->severity == CONFIG_ERROR;
    struct log_line *line =
        log_begin(log, is_error ? LOG_EVENT_CONFIG_ERROR : LOG_EVENT_CONFIG_WARNING);

    switch (message->origin.kind) {
    case CONFIG_FROM_FILE:
        log_text(line, "file", report->path);
        break;
    case CONFIG_FROM_DEFAULT: /* What is not there: the place to write it is the file. */
        log_text(line, "file", report->path[0] != '\0' ? report->path : "built-in defaults");
        break;
    case CONFIG_FROM_ENVIRONMENT:
        log_text(line, "file", "environment");
        break;
    case CONFIG_FROM_SET:
        log_text(line, "file", "command line");
        break;
    }
    log_u64(line, "line", message->origin.kind == CONFIG_FROM_FILE ? message->origin.line : 0);
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
