/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config_fixture.h"

#include <stdio.h>
#include <string.h>

struct config fixture_config;
struct config_report fixture_report;
struct memory_text fixture_messages;

int memory_read(void *file, char *buffer, size_t size)
{
    struct memory_file *memory = file;
    size_t count;

    if (memory->at == memory->size && memory->repeats > 0) {
        memory->repeats--;
        memory->at = 0;
    }
    count = memory->size - memory->at;
    if (count == 0) {
        return memory->failure;
    }
    if (count > size) {
        count = size;
    }
    if (memory->chunk != 0 && count > memory->chunk) {
        count = memory->chunk;
    }
    memcpy(buffer, memory->bytes + memory->at, count);
    memory->at += count;
    return (int)count;
}

void memory_write(void *text, const char *bytes, size_t size)
{
    struct memory_text *memory = text;

    assert_true(size < sizeof(memory->bytes) - memory->size);
    memcpy(memory->bytes + memory->size, bytes, size);
    memory->size += size;
    memory->bytes[memory->size] = '\0';
}

static size_t count_of(const char *const *strings)
{
    size_t count = 0;

    while (strings != NULL && strings[count] != NULL) {
        count++;
    }
    return count;
}

static int load(struct memory_file *file, const char *const *environment,
                const char *const *settings)
{
    const struct config_input input = {.path = file == NULL ? NULL : "relay.ini",
                                       .read = file == NULL ? NULL : memory_read,
                                       .read_context = file,
                                       .environment = environment,
                                       .environment_count = count_of(environment),
                                       .settings = settings,
                                       .setting_count = count_of(settings)};
    int result;

    memset(&fixture_config, 0xA5, sizeof(fixture_config));
    result = config_load(&input, &fixture_config, &fixture_report);
    memset(&fixture_messages, 0, sizeof(fixture_messages));
    config_report_print(&fixture_report, memory_write, &fixture_messages);
    assert_true(result == (fixture_report.error_count == 0 ? 0 : RESULT_INVALID));
    return result;
}

int load_bytes(const char *bytes, size_t size)
{
    struct memory_file file = {.bytes = bytes, .size = size};

    return load(&file, NULL, NULL);
}

int load_text(const char *text)
{
    return load_bytes(text, strlen(text));
}

int load_with(const char *text, const char *const *environment, const char *const *settings)
{
    struct memory_file file = {.bytes = text, .size = text == NULL ? 0 : strlen(text)};

    return load(text == NULL ? NULL : &file, environment, settings);
}

void assert_one_error(const char *line)
{
    char expected[512];

    (void)snprintf(expected, sizeof(expected), "%s\n", line);
    assert_string_equal(fixture_messages.bytes, expected);
    assert_int_equal(fixture_report.error_count, 1);
    assert_int_equal(fixture_report.warning_count, 0);
}

void assert_message(const char *line)
{
    const size_t size = strlen(line);
    const char *at = fixture_messages.bytes;

    while (*at != '\0') {
        const size_t line_size = strcspn(at, "\n");

        if (line_size == size && memcmp(at, line, size) == 0) {
            return;
        }
        at += line_size + (at[line_size] == '\n' ? 1 : 0);
    }
    fail_msg("no line \"%s\" in\n%s", line, fixture_messages.bytes);
}
