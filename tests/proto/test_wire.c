/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "proto/wire.h"

static void integers__written_and_read__big_endian_and_equal(void **state)
{
    static const uint8_t expected[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
                                       0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10,
                                       0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18};
    uint8_t bytes[24];
    struct wire_writer writer;
    struct wire_reader reader;

    (void)state;
    wire_writer_init(&writer, bytes, sizeof(bytes));
    wire_put_u8(&writer, 0x01);
    wire_put_u16(&writer, 0x0203);
    wire_put_u24(&writer, 0x040506);
    wire_put_u32(&writer, 0x0708090a);
    wire_put_u48(&writer, 0x0b0c0d0e0f10);
    wire_put_u64(&writer, 0x1112131415161718);
    assert_int_equal(writer.size, 24);
    assert_false(writer.has_failed);
    assert_memory_equal(bytes, expected, sizeof(expected));

    wire_reader_init(&reader, bytes, sizeof(bytes));
    assert_int_equal(wire_get_u8(&reader), 0x01);
    assert_int_equal(wire_get_u16(&reader), 0x0203);
    assert_int_equal(wire_get_u24(&reader), 0x040506);
    assert_int_equal(wire_get_u32(&reader), 0x0708090a);
    assert_true(wire_get_u48(&reader) == 0x0b0c0d0e0f10);
    assert_true(wire_get_u64(&reader) == 0x1112131415161718);
    assert_int_equal(wire_reader_left(&reader), 0);
    assert_false(reader.has_failed);
}

static void integers__extreme_values__survive(void **state)
{
    uint8_t bytes[24];
    struct wire_writer writer;
    struct wire_reader reader;

    (void)state;
    wire_writer_init(&writer, bytes, sizeof(bytes));
    wire_put_u8(&writer, UINT8_MAX);
    wire_put_u16(&writer, UINT16_MAX);
    wire_put_u24(&writer, 0xffffff);
    wire_put_u32(&writer, UINT32_MAX);
    wire_put_u48(&writer, 0xffffffffffff);
    wire_put_u64(&writer, UINT64_MAX);
    wire_reader_init(&reader, bytes, writer.size);
    assert_int_equal(wire_get_u8(&reader), UINT8_MAX);
    assert_int_equal(wire_get_u16(&reader), UINT16_MAX);
    assert_int_equal(wire_get_u24(&reader), 0xffffff);
    assert_true(wire_get_u32(&reader) == UINT32_MAX);
    assert_true(wire_get_u48(&reader) == 0xffffffffffff);
    assert_true(wire_get_u64(&reader) == UINT64_MAX);
}

static void read__past_the_end__fails_and_stays_failed(void **state)
{
    const uint8_t bytes[3] = {1, 2, 3};
    struct wire_reader reader;

    (void)state;
    wire_reader_init(&reader, bytes, sizeof(bytes));
    assert_int_equal(wire_get_u32(&reader), 0);
    assert_true(reader.has_failed);
    assert_int_equal(wire_reader_left(&reader), 0);
    /* One byte is there, but the message as a whole is broken. */
    assert_int_equal(wire_get_u8(&reader), 0);
    assert_int_equal(wire_get_bytes(&reader, 0).size, 0);
    assert_true(reader.has_failed);
}

static void read__nothing_given__empty_but_not_failed(void **state)
{
    struct wire_reader reader;
    struct wire_bytes bytes;

    (void)state;
    wire_reader_init(&reader, NULL, 0);
    bytes = wire_get_bytes(&reader, 0);
    assert_false(reader.has_failed);
    assert_non_null(bytes.at);
    assert_int_equal(wire_get_u8(&reader), 0);
    assert_true(reader.has_failed);
}

static void fail__called_by_decoder__sticks(void **state)
{
    const uint8_t bytes[3] = {1, 2, 3};
    struct wire_reader reader;

    (void)state;
    wire_reader_init(&reader, bytes, sizeof(bytes));
    wire_reader_fail(&reader);
    assert_int_equal(wire_get_u8(&reader), 0);
    assert_true(reader.has_failed);
}

