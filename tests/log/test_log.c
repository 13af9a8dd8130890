/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/log/log.h"

#define NS_PER_S 1000000000u
#define HEAD     "ts=1970-01-01T00:00:00.000Z "

static uint64_t now_ns;

static uint64_t fake_clock_ns(void)
{
    return now_ns;
}

static uint64_t fake_wall_ms(void)
{
    return 0;
}

/* A sink that keeps what it got. */
static struct {
    char text[65536];
    size_t size;
    unsigned lines;
    unsigned closes;
    unsigned reopens;
    int answer;        /* What write returns. */
    const char *error; /* Not NULL: it is stuck. */
    bool is_busy;
} sink;

static int keep_line(void *context, const char *line, size_t size)
{
    assert_ptr_equal(context, &sink);
    if (sink.answer < 0) {
        return sink.answer;
    }
    assert_true(sink.size + size < sizeof(sink.text));
    memcpy(sink.text + sink.size, line, size);
    sink.size += size;
    sink.text[sink.size] = '\0';
    sink.lines++;
    return sink.answer;
}

static enum log_sink_state say_state(void *context, char error_out[LOG_ERROR_SIZE])
{
    assert_ptr_equal(context, &sink);
    if (sink.error == NULL) {
        return sink.is_busy ? LOG_SINK_BUSY : LOG_SINK_DONE;
    }
    (void)snprintf(error_out, LOG_ERROR_SIZE, "%s", sink.error);
    return LOG_SINK_STUCK;
}

static void count_close(void *context)
{
    assert_ptr_equal(context, &sink);
    sink.closes++;
}

static void count_reopen(void *context)
{
    assert_ptr_equal(context, &sink);
    sink.reopens++;
}

static struct log *create_log(enum log_level level, uint32_t lines_per_s)
{
    struct log *log = NULL;
    const struct log_options options = {.level = level,
                                        .lines_per_s = lines_per_s,
                                        .clock_ns = fake_clock_ns,
                                        .wall_ms = fake_wall_ms};
    memset(&sink, 0, sizeof(sink));
    now_ns = 5 * (uint64_t)NS_PER_S;
    const struct log_sink keeper = {
        .write = keep_line,
        .state = say_state,
        .close = count_close,
        .reopen = count_reopen,
        .context = &sink,
    };
    assert_int_equal(log_create(&options, keeper, &log), 0);
    return log;
}

static void write_event(struct log *log, enum log_event event)
{
    struct log_line *line = log_begin(log, event);
    log_u64(line, "n", 7);
    log_end(log);
}

static void write_events(struct log *log, enum log_event event, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        write_event(log, event);
    }
}

static void event__written__is_one_line(void **state)
{
    (void)state;
    struct log *log = create_log(LOG_INFO, 100);
    write_event(log, LOG_EVENT_ROOM_OPENED);
    write_event(log, LOG_EVENT_AUTH_FAILED);
    assert_string_equal(sink.text, "ts=1970-01-01T00:00:00.000Z level=info evt=room_opened n=7\n"
                                   "ts=1970-01-01T00:00:00.000Z level=warn evt=auth_failed n=7\n");
    assert_int_equal(log_counts_get(log).written, 2);
    log_destroy(log);
    assert_int_equal(sink.closes, 1);
    assert_int_equal(sink.lines, 2);
}

static void level__below__is_left_out_and_not_counted(void **state)
{
    (void)state;
    struct log *log = create_log(LOG_WARN, 100);
    assert_false(log_wants(log, LOG_EVENT_ROOM_OPENED));
    assert_true(log_wants(log, LOG_EVENT_AUTH_FAILED));
    write_event(log, LOG_EVENT_ROOM_OPENED);
    write_event(log, LOG_EVENT_FAILED);
    assert_int_equal(sink.lines, 1);
    assert_int_equal(log_counts_get(log).suppressed, 0);
    log_limits_set(log, LOG_DEBUG, 100);
    write_event(log, LOG_EVENT_CLIENT_CLOSED);
    assert_int_equal(sink.lines, 2);
    log_destroy(log);
}

