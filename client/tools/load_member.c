/* SPDX-License-Identifier: MIT */
#include "client/tools/load.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <gsrelay/gsrelay_io.h>
#include <sodium.h>

#include "daemon/os/os.h"
#include "proto/ticket.h"

/* A full datagram of the smallest states, as events. */
#define STATE_BYTES 8192

/* The relay's own word about waiting is obeyed; this is for when it says none. */
#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 4000
#define RECONNECT_MS   10000
#define ATTEMPT_MS     15000

#define READ_SIZE       4096
#define TCP_EVENTS      64
#define DATAGRAM_ROUNDS 16 /* Batches in one turn, so that sending is not kept waiting. */

/* Connections are looked at that often: states are what matters, and they come over UDP. */
#define TCP_LOOK_NS NS_PER_MS

/* --- Opening --------------------------------------------------------------------------------- */

static int make_client(struct load *load, struct load_tickets *tickets, uint32_t index)
{
    struct gsrelay_options options;
    char name[GSRELAY_TICKET_NAME_MAX + 1];
    uint8_t key[GSRELAY_TICKET_KEY_SIZE];
    int result = load_tickets_next(tickets, name, key);

    if (result < 0)
        return TOOL_USAGE;
    gsrelay_options_init(&options);
    if (result > 0) {
        options.ticket_name = name;
        options.ticket_key = key;
    }
    os_random_fill(options.seed, sizeof(options.seed));
    options.members_max = load->plan->members;
    options.state_bytes = STATE_BYTES;
    options.down_bytes_s = load->options->down_rate_s;
    options.connect_tries = 0;
    options.reconnect_ms = RECONNECT_MS;
    options.backoff_min_ms = BACKOFF_MIN_MS;
    options.backoff_max_ms = BACKOFF_MAX_MS;
    options.attempt_ms = ATTEMPT_MS;
    result = gsrelay_create(&options, &load->members[index].client);
    sodium_memzero(key, sizeof(key));
    sodium_memzero(options.seed, sizeof(options.seed));
    if (result == GSRELAY_OK)
        return TOOL_DONE;
    say("no client %u: %s", index + 1, gsrelay_result_text(result));
    return TOOL_USAGE;
}

static int make_clients(struct load *load)
{
    struct load_tickets tickets;
    int result = load_tickets_open(&tickets, load->options) < 0 ? TOOL_USAGE : TOOL_DONE;

    for (uint32_t i = 0; i < load->count && result == TOOL_DONE; i++)
        result = make_client(load, &tickets, i);
    load_tickets_close(&tickets);
    return result;
}

int load_members_open(struct load *load)
{
    const size_t pairs = (size_t)load->count * load->plan->members;

    load->members = calloc(load->count, sizeof(load->members[0]));
    load->rooms = calloc(load->plan->rooms, sizeof(load->rooms[0]));
    load->pairs = calloc(pairs, sizeof(load->pairs[0]));
    load->conn_members = calloc(load_wire_connections(load->count), sizeof(uint32_t));
    load->timer_memory = calloc(1, timer_heap_size(load->count));
    if (load->members == NULL || load->rooms == NULL || load->pairs == NULL ||
        load->conn_members == NULL || load->timer_memory == NULL) {
        say("there is not enough memory for %u clients", load->count);
        return TOOL_USAGE;
    }
    timer_heap_init(&load->timers, load->timer_memory, load->count);
    for (uint32_t i = 0; i < load->plan->rooms; i++)
        load->rooms[i].leader = i * load->plan->members;
    for (uint32_t i = 0; i < load->count; i++) {
        load->members[i].ask_ns = TIMER_NEVER;
        load->members[i].send_ns = TIMER_NEVER;
        timer_set(&load->timers, i,
                  load->begin_ns + load->plan->ramp_ms * NS_PER_MS / load->count * i);
    }
    return make_clients(load);
}

void load_members_close(struct load *load)
{
    for (uint32_t i = 0; load->members != NULL && i < load->count; i++)
        gsrelay_destroy(load->members[i].client);
    free(load->members);
    free(load->rooms);
    free(load->pairs);
    free(load->conn_members);
    free(load->timer_memory);
}

/* --- Joining and leaving --------------------------------------------------------------------- */

static struct load_room *room_of(struct load *load, uint32_t index)
{
    return &load->rooms[index / load->plan->members];
}

