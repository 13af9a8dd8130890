/* SPDX-License-Identifier: MIT */

/* reload.c - members who play while the relay's settings change under them, and while it drains.
 *
 * Run by reload.sh, which says on standard input what to do next and reads here that it is done:
 *
 *     play        everybody sends, everybody else receives      "played"
 *     limited N   sends until the relay tells the limit N       "limited N"
 *     drain       the relay has been told to drain: nobody      "drained"
 *                 new comes, the rest goes on; then all leave,
 *                 and the relay ends
 *
 * Meanwhile the members stay alive. Whoever loses a connection, a room or a fellow fails the test.
 *
 * usage: gsrelay_reload CONTROL_ADDRESS:PORT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/os/os.h"
#include "tests/system/actor.h"

enum { ROOMS = 2, MEMBERS = 4, PLAYERS = ROOMS * MEMBERS, STATES = 10, FLOOD = 20, LINE = 64 };

static const uint64_t PATIENCE_NS = UINT64_C(60000000000);
static const uint64_t REST_NS = UINT64_C(2500000000);

static struct addr control_address;
static struct actor *players[PLAYERS];
static struct actor *onlooker; /* A session without a room. */
static char codes[ROOMS][GSRELAY_CODE_SIZE];

/* One line of input at a time; the reading thread waits until it was taken. */
static struct {
    char line[LINE];
    atomic_bool is_there;
    atomic_bool is_end;
} input;

static void read_input(void *context)
{
    size_t size = 0;
    char byte;

    (void)context;
    while (os_stdin_read(&byte, 1) > 0) {
        if (byte == '\n') {
            input.line[size] = '\0';
            size = 0;
            atomic_store(&input.is_there, true);
            while (atomic_load(&input.is_there)) {
                os_sleep_ms(1);
            }
        } else if (byte != '\r' && size < LINE - 1) {
            input.line[size++] = byte;
        }
    }
    atomic_store(&input.is_end, true);
}

static void assert_undisturbed(const struct actor *actor)
{
    static const enum gsrelay_event_type types[] = {
        GSRELAY_EVENT_CONNECTION_LOST, GSRELAY_EVENT_SESSION_LOST, GSRELAY_EVENT_DISCONNECTED,
        GSRELAY_EVENT_ROOM_LEFT,       GSRELAY_EVENT_MEMBER_LEFT,  GSRELAY_EVENT_HOST_CHANGED,
        GSRELAY_EVENT_UDP_SILENT};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_int_equal(actor_count(actor, types[i]), 0);
    }
}

static void enter(void)
{
    for (unsigned i = 0; i < PLAYERS; i++) {
        const unsigned room = i / MEMBERS;

        players[i] = actor_enter(i % MEMBERS == 0 ? NULL : codes[room]);
        if (i % MEMBERS == 0) {
            memcpy(codes[room], actor_code(players[i]), sizeof(codes[room]));
        }
    }
    onlooker = actor_connect();
    (void)actor_await(onlooker, GSRELAY_EVENT_CONNECTED);
}

static void play_room(unsigned room)
{
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct actor *sender = players[room * MEMBERS + i];

        actor_send_numbered(sender, STATES);
        for (unsigned j = 0; j < MEMBERS; j++) {
            if (j != i) {
                actor_await_numbered(players[room * MEMBERS + j], sender, STATES);
            }
        }
    }
}

static void play(void)
{
    for (unsigned room = 0; room < ROOMS; room++) {
        play_room(room);
    }
    for (unsigned i = 0; i < PLAYERS; i++) {
        assert_undisturbed(players[i]);
    }
    assert_undisturbed(onlooker);
    (void)printf("played\n");
}

/* The client library keeps within the budget that it was told and refuses what is over it. */
static void rest(void)
{
    const uint64_t end_ns = os_clock_ns() + REST_NS;

    while (os_clock_ns() < end_ns) {
        actors_turn();
    }
}

/* A member of each room, so that every worker is asked. */
static void expect_limit(uint32_t limit)
{
    const uint64_t end_ns = os_clock_ns() + PATIENCE_NS;
    struct gsrelay_event event;

    for (unsigned room = 0; room < ROOMS; room++) {
        struct actor *sender = players[room * MEMBERS];

        do {
            assert_true(os_clock_ns() < end_ns);
            actor_forget(sender);
            while (actor_count(sender, GSRELAY_EVENT_NOTICE) == 0) {
                for (unsigned i = 0; i < FLOOD; i++) {
                    (void)gsrelay_send(actor_client(sender), GSRELAY_TO_HOST, 1, 0, "x", 1);
                    gsrelay_flush(actor_client(sender));
                }
                actors_turn();
                assert_true(os_clock_ns() < end_ns);
            }
            event = actor_await(sender, GSRELAY_EVENT_NOTICE);
        } while (event.limit != limit);
        assert_string_equal(gsrelay_reason_name(event.reason), "client_datagrams");
    }
    rest();
    (void)printf("limited %u\n", (unsigned)limit);
}

