/* SPDX-License-Identifier: MIT */
#include "proto/reason.h"

#include <stddef.h>

struct reason_words {
    const char *name;
    const char *text;
};

static const struct reason_words words[REASON_LIMIT] = {
#define REASON_WORDS(symbol, number, name, text) [number] = {name, text},
    REASON_TABLE(REASON_WORDS)
#undef REASON_WORDS
};

const char *reason_name(unsigned reason)
{
    if (reason >= REASON_LIMIT || words[reason].name == NULL) {
        return "unknown";
    }
    return words[reason].name;
}

const char *reason_text(unsigned reason)
{
    if (reason >= REASON_LIMIT || words[reason].text == NULL) {
        return "unknown reason";
    }
    return words[reason].text;
}
