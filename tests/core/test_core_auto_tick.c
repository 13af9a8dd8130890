/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/auto_tick.h"

/* So many turns of a millisecond, of which so many microseconds are work. */
static void work(struct auto_tick *tick, unsigned turns, uint64_t busy_us)
{
    for (unsigned turn = 0; turn < turns; turn++) {
        auto_tick_turn(tick, 4 * MS, busy_us * 1000, (1000 - busy_us) * 1000);
    }
}

static void tick__under_load__doubles_to_its_limit_and_goes_back(void **state)
{
    struct auto_tick tick = {0};
    (void)state;

    work(&tick, 160, 700);
    assert_true(tick.tick_ns == 0);
    work(&tick, 16, 950);
    assert_true(tick.tick_ns == MS / 4);
    work(&tick, 32, 950);
    assert_true(tick.tick_ns == MS);
    work(&tick, 320, 950);
    assert_true(tick.tick_ns == 4 * MS && tick.max_ns == 4 * MS);
    assert_int_equal(tick.raised, 5);
    work(&tick, 160, 700);
    assert_true(tick.tick_ns == 4 * MS);
    work(&tick, 16, 300);
    assert_true(tick.tick_ns == 2 * MS);
    work(&tick, 64, 300);
    assert_true(tick.tick_ns == 0);
}

static void tick__after_a_long_wait__is_gone(void **state)
{
    struct auto_tick tick = {0};
    (void)state;

    work(&tick, 320, 990);
    assert_true(tick.tick_ns == 4 * MS);
    auto_tick_turn(&tick, 4 * MS, MS, SECOND);
    assert_true(tick.tick_ns == 0);
}

static void limit__lowered_or_0__holds_at_once(void **state)
{
    struct auto_tick tick = {0};
    (void)state;

    work(&tick, 320, 990);
    auto_tick_turn(&tick, MS, 20 * MS, 0);
    assert_true(tick.tick_ns == MS);
    auto_tick_turn(&tick, 0, 20 * MS, 0);
    assert_true(tick.tick_ns == 0);
}

static void room__without_a_tick__waits_for_the_auto_tick_under_load(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    (void)state;

    limits.room_auto_tick_max_ns = 4 * MS;
    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_join(&f, &b, 2, &a);
    client_bind(&f, &a);
    client_bind(&f, &b);
    assert_false(core_is_ticking(f.core));
    for (unsigned turn = 0; turn < 10; turn++) {
        core_turn_done(f.core, 20 * MS, 0, false);
    }
    assert_true(core_is_ticking(f.core));
    client_send_record(&f, &a, MEMBER_ALL, 1, false, "old", 3);
    fixture_flush(&f);
    assert_int_equal(f.sent_count, 0);
    client_send_record(&f, &a, MEMBER_ALL, 1, false, "new", 3);
    fixture_run(&f, f.now_ns + 4 * MS);
    assert_int_equal(client_count(&f, &b, DATAGRAM_DATA), 1);
    assert_int_equal(fixture_counters(&f).deliveries_superseded, 1);
    assert_int_equal(fixture_counters(&f).flushes_lengthened, 1);
    assert_int_equal(fixture_counters(&f).auto_tick_us, 4000);
    core_turn_done(f.core, 0, SECOND, false);
    fixture_forget(&f);
    client_send_record(&f, &a, MEMBER_ALL, 1, false, "new", 3);
    fixture_flush(&f);
    assert_int_equal(client_count(&f, &b, DATAGRAM_DATA), 1);
    assert_int_equal(fixture_counters(&f).auto_tick_us, 0);
    fixture_close(&f);
}

static void room__with_a_tick__makes_up_for_one_that_passed_while_the_worker_rested(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    struct client c;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 10000);
    client_join(&f, &b, 2, &a);
    client_bind(&f, &a);
    client_bind(&f, &b);
    assert_true(core_is_calm(f.core));
    /* The first room's phase is 0: half a millisecond ago there was a tick. */
    f.now_ns += 10 * MS - f.now_ns % (10 * MS) + MS / 2;
    core_turn_done(f.core, 0, MS / 4, true);
    client_send_record(&f, &a, MEMBER_ALL, 1, false, "late", 4);
    fixture_flush(&f);
    assert_int_equal(client_count(&f, &b, DATAGRAM_DATA), 0);
    fixture_run(&f, f.now_ns + 10 * MS);
    assert_int_equal(client_count(&f, &b, DATAGRAM_DATA), 1);
    fixture_forget(&f);
    f.now_ns += 10 * MS - f.now_ns % (10 * MS) + MS / 2;
    core_turn_done(f.core, 0, MS, true);
    client_send_record(&f, &a, MEMBER_ALL, 1, false, "late", 4);
    fixture_flush(&f);
    assert_int_equal(client_count(&f, &b, DATAGRAM_DATA), 1);
    client_create(&f, &c, 3, 0);
    assert_false(core_is_calm(f.core));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tick__under_load__doubles_to_its_limit_and_goes_back),
        cmocka_unit_test(tick__after_a_long_wait__is_gone),
        cmocka_unit_test(limit__lowered_or_0__holds_at_once),
        cmocka_unit_test(room__without_a_tick__waits_for_the_auto_tick_under_load),
        cmocka_unit_test(room__with_a_tick__makes_up_for_one_that_passed_while_the_worker_rested),
    };

    return RUN_TESTS(tests);
}
