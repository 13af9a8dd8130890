/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <sodium.h>
#include <cmocka.h>

#include "proto/ticket.h"

#define NOW 1700000000u

static enum reason parse(const char *name, struct ticket *out)
{
    return ticket_parse(name, strlen(name), out);
}

static void parse__good_names__read_and_printed_back(void **state)
{
    static const char *const good[] = {
        "gsr1:k:1:c:create",
        "gsr1:main_key-2024-01:999999999999:player.1@example_x-y:create,join=K7QX9P,join=K7*",
        "gsr1:k:1700000000:c:join=*",
        "gsr1:k:1:c:join=23456789CDFH,join=23456789CDFH*",
        "gsr1:k:1:c:create,join=2*,join=3*,join=4*,join=5*,join=6*,join=7*,join=8*,join=9*",
    };

    (void)state;
    for (size_t index = 0; index < sizeof(good) / sizeof(good[0]); index++) {
        struct ticket ticket;
        char name[TICKET_NAME_MAX + 1];

        if (parse(good[index], &ticket) != REASON_NONE) {
            fail_msg("refused: %s", good[index]);
        }
        assert_int_equal(ticket_print(&ticket, name), strlen(good[index]));
        assert_string_equal(name, good[index]);
    }
}

static void parse__fields__as_named(void **state)
{
    struct ticket ticket;

    (void)state;
    assert_int_equal(parse("gsr1:kid:1700000000:me@x:join=K7QX,create,join=C*", &ticket), 0);
    assert_string_equal(ticket.key_id, "kid");
    assert_string_equal(ticket.client_id, "me@x");
    assert_true(ticket.expires_s == 1700000000);
    assert_true(ticket.may_create);
    assert_int_equal(ticket.join_count, 2);
    assert_string_equal(ticket.joins[0], "K7QX");
    assert_string_equal(ticket.joins[1], "C*");
}

static void parse__bad_names__refused(void **state)
{
    static const char *const bad[] = {
        "",
        "gsr1",
        "gsr1:",
        "gsr2:k:1:c:create",
        "GSR1:k:1:c:create",
        " gsr1:k:1:c:create",
        "gsr1:k:1:c:create ",
        "gsr1::1:c:create",
        "gsr1:k::c:create",
        "gsr1:k:1::create",
        "gsr1:k:1:c:",
        "gsr1:k:1:c",
        "gsr1:k:1:c:create:",
        "gsr1:k:1:c:create:x",
        "gsr1:k/:1:c:create",
        "gsr1:12345678901234567:1:c:create",
        "gsr1:k:0:c:create",
        "gsr1:k:01:c:create",
        "gsr1:k:-1:c:create",
        "gsr1:k:+1:c:create",
        "gsr1:k:1x:c:create",
        "gsr1:k:1000000000000:c:create",
        "gsr1:k:18446744073709551617:c:create",
        "gsr1:k:1:c c:create",
        "gsr1:k:1:c\n:create",
        "gsr1:k:1:\xc3\xa4:create",
        "gsr1:k:1:c:Create",
        "gsr1:k:1:c:create,",
        "gsr1:k:1:c:,create",
        "gsr1:k:1:c:create,,join=*",
        "gsr1:k:1:c:create,create",
        "gsr1:k:1:c:kick",
        "gsr1:k:1:c:create,rate=slow",
        "gsr1:k:1:c:join=",
        "gsr1:k:1:c:join",
        "gsr1:k:1:c:join=K7Q",
        "gsr1:k:1:c:join=k7qx",
        "gsr1:k:1:c:join=K7-QX",
        "gsr1:k:1:c:join=K7QX0",
        "gsr1:k:1:c:join=S*",
        "gsr1:k:1:c:join=*K",
        "gsr1:k:1:c:join=**",
        "gsr1:k:1:c:join=23456789CDFHJ",
        "gsr1:k:1:c:join=23456789CDFHJ*",
        "gsr1:k:1:c:join=2*,join=2*,join=2*,join=2*,join=2*,join=2*,join=2*,join=2*,join=2*",
    };
    char long_name[TICKET_NAME_MAX + 2];

    (void)state;
    for (size_t index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
        struct ticket ticket = {.join_count = 77};

        if (parse(bad[index], &ticket) != REASON_TICKET_FORMAT) {
            fail_msg("accepted: %s", bad[index]);
        }
        assert_int_equal(ticket.join_count, 77);
    }
    memset(long_name, 'x', sizeof(long_name));
    memcpy(long_name, "gsr1:k:1:c:create", 17);
    assert_int_equal(ticket_parse(long_name, sizeof(long_name), &(struct ticket){0}),
                     REASON_TICKET_FORMAT);
    assert_int_equal(ticket_parse("gsr1:k\0:1:c:create", 18, &(struct ticket){0}),
                     REASON_TICKET_FORMAT);
    assert_int_equal(ticket_parse("gsr1:k:1:c\0:create", 18, &(struct ticket){0}),
                     REASON_TICKET_FORMAT);
}

