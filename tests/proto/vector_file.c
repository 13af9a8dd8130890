/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <sodium.h>
#include <cmocka.h>

#include "tests/proto/vector_file.h"

#define SECTIONS_MAX 200

static char content[128 * 1024];
static struct vector_section sections[SECTIONS_MAX];
static int section_count;

static int add_section(char *line)
{
    char *space = strchr(line, ' ');
    char *end = strchr(line, ']');

    if (space == NULL || end == NULL || end[1] != '\0' || section_count == SECTIONS_MAX) {
        return -1;
    }
    *space = '\0';
    *end = '\0';
    sections[section_count++] = (struct vector_section){.kind = line + 1, .title = space + 1};
    return 0;
}

static int add_field(char *line)
{
    struct vector_section *section = &sections[section_count - 1];
    char *equals = strstr(line, " =");

    if (section_count == 0 || equals == NULL || section->field_count == VECTOR_FIELDS_MAX) {
        return -1;
    }
    *equals = '\0';
    section->keys[section->field_count] = line;
    section->values[section->field_count] = equals + (equals[2] == ' ' ? 3 : 2);
    section->field_count++;
    return 0;
}

int vector_file_load(void **state)
{
    FILE *file = fopen(GSRELAY_SOURCE_DIR "/tests/vectors/protocol.txt", "rb");
    size_t size = 0;
    char *at = content;

    (void)state;
    if (file == NULL) {
        return -1;
    }
    size = fread(content, 1, sizeof(content) - 1, file);
    if (fclose(file) != 0 || size == sizeof(content) - 1) {
        return -1;
    }
    while (*at != '\0') {
        char *line = at;
        const size_t length = strcspn(line, "\r\n");

        at = line + length + strspn(line + length, "\r\n");
        line[length] = '\0';
        if (line[0] == '#') {
            continue;
        }
        if ((line[0] == '[' ? add_section(line) : add_field(line)) != 0) {
            (void)fprintf(stderr, "protocol.txt: not a section and not a field: %s\n", line);
            return -1;
        }
    }
    return 0;
}

const struct vector_section *vector_section_at(const char *kind, int n)
{
    for (int index = 0; index < section_count; index++) {
        if (strcmp(sections[index].kind, kind) == 0 && n-- == 0) {
            return &sections[index];
        }
    }
    return NULL;
}

const char *vector_text(const struct vector_section *section, const char *key)
{
    for (int index = 0; index < section->field_count; index++) {
        if (strcmp(section->keys[index], key) == 0) {
            return section->values[index];
        }
    }
    fail_msg("[%s %s] has no %s", section->kind, section->title, key);
    return NULL;
}

uint64_t vector_number(const struct vector_section *section, const char *key)
{
    const char *text = vector_text(section, key);
    char *end = NULL;
    const uint64_t value = strtoull(text, &end, 10);

    if (end == text || *end != '\0') {
        fail_msg("[%s %s] %s is not a number", section->kind, section->title, key);
    }
    return value;
}

size_t vector_bytes(const struct vector_section *section, const char *key, uint8_t *out,
                    size_t capacity)
{
    const char *text = vector_text(section, key);
    size_t size = 0;

    if (sodium_hex2bin(out, capacity, text, strlen(text), NULL, &size, NULL) != 0) {
        fail_msg("[%s %s] %s is not hexadecimal or too long", section->kind, section->title, key);
    }
    return size;
}
