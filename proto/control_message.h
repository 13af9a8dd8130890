/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_PROTO_CONTROL_MESSAGE_H
#define GSRELAY_PROTO_CONTROL_MESSAGE_H

/* control_message.h - what is said inside the control channel (docs/PROTOCOL.md 1.3 to 1.6).
 *
 * One struct for every message, both ways. Each message's fields are described once, and that one
 * description reads and writes, so the two cannot disagree. Messages may grow at their end: bytes
 * behind the last known field are ignored.
 * Not here: encryption and framing (noise.h, frame.h); whether a request is allowed or makes sense.
 * Threads: pure functions. Memory: the caller's; text and metadata of a decoded message are
 * borrowed from the decoded bytes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/join_code.h"
#include "proto/limits.h"
#include "proto/reason.h"
#include "proto/result.h"
#include "proto/wire.h"

enum control_type {
    CONTROL_START = 0x01,
    CONTROL_CREATE = 0x02,
    CONTROL_JOIN = 0x03,
    CONTROL_LEAVE = 0x04,
    CONTROL_KICK = 0x05,
    CONTROL_LOCK = 0x06,
    CONTROL_HAND_OVER = 0x07,
    CONTROL_SET_METADATA = 0x08,
    CONTROL_ROOM_STATE = 0x09,
    CONTROL_PING = 0x0A,
    CONTROL_BYE = 0x0B,
    CONTROL_SUBSCRIBE = 0x0C,
    CONTROL_SET_HEIR = 0x0D,
    CONTROL_BLOB_PUT = 0x0E,

    CONTROL_WELCOME = 0x81,
    CONTROL_MEMBERSHIP = 0x82,
    CONTROL_OK = 0x83,
    CONTROL_PONG = 0x84,
    CONTROL_ERROR = 0x85,

    CONTROL_JOINED = 0xC1,
    CONTROL_LEFT = 0xC2,
    CONTROL_HOST_CHANGED = 0xC3,
    CONTROL_METADATA = 0xC4,
    CONTROL_LOCKED = 0xC5,
    CONTROL_NOTICE = 0xC6,
    CONTROL_REMOVED = 0xC7,
    CONTROL_DRAINING = 0xC8,
    CONTROL_ENDED = 0xC9, /* The event BYE. */
    CONTROL_BLOB_PART = 0xCB,
    CONTROL_MEMBER_QUALITY = 0xCC
};

#define CONTROL_HEAD_SIZE 5

/* The largest message that this version writes (a MEMBERSHIP), before encryption. */
#define CONTROL_MESSAGE_SIZE_MAX 1378

#define FEATURE_BLOBS       0x01 /* WELCOME: the relay keeps blobs of rooms. */
#define CREATE_LOCKED       0x01
#define CREATE_HERITABLE    0x02
#define WELCOME_RESUMED     0x01
#define WELCOME_IN_ROOM     0x02
#define ROOM_LOCKED         0x01
#define ROOM_HERITABLE      0x02
#define CONTROL_KEY_SIZE    16
#define CONTROL_MEMBER_NONE 0
#define CONTROL_NO_DEADLINE UINT32_MAX /* DRAINING: until the last room is gone. */

/* By which rule a room elects a host when the one that it has is gone. */
enum control_election {
    ELECTION_OLDEST = 0,     /* The member that joined first. */
    ELECTION_LOWEST_RTT = 1, /* The one with the shortest round trip. */
    ELECTION_HEIR = 2        /* The one that the host named, else the oldest. */
};

struct control_create {
    uint16_t members_max; /* 0 = the relay's limit. */
    uint32_t tick_us;     /* ROOM_TICK_DEFAULT = the relay's default. */
    uint8_t flags;        /* CREATE_*; the relay refuses bits it does not know. */
    struct wire_bytes metadata;
    uint32_t down_bytes_s; /* The downlink budget asked for; 0 = the relay's limit. */
    uint8_t election;      /* ELECTION_*, or what is none. */
};

struct control_join {
    struct wire_bytes code; /* As the person typed it. */
    uint32_t down_bytes_s;  /* As in CREATE. */
};

struct control_welcome {
    uint32_t features;
    uint8_t flags; /* WELCOME_*. */
    uint8_t session_id[SESSION_ID_SIZE];
    uint8_t resume_key[RESUME_KEY_SIZE];
    uint32_t resume_grace_ms;
    uint32_t idle_timeout_ms;
    uint16_t frame_max;
};

