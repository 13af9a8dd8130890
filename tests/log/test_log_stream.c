/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/log/log_stream.h"
#include "daemon/os/os.h"

#define RING_BYTES 256

/* A stream that can be stopped, as a pipe that nobody reads, and can fail. */
static struct {
    struct os_mutex *mutex;
    struct os_condition *changed;
    bool is_stopped;
    bool is_waiting;   /* A write hangs in the stop. */
    int answer;        /* 0, or -1: nothing is taken. */
    const char *error; /* What is said then. */
    size_t most;       /* Bytes that one write takes; 0: all. */
    unsigned writes;
    unsigned reopens;
    unsigned closes;
    size_t size;
    char text[65536];
} stream;

static int write_bytes(void *context, const char *bytes, size_t size,
                       char error_out[LOG_ERROR_SIZE])
{
    assert_ptr_equal(context, &stream);
    os_mutex_lock(stream.mutex);
    stream.is_waiting = true;
    os_condition_broadcast(stream.changed);
    while (stream.is_stopped) {
        (void)os_condition_wait(stream.changed, stream.mutex, UINT64_MAX);
    }
    stream.is_waiting = false;
    stream.writes++;
    assert_int_equal(bytes[size - 1], '\n');
    if (stream.most != 0 && size > stream.most) {
        size = stream.most;
    }
    if (stream.answer == 0 && stream.size + size < sizeof(stream.text)) {
        memcpy(stream.text + stream.size, bytes, size);
        stream.size += size;
    }
    if (stream.answer != 0 && stream.error != NULL) {
        (void)snprintf(error_out, LOG_ERROR_SIZE, "%s", stream.error);
    }
    int answer = stream.answer == 0 ? (int)size : -1;
    os_condition_broadcast(stream.changed);
    os_mutex_unlock(stream.mutex);
    return answer;
}

static void count_reopen(void *context)
{
    assert_ptr_equal(context, &stream);
    os_mutex_lock(stream.mutex);
    stream.reopens++;
    os_condition_broadcast(stream.changed);
    os_mutex_unlock(stream.mutex);
}

static void count_close(void *context)
{
    assert_ptr_equal(context, &stream);
    os_mutex_lock(stream.mutex);
    stream.closes++;
    os_condition_broadcast(stream.changed);
    os_mutex_unlock(stream.mutex);
}

static void set_answer(int answer, const char *error)
{
    os_mutex_lock(stream.mutex);
    stream.answer = answer;
    stream.error = error;
    os_mutex_unlock(stream.mutex);
}

static void stop_stream(bool is_stopped)
{
    os_mutex_lock(stream.mutex);
    stream.is_stopped = is_stopped;
    os_condition_broadcast(stream.changed);
    os_mutex_unlock(stream.mutex);
}

static void wait_until_write_hangs(void)
{
    os_mutex_lock(stream.mutex);
    while (!stream.is_waiting) {
        (void)os_condition_wait(stream.changed, stream.mutex, UINT64_MAX);
    }
    os_mutex_unlock(stream.mutex);
}

static void wait_for_writes(unsigned count)
{
    os_mutex_lock(stream.mutex);
    while (stream.writes < count) {
        (void)os_condition_wait(stream.changed, stream.mutex, UINT64_MAX);
    }
    os_mutex_unlock(stream.mutex);
}

static int set_up(void **state)
{
    static struct log_sink sink;
    static const struct log_output output = {
        .write = write_bytes, .reopen = count_reopen, .close = count_close, .context = &stream};
    memset(&stream, 0, sizeof(stream));
    stream.mutex = os_mutex_create();
    stream.changed = os_condition_create();
    *state = &sink;
    return stream.mutex != NULL && stream.changed != NULL
               ? log_stream_open(&output, RING_BYTES, &sink)
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    os_condition_destroy(stream.changed);
    os_mutex_destroy(stream.mutex);
    return 0;
}

static int write_text(const struct log_sink *sink, const char *text)
{
    return sink->write(sink->context, text, strlen(text));
}

