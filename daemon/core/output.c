/* SPDX-License-Identifier: MIT */
#include "daemon/core/core_internal.h"

#include "proto/body.h"
#include "proto/retained.h"

#include <assert.h>
#include <string.h>

#define NS_PER_US UINT64_C(1000)

static void send_challenge(struct core *core, uint32_t index)
{
    const struct slot *slot = &core->slots[index];
    uint8_t *room = batch_body(&core->batch);
    uint8_t cookie[COOKIE_SIZE];

    validate_cookie(&core->validate, core->limits.cookie_rotate_ns, &slot->challenge_path, index,
                    slot->tag, core->now_ns, cookie);
    body_challenge_write(room + DATAGRAM_HEAD_SIZE, cookie);
    batch_add(core, index, &slot->challenge_path, DATAGRAM_CHALLENGE, room, BODY_CHALLENGE_SIZE, 0);
}

static void send_bound(struct core *core, uint32_t index)
{
    const struct slot *slot = &core->slots[index];
    uint8_t *room = batch_body(&core->batch);

    body_bound_write(room + DATAGRAM_HEAD_SIZE, &slot->path.peer);
    batch_add(core, index, &slot->path, DATAGRAM_BOUND, room, BODY_BOUND_SIZE, 0);
}

/* The digest over what the member should hold by now; NOT_TOLD when some of it may still wait. */
static uint64_t digest_of(const struct core *core, const struct slot *slot)
{
    const struct room *room = &core->rooms[slot->room];
    const bool is_behind = room->flush == FLUSH_TIMED || room->flush == FLUSH_QUEUED ||
                           (room->flush == FLUSH_HELD && member_set_has(&room->held, slot->member));

    return is_behind && room->retained_count > 0 ? RETAINED_NOT_TOLD
                                                 : room->retained_sum - slot->retained_sum;
}

static void note_digest(struct core *core, uint32_t index, uint64_t digest)
{
    struct slot *slot = &core->slots[index];

    slot->digest_told = digest;
    if (digest != RETAINED_NOT_TOLD) {
        slot->digests_untold = 0;
    } else if (++slot->digests_untold >= DIGESTS_UNTOLD_MAX) {
        /* It is always behind, so nothing can be compared: what it lost may be lost for good. */
        slot_repair(core, index, core->now_ns);
    }
}

/* How long states wait here on their way to the member: its room's figures, or its own where a
 * downlink budget makes them wait for longer. */
static void note_queue_time(struct core *core, struct slot *slot)
{
    struct quality *quality = &slot->quality;
    uint64_t smoothed_ns = 0;
    uint64_t max_ns = 0;

    queue_time_get(&core->rooms[slot->room].queue, core->now_ns, &smoothed_ns, &max_ns);
    if (quality->own_wait_ns > smoothed_ns) {
        smoothed_ns = quality->own_wait_ns;
    }
    quality->queue_us = quality_us(smoothed_ns);
    quality->queue_max_us = quality_us(max_ns > smoothed_ns ? max_ns : smoothed_ns);
    quality->own_wait_ns = 0;
}

static void send_pong(struct core *core, uint32_t index)
{
    struct slot *slot = &core->slots[index];
    uint8_t *room = batch_body(&core->batch);
    struct body_ping pong = {
        .client_time_us = slot->ping_client_us,
        .room_time_us = room_clock_ns(core, slot->room) / NS_PER_US,
        .delay_us = quality_us(core->now_ns - slot->ping_came_ns),
        .highest = slot->replay.highest,
        .received = slot->received,
        .digest = digest_of(core, slot),
    };

    note_queue_time(core, slot);
    pong.queue_us = slot->quality.queue_us;
    pong.queue_max_us = slot->quality.queue_max_us;
    note_digest(core, index, pong.digest);
    slot->quality.pong_us = pong.room_time_us;
    body_ping_write(room + DATAGRAM_HEAD_SIZE, &pong);
    batch_add(core, index, &slot->path, DATAGRAM_PONG, room, BODY_PONG_SIZE, 0);
}

/* A PONG behind the states that wait can say what its member should hold then. */
static bool await_flush(struct core *core, uint32_t index)
{
    const struct slot *slot = &core->slots[index];
    struct room *room = &core->rooms[slot->room];

    if (room->retained_count == 0 || (room->flush != FLUSH_TIMED && room->flush != FLUSH_QUEUED)) {
        return false;
    }
    member_set_add(&room->pongs, slot->member);
    return true;
}

static void send_probe(struct core *core, uint32_t index)
{
    uint8_t *room = batch_body(&core->batch);

    body_probe_write(room + DATAGRAM_HEAD_SIZE);
    batch_add(core, index, &core->slots[index].probe_path, DATAGRAM_PROBE, room, BODY_PROBE_SIZE,
              0);
}

