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

#define SECOND_NS UINT64_C(1000000000)

static struct bench *bench;

static void open_with(const struct control_limits *limits)
{
    bench_close(bench);
    bench = bench_open(limits);
}

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

/* The code of a membership as text. */
static const char *code_text(const struct control_membership *membership)
{
    static char text[JOIN_CODE_TEXT_SIZE];
    memcpy(text, membership->code.at, membership->code.size);
    text[membership->code.size] = 0;
    return text;
}

static void send_create(unsigned client, struct control_create create)
{
    struct control_message message = {.type = CONTROL_CREATE, .create = create};
    if (message.create.metadata.at == NULL) {
        message.create.metadata.at = (const uint8_t *)"";
    }
    (void)bench_send(bench, client, &message);
}

static void send_join(unsigned client, const char *code)
{
    struct control_message message = {.type = CONTROL_JOIN};
    message.join.code = (struct wire_bytes){(const uint8_t *)code, strlen(code)};
    (void)bench_send(bench, client, &message);
}

static void send_member(unsigned client, uint8_t type, uint16_t member)
{
    struct control_message message = {.type = type, .member = member};
    (void)bench_send(bench, client, &message);
}

/* A room of clients 0 (the host) to count - 1; all announcements are read. */
static void make_room(unsigned count, struct control_membership memberships[])
{
    bench_login(bench, 0);
    memberships[0] = bench_create(bench, 0);
    char code[JOIN_CODE_TEXT_SIZE];
    strncpy(code, code_text(&memberships[0]), sizeof(code));
    for (unsigned i = 1; i < count; i++) {
        bench_login(bench, i);
        memberships[i] = bench_join(bench, i, code);
        for (unsigned other = 0; other < i; other++) {
            assert_int_equal(bench_expect(bench, other, CONTROL_JOINED).member,
                             memberships[i].member);
        }
    }
}

static void create__open_client__is_host_of_a_room(void **state)
{
    (void)state;
    struct bench_client *client = bench_login(bench, 0);
    assert_int_equal(client->welcome.flags, 0);
    assert_int_equal(client->welcome.resume_grace_ms, 30000);
    assert_int_equal(client->welcome.idle_timeout_ms, 60000);
    assert_int_equal(client->welcome.frame_max, 4096);
    struct control_membership membership = bench_create(bench, 0);
    assert_int_equal(membership.code.size, 6);
    assert_true(join_code_is_canonical((const char *)membership.code.at, 6));
    assert_int_equal(membership.member, membership.host);
    assert_int_equal(membership.members_max, BENCH_MEMBERS);
    assert_int_equal(membership.member_count, 1);
    assert_true(membership.slot_tag != 0);
    assert_int_equal(membership.udp_port, 7777);
    assert_int_equal(membership.max_datagram, 1232);
    assert_int_equal(membership.streams, 8);
    assert_int_equal(membership.datagrams_s, 128);
    assert_int_equal(membership.bytes_s, 65536);
    assert_int_equal(membership.records_s, 1024);
    assert_int_equal(membership.address.size, 0);
    assert_int_equal(bench_logged(bench, CONTROL_LOG_EVENT_ROOM_OPENED, REASON_NONE), 1);
}

static void create__all_fields__reach_the_worker(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    memcpy(limits.advertise, "192.0.2.1", 10);
    limits.tick_default_us = 16000;
    open_with(&limits);
    bench_login(bench, 0);
    send_create(0, (struct control_create){.members_max = 3,
                                           .tick_us = 20000,
                                           .flags = CREATE_LOCKED,
                                           .metadata = {(const uint8_t *)"de_dust", 7}});
    struct control_membership membership = bench_expect(bench, 0, CONTROL_MEMBERSHIP).membership;
    assert_int_equal(membership.members_max, 3);
    assert_int_equal(membership.tick_us, 20000);
    assert_int_equal(membership.room_flags, ROOM_LOCKED);
    assert_int_equal(membership.metadata.size, 7);
    assert_memory_equal(membership.metadata.at, "de_dust", 7);
    assert_int_equal(membership.address.size, 9);
    assert_memory_equal(membership.address.at, "192.0.2.1", 9);
    bench_login(bench, 1);
    assert_int_equal(bench_create(bench, 1).tick_us, 16000);
}

