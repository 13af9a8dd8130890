/* SPDX-License-Identifier: MIT */
#include "client/tools/tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- UTF-8 ----------------------------------------------------------------------------------- */

/* Reads one character (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF). Returns how
 * many bytes it has, 0 when there is no valid one. */
static size_t read_character(const uint8_t *at, size_t left, uint32_t *out)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    uint32_t value = at[0];

    if (size == 0 || size > left || at[0] > 0xF4)
        return 0;
    if (size > 1)
        value = at[0] & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (at[i] & 0x3Fu);
    }
    if (value < smallest[size] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *out = value;
    return size;
}

/* What moves the cursor, changes the direction of writing, or is not seen at all. */
static bool is_unsafe(uint32_t value)
{
    return value < 0x20 || (value >= 0x7F && value < 0xA0) || value == 0xAD || value == 0x61C ||
           (value >= 0x200B && value <= 0x200F) || (value >= 0x2028 && value <= 0x202E) ||
           (value >= 0x2060 && value <= 0x206F) || value == 0xFEFF ||
           (value >= 0xFFF0 && value <= 0xFFFB) || (value & 0xFFFE) == 0xFFFE ||
           (value >= 0xE000 && value <= 0xF8FF) || value >= 0xE0000;
}

bool text_is_utf8(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint32_t value;

    while (size > 0) {
        size_t part = read_character(at, size, &value);

        if (part == 0)
            return false;
        at += part;
        size -= part;
    }
    return true;
}

static size_t put_escape(char *out, uint32_t value, bool is_json)
{
    if (value == '\n' || value == '\t' || value == '\r') {
        out[0] = '\\';
        out[1] = value == '\n' ? 'n' : value == '\t' ? 't' : 'r';
        out[2] = '\0';
        return 2;
    }
    if (!is_json)
        return (size_t)snprintf(out, 16, value < 0x100 ? "\\x%02X" : "\\u{%X}", (unsigned)value);
    if (value < 0x10000)
        return (size_t)snprintf(out, 16, "\\u%04X", (unsigned)value);
    value -= 0x10000;
    return (size_t)snprintf(out, 16, "\\u%04X\\u%04X", 0xD800 + (unsigned)(value >> 10),
                            0xDC00 + (unsigned)(value & 0x3FF));
}

size_t text_escape(const void *bytes, size_t size, bool is_json, char *out)
{
    const uint8_t *at = bytes;
    size_t length = 0;

    while (size > 0) {
        uint32_t value = at[0];
        size_t part = read_character(at, size, &value);

        if (part == 0) {
            length += put_escape(out + length, value, is_json);
            part = 1;
        } else if (is_unsafe(value)) {
            length += put_escape(out + length, value, is_json);
        } else {
            if (is_json && (value == '"' || value == '\\'))
                out[length++] = '\\';
            memcpy(out + length, at, part);
            length += part;
        }
        at += part;
        size -= part;
    }
    out[length] = '\0';
    return length;
}

/* --- Lines ----------------------------------------------------------------------------------- */

void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("gsrelay: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    fflush(stderr);
    va_end(arguments);
}

bool print_line(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    return fflush(stdout) == 0 && !ferror(stdout);
}

static bool print_json_state(const struct gsrelay_event *event)
{
    char text[GSRELAY_EVENT_BYTES * 8 + 1];
    bool is_text = text_is_utf8(event->bytes, event->size);

    if (is_text) {
        text_escape(event->bytes, event->size, true, text);
    } else {
        for (size_t i = 0; i < event->size; i++)
            snprintf(text + 2 * i, 3, "%02x", event->bytes[i]);
    }
    if ((event->flags & GSRELAY_EVENT_RETAINED) != 0)
        return print_line("{\"event\":\"state\",\"member\":%u,\"stream\":%u,\"retained\":true,"
                          "\"age_ms\":%u,\"%s\":\"%s\"}",
                          event->member, event->stream, event->age_ms, is_text ? "text" : "hex",
                          text);
    return print_line("{\"event\":\"state\",\"member\":%u,\"stream\":%u,\"%s\":\"%s\"}",
                      event->member, event->stream, is_text ? "text" : "hex", text);
}

bool print_state(const struct gsrelay_event *event, bool is_json)
{
    char text[GSRELAY_EVENT_BYTES * 8 + 1];

    if (is_json)
        return print_json_state(event);
    text_escape(event->bytes, event->size, false, text);
    return print_line("%u: %s", event->member, text);
}
