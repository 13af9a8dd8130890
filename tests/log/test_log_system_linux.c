/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log/log_system.h"

/* Standard error, as it was and as a file that stands for the journal's socket. */
static int kept_stderr = -1;
static FILE *journal;

static int set_up(void **state)
{
    (void)state;
    journal = tmpfile();
    kept_stderr = dup(STDERR_FILENO);
    return journal != NULL && kept_stderr >= 0 &&
                   dup2(fileno(journal), STDERR_FILENO) == STDERR_FILENO
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    (void)dup2(kept_stderr, STDERR_FILENO);
    (void)close(kept_stderr);
    (void)fclose(journal);
    (void)unsetenv("JOURNAL_STREAM");
    return 0;
}

static void name_journal(unsigned long long inode_offset)
{
    struct stat status;
    char stream[64];
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
                   (unsigned long long)status.st_ino + inode_offset);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
}

static const char *log_three_lines(void)
{
    static const char *const lines[] = {
        "ts=1 level=error evt=failed\n",
        "ts=1 level=warn evt=auth_failed\n",
        "ts=1 level=info evt=ready\n",
        "ts=1 level=debug evt=client_closed\n",
    };
    static char text[4096];
    struct log_sink sink;
    assert_int_equal(log_system_open("a name of no meaning", 4096, &sink), 0);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(sink.write(sink.context, lines[i], strlen(lines[i])), 0);
    }
    sink.close(sink.context);
    rewind(journal);
    text[fread(text, 1, sizeof(text) - 1, journal)] = '\0';
    return text;
}

static void standard_error__is_the_journal__lines_have_priorities(void **state)
{
    (void)state;
    name_journal(0);
    assert_string_equal(log_three_lines(), "<3>ts=1 level=error evt=failed\n"
                                           "<4>ts=1 level=warn evt=auth_failed\n"
                                           "<6>ts=1 level=info evt=ready\n"
                                           "<7>ts=1 level=debug evt=client_closed\n");
}

static const char plain[] = "ts=1 level=error evt=failed\n"
                            "ts=1 level=warn evt=auth_failed\n"
                            "ts=1 level=info evt=ready\n"
                            "ts=1 level=debug evt=client_closed\n";

static void standard_error__the_journal_is_another_stream__lines_are_plain(void **state)
{
    (void)state;
    name_journal(1);
    assert_string_equal(log_three_lines(), plain);
}

static void standard_error__no_journal__lines_are_plain(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
    assert_string_equal(log_three_lines(), plain);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(standard_error__is_the_journal__lines_have_priorities),
        TEST(standard_error__the_journal_is_another_stream__lines_are_plain),
        TEST(standard_error__no_journal__lines_are_plain),
    };
#undef TEST
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
