/* SPDX-License-Identifier: MIT */
#include "daemon/core/core_internal.h"

#include "proto/limits.h"

#include <assert.h>
#include <string.h>

static_assert(CORE_MEMBERS_MAX == ROOM_MEMBERS_MAX, "one bound for rooms");
static_assert(CORE_TYPES >= DATAGRAM_PROBE + 1, "every type has its counter");

/* Where each table begins, in bytes from the struct. */
struct places {
    size_t slot_pool;
    size_t slots;
    size_t streams;
    size_t room_pool;
    size_t rooms;
    size_t room_slots;
    size_t room_generations;
    size_t room_ages;
    size_t room_active;
    size_t rings;
    size_t room_groups;
    size_t cells;
    size_t timers;
    size_t flush_timers;
    size_t answers;
    size_t notices;
    size_t dirty;
    size_t qualities;
    size_t bodies;
    size_t pack_items;
    size_t size;
    bool is_too_big;
};

#define ALIGNMENT 64

static size_t add(struct places *places, size_t count, size_t item_size)
{
    const size_t at = places->size;

    if (item_size > (SIZE_MAX / 2 - at) / count) {
        places->is_too_big = true;
        return at;
    }
    places->size += (count * item_size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return at;
}

/* Streams of a member are in rows of a power of two, so that a cell's number is a shift away. */
static unsigned stream_shift(const struct relay_limits *limits)
{
    unsigned shift = 0;

    while (1U << shift < limits->streams_per_member) {
        shift++;
    }
    return shift;
}

static unsigned active_words(const struct relay_limits *limits)
{
    return (((unsigned)limits->members_per_room_max << stream_shift(limits)) + 63) / 64;
}

static size_t cell_size(const struct relay_limits *limits)
{
    return (limits->max_datagram + 7U) / 8 * 8;
}

static void lay_out(const struct relay_limits *limits, struct places *out)
{
    const size_t slots = limits->slots_max;
    const size_t rooms = limits->rooms_max;
    const size_t members = limits->members_per_room_max;

    memset(out, 0, sizeof(*out));
    (void)add(out, 1, sizeof(struct core));
    out->slot_pool = add(out, 1, pool_size(limits->slots_max));
    out->slots = add(out, slots, sizeof(struct slot));
    out->streams = add(out, slots, sizeof(struct stream) << stream_shift(limits));
    out->room_pool = add(out, 1, pool_size(limits->rooms_max));
    out->rooms = add(out, rooms, sizeof(struct room));
    out->room_slots = add(out, rooms, members * sizeof(uint32_t));
    out->room_generations = add(out, rooms, members);
    out->room_ages = add(out, rooms, members);
    out->room_active = add(out, rooms, active_words(limits) * sizeof(uint64_t));
    out->rings = add(out, rooms, sizeof(struct ring));
    out->room_groups = add(out, rooms, CORE_GROUPS * sizeof(struct member_set));
    out->cells = add(out, 1, cell_pool_size(limits->cells_max, cell_size(limits)));
    out->timers = add(out, 1, timer_heap_size(limits->slots_max + limits->rooms_max));
    out->flush_timers = add(out, 1, timer_heap_size(limits->rooms_max));
    out->answers = add(out, 1, place_list_size(limits->slots_max));
    out->notices = add(out, 1, place_list_size(limits->slots_max));
    out->dirty = add(out, 1, place_list_size(limits->rooms_max));
    out->qualities = add(out, 1, place_list_size(limits->rooms_max));
    out->bodies = add(out, 1, batch_bodies_size(limits->max_datagram));
    out->pack_items =
        add(out, (size_t)active_words(limits) * 64 + RING_SIZE, sizeof(struct pack_item));
}

static bool is_in(uint64_t value, uint64_t min, uint64_t max)
{
    return value >= min && value <= max;
}

static bool are_sizes_good(const struct relay_limits *limits)
{
    return is_in(limits->slots_max, 1, DATAGRAM_SLOT_MAX + 1) &&
           is_in(limits->rooms_max, 1, DATAGRAM_SLOT_MAX + 1) &&
           is_in(limits->members_per_room_max, 2, CORE_MEMBERS_MAX) &&
           is_in(limits->streams_per_member, 1, STREAMS_PER_MEMBER_MAX) &&
           is_in(limits->max_datagram, DATAGRAM_LIMIT_MIN, DATAGRAM_LIMIT_MAX) &&
           is_in(limits->cells_max, 1, UINT32_MAX - 2);
}

static bool are_rates_good(const struct relay_limits *limits)
{
    return limits->client_datagrams_rate > 0 && limits->client_datagrams_burst > 0 &&
           limits->client_bytes_rate > 0 && limits->client_bytes_burst > 0 &&
           limits->client_records_rate > 0 && limits->client_records_burst > 0 &&
           limits->room_deliveries_rate > 0 && limits->room_deliveries_burst > 0 &&
           (limits->room_bytes_rate == 0 || limits->room_bytes_burst > 0) &&
           limits->challenge_session_rate > 0 && limits->challenge_session_burst > 0 &&
           limits->challenge_address_rate > 0 && limits->challenge_address_burst > 0 &&
           limits->cookie_rotate_ns > 0 && limits->rebind_moves <= UINT32_MAX / 16;
}

size_t core_size(const struct relay_limits *limits)
{
    struct places places;

    if (!are_sizes_good(limits) || !are_rates_good(limits) ||
        cell_pool_size(limits->cells_max, cell_size(limits)) == 0) {
        return 0;
    }
    lay_out(limits, &places);
    return places.is_too_big ? 0 : places.size;
}

struct core *core_init(void *memory, const struct relay_limits *limits, const uint8_t seed[32],
                       uint64_t now_ns)
{
    struct core *core = memory;
    uint8_t *bytes = memory;
    struct places places;

    assert(core_size(limits) != 0);
    lay_out(limits, &places);
    core->limits = *limits;
    core->now_ns = now_ns;
    core->stream_shift = stream_shift(limits);
    core->active_words = active_words(limits);
    pool_init(&core->slot_pool, bytes + places.slot_pool, limits->slots_max, SLOT_REST_MIN);
    core->slots = (struct slot *)(void *)(bytes + places.slots);
    core->streams = (struct stream *)(void *)(bytes + places.streams);
    pool_init(&core->room_pool, bytes + places.room_pool, limits->rooms_max, ROOM_REST_MIN);
    core->rooms = (struct room *)(void *)(bytes + places.rooms);
    core->room_slots = (uint32_t *)(void *)(bytes + places.room_slots);
    core->room_generations = bytes + places.room_generations;
    core->room_ages = bytes + places.room_ages;
    core->room_active = (uint64_t *)(void *)(bytes + places.room_active);
    core->rings = (struct ring *)(void *)(bytes + places.rings);
    core->room_groups = (struct member_set *)(void *)(bytes + places.room_groups);
    cell_pool_init(&core->cells, bytes + places.cells, limits->cells_max, cell_size(limits));
    timer_heap_init(&core->timers, bytes + places.timers, limits->slots_max + limits->rooms_max);
    timer_heap_init(&core->flush_timers, bytes + places.flush_timers, limits->rooms_max);
    place_list_init(&core->answers, bytes + places.answers);
    place_list_init(&core->notices, bytes + places.notices);
    place_list_init(&core->dirty, bytes + places.dirty);
    place_list_init(&core->qualities, bytes + places.qualities);
    validate_init(&core->validate, seed);
    core->pack_items = (struct pack_item *)(void *)(bytes + places.pack_items);
    batch_init(&core->batch, bytes + places.bodies, limits->max_datagram);
    return core;
}

/* When a slot's timer has to look at it: the end of its time if nothing is heard. */
static uint64_t slot_deadline(const struct core *core, const struct slot *slot)
{
    if (slot->end_reason != REASON_NONE) {
        return core->now_ns;
    }
    return slot->state == SLOT_UNBOUND ? slot->made_ns + core->limits.bind_timeout_ns
                                       : slot->heard_ns + core->limits.session_idle_ns;
}

static void limit_slot(struct core *core, struct slot *slot)
{
    const struct relay_limits *limits = &core->limits;

    bucket_shrink(&slot->datagrams, limits->client_datagrams_burst);
    bucket_shrink(&slot->bytes, limits->client_bytes_burst);
    bucket_shrink(&slot->records, limits->client_records_burst);
    bucket_shrink(&slot->deliveries, limits->room_deliveries_burst);
    bucket_shrink(&slot->delivery_bytes, limits->room_bytes_burst);
    bucket_shrink(&slot->down, slot_down_burst(core, slot_down_rate(core, slot)));
    bucket_shrink(&slot->challenges, limits->challenge_session_burst);
    bucket_shrink(&slot->moves, limits->rebind_moves * SLOT_MOVE_COST);
}

static void limit_room(struct core *core, struct room *room)
{
    bucket_shrink(&room->deliveries, core->limits.room_deliveries_burst);
    bucket_shrink(&room->bytes, core->limits.room_bytes_burst);
    if (room->quality_next_ns > core->now_ns + core->limits.room_quality_interval_ns) {
        room->quality_next_ns = core->now_ns + core->limits.room_quality_interval_ns;
    }
}

void core_set_limits(struct core *core, const struct relay_limits *limits)
{
    assert(core_size(limits) != 0 && core_size(limits) == core_size(&core->limits));
    assert(limits->slots_max == core->limits.slots_max &&
           limits->rooms_max == core->limits.rooms_max &&
           limits->members_per_room_max == core->limits.members_per_room_max &&
           limits->streams_per_member == core->limits.streams_per_member &&
           limits->max_datagram == core->limits.max_datagram &&
           limits->cells_max == core->limits.cells_max);
    core->limits = *limits;
    for (uint32_t index = 0; index < core->slot_pool.fresh; index++) {
        struct slot *slot = &core->slots[index];

        if (slot->state == SLOT_UNBOUND || slot->state == SLOT_BOUND) {
            limit_slot(core, slot);
            timer_set(&core->timers, index, slot_deadline(core, slot));
        }
    }
    for (uint32_t index = 0; index < core->room_pool.fresh; index++) {
        if (core->rooms[index].state != ROOM_FREE) {
            limit_room(core, &core->rooms[index]);
            room_set_timer(core, index);
            room_let_go(core, index);
        }
    }
}

bool core_can_act(const struct core *core)
{
    return events_have_room(&core->events);
}

static void run_slot_timer(struct core *core, uint32_t index)
{
    const struct slot *slot = &core->slots[index];
    const uint64_t deadline_ns = slot_deadline(core, slot);

    if (deadline_ns > core->now_ns) {
        timer_set(&core->timers, index, deadline_ns);
    } else if (slot->end_reason != REASON_NONE) {
        core_end_member(core, index, CORE_END_REMOVE, slot->end_reason);
    } else {
        core_end_member(core, index, CORE_END_REMOVE,
                        slot->state == SLOT_UNBOUND ? REASON_BIND_TIMEOUT : REASON_UDP_IDLE);
    }
}

/* A room that closes loses one member each time, so that its events always fit the ring. */
static void run_room_timer(struct core *core, uint32_t index)
{
    struct room *room = &core->rooms[index];
    const struct room_ref name = room_name(core, index);

    if (room_end_deadline(core, index) > core->now_ns) {
        host_look(core, index);
        room_set_timer(core, index);
        return;
    }
    if (room->member_count > 0) {
        const unsigned oldest = room_member_by_age(core, index, 0);

        room->state = ROOM_CLOSING;
        core_end_member(core, room_slot(core, index, oldest), CORE_END_CLOSE, REASON_ROOM_CLOSED);
        return;
    }
    room_free(core, index);
    events_room_closed(core, name);
}

void core_run_timers(struct core *core, uint64_t now_ns)
{
    uint32_t id = 0;

    core->now_ns = now_ns;
    while (core_can_act(core) && timer_take_due(&core->timers, now_ns, &id)) {
        if (id < core->limits.slots_max) {
            run_slot_timer(core, id);
        } else {
            run_room_timer(core, id - core->limits.slots_max);
        }
    }
}

bool core_event(struct core *core, struct event *out)
{
    return events_take(core, out);
}

bool core_quality_event(struct core *core, struct event *out)
{
    return events_take_quality(core, out);
}

bool core_has_quality(const struct core *core)
{
    return core->qualities.count > 0;
}

uint64_t core_next_deadline(const struct core *core)
{
    const uint64_t timers_ns = timer_next(&core->timers);
    const uint64_t flush_ns = timer_next(&core->flush_timers);

    if (core->answers.count > 0 || core->dirty.count > 0) {
        return 0;
    }
    return timers_ns < flush_ns ? timers_ns : flush_ns;
}

bool core_is_pressed(const struct core *core)
{
    return core->is_pressed;
}

uint32_t core_bound_count(const struct core *core)
{
    return core->bound_count;
}

bool core_is_ticking(const struct core *core)
{
    return core->ticking_count > 0 || core->auto_tick.tick_ns > 0;
}

bool core_is_calm(const struct core *core)
{
    return core->ticking_count > 0 && core->ticking_count == pool_used(&core->room_pool);
}

void core_turn_done(struct core *core, uint64_t busy_ns, uint64_t idle_ns, bool has_rested)
{
    core->rested_ns = has_rested ? idle_ns : 0;
    auto_tick_turn(&core->auto_tick, core->limits.room_auto_tick_max_ns, busy_ns, idle_ns);
}

void core_counters(const struct core *core, struct core_counters *out)
{
    *out = core->counters;
    out->slots_in_use = pool_used(&core->slot_pool);
    out->slots_bound = core->bound_count;
    out->auto_tick_us = core->auto_tick.tick_ns / 1000;
    out->auto_tick_us_max = core->auto_tick.max_ns / 1000;
    out->auto_tick_raised = core->auto_tick.raised;
    out->rooms_in_use = pool_used(&core->room_pool);
    out->cells_in_use = pool_used(&core->cells.pool);
    out->cells_in_use_max = core->cells.used_max;
}

bool core_member_stats(const struct core *core, struct slot_ref name, struct core_member_stats *out)
{
    const struct slot *slot = NULL;

    if (name.index >= core->slot_pool.fresh) {
        return false;
    }
    slot = &core->slots[name.index];
    if (slot->state != SLOT_BOUND || slot->tag != name.tag) {
        return false;
    }
    *out = (struct core_member_stats){
        .rtt_ns = slot->quality.rtt_ns,
        .rtt_var_ns = slot->quality.rtt_var_ns,
        .loss_up_ppm = quality_loss_up_ppm(&slot->quality),
        .loss_down_ppm = quality_loss_down_ppm(&slot->quality),
        .queue_us = slot->quality.queue_us,
        .highest_up = slot->replay.highest,
        .received_up = slot->received,
        .highest_down = slot->quality.down_highest,
        .received_down = slot->quality.down_received,
    };
    return true;
}
