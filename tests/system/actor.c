/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/system/actor.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "client/socket_os.h"
#include "daemon/os/os.h"
#include "tests/conformance/peer.h"

static const uint64_t PATIENCE_NS = UINT64_C(60000000000);

struct actor {
    struct gsrelay_client *client;
    uint16_t member;
    struct peer *tcp;
    bool is_cut;
    bool is_mute;
    bool is_deaf;
    bool is_small;
    uint8_t input[4096];
    size_t input_start;
    size_t input_size;
    socket_os udp;
    uint32_t udp_serial;
    struct addr udp_peer;
    unsigned event_count;
    struct gsrelay_event events[ACTOR_EVENTS_MAX];
};

static struct addr control_address;
static struct actor *actors[ACTORS_MAX];
static unsigned actor_total;

void actors_open(const struct addr *control)
{
    int error = 0;

    control_address = *control;
    assert_true(sodium_init() >= 0);
    assert_int_equal(socket_os_start(&error), 0);
}

static void close_udp(struct actor *actor)
{
    if (actor->udp != SOCKET_OS_NONE) {
        socket_os_close(actor->udp);
    }
    actor->udp = SOCKET_OS_NONE;
}

void actors_close(void)
{
    for (unsigned i = 0; i < actor_total; i++) {
        peer_close(actors[i]->tcp);
        close_udp(actors[i]);
        gsrelay_destroy(actors[i]->client);
        free(actors[i]);
    }
    actor_total = 0;
    socket_os_stop();
}

/* --- One turn -------------------------------------------------------------------------------- */

static void follow_tcp(struct actor *actor, uint64_t now_ns)
{
    const bool is_wanted = gsrelay_io_tcp_wanted(actor->client) == 1;

    if (is_wanted && actor->tcp == NULL && !actor->is_cut) {
        actor->tcp = peer_connect(control_address, actor->is_small);
        actor->input_start = actor->input_size = 0;
        if (actor->tcp != NULL) {
            gsrelay_io_tcp_connected(actor->client, now_ns);
        } else {
            gsrelay_io_tcp_closed(actor->client, now_ns, GSRELAY_REASON_CONNECTION_LOST);
        }
    } else if (!is_wanted && actor->tcp != NULL) {
        peer_close(actor->tcp);
        actor->tcp = NULL;
        gsrelay_io_tcp_closed(actor->client, now_ns, GSRELAY_REASON_CONNECTION_CLOSED);
    }
}

static void open_udp(struct actor *actor)
{
    int error = 0;

    actor->udp = socket_os_udp_open(&actor->udp_peer, &error);
    assert_true(actor->udp != SOCKET_OS_NONE);
}

static void follow_udp(struct actor *actor)
{
    struct gsrelay_udp_peer peer;

    if (gsrelay_io_udp_peer(actor->client, &peer) != GSRELAY_OK) {
        close_udp(actor);
    } else if (peer.serial != actor->udp_serial || actor->udp == SOCKET_OS_NONE) {
        close_udp(actor);
        actor->udp_serial = peer.serial;
        actor->udp_peer = control_address;
        actor->udp_peer.port = peer.port;
        open_udp(actor);
    }
}

static void receive_udp(struct actor *actor, uint64_t now_ns)
{
    uint8_t bytes[GSRELAY_DATAGRAM_LIMIT + 1];
    int error = 0;
    int size;

    while (actor->udp != SOCKET_OS_NONE &&
           (size = socket_os_receive(actor->udp, bytes, sizeof(bytes), &error)) !=
               SOCKET_OS_AGAIN) {
        assert_true(size != SOCKET_OS_FAILED);
        if (size >= 0) {
            gsrelay_io_udp_input(actor->client, now_ns, bytes, (size_t)size);
        }
    }
}

static void take_events(struct actor *actor)
{
    struct gsrelay_event event = {0};

    while (gsrelay_next_event(actor->client, &event) == 1) {
        assert_true(actor->event_count < ACTOR_EVENTS_MAX);
        if (event.type == GSRELAY_EVENT_ROOM_JOINED) {
            actor->member = event.member;
        }
        actor->events[actor->event_count++] = event;
    }
}

