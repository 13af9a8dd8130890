/* SPDX-License-Identifier: MIT */
#include "test_head.h"

#include "core_fixture.h"
#include "proto/body.h"

/* A core behind a network with delay, in steps of a millisecond: a client whose port changes in
 * mid-game loses nothing upward, and receives again within one round trip and 50 ms. */

#define DELAY_NS    (40 * MS) /* One way. */
#define STATE_MS    20        /* Between two states of each client. */
#define PACKETS_MAX 4096

struct packet {
    uint64_t due_ns;
    struct path path; /* Of the client's side. */
    size_t size;
    uint8_t bytes[256];
};

struct line {
    unsigned first;
    unsigned count;
    struct packet packets[PACKETS_MAX];
};

struct player {
    struct client client;
    unsigned sent;
    unsigned received;
    uint64_t received_last_ns;
    uint64_t received_new_ns; /* When the first state came to the address that it has now. */
};

struct world {
    struct fixture f;
    struct line up;
    struct line down;
    struct player a;
    struct player b;
    uint64_t seen_ns;     /* When the relay first heard a's new address, and when it first */
    uint64_t answered_ns; /* sent a state there; 0 = not yet. */
};

static void put(struct line *line, const struct path *path, const uint8_t *bytes, size_t size,
                uint64_t due_ns)
{
    struct packet *packet = &line->packets[(line->first + line->count) % PACKETS_MAX];

    assert_true(line->count < PACKETS_MAX && size <= sizeof(packet->bytes));
    packet->due_ns = due_ns;
    packet->path = *path;
    packet->size = size;
    memcpy(packet->bytes, bytes, size);
    line->count++;
}

static const struct packet *take_due(struct line *line, uint64_t now_ns)
{
    const struct packet *packet = &line->packets[line->first];

    if (line->count == 0 || packet->due_ns > now_ns) {
        return NULL;
    }
    line->first = (line->first + 1) % PACKETS_MAX;
    line->count--;
    return packet;
}

static void send_up(struct world *world, struct player *player, enum datagram_type type,
                    const uint8_t *body, size_t body_size)
{
    uint8_t bytes[256];
    const size_t size =
        client_seal(&player->client, type, ++player->client.sequence, body, body_size, bytes);

    put(&world->up, &player->client.path, bytes, size, world->f.now_ns + DELAY_NS);
}

/* Stream 0, so that a state that gets lost is seen. */
static void send_state(struct world *world, struct player *player)
{
    static const uint8_t body[] = {0xFF, 0xFF, 0, 0, 3, 'a', 'b', 'c'};

    send_up(world, player, DATAGRAM_DATA, body, sizeof(body));
    player->sent++;
}

static void hear(struct world *world, struct player *player, const struct packet *packet)
{
    struct datagram_head head;
    uint8_t body[BODY_CONFIRM_SIZE];
    uint8_t cookie[BODY_COOKIE_SIZE];

    /* The address of before is not there any more: whatever goes to it is lost. */
    if (!addr_equal(&packet->path.peer, &player->client.path.peer) ||
        datagram_check_down(packet->bytes, packet->size, 1232, &head) != REASON_NONE ||
        head.slot != player->client.slot.index) {
        return;
    }
    assert_true(datagram_tag_fits(packet->bytes, packet->size, player->client.secret.key_down));
    if (head.type == DATAGRAM_CHALLENGE) {
        assert_true(body_challenge_read(datagram_body(packet->bytes), BODY_CHALLENGE_SIZE, cookie));
        body_confirm_write(body, cookie);
        send_up(world, player, DATAGRAM_CONFIRM, body, sizeof(body));
    }
    if (head.type == DATAGRAM_DATA) {
        struct record_reader reader;
        struct record record;

        record_reader_init(&reader, RECORD_DOWN, datagram_body(packet->bytes),
                           datagram_body_size(packet->size));
        while (record_next(&reader, &record)) {
            player->received += record.member != player->client.member;
        }
        player->received_last_ns = world->f.now_ns;
        if (player->received_new_ns == 0) {
            player->received_new_ns = world->f.now_ns;
        }
    }
}

