/* SPDX-License-Identifier: MIT */
#include "core_check.h"

#include "daemon/core/core_internal.h"
#include "proto/retained.h"

#include <stdlib.h>
#include <string.h>

#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return #condition;                                                                     \
        }                                                                                          \
    } while (0)

/* What the walk over slots and rooms adds up. */
struct found {
    uint32_t slots;
    uint32_t bound;
    uint32_t rooms;
    uint32_t ticking;
    uint32_t cells;
    uint64_t waiting;
    uint32_t timers;
    uint32_t flush_timers;
};

static uint64_t sum(const uint64_t *values, unsigned from, unsigned to)
{
    uint64_t total = 0;

    for (unsigned index = from; index <= to; index++) {
        total += values[index];
    }
    return total;
}

static const char *check_ledgers(const struct core *core, const struct found *found)
{
    const struct core_counters *counters = &core->counters;
    const uint64_t *dropped = counters->dropped;

    HOLDS(counters->datagrams_received ==
          sum(counters->datagrams_handled, 0, CORE_TYPES - 1) + sum(dropped, 1, 39));
    HOLDS(counters->records_read == counters->records_admitted + sum(dropped, 40, 59));
    HOLDS(counters->deliveries_waiting == found->waiting + core->waiting_sent);
    HOLDS(counters->deliveries_made == counters->deliveries_sent + counters->deliveries_superseded +
                                           sum(dropped, 60, 79) + counters->deliveries_waiting);
    HOLDS(counters->deliveries_replayed <= counters->deliveries_made);
    HOLDS(dropped[REASON_NONE] == 0 && sum(dropped, 80, REASON_LIMIT - 1) == 0);
    return NULL;
}

static bool is_within(const struct bucket *bucket, uint32_t burst, uint32_t cost_max)
{
    const uint64_t most = burst > cost_max ? burst : cost_max;

    return bucket->debt <= most * UINT64_C(1000000000);
}

static bool is_listed(const struct place_list *list, uint32_t place)
{
    return list->next[place] != 0;
}

static bool has_timer(const struct timer_heap *heap, uint32_t id)
{
    return heap->positions[id] != 0;
}

static const char *check_stream(struct core *core, uint32_t index, unsigned place,
                                struct found *found)
{
    const struct slot *slot = &core->slots[index];
    const struct room *room = &core->rooms[slot->room];
    const struct stream *stream = slot_streams(core, index) + place;
    const uint32_t cell = (uint32_t)slot->member << core->stream_shift | place;
    const bool is_active = outbox_next(core, slot->room, cell) == cell;
    struct member_set beyond = stream->waiting;

    member_set_remove_all(&beyond, &room->bound);
    HOLDS(member_set_is_empty(&beyond));
    HOLDS(!member_set_has(&stream->waiting, slot->member));
    HOLDS(is_active == !member_set_is_empty(&stream->waiting));
    if (slot->stream_ids[place] == 0) {
        HOLDS(!is_active && !stream->is_retained);
        return NULL; /* Its cell is set with its first use. */
    }
    HOLDS((stream->cell != CELL_NONE) == (is_active || stream->is_retained));
    found->cells += stream->cell != CELL_NONE;
    return NULL;
}

