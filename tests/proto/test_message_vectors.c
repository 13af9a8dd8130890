/* SPDX-License-Identifier: MIT */
/* The control messages of tests/vectors/protocol.txt, field by field. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <sodium.h>
#include <cmocka.h>

#include "proto/control_message.h"
#include "tests/proto/vector_file.h"

/* Lines "field_NAME = value", as the file has them. */
static char dumped[8192];

static void dump(const char *name, const char *value)
{
    const size_t used = strlen(dumped);

    assert_true(snprintf(dumped + used, sizeof(dumped) - used, "field_%s = %s\n", name, value) <
                (int)(sizeof(dumped) - used));
}

static void dump_number(const char *name, uint64_t value)
{
    char text[32];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    dump(name, text);
}

static void dump_bytes(const char *name, const uint8_t *bytes, size_t size)
{
    char hex[2048];

    dump(name, sodium_bin2hex(hex, sizeof(hex), bytes, size));
}

static void dump_run(const char *name, struct wire_bytes run)
{
    dump_bytes(name, run.at, run.size);
}

static void dump_blob(const struct control_blob *blob)
{
    dump_number("version", blob->version);
    dump_number("total", blob->total);
    dump_number("offset", blob->offset);
    dump_run("bytes", blob->bytes);
}

static void dump_create(const struct control_create *create)
{
    dump_number("members_max", create->members_max);
    dump_number("tick_us", create->tick_us);
    dump_number("flags", create->flags);
    dump_run("metadata", create->metadata);
    dump_number("down_bytes_s", create->down_bytes_s);
    dump_number("election", create->election);
}

static void dump_welcome(const struct control_welcome *welcome)
{
    dump_number("features", welcome->features);
    dump_number("flags", welcome->flags);
    dump_bytes("session_id", welcome->session_id, SESSION_ID_SIZE);
    dump_bytes("resume_key", welcome->resume_key, RESUME_KEY_SIZE);
    dump_number("resume_grace_ms", welcome->resume_grace_ms);
    dump_number("idle_timeout_ms", welcome->idle_timeout_ms);
    dump_number("frame_max", welcome->frame_max);
}

static void dump_members(const struct control_membership *membership)
{
    char text[2048] = "";

    for (unsigned index = 0; index < membership->member_count; index++) {
        const size_t used = strlen(text);

        snprintf(text + used, sizeof(text) - used, "%s%u", index > 0 ? " " : "",
                 membership->members[index]);
    }
    dump("members", text);
}

static void dump_membership(const struct control_membership *membership)
{
    dump_run("code", membership->code);
    dump_number("room_flags", membership->room_flags);
    dump_number("member", membership->member);
    dump_number("host", membership->host);
    dump_number("host_epoch", membership->host_epoch);
    dump_number("election", membership->election);
    dump_number("tick_us", membership->tick_us);
    dump_number("members_max", membership->members_max);
    dump_run("address", membership->address);
    dump_number("udp_port", membership->udp_port);
    dump_number("slot", membership->slot);
    dump_number("slot_tag", membership->slot_tag);
    dump_bytes("key_up", membership->key_up, CONTROL_KEY_SIZE);
    dump_bytes("key_down", membership->key_down, CONTROL_KEY_SIZE);
    dump_number("max_datagram", membership->max_datagram);
    dump_number("streams", membership->streams);
    dump_number("datagrams_s", membership->datagrams_s);
    dump_number("bytes_s", membership->bytes_s);
    dump_number("records_s", membership->records_s);
    dump_number("down_bytes_s", membership->down_bytes_s);
    dump_members(membership);
    dump_run("metadata", membership->metadata);
}

static void dump_error(const struct control_error *error)
{
    dump_number("reason", error->reason);
    dump_number("limit", error->limit);
    dump_number("retry_ms", error->retry_ms);
}

static void dump_qualities(const struct control_qualities *qualities)
{
    char text[2048] = "";

    for (unsigned index = 0; index < qualities->count; index++) {
        const struct control_quality *quality = &qualities->at[index];
        const size_t used = strlen(text);

        snprintf(text + used, sizeof(text) - used, "%s%u:%u:%u:%u:%u:%u", index > 0 ? " " : "",
                 quality->member, quality->rtt_us, quality->jitter_us, quality->loss_up_ppm,
                 quality->loss_down_ppm, quality->queue_us);
    }
    dump("qualities", text);
}

