/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SYSTEM_ACTOR_H
#define GSRELAY_TESTS_SYSTEM_ACTOR_H

/* actor.h - a member of a real relay whose sockets the test can break.
 *
 * An actor is a client of the library, driven through gsrelay_io.h over a TCP and a UDP socket of
 * its own. The test cuts the one and exchanges or mutes the other in mid-game; the client does not
 * know that it is being tested. All actors take their turns while the test waits for something, so
 * a game goes on meanwhile. A wait ends when the thing has come, or fails after a minute.
 * Threads: one. Memory: the library's, per actor; actors_close() frees all. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gsrelay/gsrelay_io.h>

#include "proto/addr.h"

#define ACTORS_MAX       16
#define ACTOR_EVENTS_MAX 512

enum actor_cut { ACTOR_CUT_ORDERLY, ACTOR_CUT_RESET };

struct actor;

/* Makes ready; the relay's control address for all actors. */
void actors_open(const struct addr *control);
void actors_close(void);

/* A new client that is connecting, or in the room of the code (made anew when it is NULL), bound.
 */
struct actor *actor_connect(void);
struct actor *actor_enter(const char *code);
struct gsrelay_client *actor_client(struct actor *actor);
uint16_t actor_member(struct actor *actor);
const char *actor_code(struct actor *actor);

bool actor_has_tcp(const struct actor *actor);
bool actor_has_udp(const struct actor *actor);

/* Breaks the TCP connection, and lets no other be made until it is mended. */
void actor_cut(struct actor *actor, enum actor_cut how);
void actor_mend(struct actor *actor);

/* Another UDP socket, so another port, without a word to the client: what a router does. */
void actor_move(struct actor *actor);

/* Nothing of this actor goes out over UDP any more. */
void actor_mute(struct actor *actor, bool is_mute);

/* Before its first turn: the smallest receive buffer for TCP, so that it is soon full. */
void actor_shrink(struct actor *actor);

/* Leaves the TCP connection unread. */
void actor_deafen(struct actor *actor, bool is_deaf);

/* One turn for everybody, and a short sleep. */
void actors_turn(void);
void actors_turns(unsigned count);

/* Takes the first event of that type out of what has come; when there is none, waits for it. */
struct gsrelay_event actor_await(struct actor *actor, enum gsrelay_event_type type);

/* The request of a verb was made, and is done, or fails with the reason. */
void actor_await_done(struct actor *actor, int32_t request);
void actor_await_refused(struct actor *actor, int32_t request, uint32_t reason);

/* Takes the first event of all. */
bool actor_next(struct actor *actor, struct gsrelay_event *out);

/* How many events of that type have come and were not taken. */
unsigned actor_count(const struct actor *actor, enum gsrelay_event_type type);

/* Forgets what has come. */
void actor_forget(struct actor *actor);

/* Sends count states to all on stream 0, numbered from 1, with a turn after each. */
void actor_send_numbered(struct actor *actor, unsigned count);

/* Waits until the sender's states numbered 1 to count have come, in order and all of them; takes
 * them. */
void actor_await_numbered(struct actor *actor, const struct actor *sender, unsigned count);

#endif
