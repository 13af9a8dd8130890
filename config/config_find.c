/* SPDX-License-Identifier: MIT */
#include "config/config_find.h"

#include <string.h>

const char *config_find(const struct config_search *search, bool *is_named_out)
{
    *is_named_out = true;
    if (search->argument != NULL) {
        return search->argument;
    }
    if (search->variable != NULL && search->variable[0] != '\0') {
        return search->variable;
    }
    *is_named_out = false;
    for (size_t i = 0; i < search->candidate_count; i++) {
        if (search->exists(search->exists_context, search->candidates[i])) {
            return search->candidates[i];
        }
    }
    return NULL;
}

const char *config_environment_get(const char *const environment[], size_t count, const char *name)
{
    const size_t size = strlen(name);

    for (size_t i = 0; i < count; i++) {
        if (strncmp(environment[i], name, size) == 0 && environment[i][size] == '=') {
            return environment[i] + size + 1;
        }
    }
    return NULL;
}
