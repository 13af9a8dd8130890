/* SPDX-License-Identifier: MIT */
#include "client/client.h"

#include <assert.h>
#include <string.h>

#include "proto/retained.h"

/* docs/PROTOCOL.md 2.3 and 2.4. */
#define BIND_PAUSE_MIN_NS (100 * NS_PER_MS)
#define BIND_PAUSE_MAX_NS (10 * NS_PER_S)
#define SILENCE_NS        (2 * NS_PER_S)
#define PING_PERIOD_NS    NS_PER_S

/* After that long a silence the program is told. */
#define SILENCE_TOLD_NS (5 * NS_PER_S)

/* docs/PROTOCOL.md 2.8. */
#define DIGESTS_DIFFER_MAX 2

static_assert(GSRELAY_DATAGRAM_LIMIT == DATAGRAM_LIMIT_MAX, "one limit");

void udp_queue_put(struct gsrelay_client *client, enum datagram_type type, uint8_t *bytes,
                   size_t body_size)
{
    struct udp *udp = &client->udp;
    struct datagram_head head = {
        .type = type, .slot = udp->slot, .slot_tag = udp->slot_tag, .sequence = udp->sequence + 1};
    struct udp_queued *queued;

    if (udp->sequence == DATAGRAM_SEQUENCE_MAX)
        return;
    udp->sequence++;
    if (udp->queue_count == UDP_QUEUE_SIZE) {
        udp->queue_start = (udp->queue_start + 1) % UDP_QUEUE_SIZE;
        udp->queue_count--;
        client->stats.dropped_output++;
    }
    queued = &udp->queue[(udp->queue_start + udp->queue_count) % UDP_QUEUE_SIZE];
    queued->size = (uint16_t)datagram_seal(&head, udp->key_up, bytes, body_size);
    memcpy(queued->bytes, bytes, queued->size);
    udp->queue_count++;
}

/* Queues a datagram that is not DATA. It counts against the relay's budget like any other, but is
 * never held back by it. */
static void put_fixed(struct gsrelay_client *client, enum datagram_type type, const uint8_t *body,
                      size_t body_size)
{
    uint8_t bytes[BODY_FIXED_SIZE_MAX + DATAGRAM_OVERHEAD];

    memcpy(bytes + DATAGRAM_HEAD_SIZE, body, body_size);
    allowance_take(&client->udp.datagrams, 1);
    allowance_take(&client->udp.bytes, body_size + DATAGRAM_OVERHEAD);
    udp_queue_put(client, type, bytes, body_size);
}

void udp_begin(struct gsrelay_client *client, const struct control_membership *membership)
{
    struct udp *udp = &client->udp;

    /* The queues keep their bytes; only what is counted is cleared. */
    udp->exists = true;
    udp->serial = ++client->udp_serial;
    memcpy(udp->address, membership->address.at, membership->address.size);
    udp->address[membership->address.size] = '\0';
    udp->port = membership->udp_port;
    udp->slot = membership->slot;
    udp->slot_tag = membership->slot_tag;
    memcpy(udp->key_up, membership->key_up, sizeof(udp->key_up));
    memcpy(udp->key_down, membership->key_down, sizeof(udp->key_down));
    udp->max_datagram = membership->max_datagram;
    udp->streams = membership->streams;
    udp->datagrams_s = membership->datagrams_s;
    udp->bytes_s = membership->bytes_s;
    udp->records_s = membership->records_s;
    udp->down_bytes_s = membership->down_bytes_s;

    udp->sequence = 0;
    udp->data_sequence = 0;
    udp->confirmed = 0;
    replay_init(&udp->replay);
    udp->received = 0;
    udp->is_bound = false;
    udp->is_binding = true;
    udp->is_silent = false;
    udp->seen = (struct addr){.family = ADDR_FAMILY_NONE};
    udp->bind_due_ns = client->now_ns;
    udp->bind_pause_ns = BIND_PAUSE_MIN_NS;
    udp->heard_ns = client->now_ns;
    udp->ping_due_ns = TIME_NEVER;
    udp->room_time_us = 0;
    udp->room_time_at_ns = 0;
    udp->digest = RETAINED_NOT_TOLD;
    udp->digests_differ = 0;
    udp->bye_reason = REASON_NONE;
    udp->queue_start = 0;
    udp->queue_count = 0;
    measure_begin(client);
    send_begin(client);
}

