/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/log/log_tee.h"

struct keeper {
    char text[16384];
    size_t size;
    unsigned lines;
    unsigned closes;
    unsigned reopens;
    int answer;
    const char *error;
};

static struct keeper all;
static struct keeper notable;
static struct log_sink tee;
static uint64_t now_ns;

static int keep_line(void *context, const char *line, size_t size)
{
    struct keeper *keeper = context;
    if (keeper->answer != 0) {
        return keeper->answer;
    }
    assert_true(keeper->size + size < sizeof(keeper->text));
    memcpy(keeper->text + keeper->size, line, size);
    keeper->size += size;
    keeper->text[keeper->size] = '\0';
    keeper->lines++;
    return 0;
}

static enum log_sink_state say_stuck(void *context, char error_out[LOG_ERROR_SIZE])
{
    const struct keeper *keeper = context;
    if (keeper->error != NULL) {
        (void)snprintf(error_out, LOG_ERROR_SIZE, "%s", keeper->error);
    }
    return keeper->error != NULL ? LOG_SINK_STUCK : LOG_SINK_DONE;
}

static void count_reopen(void *context)
{
    ((struct keeper *)context)->reopens++;
}

static void count_close(void *context)
{
    ((struct keeper *)context)->closes++;
}

static uint64_t fake_clock_ns(void)
{
    return now_ns;
}

static struct log_sink sink_of(struct keeper *keeper)
{
    memset(keeper, 0, sizeof(*keeper));
    return (struct log_sink){.write = keep_line,
                             .state = say_stuck,
                             .reopen = count_reopen,
                             .close = count_close,
                             .context = keeper};
}

static int set_up(void **state)
{
    (void)state;
    now_ns = LOG_TEE_INTERVAL_NS;
    return log_tee_open(sink_of(&all), sink_of(&notable), fake_clock_ns, &tee);
}

static int tear_down(void **state)
{
    (void)state;
    tee.close(tee.context);
    return all.closes == 1 && notable.closes == 1 ? 0 : -1;
}

static int write_text(const char *line)
{
    return tee.write(tee.context, line, strlen(line));
}

static void lines__all_to_the_first__notable_ones_to_the_second(void **state)
{
    (void)state;
    assert_int_equal(write_text("level=info evt=starting\n"), 0);
    assert_int_equal(write_text("level=info evt=socket\n"), 0);
    assert_int_equal(write_text("level=info evt=ready\n"), 0);
    assert_string_equal(all.text, "level=info evt=starting\n"
                                  "level=info evt=socket\nlevel=info evt=ready\n");
    assert_string_equal(notable.text, "level=info evt=starting\nlevel=info evt=ready\n");
}

static void what_comes_often__is__let_through_seldom(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(write_text("level=warn evt=limit_hit\n"), 0);
    }
    assert_int_equal(all.lines, 100);
    assert_int_equal(notable.lines, LOG_TEE_BURST);
    /* Each id has an allowance of its own. */
    assert_int_equal(write_text("level=error evt=log_stuck\n"), 0);
    assert_int_equal(notable.lines, LOG_TEE_BURST + 1);

    now_ns += LOG_TEE_INTERVAL_NS - 1;
    assert_int_equal(write_text("level=warn evt=limit_hit\n"), 0);
    assert_int_equal(notable.lines, LOG_TEE_BURST + 1);
    now_ns += 1;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(write_text("level=warn evt=limit_hit\n"), 0);
    }
    assert_int_equal(notable.lines, LOG_TEE_BURST + 2);

    now_ns += 1000 * LOG_TEE_INTERVAL_NS;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(write_text("level=warn evt=limit_hit\n"), 0);
    }
    assert_int_equal(notable.lines, 2 * LOG_TEE_BURST + 2);
}

static void what_comes_seldom__is__not_limited(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(write_text("level=error evt=config_error\n"), 0);
    }
    assert_int_equal(notable.lines, 100);
}

static void the_first__refuses__is_the_answer_and_the_second_has_it(void **state)
{
    (void)state;
    all.answer = RESULT_FULL;
    assert_int_equal(write_text("level=error evt=log_stuck\n"), RESULT_FULL);
    assert_int_equal(notable.lines, 1);
}

static void the_second__refuses_or_is_stuck__does_not_count(void **state)
{
    (void)state;
    char error[LOG_ERROR_SIZE];
    notable.answer = RESULT_FULL;
    notable.error = "no";
    assert_int_equal(write_text("level=info evt=ready\n"), 0);
    assert_int_equal(tee.state(tee.context, error), LOG_SINK_DONE);
    all.error = "yes";
    assert_int_equal(tee.state(tee.context, error), LOG_SINK_STUCK);
    assert_string_equal(error, "yes");
}

static void reopen__reaches__the_first(void **state)
{
    (void)state;
    tee.reopen(tee.context);
    assert_int_equal(all.reopens, 1);
    assert_int_equal(notable.reopens, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(lines__all_to_the_first__notable_ones_to_the_second),
        TEST(what_comes_often__is__let_through_seldom),
        TEST(what_comes_seldom__is__not_limited),
        TEST(the_first__refuses__is_the_answer_and_the_second_has_it),
        TEST(the_second__refuses_or_is_stuck__does_not_count),
        TEST(reopen__reaches__the_first),
    };
#undef TEST
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
