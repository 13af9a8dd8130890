/* SPDX-License-Identifier: MIT */
/* tests/vectors/protocol.txt, made by an implementation of its own, against ours, both ways. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <sodium.h>
#include <cmocka.h>

#include "proto/body.h"
#include "proto/datagram.h"
#include "proto/frame.h"
#include "proto/hello.h"
#include "proto/join_code.h"
#include "proto/noise.h"
#include "proto/record.h"
#include "proto/retained.h"
#include "proto/ticket.h"
#include "tests/proto/vector_file.h"

/* Runs check on every section of a kind, and wants at least so many of them. */
static void for_each(const char *kind, int least, void (*check)(const struct vector_section *))
{
    int count = 0;
    const struct vector_section *section = vector_section_at(kind, 0);

    while (section != NULL) {
        print_message("[%s %s]\n", section->kind, section->title);
        check(section);
        section = vector_section_at(kind, ++count);
    }
    assert_true(count >= least);
}

static void check_ticket(const struct vector_section *section)
{
    const char *name = vector_text(section, "name");
    uint8_t secret[TICKET_SECRET_SIZE], expected[TICKET_KEY_SIZE], key[TICKET_KEY_SIZE];
    struct ticket ticket;

    assert_int_equal(vector_bytes(section, "secret", secret, sizeof(secret)), sizeof(secret));
    assert_int_equal(vector_bytes(section, "key", expected, sizeof(expected)), sizeof(expected));
    assert_int_equal(ticket_parse(name, strlen(name), &ticket), REASON_NONE);
    ticket_key(secret, name, strlen(name), key);
    assert_memory_equal(key, expected, sizeof(key));
}

static void check_bad_ticket(const struct vector_section *section)
{
    const char *name = vector_text(section, "name");
    struct ticket ticket;

    assert_int_equal(ticket_parse(name, strlen(name), &ticket), REASON_TICKET_FORMAT);
}

static void tickets__file__agree(void **state)
{
    (void)state;
    for_each("ticket", 2, check_ticket);
    for_each("bad_ticket", 7, check_bad_ticket);
}

static void check_join_code(const struct vector_section *section)
{
    const char *typed = vector_text(section, "typed");
    char code[JOIN_CODE_TEXT_SIZE];

    assert_true(join_code_normalise(typed, strlen(typed), code) > 0);
    assert_string_equal(code, vector_text(section, "code"));
}

static void check_bad_join_code(const struct vector_section *section)
{
    const char *typed = vector_text(section, "typed");
    char code[JOIN_CODE_TEXT_SIZE];

    assert_int_equal(join_code_normalise(typed, strlen(typed), code), RESULT_INVALID);
}

static void check_made_join_code(const struct vector_section *section)
{
    const char *expected = vector_text(section, "code");
    uint8_t random[JOIN_CODE_RANDOM_SIZE];
    char code[JOIN_CODE_TEXT_SIZE];

    assert_int_equal(vector_bytes(section, "random", random, sizeof(random)), sizeof(random));
    assert_int_equal(join_code_make(random, (unsigned)strlen(expected), code), RESULT_OK);
    assert_string_equal(code, expected);
}

static void join_codes__file__agree(void **state)
{
    (void)state;
    for_each("join_code", 4, check_join_code);
    for_each("bad_join_code", 8, check_bad_join_code);
    for_each("made_join_code", 1, check_made_join_code);
}

static void check_siphash(const struct vector_section *section)
{
    uint8_t key[DATAGRAM_KEY_SIZE], message[64], expected[8], tag[8];
    const size_t size = vector_bytes(section, "message", message, sizeof(message));

    assert_int_equal(vector_bytes(section, "key", key, sizeof(key)), sizeof(key));
    assert_int_equal(vector_bytes(section, "tag", expected, sizeof(expected)), sizeof(expected));
    crypto_shorthash(tag, message, size, key);
    assert_memory_equal(tag, expected, sizeof(tag));
}

static bool goes_up(const struct vector_section *section)
{
    return strcmp(vector_text(section, "direction"), "up") == 0;
}

/* Whether a body of the type is well-formed, going up. */
static bool is_up_body_good(enum datagram_type type, const uint8_t *body, size_t size)
{
    uint64_t client_time = 0;
    uint8_t cookie[BODY_COOKIE_SIZE];
    struct body_ping ping;

    switch (type) {
    case DATAGRAM_DATA:
        return record_body_check(RECORD_UP, body, size) >= 0;
    case DATAGRAM_BIND:
        return body_bind_read(body, size, &client_time);
    case DATAGRAM_CONFIRM:
        return body_confirm_read(body, size, cookie);
    case DATAGRAM_PING:
        return body_ping_read(body, size, &ping);
    case DATAGRAM_CHALLENGE:
    case DATAGRAM_BOUND:
    case DATAGRAM_PONG:
    case DATAGRAM_BYE:
    case DATAGRAM_PROBE:
        break;
    }
    return false;
}

