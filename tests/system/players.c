/* SPDX-License-Identifier: MIT */

/* players.c - sixteen members in two rooms who play until they are told otherwise.
 *
 * Run by the tests of the service, which reload, drain and stop the relay meanwhile. Commands come
 * as lines on standard input, and each is answered by a line when it has been carried out:
 *
 *     play      every member gets a state from every other of its room that was sent after the
 *               command
 *     draining  every member has heard that the relay drains
 *     leave     every member leaves its room
 *     over      every member has heard that the relay has shut down; the end
 *
 * No member may lose its connection, its session or another member before "leave" or "over", and
 * none may hear of an end that was not announced. The program fails, with a sentence, when that
 * happens, or when an answer does not come within a minute.
 *
 * usage: gsrelay_players CONTROL_ADDRESS:PORT */

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

enum { ROOMS = 2, MEMBERS = 8, PLAYERS = ROOMS * MEMBERS, TURNS_PER_STATE = 10 };

static const uint64_t PATIENCE_NS = UINT64_C(60000000000);

struct player {
    struct actor *actor;
    uint32_t heard[MEMBERS]; /* The newest round from each of its room, by the place in it. */
    bool is_draining;
    bool is_over;
};

static struct addr control_address;
static struct player players[PLAYERS];
static uint32_t round_number; /* Counts what is sent with each state. */
static bool may_leave;        /* Members may go. */
static bool may_end;          /* The relay may go. */
static char command[16];      /* The reader's until has_command, then the game's. */
static atomic_bool has_command;

/* --- Commands -------------------------------------------------------------------------------- */

static void read_commands(void *context)
{
    size_t size = 0;
    char byte;

    (void)context;
    while (os_stdin_read(&byte, 1) > 0) {
        if (byte == '\n') {
            command[size] = '\0';
            size = 0;
            atomic_store(&has_command, true);
            while (atomic_load(&has_command)) {
                os_sleep_ms(1);
            }
        } else if (byte != '\r' && size + 1 < sizeof(command)) {
            command[size++] = byte;
        }
    }
    /* The test has gone; so do we. */
    _Exit(3);
}

/* --- The game -------------------------------------------------------------------------------- */

static void take_state(struct player *player, unsigned room, const struct gsrelay_event *event)
{
    uint32_t sent_round;
    const uint8_t *bytes = event->bytes;

    assert_int_equal(event->size, 1 + sizeof(sent_round));
    assert_true(bytes[0] / MEMBERS == room);
    memcpy(&sent_round, bytes + 1, sizeof(sent_round));
    if (sent_round > player->heard[bytes[0] % MEMBERS]) {
        player->heard[bytes[0] % MEMBERS] = sent_round;
    }
}

static void take_event(struct player *player, unsigned room, const struct gsrelay_event *event)
{
    assert_int_not_equal(event->type, GSRELAY_EVENT_CONNECTION_LOST);
    assert_int_not_equal(event->type, GSRELAY_EVENT_SESSION_LOST);
    assert_true(
        may_leave || may_end ||
        (event->type != GSRELAY_EVENT_MEMBER_LEFT && event->type != GSRELAY_EVENT_ROOM_LEFT));
    if (event->type == GSRELAY_EVENT_STATE) {
        take_state(player, room, event);
    } else if (event->type == GSRELAY_EVENT_DRAINING) {
        player->is_draining = true;
    } else if (event->type == GSRELAY_EVENT_DISCONNECTED) {
        assert_true(player->is_draining);
        assert_string_equal(gsrelay_reason_name(event->reason), "shutdown");
        player->is_over = true;
    }
}

/* One turn of everybody; every so often each sends a state that says who and when. */
static void play_turn(void)
{
    static unsigned turn;
    struct gsrelay_event event;

    turn++;
    for (unsigned i = 0; i < PLAYERS; i++) {
        if (turn % TURNS_PER_STATE == 0 && !players[i].is_over && !may_leave) {
            uint8_t state[1 + sizeof(round_number)] = {(uint8_t)i};

            memcpy(state + 1, &round_number, sizeof(round_number));
            (void)gsrelay_send(actor_client(players[i].actor), GSRELAY_TO_ALL, 1, 0, state,
                               sizeof(state));
        }
        while (actor_next(players[i].actor, &event)) {
            take_event(&players[i], i / MEMBERS, &event);
        }
    }
    actors_turn();
}

static bool everybody_plays(void)
{
    for (unsigned i = 0; i < PLAYERS; i++) {
        for (unsigned other = 0; other < MEMBERS; other++) {
            if (other != i % MEMBERS && players[i].heard[other] < round_number) {
                return false;
            }
        }
    }
    return true;
}

static bool everybody_drains(void)
{
    for (unsigned i = 0; i < PLAYERS; i++) {
        if (!players[i].is_draining) {
            return false;
        }
    }
    return true;
}

static bool everybody_is_done(void)
{
    for (unsigned i = 0; i < PLAYERS; i++) {
        if (!players[i].is_over) {
            return false;
        }
    }
    return true;
}

static void play_until(bool (*is_so)(void))
{
    const uint64_t end_ns = os_clock_ns() + PATIENCE_NS;

    while (!is_so()) {
        assert_true(os_clock_ns() < end_ns);
        play_turn();
    }
}

/* Returns false when the game is over. */
static bool carry_out(const char *word)
{
    if (strcmp(word, "play") == 0) {
        round_number++;
        play_until(everybody_plays);
    } else if (strcmp(word, "draining") == 0) {
        play_until(everybody_drains);
    } else if (strcmp(word, "leave") == 0) {
        may_leave = true;
        may_end = true;
        for (unsigned i = 0; i < PLAYERS; i++) {
            assert_true(gsrelay_leave(actor_client(players[i].actor)) > 0);
        }
    } else {
        assert_string_equal(word, "over");
        may_end = true;
        play_until(everybody_is_done);
    }
    (void)printf("%s: done\n", word);
    return strcmp(word, "over") != 0;
}

static void players__enter__play_on_until_they_are_told(void **state)
{
    struct os_thread *reader;
    bool is_on = true;
    char code[GSRELAY_CODE_SIZE];

    (void)state;
    actors_open(&control_address);
    for (unsigned i = 0; i < PLAYERS; i++) {
        players[i].actor = actor_enter(i % MEMBERS == 0 ? NULL : code);
        if (i % MEMBERS == 0) {
            memcpy(code, actor_code(players[i].actor), sizeof(code));
        }
        actor_forget(players[i].actor);
    }
    assert_int_equal(os_thread_create(read_commands, NULL, "commands", &reader), 0);
    (void)printf("they are in\n");
    while (is_on) {
        play_turn();
        /* From "over" on the relay may go at any time; before, nobody asked it to. */
        if (atomic_load(&has_command)) {
            is_on = carry_out(command);
            atomic_store(&has_command, false);
        }
    }
    actors_close();
    os_thread_abandon(reader); /* It hangs in a read; the process ends. */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(players__enter__play_on_until_they_are_told),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    if (argc != 2 || addr_parse(argv[1], strlen(argv[1]), &control_address) < 0) {
        (void)fprintf(stderr, "usage: gsrelay_players ADDRESS:PORT\n");
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
