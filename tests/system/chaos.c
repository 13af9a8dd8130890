/* SPDX-License-Identifier: MIT */

/* chaos.c - members who do anything at any time, on connections that break at any time.
 *
 * A seeded run of verbs, states, cut connections and changed addresses. Meanwhile no state may come
 * from another room than the receiver's. Then everything is mended, and whoever is in a room has to
 * see the same room as all others in it: members, host, host's epoch, lock.
 *
 * usage: gsrelay_chaos CONTROL_ADDRESS:PORT TURNS [SEED] */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/os/os.h"
#include "tests/system/actor.h"

enum { MEMBERS = 12, CODES = 4 };

static const uint64_t PATIENCE_NS = UINT64_C(60000000000);

struct member {
    struct actor *actor;
    struct gsrelay_client *client;
    char code[GSRELAY_CODE_SIZE]; /* Of the room as the events tell it; empty outside. */
};

static struct addr control_address;
static unsigned turns;
static uint64_t noise_state = 1;
static struct member members[MEMBERS];
static char codes[CODES][GSRELAY_CODE_SIZE];
static unsigned event_counts[32];

/* xorshift64* (Vigna, 2016). */
static uint32_t noise(uint32_t below)
{
    noise_state ^= noise_state >> 12;
    noise_state ^= noise_state << 25;
    noise_state ^= noise_state >> 27;
    return (uint32_t)(noise_state * UINT64_C(0x2545F4914F6CDD1D) >> 33) % below;
}

static void take_event(struct member *member, const struct gsrelay_event *event)
{
    event_counts[event->type % 32]++;
    switch (event->type) {
    case GSRELAY_EVENT_ROOM_JOINED:
        memcpy(member->code, event->code, sizeof(member->code));
        memcpy(codes[noise(CODES)], event->code, sizeof(codes[0]));
        break;
    case GSRELAY_EVENT_ROOM_LEFT:
    case GSRELAY_EVENT_SESSION_LOST:
        member->code[0] = '\0';
        break;
    case GSRELAY_EVENT_DISCONNECTED:
        member->code[0] = '\0';
        assert_int_equal(gsrelay_io_start(member->client, os_clock_ns()), GSRELAY_OK);
        break;
    case GSRELAY_EVENT_STATE:
        assert_int_equal(event->size, sizeof(member->code));
        assert_string_equal((const char *)event->bytes, member->code);
        break;
    default:
        break;
    }
}

static void take_turn(void)
{
    struct gsrelay_event event;

    actors_turn();
    for (unsigned i = 0; i < MEMBERS; i++) {
        while (members[i].actor != NULL && actor_next(members[i].actor, &event)) {
            take_event(&members[i], &event);
        }
    }
}

static uint16_t somebody(const struct member *member)
{
    uint16_t ids[GSRELAY_MEMBERS_LIMIT];
    const size_t count = gsrelay_get_members(member->client, ids, GSRELAY_MEMBERS_LIMIT);

    return count == 0 ? 1 : ids[noise((uint32_t)count)];
}

/* What fails because it cannot be done now is part of the game. */
static void act(struct member *member)
{
    const struct gsrelay_room_options room = {.tick_us = noise(2) == 0 ? GSRELAY_TICK_NONE : 5000};
    struct gsrelay_client *client = member->client;
    struct gsrelay_room now;
    const uint8_t stream = (uint8_t)noise(4);

    switch (noise(40)) {
    case 0:
        if (actor_has_tcp(member->actor)) {
            actor_cut(member->actor, noise(2) == 0 ? ACTOR_CUT_RESET : ACTOR_CUT_ORDERLY);
        }
        break;
    case 1:
    case 2:
        actor_mend(member->actor);
        break;
    case 3:
        if (actor_has_udp(member->actor)) {
            actor_move(member->actor);
        }
        break;
    case 4:
        (void)gsrelay_leave(client);
        break;
    case 5:
        (void)gsrelay_create_room(client, &room);
        break;
    case 6:
    case 7:
    case 8:
        (void)gsrelay_join_room(client, codes[noise(CODES)]);
        break;
    case 9:
        (void)gsrelay_kick(client, somebody(member));
        break;
    case 10:
        (void)gsrelay_hand_over(client, somebody(member));
        break;
    case 11:
        (void)gsrelay_lock(client, noise(2) == 0);
        break;
    case 12:
        (void)gsrelay_set_metadata(client, codes, noise(sizeof(codes)));
        break;
    case 13:
        if (noise(4) == 0) {
            (void)gsrelay_disconnect(client);
        }
        break;
    default:
        if (gsrelay_get_room(client, &now) == GSRELAY_OK) {
            (void)gsrelay_send(client, noise(8) == 0 ? GSRELAY_TO_HOST : GSRELAY_TO_ALL, stream, 0,
                               now.code, sizeof(now.code));
        }
        break;
    }
}

