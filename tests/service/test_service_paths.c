/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/service/service_paths.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct service_paths paths;
static char error[SERVICE_PATHS_ERROR_SIZE];

static void paths__the_usual_name__is_the_folder_itself(void **state)
{
    (void)state;
    assert_int_equal(service_paths_under("C:\\ProgramData\\gsrelay", "gsrelay", &paths), RESULT_OK);
    assert_string_equal(paths.data, "C:\\ProgramData\\gsrelay");
    assert_string_equal(paths.config, "C:\\ProgramData\\gsrelay\\relay.ini");
    assert_string_equal(paths.secrets, "C:\\ProgramData\\gsrelay\\secrets");
    assert_string_equal(paths.secret_file, "C:\\ProgramData\\gsrelay\\secrets\\secrets.ini");
    assert_string_equal(paths.logs, "C:\\ProgramData\\gsrelay\\logs");
    assert_string_equal(paths.log_file, "C:\\ProgramData\\gsrelay\\logs\\gsrelayd.log");
    assert_string_equal(paths.state, "C:\\ProgramData\\gsrelay\\state");
    assert_string_equal(paths.last_end, "C:\\ProgramData\\gsrelay\\state\\last-end");
}

/* Windows compares names of services without case. */
static void paths__the_usual_name_in_capitals__is_the_same_service(void **state)
{
    (void)state;
    assert_int_equal(service_paths_under("C:\\D", "GSRelay", &paths), RESULT_OK);
    assert_string_equal(paths.data, "C:\\D");
}

static void paths__another_name__has_a_folder_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(service_paths_under("C:\\D", "유럽 1", &paths), RESULT_OK);
    assert_string_equal(paths.data, "C:\\D\\유럽 1");
    assert_string_equal(paths.config, "C:\\D\\유럽 1\\relay.ini");
    assert_int_equal(service_paths_under("/etc/gsrelay", "eu", &paths), RESULT_OK);
    assert_string_equal(paths.log_file, "/etc/gsrelay/eu/logs/gsrelayd.log");
}

static void paths__that_do_not_fit__are_refused(void **state)
{
    static char base[OS_PATH_SIZE];

    (void)state;
    memset(base, 'x', OS_PATH_SIZE - 20);
    assert_int_equal(service_paths_under(base, "gsrelay", &paths), RESULT_FULL);
    memset(base, 'x', OS_PATH_SIZE - 1);
    assert_int_equal(service_paths_under(base, "gsrelay", &paths), RESULT_FULL);
    assert_int_equal(service_paths_under(base, "other", &paths), RESULT_FULL);
}

static void paths__of_this_machine__are_found(void **state)
{
    (void)state;
    assert_int_equal(service_paths_find("gsrelay", &paths), RESULT_OK);
    assert_non_null(strstr(paths.config, "gsrelay"));
}

static void name__that_everything_can_carry__is_taken(void **state)
{
    static const char *const names[] = {"gsrelay", "gsrelay$eu1", "my relay", "유럽", "a",
                                        "com",     "com10",       "console",  "a.b",  "secrets2"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(service_name_check(names[i], error), RESULT_OK);
    }
}

static void name__that_something_cannot_carry__is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *name;
        const char *reason;
    } names[] = {
        {"", "needs a name"},
        {"a\\b", "holds \\"},
        {"..", "space or a dot"},
        {"a/b", "holds /"},
        {"a\"b", "holds \""},
        {"%x%", "holds %"},
        {"a:b", "holds :"},
        {"a\nb", "control character"},
        {"a\x7F", "control character"},
        {" a", "space or a dot"},
        {"a.", "space or a dot"},
        {"NUL", "folder"},
        {"com1.txt", "folder"},
        {"Logs", "folder"},
        {"relay.ini", "folder"},
        {"a\xFF", "not UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        error[0] = '\0';
        assert_int_equal(service_name_check(names[i].name, error), RESULT_INVALID);
        assert_non_null(strstr(error, names[i].reason));
    }
}

static void name__at_the_limit_of_its_length__is_taken_and_one_more_byte_is_not(void **state)
{
    char name[SERVICE_NAME_SIZE + 1] = "";

    (void)state;
    memset(name, 'n', SERVICE_NAME_SIZE - 1);
    assert_int_equal(service_name_check(name, error), RESULT_OK);
    name[SERVICE_NAME_SIZE - 1] = 'n';
    assert_int_equal(service_name_check(name, error), RESULT_INVALID);
    assert_non_null(strstr(error, "at most 96"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths__the_usual_name__is_the_folder_itself),
        cmocka_unit_test(paths__the_usual_name_in_capitals__is_the_same_service),
        cmocka_unit_test(paths__another_name__has_a_folder_of_its_own),
        cmocka_unit_test(paths__that_do_not_fit__are_refused),
        cmocka_unit_test(paths__of_this_machine__are_found),
        cmocka_unit_test(name__that_everything_can_carry__is_taken),
        cmocka_unit_test(name__that_something_cannot_carry__is_refused_with_a_reason),
        cmocka_unit_test(name__at_the_limit_of_its_length__is_taken_and_one_more_byte_is_not),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
