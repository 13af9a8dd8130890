/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "proto/frame.h"

#define LIMIT 8

/* Three frames: "abc", "d", "12345678". */
static const uint8_t stream[] = {0, 3,   'a', 'b', 'c', 0,   1,   'd', 0,
                                 8, '1', '2', '3', '4', '5', '6', '7', '8'};
static const char *const expected[] = {"abc", "d", "12345678"};

static void assert_frame(int index, const uint8_t *frame, size_t size)
{
    assert_in_range(index, 0, 2);
    assert_int_equal(size, strlen(expected[index]));
    assert_memory_equal(frame, expected[index], size);
}

static void feed__cut_at_every_pair_of_places__same_frames(void **state)
{
    (void)state;
    for (size_t first = 0; first <= sizeof(stream); first++) {
        for (size_t second = first; second <= sizeof(stream); second++) {
            const size_t cuts[] = {first, second, sizeof(stream)};
            struct frame_reader reader;
            uint8_t buffer[LIMIT];
            size_t at = 0;
            int count = 0;

            frame_reader_init(&reader, 1, LIMIT);
            for (int part = 0; part < 3; part++) {
                while (at < cuts[part]) {
                    size_t taken = 0;
                    size_t size = 0;
                    const enum frame_result result = frame_reader_feed(
                        &reader, buffer, stream + at, cuts[part] - at, &taken, &size);

                    at += taken;
                    assert_int_not_equal(result, FRAME_BAD);
                    if (result == FRAME_READY) {
                        assert_true(frame_reader_is_idle(&reader));
                        assert_frame(count++, buffer, size);
                    } else {
                        assert_int_equal(at, cuts[part]);
                    }
                }
            }
            assert_int_equal(count, 3);
        }
    }
}

static void feed__lengths_outside_the_limits__bad_before_buffering(void **state)
{
    static const uint8_t lengths[][3] = {{0, 0, 'x'}, {0, 1, 'x'}, {0, 9, 'x'}, {0xff, 0xff, 'x'}};

    (void)state;
    for (size_t index = 0; index < 4; index++) {
        struct frame_reader reader;
        uint8_t buffer[LIMIT] = {0xaa};
        size_t taken = 9;
        size_t size = 0;

        frame_reader_init(&reader, 2, LIMIT);
        assert_int_equal(frame_reader_feed(&reader, buffer, lengths[index], 3, &taken, &size),
                         FRAME_BAD);
        assert_int_equal(taken, 2);
        assert_int_equal(buffer[0], 0xaa);
        /* It stays bad whatever comes. */
        assert_int_equal(frame_reader_feed(&reader, buffer, stream, 5, &taken, &size), FRAME_BAD);
        assert_int_equal(taken, 0);
    }
}

static void feed__nothing__asks_for_more(void **state)
{
    struct frame_reader reader;
    size_t taken = 9;
    size_t size = 0;

    (void)state;
    frame_reader_init(&reader, 1, LIMIT);
    assert_int_equal(frame_reader_feed(&reader, NULL, stream, 0, &taken, &size), FRAME_MORE);
    assert_int_equal(taken, 0);
    assert_true(frame_reader_is_idle(&reader));
}

static void idle__within_a_frame__false(void **state)
{
    struct frame_reader reader;
    uint8_t buffer[LIMIT];
    size_t taken = 0;
    size_t size = 0;

    (void)state;
    frame_reader_init(&reader, 1, LIMIT);
    (void)frame_reader_feed(&reader, NULL, stream, 1, &taken, &size);
    assert_false(frame_reader_is_idle(&reader));
    assert_false(frame_reader_holds_buffer(&reader));
    (void)frame_reader_feed(&reader, NULL, stream + 1, 1, &taken, &size);
    assert_false(frame_reader_holds_buffer(&reader));
    (void)frame_reader_feed(&reader, buffer, stream + 2, 1, &taken, &size);
    assert_true(frame_reader_holds_buffer(&reader));
    assert_int_equal(frame_reader_feed(&reader, buffer, stream + 3, 2, &taken, &size), FRAME_READY);
    assert_true(frame_reader_is_idle(&reader));
    assert_false(frame_reader_holds_buffer(&reader));
}

static void limit__raised_between_frames__holds_from_the_next(void **state)
{
    struct frame_reader reader;
    uint8_t buffer[LIMIT];
    size_t taken = 0;
    size_t size = 0;

    (void)state;
    frame_reader_init(&reader, 1, 3);
    assert_int_equal(frame_reader_feed(&reader, buffer, stream, 5, &taken, &size), FRAME_READY);
    frame_reader_limit(&reader, 1, LIMIT);
    assert_int_equal(frame_reader_feed(&reader, buffer, stream + 8, 10, &taken, &size),
                     FRAME_READY);
    assert_int_equal(size, 8);
}

static void length_write__any__big_endian(void **state)
{
    uint8_t out[2];

    (void)state;
    frame_length_write(out, 0x0102);
    assert_int_equal(out[0], 1);
    assert_int_equal(out[1], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feed__cut_at_every_pair_of_places__same_frames),
        cmocka_unit_test(feed__lengths_outside_the_limits__bad_before_buffering),
        cmocka_unit_test(feed__nothing__asks_for_more),
        cmocka_unit_test(idle__within_a_frame__false),
        cmocka_unit_test(limit__raised_between_frames__holds_from_the_next),
        cmocka_unit_test(length_write__any__big_endian),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
