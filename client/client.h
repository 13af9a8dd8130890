/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CLIENT_CLIENT_H
#define GSRELAY_CLIENT_CLIENT_H

/* client.h - the inside of a client: one struct, and what its files offer each other.
 *
 * client.c    create, destroy, events, what is asked about the client
 * link.c      the control connection: attempts, handshake, resume, end
 * request.c   requests and their answers; verbs.c makes them
 * room.c      the membership and its members
 * udp.c       datagrams in, binding, pings
 * measure.c   what PONGs measure: round trip, loss, the room's clock
 * blob.c      the room's blob, up and down
 * send.c      packing states into datagrams within the budget
 *
 * Nothing here touches the operating system; socket.c does, from outside, through gsrelay_io.h.
 * Threads: one at a time. Memory: one piece, cut up in client.c. Of what is large only as much is
 * touched as is used, so that thousands of clients fit a process. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gsrelay/gsrelay.h>
#include <gsrelay/gsrelay_io.h>

#include "client/event_ring.h"
#include "client/room_clock.h"
#include "proto/addr.h"
#include "proto/body.h"
#include "proto/control_message.h"
#include "proto/datagram.h"
#include "proto/frame.h"
#include "proto/hello.h"
#include "proto/limits.h"
#include "proto/noise.h"
#include "proto/record.h"
#include "proto/replay.h"

#define NS_PER_US  UINT64_C(1000)
#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_S   UINT64_C(1000000000)
#define TIME_NEVER UINT64_MAX

/* --- The control connection (link.c) --------------------------------------------------------- */

enum link_state {
    LINK_IDLE,     /* Nothing is wanted. */
    LINK_PAUSE,    /* Between two tries; the next comes at due_ns. */
    LINK_DIALLING, /* The caller is to open a TCP connection. */
    LINK_HELLO,    /* The first flight is out; the relay's answer is awaited. */
    LINK_STARTING, /* START is out; WELCOME is awaited. */
    LINK_UP,
    LINK_CLOSING /* Given up: the caller is to close it, and then `after_close` follows. */
};

/* How long a ping on the control connection may take before the connection counts as dead. */
#define LINK_ANSWER_NS (10 * NS_PER_S)

/* gsrelay_disconnect(): so long for the last states to arrive, and for the whole good-bye. */
#define ENDING_STATES_NS (500 * NS_PER_MS)
#define ENDING_NS        NS_PER_S

#define LINK_OUTPUT_SIZE 16384

struct link {
    enum link_state state;
    enum link_state after_close; /* LINK_IDLE or LINK_PAUSE. */
    bool has_tcp;                /* From the caller's reporting a connection until its end. */
    bool is_reconnecting;        /* There was a session since gsrelay_connect(). */
    enum hello_mode mode;        /* Of this attempt. */
    uint64_t due_ns;             /* PAUSE: the next try. DIALLING to STARTING: the deadline. */
    uint64_t up_ns;              /* When the session began or was resumed. */
    uint64_t lost_ns;            /* When the session lost its connection. */
    uint32_t attempts;           /* Failed tries since the last connection that lasted. */

    struct noise_handshake handshake;
    struct noise_cipher cipher_up;
    struct noise_cipher cipher_down;

    struct frame_reader reader;
    uint8_t *input; /* CONTROL_FRAME_SIZE_MAX: the frame that is coming in. */
    size_t output_size;
    uint8_t *output; /* LINK_OUTPUT_SIZE */

    uint64_t ping_due_ns;   /* The next ping that keeps the connection alive. */
    uint64_t answer_due_ns; /* It must have been answered by then; TIME_NEVER: none is out. */
    uint64_t ping_period_ns;
    uint32_t features;  /* Of the relay. */
    uint32_t frame_max; /* The longest frame that it takes. */

    /* gsrelay_disconnect(): BYE goes out at bye_due_ns at the latest, the end is at end_due_ns. */
    bool is_ending;
    bool is_bye_sent;
    uint64_t bye_due_ns;
    uint64_t end_due_ns;
};

struct session {
    bool exists;
    uint8_t id[SESSION_ID_SIZE];
    uint8_t resume_key[RESUME_KEY_SIZE];
};

/* --- Requests (request.c) -------------------------------------------------------------------- */

/* The caller's requests and a few of our own: ROOM_STATE, PING, BYE, JOIN. */
#define REQUEST_TABLE_SIZE   (GSRELAY_REQUESTS_MAX + 4)
#define REQUEST_MESSAGE_SIZE 600

enum request_state {
    REQUEST_FREE,
    REQUEST_QUEUED, /* Not sent on this connection. */
    REQUEST_SENT,   /* Unanswered. */
    REQUEST_UNSURE  /* Sent on a connection that broke; a resume will tell. */
};

