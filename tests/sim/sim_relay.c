/* SPDX-License-Identifier: MIT */
#include "sim_relay.h"

#include "core_check.h"
#include "daemon/control/control_server_parts.h"
#include "daemon/worker_settings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUTS_MAX 64
#define ROUNDS_MAX  10000

static void fill_random(void *context, void *out, size_t size)
{
    sim_random_fill(context, out, size);
}

static void start_workers(struct sim_relay *relay, struct control_limits *limits, uint64_t now_ns)
{
    struct relay_limits core_limits;
    uint8_t seed[32];

    worker_settings_limits(&relay->config, &core_limits);
    control_server_limits(&relay->config, core_limits.rooms_max, limits);
    for (uint32_t i = 0; i < relay->config.udp.workers; i++) {
        struct sim_worker *worker = &relay->workers[i];

        limits->udp_ports[i] = (uint16_t)(SIM_CONTROL_PORT + i);
        worker->memory = calloc(1, core_size(&core_limits));
        assert(worker->memory != NULL);
        sim_random_fill(relay->random, seed, sizeof(seed));
        worker->core = core_init(worker->memory, &core_limits, seed, now_ns);
        worker->turn_ns = UINT64_MAX;
        worker->inbox_count = 0;
        worker->command_count = 0;
        worker->event_count = 0;
    }
}

void sim_relay_start(struct sim_relay *relay, uint64_t now_ns)
{
    const struct control_random random = {fill_random, relay->random};
    struct control_limits limits;

    start_workers(relay, &limits, now_ns);
    relay->control_memory = calloc(1, control_size(&limits));
    assert(relay->control_memory != NULL);
    relay->control = control_init(relay->control_memory, &limits, &random);
    control_set_wall(relay->control, 1700000000 + now_ns / SIM_SECOND);
    relay->input = malloc(control_input_max(relay->control));
    assert(relay->input != NULL);
}

void sim_relay_crash(struct sim_relay *relay, uint64_t now_ns)
{
    for (uint32_t i = 0; i < SIM_LINKS_MAX; i++) {
        if (relay->links->links[i].is_relay_open) {
            sim_link_abort(relay->links, i, true, now_ns);
        }
    }
    for (uint32_t i = 0; i < relay->config.udp.workers; i++) {
        free(relay->workers[i].memory);
    }
    free(relay->control_memory);
    free(relay->input);
    relay->control = NULL;
}

/* --- Connections ----------------------------------------------------------------------------- */

void sim_relay_stream(struct sim_relay *relay, const struct sim_packet *packet,
                      struct sim_link *link, uint64_t now_ns)
{
    const uint32_t index = packet->link;

    if (packet->kind == SIM_PACKET_OPEN) {
        struct sim_packet *answer = sim_net_new(relay->net);

        link->is_relay_open = true;
        control_accepted(relay->control, index, &link->client, now_ns);
        if (answer != NULL) {
            answer->kind = SIM_PACKET_OPENED;
            answer->link = index;
            answer->generation = link->generation;
            answer->size = 0;
            link->down.due_ns = now_ns + relay->net->weather.delay_ns;
            sim_net_post(relay->net, answer, link->down.due_ns);
        }
    } else if (packet->kind == SIM_PACKET_RESET_UP && link->is_relay_open) {
        link->is_relay_open = false;
        control_closed(relay->control, index, REASON_CONNECTION_LOST, now_ns);
    }
}

/* Reads what has come, as far as it is wanted. */
static bool read_link(struct sim_relay *relay, uint32_t index, uint64_t now_ns)
{
    struct sim_link *link = &relay->links->links[index];
    bool has_moved = false;

    while (link->is_relay_open && !link->is_paused && link->up.size > 0 &&
           control_wants_input(relay->control, index)) {
        size_t size = control_input_max(relay->control);

        size = size < link->up.size ? size : link->up.size;
        memcpy(relay->input, link->up.bytes, size);
        sim_pipe_read(&link->up, size);
        control_input(relay->control, index, relay->input, size, now_ns);
        has_moved = true;
    }
    if (link->is_relay_open && link->up.has_ended && link->up.size == 0 && !link->up.is_end_told &&
        control_wants_input(relay->control, index)) {
        link->up.is_end_told = true;
        control_input_end(relay->control, index, now_ns);
        has_moved = true;
    }
    return has_moved;
}

