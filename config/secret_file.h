/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONFIG_SECRET_FILE_H
#define GSRELAY_CONFIG_SECRET_FILE_H

/* secret_file.h - the secrets with which tickets are made and checked.
 *
 * The file has a line for each key id, "id = 64 hexadecimal digits", and comments as in relay.ini.
 * Several ids at a time let a secret be replaced without a break: add the new one, let the game's
 * service use it, and remove the old one when its last tickets have expired.
 * Not here: opening the file, and whether others may read it. A message never shows any part of a
 * secret.
 * Threads: one at a time. Memory: the caller's; every copy of a secret made here is wiped. A FILE
 * keeps one of its own unless the caller takes its buffer away (setvbuf, _IONBF). */

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "proto/ticket.h"

#define SECRET_SIZE        TICKET_SECRET_SIZE
#define SECRET_KEY_ID_SIZE (TICKET_KEY_ID_MAX + 1)

/* "id = ", the digits, line end and NUL. */
#define SECRET_LINE_SIZE (TICKET_KEY_ID_MAX + 3 + 2 * SECRET_SIZE + 2)

struct secret_file {
    uint32_t count; /* From 1 once it is read. */
    struct ticket_secret secrets[TICKET_SECRETS_MAX];
};

/* Reads the whole file. Starts the report afresh, with path as the file's name. Returns 0, or
 * RESULT_INVALID when anything is wrong with it; then out holds no secret. */
GSRELAY_CHECKED int secret_file_read(const char *path, config_read *read, void *read_context,
                                     struct secret_file *out, struct config_report *report);

/* Overwrites all secrets. */
void secret_file_wipe(struct secret_file *file);

/* Writes the line of one secret, with its line end (--genkey). RESULT_INVALID: not a key id. */
GSRELAY_CHECKED int secret_line_print(const char *key_id, const uint8_t bytes[SECRET_SIZE],
                                      char out[SECRET_LINE_SIZE]);

#endif
