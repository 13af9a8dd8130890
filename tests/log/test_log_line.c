/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log/log_line.h"

#define HEAD "ts=1970-01-01T00:00:00.000Z level=info evt=x"

/* The line as a C string without its line feed. */
static const char *end_line(struct log_line *line)
{
    static char text[LOG_LINE_SIZE + 1];
    log_line_end(line);
    assert_true(line->size > 0 && line->size <= LOG_LINE_SIZE);
    assert_int_equal(line->text[line->size - 1], '\n');
    memcpy(text, line->text, line->size - 1);
    text[line->size - 1] = '\0';
    return text;
}

static struct log_line *begin_line(void)
{
    static struct log_line line;
    log_line_begin(&line, 0, "info", "x");
    return &line;
}

static void timestamp__known_moments__are_right(void **state)
{
    (void)state;
    static const struct {
        uint64_t wall_ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {951827696789u, "2000-02-29T12:34:56.789Z"},
        {951868800000u, "2000-03-01T00:00:00.000Z"},
        {1767323045678u, "2026-01-02T03:04:05.678Z"},
        {4107542399999u, "2100-02-28T23:59:59.999Z"},
        {4107542400000u, "2100-03-01T00:00:00.000Z"},
        {253402300799999u, "9999-12-31T23:59:59.999Z"},
        {253402300800000u, "9999-12-31T23:59:59.999Z"},
        {UINT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[LOG_TIMESTAMP_SIZE];
        log_timestamp_print(cases[i].wall_ms, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void line__numbers__are_decimal(void **state)
{
    (void)state;
    struct log_line *line = begin_line();
    log_u64(line, "a", 0);
    log_u64(line, "b", UINT64_MAX);
    log_i64(line, "c", INT64_MIN);
    log_duration(line, "d", 1234567);
    log_duration(line, "e", 999);
    assert_string_equal(end_line(line), HEAD " a=0 b=18446744073709551615 c=-9223372036854775808"
                                             " d=1.234ms e=0.000ms");
}

static void text__plain__stands_without_quotes(void **state)
{
    (void)state;
    struct log_line *line = begin_line();
    log_text(line, "peer", "[::1]:7777");
    assert_string_equal(end_line(line), HEAD " peer=[::1]:7777");
}

static void text__special__is_quoted_and_escaped(void **state)
{
    (void)state;
    struct log_line *line = begin_line();
    log_text(line, "a", "");
    log_text(line, "b", "two words");
    log_text(line, "c", "k=v");
    log_text(line, "d", "say \"hi\\\"");
    log_text(line, "e", "tab\tlf\n");
    log_text(line, "f", "설");
    log_text(line, "g", "\x7f");
    assert_string_equal(end_line(line),
                        HEAD " a=\"\" b=\"two words\" c=\"k=v\" d=\"say \\\"hi\\\\\\\"\""
                             " e=\"tab\\x09lf\\x0a\" f=\"\\xec\\x84\\xa4\" g=\"\\x7f\"");
}

static void client__any_bytes__are_quoted(void **state)
{
    (void)state;
    struct log_line *line = begin_line();
    log_client(line, "name", "abc", 3);
    log_client(line, "none", "", 0);
    log_client(line, "nul", "a\0b", 3);
    log_client(line, "forged", "\" level=error\nts=", 17);
    assert_string_equal(end_line(line), HEAD " name=\"abc\" none=\"\" nul=\"a\\x00b\""
                                             " forged=\"\\\" level=error\\x0ats=\"");
}

static void client__long__is_cut_at_64_characters(void **state)
{
    (void)state;
    char bytes[100];
    char expected[LOG_LINE_SIZE];
    memset(bytes, 'a', sizeof(bytes));
    struct log_line *line = begin_line();
    log_client(line, "k", bytes, 64);
    (void)snprintf(expected, sizeof(expected), HEAD " k=\"%.64s\"", bytes);
    assert_string_equal(end_line(line), expected);

    line = begin_line();
    log_client(line, "k", bytes, 65);
    (void)snprintf(expected, sizeof(expected), HEAD " k=\"%.64s...\"", bytes);
    assert_string_equal(end_line(line), expected);
}

static void client__escape_at_the_limit__is_not_split(void **state)
{
    (void)state;
    char bytes[100];
    char expected[LOG_LINE_SIZE];
    memset(bytes, 'a', sizeof(bytes));
    bytes[61] = '\n';
    struct log_line *line = begin_line();
    log_client(line, "k", bytes, 62);
    (void)snprintf(expected, sizeof(expected), HEAD " k=\"%.61s...\"", bytes);
    assert_string_equal(end_line(line), expected);

    bytes[61] = 'a';
    bytes[60] = '\n';
    line = begin_line();
    log_client(line, "k", bytes, 62);
    (void)snprintf(expected, sizeof(expected), HEAD " k=\"%.60s\\x0a...\"", bytes);
    assert_string_equal(end_line(line), expected);
}

static void line__full__drops_whole_fields_and_says_so(void **state)
{
    (void)state;
    struct log_line *line = begin_line();
    for (int i = 0; i < 1000; i++) {
        log_text(line, "key", "0123456789");
    }
    log_u64(line, "n", 1);
    const char *text = end_line(line);
    size_t size = strlen(text);
    assert_true(size < LOG_LINE_SIZE);
    assert_true(size > LOG_LINE_SIZE - 32);
    assert_string_equal(text + size - 6, " cut=1");
    /* Between head and tail stand whole fields of 15 characters and at most the short one. */
    size_t middle = size - strlen(HEAD) - 6;
    assert_true(middle % 15 == 0 || middle % 15 == 4);
}

static void line__exactly_full__is_not_cut(void **state)
{
    (void)state;
    static char value[LOG_LINE_SIZE];
    /* " k=" before it, " cut=1\n" kept free behind. */
    size_t room = LOG_LINE_SIZE - 7 - strlen(HEAD) - 3;
    memset(value, 'v', room);
    struct log_line *line = begin_line();
    log_text(line, "k", value);
    const char *text = end_line(line);
    assert_int_equal(strlen(text), strlen(HEAD) + 3 + room);
    assert_null(strstr(text, "cut=1"));

    value[room] = 'v';
    line = begin_line();
    log_text(line, "k", value);
    assert_string_equal(end_line(line), HEAD " cut=1");
}

static void line__skipped__stays_empty(void **state)
{
    (void)state;
    struct log_line line;
    log_line_skip(&line);
    log_text(&line, "k", "v");
    log_u64(&line, "k", 1);
    log_client(&line, "k", "v", 1);
    log_line_end(&line);
    assert_int_equal(line.size, 0);
}

static void assert_get(const char *line, const char *key, const char *expected)
{
    char out[64];
    int size = log_line_get(line, strlen(line), key, out, sizeof(out));
    if (expected == NULL) {
        assert_int_equal(size, -1);
        return;
    }
    assert_int_equal(size, strlen(expected));
    assert_string_equal(out, expected);
}

static void get__any_value__is_what_was_put_in(void **state)
{
    (void)state;
    static const char *const values[] = {"plain", "",      "two words",    "a=b",  "\"",
                                         "\\",    "\\x41", "C:\\x\\dir\\", "\x01", "한국어",
                                         "n=2",   " ",     "\" evt=x",     "a\nb"};
    const size_t count = sizeof(values) / sizeof(values[0]);
    for (size_t i = 0; i < count; i++) {
        struct log_line *line = begin_line();
        for (size_t k = 0; k < count; k++) {
            char key[8];
            (void)snprintf(key, sizeof(key), "k%zu", k);
            log_text(line, key, values[(i + k) % count]);
        }
        log_u64(line, "n", 7);
        const char *text = end_line(line);
        for (size_t k = 0; k < count; k++) {
            char key[8];
            (void)snprintf(key, sizeof(key), "k%zu", k);
            assert_get(text, key, values[(i + k) % count]);
        }
        assert_get(text, "n", "7");
        assert_get(text, "evt", "x");
        assert_get(text, "k", NULL);
        assert_get(text, "t", NULL);
    }
}

static void get__a_value_that_does_not_fit__is_refused(void **state)
{
    (void)state;
    char out[4];
    struct log_line *line = begin_line();
    log_text(line, "a", "123");
    log_text(line, "b", "1234");
    const char *text = end_line(line);
    assert_int_equal(log_line_get(text, strlen(text), "a", out, sizeof(out)), 3);
    assert_int_equal(log_line_get(text, strlen(text), "b", out, sizeof(out)), -1);
    assert_int_equal(log_line_get(text, strlen(text), "a", out, 0), -1);
}

/* The Event Log is given lines of our own only, but a cut one must do no harm. */
static void get__every_beginning_of_a_line__stays_inside(void **state)
{
    (void)state;
    static const char line[] = "ts=1 level=info a=\"\\x41\\\"b\" b=\\x4 c=\"";
    for (size_t size = 0; size < sizeof(line); size++) {
        char *copy = malloc(size + 1);
        char out[64];
        assert_non_null(copy);
        memcpy(copy, line, size);
        (void)log_line_get(copy, size, "b", out, sizeof(out));
        (void)log_line_get(copy, size, "c", out, sizeof(out));
        (void)log_line_get(copy, size, "nothing", out, sizeof(out));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timestamp__known_moments__are_right),
        cmocka_unit_test(line__numbers__are_decimal),
        cmocka_unit_test(text__plain__stands_without_quotes),
        cmocka_unit_test(text__special__is_quoted_and_escaped),
        cmocka_unit_test(client__any_bytes__are_quoted),
        cmocka_unit_test(client__long__is_cut_at_64_characters),
        cmocka_unit_test(client__escape_at_the_limit__is_not_split),
        cmocka_unit_test(line__full__drops_whole_fields_and_says_so),
        cmocka_unit_test(line__exactly_full__is_not_cut),
        cmocka_unit_test(line__skipped__stays_empty),
        cmocka_unit_test(get__any_value__is_what_was_put_in),
        cmocka_unit_test(get__a_value_that_does_not_fit__is_refused),
        cmocka_unit_test(get__every_beginning_of_a_line__stays_inside),
    };
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
