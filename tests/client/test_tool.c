/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "client/tools/tool.h"
#include "daemon/os/os.h"

/* --- The command line ------------------------------------------------------------------------ */

static struct tool_options options;

static int parse(const char *line)
{
    static char words[512];
    static char *argv[32]; /* What was parsed goes on pointing here. */
    int argc = 1;

    argv[0] = "gsrelay";
    snprintf(words, sizeof(words), "%s", line);
    for (char *word = words; *word != '\0' && argc < 31;) {
        char *end = strchr(word, ' ');

        argv[argc++] = word;
        if (end == NULL)
            break;
        *end = '\0';
        word = end + 1;
    }
    return options_parse(argc, argv, &options);
}

static void options__of_each_command__are_read(void **state)
{
    (void)state;
    assert_int_equal(parse("create"), 0);
    assert_int_equal(options.command, TOOL_CREATE);
    assert_string_equal(options.host, "127.0.0.1");
    assert_int_equal(options.port, 7777);
    assert_int_equal(parse("-s relay.example:9000 join ABC --stream 3 --retain --json -q"), 0);
    assert_int_equal(options.command, TOOL_JOIN);
    assert_string_equal(options.host, "relay.example");
    assert_int_equal(options.port, 9000);
    assert_string_equal(options.code, "ABC");
    assert_int_equal(options.stream, 3);
    assert_true(options.is_retained && options.is_json && options.is_quiet);
    assert_int_equal(parse("send ABC hello there"), 0);
    assert_int_equal(options.word_count, 2);
    assert_string_equal(options.words[0], "hello");
    assert_int_equal(parse("send ABC -- --json"), 0);
    assert_string_equal(options.words[0], "--json");
    assert_false(options.is_json);
    assert_int_equal(parse("ping K7QX9P"), 0);
    assert_string_equal(options.code, "K7QX9P");
    assert_int_equal(parse("ping --count=9"), 0);
    assert_int_equal(options.count, 9);
    assert_int_equal(
        parse("ticket --secret-file f --key-id k --client c --expires 10m --grant create"), 0);
    assert_int_equal(options.lifetime_s, 600);
    assert_string_equal(options.grants[0], "create");
    assert_int_equal(options.to_group, -1);
    assert_int_equal(parse("join ABC --groups 0,4,8-10,63 --to-group 63 --down-rate 20000"), 0);
    assert_true(options.groups == (UINT64_C(1) << 63 | 0x711));
    assert_int_equal(options.to_group, 63);
    assert_int_equal(options.down_rate_s, 20000);
    assert_int_equal(parse("create --election lowest_rtt"), 0);
    assert_int_equal(options.election, GSRELAY_ELECT_LOWEST_RTT);
    assert_int_equal(parse("create --election=heir"), 0);
    assert_int_equal(options.election, GSRELAY_ELECT_HEIR);
    assert_int_equal(parse("create"), 0);
    assert_int_equal(options.election, GSRELAY_ELECT_OLDEST);
    assert_int_equal(parse("create --blob save.bin --blob-out=got.bin"), 0);
    assert_string_equal(options.blob_file, "save.bin");
    assert_string_equal(options.blob_out_file, "got.bin");
    assert_int_equal(parse("--help"), 0);
    assert_int_equal(options.command, TOOL_HELP);
    assert_int_equal(parse("join -V"), 0);
    assert_int_equal(options.command, TOOL_VERSION);
}

static void options__of_load__are_read(void **state)
{
    (void)state;
    assert_int_equal(parse("load"), 0);
    assert_int_equal(options.command, TOOL_LOAD);
    assert_int_equal(options.load.rooms * options.load.members, 32);
    assert_int_equal(options.stream, 1);
    assert_true(options.load.tick_ms == LOAD_TICK_DEFAULT);
    assert_int_equal(parse("load --rooms 100 --members=16 --rate 60 --size 32 --duration 500ms "
                           "--ramp 2m --tick 0 --pid 17 --stream 0"),
                     0);
    assert_int_equal(options.load.rooms, 100);
    assert_int_equal(options.load.members, 16);
    assert_int_equal(options.load.rate_s, 60);
    assert_int_equal(options.load.size, 32);
    assert_int_equal(options.load.duration_ms, 500);
    assert_int_equal(options.load.ramp_ms, 120000);
    assert_int_equal(options.load.tick_ms, 0);
    assert_int_equal(options.load.pid, 17);
    assert_false(options.load.is_closed);
    assert_int_equal(options.stream, 0);
    assert_int_equal(parse("load --closed --secret-file f --grant create --grant join=* --key-id k "
                           "--expires 10m --down-rate 9000 --json -q"),
                     0);
    assert_true(options.load.is_closed);
    assert_int_equal(parse("send ABC hello"), 0);
    assert_int_equal(options.stream, 0);
}

