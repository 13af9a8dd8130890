/* SPDX-License-Identifier: MIT */
#include "proto/join_code.h"

#include <assert.h>
#include <string.h>

static const char alphabet[] = "23456789CDFHJKMNPQRTVWX";

#define ALPHABET_SIZE (sizeof(alphabet) - 1)

/* The largest multiple of the alphabet's size in a byte: bytes from here on would be biased. */
#define FAIR_BYTE_END (256 / ALPHABET_SIZE * ALPHABET_SIZE)

int join_code_make(const uint8_t random[JOIN_CODE_RANDOM_SIZE], unsigned length,
                   char out[JOIN_CODE_TEXT_SIZE])
{
    unsigned made = 0;

    assert(length >= JOIN_CODE_LENGTH_MIN && length <= JOIN_CODE_LENGTH_MAX);
    for (size_t index = 0; index < JOIN_CODE_RANDOM_SIZE && made < length; index++) {
        if (random[index] < FAIR_BYTE_END) {
            out[made++] = alphabet[random[index] % ALPHABET_SIZE];
        }
    }
    if (made < length) {
        out[0] = '\0';
        return RESULT_AGAIN;
    }
    out[made] = '\0';
    return RESULT_OK;
}

char join_code_symbol(char typed)
{
    static const char look_alikes[] = "B8G6S5Z2";

    if (typed >= 'a' && typed <= 'z') {
        typed = (char)(typed - 'a' + 'A');
    }
    for (size_t index = 0; look_alikes[index] != '\0'; index += 2) {
        if (typed == look_alikes[index]) {
            return look_alikes[index + 1];
        }
    }
    return typed != '\0' && strchr(alphabet, typed) != NULL ? typed : '\0';
}

int join_code_normalise(const char *text, size_t size, char out[JOIN_CODE_TEXT_SIZE])
{
    char code[JOIN_CODE_TEXT_SIZE] = {0};
    int length = 0;

    if (size > JOIN_CODE_INPUT_MAX) {
        return RESULT_INVALID;
    }
    for (size_t index = 0; index < size; index++) {
        const char symbol = join_code_symbol(text[index]);

        if (text[index] == '-' || text[index] == ' ') {
            continue;
        }
        if (symbol == '\0' || length == JOIN_CODE_LENGTH_MAX) {
            return RESULT_INVALID;
        }
        code[length++] = symbol;
    }
    if (length < JOIN_CODE_LENGTH_MIN) {
        return RESULT_INVALID;
    }
    memcpy(out, code, sizeof(code));
    return length;
}

bool join_code_is_canonical(const char *code, size_t size)
{
    if (size < JOIN_CODE_LENGTH_MIN || size > JOIN_CODE_LENGTH_MAX) {
        return false;
    }
    for (size_t index = 0; index < size; index++) {
        if (code[index] == '\0' || strchr(alphabet, code[index]) == NULL) {
            return false;
        }
    }
    return true;
}
