/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"
#include "proto/body.h"
#include "proto/limits.h"

/* One room; a and b are bound, c is not. */
struct world {
    struct fixture f;
    struct client a;
    struct client b;
    struct client c;
};

static void open_world(struct world *world, const struct relay_limits *limits)
{
    fixture_open(&world->f, limits);
    client_create(&world->f, &world->a, 1, 0);
    client_join(&world->f, &world->b, 2, &world->a);
    client_bind(&world->f, &world->a);
    client_bind(&world->f, &world->b);
    client_join(&world->f, &world->c, 3, &world->a);
    fixture_forget(&world->f);
}

/* The sum of all outcomes of a datagram. */
static uint64_t outcomes(const struct fixture *f)
{
    const struct core_counters counters = fixture_counters(f);
    uint64_t total = 0;

    for (unsigned type = 0; type < CORE_TYPES; type++) {
        total += counters.datagrams_handled[type];
    }
    for (unsigned reason = 1; reason < 40; reason++) {
        total += counters.dropped[reason];
    }
    return total;
}

/* Gives the bytes to the core, which must drop them for `reason`, count once and say nothing. */
static void expect_drop(struct world *world, const struct path *from, const uint8_t *bytes,
                        size_t size, enum reason reason)
{
    const uint64_t dropped = fixture_dropped(&world->f, reason);
    const uint64_t total = outcomes(&world->f);

    client_send_raw(&world->f, from, bytes, size);
    fixture_flush(&world->f);
    assert_int_equal(fixture_dropped(&world->f, reason), dropped + 1);
    assert_int_equal(outcomes(&world->f), total + 1);
    assert_int_equal(world->f.sent_count, 0);
}

static size_t make_data(const struct client *client, uint64_t sequence, uint8_t *out)
{
    static const uint8_t body[] = {0xFF, 0xFF, 0, 0, 3, 'a', 'b', 'c'};

    return client_seal(client, DATAGRAM_DATA, sequence, body, sizeof(body), out);
}