static const char *check_slot(struct core *core, uint32_t index, struct found *found)
{
    const struct slot *slot = &core->slots[index];
    const struct relay_limits *limits = &core->limits;
    const char *broken = NULL;

    HOLDS(slot->answers == 0 || is_listed(&core->answers, index));
    if (slot->state == SLOT_FREE || slot->state == SLOT_ENDING) {
        const uint8_t zeros[DATAGRAM_KEY_SIZE] = {0};

        HOLDS(slot->answers == (slot->state == SLOT_ENDING ? ANSWER_BYE : 0));
        HOLDS(memcmp(slot->key_up, zeros, sizeof(zeros)) == 0);
        HOLDS(memcmp(slot->key_down, zeros, sizeof(zeros)) == 0);
        HOLDS(!has_timer(&core->timers, index));
        found->slots += slot->state == SLOT_ENDING;
        return NULL;
    }
    found->slots++;
    found->timers++;
    found->bound += slot->state == SLOT_BOUND;
    HOLDS(slot->tag != 0 && has_timer(&core->timers, index));
    HOLDS(slot->room < limits->rooms_max && core->rooms[slot->room].state != ROOM_FREE);
    HOLDS(slot->member < core->rooms[slot->room].members_max);
    HOLDS(room_slot(core, slot->room, slot->member) == index);
    HOLDS(member_set_has(&core->rooms[slot->room].bound, slot->member) ==
          (slot->state == SLOT_BOUND));
    HOLDS(slot->notice_reason == REASON_NONE || is_listed(&core->notices, index));
    HOLDS(is_within(&slot->datagrams, limits->client_datagrams_burst, 1));
    HOLDS(is_within(&slot->bytes, limits->client_bytes_burst, limits->max_datagram));
    HOLDS(is_within(&slot->records, limits->client_records_burst, 1));
    HOLDS(is_within(&slot->challenges, limits->challenge_session_burst, 1));
    HOLDS(is_within(&slot->down, slot_down_burst(core, slot_down_rate(core, slot)), 0));
    HOLDS(is_within(&slot->deliveries, limits->room_deliveries_burst, CORE_MEMBERS_MAX));
    HOLDS(is_within(&slot->delivery_bytes, limits->room_bytes_burst,
                    CORE_MEMBERS_MAX * (uint32_t)limits->max_datagram));
    HOLDS((slot->down_rate != 0) ==
          member_set_has(&core->rooms[slot->room].budgeted, slot->member));
    for (unsigned place = 0; place < limits->streams_per_member && broken == NULL; place++) {
        broken = check_stream(core, index, place, found);
    }
    return broken;
}

static const char *check_ring(struct core *core, uint32_t index, struct found *found,
                              uint64_t *waiting)
{
    const struct room *room = &core->rooms[index];
    const struct ring *ring = outbox_ring(core, index);
    bool is_seen[RING_SIZE] = {false};

    HOLDS(ring->count <= ring->known && ring->known <= RING_SIZE && ring->fresh <= RING_SIZE);
    for (unsigned at = 0; at < ring->known; at++) {
        const unsigned place = ring->order[at];
        const struct ring_entry *entry = &ring->entries[place];
        struct member_set beyond = entry->waiting;

        HOLDS(place < ring->known && !is_seen[place]);
        is_seen[place] = true;
        member_set_remove_all(&beyond, &room->bound);
        HOLDS(member_set_is_empty(&beyond));
        HOLDS((at < ring->count) == !member_set_is_empty(&entry->waiting));
        HOLDS((at < ring->count) == (entry->cell != CELL_NONE));
        found->cells += at < ring->count;
        *waiting += member_set_count(&entry->waiting);
    }
    return NULL;
}

/* Each member's groups have it, and nobody else. */
static const char *check_groups(const struct core *core, uint32_t index)
{
    unsigned members = 0;
    unsigned groups = 0;

    for (unsigned position = 0; position < core->rooms[index].member_count; position++) {
        const unsigned member = room_member_by_age(core, index, position);
        uint64_t bits = core->slots[room_slot(core, index, member)].groups;

        for (; bits != 0; bits &= bits - 1) {
            HOLDS(member_set_has(room_group(core, index, (unsigned)__builtin_ctzll(bits)), member));
            groups++;
        }
    }
    for (unsigned group = 0; group < CORE_GROUPS; group++) {
        members += member_set_count(room_group(core, index, group));
    }
    HOLDS(members == groups);
    return NULL;
}