static void wake(struct load *load, uint32_t index, uint64_t at_ns)
{
    if (load->timers.positions[index] == 0 || load->timers.deadlines[index] > at_ns)
        timer_set(&load->timers, index, at_ns);
}

/* Asks for the room, unless it has to be made by somebody else first. */
static void ask(struct load *load, uint32_t index)
{
    struct load_member *member = &load->members[index];
    const struct load_room *room = room_of(load, index);
    struct gsrelay_room_options options = {.members_max = load->plan->members};
    int32_t request = 0;

    if (member->state != LOAD_JOINING || member->has_asked || member->is_joined)
        return;
    if (load->plan->tick_ms != LOAD_TICK_DEFAULT)
        options.tick_us = load->plan->tick_ms == 0 ? GSRELAY_TICK_NONE : load->plan->tick_ms * 1000;
    if (room->code[0] != '\0')
        request = gsrelay_join_room(member->client, room->code);
    else if (room->leader == index)
        request = gsrelay_create_room(member->client, &options);
    member->ask_ns = TIMER_NEVER;
    member->has_asked = request > 0;
}

/* Everybody who waits for the room's code asks now; the timer sends it. */
static void call_members(struct load *load, uint32_t index, uint64_t now_ns)
{
    const uint32_t first = index - index % load->plan->members;

    for (uint32_t i = first; i < first + load->plan->members; i++) {
        if (load->members[i].state == LOAD_JOINING && !load->members[i].has_asked) {
            load->members[i].ask_ns = now_ns;
            wake(load, i, now_ns);
        }
    }
}

static void check_ready(struct load *load, uint32_t index, uint64_t now_ns)
{
    struct load_member *member = &load->members[index];

    if (member->state != LOAD_JOINING || !member->is_joined || !member->is_bound)
        return;
    member->state = LOAD_READY;
    room_of(load, index)->ready_count++;
    load->ready_count++;
    load->progress_ns = now_ns;
}

/* The member is out and stays out. If it was to make the room, the next one does. */
static void lose(struct load *load, uint32_t index, uint32_t reason, uint64_t now_ns)
{
    struct load_member *member = &load->members[index];
    struct load_room *room = room_of(load, index);
    const uint32_t first = index - index % load->plan->members;

    if (member->state == LOAD_LOST || load->phase == LOAD_LEAVE)
        return;
    if (member->state == LOAD_READY) {
        room->ready_count--;
        load->ready_count--;
    }
    if (member->is_joined && reason < REASON_LIMIT)
        load->lost[reason]++;
    member->state = LOAD_LOST;
    member->send_ns = TIMER_NEVER;
    load->lost_count++;
    if (room->code[0] != '\0' || room->leader != index)
        return;
    while (room->leader < first + load->plan->members &&
           load->members[room->leader].state == LOAD_LOST)
        room->leader++;
    if (room->leader < first + load->plan->members)
        call_members(load, index, now_ns);
}

void load_members_leave(struct load *load, uint64_t now_ns)
{
    load->phase = LOAD_LEAVE;
    for (uint32_t i = 0; i < load->count; i++) {
        struct load_member *member = &load->members[i];

        member->send_ns = TIMER_NEVER;
        member->ask_ns = TIMER_NEVER;
        if (member->state == LOAD_WAITING || gsrelay_disconnect(member->client) != GSRELAY_OK) {
            member->is_ending = true;
            load->ended_count++;
        }
        wake(load, i, now_ns);
    }
}

/* --- Events ---------------------------------------------------------------------------------- */

static void count_reason(uint64_t counts[REASON_LIMIT], uint32_t reason)
{
    if (reason < REASON_LIMIT)
        counts[reason]++;
}

static void count_refused(struct load *load, uint32_t reason)
{
    count_reason(load->refused, reason);
    if (reason < REASON_LIMIT)
        load->last_refused = reason;
}

/* What the relay may allow a little later. */
static bool is_passing(uint32_t reason)
{
    return reason == REASON_BUSY || reason == REASON_COMMAND_RATE || reason == REASON_ROOM_RATE ||
           reason == REASON_JOIN_RATE || reason == REASON_CONNECTION_LOST;
}

