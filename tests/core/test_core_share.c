/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "daemon/core/share.h"

#define MS     UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

#define SENDERS 4

struct world {
    struct share share;
    struct bucket room;
    struct bucket own[SENDERS];
    unsigned passed[SENDERS];
    uint32_t rate;
    uint32_t burst;
    uint64_t now_ns;
};

/* A sender that wants `cost`; whether it got it. */
static bool want(struct world *world, unsigned sender, uint32_t cost)
{
    const struct share_budget budget = {.room = &world->room,
                                        .own = &world->own[sender],
                                        .rate = world->rate,
                                        .burst = world->burst};

    share_mark(&world->share, sender, world->now_ns);
    if (!share_has(&world->share, &budget, cost, world->now_ns)) {
        assert_true(share_wait_ns(&world->share, &budget, cost) > 0);
        return false;
    }
    share_take(&world->share, &budget, cost, world->now_ns);
    world->passed[sender] += cost;
    return true;
}

static void alone__has_the_whole_budget(void **state)
{
    struct world world = {.rate = 100, .burst = 100, .now_ns = SECOND};
    (void)state;

    while (want(&world, 0, 1)) {
    }
    assert_int_equal(world.passed[0], 100);
    for (unsigned ms = 0; ms < 1000; ms++) {
        world.now_ns += MS;
        (void)want(&world, 0, 1);
    }
    assert_in_range(world.passed[0], 199, 200);
}

static void flood__beside_members_within_their_share__harms_none_of_them(void **state)
{
    struct world world = {.rate = 1000, .burst = 1000, .now_ns = SECOND};
    unsigned refused = 0;
    (void)state;

    for (unsigned ms = 0; ms < 10000; ms++) {
        world.now_ns += MS;
        for (unsigned flood = 0; flood < 20; flood++) {
            (void)want(&world, 0, 1);
        }
        /* Three of four senders want 100 a second each, of 250 that are theirs. */
        for (unsigned sender = 1; sender < SENDERS; sender++) {
            refused += ms % 10 == sender && !want(&world, sender, 1) && ms > 1000;
        }
    }
    assert_int_equal(refused, 0);
    assert_in_range(world.passed[1], 990, 1000);
    /* What they leave goes to who wants it. */
    assert_in_range(world.passed[0], 6900, 8100);
}

static void all__want_more__get_equal_parts(void **state)
{
    struct world world = {.rate = 1000, .burst = 1000, .now_ns = SECOND};
    unsigned total = 0;
    (void)state;

    for (unsigned ms = 0; ms < 20000; ms++) {
        world.now_ns += MS;
        /* The first asks most often, and first. */
        for (unsigned sender = 0; sender < SENDERS; sender++) {
            for (unsigned ask = sender; ask < SENDERS; ask++) {
                (void)want(&world, sender, 3);
            }
        }
    }
    for (unsigned sender = 0; sender < SENDERS; sender++) {
        total += world.passed[sender];
        assert_in_range(world.passed[sender], 4500, 6000);
    }
    assert_in_range(total, 19000, 21000);
}

static void cost__above_the_burst__passes_now_and_then(void **state)
{
    struct world world = {.rate = 10, .burst = 10, .now_ns = SECOND};
    (void)state;

    assert_true(want(&world, 0, 63));
    assert_false(want(&world, 0, 63));
    world.now_ns += 5 * SECOND;
    assert_false(want(&world, 0, 63));
    world.now_ns += 2 * SECOND;
    assert_true(want(&world, 0, 63));
}

static void count__who_has_been_silent__counts_no_more(void **state)
{
    struct share share = {0};
    (void)state;

    assert_int_equal(share_count(&share), 1);
    share_mark(&share, 1, 10 * SECOND);
    share_mark(&share, 2, 10 * SECOND + 5);
    share_mark(&share, 200, 11 * SECOND);
    assert_int_equal(share_count(&share), 3);
    share_mark(&share, 200, 12 * SECOND);
    assert_int_equal(share_count(&share), 1);
    share_mark(&share, 3, 20 * SECOND);
    assert_int_equal(share_count(&share), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone__has_the_whole_budget),
        cmocka_unit_test(flood__beside_members_within_their_share__harms_none_of_them),
        cmocka_unit_test(all__want_more__get_equal_parts),
        cmocka_unit_test(cost__above_the_burst__passes_now_and_then),
        cmocka_unit_test(count__who_has_been_silent__counts_no_more),
    };

    return RUN_TESTS(tests);
}