struct control_membership {
    struct wire_bytes code; /* In capitals, at most JOIN_CODE_LENGTH_MAX. */
    uint8_t room_flags;     /* ROOM_*. */
    uint16_t member;
    uint16_t host; /* CONTROL_MEMBER_NONE = none. */
    uint32_t host_epoch;
    uint8_t election; /* ELECTION_*, or one that a later version added. */
    uint32_t tick_us;
    uint16_t members_max;
    struct wire_bytes address; /* Empty = the address of the TCP peer. */
    uint16_t udp_port;
    uint32_t slot;
    uint32_t slot_tag;
    uint8_t key_up[CONTROL_KEY_SIZE];
    uint8_t key_down[CONTROL_KEY_SIZE];
    uint16_t max_datagram;
    uint8_t streams;
    uint32_t datagrams_s;
    uint32_t bytes_s;
    uint32_t records_s;
    uint32_t down_bytes_s; /* 0 = no budget. */
    uint16_t member_count;
    uint16_t members[ROOM_MEMBERS_MAX]; /* member_count of them, oldest first. */
    struct wire_bytes metadata;
};

/* ERROR and NOTICE. */
struct control_error {
    uint16_t reason; /* A number of enum reason, or one that a later version added. */
    uint32_t limit;
    uint32_t retry_ms;
};

struct control_left {
    uint16_t member;
    uint16_t reason;
};

struct control_host_changed {
    uint16_t host;
    uint32_t host_epoch;
};

/* A piece of a room's blob: BLOB_PUT up, BLOB_PART down. */
struct control_blob {
    uint32_t version; /* The host's own number of this blob; all its pieces have it. */
    uint32_t total;   /* Bytes of the whole blob; 0: there is none. */
    uint32_t offset;  /* Of `bytes` in it. */
    struct wire_bytes bytes;
};

#define CONTROL_QUALITIES_MAX 32 /* Members that one MEMBER_QUALITY tells of. */

struct control_quality {
    uint16_t member;
    uint32_t rtt_us;
    uint32_t jitter_us;
    uint32_t loss_up_ppm;
    uint32_t loss_down_ppm;
    uint32_t queue_us;
};

struct control_qualities {
    uint8_t count;
    struct control_quality at[CONTROL_QUALITIES_MAX];
};

/* type says which member of the union holds; LEAVE, ROOM_STATE, BYE and OK have none. */
struct control_message {
    uint8_t type;        /* enum control_type; kept as a byte, because it comes from the wire. */
    uint32_t request;    /* Not 0 in requests and their answers, 0 in events. */
    uint32_t host_epoch; /* What is for the host: KICK, LOCK, HAND_OVER, SET_METADATA,
                            SET_HEIR, BLOB_PUT. */
    union {
        uint32_t features;                        /* START */
        struct control_create create;             /* CREATE */
        struct control_join join;                 /* JOIN */
        uint16_t member;                          /* KICK, HAND_OVER, SET_HEIR, JOINED */
        bool is_locked;                           /* LOCK, LOCKED */
        struct wire_bytes metadata;               /* SET_METADATA, METADATA */
        uint64_t token;                           /* PING, PONG */
        uint64_t groups;                          /* SUBSCRIBE: a bit for each group. */
        struct control_welcome welcome;           /* WELCOME */
        struct control_membership membership;     /* MEMBERSHIP */
        struct control_error error;               /* ERROR, NOTICE */
        struct control_left left;                 /* LEFT */
        struct control_host_changed host_changed; /* HOST_CHANGED */
        struct control_qualities qualities;       /* MEMBER_QUALITY */
        struct control_blob blob;                 /* BLOB_PUT, BLOB_PART */
        uint16_t reason;                          /* REMOVED, ENDED */
        uint32_t deadline_ms;                     /* DRAINING; or CONTROL_NO_DEADLINE */
    };
};

enum control_direction {
    CONTROL_UP,  /* Requests. */
    CONTROL_DOWN /* Answers and events. */
};

/* Reads one message, which is all of bytes.
 *
 * Returns REASON_NONE, REASON_UNKNOWN_MESSAGE (the type is not one of this direction) or
 * REASON_BAD_MESSAGE (fields do not fit, a count or length is over its limit, a request of 0, an
 * event with a request). On failure only type and request of out are set, for the ERROR that
 * answers it; both are 0 when not even the head was there. */
enum reason control_message_decode(enum control_direction direction, const uint8_t *bytes,
                                   size_t size, struct control_message *out);

/* Writes a message. Returns its size, or RESULT_FULL when it does not fit capacity. Lengths and
 * counts over their limits are the caller's mistake. */
GSRELAY_CHECKED int control_message_encode(const struct control_message *message, uint8_t *out,
                                           size_t capacity);

/* The name in docs/PROTOCOL.md ("CREATE"), for logs; "unknown" for a type that is not there. */
const char *control_type_name(unsigned type);

#endif
