/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log/log.h"
#include "daemon/log/log_notable.h"
#include "daemon/os/os.h"

#define MESSAGES_PATH   GSRELAY_SOURCE_DIR "/daemon/log/gsrelay_events.mc"
#define OPERATIONS_PATH GSRELAY_SOURCE_DIR "/docs/OPERATIONS.md"

static char file_text[262144];

static size_t read_file(const char *path)
{
    FILE *file = os_file_open_read(path);
    size_t size = 0;
    if (file != NULL) {
        size = fread(file_text, 1, sizeof(file_text) - 1, file);
        (void)fclose(file);
    }
    file_text[size] = '\0';
    return size;
}

/* The message file for windmc, made from the list. */
static size_t print_messages(char *out, size_t size)
{
    size_t used = (size_t)snprintf(
        out, size,
        "; SPDX-License-Identifier: MIT\n"
        "; The message table of gsrelayd.exe, made from daemon/log/log_notable.h; the test\n"
        "; test_log_notable says when it is not what that list gives, and leaves the right one.\n"
        "; No severity and no facility: the number is the id that the Event Viewer shows.\n"
        "MessageIdTypedef=DWORD\n"
        "SeverityNames=(Plain=0x0:GSRELAY_SEVERITY_PLAIN)\n"
        "FacilityNames=(Relay=0x0:GSRELAY_FACILITY_RELAY)\n"
        "LanguageNames=(English=0x409:MSG00409)\n");
    for (size_t i = 0; i < log_notable_count(); i++) {
        const struct log_notable *row = log_notable_at(i);
        used += (size_t)snprintf(out + used, size - used,
                                 "\nMessageId=%u Severity=Plain Facility=Relay "
                                 "SymbolicName=GSRELAY_EVENT_%u\nLanguage=English\n%s\n.\n",
                                 (unsigned)row->id, (unsigned)row->id, row->text);
    }
    return used;
}

static void messages__are__the_file_that_is_compiled(void **state)
{
    (void)state;
    static char expected[65536];
    const size_t size = print_messages(expected, sizeof(expected));
    assert_true(size < sizeof(expected));
    (void)read_file(MESSAGES_PATH);
    if (strcmp(file_text, expected) != 0) {
        FILE *file = fopen("gsrelay_events.mc", "wb");
        assert_non_null(file);
        (void)fwrite(expected, 1, size, file);
        (void)fclose(file);
        fail_msg("%s is not what the list gives; copy " GSRELAY_BINARY_DIR
                 "/tests/gsrelay_events.mc over it",
                 MESSAGES_PATH);
    }
}

/* The rows of the page's table of ids begin with "| 100 | `event`"; each id of the list has one,
 * and there are no others. */
static void ids__are__those_on_the_page(void **state)
{
    (void)state;
    unsigned rows = 0;
    assert_true(read_file(OPERATIONS_PATH) > 0);
    for (size_t i = 0; i < log_notable_count(); i++) {
        const struct log_notable *row = log_notable_at(i);
        char begin[64];
        (void)snprintf(begin, sizeof(begin), "\n| %u | `%s`", (unsigned)row->id,
                       log_event_name(row->event));
        if (strstr(file_text, begin) == NULL) {
            fail_msg("docs/OPERATIONS.md has no row%s", begin);
        }
    }
    for (const char *at = strstr(file_text, "\n| "); at != NULL; at = strstr(at + 1, "\n| ")) {
        unsigned id;
        char tick;
        rows += sscanf(at, "\n| %u | %c", &id, &tick) == 2 && tick == '`' && id >= 100;
    }
    assert_int_equal(rows, log_notable_count());
}

static void rows__each__names_its_fields_and_no_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < log_notable_count(); i++) {
        const struct log_notable *row = log_notable_at(i);
        unsigned keys = 0;
        assert_true(i == 0 || row->id > log_notable_at(i - 1)->id);
        assert_true(row->id >= 100 && row->id < 400);
        while (row->keys[keys] != NULL) {
            keys++;
        }
        assert_true(keys <= LOG_NOTABLE_KEYS_MAX);
        for (unsigned k = 1; k <= 9; k++) {
            char field[3] = {'%', (char)('0' + k), '\0'};
            assert_int_equal(strstr(row->text, field) != NULL, k <= keys);
        }
        for (const char *at = row->text; *at != '\0'; at++) {
            assert_true(*at >= ' ' && *at <= '~');
            assert_true(*at != '%' || isdigit((unsigned char)at[1]));
        }
    }
}

