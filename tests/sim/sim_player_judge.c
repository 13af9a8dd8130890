/* SPDX-License-Identifier: MIT */
#include "sim_player.h"

#include <string.h>

#define HOLDS(condition) SIM_HOLDS(player->players->judge, condition)

uint32_t sim_room_hash(const char *code)
{
    uint32_t hash = 2166136261;

    for (; *code != '\0'; code++) {
        hash = (hash ^ (uint8_t)*code) * 16777619;
    }
    return hash;
}

static void leave_room(struct sim_player *player)
{
    player->membership = 0;
    player->others = 0;
    player->is_leaving = false;
    player->waits_for_blob = false;
}

static void answered(struct sim_player *player, const struct gsrelay_event *event)
{
    if (event->request == 0) {
        return; /* The library's own joining again. */
    }
    if (event->request == player->blob_request && event->type == GSRELAY_EVENT_REQUEST_DONE) {
        struct sim_blob *left = &player->players->blobs.blobs[player->blob_number - 1];

        HOLDS(left->is_by_host);
        left->is_done = true;
    }
    for (uint32_t i = 0; i < player->request_count; i++) {
        if (player->requests[i] == event->request) {
            player->requests[i] = player->requests[--player->request_count];
            return;
        }
    }
    sim_judge_fail(player->players->judge,
                   "player %u: an answer to request %u, which waits for none", player->index,
                   event->request);
}

static uint32_t find_room_clock(struct sim_players *players, uint32_t room)
{
    const uint32_t known =
        players->clock_count < SIM_ROOMS_MAX ? players->clock_count : SIM_ROOMS_MAX;

    for (uint32_t i = 0; i < known; i++) {
        if (players->clocks[i].room == room) {
            return i;
        }
    }
    players->clocks[players->clock_count % SIM_ROOMS_MAX] =
        (struct sim_room_clock){.room = room, .earliest_ns = INT64_MIN, .latest_ns = INT64_MAX};
    return players->clock_count++ % SIM_ROOMS_MAX;
}

/* Two readings contradict each other where they differ by more than their errors together; all that
 * were ever taken have to leave one moment at which the room can have been made. */
void sim_player_read_clock(struct sim_player *player, uint64_t now_ns)
{
    struct sim_room_clock *clock = &player->players->clocks[player->room_clock];
    struct gsrelay_room_time time;
    int64_t made_ns;
    int64_t error_ns;

    if (clock->room != player->room ||
        gsrelay_io_room_time(player->client, sim_player_time(player, now_ns), &time) !=
            GSRELAY_OK) {
        return;
    }
    HOLDS(time.time_us >= player->room_time_us);
    player->room_time_us = time.time_us;
    made_ns = (int64_t)now_ns - (int64_t)(time.time_us * 1000);
    error_ns = (int64_t)time.error_us * 1000;
    if (made_ns - error_ns > clock->earliest_ns) {
        clock->earliest_ns = made_ns - error_ns;
    }
    if (made_ns + error_ns < clock->latest_ns) {
        clock->latest_ns = made_ns + error_ns;
    }
    HOLDS(clock->earliest_ns <= clock->latest_ns);
}

static void joined_room(struct sim_player *player, const struct gsrelay_event *event)
{
    struct sim_players *players = player->players;

    HOLDS(player->membership == 0);
    HOLDS(players->membership_count + 1 < SIM_MEMBERSHIPS_MAX);
    if (players->membership_count + 1 < SIM_MEMBERSHIPS_MAX) {
        players->membership_count++;
    }
    leave_room(player);
    player->membership = players->membership_count;
    player->room = sim_room_hash(event->code);
    player->room_clock = find_room_clock(players, player->room);
    player->room_time_us = 0;
    player->member = event->member;
    player->host = event->host;
    player->host_epoch = event->host_epoch;
    memset(player->numbers, 0, sizeof(player->numbers));
    player->heard_count = 0;
    players->memberships[player->membership] = (struct sim_membership){
        .room = player->room, .player = player->index, .member = event->member};
    if (event->host == event->member) {
        memcpy(players->codes[players->code_count % SIM_CODES_MAX], event->code,
               sizeof(players->codes[0]));
        players->code_count++;
    }
}

static bool knows(const struct sim_player *player, uint16_t member)
{
    for (uint32_t i = 0; i < player->others; i++) {
        if (player->ids[i] == member) {
            return true;
        }
    }
    return false;
}

static void member_joined(struct sim_player *player, uint16_t member)
{
    HOLDS(player->membership != 0 && member != player->member && !knows(player, member));
    HOLDS(player->others < SIM_PLAYERS_MAX);
    if (player->others < SIM_PLAYERS_MAX) {
        player->ids[player->others++] = member;
    }
}

