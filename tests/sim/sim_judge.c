/* SPDX-License-Identifier: MIT */
#include "sim_judge.h"

#include "proto/body.h"
#include "proto/datagram.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const uint64_t trace_start = UINT64_C(0xCBF29CE484222325);

void sim_judge_init(struct sim_judge *judge)
{
    judge->trace = trace_start;
    judge->step = 0;
    judge->is_broken = false;
    judge->broken[0] = '\0';
    judge->address_count = 0;
    sim_judge_restart(judge);
}

void sim_judge_restart(struct sim_judge *judge)
{
    judge->pending_count = 0;
    memset(judge->slot_tags, 0, sizeof(judge->slot_tags));
    memset(&judge->hosts, 0, sizeof(judge->hosts));
    for (uint32_t i = 0; i < judge->address_count; i++) {
        struct sim_address *address = &judge->addresses[i];

        address->bytes_in = 0;
        address->bytes_out = 0;
        address->has_echoed = false;
        address->cookie_count = 0;
    }
}

void sim_judge_tell(struct sim_judge *judge, const char *format, ...)
{
    va_list arguments;

    if (judge->story == NULL) {
        return;
    }
    (void)fprintf(judge->story, "%12.6f step %llu: ", (double)judge->now_ns / 1e9,
                  (unsigned long long)judge->step);
    va_start(arguments, format);
    (void)vfprintf(judge->story, format, arguments);
    va_end(arguments);
    (void)fputc('\n', judge->story);
}

void sim_judge_fail(struct sim_judge *judge, const char *format, ...)
{
    va_list arguments;

    if (judge->is_broken) {
        return;
    }
    judge->is_broken = true;
    va_start(arguments, format);
    (void)vsnprintf(judge->broken, sizeof(judge->broken), format, arguments);
    va_end(arguments);
    sim_judge_tell(judge, "%s", judge->broken);
}

void sim_judge_trace(struct sim_judge *judge, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < size; i++) {
        judge->trace = (judge->trace ^ at[i]) * UINT64_C(0x100000001B3);
    }
}

void sim_judge_trace_u64(struct sim_judge *judge, uint64_t value)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    sim_judge_trace(judge, bytes, sizeof(bytes));
}

/* Addresses are few enough to be looked through; a table would only be harder to read. */
static struct sim_address *find(struct sim_judge *judge, const struct addr *addr)
{
    for (uint32_t i = judge->address_count; i > 0; i--) {
        if (addr_equal(&judge->addresses[i - 1].addr, addr)) {
            return &judge->addresses[i - 1];
        }
    }
    if (judge->address_count == SIM_ADDRESSES_MAX) {
        sim_judge_fail(judge, "the simulation uses more than %d addresses", SIM_ADDRESSES_MAX);
        judge->address_count--;
    }
    judge->addresses[judge->address_count] = (struct sim_address){.addr = *addr};
    return &judge->addresses[judge->address_count++];
}

void sim_judge_stranger(struct sim_judge *judge, const struct addr *addr)
{
    find(judge, addr)->is_stranger = true;
}

static bool knows_cookie(const struct sim_address *address, const uint8_t cookie[8])
{
    const unsigned kept =
        address->cookie_count < SIM_COOKIES_MAX ? address->cookie_count : SIM_COOKIES_MAX;

    for (unsigned i = 0; i < kept; i++) {
        if (memcmp(address->cookies[i], cookie, 8) == 0) {
            return true;
        }
    }
    return false;
}

void sim_judge_up(struct sim_judge *judge, const struct addr *from, const uint8_t *bytes,
                  size_t size)
{
    struct sim_address *address = find(judge, from);
    struct datagram_head head;
    uint8_t cookie[BODY_COOKIE_SIZE];

    address->bytes_in += size;
    if (datagram_check_up(bytes, size, SIZE_MAX, &head) == REASON_NONE &&
        head.type == DATAGRAM_CONFIRM &&
        body_confirm_read(datagram_body(bytes), datagram_body_size(size), cookie) &&
        knows_cookie(address, cookie)) {
        address->has_echoed = true;
    }
}

