/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <windows.h>
#include <stdio.h>
#include <string.h>

#include "daemon/log/log.h"
#include "daemon/log/log_eventlog.h"
#include "daemon/log/log_notable.h"
#include "daemon/os/os.h"

/* What the system was given. */
static struct {
    int open_error;
    int report_error;
    unsigned opens;
    unsigned closes;
    unsigned reports;
    wchar_t name[64];
    uint16_t type;
    uint32_t id;
    uint16_t string_count;
    wchar_t strings[LOG_NOTABLE_KEYS_MAX][256];
} got;

static int fake_open(const wchar_t *source, void **out)
{
    if (got.open_error != 0) {
        return got.open_error;
    }
    (void)wcsncpy(got.name, source, 63);
    got.opens++;
    *out = &got;
    return 0;
}

static int fake_report(void *source, uint16_t type, uint32_t id, uint16_t string_count,
                       const wchar_t *const strings[])
{
    assert_ptr_equal(source, &got);
    if (got.report_error != 0) {
        return got.report_error;
    }
    got.reports++;
    got.type = type;
    got.id = id;
    got.string_count = string_count;
    for (unsigned i = 0; i < string_count; i++) {
        (void)wcsncpy(got.strings[i], strings[i], 255);
    }
    return 0;
}

static void fake_close(void *source)
{
    assert_ptr_equal(source, &got);
    got.closes++;
}

static const struct log_eventlog_system fake_system = {
    .open = fake_open, .report = fake_report, .close = fake_close};

static struct log_output output;
static char error_text[LOG_ERROR_SIZE];

static int set_up(void **state)
{
    (void)state;
    memset(&got, 0, sizeof(got));
    return log_eventlog_open("gsrelay 시험", &fake_system, &output);
}

static int tear_down(void **state)
{
    (void)state;
    output.close(output.context);
    return got.opens == got.closes ? 0 : -1;
}

static int write_text(const char *lines)
{
    error_text[0] = '\0';
    return output.write(output.context, lines, strlen(lines), error_text);
}

static void notable_line__reported__has_id_type_and_fields(void **state)
{
    (void)state;
    struct log_line line;
    log_line_begin(&line, 0, "error", "config_error");
    log_text(&line, "file", "C:\\설정\\relay.ini");
    log_u64(&line, "line", 12);
    log_text(&line, "text", "[udp] prot: no such key");
    log_line_end(&line);
    assert_int_equal(output.write(output.context, line.text, line.size, error_text),
                     (int)line.size);
    assert_int_equal(got.reports, 1);
    assert_int_equal(wcscmp(got.name, L"gsrelay 시험"), 0);
    assert_int_equal(got.id, 200);
    assert_int_equal(got.type, EVENTLOG_ERROR_TYPE);
    assert_int_equal(got.string_count, 3);
    assert_int_equal(wcscmp(got.strings[0], L"C:\\설정\\relay.ini"), 0);
    assert_int_equal(wcscmp(got.strings[1], L"12"), 0);
    assert_int_equal(wcscmp(got.strings[2], L"[udp] prot: no such key"), 0);
}

static void several_lines__only_notable_ones__are_reported(void **state)
{
    (void)state;
    static const char lines[] = "level=info evt=starting version=1 config=x\n"
                                "level=info evt=socket\n"
                                "level=warn evt=limit_hit reason=r\n";
    assert_int_equal(write_text(lines), (int)strlen(lines));
    assert_int_equal(got.reports, 2);
    assert_int_equal(got.opens, 1);
    assert_int_equal(got.id, 300);
    assert_int_equal(got.type, EVENTLOG_WARNING_TYPE);
    assert_int_equal(write_text("level=info evt=stopped\n"), 23);
    assert_int_equal(got.id, 101);
    assert_int_equal(got.type, EVENTLOG_INFORMATION_TYPE);
    assert_int_equal(got.string_count, 0);
}

