/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "config/config_loader.h"
#include "config/config_report.h"
#include "config/config_text.h"
#include "config/config_value.h"

/* The longest name of section, key or variable that is looked at. */
#define NAME_SIZE 64

/* True when a value from outside the file could stand in one. */
static bool is_plain_text(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        const unsigned char byte = (unsigned char)*c;

        if (byte == 0x7F || (byte < 0x20 && byte != '\t')) {
            return false;
        }
    }
    return config_is_utf8(text, strlen(text));
}

/* Gives the key at index a value that does not come from the file. */
static void apply_outside(struct config_loader *loader, size_t index, const char *text,
                          struct config_origin origin)
{
    char label[CONFIG_LABEL_SIZE];

    if (is_plain_text(text)) {
        config_loader_apply(loader, index, text, origin);
        return;
    }
    loader->is_bad[index] = true;
    config_loader_label(config_key_at(index), origin, label);
    config_report_add(loader->report, CONFIG_ERROR, origin,
                      "%s: the value holds control characters or is not UTF-8", label);
}

/* Says so when a variable looks as if it was meant for a key. */
static void judge_unknown_variable(struct config_loader *loader, const char *name)
{
    const struct config_origin origin = {.kind = CONFIG_FROM_ENVIRONMENT, .line = 0};
    const char *rest = name + strlen(CONFIG_ENVIRONMENT_PREFIX);
    const size_t size = strcspn(rest, "_");
    char label[NAME_SIZE + 16];
    char section[NAME_SIZE];
    size_t distance;

    if (rest[size] == '\0' || size >= sizeof(section)) {
        return;
    }
    memcpy(section, rest, size);
    section[size] = '\0';
    (void)snprintf(label, sizeof(label), "environment %.*s", NAME_SIZE, name);
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);

        if (config_equal_ignoring_case(section, key->section)) {
            const struct config_key *nearest = config_key_nearest(key->section, rest + size + 1);
            char nearest_name[CONFIG_ENVIRONMENT_NAME_SIZE];

            if (nearest == NULL) {
                config_report_add(loader->report, CONFIG_WARNING, origin,
                                  "%s: there is no such key in [%s]", label, key->section);
                return;
            }
            config_environment_name(nearest, nearest_name);
            config_report_add(loader->report, CONFIG_WARNING, origin,
                              "%s: not read; did you mean %s?", label, nearest_name);
            return;
        }
    }
    for (size_t i = 0; i < config_key_count(); i++) {
        if (config_is_close(section, config_key_at(i)->section, &distance)) {
            config_loader_unknown_section(loader, CONFIG_WARNING, origin, label, section);
            return;
        }
    }
}

/* The index of the key that a variable belongs to, or config_key_count(). */
static size_t key_of_variable(const char *name, size_t name_size)
{
    char expected[CONFIG_ENVIRONMENT_NAME_SIZE];
    size_t index = 0;

    for (; index < config_key_count(); index++) {
        config_environment_name(config_key_at(index), expected);
        if (strlen(expected) == name_size && memcmp(expected, name, name_size) == 0) {
            break;
        }
    }
    return index;
}

void config_variable_read(struct config_loader *loader, const char *variable)
{
    const struct config_origin origin = {.kind = CONFIG_FROM_ENVIRONMENT, .line = 0};
    const size_t name_size = strcspn(variable, "=");
    char name[NAME_SIZE];
    size_t index;

    if (variable[name_size] == '\0' || name_size >= sizeof(name) ||
        !config_begins_ignoring_case(variable, CONFIG_ENVIRONMENT_PREFIX)) {
        return;
    }
    index = key_of_variable(variable, name_size);
    if (index < config_key_count()) {
        apply_outside(loader, index, variable + name_size + 1, origin);
        return;
    }
    memcpy(name, variable, name_size);
    name[name_size] = '\0';
    judge_unknown_variable(loader, name);
}

/* Copies text[0..size) without blanks at its ends. Returns false when it does not fit. */
static bool copy_trimmed(const char *text, size_t size, char *out, size_t out_size)
{
    while (size > 0 && (text[0] == ' ' || text[0] == '\t')) {
        text++;
        size--;
    }
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t')) {
        size--;
    }
    if (size >= out_size) {
        return false;
    }
    memcpy(out, text, size);
    out[size] = '\0';
    return true;
}

void config_setting_read(struct config_loader *loader, const char *setting)
{
    const struct config_origin origin = {.kind = CONFIG_FROM_SET, .line = 0};
    const size_t path_size = strcspn(setting, "=");
    const size_t section_size = strcspn(setting, ".=");
    char section[NAME_SIZE];
    char name[NAME_SIZE];
    char value[CONFIG_VALUE_TEXT_SIZE];
    char label[2 * NAME_SIZE + 16];
    size_t index;

    if (setting[path_size] == '\0' || setting[section_size] != '.' ||
        !copy_trimmed(setting, section_size, section, sizeof(section)) ||
        !copy_trimmed(setting + section_size + 1, path_size - section_size - 1, name,
                      sizeof(name))) {
        config_report_add(loader->report, CONFIG_ERROR, origin,
                          "--set \"%.100s\": write section.key=value", setting);
        return;
    }
    (void)snprintf(label, sizeof(label), "--set %s.%s", section, name);
    index = config_key_find(section, name);
    if (!config_section_exists(section)) {
        config_loader_unknown_section(loader, CONFIG_ERROR, origin, label, section);
    } else if (index == config_key_count()) {
        config_loader_unknown_key(loader, CONFIG_ERROR, origin, label, section, name);
    } else if (!copy_trimmed(setting + path_size + 1, strlen(setting + path_size + 1), value,
                             sizeof(value))) {
        loader->is_bad[index] = true;
        config_report_add(loader->report, CONFIG_ERROR, origin, "%s: the value is too long", label);
    } else {
        apply_outside(loader, index, value, origin);
    }
}
