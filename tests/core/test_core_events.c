/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"

static void ring__nearly_full__stops_commands_and_timers_until_drained(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client host;
    struct client clients[20];
    struct event event;
    unsigned removed = 0;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &host, 1, 0);
    client_bind(&f, &host);
    for (unsigned number = 0; number < 20; number++) {
        client_join(&f, &clients[number], 10 + number, &host);
    }
    f.now_ns += limits.bind_timeout_ns;
    while (removed < 20) {
        core_run_timers(f.core, f.now_ns);
        fixture_check(&f);
        assert_true(f.core->events.count <= EVENT_RING_SIZE);
        if (removed == 0) {
            assert_false(core_can_act(f.core));
            assert_true(core_next_deadline(f.core) <= f.now_ns);
        }
        while (core_event(f.core, &event)) {
            removed += event.type == EVENT_REMOVED;
        }
        assert_true(core_can_act(f.core));
    }
    assert_int_equal(removed, 20);
    assert_int_equal(fixture_counters(&f).slots_in_use, 1);
    fixture_close(&f);
}

static void notices__of_many_slots__come_after_the_ring_and_once_each(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client host;
    struct client clients[30];
    struct command command;
    unsigned noticed[64] = {0};
    (void)state;

    limits.client_records_rate = 1;
    limits.client_records_burst = 1;
    limits.over_limit_close_ns = 0;
    fixture_open(&f, &limits);
    client_create(&f, &host, 1, 0);
    for (unsigned number = 0; number < 30; number++) {
        client_join(&f, &clients[number], 10 + number, &host);
        for (unsigned count = 0; count < 5; count++) {
            client_send_record(&f, &clients[number], MEMBER_ALL, 1, false, "x", 1);
        }
    }
    fixture_forget(&f);
    /* One of them is gone before it can be told. */
    command = client_command(&clients[3], COMMAND_LEAVE);
    core_command(f.core, &command, f.now_ns);
    fixture_take_events(&f);
    assert_int_equal(f.events[0].type, EVENT_DONE);
    assert_int_equal(f.events[1].type, EVENT_LEFT);
    for (unsigned index = 2; index < f.event_count; index++) {
        assert_int_equal(f.events[index].type, EVENT_NOTICE);
        assert_int_equal(f.events[index].reason, REASON_CLIENT_RECORDS);
        assert_int_equal(f.events[index].limit, 1);
        assert_int_equal(f.events[index].retry_ms, 1000);
        noticed[f.events[index].session.index]++;
    }
    for (unsigned number = 0; number < 30; number++) {
        /* Those that joined early were told while the others joined. */
        assert_true(noticed[10 + number] <= 1);
    }
    assert_int_equal(noticed[13], 0);
    assert_int_equal(noticed[39], 1);
    fixture_close(&f);
}

static void keys__in_an_event_that_was_taken__are_wiped(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    for (unsigned index = 0; index < EVENT_RING_SIZE; index++) {
        const struct slot_secret none = {0};

        assert_memory_equal(&f.core->events.events[index].secret, &none, sizeof(none));
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring__nearly_full__stops_commands_and_timers_until_drained),
        cmocka_unit_test(notices__of_many_slots__come_after_the_ring_and_once_each),
        cmocka_unit_test(keys__in_an_event_that_was_taken__are_wiped),
    };

    return RUN_TESTS(tests);
}
