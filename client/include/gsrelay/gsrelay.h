/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_GSRELAY_H
#define GSRELAY_GSRELAY_H

/* gsrelay.h - the client library of gsrelay, a relay of game states.
 *
 * A client is one handle. It connects to a relay, creates a room or joins one by its code, sends
 * states to the other members and receives theirs. It reconnects, resumes its place in the room and
 * follows changes of its own network address by itself.
 *
 *     struct gsrelay_client *client;
 *     gsrelay_create(NULL, &client);
 *     gsrelay_connect(client, "127.0.0.1", 7777);
 *     gsrelay_join_room(client, "BCDFGH");
 *     for (;;) {
 *         struct gsrelay_event event;
 *         gsrelay_poll(client, 10);
 *         while (gsrelay_next_event(client, &event))
 *             ... event.type says what happened ...
 *         if (... the next frame is due ...)
 *             gsrelay_send(client, GSRELAY_TO_ALL, 1, 0, state, sizeof(state));
 *     }
 *
 * Verbs only queue what they ask for. The answer is an event that carries the verb's request
 * number. Nothing of the library calls the program back, but for the allocator if one is given.
 *
 * Threads: there are none inside and nothing is shared between clients. One client belongs to one
 * thread at a time; different clients may be used by different threads at once.
 * Memory: gsrelay_create() takes all of it in one piece, gsrelay_connect() one small piece more.
 * What a function takes it copies before it returns; what it gives out is a copy of the caller's.
 * Failures: a negative enum gsrelay_result. No input from the network makes the library abort.
 * Units: the last word of a name says them. Text is UTF-8 and ends in NUL. Bytes of states are
 * opaque. Sizes are in bytes.
 * Sockets: gsrelay_connect(), gsrelay_poll() and gsrelay_rebind() are the only functions here that
 * touch the operating system. Leave them out and drive the client through gsrelay_io.h instead, if
 * the game has sockets of its own. */

#include <stddef.h>
#include <stdint.h>

#include <gsrelay/gsrelay_reason.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GSRELAY_VERSION_MAJOR 0
#define GSRELAY_VERSION_MINOR 1
#define GSRELAY_VERSION_PATCH 0

#define GSRELAY_TICKET_NAME_MAX 200 /* The longest name of a ticket, without its NUL. */
#define GSRELAY_TICKET_KEY_SIZE 32
#define GSRELAY_SEED_SIZE       32
#define GSRELAY_CODE_SIZE       32    /* Holds any join code and its NUL. */
#define GSRELAY_ADDRESS_SIZE    64    /* Holds any numeric address with its port and its NUL. */
#define GSRELAY_METADATA_MAX    512   /* Bytes of a room's metadata. */
#define GSRELAY_MEMBERS_LIMIT   256   /* No relay allows more members in a room. */
#define GSRELAY_DATAGRAM_LIMIT  1400  /* No relay sends or takes a longer datagram. */
#define GSRELAY_EVENT_BYTES     1400  /* The most bytes that one event carries. */
#define GSRELAY_BLOB_MAX        65536 /* No relay keeps a larger blob of a room. */
#define GSRELAY_REQUESTS_MAX    16    /* Requests that may be unanswered at a time. */

enum gsrelay_result {
    GSRELAY_OK = 0,
    GSRELAY_INVALID = -1,     /* An argument is out of its range. */
    GSRELAY_NO_MEMORY = -2,   /* The allocator gave nothing. */
    GSRELAY_WRONG_STATE = -3, /* Not now: not connected, or not in a room, or already. */
    GSRELAY_BUSY = -4,        /* GSRELAY_REQUESTS_MAX requests are unanswered: poll first. */
    GSRELAY_TOO_LARGE = -5,   /* Longer than gsrelay_payload_max(). */
    GSRELAY_OVER_BUDGET = -6, /* The relay would drop it: send less, or later. Nothing was sent. */
    GSRELAY_SYSTEM = -7       /* The operating system refused: see gsrelay_error_text(). */
};

/* One sentence for a person. Never NULL. */
const char *gsrelay_result_text(int result);

/* The version of the library, "0.1.0". */
const char *gsrelay_version(void);

/* --- Create and destroy ---------------------------------------------------------------------- */

struct gsrelay_client;

