/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "daemon/core/core_internal.h"
#include "proto/body.h"

#define PLAYERS   8
#define DATAGRAMS 10000
#define ATTACKERS 200

struct world {
    struct fixture f;
    struct client players[PLAYERS];
    uint8_t overheard[PLAYERS][64]; /* A datagram of each, as an eavesdropper has it. */
    size_t overheard_size[PLAYERS];
    uint64_t bytes_in[ATTACKERS];
    uint64_t bytes_out[ATTACKERS];
    struct record records[RECEIVE_MAX];
};

static struct world *open_world(const struct relay_limits *limits)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    fixture_open(&world->f, limits);
    world->f.is_unchecked = true;
    for (unsigned number = 0; number < PLAYERS; number++) {
        if (number == 0) {
            client_create(&world->f, &world->players[0], 0, 0);
        } else {
            client_join(&world->f, &world->players[number], number, &world->players[0]);
        }
        client_bind(&world->f, &world->players[number]);
    }
    return world;
}

static void close_world(struct world *world)
{
    world->f.is_unchecked = false;
    fixture_check(&world->f);
    fixture_close(&world->f);
    free(world);
}

/* Random bytes, a head that is right with a tag that is not, or a replay. */
static size_t make_hostile(struct world *world, unsigned kind, uint8_t bytes[128])
{
    const unsigned player = (unsigned)(fixture_random(&world->f) % PLAYERS);
    size_t size = (size_t)(fixture_random(&world->f) % 128);

    for (size_t index = 0; index < 128; index++) {
        bytes[index] = (uint8_t)fixture_random(&world->f);
    }
    if (kind % 4 == 0) {
        return size;
    }
    memcpy(bytes, world->overheard[player], world->overheard_size[player]);
    size = world->overheard_size[player];
    if (kind % 4 == 1) {
        return size; /* A replay. */
    }
    bytes[13] = (uint8_t)fixture_random(&world->f); /* A new sequence, an old tag. */
    bytes[12]++;
    if (kind % 4 == 2) {
        bytes[3] = (uint8_t)fixture_random(&world->f);
    }
    return size;
}

static void strangers__ten_thousand_datagrams__get_no_byte_and_harm_nobody(void **state)
{
    static const uint8_t body[] = {0xFF, 0xFF, 0, 0, 3, 'a', 'b', 'c'};
    const struct relay_limits limits = fixture_limits();
    struct world *world = open_world(&limits);
    unsigned honest = 0;
    (void)state;

    for (unsigned number = 0; number < PLAYERS; number++) {
        world->overheard_size[number] =
            client_seal(&world->players[number], DATAGRAM_DATA, ++world->players[number].sequence,
                        body, sizeof(body), world->overheard[number]);
        client_send_raw(&world->f, &world->players[number].path, world->overheard[number],
                        world->overheard_size[number]);
    }
    fixture_settle(&world->f);
    for (unsigned count = 0; count < DATAGRAMS; count++) {
        const struct path from = fixture_path(100 + count % ATTACKERS);
        uint8_t bytes[128];

        fixture_forget(&world->f);
        client_send_raw(&world->f, &from, bytes, make_hostile(world, count, bytes));
        fixture_flush(&world->f);
        assert_int_equal(world->f.sent_count, 0);
        if (count % 10 == 0) {
            client_send_record(&world->f, &world->players[count % PLAYERS], MEMBER_ALL, 0, false,
                               "state", 5);
            fixture_flush(&world->f);
            honest += PLAYERS - 1;
        }
    }
    assert_int_equal(fixture_counters(&world->f).deliveries_sent, honest + PLAYERS * (PLAYERS - 1));
    assert_int_equal(fixture_counters(&world->f).path_moves, 0);
    close_world(world);
}

/* Members may name any source they like: no address gets more than was sent in its name. */
static void members__with_forged_sources__amplify_nothing(void **state)
{
    struct relay_limits limits = fixture_limits();
    struct world *world = NULL;
    uint8_t body[BODY_FIXED_SIZE_MAX] = {0xFF, 0xFF, 0, 0, 3, 'a', 'b', 'c'};
    (void)state;

    limits.challenge_session_rate = 1000;
    limits.challenge_session_burst = 1000;
    world = open_world(&limits);
    for (unsigned count = 0; count < DATAGRAMS; count++) {
        struct client *player = &world->players[fixture_random(&world->f) % PLAYERS];
        const unsigned victim = (unsigned)(fixture_random(&world->f) % ATTACKERS);
        const struct path from = fixture_path(100 + victim);
        const uint64_t before = fixture_counters(&world->f).bytes_received;

        world->f.now_ns += MS;
        fixture_forget(&world->f);
        switch (count % 4) {
        case 0:
            client_send_from(&world->f, player, &from, DATAGRAM_BIND, body, BODY_BIND_SIZE);
            break;
        case 1:
            client_send_from(&world->f, player, &from, DATAGRAM_DATA, body, 8);
            break;
        case 2:
            client_send_from(&world->f, player, &from, DATAGRAM_PING, body, BODY_PING_SIZE);
            break;
        default:
            client_send_from(&world->f, player, &from, DATAGRAM_CONFIRM, body, BODY_CONFIRM_SIZE);
            break;
        }
        world->bytes_in[victim] += fixture_counters(&world->f).bytes_received - before;
        fixture_flush(&world->f);
        for (unsigned index = 0; index < world->f.sent_count; index++) {
            const struct sent *sent = &world->f.sent[index];

            if (addr_equal(&sent->path.peer, &from.peer)) {
                assert_true(sent->size <= 30);
                world->bytes_out[victim] += sent->size;
            }
        }
        assert_true(world->bytes_out[victim] <= world->bytes_in[victim]);
    }
    assert_int_equal(fixture_counters(&world->f).path_moves, 0);
    assert_true(fixture_counters(&world->f).datagrams_sent[DATAGRAM_CHALLENGE] > 1000);
    close_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers__ten_thousand_datagrams__get_no_byte_and_harm_nobody),
        cmocka_unit_test(members__with_forged_sources__amplify_nothing),
    };

    return RUN_TESTS(tests);
}