void udp_end(struct gsrelay_client *client)
{
    client->udp.exists = false;
    client->udp.is_bound = false;
    client->udp.is_binding = false;
    client->udp.queue_count = 0;
    client->udp.pack.count = 0;
}

/* --- Out ------------------------------------------------------------------------------------- */

static void send_bind(struct gsrelay_client *client)
{
    struct udp *udp = &client->udp;
    uint8_t body[BODY_BIND_SIZE];

    body_bind_write(body, client->now_ns / NS_PER_US);
    put_fixed(client, DATAGRAM_BIND, body, sizeof(body));
    udp->bind_due_ns = client->now_ns + udp->bind_pause_ns;
    udp->bind_pause_ns *= 2;
    if (udp->bind_pause_ns > BIND_PAUSE_MAX_NS)
        udp->bind_pause_ns = BIND_PAUSE_MAX_NS;
}

void udp_ping_send(struct gsrelay_client *client)
{
    struct udp *udp = &client->udp;
    uint64_t delay_us = (client->now_ns - udp->room_time_at_ns) / NS_PER_US;
    struct body_ping ping = {.client_time_us = client->now_ns / NS_PER_US,
                             .room_time_us = udp->room_time_us,
                             .highest = udp->replay.highest,
                             .received = udp->received & DATAGRAM_SEQUENCE_MAX,
                             .digest = udp->digest};
    uint8_t body[BODY_PING_SIZE];

    if (udp->room_time_us != 0)
        ping.delay_us = delay_us > UINT32_MAX ? UINT32_MAX : (uint32_t)delay_us;
    body_ping_write(body, &ping);
    measure_asked(udp, ping.client_time_us);
    put_fixed(client, DATAGRAM_PING, body, sizeof(body));
    if (udp->digests_differ >= DIGESTS_DIFFER_MAX) {
        /* Now the relay sends all of it again. Begun anew, the sum has nothing in it either that
         * the relay has stopped to keep without our hearing of it. */
        room_hold_nothing(client);
        udp->digests_differ = 0;
    }
}

static void begin_binding(struct gsrelay_client *client)
{
    client->udp.is_binding = true;
    client->udp.bind_due_ns = client->now_ns;
    client->udp.bind_pause_ns = BIND_PAUSE_MIN_NS;
}

static void tell_silence(struct gsrelay_client *client)
{
    struct gsrelay_event event = {.type = GSRELAY_EVENT_UDP_SILENT,
                                  .time_ms = (uint32_t)(SILENCE_TOLD_NS / NS_PER_MS)};

    if (!client_events_have_room_for_one(client))
        return;
    client->udp.is_silent = true;
    client_event_push(client, &event, NULL, 0);
}

void udp_run(struct gsrelay_client *client)
{
    struct udp *udp = &client->udp;
    uint64_t now_ns = client->now_ns;

    if (!udp->exists)
        return;
    if (!udp->is_binding && now_ns - udp->heard_ns >= SILENCE_NS)
        begin_binding(client);
    if (udp->is_binding && now_ns >= udp->bind_due_ns)
        send_bind(client);
    if (now_ns >= udp->ping_due_ns) {
        udp_ping_send(client);
        udp->ping_due_ns = now_ns + PING_PERIOD_NS;
    }
    if (!udp->is_silent && now_ns - udp->heard_ns >= SILENCE_TOLD_NS)
        tell_silence(client);
}

uint64_t udp_deadline(const struct gsrelay_client *client)
{
    const struct udp *udp = &client->udp;
    uint64_t deadline_ns = udp->ping_due_ns;
    uint64_t bind_ns = udp->is_binding ? udp->bind_due_ns : udp->heard_ns + SILENCE_NS;

    if (!udp->exists)
        return TIME_NEVER;
    if (bind_ns < deadline_ns)
        deadline_ns = bind_ns;
    if (!udp->is_silent && udp->heard_ns + SILENCE_TOLD_NS < deadline_ns &&
        client_events_have_room_for_one(client))
        deadline_ns = udp->heard_ns + SILENCE_TOLD_NS;
    return deadline_ns;
}

size_t gsrelay_io_udp_output(struct gsrelay_client *client, void *out, size_t capacity)
{
    struct udp *udp = &client->udp;
    const struct udp_queued *queued = &udp->queue[udp->queue_start];

    if (!udp->exists || udp->queue_count == 0 || capacity < queued->size)
        return 0;
    memcpy(out, queued->bytes, queued->size);
    udp->queue_count--;
    /* An empty queue begins anew, so that one that is emptied often touches little memory. */
    udp->queue_start = udp->queue_count == 0 ? 0 : (udp->queue_start + 1) % UDP_QUEUE_SIZE;
    client->stats.datagrams_sent++;
    client->stats.bytes_sent += queued->size;
    return queued->size;
}

