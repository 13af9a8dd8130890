/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/os/lines.h"

static void lines__any_size__begin_on_a_line_and_are_zero(void **state)
{
    (void)state;
    for (size_t size = 0; size < 3000; size++) {
        unsigned char *const block = lines_create(size);

        assert_non_null(block);
        assert_int_equal((uintptr_t)block % LINES_APART, 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(block[i], 0);
        }
        memset(block, 0xff, size);
        lines_destroy(block);
    }
    lines_destroy(NULL);
}

/* All lines that a block touches are its own: it may be written to their end, and no other begins
 * in them. */
static void lines__many_blocks__share_none(void **state)
{
    enum { BLOCKS = 64 };
    unsigned char *blocks[BLOCKS];
    size_t sizes[BLOCKS];

    (void)state;
    for (unsigned i = 0; i < BLOCKS; i++) {
        const size_t size = 1 + i * 37;
        blocks[i] = lines_create(size);
        assert_non_null(blocks[i]);
        sizes[i] = (size + LINES_APART - 1) / LINES_APART * LINES_APART;
        memset(blocks[i], (int)i, sizes[i]);
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(blocks[i][k], i);
        }
        lines_destroy(blocks[i]);
    }
}

static void lines__more_than_there_is__is_null(void **state)
{
    (void)state;
    assert_null(lines_create(SIZE_MAX));
    assert_null(lines_create(SIZE_MAX - 2 * (size_t)LINES_APART));
}

struct parted {
    char a[LINES_APART];
    char b;
    char c[LINES_APART];
    char d;
};

static void part__of_a_struct__is_told_by_its_lines(void **state)
{
    (void)state;
    assert_true(LINES_PART(struct parted, a, b));
    assert_false(LINES_PART(struct parted, b, c));
    assert_false(LINES_PART(struct parted, c, d));
    assert_true(LINES_PART(struct parted, a, d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines__any_size__begin_on_a_line_and_are_zero),
        cmocka_unit_test(lines__many_blocks__share_none),
        cmocka_unit_test(lines__more_than_there_is__is_null),
        cmocka_unit_test(part__of_a_struct__is_told_by_its_lines),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