static void copy__short_input__gives_zeros(void **state)
{
    const uint8_t bytes[4] = {1, 2, 3, 4};
    uint8_t out[3] = {9, 9, 9};
    struct wire_reader reader;

    (void)state;
    wire_reader_init(&reader, bytes, sizeof(bytes));
    wire_get_copy(&reader, out, 3);
    assert_memory_equal(out, bytes, 3);
    wire_get_copy(&reader, out, 2);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 0);
    assert_int_equal(out[2], 3);
    assert_true(reader.has_failed);
}

static void varying__good_and_bad_lengths__bounded(void **state)
{
    const uint8_t bytes[] = {2, 'a', 'b', 0, 1, 'c', 0};
    const uint8_t lies[] = {0, 9, 'x'};
    struct wire_reader reader;
    struct wire_bytes run;

    (void)state;
    wire_reader_init(&reader, bytes, sizeof(bytes));
    run = wire_get_varying8(&reader, 2);
    assert_int_equal(run.size, 2);
    assert_memory_equal(run.at, "ab", 2);
    run = wire_get_varying16(&reader, 2);
    assert_int_equal(run.size, 1);
    run = wire_get_varying8(&reader, 0);
    assert_int_equal(run.size, 0);
    assert_false(reader.has_failed);
    assert_int_equal(wire_reader_left(&reader), 0);

    wire_reader_init(&reader, bytes, sizeof(bytes));
    run = wire_get_varying8(&reader, 1);
    assert_int_equal(run.size, 0);
    assert_true(reader.has_failed);

    wire_reader_init(&reader, lies, sizeof(lies));
    run = wire_get_varying16(&reader, 100);
    assert_int_equal(run.size, 0);
    assert_true(reader.has_failed);
}

static void write__too_much__fails_sticks_and_keeps_the_rest_alone(void **state)
{
    uint8_t bytes[4] = {9, 9, 9, 9};
    struct wire_writer writer;

    (void)state;
    wire_writer_init(&writer, bytes, 3);
    wire_put_u16(&writer, 0x0101);
    wire_put_u16(&writer, 0x0202);
    assert_true(writer.has_failed);
    assert_int_equal(writer.size, 2);
    wire_put_u8(&writer, 5);
    wire_put_bytes(&writer, "x", 1);
    wire_put_zeros(&writer, 1);
    assert_int_equal(writer.size, 2);
    assert_int_equal(bytes[2], 9);
    assert_int_equal(bytes[3], 9);
}

static void write__empty_runs__no_memory_needed(void **state)
{
    struct wire_writer writer;

    (void)state;
    wire_writer_init(&writer, NULL, 0);
    wire_put_bytes(&writer, NULL, 0);
    wire_put_zeros(&writer, 0);
    assert_false(writer.has_failed);
    wire_put_varying8(&writer, NULL, 0);
    assert_true(writer.has_failed);
}

static void write_varying__length_too_large_for_its_field__fails(void **state)
{
    static uint8_t bytes[70000];
    static const uint8_t source[UINT16_MAX + 1];
    struct wire_writer writer;

    (void)state;
    wire_writer_init(&writer, bytes, sizeof(bytes));
    wire_put_varying8(&writer, source, 255);
    wire_put_varying16(&writer, source, UINT16_MAX);
    assert_false(writer.has_failed);
    assert_int_equal(writer.size, 1 + 255 + 2 + UINT16_MAX);
    wire_put_varying8(&writer, source, 256);
    assert_true(writer.has_failed);

    wire_writer_init(&writer, bytes, sizeof(bytes));
    wire_put_varying16(&writer, source, sizeof(source));
    assert_true(writer.has_failed);
    assert_int_equal(writer.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers__written_and_read__big_endian_and_equal),
        cmocka_unit_test(integers__extreme_values__survive),
        cmocka_unit_test(read__past_the_end__fails_and_stays_failed),
        cmocka_unit_test(read__nothing_given__empty_but_not_failed),
        cmocka_unit_test(fail__called_by_decoder__sticks),
        cmocka_unit_test(copy__short_input__gives_zeros),
        cmocka_unit_test(varying__good_and_bad_lengths__bounded),
        cmocka_unit_test(write__too_much__fails_sticks_and_keeps_the_rest_alone),
        cmocka_unit_test(write__empty_runs__no_memory_needed),
        cmocka_unit_test(write_varying__length_too_large_for_its_field__fails),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
