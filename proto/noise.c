/* SPDX-License-Identifier: MIT */
#include "proto/noise.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

/* The names in this file follow the framework's: MixKey, MixHash, EncryptAndHash, Split. */

static const char protocol_name[] = "Noise_NNpsk0_25519_ChaChaPoly_SHA256";

static_assert(sizeof(protocol_name) - 1 > NOISE_HASH_SIZE,
              "a longer name is hashed, a shorter not");
static_assert(NOISE_HASH_SIZE == crypto_hash_sha256_BYTES, "the hash is SHA-256");
static_assert(NOISE_HASH_SIZE == crypto_auth_hmacsha256_BYTES, "so is the MAC");
static_assert(NOISE_KEY_SIZE == crypto_scalarmult_BYTES, "the keys are X25519's");
static_assert(NOISE_TAG_SIZE == crypto_aead_chacha20poly1305_IETF_ABYTES, "the tag is Poly1305's");

static const uint8_t nothing[1];

/* HKDF of the framework's section 4.3 with two or three outputs of one hash each. */
static void hkdf(const uint8_t chaining_key[NOISE_HASH_SIZE], const void *input, size_t size,
                 uint8_t outputs[][NOISE_HASH_SIZE], int count)
{
    uint8_t temp[NOISE_HASH_SIZE];
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, chaining_key, NOISE_HASH_SIZE);
    crypto_auth_hmacsha256_update(&state, input, size);
    crypto_auth_hmacsha256_final(&state, temp);
    for (int index = 0; index < count; index++) {
        const uint8_t number = (uint8_t)(index + 1);

        crypto_auth_hmacsha256_init(&state, temp, sizeof(temp));
        if (index > 0) {
            crypto_auth_hmacsha256_update(&state, outputs[index - 1], NOISE_HASH_SIZE);
        }
        crypto_auth_hmacsha256_update(&state, &number, 1);
        crypto_auth_hmacsha256_final(&state, outputs[index]);
    }
    sodium_memzero(temp, sizeof(temp));
    sodium_memzero(&state, sizeof(state));
}

static void mix_hash(struct noise_handshake *handshake, const void *bytes, size_t size)
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, handshake->hash, NOISE_HASH_SIZE);
    crypto_hash_sha256_update(&state, bytes, size);
    crypto_hash_sha256_final(&state, handshake->hash);
}

static void set_cipher_key(struct noise_cipher *cipher, const uint8_t key[NOISE_KEY_SIZE])
{
    memcpy(cipher->key, key, NOISE_KEY_SIZE);
    cipher->counter = 0;
}

static void mix_key(struct noise_handshake *handshake, const uint8_t input[NOISE_KEY_SIZE])
{
    uint8_t outputs[2][NOISE_HASH_SIZE];

    hkdf(handshake->chaining_key, input, NOISE_KEY_SIZE, outputs, 2);
    memcpy(handshake->chaining_key, outputs[0], NOISE_HASH_SIZE);
    set_cipher_key(&handshake->cipher, outputs[1]);
    sodium_memzero(outputs, sizeof(outputs));
}

static void mix_key_and_hash(struct noise_handshake *handshake, const uint8_t input[NOISE_KEY_SIZE])
{
    uint8_t outputs[3][NOISE_HASH_SIZE];

    hkdf(handshake->chaining_key, input, NOISE_KEY_SIZE, outputs, 3);
    memcpy(handshake->chaining_key, outputs[0], NOISE_HASH_SIZE);
    mix_hash(handshake, outputs[1], NOISE_HASH_SIZE);
    set_cipher_key(&handshake->cipher, outputs[2]);
    sodium_memzero(outputs, sizeof(outputs));
}

/* 32 zero bits, then the counter with the low byte first. */
static void make_nonce(uint64_t counter, uint8_t out[crypto_aead_chacha20poly1305_IETF_NPUBBYTES])
{
    memset(out, 0, 4);
    for (int index = 0; index < 8; index++) {
        out[4 + index] = (uint8_t)(counter >> (8 * index));
    }
}