static void check_datagram(const struct vector_section *section)
{
    uint8_t bytes[256], key[DATAGRAM_KEY_SIZE], body[256], again[256];
    const size_t size = vector_bytes(section, "bytes", bytes, sizeof(bytes));
    const size_t body_size = vector_bytes(section, "body", body, sizeof(body));
    struct datagram_head head;

    assert_int_equal(vector_bytes(section, "key", key, sizeof(key)), sizeof(key));
    if (goes_up(section)) {
        assert_int_equal(datagram_check_up(bytes, size, 1232, &head), REASON_NONE);
        assert_true(is_up_body_good(head.type, body, body_size));
    } else {
        assert_int_equal(datagram_check_down(bytes, size, 1232, &head), REASON_NONE);
    }
    assert_int_equal(head.type, vector_number(section, "type"));
    assert_int_equal(head.slot, vector_number(section, "slot"));
    assert_int_equal(head.slot_tag, vector_number(section, "slot_tag"));
    assert_true(head.sequence == vector_number(section, "sequence"));
    assert_true(datagram_tag_fits(bytes, size, key));
    assert_int_equal(datagram_body_size(size), body_size);
    assert_memory_equal(datagram_body(bytes), body, body_size);

    memcpy(again + DATAGRAM_HEAD_SIZE, body, body_size);
    assert_int_equal(datagram_seal(&head, key, again, body_size), size);
    assert_memory_equal(again, bytes, size);
}

/* Steps 1, 2, 6 and 10 of the order of checks, which need no slot. */
static enum reason judge(const uint8_t *bytes, size_t size, size_t size_max, const uint8_t *key)
{
    struct datagram_head head;
    const enum reason reason = datagram_check_up(bytes, size, size_max, &head);

    if (reason != REASON_NONE) {
        return reason;
    }
    if (!datagram_tag_fits(bytes, size, key)) {
        return REASON_BAD_TAG;
    }
    return is_up_body_good(head.type, datagram_body(bytes), datagram_body_size(size))
               ? REASON_NONE
               : REASON_MALFORMED;
}

static void check_dropped(const struct vector_section *section)
{
    static uint8_t bytes[2048];
    uint8_t key[DATAGRAM_KEY_SIZE];
    const size_t size = vector_bytes(section, "bytes", bytes, sizeof(bytes));
    const size_t size_max = (size_t)vector_number(section, "max_datagram");

    assert_int_equal(vector_bytes(section, "key", key, sizeof(key)), sizeof(key));
    assert_string_equal(reason_name(judge(bytes, size, size_max, key)),
                        vector_text(section, "reason"));
}

static void datagrams__file__agree(void **state)
{
    (void)state;
    for_each("siphash", 1, check_siphash);
    for_each("datagram", 10, check_datagram);
    for_each("dropped", 16, check_dropped);
}

/* The values that the fixed bodies of the file's datagrams carry. */
static void fixed_bodies__file__values_as_the_generator_put_them(void **state)
{
    uint8_t bytes[64];
    uint64_t client_time = 0;
    uint8_t cookie[BODY_COOKIE_SIZE];
    unsigned reason = 0;
    struct addr seen;
    struct addr expected = addr_ipv4(192, 0, 2, 33, 50000);
    struct body_ping ping;
    int n = 0;

    (void)state;
    for (const struct vector_section *section = vector_section_at("datagram", 0); section != NULL;
         section = vector_section_at("datagram", ++n)) {
        const size_t size = vector_bytes(section, "body", bytes, sizeof(bytes));

        switch ((enum datagram_type)vector_number(section, "type")) {
        case DATAGRAM_BIND:
            assert_true(body_bind_read(bytes, size, &client_time) && client_time == 123456789);
            break;
        case DATAGRAM_CHALLENGE:
            assert_true(body_challenge_read(bytes, size, cookie) && cookie[0] == 0xc0);
            break;
        case DATAGRAM_CONFIRM:
            assert_true(body_confirm_read(bytes, size, cookie) && cookie[7] == 0xc7);
            break;
        case DATAGRAM_BOUND:
            assert_true(body_bound_read(bytes, size, &seen) && addr_equal(&seen, &expected));
            break;
        case DATAGRAM_PING:
        case DATAGRAM_PONG:
            assert_true(body_ping_read(bytes, size, &ping));
            assert_true(ping.client_time_us == 1000000 && ping.room_time_us == 2000000);
            assert_true(ping.delay_us == 1500 && ping.highest == 77 && ping.received == 70);
            break;
        case DATAGRAM_BYE:
            assert_true(body_bye_read(bytes, size, &reason) && reason == REASON_SHUTDOWN);
            break;
        case DATAGRAM_PROBE:
            assert_true(body_probe_read(bytes, size));
            break;
        case DATAGRAM_DATA:
            break;
        }
    }
}

