/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config_fixture.h"

#define COMMENT_RULE                                                                               \
    "comments stand on lines of their own; a value with \" ;\" or \" #\" in it stands in double "  \
    "quotes"

static void file__mark_line_ends_comments_and_blanks__are_read(void **state)
{
    (void)state;
    assert_int_equal(load_text("\xEF\xBB\xBF# a comment\r\n  ; another, indented\r\n\r\n"
                               "[udp] ; a section\r\nport=1\r\nworkers \t=\t 2 \r\nttl: 3\r\n"
                               "[log]#\r\n   \r\nlevel = warn"),
                     0);
    assert_int_equal(fixture_config.values.udp.port, 1);
    assert_int_equal(fixture_config.values.udp.workers, 2);
    assert_int_equal(fixture_config.values.udp.ttl, 3);
    assert_int_equal(fixture_config.values.log.level, CONFIG_LOG_WARN);
}

static void file__utf16__says_how_to_save_it(void **state)
{
    (void)state;
    assert_int_equal(load_bytes("\xFF\xFE[\0u\0d\0p\0]\0\n\0p\0=\0", 18), RESULT_INVALID);
    assert_one_error("relay.ini:1: the file is in UTF-16; save it as UTF-8");
    assert_int_equal(load_bytes("\xFE\xFF\0[\0u", 6), RESULT_INVALID);
    assert_one_error("relay.ini:1: the file is in UTF-16; save it as UTF-8");
    /* Without a mark every line has NULs, which is worth saying once. */
    assert_int_equal(load_bytes("[\0u\0d\0p\0]\0\n\0p\0=\0001\0\n\0", 20), RESULT_INVALID);
    assert_one_error("relay.ini:1: the line holds a NUL byte; save the file as UTF-8");
}

static void file__bytes_that_are_not_utf8__are_told_once_with_the_line(void **state)
{
    (void)state;
    assert_int_equal(load_text("# fine\n# caf\xE9\n# r\xF4le\n[udp]\nport = 1\n"), RESULT_INVALID);
    assert_one_error("relay.ini:2: the line is not UTF-8; save the file as UTF-8");
}

static void file__nul_control_and_long_lines__are_told_and_the_rest_is_read(void **state)
{
    static char text[1024];
    static const char head[] = "[udp]\nport = 1\0;x\nttl = 5\x1B\n";

    (void)state;
    memcpy(text, head, sizeof(head) - 1);
    memset(text + sizeof(head) - 1, 'x', 300);
    memcpy(text + sizeof(head) - 1 + 300, "\nworkers = 0\n", 13);
    assert_int_equal(load_bytes(text, sizeof(head) - 1 + 313), RESULT_INVALID);
    assert_string_equal(
        fixture_messages.bytes,
        "relay.ini:2: the line holds a NUL byte; save the file as UTF-8\n"
        "relay.ini:3: the line holds a control character; lines end with LF or CRLF\n"
        "relay.ini:4: the line is longer than 198 bytes; a long value can be given with --set or "
        "in the environment\n"
        "relay.ini:5: [udp] workers: 0 is out of range; allowed: 1 to 64\n");
}

static void file__a_megabyte_in_one_line__is_one_error(void **state)
{
    static char text[1024 * 1024];

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, "[udp]\nport = 1", 14);
    assert_int_equal(load_bytes(text, sizeof(text)), RESULT_INVALID);
    assert_one_error("relay.ini:2: the line is longer than 198 bytes; a long value can be given "
                     "with --set or in the environment");
}

/* The longest line that there may be comes through inih whole: its last byte decides. */
static void file__198_bytes__reach_the_key_whole(void **state)
{
    static char text[256];
    static char path[256];
    int size;

    (void)state;
    memset(path, 'p', sizeof(path));
    path[198 - 14 - 1] = 'z';
    path[198 - 14] = '\0';
    size = snprintf(text, sizeof(text), "[auth]\nsecret_file = %s\r\nmode = open\n", path);
    assert_int_equal(size, 7 + 198 + 2 + 12);
    assert_int_equal(load_text(text), 0);
    assert_string_equal(fixture_config.values.auth.secret_file, path);
}

