/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "proto/hello.h"

static uint8_t flight[HELLO_SIZE_MAX];

/* A first flight whose Noise message is 48 bytes of 'n'. Returns the size behind the length. */
static size_t make_flight(enum hello_mode mode, const char *name, size_t name_size)
{
    const size_t at = hello_begin(mode, name, name_size, flight);

    assert_int_equal(at, 5 + name_size);
    memset(flight + at, 'n', HELLO_NOISE_SIZE);
    assert_int_equal(flight[0] << 8 | flight[1], at + HELLO_NOISE_SIZE - 2);
    return at + HELLO_NOISE_SIZE - 2;
}

static void decode__three_modes__round_trip(void **state)
{
    static const char name[HELLO_NAME_SIZE_MAX] = "gsr1:a:1:b:create";
    static const struct {
        enum hello_mode mode;
        size_t name_size;
    } rows[] = {{HELLO_OPEN, 0},
                {HELLO_TICKET, 1},
                {HELLO_TICKET, HELLO_NAME_SIZE_MAX},
                {HELLO_RESUME, 16}};

    (void)state;
    for (size_t index = 0; index < 4; index++) {
        const size_t size = make_flight(rows[index].mode, name, rows[index].name_size);
        struct hello hello;

        assert_int_equal(hello_decode(flight + 2, size, &hello), REASON_NONE);
        assert_int_equal(hello.mode, rows[index].mode);
        assert_int_equal(hello.name.size, rows[index].name_size);
        assert_memory_equal(hello.name.at, name, rows[index].name_size);
        assert_ptr_equal(hello.prologue.at, flight + 2);
        assert_int_equal(hello.prologue.size, 3 + rows[index].name_size);
        assert_ptr_equal(hello.noise_message, flight + 5 + rows[index].name_size);
    }
    assert_true(5 + HELLO_NAME_SIZE_MAX + HELLO_NOISE_SIZE <= HELLO_SIZE_MAX);
}

static void decode__every_truncation_and_one_byte_more__refused(void **state)
{
    const size_t size = make_flight(HELLO_TICKET, "abc", 3);
    struct hello hello;

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(hello_decode(flight + 2, cut, &hello), REASON_BAD_MESSAGE);
    }
    assert_int_equal(hello_decode(flight + 2, size + 1, &hello), REASON_BAD_MESSAGE);
    assert_int_equal(hello_decode(flight + 2, size, &hello), REASON_NONE);
}

static void decode__other_version__said_so(void **state)
{
    const size_t size = make_flight(HELLO_OPEN, NULL, 0);
    struct hello hello;

    (void)state;
    flight[2] = 2;
    assert_int_equal(hello_decode(flight + 2, size, &hello), REASON_VERSION_UNSUPPORTED);
    assert_int_equal(hello_decode(flight + 2, 1, &hello), REASON_VERSION_UNSUPPORTED);
    flight[2] = 0;
    assert_int_equal(hello_decode(flight + 2, size, &hello), REASON_VERSION_UNSUPPORTED);
}

static void decode__name_against_the_mode__refused(void **state)
{
    struct hello hello;
    size_t size = make_flight(HELLO_TICKET, "abc", 3);

    (void)state;
    flight[3] = HELLO_OPEN;
    assert_int_equal(hello_decode(flight + 2, size, &hello), REASON_BAD_MESSAGE);
    flight[3] = HELLO_RESUME;
    assert_int_equal(hello_decode(flight + 2, size, &hello), REASON_BAD_MESSAGE);
    flight[3] = 3;
    assert_int_equal(hello_decode(flight + 2, size, &hello), REASON_BAD_MESSAGE);
    size = make_flight(HELLO_OPEN, NULL, 0);
    flight[3] = HELLO_TICKET;
    assert_int_equal(hello_decode(flight + 2, size, &hello), REASON_BAD_MESSAGE);
    /* A name of 201 bytes that is wholly there. */
    flight[4] = 201;
    assert_int_equal(hello_decode(flight + 2, 3 + 201 + 48, &hello), REASON_BAD_MESSAGE);
}

static void answer__accepted__round_trip(void **state)
{
    uint8_t bytes[HELLO_ACCEPTED_SIZE + 1];
    struct hello_answer answer;

    (void)state;
    memset(bytes, 'n', sizeof(bytes));
    hello_accept_begin(bytes);
    assert_int_equal(bytes[0] << 8 | bytes[1], 50);
    assert_true(hello_answer_decode(bytes + 2, 50, &answer));
    assert_int_equal(answer.status, HELLO_ACCEPTED);
    assert_int_equal(answer.version, 1);
    assert_ptr_equal(answer.noise_message, bytes + 4);
    for (size_t cut = 0; cut < 50; cut++) {
        assert_false(hello_answer_decode(bytes + 2, cut, &answer));
    }
    assert_false(hello_answer_decode(bytes + 2, 51, &answer));
    bytes[2] = 2;
    assert_false(hello_answer_decode(bytes + 2, 50, &answer));
}

static void answer__refused__round_trip(void **state)
{
    static const uint8_t expected[HELLO_REFUSAL_SIZE] = {0, 5, 1, 1, 1, 0x01, 0x2c};
    uint8_t bytes[HELLO_REFUSAL_SIZE + 1] = {0};
    struct hello_answer answer;

    (void)state;
    hello_refuse(HELLO_BUSY, HELLO_TICKET, 300, bytes);
    assert_memory_equal(bytes, expected, sizeof(expected));
    assert_true(hello_answer_decode(bytes + 2, 5, &answer));
    assert_int_equal(answer.status, HELLO_BUSY);
    assert_int_equal(answer.mode, HELLO_TICKET);
    assert_int_equal(answer.retry_s, 300);
    assert_null(answer.noise_message);
    for (size_t cut = 0; cut < 5; cut++) {
        assert_false(hello_answer_decode(bytes + 2, cut, &answer));
    }
    hello_refuse(HELLO_DRAINING, HELLO_OPEN, 0, bytes);
    assert_true(hello_answer_decode(bytes + 2, 5, &answer));
    assert_int_equal(answer.status, HELLO_DRAINING);
    /* A later version's refusal is longer, and its status may be one we do not know. */
    bytes[2] = 2;
    bytes[3] = HELLO_DRAINING + 1;
    assert_true(hello_answer_decode(bytes + 2, 6, &answer));
    assert_int_equal(answer.status, HELLO_REFUSED);
    assert_int_equal(answer.version, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode__three_modes__round_trip),
        cmocka_unit_test(decode__every_truncation_and_one_byte_more__refused),
        cmocka_unit_test(decode__other_version__said_so),
        cmocka_unit_test(decode__name_against_the_mode__refused),
        cmocka_unit_test(answer__accepted__round_trip),
        cmocka_unit_test(answer__refused__round_trip),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
