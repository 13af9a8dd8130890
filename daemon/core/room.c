/* SPDX-License-Identifier: MIT */
#include "daemon/core/core_internal.h"

#include <assert.h>
#include <string.h>

#define NS_PER_US UINT64_C(1000)

static size_t row(const struct core *core, uint32_t index)
{
    return (size_t)index * core->limits.members_per_room_max;
}

uint32_t room_open(struct core *core, const struct command *command, uint64_t now_ns)
{
    const uint32_t index = pool_take(&core->room_pool);
    struct room *room = NULL;
    uint32_t tag = 0;

    assert(command->members_max >= 1 && command->members_max <= core->limits.members_per_room_max);
    assert(command->code_size <= CORE_CODE_MAX && command->metadata_size <= CORE_METADATA_MAX);
    if (index == POOL_NONE) {
        return POOL_NONE;
    }
    room = &core->rooms[index];
    assert(room->state == ROOM_FREE);
    tag = room->tag + 1;
    memset(room, 0, sizeof(*room));
    ring_flushed(outbox_ring(core, index));
    room->state = ROOM_OPEN;
    room->tag = tag == 0 ? 1 : tag;
    room->members_max = command->members_max;
    room->host = MEMBER_NONE;
    room->heir = MEMBER_NONE;
    room->election = command->election;
    room->tick_us = command->tick_us;
    core->ticking_count += room->tick_us > 0;
    room->is_locked = command->locked;
    room->is_heritable = command->heritable;
    room->made_ns = now_ns;
    room->empty_ns = now_ns;
    room->code_size = command->code_size;
    memcpy(room->code, command->code, command->code_size);
    room->metadata_size = command->metadata_size;
    memcpy(room->metadata, command->metadata, command->metadata_size);
    return index;
}

struct room *room_find(struct core *core, struct room_ref name)
{
    struct room *room = NULL;

    if (name.index >= core->limits.rooms_max) {
        return NULL;
    }
    room = &core->rooms[name.index];
    return room->state == ROOM_OPEN && room->tag == name.tag ? room : NULL;
}

void room_free(struct core *core, uint32_t index)
{
    struct room *room = &core->rooms[index];

    assert(room->state != ROOM_FREE && room->member_count == 0 && room->waiting == 0);
    assert(outbox_ring(core, index)->count == 0);
    timer_clear(&core->timers, core->limits.slots_max + index);
    timer_clear(&core->flush_timers, index);
    core->ticking_count -= room->tick_us > 0;
    room->state = ROOM_FREE;
    room->flush = FLUSH_NONE;
    pool_put(&core->room_pool, index);
}

struct room_ref room_name(const struct core *core, uint32_t index)
{
    return (struct room_ref){.index = index, .tag = core->rooms[index].tag};
}

uint32_t room_slot(const struct core *core, uint32_t index, unsigned member)
{
    assert(member_set_has(&core->rooms[index].present, member));
    return core->room_slots[row(core, index) + member];
}

unsigned room_member_by_age(const struct core *core, uint32_t index, unsigned position)
{
    assert(position < core->rooms[index].member_count);
    return core->room_ages[row(core, index) + position];
}

static uint16_t make_id(uint8_t generation, unsigned member)
{
    return (uint16_t)((unsigned)generation << 8 | member);
}

uint16_t room_member_id(const struct core *core, uint32_t index, unsigned member)
{
    if (member == MEMBER_NONE) {
        return 0;
    }
    return core->slots[room_slot(core, index, member)].member_id;
}

unsigned room_member(const struct core *core, uint32_t index, uint16_t member_id)
{
    const struct room *room = &core->rooms[index];
    const unsigned member = member_id & 0xFF;

    if (!member_set_has(&room->present, member) ||
        room_member_id(core, index, member) != member_id) {
        return MEMBER_NONE;
    }
    return member;
}

void room_set_host(struct core *core, uint32_t index, unsigned member)
{
    struct room *room = &core->rooms[index];

    room->host = (uint16_t)member;
    room->host_epoch++;
    room->host_retry_ns = 0;
    room->heir = MEMBER_NONE;
    if (member != MEMBER_NONE) {
        core->slots[room_slot(core, index, member)].host_loss = HOST_NOT_LOST;
    }
    room_set_timer(core, index);
}

static struct member_set *groups_of(const struct core *core, uint32_t index)
{
    return core->room_groups + (size_t)index * CORE_GROUPS;
}

const struct member_set *room_group(const struct core *core, uint32_t index, unsigned group)
{
    assert(group < CORE_GROUPS);
    return &groups_of(core, index)[group];
}

void room_subscribe(struct core *core, uint32_t slot_index, uint64_t groups)
{
    struct slot *slot = &core->slots[slot_index];
    struct member_set *sets = groups_of(core, slot->room);

    /* Only what changes is written: an unused room's row stays untouched memory. */
    for (uint64_t bits = slot->groups ^ groups; bits != 0; bits &= bits - 1) {
        const unsigned group = (unsigned)__builtin_ctzll(bits);

        if ((groups >> group & 1) != 0) {
            member_set_add(&sets[group], slot->member);
        } else {
            member_set_remove(&sets[group], slot->member);
        }
    }
    slot->groups = groups;
}

