/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"
#include "proto/body.h"

static void send_ping(struct fixture *f, struct client *client, const struct path *from,
                      const struct body_ping *ping)
{
    uint8_t body[BODY_PING_SIZE];

    body_ping_write(body, ping);
    client_send_from(f, client, from, DATAGRAM_PING, body, sizeof(body));
}

static void slot__not_bound_in_time__is_removed(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_bind(&f, &a);
    client_join(&f, &b, 2, &a);
    fixture_forget(&f);
    fixture_run(&f, f.now_ns + limits.bind_timeout_ns - 1);
    assert_int_equal(f.event_count, 0);
    fixture_run(&f, f.now_ns + 1);
    assert_int_equal(f.events[0].type, EVENT_REMOVED);
    assert_int_equal(f.events[0].session.index, b.session.index);
    assert_int_equal(f.events[0].reason, REASON_BIND_TIMEOUT);
    assert_int_equal(f.events[1].type, EVENT_LEFT);
    assert_int_equal(f.events[1].reason, REASON_BIND_TIMEOUT);
    /* It has no address to which a BYE could go. */
    assert_int_equal(f.sent_count, 0);
    fixture_close(&f);
}

static void slot__silent_on_its_path__is_removed_whatever_comes_elsewhere(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    const struct body_ping ping = {.client_time_us = 1};
    const struct path elsewhere = fixture_path(70);
    uint64_t heard_ns = 0;
    const struct sent *bye = NULL;
    unsigned reason = 0;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_bind(&f, &a);
    for (unsigned count = 0; count < 3; count++) {
        fixture_run(&f, f.now_ns + limits.session_idle_ns - 1);
        send_ping(&f, &a, &a.path, &ping);
        heard_ns = f.now_ns;
        assert_int_equal(fixture_counters(&f).slots_bound, 1);
    }
    while (f.now_ns < heard_ns + limits.session_idle_ns - SECOND) {
        fixture_run(&f, f.now_ns + SECOND);
        send_ping(&f, &a, &elsewhere, &ping);
    }
    fixture_forget(&f);
    fixture_run(&f, heard_ns + limits.session_idle_ns);
    assert_int_equal(f.events[0].type, EVENT_REMOVED);
    assert_int_equal(f.events[0].reason, REASON_UDP_IDLE);
    bye = client_find(&f, &a, DATAGRAM_BYE, 0);
    assert_non_null(bye);
    assert_int_equal(bye->size, 30);
    assert_true(addr_equal(&bye->path.peer, &a.path.peer));
    assert_true(body_bye_read(datagram_body(bye->bytes), datagram_body_size(bye->size), &reason));
    assert_int_equal(reason, REASON_UDP_IDLE);
    assert_int_equal(client_count(&f, &a, DATAGRAM_BYE), 1);
    fixture_close(&f);
}

static void idle__per_datagram__touches_no_timer(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    uint64_t deadline_ns = 0;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_bind(&f, &a);
    deadline_ns = core_next_deadline(f.core);
    for (unsigned count = 0; count < 20; count++) {
        f.now_ns += SECOND;
        client_send_record(&f, &a, MEMBER_ALL, 1, false, "x", 1);
        assert_int_equal(core_next_deadline(f.core), deadline_ns);
    }
    fixture_close(&f);
}

static void slot__after_its_end__keeps_no_key_and_answers_nothing(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    struct command command;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_join(&f, &b, 2, &a);
    client_bind(&f, &a);
    client_bind(&f, &b);
    command = client_command(&a, COMMAND_KICK);
    command.member = b.member;
    fixture_command(&f, &command);
    /* Its BYE is not out yet; core_check() has seen that the keys are gone. */
    assert_int_equal(f.core->slots[b.slot.index].state, SLOT_ENDING);
    client_send_record(&f, &b, MEMBER_ALL, 1, false, "x", 1);
    assert_int_equal(fixture_dropped(&f, REASON_BAD_SLOT), 1);
    fixture_settle(&f);
    assert_int_equal(f.sent_count, 1);
    assert_int_equal(client_count(&f, &b, DATAGRAM_BYE), 1);
    assert_int_equal(f.core->slots[b.slot.index].state, SLOT_FREE);
    fixture_close(&f);
}

static void slot__used_again__refuses_the_datagrams_of_before(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    struct client c;
    struct command command;
    (void)state;

    limits.slots_max = 2;
    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_join(&f, &b, 2, &a);
    command = client_command(&b, COMMAND_LEAVE);
    fixture_command(&f, &command);
    fixture_forget(&f);
    client_join(&f, &c, 3, &a);
    assert_int_equal(c.slot.index, b.slot.index);
    client_send_record(&f, &b, MEMBER_ALL, 1, false, "x", 1);
    assert_int_equal(fixture_dropped(&f, REASON_BAD_SLOT_TAG), 1);
    fixture_close(&f);
}

