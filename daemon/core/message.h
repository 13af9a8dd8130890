/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_MESSAGE_H
#define GSRELAY_CORE_MESSAGE_H

#include "proto/reason.h"

#include <stdbool.h>
#include <stdint.h>

/* message.h - what the control thread and a worker's core say to each other.
 *
 * Commands go to the core, events come from it; both are plain values that a bounded queue copies.
 * The core holds the only truth about rooms; the control side keeps code -> (worker, room) and
 * connection -> session and decides nothing. Neither side holds a pointer into the other: sessions,
 * rooms and slots are named by an index and a tag, and a name whose tag no longer fits is answered
 * or ignored, never followed.
 *
 * Every command but COMMAND_DRAIN, CONTROL_LOST and CONTROL_BACK is answered by exactly one event
 * with `answer` set and the same session and request (a command with request 0 to a slot that is
 * gone already is passed over: an EVENT_REMOVED has told of it); announcements to a room are events
 * of their own, which name their receivers. The answer to a request comes before the announcements
 * that it causes. */

#define CORE_MEMBERS_MAX    256 /* Members of one room; limits.clients_per_room is at most this. */
#define CORE_GROUPS         64  /* Interest groups of a room. */
#define CORE_METADATA_MAX   512 /* Bytes of room metadata. */
#define CORE_CODE_MAX       16  /* Characters of a join code, without an end mark. */
#define CORE_QUALITIES      32  /* Members that one EVENT_QUALITY tells of. */
#define CORE_EVENTS_PER_ACT 4   /* A command or one timer makes at most this many events. */

/* A control session, as the directory names it. `tag` is random and never 0; 0 means none. */
struct session_ref {
    uint32_t index;
    uint32_t tag;
};

/* A room of one worker. `tag` changes each time the place is used again; 0 means none. */
struct room_ref {
    uint32_t index;
    uint32_t tag;
};

/* A slot of one worker, as on the wire. */
struct slot_ref {
    uint32_t index; /* 24 bits. */
    uint32_t tag;
};

/* What makes a slot; all of it random, drawn by the control side. */
struct slot_secret {
    uint32_t tag; /* Not 0. */
    uint8_t key_up[16];
    uint8_t key_down[16];
};

enum command_type {
    COMMAND_CREATE, /* Make a room and its first member, who is the host. */
    COMMAND_JOIN,   /* Add a member to the room. */
    COMMAND_LEAVE,  /* Drop the slot for `reason`. Also on behalf of the relay (control_lost, ...).
                     */
    COMMAND_KICK,   /* Host only: drop `member` for REASON_KICKED. */
    COMMAND_LOCK,   /* Host only: `locked`. */
    COMMAND_HAND_OVER,    /* Host only: `member` becomes the host. */
    COMMAND_SET_METADATA, /* Host only. */
    COMMAND_SET_HEIR,     /* Host only: `member`, or nobody (0), follows it. */
    COMMAND_BLOB_PUT,     /* Host only: may it change the room's blob? Nothing is done here. */
    COMMAND_SUBSCRIBE,    /* Of which interest groups it is: `groups`. */
    COMMAND_ROOM_STATE,   /* Tell the membership of `slot` again. */
    COMMAND_CONTROL_LOST, /* The session has no connection any more, and waits for its client. */
    COMMAND_CONTROL_BACK, /* It has one again. A new member has one. */
    COMMAND_DRAIN         /* Tell bound clients by BYE `reason` and drop every slot and room. */
};

