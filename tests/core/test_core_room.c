/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"

static void leave(struct fixture *f, const struct client *client)
{
    const struct command command = client_command(client, COMMAND_LEAVE);

    fixture_command(f, &command);
}

static void member_ids__over_many_joins__come_back_late_and_never_reserved(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client host;
    struct client guest;
    uint8_t *seen = calloc(1, 65536);
    unsigned until_repeat = 0;
    (void)state;

    assert_non_null(seen);
    limits.members_per_room_max = 4;
    fixture_open(&f, &limits);
    client_create(&f, &host, 1, 0);
    seen[host.member] = 1;
    for (;; until_repeat++) {
        fixture_forget(&f);
        client_join(&f, &guest, 2, &host);
        assert_int_not_equal(guest.member >> 8, 0);
        assert_true(guest.member < 0xFF00);
        if (seen[guest.member]) {
            break;
        }
        seen[guest.member] = 1;
        leave(&f, &guest);
    }
    assert_int_equal(until_repeat, 254 * 3);
    free(seen);
    fixture_close(&f);
}

static void host__leaves__the_oldest_follows(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client clients[4];
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &clients[0], 0, 0);
    for (unsigned number = 1; number < 4; number++) {
        client_join(&f, &clients[number], number, &clients[0]);
    }
    leave(&f, &clients[1]);
    client_join(&f, &clients[1], 9, &clients[0]);
    fixture_forget(&f);
    leave(&f, &clients[0]);
    assert_int_equal(fixture_event(&f, EVENT_HOST_CHANGED, 0)->host, clients[2].member);
    leave(&f, &clients[2]);
    leave(&f, &clients[3]);
    assert_int_equal(fixture_event(&f, EVENT_HOST_CHANGED, 2)->host, clients[1].member);
    assert_int_equal(fixture_event(&f, EVENT_HOST_CHANGED, 2)->host_epoch, 4);
    fixture_close(&f);
}

static void room__empty__keeps_its_place_for_a_while_and_is_closed(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    const struct event *event = NULL;
    (void)state;

    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    leave(&f, &a);
    fixture_run(&f, f.now_ns + limits.room_empty_ttl_ns - 1);
    assert_null(fixture_event(&f, EVENT_ROOM_CLOSED, 0));
    /* Whoever comes is the host, in an epoch of its own. */
    fixture_forget(&f);
    client_join(&f, &b, 2, &a);
    assert_int_equal(f.event_count, 1);
    assert_int_equal(f.events[0].host, b.member);
    assert_int_equal(f.events[0].host_epoch, 2);
    leave(&f, &b);
    fixture_run(&f, f.now_ns + limits.room_empty_ttl_ns);
    event = fixture_event(&f, EVENT_ROOM_CLOSED, 0);
    assert_non_null(event);
    assert_int_equal(event->room.index, a.room.index);
    assert_int_equal(event->room.tag, a.room.tag);
    assert_int_equal(event->receiver_count, 0);
    assert_int_equal(fixture_counters(&f).rooms_in_use, 0);
    assert_true(core_next_deadline(f.core) == UINT64_MAX);
    fixture_close(&f);
}

static void room__place_used_again__has_another_tag(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a;
    struct client b;
    (void)state;

    limits.rooms_max = 1;
    limits.room_empty_ttl_ns = 0;
    fixture_open(&f, &limits);
    client_create(&f, &a, 1, 0);
    leave(&f, &a);
    fixture_settle(&f);
    client_create(&f, &b, 2, 0);
    assert_int_equal(b.room.index, a.room.index);
    assert_int_not_equal(b.room.tag, a.room.tag);
    fixture_close(&f);
}

static void room__too_old__removes_all_and_closes(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client clients[40];
    struct command command;
    (void)state;

    limits.room_age_max_ns = 5 * SECOND;
    fixture_open(&f, &limits);
    client_create(&f, &clients[0], 0, 0);
    for (unsigned number = 1; number < 40; number++) {
        client_join(&f, &clients[number], number, &clients[0]);
    }
    client_bind(&f, &clients[7]);
    fixture_forget(&f);
    f.now_ns += 5 * SECOND;
    /* Only as many as the ring takes; then a command finds the room closing. */
    core_run_timers(f.core, f.now_ns);
    fixture_check(&f);
    fixture_take_events(&f);
    assert_in_range(f.event_count, 1, EVENT_RING_SIZE);
    command = client_command(&clients[0], COMMAND_JOIN);
    command.secret.tag = 1;
    fixture_command(&f, &command);
    assert_int_equal(f.events[f.event_count - 1].reason, REASON_NO_SUCH_ROOM);
    fixture_settle(&f);
    for (unsigned index = 0; index < 40; index++) {
        assert_non_null(fixture_event(&f, EVENT_REMOVED, index));
        assert_int_equal(fixture_event(&f, EVENT_REMOVED, index)->reason, REASON_ROOM_CLOSED);
    }
    assert_null(fixture_event(&f, EVENT_LEFT, 0));
    assert_null(fixture_event(&f, EVENT_HOST_CHANGED, 0));
    assert_non_null(fixture_event(&f, EVENT_ROOM_CLOSED, 0));
    assert_int_equal(f.sent_count, 1);
    assert_int_equal(client_count(&f, &clients[7], DATAGRAM_BYE), 1);
    assert_int_equal(fixture_counters(&f).slots_in_use, 0);
    fixture_close(&f);
}

static void rooms__with_the_same_tick__flush_at_different_moments(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct fixture f;
    struct client a[8];
    struct client b[8];
    uint64_t due_ns[8];
    (void)state;

    fixture_open(&f, &limits);
    for (unsigned number = 0; number < 8; number++) {
        client_create(&f, &a[number], 2 * number, 16000);
        client_join(&f, &b[number], 2 * number + 1, &a[number]);
        client_bind(&f, &b[number]);
    }
    for (unsigned number = 0; number < 8; number++) {
        client_send_record(&f, &a[number], MEMBER_ALL, 1, false, "x", 1);
        due_ns[number] = f.core->rooms[a[number].room.index].flush_due_ns;
        for (unsigned other = 0; other < number; other++) {
            /* Eight of 16 ms: by the golden ratio never nearer than a millisecond. */
            const uint64_t apart = due_ns[other] > due_ns[number] ? due_ns[other] - due_ns[number]
                                                                  : due_ns[number] - due_ns[other];

            assert_true(apart >= MS && apart <= 15 * MS);
        }
    }
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(member_ids__over_many_joins__come_back_late_and_never_reserved),
        cmocka_unit_test(host__leaves__the_oldest_follows),
        cmocka_unit_test(room__empty__keeps_its_place_for_a_while_and_is_closed),
        cmocka_unit_test(room__place_used_again__has_another_tag),
        cmocka_unit_test(room__too_old__removes_all_and_closes),
        cmocka_unit_test(rooms__with_the_same_tick__flush_at_different_moments),
    };

    return RUN_TESTS(tests);
}
