/* SPDX-License-Identifier: MIT */
#include "config/config_lines.h"

#include <assert.h>
#include <string.h>

#include "config/config_text.h"

#define NO_BYTE (-1)

/* What is known of a line while its bytes go by. */
struct line_state {
    size_t size; /* Of the whole line, also of what out had no room for. */
    bool has_nul;
    bool has_control;
    bool is_last_cr;
};

void config_lines_init(struct config_lines *lines, config_read *read, void *context)
{
    memset(lines, 0, sizeof(*lines));
    lines->read = read;
    lines->context = context;
}

/* Puts more bytes behind those that are there. */
static void fill(struct config_lines *lines)
{
    int count;

    if (lines->is_ended) {
        return;
    }
    if (lines->begin == lines->end) {
        lines->begin = 0;
        lines->end = 0;
    }
    assert(lines->end < sizeof(lines->buffer));
    count =
        lines->read(lines->context, lines->buffer + lines->end, sizeof(lines->buffer) - lines->end);
    if (count <= 0) {
        lines->failure = count;
        lines->is_ended = true;
        return;
    }
    assert((size_t)count <= sizeof(lines->buffer) - lines->end);
    lines->end += (size_t)count;
    lines->total_bytes += (uint64_t)count;
}

static int next_byte(struct config_lines *lines)
{
    if (lines->begin == lines->end) {
        fill(lines);
    }
    if (lines->begin == lines->end) {
        return NO_BYTE;
    }
    return (unsigned char)lines->buffer[lines->begin++];
}

static bool has_prefix(const struct config_lines *lines, const char *bytes, size_t size)
{
    return lines->end - lines->begin >= size &&
           memcmp(lines->buffer + lines->begin, bytes, size) == 0;
}

/* Looks for a byte order mark. Returns false when the file is in UTF-16. */
static bool start(struct config_lines *lines)
{
    size_t before;

    lines->is_started = true;
    do {
        before = lines->end;
        fill(lines);
    } while (lines->end < 3 && lines->end > before);
    if (has_prefix(lines, "\xEF\xBB\xBF", 3)) {
        lines->begin += 3;
    }
    return !has_prefix(lines, "\xFF\xFE", 2) && !has_prefix(lines, "\xFE\xFF", 2);
}

/* Ends the file for good and says why. */
static enum config_line give_up(struct config_lines *lines, enum config_line why)
{
    lines->is_ended = true;
    lines->begin = lines->end;
    return why;
}

/* Takes bytes up to the end of the line. Returns false when there was not even one. */
static bool take_line(struct config_lines *lines, char out[CONFIG_LINE_SIZE],
                      struct line_state *state)
{
    int byte = next_byte(lines);

    memset(state, 0, sizeof(*state));
    if (byte == NO_BYTE) {
        return false;
    }
    for (; byte != NO_BYTE && byte != '\n'; byte = next_byte(lines)) {
        /* A carriage return is no control character only where the line ends with it. */
        state->has_control = state->has_control || state->is_last_cr;
        state->is_last_cr = byte == '\r';
        state->has_nul = state->has_nul || byte == 0;
        state->has_control =
            state->has_control || byte == 0x7F || (byte < 0x20 && byte != '\t' && byte != '\r');
        if (state->size < CONFIG_LINE_SIZE) {
            out[state->size] = (char)byte;
        }
        if (lines->total_bytes > CONFIG_FILE_BYTES_MAX) {
            break;
        }
        state->size++;
    }
    if (state->is_last_cr) {
        state->size--;
    }
    return true;
}

enum config_line config_lines_next(struct config_lines *lines, char out[CONFIG_LINE_SIZE],
                                   size_t *size_out)
{
    struct line_state state;

    if (!lines->is_started && !start(lines)) {
        lines->number = 1;
        return give_up(lines, CONFIG_LINE_UTF16);
    }
    if (!take_line(lines, out, &state)) {
        if (lines->failure != 0) {
            lines->failure = 0;
            return give_up(lines, CONFIG_LINE_READ_FAILED);
        }
        return CONFIG_LINE_END;
    }
    lines->number++;
    if (lines->total_bytes > CONFIG_FILE_BYTES_MAX) {
        return give_up(lines, CONFIG_LINE_FILE_TOO_LONG);
    }
    if (state.has_nul) {
        return CONFIG_LINE_NUL;
    }
    if (state.size > CONFIG_LINE_MAX) {
        return CONFIG_LINE_TOO_LONG;
    }
    if (!config_is_utf8(out, state.size)) {
        return CONFIG_LINE_NOT_UTF8;
    }
    if (state.has_control) {
        return CONFIG_LINE_CONTROL;
    }
    out[state.size] = '\0';
    *size_out = state.size;
    return CONFIG_LINE_OK;
}

const char *config_line_text(enum config_line line)
{
    switch (line) {
    case CONFIG_LINE_TOO_LONG:
        return "the line is longer than 198 bytes; a long value can be given with --set or in the "
               "environment";
    case CONFIG_LINE_NUL:
        return "the line holds a NUL byte; save the file as UTF-8";
    case CONFIG_LINE_CONTROL:
        return "the line holds a control character; lines end with LF or CRLF";
    case CONFIG_LINE_NOT_UTF8:
        return "the line is not UTF-8; save the file as UTF-8";
    case CONFIG_LINE_UTF16:
        return "the file is in UTF-16; save it as UTF-8";
    case CONFIG_LINE_FILE_TOO_LONG:
        return "the file is longer than 4 MiB; it cannot be a configuration";
    case CONFIG_LINE_READ_FAILED:
        return "the file cannot be read";
    case CONFIG_LINE_OK:
    case CONFIG_LINE_END:
        break;
    }
    return "";
}