static void member_left(struct sim_player *player, uint16_t member)
{
    HOLDS(player->membership != 0 && knows(player, member));
    for (uint32_t i = 0; i < player->others; i++) {
        if (player->ids[i] == member) {
            player->others--;
            memmove(&player->ids[i], &player->ids[i + 1],
                    (player->others - i) * sizeof(player->ids[0]));
            return;
        }
    }
}

static void host_changed(struct sim_player *player, const struct gsrelay_event *event)
{
    HOLDS(player->membership != 0);
    HOLDS(event->host_epoch > player->host_epoch);
    HOLDS(event->host == 0 || event->host == player->member || knows(player, event->host));
    player->host = event->host;
    player->host_epoch = event->host_epoch;
    player->waits_for_blob = event->host == player->member;
}

static struct sim_heard *find_heard(const struct sim_player *player, uint32_t membership)
{
    for (uint32_t i = 0; i < player->heard_count; i++) {
        if (player->heard[i].membership == membership) {
            return (struct sim_heard *)&player->heard[i];
        }
    }
    return NULL;
}

/* Datagrams overtake each other, so states of stream 0 may come late, but not twice. */
static void check_once(struct sim_player *player, struct sim_heard *heard, uint32_t number)
{
    uint32_t *highest = &heard->numbers[SIM_STREAM_EACH];

    if (number > *highest) {
        const uint32_t step = number - *highest;

        heard->seen = (step < 64 ? heard->seen << step : 0) | 1;
        *highest = number;
    } else if (*highest - number < 64) {
        const uint64_t bit = UINT64_C(1) << (*highest - number);

        HOLDS((heard->seen & bit) == 0);
        heard->seen |= bit;
    }
}

static void check_order(struct sim_player *player, const struct gsrelay_event *event,
                        const struct sim_message *message)
{
    struct sim_heard *heard = find_heard(player, message->membership);
    uint32_t *last;

    if (heard == NULL) {
        HOLDS(player->heard_count < SIM_HEARD_MAX);
        player->heard_count -= player->heard_count == SIM_HEARD_MAX;
        heard = &player->heard[player->heard_count++];
        *heard = (struct sim_heard){.membership = message->membership};
    }
    last = &heard->numbers[message->stream];
    if (message->stream == SIM_STREAM_EACH) {
        check_once(player, heard, message->number);
        return;
    }
    if ((event->flags & GSRELAY_EVENT_RETAINED) != 0) {
        /* What is kept may be given again. */
        HOLDS(message->number >= *last);
    } else {
        HOLDS(message->number > *last);
    }
    *last = message->number;
}

static void state(struct sim_player *player, const struct gsrelay_event *event)
{
    const struct sim_players *players = player->players;
    const struct sim_membership *sender;
    struct sim_message message;

    HOLDS(player->membership != 0);
    if (!sim_message_read(event->bytes, event->size, &message) ||
        message.membership > players->membership_count || message.player >= SIM_PLAYERS_MAX ||
        message.stream >= SIM_STREAMS) {
        sim_judge_fail(players->judge, "player %u got a state that nobody sent", player->index);
        return;
    }
    sender = &players->memberships[message.membership];
    HOLDS(message.room == player->room && sender->room == player->room);
    HOLDS(sender->player == message.player && sender->member == event->member);
    HOLDS(message.player != player->index || event->member != player->member);
    HOLDS(message.stream == event->stream);
    HOLDS(message.is_retained == ((event->flags & GSRELAY_EVENT_RETAINED) != 0));
    HOLDS(message.to >= 0xFF00 || message.to == player->member);
    HOLDS(knows(player, event->member));
    check_order(player, event, &message);
}

/* What comes after the program has looked away may have been replaced by the next already. */
static bool is_last_heard(const struct sim_player *player)
{
    struct gsrelay_room room;

    return gsrelay_get_room(player->client, &room) == GSRELAY_OK &&
           room.host_epoch == player->host_epoch && room.member == player->member;
}

static void blob(struct sim_player *player, const struct gsrelay_event *event)
{
    static uint8_t bytes[SIM_BLOB_BYTES];
    const size_t size = gsrelay_get_blob(player->client, bytes, sizeof(bytes));
    const char *wrong;

    player->waits_for_blob = false;
    HOLDS(player->membership != 0 && player->host == player->member);
    HOLDS(event->reason == GSRELAY_REASON_NONE && event->blob_bytes <= SIM_BLOB_BYTES);
    if (!is_last_heard(player) || size != event->blob_bytes) {
        return;
    }
    wrong = sim_blob_judge(&player->players->blobs, player->room, player->host_epoch, bytes, size);
    if (wrong != NULL) {
        sim_judge_fail(player->players->judge, "player %u, host in epoch %u, gets as blob %s",
                       player->index, player->host_epoch, wrong);
    }
}

