/* SPDX-License-Identifier: MIT */
#include "config/secret_file.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "config/config_lines.h"
#include "config/config_report.h"

struct reading {
    struct secret_file *out;
    struct config_report *report;
    struct config_lines lines;
    char line[CONFIG_LINE_SIZE];
    uint32_t seen_lines[TICKET_SECRETS_MAX]; /* Where each secret stands. */
};

static void refuse(struct reading *reading, const char *text)
{
    const struct config_origin origin = {.kind = CONFIG_FROM_FILE, .line = reading->lines.number};

    config_report_add(reading->report, CONFIG_ERROR, origin, "%s", text);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int digit_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Reads the digits of a secret. Returns NULL, or what is wrong with them. */
static const char *parse_digits(const char *text, size_t size, uint8_t out[SECRET_SIZE])
{
    uint8_t all = 0;

    for (size_t i = 0; i < size; i++) {
        if (digit_value(text[i]) < 0) {
            return "a secret is written in hexadecimal digits; gsrelayd --genkey makes one";
        }
    }
    if (size < 2 * (size_t)SECRET_SIZE) {
        return "the secret is shorter than 32 bytes (64 digits); gsrelayd --genkey makes one";
    }
    if (size > 2 * (size_t)SECRET_SIZE) {
        return "the secret is longer than 32 bytes (64 digits)";
    }
    for (size_t i = 0; i < SECRET_SIZE; i++) {
        out[i] = (uint8_t)(digit_value(text[2 * i]) * 16 + digit_value(text[2 * i + 1]));
        all |= (uint8_t)(out[i] ^ out[0]);
    }
    if (all == 0) {
        return "the secret is one byte repeated; gsrelayd --genkey makes a random one";
    }
    return NULL;
}

/* Adds the secret of a line "id = digits" that has neither blanks around it nor a comment. */
static void add_secret(struct reading *reading, const char *line, size_t size)
{
    struct secret_file *out = reading->out;
    struct ticket_secret *secret = &out->secrets[out->count];
    const char *value = memchr(line, '=', size);
    size_t id_size = value == NULL ? 0 : (size_t)(value - line);
    const char *fault;
    char text[CONFIG_MESSAGE_TEXT_SIZE];

    while (id_size > 0 && is_blank(line[id_size - 1])) {
        id_size--;
    }
    if (value == NULL || !ticket_key_id_is_valid(line, id_size)) {
        refuse(reading, "write id = secret; the id has 1 to 16 letters, digits, - or _");
        return;
    }
    value++;
    while (value < line + size && is_blank(*value)) {
        value++;
    }
    for (uint32_t i = 0; i < out->count; i++) {
        if (strlen(out->secrets[i].key_id) == id_size &&
            memcmp(out->secrets[i].key_id, line, id_size) == 0) {
            (void)snprintf(text, sizeof(text), "the id \"%s\" already has a secret in line %u",
                           out->secrets[i].key_id, (unsigned)reading->seen_lines[i]);
            refuse(reading, text);
            return;
        }
    }
    if (out->count == TICKET_SECRETS_MAX) {
        (void)snprintf(text, sizeof(text), "there are more than %d secrets", TICKET_SECRETS_MAX);
        refuse(reading, text);
        return;
    }
    fault = parse_digits(value, (size_t)(line + size - value), secret->bytes);
    if (fault != NULL) {
        refuse(reading, fault);
        return;
    }
    memcpy(secret->key_id, line, id_size);
    secret->key_id[id_size] = '\0';
    reading->seen_lines[out->count] = reading->lines.number;
    out->count++;
}

static void take_line(struct reading *reading, size_t size)
{
    const char *line = reading->line;

    while (size > 0 && is_blank(line[size - 1])) {
        size--;
    }
    while (size > 0 && is_blank(*line)) {
        line++;
        size--;
    }
    if (size > 0 && *line != '#' && *line != ';') {
        add_secret(reading, line, size);
    }
}

/* Reads all lines. */
static void read_lines(struct reading *reading)
{
    size_t size;

    for (;;) {
        const enum config_line kind = config_lines_next(&reading->lines, reading->line, &size);

        switch (kind) {
        case CONFIG_LINE_OK:
            take_line(reading, size);
            break;
        case CONFIG_LINE_END:
            return;
        case CONFIG_LINE_TOO_LONG:
            refuse(reading, "the line is longer than 198 bytes");
            break;
        case CONFIG_LINE_NUL:
        case CONFIG_LINE_CONTROL:
        case CONFIG_LINE_NOT_UTF8:
        case CONFIG_LINE_UTF16:
        case CONFIG_LINE_FILE_TOO_LONG:
            refuse(reading, config_line_text(kind));
            break;
        case CONFIG_LINE_READ_FAILED:
            config_report_add_file(reading->report, config_line_text(kind));
            break;
        }
    }
}

int secret_file_read(const char *path, config_read *read, void *read_context,
                     struct secret_file *out, struct config_report *report)
{
    struct reading reading;

    memset(&reading, 0, sizeof(reading));
    memset(out, 0, sizeof(*out));
    reading.out = out;
    reading.report = report;
    config_report_start(report, path);
    config_lines_init(&reading.lines, read, read_context);
    read_lines(&reading);
    sodium_memzero(&reading, sizeof(reading));
    if (report->error_count == 0 && out->count == 0) {
        config_report_add_file(report,
                               "there is no secret in the file; gsrelayd --genkey makes one");
    }
    if (report->error_count != 0) {
        secret_file_wipe(out);
        return RESULT_INVALID;
    }
    return 0;
}

void secret_file_wipe(struct secret_file *file)
{
    sodium_memzero(file, sizeof(*file));
}

int secret_line_print(const char *key_id, const uint8_t bytes[SECRET_SIZE],
                      char out[SECRET_LINE_SIZE])
{
    char digits[2 * SECRET_SIZE + 1];

    if (!ticket_key_id_is_valid(key_id, strlen(key_id))) {
        return RESULT_INVALID;
    }
    (void)sodium_bin2hex(digits, sizeof(digits), bytes, SECRET_SIZE);
    (void)snprintf(out, SECRET_LINE_SIZE, "%s = %s\n", key_id, digits);
    sodium_memzero(digits, sizeof(digits));
    return 0;
}
