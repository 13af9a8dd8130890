/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "daemon/core/cell.h"

#define CELLS 4

static void cells__taken_and_put__do_not_overlap(void **state)
{
    struct cell_pool cells;
    void *memory = calloc(1, cell_pool_size(CELLS, 104));
    (void)state;

    assert_non_null(memory);
    cell_pool_init(&cells, memory, CELLS, 104);
    for (uint32_t cell = 0; cell < CELLS; cell++) {
        assert_true(cell_is_left(&cells));
        assert_int_equal(cell_take(&cells), cell);
        memset(cell_bytes(&cells, cell), (int)cell + 1, 104);
    }
    assert_false(cell_is_left(&cells));
    assert_int_equal(cell_take(&cells), CELL_NONE);
    for (uint32_t cell = 0; cell < CELLS; cell++) {
        assert_int_equal(cell_bytes(&cells, cell)[0], cell + 1);
        assert_int_equal(cell_bytes(&cells, cell)[103], cell + 1);
    }
    cell_put(&cells, 1);
    assert_true(cell_is_left(&cells));
    assert_int_equal(cell_take(&cells), 1);
    assert_int_equal(cells.used_max, CELLS);
    free(memory);
}

static void size__beyond_the_address_space__is_zero(void **state)
{
    (void)state;
    assert_int_equal(cell_pool_size(UINT32_MAX, SIZE_MAX / 1024), 0);
    assert_int_equal(cell_pool_size(10, 16), 10 * 4 + 160);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells__taken_and_put__do_not_overlap),
        cmocka_unit_test(size__beyond_the_address_space__is_zero),
    };

    return RUN_TESTS(tests);
}
