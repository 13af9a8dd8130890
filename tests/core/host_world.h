/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_CORE_HOST_WORLD_H
#define GSRELAY_TESTS_CORE_HOST_WORLD_H

#include "core_fixture.h"

/* host_world.h - a room of four, for the tests of who is its host: client 0 made it, the others
 * came in order. */

#define CLIENTS 4

/* What fixture_limits() says of hosts. */
#define GRACE_NS   (3 * SECOND)
#define SILENCE_NS (5 * SECOND)

struct host_world {
    struct fixture f;
    struct client clients[CLIENTS];
};

/* Opens the world; host_world_open() with fixture_limits() and all clients bound. */
void host_world_open_with(struct host_world *world, const struct relay_limits *limits,
                          uint8_t election, bool is_heritable);
void host_world_open(struct host_world *world, uint8_t election);
void host_world_bind(struct host_world *world);

/* A command of a client; only LEAVE waits for an answer. */
void host_world_command(struct host_world *world, unsigned number, enum command_type type);

const struct room *host_world_room(const struct host_world *world);
struct slot *host_world_slot(const struct host_world *world, unsigned number);

/* What a member says now and then. */
void host_world_speak(struct host_world *world, unsigned number);

/* Lets time pass while those in the mask are heard of each second. */
void host_world_pass(struct host_world *world, uint64_t duration_ns, unsigned speakers);

/* The room's host is that client, in that epoch, and the last event that told of one said so. */
void host_world_expect(const struct host_world *world, unsigned number, uint32_t epoch);
void host_world_expect_no_change(const struct host_world *world);

#endif
