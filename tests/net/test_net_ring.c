/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/net/net_ring.h"

static void take__more_than_there_are__gives_none_until_one_is_put(void **state)
{
    struct net_ring_pool *pool = NULL;

    (void)state;
    assert_int_equal(net_ring_pool_create(2, 8, &pool), RESULT_OK);
    const uint32_t first = net_ring_take(pool);
    const uint32_t second = net_ring_take(pool);
    assert_int_not_equal(first, second);
    assert_int_equal(net_ring_take(pool), NET_RING_NONE);
    net_ring_put(pool, first);
    assert_int_equal(net_ring_take(pool), first);
    assert_int_equal(net_ring_take(pool), NET_RING_NONE);
    net_ring_pool_destroy(pool);
}

static void put__with_bytes_in_it__comes_back_empty(void **state)
{
    struct net_ring_pool *pool = NULL;
    struct net_ring_piece pieces[2];

    (void)state;
    assert_int_equal(net_ring_pool_create(1, 8, &pool), RESULT_OK);
    const uint32_t ring = net_ring_take(pool);
    net_ring_write(pool, ring, "abc", 3);
    net_ring_put(pool, ring);
    assert_int_equal(net_ring_take(pool), ring);
    assert_int_equal(net_ring_used(pool, ring), 0);
    assert_int_equal(net_ring_room(pool, ring), 8);
    assert_int_equal(net_ring_peek(pool, ring, pieces), 0);
    net_ring_pool_destroy(pool);
}

static void peek__bytes_over_the_edge__are_two_pieces_in_order(void **state)
{
    struct net_ring_pool *pool = NULL;
    struct net_ring_piece pieces[2];

    (void)state;
    assert_int_equal(net_ring_pool_create(1, 8, &pool), RESULT_OK);
    const uint32_t ring = net_ring_take(pool);
    net_ring_write(pool, ring, "abcdef", 6);
    net_ring_consume(pool, ring, 5);
    net_ring_write(pool, ring, "ghijklm", 7);
    assert_int_equal(net_ring_room(pool, ring), 0);
    assert_int_equal(net_ring_peek(pool, ring, pieces), 2);
    assert_int_equal(pieces[0].size, 3);
    assert_memory_equal(pieces[0].bytes, "fgh", 3);
    assert_int_equal(pieces[1].size, 5);
    assert_memory_equal(pieces[1].bytes, "ijklm", 5);
    net_ring_pool_destroy(pool);
}

static void stream__every_size_and_offset__comes_out_as_it_went_in(void **state)
{
    struct net_ring_pool *pool = NULL;
    uint8_t next_in = 0;
    uint8_t next_out = 0;

    (void)state;
    assert_int_equal(net_ring_pool_create(3, 13, &pool), RESULT_OK);
    assert_int_equal(net_ring_take(pool), 0);
    const uint32_t ring = net_ring_take(pool);
    for (unsigned turn = 0; turn < 2000; turn++) {
        uint8_t bytes[13];
        size_t size = turn * 7 % 14;
        if (size > net_ring_room(pool, ring)) {
            size = net_ring_room(pool, ring);
        }
        for (size_t i = 0; i < size; i++) {
            bytes[i] = next_in++;
        }
        net_ring_write(pool, ring, bytes, size);

        struct net_ring_piece pieces[2];
        const unsigned count = net_ring_peek(pool, ring, pieces);
        size_t seen = 0;
        for (unsigned p = 0; p < count; p++) {
            for (size_t i = 0; i < pieces[p].size; i++) {
                assert_int_equal(pieces[p].bytes[i], (uint8_t)(next_out + seen));
                seen++;
            }
        }
        assert_int_equal(seen, net_ring_used(pool, ring));
        const size_t gone = turn * 5 % (seen + 1);
        net_ring_consume(pool, ring, gone);
        next_out = (uint8_t)(next_out + gone);
    }
    net_ring_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(take__more_than_there_are__gives_none_until_one_is_put),
        cmocka_unit_test(put__with_bytes_in_it__comes_back_empty),
        cmocka_unit_test(peek__bytes_over_the_edge__are_two_pieces_in_order),
        cmocka_unit_test(stream__every_size_and_offset__comes_out_as_it_went_in),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