static void parse__client_id_of_65__refused(void **state)
{
    char name[128];
    struct ticket ticket;

    (void)state;
    snprintf(name, sizeof(name), "gsr1:k:1:%064d:create", 7);
    assert_int_equal(parse(name, &ticket), REASON_NONE);
    snprintf(name, sizeof(name), "gsr1:k:1:%065d:create", 7);
    assert_int_equal(parse(name, &ticket), REASON_TICKET_FORMAT);
}

static void print__bad_fields_or_too_long__refused(void **state)
{
    char name[TICKET_NAME_MAX + 1] = "before";
    struct ticket ticket;

    (void)state;
    assert_int_equal(parse("gsr1:k:1:c:create", &ticket), 0);
    ticket.may_create = false;
    assert_int_equal(ticket_print(&ticket, name), RESULT_INVALID);
    ticket.may_create = true;
    ticket.client_id[0] = ':';
    assert_int_equal(ticket_print(&ticket, name), RESULT_INVALID);
    memset(ticket.client_id, 'c', TICKET_CLIENT_ID_MAX);
    for (ticket.join_count = 0; ticket.join_count < 8; ticket.join_count++) {
        memcpy(ticket.joins[ticket.join_count], "23456789CDFH*", 14);
    }
    assert_int_equal(ticket_print(&ticket, name), RESULT_INVALID);
    assert_string_equal(name, "before");
    ticket.join_count = 5;
    assert_true(ticket_print(&ticket, name) > 0);
}

static void grant_join__typed_by_a_person__canonical(void **state)
{
    struct ticket ticket = {0};

    (void)state;
    assert_int_equal(ticket_grant_join(&ticket, "k7q-x9p", 7), RESULT_OK);
    assert_int_equal(ticket_grant_join(&ticket, "s*", 2), RESULT_OK);
    assert_int_equal(ticket_grant_join(&ticket, "*", 1), RESULT_OK);
    assert_string_equal(ticket.joins[0], "K7QX9P");
    assert_string_equal(ticket.joins[1], "5*");
    assert_string_equal(ticket.joins[2], "*");
    assert_int_equal(ticket_grant_join(&ticket, "", 0), RESULT_INVALID);
    assert_int_equal(ticket_grant_join(&ticket, "K7Q", 3), RESULT_INVALID);
    assert_int_equal(ticket_grant_join(&ticket, "*K7QX", 5), RESULT_INVALID);
    assert_int_equal(ticket_grant_join(&ticket, "K7QXO", 5), RESULT_INVALID);
    assert_int_equal(ticket_grant_join(&ticket, "23456789CDFH*", 13), RESULT_OK);
    assert_int_equal(ticket_grant_join(&ticket, "23456789CDFHJ*", 14), RESULT_INVALID);
    assert_int_equal(ticket_grant_join(&ticket, "23456789CDFHJ", 13), RESULT_INVALID);
    ticket.join_count = TICKET_JOINS_MAX;
    assert_int_equal(ticket_grant_join(&ticket, "*", 1), RESULT_FULL);
}