/* Reads a ticket as a backend hands it out and `gsrelay ticket` prints it: one line, "NAME KEY".
 * GSRELAY_INVALID for anything else, and then nothing is written. */
int gsrelay_ticket_read(const char *line, char name_out[GSRELAY_TICKET_NAME_MAX + 1],
                        uint8_t key_out[GSRELAY_TICKET_KEY_SIZE]);

/* Fill with gsrelay_options_init(), then change what is to differ. */
struct gsrelay_options {
    /* A ticket that the game's backend or `gsrelay ticket` made. NULL: the relay runs in open
     * mode. A client that was given a ticket never connects without it. */
    const char *ticket_name;
    const uint8_t *ticket_key; /* GSRELAY_TICKET_KEY_SIZE bytes. */

    /* 32 bytes that nobody can guess: all keys of the client come from them. All zero:
     * gsrelay_connect() asks the system; without the socket layer the caller must give them. */
    uint8_t seed[GSRELAY_SEED_SIZE];

    uint32_t members_max;    /* Rooms that allow more are neither made nor joined, however few are
                                in them: the request fails with BAD_VALUE. It makes no room
                                smaller. 2 to 256; default 256. Memory is about 4 KiB for each. */
    uint32_t state_bytes;    /* Room for received states that wait for gsrelay_next_event(). When
                                it is full the oldest are dropped. Default 262144. */
    uint32_t connect_tries;  /* For the first connection; 0 = for ever. Default 1. */
    uint32_t reconnect_ms;   /* How long a lost connection is tried again. Default 60000; 0 =
                                never. */
    uint32_t backoff_min_ms; /* The pause before a new try, doubled each time, with up to half of
                                it as jitter. Default 250. */
    uint32_t backoff_max_ms; /* Default 10000. A relay that says how long to wait is obeyed. */
    uint32_t attempt_ms;     /* The longest that connecting or the handshake may take. Default
                                5000. */
    uint32_t down_bytes_s;   /* The most that the relay is to send us, in bytes of state datagrams
                                a second; below what the room needs, we get the newest state of
                                everyone in turn, and less often. 0 = as much as the relay's own
                                limit allows. Default 0. */
    uint32_t blob_bytes;     /* The largest blob of a room that is to be left or received, at most
                                GSRELAY_BLOB_MAX; memory for two is taken. To be set by every
                                member that may become host, as large as the largest that any of
                                them leaves. 0 = this client has nothing to do with blobs.
                                Default 0. */
    uint32_t rejoin;         /* 1: after the session was lost, join the room's code again as a new
                                member. Default 0. */

    /* NULL: malloc and free. Called by create, connect and destroy only. */
    void *(*allocate)(void *context, size_t size);
    void (*release)(void *context, void *memory);
    void *allocator_context;
};

/* Sets the defaults. */
void gsrelay_options_init(struct gsrelay_options *options);

/* Makes a client that does nothing yet. options may be NULL for the defaults. The ticket is copied.
 * Returns GSRELAY_INVALID or GSRELAY_NO_MEMORY, and then *out is not written. */
int gsrelay_create(const struct gsrelay_options *options, struct gsrelay_client **out);

/* Closes what is open, without a word to the relay, and frees the memory. Takes NULL. The relay
 * keeps the member for its grace time; gsrelay_disconnect() first is the polite way. */
void gsrelay_destroy(struct gsrelay_client *client);

/* --- Sockets --------------------------------------------------------------------------------- */

/* Begins to connect to the relay's control port; CONNECTED or DISCONNECTED follows as an event.
 * host is a name or a numeric address. gsrelay_poll() looks a name up before each try, and the
 * system may block there for seconds; a numeric address never blocks.
 * GSRELAY_WRONG_STATE while a connection exists. After DISCONNECTED it may be called again. */
int gsrelay_connect(struct gsrelay_client *client, const char *host, uint16_t port);

/* Sends what is queued, receives what has come, and runs what is due. Waits for up to timeout_ms
 * until at least one event is there; 0 never waits. Returns 1 when an event waits, 0 when none
 * does, or a negative result. It returns as soon as something came: pace what you send by a clock,
 * not by this call.
 *
 * To be called about once a frame. While nobody calls it nothing is sent, not even the signs of
 * life, and after the relay's udp.session_idle (30 s by default) or control.idle_timeout (60 s) it
 * takes the client for gone: poll during long loading as well. */
