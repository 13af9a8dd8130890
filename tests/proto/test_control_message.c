/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "proto/control_message.h"

static uint8_t bytes[4096];

static const uint8_t up_types[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
static const uint8_t down_types[] = {0x81, 0x82, 0x83, 0x84, 0x85, 0xC1, 0xC2, 0xC3,
                                     0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCB, 0xCC};

static enum control_direction direction_of(uint8_t type)
{
    return type < 0x80 ? CONTROL_UP : CONTROL_DOWN;
}

static struct wire_bytes text(const char *string)
{
    return (struct wire_bytes){(const uint8_t *)string, strlen(string)};
}

static void fill_request(struct control_message *message)
{
    switch (message->type) {
    case CONTROL_START:
        message->features = 0x11223344;
        break;
    case CONTROL_CREATE:
        message->create =
            (struct control_create){9, ROOM_TICK_DEFAULT, CREATE_LOCKED, text("map"), 65536, 2};
        break;
    case CONTROL_JOIN:
        message->join = (struct control_join){text("k7q-x9p"), 65536};
        break;
    case CONTROL_KICK:
    case CONTROL_HAND_OVER:
    case CONTROL_SET_HEIR:
        message->host_epoch = 0x01020304;
        message->member = 0x0506;
        break;
    case CONTROL_LOCK:
        message->host_epoch = UINT32_MAX;
        message->is_locked = true;
        break;
    case CONTROL_SET_METADATA:
        message->host_epoch = 7;
        message->metadata = text("name=Arena");
        break;
    case CONTROL_PING:
        message->token = UINT64_C(0x0102030405060708);
        break;
    case CONTROL_SUBSCRIBE:
        message->groups = UINT64_C(0x8000000000000101);
        break;
    case CONTROL_BLOB_PUT:
        message->blob = (struct control_blob){7, 65536, 1024, text("saved")};
        break;
    default: /* The others have no fields. */
        break;
    }
}

static struct control_membership make_membership(void)
{
    return (struct control_membership){.code = text("K7QX9P"),
                                       .room_flags = ROOM_LOCKED,
                                       .member = 1,
                                       .host = 2,
                                       .host_epoch = 3,
                                       .tick_us = 4,
                                       .members_max = 5,
                                       .address = text("relay.example"),
                                       .udp_port = 6,
                                       .slot = 0xfedcba,
                                       .slot_tag = 8,
                                       .key_up = {9},
                                       .key_down = {10},
                                       .max_datagram = 1232,
                                       .streams = 8,
                                       .datagrams_s = 11,
                                       .bytes_s = 12,
                                       .records_s = 13,
                                       .election = ELECTION_HEIR,
                                       .down_bytes_s = 14,
                                       .member_count = 2,
                                       .members = {1, 2},
                                       .metadata = text("m")};
}

static void fill_answer_or_event(struct control_message *message)
{
    switch (message->type) {
    case CONTROL_WELCOME:
        message->welcome = (struct control_welcome){1, WELCOME_RESUMED, {2}, {3}, 4, 5, 4096};
        break;
    case CONTROL_MEMBERSHIP:
        message->membership = make_membership();
        break;
    case CONTROL_PONG:
        message->token = UINT64_C(0x0102030405060708);
        break;
    case CONTROL_ERROR:
    case CONTROL_NOTICE:
        message->error = (struct control_error){REASON_ROOM_FULL, 64, 1500};
        break;
    case CONTROL_JOINED:
        message->member = 0x0506;
        break;
    case CONTROL_LEFT:
        message->left = (struct control_left){7, REASON_KICKED};
        break;
    case CONTROL_HOST_CHANGED:
        message->host_changed = (struct control_host_changed){7, 8};
        break;
    case CONTROL_METADATA:
        message->metadata = text("name=Arena");
        break;
    case CONTROL_LOCKED:
        message->is_locked = true;
        break;
    case CONTROL_REMOVED:
    case CONTROL_ENDED:
        message->reason = REASON_SHUTDOWN;
        break;
    case CONTROL_MEMBER_QUALITY:
        message->qualities =
            (struct control_qualities){2, {{7, 40000, 2500, 1, 2, 3}, {8, 1, 2, 3, 4, 5}}};
        break;
    case CONTROL_DRAINING:
        message->deadline_ms = 5000;
        break;
    case CONTROL_BLOB_PART:
        message->blob = (struct control_blob){7, 65536, 1024, text("saved")};
        break;
    default: /* OK has no fields. */
        break;
    }
}

/* A message of the type with every field set to something that is not zero. */
static struct control_message make_message(uint8_t type)
{
    struct control_message message = {.type = type,
                                      .request = type >= 0xC0 ? 0 : UINT32_C(0x01020304)};

    if (direction_of(type) == CONTROL_UP) {
        fill_request(&message);
    } else {
        fill_answer_or_event(&message);
    }
    return message;
}

static void assert_text(struct wire_bytes read, const char *expected)
{
    assert_int_equal(read.size, strlen(expected));
    assert_memory_equal(read.at, expected, read.size);
}

/* Encode, decode, encode again: equal bytes. And every shorter cut is refused. */
static void check_type(uint8_t type)
{
    const struct control_message message = make_message(type);
    const int size = control_message_encode(&message, bytes, sizeof(bytes));
    struct control_message read;
    uint8_t again[4096];

    assert_true(size >= CONTROL_HEAD_SIZE && size <= CONTROL_MESSAGE_SIZE_MAX);
    assert_int_equal(control_message_decode(direction_of(type), bytes, (size_t)size, &read),
                     REASON_NONE);
    assert_int_equal(read.type, type);
    assert_int_equal(read.request, message.request);
    assert_int_equal(control_message_encode(&read, again, sizeof(again)), size);
    assert_memory_equal(again, bytes, (size_t)size);
    for (size_t cut = 0; cut < (size_t)size; cut++) {
        assert_int_equal(control_message_decode(direction_of(type), bytes, cut, &read),
                         REASON_BAD_MESSAGE);
        assert_int_equal(read.type, cut < CONTROL_HEAD_SIZE ? 0 : type);
        assert_int_equal(read.request, cut < CONTROL_HEAD_SIZE ? 0 : message.request);
        assert_int_equal(control_message_encode(&message, again, cut), RESULT_FULL);
    }
    /* Growth at the end. */
    bytes[size] = 0x99;
    assert_int_equal(control_message_decode(direction_of(type), bytes, (size_t)size + 1, &read),
                     REASON_NONE);
}

static void every_type__round_trip_cut_and_grown(void **state)
{
    (void)state;
    for (size_t index = 0; index < sizeof(up_types); index++) {
        check_type(up_types[index]);
    }
    for (size_t index = 0; index < sizeof(down_types); index++) {
        check_type(down_types[index]);
    }
}

static void decode__create__fields_as_in_the_table(void **state)
{
    static const uint8_t create[] = {2, 0, 0, 0,   7,   0, 16, 0xff, 0xff, 0xff, 0xff,
                                     1, 0, 2, 'h', 'i', 0, 1,  0,    0,    2};
    struct control_message read;

    (void)state;
    assert_int_equal(control_message_decode(CONTROL_UP, create, sizeof(create), &read), 0);
    assert_int_equal(read.request, 7);
    assert_int_equal(read.create.members_max, 16);
    assert_true(read.create.tick_us == ROOM_TICK_DEFAULT);
    assert_int_equal(read.create.flags, CREATE_LOCKED);
    assert_text(read.create.metadata, "hi");
    assert_int_equal(read.create.down_bytes_s, 65536);
    assert_int_equal(read.create.election, ELECTION_HEIR);
}

static void decode__membership__fields_read(void **state)
{
    const struct control_message message = make_message(CONTROL_MEMBERSHIP);
    const int size = control_message_encode(&message, bytes, sizeof(bytes));
    struct control_message read;

    (void)state;
    assert_int_equal(control_message_decode(CONTROL_DOWN, bytes, (size_t)size, &read), 0);
    assert_text(read.membership.code, "K7QX9P");
    assert_text(read.membership.address, "relay.example");
    assert_text(read.membership.metadata, "m");
    assert_int_equal(read.membership.slot, 0xfedcba);
    assert_int_equal(read.membership.key_down[0], 10);
    assert_int_equal(read.membership.member_count, 2);
    assert_int_equal(read.membership.members[1], 2);
    assert_int_equal(read.membership.max_datagram, 1232);
}

static void membership__largest__is_the_documented_size(void **state)
{
    static const uint8_t filler[ROOM_METADATA_SIZE_MAX];
    struct control_message message = make_message(CONTROL_MEMBERSHIP);

    (void)state;
    message.membership.code = text("23456789CDFH");
    message.membership.address = (struct wire_bytes){filler, ADVERTISE_SIZE_MAX};
    message.membership.metadata = (struct wire_bytes){filler, sizeof(filler)};
    message.membership.member_count = ROOM_MEMBERS_MAX;
    assert_int_equal(control_message_encode(&message, bytes, sizeof(bytes)),
                     CONTROL_MESSAGE_SIZE_MAX);
}

static void decode__unknown_type_or_other_direction__told_with_the_request(void **state)
{
    uint8_t message[CONTROL_HEAD_SIZE] = {0, 0, 0, 0, 9};
    struct control_message read;

    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        const bool is_up = memchr(up_types, (int)type, sizeof(up_types)) != NULL;
        const bool is_down = memchr(down_types, (int)type, sizeof(down_types)) != NULL;

        message[0] = (uint8_t)type;
        assert_int_equal(control_message_decode(CONTROL_UP, message, sizeof(message), &read) ==
                             REASON_UNKNOWN_MESSAGE,
                         !is_up);
        assert_int_equal(read.type, type);
        assert_int_equal(read.request, 9);
        assert_int_equal(control_message_decode(CONTROL_DOWN, message, sizeof(message), &read) ==
                             REASON_UNKNOWN_MESSAGE,
                         !is_down);
        assert_int_equal(strcmp(control_type_name(type), "unknown") == 0, !is_up && !is_down);
    }
}

