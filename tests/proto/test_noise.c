/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <sodium.h>
#include <cmocka.h>

#include "proto/noise.h"

/* The strings of the vector file, in order: keys and values alike. The file has nothing else that
 * matters. */
static char json[4096];
static const char *strings[128];
static int string_count;

static int load_vectors(void **state)
{
    FILE *file = fopen(GSRELAY_SOURCE_DIR "/tests/vectors/noise_nnpsk0.json", "rb");
    size_t size = 0;

    (void)state;
    if (file == NULL) {
        return -1;
    }
    size = fread(json, 1, sizeof(json) - 1, file);
    fclose(file);
    for (char *at = json; at < json + size; at++) {
        char *end = NULL;

        if (*at != '"') {
            continue;
        }
        end = strchr(at + 1, '"');
        if (end == NULL || memchr(at, '\\', (size_t)(end - at)) != NULL || string_count == 128) {
            return -1;
        }
        *end = '\0';
        strings[string_count++] = at + 1;
        at = end;
    }
    return 0;
}

/* The n-th value of a key, from hexadecimal. */
static size_t vector(const char *key, int n, uint8_t *out, size_t capacity)
{
    for (int index = 0; index + 1 < string_count; index++) {
        size_t size = 0;

        if (strcmp(strings[index], key) != 0 || n-- > 0) {
            continue;
        }
        assert_int_equal(sodium_hex2bin(out, capacity, strings[index + 1],
                                        strlen(strings[index + 1]), NULL, &size, NULL),
                         0);
        return size;
    }
    fail_msg("no vector %s", key);
    return 0;
}

struct pair {
    struct noise_handshake client;
    struct noise_handshake relay;
};

static void start_pair(struct pair *pair)
{
    uint8_t prologue[64], psk[32], client_key[32], relay_key[32];
    size_t size = vector("init_prologue", 0, prologue, sizeof(prologue));

    vector("init_psks", 0, psk, sizeof(psk));
    vector("init_ephemeral", 0, client_key, sizeof(client_key));
    vector("resp_ephemeral", 0, relay_key, sizeof(relay_key));
    noise_handshake_init(&pair->client, NOISE_INITIATOR, prologue, size, psk, client_key);
    size = vector("resp_prologue", 0, prologue, sizeof(prologue));
    vector("resp_psks", 0, psk, sizeof(psk));
    noise_handshake_init(&pair->relay, NOISE_RESPONDER, prologue, size, psk, relay_key);
}

/* One handshake message of the vector file, compared byte by byte, read by the other side. */
static void pass_vector(int n, struct noise_handshake *from, struct noise_handshake *to)
{
    uint8_t payload[64], expected[128], message[128], read[64];
    const size_t size = vector("payload", n, payload, sizeof(payload));
    const size_t expected_size = vector("ciphertext", n, expected, sizeof(expected));

    assert_int_equal(noise_handshake_write(from, payload, size, message, sizeof(message)),
                     expected_size);
    assert_memory_equal(message, expected, expected_size);
    assert_int_equal(noise_handshake_read(to, message, expected_size, read, sizeof(read)), size);
    assert_memory_equal(read, payload, size);
}

static void pass_transport(int n, struct noise_cipher *from, struct noise_cipher *to)
{
    uint8_t text[64], expected[128], message[128];
    const size_t size = vector("payload", n, text, sizeof(text));
    const size_t expected_size = vector("ciphertext", n, expected, sizeof(expected));

    assert_int_equal(noise_encrypt(from, text, size, message, sizeof(message)), expected_size);
    assert_memory_equal(message, expected, expected_size);
    /* In place, as the control channel does it. */
    assert_int_equal(noise_decrypt(to, message, expected_size, message, sizeof(message)), size);
    assert_memory_equal(message, text, size);
}

static void vectors__whole_conversation__byte_for_byte(void **state)
{
    struct pair pair;
    struct noise_cipher client_send, client_receive, relay_send, relay_receive;
    uint8_t client_hash[32], relay_hash[32], expected[32];

    (void)state;
    start_pair(&pair);
    pass_vector(0, &pair.client, &pair.relay);
    pass_vector(1, &pair.relay, &pair.client);
    noise_handshake_split(&pair.client, &client_send, &client_receive, client_hash);
    noise_handshake_split(&pair.relay, &relay_send, &relay_receive, relay_hash);
    vector("handshake_hash", 0, expected, sizeof(expected));
    assert_memory_equal(client_hash, expected, 32);
    assert_memory_equal(relay_hash, expected, 32);
    for (int n = 2; n < 6; n++) {
        if (n % 2 == 0) {
            pass_transport(n, &client_send, &relay_receive);
        } else {
            pass_transport(n, &relay_send, &client_receive);
        }
    }
    assert_true(client_send.counter == 2 && relay_send.counter == 2);
}