struct request {
    enum request_state state;
    bool is_own;   /* Of the library, not of the caller. */
    bool is_again; /* Asked again after a resume: the relay may have done it before. */
    uint8_t type;
    uint32_t number;
    uint64_t order; /* Requests are sent in this order. */
    uint64_t sent_ns;
    size_t size;
    uint8_t *message; /* REQUEST_MESSAGE_SIZE */
};

/* --- The room (room.c) ----------------------------------------------------------------------- */

#define STREAM_COUNT 256

struct member {
    uint16_t id;
    uint16_t row;       /* Of its cells. */
    bool is_unofficial; /* Heard over UDP; the control connection has not announced it yet. */
    struct gsrelay_quality quality;      /* As the host is told; a round trip of 0 = not at all. */
    uint64_t streams[STREAM_COUNT / 64]; /* Whose cells are set, bit by bit. */
};

/* What is known of one stream of a member. */
struct cell {
    uint64_t newest; /* The order key of the newest state, 0 = none. */
    uint64_t held;   /* The hash of the retained state, 0 = none. */
};

#define LEFT_MEMORY 64

struct room {
    bool exists;
    char code[GSRELAY_CODE_SIZE];
    uint16_t own;
    uint16_t host;
    uint32_t host_epoch;
    uint32_t election;
    uint32_t tick_us;
    uint16_t members_max;
    bool is_locked;
    size_t member_count;
    struct member *members; /* Oldest first; capacity is options.members_max. */
    uint16_t *free_rows;
    size_t free_row_count;
    struct cell *cells;         /* [stream][row]; what no member has in use is not set. */
    size_t row_count;           /* options.members_max */
    uint64_t held_sum;          /* Of all that is held: the digest. */
    uint16_t left[LEFT_MEMORY]; /* Who left lately, so that late states make no ghosts. */
    size_t left_next;
    size_t metadata_size;
    uint8_t metadata[GSRELAY_METADATA_MAX];
};

/* --- The room's blob (blob.c) ---------------------------------------------------------------- */

/* The frames that carry one are at most this long, whatever more the relay would take. */
#define BLOB_FRAME_MAX 4096

enum blob_put_state {
    BLOB_PUT_IDLE,
    BLOB_PUT_DUE, /* The next piece goes out at due_ns, as soon as the output has room. */
    BLOB_PUT_SENT /* A piece is unanswered. */
};

/* One piece at a time, so that a refusal is about that piece. */
struct blob_put {
    enum blob_put_state state;
    bool has_begun;   /* The relay has agreed to the beginning. */
    uint32_t request; /* The caller's, of the whole blob. */
    uint32_t piece;   /* The request of the piece that is unanswered. */
    uint32_t piece_size;
    uint32_t host_epoch;
    uint32_t version;
    uint32_t total;
    uint32_t offset;
    uint64_t due_ns;
    uint8_t *bytes; /* options.blob_bytes */
};

struct blob_got {
    bool is_coming;
    uint32_t version;
    uint32_t total;
    uint32_t offset;
    uint32_t size;       /* Of the whole blob that is in `bytes`; 0 while one is coming. */
    uint32_t told_epoch; /* The host epoch whose blob needs no telling any more; 0 = none. */
    uint8_t *bytes;      /* options.blob_bytes */
};

/* --- Datagrams (udp.c, send.c) --------------------------------------------------------------- */

/* A budget: `rate_per_s` tokens come in each second, up to `burst`. */
struct allowance {
    uint64_t rate_per_s;
    uint64_t burst;
    uint64_t level_e9; /* Tokens times 1e9. */
    uint64_t filled_ns;
};

#define UDP_QUEUE_SIZE   64
#define UDP_SAMPLE_COUNT 11 /* A second apart: differences over ten seconds. */
#define UDP_PING_COUNT   8  /* PINGs that an answer may still come to. */

struct udp_sample {
    uint64_t highest_up;
    uint64_t received_up;
    uint64_t highest_down;
    uint64_t received_down;
};

struct udp_queued {
    uint16_t size;
    uint8_t bytes[DATAGRAM_LIMIT_MAX];
};

struct udp {
    bool exists; /* A slot is ours. */
    uint32_t serial;
    char address[GSRELAY_ADDRESS_SIZE];
    uint16_t port;
    uint32_t slot;
    uint32_t slot_tag;
    uint8_t key_up[DATAGRAM_KEY_SIZE];
    uint8_t key_down[DATAGRAM_KEY_SIZE];
    size_t max_datagram;
    uint16_t streams;
    uint32_t datagrams_s;
    uint32_t bytes_s;
    uint32_t records_s;
    uint32_t down_bytes_s;

    uint64_t sequence; /* The last one used up. */
    struct replay replay;
    uint64_t received; /* Good datagrams down. */

