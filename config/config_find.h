/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONFIG_CONFIG_FIND_H
#define GSRELAY_CONFIG_CONFIG_FIND_H

/* config_find.h - which file is the configuration.
 *
 * Not here: the places themselves and whether something stands there, which only the system knows.
 * Threads: pure functions. Memory: what is returned points into what was given. */

#include <stdbool.h>
#include <stddef.h>

/* The variable that names the file. */
#define CONFIG_FILE_VARIABLE "GSRELAY_CONFIG"

struct config_search {
    const char *argument;          /* Of --config; NULL: not given. */
    const char *variable;          /* Of CONFIG_FILE_VARIABLE; NULL or empty: not set. */
    const char *const *candidates; /* Places to look at, the first that exists wins. */
    size_t candidate_count;
    bool (*exists)(void *context, const char *path);
    void *exists_context;
};

/* Returns the file to read, or NULL when there is none and the defaults stand. *is_named_out tells
 * that somebody named the file; then it is returned whether it exists or not, and that it cannot be
 * opened is an error. An unnamed file that exists but cannot be opened is one as well. */
const char *config_find(const struct config_search *search, bool *is_named_out);

/* The value of a variable in "NAME=value" strings, or NULL. */
const char *config_environment_get(const char *const environment[], size_t count, const char *name);

#endif
