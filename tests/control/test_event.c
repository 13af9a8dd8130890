/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "tests/control/bench.h"

#define MS        UINT64_C(1000000)
#define SECOND_NS UINT64_C(1000000000)

static struct bench *bench;

static int set_up(void **state)
{
    struct control_limits limits = bench_limits();
    (void)state;
    bench = bench_open(&limits);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_close(bench);
    return 0;
}

static struct session_ref session_of(unsigned worker)
{
    return bench->workers[worker].last.session;
}

static void removed__by_the_worker__client_is_told_and_may_join_again(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    struct control_membership room = bench_create(bench, 0);
    struct event *event = bench_event(bench, 0, EVENT_REMOVED);
    event->session = session_of(0);
    event->slot = (struct slot_ref){room.slot, room.slot_tag};
    event->reason = REASON_UDP_IDLE;
    bench->workers[0].rooms[0].is_used = false;
    struct event *closed = bench_event(bench, 0, EVENT_ROOM_CLOSED);
    closed->room = (struct room_ref){0, bench->workers[0].rooms[0].tag};
    assert_int_equal(bench_expect(bench, 0, CONTROL_REMOVED).reason, REASON_UDP_IDLE);
    assert_int_equal(bench_counters(bench).rooms, 0);
    assert_int_equal(bench_logged(bench, CONTROL_LOG_EVENT_MEMBER_LEFT, REASON_UDP_IDLE), 1);
    assert_int_equal(bench_logged(bench, CONTROL_LOG_EVENT_ROOM_CLOSED, REASON_NONE), 1);
    (void)bench_create(bench, 0);
}

static void removed__from_an_earlier_slot__does_not_touch_the_present_one(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    struct control_membership room = bench_create(bench, 0);
    struct event *event = bench_event(bench, 0, EVENT_REMOVED);
    event->session = session_of(0);
    event->slot = (struct slot_ref){room.slot, room.slot_tag ^ 1};
    event->reason = REASON_UDP_IDLE;
    (void)bench_expect(bench, 0, CONTROL_REMOVED);
    (void)bench_send_type(bench, 0, CONTROL_ROOM_STATE);
    (void)bench_expect(bench, 0, CONTROL_MEMBERSHIP);
}

static void removed__while_leave_is_under_way__both_are_told(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    struct control_membership room = bench_create(bench, 0);
    bench->workers[0].is_stuck = true;
    (void)bench_send_type(bench, 0, CONTROL_LEAVE);
    bench_pump(bench);
    struct bench_room *truth = &bench->workers[0].rooms[0];
    struct event *event = bench_event(bench, 0, EVENT_REMOVED);
    event->session = truth->members[0].session;
    event->slot = (struct slot_ref){room.slot, room.slot_tag};
    event->reason = REASON_UDP_IDLE;
    truth->is_used = false;
    struct event *closed = bench_event(bench, 0, EVENT_ROOM_CLOSED);
    closed->room = (struct room_ref){0, truth->tag};
    (void)bench_expect(bench, 0, CONTROL_REMOVED);
    bench->workers[0].is_stuck = false;
    (void)bench_expect_error(bench, 0, REASON_NOT_IN_ROOM);
    (void)bench_create(bench, 0);
}

static void notice__to_a_session__carries_limit_and_retry(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    (void)bench_create(bench, 0);
    struct event *event = bench_event(bench, 0, EVENT_NOTICE);
    event->session = session_of(0);
    event->reason = REASON_CLIENT_BYTES;
    event->limit = 65536;
    event->retry_ms = 20;
    struct control_message notice = bench_expect(bench, 0, CONTROL_NOTICE);
    assert_int_equal(notice.request, 0);
    assert_int_equal(notice.error.reason, REASON_CLIENT_BYTES);
    assert_int_equal(notice.error.limit, 65536);
    assert_int_equal(notice.error.retry_ms, 20);
    assert_int_equal(bench_logged(bench, CONTROL_LOG_EVENT_LIMIT_HIT, REASON_CLIENT_BYTES), 1);
}

static void quality__of_members__is_told_to_the_host(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    (void)bench_create(bench, 0);
    struct event *event = bench_event(bench, 0, EVENT_QUALITY);
    event->session = session_of(0);
    event->quality_count = 2;
    event->qualities[0] = (struct member_quality){0x0102, 40000, 2500, 10000, 20000, 850};
    event->qualities[1] = (struct member_quality){0x0103, 1, 2, 3, 4, 5};
    bench_pump(bench);
    struct control_message told = bench_expect(bench, 0, CONTROL_MEMBER_QUALITY);
    assert_int_equal(told.qualities.count, 2);
    assert_int_equal(told.qualities.at[0].member, 0x0102);
    assert_int_equal(told.qualities.at[0].rtt_us, 40000);
    assert_int_equal(told.qualities.at[0].jitter_us, 2500);
    assert_int_equal(told.qualities.at[0].loss_up_ppm, 10000);
    assert_int_equal(told.qualities.at[0].loss_down_ppm, 20000);
    assert_int_equal(told.qualities.at[0].queue_us, 850);
    assert_int_equal(told.qualities.at[1].member, 0x0103);
    assert_int_equal(told.qualities.at[1].queue_us, 5);
}