static void decode__request_id_against_the_kind__refused(void **state)
{
    static const uint8_t leave_without[] = {4, 0, 0, 0, 0};
    static const uint8_t ok_without[] = {0x83, 0, 0, 0, 0};
    static const uint8_t joined_with[] = {0xC1, 0, 0, 0, 1, 0, 1};
    static const uint8_t error_without[] = {0x85, 0, 0, 0, 0, 0, 103, 0, 0, 0, 0, 0, 0, 0, 0};
    struct control_message read;

    (void)state;
    assert_int_equal(control_message_decode(CONTROL_UP, leave_without, 5, &read),
                     REASON_BAD_MESSAGE);
    assert_int_equal(read.type, CONTROL_LEAVE);
    assert_int_equal(control_message_decode(CONTROL_DOWN, ok_without, 5, &read),
                     REASON_BAD_MESSAGE);
    assert_int_equal(control_message_decode(CONTROL_DOWN, joined_with, 7, &read),
                     REASON_BAD_MESSAGE);
    assert_int_equal(control_message_decode(CONTROL_DOWN, error_without, 15, &read), REASON_NONE);
}

/* Sets one byte of a good message and expects it to be refused. */
static void assert_spoilt(uint8_t type, size_t offset, uint8_t value)
{
    const struct control_message message = make_message(type);
    const int size = control_message_encode(&message, bytes, sizeof(bytes));
    struct control_message read;

    assert_true(size > (int)offset);
    bytes[offset] = value;
    assert_int_equal(control_message_decode(direction_of(type), bytes, sizeof(bytes), &read),
                     REASON_BAD_MESSAGE);
}