static void close__with_lines_in_the_ring__writes_all_in_order(void **state)
{
    const struct log_sink *sink = *state;
    assert_int_equal(write_text(sink, "one\n"), 0);
    assert_int_equal(write_text(sink, "two\n"), 0);
    assert_int_equal(write_text(sink, "three\n"), 0);
    sink->close(sink->context);
    assert_int_equal(stream.closes, 1);
    assert_int_equal(stream.size, 14);
    assert_memory_equal(stream.text, "one\ntwo\nthree\n", 14);
}

static void ring__many_times_its_size__keeps_every_byte(void **state)
{
    const struct log_sink *sink = *state;
    char line[32];
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(line, sizeof(line), "line %05d\n", i);
        while (write_text(sink, line) != 0) {
            os_sleep_ms(1);
        }
    }
    sink->close(sink->context);
    assert_int_equal(stream.size, 2000 * 11);
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(line, sizeof(line), "line %05d\n", i);
        assert_memory_equal(stream.text + i * 11, line, 11);
    }
}

static void stopped_stream__full_ring__refuses_and_does_not_wait(void **state)
{
    const struct log_sink *sink = *state;
    stop_stream(true);
    assert_int_equal(write_text(sink, "first\n"), 0);
    wait_until_write_hangs();
    int taken = 0;
    while (write_text(sink, "0123456789abcdef0123456789abcde\n") == 0) {
        taken++;
    }
    assert_int_equal(taken, RING_BYTES / 32);
    assert_int_equal(write_text(sink, "0123456789abcdef0123456789abcde\n"), RESULT_FULL);
    stop_stream(false);
    sink->close(sink->context);
    assert_int_equal(stream.size, 6 + taken * 32);
}

static void write__takes_a_part__goes_on_behind_it(void **state)
{
    const struct log_sink *sink = *state;
    stop_stream(true);
    assert_int_equal(write_text(sink, "one\n"), 0);
    wait_until_write_hangs();
    assert_int_equal(write_text(sink, "two\n"), 0);
    assert_int_equal(write_text(sink, "six\n"), 0);
    assert_int_equal(write_text(sink, "ten\n"), 0);
    os_mutex_lock(stream.mutex);
    stream.most = 4;
    os_mutex_unlock(stream.mutex);
    stop_stream(false);
    sink->close(sink->context);
    assert_int_equal(stream.size, 16);
    assert_memory_equal(stream.text, "one\ntwo\nsix\nten\n", 16);
    assert_int_equal(stream.writes, 4);
}

static void failing_output__comes_back__has_lost_nothing(void **state)
{
    const struct log_sink *sink = *state;
    char error[LOG_ERROR_SIZE];
    assert_int_equal(sink->state(sink->context, error), LOG_SINK_DONE);
    set_answer(-1, "no room");
    assert_int_equal(write_text(sink, "one\n"), 0);
    wait_for_writes(1);
    assert_int_equal(write_text(sink, "two\n"), 0);
    wait_for_writes(2);
    assert_int_equal(sink->state(sink->context, error), LOG_SINK_STUCK);
    assert_string_equal(error, "no room");
    assert_int_equal(stream.size, 0);
    set_answer(0, NULL);
    while (sink->state(sink->context, error) != LOG_SINK_DONE) {
        os_sleep_ms(1);
    }
    sink->close(sink->context);
    assert_int_equal(stream.size, 8);
    assert_memory_equal(stream.text, "one\ntwo\n", 8);
}

static void failing_output__without_a_reason__is_given_one(void **state)
{
    const struct log_sink *sink = *state;
    char error[LOG_ERROR_SIZE];
    set_answer(-1, NULL);
    assert_int_equal(write_text(sink, "one\n"), 0);
    while (sink->state(sink->context, error) != LOG_SINK_STUCK) {
        os_sleep_ms(1);
    }
    assert_string_equal(error, "it takes nothing any more");
    sink->close(sink->context);
}

