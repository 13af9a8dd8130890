/* SPDX-License-Identifier: MIT */
#include "daemon/worker.h"

#include "daemon/os/lines.h"
#include "daemon/os/os.h"

#include <assert.h>
#include <sodium.h>

enum {
    TURN_DATAGRAMS = 1024, /* A turn takes at least this many before it flushes. */
    SEND_BATCH = NET_UDP_BATCH,
    COMMANDS_PER_TURN = 64
};

/* While the control thread has no room for our events we look again this soon. */
static const uint64_t BLOCKED_WAIT_NS = UINT64_C(1000000);

/* How long datagrams may lie where nobody waits for them (core_is_calm()): a wake-up for each costs
 * more than all that is done with it. An answer to a PING is late by as much. */
static const uint64_t REST_NS = UINT64_C(1000000);

struct worker {
    struct link link; /* The only lines that others look at. */
    _Alignas(LINES_APART) struct net_udp *net;
    struct core *core;
    void *core_memory;
    uint64_t now_ns; /* As the core has been told last. */
    uint64_t turns;
    uint64_t turns_bounded;
    uint64_t events_withheld;
    bool is_blocked;        /* Events are waiting for room in their queue. */
    bool has_more_commands; /* The last turn took as many as it may and left some. */
    bool is_precise;
    uint32_t taken;   /* Datagrams that the last turn took. */
    uint64_t idle_ns; /* The wait before it. */
    struct net_received received[NET_UDP_BATCH];
    struct output outputs[SEND_BATCH];
    struct net_outgoing outgoing[SEND_BATCH];
};

static_assert(LINES_PART(struct worker, link, net), "what others look at is not written");
static_assert(sizeof(struct worker) % LINES_APART == 0, "nothing of others in the last line");

size_t worker_size(const struct relay_limits *limits)
{
    const size_t core_bytes = core_size(limits);

    if (core_bytes == 0) {
        return 0;
    }
    return core_bytes + sizeof(struct worker) + WORKER_COMMANDS * sizeof(struct command) +
           WORKER_EVENTS * sizeof(struct event);
}

int worker_create(const struct relay_limits *limits, struct net_udp *net, const uint8_t seed[32],
                  uint64_t now_ns, struct worker **out)
{
    const size_t core_bytes = core_size(limits);
    struct worker *worker;

    if (core_bytes == 0) {
        return RESULT_INVALID;
    }
    worker = lines_create(sizeof(*worker));
    if (worker == NULL) {
        return RESULT_NO_MEMORY;
    }
    worker->core_memory = lines_create(core_bytes);
    worker->link.commands = queue_create(sizeof(struct command), WORKER_COMMANDS);
    worker->link.events = queue_create(sizeof(struct event), WORKER_EVENTS);
    if (worker->core_memory == NULL || worker->link.commands == NULL ||
        worker->link.events == NULL) {
        worker_destroy(worker);
        return RESULT_NO_MEMORY;
    }
    worker->core = core_init(worker->core_memory, limits, seed, now_ns);
    worker->net = net;
    worker->link.net = net;
    worker->link.udp_port = net_udp_address(net, 0).port;
    *out = worker;
    return RESULT_OK;
}

void worker_destroy(struct worker *worker)
{
    if (worker == NULL) {
        return;
    }
    net_udp_close(worker->net);
    queue_destroy(worker->link.commands);
    queue_destroy(worker->link.events);
    lines_destroy(worker->core_memory);
    lines_destroy(worker);
}

struct link *worker_link(struct worker *worker)
{
    return &worker->link;
}

/* Passes the core's events on, as far as the control thread has room for them. */
static void pass_events(struct worker *worker)
{
    bool has_passed = false;

    for (;;) {
        struct event *event = queue_reserve(worker->link.events);

        if (event == NULL) {
            worker->events_withheld++;
            worker->is_blocked = true;
            break;
        }
        if (!core_event(worker->core, event)) {
            break;
        }
        queue_push_reserved(worker->link.events);
        has_passed = true;
    }
    while (core_has_quality(worker->core) && queue_space(worker->link.events) > WORKER_EVENTS / 2 &&
           core_quality_event(worker->core, queue_reserve(worker->link.events))) {
        queue_push_reserved(worker->link.events);
        has_passed = true;
    }
    if (has_passed) {
        worker->link.wake_control(worker->link.wake_context);
    }
}