/* Requests for the host begin with its epoch. */
static void dump_host_epoch(const struct control_message *message)
{
    static const uint8_t types[] = {CONTROL_KICK,         CONTROL_LOCK,     CONTROL_HAND_OVER,
                                    CONTROL_SET_METADATA, CONTROL_SET_HEIR, CONTROL_BLOB_PUT};

    if (memchr(types, message->type, sizeof(types)) != NULL) {
        dump_number("host_epoch", message->host_epoch);
    }
}

static void dump_message(const struct control_message *message)
{
    dumped[0] = '\0';
    dump_host_epoch(message);
    switch ((enum control_type)message->type) {
    case CONTROL_START:
        dump_number("features", message->features);
        break;
    case CONTROL_CREATE:
        dump_create(&message->create);
        break;
    case CONTROL_JOIN:
        dump_run("code", message->join.code);
        dump_number("down_bytes_s", message->join.down_bytes_s);
        break;
    case CONTROL_KICK:
    case CONTROL_HAND_OVER:
    case CONTROL_SET_HEIR:
    case CONTROL_JOINED:
        dump_number("member", message->member);
        break;
    case CONTROL_LOCK:
    case CONTROL_LOCKED:
        dump_number("locked", message->is_locked);
        break;
    case CONTROL_SET_METADATA:
    case CONTROL_METADATA:
        dump_run("metadata", message->metadata);
        break;
    case CONTROL_PING:
    case CONTROL_PONG:
        dump_number("token", message->token);
        break;
    case CONTROL_SUBSCRIBE:
        dump_number("groups", message->groups);
        break;
    case CONTROL_WELCOME:
        dump_welcome(&message->welcome);
        break;
    case CONTROL_MEMBERSHIP:
        dump_membership(&message->membership);
        break;
    case CONTROL_ERROR:
    case CONTROL_NOTICE:
        dump_error(&message->error);
        break;
    case CONTROL_LEFT:
        dump_number("member", message->left.member);
        dump_number("reason", message->left.reason);
        break;
    case CONTROL_BLOB_PUT:
        dump_blob(&message->blob);
        break;
    case CONTROL_BLOB_PART:
        dump_blob(&message->blob);
        break;
    case CONTROL_HOST_CHANGED:
        dump_number("host", message->host_changed.host);
        dump_number("host_epoch", message->host_changed.host_epoch);
        break;
    case CONTROL_MEMBER_QUALITY:
        dump_qualities(&message->qualities);
        break;
    case CONTROL_REMOVED:
    case CONTROL_ENDED:
        dump_number("reason", message->reason);
        break;
    case CONTROL_DRAINING:
        dump_number("deadline_ms", message->deadline_ms);
        break;
    case CONTROL_LEAVE:
    case CONTROL_ROOM_STATE:
    case CONTROL_BYE:
    case CONTROL_OK:
        break;
    }
}

static void check_message(const struct vector_section *section)
{
    static char expected[8192];
    uint8_t bytes[1024], again[1024];
    const size_t size = vector_bytes(section, "bytes", bytes, sizeof(bytes));
    const bool goes_up = strcmp(vector_text(section, "direction"), "up") == 0;
    struct control_message message;

    print_message("[message %s]\n", section->title);
    assert_int_equal(
        control_message_decode(goes_up ? CONTROL_UP : CONTROL_DOWN, bytes, size, &message),
        REASON_NONE);
    assert_int_equal(message.type, vector_number(section, "type"));
    assert_true(message.request == vector_number(section, "request"));

    expected[0] = '\0';
    for (int index = 0; index < section->field_count; index++) {
        const size_t used = strlen(expected);

        if (strncmp(section->keys[index], "field_", 6) == 0) {
            snprintf(expected + used, sizeof(expected) - used, "%s = %s\n", section->keys[index],
                     section->values[index]);
        }
    }
    dump_message(&message);
    assert_string_equal(dumped, expected);
    assert_int_equal(control_message_encode(&message, again, sizeof(again)), size);
    assert_memory_equal(again, bytes, size);
}

static void messages__file__every_field_agrees(void **state)
{
    int count = 0;

    (void)state;
    for (const struct vector_section *section = vector_section_at("message", 0); section != NULL;
         section = vector_section_at("message", ++count)) {
        check_message(section);
    }
    assert_int_equal(count, 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(messages__file__every_field_agrees)};

    setvbuf(stdout, NULL, _IONBF, 0);
    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, vector_file_load, NULL);
}
