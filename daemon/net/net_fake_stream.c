/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/net/net_fake_parts.h"

#define STREAM_BYTES 65536 /* What the net_tcp's end takes before it stops the peer. */
#define PEER_PORT    30000

struct net_fake_peer {
    struct fake_stream *stream;
};

void fake_listener_add(struct net_system *system, struct fake_listener *listener)
{
    listener->is_open = true;
    listener->next = system->listeners;
    system->listeners = listener;
}

void fake_listener_remove(struct net_system *system, struct fake_listener *listener)
{
    struct fake_listener **link = &system->listeners;
    struct fake_stream *stream = NULL;

    while (*link != listener) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = listener->next;
    listener->is_open = false;
    while ((stream = fake_listener_take(listener)) != NULL) {
        fake_stream_close(stream, 1, true);
    }
}

struct fake_stream *fake_listener_take(struct fake_listener *listener)
{
    struct fake_stream *const stream = listener->first_waiting;

    if (stream != NULL) {
        listener->first_waiting = stream->next_waiting;
        listener->waiting_count--;
    }
    return stream;
}

static bool pipe_init(struct fake_pipe *pipe, uint32_t capacity)
{
    *pipe = (struct fake_pipe){
        .capacity = capacity, .finished_at_ns = UINT64_MAX, .reset_at_ns = UINT64_MAX};
    pipe->bytes = malloc(capacity);
    return pipe->bytes != NULL;
}

static void stream_free(struct fake_stream *stream)
{
    free(stream->pipes[0].bytes);
    free(stream->pipes[1].bytes);
    free(stream);
}

static struct fake_listener *find_listener(struct net_system *system, const struct addr *to)
{
    for (struct fake_listener *l = system->listeners; l != NULL; l = l->next) {
        if (addr_equal(&l->address, to)) {
            return l;
        }
    }
    return NULL;
}

/* A port that no other stream to the same place has. */
static struct addr choose_peer_address(const struct net_system *system, struct addr to)
{
    struct addr address = to;

    address.port = PEER_PORT;
    for (const struct fake_stream *s = system->streams; s != NULL; s = s->next) {
        if (s->ends[0].port >= address.port) {
            address.port = (uint16_t)(s->ends[0].port + 1);
        }
    }
    return address;
}

struct fake_stream *fake_stream_connect(struct net_system *system, const struct addr *to,
                                        uint32_t receive_bytes)
{
    struct fake_listener *const listener = find_listener(system, to);

    if (listener == NULL || listener->waiting_count >= listener->backlog) {
        return NULL;
    }
    struct fake_stream *const stream = calloc(1, sizeof(*stream));
    if (stream == NULL || !pipe_init(&stream->pipes[0], STREAM_BYTES) ||
        !pipe_init(&stream->pipes[1], receive_bytes)) {
        if (stream != NULL) {
            stream_free(stream);
        }
        return NULL;
    }
    stream->system = system;
    stream->ends[0] = choose_peer_address(system, *to);
    stream->ends[1] = *to;
    stream->next = system->streams;
    system->streams = stream;
    if (listener->first_waiting == NULL) {
        listener->first_waiting = stream;
    } else {
        listener->last_waiting->next_waiting = stream;
    }
    listener->last_waiting = stream;
    listener->waiting_count++;
    return stream;
}

struct net_fake_peer *net_fake_connect(struct net_system *system, struct addr to,
                                       uint32_t receive_bytes)
{
    struct net_fake_peer *const peer = malloc(sizeof(*peer));

    if (peer == NULL) {
        return NULL;
    }
    peer->stream = fake_stream_connect(system, &to, receive_bytes);
    if (peer->stream == NULL) {
        free(peer);
        return NULL;
    }
    return peer;
}

/* Takes the arrived marks away; what is left of them has its own times. */
static uint64_t arrived_end(const struct fake_stream *stream, const struct fake_pipe *pipe)
{
    uint64_t end = pipe->taken;

    for (uint32_t i = 0; i < pipe->mark_count; i++) {
        const uint32_t mark = (pipe->first_mark + i) % FAKE_MARKS;
        if (pipe->marks[mark].due_ns > stream->system->now_ns) {
            break;
        }
        end = pipe->marks[mark].end;
    }
    return end;
}

static void forget_marks(struct fake_pipe *pipe)
{
    while (pipe->mark_count > 0 && pipe->marks[pipe->first_mark].end <= pipe->taken) {
        pipe->first_mark = (pipe->first_mark + 1) % FAKE_MARKS;
        pipe->mark_count--;
    }
}

/* When something written now arrives: after everything before it. */
static uint64_t arrival_ns(struct fake_stream *stream, const struct fake_pipe *pipe)
{
    const uint64_t due_ns = stream->system->now_ns + fake_delay(stream->system);

    if (pipe->mark_count == 0) {
        return due_ns;
    }
    const uint32_t last = (pipe->first_mark + pipe->mark_count - 1) % FAKE_MARKS;
    return pipe->marks[last].due_ns > due_ns ? pipe->marks[last].due_ns : due_ns;
}

static void add_mark(struct fake_pipe *pipe, uint64_t due_ns)
{
    if (pipe->mark_count == FAKE_MARKS) {
        /* No place: the last stretch grows, and all of it arrives with its end. */
        pipe->mark_count--;
    }
    const uint32_t mark = (pipe->first_mark + pipe->mark_count) % FAKE_MARKS;
    pipe->marks[mark].due_ns = due_ns;
    pipe->marks[mark].end = pipe->written;
    pipe->mark_count++;
}