static void receive_tcp(struct actor *actor, uint64_t now_ns)
{
    while (actor->tcp != NULL && !actor->is_deaf) {
        int size;

        if (actor->input_start < actor->input_size) {
            actor->input_start +=
                gsrelay_io_tcp_input(actor->client, now_ns, actor->input + actor->input_start,
                                     actor->input_size - actor->input_start);
            take_events(actor);
            continue;
        }
        if (gsrelay_io_tcp_wanted(actor->client) == 0) {
            return;
        }
        size = peer_receive(actor->tcp, actor->input, sizeof(actor->input));
        if (size == RESULT_AGAIN) {
            return;
        }
        /* What a member said over UDP came before the word that it has left. */
        receive_udp(actor, now_ns);
        take_events(actor);
        if (size <= 0) {
            peer_close(actor->tcp);
            actor->tcp = NULL;
            gsrelay_io_tcp_closed(actor->client, now_ns,
                                  size == 0 ? GSRELAY_REASON_CONNECTION_CLOSED
                                            : GSRELAY_REASON_CONNECTION_LOST);
            return;
        }
        actor->input_start = 0;
        actor->input_size = (size_t)size;
    }
}

static void send_all(struct actor *actor)
{
    uint8_t bytes[GSRELAY_DATAGRAM_LIMIT];
    size_t size = 0;
    const uint8_t *output = gsrelay_io_tcp_output(actor->client, &size);
    int error = 0;

    if (actor->tcp != NULL && size > 0) {
        const int sent = peer_send(actor->tcp, output, size);

        gsrelay_io_tcp_sent(actor->client, sent > 0 ? (size_t)sent : 0);
    }
    while ((size = gsrelay_io_udp_output(actor->client, bytes, sizeof(bytes))) > 0) {
        if (actor->udp != SOCKET_OS_NONE && !actor->is_mute) {
            assert_int_equal(socket_os_send(actor->udp, bytes, size, &error), (int)size);
        }
    }
}

static void take_turn(struct actor *actor)
{
    const uint64_t now_ns = os_clock_ns();

    receive_udp(actor, now_ns);
    receive_tcp(actor, now_ns);
    gsrelay_io_run(actor->client, now_ns);
    follow_tcp(actor, now_ns);
    follow_udp(actor);
    send_all(actor);
    take_events(actor);
}

void actors_turn(void)
{
    for (unsigned i = 0; i < actor_total; i++) {
        take_turn(actors[i]);
    }
    os_sleep_ms(1);
}

void actors_turns(unsigned count)
{
    while (count-- > 0) {
        actors_turn();
    }
}

/* --- Actors ---------------------------------------------------------------------------------- */

struct actor *actor_connect(void)
{
    struct gsrelay_options options;
    struct actor *actor = calloc(1, sizeof(*actor));

    assert_non_null(actor);
    assert_true(actor_total < ACTORS_MAX);
    actor->udp = SOCKET_OS_NONE;
    gsrelay_options_init(&options);
    options.blob_bytes = GSRELAY_BLOB_MAX;
    os_random_fill(options.seed, sizeof(options.seed));
    options.backoff_min_ms = 10;
    options.backoff_max_ms = 100;
    options.attempt_ms = 60000;
    assert_int_equal(gsrelay_create(&options, &actor->client), GSRELAY_OK);
    actors[actor_total++] = actor;
    assert_int_equal(gsrelay_io_start(actor->client, os_clock_ns()), GSRELAY_OK);
    return actor;
}

struct actor *actor_enter(const char *code)
{
    struct actor *actor = actor_connect();

    if (code == NULL) {
        assert_true(gsrelay_create_room(actor->client, NULL) > 0);
    } else {
        assert_true(gsrelay_join_room(actor->client, code) > 0);
    }
    (void)actor_await(actor, GSRELAY_EVENT_UDP_BOUND);
    return actor;
}

struct gsrelay_client *actor_client(struct actor *actor)
{
    return actor->client;
}

uint16_t actor_member(struct actor *actor)
{
    return actor->member;
}

const char *actor_code(struct actor *actor)
{
    static struct gsrelay_room room;

    assert_int_equal(gsrelay_get_room(actor->client, &room), GSRELAY_OK);
    return room.code;
}

bool actor_has_tcp(const struct actor *actor)
{
    return actor->tcp != NULL;
}

bool actor_has_udp(const struct actor *actor)
{
    return actor->udp != SOCKET_OS_NONE;
}

