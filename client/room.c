/* SPDX-License-Identifier: MIT */
#include "client/client.h"

#include <assert.h>
#include <string.h>

static_assert(GSRELAY_MEMBERS_LIMIT == ROOM_MEMBERS_MAX, "one limit");
static_assert(GSRELAY_METADATA_MAX == ROOM_METADATA_SIZE_MAX, "one limit");
static_assert((unsigned)GSRELAY_ELECT_LOWEST_RTT == ELECTION_LOWEST_RTT &&
                  (unsigned)GSRELAY_ELECT_HEIR == ELECTION_HEIR,
              "one list of rules");
static_assert(GSRELAY_TO_GROUP(0) == MEMBER_GROUP_FIRST &&
                  GSRELAY_TO_GROUP(GSRELAY_GROUPS - 1) == MEMBER_GROUP_LAST,
              "one range of groups");

/* --- Members --------------------------------------------------------------------------------- */

static struct member *find_member(struct room *room, uint16_t id)
{
    for (size_t i = 0; i < room->member_count; i++) {
        if (room->members[i].id == id)
            return &room->members[i];
    }
    return NULL;
}

static bool has_left(const struct room *room, uint16_t id)
{
    for (size_t i = 0; i < LEFT_MEMORY; i++) {
        if (room->left[i] == id)
            return true;
    }
    return false;
}

static void forget_left(struct room *room, uint16_t id)
{
    for (size_t i = 0; i < LEFT_MEMORY; i++) {
        if (room->left[i] == id)
            room->left[i] = CONTROL_MEMBER_NONE;
    }
}

struct cell *room_cell(struct room *room, struct member *member, uint8_t stream)
{
    struct cell *cell = &room->cells[stream * room->row_count + member->row];
    uint64_t *streams = &member->streams[stream / 64];
    const uint64_t bit = UINT64_C(1) << stream % 64;

    if ((*streams & bit) == 0)
        *cell = (struct cell){0};
    *streams |= bit;
    return cell;
}

static bool has_cell(const struct member *member, unsigned stream)
{
    return (member->streams[stream / 64] >> stream % 64 & 1) != 0;
}

void room_hold(struct room *room, struct member *member, uint8_t stream, uint64_t hash)
{
    struct cell *cell = room_cell(room, member, stream);

    room->held_sum += hash - cell->held;
    cell->held = hash;
}

/* Of this member nothing counts as held any more. */
static void hold_none_of(struct room *room, struct member *member)
{
    for (unsigned stream = 0; stream < STREAM_COUNT; stream++) {
        if (has_cell(member, stream))
            room_hold(room, member, (uint8_t)stream, 0);
    }
}

void room_hold_nothing(struct gsrelay_client *client)
{
    for (size_t i = 0; i < client->room.member_count; i++)
        hold_none_of(&client->room, &client->room.members[i]);
}

void room_lose(struct room *room, uint16_t id, uint8_t stream, uint64_t hash)
{
    struct member *member = find_member(room, id);

    if (member != NULL && room_cell(room, member, stream)->held == hash)
        room_hold(room, member, stream, 0);
}

static struct member *add_member(struct room *room, uint16_t id)
{
    struct member *member;

    if (room->free_row_count == 0)
        return NULL;
    member = &room->members[room->member_count++];
    *member = (struct member){.id = id, .row = room->free_rows[--room->free_row_count]};
    return member;
}

/* Moves a member forward to an index. */
static void move_member(struct room *room, struct member *member, size_t to)
{
    struct member moved = *member;

    memmove(&room->members[to + 1], &room->members[to],
            (size_t)(member - &room->members[to]) * sizeof(moved));
    room->members[to] = moved;
}

static void tell_joined(struct gsrelay_client *client, uint16_t id, uint32_t flags)
{
    struct gsrelay_event event = {
        .type = GSRELAY_EVENT_MEMBER_JOINED, .flags = flags, .member = id};

    client_event_push(client, &event, NULL, 0);
}

void room_member_joined(struct gsrelay_client *client, uint16_t id)
{
    struct room *room = &client->room;
    struct member *member = find_member(room, id);
    size_t official = 0;

    forget_left(room, id);
    if (member != NULL && !member->is_unofficial)
        return;
    if (member == NULL) {
        member = add_member(room, id);
        if (member == NULL)
            return;
        tell_joined(client, id, 0);
    }
    /* The relay announces in the order of joining; whoever was only heard stands behind. */
    member->is_unofficial = true;
    while (!room->members[official].is_unofficial)
        official++;
    member->is_unofficial = false;
    move_member(room, member, official);
}