static void create__second_room__goes_to_the_worker_with_fewer(void **state)
{
    (void)state;
    bench_login(bench, 0);
    bench_login(bench, 1);
    bench_login(bench, 2);
    assert_int_equal(bench_create(bench, 0).udp_port, 7777);
    assert_int_equal(bench_create(bench, 1).udp_port, 7778);
    (void)bench_send_type(bench, 0, CONTROL_LEAVE);
    (void)bench_expect(bench, 0, CONTROL_OK);
    assert_int_equal(bench_create(bench, 2).udp_port, 7777);
}

static void create__values_out_of_range__are_refused_with_the_limit(void **state)
{
    (void)state;
    static const struct {
        struct control_create create;
        uint32_t limit;
    } cases[] = {
        {{.members_max = BENCH_MEMBERS + 1, .tick_us = 0}, BENCH_MEMBERS},
        {{.members_max = 1, .tick_us = 0}, 0},
        {{.tick_us = 50001}, 50000},
        {{.tick_us = 999}, 0},
    };
    bench_login(bench, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        send_create(0, cases[i].create);
        struct control_message message = bench_expect_error(bench, 0, REASON_BAD_VALUE);
        assert_int_equal(message.error.limit, cases[i].limit);
    }
    send_create(0, (struct control_create){.members_max = 2, .tick_us = 1000});
    (void)bench_expect(bench, 0, CONTROL_MEMBERSHIP);
}

static void create__rate_used_up__is_refused_until_it_refills(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.rooms_created_per_minute = 6;
    limits.rooms_created_burst = 2;
    open_with(&limits);
    bench_login(bench, 0);
    for (int i = 0; i < 2; i++) {
        (void)bench_create(bench, 0);
        (void)bench_send_type(bench, 0, CONTROL_LEAVE);
        (void)bench_expect(bench, 0, CONTROL_OK);
    }
    send_create(0, (struct control_create){.tick_us = 0});
    struct control_message message = bench_expect_error(bench, 0, REASON_ROOM_RATE);
    assert_int_equal(message.error.limit, 6);
    assert_int_equal(message.error.retry_ms, 10000);
    bench_advance(bench, 10 * SECOND_NS);
    (void)bench_create(bench, 0);
}

static void create__rate_used_up__a_new_session_does_not_help(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.rooms_created_per_minute = 6;
    limits.rooms_created_burst = 2;
    open_with(&limits);
    for (int i = 0; i < 2; i++) {
        bench_login(bench, 0);
        (void)bench_create(bench, 0);
        (void)bench_send_type(bench, 0, CONTROL_BYE);
        (void)bench_expect(bench, 0, CONTROL_OK);
    }
    bench_login(bench, 0);
    send_create(0, (struct control_create){.tick_us = 0});
    (void)bench_expect_error(bench, 0, REASON_ROOM_RATE);
    bench_login(bench, 1); /* Another address. */
    (void)bench_create(bench, 1);
}

static void create__all_rooms_in_use__is_refused(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.rooms_max = 2;
    open_with(&limits);
    for (unsigned i = 0; i < 3; i++) {
        bench_login(bench, i);
    }
    (void)bench_create(bench, 0);
    (void)bench_create(bench, 1);
    send_create(2, (struct control_create){.tick_us = 0});
    assert_int_equal(bench_expect_error(bench, 2, REASON_ROOMS_LIMIT).error.limit, 2);
    (void)bench_send_type(bench, 0, CONTROL_LEAVE);
    (void)bench_expect(bench, 0, CONTROL_OK);
    (void)bench_create(bench, 2);
}

static void create__worker_refuses__leaves_no_room_behind(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.worker_count = 1;
    limits.rooms_per_worker_max = BENCH_ROOMS + 1; /* One more than the worker has. */
    limits.rooms_max = BENCH_ROOMS + 1;
    open_with(&limits);
    for (unsigned i = 0; i < BENCH_ROOMS; i++) {
        bench_login(bench, i);
        (void)bench_create(bench, i);
    }
    bench_login(bench, BENCH_ROOMS);
    send_create(BENCH_ROOMS, (struct control_create){.tick_us = 0});
    (void)bench_expect_error(bench, BENCH_ROOMS, REASON_ROOMS_LIMIT);
    assert_int_equal(bench_counters(bench).rooms, BENCH_ROOMS);
}

