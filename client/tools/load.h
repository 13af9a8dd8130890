/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CLIENT_TOOLS_LOAD_H
#define GSRELAY_CLIENT_TOOLS_LOAD_H

/* load.h - `gsrelay load`: what its files offer each other.
 *
 * load.c          the run from its first connection to its report
 * load_member.c   one client: connecting, its room, its end
 * load_traffic.c  what members send, and what is counted when it arrives
 * load_wire.c     sockets: one for all datagrams, a connection for each client
 * load_report.c   the live line and the report; load_json.c the same for a script
 * load_relay_*.c  processor time and memory of a relay on this machine
 *
 * Every client is a sans-I/O core of the client library (gsrelay_io.h); all of them share one
 * thread, one UDP socket and one clock, so that the way from one to another is measured exactly,
 * without a round trip. Threads: one. Memory: all of it is taken before the run. */

#include <stdio.h>

#include "client/tools/histogram.h"
#include "client/tools/load_wire.h"
#include "client/tools/tool.h"
#include "daemon/base/timer.h"
#include "proto/reason.h"
#include "proto/ticket.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

/* --- What is counted (load_traffic.c) -------------------------------------------------------- */

/* Of each sent state, every member that was ready in the room but its sender is expected to get it:
 * expected = delivered + not delivered, where the latter were superseded by newer ones or lost. */
struct load_tally {
    uint64_t sent;
    uint64_t expected;
    uint64_t delivered;
    uint64_t over_budget;     /* The library held it back: the relay would have dropped it. */
    uint64_t timeouts;        /* Closed loop: the state did not come back in LOAD_CLOSED_WAIT_NS. */
    struct histogram latency; /* From when it was to be sent until it was delivered. */
    struct histogram age;     /* What the receiver held till then, just before it was replaced. */
    struct histogram late;    /* From when it was to be sent until it was: the generator's fault. */
};

/* --- The clients (load_member.c) ------------------------------------------------------------- */

enum load_state {
    LOAD_WAITING, /* Its turn in the ramp has not come. */
    LOAD_JOINING, /* On its way into the room, until datagrams come. */
    LOAD_READY,
    LOAD_LOST /* For good: refused or thrown out. */
};

struct load_member {
    struct gsrelay_client *client;
    struct net_conn conn;
    enum load_state state;
    bool has_conn;
    bool is_connected; /* TCP stands. */
    bool has_session;  /* CONNECTED or RESUMED was the last word. */
    bool is_joined;
    bool is_bound;
    bool is_ending;
    bool has_asked;   /* To create or join; the answer is not there yet. */
    uint64_t ask_ns;  /* When to ask again; TIMER_NEVER: not. */
    uint64_t send_ns; /* When the next state is to be sent; TIMER_NEVER: not. */
    uint64_t sequence;
    uint64_t awaited; /* Closed loop: the sequence that `witness` is to get; 0: none. */
    uint32_t witness;
    uint32_t udp_serial; /* 0: no membership. */
    struct addr udp_to;
};

struct load_room {
    char code[GSRELAY_CODE_SIZE]; /* Empty: not made yet. */
    uint32_t leader;              /* The member that makes it. */
    uint32_t ready_count;
};

/* What a receiver last got from a sender. */
struct load_pair {
    uint64_t sequence;
    uint64_t intended_ns;
};

enum load_phase {
    LOAD_RAMP,   /* Members join. */
    LOAD_RUN,    /* States are sent and counted. */
    LOAD_SETTLE, /* What is under way arrives. */
    LOAD_LEAVE   /* Members leave. */
};

/* Processor time and memory of a process. */
struct load_usage {
    uint64_t cpu_ns;
    uint64_t resident_bytes;
    uint64_t peak_bytes;
};

#define LOAD_WHY_SIZE 200

struct load_figures {
    uint64_t seconds_ns; /* From the first state to the last. */
    uint64_t own_cpu_ns;
    bool has_relay;
    struct load_usage relay; /* Its processor time in those seconds, its memory at their end. */
    char relay_why[LOAD_WHY_SIZE]; /* Why it was not measured. */
    uint64_t kernel_drops; /* Datagrams that this machine dropped because we were too slow. */
    uint64_t send_full;    /* Datagrams that this machine did not take. */
    double lost_up;        /* Share of datagrams, mean over the members. */
    double lost_down;
    uint32_t joined_count; /* Members that were ready when the run began. */
    uint32_t ready_count;  /* And when it ended. */
};

struct load {
    const struct tool_options *options;
    const struct tool_load *plan;
    struct addr server;
    struct load_wire *wire;
    uint32_t count;
    struct load_member *members;
    struct load_room *rooms;
    struct load_pair *pairs; /* [receiver][place of the sender in their room] */
    uint32_t *conn_members;  /* By the index of the connection. */
    void *timer_memory;
    struct timer_heap timers;
    uint64_t random;
    uint64_t (*clock)(void *context); /* os_clock_ns(), but in tests. */
    void *clock_context;
    uint64_t tcp_look_ns; /* When connections are looked at next. */