/* One millisecond: what arrives, the relay's turn, what the players do. */
static void step(struct world *world, unsigned ms)
{
    const struct packet *packet = NULL;

    world->f.now_ns += MS;
    while ((packet = take_due(&world->up, world->f.now_ns)) != NULL) {
        if (world->seen_ns == 0 && addr_equal(&packet->path.peer, &world->a.client.path.peer)) {
            world->seen_ns = world->f.now_ns;
        }
        client_send_raw(&world->f, &packet->path, packet->bytes, packet->size);
    }
    fixture_settle(&world->f);
    for (unsigned index = 0; index < world->f.sent_count; index++) {
        const struct sent *sent = &world->f.sent[index];

        if (world->answered_ns == 0 &&
            sent == client_find(&world->f, &world->a.client, DATAGRAM_DATA, 0) &&
            addr_equal(&sent->path.peer, &world->a.client.path.peer)) {
            world->answered_ns = world->f.now_ns;
        }
        put(&world->down, &sent->path, sent->bytes, sent->size, world->f.now_ns + DELAY_NS);
    }
    fixture_forget(&world->f);
    while ((packet = take_due(&world->down, world->f.now_ns)) != NULL) {
        hear(world, &world->a, packet);
        hear(world, &world->b, packet);
    }
    if (ms % STATE_MS == 0) {
        send_state(world, &world->a);
    }
    if (ms % STATE_MS == STATE_MS / 2) {
        send_state(world, &world->b);
    }
}

static void port__changes_in_mid_game__costs_one_round_trip_down_and_nothing_up(void **state)
{
    const struct relay_limits limits = fixture_limits();
    struct world *world = calloc(1, sizeof(*world));
    unsigned ms = 0;
    (void)state;

    assert_non_null(world);
    fixture_open(&world->f, &limits);
    client_create(&world->f, &world->a.client, 1, 0);
    client_join(&world->f, &world->b.client, 2, &world->a.client);
    client_bind(&world->f, &world->a.client);
    client_bind(&world->f, &world->b.client);
    for (unsigned change = 0; change < 5; change++) {
        uint64_t changed_ns = 0;

        for (unsigned count = 0; count < 3000 + change * 7; count++) {
            step(world, ++ms);
        }
        assert_true(world->f.now_ns - world->a.received_last_ns <= STATE_MS * MS);
        world->a.client.path = fixture_path(10 + change);
        world->a.received_new_ns = 0;
        world->seen_ns = 0;
        world->answered_ns = 0;
        changed_ns = world->f.now_ns;
        while (world->a.received_new_ns == 0 && world->f.now_ns < changed_ns + SECOND) {
            step(world, ++ms);
        }
        /* The relay answers the new address one round trip after it first heard it, which is what
         * CHALLENGE and CONFIRM take, as soon as there is a state to send. For the client that is
         * a round trip more. */
        assert_int_not_equal(world->a.received_new_ns, 0);
        assert_true(world->answered_ns - world->seen_ns <= 2 * DELAY_NS + 50 * MS);
        assert_true(world->a.received_new_ns - changed_ns <=
                    STATE_MS * MS + 4 * DELAY_NS + 50 * MS);
    }
    for (unsigned count = 0; count < 1000; count++) {
        step(world, ++ms);
    }
    /* All that a has sent is there, but for what is on its way. */
    assert_in_range(world->a.sent - world->b.received, 0, 2 * DELAY_NS / (STATE_MS * MS) + 1);
    assert_int_equal(fixture_counters(&world->f).path_moves, 5);
    fixture_close(&world->f);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port__changes_in_mid_game__costs_one_round_trip_down_and_nothing_up),
    };

    return RUN_TESTS(tests);
}