static bool write_links(struct sim_relay *relay, uint64_t now_ns)
{
    struct control_output output;
    bool has_moved = false;

    while (control_output(relay->control, &output)) {
        struct sim_link *link = &relay->links->links[output.connection];
        size_t taken = 0;

        has_moved = true;
        if (output.order != CONTROL_ORDER_NONE) {
            if (output.order == CONTROL_ORDER_CLOSE) {
                sim_link_close(relay->links, output.connection, true, now_ns);
            } else {
                sim_link_abort(relay->links, output.connection, true, now_ns);
            }
            continue;
        }
        link->is_paused = output.is_paused;
        if (link->down.flying + link->down.size + output.size <= SIM_LINK_BYTES) {
            taken = sim_link_write(relay->links, output.connection, false, output.bytes,
                                   output.size, now_ns);
            sim_judge_trace(relay->judge, output.bytes, output.size);
        }
        control_output_done(relay->control, &output, taken == output.size, 0);
    }
    return has_moved;
}

/* Tells the control that a connection takes bytes again, in case it waits for that. */
static void tell_sent(struct sim_relay *relay, uint64_t now_ns)
{
    for (uint32_t i = 0; i < SIM_LINKS_MAX; i++) {
        const struct sim_link *link = &relay->links->links[i];

        if (link->is_relay_open && link->down.flying + link->down.size < SIM_LINK_BYTES / 2) {
            control_sent(relay->control, i, 0, now_ns);
        }
    }
}

/* --- Workers --------------------------------------------------------------------------------- */

void sim_relay_datagram(struct sim_relay *relay, const struct sim_packet *packet, uint64_t now_ns)
{
    const uint32_t index = (uint32_t)(packet->to.port - SIM_CONTROL_PORT);
    struct sim_worker *worker;
    struct sim_datagram *datagram;

    if (relay->control == NULL || index >= relay->config.udp.workers) {
        return;
    }
    worker = &relay->workers[index];
    sim_judge_up(relay->judge, &packet->from, packet->bytes, packet->size);
    if (worker->inbox_count == SIM_INBOX_MAX) {
        return; /* The system's buffer is full. */
    }
    datagram = &worker->inbox[worker->inbox_count++];
    datagram->from = (struct path){.peer = packet->from};
    datagram->size = packet->size;
    memcpy(datagram->bytes, packet->bytes, packet->size);
    if (worker->turn_ns == UINT64_MAX) {
        worker->turn_ns =
            now_ns + sim_random_below(relay->random, relay->turn_us_max + 1) * UINT64_C(1000);
    }
}

static bool pass_events(struct sim_relay *relay, uint32_t index)
{
    struct sim_worker *worker = &relay->workers[index];
    bool has_moved = false;

    while (worker->event_count < relay->queue_size &&
           (core_event(worker->core, &worker->events[worker->event_count]) ||
            (worker->event_count < relay->queue_size / 2 &&
             core_quality_event(worker->core, &worker->events[worker->event_count])))) {
        sim_judge_event(relay->judge, index, &worker->events[worker->event_count]);
        worker->event_count++;
        has_moved = true;
    }
    return has_moved;
}

static bool take_commands(struct sim_relay *relay, uint32_t index, uint64_t now_ns)
{
    struct sim_worker *worker = &relay->workers[index];
    uint32_t taken = 0;

    while (taken < worker->command_count) {
        if (!core_can_act(worker->core) && !pass_events(relay, index)) {
            break;
        }
        if (core_can_act(worker->core)) {
            sim_judge_command(relay->judge, index, &worker->commands[taken]);
            core_command(worker->core, &worker->commands[taken], now_ns);
            taken++;
        }
    }
    worker->command_count -= taken;
    memmove(worker->commands, worker->commands + taken,
            worker->command_count * sizeof(worker->commands[0]));
    return taken > 0;
}

static void send_one(struct sim_relay *relay, uint32_t index, struct output *output,
                     uint64_t now_ns)
{
    const size_t size = (size_t)output->head_size + output->body_size + output->tag_size;
    uint8_t bytes[SIM_PACKET_SIZE];
    struct addr from = relay->address;

    if (sim_random_chance(relay->random, relay->send_full)) {
        output->result = OUTPUT_FULL;
        return;
    }
    output->result = OUTPUT_SENT;
    memcpy(bytes, output->head, output->head_size);
    memcpy(bytes + output->head_size, output->body, output->body_size);
    memcpy(bytes + output->head_size + output->body_size, output->tag, output->tag_size);
    from.port = (uint16_t)(SIM_CONTROL_PORT + index);
    sim_judge_down(relay->judge, &output->path.peer, bytes, size, output->body, output->body_size);
    sim_judge_trace(relay->judge, bytes, size);
    sim_net_send(relay->net, now_ns, &from, &output->path.peer, bytes, size);
}