void actor_cut(struct actor *actor, enum actor_cut how)
{
    assert_non_null(actor->tcp);
    if (how == ACTOR_CUT_RESET) {
        peer_reset(actor->tcp);
    } else {
        peer_close(actor->tcp);
    }
    actor->tcp = NULL;
    actor->is_cut = true;
    gsrelay_io_tcp_closed(actor->client, os_clock_ns(), GSRELAY_REASON_CONNECTION_LOST);
}

void actor_mend(struct actor *actor)
{
    actor->is_cut = false;
}

void actor_move(struct actor *actor)
{
    const socket_os before = actor->udp;

    open_udp(actor);
    socket_os_close(before);
}

void actor_mute(struct actor *actor, bool is_mute)
{
    actor->is_mute = is_mute;
}

void actor_shrink(struct actor *actor)
{
    actor->is_small = true;
}

void actor_deafen(struct actor *actor, bool is_deaf)
{
    actor->is_deaf = is_deaf;
}

/* --- Events ---------------------------------------------------------------------------------- */

static void take_at(struct actor *actor, unsigned index, struct gsrelay_event *out)
{
    *out = actor->events[index];
    actor->event_count--;
    memmove(&actor->events[index], &actor->events[index + 1],
            (actor->event_count - index) * sizeof(actor->events[0]));
}

static bool take(struct actor *actor, enum gsrelay_event_type type, struct gsrelay_event *out)
{
    for (unsigned i = 0; i < actor->event_count; i++) {
        if (actor->events[i].type == type) {
            take_at(actor, i, out);
            return true;
        }
    }
    return false;
}

void actor_await_done(struct actor *actor, int32_t request)
{
    assert_true(request > 0);
    assert_int_equal(actor_await(actor, GSRELAY_EVENT_REQUEST_DONE).request, request);
}

void actor_await_refused(struct actor *actor, int32_t request, uint32_t reason)
{
    struct gsrelay_event event;

    assert_true(request > 0);
    event = actor_await(actor, GSRELAY_EVENT_REQUEST_FAILED);
    assert_int_equal(event.request, request);
    assert_string_equal(gsrelay_reason_name(event.reason), gsrelay_reason_name(reason));
}

bool actor_next(struct actor *actor, struct gsrelay_event *out)
{
    if (actor->event_count == 0) {
        return false;
    }
    take_at(actor, 0, out);
    return true;
}

struct gsrelay_event actor_await(struct actor *actor, enum gsrelay_event_type type)
{
    const uint64_t end_ns = os_clock_ns() + PATIENCE_NS;
    struct gsrelay_event event = {0};

    while (!take(actor, type, &event)) {
        if (os_clock_ns() > end_ns) {
            print_error("event %d did not come; %s\n", (int)type,
                        gsrelay_error_text(actor->client));
            for (unsigned i = 0; i < actor->event_count; i++) {
                print_error("  there is event %u, reason %s\n", actor->events[i].type,
                            gsrelay_reason_name(actor->events[i].reason));
            }
            fail();
        }
        actors_turn();
    }
    return event;
}

unsigned actor_count(const struct actor *actor, enum gsrelay_event_type type)
{
    unsigned count = 0;

    for (unsigned i = 0; i < actor->event_count; i++) {
        count += actor->events[i].type == type;
    }
    return count;
}

void actor_forget(struct actor *actor)
{
    actor->event_count = 0;
}

void actor_send_numbered(struct actor *actor, unsigned count)
{
    for (unsigned i = 1; i <= count; i++) {
        const uint8_t state[4] = {(uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8),
                                  (uint8_t)i};

        assert_int_equal(gsrelay_send(actor->client, GSRELAY_TO_ALL, 0, 0, state, sizeof(state)),
                         GSRELAY_OK);
        actors_turn();
    }
}

void actor_await_numbered(struct actor *actor, const struct actor *sender, unsigned count)
{
    for (unsigned i = 1; i <= count; i++) {
        const uint8_t state[4] = {(uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8),
                                  (uint8_t)i};
        const struct gsrelay_event event = actor_await(actor, GSRELAY_EVENT_STATE);

        assert_int_equal(event.member, sender->member);
        assert_int_equal(event.size, sizeof(state));
        assert_memory_equal(event.bytes, state, sizeof(state));
    }
}
