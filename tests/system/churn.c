/* SPDX-License-Identifier: MIT */

/* churn.c - rooms on several workers in which some play and others come and go, until the relay
 * stops in the middle of it.
 *
 * Run by drain.sh against a relay with two workers. In each room two members stay: every state on
 * stream 0 that one of them sends has to reach the other, once and in order, however many others
 * join and leave meanwhile. No state may come from another room. When that has gone well for TURNS
 * turns, "they play" is printed and everything goes on until the relay has told each member that it
 * drains, and then that it has shut down; requests may then be refused, but none stays open.
 *
 * usage: gsrelay_churn CONTROL_ADDRESS:PORT TURNS */

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

enum { ROOMS = 4, STEADY = 2 * ROOMS, CHURNERS = 6, MEMBERS = STEADY + CHURNERS };

/* Turns from one state to the next, and the longest stay. */
enum { SEND_EVERY = 20, STAY_MAX = 60 };

static const uint64_t PATIENCE_NS = UINT64_C(60000000000);

enum whereabouts { OUTSIDE, JOINING, INSIDE, LEAVING };

struct state_body {
    char code[GSRELAY_CODE_SIZE]; /* Of the sender's room. */
    uint32_t number;              /* From 1; 0: of one who comes and goes. */
};

struct member {
    struct actor *actor;
    struct gsrelay_client *client;
    enum whereabouts where;
    unsigned stay; /* Turns left. */
    char code[GSRELAY_CODE_SIZE];
    uint32_t sent;  /* Of those who stay: states to the other one, */
    uint32_t heard; /* and from it. */
    bool is_draining;
    bool is_over;
};

static struct addr control_address;
static unsigned turns;
static uint64_t noise_state = 0x9e3779b97f4a7c15u;
static struct member members[MEMBERS];
static unsigned joins;
static unsigned guests_heard;

/* xorshift64* (Vigna, 2016). */
static uint32_t noise(uint32_t below)
{
    noise_state ^= noise_state >> 12;
    noise_state ^= noise_state << 25;
    noise_state ^= noise_state >> 27;
    return (uint32_t)(noise_state * UINT64_C(0x2545F4914F6CDD1D) >> 33) % below;
}

/* Those who stay; the first two of all in the first room, and so on. */
static bool is_steady(const struct member *member)
{
    return member < members + STEADY;
}

/* Of a room's two steady members, the other one. */
static struct member *other_of(const struct member *member)
{
    return &members[(size_t)(member - members) ^ 1U];
}

static void take_state(struct member *member, const struct gsrelay_event *event)
{
    struct state_body body;

    assert_int_equal(event->size, sizeof(body));
    memcpy(&body, event->bytes, sizeof(body));
    /* Of a guest who has asked to leave, the room is not forgotten yet. */
    assert_string_equal(body.code, member->code);
    if (body.number == 0) {
        guests_heard++;
    } else if (is_steady(member)) {
        assert_int_equal(body.number, member->heard + 1);
        assert_int_equal(event->member, actor_member(other_of(member)->actor));
        member->heard++;
    }
}

static void take_event(struct member *member, const struct gsrelay_event *event)
{
    switch (event->type) {
    case GSRELAY_EVENT_UDP_BOUND:
        member->where = INSIDE;
        member->stay = noise(STAY_MAX);
        joins++;
        break;
    case GSRELAY_EVENT_ROOM_LEFT:
        assert_false(is_steady(member));
        member->where = OUTSIDE;
        member->stay = noise(STAY_MAX / 4);
        break;
    case GSRELAY_EVENT_REQUEST_FAILED:
        assert_true(member->is_draining);
        member->where = OUTSIDE;
        break;
    case GSRELAY_EVENT_STATE:
        take_state(member, event);
        break;
    case GSRELAY_EVENT_DRAINING:
        assert_false(member->is_draining);
        member->is_draining = true;
        break;
    case GSRELAY_EVENT_DISCONNECTED:
        assert_true(member->is_draining);
        assert_string_equal(gsrelay_reason_name(event->reason), "shutdown");
        member->is_over = true;
        break;
    default:
        assert_int_not_equal(event->type, GSRELAY_EVENT_CONNECTION_LOST);
        assert_int_not_equal(event->type, GSRELAY_EVENT_SESSION_LOST);
        break;
    }
}