static void seal(struct noise_cipher *cipher, const uint8_t *associated, size_t associated_size,
                 const uint8_t *in, size_t size, uint8_t *out)
{
    uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];

    make_nonce(cipher->counter++, nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, size, associated,
                                                    associated_size, NULL, nonce, cipher->key);
}

static bool unseal(struct noise_cipher *cipher, const uint8_t *associated, size_t associated_size,
                   const uint8_t *in, size_t size, uint8_t *out)
{
    uint8_t nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];

    make_nonce(cipher->counter, nonce);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, in, size, associated,
                                                  associated_size, nonce, cipher->key) != 0) {
        return false;
    }
    cipher->counter++;
    return true;
}

void noise_handshake_init(struct noise_handshake *handshake, enum noise_role role,
                          const void *prologue, size_t prologue_size,
                          const uint8_t psk[NOISE_KEY_SIZE],
                          const uint8_t ephemeral_private[NOISE_KEY_SIZE])
{
    memset(handshake, 0, sizeof(*handshake));
    handshake->role = role;
    handshake->step = NOISE_FIRST;
    memcpy(handshake->psk, psk, NOISE_KEY_SIZE);
    memcpy(handshake->private_key, ephemeral_private, NOISE_KEY_SIZE);
    (void)crypto_scalarmult_base(handshake->public_key, ephemeral_private);
    crypto_hash_sha256(handshake->hash, (const uint8_t *)protocol_name, sizeof(protocol_name) - 1);
    memcpy(handshake->chaining_key, handshake->hash, NOISE_HASH_SIZE);
    mix_hash(handshake, prologue_size == 0 ? nothing : prologue, prologue_size);
}

static bool is_own_turn(const struct noise_handshake *handshake)
{
    return handshake->step == (handshake->role == NOISE_INITIATOR ? NOISE_FIRST : NOISE_SECOND);
}

static bool is_their_turn(const struct noise_handshake *handshake)
{
    return handshake->step == (handshake->role == NOISE_INITIATOR ? NOISE_SECOND : NOISE_FIRST);
}

/* The tokens of both messages: "psk, e" and "e, ee". With a pre-shared key an e is mixed into the
 * key too (section 9.2). False when the Diffie-Hellman result is all zeros. */
static bool mix_tokens(struct noise_handshake *handshake, const uint8_t e[NOISE_KEY_SIZE])
{
    uint8_t shared[NOISE_KEY_SIZE];

    if (handshake->step == NOISE_FIRST) {
        mix_key_and_hash(handshake, handshake->psk);
    }
    mix_hash(handshake, e, NOISE_KEY_SIZE);
    mix_key(handshake, e);
    if (handshake->step == NOISE_FIRST) {
        return true;
    }
    if (crypto_scalarmult(shared, handshake->private_key, handshake->remote_key) != 0) {
        return false;
    }
    mix_key(handshake, shared);
    sodium_memzero(shared, sizeof(shared));
    return true;
}

static void advance(struct noise_handshake *handshake)
{
    handshake->step = handshake->step == NOISE_FIRST ? NOISE_SECOND : NOISE_DONE;
}

static int fail(struct noise_handshake *handshake, int result)
{
    noise_handshake_wipe(handshake);
    return result;
}

int noise_handshake_write(struct noise_handshake *handshake, const void *payload,
                          size_t payload_size, uint8_t *out, size_t capacity)
{
    uint8_t *sealed = out + NOISE_KEY_SIZE;

    if (!is_own_turn(handshake)) {
        return fail(handshake, RESULT_INVALID);
    }
    if (capacity > NOISE_MESSAGE_MAX) {
        capacity = NOISE_MESSAGE_MAX;
    }
    if (capacity < NOISE_HANDSHAKE_OVERHEAD || payload_size > capacity - NOISE_HANDSHAKE_OVERHEAD) {
        return RESULT_FULL;
    }
    if (!mix_tokens(handshake, handshake->public_key)) {
        return fail(handshake, RESULT_DENIED);
    }
    memcpy(out, handshake->public_key, NOISE_KEY_SIZE);
    seal(&handshake->cipher, handshake->hash, NOISE_HASH_SIZE,
         payload_size == 0 ? nothing : payload, payload_size, sealed);
    mix_hash(handshake, sealed, payload_size + NOISE_TAG_SIZE);
    advance(handshake);
    return (int)(payload_size + NOISE_HANDSHAKE_OVERHEAD);
}

