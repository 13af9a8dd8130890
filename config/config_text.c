/* SPDX-License-Identifier: MIT */
#include "config/config_text.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX 63

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

size_t config_utf8_size(const char *bytes, size_t size)
{
    const unsigned char *b = (const unsigned char *)bytes;
    size_t length;

    if (size == 0) {
        return 0;
    }
    if (b[0] < 0x80) {
        return 1;
    }
    /* C0 and C1 would be overlong, F5 and up are beyond U+10FFFF. */
    length = b[0] >= 0xC2 && b[0] <= 0xDF   ? 2
             : b[0] >= 0xE0 && b[0] <= 0xEF ? 3
             : b[0] >= 0xF0 && b[0] <= 0xF4 ? 4
                                            : 0;
    if (length == 0 || length > size) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(b[i])) {
            return 0;
        }
    }
    /* The second byte tells overlong forms, surrogates and what is beyond U+10FFFF. */
    if ((b[0] == 0xE0 && b[1] < 0xA0) || (b[0] == 0xED && b[1] > 0x9F) ||
        (b[0] == 0xF0 && b[1] < 0x90) || (b[0] == 0xF4 && b[1] > 0x8F)) {
        return 0;
    }
    return length;
}

bool config_is_utf8(const char *text, size_t size)
{
    size_t at = 0;

    while (at < size) {
        const size_t length = config_utf8_size(text + at, size - at);

        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

/* C0, DEL, and C1 (U+0080 to U+009F), which terminals obey as well. */
static bool is_control(const char *bytes, size_t length)
{
    const unsigned char *b = (const unsigned char *)bytes;

    return (length == 1 && (b[0] < 0x20 || b[0] == 0x7F)) ||
           (length == 2 && b[0] == 0xC2 && b[1] < 0xA0);
}

size_t config_escape(const char *text, char *out, size_t out_size)
{
    static const char digits[] = "0123456789ABCDEF";
    const size_t size = strlen(text);
    size_t used = 0;
    size_t at = 0;

    while (at < size) {
        const size_t length = config_utf8_size(text + at, size - at);
        const unsigned char byte = (unsigned char)text[at];

        if (length == 0 || is_control(text + at, length)) {
            if (used + 4 >= out_size) {
                break;
            }
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = digits[byte >> 4];
            out[used++] = digits[byte & 15];
            at++;
            continue;
        }
        if (used + length >= out_size) {
            break;
        }
        memcpy(out + used, text + at, length);
        used += length;
        at += length;
    }
    out[used] = '\0';
    return used;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool config_begins_ignoring_case(const char *text, const char *prefix)
{
    for (; *prefix != '\0'; text++, prefix++) {
        if (lower(*text) != lower(*prefix)) {
            return false;
        }
    }
    return true;
}

bool config_equal_ignoring_case(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && config_begins_ignoring_case(a, b);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t config_edit_distance(const char *a, const char *b)
{
    const size_t a_size = strlen(a);
    const size_t b_size = strlen(b);
    size_t rows[3][WORD_MAX + 1];

    if (a_size > WORD_MAX || b_size > WORD_MAX) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            const size_t changed = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;

            row[j] = least(above[j - 1] + changed, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1])) {
                row[j] = least(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return rows[a_size % 3][b_size];
}

bool config_is_close(const char *written, const char *candidate, size_t *distance_out)
{
    const size_t distance = config_edit_distance(written, candidate);

    *distance_out = distance;
    return distance <= (strlen(candidate) <= 4 ? 1u : 2u);
}