static void hear(struct sim_player *player, const struct gsrelay_event *event)
{
    switch ((enum gsrelay_event_type)event->type) {
    case GSRELAY_EVENT_REQUEST_DONE:
    case GSRELAY_EVENT_REQUEST_FAILED:
        answered(player, event);
        player->is_leaving = false;
        break;
    case GSRELAY_EVENT_ROOM_JOINED:
        answered(player, event);
        joined_room(player, event);
        break;
    case GSRELAY_EVENT_ROOM_LEFT:
        answered(player, event);
        leave_room(player);
        break;
    case GSRELAY_EVENT_DISCONNECTED:
        player->request_count = 0;
        leave_room(player);
        break;
    case GSRELAY_EVENT_SESSION_LOST:
        leave_room(player);
        break;
    case GSRELAY_EVENT_MEMBER_JOINED:
        member_joined(player, event->member);
        break;
    case GSRELAY_EVENT_MEMBER_LEFT:
        member_left(player, event->member);
        break;
    case GSRELAY_EVENT_HOST_CHANGED:
        host_changed(player, event);
        break;
    case GSRELAY_EVENT_STATE:
        state(player, event);
        break;
    case GSRELAY_EVENT_BLOB:
        blob(player, event);
        break;
    case GSRELAY_EVENT_NONE:
    case GSRELAY_EVENT_CONNECTED:
    case GSRELAY_EVENT_ATTEMPT_FAILED:
    case GSRELAY_EVENT_CONNECTION_LOST:
    case GSRELAY_EVENT_RESUMED:
    case GSRELAY_EVENT_DRAINING:
    case GSRELAY_EVENT_METADATA:
    case GSRELAY_EVENT_LOCK:
    case GSRELAY_EVENT_NOTICE:
    case GSRELAY_EVENT_UDP_BOUND:
    case GSRELAY_EVENT_UDP_SILENT:
    case GSRELAY_EVENT_QUALITY:
        break;
    }
}

void sim_player_listen(struct sim_player *player, uint64_t now_ns)
{
    struct sim_judge *judge = player->players->judge;
    struct gsrelay_event event;

    if (now_ns < player->listen_ns) {
        return;
    }
    while (!judge->is_broken && gsrelay_next_event(player->client, &event) == 1) {
        sim_judge_trace_u64(judge, (uint64_t)player->index << 32 | event.type << 16 | event.member);
        sim_judge_trace_u64(judge, (uint64_t)event.reason << 32 | event.size);
        sim_judge_tell(
            judge,
            "player %u: event %u, request %u, reason %u, member %u, stream %u, flags %u, "
            "host %u, epoch %u, size %u",
            player->index, event.type, event.request, event.reason, event.member, event.stream,
            event.flags, event.host, event.host_epoch, event.size);
        hear(player, &event);
    }
}

/* The own id and those of the others, sorted: both see the same set. */
static bool is_same_set(const struct sim_player *a, const struct sim_player *b)
{
    if (a->others != b->others || !knows(a, b->member) || !knows(b, a->member)) {
        return false;
    }
    for (uint32_t i = 0; i < a->others; i++) {
        if (a->ids[i] != b->member && !knows(b, a->ids[i])) {
            return false;
        }
    }
    return true;
}

void sim_player_compare(const struct sim_player *a, const struct sim_player *b)
{
    if (a->membership == 0 || b->membership == 0 || a->room != b->room) {
        return;
    }
    if (!is_same_set(a, b) || a->host != b->host || a->host_epoch != b->host_epoch) {
        sim_judge_fail(a->players->judge,
                       "in the calm, players %u (member %u) and %u (member %u) see other rooms: "
                       "%u and %u others, hosts %u and %u, epochs %u and %u",
                       a->index, a->member, b->index, b->member, a->others, b->others, a->host,
                       b->host, a->host_epoch, b->host_epoch);
    }
}

/* In the calm everybody has a control connection: each room has a host. */
void sim_player_judge_host(const struct sim_player *player)
{
    HOLDS(player->membership == 0 || player->host != 0);
}

static uint32_t newest_of(const struct sim_player *player, uint32_t membership)
{
    const struct sim_heard *heard = find_heard(player, membership);

    return heard == NULL ? 0 : heard->numbers[SIM_STREAM_RETAINED];
}

void sim_player_compare_states(const struct sim_player *a, const struct sim_player *b,
                               const struct sim_player *sender)
{
    const uint32_t number = newest_of(a, sender->membership);
    const uint32_t other = newest_of(b, sender->membership);

    if (a->membership == 0 || a->room != b->room || a->room != sender->room || b->membership == 0 ||
        sender->membership == 0) {
        return;
    }
    if (number != other) {
        sim_judge_fail(a->players->judge,
                       "in the calm, player %u holds state %u of player %u, and player %u holds %u",
                       a->index, number, sender->index, b->index, other);
    }
}
