/* SPDX-License-Identifier: MIT */
/* Ticket names, ticket lines, grants and join codes: what is accepted prints and reads back to the
 * same value; what the relay accepts is what the grammar and the times allow. */
#include <stdbool.h>
#include <string.h>

#include <sodium.h>

#include "proto/ticket.h"
#include "tests/fuzz/fuzz.h"

#define NOW 1700000000u

static void try_name(const char *name, size_t size)
{
    const struct ticket_secret secret = {.key_id = "k", .bytes = {1}};
    struct ticket ticket;
    struct ticket again;
    char printed[TICKET_NAME_MAX + 1];
    uint8_t key[TICKET_KEY_SIZE];
    const bool is_good = ticket_parse(name, size, &ticket) == REASON_NONE;
    const enum reason reason = ticket_accept(&secret, 1, name, size, NOW, 30, 3600, &again, key);

    FUZZ_REQUIRE(is_good == (reason != REASON_TICKET_FORMAT));
    if (!is_good) {
        return;
    }
    if (reason == REASON_NONE) {
        FUZZ_REQUIRE(strcmp(ticket.key_id, "k") == 0);
        FUZZ_REQUIRE(ticket.expires_s >= NOW - 30 && ticket.expires_s <= NOW + 3630);
    }
    /* The grants may stand in another order; all else is as it was. */
    FUZZ_REQUIRE(ticket_print(&ticket, printed) == (int)size);
    FUZZ_REQUIRE(ticket_parse(printed, size, &again) == REASON_NONE);
    FUZZ_REQUIRE(memcmp(&ticket, &again, sizeof(ticket)) == 0);
    for (unsigned index = 0; index < ticket.join_count; index++) {
        const char *pattern = ticket.joins[index];
        const size_t length = strlen(pattern);
        struct ticket granted = {0};

        FUZZ_REQUIRE(ticket_grant_join(&granted, pattern, length) == RESULT_OK);
        FUZZ_REQUIRE(strcmp(granted.joins[0], pattern) == 0);
        FUZZ_REQUIRE(pattern[length - 1] == '*' || ticket_allows_join(&ticket, pattern, length));
    }
}

static void try_line(const char *line, size_t size)
{
    char name[TICKET_NAME_MAX + 1];
    char again[TICKET_NAME_MAX + 1];
    char printed[TICKET_LINE_SIZE];
    uint8_t key[TICKET_KEY_SIZE];
    uint8_t key_again[TICKET_KEY_SIZE];
    size_t printed_size = 0;

    if (ticket_line_parse(line, size, name, key) < 0) {
        return;
    }
    printed_size = ticket_line_print(name, key, printed);
    FUZZ_REQUIRE(ticket_line_parse(printed, printed_size, again, key_again) > 0);
    FUZZ_REQUIRE(strcmp(name, again) == 0 && memcmp(key, key_again, sizeof(key)) == 0);
}

static void try_code(const char *text, size_t size)
{
    char code[JOIN_CODE_TEXT_SIZE];
    char again[JOIN_CODE_TEXT_SIZE];
    struct ticket any;
    const int length = join_code_normalise(text, size, code);

    if (join_code_is_canonical(text, size)) {
        FUZZ_REQUIRE(length == (int)size && memcmp(text, code, size) == 0);
    }
    if (length < 0) {
        return;
    }
    FUZZ_REQUIRE(join_code_is_canonical(code, (size_t)length));
    FUZZ_REQUIRE(join_code_normalise(code, (size_t)length, again) == length);
    FUZZ_REQUIRE(strcmp(code, again) == 0);
    ticket_unrestricted(&any);
    FUZZ_REQUIRE(ticket_allows_join(&any, code, (size_t)length));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    const char *text = (const char *)input;
    struct ticket granted = {0};

    if (sodium_init() < 0) {
        return 0;
    }
    try_name(text, size);
    try_line(text, size);
    try_code(text, size);
    if (ticket_grant_join(&granted, text, size) == RESULT_OK) {
        FUZZ_REQUIRE(granted.join_count == 1 && granted.joins[0][0] != '\0');
    }
    return 0;
}