static void join__code_of_a_room__both_are_told(void **state)
{
    (void)state;
    bench_login(bench, 0);
    bench_login(bench, 1);
    struct control_membership host = bench_create(bench, 0);
    struct control_membership guest = bench_join(bench, 1, code_text(&host));
    assert_int_equal(guest.member_count, 2);
    assert_int_equal(guest.members[0], host.member);
    assert_int_equal(guest.members[1], guest.member);
    assert_int_equal(guest.host, host.member);
    assert_memory_not_equal(guest.key_up, host.key_up, 16);
    assert_memory_not_equal(guest.key_up, guest.key_down, 16);
    assert_int_equal(bench_expect(bench, 0, CONTROL_JOINED).member, guest.member);
    bench_expect_nothing(bench, 0);
    bench_expect_nothing(bench, 1);
}

static void join__code_as_people_type_it__is_understood(void **state)
{
    (void)state;
    bench_login(bench, 0);
    bench_login(bench, 1);
    struct control_membership host = bench_create(bench, 0);
    char typed[16] = " ";
    const char *code = code_text(&host);
    for (unsigned i = 0; i < 6; i++) {
        char symbol = code[i];
        typed[1 + i + (i >= 3)] = (char)(symbol >= 'A' ? symbol - 'A' + 'a' : symbol);
    }
    typed[4] = '-';
    (void)bench_join(bench, 1, typed);
}

static void join__refusals__name_their_reason(void **state)
{
    (void)state;
    bench_login(bench, 0);
    bench_login(bench, 1);
    bench_login(bench, 2);
    send_join(1, "KKKKKK");
    (void)bench_expect_error(bench, 1, REASON_NO_SUCH_ROOM);
    send_join(1, "A*");
    (void)bench_expect_error(bench, 1, REASON_BAD_CODE);
    send_join(1, "");
    (void)bench_expect_error(bench, 1, REASON_BAD_CODE);
    send_create(0, (struct control_create){.members_max = 2, .flags = CREATE_LOCKED});
    struct control_membership host = bench_expect(bench, 0, CONTROL_MEMBERSHIP).membership;
    char code[JOIN_CODE_TEXT_SIZE];
    strncpy(code, code_text(&host), sizeof(code));
    send_join(1, code);
    (void)bench_expect_error(bench, 1, REASON_ROOM_LOCKED);
    struct control_message unlock = {.type = CONTROL_LOCK, .is_locked = false};
    (void)bench_send(bench, 0, &unlock);
    (void)bench_expect(bench, 0, CONTROL_OK);
    (void)bench_join(bench, 1, code);
    send_join(2, code);
    assert_int_equal(bench_expect_error(bench, 2, REASON_ROOM_FULL).error.limit, 2);
    send_join(1, code);
    (void)bench_expect_error(bench, 1, REASON_ALREADY_IN_ROOM);
    send_create(1, (struct control_create){.tick_us = 0});
    (void)bench_expect_error(bench, 1, REASON_ALREADY_IN_ROOM);
    assert_int_equal(bench_logged(bench, CONTROL_LOG_EVENT_REQUEST_REFUSED, REASON_ROOM_FULL), 1);
    assert_int_equal(bench_counters(bench).refused[REASON_BAD_CODE], 2);
}

static void join__guessing_codes__is_slowed_down_for_the_whole_address(void **state)
{
    (void)state;
    struct addr peer = addr_ipv4(10, 0, 0, 0, 4001); /* That of client 0. */
    static const uint8_t no_key[NOISE_KEY_SIZE];
    struct hello_answer answer;
    bench_login(bench, 0);
    for (int i = 0; i < 30; i++) {
        send_join(0, "KKKKKK");
        (void)bench_expect_error(bench, 0, REASON_NO_SUCH_ROOM);
    }
    send_join(0, "KKKKKK");
    assert_int_equal(bench_expect_error(bench, 0, REASON_JOIN_RATE).error.retry_ms, 1000);
    /* A right one would not be told apart, nor does another session help. */
    bench_login(bench, 1);
    struct control_membership room = bench_create(bench, 1);
    char code[JOIN_CODE_TEXT_SIZE];
    strncpy(code, code_text(&room), sizeof(code));
    (void)bench_connect_from(bench, 2, &peer);
    bench_hello(bench, 2, HELLO_OPEN, NULL, 0, no_key);
    assert_true(bench_accept(bench, 2, &answer));
    (void)bench_send_type(bench, 2, CONTROL_START);
    (void)bench_expect(bench, 2, CONTROL_WELCOME);
    send_join(2, code);
    (void)bench_expect_error(bench, 2, REASON_JOIN_RATE);
    bench_login(bench, 3);
    (void)bench_join(bench, 3, code);
    bench_advance(bench, SECOND_NS);
    (void)bench_join(bench, 2, code);
}

