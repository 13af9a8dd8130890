/* SPDX-License-Identifier: MIT */
#include "proto/ticket.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

static const char prefix[] = "gsr1";
static const char key_label[] = "gsr1-ticket";
static const char join_prefix[] = "join=";

static_assert(TICKET_KEY_SIZE == crypto_auth_hmacsha256_BYTES, "a key is an HMAC-SHA256");

/* A run of text that is part of a longer one. */
struct piece {
    const char *at;
    size_t size;
};

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* size_max or fewer, at least one, letters, digits and the extra characters. */
static bool is_word(const char *text, size_t size, size_t size_max, const char *extra)
{
    if (size == 0 || size > size_max) {
        return false;
    }
    for (size_t index = 0; index < size; index++) {
        if (!is_alphanumeric(text[index]) &&
            (text[index] == '\0' || strchr(extra, text[index]) == NULL)) {
            return false;
        }
    }
    return true;
}

bool ticket_key_id_is_valid(const char *key_id, size_t size)
{
    return is_word(key_id, size, TICKET_KEY_ID_MAX, "_-");
}

static bool is_client_id_valid(const char *client_id, size_t size)
{
    return is_word(client_id, size, TICKET_CLIENT_ID_MAX, "._@-");
}

/* Takes what stands before the next separator off the front of rest. */
static struct piece take_piece(struct piece *rest, char separator)
{
    const char *end = memchr(rest->at, separator, rest->size);
    struct piece taken = *rest;

    if (end == NULL) {
        *rest = (struct piece){rest->at + rest->size, 0};
        return taken;
    }
    taken.size = (size_t)(end - rest->at);
    rest->size -= taken.size + 1;
    rest->at = end + 1;
    return taken;
}

static bool equals(struct piece piece, const char *text)
{
    return piece.size == strlen(text) && memcmp(piece.at, text, piece.size) == 0;
}

static bool parse_expiry(struct piece piece, uint64_t *out)
{
    uint64_t value = 0;

    if (piece.size == 0 || piece.at[0] == '0') {
        return false;
    }
    for (size_t index = 0; index < piece.size; index++) {
        if (piece.at[index] < '0' || piece.at[index] > '9' || value > TICKET_EXPIRY_MAX / 10) {
            return false;
        }
        value = value * 10 + (uint64_t)(piece.at[index] - '0');
    }
    *out = value;
    return value <= TICKET_EXPIRY_MAX;
}

/* A whole code, or up to as many symbols and "*"; in canonical form. */
static bool is_pattern_valid(const char *text, size_t size)
{
    char symbol[2] = {0};

    if (size == 0 || text[size - 1] != '*') {
        return join_code_is_canonical(text, size);
    }
    if (size - 1 > JOIN_CODE_LENGTH_MAX) {
        return false;
    }
    for (size_t index = 0; index < size - 1; index++) {
        symbol[0] = join_code_symbol(text[index]);
        if (symbol[0] == '\0' || symbol[0] != text[index]) {
            return false;
        }
    }
    return true;
}

static bool parse_grant(struct piece grant, struct ticket *ticket)
{
    const size_t skipped = sizeof(join_prefix) - 1;

    if (equals(grant, "create")) {
        const bool is_first = !ticket->may_create;

        ticket->may_create = true;
        return is_first;
    }
    if (grant.size <= skipped || memcmp(grant.at, join_prefix, skipped) != 0 ||
        ticket->join_count == TICKET_JOINS_MAX ||
        !is_pattern_valid(grant.at + skipped, grant.size - skipped)) {
        return false;
    }
    memcpy(ticket->joins[ticket->join_count++], grant.at + skipped, grant.size - skipped);
    return true;
}

/* At least one; an empty grant, also one behind a last comma, is no grant. */
static bool parse_grants(struct piece grants, struct ticket *ticket)
{
    bool has_more = true;

    while (has_more) {
        has_more = memchr(grants.at, ',', grants.size) != NULL;
        if (!parse_grant(take_piece(&grants, ','), ticket)) {
            return false;
        }
    }
    return true;
}

