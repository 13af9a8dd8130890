/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <sodium.h>
#include <cmocka.h>

#include "proto/datagram.h"
#include "proto/limits.h"

static const uint8_t key[DATAGRAM_KEY_SIZE] = {0, 1, 2,  3,  4,  5,  6,  7,
                                               8, 9, 10, 11, 12, 13, 14, 15};

static const struct datagram_head example = {
    .type = DATAGRAM_DATA, .slot = 0x010203, .slot_tag = 0x04050607, .sequence = 0x08090a0b0c0d};

/* A sealed datagram of the example head with body_size bytes of body. */
static size_t make_example(uint8_t *bytes, size_t body_size)
{
    for (size_t index = 0; index < body_size; index++) {
        bytes[DATAGRAM_HEAD_SIZE + index] = (uint8_t)(index * 7);
    }
    return datagram_seal(&example, key, bytes, body_size);
}

static void seal__example__bytes_as_in_the_table(void **state)
{
    static const uint8_t head[DATAGRAM_HEAD_SIZE] = {0x44, 1, 2, 3,   4,   5,   6,
                                                     7,    8, 9, 0xa, 0xb, 0xc, 0xd};
    uint8_t bytes[64];
    uint8_t tag[8];

    (void)state;
    assert_int_equal(make_example(bytes, 8), 30);
    assert_memory_equal(bytes, head, sizeof(head));
    crypto_shorthash(tag, bytes, 22, key);
    assert_memory_equal(bytes + 22, tag, 8);
}

/* Appendix A of the SipHash paper: key 00..0f, message 00..0e, output a129ca6149be45e5 as a number,
 * so e5 45 be ... as bytes. */
static void tag__paper_vector__fits(void **state)
{
    static const uint8_t expected[8] = {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1};
    uint8_t message[15];
    uint8_t tag[8];

    (void)state;
    for (unsigned index = 0; index < sizeof(message); index++) {
        message[index] = (uint8_t)index;
    }
    crypto_shorthash(tag, message, sizeof(message), key);
    assert_memory_equal(tag, expected, sizeof(expected));
}

static void check_up__sealed__gives_the_head_back(void **state)
{
    uint8_t bytes[64];
    const size_t size = make_example(bytes, 8);
    struct datagram_head head;

    (void)state;
    assert_int_equal(datagram_check_up(bytes, size, 1232, &head), REASON_NONE);
    assert_int_equal(head.type, example.type);
    assert_int_equal(head.slot, example.slot);
    assert_int_equal(head.slot_tag, example.slot_tag);
    assert_true(head.sequence == example.sequence);
    assert_true(datagram_tag_fits(bytes, size, key));
    assert_ptr_equal(datagram_body(bytes), bytes + 14);
    assert_int_equal(datagram_body_size(size), 8);
}

static void check_up__sizes__short_and_oversize(void **state)
{
    uint8_t bytes[64];
    struct datagram_head head;

    (void)state;
    make_example(bytes, 40);
    assert_int_equal(datagram_check_up(bytes, 0, 1232, &head), REASON_SHORT);
    assert_int_equal(datagram_check_up(bytes, 29, 1232, &head), REASON_SHORT);
    assert_int_equal(datagram_check_up(bytes, 30, 30, &head), REASON_NONE);
    assert_int_equal(datagram_check_up(bytes, 31, 30, &head), REASON_OVERSIZE);
    assert_int_equal(datagram_check_down(bytes, 21, 1232, &head), REASON_SHORT);
    assert_int_equal(datagram_check_down(bytes, 22, 22, &head), REASON_NONE);
    assert_int_equal(datagram_check_down(bytes, 23, 22, &head), REASON_OVERSIZE);
}