static void handshake__empty_payloads__48_bytes_each(void **state)
{
    struct pair pair;
    uint8_t message[48];

    (void)state;
    start_pair(&pair);
    assert_int_equal(noise_handshake_write(&pair.client, NULL, 0, message, sizeof(message)), 48);
    assert_int_equal(noise_handshake_read(&pair.relay, message, 48, NULL, 0), 0);
    assert_int_equal(noise_handshake_write(&pair.relay, NULL, 0, message, sizeof(message)), 48);
    assert_int_equal(noise_handshake_read(&pair.client, message, 48, NULL, 0), 0);
    assert_int_equal(pair.client.step, NOISE_DONE);
    assert_int_equal(pair.relay.step, NOISE_DONE);
}

static void handshake__another_key_or_prologue__denied_and_dead(void **state)
{
    static const uint8_t zeros[32];

    (void)state;
    for (int which = 0; which < 3; which++) {
        struct pair pair;
        uint8_t message[48];

        start_pair(&pair);
        if (which < 2) {
            noise_handshake_init(&pair.relay, NOISE_RESPONDER, which == 0 ? "John Galt" : "x",
                                 which == 0 ? 9 : 1, which == 0 ? zeros : pair.client.psk,
                                 pair.relay.private_key);
        }
        assert_int_equal(noise_handshake_write(&pair.client, NULL, 0, message, 48), 48);
        message[which == 2 ? 40 : 47] ^= which == 2;
        assert_int_equal(noise_handshake_read(&pair.relay, message, 48, NULL, 0), RESULT_DENIED);
        assert_int_equal(pair.relay.step, NOISE_DEAD);
        assert_memory_equal(pair.relay.psk, zeros, 32);
        assert_int_equal(noise_handshake_read(&pair.relay, message, 48, NULL, 0), RESULT_INVALID);
        assert_int_equal(noise_handshake_write(&pair.relay, NULL, 0, message, 48), RESULT_INVALID);
    }
}

static void handshake__low_order_key__denied(void **state)
{
    struct pair pair;
    struct pair other;
    uint8_t message[48];

    (void)state;
    start_pair(&pair);
    start_pair(&other);
    /* A client whose public key is all zeros: message 1 is well made, but the secret would be no
     * secret. */
    memset(other.client.public_key, 0, 32);
    assert_int_equal(noise_handshake_write(&other.client, NULL, 0, message, 48), 48);
    assert_int_equal(noise_handshake_read(&pair.relay, message, 48, NULL, 0), 0);
    assert_int_equal(noise_handshake_write(&pair.relay, NULL, 0, message, 48), RESULT_DENIED);
    assert_int_equal(pair.relay.step, NOISE_DEAD);

    start_pair(&pair);
    assert_int_equal(noise_handshake_write(&pair.client, NULL, 0, message, 48), 48);
    memset(message, 0, sizeof(message));
    assert_int_equal(noise_handshake_read(&pair.client, message, 48, NULL, 0), RESULT_DENIED);
}

static void handshake__wrong_sizes__refused(void **state)
{
    static uint8_t huge[NOISE_MESSAGE_MAX + 1];
    struct pair pair;
    uint8_t message[64];
    uint8_t out[8];

    (void)state;
    start_pair(&pair);
    assert_int_equal(noise_handshake_write(&pair.client, "abc", 3, message, 50), RESULT_FULL);
    assert_int_equal(noise_handshake_write(&pair.client, NULL, 0, message, 47), RESULT_FULL);
    assert_int_equal(
        noise_handshake_write(&pair.client, huge, NOISE_MESSAGE_MAX - 47, huge, sizeof(huge)),
        RESULT_FULL);
    assert_int_equal(noise_handshake_write(&pair.client, "abc", 3, message, 51), 51);
    assert_int_equal(noise_handshake_read(&pair.relay, message, 51, out, 2), RESULT_FULL);
    assert_int_equal(pair.relay.step, NOISE_DEAD);

    start_pair(&pair);
    assert_int_equal(noise_handshake_read(&pair.relay, message, 47, out, 2), RESULT_INVALID);
    assert_int_equal(pair.relay.step, NOISE_DEAD);

    start_pair(&pair);
    assert_int_equal(noise_handshake_read(&pair.client, message, 51, out, 8), RESULT_INVALID);
    start_pair(&pair);
    assert_int_equal(noise_handshake_write(&pair.relay, NULL, 0, message, 64), RESULT_INVALID);
}

