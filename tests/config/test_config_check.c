/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config_fixture.h"

static void ports__of_all_workers__must_exist(void **state)
{
    static const char *const settings[] = {"udp.port=65533", NULL};

    (void)state;
    assert_int_equal(load_text("[udp]\nport = 65532\nworkers = 4\n"), 0);
    assert_int_equal(load_text("[udp]\nport = 0\nworkers = 64\n"), 0);
    assert_int_equal(load_text("[udp]\nport = 65533\nworkers = 4\n"), RESULT_INVALID);
    assert_one_error("relay.ini:3: [udp] workers: udp.workers (4) from udp.port (65533) on would "
                     "need ports above 65535");
    assert_int_equal(load_text("[udp]\nworkers = 4\nport = 65533\n"), RESULT_INVALID);
    assert_one_error("relay.ini:3: [udp] port: udp.workers (4) from udp.port (65533) on would "
                     "need ports above 65535");
    assert_int_equal(load_with("[udp]\nworkers = 4\n", NULL, settings), RESULT_INVALID);
    assert_one_error("--set udp.port: udp.workers (4) from udp.port (65533) on would "
                     "need ports above 65535");
}

static void open_auth__on_an_address_that_others_reach__must_be_asked_for_twice(void **state)
{
    static const char *const addresses[] = {"0.0.0.0", "::", "192.0.2.1", "127.0.0.1, 10.0.0.1",
                                            "fe80::1%2"};

    (void)state;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        char text[256];

        (void)snprintf(text, sizeof(text), "[server]\nlisten = %s\n", addresses[i]);
        assert_int_equal(load_text(text), RESULT_INVALID);
        assert_int_equal(fixture_report.error_count, 1);
        assert_non_null(strstr(fixture_messages.bytes, "server.allow_open_public = yes"));
        assert_non_null(strstr(fixture_messages.bytes, "relay.ini:2: [server] listen:"));

        (void)snprintf(text, sizeof(text), "[server]\nlisten = %s\nallow_open_public = yes\n",
                       addresses[i]);
        assert_int_equal(load_text(text), 0);

        (void)snprintf(text, sizeof(text),
                       "[server]\nlisten = %s\n[auth]\nmode = ticket\nsecret_file = s\n",
                       addresses[i]);
        assert_int_equal(load_text(text), 0);
    }
    assert_int_equal(load_text("[server]\nlisten = 127.0.0.1, 127.1.2.3, ::1\n"), 0);
    /* A mapped loopback address is one; a mapped public one is not. */
    assert_int_equal(load_text("[server]\nlisten = ::ffff:127.0.0.1\n"), 0);
    assert_int_equal(load_text("[server]\nlisten = ::ffff:192.0.2.1\n"), RESULT_INVALID);
}

static void open_auth__message__names_both_ways_out(void **state)
{
    (void)state;
    assert_int_equal(load_text("[server]\nlisten = 0.0.0.0\n"), RESULT_INVALID);
    assert_one_error("relay.ini:2: [server] listen: with auth.mode = open anybody who reaches "
                     "0.0.0.0 could use the relay; set auth.mode = ticket, or "
                     "server.allow_open_public = yes if that is meant");
}

static void ticket_auth__without_a_secret_file__is_refused(void **state)
{
    (void)state;
    assert_int_equal(load_text("[auth]\nmode = ticket\n"), RESULT_INVALID);
    assert_one_error("relay.ini:2: [auth] mode: auth.mode = ticket needs auth.secret_file, the "
                     "file with the tickets' secrets");
    assert_int_equal(load_text("[auth]\nmode = ticket\nsecret_file = \n"), RESULT_INVALID);
    assert_int_equal(load_text("[auth]\nmode = ticket\nsecret_file = x\n"), 0);
    assert_int_equal(load_text("[auth]\nsecret_file = x\n"), 0);
}

static void listen__one_address_inside_another__is_refused(void **state)
{
    (void)state;
    assert_int_equal(load_text("[server]\nlisten = 10.0.0.1, ::, 0.0.0.0\n"
                               "allow_open_public = yes\n"),
                     RESULT_INVALID);
    assert_one_error("relay.ini:2: [server] listen: 0.0.0.0 already covers 10.0.0.1");
    assert_int_equal(load_text("[server]\nlisten = ::, 0.0.0.0\nallow_open_public = yes\n"), 0);
}