/* Both see the same room, and each other in it. */
static bool agree(const struct member *a, const struct member *b)
{
    uint16_t ids_a[GSRELAY_MEMBERS_LIMIT];
    uint16_t ids_b[GSRELAY_MEMBERS_LIMIT];
    const size_t count_a = gsrelay_get_members(a->client, ids_a, GSRELAY_MEMBERS_LIMIT);
    const size_t count_b = gsrelay_get_members(b->client, ids_b, GSRELAY_MEMBERS_LIMIT);
    struct gsrelay_room room_a;
    struct gsrelay_room room_b;

    if (gsrelay_get_room(a->client, &room_a) != GSRELAY_OK ||
        gsrelay_get_room(b->client, &room_b) != GSRELAY_OK ||
        strcmp(room_a.code, room_b.code) != 0) {
        return true;
    }
    return count_a == count_b && memcmp(ids_a, ids_b, count_a * sizeof(ids_a[0])) == 0 &&
           room_a.host == room_b.host && room_a.host_epoch == room_b.host_epoch &&
           room_a.is_locked == room_b.is_locked;
}

static bool is_settled(const struct member *member)
{
    struct gsrelay_room room;
    unsigned same = 0;

    if (gsrelay_get_state(member->client) != GSRELAY_STATE_CONNECTED) {
        return false;
    }
    if (gsrelay_get_room(member->client, &room) != GSRELAY_OK) {
        return true;
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct gsrelay_room other;

        same += gsrelay_get_room(members[i].client, &other) == GSRELAY_OK &&
                strcmp(other.code, room.code) == 0;
        if (!agree(member, &members[i])) {
            return false;
        }
    }
    return room.is_bound == 1 && room.member_count == same;
}

/* For whoever has to find out why there is no peace. */
static void print_member(unsigned index)
{
    const struct member *member = &members[index];
    struct gsrelay_room room = {0};
    uint16_t ids[GSRELAY_MEMBERS_LIMIT];
    const size_t count = gsrelay_get_members(member->client, ids, GSRELAY_MEMBERS_LIMIT);

    (void)gsrelay_get_room(member->client, &room);
    print_error(
        "%s %u: state %d room \"%s\" member %u host %u epoch %u locked %u bound %u; %s; members",
        is_settled(member) ? "settled" : "UNSETTLED", index, gsrelay_get_state(member->client),
        room.code, room.member, room.host, room.host_epoch, room.is_locked, room.is_bound,
        gsrelay_error_text(member->client));
    for (size_t i = 0; i < count; i++) {
        print_error(" %u", ids[i]);
    }
    print_error("\n");
}

static void chaos__then_peace__all_agree(void **state)
{
    uint64_t end_ns;

    (void)state;
    actors_open(&control_address);
    for (unsigned i = 0; i < MEMBERS; i++) {
        members[i].actor = actor_connect();
        members[i].client = actor_client(members[i].actor);
        take_turn();
    }
    for (unsigned i = 0; i < turns; i++) {
        act(&members[noise(MEMBERS)]);
        act(&members[noise(MEMBERS)]);
        take_turn();
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        actor_mend(members[i].actor);
    }
    end_ns = os_clock_ns() + PATIENCE_NS;
    for (unsigned settled = 0; settled < MEMBERS;) {
        settled = 0;
        take_turn();
        for (unsigned i = 0; i < MEMBERS; i++) {
            settled += is_settled(&members[i]);
        }
        if (os_clock_ns() > end_ns) {
            for (unsigned i = 0; i < MEMBERS; i++) {
                print_member(i);
            }
            fail();
        }
    }
    (void)printf("chaos: joined %u, left %u, resumed %u, sessions lost %u, states %u\n",
                 event_counts[GSRELAY_EVENT_ROOM_JOINED], event_counts[GSRELAY_EVENT_ROOM_LEFT],
                 event_counts[GSRELAY_EVENT_RESUMED], event_counts[GSRELAY_EVENT_SESSION_LOST],
                 event_counts[GSRELAY_EVENT_STATE]);
    assert_true(event_counts[GSRELAY_EVENT_RESUMED] > 0);
    assert_true(event_counts[GSRELAY_EVENT_STATE] > 0);
    actors_close();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(chaos__then_peace__all_agree)};

    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc < 3 || addr_parse(argv[1], strlen(argv[1]), &control_address) < 0) {
        (void)fprintf(stderr, "usage: gsrelay_chaos ADDRESS:PORT TURNS [SEED]\n");
        return 2;
    }
    turns = (unsigned)strtoul(argv[2], NULL, 10);
    noise_state = argc > 3 ? strtoull(argv[3], NULL, 10) * 2 + 1 : 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
