/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_BATCH_H
#define GSRELAY_CORE_BATCH_H

#include "daemon/core/core.h"
#include "proto/datagram.h"

#include <stddef.h>
#include <stdint.h>

/* batch.h - the outputs of one core_output() and the memory that they point into.
 *
 * Threads: those of the core. Memory: in the core. */

#define OUTPUTS_MAX 64

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

/* Outputs that still fit, each with a body of its own. */
unsigned batch_left(const struct batch *batch);

/* Adds an output to `path` with the body at `room` (from batch_body()), sealed for the slot, and
 * charges DATA to the slot's downlink budget. */
void batch_add(struct core *core, uint32_t slot, const struct path *path, enum datagram_type type,
               uint8_t *room, size_t body_size, unsigned deliveries);

#endif