    enum load_phase phase;
    uint64_t begin_ns;     /* Of the ramp. */
    uint64_t run_ns;       /* The first state is sent. */
    uint64_t end_ns;       /* No state is sent from here on. */
    uint64_t progress_ns;  /* When a member last became ready. */
    uint64_t connected_ns; /* When there last was a session. */
    uint64_t arrived_ns;   /* When a state last arrived; 0: none has. */
    uint32_t session_count;
    uint32_t ready_count;
    uint32_t lost_count;
    uint32_t ended_count; /* In LOAD_LEAVE: sessions that are over. */
    bool had_session;
    bool is_interrupted;
    bool is_gone; /* The relay went away. */
    bool needs_ticket;
    bool is_room_refused;                  /* As no room of this plan is made, now or later. */
    uint32_t room_limit;                   /* The limit that the relay named; 0: none. */
    bool is_too_large;                     /* The states, for a datagram of this relay. */
    enum net_close_reason connect_failure; /* Of the last attempt that found no relay. */
    uint32_t last_refused;                 /* The newest reason of them; 0: none yet. */
    uint64_t refused[REASON_LIMIT];        /* Attempts and requests, by reason. */
    uint64_t lost[REASON_LIMIT];           /* Members that were in, by reason. */
    uint64_t notices[REASON_LIMIT];        /* What the relay says it dropped. */

    bool is_terminal;   /* Standard error is one: the live line is written over and over. */
    bool has_requests;  /* Ctrl+C is ours to take. */
    uint32_t relay_pid; /* 0: not measured. */
    uint64_t settle_ns; /* The end of LOAD_SETTLE, at the latest. */
    uint64_t leave_ns;  /* The end of LOAD_LEAVE, at the latest. */
    uint64_t second_ns; /* Of the last live line, and processor times then. */
    uint64_t second_own_ns;
    uint64_t second_relay_ns;

    char failure[600]; /* Why the run did not begin. */

    struct load_tally total;
    struct load_tally second;
    struct load_figures figures;
};

/* --- load.c ---------------------------------------------------------------------------------- */

int load_run(const struct tool_options *options);

/* What one client takes of the system, and all of them. */
uint64_t load_handles_needed(uint32_t count);

/* A number below limit, which is at least 1. */
uint64_t load_random(struct load *load, uint64_t limit);

/* --- load_member.c --------------------------------------------------------------------------- */

/* Takes the memory and makes the clients. 0, or a TOOL_* exit code after a complaint. */
int load_members_open(struct load *load);
void load_members_close(struct load *load);

/* Does what is due for one of them. */
void load_member_step(struct load *load, uint32_t index, uint64_t now_ns);

/* Waits for and takes what has come, up to timeout_ns. */
void load_members_receive(struct load *load, uint64_t timeout_ns);

/* Everybody leaves; no state is sent from now on. */
void load_members_leave(struct load *load, uint64_t now_ns);

/* --- load_traffic.c -------------------------------------------------------------------------- */

/* Gives every member its first time to send, spread over a period. */
void load_traffic_begin(struct load *load, uint64_t now_ns);

/* Nothing is sent any more. */
void load_traffic_end(struct load *load);

/* Sends what is due of a member that is ready. */
void load_traffic_send(struct load *load, uint32_t index, uint64_t now_ns);

/* A state has come to a member. */
void load_traffic_receive(struct load *load, uint32_t index, const struct gsrelay_event *event,
                          uint64_t now_ns);

/* --- load_relay_<os>.c ----------------------------------------------------------------------- */

/* Finds the process that listens at the server's port on this machine. Returns its id, or 0 and the
 * reason in why_out. */
uint32_t load_relay_find(const struct addr *server, char why_out[LOAD_WHY_SIZE]);

/* -1 and the reason where the system does not tell. */
int load_relay_usage(uint32_t pid, struct load_usage *out, char why_out[LOAD_WHY_SIZE]);

/* --- mint.c ---------------------------------------------------------------------------------- */

/* Where the clients' tickets come from: a secret, a file with one on each line, or nowhere. */
struct load_tickets {
    const struct tool_options *options;
    struct ticket_secret secret;
    FILE *file;
    uint32_t batch; /* Random, so that two runs at once are not the same clients. */
    uint32_t count;
};

/* 0, or -1 after a complaint. Close it in either case. */
int load_tickets_open(struct load_tickets *tickets, const struct tool_options *options);
void load_tickets_close(struct load_tickets *tickets);

/* The next one: 1; 0 when none is needed; -1 after a complaint. */
int load_tickets_next(struct load_tickets *tickets, char name_out[GSRELAY_TICKET_NAME_MAX + 1],
                      uint8_t key_out[GSRELAY_TICKET_KEY_SIZE]);

/* --- load_report.c --------------------------------------------------------------------------- */

/* The heading, before anybody connects. */
void load_report_begin(const struct load *load);

/* All who come are there. */
void load_report_ready(const struct load *load, uint64_t now_ns);

#define LOAD_LIVE_WHY_SIZE 48

/* "; see KEY" for the live line, or nothing. */
void load_report_why(const struct load *load, char out[LOAD_LIVE_WHY_SIZE]);

/* Once a second. relay_cpu_ns is 0 if it is not measured. */
void load_report_second(struct load *load, uint64_t now_ns, uint64_t second_ns, uint64_t own_cpu_ns,
                        uint64_t relay_cpu_ns);

/* Everything, and the exit code that it comes to. */
int load_report_end(struct load *load);

/* What it comes to, as one sentence. */
int load_verdict(const struct load *load, char *out, size_t size);

/* load_json.c: the report as one object. */
/* Also of a run that did not begin. */
bool load_json_print(const struct load *load, int exit_code, const char *verdict);

/* The key of relay.ini to raise when something was refused or dropped for this reason, by what the
 * plan asks for; NULL: none. */
const char *load_reason_key(const struct load *load, unsigned reason);

#endif
