/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_report.h"
#include "daemon/logging.h"
#include "daemon/os/os.h"

#define FILE_NAME "logging_test.log"

static struct config config;
static struct config_report report;

static int set_up(void **state)
{
    (void)state;
    config_defaults(&config);
    config.path[0] = '\0';
    config_report_start(&report, "relay.ini");
    (void)os_file_remove(FILE_NAME);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)os_file_remove(FILE_NAME);
    return 0;
}

static const char *content(void)
{
    static char text[65536];
    FILE *file = os_file_open_read(FILE_NAME);
    size_t size = 0;
    if (file != NULL) {
        size = fread(text, 1, sizeof(text) - 1, file);
        (void)fclose(file);
    }
    text[size] = '\0';
    return text;
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;
    for (text = strstr(text, part); text != NULL; text = strstr(text + 1, part)) {
        count++;
    }
    return count;
}

static void write_ready(const struct config *settings, const struct logging_way *way)
{
    struct log *log = NULL;
    assert_int_equal(logging_open(settings, way, &log), 0);
    (void)log_begin(log, LOG_EVENT_MEMORY);
    log_end(log);
    log_destroy(log);
}

static void console__no_file__writes_to_standard_error(void **state)
{
    (void)state;
    write_ready(&config, &(struct logging_way){0});
    assert_string_equal(content(), "");
}

static void file__relative__begins_at_the_folder_of_relay_ini(void **state)
{
    (void)state;
    /* ctest runs this in the folder "tests", where the log is to land. */
    (void)snprintf(config.path, sizeof(config.path), "../tests/relay.ini");
    (void)snprintf(config.values.log.file, sizeof(config.values.log.file), FILE_NAME);
    write_ready(&config, &(struct logging_way){0});
    assert_int_equal(count_of(content(), "evt=memory"), 1);

    (void)snprintf(config.path, sizeof(config.path), "relay.ini");
    write_ready(&config, &(struct logging_way){0});
    assert_int_equal(count_of(content(), "evt=memory"), 2);
}

static void file__absolute__stays(void **state)
{
    (void)state;
    char folder[OS_PATH_SIZE];
    assert_int_equal(os_path_program_dir(folder, sizeof(folder)), 0);
    (void)snprintf(config.path, sizeof(config.path), "no/such/folder/relay.ini");
    (void)snprintf(config.values.log.file, sizeof(config.values.log.file), "%.900s/%s", folder,
                   FILE_NAME);
    write_ready(&config, &(struct logging_way){0});
    assert_int_equal(count_of(content(), "evt=memory"), 1);
}

static void default_file__used_only_when__none_is_named(void **state)
{
    (void)state;
    const struct logging_way way = {.service = "gsrelay test", .default_file = FILE_NAME};
    write_ready(&config, &way);
    assert_int_equal(count_of(content(), "evt=memory"), 1);
    /* With mistakes in relay.ini there is no configuration to say otherwise. */
    write_ready(NULL, &way);
    assert_int_equal(count_of(content(), "evt=memory"), 2);
    (void)snprintf(config.values.log.file, sizeof(config.values.log.file), "logging_test_2.log");
    write_ready(&config, &way);
    assert_int_equal(count_of(content(), "evt=memory"), 2);
    assert_int_equal(os_file_remove("logging_test_2.log"), 0);
}

static void file__path_too_long__goes_on_without(void **state)
{
    (void)state;
    memset(config.values.log.file, 'p', CONFIG_PATH_SIZE - 1);
    write_ready(&config, &(struct logging_way){0});
    (void)snprintf(config.path, sizeof(config.path), "folder/relay.ini");
    write_ready(&config, &(struct logging_way){0});
}

static void file__cannot_be_opened__goes_on_without(void **state)
{
    (void)state;
    (void)snprintf(config.values.log.file, sizeof(config.values.log.file), "no/such/folder/a.log");
    write_ready(&config, &(struct logging_way){0});
}

static void write_report(void)
{
    struct log *log = NULL;
    assert_int_equal(logging_open(NULL, &(struct logging_way){.default_file = FILE_NAME}, &log), 0);
    logging_report(log, &report);
    log_destroy(log);
}

static void report__a_mistake__has_file_line_and_text(void **state)
{
    (void)state;
    config_report_add(&report, CONFIG_ERROR,
                      (struct config_origin){.kind = CONFIG_FROM_FILE, .line = 12},
                      "[udp] prot: no such key");
    config_report_add(&report, CONFIG_WARNING,
                      (struct config_origin){.kind = CONFIG_FROM_ENVIRONMENT}, "GSRELAY_X is odd");
    config_report_add(&report, CONFIG_ERROR, (struct config_origin){.kind = CONFIG_FROM_SET},
                      "a=b: no such section");
    config_report_add(&report, CONFIG_ERROR, (struct config_origin){.kind = CONFIG_FROM_DEFAULT},
                      "c=d is missing");
    write_report();
    assert_int_equal(count_of(content(), "evt=config_error file=relay.ini line=0 "), 1);
    assert_int_equal(count_of(content(), "level=error evt=config_error file=relay.ini line=12 "
                                         "text=\"[udp] prot: no such key\"\n"),
                     1);
    assert_int_equal(count_of(content(), "level=warn evt=config_warning file=environment line=0 "
                                         "text=\"GSRELAY_X is odd\"\n"),
                     1);
    assert_int_equal(count_of(content(), "evt=config_error file=\"command line\" line=0 "), 1);
    assert_int_equal(count_of(content(), "\n"), 4);
}

static void report__more_than_the_bound__ends_with_how_many(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        config_report_add(&report, CONFIG_ERROR,
                          (struct config_origin){.kind = CONFIG_FROM_FILE, .line = i + 1},
                          "a mistake");
    }
    write_report();
    assert_int_equal(count_of(content(), "text=\"a mistake\""), LOGGING_REPORT_MAX);
    assert_int_equal(count_of(content(), "evt=config_error file=relay.ini line=0 "
                                         "text=\"... and 80 more; "),
                     1);
    assert_int_equal(count_of(content(), "\n"), LOGGING_REPORT_MAX + 1);
}

static void report__empty__says_nothing(void **state)
{
    (void)state;
    write_report();
    assert_string_equal(content(), "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(console__no_file__writes_to_standard_error),
        TEST(file__relative__begins_at_the_folder_of_relay_ini),
        TEST(file__absolute__stays),
        TEST(default_file__used_only_when__none_is_named),
        TEST(file__path_too_long__goes_on_without),
        TEST(file__cannot_be_opened__goes_on_without),
        TEST(report__a_mistake__has_file_line_and_text),
        TEST(report__more_than_the_bound__ends_with_how_many),
        TEST(report__empty__says_nothing),
    };
#undef TEST
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
