/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "proto/record.h"
#include "proto/result.h"

static void check__good_up__counted_without_padding(void **state)
{
    static const uint8_t body[] = {
        0xff, 0xff, 1, 0x80, 2, 'a', 'b', /* all others, stream 1, retained */
        0,    0,    0, 0,    1, 'x',      /* padding */
        0xff, 0xfe, 0, 0,    0,           /* the host, stream 0, empty */
        0xff, 0x3f, 9, 0,    1, 'c',      /* the last group */
        0,    1,    2, 0,    0,           /* the first member */
    };
    struct record_reader reader;
    struct record record;

    (void)state;
    assert_int_equal(record_body_check(RECORD_UP, body, sizeof(body)), 4);
    record_reader_init(&reader, RECORD_UP, body, sizeof(body));
    assert_true(record_next(&reader, &record));
    assert_int_equal(record.member, MEMBER_ALL);
    assert_int_equal(record.stream, 1);
    assert_true(record.is_retained);
    assert_int_equal(record.age_ms, 0);
    assert_int_equal(record.size, 2);
    assert_memory_equal(record.payload, "ab", 2);
    assert_true(record_next(&reader, &record));
    assert_int_equal(record.member, MEMBER_HOST);
    assert_int_equal(record.size, 0);
    assert_true(record_next(&reader, &record));
    assert_int_equal(record.member, MEMBER_GROUP_LAST);
    assert_true(record_next(&reader, &record));
    assert_int_equal(record.member, 1);
    assert_false(record_next(&reader, &record));
    assert_false(record_next(&reader, &record));
}

static void check__good_down__age_read(void **state)
{
    static const uint8_t body[] = {
        0xfe, 0xff, 7, 0x80, 1, 1,   2, 3, 4, 'z', /* member 0xfeff, retained, age */
        0,    5,    0, 0,    1, 'y',
    };
    struct record_reader reader;
    struct record record;

    (void)state;
    assert_int_equal(record_body_check(RECORD_DOWN, body, sizeof(body)), 2);
    record_reader_init(&reader, RECORD_DOWN, body, sizeof(body));
    assert_true(record_next(&reader, &record));
    assert_int_equal(record.age_ms, 0x01020304);
    assert_int_equal(record.payload[0], 'z');
    assert_true(record_next(&reader, &record));
    assert_int_equal(record.age_ms, 0);
    assert_int_equal(record.payload[0], 'y');
}

struct bad_body {
    const char *why;
    enum record_direction direction;
    size_t size;
    uint8_t bytes[12];
};

static void check__broken__refused_as_a_whole(void **state)
{
    static const struct bad_body bad[] = {
        {"empty", RECORD_UP, 0, {0}},
        {"head cut", RECORD_UP, 4, {0, 1, 1, 0}},
        {"payload cut", RECORD_UP, 6, {0, 1, 1, 0, 2, 'a'}},
        {"one byte over", RECORD_UP, 6, {0, 1, 1, 0, 0, 0}},
        {"size 2047 without bytes", RECORD_UP, 6, {0, 1, 1, 7, 0xff, 0}},
        {"flag bit 14", RECORD_UP, 5, {0xff, 0xff, 1, 0x40, 0}},
        {"flag bit 13", RECORD_UP, 5, {0xff, 0xff, 1, 0x20, 0}},
        {"flag bit 12", RECORD_UP, 5, {0xff, 0xff, 1, 0x10, 0}},
        {"flag bit 11", RECORD_UP, 5, {0xff, 0xff, 1, 0x08, 0}},
        {"retained on stream 0", RECORD_UP, 5, {0xff, 0xff, 0, 0x80, 0}},
        {"retained to one member", RECORD_UP, 5, {0, 1, 1, 0x80, 0}},
        {"retained to the host", RECORD_UP, 5, {0xff, 0xfe, 1, 0x80, 0}},
        {"retained to a group", RECORD_UP, 5, {0xff, 0x00, 1, 0x80, 0}},
        {"padding with a stream", RECORD_UP, 5, {0, 0, 1, 0, 0}},
        {"padding retained", RECORD_UP, 5, {0, 0, 0, 0x80, 0}},
        {"first unassigned member", RECORD_UP, 5, {0xff, 0x40, 1, 0, 0}},
        {"last unassigned member", RECORD_UP, 5, {0xff, 0xfd, 1, 0, 0}},
        {"good, then broken", RECORD_UP, 10, {0, 1, 1, 0, 0, 0xff, 0x40, 1, 0, 0}},
        {"down from all", RECORD_DOWN, 5, {0xff, 0xff, 1, 0, 0}},
        {"down from the host", RECORD_DOWN, 5, {0xff, 0xfe, 1, 0, 0}},
        {"down from a group", RECORD_DOWN, 5, {0xff, 0, 1, 0, 0}},
        {"down, age cut", RECORD_DOWN, 8, {0, 1, 1, 0x80, 0, 0, 0, 0}},
        {"down, payload cut behind age", RECORD_DOWN, 9, {0, 1, 1, 0x80, 1, 0, 0, 0, 0}},
        {"down, retained on stream 0", RECORD_DOWN, 9, {0, 1, 0, 0x80, 0, 0, 0, 0, 0}},
    };

    (void)state;
    for (size_t index = 0; index < sizeof(bad) / sizeof(bad[0]); index++) {
        if (record_body_check(bad[index].direction, bad[index].bytes, bad[index].size) !=
            RESULT_INVALID) {
            fail_msg("accepted: %s", bad[index].why);
        }
    }
}