static void leave(struct actor *actor)
{
    assert_true(gsrelay_leave(actor_client(actor)) > 0);
    (void)actor_await(actor, GSRELAY_EVENT_ROOM_LEFT);
}

static void expect_draining(struct actor *actor)
{
    assert_true(actor_await(actor, GSRELAY_EVENT_DRAINING).time_ms == GSRELAY_NO_DEADLINE);
}

/* Who is not there yet stays outside; who has a session, if not a room, may only join. */
static void expect_doors_closed(void)
{
    struct gsrelay_event event;
    struct actor *stranger = actor_connect();

    event = actor_await(stranger, GSRELAY_EVENT_DISCONNECTED);
    assert_string_equal(gsrelay_reason_name(event.reason), "draining");
    assert_int_equal(actor_count(stranger, GSRELAY_EVENT_CONNECTED), 0);
    assert_true(gsrelay_create_room(actor_client(onlooker), NULL) > 0);
    event = actor_await(onlooker, GSRELAY_EVENT_REQUEST_FAILED);
    assert_string_equal(gsrelay_reason_name(event.reason), "draining");
    assert_true(gsrelay_join_room(actor_client(onlooker), codes[0]) > 0);
    (void)actor_await(onlooker, GSRELAY_EVENT_UDP_BOUND);
    actor_send_numbered(onlooker, STATES);
    for (unsigned i = 0; i < MEMBERS; i++) {
        actor_await_numbered(players[i], onlooker, STATES);
    }
    leave(onlooker);
}

static void drain(void)
{
    for (unsigned i = 0; i < PLAYERS; i++) {
        expect_draining(players[i]);
    }
    expect_draining(onlooker);
    expect_doors_closed();
    play_room(0);
    play_room(1);
    actor_cut(players[1], ACTOR_CUT_RESET);
    (void)actor_await(players[1], GSRELAY_EVENT_CONNECTION_LOST);
    actor_mend(players[1]);
    (void)actor_await(players[1], GSRELAY_EVENT_RESUMED);
    expect_draining(players[1]);
    for (unsigned i = MEMBERS; i < PLAYERS; i++) {
        leave(players[i]);
    }
    /* One room has gone, the other has not. */
    play_room(0);
    for (unsigned i = 0; i < PLAYERS; i++) {
        assert_int_equal(actor_count(players[i], GSRELAY_EVENT_DISCONNECTED), 0);
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        leave(players[i]);
    }
    for (unsigned i = 0; i < PLAYERS; i++) {
        const struct gsrelay_event event = actor_await(players[i], GSRELAY_EVENT_DISCONNECTED);

        assert_string_equal(gsrelay_reason_name(event.reason), "shutdown");
    }
    (void)actor_await(onlooker, GSRELAY_EVENT_DISCONNECTED);
    (void)printf("drained\n");
}

static void obey(const char *line)
{
    if (strcmp(line, "play") == 0) {
        play();
    } else if (strncmp(line, "limited ", 8) == 0) {
        expect_limit((uint32_t)strtoul(line + 8, NULL, 10));
    } else if (strcmp(line, "drain") == 0) {
        drain();
    } else {
        fail_msg("what does \"%s\" mean?", line);
    }
}

static void reload__members_playing__play_on(void **state)
{
    struct os_thread *reader;

    (void)state;
    actors_open(&control_address);
    enter();
    (void)printf("they play\n");
    assert_int_equal(os_thread_create(read_input, NULL, "input", &reader), 0);
    while (!atomic_load(&input.is_end) || atomic_load(&input.is_there)) {
        if (atomic_load(&input.is_there)) {
            obey(input.line);
            atomic_store(&input.is_there, false);
        }
        actors_turn();
    }
    os_thread_join(reader);
    actors_close();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reload__members_playing__play_on),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc != 2 || addr_parse(argv[1], strlen(argv[1]), &control_address) < 0) {
        (void)fprintf(stderr, "usage: gsrelay_reload ADDRESS:PORT\n");
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