static void make_ciphers(struct noise_cipher *send, struct noise_cipher *receive)
{
    memset(send, 7, sizeof(*send));
    send->counter = 0;
    *receive = *send;
}

static void transport__altered_replayed_or_reordered__denied(void **state)
{
    struct noise_cipher send, receive;
    uint8_t first[24], second[24], out[24];

    (void)state;
    make_ciphers(&send, &receive);
    assert_int_equal(noise_encrypt(&send, (const uint8_t *)"message1", 8, first, 24), 24);
    assert_int_equal(noise_encrypt(&send, (const uint8_t *)"message2", 8, second, 24), 24);
    assert_int_equal(noise_decrypt(&receive, second, 24, out, 24), RESULT_DENIED);
    assert_int_equal(noise_decrypt(&receive, first, 23, out, 24), RESULT_DENIED);
    first[3] ^= 1;
    assert_int_equal(noise_decrypt(&receive, first, 24, out, 24), RESULT_DENIED);
    first[3] ^= 1;
    assert_int_equal(noise_decrypt(&receive, first, 24, out, 24), 8);
    assert_memory_equal(out, "message1", 8);
    assert_int_equal(noise_decrypt(&receive, first, 24, out, 24), RESULT_DENIED);
    assert_int_equal(noise_decrypt(&receive, second, 24, out, 8), 8);
}

static void transport__sizes_and_counter__bounded(void **state)
{
    static uint8_t large[NOISE_MESSAGE_MAX + 1];
    struct noise_cipher send, receive;
    uint8_t out[32];

    (void)state;
    make_ciphers(&send, &receive);
    assert_int_equal(noise_encrypt(&send, large, 17, out, 32), RESULT_FULL);
    assert_int_equal(noise_encrypt(&send, large, 0, out, 15), RESULT_FULL);
    assert_int_equal(noise_encrypt(&send, large, NOISE_MESSAGE_MAX - 15, large, sizeof(large)),
                     RESULT_FULL);
    assert_int_equal(noise_encrypt(&send, large, NOISE_MESSAGE_MAX - 16, large, sizeof(large)),
                     NOISE_MESSAGE_MAX);
    assert_int_equal(noise_decrypt(&receive, large, NOISE_MESSAGE_MAX, large, sizeof(large)),
                     NOISE_MESSAGE_MAX - 16);
    assert_int_equal(noise_encrypt(&send, NULL, 0, out, 16), 16);
    assert_int_equal(noise_decrypt(&receive, out, 15, out, 32), RESULT_INVALID);
    assert_int_equal(noise_decrypt(&receive, large, sizeof(large), large, sizeof(large)),
                     RESULT_INVALID);
    assert_int_equal(noise_decrypt(&receive, large, 64, out, 32), RESULT_FULL);
    assert_int_equal(noise_decrypt(&receive, out, 16, out, 0), 0);

    send.counter = receive.counter = UINT64_MAX;
    assert_int_equal(noise_encrypt(&send, large, 1, out, 32), RESULT_DENIED);
    assert_int_equal(noise_decrypt(&receive, out, 17, out, 32), RESULT_DENIED);
    assert_true(send.counter == UINT64_MAX);
}

static void wipe__secrets__gone(void **state)
{
    struct noise_cipher cipher, other;
    static const struct noise_cipher zeros;

    (void)state;
    make_ciphers(&cipher, &other);
    noise_cipher_wipe(&cipher);
    assert_memory_equal(&cipher, &zeros, sizeof(cipher));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors__whole_conversation__byte_for_byte),
        cmocka_unit_test(handshake__empty_payloads__48_bytes_each),
        cmocka_unit_test(handshake__another_key_or_prologue__denied_and_dead),
        cmocka_unit_test(handshake__low_order_key__denied),
        cmocka_unit_test(handshake__wrong_sizes__refused),
        cmocka_unit_test(transport__altered_replayed_or_reordered__denied),
        cmocka_unit_test(transport__sizes_and_counter__bounded),
        cmocka_unit_test(wipe__secrets__gone),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, load_vectors, NULL);
}
