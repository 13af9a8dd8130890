/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_SIM_SIM_BLOB_H
#define GSRELAY_TESTS_SIM_SIM_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* sim_blob.h - what hosts left with the relay, and whether what a new host gets is the right thing.
 *
 * Blobs are numbered in the order in which they were given to clients; number and size say what is
 * in each. What is in force in a room rises by (host epoch, number): a host that comes later leaves
 * blobs later. So a new host must get one that was left in its room in an earlier epoch, whole, and
 * none that is older than one of which anybody has heard that the relay had it. */

#define SIM_BLOBS_MAX  8192
#define SIM_BLOB_BYTES 8192

struct sim_blob {
    uint32_t room;
    uint32_t host_epoch;
    uint32_t size; /* 0: the blob there was is removed. */
    bool is_by_host;
    bool is_done; /* The relay has said that it has all of it. */
};

struct sim_blobs {
    uint32_t count;
    struct sim_blob blobs[SIM_BLOBS_MAX]; /* By number - 1. */
};

/* Notes a blob and writes its bytes. Returns its number; 0 when there were too many. */
uint32_t sim_blob_make(struct sim_blobs *blobs, uint32_t room, uint32_t host_epoch, uint32_t size,
                       uint8_t out[SIM_BLOB_BYTES]);

/* Why a host of that room and epoch must not get this; NULL if it may. */
const char *sim_blob_judge(const struct sim_blobs *blobs, uint32_t room, uint32_t host_epoch,
                           const uint8_t *bytes, size_t size);

#endif