static void failing_output__full_ring__refuses(void **state)
{
    const struct log_sink *sink = *state;
    set_answer(-1, "no room");
    assert_int_equal(write_text(sink, "first\n"), 0);
    wait_for_writes(1);
    int taken = 0;
    while (write_text(sink, "0123456789abcdef0123456789abcde\n") == 0) {
        taken++;
    }
    assert_int_equal(taken, RING_BYTES / 32);
    set_answer(0, NULL);
    sink->close(sink->context);
    assert_int_equal(stream.size, 6 + taken * 32);
}

static void close__output_that_fails__tries_once_more_and_ends(void **state)
{
    const struct log_sink *sink = *state;
    set_answer(-1, "no room");
    assert_int_equal(write_text(sink, "never\n"), 0);
    wait_for_writes(1);
    sink->close(sink->context);
    assert_true(stream.writes >= 2);
    assert_int_equal(stream.closes, 1);
    assert_int_equal(stream.size, 0);
}

static void write__that_hangs__counts_as_stuck_after_a_while(void **state)
{
    const struct log_sink *sink = *state;
    char error[LOG_ERROR_SIZE];
    stop_stream(true);
    assert_int_equal(write_text(sink, "late\n"), 0);
    wait_until_write_hangs();
    assert_int_equal(sink->state(sink->context, error), LOG_SINK_BUSY);
    while (sink->state(sink->context, error) != LOG_SINK_STUCK) {
        os_sleep_ms(50);
    }
    assert_string_equal(error, "a write does not come to its end");
    stop_stream(false);
    while (sink->state(sink->context, error) != LOG_SINK_DONE) {
        os_sleep_ms(1);
    }
    sink->close(sink->context);
    assert_int_equal(stream.size, 5);
}

static void reopen__without_lines__reaches_the_output(void **state)
{
    const struct log_sink *sink = *state;
    sink->reopen(sink->context);
    os_mutex_lock(stream.mutex);
    while (stream.reopens == 0) {
        (void)os_condition_wait(stream.changed, stream.mutex, UINT64_MAX);
    }
    os_mutex_unlock(stream.mutex);
    sink->close(sink->context);
    assert_int_equal(stream.reopens, 1);
    assert_int_equal(stream.writes, 0);
}

static void close__stream_that_hangs__gives_up(void **state)
{
    const struct log_sink *sink = *state;
    stop_stream(true);
    assert_int_equal(write_text(sink, "never\n"), 0);
    wait_until_write_hangs();
    sink->close(sink->context);
    /* It returned with the write still hanging. Here the stream comes back, and the thread that was
     * left frees what it has. */
    assert_int_equal(stream.size, 0);
    stop_stream(false);
    os_mutex_lock(stream.mutex);
    while (stream.closes == 0) {
        (void)os_condition_wait(stream.changed, stream.mutex, UINT64_MAX);
    }
    os_mutex_unlock(stream.mutex);
    os_sleep_ms(50);
}

static void standard_error__opened_and_closed__takes_a_line(void **state)
{
    (void)state;
    struct log_sink sink;
    assert_int_equal(log_stderr_open(RING_BYTES, &sink), 0);
    assert_int_equal(write_text(&sink, "ts=now level=info evt=test\n"), 0);
    sink.close(sink.context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(close__with_lines_in_the_ring__writes_all_in_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(ring__many_times_its_size__keeps_every_byte, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(stopped_stream__full_ring__refuses_and_does_not_wait,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(write__takes_a_part__goes_on_behind_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failing_output__comes_back__has_lost_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(failing_output__without_a_reason__is_given_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(failing_output__full_ring__refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(close__output_that_fails__tries_once_more_and_ends, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(write__that_hangs__counts_as_stuck_after_a_while, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(reopen__without_lines__reaches_the_output, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(close__stream_that_hangs__gives_up, set_up, tear_down),
        cmocka_unit_test(standard_error__opened_and_closed__takes_a_line),
    };
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
