/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_CLIENT_FAKE_RELAY_H
#define GSRELAY_TESTS_CLIENT_FAKE_RELAY_H

/* fake_relay.h - a relay in memory for one client, and the wires between the two.
 *
 * It answers as a relay would as long as is_answering is set; a test turns that off to answer by
 * hand, and spoils the wires as it likes. Time is the test's. It judges no rooms: what a test puts
 * into `membership` is what the client is told.
 * Threads: one. Memory: plain values, nothing to free. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gsrelay/gsrelay.h>
#include <gsrelay/gsrelay_io.h>

#include "proto/addr.h"
#include "proto/control_message.h"
#include "proto/datagram.h"
#include "proto/frame.h"
#include "proto/hello.h"
#include "proto/noise.h"
#include "proto/record.h"
#include "proto/replay.h"

#define FAKE_REQUESTS_MAX  64
#define FAKE_DATAGRAMS_MAX 256
#define FAKE_MS            UINT64_C(1000000)
#define FAKE_S             UINT64_C(1000000000)

enum fake_hello {
    FAKE_ACCEPT,
    FAKE_REFUSE, /* With `refusal`, `refusal_mode` and `refusal_retry_s`. */
    FAKE_GARBAGE,
    FAKE_SILENT
};

struct fake_datagram {
    struct datagram_head head;
    size_t body_size;
    uint8_t body[DATAGRAM_LIMIT_MAX];
    size_t size; /* Of the whole datagram. */
};

struct fake_relay {
    /* What a test sets. */
    bool is_answering;
    bool is_mute; /* No datagram comes down. */
    enum fake_hello hello;
    enum hello_status refusal;
    enum hello_mode refusal_mode;
    uint16_t refusal_retry_s;
    bool refuses_start; /* START is answered by ERROR clients_limit, 5 s. */
    bool knows_session; /* Accept a resume. */
    bool is_in_room;    /* WELCOME says so after a resume. */
    uint32_t features;  /* In WELCOME. */
    uint16_t frame_max;
    uint8_t ticket_key[32];
    struct control_membership membership;
    struct addr seen;
    bool tells_digest; /* PONGs carry `digest`; otherwise they repeat the PING's. */
    uint64_t digest;

    /* The connection. */
    bool is_open;
    enum hello_mode mode;
    char name[HELLO_NAME_SIZE_MAX + 1];
    struct frame_reader reader;
    bool is_established;
    struct noise_cipher up;
    struct noise_cipher down;
    unsigned connections;
    uint8_t session_id[SESSION_ID_SIZE];
    uint8_t resume_key[RESUME_KEY_SIZE];

    /* What waits to go to the client. */
    size_t output_size;

    /* The requests that came, each with its bytes. */
    unsigned request_count;

    /* UDP. */
    uint64_t sequence;
    struct replay replay;
    uint64_t received;
    uint64_t now_ns;
    unsigned datagram_count; /* Of all types, good ones. */
    unsigned bad_datagrams;
    unsigned down_count;

    /* Large, and never read before it is written. */
    uint8_t frame[CONTROL_FRAME_SIZE_MAX];
    uint8_t output[65536];
    struct control_message requests[FAKE_REQUESTS_MAX];
    uint8_t request_bytes[FAKE_REQUESTS_MAX][4096];
    struct fake_datagram datagrams[FAKE_DATAGRAMS_MAX]; /* The first of them. */
    struct {
        size_t size;
        uint8_t bytes[DATAGRAM_LIMIT_MAX];
    } down_queue[FAKE_DATAGRAMS_MAX];
};

void fake_relay_init(struct fake_relay *relay);

/* The ends of the wires. */
void fake_relay_connected(struct fake_relay *relay);
void fake_relay_tcp_input(struct fake_relay *relay, const uint8_t *bytes, size_t size);
void fake_relay_udp_input(struct fake_relay *relay, const uint8_t *bytes, size_t size);

/* Sends a message to the client; request and the rest are the test's. */
void fake_relay_send(struct fake_relay *relay, const struct control_message *message);

/* Sends raw bytes as one frame's plaintext. */
void fake_relay_send_bytes(struct fake_relay *relay, const void *bytes, size_t size);
void fake_relay_send_error(struct fake_relay *relay, uint32_t request, uint16_t reason,
                           uint32_t limit, uint32_t retry_ms);

/* Sends a datagram down, with the next sequence. */
void fake_relay_datagram(struct fake_relay *relay, enum datagram_type type, const void *body,
                         size_t size);
void fake_relay_record(struct fake_relay *relay, uint16_t member, uint8_t stream, const char *text);

/* The same, under a sequence of the test's choice. */
void fake_relay_record_at(struct fake_relay *relay, uint64_t sequence, uint16_t member,
                          uint8_t stream, const char *text);

/* The last request of that type, or NULL. */
const struct control_message *fake_relay_request(const struct fake_relay *relay, uint8_t type);
unsigned fake_relay_datagrams(const struct fake_relay *relay, enum datagram_type type);

/* --- A client on the other end --------------------------------------------------------------- */

struct fake_link {
    struct fake_relay relay;
    struct gsrelay_client *client;
    uint64_t now_ns;
    bool is_connected;   /* The TCP connection, as the client knows it. */
    bool is_unreachable; /* Connecting fails. */
    size_t chunk;        /* Bytes move in pieces of that size; 0 = whole. */
    unsigned drop_up;    /* Of 100 datagrams so many are lost. */
    unsigned drop_down;
    unsigned repeat;    /* Of 100 so many arrive twice. */
    unsigned swap;      /* Of 100 so many change places with the one before. */
    unsigned cut_after; /* Break the connection after so many bytes in all, once; 0 = never. */
    unsigned moved;     /* Bytes of the connection so far, both ways. */
    bool was_cut;
    uint64_t random;
    /* Takes what goes up over UDP in the relay's place; NULL = the fake relay does. */
    void (*udp_up)(void *context, const uint8_t *bytes, size_t size);
    void *udp_context;
};

/* A client with a seed; options may be NULL. */
void fake_link_open(struct fake_link *link, const struct gsrelay_options *options);
void fake_link_close(struct fake_link *link);

/* Moves bytes and datagrams until nothing moves any more. */
void fake_link_turn(struct fake_link *link);

/* Lets time pass, with a turn at each deadline. */
void fake_link_pass(struct fake_link *link, uint64_t duration_ns);

/* Breaks the TCP connection. */
void fake_link_break(struct fake_link *link);

/* Takes events until one of that type comes; false when there is none. */
bool fake_link_event(struct fake_link *link, uint32_t type, struct gsrelay_event *out);

/* Throws away what waits. Returns how many there were. */
unsigned fake_link_drain(struct fake_link *link);

/* Connects, joins the room of relay.membership and binds, all in no time. */
void fake_link_join(struct fake_link *link);

#endif