static uint64_t sum_of_hashes;

static uint64_t read_u64(const struct vector_section *section, const char *key)
{
    uint8_t bytes[8];
    struct wire_reader reader;

    assert_int_equal(vector_bytes(section, key, bytes, sizeof(bytes)), sizeof(bytes));
    wire_reader_init(&reader, bytes, sizeof(bytes));
    return wire_get_u64(&reader);
}

static void check_retained(const struct vector_section *section)
{
    uint8_t payload[512];
    const size_t size = vector_bytes(section, "payload", payload, sizeof(payload));
    const uint64_t hash = retained_hash((uint16_t)vector_number(section, "member"),
                                        (uint8_t)vector_number(section, "stream"), payload, size);

    assert_true(hash == read_u64(section, "hash"));
    sum_of_hashes += hash;
    assert_true(sum_of_hashes == read_u64(section, "digest"));
}

/* The PING and PONG of the vectors carry the digest over all of these. */
static void retained__file__hashes_and_digests_agree(void **state)
{
    uint8_t body[64];
    struct body_ping ping;
    const struct vector_section *section = NULL;

    (void)state;
    sum_of_hashes = 0;
    for_each("retained", 4, check_retained);
    for (int n = 0; (section = vector_section_at("datagram", n)) != NULL; n++) {
        if (vector_number(section, "type") == DATAGRAM_PING) {
            assert_true(
                body_ping_read(body, vector_bytes(section, "body", body, sizeof(body)), &ping));
            assert_true(ping.digest == sum_of_hashes);
        }
    }
}

static void check_body(const struct vector_section *section)
{
    uint8_t bytes[256];
    const size_t size = vector_bytes(section, "bytes", bytes, sizeof(bytes));
    const enum record_direction direction = goes_up(section) ? RECORD_UP : RECORD_DOWN;
    const int count = record_body_check(direction, bytes, size);
    struct record_reader reader;
    struct record record;
    int index = 0;

    assert_int_equal(count, section->field_count - 2);
    record_reader_init(&reader, direction, bytes, size);
    while (record_next(&reader, &record)) {
        char key[32], hex[256], line[512];

        sodium_bin2hex(hex, sizeof(hex), record.payload, record.size);
        snprintf(line, sizeof(line), "%u %u %d %lu%s%s", record.member, record.stream,
                 record.is_retained, (unsigned long)record.age_ms, record.size > 0 ? " " : "", hex);
        snprintf(key, sizeof(key), "record_%d", index++);
        assert_string_equal(line, vector_text(section, key));
    }
    assert_int_equal(index, count);
}

static void check_bad_body(const struct vector_section *section)
{
    uint8_t bytes[512];
    const size_t size = vector_bytes(section, "bytes", bytes, sizeof(bytes));

    assert_int_equal(record_body_check(goes_up(section) ? RECORD_UP : RECORD_DOWN, bytes, size),
                     RESULT_INVALID);
}

static void bodies__file__agree(void **state)
{
    (void)state;
    for_each("body", 2, check_body);
    for_each("bad_body", 13, check_bad_body);
}

/* The frames of one direction: each is made from its text, and read back. */
static void check_frames(const struct vector_section *section, const char *direction,
                         struct noise_cipher *send, struct noise_cipher *receive)
{
    for (int number = 0; number < 2; number++) {
        char key[32];
        uint8_t text[1024], frame[1024], made[1024];
        size_t text_size = 0;
        size_t frame_size = 0;

        snprintf(key, sizeof(key), "%s_%d", direction, number);
        frame_size = vector_bytes(section, key, frame, sizeof(frame));
        snprintf(key, sizeof(key), "%s_%d_text", direction, number);
        text_size = vector_bytes(section, key, text, sizeof(text));
        assert_int_equal(noise_encrypt(send, text, text_size, made + 2, sizeof(made) - 2),
                         frame_size - 2);
        frame_length_write(made, (uint16_t)(frame_size - 2));
        assert_memory_equal(made, frame, frame_size);
        assert_int_equal(noise_decrypt(receive, made + 2, frame_size - 2, made, sizeof(made)),
                         text_size);
        assert_memory_equal(made, text, text_size);
    }
}