int gsrelay_poll(struct gsrelay_client *client, uint32_t timeout_ms);

/* Opens a new UDP socket and binds it to the membership anew: for a game that learns from the
 * system that the network has changed. The library does it by itself when sending fails. */
int gsrelay_rebind(struct gsrelay_client *client);

/* --- Verbs ------------------------------------------------------------------------------------
 *
 * Each returns a request number above 0, or a negative result. Requests may be made before
 * CONNECTED has come; they wait for it. Each request is answered by exactly one of REQUEST_DONE,
 * REQUEST_FAILED, ROOM_JOINED (create, join) or ROOM_LEFT (leave), unless DISCONNECTED comes first.
 * When the connection breaks while a request is on its way, creating, joining and leaving are
 * settled after the reconnect; any other request fails with GSRELAY_REASON_CONNECTION_LOST, as
 * nobody can tell whether the relay did it. After RESUMED the events tell the room as it is. */

/* How a room is made. All zero is a good room; so is NULL. */
struct gsrelay_room_options {
    uint32_t members_max;  /* 0 = the relay's limit (limits.clients_per_room). More is refused,
                              not cut: REQUEST_FAILED with BAD_VALUE, limit says how many. */
    uint32_t tick_us;      /* 0 = the relay's default; GSRELAY_TICK_NONE = each turn, no delay. From
                              1000; above the relay's room.tick_max it is refused in the same way. */
    uint32_t is_locked;    /* 1: nobody may join until gsrelay_lock(client, 0). */
    uint32_t is_heritable; /* 1: when a host leaves, what it has retained is the next host's, and
                              comes to all others again under that name. One that is out of reach
                              and loses the role keeps it until it has left, and takes it along if
                              it came back before (docs/PROTOCOL.md 2.8). */
    uint32_t election;     /* enum gsrelay_election. */
    uint32_t metadata_size;
    const void *metadata; /* At most GSRELAY_METADATA_MAX bytes, copied. */
};

#define GSRELAY_TICK_NONE 0xFFFFFFFFu

/* Whom the relay makes host when the host leaves, or is out of reach for a few seconds: of those
 * who are well connected (both to the control port and over UDP) ... */
enum gsrelay_election {
    GSRELAY_ELECT_OLDEST = 0,     /* the one that joined first; */
    GSRELAY_ELECT_LOWEST_RTT = 1, /* the one with the shortest way to the relay and back,
                                     where members may lie about theirs: not for strangers; */
    GSRELAY_ELECT_HEIR = 2        /* the one named by gsrelay_set_heir(), else the oldest. */
};

int32_t gsrelay_create_room(struct gsrelay_client *client,
                            const struct gsrelay_room_options *options);

/* A code may be typed in any case, with spaces and hyphens. GSRELAY_INVALID if it cannot be one. */
int32_t gsrelay_join_room(struct gsrelay_client *client, const char *code);
int32_t gsrelay_leave(struct gsrelay_client *client);

/* For the room's host. Each goes out under the host epoch that the program knows when it asks: that
 * of the last ROOM_JOINED or HOST_CHANGED that gsrelay_next_event() gave it. Where the room has had
 * another host since, the relay refuses with GSRELAY_REASON_STALE_EPOCH and nothing happens, even
 * if the same member is host again; so two that both take themselves for the host cannot both act,
 * and what was asked for before a connection broke does no harm when it arrives late. Look at the
 * events, and ask again if it still makes sense.
 *
 * States know nothing of the epoch. GSRELAY_TO_HOST is whoever is host when the state comes to the
 * relay: while an unreachable host keeps the role for its grace time they go to it alone, and
 * nobody keeps them for the next; without a host they are dropped. What a deposed host sends to
 * the others, as it does not know yet, still comes to them, as states of that member: compare
 * event.member with the host of the last ROOM_JOINED or HOST_CHANGED. Those come by another road
 * than states, sooner or later; where it matters which host meant a state, put the host_epoch
 * into it. */
int32_t gsrelay_kick(struct gsrelay_client *client, uint16_t member);
int32_t gsrelay_lock(struct gsrelay_client *client, int is_locked);
int32_t gsrelay_hand_over(struct gsrelay_client *client, uint16_t member);

/* In a room of GSRELAY_ELECT_HEIR: who is to follow this host; 0 for nobody. A new host names its
 * own, or none. */