static void events__for_what_is_gone__are_counted_and_forgotten(void **state)
{
    (void)state;
    static const enum event_type types[] = {EVENT_MEMBERSHIP, EVENT_DONE,         EVENT_REFUSED,
                                            EVENT_JOINED,     EVENT_LEFT,         EVENT_METADATA,
                                            EVENT_LOCKED,     EVENT_HOST_CHANGED, EVENT_NOTICE,
                                            EVENT_REMOVED,    EVENT_ROOM_CLOSED,  EVENT_QUALITY};
    static const struct session_ref nobody[] = {{0, 12345}, {7, 1}, {UINT32_MAX, UINT32_MAX}};
    (void)bench_login(bench, 0);
    unsigned count = 0;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        for (size_t k = 0; k < sizeof(nobody) / sizeof(nobody[0]); k++) {
            struct event *event = bench_event(bench, 1, types[i]);
            event->answer = types[i] <= EVENT_REFUSED;
            event->session = nobody[k];
            event->request = 1;
            event->room = (struct room_ref){nobody[k].index, nobody[k].tag};
            if (types[i] != EVENT_QUALITY) {
                event->receivers[0] = nobody[k];
                event->receiver_count = 1;
            }
            count++;
        }
        bench_pump(bench);
    }
    assert_int_equal(bench_counters(bench).events_stale, count);
    bench_expect_nothing(bench, 0);
}

static void answers__to_a_request_that_nobody_made__are_forgotten(void **state)
{
    (void)state;
    (void)bench_login(bench, 0);
    (void)bench_create(bench, 0);
    struct event *event = bench_event(bench, 0, EVENT_DONE);
    event->answer = true;
    event->session = session_of(0);
    event->request = 77;
    bench_expect_nothing(bench, 0);
    assert_int_equal(bench_counters(bench).events_stale, 1);
}

static void announcements__in_the_grace_time__are_not_kept(void **state)
{
    (void)state;
    struct bench_client *host = bench_login(bench, 0);
    (void)bench_login(bench, 1);
    struct control_membership room = bench_create(bench, 0);
    char code[JOIN_CODE_TEXT_SIZE] = {0};
    uint8_t id[SESSION_ID_SIZE];
    uint8_t key[RESUME_KEY_SIZE];
    memcpy(code, room.code.at, room.code.size);
    memcpy(id, host->welcome.session_id, sizeof(id));
    memcpy(key, host->welcome.resume_key, sizeof(key));
    bench_disconnect(bench, 0);
    (void)bench_join(bench, 1, code);
    assert_true(bench_resume(bench, 0, id, key));
    bench_expect_nothing(bench, 0);
    (void)bench_send_type(bench, 0, CONTROL_ROOM_STATE);
    assert_int_equal(bench_expect(bench, 0, CONTROL_MEMBERSHIP).membership.member_count, 2);
}

static void membership__down_rate__is_the_one_that_the_worker_tells(void **state)
{
    (void)state;
    struct control_message message = {
        .type = CONTROL_CREATE,
        .create = {.metadata.at = (const uint8_t *)"", .down_bytes_s = 20000}};
    bench_login(bench, 0);
    (void)bench_send(bench, 0, &message);
    struct control_membership first = bench_expect(bench, 0, CONTROL_MEMBERSHIP).membership;
    assert_int_equal(first.down_bytes_s, 20000);
    message = (struct control_message){.type = CONTROL_JOIN,
                                       .join = {.code = first.code, .down_bytes_s = 500}};
    bench_login(bench, 1);
    (void)bench_send(bench, 1, &message);
    assert_int_equal(bench_expect(bench, 1, CONTROL_MEMBERSHIP).membership.down_bytes_s, 500);
}

static void subscribe__member__reaches_the_worker_and_is_answered(void **state)
{
    (void)state;
    struct control_message message = {.type = CONTROL_SUBSCRIBE,
                                      .groups = UINT64_C(0x8000000000000001)};
    bench_login(bench, 0);
    (void)bench_send(bench, 0, &message);
    (void)bench_expect_error(bench, 0, REASON_NOT_IN_ROOM);
    (void)bench_create(bench, 0);
    (void)bench_send(bench, 0, &message);
    (void)bench_expect(bench, 0, CONTROL_OK);
    assert_int_equal(bench->workers[0].last.type, COMMAND_SUBSCRIBE);
    assert_true(bench->workers[0].last.groups == UINT64_C(0x8000000000000001));
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(removed__by_the_worker__client_is_told_and_may_join_again),
        TEST(removed__from_an_earlier_slot__does_not_touch_the_present_one),
        TEST(removed__while_leave_is_under_way__both_are_told),
        TEST(notice__to_a_session__carries_limit_and_retry),
        TEST(quality__of_members__is_told_to_the_host),
        TEST(events__for_what_is_gone__are_counted_and_forgotten),
        TEST(answers__to_a_request_that_nobody_made__are_forgotten),
        TEST(announcements__in_the_grace_time__are_not_kept),
        TEST(membership__down_rate__is_the_one_that_the_worker_tells),
        TEST(subscribe__member__reaches_the_worker_and_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