void room_member_left(struct gsrelay_client *client, uint16_t id, uint32_t reason)
{
    struct gsrelay_event event = {
        .type = GSRELAY_EVENT_MEMBER_LEFT, .reason = reason, .member = id};
    struct room *room = &client->room;
    struct member *member = find_member(room, id);
    size_t index;

    if (id == room->own)
        return;
    forget_left(room, id);
    room->left[room->left_next] = id;
    room->left_next = (room->left_next + 1) % LEFT_MEMORY;
    if (member == NULL)
        return;
    index = (size_t)(member - room->members);
    hold_none_of(room, member);
    room->free_rows[room->free_row_count++] = member->row;
    memmove(member, member + 1, (room->member_count - index - 1) * sizeof(*member));
    room->member_count--;
    client_event_push(client, &event, NULL, 0);
}

/* Somebody of whom the relay has not told us yet. */
static struct member *meet(struct gsrelay_client *client, uint16_t id)
{
    struct member *member = add_member(&client->room, id);

    if (member != NULL) {
        member->is_unofficial = true;
        tell_joined(client, id, 0);
    }
    return member;
}

/* States and announcements travel by different roads: a member may be heard before it is announced,
 * and after it has left. */
struct member *room_member_heard(struct gsrelay_client *client, uint16_t id)
{
    struct room *room = &client->room;
    struct member *member = find_member(room, id);

    if (member != NULL)
        return member;
    if (has_left(room, id) || !client_events_have_room_for_one(client))
        return NULL;
    return meet(client, id);
}

void room_make_official(struct gsrelay_client *client)
{
    for (size_t i = 0; i < client->room.member_count; i++)
        client->room.members[i].is_unofficial = false;
}

/* --- Entering and leaving -------------------------------------------------------------------- */

static bool is_member_id(uint16_t id)
{
    return id >= MEMBER_FIRST && id <= MEMBER_LAST;
}

static bool lists(const struct control_membership *membership, uint16_t id)
{
    for (size_t i = 0; i < membership->member_count; i++) {
        if (membership->members[i] == id)
            return true;
    }
    return false;
}

bool room_is_sound(const struct control_membership *membership)
{
    struct addr address;

    for (size_t i = 0; i < membership->member_count; i++) {
        if (!is_member_id(membership->members[i]))
            return false;
    }
    if (membership->address.size >= GSRELAY_ADDRESS_SIZE ||
        (membership->address.size > 0 &&
         addr_parse((const char *)membership->address.at, membership->address.size, &address) < 0))
        return false;
    return is_member_id(membership->member) && lists(membership, membership->member) &&
           membership->code.size > 0 && membership->code.size < GSRELAY_CODE_SIZE &&
           join_code_is_canonical((const char *)membership->code.at, membership->code.size) &&
           membership->udp_port != 0 && membership->max_datagram >= DATAGRAM_LIMIT_MIN &&
           membership->max_datagram <= DATAGRAM_LIMIT_MAX;
}

static void set_room(struct gsrelay_client *client, const struct control_membership *membership)
{
    struct room *room = &client->room;

    room->exists = true;
    memset(room->code, 0, sizeof(room->code));
    memcpy(room->code, membership->code.at, membership->code.size);
    room->own = membership->member;
    room->host = membership->host;
    room->host_epoch = membership->host_epoch;
    room->election = membership->election;
    room->tick_us = membership->tick_us;
    room->members_max = membership->members_max;
    room->is_locked = (membership->room_flags & ROOM_LOCKED) != 0;
    room->metadata_size = membership->metadata.size;
    memcpy(room->metadata, membership->metadata.at, membership->metadata.size);

    room->member_count = 0;
    room->free_row_count = client->options.members_max;
    for (size_t i = 0; i < room->free_row_count; i++)
        room->free_rows[i] = (uint16_t)i;
    room->held_sum = 0;
    memset(room->left, 0, sizeof(room->left));
    room->left_next = 0;
    for (size_t i = 0; i < membership->member_count; i++) {
        if (find_member(room, membership->members[i]) == NULL)
            (void)add_member(room, membership->members[i]);
    }
}

void room_enter(struct gsrelay_client *client, const struct control_membership *membership,
                uint32_t request)
{
    struct room *room = &client->room;
    struct gsrelay_event event = {.type = GSRELAY_EVENT_ROOM_JOINED, .request = request};

    if (room->exists)
        room_leave(client, 0, REASON_NONE);
    set_room(client, membership);
    udp_begin(client, membership);
    event.member = room->own;
    event.host = room->host;
    event.host_epoch = room->host_epoch;
    event.flags = room->is_locked ? GSRELAY_EVENT_LOCKED : 0;
    memcpy(event.code, room->code, sizeof(event.code));
    client_event_push(client, &event, room->metadata, room->metadata_size);
    for (size_t i = 0; i < room->member_count; i++) {
        if (room->members[i].id != room->own)
            tell_joined(client, room->members[i].id, GSRELAY_EVENT_PRESENT);
    }
}

void room_forget(struct gsrelay_client *client)
{
    blob_forget(client);
    client->room.exists = false;
    client->room.member_count = 0;
}