int32_t gsrelay_set_heir(struct gsrelay_client *client, uint16_t member);
int32_t gsrelay_set_metadata(struct gsrelay_client *client, const void *bytes, size_t size);

/* For the room's host, and under its epoch as above: leaves bytes with the relay for whoever is
 * host after us, such as the game as it was saved last, in place of what was left before; 0 bytes
 * remove it. The relay keeps it as long as the room, and gives it to nobody but the next host
 * (GSRELAY_EVENT_BLOB). The library sends it piece by piece: REQUEST_DONE says that the relay has
 * all of it, until then the one before counts. Each piece is one command and waits for the answer
 * to the one before: 64 KiB are 18 of them by the relay's default control.frame_max. Of
 * control.commands_per_s (20 by default) that is about one such blob a second; faster than that the
 * library waits, and other requests may be refused with GSRELAY_REASON_COMMAND_RATE.
 *
 * Returns GSRELAY_TOO_LARGE beyond options.blob_bytes, GSRELAY_BUSY while the one before is still
 * on its way, GSRELAY_WRONG_STATE outside a room. REQUEST_FAILED with GSRELAY_REASON_BLOB_SIZE: the
 * relay takes only `limit` bytes, and none at all if that is 0, as by default (room.blob_bytes);
 * nothing else tells this limit. With GSRELAY_REASON_BLOB_POOL: it has memory for `limit` rooms
 * that leave something. */
int32_t gsrelay_set_blob(struct gsrelay_client *client, const void *bytes, size_t size);

/* The bytes of the last GSRELAY_EVENT_BLOB: writes up to `capacity` of them and returns how many
 * there are. They are kept until another blob comes, or the room is left. */
size_t gsrelay_get_blob(const struct gsrelay_client *client, void *out, size_t capacity);

/* Of which interest groups of the room we are: bit n for group n, in place of what was asked for
 * before. A new member is of none; coming back by options.rejoin makes a new member. */
int32_t gsrelay_subscribe(struct gsrelay_client *client, uint64_t groups);

/* Measures the way to the relay and back over the control connection; needs no room. The event
 * REQUEST_DONE carries rtt_us. */
int32_t gsrelay_ping(struct gsrelay_client *client);

/* Leaves the room and ends the session; DISCONNECTED with GSRELAY_REASON_LEFT follows, at the
 * latest after a second. Keep polling until then. States queued before are sent first. */
int gsrelay_disconnect(struct gsrelay_client *client);

/* --- States ---------------------------------------------------------------------------------- */

#define GSRELAY_TO_HOST 0xFFFE
#define GSRELAY_TO_ALL  0xFFFF /* All others: a member never receives its own states. */

/* Whoever has subscribed to an interest group, 0 to 63. */
#define GSRELAY_TO_GROUP(group) ((uint16_t)(0xFF00 + (group)))
#define GSRELAY_GROUPS          64

/* The relay keeps the newest state of this stream and gives it to whoever joins later. It also
 * finds out, within about three seconds, when one was lost on its way, and sends what it keeps
 * again: so a retained state may come a second time. Only with GSRELAY_TO_ALL and a stream above 0.
 */
#define GSRELAY_RETAIN 1u

/* Queues one state for a member's id, GSRELAY_TO_HOST, GSRELAY_TO_GROUP() or GSRELAY_TO_ALL.
 *
 * Stream 0 passes every state, in the order in which it came to the relay, as long as receivers
 * keep up. On streams 1 to 255 the newest wins: a receiver gets the latest state of each sender and
 * stream, and never an older one after a newer. One stream serves one destination. Nothing is
 * repeated when a datagram is lost: send states whole and often.
 *
 * States are packed into one datagram until it is full, or gsrelay_flush() or gsrelay_poll() is
 * called. The relay takes so many datagrams, bytes and states a second (struct gsrelay_room); the
 * library keeps to that and returns GSRELAY_OVER_BUDGET.
 *
 * Returns GSRELAY_OK, GSRELAY_WRONG_STATE outside a room, GSRELAY_TOO_LARGE, GSRELAY_OVER_BUDGET
 * or GSRELAY_INVALID. A state that was taken may still be lost on its way: this is UDP. */
int gsrelay_send(struct gsrelay_client *client, uint16_t to, uint8_t stream, uint32_t flags,
                 const void *bytes, size_t size);

