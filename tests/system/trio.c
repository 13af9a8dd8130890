/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/system/trio.h"

static struct addr control_address;

bool trio_take_arguments(int argc, char **argv, const char *program)
{
    if (argc != 2 || addr_parse(argv[1], strlen(argv[1]), &control_address) < 0) {
        (void)fprintf(stderr, "usage: %s ADDRESS:PORT\n", program);
        return false;
    }
    return true;
}

int trio_set_up(void **state)
{
    (void)state;
    actors_open(&control_address);
    return 0;
}

int trio_tear_down(void **state)
{
    (void)state;
    actors_close();
    return 0;
}

static void await_others(struct actor *actor, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)actor_await(actor, GSRELAY_EVENT_MEMBER_JOINED);
    }
}

struct trio trio_enter(const struct gsrelay_room_options *options)
{
    struct trio trio = {.host = actor_connect()};
    struct gsrelay_room room;

    assert_true(gsrelay_create_room(actor_client(trio.host), options) > 0);
    (void)actor_await(trio.host, GSRELAY_EVENT_UDP_BOUND);
    memcpy(trio.code, actor_code(trio.host), sizeof(trio.code));
    trio.player = actor_enter(trio.code);
    trio.onlooker = actor_enter(trio.code);
    await_others(trio.host, 2);
    await_others(trio.player, 2);
    assert_int_equal(gsrelay_get_room(actor_client(trio.host), &room), GSRELAY_OK);
    trio.epoch = room.host_epoch;
    return trio;
}

void trio_forget(const struct trio *trio)
{
    actor_forget(trio->host);
    actor_forget(trio->player);
    actor_forget(trio->onlooker);
}