static void allows_join__patterns__match(void **state)
{
    struct ticket ticket;
    struct ticket any;

    (void)state;
    assert_int_equal(parse("gsr1:k:1:c:join=K7QX,join=CD*,join=23456789CDFH*", &ticket), 0);
    assert_true(ticket_allows_join(&ticket, "K7QX", 4));
    assert_false(ticket_allows_join(&ticket, "K7QX9", 5));
    assert_true(ticket_allows_join(&ticket, "CD23", 4));
    assert_false(ticket_allows_join(&ticket, "CF23", 4));
    assert_true(ticket_allows_join(&ticket, "23456789CDFH", 12));
    assert_false(ticket_allows_join(&ticket, "2345", 4));
    assert_false(ticket_allows_join(&ticket, "23456789CDFH", 4));
    ticket_unrestricted(&any);
    assert_true(any.may_create);
    assert_true(ticket_allows_join(&any, "9999", 4));
    assert_int_equal(parse("gsr1:k:1:c:create", &ticket), 0);
    assert_false(ticket_allows_join(&ticket, "K7QX", 4));
}

/* Made with Python's hmac module: hmac.new(bytes(range(32)), b"gsr1-ticket" + name, "sha256"). */
static void key__known_name__same_as_another_language(void **state)
{
    static const char name[] = "gsr1:k1:1700000600:alice:create,join=*";
    uint8_t secret[TICKET_SECRET_SIZE];
    uint8_t key[TICKET_KEY_SIZE];
    char hex[65];

    (void)state;
    for (unsigned index = 0; index < sizeof(secret); index++) {
        secret[index] = (uint8_t)index;
    }
    ticket_key(secret, name, strlen(name), key);
    sodium_bin2hex(hex, sizeof(hex), key, sizeof(key));
    assert_string_equal(hex, "ff652f43ffc7c95270df77099cdd3f0520cb20054032b40e57812e20723fab9a");
}

static void make_secrets(struct ticket_secret secrets[2])
{
    memset(secrets, 0, 2 * sizeof(secrets[0]));
    memcpy(secrets[0].key_id, "old", 3);
    memcpy(secrets[1].key_id, "new", 3);
    memset(secrets[0].bytes, 1, TICKET_SECRET_SIZE);
    memset(secrets[1].bytes, 2, TICKET_SECRET_SIZE);
}

static enum reason accept_until(const char *key_id, uint64_t expires_s)
{
    struct ticket_secret secrets[2];
    struct ticket ticket = {.join_count = 77};
    char name[TICKET_NAME_MAX + 1];
    uint8_t key[TICKET_KEY_SIZE] = {0};
    uint8_t expected[TICKET_KEY_SIZE] = {0};
    enum reason reason = REASON_NONE;

    make_secrets(secrets);
    snprintf(name, sizeof(name), "gsr1:%s:%llu:c:create", key_id, (unsigned long long)expires_s);
    reason = ticket_accept(secrets, 2, name, strlen(name), NOW, 30, 3600, &ticket, key);
    if (reason == REASON_NONE) {
        ticket_key(secrets[key_id[0] == 'n'].bytes, name, strlen(name), expected);
        assert_true(ticket.expires_s == expires_s);
    } else {
        assert_int_equal(ticket.join_count, 77);
    }
    assert_memory_equal(key, expected, sizeof(key));
    return reason;
}

