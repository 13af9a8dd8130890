/* SPDX-License-Identifier: MIT */
#include "daemon/core/core_internal.h"

#include "proto/body.h"
#include "proto/retained.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

#define NOTICE_INTERVAL_NS NS_PER_S
#define REPAIR_INTERVAL_NS NS_PER_S

/* A stream that has been quiet for this long, and of which nothing is kept, gives its place to
 * another one. No datagram is under way for that long. */
#define STREAM_QUIET_NS (10 * NS_PER_S)
#define DOWN_BURST_PART 8U /* A downlink budget's burst is an eighth of a second. */

static_assert(BYE_DATAGRAM_SIZE == DATAGRAM_OVERHEAD + BODY_BYE_SIZE, "a BYE has one size");

/* The machine of slot.h: which state may follow which. */
static const bool transitions[SLOT_STATES][SLOT_STATES] = {
    [SLOT_FREE] = {[SLOT_UNBOUND] = true},
    [SLOT_UNBOUND] = {[SLOT_BOUND] = true, [SLOT_FREE] = true},
    [SLOT_BOUND] = {[SLOT_ENDING] = true, [SLOT_FREE] = true},
    [SLOT_ENDING] = {[SLOT_FREE] = true},
};

static void set_state(struct core *core, struct slot *slot, enum slot_state state)
{
    const bool is_legal = transitions[slot->state][state];

    assert(is_legal);
    (void)is_legal;
    if (state == SLOT_BOUND) {
        core->bound_count++;
    } else if (slot->state == SLOT_BOUND) {
        core->bound_count--;
    }
    slot->state = state;
}

struct stream *slot_streams(struct core *core, uint32_t index)
{
    return core->streams + ((size_t)index << core->stream_shift);
}

unsigned slot_stream_place(struct core *core, uint32_t index, uint64_t now_ns)
{
    const struct slot *slot = &core->slots[index];
    struct stream *streams = slot_streams(core, index);
    unsigned found = STREAM_PLACE_NONE;
    uint64_t longest_ns = STREAM_QUIET_NS;

    for (unsigned place = 0; place < core->limits.streams_per_member; place++) {
        if (slot->stream_ids[place] == 0) {
            streams[place] = (struct stream){.cell = CELL_NONE};
            return place;
        }
        if (streams[place].cell == CELL_NONE && now_ns - streams[place].arrived_ns >= longest_ns) {
            longest_ns = now_ns - streams[place].arrived_ns;
            found = place;
        }
    }
    return found;
}

void slot_repair(struct core *core, uint32_t index, uint64_t now_ns)
{
    struct slot *slot = &core->slots[index];

    if (now_ns < slot->repair_next_ns) {
        return;
    }
    slot->repair_next_ns = now_ns + REPAIR_INTERVAL_NS;
    slot->digests_differ = 0;
    slot->digests_untold = 0;
    core->counters.retained_repairs++;
    outbox_replay(core, index, false);
    if (core->rooms[slot->room].waiting > 0) {
        room_touch(core, slot->room, now_ns);
    }
}

uint32_t slot_take(struct core *core, const struct slot_secret *secret, struct session_ref session,
                   uint64_t now_ns)
{
    const uint32_t index = pool_take(&core->slot_pool);
    struct slot *slot = NULL;

    assert(secret->tag != 0);
    if (index == POOL_NONE) {
        return POOL_NONE;
    }
    slot = &core->slots[index];
    assert(slot->state == SLOT_FREE);
    memset(slot, 0, sizeof(*slot));
    slot->tag = secret->tag;
    slot->session = session;
    memcpy(slot->key_up, secret->key_up, sizeof(slot->key_up));
    memcpy(slot->key_down, secret->key_down, sizeof(slot->key_down));
    slot->digest_told = RETAINED_NOT_TOLD;
    replay_init(&slot->replay);
    slot->made_ns = now_ns;
    set_state(core, slot, SLOT_UNBOUND);
    timer_set(&core->timers, index, now_ns + core->limits.bind_timeout_ns);
    return index;
}

struct slot *slot_find(struct core *core, struct slot_ref name, struct session_ref session)
{
    struct slot *slot = NULL;

    if (name.index >= core->limits.slots_max) {
        return NULL;
    }
    slot = &core->slots[name.index];
    if ((slot->state != SLOT_UNBOUND && slot->state != SLOT_BOUND) || slot->tag != name.tag ||
        slot->session.index != session.index || slot->session.tag != session.tag) {
        return NULL;
    }
    return slot;
}

