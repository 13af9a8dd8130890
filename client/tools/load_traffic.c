/* SPDX-License-Identifier: MIT */
#include "client/tools/load.h"

#include <string.h>

#include "daemon/os/os.h"
#include "proto/wire.h"

/* A state: who sent it, its number, when it was to be sent; the rest is zero. */
#define STATE_HEAD_SIZE 20

/* Closed loop: a state that is not back by then is given up, and the next one sent. */
#define CLOSED_WAIT_NS (250 * NS_PER_MS)

/* Closed loop: when to try again what the budget did not allow, or nobody was there for. */
#define CLOSED_PAUSE_NS (5 * NS_PER_MS)

struct state_head {
    uint32_t sender;
    uint64_t sequence;
    uint64_t intended_ns;
};

static void write_state(uint8_t *bytes, const struct state_head *head)
{
    struct wire_writer writer;

    wire_writer_init(&writer, bytes, STATE_HEAD_SIZE);
    wire_put_u32(&writer, head->sender);
    wire_put_u64(&writer, head->sequence);
    wire_put_u64(&writer, head->intended_ns);
}

static void read_state(const uint8_t *bytes, struct state_head *out)
{
    struct wire_reader reader;

    wire_reader_init(&reader, bytes, STATE_HEAD_SIZE);
    out->sender = wire_get_u32(&reader);
    out->sequence = wire_get_u64(&reader);
    out->intended_ns = wire_get_u64(&reader);
}

/* --- Sending --------------------------------------------------------------------------------- */

/* Spread over a period as evenly as their number allows, neighbours far from each other (the
 * golden ratio's multiples: Knuth, TAOCP 3, 6.4), so that rooms do not beat in time. */
void load_traffic_begin(struct load *load, uint64_t now_ns)
{
    const uint64_t period_ns = NS_PER_S / load->plan->rate_s;

    for (uint32_t i = 0; i < load->count; i++) {
        const uint64_t phase = (uint32_t)(i * UINT32_C(2654435769));

        load->members[i].send_ns = now_ns + (period_ns * phase >> 32);
        timer_set(&load->timers, i, load->members[i].send_ns);
    }
}

void load_traffic_end(struct load *load)
{
    for (uint32_t i = 0; i < load->count; i++)
        load->members[i].send_ns = TIMER_NEVER;
}

/* Whose getting it lets a sender in closed loop go on: the next member of the room that is ready.
 * The sender itself when it is alone. */
static uint32_t choose_witness(const struct load *load, uint32_t index)
{
    const uint32_t size = load->plan->members;
    const uint32_t first = index - index % size;

    for (uint32_t i = 1; i < size; i++) {
        const uint32_t other = first + (index - first + i) % size;

        if (load->members[other].state == LOAD_READY)
            return other;
    }
    return index;
}

/* Sends one state. False if it was not taken. */
static bool send_state(struct load *load, uint32_t index, uint64_t intended_ns, uint64_t now_ns)
{
    struct load_member *member = &load->members[index];
    const struct load_room *room = &load->rooms[index / load->plan->members];
    const struct state_head head = {index, member->sequence + 1, intended_ns};
    uint8_t bytes[GSRELAY_EVENT_BYTES] = {0};
    int result;

    write_state(bytes, &head);
    result = gsrelay_send(member->client, GSRELAY_TO_ALL, load->options->stream, 0, bytes,
                          load->plan->size);
    if (result != GSRELAY_OK) {
        load->total.over_budget++;
        load->second.over_budget++;
        return false;
    }
    member->sequence++;
    load->total.sent++;
    load->total.expected += room->ready_count - 1;
    load->second.sent++;
    load->second.expected += room->ready_count - 1;
    histogram_add(&load->total.late, now_ns - intended_ns);
    return true;
}

/* Whatever came before it, each state has its own time: one that has to wait because we or the
 * relay are slow is sent as soon as that ends, and counts from when it was due. */
