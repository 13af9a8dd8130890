/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log/log_file.h"
#include "daemon/os/os.h"
#include "tests/log/log_folder.h"

#define NS_PER_S UINT64_C(1000000000)

/* A number that no os_error_text() turns into success. */
#define SOME_ERROR 5

/* What is passed on to the system, and what fails instead. */
static struct {
    uint64_t now_ns;
    int open_error;
    int rename_error;
    size_t room; /* Bytes that can still be written; SIZE_MAX: any number. */
    bool cannot_cut;
    bool is_device;
    unsigned opens;
    unsigned renames;
} fault;

static int fault_open(const char *path, struct os_append *out)
{
    if (fault.open_error != 0) {
        return fault.open_error;
    }
    fault.opens++;
    const int error = os_append_open(path, out);
    if (fault.is_device) {
        out->is_regular = false;
    }
    return error;
}

static int fault_write(struct os_append *file, const char *bytes, size_t size, size_t *written_out)
{
    const size_t taken = size < fault.room ? size : fault.room;
    const int error = os_append_write(file, bytes, taken, written_out);
    if (fault.room != SIZE_MAX) {
        fault.room -= *written_out;
    }
    return error == 0 && taken < size ? SOME_ERROR : error;
}

static int fault_cut(struct os_append *file, uint64_t size)
{
    return fault.cannot_cut ? SOME_ERROR : os_append_cut(file, size);
}

static int fault_rename(const char *from, const char *to)
{
    fault.renames++;
    return fault.rename_error != 0 ? fault.rename_error : os_file_rename(from, to);
}

static uint64_t fault_clock_ns(void)
{
    return fault.now_ns;
}

static const struct log_file_system fault_system = {
    .open = fault_open,
    .write = fault_write,
    .cut = fault_cut,
    .is_at = os_append_is_at,
    .close = os_append_close,
    .rename = fault_rename,
    .clock_ns = fault_clock_ns,
};

/* A folder for each test; its name has letters of another alphabet, as a user's may. */
static char folder[OS_PATH_SIZE];
static char path[OS_PATH_SIZE];
static struct log_output output;
static char error_text[LOG_ERROR_SIZE];

static void open_output(uint64_t size_max, uint32_t count)
{
    const struct log_file_options options = {
        .path = path, .size_max = size_max, .count = count, .system = &fault_system};
    assert_int_equal(log_file_open(&options, &output), 0);
}

static int write_text(const char *lines)
{
    error_text[0] = '\0';
    return output.write(output.context, lines, strlen(lines), error_text);
}

/* All of a text that has more lines than one write takes. */
static void write_all(const char *lines)
{
    while (*lines != '\0') {
        const int taken = write_text(lines);
        assert_true(taken > 0);
        assert_string_equal(error_text, "");
        lines += taken;
    }
}

static const char *numbered(const char *name, unsigned number)
{
    static char out[OS_PATH_SIZE + 16];
    (void)snprintf(out, sizeof(out), number > 0 ? "%s.%u" : "%s", name, number);
    return out;
}

/* The content of a file, or NULL when there is none. */
static const char *content(unsigned number)
{
    static char text[65536];
    FILE *file = os_file_open_read(numbered(path, number));
    if (file == NULL) {
        return NULL;
    }
    const size_t size = fread(text, 1, sizeof(text) - 1, file);
    text[size] = '\0';
    (void)fclose(file);
    return text;
}

