/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_PROTO_VECTOR_FILE_H
#define GSRELAY_TESTS_PROTO_VECTOR_FILE_H

/* vector_file.h - reads tests/vectors/protocol.txt for cmocka tests.
 *
 * The file has sections "[kind title]" of lines "key = value". A file that cannot be read, a line
 * that is neither, and a field that a test asks for and that is not there, fail the test.
 * Threads: one. Memory: one static copy of the file. */

#include <stddef.h>
#include <stdint.h>

#define VECTOR_FIELDS_MAX 32

struct vector_section {
    const char *kind;
    const char *title;
    int field_count;
    const char *keys[VECTOR_FIELDS_MAX];
    const char *values[VECTOR_FIELDS_MAX];
};

/* Reads the file, once per program. Returns 0, so that it can be a group's setup. */
int vector_file_load(void **state);

/* The n-th section of a kind, or NULL. */
const struct vector_section *vector_section_at(const char *kind, int n);

const char *vector_text(const struct vector_section *section, const char *key);
uint64_t vector_number(const struct vector_section *section, const char *key);

/* Decodes hexadecimal; returns the size. */
size_t vector_bytes(const struct vector_section *section, const char *key, uint8_t *out,
                    size_t capacity);

#endif
