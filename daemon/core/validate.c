/* SPDX-License-Identifier: MIT */
#include "daemon/core/validate.h"

#include "proto/wire.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static_assert(VALIDATE_KEY_SIZE == crypto_shorthash_KEYBYTES, "keys are SipHash keys");
static_assert(COOKIE_SIZE == crypto_shorthash_BYTES, "a cookie is one SipHash");
static_assert((CHALLENGE_BUCKETS & (CHALLENGE_BUCKETS - 1)) == 0, "buckets are masked");

/* What distinguishes the keys that are derived from the one seed. */
enum key_use { KEY_COOKIE = 1, KEY_BUCKETS = 2 };

#define COOKIE_INPUT_SIZE (2 + ADDR_WIRE_SIZE + 4 + 4 + 4)

static void derive(const struct validate *validate, enum key_use use, uint64_t period,
                   uint8_t out[VALIDATE_KEY_SIZE])
{
    uint8_t input[9];
    struct wire_writer writer;

    wire_writer_init(&writer, input, sizeof(input));
    wire_put_u8(&writer, (uint8_t)use);
    wire_put_u64(&writer, period);
    (void)crypto_generichash(out, VALIDATE_KEY_SIZE, input, sizeof(input), validate->seed,
                             sizeof(validate->seed));
}

void validate_init(struct validate *validate, const uint8_t seed[VALIDATE_SEED_SIZE])
{
    memcpy(validate->seed, seed, sizeof(validate->seed));
    derive(validate, KEY_BUCKETS, 0, validate->bucket_key);
}

static const uint8_t *key_of(struct validate *validate, uint64_t period)
{
    struct cookie_key *key = &validate->keys[period & 1];

    if (key->period != period + 1) {
        derive(validate, KEY_COOKIE, period, key->key);
        key->period = period + 1;
    }
    return key->key;
}

static void make_cookie(const uint8_t *key, const struct path *path, uint32_t slot,
                        uint32_t slot_tag, uint8_t out[COOKIE_SIZE])
{
    uint8_t input[COOKIE_INPUT_SIZE];
    uint8_t wire[ADDR_WIRE_SIZE];
    struct wire_writer writer;

    addr_to_wire(&path->peer, wire);
    wire_writer_init(&writer, input, sizeof(input));
    wire_put_u16(&writer, path->socket);
    wire_put_bytes(&writer, wire, sizeof(wire));
    wire_put_u32(&writer, path->peer.scope_id);
    wire_put_u32(&writer, slot);
    wire_put_u32(&writer, slot_tag);
    assert(!writer.has_failed && writer.size == sizeof(input));
    (void)crypto_shorthash(out, input, sizeof(input), key);
}

void validate_cookie(struct validate *validate, uint64_t rotate_ns, const struct path *path,
                     uint32_t slot, uint32_t slot_tag, uint64_t now_ns, uint8_t out[COOKIE_SIZE])
{
    make_cookie(key_of(validate, now_ns / rotate_ns), path, slot, slot_tag, out);
}

bool validate_cookie_fits(struct validate *validate, uint64_t rotate_ns, const struct path *path,
                          uint32_t slot, uint32_t slot_tag, uint64_t now_ns,
                          const uint8_t cookie[COOKIE_SIZE])
{
    const uint64_t period = now_ns / rotate_ns;
    uint8_t expected[COOKIE_SIZE];
    bool fits = false;

    make_cookie(key_of(validate, period), path, slot, slot_tag, expected);
    fits = sodium_memcmp(expected, cookie, COOKIE_SIZE) == 0;
    if (period > 0) {
        make_cookie(key_of(validate, period - 1), path, slot, slot_tag, expected);
        fits |= sodium_memcmp(expected, cookie, COOKIE_SIZE) == 0;
    }
    return fits;
}

struct bucket *validate_bucket(struct validate *validate, const struct addr *addr)
{
    uint8_t input[8];
    uint8_t hash[crypto_shorthash_BYTES];
    struct wire_writer writer;

    wire_writer_init(&writer, input, sizeof(input));
    wire_put_u64(&writer, addr_prefix_key(addr));
    (void)crypto_shorthash(hash, input, sizeof(input), validate->bucket_key);
    return &validate->buckets[((unsigned)hash[0] << 8 | hash[1]) & (CHALLENGE_BUCKETS - 1)];
}