static void on_refused(struct load *load, uint32_t index, const struct gsrelay_event *event,
                       uint64_t now_ns)
{
    struct load_member *member = &load->members[index];
    uint64_t wait_ms = event->time_ms > BACKOFF_MIN_MS ? event->time_ms : BACKOFF_MIN_MS;

    member->has_asked = false;
    if (load->phase == LOAD_LEAVE)
        return;
    count_refused(load, event->reason);
    /* A wrong value is wrong in every room, and so is whoever asks next. */
    if (event->reason == REASON_BAD_VALUE && room_of(load, index)->code[0] == '\0') {
        load->is_room_refused = true;
        load->room_limit = event->limit;
        return;
    }
    if (event->time_ms == 0 && !is_passing(event->reason)) {
        lose(load, index, event->reason, now_ns);
        return;
    }
    /* Spread, or all would come back in the same moment. */
    member->ask_ns = now_ns + (wait_ms + load_random(load, wait_ms)) * NS_PER_MS;
}

static void on_joined(struct load *load, uint32_t index, const struct gsrelay_event *event,
                      uint64_t now_ns)
{
    struct load_room *room = room_of(load, index);

    load->members[index].is_joined = true;
    if (room->code[0] == '\0') {
        memcpy(room->code, event->code, sizeof(room->code));
        call_members(load, index, now_ns);
    }
    check_ready(load, index, now_ns);
}

static void set_session(struct load *load, uint32_t index, bool has_session)
{
    struct load_member *member = &load->members[index];

    if (member->has_session != has_session)
        load->session_count += has_session ? 1u : UINT32_MAX;
    member->has_session = has_session;
    load->had_session = load->had_session || has_session;
}

static void on_disconnected(struct load *load, uint32_t index, const struct gsrelay_event *event,
                            uint64_t now_ns)
{
    set_session(load, index, false);
    if (load->phase == LOAD_LEAVE) {
        load->ended_count += !load->members[index].is_ending;
        load->members[index].is_ending = true;
        return;
    }
    load->needs_ticket |= event->reason == GSRELAY_REASON_REFUSED && event->limit == 1;
    if (!load->members[index].is_joined)
        count_refused(load, event->reason);
    lose(load, index, event->reason, now_ns);
}

static void on_connection(struct load *load, uint32_t index, const struct gsrelay_event *event,
                          uint64_t now_ns)
{
    struct load_member *member = &load->members[index];

    if (event->type == GSRELAY_EVENT_CONNECTED || event->type == GSRELAY_EVENT_RESUMED) {
        set_session(load, index, true);
        load->progress_ns = now_ns;
    } else if (event->type == GSRELAY_EVENT_CONNECTION_LOST) {
        set_session(load, index, false);
        load->progress_ns = now_ns;
    } else if (event->type == GSRELAY_EVENT_ATTEMPT_FAILED && !member->is_joined &&
               (load->had_session || event->reason != GSRELAY_REASON_CONNECTION_LOST)) {
        /* Where nobody was found at all, nobody has refused. */
        count_refused(load, event->reason);
    }
}

static void on_event(struct load *load, uint32_t index, const struct gsrelay_event *event,
                     uint64_t now_ns)
{
    switch (event->type) {
    case GSRELAY_EVENT_STATE:
        load_traffic_receive(load, index, event, now_ns);
        break;
    case GSRELAY_EVENT_CONNECTED:
    case GSRELAY_EVENT_RESUMED:
    case GSRELAY_EVENT_CONNECTION_LOST:
    case GSRELAY_EVENT_ATTEMPT_FAILED:
        on_connection(load, index, event, now_ns);
        break;
    case GSRELAY_EVENT_DISCONNECTED:
        on_disconnected(load, index, event, now_ns);
        break;
    case GSRELAY_EVENT_SESSION_LOST:
    case GSRELAY_EVENT_ROOM_LEFT:
        lose(load, index, event->reason, now_ns);
        break;
    case GSRELAY_EVENT_REQUEST_FAILED:
        on_refused(load, index, event, now_ns);
        break;
    case GSRELAY_EVENT_ROOM_JOINED:
        on_joined(load, index, event, now_ns);
        break;
    case GSRELAY_EVENT_UDP_BOUND:
        load->members[index].is_bound = true;
        check_ready(load, index, now_ns);
        break;
    case GSRELAY_EVENT_NOTICE:
        count_reason(load->notices, event->reason);
        break;
    default:
        /* The room's other news do not concern a load. */
        break;
    }
}