static void decode__values_out_of_range__refused(void **state)
{
    (void)state;
    assert_spoilt(CONTROL_LOCK, 9, 2);
    assert_spoilt(CONTROL_LOCKED, 5, 0xff);
    assert_spoilt(CONTROL_CREATE, 11, 4); /* A flag that does not exist. */
    assert_spoilt(CONTROL_CREATE, 12, 3); /* Metadata of 771 bytes, all there. */
    assert_spoilt(CONTROL_SET_METADATA, 9, 3);
    assert_spoilt(CONTROL_METADATA, 5, 3);
    assert_spoilt(CONTROL_BLOB_PUT, 21, 0x41); /* More than a frame. */
    assert_spoilt(CONTROL_BLOB_PART, 17, 5);   /* 1285 bytes, all there. */
    assert_spoilt(CONTROL_MEMBERSHIP, 5, 13);  /* A code longer than any. */
    assert_spoilt(CONTROL_MEMBERSHIP, 5 + 7 + 16 + 14 + 9 + 32 + 19, 2); /* 514 members. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type__round_trip_cut_and_grown),
        cmocka_unit_test(decode__create__fields_as_in_the_table),
        cmocka_unit_test(decode__membership__fields_read),
        cmocka_unit_test(membership__largest__is_the_documented_size),
        cmocka_unit_test(decode__unknown_type_or_other_direction__told_with_the_request),
        cmocka_unit_test(decode__request_id_against_the_kind__refused),
        cmocka_unit_test(decode__values_out_of_range__refused),
    };

    setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
