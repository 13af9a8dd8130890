/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/config_text.h"

static void utf8__every_border_of_rfc_3629__is_kept(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        size_t expected;
    } cases[] = {
        {"", 0, 0},
        {"a", 1, 1},
        {"\x7F", 1, 1},
        {"\x80", 1, 0},             /* A continuation alone. */
        {"\xC1\xBF", 2, 0},         /* Overlong. */
        {"\xC2\x80", 2, 2},         /* U+0080 */
        {"\xDF\xBF", 2, 2},         /* U+07FF */
        {"\xE0\x9F\xBF", 3, 0},     /* Overlong. */
        {"\xE0\xA0\x80", 3, 3},     /* U+0800 */
        {"\xED\x9F\xBF", 3, 3},     /* U+D7FF */
        {"\xED\xA0\x80", 3, 0},     /* A surrogate. */
        {"\xEE\x80\x80", 3, 3},     /* U+E000 */
        {"\xF0\x8F\xBF\xBF", 4, 0}, /* Overlong. */
        {"\xF0\x90\x80\x80", 4, 4}, /* U+10000 */
        {"\xF4\x8F\xBF\xBF", 4, 4}, /* U+10FFFF */
        {"\xF4\x90\x80\x80", 4, 0}, /* Beyond it. */
        {"\xF5\x80\x80\x80", 4, 0},
        {"\xE0\xA0", 2, 0}, /* Cut off. */
        {"\xC3\x28", 2, 0}, /* No continuation. */
        {"\xFF", 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(config_utf8_size(cases[i].bytes, cases[i].size), cases[i].expected);
    }
    assert_true(config_is_utf8("a\xC3\xBC z", 5));
    assert_false(config_is_utf8("a\xFC z", 4));
}

static void escape__control_and_bad_bytes__become_hexadecimal(void **state)
{
    char out[64];

    (void)state;
    assert_int_equal(config_escape("a\x1B[0m\xFF\xC3\xBC\xC2\x9B\x7F", out, sizeof(out)), 26);
    assert_string_equal(out, "a\\x1B[0m\\xFF\xC3\xBC\\xC2\\x9B\\x7F");
}

static void escape__no_room__never_cuts_a_character(void **state)
{
    char out[8];

    (void)state;
    assert_int_equal(config_escape("abcdef\xC3\xBC", out, sizeof(out)), 6);
    assert_string_equal(out, "abcdef");
    assert_int_equal(config_escape("abcd\x01", out, sizeof(out)), 4);
    assert_string_equal(out, "abcd");
    assert_int_equal(config_escape("abcdefghij", out, sizeof(out)), 7);
    assert_string_equal(out, "abcdefg");
}

static void edit_distance__known_pairs__are_right(void **state)
{
    (void)state;
    assert_int_equal(config_edit_distance("port", "port"), 0);
    assert_int_equal(config_edit_distance("port", "PORT"), 0);
    assert_int_equal(config_edit_distance("prot", "port"), 1);
    assert_int_equal(config_edit_distance("por", "port"), 1);
    assert_int_equal(config_edit_distance("pport", "port"), 1);
    assert_int_equal(config_edit_distance("part", "port"), 1);
    assert_int_equal(config_edit_distance("kitten", "sitting"), 3);
    assert_int_equal(config_edit_distance("", "abc"), 3);
    assert_int_equal(config_edit_distance("abc", ""), 3);
    assert_true(
        config_edit_distance("0123456789012345678901234567890123456789012345678901234567890123",
                             "a") == SIZE_MAX);
}

static void is_close__short_words__need_to_be_nearer(void **state)
{
    size_t distance;

    (void)state;
    assert_true(config_is_close("clients_per_rom", "clients_per_room", &distance));
    assert_true(config_is_close("client_per_rom", "clients_per_room", &distance));
    assert_int_equal(distance, 2);
    assert_false(config_is_close("lient_per_rom", "clients_per_room", &distance));
    assert_true(config_is_close("prot", "port", &distance));
    assert_false(config_is_close("p", "ping", &distance));
    assert_false(config_is_close("ttt", "ping", &distance));
}

static void begins_ignoring_case__prefix__is_found(void **state)
{
    (void)state;
    assert_true(config_begins_ignoring_case("gsrelay_UDP", "GSRELAY_"));
    assert_false(config_begins_ignoring_case("gsrelay", "GSRELAY_"));
    assert_true(config_equal_ignoring_case("kib", "KiB"));
    assert_false(config_equal_ignoring_case("kibs", "KiB"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8__every_border_of_rfc_3629__is_kept),
        cmocka_unit_test(escape__control_and_bad_bytes__become_hexadecimal),
        cmocka_unit_test(escape__no_room__never_cuts_a_character),
        cmocka_unit_test(edit_distance__known_pairs__are_right),
        cmocka_unit_test(is_close__short_words__need_to_be_nearer),
        cmocka_unit_test(begins_ignoring_case__prefix__is_found),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
