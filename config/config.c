/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "config/config_keys.h"
#include "config/config_loader.h"
#include "config/config_report.h"
#include "config/config_text.h"
#include "config/config_value.h"

/* Works out what other values give. */
static void resolve(struct relay_config *values)
{
    if (values->control.max_connections == 0) {
        values->control.max_connections = values->limits.max_clients + values->control.preauth_max;
    }
}

/* The defaults as they are written, with "auto" still in them. */
static void fill_defaults(struct config *config)
{
    char why[CONFIG_MESSAGE_TEXT_SIZE];

    memset(config, 0, sizeof(*config));
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        const int result = config_value_parse(key, key->fallback, &config->values, why);

        assert(result == 0);
        (void)result;
    }
}

void config_defaults(struct config *out)
{
    fill_defaults(out);
    resolve(&out->values);
}

void config_environment_name(const struct config_key *key, char out[CONFIG_ENVIRONMENT_NAME_SIZE])
{
    (void)snprintf(out, CONFIG_ENVIRONMENT_NAME_SIZE, "%s%s_%s", CONFIG_ENVIRONMENT_PREFIX,
                   key->section, key->name);
    for (char *c = out; *c != '\0'; c++) {
        if (*c >= 'a' && *c <= 'z') {
            *c = (char)(*c - ('a' - 'A'));
        }
    }
}

void config_loader_label(const struct config_key *key, struct config_origin origin,
                         char out[CONFIG_LABEL_SIZE])
{
    char name[CONFIG_ENVIRONMENT_NAME_SIZE];

    switch (origin.kind) {
    case CONFIG_FROM_DEFAULT:
    case CONFIG_FROM_FILE:
        (void)snprintf(out, CONFIG_LABEL_SIZE, "[%s] %s", key->section, key->name);
        break;
    case CONFIG_FROM_ENVIRONMENT:
        config_environment_name(key, name);
        (void)snprintf(out, CONFIG_LABEL_SIZE, "environment %s", name);
        break;
    case CONFIG_FROM_SET:
        (void)snprintf(out, CONFIG_LABEL_SIZE, "--set %s.%s", key->section, key->name);
        break;
    }
}

void config_loader_apply(struct config_loader *loader, size_t index, const char *text,
                         struct config_origin origin)
{
    const struct config_key *key = config_key_at(index);
    char label[CONFIG_LABEL_SIZE];
    char why[CONFIG_MESSAGE_TEXT_SIZE];

    loader->config.origins[index] = origin;
    if (config_value_parse(key, text, &loader->config.values, why) == 0) {
        return;
    }
    loader->is_bad[index] = true;
    config_loader_label(key, origin, label);
    config_report_add(loader->report, CONFIG_ERROR, origin, "%s: %s", label, why);
}

const struct config_key *config_key_nearest(const char *section, const char *name)
{
    const struct config_key *nearest = NULL;
    size_t nearest_distance = SIZE_MAX;

    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        size_t distance;

        if (strcmp(key->section, section) == 0 && config_is_close(name, key->name, &distance) &&
            distance < nearest_distance) {
            nearest = key;
            nearest_distance = distance;
        }
    }
    return nearest;
}

void config_loader_unknown_key(struct config_loader *loader, enum config_severity severity,
                               struct config_origin origin, const char *label, const char *section,
                               const char *name)
{
    const struct config_key *key = config_key_nearest(section, name);

    if (key != NULL) {
        config_report_add(loader->report, severity, origin,
                          "%s: there is no such key; did you mean \"%s\"?", label, key->name);
        return;
    }
    /* The right key in the wrong section is a common mistake. */
    for (size_t i = 0; i < config_key_count(); i++) {
        key = config_key_at(i);
        if (strcmp(key->name, name) == 0) {
            config_report_add(loader->report, severity, origin,
                              "%s: there is no such key in [%s]; did you mean the one in [%s]?",
                              label, section, key->section);
            return;
        }
    }
    config_report_add(loader->report, severity, origin, "%s: there is no such key", label);
}

/* The section whose name is nearest, or NULL. */
static const char *nearest_section(const char *name)
{
    const char *nearest = NULL;
    size_t nearest_distance = SIZE_MAX;

    for (size_t i = 0; i < config_key_count(); i++) {
        const char *section = config_key_at(i)->section;
        size_t distance = config_edit_distance(name, section);

        if (distance <= 2 && distance < strlen(section) && distance < nearest_distance) {
            nearest = section;
            nearest_distance = distance;
        }
    }
    return nearest;
}

void config_loader_unknown_section(struct config_loader *loader, enum config_severity severity,
                                   struct config_origin origin, const char *label,
                                   const char *section)
{
    const char *nearest = nearest_section(section);

    if (nearest != NULL) {
        config_report_add(loader->report, severity, origin,
                          "%s: there is no such section; did you mean \"%s\"?", label, nearest);
    } else {
        config_report_add(loader->report, severity, origin, "%s: there is no such section", label);
    }
}

int config_load(const struct config_input *input, struct config *out, struct config_report *report)
{
    struct config_loader loader;

    memset(&loader, 0, sizeof(loader));
    fill_defaults(&loader.config);
    loader.report = report;
    config_report_start(report, input->path);
    if (input->read != NULL) {
        (void)snprintf(loader.config.path, sizeof(loader.config.path), "%s", report->path);
        config_ini_read(&loader, input->read, input->read_context);
    }
    for (size_t i = 0; i < input->environment_count; i++) {
        config_variable_read(&loader, input->environment[i]);
    }
    for (size_t i = 0; i < input->setting_count; i++) {
        config_setting_read(&loader, input->settings[i]);
    }
    resolve(&loader.config.values);
    config_check(&loader);
    if (report->error_count != 0) {
        return RESULT_INVALID;
    }
    *out = loader.config;
    return 0;
}

size_t config_changed(const struct relay_config *old_values, const struct relay_config *new_values,
                      size_t out[CONFIG_KEYS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < config_key_count(); i++) {
        if (!config_value_equal(config_key_at(i), old_values, new_values)) {
            out[count++] = i;
        }
    }
    return count;
}

int config_read_file(void *file, char *buffer, size_t size)
{
    const size_t count = fread(buffer, 1, size, file);

    if (count == 0 && ferror((FILE *)file)) {
        return RESULT_OS;
    }
    return (int)count;
}

void config_write_file(void *file, const char *text, size_t size)
{
    /* A full disk or a closed pipe shows in ferror(), which the owner of the file looks at. */
    (void)fwrite(text, 1, size, file);
}
