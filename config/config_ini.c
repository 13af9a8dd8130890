/* SPDX-License-Identifier: MIT */
#include <ini.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "config/config_lines.h"
#include "config/config_loader.h"
#include "config/config_report.h"

/* inih splits lines into section, name and value; everything that it would cut, merge or pass over
 * without a word is judged in next_line(), before inih sees it. What inih is handed is therefore
 * only "[section]" and "name = value", each whole, and inih 55 and 59 treat those alike. Line
 * numbers are counted here too: the handler's own differ between builds of inih.
 *
 * inih ends a value at a semicolon that follows a blank. next_line() has already refused the value
 * or found it quoted, so it hands semicolons on as MASK, a byte that no line can hold. */
#define MASK '\x01'

/* inih keeps 49 bytes of a section's name. */
#define SECTION_MAX 49

struct ini_file {
    struct config_loader *loader;
    struct config_lines lines;
    bool has_section;                    /* A line "[...]" was read. */
    const char *section;                 /* Its name in the key table; NULL: it is not known. */
    bool is_encoding_told;               /* A file in a wrong encoding is wrong in every line. */
    uint32_t key_lines[CONFIG_KEYS_MAX]; /* Where each key was set, or 0. */
    uint32_t section_lines[CONFIG_KEYS_MAX]; /* By the section's first key. */
};

static struct config_origin here(const struct ini_file *file)
{
    return (struct config_origin){.kind = CONFIG_FROM_FILE, .line = file->lines.number};
}

static void refuse(struct ini_file *file, const char *text)
{
    config_report_add(file->loader->report, CONFIG_ERROR, here(file), "%s", text);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_comment(char c)
{
    return c == ';' || c == '#';
}

static const char *skip_blanks(const char *text)
{
    while (is_blank(*text)) {
        text++;
    }
    return text;
}

static size_t trimmed_size(const char *text, size_t size)
{
    while (size > 0 && is_blank(text[size - 1])) {
        size--;
    }
    return size;
}

/* The index of the section's first key, or config_key_count(). */
static size_t find_section(const char *name)
{
    size_t index = 0;

    while (index < config_key_count() && strcmp(config_key_at(index)->section, name) != 0) {
        index++;
    }
    return index;
}

/* Begins the section in a line that starts with '['. Returns true when inih is to see it. */
static bool begin_section(struct ini_file *file, const char *line)
{
    struct config_report *report = file->loader->report;
    const size_t size = strcspn(line + 1, "]");
    const char *after = line + 1 + size;
    char name[SECTION_MAX + 1];
    char label[SECTION_MAX + 8];
    size_t index;

    file->has_section = true;
    file->section = NULL;
    if (*after != ']') {
        refuse(file, "the closing bracket of the section is missing");
        return false;
    }
    after = skip_blanks(after + 1);
    if (*after != '\0' && !is_comment(*after)) {
        refuse(file, "there is text after the section's closing bracket");
        return false;
    }
    if (size > SECTION_MAX) {
        refuse(file, "the name of the section is longer than 49 bytes");
        return false;
    }
    memcpy(name, line + 1, size);
    name[size] = '\0';
    index = find_section(name);
    if (index == config_key_count()) {
        (void)snprintf(label, sizeof(label), "[%s]", name);
        config_loader_unknown_section(file->loader, CONFIG_ERROR, here(file), label, name);
        return false;
    }
    file->section = config_key_at(index)->section;
    if (file->section_lines[index] != 0) {
        config_report_add(report, CONFIG_ERROR, here(file),
                          "[%s]: this section has already begun in line %u", name,
                          (unsigned)file->section_lines[index]);
    } else {
        file->section_lines[index] = file->lines.number;
    }
    return true;
}

/* Returns NULL when the value that begins at text is whole, else what is wrong with it. */
static const char *judge_value(const char *text)
{
    const char *end;

    if (*text == '"') {
        end = strchr(text + 1, '"');
        if (end == NULL) {
            return "the closing quote is missing";
        }
        if (*skip_blanks(end + 1) != '\0') {
            return "there is text after the closing quote; comments stand on lines of their own";
        }
        return NULL;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (is_comment(*c) && (c == text || is_blank(c[-1]))) {
            return "comments stand on lines of their own; a value with \" ;\" or \" #\" in it "
                   "stands in double quotes";
        }
    }
    return NULL;
}

static bool is_name(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_' && c != '-' && c != '.') {
            return false;
        }
    }
    return size > 0;
}

