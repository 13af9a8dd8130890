/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "config/config_report.h"
#include "config_fixture.h"
#include "daemon/os/os.h"

/* Real files, opened as the daemon opens them. */

static void file__korean_name__is_read(void **state)
{
    static const char path[] = GSRELAY_SOURCE_DIR "/tests/config/릴레이 설정.ini";
    FILE *file = os_file_open_read(path);
    const struct config_input input = {
        .path = path, .read = config_read_file, .read_context = file};
    char line[sizeof(path) + 128];

    (void)state;
    assert_non_null(file);
    assert_int_equal(config_load(&input, &fixture_config, &fixture_report), RESULT_INVALID);
    fclose(file);
    /* Its second key is wrong on purpose: the message has to carry the name as well. */
    assert_string_equal(fixture_report.path, path);
    config_report_print(&fixture_report, memory_write, &fixture_messages);
    (void)snprintf(line, sizeof(line),
                   "%s:5: [log] level: \"laut\" is not allowed here; allowed: "
                   "error, warn, info or debug",
                   path);
    assert_one_error(line);
}

static void file__shipped__has_no_mistake(void **state)
{
    FILE *file = os_file_open_read(GSRELAY_SOURCE_DIR "/config/relay.ini");
    const struct config_input input = {
        .path = "relay.ini", .read = config_read_file, .read_context = file};

    (void)state;
    assert_non_null(file);
    assert_int_equal(config_load(&input, &fixture_config, &fixture_report), 0);
    fclose(file);
    assert_int_equal(fixture_report.message_count, 0);
}

/* What a daemon does with a named file that it cannot open. */
static void file__missing_or_a_folder__is_an_error_with_its_name(void **state)
{
    static const char *const paths[] = {GSRELAY_SOURCE_DIR "/tests/config/없음.ini",
                                        GSRELAY_SOURCE_DIR "/tests/config"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char expected[1024];

        assert_null(os_file_open_read(paths[i]));
        config_report_start(&fixture_report, paths[i]);
        config_report_add_file(&fixture_report, "cannot be opened");
        fixture_messages.size = 0;
        config_report_print(&fixture_report, memory_write, &fixture_messages);
        (void)snprintf(expected, sizeof(expected), "%s: cannot be opened", paths[i]);
        assert_one_error(expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file__korean_name__is_read),
        cmocka_unit_test(file__shipped__has_no_mistake),
        cmocka_unit_test(file__missing_or_a_folder__is_an_error_with_its_name),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