static void client__over_its_limits_for_long__is_removed(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    uint64_t begun_ns = 0;
    (void)state;

    limits.client_datagrams_rate = 10;
    limits.client_datagrams_burst = 10;
    limits.over_limit_close_ns = 3 * SECOND;
    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_bind(&f, &a);
    client_join(&f, &b, 2, &a);
    client_bind(&f, &b);
    fixture_run(&f, f.now_ns + 5 * SECOND);
    /* Two seconds of flood, a pause, and again: no unbroken run. */
    for (unsigned count = 0; count < 400; count++) {
        fixture_run(&f, f.now_ns + 10 * MS + (count == 200 ? 2 * SECOND : 0));
        client_send_record(&f, &a, MEMBER_ALL, 1, false, "x", 1);
    }
    assert_int_equal(fixture_counters(&f).slots_in_use, 2);
    /* The flood empties the bucket at the end of a second, which does not count as a whole one. */
    fixture_run(&f, (f.now_ns / SECOND + 3) * SECOND + 850 * MS);
    fixture_forget(&f);
    begun_ns = f.now_ns;
    while (fixture_counters(&f).slots_in_use == 2 && f.now_ns < begun_ns + 10 * SECOND) {
        fixture_run(&f, f.now_ns + 10 * MS);
        client_send_record(&f, &a, MEMBER_ALL, 1, false, "x", 1);
    }
    fixture_settle(&f);
    assert_in_range(f.now_ns - begun_ns, 3 * SECOND, 4 * SECOND + 200 * MS);
    assert_int_equal(fixture_event(&f, EVENT_REMOVED, 0)->reason, REASON_OVER_LIMIT);
    assert_int_equal(fixture_event(&f, EVENT_REMOVED, 0)->session.index, a.session.index);
    /* Told once a second while it lasted. */
    assert_in_range(f.event_count, 5, 9);
    fixture_close(&f);
}

static void limits__changed__hold_for_who_is_there(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_bind(&f, &a);
    f.now_ns += 10 * SECOND;
    limits.session_idle_ns = 12 * SECOND;
    core_set_limits(f.core, &limits);
    fixture_check(&f);
    assert_int_equal(core_next_deadline(f.core), f.now_ns + 2 * SECOND);
    limits.session_idle_ns = 40 * SECOND;
    core_set_limits(f.core, &limits);
    fixture_run(&f, f.now_ns + 30 * SECOND - 1);
    assert_int_equal(fixture_counters(&f).slots_bound, 1);
    fixture_run(&f, f.now_ns + 1);
    assert_int_equal(fixture_counters(&f).slots_bound, 0);
    fixture_close(&f);
}

static void stats__of_a_member__follow_its_pings(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct core_member_stats stats;
    struct body_ping ping = {.client_time_us = 1};
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    client_bind(&f, &a);
    f.now_ns += SECOND;
    send_ping(&f, &a, &a.path, &ping);
    fixture_settle(&f);
    (void)body_ping_read(datagram_body(client_find(&f, &a, DATAGRAM_PONG, 0)->bytes),
                         BODY_PONG_SIZE, &ping);
    /* A round trip of 30 ms, a second of waiting, and one of four datagrams down was lost; a
     * fifth of those up. */
    f.now_ns += SECOND + 30 * MS;
    ping.delay_us = 1000000;
    ping.highest = 3;
    ping.received = 2;
    a.sequence++;
    send_ping(&f, &a, &a.path, &ping);
    assert_true(core_member_stats(f.core, a.slot, &stats));
    assert_in_range(stats.rtt_ns, 30 * MS, 30 * MS + 2000);
    assert_int_equal(stats.loss_down_ppm, 333333);
    assert_int_equal(stats.loss_up_ppm, 200000);
    assert_int_equal(stats.highest_up, 5);
    assert_int_equal(stats.received_up, 4);
    a.slot.tag++;
    assert_false(core_member_stats(f.core, a.slot, &stats));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slot__not_bound_in_time__is_removed),
        cmocka_unit_test(slot__silent_on_its_path__is_removed_whatever_comes_elsewhere),
        cmocka_unit_test(idle__per_datagram__touches_no_timer),
        cmocka_unit_test(slot__after_its_end__keeps_no_key_and_answers_nothing),
        cmocka_unit_test(slot__used_again__refuses_the_datagrams_of_before),
        cmocka_unit_test(client__over_its_limits_for_long__is_removed),
        cmocka_unit_test(limits__changed__hold_for_who_is_there),
        cmocka_unit_test(stats__of_a_member__follow_its_pings),
    };

    return RUN_TESTS(tests);
}
