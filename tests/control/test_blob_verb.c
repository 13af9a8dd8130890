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

#define BLOB_BYTES 30000u
#define PIECE      4000u

static struct bench *bench;
static struct control_membership rooms[3];

/* Client 0 is the host of a room, 1 and 2 are its members. The first epoch is 0 here. */
static int set_up(void **state)
{
    struct control_limits limits = bench_limits();
    (void)state;
    limits.blob_bytes = BLOB_BYTES;
    limits.blobs_max = 2;
    bench = bench_open(&limits);
    (void)bench_login(bench, 0);
    rooms[0] = bench_create(bench, 0);
    char code[JOIN_CODE_TEXT_SIZE] = {0};
    memcpy(code, rooms[0].code.at, rooms[0].code.size);
    (void)bench_login(bench, 1);
    (void)bench_login(bench, 2);
    for (unsigned i = 1; i < 3; i++) {
        rooms[i] = bench_join(bench, i, code);
        for (unsigned j = 0; j < i; j++) {
            (void)bench_expect(bench, j, CONTROL_JOINED);
        }
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_close(bench);
    return 0;
}

static uint8_t byte_at(uint32_t version, uint32_t i)
{
    return (uint8_t)(version * 31 + i * 7 + i / 256);
}

static void send_piece(unsigned client, uint32_t host_epoch, uint32_t version, uint32_t total,
                       uint32_t offset, uint32_t size)
{
    uint8_t bytes[PIECE];
    struct control_message put = {.type = CONTROL_BLOB_PUT,
                                  .host_epoch = host_epoch,
                                  .blob = {version, total, offset, {bytes, size}}};

    assert_in_range(size, 0, PIECE);
    for (uint32_t i = 0; i < size; i++) {
        bytes[i] = byte_at(version, offset + i);
    }
    (void)bench_send(bench, client, &put);
}

/* Sends the beginning and pieces up to `end`, without waiting in between, and takes the answers. */
static void send_up_to(unsigned client, uint32_t host_epoch, uint32_t version, uint32_t total,
                       uint32_t end)
{
    unsigned answers = 1;

    send_piece(client, host_epoch, version, total, 0, 0);
    for (uint32_t offset = 0; offset < end; offset += PIECE) {
        send_piece(client, host_epoch, version, total, offset,
                   end - offset < PIECE ? end - offset : PIECE);
        answers++;
    }
    while (answers-- > 0) {
        (void)bench_expect(bench, client, CONTROL_OK);
    }
}

static void put(unsigned client, uint32_t host_epoch, uint32_t version, uint32_t total)
{
    send_up_to(client, host_epoch, version, total, total);
}

/* The next messages must be the blob, whole, and nothing else. */
static void expect_blob(unsigned client, uint32_t version, uint32_t total)
{
    uint32_t offset = 0;

    do {
        struct control_message part = bench_expect(bench, client, CONTROL_BLOB_PART);
        assert_int_equal(part.blob.version, version);
        assert_int_equal(part.blob.total, total);
        assert_int_equal(part.blob.offset, offset);
        for (uint32_t i = 0; i < part.blob.bytes.size; i++) {
            assert_int_equal(part.blob.bytes.at[i], byte_at(version, offset + i));
        }
        offset += (uint32_t)part.blob.bytes.size;
    } while (offset < total);
    bench_expect_nothing(bench, client);
}

static void hand_over(unsigned from, uint32_t host_epoch, unsigned to)
{
    struct control_message message = {
        .type = CONTROL_HAND_OVER, .host_epoch = host_epoch, .member = rooms[to].member};

    (void)bench_send(bench, from, &message);
    (void)bench_expect(bench, from, CONTROL_OK);
    for (unsigned i = 0; i < 3; i++) {
        if (bench->clients[i].end == BENCH_OPEN) {
            (void)bench_expect(bench, i, CONTROL_HOST_CHANGED);
        }
    }
}

static void blob__put_by_the_host__goes_whole_to_the_next_one_alone(void **state)
{
    (void)state;
    assert_int_equal(bench->clients[0].welcome.features, FEATURE_BLOBS);
    put(0, 0, 7, BLOB_BYTES);
    bench_expect_nothing(bench, 0);
    hand_over(0, 0, 1);
    expect_blob(1, 7, BLOB_BYTES);
    bench_expect_nothing(bench, 0);
    bench_expect_nothing(bench, 2);
    hand_over(1, 1, 2); /* Still that one: host 1 has put none. */
    expect_blob(2, 7, BLOB_BYTES);
    struct control_counters counters = bench_counters(bench);
    assert_int_equal(counters.blobs, 1);
    assert_int_equal(counters.blobs_taken, 1);
    assert_int_equal(counters.blob_parts, 2 * ((BLOB_BYTES + 1023) / 1024));
}

static void blob__none_or_removed__new_host_is_told_so(void **state)
{
    (void)state;
    hand_over(0, 0, 1);
    expect_blob(1, 0, 0);
    put(1, 1, 3, 5000);
    put(1, 1, 4, 0);
    assert_int_equal(bench_counters(bench).blobs, 0);
    hand_over(1, 1, 0);
    expect_blob(0, 0, 0);
}

static void blob__newer__takes_the_place_of_the_one_before(void **state)
{
    (void)state;
    put(0, 0, 1, 9000);
    put(0, 0, 2, 100);
    hand_over(0, 0, 1);
    expect_blob(1, 2, 100);
}

static void blob__half__is_never_given_away(void **state)
{
    (void)state;
    put(0, 0, 1, 5000);
    send_up_to(0, 0, 2, 9000, 8999);
    hand_over(0, 0, 1);
    expect_blob(1, 1, 5000);
    send_piece(0, 0, 2, 9000, 8999, 1);
    (void)bench_expect_error(bench, 0, REASON_BLOB_ORDER);
    hand_over(1, 1, 2);
    expect_blob(2, 1, 5000);
}

static void blob__whole_after_the_host_changed__does_not_count(void **state)
{
    (void)state;
    send_up_to(0, 0, 2, 9000, 8999);
    bench->workers[0].is_stuck = true;
    bench->workers[1].is_stuck = true;
    send_piece(0, 0, 2, 9000, 8999, 1);
    bench_pump(bench);
    /* Its worker has decided otherwise meanwhile. */
    for (unsigned i = 0; i < BENCH_WORKERS; i++) {
        if (bench->workers[i].rooms[0].is_used) {
            bench->workers[i].rooms[0].host = rooms[1].member;
            bench->workers[i].rooms[0].host_epoch = 1;
        }
        bench->workers[i].is_stuck = false;
    }
    (void)bench_expect_error(bench, 0, REASON_STALE_EPOCH);
    assert_int_equal(bench_counters(bench).blobs, 0);
    assert_int_equal(bench_counters(bench).blobs_taken, 0);
}

static void put__by_others_or_of_another_epoch__is_refused(void **state)
{
    (void)state;
    put(0, 0, 1, 5000);
    send_piece(1, 0, 9, 100, 0, 0);
    (void)bench_expect_error(bench, 1, REASON_NOT_HOST);
    send_piece(1, 0, 9, 100, 0, 100);
    (void)bench_expect_error(bench, 1, REASON_BLOB_ORDER);
    send_piece(0, 1, 9, 100, 0, 0);
    (void)bench_expect_error(bench, 0, REASON_STALE_EPOCH);
    send_piece(0, 1, 9, 0, 0, 0);
    (void)bench_expect_error(bench, 0, REASON_STALE_EPOCH);
    hand_over(0, 0, 1);
    expect_blob(1, 1, 5000);
}

/* Somebody who is not the host must not be able to spoil what the host uploads. */
static void put__by_others_in_between__host_goes_on(void **state)
{
    (void)state;
    send_up_to(0, 0, 2, 9000, PIECE);
    send_piece(1, 0, 2, 9000, PIECE, PIECE);
    (void)bench_expect_error(bench, 1, REASON_BLOB_ORDER);
    send_piece(1, 0, 3, 100, 0, 0);
    (void)bench_expect_error(bench, 1, REASON_NOT_HOST);
    send_piece(0, 0, 2, 9000, PIECE, PIECE);
    (void)bench_expect(bench, 0, CONTROL_OK);
    send_piece(0, 0, 2, 9000, 2 * PIECE, 1000);
    (void)bench_expect(bench, 0, CONTROL_OK);
    hand_over(0, 0, 1);
    expect_blob(1, 2, 9000);
}

static void put__too_large_or_out_of_order__is_refused_with_the_limit(void **state)
{
    (void)state;
    send_piece(0, 0, 1, BLOB_BYTES + 1, 0, 0);
    struct control_message error = bench_expect_error(bench, 0, REASON_BLOB_SIZE);
    assert_int_equal(error.error.limit, BLOB_BYTES);
    send_piece(0, 0, 1, 100, 0, 100);
    (void)bench_expect_error(bench, 0, REASON_BLOB_ORDER);
    send_up_to(0, 0, 1, 100, 50);
    send_piece(0, 0, 1, 100, 49, 51);
    (void)bench_expect_error(bench, 0, REASON_BLOB_ORDER);
    send_piece(0, 0, 1, 100, 50, 50);
    (void)bench_expect(bench, 0, CONTROL_OK);
    (void)bench_send_type(bench, 0, CONTROL_LEAVE);
    (void)bench_expect(bench, 0, CONTROL_OK);
    send_piece(0, 0, 1, 100, 0, 0);
    (void)bench_expect_error(bench, 0, REASON_NOT_IN_ROOM);
}

static void put__worker_queue_full__may_be_sent_again(void **state)
{
    char code[JOIN_CODE_TEXT_SIZE] = {0};
    (void)state;
    (void)bench_send_type(bench, 0, CONTROL_ROOM_STATE);
    struct control_message told = bench_expect(bench, 0, CONTROL_MEMBERSHIP);
    memcpy(code, told.membership.code.at, told.membership.code.size);
    expect_blob(0, 0, 0);
    for (unsigned client = 3; client < 5; client++) {
        (void)bench_login(bench, client);
        (void)bench_join(bench, client, code);
        for (unsigned j = 0; j < client; j++) {
            (void)bench_expect(bench, j, CONTROL_JOINED);
        }
    }
    send_up_to(0, 0, 1, 100, 50);
    bench->workers[0].is_stuck = true;
    bench->workers[1].is_stuck = true;
    for (unsigned i = 0; i < 4 * 16; i++) {
        (void)bench_send_type(bench, 1 + i % 4, CONTROL_ROOM_STATE);
    }
    bench_pump(bench);
    send_piece(0, 0, 1, 100, 50, 50);
    (void)bench_expect_error(bench, 0, REASON_BUSY);
    bench->workers[0].is_stuck = false;
    bench->workers[1].is_stuck = false;
    for (unsigned i = 0; i < 4 * 16; i++) {
        (void)bench_expect(bench, 1 + i % 4, CONTROL_MEMBERSHIP);
    }
    bench_advance(bench, 1000 * UINT64_C(1000000));
    send_piece(0, 0, 1, 100, 50, 50);
    (void)bench_expect(bench, 0, CONTROL_OK);
    assert_int_equal(bench_counters(bench).blobs_taken, 1);
}

static void put__pool_full__refused_until_a_room_closes(void **state)
{
    (void)state;
    put(0, 0, 1, 100);
    (void)bench_login(bench, 3);
    (void)bench_create(bench, 3);
    put(3, 0, 1, 100);
    (void)bench_login(bench, 4);
    (void)bench_create(bench, 4);
    send_piece(4, 0, 1, 100, 0, 0);
    struct control_message error = bench_expect_error(bench, 4, REASON_BLOB_POOL);
    assert_int_equal(error.error.limit, 2);
    put(3, 0, 2, 200);
    (void)bench_send_type(bench, 3, CONTROL_LEAVE);
    (void)bench_expect(bench, 3, CONTROL_OK);
    put(4, 0, 1, 100);
    assert_int_equal(bench_counters(bench).blobs_max, 2);
}

static void part__receiver_is_slow__no_more_than_one_waits(void **state)
{
    struct bench_client *slow = &bench->clients[1];
    (void)state;
    put(0, 0, 7, BLOB_BYTES);
    slow->is_slow = true;
    hand_over(0, 0, 1);
    /* HOST_CHANGED itself is still with the system: no part before that is out. */
    bench_expect_nothing(bench, 1);
    for (uint32_t offset = 0; offset < BLOB_BYTES; offset += 1024) {
        slow->pending = 0;
        control_sent(bench->control, slow->connection, 0, bench->now_ns);
        struct control_message part = bench_expect(bench, 1, CONTROL_BLOB_PART);
        assert_int_equal(part.blob.offset, offset);
        assert_in_range(slow->pending, 1, 1100);
        bench_expect_nothing(bench, 1);
        bench_advance(bench, 1000 * UINT64_C(1000000));
    }
    slow->pending = 0;
    control_sent(bench->control, slow->connection, 0, bench->now_ns);
    bench_expect_nothing(bench, 1);
    assert_int_equal(slow->end, BENCH_OPEN);
}

static void part__socket_takes_nothing__goes_on_where_it_was(void **state)
{
    struct bench_client *deaf = &bench->clients[1];
    (void)state;
    put(0, 0, 7, 5000);
    deaf->is_deaf = true;
    struct control_message message = {.type = CONTROL_HAND_OVER, .member = rooms[1].member};
    (void)bench_send(bench, 0, &message);
    bench_pump(bench);
    deaf->is_deaf = false;
    control_sent(bench->control, deaf->connection, 0, bench->now_ns);
    (void)bench_expect(bench, 1, CONTROL_HOST_CHANGED);
    expect_blob(1, 7, 5000);
}

static void part__role_goes_on__the_rest_is_not_sent(void **state)
{
    struct bench_client *slow = &bench->clients[1];
    (void)state;
    put(0, 0, 7, BLOB_BYTES);
    slow->is_slow = true;
    hand_over(0, 0, 1);
    slow->pending = 0;
    control_sent(bench->control, slow->connection, 0, bench->now_ns);
    (void)bench_expect(bench, 1, CONTROL_BLOB_PART);
    hand_over(1, 1, 2);
    expect_blob(2, 7, BLOB_BYTES);
    slow->is_slow = false;
    slow->pending = 0;
    control_sent(bench->control, slow->connection, 0, bench->now_ns);
    bench_expect_nothing(bench, 1);
}

static void part__receiver_puts_its_own__the_rest_is_not_sent(void **state)
{
    struct bench_client *slow = &bench->clients[1];
    (void)state;
    put(0, 0, 7, BLOB_BYTES);
    slow->is_slow = true;
    hand_over(0, 0, 1);
    put(1, 1, 8, 300);
    slow->is_slow = false;
    slow->pending = 0;
    control_sent(bench->control, slow->connection, 0, bench->now_ns);
    bench_expect_nothing(bench, 1);
    hand_over(1, 1, 2);
    expect_blob(2, 8, 300);
}

static void part__room_closes__the_rest_is_not_sent(void **state)
{
    struct bench_client *slow = &bench->clients[1];
    (void)state;
    put(0, 0, 7, BLOB_BYTES);
    slow->is_slow = true;
    hand_over(0, 0, 1);
    (void)bench_send_type(bench, 1, CONTROL_LEAVE);
    (void)bench_expect(bench, 1, CONTROL_OK);
    slow->is_slow = false;
    slow->pending = 0;
    control_sent(bench->control, slow->connection, 0, bench->now_ns);
    bench_expect_nothing(bench, 1);
}

static void resume__of_the_new_host__gets_the_blob_again(void **state)
{
    struct control_welcome welcome = bench->clients[1].welcome;
    (void)state;
    put(0, 0, 7, BLOB_BYTES);
    bench_disconnect(bench, 1);
    hand_over(0, 0, 1);
    assert_true(bench_resume(bench, 1, welcome.session_id, welcome.resume_key));
    for (int i = 0; i < 2; i++) {
        (void)bench_send_type(bench, 1, CONTROL_ROOM_STATE);
        (void)bench_expect(bench, 1, CONTROL_MEMBERSHIP);
        expect_blob(1, 7, BLOB_BYTES);
    }
    put(1, 1, 8, 100); /* Its own does not come back. */
    (void)bench_send_type(bench, 1, CONTROL_ROOM_STATE);
    (void)bench_expect(bench, 1, CONTROL_MEMBERSHIP);
    bench_expect_nothing(bench, 1);
}

static void put__answer_lost_with_the_connection__upload_can_begin_anew(void **state)
{
    struct control_welcome welcome = bench->clients[0].welcome;
    (void)state;
    send_up_to(0, 0, 1, 9000, PIECE);
    bench->workers[0].is_stuck = true;
    bench->workers[1].is_stuck = true;
    send_piece(0, 0, 1, 9000, 0, 0);
    bench_pump(bench);
    bench_disconnect(bench, 0);
    bench_pump(bench);
    bench->workers[0].is_stuck = false;
    bench->workers[1].is_stuck = false;
    assert_true(bench_resume(bench, 0, welcome.session_id, welcome.resume_key));
    put(0, 0, 2, 500);
    hand_over(0, 0, 1);
    expect_blob(1, 2, 500);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(blob__put_by_the_host__goes_whole_to_the_next_one_alone),
        TEST(blob__none_or_removed__new_host_is_told_so),
        TEST(blob__newer__takes_the_place_of_the_one_before),
        TEST(blob__half__is_never_given_away),
        TEST(blob__whole_after_the_host_changed__does_not_count),
        TEST(put__by_others_or_of_another_epoch__is_refused),
        TEST(put__by_others_in_between__host_goes_on),
        TEST(put__too_large_or_out_of_order__is_refused_with_the_limit),
        TEST(put__worker_queue_full__may_be_sent_again),
        TEST(put__pool_full__refused_until_a_room_closes),
        TEST(part__receiver_is_slow__no_more_than_one_waits),
        TEST(part__socket_takes_nothing__goes_on_where_it_was),
        TEST(part__role_goes_on__the_rest_is_not_sent),
        TEST(part__receiver_puts_its_own__the_rest_is_not_sent),
        TEST(part__room_closes__the_rest_is_not_sent),
        TEST(resume__of_the_new_host__gets_the_blob_again),
        TEST(put__answer_lost_with_the_connection__upload_can_begin_anew),
    };
#undef TEST

    if (sodium_init() < 0) {
        return 1;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
