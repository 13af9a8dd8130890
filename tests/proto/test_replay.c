/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "proto/replay.h"

#define SEQUENCE_MAX ((UINT64_C(1) << 48) - 1)

static void fresh__zero__is_seen(void **state)
{
    struct replay replay;

    (void)state;
    replay_init(&replay);
    assert_int_equal(replay_check(&replay, 0), REPLAY_SEEN);
    assert_int_equal(replay_check(&replay, 1), REPLAY_HIGHEST);
    assert_int_equal(replay_check(&replay, SEQUENCE_MAX), REPLAY_HIGHEST);
}

static void check__without_set__changes_nothing(void **state)
{
    struct replay replay;

    (void)state;
    replay_init(&replay);
    assert_int_equal(replay_check(&replay, 5), REPLAY_HIGHEST);
    assert_int_equal(replay_check(&replay, 5), REPLAY_HIGHEST);
    assert_int_equal(replay_check(&replay, 4), REPLAY_HIGHEST);
}

static void set__window_edges__exact(void **state)
{
    struct replay replay;
    const uint64_t top = 5000;

    (void)state;
    replay_init(&replay);
    replay_set(&replay, top);
    assert_int_equal(replay_check(&replay, top), REPLAY_SEEN);
    assert_int_equal(replay_check(&replay, top - 1), REPLAY_NEW);
    assert_int_equal(replay_check(&replay, top - (REPLAY_WINDOW - 1)), REPLAY_NEW);
    assert_int_equal(replay_check(&replay, top - REPLAY_WINDOW), REPLAY_OLD);
    assert_int_equal(replay_check(&replay, 0), REPLAY_OLD);

    replay_set(&replay, top - (REPLAY_WINDOW - 1));
    assert_int_equal(replay_check(&replay, top - (REPLAY_WINDOW - 1)), REPLAY_SEEN);
    assert_int_equal(replay.highest, top);

    /* One step on, the oldest place belongs to the new top, and what was there is old. */
    assert_int_equal(replay_check(&replay, top + 1), REPLAY_HIGHEST);
    replay_set(&replay, top + 1);
    assert_int_equal(replay_check(&replay, top - (REPLAY_WINDOW - 1)), REPLAY_OLD);
    assert_int_equal(replay_check(&replay, top - (REPLAY_WINDOW - 2)), REPLAY_NEW);
}

static void set__late_ones_at_the_start__accepted_once(void **state)
{
    struct replay replay;

    (void)state;
    replay_init(&replay);
    replay_set(&replay, 1023);
    assert_int_equal(replay_check(&replay, 0), REPLAY_SEEN);
    assert_int_equal(replay_check(&replay, 1), REPLAY_NEW);
    replay_set(&replay, 1);
    assert_int_equal(replay_check(&replay, 1), REPLAY_SEEN);
    replay_set(&replay, 1024);
    assert_int_equal(replay_check(&replay, 0), REPLAY_OLD);
}

static void set__last_sequence__nothing_wraps(void **state)
{
    struct replay replay;

    (void)state;
    replay_init(&replay);
    replay_set(&replay, SEQUENCE_MAX);
    assert_int_equal(replay_check(&replay, SEQUENCE_MAX), REPLAY_SEEN);
    assert_int_equal(replay_check(&replay, SEQUENCE_MAX - 1023), REPLAY_NEW);
    assert_int_equal(replay_check(&replay, SEQUENCE_MAX - 1024), REPLAY_OLD);
    assert_int_equal(replay_check(&replay, 1), REPLAY_OLD);
}

/* Every sequence seen, then one jump of each length: exactly what it skipped is new. */
static void set__jumps_of_every_length__forget_nothing_else(void **state)
{
    (void)state;
    for (uint64_t start = 2048; start < 2048 + 64; start++) {
        for (uint64_t jump = 1; jump < 200; jump++) {
            struct replay replay;

            replay_init(&replay);
            for (uint64_t sequence = start - REPLAY_WINDOW + 1; sequence <= start; sequence++) {
                replay_set(&replay, sequence);
            }
            replay_set(&replay, start + jump);
            for (uint64_t back = 0; back < REPLAY_WINDOW; back++) {
                if (replay_check(&replay, start + jump - back) !=
                    (back == 0 || back >= jump ? REPLAY_SEEN : REPLAY_NEW)) {
                    fail_msg("start %u jump %u back %u", (unsigned)start, (unsigned)jump,
                             (unsigned)back);
                }
            }
        }
    }
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* Against the plainest model there is: one byte per sequence. */
static void random_walk__compared_with_a_plain_list__agrees(void **state)
{
    enum { SPAN = 200000 };
    uint8_t *seen = calloc(SPAN, 1);
    struct replay replay;
    uint64_t seed = 42;
    uint64_t highest = 0;

    (void)state;
    assert_non_null(seen);
    seen[0] = 1;
    replay_init(&replay);
    for (int step = 0; step < 100000; step++) {
        static const uint64_t reach[] = {2, 70, 1030, 5000};
        const uint64_t spread = reach[next_random(&seed) % 4];
        uint64_t sequence = highest + next_random(&seed) % spread;
        const uint64_t back = next_random(&seed) % (2 * spread);
        enum replay_verdict expected;

        sequence = sequence > back ? sequence - back : 0;
        if (sequence >= SPAN) {
            break;
        }
        expected = sequence > highest ? REPLAY_HIGHEST
                   : highest - sequence >= REPLAY_WINDOW
                       ? REPLAY_OLD
                       : (seen[sequence] ? REPLAY_SEEN : REPLAY_NEW);
        assert_int_equal(replay_check(&replay, sequence), expected);
        if (expected == REPLAY_HIGHEST || expected == REPLAY_NEW) {
            replay_set(&replay, sequence);
            seen[sequence] = 1;
            highest = sequence > highest ? sequence : highest;
        }
    }
    assert_true(highest > 20000);
    free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh__zero__is_seen),
        cmocka_unit_test(check__without_set__changes_nothing),
        cmocka_unit_test(set__window_edges__exact),
        cmocka_unit_test(set__late_ones_at_the_start__accepted_once),
        cmocka_unit_test(set__last_sequence__nothing_wraps),
        cmocka_unit_test(set__jumps_of_every_length__forget_nothing_else),
        cmocka_unit_test(random_walk__compared_with_a_plain_list__agrees),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