/* Closes the datagram that is being packed, so that it leaves with the next output. */
void gsrelay_flush(struct gsrelay_client *client);

/* The most bytes that one state may have in this room, with these flags; 0 outside a room. */
size_t gsrelay_payload_max(const struct gsrelay_client *client, uint32_t flags);

/* --- Events ---------------------------------------------------------------------------------- */

enum gsrelay_event_type {
    GSRELAY_EVENT_NONE = 0,

    /* The connection. */
    GSRELAY_EVENT_CONNECTED = 1,       /* A session began. */
    GSRELAY_EVENT_ATTEMPT_FAILED = 2,  /* reason; the next try comes after time_ms. */
    GSRELAY_EVENT_CONNECTION_LOST = 3, /* reason; the next try comes after time_ms. States go on
                                          over UDP meanwhile, and so does the membership. */
    GSRELAY_EVENT_RESUMED = 4,         /* Connected again, same session, same room. */
    GSRELAY_EVENT_SESSION_LOST = 5,    /* The relay no longer knows the session: the room, if there
                                          was one, is left. CONNECTED follows, or DISCONNECTED. */
    GSRELAY_EVENT_DISCONNECTED = 6, /* reason; the end, of the room as well: nothing is tried again.
                                       time_ms: the relay asks to wait so long. limit: with reason
                                       VERSION_UNSUPPORTED the version that the relay speaks,
                                       with REFUSED 1 if the relay wants a ticket. */
    GSRELAY_EVENT_DRAINING = 7,     /* The relay makes no new rooms and stops, within time_ms at the
                                       latest, or (GSRELAY_NO_DEADLINE) when its last room is gone.
                                       Nothing needs to be done: play on. DISCONNECTED follows, often
                                       at once. May come again with another time. */

    /* Requests. */
    GSRELAY_EVENT_REQUEST_DONE = 8,
    GSRELAY_EVENT_REQUEST_FAILED = 9, /* reason, limit (the limit that was met, or 0), time_ms (try
                                         again after that, or 0). request is 0 for the joining that
                                         options.rejoin asked for. BAD_VALUE for a join: the room
                                         allows more members than options.members_max (= limit);
                                         for create also: more members, or a longer tick in
                                         microseconds, than the relay allows (= limit). */

    /* The room. */
    GSRELAY_EVENT_ROOM_JOINED = 10,   /* member = own id, host, host_epoch, code, bytes = metadata,
                                         GSRELAY_EVENT_LOCKED. MEMBER_JOINED with
                                         GSRELAY_EVENT_PRESENT follows for each other member. */
    GSRELAY_EVENT_ROOM_LEFT = 11,     /* reason: LEFT after gsrelay_leave(), else why. */
    GSRELAY_EVENT_MEMBER_JOINED = 12, /* member. Always before the first state of that member. */
    GSRELAY_EVENT_MEMBER_LEFT = 13,   /* member, reason. No state of that member comes after. */
    GSRELAY_EVENT_HOST_CHANGED = 14,  /* host, host_epoch. The former host may still be a member. */
    GSRELAY_EVENT_METADATA = 15,      /* bytes. */
    GSRELAY_EVENT_LOCK = 16,          /* GSRELAY_EVENT_LOCKED tells which. */
    GSRELAY_EVENT_NOTICE = 17,        /* The relay dropped something of ours: reason, limit,
                                         time_ms. */

    /* States. */
    GSRELAY_EVENT_STATE = 18,      /* member, stream, bytes; GSRELAY_EVENT_RETAINED and age_ms. */
    GSRELAY_EVENT_UDP_BOUND = 19,  /* States can come now. bytes: the own address as the relay sees
                                      it, as text. Again when that changes. */
    GSRELAY_EVENT_UDP_SILENT = 20, /* Nothing has come over UDP for time_ms: perhaps a firewall
                                     stops it. UDP_BOUND follows if that ends. */

    /* Only with options.blob_bytes above 0. */
    GSRELAY_EVENT_BLOB = 21, /* We are the host now, and this is what an earlier one has left with
                               gsrelay_set_blob(): host_epoch, blob_bytes, 0 if there is nothing.
                               gsrelay_get_blob() has the bytes. reason: NONE, or BLOB_SIZE if it
                               is more than options.blob_bytes, and then we have none of it.
                               Follows HOST_CHANGED that names us, and ROOM_JOINED for a room that
                               had been empty, unless the role goes on or we leave a blob of our
                               own, or remove it, before all of it was here. Once in a host epoch,
                               and never in the first of a room that we have made. With a relay
                               that keeps no blobs it comes too, with blob_bytes 0. */

