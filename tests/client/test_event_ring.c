/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "client/event_ring.h"

static uint8_t memory[3 * EVENT_ENTRY_SIZE(100)];

static bool push(struct event_ring *ring, uint64_t serial, const void *bytes, size_t size)
{
    struct gsrelay_event event = {.type = GSRELAY_EVENT_STATE, .age_ms = (uint32_t)serial};

    return event_ring_push(ring, serial, &event, bytes, size);
}

static void ring__empty__has_no_serial(void **state)
{
    struct event_ring ring;

    (void)state;
    event_ring_init(&ring, memory, sizeof(memory));
    assert_int_equal(event_ring_serial(&ring), UINT64_MAX);
    assert_int_equal(event_ring_left(&ring), sizeof(memory));
}

static void ring__filled_to_its_last_byte__takes_no_more(void **state)
{
    static const uint8_t bytes[100];
    struct event_ring ring;

    (void)state;
    event_ring_init(&ring, memory, sizeof(memory));
    for (uint64_t serial = 1; serial <= 3; serial++)
        assert_true(push(&ring, serial, bytes, sizeof(bytes)));
    assert_int_equal(event_ring_left(&ring), 0);
    assert_false(push(&ring, 4, NULL, 0));
    assert_int_equal(event_ring_serial(&ring), 1);
    event_ring_pop(&ring, NULL);
    assert_int_equal(event_ring_serial(&ring), 2);
    assert_false(push(&ring, 4, memory, 101));
    assert_true(push(&ring, 4, bytes, 100));
}

static void ring__used_for_long__gives_back_what_was_put_at_any_offset(void **state)
{
    struct gsrelay_event event;
    struct event_ring ring;
    uint8_t bytes[100];
    uint64_t put = 0;
    uint64_t got = 0;

    (void)state;
    event_ring_init(&ring, memory, sizeof(memory));
    while (got < 5000) {
        size_t size = (size_t)(put * 7 % 101);

        memset(bytes, (int)(put & 0xFF), sizeof(bytes));
        if (push(&ring, put, bytes, size)) {
            put++;
            continue;
        }
        assert_int_equal(event_ring_serial(&ring), got);
        event_ring_pop(&ring, &event);
        assert_int_equal(event.age_ms, got);
        assert_int_equal(event.size, got * 7 % 101);
        for (size_t i = 0; i < event.size; i++)
            assert_int_equal(event.bytes[i], got & 0xFF);
        got++;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring__empty__has_no_serial),
        cmocka_unit_test(ring__filled_to_its_last_byte__takes_no_more),
        cmocka_unit_test(ring__used_for_long__gives_back_what_was_put_at_any_offset),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
