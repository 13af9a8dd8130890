/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_SERVICE_LAST_END_H
#define GSRELAY_SERVICE_LAST_END_H

#include "daemon/exit_code.h"

#include <stddef.h>

/* last_end.h - the sentences that say why a service ended badly, kept in a small file so that
 * `service status` can print them when the process is gone.
 *
 * The file is UTF-8 with line feeds: "ended 2026-11-23T09:12:33.123Z with exit code 2", then one
 * sentence a line. It is there after a failing end and removed by the next start that succeeds. A
 * file that cannot be written is no reason for anything: the same sentences are in the log.
 *
 * Threads: one at a time. Memory: the caller's. */

/* Every mistake that a report of the configuration keeps fits; what does not fit is left out. */
#define LAST_END_SIZE 32768

struct last_end {
    size_t size;
    char text[LAST_END_SIZE]; /* Ends with NUL. */
};

void last_end_clear(struct last_end *end);

/* Adds text as it is. */
void last_end_write(struct last_end *end, const char *text, size_t size);

/* Adds a sentence as a line of its own. */
void last_end_add(struct last_end *end, const char *sentence);

/* The lines so far. */
const char *last_end_text(const struct last_end *end);

/* Writes the file, or does nothing where `path` is NULL. */
void last_end_store(const struct last_end *end, enum exit_code code, const char *path);

/* Removes the file, if it is there. NULL is nothing. */
void last_end_remove(const char *path);

#endif
