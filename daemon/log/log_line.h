/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_LOG_LOG_LINE_H
#define GSRELAY_LOG_LOG_LINE_H

/* log_line.h - one record as one line of logfmt, in the caller's buffer.
 *
 *     ts=2026-01-02T03:04:05.678Z level=info evt=room_opened room=KXWTRV members=1
 *
 * Whatever goes in, what comes out is printable ASCII and one line feed at its end: other bytes are
 * written as \xNN, and '"' and '\' with a '\' before them. A value with a space, '=', '"' or '\' in
 * it, and an empty one, stands in quotes. A field that has no room left is left out whole, and the
 * line then ends in cut=1.
 * It is not a logger: levels, limits and where lines go are log.h.
 * Threads and memory: pure functions over the caller's struct. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest lines are those of counters. A line of this size goes into a pipe whole (PIPE_BUF).
 */
#define LOG_LINE_SIZE 4096

/* Bytes that a peer sent fill at most this much of a line, escapes counted. */
#define LOG_CLIENT_TEXT_SIZE 64

/* The form of log_timestamp_print() and its NUL. */
#define LOG_TIMESTAMP_SIZE 25

struct log_line {
    size_t size;  /* Bytes in text so far; after log_line_end() with the line feed. */
    bool is_cut;  /* A field found no room. */
    bool is_open; /* False: the record is not wanted, and all calls do nothing. */
    char text[LOG_LINE_SIZE];
};

/* Starts a line. `level` and `event` are words of our own. */
void log_line_begin(struct log_line *line, uint64_t wall_ms, const char *level, const char *event);

/* Starts a record that is not wanted: nothing will be written. */
void log_line_skip(struct log_line *line);

/* Each adds " key=value". The key is a word of our own. */
void log_text(struct log_line *line, const char *key, const char *value);
void log_u64(struct log_line *line, const char *key, uint64_t value);
void log_i64(struct log_line *line, const char *key, int64_t value);

/* A duration with a fixed number of digits: 1234567 ns is 1.234ms. */
void log_duration(struct log_line *line, const char *key, uint64_t value_ns);

/* Bytes from outside: always in quotes, at most LOG_CLIENT_TEXT_SIZE characters of them, and three
 * dots after the quotes' content if there were more. */
void log_client(struct log_line *line, const char *key, const void *bytes, size_t size);

/* Ends the line with its line feed; text is no C string. Does nothing to a skipped one. */
void log_line_end(struct log_line *line);

/* The value of a key in a finished line, as it was before it was escaped, with a NUL; a field that
 * log_client() cut stays cut. Returns its size, or -1 when the line has no such key or the value
 * does not fit. */
int log_line_get(const char *line, size_t size, const char *key, char *out, size_t out_size);

/* Writes "2026-01-02T03:04:05.678Z" in UTC. Milliseconds since 1970, years up to 9999. */
void log_timestamp_print(uint64_t wall_ms, char out[LOG_TIMESTAMP_SIZE]);

#endif