static void send_open(struct load *load, uint32_t index, uint64_t now_ns)
{
    struct load_member *member = &load->members[index];
    const uint64_t period_ns = NS_PER_S / load->plan->rate_s;

    while (member->send_ns <= now_ns && member->send_ns < load->end_ns) {
        (void)send_state(load, index, member->send_ns, now_ns);
        member->send_ns += period_ns;
    }
    if (member->send_ns >= load->end_ns)
        member->send_ns = TIMER_NEVER;
}

static void send_closed(struct load *load, uint32_t index, uint64_t now_ns)
{
    struct load_member *member = &load->members[index];

    if (member->awaited != 0) {
        load->total.timeouts++;
        member->awaited = 0;
    }
    member->witness = choose_witness(load, index);
    if (now_ns >= load->end_ns) {
        member->send_ns = TIMER_NEVER;
    } else if (member->witness == index || !send_state(load, index, now_ns, now_ns)) {
        member->send_ns = now_ns + CLOSED_PAUSE_NS;
    } else {
        member->awaited = member->sequence;
        member->send_ns = now_ns + CLOSED_WAIT_NS;
    }
}

void load_traffic_send(struct load *load, uint32_t index, uint64_t now_ns)
{
    struct load_member *member = &load->members[index];

    if (member->send_ns > now_ns || member->state != LOAD_READY || load->phase != LOAD_RUN)
        return;
    if (load->plan->is_closed)
        send_closed(load, index, now_ns);
    else
        send_open(load, index, now_ns);
}

/* --- Receiving ------------------------------------------------------------------------------- */

static void count_delivery(struct load_tally *tally, uint64_t latency_ns, const uint64_t *age_ns)
{
    tally->delivered++;
    histogram_add(&tally->latency, latency_ns);
    if (age_ns != NULL)
        histogram_add(&tally->age, *age_ns);
}

/* How old what a receiver had of a sender became before this state took its place: the peak of the
 * age of information (Costa, Codreanu, Ephremides, "Age of information with packet management",
 * ISIT 2014). Superseded and lost states show here, while the latency of what comes does not. */
static void count(struct load *load, uint32_t index, const struct state_head *head, uint64_t now_ns)
{
    const uint32_t size = load->plan->members;
    struct load_pair *pair = &load->pairs[(size_t)index * size + head->sender % size];
    const uint64_t latency_ns = now_ns > head->intended_ns ? now_ns - head->intended_ns : 0;
    const bool is_newer = head->sequence > pair->sequence;
    uint64_t age_ns = 0;

    if (is_newer && pair->sequence > 0)
        age_ns = now_ns > pair->intended_ns ? now_ns - pair->intended_ns : 0;
    count_delivery(&load->total, latency_ns, age_ns > 0 ? &age_ns : NULL);
    count_delivery(&load->second, latency_ns, age_ns > 0 ? &age_ns : NULL);
    if (is_newer)
        *pair = (struct load_pair){head->sequence, head->intended_ns};
}

void load_traffic_receive(struct load *load, uint32_t index, const struct gsrelay_event *event,
                          uint64_t now_ns)
{
    struct load_member *sender;
    struct state_head head;

    /* The rooms are ours, but anybody may have guessed a code. */
    if (event->size != load->plan->size)
        return;
    read_state(event->bytes, &head);
    if (head.sender >= load->count || head.sender == index ||
        head.sender / load->plan->members != index / load->plan->members)
        return;
    sender = &load->members[head.sender];
    if (head.sequence == 0 || head.sequence > sender->sequence)
        return;
    load->arrived_ns = now_ns;
    count(load, index, &head, now_ns);
    if (sender->awaited != 0 && sender->witness == index && head.sequence >= sender->awaited) {
        sender->awaited = 0;
        sender->send_ns = now_ns;
        timer_set(&load->timers, head.sender, now_ns);
    }
}
