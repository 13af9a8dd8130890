/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_JOIN_CODE_H
#define GSRELAY_PROTO_JOIN_CODE_H

/* join_code.h - the short codes by which people name a room to each other.
 *
 * The alphabet has 23 symbols: 23456789 CDFHJKMNPQRTVWX. Left out are the vowels and Y, so that no
 * code spells a word; 0 O, 1 I L, which look alike; and of the other pairs that look alike the
 * letter: B (8), G (6), S (5), Z (2). What people type instead is read kindly: lower case, "-" and
 * spaces anywhere, and B G S Z as the digits they resemble. 0 O 1 I L resemble nothing that is left
 * and are refused. Six symbols give 148 million codes.
 * Threads: pure functions. Memory: the caller's. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/result.h"

#define JOIN_CODE_LENGTH_MIN     4
#define JOIN_CODE_LENGTH_MAX     12
#define JOIN_CODE_LENGTH_DEFAULT 6

/* A code and its NUL. */
#define JOIN_CODE_TEXT_SIZE (JOIN_CODE_LENGTH_MAX + 1)

/* Random bytes that are enough for any code: fewer than 12 of 40 usable has odds below 2^-150. */
#define JOIN_CODE_RANDOM_SIZE 40

/* How much of a person's text is looked at: codes with generous spacing. */
#define JOIN_CODE_INPUT_MAX 64

/* Makes a code of length symbols out of random bytes, each symbol equally likely.
 *
 * A byte that would favour some symbols is passed over. Returns RESULT_AGAIN when the bytes ran out
 * (call again with fresh ones); out is then an empty text. */
GSRELAY_CHECKED int join_code_make(const uint8_t random[JOIN_CODE_RANDOM_SIZE], unsigned length,
                                   char out[JOIN_CODE_TEXT_SIZE]);

/* Turns what a person typed, size bytes, into the one canonical form of the code: upper case, no
 * separators. Returns its length, or RESULT_INVALID (and leaves out alone) when a byte is neither a
 * symbol nor a separator, or the length is outside JOIN_CODE_LENGTH_MIN..MAX. */
GSRELAY_CHECKED int join_code_normalise(const char *text, size_t size,
                                        char out[JOIN_CODE_TEXT_SIZE]);

/* The canonical symbol that a typed byte stands for, or 0. */
char join_code_symbol(char typed);

/* True for a code that is canonical already: on the wire there is only this form. */
bool join_code_is_canonical(const char *code, size_t size);

#endif
