/* SPDX-License-Identifier: MIT */
#include <sodium.h>
#include <string.h>

#include "daemon/control/control.h"
#include "proto/control_message.h"
#include "proto/frame.h"
#include "proto/hello.h"
#include "proto/noise.h"
#include "tests/control/bench_worker.h"
#include "tests/fuzz/fuzz.h"

/* fuzz_control.c - the byte stream of a control connection.
 *
 * The first byte of the input says whether the rest is the stream of a stranger or what somebody
 * with a session says; the second begins the choice of the points where the stream is cut. The
 * stream goes in twice, whole and cut: bytes that come out, commands to the worker and counters
 * must be the same, and never may more wait than the bound. The handshake is done once and its
 * outcome put back before each run, as it costs a hundred times more than all the rest. */

#define OUT_MAX    (1u << 20)
#define STREAM_MAX 16384u
#define OUT_BOUND  4096u

enum { IS_SESSION = 1, IS_CUT_FINE = 2 };

static const struct control_limits limits = {
    .connections_max = 2,
    .preauth_max = 2,
    .sessions_max = 2,
    .rooms_max = 4,
    .rooms_per_worker_max = 4,
    .frame_max_bytes = 2048,
    .out_buffer_bytes = OUT_BOUND,
    .frame_buffers = 2,
    .out_buffers = 2,
    .worker_count = 1,
    .blob_bytes = 300,
    .blobs_max = 1,
    .connections_per_ip = 10,
    .accepts_per_ip_s = 10,
    .accepts_per_ip_burst = 10,
    .handshake_timeout_ns = 1000,
    .frame_timeout_ns = 1000,
    .idle_timeout_ns = 10000,
    .commands_per_s = 1000,
    .commands_burst = 40,
    .fail_limit = 5,
    .fail_window_ns = 1000,
    .lockout_ns = 1000,
    .resume_grace_ns = 1000,
    .sessions_per_client_id = 1,
    .rooms_created_per_minute = 6,
    .rooms_created_burst = 3,
    .members_per_room_max = 8,
    .tick_max_us = 50000,
    .code_length = 6,
    .max_datagram = 1232,
};

/* All that a run changes. */
struct world {
    struct control *control;
    uint64_t random;
    struct noise_cipher send; /* The client's. */
};

/* What a run brought about. */
struct outcome {
    uint8_t bytes[OUT_MAX];
    size_t size;
    bool is_closed;
    unsigned commands;
    struct control_counters counters;
};

static struct world world;
static size_t memory_size;
static uint8_t *memory;
static uint8_t *stranger_memory;
static uint8_t *session_memory;
static struct world stranger_world;
static struct world session_world;
static struct bench_worker worker;
static struct outcome whole;
static struct outcome cut;

static void fill_random(void *context, void *out, size_t size)
{
    (void)context;
    for (size_t i = 0; i < size; i++) {
        world.random = world.random * UINT64_C(6364136223846793005) + 1;
        ((uint8_t *)out)[i] = (uint8_t)(world.random >> 56);
    }
}

/* Collects what waits; nothing may be left over. */
static void collect(struct outcome *outcome)
{
    struct control_output output;

    while (control_output(world.control, &output)) {
        if (output.order != CONTROL_ORDER_NONE) {
            outcome->is_closed = true;
            continue;
        }
        FUZZ_REQUIRE(output.size <= OUT_BOUND);
        FUZZ_REQUIRE(outcome->size + output.size <= OUT_MAX);
        if (output.size > 0) {
            memcpy(outcome->bytes + outcome->size, output.bytes, output.size);
            outcome->size += output.size;
        }
        control_output_done(world.control, &output, true, 0);
    }
}

static void run_worker(struct outcome *outcome)
{
    const struct command *command = control_command(world.control, 0);

    while (command != NULL) {
        outcome->commands++;
        bench_worker_run(&worker, command);
        control_command_done(world.control, 0);
        for (unsigned i = 0; i < worker.event_count; i++) {
            control_event(world.control, 0, &worker.events[i], 2);
        }
        worker.event_count = 0;
        command = control_command(world.control, 0);
    }
    control_run_timers(world.control, 2);
}

/* The first flight of a client, its answer and START, once. */
static void prepare_session(void)
{
    static const uint8_t no_key[NOISE_KEY_SIZE];
    static const uint8_t start[] = {CONTROL_START, 0, 0, 0, 1, 0, 0, 0, 0};
    struct noise_handshake handshake;
    struct noise_cipher receive;
    uint8_t hello[HELLO_SIZE_MAX];
    uint8_t private_key[NOISE_KEY_SIZE];
    uint8_t frame[64];

    fill_random(NULL, private_key, sizeof(private_key));
    size_t at = hello_begin(HELLO_OPEN, NULL, 0, hello);
    noise_handshake_init(&handshake, NOISE_INITIATOR, hello + 2, at - 2, no_key, private_key);
    FUZZ_REQUIRE(noise_handshake_write(&handshake, NULL, 0, hello + at, HELLO_NOISE_SIZE) > 0);
    control_input(world.control, 0, hello, at + HELLO_NOISE_SIZE, 1);
    collect(&whole);
    FUZZ_REQUIRE(whole.size == HELLO_ACCEPTED_SIZE);
    FUZZ_REQUIRE(noise_handshake_read(&handshake, whole.bytes + 4, HELLO_NOISE_SIZE, NULL, 0) == 0);
    noise_handshake_split(&handshake, &world.send, &receive, NULL);
    int size = noise_encrypt(&world.send, start, sizeof(start), frame + 2, sizeof(frame) - 2);
    FUZZ_REQUIRE(size > 0);
    frame_length_write(frame, (uint16_t)size);
    control_input(world.control, 0, frame, (size_t)size + 2, 1);
    collect(&whole);
    FUZZ_REQUIRE(!whole.is_closed && whole.size > HELLO_ACCEPTED_SIZE);
}