static void checks__each_exit__counts_once_and_is_silent(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    uint8_t bytes[2048] = {0};
    size_t size = 0;
    struct client stranger;
    (void)state;

    open_world(&world, &limits);
    size = make_data(&world.a, 50, bytes);
    assert_int_equal(size, 30);
    expect_drop(&world, &world.a.path, bytes, 0, REASON_SHORT);
    expect_drop(&world, &world.a.path, bytes, size - 1, REASON_SHORT);
    expect_drop(&world, &world.a.path, bytes, 1233, REASON_OVERSIZE);
    bytes[0] ^= 0xC0;
    expect_drop(&world, &world.a.path, bytes, size, REASON_BAD_VERSION);
    bytes[0] ^= 0xC0 | 1;
    expect_drop(&world, &world.a.path, bytes, size, REASON_BAD_TYPE);
    bytes[0] ^= 1;
    bytes[1] ^= 0x80;
    expect_drop(&world, &world.a.path, bytes, size, REASON_BAD_SLOT);
    bytes[1] ^= 0x80;
    bytes[3] = 3;
    expect_drop(&world, &world.a.path, bytes, size, REASON_BAD_SLOT);
    bytes[3] = 0;
    bytes[4] ^= 1;
    expect_drop(&world, &world.a.path, bytes, size, REASON_BAD_SLOT_TAG);
    bytes[4] ^= 1;
    for (unsigned bit = 0; bit < 8 * 16; bit++) {
        bytes[14 + bit / 8] ^= (uint8_t)(1U << bit % 8);
        expect_drop(&world, &world.a.path, bytes, size, REASON_BAD_TAG);
        bytes[14 + bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    /* Of another member of the room: right slot, wrong key. */
    stranger = world.b;
    stranger.slot = world.a.slot;
    size = make_data(&stranger, 51, bytes);
    expect_drop(&world, &world.a.path, bytes, size, REASON_BAD_TAG);
    fixture_close(&world.f);
}

static void sequence__seen_or_too_old__is_replayed_and_never_before_the_tag(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    uint8_t bytes[2048];
    size_t size = 0;
    (void)state;

    open_world(&world, &limits);
    size = make_data(&world.a, 5000, bytes);
    bytes[size - 1] ^= 1;
    expect_drop(&world, &world.a.path, bytes, size, REASON_BAD_TAG);
    /* A forged sequence has not moved the window. */
    size = make_data(&world.a, 40, bytes);
    client_send_raw(&world.f, &world.a.path, bytes, size);
    fixture_flush(&world.f);
    assert_int_equal(client_count(&world.f, &world.b, DATAGRAM_DATA), 1);
    fixture_forget(&world.f);
    expect_drop(&world, &world.a.path, bytes, size, REASON_REPLAYED);
    size = make_data(&world.a, 5000, bytes);
    client_send_raw(&world.f, &world.a.path, bytes, size);
    fixture_flush(&world.f);
    fixture_forget(&world.f);
    size = make_data(&world.a, 5000 - 1024, bytes);
    expect_drop(&world, &world.a.path, bytes, size, REASON_REPLAYED);
    size = make_data(&world.a, 5000 - 1023, bytes);
    client_send_raw(&world.f, &world.a.path, bytes, size);
    assert_int_equal(fixture_dropped(&world.f, REASON_REPLAYED), 2);
    fixture_close(&world.f);
}

static void body__broken_anywhere__acts_nowhere(void **state)
{
    /* A good record to all, and behind it: a cut head, a length beyond the end, an unknown flag, an
     * unassigned member, retained on stream 0, retained to one, padding with a stream. */
    static const uint8_t tails[][6] = {
        {0xFF, 0xFF, 1, 0},         {0xFF, 0xFF, 1, 0, 2, 'x'},    {0xFF, 0xFF, 1, 0x40, 1, 'x'},
        {0xFF, 0x40, 1, 0, 1, 'x'}, {0xFF, 0xFF, 0, 0x80, 1, 'x'}, {0xFF, 0xFE, 1, 0x80, 1, 'x'},
        {0x00, 0x00, 1, 0, 1, 'x'},
    };
    static const uint8_t good[] = {0xFF, 0xFF, 2, 0, 3, 'a', 'b', 'c'};
    const struct relay_limits limits = fixture_limits();
    struct world world;
    uint8_t body[16];
    uint8_t bytes[2048];
    (void)state;

    open_world(&world, &limits);
    for (unsigned index = 0; index < sizeof(tails) / sizeof(tails[0]); index++) {
        const size_t tail_size = index == 0 ? 4 : 6;

        memcpy(body, good, sizeof(good));
        memcpy(body + sizeof(good), tails[index], tail_size);
        expect_drop(&world, &world.a.path, bytes,
                    client_seal(&world.a, DATAGRAM_DATA, 100 + index, body,
                                sizeof(good) + tail_size, bytes),
                    REASON_MALFORMED);
    }
    memset(body, 0, sizeof(body));
    for (unsigned type = DATAGRAM_BIND; type <= DATAGRAM_PING; type += 2) {
        expect_drop(&world, &world.a.path, bytes,
                    client_seal(&world.a, (enum datagram_type)type, 200 + type, body, 16, bytes),
                    REASON_MALFORMED);
    }
    assert_int_equal(fixture_counters(&world.f).records_read, 0);
    fixture_close(&world.f);
}

static void records__to_each_kind_of_destination__reach_it_alone(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct record records[RECEIVE_MAX];
    struct core_counters counters;
    (void)state;

    open_world(&world, &limits);
    client_bind(&world.f, &world.c);
    client_send_record(&world.f, &world.b, world.c.member, 1, false, "to c", 4);
    client_send_record(&world.f, &world.b, MEMBER_HOST, 2, false, "to host", 7);
    client_send_record(&world.f, &world.b, MEMBER_ALL, 0, false, "to all", 6);
    fixture_settle(&world.f);
    assert_int_equal(client_records(&world.f, &world.a, records), 2);
    assert_memory_equal(records[0].payload, "to all", 6);
    assert_memory_equal(records[1].payload, "to host", 7);
    assert_int_equal(client_records(&world.f, &world.c, records), 2);
    assert_memory_equal(records[0].payload, "to all", 6);
    assert_memory_equal(records[1].payload, "to c", 4);
    assert_int_equal(client_records(&world.f, &world.b, records), 0);
    fixture_forget(&world.f);
    /* Itself, nobody, the host to itself, a group: no receiver. */
    client_send_record(&world.f, &world.b, world.b.member, 3, false, "x", 1);
    client_send_record(&world.f, &world.b, 0x0555, 3, false, "x", 1);
    client_send_record(&world.f, &world.a, MEMBER_HOST, 3, false, "x", 1);
    client_send_record(&world.f, &world.a, MEMBER_GROUP_FIRST, 3, false, "x", 1);
    fixture_settle(&world.f);
    assert_int_equal(world.f.sent_count, 0);
    counters = fixture_counters(&world.f);
    assert_int_equal(counters.dropped[REASON_NO_RECEIVER], 4);
    assert_int_equal(counters.records_read, 7);
    assert_int_equal(counters.records_admitted, 3);
    assert_int_equal(counters.deliveries_made, 4);
    assert_int_equal(counters.deliveries_sent, 4);
    fixture_close(&world.f);
}

static void data__before_bound__is_relayed_but_not_received(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    struct record records[RECEIVE_MAX];
    (void)state;

    open_world(&world, &limits);
    client_send_record(&world.f, &world.c, MEMBER_ALL, 1, false, "early", 5);
    client_send_record(&world.f, &world.a, world.c.member, 1, false, "too early", 9);
    fixture_settle(&world.f);
    assert_int_equal(client_records(&world.f, &world.a, records), 1);
    assert_int_equal(records[0].member, world.c.member);
    assert_int_equal(client_records(&world.f, &world.c, records), 0);
    assert_int_equal(fixture_dropped(&world.f, REASON_NOT_BOUND), 1);
    /* It came from a new address: that gets one CHALLENGE, and no more than it sent. */
    assert_int_equal(client_count(&world.f, &world.c, DATAGRAM_CHALLENGE), 1);
    assert_int_equal(client_find(&world.f, &world.c, DATAGRAM_CHALLENGE, 0)->size, 30);
    fixture_close(&world.f);
}

static void client_budgets__used_up__drop_and_tell_once_a_second(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    const struct event *notice = NULL;
    (void)state;

    limits.client_datagrams_rate = 10;
    limits.client_datagrams_burst = 12;
    open_world(&world, &limits);
    world.f.now_ns += 10 * SECOND;
    for (unsigned count = 0; count < 20; count++) {
        client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, "x", 1);
    }
    fixture_settle(&world.f);
    assert_int_equal(fixture_dropped(&world.f, REASON_CLIENT_DATAGRAMS), 8);
    assert_null(fixture_event(&world.f, EVENT_NOTICE, 1));
    notice = fixture_event(&world.f, EVENT_NOTICE, 0);
    assert_non_null(notice);
    assert_int_equal(notice->session.index, world.a.session.index);
    assert_int_equal(notice->reason, REASON_CLIENT_DATAGRAMS);
    assert_int_equal(notice->limit, 10);
    assert_int_equal(notice->retry_ms, 100);
    world.f.now_ns += 100 * MS;
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, "x", 1);
    assert_int_equal(fixture_dropped(&world.f, REASON_CLIENT_DATAGRAMS), 8);
    fixture_close(&world.f);
}

