/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/secret_file.h"
#include "config_fixture.h"

#define DIGITS_A "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"
#define DIGITS_B "f00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct secret_file secrets;

static int read_bytes(const char *bytes, size_t size, int failure)
{
    struct memory_file file = {.bytes = bytes, .size = size, .failure = failure};
    int result;

    memset(&secrets, 0xA5, sizeof(secrets));
    result = secret_file_read("secrets", memory_read, &file, &secrets, &fixture_report);
    memset(&fixture_messages, 0, sizeof(fixture_messages));
    config_report_print(&fixture_report, memory_write, &fixture_messages);
    return result;
}

/* Refused with this message, no secret left, and no digit of one shown. */
static void assert_refused(const char *text, const char *line)
{
    static const struct secret_file none;

    assert_int_equal(read_bytes(text, strlen(text), 0), RESULT_INVALID);
    assert_one_error(line);
    assert_memory_equal(&secrets, &none, sizeof(none));
    assert_null(strstr(fixture_messages.bytes, "0203"));
}

static void read__several_ids__are_found(void **state)
{
    static const char text[] =
        "\xEF\xBB\xBF# secrets of tickets\r\n\r\n; more\r\n  2026-a = " DIGITS_A
        "  \r\n\tb_2=" DIGITS_B;

    (void)state;
    assert_int_equal(read_bytes(text, sizeof(text) - 1, 0), 0);
    assert_int_equal(secrets.count, 2);
    assert_string_equal(secrets.secrets[0].key_id, "2026-a");
    for (uint8_t i = 0; i < SECRET_SIZE; i++) {
        assert_int_equal(secrets.secrets[0].bytes[i], i);
    }
    assert_int_equal(secrets.secrets[1].bytes[0], 0xF0);
    assert_string_equal(secrets.secrets[1].key_id, "b_2");
    assert_int_equal(fixture_report.message_count, 0);
}

static void read__a_secret_that_is_weak_or_wrong__is_refused_without_showing_it(void **state)
{
    (void)state;
    assert_refused("k = 00010203\n", "secrets:1: the secret is shorter than 32 bytes (64 digits); "
                                     "gsrelayd --genkey makes one");
    assert_refused("k = \n", "secrets:1: the secret is shorter than 32 bytes (64 digits); gsrelayd "
                             "--genkey makes one");
    assert_refused("\nk = " DIGITS_A "00\n",
                   "secrets:2: the secret is longer than 32 bytes (64 digits)");
    assert_refused("k = " DIGITS_A "0",
                   "secrets:1: the secret is longer than 32 bytes (64 digits)");
    assert_refused("k = " DIGITS_A " ; x\n",
                   "secrets:1: a secret is written in hexadecimal digits; "
                   "gsrelayd --genkey makes one");
    assert_refused("k = g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
                   "secrets:1: a secret is written in hexadecimal digits; gsrelayd --genkey makes "
                   "one");
    assert_refused("k = 0000000000000000000000000000000000000000000000000000000000000000\n",
                   "secrets:1: the secret is one byte repeated; gsrelayd --genkey makes a random "
                   "one");
}

static void read__an_id_that_is_none_or_twice__is_refused(void **state)
{
    static const char rule[] =
        "secrets:1: write id = secret; the id has 1 to 16 letters, digits, - or _";

    (void)state;
    assert_refused(" = " DIGITS_A "\n", rule);
    assert_refused(DIGITS_A "\n", rule);
    assert_refused("a b = " DIGITS_A "\n", rule);
    assert_refused("k\xC3\xBC = " DIGITS_A "\n", rule);
    assert_refused("seventeen-letters = " DIGITS_A "\n", rule);
    assert_refused("k = " DIGITS_A "\nk = " DIGITS_B "\n",
                   "secrets:2: the id \"k\" already has a secret in line 1");
}

static void read__no_secret_or_no_text__is_refused(void **state)
{
    (void)state;
    assert_refused("", "secrets: there is no secret in the file; gsrelayd --genkey makes one");
    assert_refused("# k = " DIGITS_A "\n",
                   "secrets: there is no secret in the file; gsrelayd --genkey makes one");
    assert_int_equal(read_bytes("k\0=", 3, 0), RESULT_INVALID);
    assert_one_error("secrets:1: the line holds a NUL byte; save the file as UTF-8");
    assert_int_equal(read_bytes("\xFF\xFEk\0", 4, 0), RESULT_INVALID);
    assert_one_error("secrets:1: the file is in UTF-16; save it as UTF-8");
    assert_int_equal(read_bytes("k = " DIGITS_A "\n", 69, RESULT_OS), RESULT_INVALID);
    assert_one_error("secrets: the file cannot be read");
    assert_int_equal(secrets.count, 0);
}

static void read__one_secret_too_many__is_refused(void **state)
{
    char text[2048];
    size_t size = 0;

    (void)state;
    for (unsigned i = 0; i <= TICKET_SECRETS_MAX; i++) {
        if (i == TICKET_SECRETS_MAX) {
            assert_int_equal(read_bytes(text, size, 0), 0);
            assert_int_equal(secrets.count, TICKET_SECRETS_MAX);
        }
        size += (size_t)snprintf(text + size, sizeof(text) - size, "k%u = " DIGITS_A "\n", i);
    }
    assert_refused(text, "secrets:17: there are more than 16 secrets");
}

static void print__a_line__is_read_back(void **state)
{
    uint8_t bytes[SECRET_SIZE];
    char line[SECRET_LINE_SIZE];

    (void)state;
    for (uint8_t i = 0; i < SECRET_SIZE; i++) {
        bytes[i] = (uint8_t)(255 - 7 * i);
    }
    assert_int_equal(secret_line_print("sixteen-letters_", bytes, line), 0);
    assert_int_equal(strlen(line), sizeof(line) - 1);
    assert_int_equal(read_bytes(line, strlen(line), 0), 0);
    assert_memory_equal(secrets.secrets[0].bytes, bytes, SECRET_SIZE);
    assert_int_equal(secret_line_print("", bytes, line), RESULT_INVALID);
    assert_int_equal(secret_line_print("a b", bytes, line), RESULT_INVALID);
}

static void wipe__all__is_zero(void **state)
{
    static const struct secret_file none;

    (void)state;
    assert_int_equal(read_bytes("k = " DIGITS_A "\n", 69, 0), 0);
    secret_file_wipe(&secrets);
    assert_memory_equal(&secrets, &none, sizeof(none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read__several_ids__are_found),
        cmocka_unit_test(read__a_secret_that_is_weak_or_wrong__is_refused_without_showing_it),
        cmocka_unit_test(read__an_id_that_is_none_or_twice__is_refused),
        cmocka_unit_test(read__no_secret_or_no_text__is_refused),
        cmocka_unit_test(read__one_secret_too_many__is_refused),
        cmocka_unit_test(print__a_line__is_read_back),
        cmocka_unit_test(wipe__all__is_zero),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
