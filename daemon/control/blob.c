/* SPDX-License-Identifier: MIT */
#include "daemon/control/blob.h"

#include <assert.h>
#include <string.h>

void blob_store_init(struct blob_store *store, struct arena *arena, uint32_t capacity,
                     uint32_t blob_bytes)
{
    *store = (struct blob_store){
        .blob_bytes = blob_bytes, .capacity = capacity, .first_free = BLOB_NONE};
    store->blobs = arena_take(arena, capacity, sizeof(*store->blobs));
    store->bytes = arena_take(arena, capacity, 2 * (size_t)blob_bytes);
}

static uint8_t *half_at(const struct blob_store *store, uint32_t place, unsigned half)
{
    return store->bytes + ((size_t)place * 2 + half) * store->blob_bytes;
}

static uint32_t take_place(struct blob_store *store)
{
    uint32_t place = store->first_free;

    if (place != BLOB_NONE) {
        store->first_free = store->blobs[place].next_free;
    } else if (store->touched_count < store->capacity) {
        place = store->touched_count;
        store->touched_count++;
    } else {
        return BLOB_NONE;
    }
    store->blobs[place] = (struct blob){.next_free = BLOB_NONE};
    store->used_count++;
    if (store->used_count > store->used_count_max) {
        store->used_count_max = store->used_count;
    }
    return place;
}

bool blob_begin(struct blob_store *store, uint32_t *place, const struct blob_upload *upload)
{
    assert(upload->total > 0 && upload->total <= store->blob_bytes);
    if (*place == BLOB_NONE) {
        *place = take_place(store);
    }
    if (*place == BLOB_NONE) {
        return false;
    }
    struct blob *blob = &store->blobs[*place];
    blob->state = BLOB_UPLOAD_OPEN;
    blob->upload = *upload;
    blob->received = 0;
    return true;
}

static bool is_of(const struct blob_upload *upload, struct session_ref session)
{
    return upload->session.index == session.index && upload->session.tag == session.tag;
}

bool blob_is_next(const struct blob_store *store, uint32_t place, struct session_ref session,
                  uint32_t host_epoch, const struct control_blob *piece)
{
    if (place == BLOB_NONE || store->blobs[place].state != BLOB_UPLOAD_OPEN) {
        return false;
    }
    const struct blob *blob = &store->blobs[place];
    const struct blob_upload *upload = &blob->upload;
    return is_of(upload, session) && host_epoch == upload->host_epoch &&
           piece->version == upload->version && piece->total == upload->total &&
           piece->offset == blob->received && piece->bytes.size > 0 &&
           piece->bytes.size <= upload->total - blob->received;
}

void blob_add(struct blob_store *store, uint32_t place, const struct control_blob *piece)
{
    struct blob *blob = &store->blobs[place];

    assert(blob->state == BLOB_UPLOAD_OPEN && piece->offset == blob->received);
    assert(piece->bytes.size <= blob->upload.total - blob->received);
    memcpy(half_at(store, place, !blob->half) + blob->received, piece->bytes.at, piece->bytes.size);
    blob->received += (uint32_t)piece->bytes.size;
    if (blob->received == blob->upload.total) {
        blob->state = BLOB_UPLOAD_COMPLETE;
    }
}

bool blob_commit(struct blob_store *store, uint32_t place, struct session_ref session)
{
    if (place == BLOB_NONE) {
        return false;
    }
    struct blob *blob = &store->blobs[place];
    if (blob->state != BLOB_UPLOAD_COMPLETE || !is_of(&blob->upload, session)) {
        return false;
    }
    store->serial++;
    blob->state = BLOB_UPLOAD_NONE;
    blob->serial = store->serial;
    blob->half = !blob->half;
    blob->host_epoch = blob->upload.host_epoch;
    blob->version = blob->upload.version;
    blob->total = blob->upload.total;
    return true;
}

void blob_remove(struct blob_store *store, uint32_t *place)
{
    if (*place == BLOB_NONE) {
        return;
    }
    assert(store->used_count > 0);
    store->blobs[*place] = (struct blob){.next_free = store->first_free};
    store->first_free = *place;
    store->used_count--;
    *place = BLOB_NONE;
}

void blob_discard(struct blob_store *store, uint32_t *place)
{
    if (*place == BLOB_NONE) {
        return;
    }
    store->blobs[*place].state = BLOB_UPLOAD_NONE;
    if (store->blobs[*place].serial == 0) {
        blob_remove(store, place);
    }
}

void blob_discard_of(struct blob_store *store, uint32_t *place, struct session_ref session)
{
    if (*place != BLOB_NONE && is_of(&store->blobs[*place].upload, session)) {
        blob_discard(store, place);
    }
}

const struct blob *blob_current(const struct blob_store *store, uint32_t place)
{
    if (place == BLOB_NONE || store->blobs[place].serial == 0) {
        return NULL;
    }
    return &store->blobs[place];
}

struct control_blob blob_part(const struct blob_store *store, uint32_t place, uint32_t offset)
{
    const struct blob *blob = &store->blobs[place];
    uint32_t size = blob->total - offset;

    assert(blob->serial != 0 && offset <= blob->total);
    if (size > BLOB_PART_SIZE_MAX) {
        size = BLOB_PART_SIZE_MAX;
    }
    return (struct control_blob){
        .version = blob->version,
        .total = blob->total,
        .offset = offset,
        .bytes = {.at = half_at(store, place, blob->half) + offset, .size = size}};
}