int noise_handshake_read(struct noise_handshake *handshake, const uint8_t *message, size_t size,
                         uint8_t *out, size_t capacity)
{
    const uint8_t *sealed = message + NOISE_KEY_SIZE;
    uint8_t none[1];

    if (!is_their_turn(handshake) || size < NOISE_HANDSHAKE_OVERHEAD || size > NOISE_MESSAGE_MAX) {
        return fail(handshake, RESULT_INVALID);
    }
    size -= NOISE_HANDSHAKE_OVERHEAD;
    if (size > capacity) {
        return fail(handshake, RESULT_FULL);
    }
    memcpy(handshake->remote_key, message, NOISE_KEY_SIZE);
    if (!mix_tokens(handshake, handshake->remote_key) ||
        !unseal(&handshake->cipher, handshake->hash, NOISE_HASH_SIZE, sealed, size + NOISE_TAG_SIZE,
                size == 0 ? none : out)) {
        return fail(handshake, RESULT_DENIED);
    }
    mix_hash(handshake, sealed, size + NOISE_TAG_SIZE);
    advance(handshake);
    return (int)size;
}

void noise_handshake_split(struct noise_handshake *handshake, struct noise_cipher *send_out,
                           struct noise_cipher *receive_out, uint8_t *hash_out)
{
    uint8_t outputs[2][NOISE_HASH_SIZE];
    const bool is_initiator = handshake->role == NOISE_INITIATOR;

    assert(handshake->step == NOISE_DONE);
    hkdf(handshake->chaining_key, nothing, 0, outputs, 2);
    set_cipher_key(send_out, outputs[is_initiator ? 0 : 1]);
    set_cipher_key(receive_out, outputs[is_initiator ? 1 : 0]);
    if (hash_out != NULL) {
        memcpy(hash_out, handshake->hash, NOISE_HASH_SIZE);
    }
    sodium_memzero(outputs, sizeof(outputs));
    noise_handshake_wipe(handshake);
}

void noise_handshake_wipe(struct noise_handshake *handshake)
{
    sodium_memzero(handshake, sizeof(*handshake));
    handshake->step = NOISE_DEAD;
}

int noise_encrypt(struct noise_cipher *cipher, const uint8_t *in, size_t size, uint8_t *out,
                  size_t capacity)
{
    if (capacity > NOISE_MESSAGE_MAX) {
        capacity = NOISE_MESSAGE_MAX;
    }
    if (capacity < NOISE_TAG_SIZE || size > capacity - NOISE_TAG_SIZE) {
        return RESULT_FULL;
    }
    /* The last nonce is reserved by the framework. */
    if (cipher->counter == UINT64_MAX) {
        return RESULT_DENIED;
    }
    seal(cipher, NULL, 0, in, size, out);
    return (int)(size + NOISE_TAG_SIZE);
}

int noise_decrypt(struct noise_cipher *cipher, const uint8_t *in, size_t size, uint8_t *out,
                  size_t capacity)
{
    if (size < NOISE_TAG_SIZE || size > NOISE_MESSAGE_MAX) {
        return RESULT_INVALID;
    }
    if (size - NOISE_TAG_SIZE > capacity) {
        return RESULT_FULL;
    }
    if (cipher->counter == UINT64_MAX || !unseal(cipher, NULL, 0, in, size, out)) {
        return RESULT_DENIED;
    }
    return (int)(size - NOISE_TAG_SIZE);
}

void noise_cipher_wipe(struct noise_cipher *cipher)
{
    sodium_memzero(cipher, sizeof(*cipher));
}