static void assert_content(unsigned number, const char *expected)
{
    const char *text = content(number);
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void remove_files(void)
{
    for (unsigned number = 0; number < 12; number++) {
        (void)os_file_remove(numbered(path, number));
    }
}

static int set_up(void **state)
{
    static unsigned serial;
    (void)state;
    memset(&fault, 0, sizeof(fault));
    fault.room = SIZE_MAX;
    fault.now_ns = 100 * NS_PER_S;
    (void)snprintf(folder, sizeof(folder), "log_file %u %llx 기록", serial++,
                   (unsigned long long)os_clock_ns());
    (void)snprintf(path, sizeof(path), "%.200s/gsrelayd.log", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    output.close(output.context);
    remove_files();
    (void)log_folder_remove(folder);
    return 0;
}

static void first_line__no_folder__makes_folder_and_file(void **state)
{
    (void)state;
    open_output(1000, 3);
    assert_null(content(0));
    write_all("one\n");
    write_all("two\nthree\n");
    assert_content(0, "one\ntwo\nthree\n");
}

static void file_that_is_there__opened__is_appended_to(void **state)
{
    (void)state;
    open_output(20, 3);
    write_all("before\n");
    output.close(output.context);
    open_output(20, 3);
    write_all("after\n");
    assert_content(0, "before\nafter\n");
    write_all("and on\n");
    assert_content(0, "before\nafter\nand on\n");
    write_all("full\n");
    assert_content(1, "before\nafter\nand on\n");
    assert_content(0, "full\n");
}

static void rotation__many_lines__each_is_whole_and_in_one_file(void **state)
{
    (void)state;
    static char all[65536];
    static char found[65536];
    size_t used = 0;
    uint32_t random = 12345;
    /* Lines of 8 to 71 bytes in writes of one to five of them. */
    open_output(1000, 10);
    for (unsigned i = 0; used < 9000;) {
        char piece[512];
        size_t size = 0;
        for (unsigned lines = i % 5 + 1; lines > 0; lines--, i++) {
            random = random * 1664525u + 1013904223u;
            size += (size_t)snprintf(piece + size, sizeof(piece) - size, "%06u %.*s\n", i,
                                     (int)(random >> 26),
                                     "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
                                     "YZ.,");
        }
        write_all(piece);
        memcpy(all + used, piece, size + 1);
        used += size;
    }
    size_t at = 0;
    for (unsigned number = 11; number-- > 0;) {
        const char *text = content(number);
        const size_t size = text != NULL ? strlen(text) : 0;
        assert_true(size <= 1000);
        assert_true(size == 0 || text[size - 1] == '\n');
        /* All but the newest have no room for the longest line. */
        assert_true(number == 0 || size == 0 || size > 1000 - 72);
        memcpy(found + at, text != NULL ? text : "", size);
        at += size;
    }
    assert_int_equal(at, used);
    assert_memory_equal(found, all, used);
}

static void rotation__beyond_the_count__overwrites_the_oldest(void **state)
{
    (void)state;
    open_output(4, 2);
    write_all("1st\n2nd\n3rd\n4th\n5th\n");
    assert_content(0, "5th\n");
    assert_content(1, "4th\n");
    assert_content(2, "3rd\n");
    assert_null(content(3));
}

static void line__longer_than_a_file__has_one_of_its_own(void **state)
{
    (void)state;
    open_output(8, 3);
    write_all("one\n0123456789\ntwo\n");
    assert_content(2, "one\n");
    assert_content(1, "0123456789\n");
    assert_content(0, "two\n");
}

static void rename__refused__goes_on_and_is_tried_again(void **state)
{
    (void)state;
    open_output(8, 3);
    write_all("1234567\n");
    fault.rename_error = SOME_ERROR;
    assert_int_equal(write_text("second\nthird\n"), 13);
    assert_non_null(strstr(error_text, "cannot be renamed"));
    assert_non_null(strstr(error_text, path));
    assert_content(0, "1234567\nsecond\nthird\n");
    const unsigned renames = fault.renames;
    fault.rename_error = 0;
    assert_int_equal(write_text("fourth\n"), 7);
    assert_true(error_text[0] != '\0');
    assert_int_equal(fault.renames, renames);
    fault.now_ns += LOG_FILE_ROTATE_AGAIN_NS;
    assert_int_equal(write_text("fifth\n"), 6);
    assert_string_equal(error_text, "");
    assert_content(1, "1234567\nsecond\nthird\nfourth\n");
    assert_content(0, "fifth\n");
}

/* The first file that cannot take the next number stops it, or it would be overwritten. */
static int refuse_second(const char *from, const char *to)
{
    if (strstr(to, ".log.2") != NULL) {
        return SOME_ERROR;
    }
    return os_file_rename(from, to);
}

static void rename__refused_for_an_older_file__overwrites_nothing(void **state)
{
    (void)state;
    static struct log_file_system system;
    system = fault_system;
    const struct log_file_options options = {
        .path = path, .size_max = 4, .count = 3, .system = &system};
    assert_int_equal(log_file_open(&options, &output), 0);
    write_all("1st\n2nd\n");
    system.rename = refuse_second;
    assert_int_equal(write_text("3rd\n"), 4);
    assert_content(1, "1st\n");
    assert_content(0, "2nd\n3rd\n");
}

/* On Windows a reader that does not allow it keeps the file from being renamed; on Linux none can.
 */
static void rename__while_somebody_reads__loses_nothing(void **state)
{
    (void)state;
    open_output(8, 3);
    write_all("1234567\n");
    FILE *reader = os_file_open_read(path);
    assert_non_null(reader);
    assert_int_equal(write_text("second\n"), 7);
    const bool is_refused = error_text[0] != '\0';
    (void)fclose(reader);
    fault.now_ns += LOG_FILE_ROTATE_AGAIN_NS;
    assert_int_equal(write_text("third\n"), 6);
    assert_string_equal(error_text, "");
    assert_content(0, "third\n");
    assert_content(1, is_refused ? "1234567\nsecond\n" : "second\n");
    assert_true(is_refused || content(2) != NULL);
}

static void renamed_by_others__reopened__begins_a_new_file(void **state)
{
    (void)state;
    open_output(1000, 3);
    write_all("one\n");
    assert_int_equal(os_file_rename(path, numbered(path, 9)), 0);
    write_all("two\n");
    assert_content(9, "one\ntwo\n");
    output.reopen(output.context);
    write_all("three\n");
    assert_content(9, "one\ntwo\n");
    assert_content(0, "three\n");
}

static void renamed_by_others__nobody_asks__is_noticed_after_a_second(void **state)
{
    (void)state;
    open_output(1000, 3);
    write_all("one\n");
    assert_int_equal(os_file_rename(path, numbered(path, 9)), 0);
    fault.now_ns += NS_PER_S - 1;
    write_all("two\n");
    fault.now_ns += 1;
    write_all("three\n");
    assert_content(9, "one\ntwo\n");
    assert_content(0, "three\n");
    assert_int_equal(fault.opens, 2);
    fault.now_ns += NS_PER_S;
    write_all("four\n");
    assert_int_equal(fault.opens, 2);
}

static void folder__vanishes__is_made_again(void **state)
{
    (void)state;
    open_output(1000, 3);
    write_all("one\n");
    output.reopen(output.context);
    assert_int_equal(os_file_remove(path), 0);
    assert_int_equal(log_folder_remove(folder), 0);
    write_all("two\n");
    assert_content(0, "two\n");
}

static void file__removed_while_open__is_made_again(void **state)
{
    (void)state;
    open_output(1000, 3);
    write_all("one\n");
    assert_int_equal(os_file_remove(path), 0);
    if (content(0) != NULL) {
        /* Wine takes a file away when the last that has it open closes it, and until then opens it
         * for others, which Windows does not. */
        skip();
    }
    fault.now_ns += NS_PER_S;
    write_all("two\n");
    assert_content(0, "two\n");
}

static void file__emptied_by_others__counts_from_there(void **state)
{
    (void)state;
    open_output(8, 3);
    write_all("1234567\n");
    struct os_append other;
    assert_int_equal(os_append_open(path, &other), 0);
    assert_int_equal(os_append_cut(&other, 0), 0);
    os_append_close(&other);
    fault.now_ns += NS_PER_S;
    write_all("two\n");
    assert_content(0, "two\n");
    assert_null(content(1));
}

static void full_disk__in_the_middle_of_a_line__keeps_whole_lines(void **state)
{
    (void)state;
    open_output(1000, 3);
    write_all("one\n");
    fault.room = 6;
    assert_int_equal(write_text("two\nthree\nfour\n"), 4);
    assert_non_null(strstr(error_text, "cannot be written"));
    assert_content(0, "one\ntwo\n");
    fault.room = 0;
    assert_int_equal(write_text("three\nfour\n"), -1);
    assert_non_null(strstr(error_text, path));
    fault.room = SIZE_MAX;
    write_all("three\nfour\n");
    assert_content(0, "one\ntwo\nthree\nfour\n");
}

static void full_disk__half_a_line_that_cannot_be_taken_back__stays(void **state)
{
    (void)state;
    open_output(1000, 3);
    fault.room = 2;
    fault.cannot_cut = true;
    assert_int_equal(write_text("one\n"), -1);
    fault.room = SIZE_MAX;
    write_all("one\n");
    assert_content(0, "onone\n");
}

static void folder__cannot_be_opened__is_an_error_until_it_can(void **state)
{
    (void)state;
    open_output(1000, 3);
    fault.open_error = SOME_ERROR;
    assert_int_equal(write_text("one\n"), -1);
    assert_non_null(strstr(error_text, "cannot be opened"));
    assert_int_equal(write_text("one\n"), -1);
    fault.open_error = 0;
    write_all("one\n");
    assert_content(0, "one\n");
}

static void device__is__never_renamed(void **state)
{
    (void)state;
    open_output(4, 3);
    fault.is_device = true;
    write_all("one\n");
    write_all("two\nthree\n");
    assert_int_equal(fault.renames, 0);
    assert_content(0, "one\ntwo\nthree\n");
}

static void path__too_long_or_empty__is_refused(void **state)
{
    (void)state;
    static char long_path[OS_PATH_SIZE + 1];
    struct log_file_options options = {.path = "", .size_max = 4, .count = 3};
    struct log_output none;
    assert_int_equal(log_file_open(&options, &none), RESULT_INVALID);
    memset(long_path, 'p', OS_PATH_SIZE - 12);
    options.path = long_path;
    assert_int_equal(log_file_open(&options, &none), 0);
    none.close(none.context);
    long_path[OS_PATH_SIZE - 12] = 'p';
    assert_int_equal(log_file_open(&options, &none), RESULT_INVALID);
    open_output(4, 3);
}

/* The whole: ring, thread and file, over a rotation and a reopening. */
static void stream__over_files__loses_nothing(void **state)
{
    (void)state;
    static char found[200000];
    struct log_sink sink;
    const struct log_file_options options = {.path = path, .size_max = 20000, .count = 10};
    struct log_output file;
    char line[64];
    assert_int_equal(log_file_open(&options, &file), 0);
    assert_int_equal(log_stream_open(&file, 4096, &sink), 0);
    for (int i = 0; i < 5000; i++) {
        const int size = snprintf(line, sizeof(line), "line %05d of the test\n", i);
        while (sink.write(sink.context, line, (size_t)size) != 0) {
            os_sleep_ms(1);
        }
        if (i % 1000 == 500) {
            sink.reopen(sink.context);
        }
    }
    sink.close(sink.context);
    size_t at = 0;
    for (unsigned number = 11; number-- > 0;) {
        const char *text = content(number);
        if (text != NULL) {
            memcpy(found + at, text, strlen(text));
            at += strlen(text);
        }
    }
    assert_int_equal(at, 5000 * 23);
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(line, sizeof(line), "line %05d of the test\n", i);
        assert_memory_equal(found + i * 23, line, 23);
    }
    open_output(4, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(first_line__no_folder__makes_folder_and_file),
        TEST(file_that_is_there__opened__is_appended_to),
        TEST(rotation__many_lines__each_is_whole_and_in_one_file),
        TEST(rotation__beyond_the_count__overwrites_the_oldest),
        TEST(line__longer_than_a_file__has_one_of_its_own),
        TEST(rename__refused__goes_on_and_is_tried_again),
        TEST(rename__refused_for_an_older_file__overwrites_nothing),
        TEST(rename__while_somebody_reads__loses_nothing),
        TEST(renamed_by_others__reopened__begins_a_new_file),
        TEST(renamed_by_others__nobody_asks__is_noticed_after_a_second),
        TEST(folder__vanishes__is_made_again),
        TEST(file__removed_while_open__is_made_again),
        TEST(file__emptied_by_others__counts_from_there),
        TEST(full_disk__in_the_middle_of_a_line__keeps_whole_lines),
        TEST(full_disk__half_a_line_that_cannot_be_taken_back__stays),
        TEST(folder__cannot_be_opened__is_an_error_until_it_can),
        TEST(device__is__never_renamed),
        TEST(path__too_long_or_empty__is_refused),
        TEST(stream__over_files__loses_nothing),
    };
#undef TEST
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