static void leave__member__others_are_told_and_a_new_room_is_possible(void **state)
{
    (void)state;
    struct control_membership rooms[2];
    make_room(2, rooms);
    (void)bench_send_type(bench, 1, CONTROL_LEAVE);
    (void)bench_expect(bench, 1, CONTROL_OK);
    struct control_message left = bench_expect(bench, 0, CONTROL_LEFT);
    assert_int_equal(left.left.member, rooms[1].member);
    assert_int_equal(left.left.reason, REASON_LEFT);
    (void)bench_send_type(bench, 1, CONTROL_LEAVE);
    (void)bench_expect_error(bench, 1, REASON_NOT_IN_ROOM);
    (void)bench_create(bench, 1);
}

static void leave_then_create__pipelined__are_carried_out_in_order(void **state)
{
    (void)state;
    struct control_membership rooms[1];
    make_room(1, rooms);
    (void)bench_send_type(bench, 0, CONTROL_LEAVE);
    send_create(0, (struct control_create){.tick_us = 0});
    (void)bench_send_type(bench, 0, CONTROL_LEAVE);
    (void)bench_send_type(bench, 0, CONTROL_PING);
    (void)bench_expect(bench, 0, CONTROL_OK);
    (void)bench_expect(bench, 0, CONTROL_MEMBERSHIP);
    (void)bench_expect(bench, 0, CONTROL_OK);
    (void)bench_expect(bench, 0, CONTROL_PONG);
}

static void host_verbs__by_the_host__are_announced(void **state)
{
    (void)state;
    struct control_membership rooms[3];
    make_room(3, rooms);
    struct control_message lock = {.type = CONTROL_LOCK, .is_locked = true};
    uint32_t request = bench_send(bench, 0, &lock);
    assert_int_equal(bench_expect(bench, 0, CONTROL_OK).request, request);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(bench_expect(bench, i, CONTROL_LOCKED).is_locked);
    }
    struct control_message metadata = {.type = CONTROL_SET_METADATA,
                                       .metadata = {(const uint8_t *)"night", 5}};
    (void)bench_send(bench, 0, &metadata);
    (void)bench_expect(bench, 0, CONTROL_OK);
    for (unsigned i = 0; i < 3; i++) {
        struct control_message told = bench_expect(bench, i, CONTROL_METADATA);
        assert_int_equal(told.metadata.size, 5);
        assert_memory_equal(told.metadata.at, "night", 5);
    }
    send_member(0, CONTROL_HAND_OVER, rooms[1].member);
    (void)bench_expect(bench, 0, CONTROL_OK);
    for (unsigned i = 0; i < 3; i++) {
        struct control_message told = bench_expect(bench, i, CONTROL_HOST_CHANGED);
        assert_int_equal(told.host_changed.host, rooms[1].member);
        assert_int_equal(told.host_changed.host_epoch, 1);
    }
    send_member(1, CONTROL_KICK, rooms[2].member);
    (void)bench_expect_error(bench, 1, REASON_STALE_EPOCH);
    struct control_message kick = {
        .type = CONTROL_KICK, .host_epoch = 1, .member = rooms[2].member};
    (void)bench_send(bench, 1, &kick);
    (void)bench_expect(bench, 1, CONTROL_OK);
    assert_int_equal(bench_expect(bench, 2, CONTROL_REMOVED).reason, REASON_KICKED);
    assert_int_equal(bench_expect(bench, 0, CONTROL_LEFT).left.reason, REASON_KICKED);
    (void)bench_send_type(bench, 2, CONTROL_ROOM_STATE);
    (void)bench_expect_error(bench, 2, REASON_NOT_IN_ROOM);
    assert_int_equal(bench_logged(bench, CONTROL_LOG_EVENT_MEMBER_LEFT, REASON_KICKED), 1);
}