int gsrelay_io_udp_peer(const struct gsrelay_client *client, struct gsrelay_udp_peer *out)
{
    if (!client->udp.exists)
        return GSRELAY_WRONG_STATE;
    *out = (struct gsrelay_udp_peer){
        .serial = client->udp.serial, .port = client->udp.port, .slot = client->udp.slot};
    memcpy(out->address, client->udp.address, sizeof(out->address));
    return GSRELAY_OK;
}

void gsrelay_io_udp_rebind(struct gsrelay_client *client, uint64_t now_ns)
{
    client_time_set(client, now_ns);
    if (client->udp.exists)
        begin_binding(client);
}

uint32_t gsrelay_io_udp_slot(const void *bytes, size_t size)
{
    const uint8_t *head = bytes;

    /* docs/PROTOCOL.md 2.1: the slot stands behind the first byte. */
    if (size < DATAGRAM_OVERHEAD)
        return GSRELAY_SLOT_NONE;
    return (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
}

/* --- In -------------------------------------------------------------------------------------- */

/* True for the newest of its stream; stream 0 takes all. */
static bool is_newest(struct gsrelay_client *client, struct member *member, uint8_t stream,
                      uint64_t order)
{
    struct cell *cell;

    if (stream == 0)
        return true;
    cell = room_cell(&client->room, member, stream);
    if (order < cell->newest)
        return false;
    cell->newest = order;
    return true;
}

/* Nobody has taken it in time. A retained one is sent again when the digests show that it lacks. */
static void drop_oldest(struct gsrelay_client *client)
{
    struct gsrelay_event event;

    event_ring_pop(&client->states, &event);
    client->stats.dropped_full++;
    if ((event.flags & GSRELAY_EVENT_RETAINED) != 0)
        room_lose(&client->room, event.member, event.stream,
                  retained_hash(event.member, event.stream, event.bytes, event.size));
}

/* What the relay should know that we hold. */
static void hold(struct gsrelay_client *client, struct member *member, const struct record *record)
{
    uint64_t hash = 0;

    if (record->is_retained)
        hash = retained_hash(record->member, record->stream, record->payload, record->size);
    if (record->stream != 0)
        room_hold(&client->room, member, record->stream, hash);
}

static void push_state(struct gsrelay_client *client, const struct record *record)
{
    struct gsrelay_event event = {.type = GSRELAY_EVENT_STATE,
                                  .flags = record->is_retained ? GSRELAY_EVENT_RETAINED : 0,
                                  .age_ms = record->age_ms,
                                  .member = record->member,
                                  .stream = record->stream};

    while (event_ring_left(&client->states) < EVENT_ENTRY_SIZE(record->size))
        drop_oldest(client);
    event_ring_push(&client->states, ++client->event_serial, &event, record->payload, record->size);
    client->stats.states_received++;
}

static void take_data(struct gsrelay_client *client, const uint8_t *body, size_t size,
                      uint64_t sequence)
{
    struct record_reader reader;
    struct record record;
    uint64_t position = 0;

    if (record_body_check(RECORD_DOWN, body, size) < 0) {
        client->stats.datagrams_malformed++;
        return;
    }
    record_reader_init(&reader, RECORD_DOWN, body, size);
    while (record_next(&reader, &record)) {
        uint64_t order = sequence << 8 | ++position;
        struct member *member;

        if (record.member == client->room.own) {
            client->stats.dropped_own++;
            continue;
        }
        member = room_member_heard(client, record.member);
        if (member == NULL)
            client->stats.dropped_left++;
        else if (!is_newest(client, member, record.stream, order))
            client->stats.dropped_stale++;
        else {
            push_state(client, &record);
            hold(client, member, &record);
        }
    }
}

static void take_challenge(struct gsrelay_client *client, const uint8_t *body, size_t size)
{
    uint8_t cookie[BODY_COOKIE_SIZE];
    uint8_t answer[BODY_CONFIRM_SIZE];

    if (!body_challenge_read(body, size, cookie)) {
        client->stats.datagrams_malformed++;
        return;
    }
    body_confirm_write(answer, cookie);
    put_fixed(client, DATAGRAM_CONFIRM, answer, sizeof(answer));
}

static void take_bound(struct gsrelay_client *client, const uint8_t *body, size_t size)
{
    struct udp *udp = &client->udp;
    struct gsrelay_event event = {.type = GSRELAY_EVENT_UDP_BOUND};
    struct addr seen;
    char text[ADDR_TEXT_SIZE];
    bool is_news;

    if (!body_bound_read(body, size, &seen)) {
        client->stats.datagrams_malformed++;
        return;
    }
    is_news = !udp->is_bound || udp->is_silent || !addr_equal(&seen, &udp->seen);
    /* News that cannot be told yet come again: BIND goes on until then. */
    if (is_news && !client_events_have_room_for_one(client))
        return;
    udp->is_binding = false;
    if (!udp->is_bound) {
        udp->is_bound = true;
        /* The first one at once: it measures the way before the game needs the figure. */
        udp->ping_due_ns = client->now_ns;
    }
    if (!is_news)
        return;
    udp->is_silent = false;
    udp->seen = seen;
    client_event_push(client, &event, text, addr_print(&seen, text));
}

/* The relay sees the same: the next PING tells it what we held just now. */
static void compare_digest(struct gsrelay_client *client, uint64_t told)
{
    struct udp *udp = &client->udp;

    udp->digest = client->room.held_sum;
    if (told != RETAINED_NOT_TOLD)
        udp->digests_differ = told == udp->digest ? 0 : udp->digests_differ + 1;
}

static void take_pong(struct gsrelay_client *client, const uint8_t *body, size_t size)
{
    struct udp *udp = &client->udp;
    struct body_ping pong;

    if (!body_ping_read(body, size, &pong)) {
        client->stats.datagrams_malformed++;
        return;
    }
    udp->room_time_us = pong.room_time_us;
    udp->room_time_at_ns = client->now_ns;
    if (pong.highest <= udp->sequence && pong.highest > udp->confirmed)
        udp->confirmed = pong.highest;
    compare_digest(client, pong.digest);
    measure_answered(client, &pong);
}

static void take_bye(struct gsrelay_client *client, const uint8_t *body, size_t size)
{
    unsigned reason = REASON_NONE;

    /* The control connection says what it means for the room; this only explains it if that
     * connection is down at the moment. */
    if (body_bye_read(body, size, &reason))
        client->udp.bye_reason = reason;
    else
        client->stats.datagrams_malformed++;
}

static void take_body(struct gsrelay_client *client, const struct datagram_head *head,
                      const uint8_t *body, size_t size)
{
    switch (head->type) {
    case DATAGRAM_DATA:
        take_data(client, body, size, head->sequence);
        break;
    case DATAGRAM_CHALLENGE:
        take_challenge(client, body, size);
        break;
    case DATAGRAM_BOUND:
        take_bound(client, body, size);
        break;
    case DATAGRAM_PONG:
        take_pong(client, body, size);
        break;
    case DATAGRAM_BYE:
        take_bye(client, body, size);
        break;
    case DATAGRAM_PROBE:
        udp_ping_send(client);
        break;
    case DATAGRAM_BIND:
    case DATAGRAM_CONFIRM:
    case DATAGRAM_PING:
        /* datagram_check_down() lets none of these pass. */
        break;
    }
}

void gsrelay_io_udp_input(struct gsrelay_client *client, uint64_t now_ns, const void *bytes,
                          size_t size)
{
    struct udp *udp = &client->udp;
    struct gsrelay_stats *stats = &client->stats;
    struct datagram_head head;
    enum replay_verdict verdict;

    client_time_set(client, now_ns);
    if (!udp->exists || datagram_check_down(bytes, size, udp->max_datagram, &head) != REASON_NONE ||
        head.slot != udp->slot || head.slot_tag != udp->slot_tag) {
        stats->datagrams_not_ours++;
        return;
    }
    verdict = replay_check(&udp->replay, head.sequence);
    if (verdict == REPLAY_SEEN || verdict == REPLAY_OLD) {
        stats->datagrams_replayed++;
        return;
    }
    if (!datagram_tag_fits(bytes, size, udp->key_down)) {
        stats->datagrams_not_ours++;
        return;
    }
    replay_set(&udp->replay, head.sequence);
    udp->received++;
    udp->heard_ns = client->now_ns;
    stats->datagrams_received++;
    stats->bytes_received += size;
    take_body(client, &head, datagram_body(bytes), datagram_body_size(size));
}