static void take_limits(struct worker *worker)
{
    const struct relay_limits *limits = link_limits_get(&worker->link);

    if (limits != NULL) {
        core_set_limits(worker->core, limits);
        link_limits_took(&worker->link);
    }
}

static void take_commands(struct worker *worker, uint64_t now_ns)
{
    for (unsigned taken = 0; taken < COMMANDS_PER_TURN; taken++) {
        struct command *command;

        if (!core_can_act(worker->core)) {
            pass_events(worker);
            if (!core_can_act(worker->core)) {
                return;
            }
        }
        command = queue_peek(worker->link.commands);
        if (command == NULL) {
            return;
        }
        core_command(worker->core, command, now_ns);
        sodium_memzero(&command->secret, sizeof(command->secret));
        queue_pop_peeked(worker->link.commands);
    }
    worker->has_more_commands = queue_peek(worker->link.commands) != NULL;
}

static void fill_outgoing(struct net_outgoing *outgoing, const struct output *output)
{
    outgoing->to = output->path.peer;
    outgoing->socket_index = output->path.socket;
    outgoing->head = (struct net_vector){output->head, output->head_size};
    outgoing->body = (struct net_vector){output->body, output->body_size};
    outgoing->tag = (struct net_vector){output->tag, output->tag_size};
}

static enum output_result output_result(int result)
{
    if (result == RESULT_OK) {
        return OUTPUT_SENT;
    }
    return result == RESULT_AGAIN ? OUTPUT_FULL : OUTPUT_FAILED;
}

/* Sends what is due. The clock is read anew for each batch: what a state has waited here, and for
 * how long a PING lay, is told to members and must not leave the turn's own work out. */
static void flush(struct worker *worker)
{
    unsigned count = 0;

    do {
        worker->now_ns = os_clock_ns();
        count = core_output(worker->core, worker->outputs, SEND_BATCH, worker->now_ns);
        if (count == 0) {
            return;
        }
        for (unsigned i = 0; i < count; i++) {
            fill_outgoing(&worker->outgoing[i], &worker->outputs[i]);
            /* Players who share an address are rare, and load generators: what a load costs should
             * not depend on how many sockets its players have. */
            worker->outgoing[i].is_apart =
                i > 0 && worker->outputs[i].slot != worker->outputs[i - 1].slot;
        }
        (void)net_udp_send(worker->net, worker->outgoing, count);
        for (unsigned i = 0; i < count; i++) {
            worker->outputs[i].result = output_result(worker->outgoing[i].result);
        }
        core_output_done(worker->core, worker->outputs, count);
    } while (core_has_output(worker->core));
}

/* Receives until the sockets are empty or the turn has had enough: in overload, states then grow
 * old here, where newer ones replace them, and not in the kernel's queue, which drops the newest.
 */
static void receive(struct worker *worker)
{
    const uint32_t bound_twice = 2 * core_bound_count(worker->core);
    const uint32_t bound = bound_twice > TURN_DATAGRAMS ? bound_twice : TURN_DATAGRAMS;

    worker->taken = 0;
    while (worker->taken < bound) {
        const unsigned count = net_udp_recv(worker->net, worker->received, NET_UDP_BATCH);

        if (count == 0) {
            return;
        }
        /* For how long a PING lay is told to its sender, and may not begin before it came. */
        worker->now_ns = os_clock_ns();
        for (unsigned i = 0; i < count; i++) {
            const struct net_received *received = &worker->received[i];
            const struct path from = {.peer = received->from,
                                      .socket = (uint16_t)received->socket_index};

            core_datagram(worker->core, &from, received->bytes, received->size, worker->now_ns);
            if (core_is_pressed(worker->core)) {
                flush(worker);
            }
        }
        worker->taken += count;
    }
    worker->turns_bounded++;
}

