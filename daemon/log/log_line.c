/* SPDX-License-Identifier: MIT */
#include "daemon/log/log_line.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Kept free for what log_line_end() adds. */
#define TAIL_SIZE (sizeof(" cut=1\n") - 1)

#define MS_PER_DAY 86400000u

/* 9999-12-31T23:59:59.999Z; what is later is shown as that. */
#define WALL_MAX_MS 253402300799999u

static const char hex_digits[] = "0123456789abcdef";

/* The part of a line that a field may use. */
static size_t room_of(const struct log_line *line)
{
    return LOG_LINE_SIZE - TAIL_SIZE - line->size;
}

static bool is_plain(unsigned char byte)
{
    return byte > ' ' && byte <= '~' && byte != '"' && byte != '\\' && byte != '=';
}

/* Writes the form of one byte within a value, at most four characters. */
static size_t escape_byte(unsigned char byte, char out[4])
{
    if (byte >= ' ' && byte <= '~') {
        size_t size = 0;
        if (byte == '"' || byte == '\\') {
            out[size++] = '\\';
        }
        out[size++] = (char)byte;
        return size;
    }
    out[0] = '\\';
    out[1] = 'x';
    out[2] = hex_digits[byte >> 4];
    out[3] = hex_digits[byte & 15];
    return 4;
}

static bool put(struct log_line *line, const char *bytes, size_t size)
{
    if (size > room_of(line)) {
        return false;
    }
    memcpy(line->text + line->size, bytes, size);
    line->size += size;
    return true;
}

static bool put_key(struct log_line *line, const char *key)
{
    return put(line, " ", 1) && put(line, key, strlen(key)) && put(line, "=", 1);
}

/* Takes back what was written of a field that did not fit. */
static void settle(struct log_line *line, size_t size_before, bool has_fitted)
{
    if (!has_fitted) {
        line->size = size_before;
        line->is_cut = true;
    }
}

/* Escaped bytes up to `limit` characters; what is over is told by three dots. */
static bool put_escaped(struct log_line *line, const unsigned char *bytes, size_t size,
                        size_t limit)
{
    char escaped[4];
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        size_t length = escape_byte(bytes[i], escaped);
        if (length > limit - used) {
            return put(line, "...", 3);
        }
        if (!put(line, escaped, length)) {
            return false;
        }
        used += length;
    }
    return true;
}

static void add_field(struct log_line *line, const char *key, const void *bytes, size_t size,
                      size_t limit, bool is_quoted)
{
    if (!line->is_open) {
        return;
    }
    size_t before = line->size;
    bool fits = put_key(line, key) && (!is_quoted || put(line, "\"", 1)) &&
                put_escaped(line, bytes, size, limit) && (!is_quoted || put(line, "\"", 1));
    settle(line, before, fits);
}

void log_line_begin(struct log_line *line, uint64_t wall_ms, const char *level, const char *event)
{
    char timestamp[LOG_TIMESTAMP_SIZE];
    line->size = 0;
    line->is_cut = false;
    line->is_open = true;
    log_timestamp_print(wall_ms, timestamp);
    bool fits = put(line, "ts=", 3) && put(line, timestamp, LOG_TIMESTAMP_SIZE - 1);
    assert(fits);
    (void)fits;
    log_text(line, "level", level);
    log_text(line, "evt", event);
}

void log_line_skip(struct log_line *line)
{
    line->size = 0;
    line->is_cut = false;
    line->is_open = false;
}

void log_text(struct log_line *line, const char *key, const char *value)
{
    size_t size = strlen(value);
    bool is_quoted = size == 0;
    for (size_t i = 0; i < size && !is_quoted; i++) {
        is_quoted = !is_plain((unsigned char)value[i]);
    }
    add_field(line, key, value, size, LOG_LINE_SIZE, is_quoted);
}

void log_u64(struct log_line *line, const char *key, uint64_t value)
{
    char text[24];
    int size = snprintf(text, sizeof(text), "%" PRIu64, value);
    add_field(line, key, text, (size_t)size, LOG_LINE_SIZE, false);
}

void log_i64(struct log_line *line, const char *key, int64_t value)
{
    char text[24];
    int size = snprintf(text, sizeof(text), "%" PRId64, value);
    add_field(line, key, text, (size_t)size, LOG_LINE_SIZE, false);
}

void log_duration(struct log_line *line, const char *key, uint64_t value_ns)
{
    char text[32];
    int size = snprintf(text, sizeof(text), "%" PRIu64 ".%03" PRIu64 "ms", value_ns / 1000000u,
                        value_ns / 1000u % 1000u);
    add_field(line, key, text, (size_t)size, LOG_LINE_SIZE, false);
}

