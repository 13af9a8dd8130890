/* SPDX-License-Identifier: MIT */
#include "client/client.h"

#include <assert.h>
#include <string.h>

/* What of a frame is not the blob's: head and fields of BLOB_PUT, and the seal. */
#define PIECE_OVERHEAD (CONTROL_HEAD_SIZE + 4 * 4 + 2 + NOISE_TAG_SIZE)
#define PIECE_MAX      (BLOB_FRAME_MAX - PIECE_OVERHEAD)

/* --- Up -------------------------------------------------------------------------------------- */

int32_t gsrelay_set_blob(struct gsrelay_client *client, const void *bytes, size_t size)
{
    struct blob_put *put = &client->blob_put;

    if (bytes == NULL && size > 0)
        return GSRELAY_INVALID;
    if (client->options.blob_bytes == 0 || size > client->options.blob_bytes)
        return GSRELAY_TOO_LARGE;
    if (!client->room.exists || client->link.is_ending)
        return GSRELAY_WRONG_STATE;
    if (put->state != BLOB_PUT_IDLE)
        return GSRELAY_BUSY;
    if (size > 0)
        memcpy(put->bytes, bytes, size);
    put->state = BLOB_PUT_DUE;
    put->has_begun = false;
    put->request = request_number_next(client);
    put->host_epoch = client->host_epoch_taken;
    put->version++;
    put->total = (uint32_t)size;
    put->offset = 0;
    put->due_ns = client->now_ns;
    blob_run(client);
    return (int32_t)put->request;
}

/* The largest piece that a frame takes. A relay that is right takes frames of 2 KiB at least. */
static uint32_t piece_max(const struct link *link)
{
    if (link->frame_max <= PIECE_OVERHEAD)
        return 1;
    return link->frame_max < BLOB_FRAME_MAX ? link->frame_max - PIECE_OVERHEAD : PIECE_MAX;
}

/* How much goes out next: nothing at the beginning. */
static uint32_t next_size(const struct gsrelay_client *client)
{
    const struct blob_put *put = &client->blob_put;
    const uint32_t left = put->total - put->offset;
    const uint32_t most = piece_max(&client->link);

    if (!put->has_begun)
        return 0;
    return left < most ? left : most;
}

static bool may_send(const struct gsrelay_client *client)
{
    const struct link *link = &client->link;

    return client->blob_put.state == BLOB_PUT_DUE && link->state == LINK_UP && !link->is_ending &&
           LINK_OUTPUT_SIZE - link->output_size >= 2 + PIECE_OVERHEAD + next_size(client);
}

void blob_run(struct gsrelay_client *client)
{
    struct blob_put *put = &client->blob_put;
    uint8_t bytes[BLOB_FRAME_MAX];
    struct control_message message = {.type = CONTROL_BLOB_PUT, .host_epoch = put->host_epoch};
    int size;
    bool is_put;

    if (!may_send(client) || client->now_ns < put->due_ns)
        return;
    put->piece = request_number_next(client);
    put->piece_size = next_size(client);
    message.request = put->piece;
    message.blob = (struct control_blob){.version = put->version,
                                         .total = put->total,
                                         .offset = put->offset,
                                         .bytes = {put->bytes + put->offset, put->piece_size}};
    size = control_message_encode(&message, bytes, sizeof(bytes));
    assert(size > 0);
    is_put = link_frame_put(client, bytes, (size_t)size);
    assert(is_put);
    (void)is_put;
    put->state = BLOB_PUT_SENT;
}

uint64_t blob_deadline(const struct gsrelay_client *client)
{
    return may_send(client) ? client->blob_put.due_ns : TIME_NEVER;
}

static void fail(struct gsrelay_client *client, const struct control_error *error)
{
    struct blob_put *put = &client->blob_put;
    struct gsrelay_event event = {.type = GSRELAY_EVENT_REQUEST_FAILED,
                                  .request = put->request,
                                  .reason = error->reason,
                                  .limit = error->limit,
                                  .time_ms = error->retry_ms};

    put->state = BLOB_PUT_IDLE;
    client_event_push(client, &event, NULL, 0);
}

static void piece_taken(struct gsrelay_client *client)
{
    struct blob_put *put = &client->blob_put;
    struct gsrelay_event done = {.type = GSRELAY_EVENT_REQUEST_DONE, .request = put->request};

    put->has_begun = true;
    put->offset += put->piece_size;
    put->state = BLOB_PUT_DUE;
    put->due_ns = client->now_ns;
    if (put->offset == put->total) {
        put->state = BLOB_PUT_IDLE;
        client->blob_got.is_coming = false; /* The relay sends no more of an earlier one. */
        client->blob_got.told_epoch = put->host_epoch;
        client_event_push(client, &done, NULL, 0);
    }
}

