/* SPDX-License-Identifier: MIT */
#include "tests/control/bench.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/control/bench_worker.h"

#define MS UINT64_C(1000000)

struct control_limits bench_limits(void)
{
    return (struct control_limits){
        .connections_max = BENCH_CLIENTS,
        .preauth_max = BENCH_CLIENTS,
        .sessions_max = BENCH_CLIENTS,
        .rooms_max = BENCH_ROOMS * BENCH_WORKERS,
        .rooms_per_worker_max = BENCH_ROOMS,
        .frame_max_bytes = 4096,
        .out_buffer_bytes = 16384,
        .frame_buffers = BENCH_CLIENTS,
        .out_buffers = BENCH_CLIENTS,
        .worker_count = BENCH_WORKERS,
        .connections_per_ip = 1000,
        .accepts_per_ip_s = 100000,
        .accepts_per_ip_burst = 100000,
        .handshake_timeout_ns = 5000 * MS,
        .frame_timeout_ns = 5000 * MS,
        .idle_timeout_ns = 60000 * MS,
        .commands_per_s = 100000,
        .commands_burst = 100000,
        .fail_limit = 1000,
        .fail_window_ns = 60000 * MS,
        .lockout_ns = 30000 * MS,
        .ticket_age_max_s = 3600,
        .clock_skew_s = 30,
        .resume_grace_ns = 30000 * MS,
        .sessions_per_client_id = 1,
        .rooms_created_per_minute = 60000,
        .rooms_created_burst = 1000,
        .members_per_room_max = BENCH_MEMBERS,
        .tick_default_us = 0,
        .tick_max_us = 50000,
        .code_length = 6,
        .udp_ports = {7777, 7778},
        .max_datagram = 1232,
        .streams_per_member = 8,
        .client_datagrams_s = 128,
        .client_bytes_s = 65536,
        .client_records_s = 1024,
    };
}

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016). */
uint64_t bench_random(struct bench *bench)
{
    bench->random ^= bench->random >> 12;
    bench->random ^= bench->random << 25;
    bench->random ^= bench->random >> 27;
    return bench->random * UINT64_C(2685821657736338717);
}

static void fill_random(void *context, void *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)out)[i] = (uint8_t)(bench_random(context) >> 32);
    }
}

/* Makes the control with quite other limits and then sets the right ones, so that every test of the
 * control channel is also one of a reload: whatever sizes nothing must act as soon as it is set. */
static struct control *make_control(void *memory, const struct control_limits *limits,
                                    const struct control_random *random)
{
    struct control_limits other;

    memset(&other, 1, sizeof(other));
    other.connections_max = limits->connections_max;
    other.preauth_max = limits->preauth_max;
    other.sessions_max = limits->sessions_max;
    other.rooms_max = limits->rooms_max;
    other.rooms_per_worker_max = limits->rooms_per_worker_max;
    other.frame_max_bytes = limits->frame_max_bytes;
    other.out_buffer_bytes = limits->out_buffer_bytes;
    other.frame_buffers = limits->frame_buffers;
    other.out_buffers = limits->out_buffers;
    other.worker_count = limits->worker_count;
    other.blob_bytes = limits->blob_bytes;
    other.blobs_max = limits->blobs_max;
    struct control *control = control_init(memory, &other, random);
    control_set_limits(control, limits);
    return control;
}

struct bench *bench_open(const struct control_limits *limits)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    bench->limits = *limits;
    bench->random = UINT64_C(0x9E3779B97F4A7C15);
    bench->now_ns = 1000 * MS;
    for (unsigned i = 0; i < BENCH_CLIENTS; i++) {
        bench->clients[i].connection = BENCH_NONE;
    }
    size_t size = control_size(limits);
    assert_true(size > 0);
    bench->memory = calloc(1, size);
    assert_non_null(bench->memory);
    struct control_random random = {fill_random, bench};
    bench->control = make_control(bench->memory, limits, &random);
    control_set_wall(bench->control, 1700000000);
    return bench;
}

struct control_counters bench_counters(const struct bench *bench)
{
    struct control_counters counters;
    control_counters(bench->control, &counters);
    return counters;
}