static void check__number_of_records__64_at_most(void **state)
{
    uint8_t body[65 * RECORD_HEAD_SIZE] = {0};

    (void)state;
    for (int index = 0; index < 65; index++) {
        body[index * RECORD_HEAD_SIZE + 1] = 1;
    }
    assert_int_equal(record_body_check(RECORD_UP, body, 64 * RECORD_HEAD_SIZE), 64);
    assert_int_equal(record_body_check(RECORD_UP, body, sizeof(body)), RESULT_INVALID);
    /* Padding counts against the 64, though nobody walks it. */
    body[1] = 0;
    assert_int_equal(record_body_check(RECORD_UP, body, 64 * RECORD_HEAD_SIZE), 63);
    assert_int_equal(record_body_check(RECORD_UP, body, sizeof(body)), RESULT_INVALID);
}

static void write__both_directions__read_back(void **state)
{
    const struct record up = {.member = MEMBER_ALL,
                              .stream = 255,
                              .is_retained = true,
                              .size = 3,
                              .payload = (const uint8_t *)"abc"};
    const struct record down = {.member = MEMBER_LAST,
                                .stream = 1,
                                .is_retained = true,
                                .age_ms = 0xfffefdfc,
                                .size = 3,
                                .payload = (const uint8_t *)"abc"};
    static const uint8_t up_bytes[] = {0xff, 0xff, 255, 0x80, 3, 'a', 'b', 'c'};
    static const uint8_t down_bytes[] = {0xfe, 0xff, 1,    0x80, 3,   0xff,
                                         0xfe, 0xfd, 0xfc, 'a',  'b', 'c'};
    uint8_t body[64];
    struct record_writer writer;

    (void)state;
    record_writer_init(&writer, RECORD_UP, body, sizeof(body));
    assert_true(record_write(&writer, &up));
    assert_int_equal(writer.size, sizeof(up_bytes));
    assert_memory_equal(body, up_bytes, sizeof(up_bytes));
    assert_int_equal(record_size(RECORD_UP, true, 3), sizeof(up_bytes));

    record_writer_init(&writer, RECORD_DOWN, body, sizeof(body));
    assert_true(record_write(&writer, &down));
    assert_int_equal(writer.size, sizeof(down_bytes));
    assert_memory_equal(body, down_bytes, sizeof(down_bytes));
    assert_int_equal(record_size(RECORD_DOWN, true, 3), sizeof(down_bytes));
    assert_int_equal(record_size(RECORD_DOWN, false, 3), 8);
}

static void write__no_room__nothing_written(void **state)
{
    const struct record record = {
        .member = 1, .stream = 1, .size = 3, .payload = (const uint8_t *)"abc"};
    const struct record empty = {.member = 1, .stream = 1};
    uint8_t body[400];
    struct record_writer writer;

    (void)state;
    memset(body, 0xaa, sizeof(body));
    record_writer_init(&writer, RECORD_UP, body, 15);
    assert_true(record_write(&writer, &record));
    assert_false(record_write(&writer, &record));
    assert_int_equal(writer.size, 8);
    assert_int_equal(writer.count, 1);
    assert_int_equal(body[8], 0xaa);
    assert_true(record_write(&writer, &empty));
    assert_int_equal(record_body_check(RECORD_UP, body, writer.size), 2);

    record_writer_init(&writer, RECORD_UP, body, sizeof(body));
    for (int index = 0; index < RECORDS_MAX; index++) {
        assert_true(record_write(&writer, &empty));
    }
    assert_false(record_write(&writer, &empty));
    assert_false(record_write_padding(&writer, sizeof(body)));
    assert_true(record_write_padding(&writer, 5));
    assert_int_equal(record_body_check(RECORD_UP, body, writer.size), RECORDS_MAX);
}

static void padding__to_the_least_size__well_formed(void **state)
{
    const struct record tiny = {
        .member = 1, .stream = 1, .size = 1, .payload = (const uint8_t *)"a"};
    uint8_t body[4096];
    struct record_writer writer;

    (void)state;
    memset(body, 0xaa, sizeof(body));
    record_writer_init(&writer, RECORD_UP, body, 11);
    assert_true(record_write(&writer, &tiny));
    /* Two bytes are missing; padding has five at least. */
    assert_true(record_write_padding(&writer, 8));
    assert_int_equal(writer.size, 11);
    assert_int_equal(record_body_check(RECORD_UP, body, writer.size), 1);

    record_writer_init(&writer, RECORD_UP, body, 10);
    assert_true(record_write(&writer, &tiny));
    assert_false(record_write_padding(&writer, 8));
    assert_int_equal(writer.size, 6);

    record_writer_init(&writer, RECORD_UP, body, sizeof(body));
    assert_true(record_write(&writer, &tiny));
    assert_true(record_write_padding(&writer, 100));
    assert_int_equal(writer.size, 100);
    assert_int_equal(record_body_check(RECORD_UP, body, writer.size), 1);
    assert_int_equal(body[50], 0);
    assert_false(record_write_padding(&writer, 100 + RECORD_HEAD_SIZE + RECORD_PAYLOAD_MAX + 1));
    assert_true(record_write_padding(&writer, 100 + RECORD_HEAD_SIZE + RECORD_PAYLOAD_MAX));
    assert_int_equal(record_body_check(RECORD_UP, body, writer.size), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check__good_up__counted_without_padding),
        cmocka_unit_test(check__good_down__age_read),
        cmocka_unit_test(check__broken__refused_as_a_whole),
        cmocka_unit_test(check__number_of_records__64_at_most),
        cmocka_unit_test(write__both_directions__read_back),
        cmocka_unit_test(write__no_room__nothing_written),
        cmocka_unit_test(padding__to_the_least_size__well_formed),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