static void answer_snapshot(struct worker *worker, uint64_t now_ns)
{
    struct link *link = &worker->link;
    const unsigned asked = atomic_load_explicit(&link->snapshot_asked, memory_order_acquire);

    if (asked == atomic_load_explicit(&link->snapshot_taken, memory_order_relaxed)) {
        return;
    }
    core_counters(worker->core, &link->snapshot.core);
    net_udp_counters(worker->net, &link->snapshot.net);
    /* The sockets keep longer datagrams from the core; the ledger holds every one that came. */
    link->snapshot.core.datagrams_received += link->snapshot.net.received_oversize;
    link->snapshot.core.dropped[REASON_OVERSIZE] += link->snapshot.net.received_oversize;
    link->snapshot.turns = worker->turns;
    link->snapshot.turns_bounded = worker->turns_bounded;
    link->snapshot.events_withheld = worker->events_withheld;
    link->snapshot.taken_ns = now_ns;
    atomic_store_explicit(&link->snapshot_taken, asked, memory_order_release);
    link->wake_control(link->wake_context);
}

static uint64_t wait_time_ns(const struct worker *worker, uint64_t now_ns)
{
    const uint64_t deadline_ns = core_next_deadline(worker->core);
    uint64_t wait_ns = NET_WAIT_FOREVER;

    if (worker->has_more_commands) {
        return 0;
    }
    if (!core_can_act(worker->core)) {
        /* What is due would only come due again until there is room for its events. */
        return BLOCKED_WAIT_NS;
    }
    if (deadline_ns != UINT64_MAX) {
        wait_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    }
    if (worker->is_blocked && wait_ns > BLOCKED_WAIT_NS) {
        wait_ns = BLOCKED_WAIT_NS;
    }
    return wait_ns;
}

/* Whether datagrams come so fast that it pays to let some gather, and nobody minds. */
static bool may_rest(const struct worker *worker)
{
    return (worker->taken > 1 || (worker->taken == 1 && worker->idle_ns < REST_NS)) &&
           core_is_calm(worker->core);
}

/* Waits until there may be something to do. Returns what net_udp_wait() does. */
static int wait(struct worker *worker, uint64_t *begin_ns)
{
    const uint64_t end_ns = os_clock_ns();
    const uint64_t wait_ns = wait_time_ns(worker, end_ns);
    const bool rests = wait_ns > 0 && may_rest(worker);
    const int bits = rests ? net_udp_rest(worker->net, wait_ns < REST_NS ? wait_ns : REST_NS)
                           : net_udp_wait(worker->net, wait_ns);

    worker->now_ns = os_clock_ns();
    worker->idle_ns = worker->now_ns - end_ns;
    core_turn_done(worker->core, end_ns - *begin_ns, worker->idle_ns, rests);
    *begin_ns = worker->now_ns;
    return bits;
}

static void turn(struct worker *worker)
{
    worker->is_blocked = false;
    worker->has_more_commands = false;
    take_limits(worker);
    take_commands(worker, worker->now_ns);
    receive(worker);
    core_run_timers(worker->core, worker->now_ns);
    flush(worker);
    pass_events(worker);
    answer_snapshot(worker, worker->now_ns);
    link_pulse_answer(&worker->link.pulse);
    worker->turns++;
    if (core_is_ticking(worker->core) != worker->is_precise) {
        worker->is_precise = !worker->is_precise;
        net_udp_set_precise(worker->net, worker->is_precise);
    }
}

void worker_run(void *context)
{
    struct worker *worker = context;
    uint64_t begin_ns = os_clock_ns();

    worker->now_ns = begin_ns;
    for (;;) {
        int bits;

        /* Read before the turn: what was handed over before the stop is still carried out, for as
         * many turns as it takes, unless there is no room left for its events. */
        const bool is_last = atomic_load_explicit(&worker->link.stop, memory_order_acquire);

        turn(worker);
        if (is_last && !worker->has_more_commands) {
            return;
        }
        bits = wait(worker, &begin_ns);
        if (bits < 0) {
            atomic_store_explicit(&worker->link.failure, bits, memory_order_release);
            worker->link.wake_control(worker->link.wake_context);
            return;
        }
    }
}
