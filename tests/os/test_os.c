/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/os/os.h"

/* 2020-01-01 and 2100-01-01: a wall clock outside is wrong by a unit or an epoch. */
#define WALL_MIN_MS 1577836800000u
#define WALL_MAX_MS 4102444800000u

static void clock__read_often__never_goes_back(void **state)
{
    (void)state;
    uint64_t last_ns = os_clock_ns();
    for (int i = 0; i < 10000; i++) {
        uint64_t now_ns = os_clock_ns();
        assert_true(now_ns >= last_ns);
        last_ns = now_ns;
    }
}

static void clock__after_sleep__has_advanced_by_at_least_that(void **state)
{
    (void)state;
    uint64_t begin_ns = os_clock_ns();
    os_sleep_ms(20);
    assert_true(os_clock_ns() - begin_ns >= 20u * 1000000u);
}

static void wall__read__is_unix_milliseconds(void **state)
{
    (void)state;
    uint64_t now_ms = os_wall_ms();
    assert_true(now_ms > WALL_MIN_MS && now_ms < WALL_MAX_MS);
}

static void cpu_time__after_work__does_not_go_back(void **state)
{
    (void)state;
    uint64_t begin_ns = os_cpu_time_ns();
    volatile uint64_t work = 0;
    for (uint64_t i = 0; i < 20000000u; i++) {
        work = work + i;
    }
    assert_true(os_cpu_time_ns() >= begin_ns);
    /* Windows may not have counted a step yet, but 20 million turns take longer than none. */
    assert_true(os_cpu_time_ns() < 3600u * UINT64_C(1000000000));
}

static void memory__asked__peak_is_at_least_what_is_used(void **state)
{
    (void)state;
    struct os_memory memory;
    assert_int_equal(os_memory_usage(&memory), 0);
    assert_true(memory.resident_bytes > 100u * 1024u);
    assert_true(memory.peak_bytes >= memory.resident_bytes);
}

static void file_limit__raised_and_lowered__never_sinks(void **state)
{
    (void)state;
    uint64_t raised = os_file_limit_raise(512);
    assert_true(raised >= 512);
    assert_true(os_file_limit_raise(16) >= 16);
    assert_true(os_file_limit_raise(512) >= 512);
}

static void random__filled_twice__differs_and_stays_inside(void **state)
{
    (void)state;
    /* More than one step of either system's call; the last byte is a guard. */
    static uint8_t first[70001];
    static uint8_t second[70001];
    first[70000] = 0xA5;
    os_random_fill(first, 70000);
    os_random_fill(second, 70000);
    assert_int_equal(first[70000], 0xA5);
    assert_memory_not_equal(first, second, 70000);
    assert_memory_not_equal(first + 69936, second + 69936, 64);
    os_random_fill(first, 0);
}

static void file_open__existing__reads_bytes_as_they_are(void **state)
{
    (void)state;
    char line[64];
    FILE *file = os_file_open_read(GSRELAY_SOURCE_DIR "/daemon/os/os.h");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    assert_string_equal(line, "/* SPDX-License-Identifier: MIT */\n");
    assert_int_equal(fclose(file), 0);
}

static void file_open__utf8_path__is_found(void **state)
{
    (void)state;
    char text[8];
    FILE *file = os_file_open_read(GSRELAY_SOURCE_DIR "/tests/os/설정.txt");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, 3, file), 3);
    assert_memory_equal(text, "ok\n", 3);
    assert_int_equal(fclose(file), 0);
}

static void file_open__missing__is_enoent(void **state)
{
    (void)state;
    errno = 0;
    assert_null(os_file_open_read(GSRELAY_SOURCE_DIR "/no such file"));
    assert_int_equal(errno, ENOENT);
}

static void file_open__folder__is_eisdir(void **state)
{
    (void)state;
    errno = 0;
    assert_null(os_file_open_read(GSRELAY_SOURCE_DIR));
    assert_int_equal(errno, EISDIR);
}

static void program_dir__asked__holds_the_test_folder(void **state)
{
    (void)state;
    char path[OS_PATH_SIZE];
    assert_int_equal(os_path_program_dir(path, sizeof(path)), 0);
    size_t length = strlen(path);
    assert_true(length > 5);
    assert_string_equal(path + length - 5, "tests");
    assert_int_equal(os_path_program_dir(path, 3), -1);
    assert_int_equal(os_path_program_dir(path, length), -1);
    assert_int_equal(os_path_program_dir(path, length + 1), 0);
}

static void config_dir__asked__ends_in_our_name(void **state)
{
    (void)state;
    char path[OS_PATH_SIZE];
    assert_int_equal(os_path_config_dir(path, sizeof(path)), 0);
    size_t length = strlen(path);
    assert_true(length > 8);
    assert_string_equal(path + length - 7, "gsrelay");
    assert_int_equal(os_path_config_dir(path, length), -1);
}

static void env__set_missing_and_too_long__are_told_apart(void **state)
{
    (void)state;
    char value[OS_PATH_SIZE];
    assert_int_equal(os_env_get("GSRELAY_TEST_NOT_SET", value, sizeof(value)), -1);
    /* Set for every test by CMake; a value of three syllables shows the encoding. */
    assert_int_equal(os_env_get("GSRELAY_TEST_TEXT", value, sizeof(value)), 9);
    assert_string_equal(value, "한국어");
    assert_int_equal(os_env_get("GSRELAY_TEST_TEXT", value, 9), -2);
    assert_string_equal(value, "");
    assert_int_equal(os_env_get("GSRELAY_TEST_TEXT", value, 10), 9);
    /* Room for the NUL alone: nothing behind it is written. */
    memset(value, 'x', sizeof(value));
    assert_int_equal(os_env_get("GSRELAY_TEST_TEXT", value, 1), -2);
    for (size_t i = 1; i < sizeof(value); i++) {
        assert_int_equal(value[i], 'x');
    }
}

static void error_text__known_and_unknown__is_one_line(void **state)
{
    (void)state;
    char text[OS_ERROR_TEXT_SIZE];
    /* 2 is "no such file" in both systems' numbering. */
    assert_true(strlen(os_error_text(2, text)) > 5);
    assert_null(strpbrk(text, "\r\n"));
    assert_ptr_equal(os_error_text(123456789, text), text);
    assert_non_null(strstr(text, "123456789"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock__read_often__never_goes_back),
        cmocka_unit_test(clock__after_sleep__has_advanced_by_at_least_that),
        cmocka_unit_test(wall__read__is_unix_milliseconds),
        cmocka_unit_test(cpu_time__after_work__does_not_go_back),
        cmocka_unit_test(memory__asked__peak_is_at_least_what_is_used),
        cmocka_unit_test(file_limit__raised_and_lowered__never_sinks),
        cmocka_unit_test(random__filled_twice__differs_and_stays_inside),
        cmocka_unit_test(file_open__existing__reads_bytes_as_they_are),
        cmocka_unit_test(file_open__utf8_path__is_found),
        cmocka_unit_test(file_open__missing__is_enoent),
        cmocka_unit_test(file_open__folder__is_eisdir),
        cmocka_unit_test(program_dir__asked__holds_the_test_folder),
        cmocka_unit_test(config_dir__asked__ends_in_our_name),
        cmocka_unit_test(env__set_missing_and_too_long__are_told_apart),
        cmocka_unit_test(error_text__known_and_unknown__is_one_line),
    };
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