void bench_close(struct bench *bench)
{
    for (unsigned i = 0; i < BENCH_WORKERS; i++) {
        bench->workers[i].is_stuck = false;
    }
    for (unsigned i = 0; i < BENCH_CLIENTS; i++) {
        bench->clients[i].is_deaf = false;
        bench_disconnect(bench, i);
    }
    bench_pump(bench);
    bench_advance(bench, bench->limits.resume_grace_ns + 10000 * MS);
    struct control_counters counters = bench_counters(bench);
    assert_int_equal(counters.connections, 0);
    assert_int_equal(counters.connections_preauth, 0);
    assert_int_equal(counters.sessions, 0);
    assert_int_equal(counters.frame_buffers_used, 0);
    assert_int_equal(counters.out_buffers_used, 0);
    assert_true(control_next_deadline(bench->control) == UINT64_MAX);
    unsigned members = 0;
    unsigned drains = 0;
    for (unsigned i = 0; i < BENCH_WORKERS; i++) {
        members += bench_worker_members(&bench->workers[i]);
        drains += bench->workers[i].drains;
    }
    assert_int_equal(members, 0);
    if (drains == 0) {
        /* A worker that was told to drain says nothing of its rooms any more. */
        assert_int_equal(counters.rooms, 0);
        assert_int_equal(counters.blobs, 0);
    }
    control_wipe(bench->control);
    free(bench->memory);
    free(bench);
}

static struct bench_client *find_client(struct bench *bench, uint32_t connection)
{
    for (unsigned i = 0; i < BENCH_CLIENTS; i++) {
        if (bench->clients[i].connection == connection) {
            return &bench->clients[i];
        }
    }
    return NULL;
}

static bool move_output(struct bench *bench)
{
    struct control_output output;
    if (!control_output(bench->control, &output)) {
        return false;
    }
    struct bench_client *client = find_client(bench, output.connection);
    assert_non_null(client);
    client->is_paused = output.is_paused;
    if (output.order != CONTROL_ORDER_NONE) {
        client->end = output.order == CONTROL_ORDER_CLOSE ? BENCH_CLOSED : BENCH_ABORTED;
        client->connection = BENCH_NONE;
        return true;
    }
    bool is_taken = !client->is_deaf;
    if (is_taken && output.size > 0) {
        assert_true(client->down_size + output.size <= sizeof(client->down));
        memcpy(client->down + client->down_size, output.bytes, output.size);
        client->down_size += output.size;
        client->pending += client->is_slow ? output.size : 0;
    }
    assert_true(client->pending + output.size <= bench->limits.out_buffer_bytes * 2);
    control_output_done(bench->control, &output, is_taken, client->pending);
    return true;
}

static bool move_commands(struct bench *bench, unsigned index)
{
    struct bench_worker *worker = &bench->workers[index];
    bool has_moved = false;
    while (!worker->is_stuck && worker->event_count < 32) {
        const struct command *command = control_command(bench->control, index);
        if (command == NULL) {
            break;
        }
        bench_worker_run(worker, command);
        control_command_done(bench->control, index);
        has_moved = true;
    }
    for (unsigned i = 0; i < worker->event_count; i++) {
        control_event(bench->control, index, &worker->events[i], bench->now_ns);
        has_moved = true;
    }
    worker->event_count = 0;
    return has_moved;
}

static bool move_input(struct bench *bench, struct bench_client *client)
{
    if (client->connection == BENCH_NONE || client->up_size == 0 ||
        !control_wants_input(bench->control, client->connection)) {
        return false;
    }
    size_t size = client->up_size;
    size_t max = control_input_max(bench->control);
    size = size > max ? max : size;
    if (bench->cut > 0) {
        size_t cut = 1 + bench_random(bench) % bench->cut;
        size = size > cut ? cut : size;
    }
    control_input(bench->control, client->connection, client->up, size, bench->now_ns);
    client->up_size -= size;
    memmove(client->up, client->up + size, client->up_size);
    return true;
}

void bench_pump(struct bench *bench)
{
    bool has_moved = true;
    while (has_moved) {
        has_moved = false;
        for (unsigned i = 0; i < BENCH_CLIENTS; i++) {
            has_moved = move_input(bench, &bench->clients[i]) || has_moved;
        }
        for (unsigned i = 0; i < bench->limits.worker_count; i++) {
            has_moved = move_commands(bench, i) || has_moved;
        }
        control_run_timers(bench->control, bench->now_ns);
        while (move_output(bench)) {
            has_moved = true;
        }
    }
    struct control_log_record record;
    while (control_log_next(bench->control, &record)) {
        if (bench->log_count < BENCH_LOGS) {
            bench->logs[bench->log_count++] = record;
        }
    }
}

