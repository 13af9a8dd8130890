/* SPDX-License-Identifier: MIT */
#include "daemon/core/core_internal.h"

#include "proto/body.h"
#include "proto/limits.h"
#include "proto/record.h"
#include "proto/retained.h"

#include <assert.h>
#include <string.h>

/* A datagram that is proven to be from the slot's client. */
struct arrival {
    struct core *core;
    uint32_t index;
    struct slot *slot;
    const struct path *from;
    struct datagram_head head;
    const uint8_t *body;
    size_t body_size;
    size_t size;
    bool is_highest; /* Its sequence is the highest so far. */
    bool is_on_path; /* It came over the validated path. */
    uint64_t now_ns;
};

static bool path_equal(const struct path *a, const struct path *b)
{
    return a->socket == b->socket && addr_equal(&a->peer, &b->peer);
}

/* Steps 1 to 7 of PROTOCOL 2.2: until here a stranger costs nothing and changes nothing. */
static enum reason authenticate(struct core *core, const uint8_t *bytes, size_t size,
                                struct arrival *arrival)
{
    const enum reason reason =
        datagram_check_up(bytes, size, core->limits.max_datagram, &arrival->head);
    struct slot *slot = NULL;
    enum replay_verdict verdict = REPLAY_SEEN;

    if (reason != REASON_NONE) {
        return reason;
    }
    if (arrival->head.slot >= core->slot_pool.fresh) {
        return REASON_BAD_SLOT;
    }
    slot = &core->slots[arrival->head.slot];
    if (slot->state != SLOT_UNBOUND && slot->state != SLOT_BOUND) {
        return REASON_BAD_SLOT;
    }
    if (slot->tag != arrival->head.slot_tag) {
        return REASON_BAD_SLOT_TAG;
    }
    verdict = replay_check(&slot->replay, arrival->head.sequence);
    if (verdict != REPLAY_HIGHEST && verdict != REPLAY_NEW) {
        return REASON_REPLAYED;
    }
    if (!datagram_tag_fits(bytes, size, slot->key_up)) {
        return REASON_BAD_TAG;
    }
    replay_set(&slot->replay, arrival->head.sequence);
    slot->received++;
    arrival->index = arrival->head.slot;
    arrival->slot = slot;
    arrival->is_highest = verdict == REPLAY_HIGHEST;
    arrival->body = datagram_body(bytes);
    arrival->body_size = datagram_body_size(size);
    return REASON_NONE;
}

/* Whether udp.rebind lets the slot answer on this path. */
static bool is_allowed(const struct arrival *arrival)
{
    const struct slot *slot = arrival->slot;

    if (slot->state == SLOT_UNBOUND) {
        return true;
    }
    switch (arrival->core->limits.rebind) {
    case REBIND_ANY:
        return true;
    case REBIND_PORT:
        return addr_equal_ip(&slot->path.peer, &arrival->from->peer);
    case REBIND_NEVER:
        break;
    }
    return false;
}

/* Whether a challenge may be sent to where this came from; if so, it is counted as sent. */
static bool take_challenge(const struct arrival *arrival)
{
    const struct relay_limits *limits = &arrival->core->limits;
    struct bucket *address = validate_bucket(&arrival->core->validate, &arrival->from->peer);

    if (!bucket_has(address, limits->challenge_address_rate, limits->challenge_address_burst, 1,
                    arrival->now_ns)) {
        return false;
    }
    if (!bucket_take(&arrival->slot->challenges, limits->challenge_session_rate,
                     limits->challenge_session_burst, 1, arrival->now_ns)) {
        return false;
    }
    return bucket_take(address, limits->challenge_address_rate, limits->challenge_address_burst, 1,
                       arrival->now_ns);
}

/* Step 8, for what did not come over the validated path. */
static enum reason meet_new_path(const struct arrival *arrival)
{
    const bool is_bind = arrival->head.type == DATAGRAM_BIND;