enum reason ticket_parse(const char *name, size_t size, struct ticket *out)
{
    struct ticket ticket = {0};
    struct piece rest = {name, size};
    struct piece key_id;
    struct piece client_id;

    if (size > TICKET_NAME_MAX || !equals(take_piece(&rest, ':'), prefix)) {
        return REASON_TICKET_FORMAT;
    }
    key_id = take_piece(&rest, ':');
    if (!ticket_key_id_is_valid(key_id.at, key_id.size) ||
        !parse_expiry(take_piece(&rest, ':'), &ticket.expires_s)) {
        return REASON_TICKET_FORMAT;
    }
    client_id = take_piece(&rest, ':');
    if (!is_client_id_valid(client_id.at, client_id.size) || !parse_grants(rest, &ticket)) {
        return REASON_TICKET_FORMAT;
    }
    memcpy(ticket.key_id, key_id.at, key_id.size);
    memcpy(ticket.client_id, client_id.at, client_id.size);
    *out = ticket;
    return REASON_NONE;
}

/* The name as text, valid or not. Returns the length that it would have. */
static size_t print_name(const struct ticket *ticket, char *out, size_t capacity)
{
    size_t used = (size_t)snprintf(out, capacity, "%s:%s:%llu:%s:%s", prefix, ticket->key_id,
                                   (unsigned long long)ticket->expires_s, ticket->client_id,
                                   ticket->may_create ? "create" : "");

    for (unsigned index = 0; index < ticket->join_count && used < capacity; index++) {
        used += (size_t)snprintf(out + used, capacity - used, "%s%s%s",
                                 index > 0 || ticket->may_create ? "," : "", join_prefix,
                                 ticket->joins[index]);
    }
    return used;
}

int ticket_print(const struct ticket *ticket, char out[TICKET_NAME_MAX + 1])
{
    char name[TICKET_NAME_MAX + 1];
    struct ticket again;
    size_t size = 0;

    assert(ticket->join_count <= TICKET_JOINS_MAX);
    size = print_name(ticket, name, sizeof(name));
    /* The one judge of names is the parser. */
    if (size > TICKET_NAME_MAX || ticket_parse(name, size, &again) != REASON_NONE) {
        return RESULT_INVALID;
    }
    memcpy(out, name, size + 1);
    return (int)size;
}

int ticket_grant_join(struct ticket *ticket, const char *text, size_t size)
{
    char pattern[TICKET_PATTERN_SIZE] = {0};
    size_t length = 0;

    for (size_t index = 0; index < size; index++) {
        const bool is_star = text[index] == '*' && index == size - 1;
        const char symbol = is_star ? '*' : join_code_symbol(text[index]);

        if (text[index] == '-' || text[index] == ' ') {
            continue;
        }
        if (symbol == '\0' || length >= TICKET_PATTERN_SIZE - 1) {
            return RESULT_INVALID;
        }
        pattern[length++] = symbol;
    }
    if (!is_pattern_valid(pattern, length)) {
        return RESULT_INVALID;
    }
    if (ticket->join_count == TICKET_JOINS_MAX) {
        return RESULT_FULL;
    }
    memcpy(ticket->joins[ticket->join_count++], pattern, sizeof(pattern));
    return RESULT_OK;
}

void ticket_unrestricted(struct ticket *out)
{
    *out = (struct ticket){.may_create = true, .join_count = 1, .joins = {"*"}};
}

bool ticket_allows_join(const struct ticket *ticket, const char *code, size_t size)
{
    for (unsigned index = 0; index < ticket->join_count; index++) {
        const char *pattern = ticket->joins[index];
        const size_t length = strlen(pattern);

        if (pattern[length - 1] == '*') {
            if (size >= length - 1 && memcmp(code, pattern, length - 1) == 0) {
                return true;
            }
        } else if (size == length && memcmp(code, pattern, size) == 0) {
            return true;
        }
    }
    return false;
}