void sim_judge_down(struct sim_judge *judge, const struct addr *to, const uint8_t *head,
                    size_t size, const uint8_t *body, size_t body_size)
{
    struct sim_address *address = find(judge, to);
    const unsigned type = head[0] >> 2 & 0xF;

    address->bytes_out += size;
    if (address->is_stranger) {
        sim_judge_fail(judge, "a stranger was sent a datagram of type %u", type);
    }
    if (address->has_echoed) {
        return;
    }
    if (type != DATAGRAM_CHALLENGE) {
        sim_judge_fail(judge, "an address that echoed no challenge was sent type %u", type);
    }
    if (address->bytes_out > address->bytes_in) {
        sim_judge_fail(judge, "an address that echoed no challenge sent %llu bytes and got %llu",
                       (unsigned long long)address->bytes_in,
                       (unsigned long long)address->bytes_out);
    }
    (void)body_challenge_read(body, body_size,
                              address->cookies[address->cookie_count % SIM_COOKIES_MAX]);
    address->cookie_count++;
}

void sim_judge_command(struct sim_judge *judge, uint32_t worker, const struct command *command)
{
    if (command->type == COMMAND_DRAIN) {
        memset(judge->slot_tags[worker], 0, sizeof(judge->slot_tags[worker]));
        memset(&judge->hosts.workers[worker], 0, sizeof(judge->hosts.workers[worker]));
        return;
    }
    if (command->type == COMMAND_LEAVE && command->slot.index < SIM_SLOTS_MAX &&
        judge->slot_tags[worker][command->slot.index] == command->slot.tag) {
        judge->slot_tags[worker][command->slot.index] = 0;
    }
    if (command->request == 0) {
        return;
    }
    if (judge->pending_count == SIM_PENDING_MAX) {
        sim_judge_fail(judge, "%d commands wait for an answer", SIM_PENDING_MAX);
        return;
    }
    judge->pending[judge->pending_count++] =
        (struct sim_pending){command->session,
                             command->request,
                             worker,
                             {command->type, command->slot.index, command->host_epoch}};
}

static void judge_hosts(struct sim_judge *judge, const char *broken)
{
    if (broken != NULL) {
        sim_judge_fail(judge, "%s", broken);
    }
}

static void judge_answer(struct sim_judge *judge, uint32_t worker, const struct event *event)
{
    for (uint32_t i = 0; i < judge->pending_count; i++) {
        const struct sim_pending *pending = &judge->pending[i];

        if (pending->worker == worker && pending->request == event->request &&
            pending->session.index == event->session.index &&
            pending->session.tag == event->session.tag) {
            if (event->type == EVENT_DONE) {
                judge_hosts(judge, sim_host_done(&judge->hosts, worker, &pending->asked));
            }
            judge->pending[i] = judge->pending[--judge->pending_count];
            return;
        }
    }
    sim_judge_fail(judge, "an answer that no command waits for: session %u, request %u",
                   event->session.index, event->request);
}

static void judge_slot(struct sim_judge *judge, uint32_t worker, const struct event *event)
{
    uint32_t *tag;

    if (event->slot.index >= SIM_SLOTS_MAX) {
        sim_judge_fail(judge, "slot %u is beyond the table", event->slot.index);
        return;
    }
    tag = &judge->slot_tags[worker][event->slot.index];
    if (event->type == EVENT_REMOVED) {
        if (*tag != event->slot.tag) {
            sim_judge_fail(judge, "slot %u was removed and was not in use", event->slot.index);
        }
        *tag = 0;
    } else if (*tag != 0 && *tag != event->slot.tag) {
        sim_judge_fail(judge, "slot %u was given away and has an owner", event->slot.index);
    } else {
        *tag = event->slot.tag;
    }
}

void sim_judge_event(struct sim_judge *judge, uint32_t worker, const struct event *event)
{
    if (event->answer && event->request != 0) {
        judge_answer(judge, worker, event);
    }
    if (event->type == EVENT_MEMBERSHIP || event->type == EVENT_REMOVED) {
        judge_slot(judge, worker, event);
    }
    judge_hosts(judge, sim_host_event(&judge->hosts, worker, event));
}
