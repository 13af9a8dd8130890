/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gsrelay/gsrelay_io.h>

#include "client/tools/load.h"
#include "daemon/net/net_fake.h"
#include "proto/wire.h"

/* gsrelay load over the network in memory, where a run needs no time and no relay. */

static struct load *load;
static struct tool_options options;
static struct net_system *network;

static uint64_t fake_clock(void *context)
{
    (void)context;
    return net_fake_now_ns(network);
}

static void open_load(uint32_t rooms, uint32_t members)
{
    const struct net_fake_options weather = {.seed = 1};
    struct net_failure failure;

    memset(&options, 0, sizeof(options));
    options.stream = 1;
    options.load = (struct tool_load){.rooms = rooms,
                                      .members = members,
                                      .rate_s = 10,
                                      .size = 100,
                                      .tick_ms = LOAD_TICK_DEFAULT,
                                      .duration_ms = 1000,
                                      .ramp_ms = 1000};
    network = net_fake_create(&weather);
    load = calloc(1, sizeof(*load));
    assert_non_null(load);
    load->options = &options;
    load->plan = &options.load;
    load->count = rooms * members;
    load->server = addr_ipv4(127, 0, 0, 1, 7777);
    load->clock = fake_clock;
    load->begin_ns = net_fake_now_ns(network);
    assert_int_equal(load_wire_open(&load->server, load->count, network, &load->wire, &failure), 0);
    assert_int_equal(load_members_open(load), TOOL_DONE);
}

static void close_load(void)
{
    load_members_close(load);
    load_wire_close(load->wire);
    net_fake_destroy(network);
    free(load);
}

/* Everybody is in; no relay is needed to count what comes. */
static void begin_run(void)
{
    load->phase = LOAD_RUN;
    load->run_ns = net_fake_now_ns(network);
    load->end_ns = load->run_ns + NS_PER_S;
    for (uint32_t i = 0; i < load->count; i++) {
        load->members[i].state = LOAD_READY;
        load->rooms[i / load->plan->members].ready_count++;
        load->ready_count++;
    }
}

static struct gsrelay_event state_of(uint32_t sender, uint64_t sequence, uint64_t intended_ns)
{
    struct gsrelay_event event = {.type = GSRELAY_EVENT_STATE, .size = 100};
    struct wire_writer writer;

    wire_writer_init(&writer, event.bytes, 20);
    wire_put_u32(&writer, sender);
    wire_put_u64(&writer, sequence);
    wire_put_u64(&writer, intended_ns);
    return event;
}

static void receive(uint32_t receiver, uint32_t sender, uint64_t sequence, uint64_t intended_ns,
                    uint64_t now_ns)
{
    const struct gsrelay_event event = state_of(sender, sequence, intended_ns);

    load_traffic_receive(load, receiver, &event, now_ns);
}

/* --- Slots ----------------------------------------------------------------------------------- */

static void slots__of_several_workers__are_told_apart(void **state)
{
    (void)state;
    open_load(500, 2);
    for (uint32_t i = 0; i < 1000; i++)
        load_wire_slot_set(load->wire, (uint16_t)(7777 + i % 4), i / 4, i);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(load_wire_slot_find(load->wire, (uint16_t)(7777 + i % 4), i / 4), i);
    assert_int_equal(load_wire_slot_find(load->wire, 7776, 0), LOAD_WIRE_NOBODY);
    assert_int_equal(load_wire_slot_find(load->wire, 7777, 250), LOAD_WIRE_NOBODY);
    assert_int_equal(load_wire_slot_find(load->wire, 7777, GSRELAY_SLOT_NONE), LOAD_WIRE_NOBODY);
    load_wire_slot_set(load->wire, 7777, 0, 999);
    assert_int_equal(load_wire_slot_find(load->wire, 7777, 0), 999);
    close_load();
}

/* However many memberships a relay makes up, a search ends. */
static void slots__without_end__keep_a_free_place(void **state)
{
    (void)state;
    open_load(2, 2);
    for (uint32_t i = 0; i < 1000; i++)
        load_wire_slot_set(load->wire, 7777, i, 0);
    assert_int_equal(load_wire_slot_find(load->wire, 7777, 0), 0);
    assert_int_equal(load_wire_slot_find(load->wire, 7777, 5000), LOAD_WIRE_NOBODY);
    close_load();
}