/* The BYE was sealed when the slot ended: its key is gone. */
static void send_bye(struct core *core, uint32_t index)
{
    const struct slot *slot = &core->slots[index];
    struct batch *batch = &core->batch;
    const unsigned place = batch->count++;
    uint8_t *bytes = batch_body(batch);

    memcpy(bytes, slot->bye, sizeof(slot->bye));
    batch->notes[place] = (struct batch_note){.type = DATAGRAM_BYE};
    batch->outputs[place] = (struct output){.path = slot->path,
                                            .slot = index,
                                            .head = bytes,
                                            .body = bytes + DATAGRAM_HEAD_SIZE,
                                            .tag = bytes + DATAGRAM_HEAD_SIZE + BODY_BYE_SIZE,
                                            .head_size = DATAGRAM_HEAD_SIZE,
                                            .body_size = BODY_BYE_SIZE,
                                            .tag_size = DATAGRAM_TAG_SIZE};
    slot_release(core, index);
}

static void send_answer(struct core *core, uint32_t index, enum slot_answer answer)
{
    switch (answer) {
    case ANSWER_CHALLENGE:
        send_challenge(core, index);
        break;
    case ANSWER_BOUND:
        send_bound(core, index);
        break;
    case ANSWER_PONG:
        if (!await_flush(core, index)) {
            send_pong(core, index);
        }
        break;
    case ANSWER_PROBE:
        send_probe(core, index);
        break;
    case ANSWER_BYE:
        send_bye(core, index);
        break;
    }
}

static bool is_full(const struct batch *batch)
{
    return batch->count == batch->capacity || batch->bodies == OUTPUTS_MAX;
}

static void send_answers(struct core *core)
{
    while (core->answers.count > 0 && !is_full(&core->batch)) {
        const uint32_t index = place_list_take(&core->answers);
        struct slot *slot = &core->slots[index];

        /* Lowest bit first. */
        while (slot->answers != 0 && !is_full(&core->batch)) {
            const unsigned answer = slot->answers & -(unsigned)slot->answers;

            slot->answers &= (uint8_t)~answer;
            send_answer(core, index, (enum slot_answer)answer);
        }
        if (slot->answers != 0) {
            place_list_prepend(&core->answers, index);
        }
    }
}

/* Rooms whose tick has come join those that are flushed each turn. */
static void queue_due_rooms(struct core *core)
{
    uint32_t index = 0;

    while (timer_take_due(&core->flush_timers, core->now_ns, &index)) {
        struct room *room = &core->rooms[index];
        const uint64_t late_ns = core->now_ns - room->flush_due_ns;

        assert(room->flush == FLUSH_TIMED || room->flush == FLUSH_HELD);
        if (room->flush == FLUSH_TIMED && late_ns > core->counters.flush_late_ns_max) {
            core->counters.flush_late_ns_max = late_ns;
        }
        room->flush = FLUSH_QUEUED;
        place_list_append(&core->dirty, index);
    }
}

static void flush_rooms(struct core *core)
{
    while (core->dirty.count > 0 && !is_full(&core->batch)) {
        const uint32_t index = place_list_take(&core->dirty);
        struct room *room = &core->rooms[index];

        if (room->flush != FLUSH_QUEUED) {
            continue; /* The room was closed, or opened anew, since. */
        }
        if (!pack_room(core, index, core->now_ns)) {
            place_list_prepend(&core->dirty, index);
            return;
        }
        room_flushed(core, index, core->now_ns);
        core->counters.flushes++;
    }
    core->is_pressed = core->is_pressed && core->dirty.count > 0;
}

unsigned core_output(struct core *core, struct output outputs[], unsigned capacity, uint64_t now_ns)
{
    struct batch *batch = &core->batch;

    core->now_ns = now_ns;
    batch->outputs = outputs;
    batch->capacity = capacity < OUTPUTS_MAX ? capacity : OUTPUTS_MAX;
    batch->count = 0;
    batch->bodies = 0;
    send_answers(core);
    queue_due_rooms(core);
    flush_rooms(core);
    send_answers(core); /* The PONGs that waited for a flush, even one that had nothing to send. */
    return batch->count;
}

bool core_has_output(const struct core *core)
{
    return core->answers.count > 0 || core->dirty.count > 0;
}

static void count_outcome(struct core *core, const struct output *output,
                          const struct batch_note *note)
{
    core->counters.deliveries_waiting -= note->deliveries;
    core->waiting_sent -= note->deliveries;
    switch (output->result) {
    case OUTPUT_SENT:
        core->counters.deliveries_sent += note->deliveries;
        core->counters.datagrams_sent[note->type]++;
        core->counters.bytes_sent +=
            (uint64_t)output->head_size + output->body_size + output->tag_size;
        break;
    case OUTPUT_FULL:
        core_drop(core, REASON_SEND_FULL, note->deliveries);
        break;
    case OUTPUT_FAILED:
        core_drop(core, REASON_SEND_ERROR, note->deliveries);
        break;
    }
}

void core_output_done(struct core *core, const struct output outputs[], unsigned count)
{
    assert(count == core->batch.count);
    for (unsigned index = 0; index < count; index++) {
        count_outcome(core, &outputs[index], &core->batch.notes[index]);
    }
    core->batch.count = 0;
    assert(core->waiting_sent == 0);
}