struct channel {
    struct noise_handshake client;
    struct noise_handshake relay;
    uint8_t psk[32], client_private[32], relay_private[32];
};

static void check_flights(const struct vector_section *section, struct channel *channel)
{
    uint8_t name[HELLO_NAME_SIZE_MAX], flight[HELLO_SIZE_MAX], expected[HELLO_SIZE_MAX];
    const size_t name_size = vector_bytes(section, "name", name, sizeof(name));
    size_t size = vector_bytes(section, "first_flight", expected, sizeof(expected));
    const size_t offset =
        hello_begin((enum hello_mode)vector_number(section, "mode"), name, name_size, flight);
    struct hello hello;
    struct hello_answer answer;

    noise_handshake_init(&channel->client, NOISE_INITIATOR, flight + 2, offset - 2, channel->psk,
                         channel->client_private);
    assert_int_equal(noise_handshake_write(&channel->client, NULL, 0, flight + offset, 48), 48);
    assert_int_equal(offset + 48, size);
    assert_memory_equal(flight, expected, size);

    assert_int_equal(hello_decode(expected + 2, size - 2, &hello), REASON_NONE);
    assert_int_equal(hello.mode, vector_number(section, "mode"));
    assert_int_equal(hello.name.size, name_size);
    noise_handshake_init(&channel->relay, NOISE_RESPONDER, hello.prologue.at, hello.prologue.size,
                         channel->psk, channel->relay_private);
    assert_int_equal(noise_handshake_read(&channel->relay, hello.noise_message, 48, NULL, 0), 0);
    hello_accept_begin(flight);
    assert_int_equal(noise_handshake_write(&channel->relay, NULL, 0, flight + 4, 48), 48);
    size = vector_bytes(section, "answer", expected, sizeof(expected));
    assert_int_equal(size, HELLO_ACCEPTED_SIZE);
    assert_memory_equal(flight, expected, size);

    assert_true(hello_answer_decode(expected + 2, size - 2, &answer));
    assert_int_equal(answer.status, HELLO_ACCEPTED);
    assert_int_equal(noise_handshake_read(&channel->client, answer.noise_message, 48, NULL, 0), 0);
}

static void check_channel(const struct vector_section *section)
{
    struct channel channel;
    struct noise_cipher client_send, client_receive, relay_send, relay_receive;
    uint8_t hash[32], expected[32];

    vector_bytes(section, "psk", channel.psk, 32);
    vector_bytes(section, "client_private", channel.client_private, 32);
    vector_bytes(section, "relay_private", channel.relay_private, 32);
    vector_bytes(section, "hash", expected, 32);
    check_flights(section, &channel);
    noise_handshake_split(&channel.client, &client_send, &client_receive, hash);
    assert_memory_equal(hash, expected, 32);
    noise_handshake_split(&channel.relay, &relay_send, &relay_receive, hash);
    assert_memory_equal(hash, expected, 32);
    check_frames(section, "up", &client_send, &relay_receive);
    check_frames(section, "down", &relay_send, &client_receive);
}

static void check_refusal(const struct vector_section *section)
{
    uint8_t bytes[16], made[HELLO_REFUSAL_SIZE];
    struct hello_answer answer;
    const size_t size = vector_bytes(section, "bytes", bytes, sizeof(bytes));

    assert_int_equal(size, HELLO_REFUSAL_SIZE);
    assert_true(hello_answer_decode(bytes + 2, size - 2, &answer));
    assert_int_equal(answer.status, vector_number(section, "status"));
    assert_int_equal(answer.mode, vector_number(section, "mode"));
    assert_int_equal(answer.retry_s, vector_number(section, "retry_s"));
    hello_refuse(answer.status, (enum hello_mode)answer.mode, answer.retry_s, made);
    assert_memory_equal(made, bytes, size);
}

static void channels__file__whole_conversations_agree(void **state)
{
    (void)state;
    for_each("channel", 3, check_channel);
    for_each("refusal", 3, check_refusal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tickets__file__agree),
        cmocka_unit_test(join_codes__file__agree),
        cmocka_unit_test(datagrams__file__agree),
        cmocka_unit_test(fixed_bodies__file__values_as_the_generator_put_them),
        cmocka_unit_test(retained__file__hashes_and_digests_agree),
        cmocka_unit_test(bodies__file__agree),
        cmocka_unit_test(channels__file__whole_conversations_agree),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, vector_file_load, NULL);
}