void log_client(struct log_line *line, const char *key, const void *bytes, size_t size)
{
    add_field(line, key, bytes, size, LOG_CLIENT_TEXT_SIZE, true);
}

void log_line_end(struct log_line *line)
{
    if (!line->is_open) {
        return;
    }
    const char *tail = line->is_cut ? " cut=1\n" : "\n";
    size_t size = strlen(tail);
    assert(line->size + size <= LOG_LINE_SIZE);
    memcpy(line->text + line->size, tail, size);
    line->size += size;
    line->is_open = false;
}

static int hex_value(char digit)
{
    const char *at = digit != '\0' ? strchr(hex_digits, digit) : NULL;
    return at != NULL ? (int)(at - hex_digits) : -1;
}

/* Steps over one byte of a value, which is up to four characters; returns where the next begins. */
static const char *unescape_byte(const char *at, const char *end, char *out)
{
    if (*at != '\\' || end - at < 2) {
        *out = *at;
        return at + 1;
    }
    if (at[1] != 'x' || end - at < 4 || hex_value(at[2]) < 0 || hex_value(at[3]) < 0) {
        *out = at[1];
        return at + 2;
    }
    *out = (char)(hex_value(at[2]) << 4 | hex_value(at[3]));
    return at + 4;
}

/* Where the value that begins at `at` ends: at its closing quote, or at a space or the line feed.
 */
static const char *end_of_value(const char *at, const char *end, bool is_quoted)
{
    while (at < end && (is_quoted ? *at != '"' : *at != ' ' && *at != '\n')) {
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    }
    return at;
}

static int copy_value(const char *at, const char *end, char *out, size_t out_size)
{
    size_t used = 0;
    while (at < end) {
        if (used + 1 >= out_size) {
            return -1;
        }
        at = unescape_byte(at, end, &out[used++]);
    }
    if (used >= out_size) {
        return -1;
    }
    out[used] = '\0';
    return (int)used;
}

int log_line_get(const char *line, size_t size, const char *key, char *out, size_t out_size)
{
    const size_t key_size = strlen(key);
    const char *at = line;
    const char *end = line + size;
    while (at < end) {
        const char *equals = memchr(at, '=', (size_t)(end - at));
        if (equals == NULL) {
            return -1;
        }
        const bool is_it = (size_t)(equals - at) == key_size && memcmp(at, key, key_size) == 0;
        const bool is_quoted = end - equals > 1 && equals[1] == '"';
        const char *value = equals + (is_quoted ? 2 : 1);
        const char *value_end = end_of_value(value, end, is_quoted);
        if (is_it) {
            return copy_value(value, value_end, out, out_size);
        }
        if (end - value_end < 2) {
            return -1;
        }
        at = value_end + (is_quoted ? 2 : 1);
    }
    return -1;
}

/* Days since 1970-01-01 to a date of the Gregorian calendar. The year is taken to begin in March,
 * so that the leap day is its last and months have a regular pattern of lengths, 153 days in five;
 * eras of 400 years, 146097 days, repeat exactly (H. Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", civil_from_days). */
static void split_date(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    uint64_t shifted = days + 719468; /* Days from 0000-03-01 to 1970-01-01. */
    uint64_t era = shifted / 146097;
    uint64_t day_of_era = shifted % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t march_month = (5 * day_of_year + 2) / 153;
    *day = (unsigned)(day_of_year - (153 * march_month + 2) / 5 + 1);
    *month = (unsigned)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = (unsigned)(year_of_era + era * 400 + (*month <= 2));
}

static void put_digits(char *out, unsigned value, unsigned count)
{
    for (unsigned i = count; i > 0; i--) {
        out[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
}

void log_timestamp_print(uint64_t wall_ms, char out[LOG_TIMESTAMP_SIZE])
{
    unsigned year;
    unsigned month;
    unsigned day;
    if (wall_ms > WALL_MAX_MS) {
        wall_ms = WALL_MAX_MS;
    }
    unsigned ms = (unsigned)(wall_ms % MS_PER_DAY);
    split_date(wall_ms / MS_PER_DAY, &year, &month, &day);
    memcpy(out, "0000-00-00T00:00:00.000Z", LOG_TIMESTAMP_SIZE);
    put_digits(out, year, 4);
    put_digits(out + 5, month, 2);
    put_digits(out + 8, day, 2);
    put_digits(out + 11, ms / 3600000, 2);
    put_digits(out + 14, ms / 60000 % 60, 2);
    put_digits(out + 17, ms / 1000 % 60, 2);
    put_digits(out + 20, ms % 1000, 3);
}