    if (arrival->head.type == DATAGRAM_CONFIRM || (!arrival->is_highest && !is_bind)) {
        return REASON_NONE;
    }
    if (!is_allowed(arrival)) {
        return is_bind ? REASON_ADDRESS_REFUSED : REASON_NONE;
    }
    if (!arrival->is_highest) {
        return REASON_NONE;
    }
    if (!take_challenge(arrival)) {
        arrival->core->counters.challenges_withheld++;
        return is_bind ? REASON_CHALLENGE_LIMIT : REASON_NONE;
    }
    arrival->slot->challenge_path = *arrival->from;
    slot_answer(arrival->core, arrival->index, ANSWER_CHALLENGE);
    return REASON_NONE;
}

static enum reason check_path(struct arrival *arrival)
{
    struct slot *slot = arrival->slot;

    arrival->is_on_path = slot->state == SLOT_BOUND && path_equal(&slot->path, arrival->from);
    if (!arrival->is_on_path) {
        return meet_new_path(arrival);
    }
    slot->heard_ns = arrival->now_ns;
    if (arrival->head.sequence > slot->path_sequence) {
        slot->path_sequence = arrival->head.sequence;
    }
    return REASON_NONE;
}

/* Tells the client that one of its own budgets is used up. */
static enum reason over_budget(const struct arrival *arrival, enum reason reason,
                               const struct bucket *bucket, uint32_t rate, uint32_t burst,
                               uint32_t cost)
{
    slot_notice(arrival->core, arrival->index, reason, rate,
                bucket_wait_ns(bucket, rate, burst, cost), arrival->now_ns);
    slot_over_limit(arrival->core, arrival->index, arrival->now_ns);
    return reason;
}

/* Step 9. */
static enum reason check_budgets(const struct arrival *arrival)
{
    const struct relay_limits *limits = &arrival->core->limits;
    struct slot *slot = arrival->slot;
    const uint32_t size = (uint32_t)arrival->size;

    if (!bucket_take(&slot->datagrams, limits->client_datagrams_rate,
                     limits->client_datagrams_burst, 1, arrival->now_ns)) {
        return over_budget(arrival, REASON_CLIENT_DATAGRAMS, &slot->datagrams,
                           limits->client_datagrams_rate, limits->client_datagrams_burst, 1);
    }
    if (!bucket_take(&slot->bytes, limits->client_bytes_rate, limits->client_bytes_burst, size,
                     arrival->now_ns)) {
        return over_budget(arrival, REASON_CLIENT_BYTES, &slot->bytes, limits->client_bytes_rate,
                           limits->client_bytes_burst, size);
    }
    return REASON_NONE;
}

static enum reason act_bind(const struct arrival *arrival)
{
    uint64_t client_time = 0;

    if (!body_bind_read(arrival->body, arrival->body_size, &client_time)) {
        return REASON_MALFORMED;
    }
    if (arrival->is_on_path) {
        /* It has missed our BOUND; this path needs no other proof. */
        slot_answer(arrival->core, arrival->index, ANSWER_BOUND);
    }
    return REASON_NONE;
}

static void use_path(const struct arrival *arrival)
{
    struct slot *slot = arrival->slot;

    slot->path = *arrival->from;
    slot->path_sequence = arrival->head.sequence;
    slot->heard_ns = arrival->now_ns;
    slot_answer(arrival->core, arrival->index, ANSWER_BOUND);
}

/* The first proof of an address: from here on the member receives. */
static void bind_path(const struct arrival *arrival)
{
    struct core *core = arrival->core;
    struct room *room = &core->rooms[arrival->slot->room];

    use_path(arrival);
    slot_bind(core, arrival->index);
    member_set_add(&room->bound, arrival->slot->member);
    outbox_replay(core, arrival->index, true);
    if (room->waiting > 0) {
        room_touch(core, arrival->slot->room, arrival->now_ns);
    }
}

static enum reason move_path(const struct arrival *arrival)
{
    struct core *core = arrival->core;
    struct slot *slot = arrival->slot;
    const uint32_t moves = core->limits.rebind_moves;

    if (arrival->head.sequence <= slot->path_sequence) {
        return REASON_NONE; /* The client has spoken over the present path since. */
    }
    if (!bucket_take(&slot->moves, moves, moves * SLOT_MOVE_COST, SLOT_MOVE_COST,
                     arrival->now_ns)) {
        return REASON_REBIND_LIMIT;
    }
    slot->probe_path = slot->path;
    slot_answer(core, arrival->index, ANSWER_PROBE);
    use_path(arrival);
    core->counters.path_moves++;
    return REASON_NONE;
}

