/* SPDX-License-Identifier: MIT */

/* A client against a relay that says anything: bytes, messages and datagrams of its choice, at
 * times of its choice, with connections that break. The input is a list of steps; those that need a
 * key have it, so that what lies behind the encryption is reached. Whatever comes, what the client
 * sends stays well-formed (fake_relay.c aborts on anything else), and what it told the program fits
 * together. */

#include "tests/client/fake_relay.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

enum {
    STEP_TURN,
    STEP_TIME,
    STEP_TCP_BYTES,
    STEP_MESSAGE,
    STEP_ANSWER, /* A message that answers the last request. */
    STEP_UDP_BYTES,
    STEP_DATAGRAM,
    STEP_BREAK,
    STEP_SWITCH,
    STEP_VERB,
    STEP_SEND,
    STEP_TAKE,
    STEP_MEMBERSHIP,
    STEP_COUNT
};

struct script {
    const uint8_t *at;
    size_t left;
};

static uint8_t next(struct script *script)
{
    if (script->left == 0)
        return 0;
    script->left--;
    return *script->at++;
}

/* A run of bytes with its length before it. */
static const uint8_t *next_bytes(struct script *script, size_t most, size_t *size_out)
{
    size_t size = next(script);
    const uint8_t *at = script->at;

    if (size > script->left)
        size = script->left;
    if (size > most)
        size = most;
    script->at += size;
    script->left -= size;
    *size_out = size;
    return at;
}

static bool has_room(const struct fake_relay *relay)
{
    return relay->is_established && relay->output_size < sizeof(relay->output) - 4096;
}

static void send_message(struct fake_link *link, struct script *script, bool is_answer)
{
    struct fake_relay *relay = &link->relay;
    uint8_t message[256] = {0};
    size_t size = 0;
    const uint8_t *bytes = next_bytes(script, sizeof(message), &size);
    unsigned count =
        relay->request_count < FAKE_REQUESTS_MAX ? relay->request_count : FAKE_REQUESTS_MAX;

    if (size == 0 || !has_room(relay))
        return;
    memcpy(message, bytes, size);
    if (is_answer && size >= 5 && count > 0) {
        uint32_t request = relay->requests[count - 1].request;

        message[1] = (uint8_t)(request >> 24);
        message[2] = (uint8_t)(request >> 16);
        message[3] = (uint8_t)(request >> 8);
        message[4] = (uint8_t)request;
    }
    fake_relay_send_bytes(relay, message, size);
}

static void send_datagram(struct fake_link *link, struct script *script)
{
    struct fake_relay *relay = &link->relay;
    unsigned type = next(script) % 16;
    size_t size = 0;
    const uint8_t *bytes = next_bytes(script, 255, &size);

    if (relay->down_count < FAKE_DATAGRAMS_MAX / 2)
        fake_relay_datagram(relay, (enum datagram_type)type, bytes, size);
}

static void make_request(struct fake_link *link, struct script *script)
{
    static const uint8_t blob[255 * 16];
    struct gsrelay_client *client = link->client;
    uint8_t verb = next(script);

    switch (verb % 11) {
    case 0:
        (void)gsrelay_create_room(client, NULL);
        break;
    case 1:
        (void)gsrelay_join_room(client, "CDFHJK");
        break;
    case 2:
        (void)gsrelay_leave(client);
        break;
    case 3:
        (void)gsrelay_kick(client, verb);
        break;
    case 4:
        (void)gsrelay_lock(client, verb & 16);
        break;
    case 5:
        (void)gsrelay_hand_over(client, verb);
        break;
    case 6:
        (void)gsrelay_set_metadata(client, "metadata", verb % 9);
        break;
    case 7:
        (void)gsrelay_ping(client);
        break;
    case 8:
        (void)gsrelay_disconnect(client);
        break;
    case 9:
        (void)gsrelay_set_blob(client, blob, (size_t)verb * 16);
        break;
    default:
        (void)gsrelay_io_start(client, link->now_ns);
        break;
    }
}

static void send_state(struct fake_link *link, struct script *script)
{
    static const uint8_t payload[1400];
    uint16_t to = (uint16_t)(next(script) << 8 | next(script));
    uint8_t stream = next(script);
    uint32_t flags = next(script) % 3;

    (void)gsrelay_send(link->client, to, stream, flags, payload, next(script) * 6u);
}

