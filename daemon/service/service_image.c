/* SPDX-License-Identifier: MIT */
#include "daemon/service/service_image.h"

#include "config/config_text.h"

#include <stdio.h>
#include <string.h>

static bool can_be_quoted(const char *text)
{
    return strpbrk(text, "\"%") == NULL;
}

int service_image_print(const struct service_image *image, char out[SERVICE_IMAGE_SIZE])
{
    const char *quote = strchr(image->name, ' ') != NULL ? "\"" : "";
    int size;

    if (!can_be_quoted(image->program) || !can_be_quoted(image->name) ||
        !can_be_quoted(image->config)) {
        return RESULT_INVALID;
    }
    size = snprintf(out, SERVICE_IMAGE_SIZE, "\"%s\" service run --name %s%s%s --config \"%s\"",
                    image->program, quote, image->name, quote, image->config);
    return size > 0 && size < SERVICE_IMAGE_SIZE ? RESULT_OK : RESULT_FULL;
}

/* Copies the next word, with what stands in quotes as one; returns where it ends, or NULL when
 * there is none or it does not fit. */
static const char *next_word(const char *text, char *out, size_t size)
{
    bool is_quoted = false;
    size_t used = 0;

    text += strspn(text, " \t");
    if (*text == '\0') {
        return NULL;
    }
    for (; *text != '\0' && (is_quoted || (*text != ' ' && *text != '\t')); text++) {
        if (*text == '"') {
            is_quoted = !is_quoted;
        } else if (used + 1 < size) {
            out[used++] = *text;
        } else {
            return NULL;
        }
    }
    out[used] = '\0';
    return text;
}

/* The program of a line without quotes: up to the first ".exe" that a space or the end follows, as
 * the service manager finds it where no shorter name exists. */
static const char *bare_program(const char *text, char out[OS_PATH_SIZE])
{
    for (size_t size = 4; size <= strlen(text) && size < OS_PATH_SIZE; size++) {
        const char after = text[size];

        if (config_begins_ignoring_case(text + size - 4, ".exe") &&
            (after == '\0' || after == ' ' || after == '\t')) {
            memcpy(out, text, size);
            out[size] = '\0';
            return text + size;
        }
    }
    return NULL;
}

bool service_image_is_ours(const char *path)
{
    const char *name = path;
    size_t size;

    for (const char *c = path; *c != '\0'; c++) {
        if (*c == '\\' || *c == '/') {
            name = c + 1;
        }
    }
    size = strlen(name);
    return config_begins_ignoring_case(name, "gsrelayd") && size > 4 &&
           config_equal_ignoring_case(name + size - 4, ".exe");
}

int service_image_read(const char *text, struct service_image *out)
{
    struct service_image image = {.program = ""};
    char word[OS_PATH_SIZE];
    const char *at = text[0] == '"' ? next_word(text, image.program, sizeof(image.program))
                                    : bare_program(text, image.program);

    if (at == NULL || !service_image_is_ours(image.program)) {
        return RESULT_INVALID;
    }
    at = next_word(at, word, sizeof(word));
    if (at == NULL || strcmp(word, "service") != 0) {
        return RESULT_INVALID;
    }
    at = next_word(at, word, sizeof(word));
    if (at == NULL || strcmp(word, "run") != 0) {
        return RESULT_INVALID;
    }
    while ((at = next_word(at, word, sizeof(word))) != NULL) {
        if (strcmp(word, "--name") == 0) {
            at = next_word(at, image.name, sizeof(image.name));
        } else if (strcmp(word, "--config") == 0) {
            at = next_word(at, image.config, sizeof(image.config));
        }
        if (at == NULL) {
            break;
        }
    }
    *out = image;
    return RESULT_OK;
}
