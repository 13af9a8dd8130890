/* SPDX-License-Identifier: MIT */
#include "daemon/control/control.h"

#include "daemon/control/control_internal.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static_assert(REASON_SHUTDOWN < REASON_LIMIT, "counters are indexed by reason");

static bool limits_fit(const struct control_limits *limits)
{
    return limits->connections_max >= 1 && limits->sessions_max >= 1 && limits->rooms_max >= 1 &&
           limits->preauth_max >= 1 && limits->worker_count >= 1 &&
           limits->worker_count <= CONTROL_WORKERS_MAX && limits->rooms_per_worker_max >= 1 &&
           limits->frame_buffers >= 1 && limits->out_buffers >= 1 &&
           limits->frame_max_bytes >= CONTROL_MESSAGE_SIZE_MAX + NOISE_TAG_SIZE &&
           limits->frame_max_bytes <= CONTROL_FRAME_SIZE_MAX &&
           limits->out_buffer_bytes >= CONNECTION_OUT_PREAUTH_MAX &&
           limits->out_buffer_bytes <= UINT32_MAX / 2 && limits->blob_bytes <= BLOB_SIZE_MAX;
}

static void lay_out_timers(struct timer_heap *heap, struct arena *arena, uint32_t capacity)
{
    void *memory = arena_take(arena, 1, timer_heap_size(capacity));

    if (memory != NULL) {
        timer_heap_init(heap, memory, capacity);
    }
}

/* Lays out everything behind the struct itself; twice, see arena.h. */
static void lay_out(struct control *control, struct arena *arena,
                    const struct control_limits *limits, const uint8_t keys[3][16])
{
    admission_init(&control->admission, arena, limits->connections_max, keys[0]);
    session_table_init(&control->sessions, arena, limits->sessions_max, keys[1]);
    room_table_init(&control->rooms, arena, limits, keys[2]);
    blob_store_init(&control->blobs, arena, limits->blobs_max, limits->blob_bytes);
    control->connections =
        arena_take(arena, limits->connections_max, sizeof(*control->connections));
    lay_out_timers(&control->connection_timers, arena, limits->connections_max);
    lay_out_timers(&control->session_timers, arena, limits->sessions_max);
    control->scratch = arena_take(arena, 1, connection_frame_bytes(limits));
    control->logs = arena_take(arena, CONTROL_LOGS_MAX, sizeof(*control->logs));
    control->rings = arena_take(arena, limits->worker_count, sizeof(*control->rings));
    for (uint32_t i = 0; i < limits->worker_count; i++) {
        struct command *commands =
            arena_take(arena, CONTROL_COMMANDS_MAX, sizeof(*control->rings[i].commands));
        if (control->rings != NULL) {
            control->rings[i].commands = commands;
        }
    }
    buffer_pool_init(&control->pools.frames, arena, limits->frame_buffers,
                     connection_frame_bytes(limits));
    buffer_pool_init(&control->pools.outputs, arena, limits->out_buffers, limits->out_buffer_bytes);
}

size_t control_size(const struct control_limits *limits)
{
    static const uint8_t keys[3][16] = {{0}};
    struct arena arena = {.base = NULL};
    struct control control;

    if (!limits_fit(limits)) {
        return 0;
    }
    (void)arena_take(&arena, 1, sizeof(control));
    lay_out(&control, &arena, limits, keys);
    return arena.used == SIZE_MAX ? 0 : arena.used;
}

struct control *control_init(void *memory, const struct control_limits *limits,
                             const struct control_random *random)
{
    struct arena arena = {.base = memory};
    uint8_t keys[3][16];

    assert(limits_fit(limits));
    struct control *control = arena_take(&arena, 1, sizeof(*control));
    control->limits = *limits;
    control->random = *random;
    control->preauth_oldest = SESSION_NONE;
    control->preauth_newest = SESSION_NONE;
    control->dirty_first = SESSION_NONE;
    control->dirty_last = SESSION_NONE;
    control->owing_first = SESSION_NONE;
    random->fill(random->context, keys, sizeof(keys));
    lay_out(control, &arena, limits, (const uint8_t(*)[16])keys);
    return control;
}