static void file__indented_lines__are_refused_not_merged(void **state)
{
    (void)state;
    assert_int_equal(load_text("[udp]\nport = 1\n  workers = 2\n\t[log]\n"), RESULT_INVALID);
    assert_string_equal(
        fixture_messages.bytes,
        "relay.ini:3: the line is indented; keys and sections begin at its start\n"
        "relay.ini:4: the line is indented; keys and sections begin at its start\n");
}

static void file__key_or_section_twice__names_both_lines(void **state)
{
    (void)state;
    assert_int_equal(load_text("[udp]\nport = 1\n[log]\n\n[udp]\nttl = 1\nport = 2\nport = 3\n"),
                     RESULT_INVALID);
    assert_string_equal(fixture_messages.bytes,
                        "relay.ini:5: [udp]: this section has already begun in line 1\n"
                        "relay.ini:7: [udp] port: already set in line 2\n"
                        "relay.ini:8: [udp] port: already set in line 2\n");
}

static void file__unknown_names__get_a_suggestion(void **state)
{
    (void)state;
    assert_int_equal(load_text("[udp]\nprot = 1\nzzz = 1\nmax_clients = 3\nPort = 3\n"
                               "[limit]\nmax_clients = 5\n[nonsense]\nx = 1\n[]\n"),
                     RESULT_INVALID);
    assert_string_equal(
        fixture_messages.bytes,
        "relay.ini:2: [udp] prot: there is no such key; did you mean \"port\"?\n"
        "relay.ini:3: [udp] zzz: there is no such key\n"
        "relay.ini:4: [udp] max_clients: there is no such key in [udp]; did you mean the one in "
        "[limits]?\n"
        "relay.ini:5: [udp] Port: there is no such key; did you mean \"port\"?\n"
        "relay.ini:6: [limit]: there is no such section; did you mean \"limits\"?\n"
        "relay.ini:8: [nonsense]: there is no such section\n"
        "relay.ini:10: []: there is no such section\n");
}

static void file__lines_that_are_neither__are_told(void **state)
{
    (void)state;
    assert_int_equal(load_text("port = 1\n[udp\n[udp] port = 1\n[udp]\nport\n= 5\nna ;me = 1\n"
                               "a b = 1\n"),
                     RESULT_INVALID);
    assert_string_equal(fixture_messages.bytes,
                        "relay.ini:1: port: a key stands below a [section]\n"
                        "relay.ini:2: the closing bracket of the section is missing\n"
                        "relay.ini:3: there is text after the section's closing bracket\n"
                        "relay.ini:5: write key = value, or [section]\n"
                        "relay.ini:6: \"\" cannot be the name of a key\n"
                        "relay.ini:7: \"na ;me\" cannot be the name of a key\n"
                        "relay.ini:8: \"a b\" cannot be the name of a key\n");
}

/* inih would cut the name to 49 bytes, and that could be a section that exists. */
static void file__a_long_section_name__is_refused(void **state)
{
    (void)state;
    assert_int_equal(
        load_text("[udpppppppppppppppppppppppppppppppppppppppppppppppppp]\nport = 1\n"),
        RESULT_INVALID);
    assert_one_error("relay.ini:1: the name of the section is longer than 49 bytes");
}

static void value__that_would_be_cut__is_refused(void **state)
{
    static const char *const values[] = {
        "a ;b", "7777 ; the port", ";", "; x", "a\t;b", "a #b", "# x", "#x"};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[64];

        (void)snprintf(text, sizeof(text), "[auth]\nsecret_file =%s\n", values[i]);
        assert_int_equal(load_text(text), RESULT_INVALID);
        assert_one_error("relay.ini:2: [auth] secret_file: " COMMENT_RULE);
    }
}