static void send_state(struct member *member, uint8_t stream, uint32_t number)
{
    struct state_body body = {.number = number};

    memcpy(body.code, member->code, sizeof(body.code));
    assert_int_equal(gsrelay_send(member->client, GSRELAY_TO_ALL, stream, 0, &body, sizeof(body)),
                     GSRELAY_OK);
}

static void churn(struct member *member)
{
    if (member->stay > 0) {
        member->stay--;
        if (member->where == INSIDE && member->stay % SEND_EVERY == 0) {
            send_state(member, 1, 0);
        }
        return;
    }
    if (member->where == INSIDE) {
        assert_true(gsrelay_leave(member->client) > 0);
        member->where = LEAVING;
    } else if (member->where == OUTSIDE && !member->is_draining) {
        memcpy(member->code, members[2 * noise(ROOMS)].code, sizeof(member->code));
        assert_true(gsrelay_join_room(member->client, member->code) > 0);
        member->where = JOINING;
    }
}

/* Returns how many the relay has seen off. */
static unsigned take_turn(unsigned turn, bool is_sending)
{
    struct gsrelay_event event;
    unsigned over = 0;

    for (unsigned i = 0; i < MEMBERS; i++) {
        struct member *member = &members[i];

        while (actor_next(member->actor, &event)) {
            take_event(member, &event);
        }
        over += member->is_over;
        if (member->is_over) {
            continue;
        }
        if (!is_steady(member)) {
            churn(member);
        } else if (is_sending && (turn + i) % SEND_EVERY == 0) {
            send_state(member, 0, ++member->sent);
        }
    }
    actors_turn();
    return over;
}

static void enter(void)
{
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct member *member = &members[i];

        if (!is_steady(member)) {
            member->actor = actor_connect();
            (void)actor_await(member->actor, GSRELAY_EVENT_CONNECTED);
        } else {
            member->actor = actor_enter(i % 2 == 0 ? NULL : members[i - 1].code);
            memcpy(member->code, actor_code(member->actor), sizeof(member->code));
            member->where = INSIDE;
        }
        member->client = actor_client(member->actor);
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        actor_forget(members[i].actor);
    }
}

static void expect_all_heard(void)
{
    const uint64_t end_ns = os_clock_ns() + PATIENCE_NS;
    unsigned late = 1;

    while (late > 0) {
        late = 0;
        (void)take_turn(0, false);
        for (unsigned i = 0; i < STEADY; i++) {
            late += members[i].heard != other_of(&members[i])->sent;
        }
        assert_true(os_clock_ns() < end_ns);
    }
}

static void churn__until_the_relay_stops__steady_members_miss_nothing(void **state)
{
    uint64_t end_ns;
    unsigned turn = 0;

    (void)state;
    actors_open(&control_address);
    enter();
    while (turn < turns) {
        (void)take_turn(turn++, true);
    }
    expect_all_heard();
    (void)printf("churn: %u times joined, %u states each, %u states of guests\n", joins,
                 members[0].sent, guests_heard);
    assert_true(joins > turns / (2 * STAY_MAX));
    assert_true(guests_heard > 0);
    (void)printf("they play\n");
    end_ns = os_clock_ns() + PATIENCE_NS;
    while (take_turn(turn++, true) < MEMBERS) {
        assert_true(os_clock_ns() < end_ns);
    }
    (void)printf("drained\n");
    actors_close();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(churn__until_the_relay_stops__steady_members_miss_nothing),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc != 3 || addr_parse(argv[1], strlen(argv[1]), &control_address) < 0) {
        (void)fprintf(stderr, "usage: gsrelay_churn ADDRESS:PORT TURNS\n");
        return 2;
    }
    turns = (unsigned)strtoul(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
