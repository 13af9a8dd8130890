/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SYSTEM_TRIO_H
#define GSRELAY_TESTS_SYSTEM_TRIO_H

/* trio.h - the room that most tests against a real relay begin with: host, player and onlooker.
 *
 * The fixtures begin and end each test with no actors. Threads: one. Memory: the actors'. */

#include "tests/system/actor.h"

struct trio {
    struct actor *host;
    struct actor *player;
    struct actor *onlooker;
    uint32_t epoch; /* The host's, when they came in. */
    char code[GSRELAY_CODE_SIZE];
};

/* The relay's control address out of the arguments of main(); false, with a usage line, if it is
 * not there. */
bool trio_take_arguments(int argc, char **argv, const char *program);

/* For cmocka_unit_test_setup_teardown(). */
int trio_set_up(void **state);
int trio_tear_down(void **state);

/* A new room with these options (NULL: none) and three members who are bound and know each other.
 */
struct trio trio_enter(const struct gsrelay_room_options *options);

/* What led them there is forgotten. */
void trio_forget(const struct trio *trio);

#endif