/* True if there were any. */
static bool take_events(struct load *load, uint32_t index, uint64_t now_ns)
{
    static struct gsrelay_event event;
    bool had_some = false;

    while (gsrelay_next_event(load->members[index].client, &event)) {
        on_event(load, index, &event, now_ns);
        had_some = true;
    }
    return had_some;
}

/* --- Sockets --------------------------------------------------------------------------------- */

static void drop_connection(struct load *load, struct load_member *member)
{
    (void)net_tcp_close(load->wire->tcp, member->conn, NET_CLOSE_ORDERLY);
    member->has_conn = false;
    member->is_connected = false;
}

static void follow_tcp_wish(struct load *load, uint32_t index, uint64_t now_ns)
{
    struct load_member *member = &load->members[index];
    bool is_wanted = gsrelay_io_tcp_wanted(member->client);
    size_t waiting = 0;

    if (is_wanted && !member->has_conn) {
        if (net_tcp_connect(load->wire->tcp, &load->server, &member->conn) == RESULT_OK) {
            member->has_conn = true;
            load->conn_members[member->conn.index] = index;
        } else {
            load->connect_failure = NET_CLOSE_ERROR;
            gsrelay_io_tcp_closed(member->client, now_ns, GSRELAY_REASON_CONNECTION_LOST);
        }
    } else if (!is_wanted && member->has_conn) {
        (void)gsrelay_io_tcp_output(member->client, &waiting);
        if (waiting > 0 || net_tcp_pending(load->wire->tcp, member->conn) > 0)
            return;
        drop_connection(load, member);
        gsrelay_io_tcp_closed(member->client, now_ns, GSRELAY_REASON_CONNECTION_CLOSED);
    }
}

static void put_tcp(struct load *load, struct load_member *member)
{
    const uint8_t *bytes;
    size_t size = 0;

    if (!member->is_connected)
        return;
    bytes = gsrelay_io_tcp_output(member->client, &size);
    if (size > 0 && net_tcp_write(load->wire->tcp, member->conn, bytes, size) == RESULT_OK)
        gsrelay_io_tcp_sent(member->client, size);
}

static void follow_udp_wish(struct load *load, uint32_t index)
{
    struct load_member *member = &load->members[index];
    struct gsrelay_udp_peer peer;
    struct addr to = load->server;

    if (gsrelay_io_udp_peer(member->client, &peer) != GSRELAY_OK) {
        member->udp_serial = 0;
        return;
    }
    if (peer.serial == member->udp_serial)
        return;
    if (peer.address[0] != '\0' && addr_parse(peer.address, strlen(peer.address), &to) < 0)
        return;
    to.port = peer.port;
    member->udp_to = to;
    member->udp_serial = peer.serial;
    load_wire_slot_set(load->wire, peer.port, peer.slot, index);
}

static void put_udp(struct load *load, struct load_member *member)
{
    for (;;) {
        uint8_t *room = load_wire_room(load->wire);
        size_t size = gsrelay_io_udp_output(member->client, room, LOAD_WIRE_DATAGRAM_MAX);

        if (size == 0)
            return;
        /* Another family than our socket's would be a relay that advertises it so. */
        if (member->udp_serial != 0 && member->udp_to.family == load->server.family)
            load_wire_put(load->wire, size, &member->udp_to);
    }
}

static void set_timer(struct load *load, uint32_t index)
{
    const struct load_member *member = &load->members[index];
    uint64_t deadline_ns = gsrelay_io_deadline(member->client);

    if (member->ask_ns < deadline_ns)
        deadline_ns = member->ask_ns;
    if (member->send_ns < deadline_ns && load->phase == LOAD_RUN && member->state == LOAD_READY)
        deadline_ns = member->send_ns;
    timer_set(&load->timers, index, deadline_ns);
}

void load_member_step(struct load *load, uint32_t index, uint64_t now_ns)
{
    struct load_member *member = &load->members[index];
    bool had_events = true;

    if (member->state == LOAD_WAITING) {
        if (load->phase != LOAD_RAMP)
            return;
        member->state = LOAD_JOINING;
        (void)gsrelay_io_start(member->client, now_ns);
        ask(load, index);
    }
    if (member->ask_ns <= now_ns)
        ask(load, index);
    load_traffic_send(load, index, now_ns);
    /* An event may lead to a request, and a closed connection to a new one. */
    for (unsigned i = 0; i < 4 && had_events; i++) {
        gsrelay_io_run(member->client, now_ns);
        put_tcp(load, member);
        follow_tcp_wish(load, index, now_ns);
        follow_udp_wish(load, index);
        put_udp(load, member);
        had_events = take_events(load, index, now_ns);
    }
    set_timer(load, index);
}