static const char *check_members(struct core *core, uint32_t index, uint64_t *waiting)
{
    const struct room *room = &core->rooms[index];
    struct member_set by_age = {{0}};
    uint32_t retained = 0;
    uint32_t retained_count = 0;
    uint64_t retained_sum = 0;

    for (unsigned position = 0; position < room->member_count; position++) {
        const unsigned member = room_member_by_age(core, index, position);
        const uint32_t slot = room_slot(core, index, member);
        const struct stream *streams = slot_streams(core, slot);
        uint64_t own_sum = 0;

        HOLDS(!member_set_has(&by_age, member));
        HOLDS(core->slots[slot].room == index && core->slots[slot].member == member);
        HOLDS(core->slots[slot].member_id >= 0x100 && core->slots[slot].member_id < 0xFF00);
        member_set_add(&by_age, member);
        for (unsigned place = 0; place < core->limits.streams_per_member; place++) {
            *waiting += member_set_count(&streams[place].waiting);
            if (streams[place].is_retained) {
                retained += streams[place].size;
                retained_count++;
                own_sum += retained_hash(
                    core->slots[slot].member_id, core->slots[slot].stream_ids[place],
                    cell_bytes(&core->cells, streams[place].cell), streams[place].size);
            }
        }
        HOLDS(own_sum == core->slots[slot].retained_sum);
        retained_sum += own_sum;
    }
    HOLDS(memcmp(&by_age, &room->present, sizeof(by_age)) == 0);
    HOLDS(retained_count == room->retained_count && retained_sum == room->retained_sum);
    HOLDS(retained == room->retained_bytes && retained <= core->limits.room_retained_bytes);
    return NULL;
}

/* Between flushes everyone has had what waits, but for those whose budget is used up. */
static bool waits_for_held_only(struct core *core, uint32_t index)
{
    const struct room *room = &core->rooms[index];
    const struct ring *ring = outbox_ring(core, index);
    struct member_set waiting = {{0}};

    for (uint32_t cell = outbox_next(core, index, 0); cell != UINT32_MAX;
         cell = outbox_next(core, index, cell + 1)) {
        member_set_add_all(&waiting, &outbox_stream(core, index, cell)->waiting);
    }
    for (unsigned at = 0; at < ring->count; at++) {
        member_set_add_all(&waiting, &ring->entries[ring->order[at]].waiting);
    }
    member_set_remove_all(&waiting, &room->held);
    return member_set_is_empty(&waiting);
}

/* Nobody of the room has a control connection, so nobody can be its host. */
static bool is_out_of_reach(const struct core *core, uint32_t index)
{
    for (unsigned position = 0; position < core->rooms[index].member_count; position++) {
        const unsigned member = room_member_by_age(core, index, position);

        if (!core->slots[room_slot(core, index, member)].is_control_lost) {
            return false;
        }
    }
    return true;
}

/* The room's timer comes no later than there is something to do. */
static bool is_looked_at_in_time(const struct core *core, uint32_t index)
{
    const uint32_t id = core->limits.slots_max + index;
    const uint64_t timer_ns =
        has_timer(&core->timers, id) ? core->timers.deadlines[id] : UINT64_MAX;

    return timer_ns <= room_end_deadline(core, index) && timer_ns <= host_deadline(core, index);
}

static const char *check_room(struct core *core, uint32_t index, struct found *found)
{
    const struct room *room = &core->rooms[index];
    struct member_set beyond = room->bound;
    uint64_t waiting = 0;
    const char *broken = NULL;

    if (room->state == ROOM_FREE) {
        HOLDS(!has_timer(&core->timers, core->limits.slots_max + index));
        HOLDS(!has_timer(&core->flush_timers, index));
        HOLDS(outbox_next(core, index, 0) == UINT32_MAX);
        return NULL;
    }
    found->rooms++;
    found->ticking += room->tick_us > 0;
    HOLDS(is_looked_at_in_time(core, index));
    found->timers += has_timer(&core->timers, core->limits.slots_max + index);
    found->flush_timers += has_timer(&core->flush_timers, index);
    HOLDS(member_set_is_empty(&room->pongs) || room->flush == FLUSH_TIMED ||
          room->flush == FLUSH_QUEUED);
    member_set_add_all(&beyond, &room->held);
    member_set_add_all(&beyond, &room->pongs);
    member_set_add_all(&beyond, &room->budgeted);
    member_set_remove_all(&beyond, &room->present);
    HOLDS(member_set_is_empty(&beyond));
    HOLDS(room->tag != 0 && room->member_count == member_set_count(&room->present));
    HOLDS(room->member_count <= room->members_max);
    HOLDS(room->host == MEMBER_NONE || member_set_has(&room->present, room->host));
    HOLDS(room->host != MEMBER_NONE || room->state == ROOM_CLOSING || is_out_of_reach(core, index));
    HOLDS(room->heir == MEMBER_NONE ||
          (member_set_has(&room->present, room->heir) && room->heir != room->host));
    HOLDS(has_timer(&core->flush_timers, index) ==
          (room->flush == FLUSH_TIMED || room->flush == FLUSH_HELD));
    HOLDS(room->flush != FLUSH_HELD || waits_for_held_only(core, index));
    HOLDS(room->flush != FLUSH_QUEUED || is_listed(&core->dirty, index));
    HOLDS(room->waiting == 0 || room->flush != FLUSH_NONE);
    HOLDS(is_within(&room->deliveries, core->limits.room_deliveries_burst, CORE_MEMBERS_MAX));
    broken = check_groups(core, index);
    broken = broken != NULL ? broken : check_members(core, index, &waiting);
    if (broken == NULL) {
        broken = check_ring(core, index, found, &waiting);
    }
    found->waiting += waiting;
    HOLDS(broken != NULL || waiting == room->waiting);
    return broken;
}

