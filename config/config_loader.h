/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONFIG_CONFIG_LOADER_H
#define GSRELAY_CONFIG_CONFIG_LOADER_H

/* config_loader.h - inside config/ only: a load that is under way.
 *
 * config.c owns the order (file, environment, settings, checks), config_ini.c reads the file,
 * config_outside.c the environment and the settings, config_check.c compares the values with each
 * other. Threads: one at a time. Memory: on the stack of config_load(). */

#include <stdbool.h>

#include "config/config.h"
#include "config/config_keys.h"

struct config_loader {
    struct config config;
    struct config_report *report;
    bool
        is_bad[CONFIG_KEYS_MAX]; /* A value of this key was refused; nothing is compared with it. */
};

/* What a message about a key begins with, by where its value came from: the file's name and line
 * come from the report, so "[udp] port"; else "--set udp.port" or "environment GSRELAY_UDP_PORT".
 */
#define CONFIG_LABEL_SIZE 96
void config_loader_label(const struct config_key *key, struct config_origin origin,
                         char out[CONFIG_LABEL_SIZE]);

/* Gives the key at index a value; reports what is wrong with it. */
void config_loader_apply(struct config_loader *loader, size_t index, const char *text,
                         struct config_origin origin);

/* The key of that section whose name is nearest to name, or NULL when none is near. */
const struct config_key *config_key_nearest(const char *section, const char *name);

/* Reports that there is no such key in that section, with a suggestion when one is near. label
 * stands before the text. */
void config_loader_unknown_key(struct config_loader *loader, enum config_severity severity,
                               struct config_origin origin, const char *label, const char *section,
                               const char *name);

/* The same for a section. */
void config_loader_unknown_section(struct config_loader *loader, enum config_severity severity,
                                   struct config_origin origin, const char *label,
                                   const char *section);

/* Reads the file through inih. */
void config_ini_read(struct config_loader *loader, config_read *read, void *context);

/* Takes one "NAME=value" of the environment, or passes over it. */
void config_variable_read(struct config_loader *loader, const char *variable);

/* Takes one "section.key=value". */
void config_setting_read(struct config_loader *loader, const char *setting);

/* Compares the values with each other. */
void config_check(struct config_loader *loader);

#endif
