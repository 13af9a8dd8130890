/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_PACK_H
#define GSRELAY_CORE_PACK_H

#include "daemon/core/batch.h"
#include "daemon/core/core.h"
#include "daemon/core/member_set.h"

#include <stdint.h>

/* pack.h - turns what waits in a room into datagrams.
 *
 * Members that wait for the same records, apart from their own, share the packed bodies; only head
 * and tag are made for each. A shared body may hold a receiver's own records, which the client
 * drops; that is done where they are at most a quarter of it. Everyone else gets a body of their
 * own. Bodies that leave together are made equally long where a little padding does it, so that
 * they can leave as one segmented send (udp(7), UDP_SEGMENT). Order in a body: retained records for
 * who has never had them, then stream 0 as it came, then the newest states, beginning where the
 * rotor stands.
 *
 * A member with a downlink budget (slot_down_rate()) shares bodies only when the budget has room
 * for all that waits. Otherwise it gets bodies of its own, full ones, each when the budget has a
 * datagram's worth, and is held back meanwhile: its records go on waiting, where newer ones take
 * their places. Its states are taken in rotation from a rotor of its own; stream 0 and the states
 * take turns in going first. So one round over all streams takes as long as the budget needs for
 * their newest states, and nothing older is ever sent (the rotation is deficit-free round robin, as
 * records are not split; Nagle, RFC 970).
 *
 * No position is kept between calls: who was served no longer waits, so a room that does not fit
 * the outputs of one call is simply packed again for the rest.
 * Threads: those of the core. Memory: the core's. */

#define SHARED_BODIES_MAX   16
#define SHARED_OWN_PART_MAX 4 /* A receiver's own records are at most 1/4 of a shared body. */
#define PADDING_PART_MAX    8 /* Padding adds at most 1/8 to a body. */

/* A record that waits in the room that is being packed. */
struct pack_item {
    const struct member_set *waiting;
    uint32_t id;    /* A cell of the room, or a place of its ring with the high bit. */
    uint16_t owner; /* A member's index; MEMBER_NONE if it has left. */
    uint16_t size;  /* In a body. */
};

/* Packs what waits in a room until all is packed but what is held back (room.held), or the batch is
 * full. Returns false in the second case. */
bool pack_room(struct core *core, uint32_t room, uint64_t now_ns);

#endif