static const char *check_heap(const struct timer_heap *heap, uint32_t count)
{
    HOLDS(heap->count == count);
    for (uint32_t place = 0; place < heap->count; place++) {
        HOLDS(heap->positions[heap->ids[place]] == place + 1);
        HOLDS(place == 0 ||
              heap->deadlines[heap->ids[(place - 1) / 2]] <= heap->deadlines[heap->ids[place]]);
    }
    return NULL;
}

static const char *check_list(const struct place_list *list, uint32_t capacity)
{
    uint32_t count = 0;
    uint32_t listed = 0;

    for (uint32_t place = list->head; place != POOL_NONE && count <= capacity; count++) {
        const uint32_t next = list->next[place];

        HOLDS(next != 0 && (next != 1 || place == list->tail));
        place = next == 1 ? POOL_NONE : next - 2;
    }
    for (uint32_t place = 0; place < capacity; place++) {
        listed += list->next[place] != 0;
    }
    HOLDS(count == list->count && listed == count);
    return NULL;
}

static const char *check_tables(const struct core *core, const struct found *found)
{
    const char *broken = NULL;

    HOLDS(found->slots == pool_used(&core->slot_pool));
    HOLDS(found->bound == core->bound_count);
    HOLDS(found->rooms == pool_used(&core->room_pool));
    HOLDS(found->ticking == core->ticking_count);
    HOLDS(found->cells == pool_used(&core->cells.pool));
    broken = check_heap(&core->timers, found->timers);
    broken = broken != NULL ? broken : check_heap(&core->flush_timers, found->flush_timers);
    broken = broken != NULL ? broken : check_list(&core->answers, core->slot_pool.fresh);
    broken = broken != NULL ? broken : check_list(&core->notices, core->slot_pool.fresh);
    broken = broken != NULL ? broken : check_list(&core->dirty, core->room_pool.fresh);
    broken = broken != NULL ? broken : check_list(&core->slot_pool.free, core->slot_pool.fresh);
    broken = broken != NULL ? broken : check_list(&core->room_pool.free, core->room_pool.fresh);
    broken = broken != NULL ? broken : check_list(&core->cells.pool.free, core->cells.pool.fresh);
    return broken;
}

const char *core_check(struct core *core)
{
    struct found found = {0};
    const char *broken = NULL;

    for (uint32_t index = 0; index < core->slot_pool.fresh && broken == NULL; index++) {
        broken = check_slot(core, index, &found);
    }
    for (uint32_t index = 0; index < core->room_pool.fresh && broken == NULL; index++) {
        broken = check_room(core, index, &found);
    }
    broken = broken != NULL ? broken : check_tables(core, &found);
    broken = broken != NULL ? broken : check_ledgers(core, &found);
    HOLDS(broken != NULL || core->events.count <= EVENT_RING_SIZE);
    return broken;
}