void bench_advance(struct bench *bench, uint64_t duration_ns)
{
    uint64_t end_ns = bench->now_ns + duration_ns;
    bench_pump(bench);
    while (control_next_deadline(bench->control) <= end_ns) {
        uint64_t next_ns = control_next_deadline(bench->control);
        bench->now_ns = next_ns > bench->now_ns ? next_ns : bench->now_ns;
        control_run_timers(bench->control, bench->now_ns);
        /* A timer that was run must not be due still, or the daemon would spin. */
        assert_true(control_next_deadline(bench->control) > bench->now_ns);
        bench_pump(bench);
    }
    bench->now_ns = end_ns;
}

struct bench_client *bench_connect_from(struct bench *bench, unsigned index,
                                        const struct addr *peer)
{
    struct bench_client *client = &bench->clients[index];
    bool is_used[BENCH_CLIENTS] = {false};
    assert_int_equal(client->connection, BENCH_NONE);
    for (unsigned i = 0; i < BENCH_CLIENTS; i++) {
        if (bench->clients[i].connection != BENCH_NONE) {
            is_used[bench->clients[i].connection] = true;
        }
    }
    uint32_t connection = 0;
    while (is_used[connection]) {
        connection++;
    }
    memset(client, 0, sizeof(*client));
    client->connection = connection;
    client->end = BENCH_OPEN;
    control_accepted(bench->control, connection, peer, bench->now_ns);
    return client;
}

struct bench_client *bench_connect(struct bench *bench, unsigned index)
{
    struct addr peer = addr_ipv4(10, 0, (uint8_t)(index >> 8), (uint8_t)index, 4000);
    return bench_connect_from(bench, index, &peer);
}

void bench_disconnect(struct bench *bench, unsigned index)
{
    struct bench_client *client = &bench->clients[index];
    if (client->connection != BENCH_NONE) {
        control_closed(bench->control, client->connection, REASON_CONNECTION_LOST, bench->now_ns);
        client->connection = BENCH_NONE;
        client->end = BENCH_LEFT;
    }
}

void bench_write(struct bench *bench, unsigned index, const void *bytes, size_t size)
{
    struct bench_client *client = &bench->clients[index];
    assert_true(client->up_size + size <= sizeof(client->up));
    memcpy(client->up + client->up_size, bytes, size);
    client->up_size += size;
}

void bench_hello(struct bench *bench, unsigned index, enum hello_mode mode, const void *name,
                 size_t name_size, const uint8_t key[NOISE_KEY_SIZE])
{
    struct bench_client *client = &bench->clients[index];
    uint8_t hello[HELLO_SIZE_MAX];
    uint8_t private_key[NOISE_KEY_SIZE];
    fill_random(bench, private_key, sizeof(private_key));
    size_t at = hello_begin(mode, name, name_size, hello);
    noise_handshake_init(&client->handshake, NOISE_INITIATOR, hello + 2, at - 2, key, private_key);
    assert_int_equal(
        noise_handshake_write(&client->handshake, NULL, 0, hello + at, HELLO_NOISE_SIZE),
        HELLO_NOISE_SIZE);
    bench_write(bench, index, hello, at + HELLO_NOISE_SIZE);
}

bool bench_accept(struct bench *bench, unsigned index, struct hello_answer *out)
{
    struct bench_client *client = &bench->clients[index];
    bench_pump(bench);
    memset(out, 0, sizeof(*out));
    if (client->down_size - client->down_read < 2) {
        return false;
    }
    const uint8_t *bytes = client->down + client->down_read;
    size_t size = (size_t)(bytes[0] << 8 | bytes[1]);
    assert_true(client->down_size - client->down_read >= size + 2);
    client->down_read += size + 2;
    assert_true(hello_answer_decode(bytes + 2, size, out));
    if (out->status != HELLO_ACCEPTED ||
        noise_handshake_read(&client->handshake, out->noise_message, HELLO_NOISE_SIZE, NULL, 0) !=
            0) {
        return false;
    }
    noise_handshake_split(&client->handshake, &client->send, &client->receive, NULL);
    client->is_channel = true;
    return true;
}

uint32_t bench_send(struct bench *bench, unsigned index, struct control_message *message)
{
    struct bench_client *client = &bench->clients[index];
    uint8_t frame[CONTROL_FRAME_SIZE_MAX];
    if (message->request == 0) {
        message->request = ++client->request;
    }
    int size = control_message_encode(message, frame + 2, sizeof(frame) - 2 - NOISE_TAG_SIZE);
    assert_true(size > 0);
    size = noise_encrypt(&client->send, frame + 2, (size_t)size, frame + 2, sizeof(frame) - 2);
    assert_true(size > 0);
    frame_length_write(frame, (uint16_t)size);
    bench_write(bench, index, frame, (size_t)size + 2);
    return message->request;
}

