/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/control/bench.h"

#define MS UINT64_C(1000000)

/* Anything may happen at any time; in the end nothing may be left over, which bench_close() checks.
 * On a failure the seed is in the output. */

#define SEEDS 30
#define STEPS 1500

static const uint8_t no_key[NOISE_KEY_SIZE];
static struct bench *bench;
static char codes[8][JOIN_CODE_TEXT_SIZE];
static uint8_t ids[8][SESSION_ID_SIZE];
static uint8_t keys[8][RESUME_KEY_SIZE];

static unsigned pick(unsigned count)
{
    return (unsigned)(bench_random(bench) >> 33) % count;
}

/* Reads all that came down, and remembers what later steps can use. */
static void listen_to(unsigned index)
{
    struct control_message message;
    while (bench_next(bench, index, &message)) {
        if (message.type == CONTROL_WELCOME) {
            unsigned at = pick(8);
            memcpy(ids[at], message.welcome.session_id, SESSION_ID_SIZE);
            memcpy(keys[at], message.welcome.resume_key, RESUME_KEY_SIZE);
        } else if (message.type == CONTROL_MEMBERSHIP) {
            unsigned at = pick(8);
            memset(codes[at], 0, sizeof(codes[at]));
            memcpy(codes[at], message.membership.code.at, message.membership.code.size);
        }
    }
}

static void begin(unsigned index)
{
    struct bench_client *client = &bench->clients[index];
    struct hello_answer answer;
    struct addr peer = addr_ipv4(10, 0, 0, (uint8_t)pick(4), 1);
    unsigned at = pick(8);
    if (client->connection != BENCH_NONE) {
        return;
    }
    (void)bench_connect_from(bench, index, &peer);
    switch (pick(8)) {
    case 0:
        return; /* It says nothing. */
    case 1:
        bench_write(bench, index, pick(2) == 0 ? "\x00\x40garbage" : "garbage\x00\x00", 9);
        return;
    case 2:
    case 3:
        bench_hello(bench, index, HELLO_RESUME, ids[at], SESSION_ID_SIZE, keys[at]);
        break;
    case 4:
        bench_hello(bench, index, HELLO_OPEN, NULL, 0, keys[at]);
        break;
    default:
        bench_hello(bench, index, HELLO_OPEN, NULL, 0, no_key);
        break;
    }
    if (bench_accept(bench, index, &answer) && pick(10) != 0) {
        (void)bench_send_type(bench, index, CONTROL_START);
    }
}

static void ask(unsigned index)
{
    static const uint8_t bytes[CORE_METADATA_MAX];
    static const uint8_t types[] = {
        CONTROL_CREATE,     CONTROL_CREATE,       CONTROL_JOIN,      CONTROL_JOIN, CONTROL_JOIN,
        CONTROL_LEAVE,      CONTROL_KICK,         CONTROL_HAND_OVER, CONTROL_LOCK, CONTROL_PING,
        CONTROL_ROOM_STATE, CONTROL_SET_METADATA, CONTROL_BYE};
    struct control_message message = {.type = types[pick(sizeof(types))]};
    struct bench_client *client = &bench->clients[index];
    if (!client->is_channel || client->up_size > sizeof(client->up) / 2) {
        return;
    }
    if (message.type == CONTROL_CREATE) {
        message.create.tick_us = pick(2) == 0 ? 0 : ROOM_TICK_DEFAULT;
        message.create.members_max = (uint16_t)pick(5);
        message.create.metadata = (struct wire_bytes){bytes, pick(100)};
    } else if (message.type == CONTROL_JOIN) {
        const char *code = codes[pick(8)];
        message.join.code = (struct wire_bytes){(const uint8_t *)code, strlen(code)};
    } else if (message.type == CONTROL_SET_METADATA) {
        message.metadata = (struct wire_bytes){bytes, pick(CORE_METADATA_MAX)};
    } else if (message.type == CONTROL_LOCK) {
        message.is_locked = pick(4) == 0;
    } else {
        message.member = (uint16_t)(1 + pick(40));
    }
    (void)bench_send(bench, index, &message);
}

static void hear(unsigned index)
{
    struct bench_client *client = &bench->clients[index];
    client->is_deaf = false;
    client->is_slow = false;
    client->pending = 0;
    if (client->connection != BENCH_NONE) {
        control_sent(bench->control, client->connection, 0, bench->now_ns);
    }
}

static void step(void)
{
    unsigned index = pick(12);
    struct bench_client *client = &bench->clients[index];
    switch (pick(24)) {
    case 0:
    case 1:
    case 2:
    case 3:
        begin(index);
        break;
    case 4:
        bench_disconnect(bench, index);
        break;
    case 5:
        if (client->connection != BENCH_NONE) {
            control_input_end(bench->control, client->connection, bench->now_ns);
        }
        break;
    case 6:
        bench->workers[pick(BENCH_WORKERS)].is_stuck = pick(3) != 0;
        break;
    case 7:
        client->is_deaf = pick(2) == 0;
        client->is_slow = pick(2) == 0;
        break;
    case 8:
        hear(index);
        break;
    case 9:
        bench_advance(bench, pick(4000) * MS);
        break;
    case 10:
        if (pick(20) == 0) {
            bench_advance(bench, 40000 * MS);
        }
        break;
    case 11:
        if (client->up_size > 0) {
            client->up[pick((unsigned)client->up_size)] ^= 1;
        }
        break;
    case 12:
        listen_to(index);
        break;
    default:
        ask(index);
        break;
    }
    if (pick(3) != 0) {
        bench_pump(bench);
        listen_to(index);
    }
}

