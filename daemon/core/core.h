/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CORE_CORE_H
#define GSRELAY_CORE_CORE_H

#include "daemon/core/counters.h"
#include "daemon/core/message.h"
#include "proto/addr.h"
#include "proto/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* core.h - the relay of one worker: slots, rooms, members, and who gets what.
 *
 * Sans-I/O: datagrams, commands and `now_ns` go in; datagrams, events and a deadline come out.
 * There is no socket, clock, allocation or global here, and the same calls with the same arguments
 * give the same bytes. Memory is one block of core_size() bytes that the caller gives to
 * core_init(); untouched parts of it are never written, so a fresh mapping costs only what is in
 * use.
 *
 * Threads: one thread owns a core. Time: `now_ns` is monotonic and never goes back between calls.
 *
 * A turn of the worker:
 *     take commands while core_can_act()        core_command()
 *     receive until empty or the turn's bound   core_datagram(), core_is_pressed()
 *     core_run_timers()
 *     while ((n = core_output(...)) > 0) { send; core_output_done(); }
 *     while (core_event(...)) pass it on
 *     while there is room to spare and core_quality_event(...) pass it on
 *     wait until core_next_deadline() */

struct core;

/* What bounds a worker; filled from relay.ini by worker.c. Buckets: `rate` per second, `burst`
 * deep. */
struct relay_limits {
    uint32_t slots_max; /* At most 2^24. */
    uint32_t rooms_max;
    uint16_t members_per_room_max; /* 2 to CORE_MEMBERS_MAX. */
    uint8_t streams_per_member;    /* 1 to 32; streams above 0 in use at a time. */
    uint16_t max_datagram;         /* 256 to 1400 bytes. */
    uint32_t cells_max; /* Cells of the worker's pool, each of max_datagram payload bytes. */
    uint32_t client_datagrams_rate, client_datagrams_burst;
    uint32_t client_bytes_rate, client_bytes_burst;
    uint32_t client_records_rate, client_records_burst;
    uint32_t client_down_bytes_rate; /* Bytes of DATA a second to one client; 0 = no limit. */
    uint32_t room_deliveries_rate, room_deliveries_burst;
    uint32_t room_bytes_rate,
        room_bytes_burst; /* Bytes of payload times receivers; 0 = no limit. */
    uint32_t challenge_session_rate, challenge_session_burst;
    uint32_t challenge_address_rate, challenge_address_burst;
    uint64_t cookie_rotate_ns;
    uint64_t bind_timeout_ns;
    uint64_t session_idle_ns;
    uint64_t over_limit_close_ns;   /* 0 = never. */
    uint64_t room_empty_ttl_ns;     /* How long a room without members keeps its code. */
    uint64_t room_age_max_ns;       /* 0 = no bound. */
    uint64_t room_host_grace_ns;    /* How long a host without a control connection stays it. */
    uint64_t room_host_silence_ns;  /* The same of one that is not heard of on UDP; 0 = no bound. */
    uint64_t room_auto_tick_max_ns; /* How far flushes are lengthened under load; 0 = not. */
    uint64_t room_quality_interval_ns; /* How often a host is told of the others; 0 = never. */
    uint32_t
        room_retained_bytes; /* Retained payload of one room; beyond it records are relayed live. */
    enum rebind_rule { REBIND_ANY, REBIND_PORT, REBIND_NEVER } rebind;
    uint32_t rebind_moves; /* In 10 s. */
};

/* Where a datagram came from or goes to: the socket it used, and the peer's address. */
struct path {
    struct addr peer;
    uint16_t socket;
};

/* One datagram to send: three pieces that follow each other on the wire. All point into the core's
 * memory and stay valid until core_output_done(). */
struct output {
    struct path path;
    uint32_t slot; /* Index of the member's. */
    const uint8_t *head;
    const uint8_t *body;
    const uint8_t *tag;
    uint16_t head_size;
    uint16_t body_size;
    uint16_t tag_size;
    enum output_result {
        OUTPUT_SENT,
        OUTPUT_FULL,
        OUTPUT_FAILED
    } result; /* Filled by the caller. */
};

/* Bytes of memory that a core with these limits needs; 0 if the limits contradict each other or the
 * size does not fit size_t. */
size_t core_size(const struct relay_limits *limits);