static enum reason act_confirm(const struct arrival *arrival)
{
    struct core *core = arrival->core;
    uint8_t cookie[BODY_COOKIE_SIZE];

    if (!body_confirm_read(arrival->body, arrival->body_size, cookie)) {
        return REASON_MALFORMED;
    }
    if (!arrival->is_on_path && !is_allowed(arrival)) {
        return REASON_ADDRESS_REFUSED;
    }
    if (!validate_cookie_fits(&core->validate, core->limits.cookie_rotate_ns, arrival->from,
                              arrival->index, arrival->slot->tag, arrival->now_ns, cookie)) {
        return REASON_BAD_COOKIE;
    }
    if (arrival->is_on_path) {
        slot_answer(core, arrival->index, ANSWER_BOUND);
        return REASON_NONE;
    }
    if (arrival->slot->state == SLOT_BOUND) {
        return move_path(arrival);
    }
    bind_path(arrival);
    return REASON_NONE;
}

/* Whether the member holds what the last PONG said that it should: each PONG is judged by the first
 * PING that answers it, once. One difference may be a PONG that overtook a state on its way; where
 * two in a row differ, the client has begun its sum anew and is sent everything. */
static void check_digest(const struct arrival *arrival, const struct body_ping *ping)
{
    struct slot *slot = arrival->slot;

    if (slot->digest_told == RETAINED_NOT_TOLD || ping->room_time_us != slot->quality.pong_us) {
        return;
    }
    slot->digests_differ =
        ping->digest == slot->digest_told ? 0 : (uint8_t)(slot->digests_differ + 1);
    slot->digest_told = RETAINED_NOT_TOLD;
    if (slot->digests_differ >= DIGESTS_DIFFER_MAX) {
        slot_repair(arrival->core, arrival->index, arrival->now_ns);
    }
}

/* What the member's path was found to be, and the sums of all of them. */
static void measure_path(const struct arrival *arrival, const struct body_ping *ping)
{
    struct core *core = arrival->core;
    struct slot *slot = arrival->slot;
    struct quality *quality = &slot->quality;
    const struct quality_mark before = quality->last;
    const struct quality_counts counts = {.up_highest = slot->replay.highest,
                                          .up_received = slot->received,
                                          .down_sent = slot->sequence_down};

    if (quality_ping(quality, ping, &counts, room_clock_ns(core, slot->room))) {
        core->counters.rtts[quality_bin(quality->rtt_last_ns, QUALITY_RTT_SHIFT)]++;
        core->counters.jitters[quality_bin(quality->rtt_var_ns, QUALITY_QUEUE_SHIFT)]++;
    }
    core->counters.path_up_sent += quality->last.up_highest - before.up_highest;
    core->counters.path_up_received += quality->last.up_received - before.up_received;
    core->counters.path_down_sent += quality->last.down_highest - before.down_highest;
    core->counters.path_down_received += quality->last.down_received - before.down_received;
}

static enum reason act_ping(const struct arrival *arrival)
{
    struct slot *slot = arrival->slot;
    struct body_ping ping;

    if (!body_ping_read(arrival->body, arrival->body_size, &ping)) {
        return REASON_MALFORMED;
    }
    if (arrival->is_on_path) {
        check_digest(arrival, &ping);
        measure_path(arrival, &ping);
        events_quality(arrival->core, slot->room);
        slot->ping_client_us = ping.client_time_us;
        slot->ping_came_ns = arrival->now_ns;
        slot_answer(arrival->core, arrival->index, ANSWER_PONG);
    }
    return REASON_NONE;
}

/* The members that a record is for. Returns their number, bound or not. */
static unsigned find_receivers(const struct arrival *arrival, const struct record *record,
                               struct receivers *out)
{
    const struct core *core = arrival->core;
    const struct slot *slot = arrival->slot;
    const struct room *room = &core->rooms[slot->room];
    struct member_set to = {{0}};
    unsigned member = MEMBER_NONE;