    GSRELAY_EVENT_QUALITY = 22 /* We are the host, and gsrelay_get_quality() has news of others. It
                                  names nobody: ask for each. May come several times in a row, for
                                  32 members each. */
};

#define GSRELAY_NO_DEADLINE 0xFFFFFFFFu /* As time_ms of DRAINING. */

#define GSRELAY_EVENT_LOCKED   1u /* The room is locked. */
#define GSRELAY_EVENT_PRESENT  2u /* The member was there before us. */
#define GSRELAY_EVENT_RETAINED 4u /* The state was sent with GSRELAY_RETAIN; age_ms is its age. */

/* One thing that happened. Fields that the type does not name are zero. */
struct gsrelay_event {
    uint32_t type;    /* enum gsrelay_event_type. */
    uint32_t request; /* The request that this answers, or 0. */
    uint32_t flags;   /* GSRELAY_EVENT_*. */
    uint32_t reason;  /* enum gsrelay_reason. */
    uint32_t limit;
    uint32_t time_ms;
    uint32_t rtt_us;
    uint32_t host_epoch;
    uint32_t age_ms; /* How long the relay has had a retained state. */
    uint32_t blob_bytes;
    uint16_t member;
    uint16_t host; /* 0 = none. */
    uint16_t size; /* Of bytes. */
    uint8_t stream;
    uint8_t reserved;
    char code[GSRELAY_CODE_SIZE];
    uint8_t bytes[GSRELAY_EVENT_BYTES];
};

/* Takes the oldest event. Returns 1 and fills out (bytes beyond out->size keep what they held), or
 * 0 when there is none. Events of the room and the connection are never lost: while a program does
 * not take them, the library reads no more from the connection. */
int gsrelay_next_event(struct gsrelay_client *client, struct gsrelay_event *out);

/* --- What is so now -------------------------------------------------------------------------- */

enum gsrelay_state {
    GSRELAY_STATE_IDLE = 0,       /* Before connecting, and after DISCONNECTED. */
    GSRELAY_STATE_CONNECTING = 1, /* The first connection is being made. */
    GSRELAY_STATE_CONNECTED = 2,
    GSRELAY_STATE_RECONNECTING = 3, /* The connection broke; the session may still live. */
    GSRELAY_STATE_CLOSING = 4       /* gsrelay_disconnect() was called. */
};

int gsrelay_get_state(const struct gsrelay_client *client);

/* The room as the library knows it now, which may be ahead of the events not yet taken. */
struct gsrelay_room {
    char code[GSRELAY_CODE_SIZE];
    uint16_t member;       /* Own id. */
    uint16_t host;         /* 0 = none. */
    uint16_t member_count; /* Own included. */
    uint16_t members_max;
    uint32_t host_epoch;  /* Rises with each change of host. */
    uint32_t tick_us;     /* The relay sends out so often; 0 = at once. */
    uint32_t datagrams_s; /* What the relay takes from us each second. */
    uint32_t bytes_s;
    uint32_t records_s;
    uint16_t streams; /* Streams above 0 that one member may use. */
    uint8_t is_locked;
    uint8_t is_bound;      /* States can come: the relay has validated our address. */
    uint32_t election;     /* enum gsrelay_election, or what a later relay has added. */
    uint32_t down_bytes_s; /* What the relay sends us at most each second; 0 = no limit. */
};

/* GSRELAY_WRONG_STATE outside a room. */
int gsrelay_get_room(const struct gsrelay_client *client, struct gsrelay_room *out);

/* Writes up to capacity ids of the members, own included, oldest first. Returns how many there are;
 * 0 outside a room. */
size_t gsrelay_get_members(const struct gsrelay_client *client, uint16_t *out, size_t capacity);

/* The measured way to the relay and back over UDP, in microseconds; 0 = not measured yet. */
uint32_t gsrelay_get_rtt_us(const struct gsrelay_client *client);

/* How good a member's way to the relay and back is. In each direction loss is that of the last ten
 * seconds or so; in one of a million. */