static void peer_event__over_its_burst__is_suppressed_and_told(void **state)
{
    (void)state;
    struct log *log = create_log(LOG_INFO, 1000);
    write_events(log, LOG_EVENT_AUTH_FAILED, LOG_EVENT_BURST + 30);
    assert_int_equal(sink.lines, LOG_EVENT_BURST);
    assert_int_equal(log_counts_get(log).suppressed, 30);
    /* Another event is not touched by it. */
    write_event(log, LOG_EVENT_ROOM_OPENED);
    assert_int_equal(sink.lines, LOG_EVENT_BURST + 1);
    assert_null(strstr(sink.text, "suppressed"));

    now_ns += NS_PER_S;
    write_events(log, LOG_EVENT_AUTH_FAILED, 100);
    assert_int_equal(sink.lines, LOG_EVENT_BURST + 1 + LOG_EVENT_RATE_PER_S);
    assert_non_null(strstr(sink.text, "evt=auth_failed suppressed=30 n=7\n"));
    log_destroy(log);
    /* What the last line could not tell is told at the end. */
    assert_non_null(strstr(sink.text, "evt=log_suppressed name=auth_failed count=95\n"));
}

static void bucket__after_a_long_time__holds_no_more_than_its_burst(void **state)
{
    (void)state;
    struct log *log = create_log(LOG_INFO, 1000);
    now_ns += 1000000 * (uint64_t)NS_PER_S;
    write_events(log, LOG_EVENT_AUTH_FAILED, 100);
    assert_int_equal(sink.lines, LOG_EVENT_BURST);
    log_destroy(log);
}

static void all_peer_events__over_lines_per_s__are_suppressed(void **state)
{
    (void)state;
    struct log *log = create_log(LOG_INFO, 5);
    for (int i = 0; i < 10; i++) {
        write_event(log, LOG_EVENT_AUTH_FAILED);
        write_event(log, LOG_EVENT_ROOM_OPENED);
    }
    assert_int_equal(sink.lines, 10);
    assert_int_equal(log_counts_get(log).suppressed, 10);
    /* Our own events always pass. */
    write_events(log, LOG_EVENT_COUNTERS, 50);
    assert_int_equal(sink.lines, 60);
    log_destroy(log);
}

static void sink__refuses__is_counted_and_told_once(void **state)
{
    (void)state;
    struct log *log = create_log(LOG_INFO, 100);
    sink.answer = RESULT_FULL;
    write_events(log, LOG_EVENT_COUNTERS, 3);
    sink.answer = 0;
    write_events(log, LOG_EVENT_COUNTERS, 2);
    assert_string_equal(sink.text, HEAD "level=info evt=counters n=7\n" HEAD
                                        "level=warn evt=log_lost lines=3\n" HEAD
                                        "level=info evt=counters n=7\n");
    assert_int_equal(log_counts_get(log).lost, 3);
    assert_int_equal(log_counts_get(log).written, 3);
    log_destroy(log);
}

static void sink__takes_a_line_now_and_then__is_told_once_a_second(void **state)
{
    (void)state;
    struct log *log = create_log(LOG_INFO, 100);
    for (int i = 0; i < 10; i++) {
        sink.answer = RESULT_FULL;
        write_events(log, LOG_EVENT_COUNTERS, 3);
        sink.answer = 0;
        write_event(log, LOG_EVENT_COUNTERS);
    }
    assert_int_equal(sink.lines, 10 + 1);
    now_ns += NS_PER_S;
    write_event(log, LOG_EVENT_COUNTERS);
    assert_non_null(strstr(sink.text, "evt=log_lost lines=3\n"));
    assert_non_null(strstr(sink.text, "evt=log_lost lines=27\n"));
    log_destroy(log);
    assert_int_equal(sink.lines, 10 + 1 + 2);
}

static void sink__refused_at_the_end__is_told_at_the_end(void **state)
{
    (void)state;
    struct log *log = create_log(LOG_INFO, 100);
    sink.answer = RESULT_OS;
    write_event(log, LOG_EVENT_COUNTERS);
    sink.answer = 0;
    log_destroy(log);
    assert_string_equal(sink.text, HEAD "level=warn evt=log_lost lines=1\n");
}

static void sink__stuck__is_said_with_the_reason_and_when_it_is_over(void **state)
{
    (void)state;
    struct log *log = create_log(LOG_INFO, 100);
    sink.error = "gsrelayd.log: no room";
    write_events(log, LOG_EVENT_COUNTERS, 2);
    sink.error = NULL;
    write_events(log, LOG_EVENT_COUNTERS, 2);
    assert_string_equal(sink.text, HEAD
                        "level=info evt=counters n=7\n" HEAD
                        "level=error evt=log_stuck error=\"gsrelayd.log: no room\"\n" HEAD
                        "level=info evt=counters n=7\n" HEAD "level=info evt=counters n=7\n" HEAD
                        "level=warn evt=log_lost lines=0\n" HEAD "level=info evt=counters n=7\n");
    log_destroy(log);
}

