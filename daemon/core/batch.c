/* SPDX-License-Identifier: MIT */
#include "daemon/core/core_internal.h"

#include <assert.h>

size_t batch_bodies_size(size_t max_datagram)
{
    return OUTPUTS_MAX * ((max_datagram + 63) / 64 * 64);
}

void batch_init(struct batch *batch, void *bodies, size_t max_datagram)
{
    batch->body_bytes = bodies;
    batch->body_stride = (max_datagram + 63) / 64 * 64;
}

uint8_t *batch_body(struct batch *batch)
{
    assert(batch->bodies < OUTPUTS_MAX);
    return batch->body_bytes + batch->bodies++ * batch->body_stride;
}

unsigned batch_left(const struct batch *batch)
{
    const unsigned outputs = batch->capacity - batch->count;
    const unsigned bodies = OUTPUTS_MAX - batch->bodies;

    return outputs < bodies ? outputs : bodies;
}

static void charge(struct core *core, struct slot *slot, size_t size)
{
    const uint32_t rate = slot_down_rate(core, slot);

    if (rate != 0) {
        bucket_charge(&slot->down, rate, (uint32_t)size, core->now_ns);
    }
}

void batch_add(struct core *core, uint32_t slot_index, const struct path *path,
               enum datagram_type type, uint8_t *room, size_t body_size, unsigned deliveries)
{
    struct batch *batch = &core->batch;
    const unsigned index = batch->count++;
    struct slot *slot = &core->slots[slot_index];
    const struct datagram_head head = slot_next_head(slot, slot_index, type);

    assert(index < batch->capacity);
    datagram_seal_shared(&head, slot->key_down, room, body_size, batch->heads[index],
                         batch->tags[index]);
    batch->notes[index].type = (uint8_t)type;
    batch->notes[index].deliveries = (uint8_t)deliveries;
    batch->outputs[index] = (struct output){.path = *path,
                                            .slot = slot_index,
                                            .head = batch->heads[index],
                                            .body = room + DATAGRAM_HEAD_SIZE,
                                            .tag = batch->tags[index],
                                            .head_size = DATAGRAM_HEAD_SIZE,
                                            .body_size = (uint16_t)body_size,
                                            .tag_size = DATAGRAM_TAG_SIZE};
    if (type == DATAGRAM_DATA) {
        charge(core, slot, DATAGRAM_OVERHEAD + body_size);
    }
}