void ticket_key(const uint8_t secret[TICKET_SECRET_SIZE], const char *name, size_t size,
                uint8_t key_out[TICKET_KEY_SIZE])
{
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, secret, TICKET_SECRET_SIZE);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)key_label, sizeof(key_label) - 1);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)name, size);
    crypto_auth_hmacsha256_final(&state, key_out);
    sodium_memzero(&state, sizeof(state));
}

static const struct ticket_secret *find_secret(const struct ticket_secret *secrets, size_t count,
                                               const char *key_id)
{
    for (size_t index = 0; index < count; index++) {
        if (strcmp(secrets[index].key_id, key_id) == 0) {
            return &secrets[index];
        }
    }
    return NULL;
}

enum reason ticket_accept(const struct ticket_secret *secrets, size_t secret_count,
                          const char *name, size_t size, uint64_t now_s, uint32_t skew_s,
                          uint32_t max_age_s, struct ticket *out, uint8_t key_out[TICKET_KEY_SIZE])
{
    struct ticket ticket;
    const struct ticket_secret *secret = NULL;

    if (ticket_parse(name, size, &ticket) != REASON_NONE) {
        return REASON_TICKET_FORMAT;
    }
    secret = find_secret(secrets, secret_count, ticket.key_id);
    if (secret == NULL) {
        return REASON_TICKET_KEY_ID;
    }
    if (now_s > ticket.expires_s && now_s - ticket.expires_s > skew_s) {
        return REASON_TICKET_EXPIRED;
    }
    if (ticket.expires_s > now_s &&
        ticket.expires_s - now_s > (uint64_t)max_age_s + (uint64_t)skew_s) {
        return REASON_TICKET_AGE;
    }
    ticket_key(secret->bytes, name, size, key_out);
    *out = ticket;
    return REASON_NONE;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next word between blanks; empty at the end. */
static struct piece take_word(struct piece *rest)
{
    struct piece word = *rest;

    while (word.size > 0 && is_blank(word.at[0])) {
        word.at++;
        word.size--;
    }
    rest->at = word.at;
    rest->size = word.size;
    while (rest->size > 0 && !is_blank(rest->at[0])) {
        rest->at++;
        rest->size--;
    }
    word.size -= rest->size;
    return word;
}

int ticket_line_parse(const char *line, size_t size, char name_out[TICKET_NAME_MAX + 1],
                      uint8_t key_out[TICKET_KEY_SIZE])
{
    struct piece rest = {line, size};
    const struct piece name = take_word(&rest);
    const struct piece hex = take_word(&rest);
    uint8_t key[TICKET_KEY_SIZE];
    size_t key_size = 0;
    struct ticket ticket;
    int result = RESULT_INVALID;

    if (take_word(&rest).size == 0 && ticket_parse(name.at, name.size, &ticket) == REASON_NONE &&
        sodium_hex2bin(key, sizeof(key), hex.at, hex.size, NULL, &key_size, NULL) == 0 &&
        key_size == sizeof(key)) {
        memcpy(name_out, name.at, name.size);
        name_out[name.size] = '\0';
        memcpy(key_out, key, sizeof(key));
        result = (int)name.size;
    }
    sodium_memzero(key, sizeof(key));
    return result;
}

size_t ticket_line_print(const char *name, const uint8_t key[TICKET_KEY_SIZE],
                         char out[TICKET_LINE_SIZE])
{
    const size_t size = strlen(name);

    assert(size <= TICKET_NAME_MAX);
    memcpy(out, name, size);
    out[size] = ' ';
    sodium_bin2hex(out + size + 1, TICKET_LINE_SIZE - size - 1, key, TICKET_KEY_SIZE);
    return size + 1 + 2 * TICKET_KEY_SIZE;
}