static unsigned find_free(const struct room *room)
{
    unsigned member = room->next_member;

    assert(room->member_count < room->members_max);
    while (member_set_has(&room->present, member)) {
        member = (member + 1) % room->members_max;
    }
    return member;
}

void room_add(struct core *core, uint32_t index, uint32_t slot_index)
{
    struct room *room = &core->rooms[index];
    struct slot *slot = &core->slots[slot_index];
    const unsigned member = find_free(room);
    uint8_t *generation = &core->room_generations[row(core, index) + member];

    *generation = *generation >= GENERATION_LAST ? 1 : (uint8_t)(*generation + 1);
    slot->room = index;
    slot->member = (uint16_t)member;
    slot->member_id = make_id(*generation, member);
    core->room_slots[row(core, index) + member] = slot_index;
    core->room_ages[row(core, index) + room->member_count] = (uint8_t)member;
    member_set_add(&room->present, member);
    if (slot->down_rate != 0) {
        member_set_add(&room->budgeted, member);
    }
    room->member_count++;
    room->next_member = (uint16_t)((member + 1) % room->members_max);
    if (room->host == MEMBER_NONE) {
        room_set_host(core, index, member);
    }
    room_set_timer(core, index);
}

static void forget_age(struct core *core, uint32_t index, unsigned member)
{
    const struct room *room = &core->rooms[index];
    uint8_t *ages = &core->room_ages[row(core, index)];
    unsigned position = 0;

    while (ages[position] != member) {
        position++;
        assert(position < room->member_count);
    }
    memmove(ages + position, ages + position + 1, room->member_count - position - 1);
}

/* The room does not wait for its tick. */
static void flush_early(struct core *core, uint32_t index)
{
    struct room *room = &core->rooms[index];

    if (room->flush == FLUSH_TIMED) {
        timer_clear(&core->flush_timers, index);
        room->flush = FLUSH_QUEUED;
        place_list_append(&core->dirty, index);
    }
}

/* What a host retained passes on when it leaves, also when it was out of reach before and another
 * one has the role already. */
static void bequeath(struct core *core, uint32_t index, unsigned member, unsigned host,
                     uint64_t now_ns)
{
    const struct room *room = &core->rooms[index];
    const uint32_t slot = room_slot(core, index, member);

    if (room->is_heritable && host != MEMBER_NONE &&
        (room->host == member || host_was_lost(core, slot))) {
        outbox_inherit(core, slot, room_slot(core, index, host), now_ns);
    }
}

struct room_change room_remove(struct core *core, uint32_t index, unsigned member, uint64_t now_ns)
{
    struct room *room = &core->rooms[index];
    struct room_change change = {false};
    const unsigned host = room->host == member ? host_after(core, index, member) : room->host;

    bequeath(core, index, member, host, now_ns);
    outbox_remove(core, room_slot(core, index, member));
    room_subscribe(core, room_slot(core, index, member), 0);
    forget_age(core, index, member);
    member_set_remove(&room->present, member);
    member_set_remove(&room->bound, member);
    member_set_remove(&room->budgeted, member);
    member_set_remove(&room->held, member);
    member_set_remove(&room->pongs, member);
    room->member_count--;
    if (room->member_count == 0) {
        room->empty_ns = now_ns;
        room->host = MEMBER_NONE;
    } else if (room->host == member) {
        room_set_host(core, index, host);
        change.has_new_host = true;
    } else if (room->heir == member) {
        room->heir = MEMBER_NONE;
    }
    if (outbox_ring(core, index)->count != 0) {
        /* What the leaver has said on stream 0 should be there before the news that it has left. */
        flush_early(core, index);
    }
    if (room->waiting > 0) {
        room_touch(core, index, now_ns);
    }
    room_set_timer(core, index);
    return change;
}

/* The first moment after since_ns that is a multiple of the tick, seen from the room's phase.
 * Phases are spread over the tick by the golden ratio, so that rooms do not all flush at once. */
static uint64_t next_tick(uint32_t index, uint64_t tick_ns, uint64_t since_ns)
{
    const uint64_t fraction = (uint32_t)(index * UINT32_C(2654435769));
    const uint64_t phase_ns = (tick_ns * fraction) >> 32;

    return since_ns + tick_ns - (since_ns + tick_ns - phase_ns) % tick_ns;
}

/* The room's own tick, or what the load makes of it. */
static uint64_t tick_ns(const struct core *core, const struct room *room)
{
    const uint64_t own_ns = room->tick_us * NS_PER_US;

    return own_ns > core->auto_tick.tick_ns ? own_ns : core->auto_tick.tick_ns;
}