struct command {
    enum command_type type;
    struct session_ref session;
    uint32_t request;            /* The client's request id; 0 where the relay itself commands. */
    struct room_ref room;        /* JOIN. */
    struct slot_ref slot;        /* All but CREATE, JOIN and DRAIN: the slot of `session`. */
    struct slot_secret secret;   /* CREATE and JOIN. */
    enum reason reason;          /* LEAVE and DRAIN. */
    uint32_t host_epoch;         /* What is for the host only: of which host it is meant. */
    uint16_t member;             /* KICK, HAND_OVER and SET_HEIR. */
    bool locked;                 /* CREATE and LOCK. */
    bool heritable;              /* CREATE: the host's retained states pass to the next host. */
    uint8_t election;            /* CREATE: ELECTION_* of proto/control_message.h. */
    uint64_t groups;             /* SUBSCRIBE: a bit for each of the CORE_GROUPS groups. */
    uint16_t members_max;        /* CREATE: already within the limits. */
    uint32_t tick_us;            /* CREATE: already within the limits; 0 = each turn. */
    uint32_t down_bytes_s;       /* CREATE and JOIN: the downlink budget asked for; 0 = none. */
    uint8_t code[CORE_CODE_MAX]; /* CREATE: kept with the room so that MEMBERSHIP can repeat it. */
    uint8_t code_size;
    uint16_t metadata_size; /* CREATE and SET_METADATA. */
    uint8_t metadata[CORE_METADATA_MAX];
};

enum event_type {
    EVENT_MEMBERSHIP,   /* Answer to CREATE, JOIN, ROOM_STATE: membership, members, metadata. */
    EVENT_DONE,         /* Answer: it is done. */
    EVENT_REFUSED,      /* Answer: reason, limit, retry_ms. */
    EVENT_JOINED,       /* Announcement to all others: member. */
    EVENT_LEFT,         /* Announcement: member, reason. */
    EVENT_HOST_CHANGED, /* Announcement: host, host_epoch. */
    EVENT_METADATA,     /* Announcement: metadata. */
    EVENT_LOCKED,       /* Announcement: locked. */
    EVENT_NOTICE,       /* To one session: reason, limit, retry_ms. */
    EVENT_REMOVED, /* To one session: reason. Its slot is free now. Not after a LEAVE, whose answer
                      says it. */
    EVENT_QUALITY, /* To the host: qualities of some of the others. */
    EVENT_ROOM_CLOSED /* To the directory: `room` is gone, its code may be forgotten. No receivers.
                       */
};

/* A member's path, and how long states for it wait in the relay. */
struct member_quality {
    uint16_t member;
    uint32_t rtt_us;
    uint32_t jitter_us;
    uint32_t loss_up_ppm;
    uint32_t loss_down_ppm;
    uint32_t queue_us;
};

struct event {
    enum event_type type;
    bool answer;
    struct session_ref session; /* Answer, NOTICE, REMOVED and QUALITY: whom it is for. */
    uint32_t request;           /* Answer. */
    struct room_ref room;       /* All. */
    struct slot_ref slot;       /* MEMBERSHIP, NOTICE, REMOVED. */
    struct slot_secret secret;  /* MEMBERSHIP. */
    enum reason reason;
    uint32_t limit;
    uint32_t retry_ms;
    uint16_t member; /* JOINED and LEFT: of whom; MEMBERSHIP: the receiver's own. */
    uint16_t host;   /* MEMBERSHIP and HOST_CHANGED; 0 = none. */
    uint32_t host_epoch;
    bool locked;
    bool heritable;   /* MEMBERSHIP. */
    uint8_t election; /* MEMBERSHIP. */
    uint16_t members_max;
    uint32_t tick_us;
    uint32_t down_bytes_s; /* MEMBERSHIP: the downlink budget that holds; 0 = none. */
    uint8_t code[CORE_CODE_MAX];
    uint8_t code_size;
    uint16_t metadata_size;
    uint8_t metadata[CORE_METADATA_MAX];
    uint16_t receiver_count; /* Announcements: the sessions to tell, the room's members. */
    union {
        struct session_ref receivers[CORE_MEMBERS_MAX];
        struct member_quality qualities[CORE_QUALITIES]; /* QUALITY. */
    };
    uint16_t quality_count;
    uint16_t member_count; /* MEMBERSHIP: ids of all members, oldest first. */
    uint16_t members[CORE_MEMBERS_MAX];
};

#endif