static void server__in_every_form__is_read(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
    } cases[] = {
        {"relay.example", "relay.example", 7777},
        {"10.0.0.1:1", "10.0.0.1", 1},
        {"::1", "::1", 7777},
        {"[::1]", "::1", 7777},
        {"[::1]:65535", "::1", 65535},
    };
    char line[64];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(line, sizeof(line), "--server %s ping", cases[i].text);
        assert_int_equal(parse(line), 0);
        assert_string_equal(options.host, cases[i].host);
        assert_int_equal(options.port, cases[i].port);
    }
}

static void command_line__wrong__is_refused(void **state)
{
    static const char *const lines[] = {
        "",
        "fly",
        "join",
        "join A B",
        "create x",
        "send A",
        "--server",
        "--server a:0 ping",
        "--server a:65536 ping",
        "--server :1 ping",
        "--server [::1 ping",
        "--server a:x ping",
        "--stream 256 create",
        "--stream -1 create",
        "--stream x create",
        "--stream= create",
        "--blob f join ABC",
        "--retain create",
        "--retain=yes --stream 1 create",
        "--groups 64 join A",
        "--groups 5-4 join A",
        "--groups 1, join A",
        "--groups 1-2-3 join A",
        "--groups= join A",
        "--to-group 64 join A",
        "--to-group 1 --stream 1 --retain join A",
        "--down-rate 0 join A",
        "--down-rate 64KiB join A",
        "--election youngest create",
        "--election oldest join A",
        "--count 0 ping",
        "--jsn create",
        "-x create",
        "-qq create",
        "ticket",
        "load more",
        "load --rooms 0",
        "load --members 1",
        "load --members 257",
        "load --rate 0",
        "load --rate 1001",
        "load --size 19",
        "load --size 1401",
        "load --duration 10",
        "load --duration 0s",
        "load --ramp s",
        "load --tick -1",
        "load --pid 0",
        "load --rooms 50000 --members 3",
        "load --secret-file f --ticket-file g",
        "ticket --secret-file f --expires 10",
        "ticket --secret-file f --expires 0s",
        "ticket --secret-file f --expires s",
        "load --retain",
        "load --groups 1",
        "load --to-group 1",
        "load -c 3",
        "load --grant create",
        "load --key-id k",
        "load --expires 1h",
        "load --client c",
        "load --blob f",
        "load --blob-out f",
        "load --election heir",
        "load --rate 5 --closed",
        "send ABC hello --rate 5",
        "create --closed",
        "ping --duration 1s",
        "join A --rooms 1",
        "ticket --secret-file f --pid 1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_int_equal(parse(lines[i]), -1);
}

/* --- What is printed ------------------------------------------------------------------------- */

static void expect_text(const void *bytes, size_t size, bool is_json, const char *wanted)
{
    char text[1024];
    size_t length = text_escape(bytes, size, is_json, text);

    assert_string_equal(text, wanted);
    assert_int_equal(length, strlen(wanted));
}

static void text__printable__stays_as_it_is(void **state)
{
    static const char text[] = "hello, \"w\\rld\" 한국어 äöü 𝄞 ~";

    (void)state;
    expect_text(text, strlen(text), false, text);
    assert_true(text_is_utf8(text, strlen(text)));
    expect_text(text, strlen(text), true, "hello, \\\"w\\\\rld\\\" 한국어 äöü 𝄞 ~");
    expect_text("", 0, false, "");
}

static void text__that_drives_a_terminal__is_escaped(void **state)
{
    (void)state;
    expect_text("\x1b[2J\a\b\x7f", 7, false, "\\x1B[2J\\x07\\x08\\x7F");
    expect_text("a\nb\tc\rd", 7, false, "a\\nb\\tc\\rd");
    expect_text("\0x", 2, false, "\\x00x");
    /* C1 controls, right-to-left override, line separator, zero-width space, private use. */
    expect_text("\xC2\x9B", 2, false, "\\x9B");
    expect_text("\xE2\x80\xAE", 3, false, "\\u{202E}");
    expect_text("\xE2\x80\xA8", 3, false, "\\u{2028}");
    expect_text("\xE2\x80\x8B", 3, false, "\\u{200B}");
    expect_text("\xEE\x80\x80", 3, false, "\\u{E000}");
    expect_text("\xF3\xA0\x81\x81", 4, false, "\\u{E0041}");
    expect_text("\x1b", 1, true, "\\u001B");
    expect_text("\xF3\xA0\x81\x81", 4, true, "\\uDB40\\uDC41");
}

static void text__not_utf8__is_escaped_byte_by_byte(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *wanted;
    } cases[] = {
        {"\xFF\xFE", 2, "\\xFF\\xFE"},
        {"\xC0\xAF", 2, "\\xC0\\xAF"},                   /* Overlong. */
        {"\xE0\x80\xAF", 3, "\\xE0\\x80\\xAF"},          /* Overlong. */
        {"\xED\xA0\x80", 3, "\\xED\\xA0\\x80"},          /* A surrogate. */
        {"\xF4\x90\x80\x80", 4, "\\xF4\\x90\\x80\\x80"}, /* Beyond U+10FFFF. */
        {"\xE2\x82", 2, "\\xE2\\x82"},                   /* Cut. */
        {"\x80", 1, "\\x80"},
        {"a\xC3", 2, "a\\xC3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_false(text_is_utf8(cases[i].bytes, cases[i].size));
        expect_text(cases[i].bytes, cases[i].size, false, cases[i].wanted);
    }
}

static void text__the_longest_escapes__stay_in_their_bound(void **state)
{
    static uint8_t bytes[GSRELAY_EVENT_BYTES];
    static char text[8 * GSRELAY_EVENT_BYTES + 1];

    (void)state;
    for (int value = 0; value < 256; value++) {
        memset(bytes, value, sizeof(bytes));
        assert_true(text_escape(bytes, sizeof(bytes), true, text) <= 8 * sizeof(bytes));
        assert_true(text_escape(bytes, sizeof(bytes), false, text) <= 8 * sizeof(bytes));
    }
}

/* --- What hosts leave for hosts -------------------------------------------------------------- */

#define BLOB_FILE "test_tool_blob.tmp"

static void write_file(const char *text)
{
    FILE *file = os_file_open_write(BLOB_FILE);

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void blob__that_cannot_be_left__ends_with_its_exit_code(void **state)
{
    const struct tool_options leaves = {.blob_file = BLOB_FILE};
    struct gsrelay_options client_options;
    struct gsrelay_client *client = NULL;
    uint32_t request = 7;

    (void)state;
    gsrelay_options_init(&client_options);
    client_options.blob_bytes = GSRELAY_BLOB_MAX;
    assert_int_equal(gsrelay_create(&client_options, &client), GSRELAY_OK);
    write_file("");
    assert_int_equal(tool_blob_leave(&leaves, client, &request), TOOL_USAGE);
    write_file("saved");
    assert_int_equal(tool_blob_leave(&leaves, client, &request), TOOL_REFUSED); /* In no room. */
    assert_int_equal(request, 7);
    assert_int_equal(os_file_remove(BLOB_FILE), 0);
    assert_int_equal(tool_blob_leave(&leaves, client, &request), TOOL_USAGE);
    gsrelay_destroy(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options__of_each_command__are_read),
        cmocka_unit_test(options__of_load__are_read),
        cmocka_unit_test(server__in_every_form__is_read),
        cmocka_unit_test(command_line__wrong__is_refused),
        cmocka_unit_test(text__printable__stays_as_it_is),
        cmocka_unit_test(text__that_drives_a_terminal__is_escaped),
        cmocka_unit_test(text__not_utf8__is_escaped_byte_by_byte),
        cmocka_unit_test(text__the_longest_escapes__stay_in_their_bound),
        cmocka_unit_test(blob__that_cannot_be_left__ends_with_its_exit_code),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
