/* SPDX-License-Identifier: MIT */
#include "proto/control_message.h"

#include <assert.h>

/* A pass over the fields of a message: reading if reader is set, writing otherwise. */
struct walk {
    struct wire_reader *reader;
    struct wire_writer *writer;
};

static void walk_u8(struct walk *walk, uint8_t *value)
{
    if (walk->reader != NULL) {
        *value = wire_get_u8(walk->reader);
    } else {
        wire_put_u8(walk->writer, *value);
    }
}

static void walk_u16(struct walk *walk, uint16_t *value)
{
    if (walk->reader != NULL) {
        *value = wire_get_u16(walk->reader);
    } else {
        wire_put_u16(walk->writer, *value);
    }
}

static void walk_u24(struct walk *walk, uint32_t *value)
{
    if (walk->reader != NULL) {
        *value = wire_get_u24(walk->reader);
    } else {
        wire_put_u24(walk->writer, *value);
    }
}

static void walk_u32(struct walk *walk, uint32_t *value)
{
    if (walk->reader != NULL) {
        *value = wire_get_u32(walk->reader);
    } else {
        wire_put_u32(walk->writer, *value);
    }
}

static void walk_u64(struct walk *walk, uint64_t *value)
{
    if (walk->reader != NULL) {
        *value = wire_get_u64(walk->reader);
    } else {
        wire_put_u64(walk->writer, *value);
    }
}

static void walk_bool(struct walk *walk, bool *value)
{
    if (walk->reader != NULL) {
        const uint8_t byte = wire_get_u8(walk->reader);

        *value = byte == 1;
        if (byte > 1) {
            wire_reader_fail(walk->reader);
        }
    } else {
        wire_put_u8(walk->writer, *value ? 1 : 0);
    }
}

static void walk_block(struct walk *walk, uint8_t *bytes, size_t size)
{
    if (walk->reader != NULL) {
        wire_get_copy(walk->reader, bytes, size);
    } else {
        wire_put_bytes(walk->writer, bytes, size);
    }
}

static void walk_text8(struct walk *walk, struct wire_bytes *text, size_t size_max)
{
    if (walk->reader != NULL) {
        *text = wire_get_varying8(walk->reader, size_max);
    } else {
        assert(text->size <= size_max);
        wire_put_varying8(walk->writer, text->at, text->size);
    }
}

static void walk_metadata(struct walk *walk, struct wire_bytes *metadata)
{
    if (walk->reader != NULL) {
        *metadata = wire_get_varying16(walk->reader, ROOM_METADATA_SIZE_MAX);
    } else {
        assert(metadata->size <= ROOM_METADATA_SIZE_MAX);
        wire_put_varying16(walk->writer, metadata->at, metadata->size);
    }
}

static void walk_nothing(struct walk *walk, struct control_message *message)
{
    (void)walk;
    (void)message;
}

static void walk_start(struct walk *walk, struct control_message *message)
{
    walk_u32(walk, &message->features);
}

static void walk_create(struct walk *walk, struct control_message *message)
{
    struct control_create *create = &message->create;

    walk_u16(walk, &create->members_max);
    walk_u32(walk, &create->tick_us);
    walk_u8(walk, &create->flags);
    walk_metadata(walk, &create->metadata);
    walk_u32(walk, &create->down_bytes_s);
    walk_u8(walk, &create->election);
    /* A flag asks for something; what the relay does not know, it cannot promise. */
    if (walk->reader != NULL && (create->flags & ~(CREATE_LOCKED | CREATE_HERITABLE)) != 0) {
        wire_reader_fail(walk->reader);
    }
}

static void walk_join(struct walk *walk, struct control_message *message)
{
    walk_text8(walk, &message->join.code, UINT8_MAX);
    walk_u32(walk, &message->join.down_bytes_s);
}

static void walk_member(struct walk *walk, struct control_message *message)
{
    walk_u16(walk, &message->member);
}

/* Requests for the host begin with the epoch in which their sender takes itself for it. */
static void walk_host_epoch(struct walk *walk, struct control_message *message)
{
    walk_u32(walk, &message->host_epoch);
}

static void walk_host_member(struct walk *walk, struct control_message *message)
{
    walk_host_epoch(walk, message);
    walk_member(walk, message);
}

static void walk_locked(struct walk *walk, struct control_message *message)
{
    walk_bool(walk, &message->is_locked);
}

static void walk_room_metadata(struct walk *walk, struct control_message *message)
{
    walk_metadata(walk, &message->metadata);
}

static void walk_host_lock(struct walk *walk, struct control_message *message)
{
    walk_host_epoch(walk, message);
    walk_locked(walk, message);
}

static void walk_host_metadata(struct walk *walk, struct control_message *message)
{
    walk_host_epoch(walk, message);
    walk_room_metadata(walk, message);
}

static void walk_token(struct walk *walk, struct control_message *message)
{
    walk_u64(walk, &message->token);
}