bool fake_stream_is_reset(const struct fake_stream *stream, unsigned side)
{
    return stream->pipes[1 - side].reset_at_ns <= stream->system->now_ns;
}

int fake_stream_send(struct fake_stream *stream, unsigned side, const void *bytes, size_t size)
{
    struct fake_pipe *const pipe = &stream->pipes[side];
    const uint8_t *const from = bytes;

    if (fake_stream_is_reset(stream, side) || stream->is_closed[1 - side] ||
        pipe->finished_at_ns != UINT64_MAX) {
        return RESULT_CLOSED;
    }
    size_t room = pipe->capacity - (size_t)(pipe->written - pipe->taken);
    if (room == 0) {
        return RESULT_AGAIN;
    }
    if (stream->system->options.chunk_max > 0) {
        const size_t chunk = 1 + fake_random(stream->system, stream->system->options.chunk_max);
        room = chunk < room ? chunk : room;
    }
    room = size < room ? size : room;
    const uint64_t due_ns = arrival_ns(stream, pipe);
    for (size_t i = 0; i < room; i++) {
        pipe->bytes[(pipe->written + i) % pipe->capacity] = from[i];
    }
    pipe->written += room;
    add_mark(pipe, due_ns);
    return (int)room;
}

static bool is_end_reached(const struct fake_stream *stream, const struct fake_pipe *pipe)
{
    return pipe->taken == pipe->written && pipe->finished_at_ns <= stream->system->now_ns;
}

int fake_stream_receive(struct fake_stream *stream, unsigned side, void *bytes, size_t size)
{
    struct fake_pipe *const pipe = &stream->pipes[1 - side];
    uint8_t *const to = bytes;

    if (fake_stream_is_reset(stream, side)) {
        return RESULT_CLOSED;
    }
    const uint64_t available = arrived_end(stream, pipe) - pipe->taken;
    if (available == 0) {
        return is_end_reached(stream, pipe) ? 0 : RESULT_AGAIN;
    }
    size = available < size ? (size_t)available : size;
    size = size < INT_MAX ? size : INT_MAX;
    for (size_t i = 0; i < size; i++) {
        to[i] = pipe->bytes[(pipe->taken + i) % pipe->capacity];
    }
    pipe->taken += size;
    forget_marks(pipe);
    return (int)size;
}

bool fake_stream_is_readable(const struct fake_stream *stream, unsigned side)
{
    const struct fake_pipe *const pipe = &stream->pipes[1 - side];

    return fake_stream_is_reset(stream, side) || arrived_end(stream, pipe) > pipe->taken ||
           is_end_reached(stream, pipe);
}

void fake_stream_finish(struct fake_stream *stream, unsigned side)
{
    struct fake_pipe *const pipe = &stream->pipes[side];

    if (pipe->finished_at_ns == UINT64_MAX) {
        pipe->finished_at_ns = arrival_ns(stream, pipe);
    }
}

void fake_stream_close(struct fake_stream *stream, unsigned side, bool is_reset)
{
    const struct fake_pipe *const incoming = &stream->pipes[1 - side];
    struct fake_pipe *const outgoing = &stream->pipes[side];
    struct net_system *const system = stream->system;

    assert(!stream->is_closed[side]);
    stream->is_closed[side] = true;
    if (is_reset || incoming->taken < incoming->written) {
        outgoing->reset_at_ns = system->now_ns + fake_delay(system);
    } else {
        fake_stream_finish(stream, side);
    }
    if (!stream->is_closed[1 - side]) {
        return;
    }
    struct fake_stream **link = &system->streams;
    while (*link != stream) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = stream->next;
    stream_free(stream);
}

static uint64_t later_than(uint64_t now_ns, uint64_t due_ns, uint64_t best_ns)
{
    return due_ns > now_ns && due_ns < best_ns ? due_ns : best_ns;
}

uint64_t fake_stream_next_due(const struct fake_stream *stream)
{
    const uint64_t now_ns = stream->system->now_ns;
    uint64_t best_ns = UINT64_MAX;

    for (unsigned side = 0; side < 2; side++) {
        const struct fake_pipe *const pipe = &stream->pipes[side];
        best_ns = later_than(now_ns, pipe->finished_at_ns, best_ns);
        best_ns = later_than(now_ns, pipe->reset_at_ns, best_ns);
        for (uint32_t i = 0; i < pipe->mark_count; i++) {
            const uint32_t mark = (pipe->first_mark + i) % FAKE_MARKS;
            best_ns = later_than(now_ns, pipe->marks[mark].due_ns, best_ns);
        }
    }
    return best_ns;
}

struct addr net_fake_peer_address(const struct net_fake_peer *peer)
{
    return peer->stream->ends[0];
}

int net_fake_peer_send(struct net_fake_peer *peer, const void *bytes, size_t size)
{
    return fake_stream_send(peer->stream, 0, bytes, size);
}

int net_fake_peer_receive(struct net_fake_peer *peer, void *bytes, size_t size)
{
    return fake_stream_receive(peer->stream, 0, bytes, size);
}

void net_fake_peer_finish(struct net_fake_peer *peer)
{
    fake_stream_finish(peer->stream, 0);
}

void net_fake_peer_close(struct net_fake_peer *peer, bool is_reset)
{
    if (peer != NULL) {
        fake_stream_close(peer->stream, 0, is_reset);
        free(peer);
    }
}
