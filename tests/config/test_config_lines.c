/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/config_lines.h"
#include "config_fixture.h"

static char line[CONFIG_LINE_SIZE];
static size_t size;

static void assert_line(struct config_lines *lines, const char *expected, uint32_t number)
{
    assert_int_equal(config_lines_next(lines, line, &size), CONFIG_LINE_OK);
    assert_string_equal(line, expected);
    assert_int_equal(size, strlen(expected));
    assert_int_equal(lines->number, number);
}

static void assert_kind(struct config_lines *lines, enum config_line kind)
{
    assert_int_equal(config_lines_next(lines, line, &size), kind);
}

static void open_bytes(struct config_lines *lines, struct memory_file *file, const char *bytes,
                       size_t bytes_size)
{
    memset(file, 0, sizeof(*file));
    file->bytes = bytes;
    file->size = bytes_size;
    config_lines_init(lines, memory_read, file);
}

static void next__every_line_end_and_read_size__gives_the_same_lines(void **state)
{
    static const char text[] = "\xEF\xBB\xBF"
                               "one\r\n\ntwo \r\n\xEA\xB0\x80\nlast";

    (void)state;
    for (size_t chunk = 0; chunk < 8; chunk++) {
        struct memory_file file;
        struct config_lines lines;

        open_bytes(&lines, &file, text, sizeof(text) - 1);
        file.chunk = chunk;
        assert_line(&lines, "one", 1);
        assert_line(&lines, "", 2);
        assert_line(&lines, "two ", 3);
        assert_line(&lines, "\xEA\xB0\x80", 4);
        assert_line(&lines, "last", 5);
        assert_kind(&lines, CONFIG_LINE_END);
        assert_kind(&lines, CONFIG_LINE_END);
    }
}

static void next__empty_or_mark_alone__ends_at_once(void **state)
{
    static const char *const texts[] = {"", "\xEF\xBB\xBF"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct memory_file file;
        struct config_lines lines;

        open_bytes(&lines, &file, texts[i], strlen(texts[i]));
        assert_kind(&lines, CONFIG_LINE_END);
    }
}

static void next__utf16_of_either_order__is_told_once(void **state)
{
    static const char little[] = "\xFF\xFE[\0u\0";
    static const char big[] = "\xFE\xFF\0[\0u";

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct memory_file file;
        struct config_lines lines;

        open_bytes(&lines, &file, i == 0 ? little : big, 6);
        file.chunk = 1;
        assert_kind(&lines, CONFIG_LINE_UTF16);
        assert_kind(&lines, CONFIG_LINE_END);
    }
}

static void next__bad_lines__leave_the_others_alone(void **state)
{
    static const char text[] = "a\0b\nok\nbad \xE9\nesc \x1B\nmac\rline\ndel\x7F\n\rx\nend\r\n";
    struct memory_file file;
    struct config_lines lines;

    (void)state;
    open_bytes(&lines, &file, text, sizeof(text) - 1);
    assert_kind(&lines, CONFIG_LINE_NUL);
    assert_line(&lines, "ok", 2);
    assert_kind(&lines, CONFIG_LINE_NOT_UTF8);
    assert_kind(&lines, CONFIG_LINE_CONTROL);
    assert_kind(&lines, CONFIG_LINE_CONTROL);
    assert_kind(&lines, CONFIG_LINE_CONTROL);
    assert_kind(&lines, CONFIG_LINE_CONTROL);
    assert_line(&lines, "end", 8);
    assert_kind(&lines, CONFIG_LINE_END);
}

/* inih's own limit, to the byte, with both line ends and at the end of the file. */
static void next__198_bytes__pass_and_199_do_not(void **state)
{
    static const char *const ends[] = {"\n", "\r\n", ""};
    char text[512];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t length = CONFIG_LINE_MAX; length <= CONFIG_LINE_MAX + 3; length++) {
            struct memory_file file;
            struct config_lines lines;

            memset(text, 'x', length);
            (void)snprintf(text + length, sizeof(text) - length, "%s%s", ends[i],
                           *ends[i] == '\0' ? "" : "after");
            open_bytes(&lines, &file, text, strlen(text));
            if (length == CONFIG_LINE_MAX) {
                assert_kind(&lines, CONFIG_LINE_OK);
                assert_int_equal(size, CONFIG_LINE_MAX);
            } else {
                assert_kind(&lines, CONFIG_LINE_TOO_LONG);
            }
            if (*ends[i] != '\0') {
                assert_line(&lines, "after", 2);
            }
            assert_kind(&lines, CONFIG_LINE_END);
        }
    }
}

static void next__a_megabyte_in_one_line__is_one_bad_line(void **state)
{
    static char block[1024];
    struct memory_file file;
    struct config_lines lines;

    (void)state;
    memset(block, 'x', sizeof(block));
    open_bytes(&lines, &file, block, sizeof(block));
    file.repeats = 1023;
    assert_kind(&lines, CONFIG_LINE_TOO_LONG);
    assert_int_equal(lines.number, 1);
    assert_int_equal(lines.total_bytes, 1024 * 1024);
    assert_kind(&lines, CONFIG_LINE_END);
}

static void next__a_file_without_end__is_given_up(void **state)
{
    static const char *const blocks[] = {"zzzz", "z\n"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct memory_file file;
        struct config_lines lines;
        enum config_line kind;

        open_bytes(&lines, &file, blocks[i], strlen(blocks[i]));
        file.repeats = SIZE_MAX;
        do {
            kind = config_lines_next(&lines, line, &size);
        } while (kind == CONFIG_LINE_OK);
        assert_int_equal(kind, CONFIG_LINE_FILE_TOO_LONG);
        assert_kind(&lines, CONFIG_LINE_END);
        assert_true(lines.total_bytes <= CONFIG_FILE_BYTES_MAX + sizeof(lines.buffer));
    }
}

static void next__a_read_that_fails__comes_after_the_lines_before_it(void **state)
{
    struct memory_file file;
    struct config_lines lines;

    (void)state;
    open_bytes(&lines, &file, "one\ntwo", 7);
    file.failure = RESULT_OS;
    assert_line(&lines, "one", 1);
    assert_line(&lines, "two", 2);
    assert_kind(&lines, CONFIG_LINE_READ_FAILED);
    assert_kind(&lines, CONFIG_LINE_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next__every_line_end_and_read_size__gives_the_same_lines),
        cmocka_unit_test(next__empty_or_mark_alone__ends_at_once),
        cmocka_unit_test(next__utf16_of_either_order__is_told_once),
        cmocka_unit_test(next__bad_lines__leave_the_others_alone),
        cmocka_unit_test(next__198_bytes__pass_and_199_do_not),
        cmocka_unit_test(next__a_megabyte_in_one_line__is_one_bad_line),
        cmocka_unit_test(next__a_file_without_end__is_given_up),
        cmocka_unit_test(next__a_read_that_fails__comes_after_the_lines_before_it),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