struct gsrelay_quality {
    uint32_t rtt_us; /* Smoothed (RFC 6298: an eighth of each new sample). */
    uint32_t
        jitter_us; /* The mean deviation of the round trip (RFC 6298: a quarter of each new). */
    uint32_t loss_up_ppm;
    uint32_t loss_down_ppm;
    uint32_t queue_us;     /* How long the oldest of what the relay sends together has waited there:
                              its tick, its load, and our own downlink budget. Smoothed. */
    uint32_t queue_max_us; /* The longest in the last second or two. Of others: 0. */
};

/* Of ourselves (our own id), as we and the relay measure it, about once a second; of the others
 * only the host is told, every few seconds (GSRELAY_EVENT_QUALITY), as the relay measures it: what
 * a member says about itself is in it, so a member can lie about its own figures, also to be
 * elected where the rule is GSRELAY_ELECT_LOWEST_RTT.
 *
 * Figures of others are as old as the last GSRELAY_EVENT_QUALITY, by default up to five seconds
 * (room.quality_interval), and of who has sent nothing since older: a member that is dead keeps its
 * last good figures until it has left. Whoever loses the role forgets them.
 *
 * GSRELAY_WRONG_STATE outside a room or while nothing is known, so of others always for who is not
 * the host, and where the relay's room.quality_interval is off; GSRELAY_INVALID for who is no
 * member. */
int gsrelay_get_quality(const struct gsrelay_client *client, uint16_t member,
                        struct gsrelay_quality *out);

/* The room's clock, which all its members share: microseconds since the room was made. It never
 * goes back, and goes on while the own address changes or the connection is resumed; another room
 * has another clock. What it tells is within error_us of the truth, which is half of the shortest
 * round trip of late, and more the longer ago that was. It is usually much nearer: by half of what
 * the ways up and down differ. */
struct gsrelay_room_time {
    uint64_t time_us;
    uint32_t error_us;
    uint32_t reserved;
};

/* Now. GSRELAY_WRONG_STATE outside a room and until the first answer over UDP has come: about a
 * round trip (and the room's tick) after GSRELAY_EVENT_UDP_BOUND, later if it was lost. No event
 * tells: ask until it is GSRELAY_OK, which it then is for as long as we are in this room. */
int gsrelay_get_room_time(struct gsrelay_client *client, struct gsrelay_room_time *out);

/* Counters since gsrelay_create(); the measurements are those of the present membership. */
struct gsrelay_stats {
    uint32_t rtt_us; /* Smoothed (RFC 6298: an eighth of each new sample). */
    uint32_t rtt_min_us;
    uint32_t rtt_last_us;
    uint32_t loss_up_ppm;   /* Lost datagrams in a million, towards the relay, last ten seconds. */
    uint32_t loss_down_ppm; /* The same from the relay. */
    uint32_t reconnects;    /* Connections made after the first. */
    uint64_t datagrams_sent;
    uint64_t datagrams_received;  /* Good ones. */
    uint64_t bytes_sent;          /* UDP payload. */
    uint64_t bytes_received;      /* UDP payload of good datagrams. */
    uint64_t states_sent;         /* Taken by gsrelay_send(). */
    uint64_t states_received;     /* Became events. */
    uint64_t states_over_budget;  /* Refused with GSRELAY_OVER_BUDGET. */
    uint64_t dropped_stale;       /* Received states older than one that came before. */
    uint64_t dropped_own;         /* Received states that were our own. */
    uint64_t dropped_left;        /* Received states of members that had left. */
    uint64_t dropped_full;        /* Received states that nobody took in time, oldest first. */
    uint64_t dropped_output;      /* Datagrams that nobody took for sending in time. */
    uint64_t datagrams_not_ours;  /* Wrong size, version, slot, tag or type. */
    uint64_t datagrams_replayed;  /* Seen before. */
    uint64_t datagrams_malformed; /* A good tag on a bad body: the relay is at fault. */
};

void gsrelay_get_stats(const struct gsrelay_client *client, struct gsrelay_stats *out);

/* One sentence about the last failure of the connection ("could not connect to 127.0.0.1:7777:
 * Connection refused"), or an empty string. Lives as long as the client; the next failure changes
 * it. */
const char *gsrelay_error_text(const struct gsrelay_client *client);

#ifdef __cplusplus
}
#endif

#endif