static void lines__none_notable__do_not_open_the_source(void **state)
{
    (void)state;
    assert_int_equal(write_text("level=info evt=socket\n"), 22);
    assert_int_equal(got.opens, 0);
}

static void failing_system__is_an_error__and_opened_again(void **state)
{
    (void)state;
    static const char lines[] = "level=info evt=socket\nlevel=info evt=stopped\n";
    got.open_error = ERROR_ACCESS_DENIED;
    assert_int_equal(write_text("level=info evt=stopped\n"), -1);
    assert_true(error_text[0] != '\0');
    got.open_error = 0;
    got.report_error = RPC_S_SERVER_UNAVAILABLE;
    /* The line before was passed over and counts as taken. */
    assert_int_equal(write_text(lines), 22);
    assert_true(error_text[0] != '\0');
    assert_int_equal(got.closes, 1);
    got.report_error = 0;
    assert_int_equal(write_text("level=info evt=stopped\n"), 23);
    assert_string_equal(error_text, "");
    assert_int_equal(got.opens, 2);
}

static void name__too_long_or_no_text__is_refused(void **state)
{
    (void)state;
    char name[300];
    struct log_output none;
    memset(name, 'n', sizeof(name));
    name[257] = '\0';
    assert_int_equal(log_eventlog_open(name, &fake_system, &none), RESULT_INVALID);
    assert_int_equal(log_eventlog_open("\xff", &fake_system, &none), RESULT_INVALID);
}

/* Wine stores nothing, but takes the calls. */
static void system__the_real_one__takes_an_event(void **state)
{
    (void)state;
    const wchar_t *const strings[] = {L"a", L"b", L"c"};
    void *source = NULL;
    assert_int_equal(log_eventlog_system.open(L"gsrelay test", &source), 0);
    assert_int_equal(log_eventlog_system.report(source, EVENTLOG_INFORMATION_TYPE, 100, 3, strings),
                     0);
    log_eventlog_system.close(source);
}

/* What the Event Viewer does: the text of each id comes from the program's message table, with the
 * event's strings at their places. */
static void program__each_id__has_its_text_with_its_fields(void **state)
{
    (void)state;
    DWORD_PTR values[LOG_NOTABLE_KEYS_MAX] = {(DWORD_PTR)L"<first>", (DWORD_PTR)L"<second>",
                                              (DWORD_PTR)L"<third>"};
    HMODULE program = LoadLibraryExW(L"..\\bin\\gsrelayd.exe", NULL,
                                     LOAD_LIBRARY_AS_DATAFILE | LOAD_LIBRARY_AS_IMAGE_RESOURCE);
    assert_non_null(program);
    for (size_t i = 0; i < log_notable_count(); i++) {
        const struct log_notable *row = log_notable_at(i);
        wchar_t text[2048];
        wchar_t expected[2048];
        size_t used = 0;
        const DWORD length = FormatMessageW(
            FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_ARGUMENT_ARRAY, program, row->id,
            MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), text, 2048, (va_list *)values);
        if (length == 0) {
            fail_msg("id %u has no text: error %lu", (unsigned)row->id, GetLastError());
        }
        for (const char *at = row->text; *at != '\0'; at++) {
            if (*at != '%') {
                expected[used++] = (wchar_t)*at;
                continue;
            }
            at++;
            used += (size_t)swprintf(expected + used, 2048 - used, L"%ls",
                                     (const wchar_t *)values[*at - '1']);
        }
        (void)wcscpy(expected + used, L"\r\n");
        assert_int_equal(wcscmp(text, expected), 0);
    }
    (void)FreeLibrary(program);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(notable_line__reported__has_id_type_and_fields),
        TEST(several_lines__only_notable_ones__are_reported),
        TEST(lines__none_notable__do_not_open_the_source),
        TEST(failing_system__is_an_error__and_opened_again),
        TEST(name__too_long_or_no_text__is_refused),
        TEST(system__the_real_one__takes_an_event),
        cmocka_unit_test(program__each_id__has_its_text_with_its_fields),
    };
#undef TEST
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
