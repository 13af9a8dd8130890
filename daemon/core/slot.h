/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_SLOT_H
#define GSRELAY_CORE_SLOT_H

#include "daemon/core/bucket.h"
#include "daemon/core/core.h"
#include "daemon/core/member_set.h"
#include "daemon/core/quality.h"
#include "proto/datagram.h"
#include "proto/replay.h"

#include <stdbool.h>
#include <stdint.h>

/* slot.h - one membership as UDP sees it: its name, keys, path and limits.
 *
 * The table is indexed by the number on the wire: no hash, no search.
 *
 *     FREE ----- take ----> UNBOUND -- first CONFIRM --> BOUND
 *      ^                       |                          |
 *      +------ release --------+                          |
 *      +------ release ------------------------------------+
 *      +------ release ---- ENDING <-- end with a BYE -----+
 *
 * An ENDING slot answers nothing and belongs to nobody; it only keeps the bytes of its BYE until
 * they are handed out. Keys are wiped when a slot stops being UNBOUND or BOUND.
 * Threads: those of the core. Memory: the core's. */

/* udp.rebind_moves counts in 10 s: a token of the bucket is a tenth of a move. */
#define SLOT_MOVE_COST 10

enum slot_state { SLOT_FREE, SLOT_UNBOUND, SLOT_BOUND, SLOT_ENDING };

#define SLOT_STATES 4

/* A freed slot rests until this many others were freed after it, so that stale datagrams meet a
 * slot that is free or has a new tag. */
#define SLOT_REST_MIN 256

#define STREAMS_PER_MEMBER_MAX 32
#define BYE_DATAGRAM_SIZE      30

/* One latest-wins stream of a member: the newest state and who still waits for it. */
struct stream {
    struct member_set waiting; /* Bound members of the room, never the sender. */
    uint64_t order;            /* Of the newest record: its datagram's sequence and position. */
    uint64_t arrived_ns;       /* When that came. */
    uint32_t cell;             /* CELL_NONE when nobody waits and nothing is retained. */
    uint16_t size;             /* Of the payload. */
    bool is_retained;
    uint64_t hash; /* Retained: its part of the digests (proto/retained.h). */
};

#define DIGESTS_DIFFER_MAX 2  /* So many wrong digests in a row are a loss, not a race. */
#define DIGESTS_UNTOLD_MAX 10 /* After so many PONGs that could tell none, everything is sent. */

/* What a slot has to send besides its room's records; bits, so that they cannot pile up. */
enum slot_answer {
    ANSWER_CHALLENGE = 1,
    ANSWER_BOUND = 2,
    ANSWER_PONG = 4,
    ANSWER_PROBE = 8,
    ANSWER_BYE = 16
};

/* How a member that was host lost the role, if it was not its own doing (host.h). */
enum host_loss { HOST_NOT_LOST, HOST_LOST_CONTROL, HOST_FELL_SILENT };

struct slot {
    /* What each datagram to the member needs comes first, then what each one from it needs: with
     * thousands of members every line of the cache that is touched is a wait for memory. */
    enum slot_state state;
    uint32_t tag;
    uint8_t key_down[DATAGRAM_KEY_SIZE];
    uint64_t sequence_down; /* The last one used. */
    struct path path;       /* Validated; only while BOUND. */
    uint32_t
        down_rate; /* The downlink budget that the client asked for, bytes a second; 0: none. */
    uint32_t room;
    uint16_t member;         /* Its index in the room. */
    uint16_t member_id;      /* Its name on the wire. */
    uint64_t received;       /* Datagrams that passed their tag. */
    uint64_t path_sequence;  /* The highest that came over the path. */
    uint64_t heard_ns;       /* When something came over it. */
    struct bucket datagrams; /* The client's budgets. */
    struct bucket bytes;
    struct bucket records;
    uint8_t key_up[DATAGRAM_KEY_SIZE];
    uint8_t stream_ids[STREAMS_PER_MEMBER_MAX]; /* By place; 0 = not in use. */
    struct replay replay;
    struct bucket deliveries; /* Its part of the room's budgets: share.h. */
    struct bucket delivery_bytes;
    struct bucket down;
    struct quality quality; /* Round trip and loss. */