static void walk_groups(struct walk *walk, struct control_message *message)
{
    walk_u64(walk, &message->groups);
}

static void walk_welcome(struct walk *walk, struct control_message *message)
{
    struct control_welcome *welcome = &message->welcome;

    walk_u32(walk, &welcome->features);
    walk_u8(walk, &welcome->flags);
    walk_block(walk, welcome->session_id, SESSION_ID_SIZE);
    walk_block(walk, welcome->resume_key, RESUME_KEY_SIZE);
    walk_u32(walk, &welcome->resume_grace_ms);
    walk_u32(walk, &welcome->idle_timeout_ms);
    walk_u16(walk, &welcome->frame_max);
}

static void walk_members(struct walk *walk, struct control_membership *membership)
{
    walk_u16(walk, &membership->member_count);
    if (membership->member_count > ROOM_MEMBERS_MAX) {
        assert(walk->reader != NULL);
        wire_reader_fail(walk->reader);
        return;
    }
    for (unsigned index = 0; index < membership->member_count; index++) {
        walk_u16(walk, &membership->members[index]);
    }
}

static void walk_membership(struct walk *walk, struct control_message *message)
{
    struct control_membership *membership = &message->membership;

    walk_text8(walk, &membership->code, JOIN_CODE_LENGTH_MAX);
    walk_u8(walk, &membership->room_flags);
    walk_u16(walk, &membership->member);
    walk_u16(walk, &membership->host);
    walk_u32(walk, &membership->host_epoch);
    walk_u8(walk, &membership->election);
    walk_u32(walk, &membership->tick_us);
    walk_u16(walk, &membership->members_max);
    walk_text8(walk, &membership->address, ADVERTISE_SIZE_MAX);
    walk_u16(walk, &membership->udp_port);
    walk_u24(walk, &membership->slot);
    walk_u32(walk, &membership->slot_tag);
    walk_block(walk, membership->key_up, CONTROL_KEY_SIZE);
    walk_block(walk, membership->key_down, CONTROL_KEY_SIZE);
    walk_u16(walk, &membership->max_datagram);
    walk_u8(walk, &membership->streams);
    walk_u32(walk, &membership->datagrams_s);
    walk_u32(walk, &membership->bytes_s);
    walk_u32(walk, &membership->records_s);
    walk_u32(walk, &membership->down_bytes_s);
    walk_members(walk, membership);
    walk_metadata(walk, &membership->metadata);
}

static void walk_error(struct walk *walk, struct control_message *message)
{
    walk_u16(walk, &message->error.reason);
    walk_u32(walk, &message->error.limit);
    walk_u32(walk, &message->error.retry_ms);
}

static void walk_left(struct walk *walk, struct control_message *message)
{
    walk_u16(walk, &message->left.member);
    walk_u16(walk, &message->left.reason);
}

static void walk_host_changed(struct walk *walk, struct control_message *message)
{
    walk_u16(walk, &message->host_changed.host);
    walk_u32(walk, &message->host_changed.host_epoch);
}

static void walk_blob(struct walk *walk, struct control_blob *blob, size_t size_max)
{
    walk_u32(walk, &blob->version);
    walk_u32(walk, &blob->total);
    walk_u32(walk, &blob->offset);
    if (walk->reader != NULL) {
        blob->bytes = wire_get_varying16(walk->reader, size_max);
    } else {
        assert(blob->bytes.size <= size_max);
        wire_put_varying16(walk->writer, blob->bytes.at, blob->bytes.size);
    }
}

static void walk_blob_put(struct walk *walk, struct control_message *message)
{
    walk_host_epoch(walk, message);
    walk_blob(walk, &message->blob, CONTROL_FRAME_SIZE_MAX);
}

static void walk_blob_part(struct walk *walk, struct control_message *message)
{
    walk_blob(walk, &message->blob, BLOB_PART_SIZE_MAX);
}

static void walk_qualities(struct walk *walk, struct control_message *message)
{
    struct control_qualities *qualities = &message->qualities;

    walk_u8(walk, &qualities->count);
    if (qualities->count > CONTROL_QUALITIES_MAX) {
        assert(walk->reader != NULL);
        wire_reader_fail(walk->reader);
        return;
    }
    for (unsigned index = 0; index < qualities->count; index++) {
        struct control_quality *quality = &qualities->at[index];

        walk_u16(walk, &quality->member);
        walk_u32(walk, &quality->rtt_us);
        walk_u32(walk, &quality->jitter_us);
        walk_u32(walk, &quality->loss_up_ppm);
        walk_u32(walk, &quality->loss_down_ppm);
        walk_u32(walk, &quality->queue_us);
    }
}

static void walk_reason(struct walk *walk, struct control_message *message)
{
    walk_u16(walk, &message->reason);
}

static void walk_deadline(struct walk *walk, struct control_message *message)
{
    walk_u32(walk, &message->deadline_ms);
}

