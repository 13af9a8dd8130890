/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "config_fixture.h"

/* Here only: a folder can be opened as a stream, and fails to be read, whoever asks. */
static void file__that_opens_but_cannot_be_read__is_one_error(void **state)
{
    FILE *file = fopen("/", "rb");
    const struct config_input input = {
        .path = "relay.ini", .read = config_read_file, .read_context = file};

    (void)state;
    assert_non_null(file);
    assert_int_equal(config_load(&input, &fixture_config, &fixture_report), RESULT_INVALID);
    fclose(file);
    assert_int_equal(fixture_report.error_count, 1);
    assert_int_equal(fixture_report.messages[0].origin.line, 0);
    assert_string_equal(fixture_report.messages[0].text, "the file cannot be read");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file__that_opens_but_cannot_be_read__is_one_error),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