static void client_bytes_and_records__used_up__drop(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    uint8_t payload[1000] = {0};
    (void)state;

    limits.client_bytes_rate = 1000;
    limits.client_bytes_burst = 2000;
    limits.client_records_rate = 1;
    limits.client_records_burst = 2;
    open_world(&world, &limits);
    world.f.now_ns += 10 * SECOND;
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, payload, 1000);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, payload, 1000);
    assert_int_equal(fixture_dropped(&world.f, REASON_CLIENT_BYTES), 1);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, payload, 1);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, payload, 1);
    assert_int_equal(fixture_dropped(&world.f, REASON_CLIENT_RECORDS), 1);
    assert_int_equal(fixture_counters(&world.f).records_admitted, 2);
    fixture_close(&world.f);
}

static void room_budgets__used_up__drop_before_the_fan_out(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    uint8_t payload[100] = {0};
    (void)state;

    limits.room_deliveries_rate = 4;
    limits.room_deliveries_burst = 4;
    limits.room_bytes_rate = 250;
    limits.room_bytes_burst = 250;
    open_world(&world, &limits);
    client_bind(&world.f, &world.c);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, payload, 100);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, payload, 100);
    assert_int_equal(fixture_dropped(&world.f, REASON_ROOM_BYTES), 1);
    /* What was dropped for one budget has not used up the other. */
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, payload, 1);
    assert_int_equal(fixture_dropped(&world.f, REASON_ROOM_DELIVERIES), 0);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, payload, 1);
    assert_int_equal(fixture_dropped(&world.f, REASON_ROOM_DELIVERIES), 1);
    assert_int_equal(fixture_counters(&world.f).deliveries_made, 4);
    fixture_take_events(&world.f);
    assert_int_equal(fixture_event(&world.f, EVENT_NOTICE, 0)->reason, REASON_ROOM_BYTES);
    fixture_close(&world.f);
}