static void take_events(struct fake_link *link, unsigned most)
{
    struct gsrelay_event event;

    while (most-- > 0 && gsrelay_next_event(link->client, &event)) {
        FUZZ_REQUIRE(event.type > GSRELAY_EVENT_NONE && event.type <= GSRELAY_EVENT_UDP_SILENT);
        FUZZ_REQUIRE(event.size <= GSRELAY_EVENT_BYTES);
        FUZZ_REQUIRE(memchr(event.code, 0, sizeof(event.code)) != NULL);
    }
}

static void change_membership(struct fake_link *link, struct script *script)
{
    struct control_membership *membership = &link->relay.membership;

    membership->member = next(script);
    membership->host = next(script);
    membership->members_max = (uint16_t)(next(script) * 2);
    membership->member_count = next(script);
    for (uint16_t i = 0; i < membership->member_count; i++)
        membership->members[i] = (uint16_t)(i + 1);
    membership->slot_tag = next(script);
    membership->max_datagram = (uint16_t)(next(script) * 6);
    membership->tick_us = next(script) * 1000u;
    membership->datagrams_s = next(script);
    membership->records_s = next(script) * 10000000u;
    membership->bytes_s = next(script) * 16000000u;
}

static void flip_switch(struct fake_link *link, uint8_t which)
{
    struct fake_relay *relay = &link->relay;

    if (which % 8 == 0)
        relay->is_answering = !relay->is_answering;
    else if (which % 8 == 1)
        relay->is_mute = !relay->is_mute;
    else if (which % 8 == 2)
        relay->hello = (enum fake_hello)(which / 8 % 4);
    else if (which % 8 == 3)
        relay->knows_session = !relay->knows_session;
    else if (which % 8 == 4)
        relay->is_in_room = !relay->is_in_room;
    else if (which % 8 == 5)
        link->is_unreachable = !link->is_unreachable;
    else if (which % 8 == 6)
        relay->refusal = (enum hello_status)(1 + which / 8 % 3);
    else
        link->chunk = which / 8;
}

static void step(struct fake_link *link, struct script *script)
{
    size_t size = 0;
    const uint8_t *bytes;

    switch (next(script) % STEP_COUNT) {
    case STEP_TURN:
        fake_link_turn(link);
        break;
    case STEP_TIME:
        fake_link_pass(link, next(script) * 10 * FAKE_MS);
        break;
    case STEP_TCP_BYTES:
        bytes = next_bytes(script, 255, &size);
        if (has_room(&link->relay)) {
            memcpy(link->relay.output + link->relay.output_size, bytes, size);
            link->relay.output_size += size;
        }
        break;
    case STEP_MESSAGE:
        send_message(link, script, false);
        break;
    case STEP_ANSWER:
        send_message(link, script, true);
        break;
    case STEP_UDP_BYTES:
        bytes = next_bytes(script, 255, &size);
        gsrelay_io_udp_input(link->client, link->now_ns, bytes, size);
        break;
    case STEP_DATAGRAM:
        send_datagram(link, script);
        break;
    case STEP_BREAK:
        fake_link_break(link);
        break;
    case STEP_SWITCH:
        flip_switch(link, next(script));
        break;
    case STEP_VERB:
        make_request(link, script);
        break;
    case STEP_SEND:
        send_state(link, script);
        break;
    case STEP_TAKE:
        take_events(link, next(script));
        break;
    default:
        change_membership(link, script);
        break;
    }
}

static void check(const struct gsrelay_client *client)
{
    struct gsrelay_room room;
    size_t count = gsrelay_get_members(client, NULL, 0);

    if (gsrelay_get_room(client, &room) == GSRELAY_OK) {
        FUZZ_REQUIRE(room.member_count == count && count >= 1 && count <= GSRELAY_MEMBERS_LIMIT);
        FUZZ_REQUIRE(gsrelay_payload_max(client, 0) > 0);
    } else {
        FUZZ_REQUIRE(count == 0 && gsrelay_payload_max(client, 0) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct fake_link link;
    struct script script = {input, size};
    struct gsrelay_options options;
    uint8_t setup = next(&script);

    gsrelay_options_init(&options);
    options.members_max = (setup & 1) != 0 ? 256 : 16;
    options.state_bytes = 8192;
    options.blob_bytes = 4096;
    options.rejoin = setup >> 1 & 1;
    options.connect_tries = setup >> 2 & 3;
    fake_link_open(&link, &options);
    (void)gsrelay_io_start(link.client, link.now_ns);
    if ((setup & 0x80) != 0)
        (void)gsrelay_join_room(link.client, "CDFHJK");
    fake_link_turn(&link);
    for (unsigned i = 0; i < 200 && script.left > 0; i++) {
        step(&link, &script);
        check(link.client);
    }
    fake_link_close(&link);
    return 0;
}