/* Makes a core in `memory` (core_size() bytes, zeroed, aligned for any type). `seed` is 32 random
 * bytes from which the cookies' keys are derived. */
struct core *core_init(void *memory, const struct relay_limits *limits, const uint8_t seed[32],
                       uint64_t now_ns);

/* New limits for what is not sized by them (rates, bursts, times, rebind); sizes must be equal. */
void core_set_limits(struct core *core, const struct relay_limits *limits);

/* Takes one datagram. It is counted exactly once: handled by type, or dropped with a reason. */
void core_datagram(struct core *core, const struct path *from, const uint8_t *bytes, size_t size,
                   uint64_t now_ns);

/* Whether the event ring has room for whatever one command or one timer may make. */
bool core_can_act(const struct core *core);

/* Carries out a command. Call only while core_can_act(). */
void core_command(struct core *core, const struct command *command, uint64_t now_ns);

/* Fires what is due, as long as core_can_act(); what is left stays due. */
void core_run_timers(struct core *core, uint64_t now_ns);

/* The next datagrams to send, at most `capacity` (and at most 64), in order per receiver: first
 * answers (CHALLENGE, BOUND, PONG, PROBE, BYE), then what the rooms that are due have waiting.
 * Returns their count; 0 = nothing is due at now_ns. Unless that is 0, core_output_done() must
 * follow before any other call. */
unsigned core_output(struct core *core, struct output outputs[], unsigned capacity,
                     uint64_t now_ns);

/* Whether core_output() would give more by what has come so far, and did not because it was full.
 */
bool core_has_output(const struct core *core);

/* Takes back what core_output() gave, with `result` filled in, and does the counting. */
void core_output_done(struct core *core, const struct output outputs[], unsigned count);

/* The next event; false if there is none. The event is copied out. */
bool core_event(struct core *core, struct event *out);

/* The next EVENT_QUALITY: nobody waits for it, so it is passed on only where it takes no other
 * event's room. False if there is none. */
bool core_quality_event(struct core *core, struct event *out);

/* Whether there may be one. */
bool core_has_quality(const struct core *core);

/* Tells how long the last turn took and how long the worker waited after it: under load, flushes
 * are lengthened (auto_tick.h). With `has_rested` the worker has let datagrams lie meanwhile: what
 * the next core_datagram() calls bring may have come at any moment of that wait, and a room whose
 * tick was between is flushed at once. */
void core_turn_done(struct core *core, uint64_t busy_ns, uint64_t idle_ns, bool has_rested);

/* Whether nobody has to wait for longer when datagrams lie until core_next_deadline(), but for
 * answers: every room has a tick. */
bool core_is_calm(const struct core *core);

/* When core_run_timers() or core_output() has to be called at the latest; 0 = now, UINT64_MAX =
 * never. A timer that waits for room in the event ring stays due. */
uint64_t core_next_deadline(const struct core *core);

/* Whether a room has so much of stream 0 waiting that core_output() should come before the next
 * core_datagram(); otherwise records could be pushed out that nobody was slow to take. */
bool core_is_pressed(const struct core *core);

/* The slots with a validated path; the worker bounds a turn by them. */
uint32_t core_bound_count(const struct core *core);

/* Whether a room with a tick exists, or flushes are lengthened, so that the worker waits with
 * precision. */
bool core_is_ticking(const struct core *core);

/* The path of one member, from its PINGs. */
struct core_member_stats {
    uint64_t rtt_ns; /* Smoothed; 0 = not measured yet. */
    uint64_t rtt_var_ns;
    uint32_t loss_up_ppm; /* Lost of 1,000,000 datagrams in the last five to ten seconds. */
    uint32_t loss_down_ppm;
    uint32_t queue_us;   /* As its last PONG has told. */
    uint64_t highest_up; /* Sequences and datagrams that loss is made of. */
    uint64_t received_up;
    uint64_t highest_down; /* As the client said last. */
    uint64_t received_down;
};

/* False if the slot is not bound, or is another's by now. */
bool core_member_stats(const struct core *core, struct slot_ref slot,
                       struct core_member_stats *out);

/* Writes a copy of all counters and the gauges (slots, rooms, waiting deliveries) of this moment.
 */
void core_counters(const struct core *core, struct core_counters *out);

#endif
