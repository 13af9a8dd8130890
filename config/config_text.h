/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONFIG_CONFIG_TEXT_H
#define GSRELAY_CONFIG_CONFIG_TEXT_H

/* config_text.h - what the readers and writers of configuration need to know about bytes.
 *
 * Threads: pure functions. Memory: the caller's. */

#include <stdbool.h>
#include <stddef.h>

/* The length of the UTF-8 sequence (RFC 3629: shortest form, no surrogates) that bytes begin with;
 * 0 when there is none in the first size bytes. */
size_t config_utf8_size(const char *bytes, size_t size);

/* True when all of text[0..size) is UTF-8. */
bool config_is_utf8(const char *text, size_t size);

/* Copies text as far as it fits into out_size bytes with its NUL; control characters and bytes that
 * are not UTF-8 become \xNN. Never cuts inside a character. Returns the length. */
size_t config_escape(const char *text, char *out, size_t out_size);

/* Compares letters of ASCII without regard to case. */
bool config_equal_ignoring_case(const char *a, const char *b);

/* True when text begins with prefix, without regard to the case of ASCII letters. */
bool config_begins_ignoring_case(const char *text, const char *prefix);

/* How many letters must be changed, put in, left out or swapped with their neighbour to get from a
 * to b (the "optimal string alignment" distance), without regard to case. Words of more than 63
 * bytes are far from everything: SIZE_MAX. */
size_t config_edit_distance(const char *a, const char *b);

/* True when candidate is close enough to written to be what was meant: a distance of 2 at most, or
 * 1 for words of up to four letters. */
bool config_is_close(const char *written, const char *candidate, size_t *distance_out);

#endif
