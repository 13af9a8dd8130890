/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_PACK_H
#define GSRELAY_CORE_PACK_H

#include "daemon/core/core.h"
#include "daemon/core/member_set.h"
#include "proto/datagram.h"

#include <stddef.h>
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
 * No position is kept between calls: who was served no longer waits, so a room that does not fit
 * the outputs of one call is simply packed again for the rest.
 * Threads: those of the core. Memory: the batch, in the core. */

#define OUTPUTS_MAX         64
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

/* What core_output_done() has to know about an output. */
struct batch_note {
    uint8_t type;       /* enum datagram_type. */
    uint8_t deliveries; /* Records in it that the receiver waited for. */
};

/* The outputs of one core_output() and the memory that they point into. */
struct batch {
    struct output *outputs;
    unsigned count;
    unsigned capacity;
    unsigned bodies; /* Bodies in use. */
    size_t body_stride;
    uint8_t *body_bytes; /* OUTPUTS_MAX bodies, each with room for a head in front. */
    struct batch_note notes[OUTPUTS_MAX];
    uint8_t heads[OUTPUTS_MAX][DATAGRAM_HEAD_SIZE];
    uint8_t tags[OUTPUTS_MAX][DATAGRAM_TAG_SIZE];
};

/* Bytes that the bodies of a batch take. */
size_t batch_bodies_size(size_t max_datagram);
void batch_init(struct batch *batch, void *bodies, size_t max_datagram);

/* The next unused body; the room for its head stands at the pointer, its bytes behind it. */
uint8_t *batch_body(struct batch *batch);

/* Adds an output to `path` with the body at `room` (from batch_body()), sealed for the slot. */
void batch_add(struct core *core, uint32_t slot, const struct path *path, enum datagram_type type,
               uint8_t *room, size_t body_size, unsigned deliveries);

/* Packs what waits in a room until it is all packed or the batch is full. Returns whether it is
 * all packed. */
bool pack_room(struct core *core, uint32_t room, uint64_t now_ns);

#endif