void control_set_secrets(struct control *control, const struct ticket_secret *secrets, size_t count)
{
    assert(count <= TICKET_SECRETS_MAX);
    sodium_memzero(control->secrets, sizeof(control->secrets));
    if (count > 0) {
        memcpy(control->secrets, secrets, count * sizeof(*secrets));
    }
    control->secret_count = count;
}

void control_set_limits(struct control *control, const struct control_limits *limits)
{
    assert(limits->connections_max == control->limits.connections_max &&
           limits->sessions_max == control->limits.sessions_max &&
           limits->rooms_max == control->limits.rooms_max &&
           limits->rooms_per_worker_max == control->limits.rooms_per_worker_max &&
           limits->frame_max_bytes == control->limits.frame_max_bytes &&
           limits->out_buffer_bytes == control->limits.out_buffer_bytes &&
           limits->frame_buffers == control->limits.frame_buffers &&
           limits->out_buffers == control->limits.out_buffers &&
           limits->worker_count == control->limits.worker_count &&
           limits->blob_bytes == control->limits.blob_bytes &&
           limits->blobs_max == control->limits.blobs_max);
    control->limits = *limits;
}

void control_set_wall(struct control *control, uint64_t unix_s)
{
    control->unix_s = unix_s;
}

void control_wipe(struct control *control)
{
    for (uint32_t i = 0; i < control->sessions.touched_count; i++) {
        sodium_memzero(&control->sessions.sessions[i], sizeof(struct session));
    }
    for (uint32_t i = 0; i < control->limits.connections_max; i++) {
        struct connection *connection = &control->connections[i];
        if (connection->state != CONNECTION_FREE) {
            noise_cipher_wipe(&connection->up);
            noise_cipher_wipe(&connection->down);
        }
    }
    for (uint32_t i = 0; i < control->limits.worker_count; i++) {
        sodium_memzero(control->rings[i].commands,
                       CONTROL_COMMANDS_MAX * sizeof(*control->rings[i].commands));
    }
    sodium_memzero(control->secrets, sizeof(control->secrets));
    control->secret_count = 0;
}

/* --- Log ------------------------------------------------------------------------------------- */

struct control_log_record *control_log_add(struct control *control, enum control_log_event event,
                                           const struct connection *connection,
                                           uint32_t session_index)
{
    if (control->log_count == CONTROL_LOGS_MAX) {
        /* The oldest goes: what happens now is what somebody will want to see. */
        control->log_first = (control->log_first + 1) % CONTROL_LOGS_MAX;
        control->log_count--;
        control->counters.logs_lost++;
    }
    struct control_log_record *record =
        &control->logs[(control->log_first + control->log_count) % CONTROL_LOGS_MAX];
    control->log_count++;
    *record = (struct control_log_record){.event = event};
    if (connection != NULL) {
        record->peer = connection->peer;
    }
    if (session_index != SESSION_NONE) {
        const struct session *session = &control->sessions.sessions[session_index];
        record->session = session_name(&control->sessions, session_index);
        memcpy(record->client_id, session->ticket.client_id, sizeof(record->client_id));
    }
    return record;
}

bool control_log_next(struct control *control, struct control_log_record *out)
{
    if (control->log_count == 0) {
        return false;
    }
    *out = control->logs[control->log_first];
    control->log_first = (control->log_first + 1) % CONTROL_LOGS_MAX;
    control->log_count--;
    return true;
}

void control_counters(const struct control *control, struct control_counters *out)
{
    *out = control->counters;
    out->sessions = control->sessions.count;
    out->rooms = control->rooms.count;
    out->frame_buffers_used = control->pools.frames.used_count;
    out->frame_buffers_used_max = control->pools.frames.used_count_max;
    out->out_buffers_used = control->pools.outputs.used_count;
    out->out_buffers_used_max = control->pools.outputs.used_count_max;
    out->blobs = control->blobs.used_count;
    out->blobs_max = control->blobs.used_count_max;
    out->blobs_taken = control->blobs.serial;
}

