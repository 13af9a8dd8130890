/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONFIG_CONFIG_LINES_H
#define GSRELAY_CONFIG_CONFIG_LINES_H

/* config_lines.h - the lines of a text file, one at a time, each judged before anybody parses it.
 *
 * inih reads lines into 200 bytes; longer ones it cuts, or takes their rest for another line, and
 * at a NUL it loses the rest. So lines that it could not take whole are told from those it can
 * here. Ends of lines are LF or CRLF; a UTF-8 byte order mark at the start is passed over. Threads:
 * one at a time. Memory: inside struct config_lines; its buffer holds file content. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

/* The longest line that inih's default buffer takes with line end and NUL. */
#define CONFIG_LINE_MAX  198
#define CONFIG_LINE_SIZE (CONFIG_LINE_MAX + 1)

/* No configuration is longer; a device or a log given by mistake is. */
#define CONFIG_FILE_BYTES_MAX (4u * 1024 * 1024)

enum config_line {
    CONFIG_LINE_OK,
    CONFIG_LINE_END, /* There is no further line. */
    /* This line is unusable; the next call goes on with the one after it. */
    CONFIG_LINE_TOO_LONG,
    CONFIG_LINE_NUL,
    CONFIG_LINE_CONTROL,
    CONFIG_LINE_NOT_UTF8,
    /* The file is unusable; the next call returns CONFIG_LINE_END. */
    CONFIG_LINE_UTF16,
    CONFIG_LINE_FILE_TOO_LONG,
    CONFIG_LINE_READ_FAILED
};

struct config_lines {
    config_read *read;
    void *context;
    char buffer[1024];
    size_t begin;
    size_t end;
    bool is_started;
    bool is_ended;
    int failure;          /* 0, or the negative result of the read that failed. */
    uint32_t number;      /* Of the line returned last, from 1. */
    uint64_t total_bytes; /* Read so far. */
};

void config_lines_init(struct config_lines *lines, config_read *read, void *context);

/* Reads the next line. With CONFIG_LINE_OK, out holds it, NUL-terminated and without line end, and
 * *size_out its length; otherwise both are left undefined. */
enum config_line config_lines_next(struct config_lines *lines, char out[CONFIG_LINE_SIZE],
                                   size_t *size_out);

/* What to tell about a line or file that is unusable. */
const char *config_line_text(enum config_line line);

#endif