/* Judges a line that should be "name = value". Returns true when inih is to see it. */
static bool judge_entry(struct ini_file *file, const char *line)
{
    const size_t end = strcspn(line, "=:");
    const size_t name_size = trimmed_size(line, end);
    const char *fault;

    if (line[end] == '\0') {
        refuse(file, "write key = value, or [section]");
        return false;
    }
    if (!is_name(line, name_size)) {
        config_report_add(file->loader->report, CONFIG_ERROR, here(file),
                          "\"%.*s\" cannot be the name of a key", (int)name_size, line);
        return false;
    }
    if (!file->has_section) {
        config_report_add(file->loader->report, CONFIG_ERROR, here(file),
                          "%.*s: a key stands below a [section]", (int)name_size, line);
        return false;
    }
    if (file->section == NULL) {
        /* The section has been reported; its keys can be neither right nor wrong. */
        return false;
    }
    fault = judge_value(skip_blanks(line + end + 1));
    if (fault != NULL) {
        config_report_add(file->loader->report, CONFIG_ERROR, here(file), "[%s] %.*s: %s",
                          file->section, (int)name_size, line, fault);
        return false;
    }
    return true;
}

/* Returns true when inih is to see the line. */
static bool judge_line(struct ini_file *file, const char *line)
{
    const char *start = skip_blanks(line);

    if (*start == '\0' || is_comment(*start)) {
        return false;
    }
    if (start != line) {
        refuse(file, "the line is indented; keys and sections begin at its start");
        return false;
    }
    return *line == '[' ? begin_section(file, line) : judge_entry(file, line);
}

/* Reports a line or file that is unusable. Returns false when there is nothing left to read. */
static bool tell_fault(struct ini_file *file, enum config_line fault)
{
    const bool is_encoding = fault == CONFIG_LINE_NUL || fault == CONFIG_LINE_NOT_UTF8;

    if (fault == CONFIG_LINE_END) {
        return false;
    }
    if (fault == CONFIG_LINE_READ_FAILED) {
        config_report_add_file(file->loader->report, config_line_text(fault));
        return false;
    }
    if (!is_encoding || !file->is_encoding_told) {
        refuse(file, config_line_text(fault));
        file->is_encoding_told = file->is_encoding_told || is_encoding;
    }
    return fault != CONFIG_LINE_UTF16 && fault != CONFIG_LINE_FILE_TOO_LONG;
}

/* An ini_reader: gives inih the next line that it may see. */
static char *next_line(char *out, int out_size, void *stream)
{
    struct ini_file *file = stream;
    char line[CONFIG_LINE_SIZE];
    size_t size;

    for (;;) {
        const enum config_line kind = config_lines_next(&file->lines, line, &size);

        if (kind != CONFIG_LINE_OK) {
            if (!tell_fault(file, kind)) {
                return NULL;
            }
            continue;
        }
        if (!judge_line(file, line)) {
            continue;
        }
        if (size + 2 > (size_t)out_size) {
            /* An inih that was built with a shorter buffer. */
            refuse(file, config_line_text(CONFIG_LINE_TOO_LONG));
            continue;
        }
        break;
    }
    for (size_t i = 0; i < size; i++) {
        out[i] = (char)(line[i] == ';' && line[0] != '[' ? MASK : line[i]);
    }
    out[size] = '\n';
    out[size + 1] = '\0';
    return out;
}

/* Undoes MASK and takes one pair of quotes off. */
static void clean_value(const char *value, char out[CONFIG_LINE_SIZE])
{
    size_t size = strlen(value);

    assert(size < CONFIG_LINE_SIZE);
    if (size >= 2 && value[0] == '"') {
        value++;
        size -= 2;
    }
    for (size_t i = 0; i < size; i++) {
        out[i] = (char)(value[i] == MASK ? ';' : value[i]);
    }
    out[size] = '\0';
}

/* An ini_handler. inih takes anything but 0 for success; mistakes are in the report. */
static int on_value(void *user, const char *section, const char *name, const char *value)
{
    struct ini_file *file = user;
    struct config_report *report = file->loader->report;
    const size_t index = config_key_find(section, name);
    char text[CONFIG_LINE_SIZE];
    char label[2 * CONFIG_LINE_SIZE];

    if (index == config_key_count()) {
        (void)snprintf(label, sizeof(label), "[%s] %s", section, name);
        config_loader_unknown_key(file->loader, CONFIG_ERROR, here(file), label, section, name);
        return 1;
    }
    if (file->key_lines[index] != 0) {
        file->loader->is_bad[index] = true;
        config_report_add(report, CONFIG_ERROR, here(file), "[%s] %s: already set in line %u",
                          section, name, (unsigned)file->key_lines[index]);
        return 1;
    }
    file->key_lines[index] = file->lines.number;
    clean_value(value, text);
    config_loader_apply(file->loader, index, text, here(file));
    return 1;
}

void config_ini_read(struct config_loader *loader, config_read *read, void *context)
{
    struct ini_file file;
    int result;

    memset(&file, 0, sizeof(file));
    file.loader = loader;
    config_lines_init(&file.lines, read, context);
    result = ini_parse_stream(next_line, &file, on_value, &file);
    if (result != 0) {
        /* Lines that inih could refuse never reach it, so this is want of memory (a build of inih
         * that keeps its line on the heap), or an inih that reads lines in a way of its own. */
        config_report_add_file(loader->report, result == -2
                                                   ? "there is not enough memory to read the file"
                                                   : "the INI library could not read the file");
    }
}