bool blob_answer(struct gsrelay_client *client, const struct control_message *message)
{
    struct blob_put *put = &client->blob_put;
    const struct control_error *error = &message->error;

    if (put->state != BLOB_PUT_SENT || message->request != put->piece)
        return false;
    if (message->type == CONTROL_OK) {
        piece_taken(client);
    } else if (message->type != CONTROL_ERROR) {
        client_error_set(client, "%s sent a message that breaks the protocol", client->peer_text);
        link_fail(client, REASON_BAD_MESSAGE, 0);
    } else if (error->reason == REASON_BUSY || error->reason == REASON_COMMAND_RATE) {
        put->state = BLOB_PUT_DUE;
        put->due_ns = client->now_ns + (error->retry_ms > 0 ? error->retry_ms : 1) * NS_PER_MS;
    } else {
        fail(client, error);
    }
    return true;
}

void blob_link_lost(struct gsrelay_client *client)
{
    static const struct control_error lost = {.reason = REASON_CONNECTION_LOST};
    const struct blob_put *put = &client->blob_put;

    /* What the relay has heard nothing of waits for the next connection. */
    if (put->state == BLOB_PUT_SENT || (put->state == BLOB_PUT_DUE && put->has_begun))
        fail(client, &lost);
    client->blob_got.is_coming = false;
}

/* --- Down ------------------------------------------------------------------------------------ */

static void tell(struct gsrelay_client *client, uint32_t size)
{
    struct gsrelay_event event = {
        .type = GSRELAY_EVENT_BLOB, .host_epoch = client->room.host_epoch, .blob_bytes = size};

    client->blob_got.told_epoch = client->room.host_epoch;
    client->blob_got.is_coming = false;
    client->blob_got.size = size;
    if (size > client->options.blob_bytes) {
        event.reason = REASON_BLOB_SIZE;
        client->blob_got.size = 0;
    }
    client_event_push(client, &event, NULL, 0);
}

void blob_host_told(struct gsrelay_client *client)
{
    if (client->options.blob_bytes > 0 && (client->link.features & FEATURE_BLOBS) == 0)
        tell(client, 0);
}

void blob_room_made(struct gsrelay_client *client)
{
    client->blob_got.told_epoch = client->room.host_epoch;
}

static void begin(struct blob_got *got, const struct control_blob *part)
{
    got->is_coming = true;
    got->version = part->version;
    got->total = part->total;
    got->offset = 0;
    got->size = 0;
}

void blob_part_take(struct gsrelay_client *client, const struct control_blob *part)
{
    struct blob_got *got = &client->blob_got;

    if (client->options.blob_bytes == 0)
        return;
    /* After a resume the relay sends all of it again: it cannot know how much had come. */
    if (got->told_epoch == client->room.host_epoch)
        return;
    if (part->offset == 0)
        begin(got, part);
    if (!got->is_coming)
        return; /* The rest of one that we have no more use for. */
    if (part->version != got->version || part->total != got->total || part->offset != got->offset ||
        part->bytes.size > got->total - got->offset || (part->bytes.size == 0 && part->total > 0)) {
        client_error_set(client, "%s sent a message that breaks the protocol", client->peer_text);
        link_fail(client, REASON_BAD_MESSAGE, 0);
        return;
    }
    if (got->total <= client->options.blob_bytes)
        memcpy(got->bytes + got->offset, part->bytes.at, part->bytes.size);
    got->offset += (uint32_t)part->bytes.size;
    if (got->offset == got->total)
        tell(client, got->total);
}

size_t gsrelay_get_blob(const struct gsrelay_client *client, void *out, size_t capacity)
{
    const struct blob_got *got = &client->blob_got;
    const size_t size = got->size < capacity ? got->size : capacity;

    if (size > 0)
        memcpy(out, got->bytes, size);
    return got->size;
}

void blob_forget(struct gsrelay_client *client)
{
    static const struct control_error left = {.reason = REASON_NOT_IN_ROOM};

    if (client->blob_put.state != BLOB_PUT_IDLE)
        fail(client, &left);
    client->blob_got.is_coming = false;
    client->blob_got.size = 0;
    client->blob_got.told_epoch = 0;
}
