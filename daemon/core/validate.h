/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_VALIDATE_H
#define GSRELAY_CORE_VALIDATE_H

#include "daemon/core/bucket.h"
#include "daemon/core/core.h"

#include <stdbool.h>
#include <stdint.h>

/* validate.h - cookies that prove that an address can be reached, and how often one is sent.
 *
 * A cookie is a SipHash-2-4 of (socket, address, slot, slot tag) under a key of its period; the
 * keys are BLAKE2b of the period's number under the core's seed, so nothing is stored for a cookie
 * (the idea of RFC 9000 8.1 and of SYN cookies). It holds for the period in which it was made and
 * the next one.
 *
 * Challenges per address are limited by a fixed table of buckets, indexed by a keyed hash of the
 * IPv4 address or the IPv6 /64. Addresses that collide share a budget; who cannot guess the key
 * cannot choose to collide.
 * Threads: one owner. Memory: in the struct; buckets that were never asked are never written. */

#define COOKIE_SIZE        8
#define CHALLENGE_BUCKETS  4096
#define VALIDATE_SEED_SIZE 32
#define VALIDATE_KEY_SIZE  16

struct cookie_key {
    uint64_t period; /* The key's period + 1; 0 = no key yet. */
    uint8_t key[VALIDATE_KEY_SIZE];
};

struct validate {
    uint8_t seed[VALIDATE_SEED_SIZE];
    uint8_t bucket_key[VALIDATE_KEY_SIZE];
    struct cookie_key keys[2]; /* By the low bit of the period. */
    struct bucket buckets[CHALLENGE_BUCKETS];
};

/* `validate` is zeroed memory. */
void validate_init(struct validate *validate, const uint8_t seed[VALIDATE_SEED_SIZE]);

void validate_cookie(struct validate *validate, uint64_t rotate_ns, const struct path *path,
                     uint32_t slot, uint32_t slot_tag, uint64_t now_ns, uint8_t out[COOKIE_SIZE]);

/* Whether the cookie is of this path and slot and not too old; takes the same time wherever a wrong
 * one differs. */
bool validate_cookie_fits(struct validate *validate, uint64_t rotate_ns, const struct path *path,
                          uint32_t slot, uint32_t slot_tag, uint64_t now_ns,
                          const uint8_t cookie[COOKIE_SIZE]);

/* The bucket of challenges that this address shares. */
struct bucket *validate_bucket(struct validate *validate, const struct addr *addr);

#endif
