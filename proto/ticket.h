/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_TICKET_H
#define GSRELAY_PROTO_TICKET_H

/* ticket.h - who may use the relay, said by the game's backend (docs/PROTOCOL.md 4).
 *
 * Backend and relay share secrets of 32 random bytes, each with a key id. A ticket is a name, which
 * is public and says everything, and a key:
 *
 *     name   = "gsr1:" key-id ":" expiry ":" client-id ":" grant *("," grant)
 *     key    = HMAC-SHA256(secret of key-id, "gsr1-ticket" || name)
 *
 *     key-id    = 1 to 16 of A-Z a-z 0-9 _ -
 *     expiry    = Unix seconds, 1 to 12 digits, no leading zero
 *     client-id = 1 to 64 of A-Z a-z 0-9 . _ @ -
 *     grant     = "create" | "join=" (code | *symbol "*")
 *
 * so that a name has at most 200 bytes, no space and nothing that a shell or an INI file minds; "*"
 * after some symbols stands for any rest. One "create" and at most eight "join=" are allowed. A
 * grant that is not known is refused, not skipped: it may be a restriction. The client sends the
 * name and proves the key as Noise's pre-shared key; the key never travels.
 * The idea of a time-limited name with an HMAC over it is that of coturn's "use-auth-secret".
 *
 * Wall-clock time is an argument, in Unix seconds.
 * Threads: pure functions; the program has called sodium_init(). Memory: the caller's; who holds
 * secrets wipes them (sodium_memzero). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/join_code.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/result.h"

#define TICKET_NAME_MAX      HELLO_NAME_SIZE_MAX
#define TICKET_KEY_ID_MAX    16
#define TICKET_CLIENT_ID_MAX 64
#define TICKET_JOINS_MAX     8
#define TICKET_SECRETS_MAX   16
#define TICKET_SECRET_SIZE   32
#define TICKET_KEY_SIZE      32
#define TICKET_EXPIRY_MAX    UINT64_C(999999999999)

/* A pattern: a whole code, or symbols and "*", and a NUL. */
#define TICKET_PATTERN_SIZE (JOIN_CODE_LENGTH_MAX + 2)

/* A line of text "name key" with its NUL. */
#define TICKET_LINE_SIZE (TICKET_NAME_MAX + 1 + 2 * TICKET_KEY_SIZE + 1)

struct ticket_secret {
    char key_id[TICKET_KEY_ID_MAX + 1];
    uint8_t bytes[TICKET_SECRET_SIZE];
};

/* What a ticket's name says. */
struct ticket {
    char key_id[TICKET_KEY_ID_MAX + 1];
    char client_id[TICKET_CLIENT_ID_MAX + 1];
    uint64_t expires_s; /* The last second in which it is good, Unix time. */
    bool may_create;
    unsigned join_count;
    char joins[TICKET_JOINS_MAX][TICKET_PATTERN_SIZE];
};

/* Reads a name. Returns REASON_NONE, or REASON_TICKET_FORMAT and leaves out alone. */
enum reason ticket_parse(const char *name, size_t size, struct ticket *out);

/* Writes the name of a ticket. Returns its length, or RESULT_INVALID when a field breaks the
 * grammar, nothing is granted, or the name would be too long. */
GSRELAY_CHECKED int ticket_print(const struct ticket *ticket, char out[TICKET_NAME_MAX + 1]);

/* Adds a "join=" grant from what a person typed: a code or a beginning of one and "*", in any case,
 * with separators. Returns RESULT_INVALID, or RESULT_FULL when there are TICKET_JOINS_MAX. */
GSRELAY_CHECKED int ticket_grant_join(struct ticket *ticket, const char *text, size_t size);

/* What a client may do where no tickets are asked for: everything, with no client id. */
void ticket_unrestricted(struct ticket *out);

/* Whether a grant covers this code, which is canonical (join_code.h). */
bool ticket_allows_join(const struct ticket *ticket, const char *code, size_t size);

/* The key of a name under a secret. */
void ticket_key(const uint8_t secret[TICKET_SECRET_SIZE], const char *name, size_t size,
                uint8_t key_out[TICKET_KEY_SIZE]);

/* What the relay does with a name: reads it, finds its secret, judges its time, derives its key.
 *
 * A ticket is good up to skew_s after its expiry. One that lives longer than max_age_s + skew_s
 * from now is refused, so that a leaked secret cannot make tickets for years. Returns REASON_NONE;
 * else the reason for the log: REASON_TICKET_FORMAT, _KEY_ID, _EXPIRED or _AGE. The client is told
 * "refused" and no more. Outputs are written on success only. */
enum reason ticket_accept(const struct ticket_secret *secrets, size_t secret_count,
                          const char *name, size_t size, uint64_t now_s, uint32_t skew_s,
                          uint32_t max_age_s, struct ticket *out, uint8_t key_out[TICKET_KEY_SIZE]);

/* The text form of a ticket file, one line: "NAME KEY", the key as 64 hexadecimal digits. The
 * reader accepts blanks around both words and nothing else, and returns the length of the name, or
 * RESULT_INVALID and leaves its outputs alone. The writer, for a name that ticket_print() made,
 * returns the length of the line. */
GSRELAY_CHECKED int ticket_line_parse(const char *line, size_t size,
                                      char name_out[TICKET_NAME_MAX + 1],
                                      uint8_t key_out[TICKET_KEY_SIZE]);
size_t ticket_line_print(const char *name, const uint8_t key[TICKET_KEY_SIZE],
                         char out[TICKET_LINE_SIZE]);

/* 1 to TICKET_KEY_ID_MAX characters of its alphabet. */
bool ticket_key_id_is_valid(const char *key_id, size_t size);

#endif
