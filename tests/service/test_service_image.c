/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/service/service_image.h"

#include <stdio.h>
#include <string.h>

static char text[SERVICE_IMAGE_SIZE];
static struct service_image image;

static void image__is_printed__quoted_and_reads_back(void **state)
{
    const struct service_image written = {.program = "C:\\Program Files\\한국\\gsrelayd.exe",
                                          .name = "my relay",
                                          .config = "C:\\ProgramData\\gsrelay\\relay.ini"};

    (void)state;
    assert_int_equal(service_image_print(&written, text), RESULT_OK);
    assert_string_equal(text, "\"C:\\Program Files\\한국\\gsrelayd.exe\" service run --name "
                              "\"my relay\" --config \"C:\\ProgramData\\gsrelay\\relay.ini\"");
    assert_int_equal(service_image_read(text, &image), RESULT_OK);
    assert_string_equal(image.program, written.program);
    assert_string_equal(image.name, written.name);
    assert_string_equal(image.config, written.config);
}

static void image__a_name_without_spaces__has_no_quotes(void **state)
{
    const struct service_image written = {
        .program = "C:\\gsrelayd.exe", .name = "gsrelay$eu1", .config = "D:\\r.ini"};

    (void)state;
    assert_int_equal(service_image_print(&written, text), RESULT_OK);
    assert_string_equal(
        text, "\"C:\\gsrelayd.exe\" service run --name gsrelay$eu1 --config \"D:\\r.ini\"");
}

static void image__what_the_service_manager_would_expand__is_refused(void **state)
{
    struct service_image written = {.program = "C:\\100%\\gsrelayd.exe", .name = "a"};

    (void)state;
    assert_int_equal(service_image_print(&written, text), RESULT_INVALID);
    written = (struct service_image){.program = "C:\\gsrelayd.exe", .config = "C:\\\"x.ini"};
    assert_int_equal(service_image_print(&written, text), RESULT_INVALID);
}

static void image__of_other_programs__is_not_ours(void **state)
{
    static const char *const others[] = {
        "",
        "\"",
        "C:\\Windows\\System32\\svchost.exe -k netsvcs",
        "C:\\gsrelayd.exe",
        "C:\\gsrelayd.exe run",
        "C:\\gsrelayd.exe service",
        "C:\\gsrelayd.exe service stop",
        "\"C:\\gsrelayd.exe\"",
        "\"C:\\a\\other.exe\" service run --name gsrelay",
        "C:\\nssm.exe C:\\gsrelayd.exe service run",
        "C:\\gsrelayd.exe\\x service run",
        "gsrelayd service run",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (service_image_read(others[i], &image) != RESULT_INVALID) {
            fail_msg("taken for ours: %s", others[i]);
        }
    }
}

static void image__as_installers_write_it__is_ours(void **state)
{
    (void)state;
    assert_int_equal(service_image_read("C:\\Program Files\\gsrelay\\GSRELAYD.EXE service run "
                                        "--name gsrelay --config C:\\r.ini",
                                        &image),
                     RESULT_OK);
    assert_string_equal(image.program, "C:\\Program Files\\gsrelay\\GSRELAYD.EXE");
    assert_string_equal(image.config, "C:\\r.ini");
    assert_int_equal(service_image_read("\"C:\\gsrelayd-0.2.exe\"  service\trun ", &image),
                     RESULT_OK);
    assert_string_equal(image.name, "");
    assert_string_equal(image.config, "");
    assert_int_equal(service_image_read("C:\\gsrelayd.exe service run --config", &image),
                     RESULT_OK);
    assert_string_equal(image.config, "");
}

static void image__whose_words_are_too_long__is_read_as_far_as_it_goes(void **state)
{
    static char line[3 * OS_PATH_SIZE];
    const char begin[] = "\"C:\\gsrelayd.exe\" service run --name ";

    (void)state;
    memcpy(line, begin, sizeof(begin) - 1);
    memset(line + sizeof(begin) - 1, 'x', 2 * OS_PATH_SIZE);
    assert_int_equal(service_image_read(line, &image), RESULT_OK);
    memset(line, 'x', 2 * OS_PATH_SIZE);
    line[0] = '"';
    assert_int_equal(service_image_read(line, &image), RESULT_INVALID);
    line[0] = 'x';
    assert_int_equal(service_image_read(line, &image), RESULT_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image__is_printed__quoted_and_reads_back),
        cmocka_unit_test(image__a_name_without_spaces__has_no_quotes),
        cmocka_unit_test(image__what_the_service_manager_would_expand__is_refused),
        cmocka_unit_test(image__of_other_programs__is_not_ours),
        cmocka_unit_test(image__as_installers_write_it__is_ours),
        cmocka_unit_test(image__whose_words_are_too_long__is_read_as_far_as_it_goes),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