void room_leave(struct gsrelay_client *client, uint32_t request, uint32_t reason)
{
    struct gsrelay_event event = {
        .type = GSRELAY_EVENT_ROOM_LEFT, .request = request, .reason = reason};

    room_forget(client);
    udp_end(client);
    client_event_push(client, &event, NULL, 0);
}

/* --- Changes --------------------------------------------------------------------------------- */

const struct member *room_member_find(const struct gsrelay_client *client, uint16_t id)
{
    for (size_t i = 0; i < client->room.member_count; i++) {
        if (client->room.members[i].id == id)
            return &client->room.members[i];
    }
    return NULL;
}

void room_quality_set(struct gsrelay_client *client, const struct control_qualities *qualities)
{
    struct gsrelay_event event = {.type = GSRELAY_EVENT_QUALITY};

    for (unsigned i = 0; i < qualities->count; i++) {
        const struct control_quality *quality = &qualities->at[i];
        struct member *member = find_member(&client->room, quality->member);

        if (member != NULL)
            member->quality = (struct gsrelay_quality){.rtt_us = quality->rtt_us,
                                                       .jitter_us = quality->jitter_us,
                                                       .loss_up_ppm = quality->loss_up_ppm,
                                                       .loss_down_ppm = quality->loss_down_ppm,
                                                       .queue_us = quality->queue_us};
    }
    client_event_push(client, &event, NULL, 0);
}

void room_host_set(struct gsrelay_client *client, uint16_t host, uint32_t host_epoch)
{
    struct gsrelay_event event = {
        .type = GSRELAY_EVENT_HOST_CHANGED, .host_epoch = host_epoch, .host = host};

    /* Only the host is told, so what an earlier one knows grows old. */
    for (size_t i = 0; i < client->room.member_count && host != client->room.own; i++)
        client->room.members[i].quality.rtt_us = 0;
    /* Between a resume and the answer to ROOM_STATE the host may be one who joined meanwhile. */
    if (is_member_id(host) && find_member(&client->room, host) == NULL)
        (void)meet(client, host);
    client->room.host = host;
    client->room.host_epoch = host_epoch;
    client_event_push(client, &event, NULL, 0);
    if (host == client->room.own)
        blob_host_told(client);
    else
        client->blob_got.is_coming = false;
}

void room_metadata_set(struct gsrelay_client *client, const uint8_t *bytes, size_t size)
{
    struct gsrelay_event event = {.type = GSRELAY_EVENT_METADATA};

    client->room.metadata_size = size;
    memcpy(client->room.metadata, bytes, size);
    client_event_push(client, &event, bytes, size);
}

void room_lock_set(struct gsrelay_client *client, bool is_locked)
{
    struct gsrelay_event event = {.type = GSRELAY_EVENT_LOCK,
                                  .flags = is_locked ? GSRELAY_EVENT_LOCKED : 0};

    client->room.is_locked = is_locked;
    client_event_push(client, &event, NULL, 0);
}

static void update_members(struct gsrelay_client *client,
                           const struct control_membership *membership)
{
    struct room *room = &client->room;
    size_t placed = 0;

    for (size_t i = room->member_count; i > 0; i--) {
        const struct member *member = &room->members[i - 1];

        /* Who was heard since the question was asked may have come since it was answered. */
        if (!member->is_unofficial && !lists(membership, member->id))
            room_member_left(client, member->id, REASON_NONE);
    }
    for (size_t i = 0; i < membership->member_count; i++)
        room_member_joined(client, membership->members[i]);
    /* Oldest first, also those who were heard before they were announced. */
    for (size_t i = 0; i < membership->member_count; i++) {
        struct member *member = find_member(room, membership->members[i]);

        /* A relay that lists somebody twice is at fault, and harms nobody. */
        if (member != NULL && member >= &room->members[placed])
            move_member(room, member, placed++);
    }
}

void room_update(struct gsrelay_client *client, const struct control_membership *membership)
{
    struct room *room = &client->room;
    const struct udp *udp = &client->udp;
    bool is_locked = (membership->room_flags & ROOM_LOCKED) != 0;

    if (!room->exists || membership->slot != udp->slot || membership->slot_tag != udp->slot_tag ||
        memcmp(membership->key_up, udp->key_up, sizeof(udp->key_up)) != 0 ||
        memcmp(membership->key_down, udp->key_down, sizeof(udp->key_down)) != 0 ||
        membership->member != room->own) {
        room_enter(client, membership, 0);
        return;
    }
    update_members(client, membership);
    if (membership->host != room->host || membership->host_epoch != room->host_epoch)
        room_host_set(client, membership->host, membership->host_epoch);
    if (is_locked != room->is_locked)
        room_lock_set(client, is_locked);
    if (membership->metadata.size != room->metadata_size ||
        memcmp(membership->metadata.at, room->metadata, room->metadata_size) != 0)
        room_metadata_set(client, membership->metadata.at, membership->metadata.size);
}