/* --- Receiving ------------------------------------------------------------------------------- */

static void read_connection(struct load *load, uint32_t index, uint64_t now_ns)
{
    struct load_member *member = &load->members[index];
    uint8_t bytes[READ_SIZE];
    int size = net_tcp_read(load->wire->tcp, member->conn, bytes, sizeof(bytes));
    size_t taken = 0;

    if (size == 0) {
        drop_connection(load, member);
        gsrelay_io_tcp_closed(member->client, now_ns, GSRELAY_REASON_CONNECTION_CLOSED);
        return;
    }
    while (size > 0 && taken < (size_t)size) {
        taken += gsrelay_io_tcp_input(member->client, now_ns, bytes + taken, (size_t)size - taken);
        if (!take_events(load, index, now_ns) && taken < (size_t)size)
            return; /* The client has given the connection up. */
    }
}

static void on_tcp_event(struct load *load, const struct net_tcp_event *event, uint64_t now_ns)
{
    const uint32_t index = load->conn_members[event->conn.index];
    struct load_member *member = &load->members[index];

    if (!member->has_conn || member->conn.index != event->conn.index ||
        member->conn.generation != event->conn.generation)
        return; /* We closed it a moment ago. */
    switch (event->type) {
    case NET_TCP_CONNECTED:
        member->is_connected = true;
        gsrelay_io_tcp_connected(member->client, now_ns);
        break;
    case NET_TCP_READABLE:
        read_connection(load, index, now_ns);
        break;
    case NET_TCP_CLOSED:
        if (!member->is_connected)
            load->connect_failure = event->reason;
        member->has_conn = false;
        member->is_connected = false;
        gsrelay_io_tcp_closed(member->client, now_ns, GSRELAY_REASON_CONNECTION_LOST);
        break;
    case NET_TCP_SENT:
    case NET_TCP_ACCEPTED:
        break;
    }
    load_member_step(load, index, now_ns);
}

static void receive_tcp(struct load *load, uint64_t now_ns)
{
    struct net_tcp_event events[TCP_EVENTS];
    int count;

    do {
        count = net_tcp_wait(load->wire->tcp, events, TCP_EVENTS, 0);
        for (int i = 0; i < count; i++)
            on_tcp_event(load, &events[i], now_ns);
    } while (count == TCP_EVENTS);
    load->tcp_look_ns = now_ns + TCP_LOOK_NS;
}

static void on_datagram(struct load *load, const struct net_received *received, uint64_t now_ns)
{
    const uint32_t index = load_wire_slot_find(
        load->wire, received->from.port, gsrelay_io_udp_slot(received->bytes, received->size));
    struct load_member *member;

    if (index == LOAD_WIRE_NOBODY)
        return;
    member = &load->members[index];
    gsrelay_io_udp_input(member->client, now_ns, received->bytes, received->size);
    (void)take_events(load, index, now_ns);
    put_udp(load, member);
    wake(load, index, gsrelay_io_deadline(member->client));
}

static unsigned receive_udp(struct load *load)
{
    struct net_received received[NET_UDP_BATCH];
    unsigned count = net_udp_recv(load->wire->udp, received, NET_UDP_BATCH);
    uint64_t now_ns = count > 0 ? load->clock(load->clock_context) : 0;

    for (unsigned i = 0; i < count; i++)
        on_datagram(load, &received[i], now_ns);
    return count;
}

void load_members_receive(struct load *load, uint64_t timeout_ns)
{
    uint64_t now_ns;

    load_wire_flush(load->wire);
    if (net_udp_wait(load->wire->udp, timeout_ns) < 0)
        load->is_gone = true; /* Waiting is broken for good. */
    for (unsigned i = 0; i < DATAGRAM_ROUNDS && receive_udp(load) == NET_UDP_BATCH; i++)
        load_wire_flush(load->wire);
    now_ns = load->clock(load->clock_context);
    if (now_ns >= load->tcp_look_ns)
        receive_tcp(load, now_ns);
    load_wire_flush(load->wire);
}
