/* SPDX-License-Identifier: MIT */

/* drain.c - members who play while the relay is told to stop.
 *
 * Run by drain.sh, which waits for the line "they play" and then stops the relay. Every member has
 * to hear that the relay drains, and then that it has shut down, before its connection ends. With
 * "deaf" one more member reads nothing, with so much waiting for it that the relay cannot send it
 * all; the program then stays until its input ends, so that the deaf connection stays open.
 *
 * usage: gsrelay_drain CONTROL_ADDRESS:PORT [deaf] */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/os/os.h"
#include "tests/system/actor.h"

enum { ROOMS = 2, MEMBERS = 4, PLAYERS = ROOMS * MEMBERS, METADATA_COUNT = 100 };

static const uint64_t PATIENCE_NS = UINT64_C(60000000000);

static struct addr control_address;
static bool has_deaf;

/* What a member has heard of the end. */
struct heard {
    bool is_draining;
    bool is_over;
};

static void take_events(struct actor *actor, struct heard *heard)
{
    struct gsrelay_event event;

    while (actor_next(actor, &event)) {
        if (event.type == GSRELAY_EVENT_DRAINING) {
            assert_false(heard->is_draining);
            heard->is_draining = true;
        } else if (event.type == GSRELAY_EVENT_DISCONNECTED) {
            assert_true(heard->is_draining);
            assert_string_equal(gsrelay_reason_name(event.reason), "shutdown");
            heard->is_over = true;
        }
        assert_int_not_equal(event.type, GSRELAY_EVENT_CONNECTION_LOST);
        assert_int_not_equal(event.type, GSRELAY_EVENT_MEMBER_LEFT);
    }
}

/* So much for it that neither its own nor the relay's socket can hold it. */
static struct actor *enter_deaf(struct actor *host)
{
    static const uint8_t metadata[GSRELAY_METADATA_MAX] = {1};
    struct actor *deaf = actor_connect();

    actor_shrink(deaf);
    assert_true(gsrelay_join_room(actor_client(deaf), actor_code(host)) > 0);
    (void)actor_await(deaf, GSRELAY_EVENT_UDP_BOUND);
    actor_deafen(deaf, true);
    for (unsigned i = 0; i < METADATA_COUNT; i++) {
        assert_true(gsrelay_set_metadata(actor_client(host), metadata, sizeof(metadata)) > 0);
        (void)actor_await(host, GSRELAY_EVENT_REQUEST_DONE);
    }
    return deaf;
}

static void play(struct actor *players[PLAYERS])
{
    const uint64_t end_ns = os_clock_ns() + PATIENCE_NS;
    struct heard heard[PLAYERS] = {{0}};
    unsigned over = 0;

    (void)printf("they play\n");
    for (unsigned turn = 0; over < PLAYERS; turn++) {
        over = 0;
        for (unsigned i = 0; i < PLAYERS; i++) {
            if (turn % 10 == 0) {
                (void)gsrelay_send(actor_client(players[i]), GSRELAY_TO_ALL, (uint8_t)(turn % 3), 0,
                                   "state", 5);
            }
            take_events(players[i], &heard[i]);
            over += heard[i].is_over;
        }
        assert_true(os_clock_ns() < end_ns);
        actors_turn();
    }
}

static void drain__clients_playing__are_told_before_it_closes(void **state)
{
    struct actor *players[PLAYERS];
    char code[GSRELAY_CODE_SIZE];
    char byte;

    (void)state;
    actors_open(&control_address);
    for (unsigned i = 0; i < PLAYERS; i++) {
        players[i] = actor_enter(i % MEMBERS == 0 ? NULL : code);
        if (i % MEMBERS == 0) {
            memcpy(code, actor_code(players[i]), sizeof(code));
        }
    }
    if (has_deaf) {
        (void)enter_deaf(players[0]);
    }
    play(players);
    (void)printf("drained\n");
    while (has_deaf && os_stdin_read(&byte, 1) > 0) {
    }
    actors_close();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drain__clients_playing__are_told_before_it_closes),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc < 2 || argc > 3 || addr_parse(argv[1], strlen(argv[1]), &control_address) < 0) {
        (void)fprintf(stderr, "usage: gsrelay_drain ADDRESS:PORT [deaf]\n");
        return 2;
    }
    has_deaf = argc == 3;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
