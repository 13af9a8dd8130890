/* SPDX-License-Identifier: MIT */
#include "tests/client/fake_relay.h"

#include <stdlib.h>
#include <string.h>

#include "proto/body.h"

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

void fake_relay_init(struct fake_relay *relay)
{
    static const uint8_t code[] = "CDFHJK";

    memset(relay, 0, offsetof(struct fake_relay, frame));
    relay->is_answering = true;
    relay->knows_session = true;
    relay->frame_max = 4096;
    relay->refusal = HELLO_REFUSED;
    relay->seen = addr_ipv4(192, 0, 2, 7, 4242);
    relay->membership = (struct control_membership){.code = {code, 6},
                                                    .member = 2,
                                                    .host = 1,
                                                    .host_epoch = 1,
                                                    .members_max = 8,
                                                    .address = {code, 0},
                                                    .udp_port = 7777,
                                                    .slot = 5,
                                                    .slot_tag = 0x01020304,
                                                    .max_datagram = 1232,
                                                    .streams = 8,
                                                    .datagrams_s = 128,
                                                    .bytes_s = 65536,
                                                    .records_s = 1024,
                                                    .member_count = 2,
                                                    .members = {1, 2},
                                                    .metadata = {code, 0}};
    memset(relay->membership.key_up, 0x11, 16);
    memset(relay->membership.key_down, 0x22, 16);
    replay_init(&relay->replay);
}

/* --- Control --------------------------------------------------------------------------------- */

void fake_relay_connected(struct fake_relay *relay)
{
    relay->is_open = true;
    relay->is_established = false;
    relay->output_size = 0;
    relay->connections++;
    frame_reader_init(&relay->reader, HELLO_BODY_MIN, HELLO_BODY_MAX);
}

static void put(struct fake_relay *relay, const uint8_t *bytes, size_t size)
{
    must(size <= sizeof(relay->output) - relay->output_size);
    memcpy(relay->output + relay->output_size, bytes, size);
    relay->output_size += size;
}

void fake_relay_send_bytes(struct fake_relay *relay, const void *bytes, size_t size)
{
    static uint8_t frame[2 + CONTROL_FRAME_SIZE_MAX];
    int frame_size = noise_encrypt(&relay->down, bytes, size, frame + 2, sizeof(frame) - 2);

    must(frame_size > 0);
    frame_length_write(frame, (uint16_t)frame_size);
    put(relay, frame, 2 + (size_t)frame_size);
}

void fake_relay_send(struct fake_relay *relay, const struct control_message *message)
{
    uint8_t bytes[CONTROL_MESSAGE_SIZE_MAX];
    int size = control_message_encode(message, bytes, sizeof(bytes));

    must(size > 0);
    fake_relay_send_bytes(relay, bytes, (size_t)size);
}

void fake_relay_send_error(struct fake_relay *relay, uint32_t request, uint16_t reason,
                           uint32_t limit, uint32_t retry_ms)
{
    struct control_message message = {
        .type = CONTROL_ERROR, .request = request, .error = {reason, limit, retry_ms}};

    fake_relay_send(relay, &message);
}