static void value__in_quotes__is_kept_whole(void **state)
{
    static const struct {
        const char *written;
        const char *expected;
    } values[] = {{"\"a ;b\"", "a ;b"},
                  {"\"a #b ; c;d\"", "a #b ; c;d"},
                  {"\";\"", ";"},
                  {"\" a \"", " a "},
                  {"\"\"", ""},
                  {"", ""},
                  {"a;b", "a;b"},
                  {"a#b", "a#b"},
                  {"\"a=b:c\"  ", "a=b:c"},
                  {"a=b:c", "a=b:c"},
                  {"C:\\x y\\z", "C:\\x y\\z"},
                  {"a'b", "a'b"},
                  {"\xEC\x84\x9C\xEB\xB2\x84.txt", "\xEC\x84\x9C\xEB\xB2\x84.txt"},
                  {"\xC3\xA0", "\xC3\xA0"}};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[64];

        (void)snprintf(text, sizeof(text), "[auth]\nsecret_file = %s\n", values[i].written);
        if (load_text(text) != 0) {
            fail_msg("%s: %s", values[i].written, fixture_messages.bytes);
        }
        assert_string_equal(fixture_config.values.auth.secret_file, values[i].expected);
        assert_int_equal(fixture_config.origins[0].kind, CONFIG_FROM_DEFAULT);
    }
}

static void value__quotes_that_do_not_match__are_refused(void **state)
{
    (void)state;
    assert_int_equal(load_text("[auth]\nsecret_file = \"abc\n"), RESULT_INVALID);
    assert_one_error("relay.ini:2: [auth] secret_file: the closing quote is missing");
    assert_int_equal(load_text("[auth]\nsecret_file = \"\n"), RESULT_INVALID);
    assert_one_error("relay.ini:2: [auth] secret_file: the closing quote is missing");
    assert_int_equal(load_text("[auth]\nsecret_file = \"a\" b\n"), RESULT_INVALID);
    assert_one_error("relay.ini:2: [auth] secret_file: there is text after the closing quote; "
                     "comments stand on lines of their own");
    assert_int_equal(load_text("[auth]\nsecret_file = \"a\" ; b\n"), RESULT_INVALID);
    assert_one_error("relay.ini:2: [auth] secret_file: there is text after the closing quote; "
                     "comments stand on lines of their own");
    assert_int_equal(load_text("[auth]\nsecret_file = a\"b\n"), RESULT_INVALID);
    assert_one_error("relay.ini:2: [auth] secret_file: a path cannot have a double quote in it");
}

static void file__that_cannot_be_read__is_one_error(void **state)
{
    struct memory_file file = {.bytes = "[udp]\nport = 5\n", .size = 15, .failure = RESULT_OS};
    const struct config_input input = {
        .path = "relay.ini", .read = memory_read, .read_context = &file};

    (void)state;
    assert_int_equal(config_load(&input, &fixture_config, &fixture_report), RESULT_INVALID);
    memset(&fixture_messages, 0, sizeof(fixture_messages));
    config_report_print(&fixture_report, memory_write, &fixture_messages);
    assert_one_error("relay.ini: the file cannot be read");
}

/* Errors in every line of a long file: a bounded list, and a count of what did not fit. */
static void report__more_mistakes_than_it_holds__are_counted(void **state)
{
    static char text[64 * 1024];
    size_t size = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "nothing\n");
    }
    assert_int_equal(load_text(text), RESULT_INVALID);
    assert_int_equal(fixture_report.error_count, 1000);
    assert_int_equal(fixture_report.message_count, CONFIG_MESSAGES_MAX);
    assert_message("relay.ini:64: write key = value, or [section]");
    assert_message("... and 936 more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file__mark_line_ends_comments_and_blanks__are_read),
        cmocka_unit_test(file__utf16__says_how_to_save_it),
        cmocka_unit_test(file__bytes_that_are_not_utf8__are_told_once_with_the_line),
        cmocka_unit_test(file__nul_control_and_long_lines__are_told_and_the_rest_is_read),
        cmocka_unit_test(file__a_megabyte_in_one_line__is_one_error),
        cmocka_unit_test(file__198_bytes__reach_the_key_whole),
        cmocka_unit_test(file__indented_lines__are_refused_not_merged),
        cmocka_unit_test(file__key_or_section_twice__names_both_lines),
        cmocka_unit_test(file__unknown_names__get_a_suggestion),
        cmocka_unit_test(file__lines_that_are_neither__are_told),
        cmocka_unit_test(file__a_long_section_name__is_refused),
        cmocka_unit_test(value__that_would_be_cut__is_refused),
        cmocka_unit_test(value__in_quotes__is_kept_whole),
        cmocka_unit_test(value__quotes_that_do_not_match__are_refused),
        cmocka_unit_test(file__that_cannot_be_read__is_one_error),
        cmocka_unit_test(report__more_mistakes_than_it_holds__are_counted),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