/* --- Counting -------------------------------------------------------------------------------- */

static void receive__states__have_latency_and_age(void **state)
{
    (void)state;
    open_load(1, 3);
    begin_run();
    load->members[0].sequence = 5;
    receive(1, 0, 1, 1000, 1400);
    receive(2, 0, 1, 1000, 1500);
    assert_int_equal(load->total.delivered, 2);
    assert_int_equal(load->total.latency.max, 500);
    assert_int_equal(load->total.age.count, 0);
    /* 2 and 3 were superseded: what the receiver had grew old until 4 came. */
    receive(1, 0, 4, 4000, 4100);
    assert_int_equal(load->total.delivered, 3);
    assert_int_equal(load->total.age.count, 1);
    assert_int_equal(load->total.age.max, 3100);
    /* An older one, on stream 0, is delivered and makes nothing newer. */
    receive(1, 0, 3, 3000, 4200);
    assert_int_equal(load->total.delivered, 4);
    assert_int_equal(load->total.age.count, 1);
    assert_int_equal(load->total.latency.max, 1200);
    receive(1, 0, 5, 5000, 5100);
    assert_int_equal(load->total.age.count, 2);
    assert_int_equal(load->total.age.sum, 3100 + 1100);
    close_load();
}

static void receive__what_is_not_ours__is_passed_over(void **state)
{
    struct gsrelay_event event;

    (void)state;
    open_load(2, 2);
    begin_run();
    for (uint32_t i = 0; i < 4; i++)
        load->members[i].sequence = 1;
    receive(1, 4, 1, 1000, 1100); /* Nobody. */
    receive(1, 1, 1, 1000, 1100); /* Itself. */
    receive(2, 0, 1, 1000, 1100); /* Of another room. */
    receive(1, 0, 2, 1000, 1100); /* Not sent yet. */
    receive(1, 0, 0, 1000, 1100);
    event = state_of(0, 1, 1000);
    event.size = 99;
    load_traffic_receive(load, 1, &event, 1100);
    assert_int_equal(load->total.delivered, 0);
    receive(1, 0, 1, 1200, 1100); /* From the future: no negative time. */
    assert_int_equal(load->total.delivered, 1);
    assert_int_equal(load->total.latency.max, 0);
    close_load();
}

static void closed_loop__back_at_the_witness__sends_the_next(void **state)
{
    (void)state;
    open_load(1, 3);
    begin_run();
    load->members[0].sequence = 7;
    load->members[0].awaited = 7;
    load->members[0].witness = 1;
    load->members[0].send_ns = TIMER_NEVER;
    receive(2, 0, 7, 1000, 1100); /* Not the witness. */
    receive(1, 0, 6, 900, 1100);  /* An older one. */
    assert_true(load->members[0].send_ns == TIMER_NEVER);
    receive(1, 0, 7, 1000, 1200);
    assert_int_equal(load->members[0].send_ns, 1200);
    assert_int_equal(load->members[0].awaited, 0);
    close_load();
}

static void begin__phases__are_spread_over_a_period(void **state)
{
    enum { BINS = 10 };
    unsigned bins[BINS] = {0};

    (void)state;
    open_load(50, 2);
    load_traffic_begin(load, 1000);
    for (uint32_t i = 0; i < 100; i++) {
        const uint64_t phase_ns = load->members[i].send_ns - 1000;

        assert_true(phase_ns < NS_PER_S / 10);
        bins[phase_ns / (NS_PER_S / 10 / BINS)]++;
    }
    for (unsigned i = 0; i < BINS; i++)
        assert_in_range(bins[i], 8, 12);
    close_load();
}

/* --- Clients without a relay ----------------------------------------------------------------- */

static void run_for(uint64_t duration_ns)
{
    const uint64_t end_ns = net_fake_now_ns(network) + duration_ns;
    uint64_t now_ns = net_fake_now_ns(network);
    uint32_t index;

    while (now_ns < end_ns) {
        load_members_receive(load, NS_PER_MS);
        now_ns = net_fake_now_ns(network);
        while (timer_take_due(&load->timers, now_ns, &index))
            load_member_step(load, index, now_ns);
    }
}

