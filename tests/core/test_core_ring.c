/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "daemon/core/ring.h"

static const struct member_set nobody = {{0}};

static void put(struct ring *ring, uint16_t sender_id, unsigned receiver)
{
    struct ring_entry *entry = &ring->entries[ring_append(ring)];

    entry->sender_id = sender_id;
    entry->cell = 1;
    member_set_add(&entry->waiting, receiver);
}

static void ring__removed_from_the_middle__keeps_the_order(void **state)
{
    static struct ring ring;
    (void)state;

    ring = (struct ring){0};
    for (uint16_t number = 0; number < RING_SIZE; number++) {
        put(&ring, number, 1);
    }
    assert_int_equal(ring.count, RING_SIZE);
    ring_remove(&ring, 5);
    ring_remove(&ring, 0);
    put(&ring, 500, 1);
    put(&ring, 501, 1);
    assert_int_equal(ring.count, RING_SIZE);
    assert_int_equal(ring.entries[ring.order[0]].sender_id, 1);
    assert_int_equal(ring.entries[ring.order[4]].sender_id, 6);
    assert_int_equal(ring.entries[ring.order[RING_SIZE - 2]].sender_id, 500);
    assert_int_equal(ring.entries[ring.order[RING_SIZE - 1]].sender_id, 501);
    for (unsigned index = RING_SIZE; index > 0; index--) {
        ring_remove(&ring, ring.order[index / 2]);
    }
    assert_int_equal(ring.count, 0);
}

static void victim__one_talks_most__loses_its_own_oldest(void **state)
{
    static struct ring ring;
    (void)state;

    ring = (struct ring){0};
    for (unsigned number = 0; number < 3; number++) {
        put(&ring, 0x107, 1);
    }
    for (unsigned number = 3; number < RING_SIZE; number++) {
        put(&ring, 0x109, 1);
    }
    assert_int_equal(ring_victim(&ring, 0x109, &nobody), 3);
    assert_int_equal(ring_victim(&ring, 0x107, &nobody), 3);
    assert_int_equal(ring_victim(&ring, 0x111, &nobody), 3);
}

static void victim__as_many_of_each__is_of_who_adds(void **state)
{
    static struct ring ring;
    (void)state;

    ring = (struct ring){0};
    for (unsigned number = 0; number < RING_SIZE; number++) {
        put(&ring, (uint16_t)(0x100 + number % 2), 1);
    }
    assert_int_equal(ring_victim(&ring, 0x101, &nobody), 1);
    assert_int_equal(ring_victim(&ring, 0x100, &nobody), 0);
    ring = (struct ring){0};
    for (unsigned number = 0; number < RING_SIZE; number++) {
        put(&ring, (uint16_t)(0x100 + number), 1);
    }
    assert_int_equal(ring_victim(&ring, 0x1F0, &nobody), 0);
}

static void victim__waits_for_held_members_only__comes_first(void **state)
{
    static struct ring ring;
    struct member_set held = {{0}};
    (void)state;

    ring = (struct ring){0};
    member_set_add(&held, 9);
    for (unsigned number = 0; number < RING_SIZE; number++) {
        put(&ring, 0x101, number == 70 ? 9 : 1);
    }
    assert_int_equal(ring_victim(&ring, 0x102, &held), 70);
    member_set_add(&ring.entries[70].waiting, 2);
    assert_int_equal(ring_victim(&ring, 0x102, &held), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring__removed_from_the_middle__keeps_the_order),
        cmocka_unit_test(victim__one_talks_most__loses_its_own_oldest),
        cmocka_unit_test(victim__as_many_of_each__is_of_who_adds),
        cmocka_unit_test(victim__waits_for_held_members_only__comes_first),
    };

    return RUN_TESTS(tests);
}
