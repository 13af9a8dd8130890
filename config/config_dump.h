/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONFIG_CONFIG_DUMP_H
#define GSRELAY_CONFIG_CONFIG_DUMP_H

/* config_dump.h - the configuration written out, made from the key table.
 *
 * What config_dump() and config_dump_defaults() write, config_load() reads back to equal values.
 * Lines end with LF. Threads: pure functions. Memory: none. */

#include "config/config.h"

/* --dump-config: every key with its value in effect and, in a comment above, where it came from. */
void config_dump(const struct config *config, config_write *write, void *context);

/* --dump-defaults: the commented template, which is also the relay.ini that is shipped. */
void config_dump_defaults(config_write *write, void *context);

/* A key that a template sets, as one would write it. */
struct config_assignment {
    const char *section;
    const char *name;
    const char *value;
};

/* The same template with some keys set, each below its default. */
void config_dump_template(const struct config_assignment *set, size_t count, config_write *write,
                          void *context);

/* The reference that is docs/CONFIGURATION.md: a Markdown table for each section. */
void config_dump_reference(config_write *write, void *context);

/* The manual page relay.ini(5), as mdoc(7). */
void config_dump_manual(config_write *write, void *context);

/* What a section is about, in one line; "" for one that has no title. */
const char *config_section_title(const char *section);

#endif