    bool is_bound;   /* BOUND has come for this slot. */
    bool is_binding; /* BIND is repeated until BOUND comes. */
    bool is_silent;  /* UDP_SILENT was told. */
    struct addr seen;
    uint64_t bind_due_ns;
    uint64_t bind_pause_ns;
    uint64_t heard_ns; /* The last good datagram, or the beginning. */
    uint64_t ping_due_ns;
    uint64_t room_time_us; /* Of the last PONG; 0 = none. */
    uint64_t room_time_at_ns;
    uint64_t digest;         /* What was held when that PONG came. */
    unsigned digests_differ; /* PONGs in a row that told another. */
    uint64_t confirmed;      /* Highest sequence that a PONG has said the relay got. */
    uint32_t bye_reason;

    struct udp_sample samples[UDP_SAMPLE_COUNT];
    unsigned sample_count;
    uint64_t pings_us[UDP_PING_COUNT]; /* Our clock in the last PINGs; 0 = answered, or none. */
    unsigned ping_next;
    uint32_t jitter_us;
    uint32_t queue_us; /* As the last PONG told. */
    uint32_t queue_max_us;
    struct room_clock clock;

    /* The datagram that is being packed. */
    struct record_writer pack;
    uint8_t pack_bytes[DATAGRAM_LIMIT_MAX];
    uint64_t data_sequence; /* Of the last DATA datagram. */
    struct allowance datagrams;
    struct allowance bytes;
    struct allowance records;

    unsigned queue_start;
    unsigned queue_count;
    struct udp_queued *queue; /* UDP_QUEUE_SIZE */
};

/* --- The client ------------------------------------------------------------------------------ */

struct client_sockets;

struct gsrelay_client {
    struct gsrelay_options
        options; /* Its pointers are not used after create but the allocator's. */
    char ticket_name[GSRELAY_TICKET_NAME_MAX + 1];
    uint8_t ticket_key[GSRELAY_TICKET_KEY_SIZE];
    bool has_ticket;
    bool has_seed;
    uint8_t random_key[GSRELAY_SEED_SIZE];

    uint64_t now_ns;
    char peer_text[GSRELAY_ADDRESS_SIZE + 256]; /* "127.0.0.1:7777", or "the relay". */
    char error_text[512];

    struct link link;
    struct session session;
    struct request requests[REQUEST_TABLE_SIZE];
    uint32_t request_last;
    uint64_t request_order;
    char rejoin_code[GSRELAY_CODE_SIZE];
    struct room room;
    struct blob_put blob_put;
    struct blob_got blob_got;
    uint32_t host_epoch_taken; /* Of the last event that told the program one; 0 = none. */
    struct udp udp;
    uint32_t udp_serial;

    struct event_ring events; /* Of the connection, the requests and the room: never dropped. */
    struct event_ring states; /* STATE: the oldest give way. */
    uint64_t event_serial;
    size_t event_reserve; /* Room in `events` that must be left before a message is read. */
    struct gsrelay_stats stats;

    /* The socket layer, if it is used. */
    bool is_input_old; /* What comes now may have waited in the socket for long. */
    struct client_sockets *sockets;
    void (*sockets_close)(struct gsrelay_client *client);
};

/* client.c */
void client_time_set(struct gsrelay_client *client, uint64_t now_ns);
void *client_allocate(const struct gsrelay_options *options, size_t size);
void client_release(const struct gsrelay_options *options, void *memory);
void client_seed(struct gsrelay_client *client, const uint8_t seed[GSRELAY_SEED_SIZE]);

/* At most 64 bytes. */
void client_random_fill(struct gsrelay_client *client, void *out, size_t size);
void client_error_set(struct gsrelay_client *client, const char *format, ...) GSRELAY_PRINTF(2, 3);

/* Queues an event that is never dropped. Callers made sure of the room by client_events_have_room,
 * or are bounded by a reserve. */
void client_event_push(struct gsrelay_client *client, struct gsrelay_event *head, const void *bytes,
                       size_t size);

/* True while a whole message, or one more try to connect, may add events. */
bool client_events_have_room(const struct gsrelay_client *client);

/* True while there is room for one small event more without touching what the link needs. */
bool client_events_have_room_for_one(const struct gsrelay_client *client);

/* link.c */
int link_start(struct gsrelay_client *client);
void link_run(struct gsrelay_client *client);
uint64_t link_deadline(const struct gsrelay_client *client);

/* The connection is of no use any more, or never came about. */
void link_fail(struct gsrelay_client *client, uint32_t reason, uint32_t wait_ms);

/* The end: DISCONNECTED, nothing is tried again. */
void link_end(struct gsrelay_client *client, uint32_t reason, uint32_t limit, uint32_t time_ms);

