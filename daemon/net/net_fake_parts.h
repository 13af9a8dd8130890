/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_FAKE_PARTS_H
#define GSRELAY_DAEMON_NET_NET_FAKE_PARTS_H

/* net_fake_parts.h - what net_fake.c (the network), net_fake_stream.c (its streams), net_udp_fake.c
 * and net_tcp_fake.c share. Private to these. Threads and memory: net_fake.h. */

#include <stdatomic.h>

#include "daemon/net/net_fake.h"
#include "daemon/net/net_tcp.h"
#include "daemon/net/net_udp.h"

/* A datagram under way or in a socket's inbox. */
struct fake_packet {
    struct fake_packet *next;
    uint64_t due_ns;
    struct addr from;
    struct addr to;
    size_t size;
    uint8_t bytes[];
};

/* What a datagram takes of a receive buffer beyond its bytes. */
#define FAKE_PACKET_COST 64

/* A bound UDP socket. */
struct fake_socket {
    struct fake_socket *next; /* In the network's list. */
    struct addr address;
    struct fake_packet *first; /* The inbox. */
    struct fake_packet *last;
    size_t inbox_bytes;
    size_t inbox_limit;
    uint64_t last_due_ns; /* Of what it sent, so that order is kept. */
    uint64_t drops;
};

/* One direction of a stream: a ring, and the times at which its stretches arrive. */
#define FAKE_MARKS 64
struct fake_pipe {
    uint32_t capacity;
    uint64_t written; /* Bytes ever. */
    uint64_t taken;
    struct {
        uint64_t due_ns;
        uint64_t end; /* Bytes up to this one arrive then. */
    } marks[FAKE_MARKS];
    uint32_t first_mark;
    uint32_t mark_count;
    uint64_t finished_at_ns; /* UINT64_MAX: not finished. */
    uint64_t reset_at_ns;    /* When the reader learns that the writer is gone. */
    uint8_t *bytes;
};

/* A stream. Side 0 is who connected, a net_fake_peer or a net_tcp; side 1 is the net_tcp that
 * accepted. pipes[i] is written by side i. */
struct fake_stream {
    struct fake_stream *next; /* In the network's list. */
    struct fake_stream *next_waiting;
    struct net_system *system;
    struct fake_pipe pipes[2];
    struct addr ends[2];
    bool is_closed[2];
};

struct fake_listener {
    struct fake_listener *next; /* In the network's list. */
    struct addr address;
    bool is_open;
    uint32_t backlog;
    uint32_t waiting_count;
    struct fake_stream *first_waiting;
    struct fake_stream *last_waiting;
};

struct net_system {
    struct net_fake_options options;
    uint64_t now_ns;
    uint64_t random;
    uint16_t next_port;
    struct fake_packet *packets; /* Under way, by due_ns. */
    struct fake_socket *sockets;
    struct fake_listener *listeners;
    struct fake_stream *streams;
};

/* A number below limit (at least 1). splitmix64, Steele, Lea, Flood: "Fast splittable pseudorandom
 * number generators", OOPSLA 2014. */
uint64_t fake_random(struct net_system *system, uint64_t limit);
bool fake_chance(struct net_system *system, uint32_t per_million);
uint64_t fake_delay(struct net_system *system);

/* The checks of the real backends on listen addresses, and a port free on all of them. */
GSRELAY_CHECKED int fake_choose_port(struct net_system *system, const struct addr addresses[],
                                     uint32_t count, bool is_stream, uint16_t *port_out,
                                     struct net_failure *failure_out);
int fake_fail(struct net_failure *failure_out, int result, const char *step,
              const struct addr *address, const char *text);

void fake_socket_bind(struct net_system *system, struct fake_socket *socket);
void fake_socket_unbind(struct net_system *system, struct fake_socket *socket);

/* Puts a datagram on its way. */
void fake_send(struct net_system *system, struct fake_socket *from,
               const struct net_outgoing *outgoing);

/* Moves what has arrived into the inboxes. */
void fake_deliver(struct net_system *system);

/* When the next thing happens to a datagram or stream; UINT64_MAX: nothing will. */
uint64_t fake_next_due(const struct net_system *system);

/* Moves the clock for a wait that has nothing to tell until deadline_ns, with what its owner knows
 * to be due at own_due_ns. Returns false when the deadline is reached. */
bool fake_pass_time(struct net_system *system, uint64_t own_due_ns, uint64_t deadline_ns);

/* The end of a wait that begins now. */
uint64_t fake_deadline(const struct net_system *system, uint64_t timeout_ns);

void fake_listener_add(struct net_system *system, struct fake_listener *listener);
void fake_listener_remove(struct net_system *system, struct fake_listener *listener);
struct fake_stream *fake_listener_take(struct fake_listener *listener);

/* Connects; NULL when nobody listens there, the backlog is full, or without memory. Side 0 takes
 * receive_bytes before it stops the other. */
struct fake_stream *fake_stream_connect(struct net_system *system, const struct addr *to,
                                        uint32_t receive_bytes);

/* As of a socket, for the given side. */
int fake_stream_send(struct fake_stream *stream, unsigned side, const void *bytes, size_t size);
int fake_stream_receive(struct fake_stream *stream, unsigned side, void *bytes, size_t size);
void fake_stream_finish(struct fake_stream *stream, unsigned side);

/* Ends the side; frees the stream when both have. Unread bytes make it a reset. */
void fake_stream_close(struct fake_stream *stream, unsigned side, bool is_reset);

/* Whether a receive would give anything but RESULT_AGAIN; whether a reset has arrived. */
bool fake_stream_is_readable(const struct fake_stream *stream, unsigned side);
bool fake_stream_is_reset(const struct fake_stream *stream, unsigned side);
uint64_t fake_stream_next_due(const struct fake_stream *stream);

/* Fills a net_granted list as if the system did what it was asked. */
struct fake_setting {
    const char *name;
    int64_t asked;
    int64_t usual; /* What the system has by itself. */
};
unsigned fake_grants(const struct fake_setting settings[], unsigned setting_count,
                     uint32_t socket_count, struct net_granted out[], unsigned capacity);

#endif