    if (record->member == MEMBER_ALL) {
        to = room->present;
    } else if (record->member >= MEMBER_GROUP_FIRST && record->member <= MEMBER_GROUP_LAST) {
        to = *room_group(core, slot->room, record->member - MEMBER_GROUP_FIRST);
    } else {
        member = record->member == MEMBER_HOST ? room->host
                                               : room_member(core, slot->room, record->member);
        if (member != MEMBER_NONE) {
            member_set_add(&to, member);
        }
    }
    member_set_remove(&to, slot->member);
    out->bound = member_set_both(&to, &room->bound);
    out->unbound = member_set_count(&to) - member_set_count(&out->bound);
    return member_set_count(&to);
}

static unsigned find_stream(const struct arrival *arrival, uint8_t id)
{
    const uint8_t *ids = arrival->slot->stream_ids;
    const uint8_t *at = memchr(ids, id, arrival->core->limits.streams_per_member);

    return at == NULL ? STREAM_PLACE_NONE : (unsigned)(at - ids);
}

static enum reason limit_record(const struct arrival *arrival, enum reason reason, uint32_t limit,
                                uint64_t wait_ns)
{
    slot_notice(arrival->core, arrival->index, reason, limit, wait_ns, arrival->now_ns);
    return reason;
}

/* Debits the room's budgets before anything is passed on. */
static enum reason check_room_budgets(const struct arrival *arrival, const struct record *record,
                                      const struct receivers *receivers)
{
    const struct relay_limits *limits = &arrival->core->limits;
    struct slot *slot = arrival->slot;
    struct room *room = &arrival->core->rooms[slot->room];
    const struct share_budget counts = {.room = &room->deliveries,
                                        .own = &slot->deliveries,
                                        .rate = limits->room_deliveries_rate,
                                        .burst = limits->room_deliveries_burst};
    const struct share_budget sizes = {.room = &room->bytes,
                                       .own = &slot->delivery_bytes,
                                       .rate = limits->room_bytes_rate,
                                       .burst = limits->room_bytes_burst};
    const uint32_t deliveries = member_set_count(&receivers->bound);
    const uint32_t bytes = deliveries * record->size;

    if (!share_has(&room->share, &counts, deliveries, arrival->now_ns)) {
        return limit_record(arrival, REASON_ROOM_DELIVERIES, counts.rate,
                            share_wait_ns(&room->share, &counts, deliveries));
    }
    if (sizes.rate != 0) {
        if (!share_has(&room->share, &sizes, bytes, arrival->now_ns)) {
            return limit_record(arrival, REASON_ROOM_BYTES, sizes.rate,
                                share_wait_ns(&room->share, &sizes, bytes));
        }
        share_take(&room->share, &sizes, bytes, arrival->now_ns);
    }
    share_take(&room->share, &counts, deliveries, arrival->now_ns);
    return REASON_NONE;
}

static enum reason pass_ordered(const struct arrival *arrival, const struct record *record,
                                const struct receivers *receivers)
{
    struct core *core = arrival->core;
    const bool frees_one = outbox_ring(core, arrival->slot->room)->count == RING_SIZE;
    const enum reason reason = check_room_budgets(arrival, record, receivers);

    if (reason != REASON_NONE) {
        return reason;
    }
    if (!frees_one && !cell_is_left(&core->cells)) {
        return limit_record(arrival, REASON_CELL_POOL, core->limits.cells_max, 0);
    }
    outbox_put_ordered(core, arrival->slot->room, arrival->index, record, receivers);
    return REASON_NONE;
}

static enum reason pass_latest(const struct arrival *arrival, const struct record *record,
                               unsigned position, const struct receivers *receivers)
{
    struct core *core = arrival->core;
    const uint64_t order = arrival->head.sequence * RECORDS_MAX + position;
    struct stream *streams = slot_streams(core, arrival->index);
    unsigned place = find_stream(arrival, record->stream);
    const bool is_new = place == STREAM_PLACE_NONE;
    enum reason reason = REASON_NONE;

    if (is_new) {
        place = slot_stream_place(arrival->core, arrival->index, arrival->now_ns);
    } else if (order <= streams[place].order) {
        return REASON_STALE;
    }
    if (place == STREAM_PLACE_NONE) {
        return limit_record(arrival, REASON_STREAM_LIMIT, core->limits.streams_per_member, 0);
    }
    reason = check_room_budgets(arrival, record, receivers);
    if (reason != REASON_NONE) {
        return reason;
    }
    if (streams[place].cell == CELL_NONE && !cell_is_left(&core->cells)) {
        return limit_record(arrival, REASON_CELL_POOL, core->limits.cells_max, 0);
    }
    arrival->slot->stream_ids[place] = record->stream;
    outbox_put_latest(core, arrival->index, place, record, order, receivers, arrival->now_ns);
    return REASON_NONE;
}