static void run(unsigned seed)
{
    struct control_limits limits = bench_limits();
    limits.preauth_max = 5;
    limits.connections_per_ip = 6;
    limits.sessions_max = 10;
    limits.rooms_max = 6;
    limits.fail_limit = 4;
    limits.out_buffer_bytes = 4096;
    limits.frame_buffers = 6;
    limits.out_buffers = 8;
    limits.commands_per_s = 200;
    limits.commands_burst = 200;
    if (seed % 4 == 1) {
        limits.resume_grace_ns = 0;
    } else if (seed % 4 == 2) {
        limits.frame_buffers = 2;
        limits.out_buffers = 3;
    } else if (seed % 4 == 3) {
        limits.out_buffer_bytes = 2048;
    }
    bench = bench_open(&limits);
    bench->random += seed;
    bench->cut = seed % 3 == 0 ? 0 : seed * 7;
    for (unsigned i = 0; i < STEPS; i++) {
        step();
    }
    for (unsigned i = 0; i < BENCH_CLIENTS; i++) {
        hear(i);
    }
    struct control_counters counters = bench_counters(bench);
    assert_true(counters.sessions_opened > 20);
    assert_true(counters.connections_accepted > 50);
    uint64_t ended = 0;
    uint64_t closed = 0;
    for (unsigned i = 0; i < REASON_LIMIT; i++) {
        ended += counters.ended[i];
        closed += counters.closed[i];
    }
    /* Each session and each connection is open or has ended for one reason. */
    assert_true(counters.sessions_opened - ended <= counters.sessions);
    assert_true(counters.connections_accepted - closed <= counters.connections);
    bench_close(bench);
}

static void anything__in_any_order__leaves_nothing_behind(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        printf("seed %u\n", seed);
        run(seed);
    }
}

static void size__limits_that_contradict_each_other__give_0(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    assert_true(control_size(&limits) > 0);
    limits.frame_max_bytes = 1024; /* A MEMBERSHIP would not fit. */
    assert_int_equal(control_size(&limits), 0);
    limits = bench_limits();
    limits.worker_count = 0;
    assert_int_equal(control_size(&limits), 0);
    limits = bench_limits();
    limits.worker_count = CONTROL_WORKERS_MAX + 1;
    assert_int_equal(control_size(&limits), 0);
}

static void logs__more_than_the_ring_holds__keep_the_newest(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    bench = bench_open(&limits);
    struct addr peer = addr_ipv4(10, 0, 0, 1, 1);
    for (int i = 0; i < 200; i++) {
        control_accepted(bench->control, 0, &peer, bench->now_ns);
        control_closed(bench->control, 0, REASON_CONNECTION_LOST, bench->now_ns);
    }
    struct control_log_record record;
    unsigned count = 0;
    while (control_log_next(bench->control, &record)) {
        count++;
    }
    assert_int_equal(record.event, CONTROL_LOG_EVENT_CLIENT_CLOSED);
    assert_int_equal(count + bench_counters(bench).logs_lost, 400);
    bench_close(bench);
}

static void requests__a_flood__costs_no_more_than_the_rate(void **state)
{
    (void)state;
    struct control_limits limits = bench_limits();
    limits.commands_per_s = 20;
    limits.commands_burst = 4;
    bench = bench_open(&limits);
    bench_login(bench, 0);
    for (int i = 0; i < 500; i++) {
        (void)bench_send_type(bench, 0, CONTROL_PING);
    }
    bench_pump(bench);
    assert_int_equal(bench_counters(bench).requests_refused, 1);
    assert_true(bench->clients[0].is_paused);
    bench_advance(bench, UINT64_C(1000000000));
    /* Nothing is lost: what was not read is read later. */
    assert_in_range(bench_counters(bench).requests_refused, 2, 21);
    for (int i = 0; i < 4; i++) {
        (void)bench_expect(bench, 0, CONTROL_PONG);
    }
    (void)bench_expect_error(bench, 0, REASON_COMMAND_RATE);
    (void)bench_expect(bench, 0, CONTROL_PONG);
    assert_int_equal(bench->clients[0].end, BENCH_OPEN);
    bench_close(bench);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anything__in_any_order__leaves_nothing_behind),
        cmocka_unit_test(size__limits_that_contradict_each_other__give_0),
        cmocka_unit_test(logs__more_than_the_ring_holds__keep_the_newest),
        cmocka_unit_test(requests__a_flood__costs_no_more_than_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
