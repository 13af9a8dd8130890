/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <string.h>

#include "config/config.h"
#include "config/config_keys.h"
#include "config/config_loader.h"
#include "config/config_report.h"
#include "config/config_value.h"

/* What is printed is read back to an equal value, whatever the type. */
static void copy_value(const struct config_key *key, const struct relay_config *from,
                       struct relay_config *to)
{
    char text[CONFIG_VALUE_TEXT_SIZE];
    char why[CONFIG_MESSAGE_TEXT_SIZE];
    int result;

    config_value_print(key, from, text);
    result = config_value_parse(key, text, to, why);
    assert(result == 0);
    (void)result;
}

int config_reload(const struct config *in_force, const struct config *read, struct config *out,
                  struct config_report *report)
{
    const uint32_t errors_before = report->error_count;
    size_t changed[CONFIG_KEYS_MAX];
    const size_t changed_count = config_changed(&in_force->values, &read->values, changed);
    struct config_loader loader;

    memset(&loader, 0, sizeof(loader));
    loader.report = report;
    loader.config = *read;
    for (size_t i = 0; i < config_key_count(); i++) {
        if (!config_key_at(i)->is_live) {
            copy_value(config_key_at(i), &in_force->values, &loader.config.values);
            /* The key that was changed is the one to blame: a live one, or below another. */
            loader.config.origins[i] = (struct config_origin){.kind = CONFIG_FROM_DEFAULT};
        }
    }
    for (size_t i = 0; i < changed_count; i++) {
        loader.config.origins[changed[i]] = read->origins[changed[i]];
    }
    config_check(&loader);
    if (report->error_count != errors_before) {
        config_report_add_file(report, "these values do not go together with those of keys that "
                                       "need a restart; restart to use them all");
        return RESULT_INVALID;
    }
    for (size_t i = 0; i < config_key_count(); i++) {
        if (!config_key_at(i)->is_live) {
            loader.config.origins[i] = in_force->origins[i];
        }
    }
    *out = loader.config;
    return 0;
}