static void host_verbs__by_a_guest__are_refused(void **state)
{
    (void)state;
    struct control_membership rooms[2];
    make_room(2, rooms);
    struct control_message messages[] = {
        {.type = CONTROL_KICK, .member = rooms[0].member},
        {.type = CONTROL_LOCK, .is_locked = true},
        {.type = CONTROL_HAND_OVER, .member = rooms[1].member},
        {.type = CONTROL_SET_METADATA, .metadata = {(const uint8_t *)"x", 1}},
    };
    for (size_t i = 0; i < 4; i++) {
        (void)bench_send(bench, 1, &messages[i]);
        (void)bench_expect_error(bench, 1, REASON_NOT_HOST);
    }
    send_member(0, CONTROL_KICK, 999);
    (void)bench_expect_error(bench, 0, REASON_NO_SUCH_MEMBER);
}

static void room_verbs__outside_a_room__are_refused(void **state)
{
    (void)state;
    static const uint8_t types[] = {CONTROL_LEAVE,     CONTROL_KICK,       CONTROL_LOCK,
                                    CONTROL_HAND_OVER, CONTROL_ROOM_STATE, CONTROL_SET_METADATA};
    bench_login(bench, 0);
    for (size_t i = 0; i < sizeof(types); i++) {
        struct control_message message = {.type = types[i]};
        if (types[i] == CONTROL_SET_METADATA) {
            message.metadata.at = (const uint8_t *)"";
        }
        (void)bench_send(bench, 0, &message);
        (void)bench_expect_error(bench, 0, REASON_NOT_IN_ROOM);
    }
}

static void room_state__member__repeats_the_membership(void **state)
{
    (void)state;
    struct control_membership rooms[2];
    make_room(2, rooms);
    (void)bench_send_type(bench, 0, CONTROL_ROOM_STATE);
    struct control_membership again = bench_expect(bench, 0, CONTROL_MEMBERSHIP).membership;
    assert_int_equal(again.slot, rooms[0].slot);
    assert_int_equal(again.slot_tag, rooms[0].slot_tag);
    assert_memory_equal(again.key_up, rooms[0].key_up, 16);
    assert_memory_equal(again.key_down, rooms[0].key_down, 16);
    assert_int_equal(again.member_count, 2);
}

static void ping__any_time__returns_the_token(void **state)
{
    (void)state;
    bench_login(bench, 0);
    struct control_message ping = {.type = CONTROL_PING, .token = UINT64_C(0x0123456789ABCDEF)};
    uint32_t request = bench_send(bench, 0, &ping);
    struct control_message pong = bench_expect(bench, 0, CONTROL_PONG);
    assert_true(pong.token == ping.token);
    assert_int_equal(pong.request, request);
}

static void bye__member__session_and_slot_end_at_once(void **state)
{
    (void)state;
    struct control_membership rooms[2];
    make_room(2, rooms);
    struct bench_client *client = &bench->clients[1];
    (void)bench_send_type(bench, 1, CONTROL_BYE);
    (void)bench_expect(bench, 1, CONTROL_OK);
    assert_int_equal(client->end, BENCH_CLOSED);
    assert_int_equal(bench_expect(bench, 0, CONTROL_LEFT).left.reason, REASON_LEFT);
    assert_int_equal(bench_counters(bench).sessions, 1);
    uint8_t id[SESSION_ID_SIZE];
    uint8_t key[RESUME_KEY_SIZE];
    memcpy(id, client->welcome.session_id, sizeof(id));
    memcpy(key, client->welcome.resume_key, sizeof(key));
    assert_false(bench_resume(bench, 1, id, key));
}

static void request__unknown_type__is_answered_with_its_id(void **state)
{
    (void)state;
    struct bench_client *client = bench_login(bench, 0);
    static const uint8_t message[] = {0x7F, 0, 0, 1, 2, 9, 9};
    uint8_t frame[2 + sizeof(message) + NOISE_TAG_SIZE];
    assert_int_equal(
        noise_encrypt(&client->send, message, sizeof(message), frame + 2, sizeof(frame) - 2),
        sizeof(frame) - 2);
    frame_length_write(frame, sizeof(frame) - 2);
    bench_write(bench, 0, frame, sizeof(frame));
    assert_int_equal(bench_expect_error(bench, 0, REASON_UNKNOWN_MESSAGE).request, 0x0102);
    (void)bench_send_type(bench, 0, CONTROL_PING);
    (void)bench_expect(bench, 0, CONTROL_PONG);
}

