/* SPDX-License-Identifier: MIT */
/* One datagram, up if the first byte is even, else down: head, tag, and the body of its type. The
 * tag is put right before the body is looked at, so that the fuzzer gets that far. Whatever is
 * accepted is written again and must come out as the same bytes or the same values. */
#include <stdbool.h>
#include <string.h>

#include <sodium.h>

#include "proto/body.h"
#include "proto/datagram.h"
#include "proto/limits.h"
#include "proto/record.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t key[DATAGRAM_KEY_SIZE] = {1, 2, 3};

static bool equals(const struct record *a, const struct record *b)
{
    return a->member == b->member && a->stream == b->stream && a->is_retained == b->is_retained &&
           a->age_ms == b->age_ms && a->size == b->size &&
           memcmp(a->payload, b->payload, a->size) == 0;
}

/* Walks a body, writes its records again, and compares the two. */
static void try_records(enum record_direction direction, const uint8_t *body, size_t size)
{
    static uint8_t bytes[DATAGRAM_LIMIT_MAX];
    const int count = record_body_check(direction, body, size);
    struct record_reader reader;
    struct record_reader again;
    struct record_writer writer;
    struct record record;
    struct record other;
    int walked = 0;

    if (count < 0) {
        return;
    }
    FUZZ_REQUIRE(count <= RECORDS_MAX);
    record_writer_init(&writer, direction, bytes, sizeof(bytes));
    record_reader_init(&reader, direction, body, size);
    while (record_next(&reader, &record)) {
        FUZZ_REQUIRE(record.payload >= body && record.payload + record.size <= body + size);
        FUZZ_REQUIRE(record_write(&writer, &record));
        walked++;
    }
    FUZZ_REQUIRE(walked == count && writer.size <= size);
    if (count == 0) {
        return;
    }
    FUZZ_REQUIRE(record_body_check(direction, bytes, writer.size) == count);
    record_reader_init(&reader, direction, body, size);
    record_reader_init(&again, direction, bytes, writer.size);
    while (record_next(&reader, &record)) {
        FUZZ_REQUIRE(record_next(&again, &other) && equals(&record, &other));
    }
    FUZZ_REQUIRE(!record_next(&again, &other));
    if (count < RECORDS_MAX) {
        FUZZ_REQUIRE(record_write_padding(&writer, writer.size + 1) ||
                     writer.size + RECORD_HEAD_SIZE > sizeof(bytes));
        FUZZ_REQUIRE(record_body_check(direction, bytes, writer.size) == count);
    }
}

/* The fixed bodies: reads, writes again, compares what is not ignored. */
static void try_body(enum datagram_type type, const uint8_t *body, size_t size)
{
    uint8_t again[BODY_FIXED_SIZE_MAX];
    uint8_t cookie[BODY_COOKIE_SIZE];
    uint64_t client_time = 0;
    unsigned reason = 0;
    struct addr seen;
    struct body_ping ping;

    switch (type) {
    case DATAGRAM_BIND:
        if (body_bind_read(body, size, &client_time)) {
            body_bind_write(again, client_time);
            FUZZ_REQUIRE(memcmp(again, body, 8) == 0);
        }
        break;
    case DATAGRAM_CHALLENGE:
        if (body_challenge_read(body, size, cookie)) {
            body_challenge_write(again, cookie);
            FUZZ_REQUIRE(memcmp(again, body, size) == 0);
        }
        break;
    case DATAGRAM_CONFIRM:
        if (body_confirm_read(body, size, cookie)) {
            body_confirm_write(again, cookie);
            FUZZ_REQUIRE(memcmp(again, body, BODY_COOKIE_SIZE) == 0);
        }
        break;
    case DATAGRAM_BOUND:
        if (body_bound_read(body, size, &seen)) {
            body_bound_write(again, &seen);
            FUZZ_REQUIRE(memcmp(again, body, size) == 0);
        }
        break;
    case DATAGRAM_PING:
    case DATAGRAM_PONG:
        if (body_ping_read(body, size, &ping)) {
            body_ping_write(again, &ping);
            FUZZ_REQUIRE(memcmp(again, body, size) == 0);
        }
        break;
    case DATAGRAM_BYE:
        if (body_bye_read(body, size, &reason)) {
            body_bye_write(again, reason);
            FUZZ_REQUIRE(memcmp(again, body, 2) == 0);
        }
        break;
    case DATAGRAM_PROBE:
        FUZZ_REQUIRE(body_probe_read(body, size) == (size == BODY_PROBE_SIZE));
        break;
    case DATAGRAM_DATA:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static uint8_t bytes[DATAGRAM_LIMIT_MAX];
    const bool is_up = size == 0 || input[0] % 2 == 0;
    struct datagram_head head;
    enum reason reason = REASON_NONE;

    if (size == 0 || sodium_init() < 0) {
        return 0;
    }
    input++;
    size--;
    reason = is_up ? datagram_check_up(input, size, DATAGRAM_LIMIT_MAX, &head)
                   : datagram_check_down(input, size, DATAGRAM_LIMIT_MAX, &head);
    FUZZ_REQUIRE(reason <= REASON_BAD_TYPE);
    if (reason != REASON_NONE) {
        return 0;
    }
    (void)datagram_tag_fits(input, size, key);
    memcpy(bytes, input, size);
    if (head.sequence != 0) {
        FUZZ_REQUIRE(datagram_seal(&head, key, bytes, datagram_body_size(size)) == size);
        FUZZ_REQUIRE(memcmp(bytes, input, size - DATAGRAM_TAG_SIZE) == 0);
        FUZZ_REQUIRE(datagram_tag_fits(bytes, size, key));
    }
    if (head.type == DATAGRAM_DATA) {
        try_records(is_up ? RECORD_UP : RECORD_DOWN, datagram_body(input),
                    datagram_body_size(size));
    } else {
        try_body(head.type, datagram_body(input), datagram_body_size(size));
    }
    return 0;
}
