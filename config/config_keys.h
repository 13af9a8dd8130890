/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONFIG_CONFIG_KEYS_H
#define GSRELAY_CONFIG_CONFIG_KEYS_H

/* config_keys.h - the one table of everything that can be configured.
 *
 * The parser, the checks, both dumps and the reference in the documents are made from it; a new key
 * is one row here and one field in struct relay_config. Sections are in order of importance and the
 * keys of one section stand together.
 * Threads: constant. Memory: constant. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
    CONFIG_TYPE_BOOL,     /* bool: yes or no. */
    CONFIG_TYPE_COUNT,    /* uint32_t: a whole number. */
    CONFIG_TYPE_RATE,     /* uint32_t: a whole number, a second. */
    CONFIG_TYPE_PORT,     /* uint16_t: a whole number. */
    CONFIG_TYPE_DURATION, /* uint64_t nanoseconds: a number and ms, s, m, h or d. */
    CONFIG_TYPE_SIZE,     /* uint64_t bytes: a number and B, KiB, MiB or GiB. */
    CONFIG_TYPE_BYTES,    /* The same where the key's name says bytes: the unit may be left out. */
    CONFIG_TYPE_CHOICE,   /* An enum: one of the words. */
    CONFIG_TYPE_PATH,     /* char[CONFIG_PATH_SIZE]: UTF-8, or empty. */
    CONFIG_TYPE_ADDRESS,  /* struct addr without a port, or empty. */
    CONFIG_TYPE_ADDRESSES /* struct addr[CONFIG_LISTEN_MAX] and a uint32_t count after it. */
};

struct config_key {
    const char *section;
    const char *name;
    enum config_type type;
    bool is_live; /* A reload applies it; otherwise a change needs a restart. */
    uint64_t min; /* Numbers: the range in base units. */
    uint64_t max;
    const char *zero_word;    /* Not NULL: 0 is allowed beside the range, and so is this word. */
    const char *const *words; /* Choices: the words in the order of the enum, then NULL. */
    size_t offset;            /* In struct relay_config. */
    const char *fallback;     /* The default, as one would write it. */
    const char *help;         /* One to three lines of at most 98 columns, '\n' between them. */
};

size_t config_key_count(void);

/* The row at index, in the order of relay.ini. */
const struct config_key *config_key_at(size_t index);

/* The index of a key, or config_key_count() when there is none of that name. */
size_t config_key_find(const char *section, const char *name);

/* The variable that can set the key, as GSRELAY_UDP_PORT. */
#define CONFIG_ENVIRONMENT_PREFIX    "GSRELAY_"
#define CONFIG_ENVIRONMENT_NAME_SIZE 64
void config_environment_name(const struct config_key *key, char out[CONFIG_ENVIRONMENT_NAME_SIZE]);

/* True when at least one key is in that section. */
bool config_section_exists(const char *section);

#endif