static void members__nobody_listens__try_again_and_say_so(void **state)
{
    struct net_tcp_counters counters;

    (void)state;
    open_load(2, 4);
    run_for(100 * NS_PER_MS);
    /* The ramp has begun with the first. */
    assert_int_equal(load->members[0].state, LOAD_JOINING);
    assert_int_equal(load->members[7].state, LOAD_WAITING);
    run_for(3 * NS_PER_S);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(load->members[i].state, LOAD_JOINING);
    assert_int_equal(load->connect_failure, NET_CLOSE_RESET);
    assert_false(load->had_session);
    assert_int_equal(load->refused[REASON_CONNECTION_LOST], 0);
    net_tcp_counters(load->wire->tcp, &counters);
    assert_true(counters.closed_reset > 8);
    assert_int_equal(net_tcp_connection_count(load->wire->tcp), 0);
    close_load();
}

/* A listener that says nothing and then goes: connections are taken up and given up, none leaks. */
static void members__relay_that_hangs_up__leave_nothing_open(void **state)
{
    const struct addr address = addr_ipv4(127, 0, 0, 1, 7777);
    struct net_tcp_options listen = {.addresses = &address,
                                     .address_count = 1,
                                     .max_connections = 64,
                                     .output_bytes = 64,
                                     .output_rings = 1,
                                     .backlog = 64,
                                     .keepalive_idle_s = NET_SETTING_DEFAULT,
                                     .keepalive_interval_s = NET_SETTING_DEFAULT,
                                     .recv_buffer_bytes = NET_SETTING_DEFAULT,
                                     .send_buffer_bytes = NET_SETTING_DEFAULT};
    struct net_failure failure;
    struct net_tcp *relay = NULL;
    struct net_tcp_event events[16];

    (void)state;
    open_load(2, 4);
    listen.system = network;
    assert_int_equal(net_tcp_open(&listen, &relay, &failure), RESULT_OK);
    run_for(2 * NS_PER_S);
    assert_int_equal(net_tcp_connection_count(load->wire->tcp), 8);
    load->had_session = true; /* As if it had let others in. */
    for (int count; (count = net_tcp_wait(relay, events, 16, 0)) > 0;) {
        for (int i = 0; i < count; i++)
            (void)net_tcp_close(relay, events[i].conn, NET_CLOSE_ORDERLY);
    }
    net_tcp_shutdown(relay);
    run_for(2 * NS_PER_S);
    assert_true(load->refused[REASON_CONNECTION_CLOSED] + load->refused[REASON_CONNECTION_LOST] >=
                8);
    load_members_leave(load, net_fake_now_ns(network));
    run_for(3 * NS_PER_S);
    assert_int_equal(load->ended_count, 8);
    assert_int_equal(net_tcp_connection_count(load->wire->tcp), 0);
    close_load();
}

/* --- The verdict ----------------------------------------------------------------------------- */

static void verdict__each_case__has_its_code(void **state)
{
    char text[256];

    (void)state;
    open_load(1, 2);
    load->connect_failure = NET_CLOSE_RESET;
    assert_int_equal(load_verdict(load, text, sizeof(text)), TOOL_NO_RELAY);
    assert_non_null(strstr(text, "nobody listens"));
    load->needs_ticket = true;
    assert_int_equal(load_verdict(load, text, sizeof(text)), TOOL_NO_RELAY);
    assert_non_null(strstr(text, "ticket"));
    load->needs_ticket = false;
    load->had_session = true;
    load->run_ns = 1;
    load->figures.joined_count = 1;
    assert_int_equal(load_verdict(load, text, sizeof(text)), TOOL_REFUSED);
    load->figures.joined_count = 2;
    load->figures.ready_count = 1;
    assert_int_equal(load_verdict(load, text, sizeof(text)), TOOL_REFUSED);
    load->figures.ready_count = 2;
    load->total.expected = 10;
    assert_int_equal(load_verdict(load, text, sizeof(text)), TOOL_REFUSED);
    load->total.delivered = 9;
    assert_int_equal(load_verdict(load, text, sizeof(text)), TOOL_DONE);
    load->is_gone = true;
    assert_int_equal(load_verdict(load, text, sizeof(text)), TOOL_NO_RELAY);
    assert_string_equal(load_reason_key(load, REASON_ROOM_RATE), "limits.rooms_created_per_minute");
    assert_null(load_reason_key(load, REASON_KICKED));
    close_load();
}