struct type_row {
    uint8_t type;
    const char *name;
    void (*walk_fields)(struct walk *walk, struct control_message *message);
};

static const struct type_row rows[] = {
    {CONTROL_START, "START", walk_start},
    {CONTROL_CREATE, "CREATE", walk_create},
    {CONTROL_JOIN, "JOIN", walk_join},
    {CONTROL_LEAVE, "LEAVE", walk_nothing},
    {CONTROL_KICK, "KICK", walk_host_member},
    {CONTROL_LOCK, "LOCK", walk_host_lock},
    {CONTROL_HAND_OVER, "HAND_OVER", walk_host_member},
    {CONTROL_SET_METADATA, "SET_METADATA", walk_host_metadata},
    {CONTROL_ROOM_STATE, "ROOM_STATE", walk_nothing},
    {CONTROL_PING, "PING", walk_token},
    {CONTROL_BYE, "BYE", walk_nothing},
    {CONTROL_SUBSCRIBE, "SUBSCRIBE", walk_groups},
    {CONTROL_SET_HEIR, "SET_HEIR", walk_host_member},
    {CONTROL_BLOB_PUT, "BLOB_PUT", walk_blob_put},
    {CONTROL_WELCOME, "WELCOME", walk_welcome},
    {CONTROL_MEMBERSHIP, "MEMBERSHIP", walk_membership},
    {CONTROL_OK, "OK", walk_nothing},
    {CONTROL_PONG, "PONG", walk_token},
    {CONTROL_ERROR, "ERROR", walk_error},
    {CONTROL_JOINED, "JOINED", walk_member},
    {CONTROL_LEFT, "LEFT", walk_left},
    {CONTROL_HOST_CHANGED, "HOST_CHANGED", walk_host_changed},
    {CONTROL_METADATA, "METADATA", walk_room_metadata},
    {CONTROL_LOCKED, "LOCKED", walk_locked},
    {CONTROL_NOTICE, "NOTICE", walk_error},
    {CONTROL_REMOVED, "REMOVED", walk_reason},
    {CONTROL_DRAINING, "DRAINING", walk_deadline},
    {CONTROL_ENDED, "BYE", walk_reason},
    {CONTROL_BLOB_PART, "BLOB_PART", walk_blob_part},
    {CONTROL_MEMBER_QUALITY, "MEMBER_QUALITY", walk_qualities},
};

static const struct type_row *find_row(unsigned type)
{
    for (size_t index = 0; index < sizeof(rows) / sizeof(rows[0]); index++) {
        if (rows[index].type == type) {
            return &rows[index];
        }
    }
    return NULL;
}

/* The types' own plan: requests below 0x80, answers from 0x80, events from 0xC0. */
static enum control_direction direction_of(uint8_t type)
{
    return type < 0x80 ? CONTROL_UP : CONTROL_DOWN;
}

static bool is_event(uint8_t type)
{
    return type >= 0xC0;
}

/* An ERROR may answer a message whose request id was 0 or could not be read. */
static bool is_request_id_valid(uint8_t type, uint32_t request)
{
    return type == CONTROL_ERROR || (request == 0) == is_event(type);
}

enum reason control_message_decode(enum control_direction direction, const uint8_t *bytes,
                                   size_t size, struct control_message *out)
{
    struct wire_reader reader;
    struct walk walk = {.reader = &reader};
    const struct type_row *row = NULL;

    out->type = 0;
    out->request = 0;
    if (size < CONTROL_HEAD_SIZE) {
        return REASON_BAD_MESSAGE;
    }
    wire_reader_init(&reader, bytes, size);
    out->type = wire_get_u8(&reader);
    out->request = wire_get_u32(&reader);
    row = find_row(out->type);
    if (row == NULL || direction_of(out->type) != direction) {
        return REASON_UNKNOWN_MESSAGE;
    }
    if (!is_request_id_valid(out->type, out->request)) {
        return REASON_BAD_MESSAGE;
    }
    row->walk_fields(&walk, out);
    return reader.has_failed ? REASON_BAD_MESSAGE : REASON_NONE;
}

int control_message_encode(const struct control_message *message, uint8_t *out, size_t capacity)
{
    struct wire_writer writer;
    struct walk walk = {.writer = &writer};
    /* The description of fields takes what it may write to; it only reads here. */
    struct control_message copy = *message;
    const struct type_row *row = find_row(message->type);

    assert(row != NULL && is_request_id_valid(message->type, message->request));
    wire_writer_init(&writer, out, capacity);
    wire_put_u8(&writer, message->type);
    wire_put_u32(&writer, message->request);
    row->walk_fields(&walk, &copy);
    return writer.has_failed ? RESULT_FULL : (int)writer.size;
}

const char *control_type_name(unsigned type)
{
    const struct type_row *row = find_row(type);

    return row == NULL ? "unknown" : row->name;
}