uint32_t control_connection_count(const struct control *control)
{
    return control->counters.connections;
}

uint32_t control_room_count(const struct control *control)
{
    return control->rooms.count;
}

/* --- Commands -------------------------------------------------------------------------------- */

struct command *control_command_reserve(struct control *control, uint32_t worker)
{
    struct command_ring *ring = &control->rings[worker];

    if (ring->count == CONTROL_COMMANDS_MAX) {
        return NULL;
    }
    struct command *command = &ring->commands[(ring->first + ring->count) % CONTROL_COMMANDS_MAX];
    *command = (struct command){.type = COMMAND_DRAIN};
    return command;
}

void control_command_push(struct control *control, uint32_t worker)
{
    assert(control->rings[worker].count < CONTROL_COMMANDS_MAX);
    control->rings[worker].count++;
    control->counters.commands++;
}

/* Sessions and drains whose command found no room before are served first. */
static void push_owed(struct control *control, uint32_t worker)
{
    struct command_ring *ring = &control->rings[worker];
    uint32_t *link = &control->owing_first;

    while (*link != SESSION_NONE && ring->count < CONTROL_COMMANDS_MAX) {
        uint32_t index = *link;
        struct session *session = &control->sessions.sessions[index];
        if (session->membership.worker != worker) {
            link = &session->next;
            continue;
        }
        *link = session->next;
        session->is_owing = false;
        control_session_settle(control, index);
    }
    if (ring->is_drain_owed && ring->count < CONTROL_COMMANDS_MAX) {
        ring->is_drain_owed = false;
        struct command *command = control_command_reserve(control, worker);
        command->reason = REASON_SHUTDOWN;
        control_command_push(control, worker);
    }
}

const struct command *control_command(struct control *control, uint32_t worker)
{
    struct command_ring *ring = &control->rings[worker];

    if (ring->count < CONTROL_COMMANDS_MAX &&
        (control->owing_first != SESSION_NONE || ring->is_drain_owed)) {
        push_owed(control, worker);
    }
    return ring->count == 0 ? NULL : &ring->commands[ring->first];
}

void control_command_done(struct control *control, uint32_t worker)
{
    struct command_ring *ring = &control->rings[worker];

    assert(ring->count > 0);
    sodium_memzero(&ring->commands[ring->first].secret, sizeof(ring->commands[0].secret));
    ring->first = (ring->first + 1) % CONTROL_COMMANDS_MAX;
    ring->count--;
}

/* --- Time ------------------------------------------------------------------------------------ */

static void handle_due_connection(struct control *control, uint32_t index)
{
    struct connection *connection = &control->connections[index];
    enum reason reason = connection_overdue(connection, control->now_ns);

    if (connection->state == CONNECTION_FINISHING) {
        /* Marked for good: nothing is due until the order has been collected. */
        connection->state_end_ns = TIMER_NEVER;
        control_connection_close(control, index, reason, true);
    } else if (reason != REASON_NONE) {
        bool is_aborted = connection->state != CONNECTION_OPEN || reason == REASON_OUTPUT_FULL;
        control_connection_close(control, index, reason, is_aborted);
    } else {
        assert(connection->pause_end_ns != 0 && connection->pause_end_ns <= control->now_ns);
        control_connection_take_up(control, index);
    }
}

void control_run_timers(struct control *control, uint64_t now_ns)
{
    uint32_t index = 0;

    control->now_ns = now_ns;
    while (timer_take_due(&control->connection_timers, now_ns, &index)) {
        handle_due_connection(control, index);
    }
    while (timer_take_due(&control->session_timers, now_ns, &index)) {
        control_session_end(control, index, REASON_CONTROL_LOST, false);
    }
}

uint64_t control_next_deadline(const struct control *control)
{
    uint64_t connection_ns = timer_next(&control->connection_timers);
    uint64_t session_ns = timer_next(&control->session_timers);

    return connection_ns < session_ns ? connection_ns : session_ns;
}