static void limits__that_contradict_each_other__are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"[limits]\nmax_clients = 8\n",
         "relay.ini:2: [limits] max_clients: limits.clients_per_room (64) must not be more than "
         "limits.max_clients (8)"},
        {"[control]\nmax_connections = 4095\n",
         "relay.ini:2: [control] max_connections: limits.max_clients (4096) must not be more than "
         "control.max_connections (4095)"},
        {"[control]\nout_buffer = 4KiB\nframe_max = 5KiB\n",
         "relay.ini:3: [control] frame_max: control.frame_max (5KiB) must not be more than "
         "control.out_buffer (4KiB)"},
        {"[control]\naccepts_per_ip_s = 65\n",
         "relay.ini:2: [control] accepts_per_ip_s: control.accepts_per_ip_s (65) must not be more "
         "than control.accepts_per_ip_burst (64)"},
        {"[control]\ncommands_burst = 19\n",
         "relay.ini:2: [control] commands_burst: control.commands_per_s (20) must not be more than "
         "control.commands_burst (19)"},
        {"[limits]\nclient_datagrams_s = 257\n",
         "relay.ini:2: [limits] client_datagrams_s: limits.client_datagrams_s (257) must not be "
         "more than limits.client_datagrams_burst (256)"},
        {"[limits]\nclient_bytes_s = 129KiB\n",
         "relay.ini:2: [limits] client_bytes_s: limits.client_bytes_s (129KiB) must not be more "
         "than limits.client_bytes_burst (128KiB)"},
        {"[limits]\nclient_records_burst = 1023\n",
         "relay.ini:2: [limits] client_records_burst: limits.client_records_s (1024) must not be "
         "more than limits.client_records_burst (1023)"},
        {"[limits]\nclient_bytes_s = 1000\nclient_bytes_burst = 1231\n",
         "relay.ini:3: [limits] client_bytes_burst: udp.max_datagram (1232B) must not be more than "
         "limits.client_bytes_burst (1231B)"},
        {"[limits]\nroom_deliveries_s = 63\n",
         "relay.ini:2: [limits] room_deliveries_s: limits.clients_per_room (64) must not be more "
         "than limits.room_deliveries_s (63)"},
        {"[room]\ntick_max = 10ms\ntick_default = 11ms\n",
         "relay.ini:3: [room] tick_default: room.tick_default (11ms) must not be more than "
         "room.tick_max (10ms)"},
        {"[room]\ntick_max = off\ntick_default = 5ms\n",
         "relay.ini:3: [room] tick_default: room.tick_default (5ms) must not be more than "
         "room.tick_max (off)"},
        {"[auth]\nticket_max_age = 10s\n",
         "relay.ini:2: [auth] ticket_max_age: auth.clock_skew (30s) must not be more than "
         "auth.ticket_max_age (10s)"},
        {"[control]\nlinger = 1500ms\n",
         "relay.ini:2: [control] linger: only whole seconds are possible here"},
        {"[control]\nkeepalive_idle = 1500ms\n",
         "relay.ini:2: [control] keepalive_idle: only whole seconds are possible here"},
        {"[auth]\nticket_max_age = 90500ms\n",
         "relay.ini:2: [auth] ticket_max_age: only whole seconds are possible here"},
        {"[auth]\nclock_skew = 1001ms\n",
         "relay.ini:2: [auth] clock_skew: only whole seconds are possible here"},
        {"[control]\nkeepalive_interval = 1500ms\n",
         "relay.ini:2: [control] keepalive_interval: only whole seconds are possible here"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(load_text(cases[i].text), RESULT_INVALID);
        assert_one_error(cases[i].error);
    }
}

static void limits__equal_ones__do_not_contradict(void **state)
{
    (void)state;
    assert_int_equal(load_text("[limits]\nmax_clients = 64\nclients_per_room = 64\n"
                               "[control]\nmax_connections = 256\n"
                               "commands_per_s = 40\n[room]\ntick_default = 50ms\n"),
                     0);
}

/* One mistake, one message: nothing is compared with a value that was refused. */
static void limits__a_value_that_was_refused__is_not_compared(void **state)
{
    (void)state;
    assert_int_equal(load_text("[limits]\nclients_per_room = 5000\nmax_clients = 8\n"),
                     RESULT_INVALID);
    assert_one_error("relay.ini:2: [limits] clients_per_room: 5000 is out of range; allowed: 2 to "
                     "256");
    assert_int_equal(load_text("[udp]\nport = 65535\nworkers = 99\n"), RESULT_INVALID);
    assert_int_equal(fixture_report.error_count, 1);
    assert_int_equal(load_text("[server]\nlisten = 0.0.0.0\n[auth]\nmode = tickt\n"),
                     RESULT_INVALID);
    assert_int_equal(fixture_report.error_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports__of_all_workers__must_exist),
        cmocka_unit_test(open_auth__on_an_address_that_others_reach__must_be_asked_for_twice),
        cmocka_unit_test(open_auth__message__names_both_ways_out),
        cmocka_unit_test(ticket_auth__without_a_secret_file__is_refused),
        cmocka_unit_test(listen__one_address_inside_another__is_refused),
        cmocka_unit_test(limits__that_contradict_each_other__are_refused),
        cmocka_unit_test(limits__equal_ones__do_not_contradict),
        cmocka_unit_test(limits__a_value_that_was_refused__is_not_compared),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