static void expect_verdict(int exit_code, const char *wanted)
{
    char text[256];

    assert_int_equal(load_verdict(load, text, sizeof(text)), exit_code);
    assert_string_equal(text, wanted);
}

static void verdict__interrupted_in_the_ramp__is_no_refusal(void **state)
{
    (void)state;
    open_load(15, 8);
    load->is_interrupted = true;
    expect_verdict(TOOL_DONE,
                   "interrupted while members came in: 0 of 120 were in, and nothing was sent");
    load->had_session = true;
    load->figures.joined_count = 29;
    expect_verdict(TOOL_DONE,
                   "interrupted while members came in: 29 of 120 were in, and nothing was sent");
    close_load();
}

static void verdict__room_that_is_never_made__names_the_one_key(void **state)
{
    (void)state;
    open_load(1, 100);
    load->had_session = true;
    load->is_room_refused = true;
    load->room_limit = 64;
    expect_verdict(TOOL_REFUSED, "the relay makes no room of 100 members, 64 at most; raise "
                                 "limits.clients_per_room");
    options.load.tick_ms = 500;
    assert_string_equal(load_reason_key(load, REASON_BAD_VALUE), "limits.clients_per_room");
    load->room_limit = 100000;
    expect_verdict(TOOL_REFUSED, "the relay makes no room with a tick of 500 ms, 100 ms at most; "
                                 "raise room.tick_max");
    assert_string_equal(load_reason_key(load, REASON_BAD_VALUE), "room.tick_max");
    /* A relay that names no limit. */
    load->room_limit = 0;
    assert_string_equal(load_reason_key(load, REASON_BAD_VALUE),
                        "limits.clients_per_room or room.tick_max");
    close_load();
}

static void verdict__relay_gone__says_when_the_last_state_came(void **state)
{
    (void)state;
    open_load(1, 2);
    begin_run();
    load->is_gone = true;
    load->figures.seconds_ns = 3700 * NS_PER_MS;
    expect_verdict(TOOL_NO_RELAY, "the relay went away before any state came");
    load->members[0].sequence = 1;
    receive(1, 0, 1, load->run_ns, load->run_ns + 1700 * NS_PER_MS);
    expect_verdict(TOOL_NO_RELAY, "the relay went away: no state came after 1.7 s of the run");
    close_load();
}

static void live_line__members_not_in__names_what_they_met(void **state)
{
    char why[LOAD_LIVE_WHY_SIZE];

    (void)state;
    open_load(1, 2);
    load_report_why(load, why);
    assert_string_equal(why, "");
    load->last_refused = REASON_ROOM_RATE;
    load_report_why(load, why);
    assert_string_equal(why, "; see limits.rooms_created_per_minute");
    load->last_refused = REASON_BUSY; /* Several: the first. */
    load_report_why(load, why);
    assert_string_equal(why, "; see control.connections_per_ip");
    load->last_refused = REASON_DRAINING; /* No key helps. */
    load_report_why(load, why);
    assert_string_equal(why, "; see draining");
    close_load();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots__of_several_workers__are_told_apart),
        cmocka_unit_test(slots__without_end__keep_a_free_place),
        cmocka_unit_test(receive__states__have_latency_and_age),
        cmocka_unit_test(receive__what_is_not_ours__is_passed_over),
        cmocka_unit_test(closed_loop__back_at_the_witness__sends_the_next),
        cmocka_unit_test(begin__phases__are_spread_over_a_period),
        cmocka_unit_test(members__nobody_listens__try_again_and_say_so),
        cmocka_unit_test(members__relay_that_hangs_up__leave_nothing_open),
        cmocka_unit_test(verdict__each_case__has_its_code),
        cmocka_unit_test(verdict__interrupted_in_the_ramp__is_no_refusal),
        cmocka_unit_test(verdict__room_that_is_never_made__names_the_one_key),
        cmocka_unit_test(verdict__relay_gone__says_when_the_last_state_came),
        cmocka_unit_test(live_line__members_not_in__names_what_they_met),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
