/* SPDX-License-Identifier: MIT */
#include "proto/retained.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "proto/wire.h"

static const char key_text[] = "gsrelay state";

static_assert(sizeof(key_text) - 1 + 3 == crypto_shorthash_KEYBYTES, "member and stream fill it");

uint64_t retained_hash(uint16_t member, uint8_t stream, const uint8_t *payload, size_t size)
{
    uint8_t key[crypto_shorthash_KEYBYTES];
    uint8_t hash[crypto_shorthash_BYTES];
    struct wire_reader reader;

    memcpy(key, key_text, sizeof(key_text) - 1);
    key[sizeof(key_text) - 1] = (uint8_t)(member >> 8);
    key[sizeof(key_text)] = (uint8_t)member;
    key[sizeof(key_text) + 1] = stream;
    (void)crypto_shorthash(hash, payload, size, key);
    wire_reader_init(&reader, hash, sizeof(hash));
    return wire_get_u64(&reader);
}
