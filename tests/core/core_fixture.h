/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_CORE_CORE_FIXTURE_H
#define GSRELAY_TESTS_CORE_CORE_FIXTURE_H

#include "daemon/core/core.h"
#include "proto/datagram.h"
#include "proto/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* core_fixture.h - a core with fake time, fake clients and nets that catch what comes out.
 *
 * Every call into the core is followed by core_check(); what does not hold ends the program with
 * its name, in every build. */

#define MS          UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)
#define SENT_MAX    4096
#define EVENTS_MAX  1024
#define RECEIVE_MAX 256

/* A datagram that the core sent. */
struct sent {
    struct path path;
    uint8_t bytes[DATAGRAM_OVERHEAD + 1400];
    size_t size;
    const uint8_t *body; /* The core's pointer: equal for bodies that are shared. */
};

struct fixture {
    struct relay_limits limits;
    struct core *core;
    void *memory;
    size_t memory_size;
    uint64_t now_ns;
    uint64_t random;
    unsigned capacity;         /* For core_output(); 64 unless a test says otherwise. */
    enum output_result result; /* What the socket says to every output. */
    bool heritable;            /* What client_create() asks for. */
    uint8_t election;          /* The same. */
    uint32_t down_bytes_s;     /* What client_create() and client_join() ask for. */
    bool is_unchecked;         /* No core_check(): for long runs that do it themselves. */
    unsigned sent_count;
    struct sent *sent;
    unsigned event_count;
    struct event *events;
};

/* A client as the core sees it. */
struct client {
    struct session_ref session;
    struct room_ref room;
    struct slot_ref slot;
    struct slot_secret secret;
    struct path path;
    uint64_t sequence; /* The last one used. */
    uint16_t member;
    uint32_t host_epoch; /* For its commands: what it was told when it came. */
    uint64_t down_highest;
    uint64_t down_received;
};

/* Limits that no test meets unless it lowers them. */
struct relay_limits fixture_limits(void);

void fixture_open(struct fixture *fixture, const struct relay_limits *limits);

/* The same memory, with a new core in it. */
void fixture_reset(struct fixture *fixture, const struct relay_limits *limits);
void fixture_close(struct fixture *fixture);

uint64_t fixture_random(struct fixture *fixture);
struct path fixture_path(unsigned number);

/* Calls, each with its check. fixture_settle() runs timers, outputs and events until nothing is
 * due; fixture_run() does so at each deadline up to `until_ns`. */
void fixture_check(struct fixture *fixture);
void fixture_flush(struct fixture *fixture);
void fixture_take_events(struct fixture *fixture);
void fixture_settle(struct fixture *fixture);
void fixture_run(struct fixture *fixture, uint64_t until_ns);
void fixture_forget(struct fixture *fixture); /* Empties the nets. */

/* Commands. Answers are the events caught; `create` and `join` fill the client from them and end
 * the program when refused. */
struct command client_command(const struct client *client, enum command_type type);
void fixture_command(struct fixture *fixture, const struct command *command);
void client_create(struct fixture *fixture, struct client *client, unsigned number,
                   uint32_t tick_us);
void client_join(struct fixture *fixture, struct client *client, unsigned number,
                 const struct client *host);

/* Datagrams. */
void client_send_from(struct fixture *fixture, struct client *client, const struct path *from,
                      enum datagram_type type, const uint8_t *body, size_t body_size);
void client_send(struct fixture *fixture, struct client *client, enum datagram_type type,
                 const uint8_t *body, size_t body_size);
void client_send_raw(struct fixture *fixture, const struct path *from, const uint8_t *bytes,
                     size_t size);

/* Seals a datagram of this client with the given sequence. Returns its size. */
size_t client_seal(const struct client *client, enum datagram_type type, uint64_t sequence,
                   const uint8_t *body, size_t body_size, uint8_t *out);

/* One record in a datagram; padded to what must go up. */
void client_send_record(struct fixture *fixture, struct client *client, uint16_t to, uint8_t stream,
                        bool is_retained, const void *payload, size_t size);

/* BIND, CHALLENGE, CONFIRM, BOUND from the client's path. Leaves the nets empty. */
void client_bind(struct fixture *fixture, struct client *client);

/* The index-th datagram of a type that the core sent to the client's slot, opened with its key;
 * NULL if there is none. */
const struct sent *client_find(const struct fixture *fixture, const struct client *client,
                               enum datagram_type type, unsigned index);
unsigned client_count(const struct fixture *fixture, const struct client *client,
                      enum datagram_type type);

/* All records in the DATA that was sent to the client, in order, without its own. Returns their
 * number. Payloads point into the net. */
unsigned client_records(const struct fixture *fixture, const struct client *client,
                        struct record out[RECEIVE_MAX]);

/* The index-th event of a type; NULL if there is none. */
const struct event *fixture_event(const struct fixture *fixture, enum event_type type,
                                  unsigned index);

uint64_t fixture_dropped(const struct fixture *fixture, enum reason reason);
struct core_counters fixture_counters(const struct fixture *fixture);

#endif