static size_t find(const char *line)
{
    return log_notable_find(line, strlen(line));
}

static void line__notable__is_found_by_event_and_exit_code(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned id;
    } cases[] = {
        {"ts=1 level=info evt=ready udp=a\n", 100},
        {"ts=1 level=error evt=failed error=x exit_code=3\n", 201},
        {"ts=1 level=error evt=failed error=x exit_code=4\n", 202},
        {"ts=1 level=error evt=failed error=x exit_code=2\n", 203},
        {"ts=1 level=error evt=failed error=x exit_code=1\n", 204},
        {"ts=1 level=error evt=failed error=x\n", 204},
        {"ts=1 level=warn evt=limit_hit suppressed=3 reason=x\n", 300},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const size_t row = find(cases[i].line);
        assert_true(row < log_notable_count());
        assert_int_equal(log_notable_at(row)->id, cases[i].id);
    }
}

static void line__not_notable__is_not_found(void **state)
{
    (void)state;
    assert_int_equal(find("ts=1 level=info evt=room_opened n=1\n"), log_notable_count());
    assert_int_equal(find("ts=1 level=info evt=counters scope=worker\n"), log_notable_count());
    assert_int_equal(find("ts=1 level=info text=\" evt=ready\"\n"), log_notable_count());
    assert_int_equal(find("\n"), log_notable_count());
    assert_int_equal(find(""), log_notable_count());
}

static void assert_value(const char *line, unsigned index, const char *expected)
{
    char value[LOG_LINE_SIZE];
    const size_t row = find(line);
    assert_true(row < log_notable_count());
    log_notable_value(log_notable_at(row), index, line, strlen(line), value);
    assert_string_equal(value, expected);
}

static void value__of_a_field__is_as_it_was(void **state)
{
    (void)state;
    struct log_line line;
    log_line_begin(&line, 0, "error", "config_error");
    log_text(&line, "file", "C:\\설정\\relay.ini");
    log_u64(&line, "line", 12);
    log_text(&line, "text", "[udp] prot: no such key; did you mean \"port\"? %1 %n 100%");
    log_line_end(&line);
    line.text[line.size] = '\0';
    assert_value(line.text, 0, "C:\\설정\\relay.ini");
    assert_value(line.text, 1, "12");
    assert_value(line.text, 2, "[udp] prot: no such key; did you mean \"port\"? % 1 %n 100%");
    assert_value("level=error evt=config_error line=3\n", 0, "");
}

static void value__full_of_percent_signs__is_cut_and_not_beyond(void **state)
{
    (void)state;
    static struct log_line line;
    static char text[3800];
    char value[LOG_LINE_SIZE];
    for (size_t i = 0; i + 1 < sizeof(text); i++) {
        text[i] = i % 2 == 0 ? '%' : '1';
    }
    log_line_begin(&line, 0, "error", "log_stuck");
    log_text(&line, "error", text);
    log_line_end(&line);
    log_notable_value(log_notable_at(log_notable_find(line.text, line.size)), 0, line.text,
                      line.size, value);
    assert_true(strlen(value) < LOG_LINE_SIZE);
    assert_memory_equal(value, "% 1% 1", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages__are__the_file_that_is_compiled),
        cmocka_unit_test(ids__are__those_on_the_page),
        cmocka_unit_test(rows__each__names_its_fields_and_no_others),
        cmocka_unit_test(line__notable__is_found_by_event_and_exit_code),
        cmocka_unit_test(line__not_notable__is_not_found),
        cmocka_unit_test(value__of_a_field__is_as_it_was),
        cmocka_unit_test(value__full_of_percent_signs__is_cut_and_not_beyond),
    };
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