static void prepare(void)
{
    const struct control_random random = {.fill = fill_random};
    struct addr peer = addr_ipv4(10, 0, 0, 1, 1);

    FUZZ_REQUIRE(sodium_init() >= 0);
    memory_size = control_size(&limits);
    memory = calloc(1, memory_size);
    stranger_memory = malloc(memory_size);
    session_memory = malloc(memory_size);
    FUZZ_REQUIRE(memory != NULL && stranger_memory != NULL && session_memory != NULL);
    world.control = control_init(memory, &limits, &random);
    control_accepted(world.control, 0, &peer, 1);
    memcpy(stranger_memory, memory, memory_size);
    stranger_world = world;
    prepare_session();
    memcpy(session_memory, memory, memory_size);
    session_world = world;
}

/* Turns the input into what a client with a session sends: pieces of a length byte and that many
 * bytes. 0 to 199: a message, encrypted as it should be; above: bytes of no sense. */
static size_t make_stream(const uint8_t *input, size_t size, uint8_t stream[STREAM_MAX])
{
    size_t used = 0;

    while (size > 0) {
        size_t piece = input[0];
        bool is_message = piece < 200;
        piece = is_message ? piece : piece - 200;
        piece = piece > size - 1 ? size - 1 : piece;
        if (used + piece + 2 + NOISE_TAG_SIZE > STREAM_MAX) {
            break;
        }
        if (!is_message) {
            memcpy(stream + used, input + 1, piece);
            used += piece;
        } else {
            int written = noise_encrypt(&world.send, input + 1, piece, stream + used + 2,
                                        piece + NOISE_TAG_SIZE);
            FUZZ_REQUIRE(written > 0);
            frame_length_write(stream + used, (uint16_t)written);
            used += (size_t)written + 2;
        }
        input += 1 + piece;
        size -= 1 + piece;
    }
    return used;
}

/* The worker answers when the relay reads no further, and at the end: never at a
 * moment that depends on where the stream is cut. */
static void run(const uint8_t *input, size_t size, unsigned flags, uint32_t cuts,
                struct outcome *outcome)
{
    static uint8_t stream[STREAM_MAX];
    bool is_session = (flags & IS_SESSION) != 0;

    memcpy(memory, is_session ? session_memory : stranger_memory, memory_size);
    world = is_session ? session_world : stranger_world;
    memset(&worker, 0, sizeof(worker));
    outcome->size = 0;
    outcome->is_closed = false;
    outcome->commands = 0;
    if (is_session) {
        size = make_stream(input, size, stream);
        input = stream;
    }
    while (size > 0 && !outcome->is_closed) {
        if (!control_wants_input(world.control, 0)) {
            collect(outcome);
            run_worker(outcome);
            if (!control_wants_input(world.control, 0) &&
                control_command(world.control, 0) == NULL) {
                break; /* It waits for time to pass. */
            }
            continue;
        }
        size_t piece = control_input_max(world.control);
        if (cuts != 0) {
            cuts = cuts * 1664525 + 1013904223;
            piece = 1 + (cuts >> 16) % ((flags & IS_CUT_FINE) != 0 ? 3 : 50);
        }
        piece = piece > size ? size : piece;
        control_input(world.control, 0, input, piece, 2);
        input += piece;
        size -= piece;
    }
    do {
        collect(outcome);
        run_worker(outcome);
        collect(outcome);
    } while (control_command(world.control, 0) != NULL);
    control_counters(world.control, &outcome->counters);
}

/* Nothing may be left when the client has gone and the time for coming back is over. */
static void finish(void)
{
    struct control_counters counters;

    control_closed(world.control, 0, REASON_CONNECTION_LOST, 3);
    control_run_timers(world.control, 2000000);
    run_worker(&cut);
    control_counters(world.control, &counters);
    FUZZ_REQUIRE(counters.connections == 0 && counters.sessions == 0 && counters.rooms == 0 &&
                 counters.blobs == 0);
    FUZZ_REQUIRE(counters.frame_buffers_used == 0 && counters.out_buffers_used == 0);
    FUZZ_REQUIRE(control_next_deadline(world.control) == UINT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (memory == NULL) {
        prepare();
    }
    if (size < 2) {
        return 0;
    }
    run(input + 2, size - 2, input[0], 0, &whole);
    run(input + 2, size - 2, input[0], 1u + input[1], &cut);
    FUZZ_REQUIRE(whole.size == cut.size && memcmp(whole.bytes, cut.bytes, cut.size) == 0);
    FUZZ_REQUIRE(whole.is_closed == cut.is_closed && whole.commands == cut.commands);
    /* Cutting may hold buffers for longer, and what comes whole is kept where the relay reads no
     * further; everything else is the same. */
    whole.counters.frame_buffers_used = cut.counters.frame_buffers_used;
    whole.counters.frame_buffers_used_max = cut.counters.frame_buffers_used_max;
    whole.counters.out_buffers_used_max = cut.counters.out_buffers_used_max;
    FUZZ_REQUIRE(memcmp(&whole.counters, &cut.counters, sizeof(cut.counters)) == 0);
    finish();
    return 0;
}
