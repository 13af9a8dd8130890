/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_CORE_CORE_OPS_H
#define GSRELAY_TESTS_CORE_CORE_OPS_H

#include "core_fixture.h"
#include "proto/body.h"

#include <stdio.h>
#include <stdlib.h>

/* core_ops.h - a core, its clients and its attackers, driven by bytes.
 *
 * Each step takes an op-code and its arguments from a run of bytes: commands, datagrams honest and
 * hostile, time, outputs that succeed or fail, new limits. After every call the core is recounted
 * (core_check.h), and everything that comes out is held against what went in:
 *     a record reaches only members that it was for, unaltered, and no stream goes backwards;
 *     no member gets more than its downlink budget allows;
 *     an address that has not echoed a challenge never gets more bytes than it sent, sealed;
 *     each command has exactly one answer;
 *     what is not sealed for a slot gets nothing back.
 * What does not hold ends the program with its name and the step. */

#define OPS_CLIENTS   24
#define OPS_ADDRESSES 32
#define OPS_MESSAGES  65536
#define OPS_STREAMS   6 /* Stream numbers are below it. */

#define OPS_REQUIRE(ops, condition)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: step %llu: does not hold: %s\n", __FILE__, __LINE__,     \
                          (unsigned long long)(ops)->step, #condition);                            \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A payload: number (4), then filler that follows from it. */
#define PAYLOAD_SIZE_MIN 6

/* A record that a client has sent. */
struct ops_message {
    uint32_t number;
    uint16_t sender;
    uint16_t to;        /* A member, a group, or 0xFFFF. */
    uint32_t receivers; /* A group: the clients that were of it, a bit each. */
    struct room_ref room;
    uint64_t order;
    bool is_heritable; /* Another may come to be its sender. */
    uint16_t size;
    uint8_t stream;
};

struct ops_client {
    struct client client;
    bool is_member;
    bool is_heritable; /* Its room. */
    bool has_cookie;
    struct body_ping pong; /* The last one. */
    uint64_t groups;
    uint8_t cookie[8];
    unsigned cookie_address;
    uint32_t down_bytes_s; /* Its downlink budget; 0 = none. */
    uint64_t down_begin_ns;
    uint64_t down_bytes;
    uint8_t last[2048]; /* The last datagram, for replays. */
    size_t last_size;
    uint32_t last_number;                           /* Of stream 0. */
    uint64_t last_orders[OPS_CLIENTS][OPS_STREAMS]; /* By sender's place here and stream. */
    uint16_t senders[OPS_CLIENTS];                  /* Whose orders those are. */
};

struct ops {
    struct fixture fixture;
    const uint8_t *bytes;
    const uint8_t *end;
    uint64_t step;
    unsigned check_interval; /* Steps from one recount to the next; 0 = one after each call. */
    uint32_t request;
    uint32_t number; /* Of the last message. */
    struct ops_client clients[OPS_CLIENTS];
    struct ops_message messages[OPS_MESSAGES];
    uint64_t bytes_in[OPS_ADDRESSES];
    uint64_t bytes_out[OPS_ADDRESSES];
    bool has_echoed[OPS_ADDRESSES];
    uint64_t records_received;
};

/* The struct is large: give it memory that is not on the stack, zeroed. */
void ops_open(struct ops *ops);

/* Back to the beginning. */
void ops_reset(struct ops *ops);
void ops_close(struct ops *ops);

/* Runs all steps that the bytes hold. */
void ops_run(struct ops *ops, const uint8_t *bytes, size_t size);

/* Looks at everything that the nets of the fixture have caught, and empties them. */
void ops_look(struct ops *ops);

/* The number of a path that fixture_path() made. */
unsigned ops_address(const struct ops *ops, const struct path *path);

/* The clients that are of an interest group, a bit each; none for any other destination. */
uint32_t ops_group_members(const struct ops *ops, uint16_t group);

/* The next byte of what decides; 0 at its end. */
unsigned ops_take(struct ops *ops);
unsigned ops_take_below(struct ops *ops, unsigned bound);

/* Commands (core_ops_command.c): one of eleven by `op`, and the others by name. */
void ops_command(struct ops *ops, struct ops_client *client, unsigned op);
void ops_enter(struct ops *ops, struct ops_client *client, enum command_type type);
void ops_subscribe(struct ops *ops, struct ops_client *client);
void ops_drain(struct ops *ops);

/* The byte at `index` of the payload with this number. */
uint8_t ops_filler(uint32_t number, unsigned index);

#endif
