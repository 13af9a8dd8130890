/* SPDX-License-Identifier: MIT */
#include "sim_blob.h"

#define NUMBER_SIZE 4

static uint8_t byte_of(uint32_t number, uint32_t index)
{
    const uint32_t value =
        index < NUMBER_SIZE ? number >> 8 * index : number * 31 + index * 7 + index / 256;

    return (uint8_t)value;
}

uint32_t sim_blob_make(struct sim_blobs *blobs, uint32_t room, uint32_t host_epoch, uint32_t size,
                       uint8_t out[SIM_BLOB_BYTES])
{
    if (blobs->count == SIM_BLOBS_MAX) {
        return 0;
    }
    blobs->blobs[blobs->count++] =
        (struct sim_blob){.room = room, .host_epoch = host_epoch, .size = size};
    for (uint32_t i = 0; i < size; i++) {
        out[i] = byte_of(blobs->count, i);
    }
    return blobs->count;
}

/* The number that the bytes say, if all of them fit it; else 0. */
static uint32_t number_of(const struct sim_blobs *blobs, const uint8_t *bytes, size_t size)
{
    uint32_t number = 0;

    if (size < NUMBER_SIZE) {
        return 0;
    }
    for (uint32_t i = 0; i < NUMBER_SIZE; i++) {
        number |= (uint32_t)bytes[i] << 8 * i;
    }
    if (number == 0 || number > blobs->count || blobs->blobs[number - 1].size != size) {
        return 0;
    }
    for (uint32_t i = 0; i < size; i++) {
        if (bytes[i] != byte_of(number, i)) {
            return 0;
        }
    }
    return number;
}

static bool is_later(const struct sim_blobs *blobs, uint32_t a, uint32_t b)
{
    const uint32_t epoch_a = blobs->blobs[a - 1].host_epoch;
    const uint32_t epoch_b = blobs->blobs[b - 1].host_epoch;

    return epoch_a != epoch_b ? epoch_a > epoch_b : a > b;
}

/* The latest of the room before that epoch: of those that are done, or that remove what was there.
 */
static uint32_t latest(const struct sim_blobs *blobs, uint32_t room, uint32_t host_epoch,
                       bool is_removing)
{
    uint32_t found = 0;

    for (uint32_t number = 1; number <= blobs->count; number++) {
        const struct sim_blob *blob = &blobs->blobs[number - 1];

        if (blob->room == room && blob->host_epoch < host_epoch &&
            (is_removing ? blob->size == 0 : blob->is_done) &&
            (found == 0 || is_later(blobs, number, found))) {
            found = number;
        }
    }
    return found;
}

const char *sim_blob_judge(const struct sim_blobs *blobs, uint32_t room, uint32_t host_epoch,
                           const uint8_t *bytes, size_t size)
{
    const uint32_t done = latest(blobs, room, host_epoch, false);

    if (size == 0) {
        /* Its own removing counts as well: it may hear of it again when it has resumed. */
        const uint32_t removed = latest(blobs, room, host_epoch + 1, true);

        return done != 0 && (removed == 0 || is_later(blobs, done, removed))
                   ? "none, and the relay has one"
                   : NULL;
    }
    const uint32_t number = number_of(blobs, bytes, size);
    if (number == 0) {
        return "one that nobody left";
    }
    if (blobs->blobs[number - 1].room != room) {
        return "one of another room";
    }
    if (blobs->blobs[number - 1].host_epoch >= host_epoch) {
        return "one of its own time or later";
    }
    if (done != 0 && is_later(blobs, done, number)) {
        return "one that is older than what the relay has";
    }
    return NULL;
}