static void write_plain(unsigned index, const void *message, size_t size)
{
    uint8_t frame[64];
    assert_true(size + NOISE_TAG_SIZE + 2 <= sizeof(frame));
    int written = noise_encrypt(&bench->clients[index].send, message, size, frame + 2, 62);
    assert_int_equal(written, size + NOISE_TAG_SIZE);
    frame_length_write(frame, (uint16_t)written);
    bench_write(bench, index, frame, (size_t)written + 2);
}

static void request__fields_do_not_fit__is_answered(void **state)
{
    (void)state;
    bench_login(bench, 0);
    static const uint8_t kick[] = {CONTROL_KICK, 0, 0, 0, 5, 1};
    write_plain(0, kick, sizeof(kick));
    assert_int_equal(bench_expect_error(bench, 0, REASON_BAD_MESSAGE).request, 5);
    static const uint8_t start_again[] = {CONTROL_START, 0, 0, 0, 6, 0, 0, 0, 0};
    write_plain(0, start_again, sizeof(start_again));
    assert_int_equal(bench_expect_error(bench, 0, REASON_BAD_MESSAGE).request, 6);
}

static void request__id_0_or_no_head__is_answered_with_id_0(void **state)
{
    (void)state;
    bench_login(bench, 0);
    static const uint8_t ping[] = {CONTROL_PING, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    write_plain(0, ping, sizeof(ping));
    assert_int_equal(bench_expect_error(bench, 0, REASON_BAD_MESSAGE).request, 0);
    write_plain(0, ping, 3);
    assert_int_equal(bench_expect_error(bench, 0, REASON_BAD_MESSAGE).request, 0);
    assert_int_equal(bench->clients[0].end, BENCH_OPEN);
}

static void requests__above_the_rate__are_refused_with_a_retry_time(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.commands_per_s = 20;
    limits.commands_burst = 4;
    open_with(&limits);
    bench_login(bench, 0);
    for (int i = 0; i < 5; i++) {
        (void)bench_send_type(bench, 0, CONTROL_PING);
    }
    for (int i = 0; i < 4; i++) {
        (void)bench_expect(bench, 0, CONTROL_PONG);
    }
    struct control_message message = bench_expect_error(bench, 0, REASON_COMMAND_RATE);
    assert_int_equal(message.error.limit, 20);
    assert_int_equal(message.error.retry_ms, 50);
    bench_advance(bench, 50 * 1000000);
    (void)bench_send_type(bench, 0, CONTROL_PING);
    (void)bench_expect(bench, 0, CONTROL_PONG);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(create__open_client__is_host_of_a_room),
        TEST(create__all_fields__reach_the_worker),
        TEST(create__second_room__goes_to_the_worker_with_fewer),
        TEST(create__values_out_of_range__are_refused_with_the_limit),
        TEST(create__rate_used_up__is_refused_until_it_refills),
        TEST(create__rate_used_up__a_new_session_does_not_help),
        TEST(create__all_rooms_in_use__is_refused),
        TEST(create__worker_refuses__leaves_no_room_behind),
        TEST(join__code_of_a_room__both_are_told),
        TEST(join__code_as_people_type_it__is_understood),
        TEST(join__refusals__name_their_reason),
        TEST(join__guessing_codes__is_slowed_down_for_the_whole_address),
        TEST(leave__member__others_are_told_and_a_new_room_is_possible),
        TEST(leave_then_create__pipelined__are_carried_out_in_order),
        TEST(host_verbs__by_the_host__are_announced),
        TEST(host_verbs__by_a_guest__are_refused),
        TEST(room_verbs__outside_a_room__are_refused),
        TEST(room_state__member__repeats_the_membership),
        TEST(ping__any_time__returns_the_token),
        TEST(bye__member__session_and_slot_end_at_once),
        TEST(request__unknown_type__is_answered_with_its_id),
        TEST(request__fields_do_not_fit__is_answered),
        TEST(request__id_0_or_no_head__is_answered_with_id_0),
        TEST(requests__above_the_rate__are_refused_with_a_retry_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