/* Seals a message into a frame of the output. False when the output has no room for it. */
bool link_frame_put(struct gsrelay_client *client, const uint8_t *message, size_t size);
void link_welcome(struct gsrelay_client *client, const struct control_welcome *welcome);
void link_bye(struct gsrelay_client *client, uint32_t reason);

/* request.c */
uint32_t request_number_next(struct gsrelay_client *client);

/* Queues a request; message->request is set here. Returns the request's number, or
 * GSRELAY_WRONG_STATE when the client is idle, or GSRELAY_BUSY. */
int32_t request_add(struct gsrelay_client *client, struct control_message *message, bool is_own);
void request_send_queued(struct gsrelay_client *client);
void request_message(struct gsrelay_client *client, const uint8_t *bytes, size_t size);
void request_link_lost(struct gsrelay_client *client);
void request_resumed(struct gsrelay_client *client, bool is_in_room);
void request_session_lost(struct gsrelay_client *client);
void request_clear(struct gsrelay_client *client);

/* room.c */
/* True for a membership that a client can work with. */
bool room_is_sound(const struct control_membership *membership);
void room_enter(struct gsrelay_client *client, const struct control_membership *membership,
                uint32_t request);
void room_update(struct gsrelay_client *client, const struct control_membership *membership);
void room_leave(struct gsrelay_client *client, uint32_t request, uint32_t reason);
void room_forget(struct gsrelay_client *client);

/* All members that are known now were in the room before the relay is asked about it. */
void room_make_official(struct gsrelay_client *client);
void room_member_joined(struct gsrelay_client *client, uint16_t id);
void room_member_left(struct gsrelay_client *client, uint16_t id, uint32_t reason);
void room_host_set(struct gsrelay_client *client, uint16_t host, uint32_t host_epoch);
void room_metadata_set(struct gsrelay_client *client, const uint8_t *bytes, size_t size);
void room_lock_set(struct gsrelay_client *client, bool is_locked);
void room_quality_set(struct gsrelay_client *client, const struct control_qualities *qualities);

/* NULL if there is none of that id. */
const struct member *room_member_find(const struct gsrelay_client *client, uint16_t id);

/* The cell of a member's stream; all zero the first time. */
struct cell *room_cell(struct room *room, struct member *member, uint8_t stream);

/* Notes the newest state of a stream: retained with this hash, or 0. */
void room_hold(struct room *room, struct member *member, uint8_t stream, uint64_t hash);

/* Nothing counts as held any more; what the relay sends again does. */
void room_hold_nothing(struct gsrelay_client *client);

/* A state of the caller's that was dropped unseen does not count as held. */
void room_lose(struct room *room, uint16_t id, uint8_t stream, uint64_t hash);

/* The member of that id for a state that came; one not yet announced is announced here. NULL for
 * somebody who has left, or when there is no room for more. */
struct member *room_member_heard(struct gsrelay_client *client, uint16_t id);

/* blob.c */

/* Sends the next piece if that is possible now; when to try again by itself. */
void blob_run(struct gsrelay_client *client);
uint64_t blob_deadline(const struct gsrelay_client *client);

/* An answer to a piece; false if it answers something else. */
bool blob_answer(struct gsrelay_client *client, const struct control_message *message);
void blob_part_take(struct gsrelay_client *client, const struct control_blob *part);

/* We have become host. A relay that keeps no blobs says nothing; the program is told all the same.
 */
void blob_host_told(struct gsrelay_client *client);

/* We have made the room, so nobody can have left anything. */
void blob_room_made(struct gsrelay_client *client);

void blob_link_lost(struct gsrelay_client *client);

/* The room is no more. */
void blob_forget(struct gsrelay_client *client);

/* udp.c */
void udp_begin(struct gsrelay_client *client, const struct control_membership *membership);
void udp_end(struct gsrelay_client *client);
void udp_run(struct gsrelay_client *client);
uint64_t udp_deadline(const struct gsrelay_client *client);
void udp_ping_send(struct gsrelay_client *client);

/* measure.c */
void measure_begin(struct gsrelay_client *client);

/* A PING with this time on it leaves; an answer to one came. */
void measure_asked(struct udp *udp, uint64_t client_time_us);
void measure_answered(struct gsrelay_client *client, const struct body_ping *pong);

/* Seals body_size bytes that stand at bytes + DATAGRAM_HEAD_SIZE and queues the datagram. */
void udp_queue_put(struct gsrelay_client *client, enum datagram_type type, uint8_t *bytes,
                   size_t body_size);

/* send.c */
void allowance_init(struct allowance *allowance, uint64_t rate_per_s, uint64_t burst,
                    uint64_t now_ns);
bool allowance_has(struct allowance *allowance, uint64_t amount, uint64_t now_ns);
void allowance_take(struct allowance *allowance, uint64_t amount);
void send_begin(struct gsrelay_client *client);
void send_flush(struct gsrelay_client *client);

#endif