static void take_hello(struct fake_relay *relay, const uint8_t *bytes, size_t size)
{
    static const uint8_t garbage[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    struct noise_handshake handshake;
    struct hello hello;
    uint8_t psk[32] = {0};
    uint8_t ephemeral[32];
    uint8_t answer[HELLO_ACCEPTED_SIZE];

    must(hello_decode(bytes, size, &hello) == REASON_NONE);
    relay->mode = hello.mode;
    memcpy(relay->name, hello.name.at, hello.name.size);
    relay->name[hello.name.size] = '\0';
    if (relay->hello == FAKE_SILENT)
        return;
    if (relay->hello == FAKE_GARBAGE) {
        put(relay, garbage, sizeof(garbage) - 1);
        return;
    }
    if (relay->hello == FAKE_REFUSE ||
        (hello.mode == HELLO_RESUME &&
         (!relay->knows_session || memcmp(hello.name.at, relay->session_id, 16) != 0))) {
        hello_refuse(relay->hello == FAKE_REFUSE ? relay->refusal : HELLO_REFUSED,
                     relay->refusal_mode, relay->refusal_retry_s, answer);
        put(relay, answer, HELLO_REFUSAL_SIZE);
        return;
    }
    if (hello.mode == HELLO_TICKET)
        memcpy(psk, relay->ticket_key, 32);
    if (hello.mode == HELLO_RESUME)
        memcpy(psk, relay->resume_key, 32);
    memset(ephemeral, 0x40 + (int)relay->connections, sizeof(ephemeral));
    noise_handshake_init(&handshake, NOISE_RESPONDER, hello.prologue.at, hello.prologue.size, psk,
                         ephemeral);
    if (noise_handshake_read(&handshake, hello.noise_message, HELLO_NOISE_SIZE, NULL, 0) < 0) {
        hello_refuse(HELLO_REFUSED, relay->refusal_mode, 0, answer);
        put(relay, answer, HELLO_REFUSAL_SIZE);
        return;
    }
    hello_accept_begin(answer);
    must(noise_handshake_write(&handshake, NULL, 0, answer + 4, HELLO_NOISE_SIZE) ==
         HELLO_NOISE_SIZE);
    put(relay, answer, sizeof(answer));
    noise_handshake_split(&handshake, &relay->down, &relay->up, NULL);
    relay->is_established = true;
    frame_reader_init(&relay->reader, CONTROL_FRAME_SIZE_MIN, CONTROL_FRAME_SIZE_MAX);
}

static void welcome(struct fake_relay *relay, uint32_t request)
{
    struct control_message message = {.type = CONTROL_WELCOME,
                                      .request = request,
                                      .welcome = {.resume_grace_ms = 30000,
                                                  .idle_timeout_ms = 60000,
                                                  .features = relay->features,
                                                  .frame_max = relay->frame_max}};

    if (relay->mode == HELLO_RESUME)
        message.welcome.flags =
            (uint8_t)(WELCOME_RESUMED | (relay->is_in_room ? WELCOME_IN_ROOM : 0));
    else
        memset(relay->session_id, 0x50 + (int)relay->connections, sizeof(relay->session_id));
    memset(relay->resume_key, 0x60 + (int)relay->connections, sizeof(relay->resume_key));
    memcpy(message.welcome.session_id, relay->session_id, sizeof(relay->session_id));
    memcpy(message.welcome.resume_key, relay->resume_key, sizeof(relay->resume_key));
    fake_relay_send(relay, &message);
}

static void answer(struct fake_relay *relay, const struct control_message *request)
{
    struct control_message message = {.type = CONTROL_OK, .request = request->request};

    if (request->type == CONTROL_START && relay->refuses_start) {
        fake_relay_send_error(relay, request->request, REASON_CLIENTS_LIMIT, 4096, 5000);
        return;
    }
    if (request->type == CONTROL_START) {
        welcome(relay, request->request);
        return;
    }
    if (request->type == CONTROL_CREATE || request->type == CONTROL_JOIN ||
        request->type == CONTROL_ROOM_STATE) {
        message.type = CONTROL_MEMBERSHIP;
        message.membership = relay->membership;
        if (request->type != CONTROL_ROOM_STATE) {
            relay->sequence = 0;
            relay->received = 0;
            replay_init(&relay->replay);
        }
        relay->is_in_room = true;
    } else if (request->type == CONTROL_PING) {
        message.type = CONTROL_PONG;
        message.token = request->token;
    } else if (request->type == CONTROL_LEAVE) {
        relay->is_in_room = false;
    }
    fake_relay_send(relay, &message);
}

static void take_frame(struct fake_relay *relay, const uint8_t *bytes, size_t size)
{
    unsigned index =
        relay->request_count < FAKE_REQUESTS_MAX ? relay->request_count : FAKE_REQUESTS_MAX - 1;
    struct control_message *message = &relay->requests[index];
    int message_size = noise_decrypt(&relay->up, bytes, size, relay->request_bytes[index],
                                     sizeof(relay->request_bytes[index]));

    must(message_size > 0);
    must(control_message_decode(CONTROL_UP, relay->request_bytes[index], (size_t)message_size,
                                message) == REASON_NONE);
    relay->request_count++;
    if (relay->is_answering || message->type == CONTROL_START)
        answer(relay, message);
}

void fake_relay_tcp_input(struct fake_relay *relay, const uint8_t *bytes, size_t size)
{
    size_t taken = 0;

    while (taken < size) {
        size_t part = 0;
        size_t frame_size = 0;
        enum frame_result result = frame_reader_feed(&relay->reader, relay->frame, bytes + taken,
                                                     size - taken, &part, &frame_size);

        must(result != FRAME_BAD);
        taken += part;
        if (result == FRAME_READY && !relay->is_established)
            take_hello(relay, relay->frame, frame_size);
        else if (result == FRAME_READY)
            take_frame(relay, relay->frame, frame_size);
    }
}

const struct control_message *fake_relay_request(const struct fake_relay *relay, uint8_t type)
{
    for (unsigned i = relay->request_count; i > 0; i--) {
        if (i <= FAKE_REQUESTS_MAX && relay->requests[i - 1].type == type)
            return &relay->requests[i - 1];
    }
    return NULL;
}

/* --- Datagrams ------------------------------------------------------------------------------- */

static void put_datagram(struct fake_relay *relay, enum datagram_type type, uint64_t sequence,
                         const void *body, size_t size)
{
    struct datagram_head head = {.type = type,
                                 .slot = relay->membership.slot,
                                 .slot_tag = relay->membership.slot_tag,
                                 .sequence = sequence};

    if (relay->is_mute)
        return;
    must(relay->down_count < FAKE_DATAGRAMS_MAX);
    memcpy(relay->down_queue[relay->down_count].bytes + DATAGRAM_HEAD_SIZE, body, size);
    relay->down_queue[relay->down_count].size = datagram_seal(
        &head, relay->membership.key_down, relay->down_queue[relay->down_count].bytes, size);
    relay->down_count++;
}

void fake_relay_datagram(struct fake_relay *relay, enum datagram_type type, const void *body,
                         size_t size)
{
    put_datagram(relay, type, ++relay->sequence, body, size);
}

void fake_relay_record_at(struct fake_relay *relay, uint64_t sequence, uint16_t member,
                          uint8_t stream, const char *text)
{
    uint8_t body[DATAGRAM_LIMIT_MAX];
    struct record_writer writer;
    struct record record = {.member = member,
                            .stream = stream,
                            .size = (uint16_t)strlen(text),
                            .payload = (const uint8_t *)text};

    record_writer_init(&writer, RECORD_DOWN, body, sizeof(body));
    must(record_write(&writer, &record));
    put_datagram(relay, DATAGRAM_DATA, sequence, body, writer.size);
}

void fake_relay_record(struct fake_relay *relay, uint16_t member, uint8_t stream, const char *text)
{
    fake_relay_record_at(relay, ++relay->sequence, member, stream, text);
}

static void answer_datagram(struct fake_relay *relay, const struct datagram_head *head,
                            const uint8_t *body, size_t size)
{
    static const uint8_t cookie[BODY_COOKIE_SIZE] = "cookie!";
    uint8_t answer_body[BODY_FIXED_SIZE_MAX];
    uint8_t got[BODY_COOKIE_SIZE];
    struct body_ping ping;

    if (head->type == DATAGRAM_BIND) {
        must(size == BODY_BIND_SIZE);
        body_challenge_write(answer_body, cookie);
        fake_relay_datagram(relay, DATAGRAM_CHALLENGE, answer_body, BODY_CHALLENGE_SIZE);
    } else if (head->type == DATAGRAM_CONFIRM) {
        must(body_confirm_read(body, size, got));
        if (memcmp(got, cookie, sizeof(got)) != 0)
            return;
        body_bound_write(answer_body, &relay->seen);
        fake_relay_datagram(relay, DATAGRAM_BOUND, answer_body, BODY_BOUND_SIZE);
    } else if (head->type == DATAGRAM_PING) {
        must(body_ping_read(body, size, &ping));
        ping.room_time_us = relay->now_ns / 1000 + 1;
        ping.delay_us = 0;
        ping.highest = relay->replay.highest;
        ping.received = relay->received;
        ping.digest = relay->tells_digest ? relay->digest : ping.digest;
        body_ping_write(answer_body, &ping);
        fake_relay_datagram(relay, DATAGRAM_PONG, answer_body, BODY_PONG_SIZE);
    }
}

void fake_relay_udp_input(struct fake_relay *relay, const uint8_t *bytes, size_t size)
{
    struct fake_datagram datagram;
    enum replay_verdict verdict;

    if (datagram_check_up(bytes, size, relay->membership.max_datagram, &datagram.head) !=
            REASON_NONE ||
        datagram.head.slot != relay->membership.slot ||
        datagram.head.slot_tag != relay->membership.slot_tag ||
        !datagram_tag_fits(bytes, size, relay->membership.key_up)) {
        relay->bad_datagrams++;
        return;
    }
    verdict = replay_check(&relay->replay, datagram.head.sequence);
    if (verdict == REPLAY_SEEN || verdict == REPLAY_OLD)
        return;
    replay_set(&relay->replay, datagram.head.sequence);
    relay->received++;
    datagram.size = size;
    datagram.body_size = datagram_body_size(size);
    memcpy(datagram.body, datagram_body(bytes), datagram.body_size);
    if (datagram.head.type == DATAGRAM_DATA &&
        record_body_check(RECORD_UP, datagram.body, datagram.body_size) < 0) {
        relay->bad_datagrams++;
        return;
    }
    if (relay->datagram_count < FAKE_DATAGRAMS_MAX)
        relay->datagrams[relay->datagram_count] = datagram;
    relay->datagram_count++;
    if (relay->is_answering)
        answer_datagram(relay, &datagram.head, datagram.body, datagram.body_size);
}

unsigned fake_relay_datagrams(const struct fake_relay *relay, enum datagram_type type)
{
    unsigned count = 0;

    for (unsigned i = 0; i < relay->datagram_count && i < FAKE_DATAGRAMS_MAX; i++)
        count += relay->datagrams[i].head.type == type;
    return count;
}

/* --- The wires ------------------------------------------------------------------------------- */

void fake_link_open(struct fake_link *link, const struct gsrelay_options *options)
{
    struct gsrelay_options with_seed;

    fake_relay_init(&link->relay);
    memset((uint8_t *)link + sizeof(link->relay), 0, sizeof(*link) - sizeof(link->relay));
    gsrelay_options_init(&with_seed);
    if (options != NULL)
        with_seed = *options;
    memset(with_seed.seed, 0x77, sizeof(with_seed.seed));
    link->now_ns = 1000 * FAKE_S;
    link->random = 88172645463325252u;
    must(gsrelay_create(&with_seed, &link->client) == GSRELAY_OK);
}

void fake_link_close(struct fake_link *link)
{
    gsrelay_destroy(link->client);
    link->client = NULL;
}

/* xorshift64 (Marsaglia, "Xorshift RNGs", 2003). */
static bool happens(struct fake_link *link, unsigned percent)
{
    link->random ^= link->random << 13;
    link->random ^= link->random >> 7;
    link->random ^= link->random << 17;
    return link->random / 65536 % 100 < percent;
}

/* How many of the bytes may pass: chunks, and the end of the wire. */
static size_t limit(struct fake_link *link, size_t size)
{
    if (link->chunk != 0 && size > link->chunk)
        size = link->chunk;
    if (link->cut_after != 0 && !link->was_cut && link->moved + size > link->cut_after)
        size = link->cut_after - link->moved;
    link->moved += (unsigned)size;
    return size;
}

static bool cut_if_due(struct fake_link *link)
{
    if (link->cut_after == 0 || link->was_cut || link->moved < link->cut_after)
        return false;
    link->was_cut = true;
    fake_link_break(link);
    return true;
}

static bool move_tcp_up(struct fake_link *link)
{
    size_t size = 0;
    const uint8_t *bytes = gsrelay_io_tcp_output(link->client, &size);

    if (!link->is_connected || size == 0)
        return false;
    size = limit(link, size);
    fake_relay_tcp_input(&link->relay, bytes, size);
    gsrelay_io_tcp_sent(link->client, size);
    return true;
}

static bool move_tcp_down(struct fake_link *link)
{
    struct fake_relay *relay = &link->relay;
    size_t size = relay->output_size;
    size_t taken;

    if (!link->is_connected || size == 0)
        return false;
    size = limit(link, size);
    taken = gsrelay_io_tcp_input(link->client, link->now_ns, relay->output, size);
    relay->output_size -= taken;
    memmove(relay->output, relay->output + taken, relay->output_size);
    return taken > 0;
}

static void give_up(struct fake_link *link, const uint8_t *bytes, size_t size)
{
    if (link->udp_up != NULL)
        link->udp_up(link->udp_context, bytes, size);
    else
        fake_relay_udp_input(&link->relay, bytes, size);
}

static bool move_udp_up(struct fake_link *link)
{
    uint8_t bytes[GSRELAY_DATAGRAM_LIMIT];
    size_t size = gsrelay_io_udp_output(link->client, bytes, sizeof(bytes));

    if (size == 0)
        return false;
    if (!happens(link, link->drop_up))
        give_up(link, bytes, size);
    if (happens(link, link->repeat))
        give_up(link, bytes, size);
    return true;
}

static void give_down(struct fake_link *link, unsigned index)
{
    gsrelay_io_udp_input(link->client, link->now_ns, link->relay.down_queue[index].bytes,
                         link->relay.down_queue[index].size);
}

static bool move_udp_down(struct fake_link *link)
{
    struct fake_relay *relay = &link->relay;
    unsigned count = relay->down_count;

    for (unsigned i = 0; i < count; i++) {
        bool is_swapped = i + 1 < count && happens(link, link->swap);

        if (is_swapped && !happens(link, link->drop_down))
            give_down(link, i + 1);
        if (!happens(link, link->drop_down))
            give_down(link, i);
        if (happens(link, link->repeat))
            give_down(link, i);
        i += is_swapped;
    }
    relay->down_count -= count;
    return count > 0;
}

static bool move_connection(struct fake_link *link)
{
    bool is_wanted = gsrelay_io_tcp_wanted(link->client) != 0;

    if (is_wanted == link->is_connected)
        return false;
    link->is_connected = is_wanted && !link->is_unreachable;
    if (link->is_connected) {
        fake_relay_connected(&link->relay);
        gsrelay_io_tcp_connected(link->client, link->now_ns);
    } else {
        gsrelay_io_tcp_closed(link->client, link->now_ns, GSRELAY_REASON_CONNECTION_LOST);
    }
    return true;
}

void fake_link_turn(struct fake_link *link)
{
    bool has_moved = true;

    link->relay.now_ns = link->now_ns;
    gsrelay_io_run(link->client, link->now_ns);
    while (has_moved) {
        has_moved = move_connection(link);
        has_moved |= cut_if_due(link);
        has_moved |= move_tcp_up(link);
        has_moved |= cut_if_due(link);
        has_moved |= move_tcp_down(link);
        has_moved |= move_udp_up(link);
        has_moved |= move_udp_down(link);
        gsrelay_io_run(link->client, link->now_ns);
    }
}

void fake_link_pass(struct fake_link *link, uint64_t duration_ns)
{
    uint64_t end_ns = link->now_ns + duration_ns;

    fake_link_turn(link);
    for (;;) {
        uint64_t deadline_ns = gsrelay_io_deadline(link->client);

        if (deadline_ns > end_ns)
            break;
        /* A deadline that does not move although it was served would never end. */
        link->now_ns = deadline_ns > link->now_ns ? deadline_ns : link->now_ns + FAKE_MS;
        fake_link_turn(link);
    }
    link->now_ns = end_ns;
    fake_link_turn(link);
}

void fake_link_break(struct fake_link *link)
{
    link->is_connected = false;
    gsrelay_io_tcp_closed(link->client, link->now_ns, GSRELAY_REASON_CONNECTION_LOST);
}

bool fake_link_event(struct fake_link *link, uint32_t type, struct gsrelay_event *out)
{
    struct gsrelay_event event;

    while (gsrelay_next_event(link->client, &event)) {
        if (event.type == type) {
            if (out != NULL)
                *out = event;
            return true;
        }
    }
    return false;
}

unsigned fake_link_drain(struct fake_link *link)
{
    struct gsrelay_event event;
    unsigned count = 0;

    while (gsrelay_next_event(link->client, &event))
        count++;
    return count;
}

void fake_link_join(struct fake_link *link)
{
    must(gsrelay_io_start(link->client, link->now_ns) == GSRELAY_OK);
    must(gsrelay_join_room(link->client, "CDFHJK") > 0);
    fake_link_turn(link);
    must(fake_link_event(link, GSRELAY_EVENT_UDP_BOUND, NULL));
}
