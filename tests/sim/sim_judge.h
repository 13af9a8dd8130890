/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SIM_SIM_JUDGE_H
#define GSRELAY_TESTS_SIM_SIM_JUDGE_H

#include "daemon/core/message.h"
#include "proto/addr.h"
#include "sim_host.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* sim_judge.h - what must hold at any moment, told from outside of the relay.
 *
 *     An address that has not echoed a challenge never gets more bytes than it sent, and no state.
 *     A stranger, who seals nothing, gets no byte.
 *     A slot has one owner at a time.
 *     A command with a request is answered once.
 *     Who is host is as in sim_host.h.
 *
 * What goes on inside of the core is recounted by core_check.h; what a player may see is judged by
 * the player (sim_player.h). The first thing that does not hold is kept with its step; the run then
 * ends. Everything that leaves the relay or reaches a player is hashed into the trace. */

#define SIM_WORKERS_MAX   3
#define SIM_SLOTS_MAX     128
#define SIM_ADDRESSES_MAX 2048
#define SIM_COOKIES_MAX   8
#define SIM_PENDING_MAX   2048
#define SIM_BROKEN_SIZE   256

struct sim_address {
    struct addr addr;
    uint64_t bytes_in;
    uint64_t bytes_out;
    bool has_echoed;
    bool is_stranger;
    unsigned cookie_count; /* Of all that it was sent; the last ones are kept. */
    uint8_t cookies[SIM_COOKIES_MAX][8];
};

struct sim_pending {
    struct session_ref session;
    uint32_t request;
    uint32_t worker;
    struct sim_host_asked asked;
};

struct sim_judge {
    FILE *story;     /* What happens, in words; NULL = nobody listens. */
    uint64_t now_ns; /* For the story. */
    uint64_t trace;
    uint64_t step;
    bool is_broken;
    char broken[SIM_BROKEN_SIZE];
    uint32_t pending_count;
    struct sim_pending pending[SIM_PENDING_MAX];
    uint32_t slot_tags[SIM_WORKERS_MAX][SIM_SLOTS_MAX]; /* 0 = free. */
    struct sim_hosts hosts;
    uint32_t address_count;
    struct sim_address addresses[SIM_ADDRESSES_MAX];
};

void sim_judge_init(struct sim_judge *judge);

/* The relay begins anew and knows nobody. */
void sim_judge_restart(struct sim_judge *judge);

/* A sentence for the story. */
void sim_judge_tell(struct sim_judge *judge, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Keeps the first failure. */
void sim_judge_fail(struct sim_judge *judge, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define SIM_HOLDS(judge, condition)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            sim_judge_fail(judge, "does not hold: %s", #condition);                                \
        }                                                                                          \
    } while (0)

void sim_judge_trace(struct sim_judge *judge, const void *bytes, size_t size);
void sim_judge_trace_u64(struct sim_judge *judge, uint64_t value);

/* Whoever uses this address seals nothing: it gets nothing. */
void sim_judge_stranger(struct sim_judge *judge, const struct addr *addr);

/* A datagram reaches the relay; one leaves it. */
void sim_judge_up(struct sim_judge *judge, const struct addr *from, const uint8_t *bytes,
                  size_t size);
void sim_judge_down(struct sim_judge *judge, const struct addr *to, const uint8_t *head,
                    size_t size, const uint8_t *body, size_t body_size);

/* A command that a worker takes; an event that it makes. */
void sim_judge_command(struct sim_judge *judge, uint32_t worker, const struct command *command);
void sim_judge_event(struct sim_judge *judge, uint32_t worker, const struct event *event);

#endif