/* Every first byte there is: version, type and flags judged as the table says. */
static void check__every_first_byte__judged(void **state)
{
    static const char up_types[] = {1, 2, 4, 6};
    static const char down_types[] = {1, 3, 5, 7, 8, 9};
    uint8_t bytes[64];

    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        const unsigned type = first >> 2 & 15;
        struct datagram_head head = {.slot = 77};
        enum reason expect_up = REASON_BAD_TYPE;
        enum reason expect_down = REASON_BAD_TYPE;

        make_example(bytes, 8);
        bytes[0] = (uint8_t)first;
        if (first >> 6 != 1) {
            expect_up = expect_down = REASON_BAD_VERSION;
        } else if ((first & 3) == 0) {
            expect_up = memchr(up_types, (int)type, sizeof(up_types)) ? REASON_NONE : expect_up;
            expect_down =
                memchr(down_types, (int)type, sizeof(down_types)) ? REASON_NONE : expect_down;
        }
        assert_int_equal(datagram_check_up(bytes, 30, 1232, &head), expect_up);
        assert_int_equal(head.slot, expect_up == REASON_NONE ? example.slot : 77);
        head.slot = 77;
        assert_int_equal(datagram_check_down(bytes, 30, 1232, &head), expect_down);
        assert_int_equal(head.slot, expect_down == REASON_NONE ? example.slot : 77);
    }
}

static void tag__any_bit_or_the_key_changed__refused(void **state)
{
    uint8_t bytes[64];
    uint8_t other[DATAGRAM_KEY_SIZE];
    const size_t size = make_example(bytes, 20);

    (void)state;
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(datagram_tag_fits(bytes, size, key));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(datagram_tag_fits(bytes, size, key));
    assert_false(datagram_tag_fits(bytes, size - 1, key));
    memcpy(other, key, sizeof(other));
    other[15] ^= 1;
    assert_false(datagram_tag_fits(bytes, size, other));
}

static void seal_shared__several_receivers__same_bytes_as_seal(void **state)
{
    uint8_t room[DATAGRAM_HEAD_SIZE + DATAGRAM_LIMIT_MAX];
    uint8_t whole[DATAGRAM_OVERHEAD + DATAGRAM_LIMIT_MAX];
    static const size_t sizes[] = {0, 1, 100, 1210, DATAGRAM_LIMIT_MAX};

    (void)state;
    for (size_t index = 0; index < sizeof(sizes) / sizeof(sizes[0]); index++) {
        const size_t size = sizes[index];
        const struct datagram_head head = {.type = DATAGRAM_DATA,
                                           .slot = DATAGRAM_SLOT_MAX - (uint32_t)index,
                                           .slot_tag = (uint32_t)index * 0x01010101u,
                                           .sequence = DATAGRAM_SEQUENCE_MAX - index};
        uint8_t head_bytes[DATAGRAM_HEAD_SIZE];
        uint8_t tag[DATAGRAM_TAG_SIZE];

        make_example(whole, size);
        memcpy(room + DATAGRAM_HEAD_SIZE, whole + DATAGRAM_HEAD_SIZE, size);
        assert_int_equal(datagram_seal(&head, key, whole, size), size + DATAGRAM_OVERHEAD);
        datagram_seal_shared(&head, key, room, size, head_bytes, tag);
        assert_memory_equal(head_bytes, whole, DATAGRAM_HEAD_SIZE);
        assert_memory_equal(room + DATAGRAM_HEAD_SIZE, whole + DATAGRAM_HEAD_SIZE, size);
        assert_memory_equal(tag, whole + DATAGRAM_HEAD_SIZE + size, DATAGRAM_TAG_SIZE);
    }
}

static void type_name__known_and_unknown__named(void **state)
{
    (void)state;
    assert_string_equal(datagram_type_name(DATAGRAM_DATA), "data");
    assert_string_equal(datagram_type_name(DATAGRAM_PROBE), "probe");
    assert_string_equal(datagram_type_name(0), "unknown");
    assert_string_equal(datagram_type_name(15), "unknown");
    assert_string_equal(datagram_type_name(16), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seal__example__bytes_as_in_the_table),
        cmocka_unit_test(tag__paper_vector__fits),
        cmocka_unit_test(check_up__sealed__gives_the_head_back),
        cmocka_unit_test(check_up__sizes__short_and_oversize),
        cmocka_unit_test(check__every_first_byte__judged),
        cmocka_unit_test(tag__any_bit_or_the_key_changed__refused),
        cmocka_unit_test(seal_shared__several_receivers__same_bytes_as_seal),
        cmocka_unit_test(type_name__known_and_unknown__named),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