static void await_tick(struct core *core, uint32_t index, uint64_t now_ns)
{
    struct room *room = &core->rooms[index];

    room->flush = FLUSH_TIMED;
    room->flush_due_ns = next_tick(index, tick_ns(core, room), now_ns - core->rested_ns);
    core->counters.flushes_lengthened += core->auto_tick.tick_ns > room->tick_us * NS_PER_US;
    timer_set(&core->flush_timers, index, room->flush_due_ns);
}

void room_touch(struct core *core, uint32_t index, uint64_t now_ns)
{
    struct room *room = &core->rooms[index];

    const bool is_idle = room->flush == FLUSH_NONE || room->flush == FLUSH_HELD;

    if (room->touched_ns == 0) {
        room->touched_ns = now_ns;
    }
    if (is_idle && tick_ns(core, room) > 0) {
        await_tick(core, index, now_ns);
    } else if (is_idle) {
        timer_clear(&core->flush_timers, index);
        room->flush = FLUSH_QUEUED;
        place_list_append(&core->dirty, index);
    }
    if (outbox_ring(core, index)->fresh >= RING_EARLY) {
        /* Else one member that talks much would push out what the others have said. */
        flush_early(core, index);
        core->is_pressed = true;
    }
}

uint64_t room_clock_ns(const struct core *core, uint32_t index)
{
    return core->now_ns - core->rooms[index].made_ns;
}

/* What was held back for a budget goes on waiting; its members are told of that by themselves. */
static void note_queue_time(struct core *core, struct room *room, uint64_t now_ns)
{
    const uint64_t waited_ns = now_ns - room->touched_ns;

    if (room->touched_ns == 0) {
        return;
    }
    room->touched_ns = 0;
    queue_time_add(&room->queue, waited_ns, now_ns);
    core->counters.queue_times[quality_bin(waited_ns, QUALITY_QUEUE_SHIFT)]++;
    if (waited_ns > core->counters.queue_ns_max) {
        core->counters.queue_ns_max = waited_ns;
    }
}

void room_flushed(struct core *core, uint32_t index, uint64_t now_ns)
{
    struct room *room = &core->rooms[index];
    uint64_t wait_ns = UINT64_MAX;

    note_queue_time(core, room, now_ns);
    for (unsigned member = member_set_next(&room->pongs, 0); member != MEMBER_NONE;
         member = member_set_next(&room->pongs, member + 1)) {
        slot_answer(core, room_slot(core, index, member), ANSWER_PONG);
    }
    room->pongs = (struct member_set){{0}};
    ring_flushed(outbox_ring(core, index));
    room->flush = room->waiting > 0 ? FLUSH_HELD : FLUSH_NONE;
    if (room->flush == FLUSH_NONE) {
        return;
    }
    for (unsigned member = member_set_next(&room->held, 0); member != MEMBER_NONE;
         member = member_set_next(&room->held, member + 1)) {
        const struct slot *slot = &core->slots[room_slot(core, index, member)];
        const uint32_t rate = slot_down_rate(core, slot);
        const uint64_t one_ns = bucket_wait_ns(&slot->down, rate, slot_down_burst(core, rate),
                                               core->limits.max_datagram);

        wait_ns = one_ns < wait_ns ? one_ns : wait_ns;
    }
    assert(wait_ns != UINT64_MAX);
    room->flush_due_ns = now_ns + (wait_ns > 0 ? wait_ns : 1);
    timer_set(&core->flush_timers, index, room->flush_due_ns);
}

void room_let_go(struct core *core, uint32_t index)
{
    struct room *room = &core->rooms[index];

    if (room->flush == FLUSH_HELD) {
        room->flush_due_ns = core->now_ns;
        timer_set(&core->flush_timers, index, core->now_ns);
    }
}

uint64_t room_end_deadline(const struct core *core, uint32_t index)
{
    const struct room *room = &core->rooms[index];
    uint64_t deadline_ns = UINT64_MAX;

    if (room->state == ROOM_CLOSING) {
        deadline_ns = core->now_ns;
    } else if (core->limits.room_age_max_ns != 0) {
        deadline_ns = room->made_ns + core->limits.room_age_max_ns;
    }
    if (room->member_count == 0 && room->empty_ns + core->limits.room_empty_ttl_ns < deadline_ns) {
        deadline_ns = room->empty_ns + core->limits.room_empty_ttl_ns;
    }
    return deadline_ns;
}

void room_set_timer(struct core *core, uint32_t index)
{
    const uint64_t end_ns = room_end_deadline(core, index);
    const uint64_t host_ns = host_deadline(core, index);
    const uint64_t deadline_ns = end_ns < host_ns ? end_ns : host_ns;

    if (deadline_ns == UINT64_MAX) {
        timer_clear(&core->timers, core->limits.slots_max + index);
    } else {
        timer_set(&core->timers, core->limits.slots_max + index, deadline_ns);
    }
}
