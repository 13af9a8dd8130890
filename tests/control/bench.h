/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_CONTROL_BENCH_H
#define GSRELAY_TESTS_CONTROL_BENCH_H

#include "daemon/control/control.h"
#include "proto/control_message.h"
#include "proto/frame.h"
#include "proto/hello.h"
#include "proto/noise.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* bench.h - a whole control channel in memory: one struct control, clients that speak the protocol
 * from their side, and workers that keep rooms in the simplest way.
 *
 * Everything moves in bench_pump() only, in the same order each time. Mistakes of the control (an
 * answer too many, a buffer that is left over) fail the test on the spot. */

#define BENCH_CLIENTS 48
#define BENCH_WORKERS 2
#define BENCH_ROOMS   16
#define BENCH_MEMBERS 8
#define BENCH_BYTES   65536
#define BENCH_LOGS    4096
#define BENCH_NONE    UINT32_MAX

enum bench_end {
    BENCH_NEVER,   /* Not connected yet. */
    BENCH_OPEN,    /* Connected. */
    BENCH_CLOSED,  /* The relay closed in order. */
    BENCH_ABORTED, /* The relay broke it off. */
    BENCH_LEFT     /* The client went. */
};

struct bench_client {
    enum bench_end end;
    uint32_t connection; /* In the control, while it is open. */
    bool is_paused;      /* As the control ordered. */
    bool is_deaf;        /* The client's socket takes nothing: writes are refused. */
    bool is_slow;        /* Writes are taken, but nothing leaves the system. */
    size_t pending;      /* Taken and not left. */
    uint8_t up[BENCH_BYTES];
    size_t up_size; /* Written by the client, not yet read by the relay. */
    uint8_t down[BENCH_BYTES];
    size_t down_size;
    size_t down_read;
    bool is_channel; /* The handshake is done. */
    struct noise_handshake handshake;
    struct noise_cipher send;
    struct noise_cipher receive;
    uint32_t request; /* The last one that was used. */
    uint8_t plain[CONTROL_FRAME_SIZE_MAX];
    struct control_welcome welcome;
    struct control_membership membership;
};

struct bench_room {
    bool is_used;
    uint32_t tag;
    uint8_t code[CORE_CODE_MAX];
    uint8_t code_size;
    bool locked;
    uint16_t members_max;
    uint32_t tick_us;
    uint16_t host;
    uint32_t host_epoch;
    uint16_t metadata_size;
    uint8_t metadata[CORE_METADATA_MAX];
    unsigned count;
    struct bench_member {
        struct session_ref session;
        struct slot_ref slot;
        struct slot_secret secret;
        uint16_t id;
        uint32_t down_bytes_s;
        bool is_control_lost;
    } members[BENCH_MEMBERS];
};

struct bench_worker {
    struct bench_room rooms[BENCH_ROOMS];
    uint32_t last_tag;
    uint16_t last_member;
    uint32_t last_slot;
    unsigned commands; /* Carried out. */
    unsigned drains;
    bool is_stuck; /* Takes no commands. */
    struct event events[64];
    unsigned event_count;
    struct command last; /* The last command. */
};

struct bench {
    struct control_limits limits;
    struct control *control;
    void *memory;
    uint64_t now_ns;
    uint64_t random; /* State of the generator. */
    size_t cut;      /* Bytes go up in pieces of at most this; 0: as large as allowed. */
    struct bench_client clients[BENCH_CLIENTS];
    struct bench_worker workers[BENCH_WORKERS];
    struct control_log_record logs[BENCH_LOGS];
    unsigned log_count;
};

/* Limits that are out of the way; a test lowers what it is about. */
struct control_limits bench_limits(void);

struct bench *bench_open(const struct control_limits *limits);

/* Closes every connection, lets every session run out, and checks that nothing is left. */
void bench_close(struct bench *bench);

uint64_t bench_random(struct bench *bench);

/* Moves bytes, commands and events until nothing moves any more. */
void bench_pump(struct bench *bench);

/* Lets time pass and the timers run. */
void bench_advance(struct bench *bench, uint64_t duration_ns);

/* Connects from the address 10.0.x.y with the client's number in it, or from `peer`. */
struct bench_client *bench_connect(struct bench *bench, unsigned client);
struct bench_client *bench_connect_from(struct bench *bench, unsigned client,
                                        const struct addr *peer);

/* The client breaks its connection. */
void bench_disconnect(struct bench *bench, unsigned client);

/* Writes bytes as they are. */
void bench_write(struct bench *bench, unsigned client, const void *bytes, size_t size);

/* Writes a first flight. */
void bench_hello(struct bench *bench, unsigned client, enum hello_mode mode, const void *name,
                 size_t name_size, const uint8_t key[NOISE_KEY_SIZE]);

/* Reads the answer; true when it is an acceptance that fits. */
bool bench_accept(struct bench *bench, unsigned client, struct hello_answer *out);

/* Connects, does the whole handshake in open mode and reads the WELCOME. */
struct bench_client *bench_login(struct bench *bench, unsigned client);

/* Connects and resumes; false when the relay refuses. */
bool bench_resume(struct bench *bench, unsigned client, const uint8_t *session_id,
                  const uint8_t *key);

/* Sends a request, without waiting; returns its id. */
uint32_t bench_send(struct bench *bench, unsigned client, struct control_message *message);
uint32_t bench_send_type(struct bench *bench, unsigned client, uint8_t type);

/* The next message that has come down; false if there is none. Borrowed until the next call. */
bool bench_next(struct bench *bench, unsigned client, struct control_message *out);

/* The next message must be of this type. */
struct control_message bench_expect(struct bench *bench, unsigned client, uint8_t type);

/* The next message must be an ERROR with this reason. */
struct control_message bench_expect_error(struct bench *bench, unsigned client, enum reason reason);

/* Pumps, and nothing must have come. */
void bench_expect_nothing(struct bench *bench, unsigned client);

/* Whole verbs, which must succeed. */
struct control_membership bench_create(struct bench *bench, unsigned client);
struct control_membership bench_join(struct bench *bench, unsigned client, const char *code);

/* How many log records of that kind (and reason, unless NONE) there were. */
unsigned bench_logged(const struct bench *bench, enum control_log_event event, enum reason reason);

struct control_counters bench_counters(const struct bench *bench);

/* Puts an event of the worker's own into its queue. */
struct event *bench_event(struct bench *bench, unsigned worker, enum event_type type);

#endif