static void flush(struct sim_relay *relay, uint32_t index, uint64_t now_ns)
{
    struct core *core = relay->workers[index].core;
    struct output outputs[OUTPUTS_MAX];

    do {
        const unsigned count = core_output(core, outputs, OUTPUTS_MAX, now_ns);

        for (unsigned i = 0; i < count; i++) {
            send_one(relay, index, &outputs[i], now_ns);
        }
        core_output_done(core, outputs, count);
    } while (core_has_output(core));
}

static bool run_worker(struct sim_relay *relay, uint32_t index, uint64_t now_ns)
{
    struct sim_worker *worker = &relay->workers[index];
    bool has_moved = take_commands(relay, index, now_ns);
    const char *broken;

    if (worker->turn_ns <= now_ns) {
        worker->turn_ns = UINT64_MAX;
        for (uint32_t i = 0; i < worker->inbox_count; i++) {
            core_datagram(worker->core, &worker->inbox[i].from, worker->inbox[i].bytes,
                          worker->inbox[i].size, now_ns);
        }
        worker->inbox_count = 0;
        has_moved = true;
    }
    if (has_moved || core_next_deadline(worker->core) <= now_ns) {
        core_run_timers(worker->core, now_ns);
        flush(relay, index, now_ns);
        broken = core_check(worker->core);
        if (broken != NULL) {
            sim_judge_fail(relay->judge, "worker %u: does not hold: %s", index, broken);
        }
        has_moved = true;
    }
    return pass_events(relay, index) || has_moved;
}

static bool exchange(struct sim_relay *relay, uint32_t index, uint64_t now_ns)
{
    struct sim_worker *worker = &relay->workers[index];
    const struct command *command;
    bool has_moved = worker->event_count > 0;

    for (uint32_t i = 0; i < worker->event_count; i++) {
        control_event(relay->control, index, &worker->events[i], now_ns);
    }
    worker->event_count = 0;
    while (worker->command_count < relay->queue_size &&
           (command = control_command(relay->control, index)) != NULL) {
        worker->commands[worker->command_count++] = *command;
        control_command_done(relay->control, index);
        has_moved = true;
    }
    return has_moved;
}

/* --- All of it ------------------------------------------------------------------------------- */

static bool run_once(struct sim_relay *relay, uint64_t now_ns)
{
    struct control_log_record record;
    bool has_moved = false;

    for (uint32_t i = 0; i < SIM_LINKS_MAX; i++) {
        has_moved = read_link(relay, i, now_ns) || has_moved;
    }
    for (uint32_t i = 0; i < relay->config.udp.workers; i++) {
        has_moved = run_worker(relay, i, now_ns) || has_moved;
        has_moved = exchange(relay, i, now_ns) || has_moved;
    }
    if (control_next_deadline(relay->control) <= now_ns) {
        control_run_timers(relay->control, now_ns);
        has_moved = true;
    }
    has_moved = write_links(relay, now_ns) || has_moved;
    while (control_log_next(relay->control, &record)) {
    }
    return has_moved;
}

void sim_relay_run(struct sim_relay *relay, uint64_t now_ns)
{
    if (relay->control == NULL) {
        return;
    }
    control_set_wall(relay->control, 1700000000 + now_ns / SIM_SECOND);
    tell_sent(relay, now_ns);
    for (unsigned round = 0; run_once(relay, now_ns); round++) {
        if (round == ROUNDS_MAX) {
            sim_judge_fail(relay->judge, "the relay does not come to rest");
            return;
        }
        if (relay->judge->is_broken) {
            return;
        }
    }
}

uint64_t sim_relay_deadline(const struct sim_relay *relay)
{
    uint64_t deadline_ns;

    if (relay->control == NULL) {
        return UINT64_MAX;
    }
    deadline_ns = control_next_deadline(relay->control);
    for (uint32_t i = 0; i < relay->config.udp.workers; i++) {
        const struct sim_worker *worker = &relay->workers[i];
        const uint64_t core_ns = core_next_deadline(worker->core);

        deadline_ns = core_ns < deadline_ns ? core_ns : deadline_ns;
        deadline_ns = worker->turn_ns < deadline_ns ? worker->turn_ns : deadline_ns;
    }
    return deadline_ns;
}

bool sim_relay_is_empty(const struct sim_relay *relay)
{
    struct control_counters control;
    struct core_counters core;

    control_counters(relay->control, &control);
    if (control.connections > 0 || control.sessions > 0 || control.rooms > 0 ||
        control.frame_buffers_used > 0 || control.out_buffers_used > 0) {
        return false;
    }
    for (uint32_t i = 0; i < relay->config.udp.workers; i++) {
        core_counters(relay->workers[i].core, &core);
        if (core.slots_in_use > 0 || core.rooms_in_use > 0 || core.cells_in_use > 0 ||
            core.deliveries_waiting > 0) {
            return false;
        }
    }
    return true;
}
