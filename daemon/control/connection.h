/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_CONNECTION_H
#define GSRELAY_CONTROL_CONNECTION_H

#include "daemon/control/buffer_pool.h"
#include "daemon/control/control_limits.h"
#include "daemon/control/rate.h"
#include "daemon/core/message.h"
#include "proto/addr.h"
#include "proto/control_message.h"
#include "proto/frame.h"
#include "proto/hello.h"
#include "proto/noise.h"
#include "proto/reason.h"
#include "proto/ticket.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* connection.h - one TCP connection: its state, its bytes in and out, its deadlines.
 *
 *     FREE --accept--> FIRST_FLIGHT --message 2--> PROVING --START--> OPEN
 *                           |                         |                 |
 *                           +-----------> FINISHING <-+-----------------+
 *
 * FINISHING waits until the last bytes are with the system; what comes in is thrown away. From
 * every state but FREE the connection may end at once. What the messages mean is not known here.
 * Threads: none of its own. Memory: an idle connection holds no buffer; one is taken from a pool
 * with the first byte of a frame or of output and given back with the last. */

#define CONNECTION_OUT_PREAUTH_MAX 2048 /* Bytes that may wait for a client without a session. */

/* What a client does not read occupies a ring of the net layer, and there are fewer of them than
 * connections: it must have read it all after this time. */
#define CONNECTION_STALL_NS UINT64_C(10000000000)

enum connection_state {
    CONNECTION_FREE,
    CONNECTION_FIRST_FLIGHT, /* Nothing is known of the client but its address. */
    CONNECTION_PROVING,      /* Message 2 was sent; the first frame must be a START. */
    CONNECTION_OPEN,         /* It belongs to a session. */
    CONNECTION_FINISHING,
    CONNECTION_STATES
};

/* What the first flight claimed, until START proves it. */
struct connection_claim {
    enum hello_mode mode;
    struct session_ref session; /* RESUME: which, as it was then. */
    uint32_t attachment;
    bool with_key_next;
    struct ticket ticket; /* TICKET and OPEN. */
};

struct connection {
    enum connection_state state;
    struct addr peer;
    uint32_t place;   /* In the admission table. */
    uint32_t session; /* OPEN: its index. */
    struct connection_claim claim;
    struct noise_cipher up;
    struct noise_cipher down;
    struct frame_reader reader;
    uint8_t *frame; /* From a pool: a frame that is not whole, or input kept while paused. */
    uint32_t kept;  /* Bytes of input in `frame` while paused. */
    uint8_t *output;
    uint32_t output_size;
    uint32_t system_pending; /* Bytes that the net layer has and the system has not. */
    struct rate commands;
    uint64_t
        state_end_ns; /* FIRST_FLIGHT, PROVING: of the handshake; FINISHING: of the patience. */
    uint64_t frame_end_ns;    /* OPEN: of the frame that has begun. */
    uint64_t idle_end_ns;     /* OPEN. */
    uint64_t idle_timeout_ns; /* As its client was told: a new limit is for those who come. */
    uint64_t pause_end_ns;    /* 0: not paused for a time. */
    uint64_t stall_end_ns;    /* OPEN: when system_pending must have been 0; 0: it is. */
    uint64_t blob_serial;     /* OPEN: the blob that is on its way to it; 0: none. */
    uint32_t blob_place;      /* Where it is, */
    uint32_t blob_offset;     /* and how much of it has been put into the output. */
    bool is_paused;           /* No input is wanted. */
    bool is_pause_told;       /* What the owner of the socket was last told. */
    bool is_dirty;            /* It is in the list of connections with something for the socket. */
    bool is_aborted;          /* FINISHING: without waiting for output. */
    enum reason end;          /* FINISHING: why. */
    uint32_t newer;           /* In the list of connections without a session. */
    uint32_t older;
    uint32_t dirty_next; /* In the list of those. */
    uint32_t dirty_before;
};

/* What all connections share. */
struct connection_pools {
    struct buffer_pool frames;
    struct buffer_pool outputs;
};

enum connection_input {
    CONNECTION_MORE,     /* Every byte was taken, no frame is whole. */
    CONNECTION_FRAME,    /* A frame is there until connection_frame_done(). */
    CONNECTION_BAD_SIZE, /* REASON_FRAME_SIZE. */
    CONNECTION_NO_BUFFER /* REASON_BUSY: the pool is empty. */
};

/* The bytes of a buffer for frames: the first flight must fit too. */
size_t connection_frame_bytes(const struct control_limits *limits);

/* A new connection, in FIRST_FLIGHT. */
void connection_open(struct connection *connection, const struct addr *peer, uint32_t place,
                     const struct control_limits *limits, uint64_t now_ns);

/* The one place where the state changes. A change that the diagram does not have is our mistake. */
void connection_state_set(struct connection *connection, enum connection_state state);
bool connection_state_may(enum connection_state from, enum connection_state to);
const char *connection_state_name(enum connection_state state);

/* The handshake is over: frames may be as long as the limits say, the idle clock runs. */
void connection_begin_frames(struct connection *connection, const struct control_limits *limits,
                             uint64_t now_ns);

/* Takes bytes up to the end of one frame; taken_out says how many. */
enum connection_input connection_feed(struct connection *connection, struct connection_pools *pools,
                                      const struct control_limits *limits, const uint8_t *bytes,
                                      size_t size, uint64_t now_ns, size_t *taken_out,
                                      size_t *frame_size_out);

/* The frame in `frame` has been used. */
void connection_frame_done(struct connection *connection, struct connection_pools *pools,
                           uint64_t now_ns);

/* Keeps input that came behind a frame after which reading was paused. False: no buffer. */
bool connection_keep(struct connection *connection, struct connection_pools *pools,
                     const uint8_t *bytes, size_t size);

/* Takes kept input out into a buffer of connection_frame_bytes(). Returns its size. */
size_t connection_take_kept(struct connection *connection, struct connection_pools *pools,
                            uint8_t *out);

/* Puts bytes in clear behind what waits. Returns REASON_NONE, REASON_OUTPUT_FULL or REASON_BUSY (no
 * buffer in the pool); then nothing was added. */
enum reason connection_put(struct connection *connection, struct connection_pools *pools,
                           const struct control_limits *limits, const void *bytes, size_t size);

/* Encrypts a message and puts it as a frame. The same returns. */
enum reason connection_send(struct connection *connection, struct connection_pools *pools,
                            const struct control_limits *limits,
                            const struct control_message *message);

/* The output was taken over by the net layer. */
void connection_output_taken(struct connection *connection, struct connection_pools *pools);

/* So many bytes are with the net layer and not with the system. Returns whether that changes the
 * deadline. */
bool connection_pending_set(struct connection *connection, size_t pending, uint64_t now_ns);

/* When something is due, TIMER_NEVER if nothing ever is. */
uint64_t connection_deadline(const struct connection *connection);

/* Why the connection must end at this moment; REASON_NONE if it must not. */
enum reason connection_overdue(const struct connection *connection, uint64_t now_ns);

/* Gives every buffer back, wipes the keys and frees the entry. */
void connection_release(struct connection *connection, struct connection_pools *pools);

#endif
