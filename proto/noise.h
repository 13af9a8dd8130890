/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_NOISE_H
#define GSRELAY_PROTO_NOISE_H

/* noise.h - Noise_NNpsk0_25519_ChaChaPoly_SHA256, both roles.
 *
 * From "The Noise Protocol Framework", revision 34 (Perrin, 2018), over libsodium: X25519,
 * ChaCha20-Poly1305 (RFC 8439), SHA-256 and HMAC. Two messages, then one cipher each way. The
 * pre-shared key authenticates both sides; the ephemeral keys give forward secrecy. The ephemeral
 * private key is an argument, 32 fresh random bytes for each handshake.
 * Not here: framing (frame.h), rekeying, other patterns.
 * Threads: one owner; the program has called sodium_init(). Memory: the caller's. Secrets are wiped
 * by noise_handshake_wipe() and noise_cipher_wipe(), and after a handshake that failed or split. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/result.h"

#define NOISE_KEY_SIZE  32
#define NOISE_HASH_SIZE 32
#define NOISE_TAG_SIZE  16

/* A handshake message without payload. */
#define NOISE_HANDSHAKE_OVERHEAD (NOISE_KEY_SIZE + NOISE_TAG_SIZE)

/* The largest message that Noise allows, tag included. */
#define NOISE_MESSAGE_MAX 65535

/* One direction of a finished channel. */
struct noise_cipher {
    uint8_t key[NOISE_KEY_SIZE];
    uint64_t counter; /* The nonce of the next message. */
};

enum noise_role {
    NOISE_INITIATOR, /* The client. */
    NOISE_RESPONDER  /* The relay. */
};

enum noise_step {
    NOISE_FIRST,  /* Message 1 is to be written (initiator) or read (responder). */
    NOISE_SECOND, /* Message 2 likewise, the other way. */
    NOISE_DONE,   /* Ready to split. */
    NOISE_DEAD    /* Failed, split or wiped: nothing more can be done with it. */
};

struct noise_handshake {
    enum noise_role role;
    enum noise_step step;
    uint8_t psk[NOISE_KEY_SIZE];
    uint8_t private_key[NOISE_KEY_SIZE];
    uint8_t public_key[NOISE_KEY_SIZE];
    uint8_t remote_key[NOISE_KEY_SIZE];
    uint8_t chaining_key[NOISE_HASH_SIZE];
    uint8_t hash[NOISE_HASH_SIZE];
    struct noise_cipher cipher;
};

/* Begins a handshake. Copies both keys. */
void noise_handshake_init(struct noise_handshake *handshake, enum noise_role role,
                          const void *prologue, size_t prologue_size,
                          const uint8_t psk[NOISE_KEY_SIZE],
                          const uint8_t ephemeral_private[NOISE_KEY_SIZE]);

/* Writes this side's message with an encrypted payload (payload may be NULL when its size is 0).
 *
 * Returns the message's size, payload_size + NOISE_HANDSHAKE_OVERHEAD; RESULT_FULL when that is
 * over capacity (nothing has happened then); RESULT_DENIED when the other side's key is one of the
 * few that make a shared secret of zero; RESULT_INVALID out of turn. After these last two the
 * handshake is dead. */
GSRELAY_CHECKED int noise_handshake_write(struct noise_handshake *handshake, const void *payload,
                                          size_t payload_size, uint8_t *out, size_t capacity);

/* Reads the other side's message and writes its payload to out (may be NULL when capacity is 0).
 *
 * Returns the payload's size. RESULT_INVALID: too short, or out of turn; RESULT_FULL: the payload
 * is over capacity; RESULT_DENIED: it was not made with this prologue and key. After any failure
 * the handshake is dead. */
GSRELAY_CHECKED int noise_handshake_read(struct noise_handshake *handshake, const uint8_t *message,
                                         size_t size, uint8_t *out, size_t capacity);

/* Gives the ciphers of a finished handshake and wipes it. hash_out, NULL or NOISE_HASH_SIZE bytes,
 * gets the hash that names this channel (channel binding). */
void noise_handshake_split(struct noise_handshake *handshake, struct noise_cipher *send_out,
                           struct noise_cipher *receive_out, uint8_t *hash_out);

void noise_handshake_wipe(struct noise_handshake *handshake);

/* Encrypts size bytes; in and out may be the same address. Returns size + NOISE_TAG_SIZE,
 * RESULT_FULL when that is over capacity or NOISE_MESSAGE_MAX, or RESULT_DENIED when the 64-bit
 * counter is used up. */
GSRELAY_CHECKED int noise_encrypt(struct noise_cipher *cipher, const uint8_t *in, size_t size,
                                  uint8_t *out, size_t capacity);

/* Decrypts; in and out may be the same address. Returns size - NOISE_TAG_SIZE, RESULT_INVALID when
 * the message is too short or too long to be one, RESULT_FULL when out is too small, RESULT_DENIED
 * when it is not the next message of the other side; the stream cannot go on after that. */
GSRELAY_CHECKED int noise_decrypt(struct noise_cipher *cipher, const uint8_t *in, size_t size,
                                  uint8_t *out, size_t capacity);

void noise_cipher_wipe(struct noise_cipher *cipher);

#endif