/* One record's outcome: REASON_NONE = admitted. */
static enum reason take_record(const struct arrival *arrival, const struct record *record,
                               unsigned position)
{
    const struct relay_limits *limits = &arrival->core->limits;
    struct bucket *records = &arrival->slot->records;
    struct receivers receivers;

    if (!bucket_take(records, limits->client_records_rate, limits->client_records_burst, 1,
                     arrival->now_ns)) {
        return over_budget(arrival, REASON_CLIENT_RECORDS, records, limits->client_records_rate,
                           limits->client_records_burst, 1);
    }
    if (record_size(RECORD_DOWN, record->is_retained, record->size) + DATAGRAM_OVERHEAD >
        limits->max_datagram) {
        return limit_record(arrival, REASON_RECORD_SIZE, limits->max_datagram, 0);
    }
    /* A retained record has the members that are still to come for receivers. */
    if (find_receivers(arrival, record, &receivers) == 0 && !record->is_retained) {
        return REASON_NO_RECEIVER;
    }
    return record->stream == 0 ? pass_ordered(arrival, record, &receivers)
                               : pass_latest(arrival, record, position, &receivers);
}

static enum reason act_data(const struct arrival *arrival)
{
    struct core *core = arrival->core;
    struct room *room = &core->rooms[arrival->slot->room];
    const int count = record_body_check(RECORD_UP, arrival->body, arrival->body_size);
    struct record_reader reader;
    struct record record;

    if (count < 0) {
        return REASON_MALFORMED;
    }
    core->counters.records_read += (unsigned)count;
    share_mark(&room->share, arrival->slot->member, arrival->now_ns);
    record_reader_init(&reader, RECORD_UP, arrival->body, arrival->body_size);
    for (unsigned position = 0; record_next(&reader, &record); position++) {
        const enum reason reason = take_record(arrival, &record, position);

        if (reason == REASON_NONE) {
            core->counters.records_admitted++;
        } else {
            core_drop(core, reason, 1);
        }
    }
    if (room->waiting > 0) {
        room_touch(core, arrival->slot->room, arrival->now_ns);
    }
    return REASON_NONE;
}

static enum reason act(const struct arrival *arrival)
{
    switch (arrival->head.type) {
    case DATAGRAM_DATA:
        return act_data(arrival);
    case DATAGRAM_BIND:
        return act_bind(arrival);
    case DATAGRAM_CONFIRM:
        return act_confirm(arrival);
    case DATAGRAM_PING:
        return act_ping(arrival);
    case DATAGRAM_CHALLENGE:
    case DATAGRAM_BOUND:
    case DATAGRAM_PONG:
    case DATAGRAM_BYE:
    case DATAGRAM_PROBE:
        break;
    }
    assert(false && "datagram_check_up() lets only types pass that go up");
    return REASON_BAD_TYPE;
}

static enum reason receive(struct arrival *arrival, const uint8_t *bytes)
{
    enum reason reason = authenticate(arrival->core, bytes, arrival->size, arrival);

    if (reason == REASON_NONE) {
        reason = check_path(arrival);
    }
    if (reason == REASON_NONE) {
        reason = check_budgets(arrival);
    }
    return reason == REASON_NONE ? act(arrival) : reason;
}

void core_datagram(struct core *core, const struct path *from, const uint8_t *bytes, size_t size,
                   uint64_t now_ns)
{
    struct arrival arrival = {.core = core, .from = from, .size = size, .now_ns = now_ns};
    enum reason reason = REASON_NONE;

    core->now_ns = now_ns;
    core->counters.datagrams_received++;
    core->counters.bytes_received += size;
    reason = receive(&arrival, bytes);
    if (reason == REASON_NONE) {
        core->counters.datagrams_handled[arrival.head.type]++;
    } else {
        core_drop(core, reason, 1);
    }
}