uint32_t bench_send_type(struct bench *bench, unsigned index, uint8_t type)
{
    struct control_message message = {.type = type};
    return bench_send(bench, index, &message);
}

bool bench_next(struct bench *bench, unsigned index, struct control_message *out)
{
    struct bench_client *client = &bench->clients[index];
    bench_pump(bench);
    size_t left = client->down_size - client->down_read;
    if (left == 0) {
        client->down_size = 0;
        client->down_read = 0;
    }
    if (!client->is_channel || left < 2) {
        return false;
    }
    const uint8_t *bytes = client->down + client->down_read;
    size_t size = (size_t)(bytes[0] << 8 | bytes[1]);
    if (left < size + 2) {
        return false;
    }
    client->down_read += size + 2;
    int plain =
        noise_decrypt(&client->receive, bytes + 2, size, client->plain, sizeof(client->plain));
    assert_true(plain > 0);
    assert_int_equal(control_message_decode(CONTROL_DOWN, client->plain, (size_t)plain, out),
                     REASON_NONE);
    return true;
}

struct control_message bench_expect(struct bench *bench, unsigned index, uint8_t type)
{
    struct control_message message;
    if (!bench_next(bench, index, &message)) {
        fail_msg("client %u: nothing came, expected %s", index, control_type_name(type));
    }
    if (message.type != type) {
        fail_msg("client %u: %s came (reason %u), expected %s", index,
                 control_type_name(message.type),
                 message.type == CONTROL_ERROR ? message.error.reason : 0, control_type_name(type));
    }
    return message;
}

struct control_message bench_expect_error(struct bench *bench, unsigned index, enum reason reason)
{
    struct control_message message = bench_expect(bench, index, CONTROL_ERROR);
    if (message.error.reason != reason) {
        fail_msg("client %u: refused for %s, expected %s", index, reason_name(message.error.reason),
                 reason_name(reason));
    }
    return message;
}

void bench_expect_nothing(struct bench *bench, unsigned index)
{
    struct control_message message;
    if (bench_next(bench, index, &message)) {
        fail_msg("client %u: %s came, expected nothing", index, control_type_name(message.type));
    }
}

static void start(struct bench *bench, unsigned index)
{
    struct bench_client *client = &bench->clients[index];
    (void)bench_send_type(bench, index, CONTROL_START);
    client->welcome = bench_expect(bench, index, CONTROL_WELCOME).welcome;
}

struct bench_client *bench_login(struct bench *bench, unsigned index)
{
    static const uint8_t key[NOISE_KEY_SIZE] = {0};
    struct hello_answer answer;
    struct bench_client *client = bench_connect(bench, index);
    bench_hello(bench, index, HELLO_OPEN, NULL, 0, key);
    assert_true(bench_accept(bench, index, &answer));
    start(bench, index);
    return client;
}

bool bench_resume(struct bench *bench, unsigned index, const uint8_t *session_id,
                  const uint8_t *key)
{
    struct hello_answer answer;
    (void)bench_connect(bench, index);
    bench_hello(bench, index, HELLO_RESUME, session_id, SESSION_ID_SIZE, key);
    if (!bench_accept(bench, index, &answer)) {
        return false;
    }
    start(bench, index);
    return true;
}

struct control_membership bench_create(struct bench *bench, unsigned index)
{
    struct control_message message = {.type = CONTROL_CREATE,
                                      .create = {.tick_us = ROOM_TICK_DEFAULT}};
    message.create.metadata.at = (const uint8_t *)"";
    (void)bench_send(bench, index, &message);
    return bench_expect(bench, index, CONTROL_MEMBERSHIP).membership;
}

struct control_membership bench_join(struct bench *bench, unsigned index, const char *code)
{
    struct control_message message = {.type = CONTROL_JOIN};
    message.join.code = (struct wire_bytes){(const uint8_t *)code, strlen(code)};
    (void)bench_send(bench, index, &message);
    return bench_expect(bench, index, CONTROL_MEMBERSHIP).membership;
}

unsigned bench_logged(const struct bench *bench, enum control_log_event event, enum reason reason)
{
    unsigned count = 0;
    for (unsigned i = 0; i < bench->log_count; i++) {
        count += bench->logs[i].event == event &&
                 (reason == REASON_NONE || bench->logs[i].reason == reason);
    }
    return count;
}

struct event *bench_event(struct bench *bench, unsigned index, enum event_type type)
{
    struct bench_worker *worker = &bench->workers[index];
    struct event *event = &worker->events[worker->event_count++];
    *event = (struct event){.type = type};
    return event;
}