    struct session_ref session;
    uint64_t groups;  /* The interest groups that it is of. */
    uint64_t made_ns; /* When the slot was taken. */
    struct bucket challenges;
    struct bucket moves;

    uint8_t answers; /* Bits of enum slot_answer; not 0 = in the core's list of answers. */
    struct path challenge_path;
    struct path probe_path;
    uint64_t ping_client_us; /* Of the PING to answer. */
    uint64_t ping_came_ns;
    uint8_t bye[BYE_DATAGRAM_SIZE];

    enum reason end_reason;    /* Not NONE: the slot's timer removes it for this. */
    enum reason notice_reason; /* Not NONE: the client has to be told. */
    uint32_t notice_limit;
    uint32_t notice_retry_ms;
    uint64_t notice_next_ns; /* No other notice before. */
    uint64_t over_first_s;   /* The first and the last second of an unbroken run of seconds in */
    uint64_t over_last_s;    /* which a budget was exceeded; 0 = none. */

    uint64_t retained_sum;   /* Of the hashes of what it retains itself. */
    uint64_t digest_told;    /* In the last PONG, until a PING has answered it; NOT_TOLD. */
    uint8_t digests_differ;  /* PINGs in a row whose digest was not the one told. */
    uint8_t digests_untold;  /* PONGs in a row without a digest. */
    uint64_t repair_next_ns; /* Retained states are not sent again before. */

    bool is_control_lost; /* Its session has no control connection, since control_lost_ns. */
    enum host_loss host_loss;
    uint64_t control_lost_ns;
    uint64_t host_lost_ns; /* When it lost the role. */

    bool is_fresh;    /* Retained records wait for it that it has never had. */
    bool states_next; /* Its next body of its own begins with the states, not with stream 0. */
    uint32_t rotor;   /* The cell from which on such a body takes states. */
};

/* A slot for a new member, UNBOUND; POOL_NONE when all are in use. */
uint32_t slot_take(struct core *core, const struct slot_secret *secret, struct session_ref session,
                   uint64_t now_ns);

/* The slot that `name` means, if it is UNBOUND or BOUND and belongs to `session`; else NULL. */
struct slot *slot_find(struct core *core, struct slot_ref name, struct session_ref session);

/* Makes an UNBOUND slot BOUND. */
void slot_bind(struct core *core, uint32_t index);

/* Ends an UNBOUND or BOUND slot. A bound client is told `bye`, unless that is REASON_NONE. */
void slot_end(struct core *core, uint32_t index, enum reason bye);

/* Frees an ENDING slot: its BYE is out. */
void slot_release(struct core *core, uint32_t index);

/* Adds what has to be sent. */
void slot_answer(struct core *core, uint32_t index, enum slot_answer answer);

/* The streams of a slot, by place. */
struct stream *slot_streams(struct core *core, uint32_t index);

/* A place for a stream that is new: one never used, or the one that has been quiet for longest and
 * of which nothing is kept; STREAM_PLACE_NONE if there is none. */
#define STREAM_PLACE_NONE STREAMS_PER_MEMBER_MAX
unsigned slot_stream_place(struct core *core, uint32_t index, uint64_t now_ns);

/* Sends a bound member all retained states again, unless that was done less than a second ago. */
void slot_repair(struct core *core, uint32_t index, uint64_t now_ns);

/* The head of the next datagram down, with a sequence of its own. */
struct datagram_head slot_next_head(struct slot *slot, uint32_t index, enum datagram_type type);

/* The slot's downlink budget: bytes of DATA a second, the lower of the limit and of what the client
 * asked for; 0 = none. The burst is an eighth of a second, and at least two datagrams. */
uint32_t slot_down_rate(const struct core *core, const struct slot *slot);
uint32_t slot_down_burst(const struct core *core, uint32_t rate);

/* A limit dropped something of this client: tells it, at most once a second. */
void slot_notice(struct core *core, uint32_t index, enum reason reason, uint32_t limit,
                 uint64_t wait_ns, uint64_t now_ns);

/* A budget of the client itself was exceeded; what lasts too long ends the slot. */
void slot_over_limit(struct core *core, uint32_t index, uint64_t now_ns);

#endif
