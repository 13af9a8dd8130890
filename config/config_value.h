/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONFIG_CONFIG_VALUE_H
#define GSRELAY_CONFIG_CONFIG_VALUE_H

/* config_value.h - one value of one key, as text and in struct relay_config.
 *
 * What config_value_print() writes, config_value_parse() reads back to an equal value.
 * Threads: pure functions. Memory: the caller's. */

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "config/config_keys.h"

/* Enough for every value: eight addresses, or a path. */
#define CONFIG_VALUE_TEXT_SIZE (CONFIG_PATH_SIZE + 16)

/* Enough for the text of any range. */
#define CONFIG_RANGE_TEXT_SIZE 96

/* Reads text, a whole value without quotes, into the key's field. When it returns RESULT_INVALID
 * the field is as it was and why says what is wrong and what would be right. */
GSRELAY_CHECKED int config_value_parse(const struct config_key *key, const char *text,
                                       struct relay_config *values,
                                       char why[CONFIG_MESSAGE_TEXT_SIZE]);

/* Writes the key's value, in the largest unit that divides it. Not quoted. */
void config_value_print(const struct config_key *key, const struct relay_config *values,
                        char out[CONFIG_VALUE_TEXT_SIZE]);

/* Writes what the key takes, as "1 to 64", "off, or 1s to 10m", "open or ticket". */
void config_value_print_range(const struct config_key *key, char out[CONFIG_RANGE_TEXT_SIZE]);

/* The value of a key that is a number, a bool or a choice. */
uint64_t config_value_number(const struct config_key *key, const struct relay_config *values);

/* True when the key has the same value in both. */
bool config_value_equal(const struct config_key *key, const struct relay_config *a,
                        const struct relay_config *b);

#endif