static void accept__times_and_keys__one_reason_each(void **state)
{
    struct ticket ticket;
    uint8_t key[TICKET_KEY_SIZE];

    (void)state;
    assert_int_equal(accept_until("old", NOW + 60), REASON_NONE);
    assert_int_equal(accept_until("new", NOW + 60), REASON_NONE);
    assert_int_equal(accept_until("ne", NOW + 60), REASON_TICKET_KEY_ID);
    assert_int_equal(accept_until("newer", NOW + 60), REASON_TICKET_KEY_ID);
    assert_int_equal(accept_until("new", NOW), REASON_NONE);
    assert_int_equal(accept_until("new", NOW - 30), REASON_NONE);
    assert_int_equal(accept_until("new", NOW - 31), REASON_TICKET_EXPIRED);
    assert_int_equal(accept_until("new", 1), REASON_TICKET_EXPIRED);
    assert_int_equal(accept_until("new", NOW + 3630), REASON_NONE);
    assert_int_equal(accept_until("new", NOW + 3631), REASON_TICKET_AGE);
    assert_int_equal(accept_until("new", TICKET_EXPIRY_MAX), REASON_TICKET_AGE);
    assert_int_equal(accept_until("n w", NOW), REASON_TICKET_FORMAT);
    assert_int_equal(ticket_accept(NULL, 0, "gsr1:k:1:c:create", 17, 1, 0, 10, &ticket, key),
                     REASON_TICKET_KEY_ID);
}

static void lines__ticket__round_trip(void **state)
{
    uint8_t key[TICKET_KEY_SIZE], key_read[TICKET_KEY_SIZE];
    char line[TICKET_LINE_SIZE], name[TICKET_NAME_MAX + 1];
    const char *ticket_name = "gsr1:k:1:c:create";
    size_t size = 0;

    (void)state;
    memset(key, 0xab, sizeof(key));
    size = ticket_line_print(ticket_name, key, line);
    assert_int_equal(size, strlen(line));
    assert_int_equal(ticket_line_parse(line, size, name, key_read), strlen(ticket_name));
    assert_string_equal(name, ticket_name);
    assert_memory_equal(key, key_read, sizeof(key));
    snprintf(line, sizeof(line), "  %s\t%064d\r\n", ticket_name, 0);
    assert_int_equal(ticket_line_parse(line, strlen(line), name, key_read), strlen(ticket_name));
    assert_int_equal(key_read[0], 0);
}

static void lines__broken__refused(void **state)
{
    static const char *const bad[] = {"",
                                      "gsr1:k:1:c:create",
                                      "gsr1:k:1:c:create 00",
                                      "gsr1:k:1:c:create %064d x",
                                      "gsr1:k:1:c:create %063d",
                                      "gsr1:k:1:c:create %065d",
                                      "gsr1:k:1:c:create %066d",
                                      "gsr1:k:1:c:create %063dg",
                                      "gsr1:k:1:c: %064d",
                                      "%064d",
                                      "gsr1:k:1:c:create%064d",
                                      "gsr1:k:1:c:create\n%062d:1"};
    char line[TICKET_LINE_SIZE + 8], name[TICKET_NAME_MAX + 1] = "before";
    uint8_t key[TICKET_KEY_SIZE];

    (void)state;
    for (size_t index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
        const char *digits = strstr(bad[index], "%06");

        /* "%06Nd" stands for 60 + N zeros. */
        if (digits == NULL) {
            snprintf(line, sizeof(line), "%s", bad[index]);
        } else {
            snprintf(line, sizeof(line), "%.*s%0*d%s", (int)(digits - bad[index]), bad[index],
                     60 + digits[3] - '0', 0, digits + 5);
        }
        if (ticket_line_parse(line, strlen(line), name, key) != RESULT_INVALID) {
            fail_msg("accepted: %s", line);
        }
        assert_string_equal(name, "before");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse__good_names__read_and_printed_back),
        cmocka_unit_test(parse__fields__as_named),
        cmocka_unit_test(parse__bad_names__refused),
        cmocka_unit_test(parse__client_id_of_65__refused),
        cmocka_unit_test(print__bad_fields_or_too_long__refused),
        cmocka_unit_test(grant_join__typed_by_a_person__canonical),
        cmocka_unit_test(allows_join__patterns__match),
        cmocka_unit_test(key__known_name__same_as_another_language),
        cmocka_unit_test(accept__times_and_keys__one_reason_each),
        cmocka_unit_test(lines__ticket__round_trip),
        cmocka_unit_test(lines__broken__refused),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