static void sink__refuses_the_line_that_tells_of_suppressed_ones__a_later_line_tells(void **state)
{
    (void)state;
    struct log *log = create_log(LOG_INFO, 1000);
    for (int i = 0; i < LOG_EVENT_BURST + 3; i++) {
        write_event(log, LOG_EVENT_AUTH_FAILED);
    }
    now_ns += NS_PER_S;
    sink.answer = RESULT_FULL;
    write_event(log, LOG_EVENT_AUTH_FAILED);
    sink.answer = 0;
    write_event(log, LOG_EVENT_AUTH_FAILED);
    write_event(log, LOG_EVENT_AUTH_FAILED);
    assert_non_null(strstr(sink.text, "evt=auth_failed suppressed=3 n=7\n"));
    assert_null(strstr(strstr(sink.text, "suppressed=3") + 1, "suppressed"));
    log_destroy(log);
}

static void look__nothing_to_log__says_all_the_same(void **state)
{
    (void)state;
    struct log *log = create_log(LOG_INFO, 100);
    assert_false(log_look(log));
    sink.is_busy = true;
    assert_true(log_look(log));
    assert_int_equal(sink.lines, 0);
    sink.error = "no room";
    assert_true(log_look(log));
    assert_true(log_look(log));
    assert_string_equal(sink.text, HEAD "level=error evt=log_stuck error=\"no room\"\n");
    sink.error = NULL;
    sink.is_busy = false;
    (void)log_look(log);
    assert_false(log_look(log));
    assert_non_null(strstr(sink.text, HEAD "level=warn evt=log_lost lines=0\n"));
    /* Stuck again within a second: that it is over waits until then. */
    sink.error = "no room";
    (void)log_look(log);
    sink.error = NULL;
    assert_true(log_look(log));
    assert_int_equal(sink.lines, 3);
    now_ns += NS_PER_S;
    (void)log_look(log);
    assert_int_equal(sink.lines, 4);
    assert_false(log_look(log));
    log_destroy(log);
}

static void reopen__a_sink_with_a_file__opens_it_anew_and_says_so(void **state)
{
    (void)state;
    struct log *log = create_log(LOG_INFO, 100);
    log_reopen(log);
    assert_int_equal(sink.reopens, 1);
    assert_string_equal(sink.text, "ts=1970-01-01T00:00:00.000Z level=info evt=log_reopened\n");
    log_destroy(log);
}

static void reopen__a_sink_without_one__does_nothing(void **state)
{
    (void)state;
    struct log *log = NULL;
    const struct log_options options = {.level = LOG_INFO, .lines_per_s = 1};
    const struct log_sink keeper = {.write = keep_line, .close = count_close, .context = &sink};
    memset(&sink, 0, sizeof(sink));
    assert_int_equal(log_create(&options, keeper, &log), 0);
    log_reopen(log);
    assert_int_equal(sink.lines, 0);
    log_destroy(log);
}

static void destroy__null__is_allowed(void **state)
{
    (void)state;
    log_destroy(NULL);
}

static void events__each__has_a_name_of_its_own_and_a_help(void **state)
{
    (void)state;
    for (int i = 0; i < LOG_EVENT_COUNT; i++) {
        const char *name = log_event_name((enum log_event)i);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        assert_true(strlen(log_event_help((enum log_event)i)) > 10);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(name, log_event_name((enum log_event)j));
        }
    }
    assert_string_equal(log_event_name(LOG_EVENT_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event__written__is_one_line),
        cmocka_unit_test(level__below__is_left_out_and_not_counted),
        cmocka_unit_test(peer_event__over_its_burst__is_suppressed_and_told),
        cmocka_unit_test(bucket__after_a_long_time__holds_no_more_than_its_burst),
        cmocka_unit_test(all_peer_events__over_lines_per_s__are_suppressed),
        cmocka_unit_test(sink__refuses__is_counted_and_told_once),
        cmocka_unit_test(sink__takes_a_line_now_and_then__is_told_once_a_second),
        cmocka_unit_test(sink__refused_at_the_end__is_told_at_the_end),
        cmocka_unit_test(sink__stuck__is_said_with_the_reason_and_when_it_is_over),
        cmocka_unit_test(sink__refuses_the_line_that_tells_of_suppressed_ones__a_later_line_tells),
        cmocka_unit_test(look__nothing_to_log__says_all_the_same),
        cmocka_unit_test(reopen__a_sink_with_a_file__opens_it_anew_and_says_so),
        cmocka_unit_test(reopen__a_sink_without_one__does_nothing),
        cmocka_unit_test(destroy__null__is_allowed),
        cmocka_unit_test(events__each__has_a_name_of_its_own_and_a_help),
    };
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
