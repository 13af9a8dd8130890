/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/blob.h"

#define BYTES  3000u
#define PLACES 2u

static struct blob_store store;
static void *memory;
static const struct session_ref host = {3, 77};
static const struct session_ref other = {3, 78}; /* The same place, used again. */

static int set_up(void **state)
{
    struct arena measure = {.base = NULL};
    (void)state;
    blob_store_init(&store, &measure, PLACES, BYTES);
    assert_in_range(measure.used, (size_t)2 * BYTES * PLACES, (size_t)2 * BYTES * PLACES + 1024);
    memory = calloc(1, measure.used);
    struct arena arena = {.base = memory};
    blob_store_init(&store, &arena, PLACES, BYTES);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

/* Byte `i` of the blob of that version. */
static uint8_t byte_at(uint32_t version, uint32_t i)
{
    return (uint8_t)(version * 31 + i * 7 + i / 256);
}

static struct control_blob piece_of(uint32_t version, uint32_t total, uint32_t offset, size_t size)
{
    static uint8_t bytes[BYTES];
    for (uint32_t i = 0; i < size; i++) {
        bytes[i] = byte_at(version, offset + i);
    }
    return (struct control_blob){version, total, offset, {bytes, size}};
}

static bool begin(uint32_t *place, uint32_t version, uint32_t total)
{
    const struct blob_upload upload = {host, 5, version, total};
    return blob_begin(&store, place, &upload);
}

static void add(uint32_t place, uint32_t version, uint32_t total, uint32_t offset, size_t size)
{
    const struct control_blob piece = piece_of(version, total, offset, size);
    assert_true(blob_is_next(&store, place, host, 5, &piece));
    blob_add(&store, place, &piece);
}

static void put(uint32_t *place, uint32_t version, uint32_t total)
{
    assert_true(begin(place, version, total));
    for (uint32_t offset = 0; offset < total; offset += 700) {
        add(*place, version, total, offset, total - offset < 700 ? total - offset : 700);
    }
    assert_true(blob_commit(&store, *place, host));
}

static void assert_current(uint32_t place, uint32_t version, uint32_t total)
{
    const struct blob *blob = blob_current(&store, place);
    uint32_t offset = 0;

    assert_non_null(blob);
    assert_int_equal(blob->version, version);
    assert_int_equal(blob->total, total);
    while (offset < total) {
        const struct control_blob part = blob_part(&store, place, offset);
        assert_int_equal(part.version, version);
        assert_int_equal(part.total, total);
        assert_int_equal(part.offset, offset);
        assert_in_range(part.bytes.size, 1, BLOB_PART_SIZE_MAX);
        for (uint32_t i = 0; i < part.bytes.size; i++) {
            assert_int_equal(part.bytes.at[i], byte_at(version, offset + i));
        }
        offset += (uint32_t)part.bytes.size;
    }
    assert_int_equal(offset, total);
}

static void upload__whole__becomes_current(void **state)
{
    uint32_t place = BLOB_NONE;
    (void)state;
    assert_null(blob_current(&store, place));
    put(&place, 1, BYTES);
    assert_current(place, 1, BYTES);
    put(&place, 2, 1);
    assert_current(place, 2, 1);
    put(&place, 3, BYTES - 1);
    assert_current(place, 3, BYTES - 1);
    assert_int_equal(store.used_count, 1);
}

static void upload__half__leaves_the_current_one_alone(void **state)
{
    uint32_t place = BLOB_NONE;
    (void)state;
    put(&place, 1, BYTES);
    assert_true(begin(&place, 2, BYTES));
    add(place, 2, BYTES, 0, 2999);
    assert_false(blob_commit(&store, place, host));
    assert_current(place, 1, BYTES);
    blob_discard(&store, &place);
    assert_current(place, 1, BYTES);
    const struct control_blob late = piece_of(2, BYTES, 2999, 1);
    assert_false(blob_is_next(&store, place, host, 5, &late));
}

static void upload__begun_anew__takes_the_place_of_the_one_under_way(void **state)
{
    uint32_t place = BLOB_NONE;
    (void)state;
    assert_true(begin(&place, 1, 2000));
    add(place, 1, 2000, 0, 1500);
    put(&place, 2, 1000);
    assert_current(place, 2, 1000);
    assert_int_equal(store.used_count, 1);
}

static void piece__not_the_next_one__is_known(void **state)
{
    uint32_t place = BLOB_NONE;
    struct control_blob piece = piece_of(1, 2000, 0, 100);
    (void)state;
    assert_false(blob_is_next(&store, place, host, 5, &piece));
    assert_true(begin(&place, 1, 2000));
    assert_true(blob_is_next(&store, place, host, 5, &piece));
    assert_false(blob_is_next(&store, place, other, 5, &piece));
    assert_false(blob_is_next(&store, place, host, 6, &piece));
    piece = piece_of(2, 2000, 0, 100);
    assert_false(blob_is_next(&store, place, host, 5, &piece));
    piece = piece_of(1, 2001, 0, 100);
    assert_false(blob_is_next(&store, place, host, 5, &piece));
    piece = piece_of(1, 2000, 1, 100);
    assert_false(blob_is_next(&store, place, host, 5, &piece));
    piece = piece_of(1, 2000, 0, 0);
    assert_false(blob_is_next(&store, place, host, 5, &piece));
    piece = piece_of(1, 2000, 0, 2001);
    assert_false(blob_is_next(&store, place, host, 5, &piece));
    add(place, 1, 2000, 0, 1999);
    piece = piece_of(1, 2000, 1999, 2);
    assert_false(blob_is_next(&store, place, host, 5, &piece));
    add(place, 1, 2000, 1999, 1);
    piece = piece_of(1, 2000, 2000, 1);
    assert_false(blob_is_next(&store, place, host, 5, &piece));
    assert_false(blob_commit(&store, place, other));
    blob_discard_of(&store, &place, other);
    assert_true(blob_commit(&store, place, host));
    assert_false(blob_commit(&store, place, host));
}

static void pool__full__refuses_new_rooms_alone(void **state)
{
    uint32_t a = BLOB_NONE;
    uint32_t b = BLOB_NONE;
    uint32_t c = BLOB_NONE;
    (void)state;
    put(&a, 1, 10);
    assert_true(begin(&b, 1, 10));
    assert_false(begin(&c, 1, 10));
    assert_int_equal(c, BLOB_NONE);
    put(&a, 2, 20); /* Whoever has a place can go on. */
    assert_current(a, 2, 20);
    blob_discard(&store, &b); /* Nothing was ever whole: the place is free. */
    assert_int_equal(b, BLOB_NONE);
    put(&c, 9, 30);
    assert_int_equal(store.used_count, 2);
    assert_int_equal(store.used_count_max, 2);
    blob_remove(&store, &a);
    blob_remove(&store, &a);
    assert_null(blob_current(&store, a));
    assert_current(c, 9, 30);
    assert_int_equal(store.used_count, 1);
}

static void serial__of_each_blob__is_another_one(void **state)
{
    uint32_t place = BLOB_NONE;
    (void)state;
    put(&place, 1, 10);
    const uint64_t first = blob_current(&store, place)->serial;
    blob_remove(&store, &place);
    put(&place, 1, 10);
    assert_int_not_equal(blob_current(&store, place)->serial, first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(upload__whole__becomes_current, set_up, tear_down),
        cmocka_unit_test_setup_teardown(upload__half__leaves_the_current_one_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(upload__begun_anew__takes_the_place_of_the_one_under_way,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(piece__not_the_next_one__is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pool__full__refuses_new_rooms_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(serial__of_each_blob__is_another_one, set_up, tear_down),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
