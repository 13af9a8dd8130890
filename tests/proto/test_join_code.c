/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "proto/join_code.h"

static void make__every_byte__symbols_equally_likely(void **state)
{
    unsigned count[128] = {0};
    unsigned used = 0;

    (void)state;
    for (int value = 0; value < 256; value++) {
        uint8_t random[JOIN_CODE_RANDOM_SIZE];
        char code[JOIN_CODE_TEXT_SIZE];

        memset(random, value, sizeof(random));
        if (join_code_make(random, JOIN_CODE_LENGTH_MAX, code) == RESULT_OK) {
            assert_int_equal(strlen(code), JOIN_CODE_LENGTH_MAX);
            assert_true(join_code_is_canonical(code, JOIN_CODE_LENGTH_MAX));
            count[(unsigned char)code[0]]++;
            used++;
        } else {
            assert_int_equal(code[0], '\0');
        }
    }
    assert_int_equal(used, 253);
    for (int symbol = 0; symbol < 128; symbol++) {
        assert_true(count[symbol] == 0 || count[symbol] == 11);
    }
}

static void make__biased_bytes_between__passed_over(void **state)
{
    uint8_t random[JOIN_CODE_RANDOM_SIZE];
    char code[JOIN_CODE_TEXT_SIZE];

    (void)state;
    memset(random, 255, sizeof(random));
    random[3] = 0;
    random[10] = 1;
    random[20] = 22;
    assert_int_equal(join_code_make(random, 4, code), RESULT_AGAIN);
    random[JOIN_CODE_RANDOM_SIZE - 1] = 252;
    assert_int_equal(join_code_make(random, 4, code), RESULT_OK);
    assert_string_equal(code, "23XX");
}

static void assert_reads(const char *typed, const char *expected)
{
    char code[JOIN_CODE_TEXT_SIZE];

    assert_int_equal(join_code_normalise(typed, strlen(typed), code), strlen(expected));
    assert_string_equal(code, expected);
    assert_true(join_code_is_canonical(code, strlen(code)));
}

static void normalise__what_people_type__canonical(void **state)
{
    (void)state;
    assert_reads("K7QX9P", "K7QX9P");
    assert_reads("k7qx9p", "K7QX9P");
    assert_reads(" k7q-x9p ", "K7QX9P");
    assert_reads("K 7-Q  X9--P", "K7QX9P");
    assert_reads("bgsz", "8652");
    assert_reads("23456789cdfh", "23456789CDFH");
}

static void normalise__no_code__refused(void **state)
{
    static const char *const bad[] = {
        "",       "   ",     "K7Q",    "K7QX9O", "K7QX90",       "K7QX1I",        "LLLLLL",
        "K7QX9!", "K7QX\t9", "AEIOUY", "K7_QX9", "\xc3\x84QX9P", "23456789CDFHJ", "K7QX9P\n"};
    char code[JOIN_CODE_TEXT_SIZE] = "before";
    char spaces[JOIN_CODE_INPUT_MAX + 2];

    (void)state;
    for (size_t index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
        if (join_code_normalise(bad[index], strlen(bad[index]), code) != RESULT_INVALID) {
            fail_msg("accepted: %s", bad[index]);
        }
        assert_string_equal(code, "before");
    }
    assert_int_equal(join_code_normalise("K7Q\0X9", 6, code), RESULT_INVALID);
    memset(spaces, ' ', sizeof(spaces));
    memcpy(spaces, "K7QX9P", 6);
    assert_int_equal(join_code_normalise(spaces, JOIN_CODE_INPUT_MAX, code), 6);
    assert_int_equal(join_code_normalise(spaces, JOIN_CODE_INPUT_MAX + 1, code), RESULT_INVALID);
}

static void is_canonical__other_forms__false(void **state)
{
    (void)state;
    assert_true(join_code_is_canonical("K7QX", 4));
    assert_false(join_code_is_canonical("k7qx", 4));
    assert_false(join_code_is_canonical("K7Q-", 4));
    assert_false(join_code_is_canonical("B7QX", 4));
    assert_false(join_code_is_canonical("K7Q", 3));
    assert_false(join_code_is_canonical("23456789CDFHJ", 13));
    assert_false(join_code_is_canonical("K7Q\0", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(make__every_byte__symbols_equally_likely),
        cmocka_unit_test(make__biased_bytes_between__passed_over),
        cmocka_unit_test(normalise__what_people_type__canonical),
        cmocka_unit_test(normalise__no_code__refused),
        cmocka_unit_test(is_canonical__other_forms__false),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