void slot_bind(struct core *core, uint32_t index)
{
    set_state(core, &core->slots[index], SLOT_BOUND);
    timer_set(&core->timers, index, core->now_ns + core->limits.session_idle_ns);
}

struct datagram_head slot_next_head(struct slot *slot, uint32_t index, enum datagram_type type)
{
    assert(slot->sequence_down < DATAGRAM_SEQUENCE_MAX);
    slot->sequence_down++;
    return (struct datagram_head){
        .type = type, .slot = index, .slot_tag = slot->tag, .sequence = slot->sequence_down};
}

void slot_answer(struct core *core, uint32_t index, enum slot_answer answer)
{
    core->slots[index].answers |= (uint8_t)answer;
    place_list_append(&core->answers, index);
}

/* Seals the BYE while the key is still there. */
static void write_bye(struct slot *slot, uint32_t index, enum reason reason)
{
    const struct datagram_head head = slot_next_head(slot, index, DATAGRAM_BYE);

    body_bye_write(slot->bye + DATAGRAM_HEAD_SIZE, reason);
    (void)datagram_seal(&head, slot->key_down, slot->bye, BODY_BYE_SIZE);
}

void slot_end(struct core *core, uint32_t index, enum reason bye)
{
    struct slot *slot = &core->slots[index];
    const bool says_bye = slot->state == SLOT_BOUND && bye != REASON_NONE;

    if (says_bye) {
        write_bye(slot, index, bye);
    }
    timer_clear(&core->timers, index);
    sodium_memzero(slot->key_up, sizeof(slot->key_up));
    sodium_memzero(slot->key_down, sizeof(slot->key_down));
    slot->answers = 0;
    slot->notice_reason = REASON_NONE;
    if (says_bye) {
        set_state(core, slot, SLOT_ENDING);
        slot_answer(core, index, ANSWER_BYE);
    } else {
        set_state(core, slot, SLOT_FREE);
        pool_put(&core->slot_pool, index);
    }
}

void slot_release(struct core *core, uint32_t index)
{
    struct slot *slot = &core->slots[index];

    assert(slot->state == SLOT_ENDING);
    slot->answers = 0;
    set_state(core, slot, SLOT_FREE);
    pool_put(&core->slot_pool, index);
}

uint32_t slot_down_rate(const struct core *core, const struct slot *slot)
{
    const uint32_t limit = core->limits.client_down_bytes_rate;

    if (slot->down_rate == 0 || (limit != 0 && limit < slot->down_rate)) {
        return limit;
    }
    return slot->down_rate;
}

uint32_t slot_down_burst(const struct core *core, uint32_t rate)
{
    const uint32_t least = 2U * core->limits.max_datagram;

    return rate / DOWN_BURST_PART > least ? rate / DOWN_BURST_PART : least;
}

void slot_notice(struct core *core, uint32_t index, enum reason reason, uint32_t limit,
                 uint64_t wait_ns, uint64_t now_ns)
{
    struct slot *slot = &core->slots[index];
    const uint64_t wait_ms = wait_ns / NS_PER_MS + (wait_ns % NS_PER_MS != 0);

    if (now_ns < slot->notice_next_ns) {
        return;
    }
    slot->notice_next_ns = now_ns + NOTICE_INTERVAL_NS;
    slot->notice_reason = reason;
    slot->notice_limit = limit;
    slot->notice_retry_ms = wait_ms < UINT32_MAX ? (uint32_t)wait_ms : UINT32_MAX;
    place_list_append(&core->notices, index);
}

void slot_over_limit(struct core *core, uint32_t index, uint64_t now_ns)
{
    struct slot *slot = &core->slots[index];
    const uint64_t second = now_ns / NS_PER_S + 1;

    if (second == slot->over_last_s) {
        return;
    }
    if (second != slot->over_last_s + 1) {
        slot->over_first_s = second;
    }
    slot->over_last_s = second;
    /* More seconds begun than the limit has: the first of them may have been nearly over. */
    if (core->limits.over_limit_close_ns != 0 &&
        (second - slot->over_first_s) * NS_PER_S > core->limits.over_limit_close_ns) {
        slot->end_reason = REASON_OVER_LIMIT;
        timer_set(&core->timers, index, now_ns);
    }
}