static void streams__more_than_allowed__are_refused_until_one_is_quiet(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    limits.streams_per_member = 2;
    open_world(&world, &limits);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 10, false, "x", 1);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 20, true, "x", 1);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 30, false, "x", 1);
    assert_int_equal(fixture_dropped(&world.f, REASON_STREAM_LIMIT), 1);
    fixture_settle(&world.f);
    assert_int_equal(fixture_event(&world.f, EVENT_NOTICE, 0)->reason, REASON_STREAM_LIMIT);
    assert_int_equal(fixture_event(&world.f, EVENT_NOTICE, 0)->limit, 2);
    world.f.now_ns += 10 * SECOND;
    client_send_record(&world.f, &world.a, MEMBER_ALL, 30, false, "x", 1);
    assert_int_equal(fixture_dropped(&world.f, REASON_STREAM_LIMIT), 1);
    /* 10 has given its place away; 20 is retained and keeps it. */
    fixture_settle(&world.f);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 10, false, "x", 1);
    assert_int_equal(fixture_dropped(&world.f, REASON_STREAM_LIMIT), 2);
    fixture_close(&world.f);
}

static void record__that_fits_no_datagram_down__is_refused(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world world;
    uint8_t payload[1205] = {0};
    struct record records[RECEIVE_MAX];
    (void)state;

    open_world(&world, &limits);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, payload, 1205);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 2, true, payload, 1202);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 3, true, payload, 1201);
    fixture_settle(&world.f);
    assert_int_equal(fixture_dropped(&world.f, REASON_RECORD_SIZE), 1);
    assert_int_equal(client_records(&world.f, &world.b, records), 2);
    assert_int_equal(client_find(&world.f, &world.b, DATAGRAM_DATA, 0)->size, 1232);
    assert_int_equal(client_find(&world.f, &world.b, DATAGRAM_DATA, 1)->size, 1232);
    fixture_close(&world.f);
}

static void cells__all_taken__drop_records_and_nothing_else(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world world;
    (void)state;

    limits.cells_max = 2;
    open_world(&world, &limits);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, "1", 1);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 0, false, "2", 1);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 2, false, "3", 1);
    client_send_record(&world.f, &world.a, MEMBER_ALL, 0, false, "4", 1);
    assert_int_equal(fixture_dropped(&world.f, REASON_CELL_POOL), 2);
    /* A newer state of a stream that has its cell needs none. */
    client_send_record(&world.f, &world.a, MEMBER_ALL, 1, false, "5", 1);
    assert_int_equal(fixture_dropped(&world.f, REASON_CELL_POOL), 2);
    assert_int_equal(fixture_counters(&world.f).cells_in_use, 2);
    fixture_settle(&world.f);
    assert_int_equal(fixture_counters(&world.f).cells_in_use, 0);
    assert_int_equal(fixture_counters(&world.f).cells_in_use_max, 2);
    fixture_close(&world.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks__each_exit__counts_once_and_is_silent),
        cmocka_unit_test(sequence__seen_or_too_old__is_replayed_and_never_before_the_tag),
        cmocka_unit_test(body__broken_anywhere__acts_nowhere),
        cmocka_unit_test(records__to_each_kind_of_destination__reach_it_alone),
        cmocka_unit_test(data__before_bound__is_relayed_but_not_received),
        cmocka_unit_test(client_budgets__used_up__drop_and_tell_once_a_second),
        cmocka_unit_test(client_bytes_and_records__used_up__drop),
        cmocka_unit_test(room_budgets__used_up__drop_before_the_fan_out),
        cmocka_unit_test(streams__more_than_allowed__are_refused_until_one_is_quiet),
        cmocka_unit_test(record__that_fits_no_datagram_down__is_refused),
        cmocka_unit_test(cells__all_taken__drop_records_and_nothing_else),
    };

    return RUN_TESTS(tests);
}
