/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_UDP_H
#define GSRELAY_DAEMON_NET_NET_UDP_H

/* net_udp.h - datagrams in and out, in batches.
 *
 * A struct net_udp is what one worker owns: one socket per listen address (IPv4 and IPv6 each on
 * their own, never dual-stack), all on the same port, and one place to wait for all of them. Linked
 * is one implementation: net_udp_linux.c (epoll), net_udp_windows.c (IOCP) or net_udp_fake.c.
 * Not here: sessions, limits, retries, queues. What the system does not take at once is dropped.
 *
 * Threads: every call comes from the one thread that owns it (net_udp_open() may run in another
 *   one before), except net_udp_wake(). Sending from a second thread is not allowed.
 * Memory: all of it is allocated in net_udp_open().
 *   Received bytes lie in buffers of the net_udp and stay valid until the next net_udp_recv() or
 *   net_udp_close(); the owner may alter them in place.
 *   Sent bytes are the caller's, and free again when net_udp_send() returns.
 * Turn: wait, then recv until it gives 0 or the turn has had enough, then send, then wait again.
 *   What was left unread makes the next wait return at once; nothing is lost by stopping early.
 * Faults of a peer, of the path or of a moment are counters, never a failed call. A socket never
 *   goes deaf: after an error in receiving, or in arming the wait, it is tried again, at once the
 *   first time, then after 1 to 100 ms, which net_udp_wait() honours by itself.
 * Addresses: every address that comes out is canonical (proto/addr.h): an IPv4-mapped IPv6 address
 *   becomes IPv4 here and nowhere else. */

#include <stdbool.h>
#include <stddef.h>

#include "daemon/net/net_types.h"

#define NET_UDP_BATCH 64 /* Datagrams that one net_udp_recv() gives at most. */

/* What net_udp_wait() saw; bits. */
#define NET_UDP_READY 1 /* A datagram may be there. */
#define NET_UDP_WOKEN 2 /* net_udp_wake() was called. */

struct net_udp;

struct net_udp_options {
    /* 1 to NET_ADDRESSES_MAX addresses, read during net_udp_open() only. All name the same port;
     * with port 0 one free port is found that is free on all of them. */
    const struct addr *addresses;
    uint32_t address_count;
    uint32_t max_datagram; /* Longest datagram that is received, 1 to NET_DATAGRAM_MAX bytes. */
    /* Each of these may be NET_SETTING_DEFAULT. That the system grants less is not a failure. */
    int32_t recv_buffer_bytes;
    int32_t send_buffer_bytes;
    int32_t ttl; /* Hops, 1 to 255 (IPv6: unicast hop limit). */
    /* Whether datagrams to one peer that follow each other in net_udp_send() and are equally long
     * (the last may be shorter) may be handed to the system as one send, which is several times
     * cheaper (udp(7), UDP_SEGMENT; "IPPROTO_UDP socket options", UDP_SEND_MSG_SIZE). Each is a
     * datagram of its own on the wire. Where the system cannot, they leave one by one.
     * net_udp_granted() has it as "segment", 1 for each socket that begins with it. */
    bool segments;
    int32_t dscp; /* 0 to 63, the six bits above ECN in the IPv4 TOS or IPv6 traffic class byte. */
    struct net_system *system; /* NULL: the real system. Must outlive the net_udp. */
};

/* A datagram that came in. */
struct net_received {
    uint8_t *bytes;        /* Inside the net_udp; never NULL, also when size is 0. */
    uint32_t size;         /* 0 to max_datagram. A datagram of no bytes is a datagram. */
    uint32_t socket_index; /* The listen address that it came to, as in the options. */
    struct addr from;
};

/* Bytes of the caller. bytes may be NULL when size is 0. */
struct net_vector {
    const void *bytes;
    size_t size;
};

/* A datagram to go out: head, body and tag one after the other. Any of them may be empty. */
struct net_outgoing {
    struct addr to;
    uint32_t socket_index; /* The socket that it leaves by; its family is that of to. */
    bool is_apart; /* Not to share a send with the one before, though it may be to the same peer. */
    /* Written by net_udp_send(), a negative enum result or RESULT_OK:
     *   RESULT_OK           the system took it.
     *   RESULT_AGAIN        the system's buffer is full: dropped.
     *   RESULT_INVALID      refused by us (port 0, unspecified address, more than NET_DATAGRAM_MAX
     *                       bytes) or by the system (too long for the path).
     *   RESULT_UNREACHABLE  no route, or the peer's host said that nobody is there.
     *   RESULT_DENIED       the system's firewall or policy forbids it (or a broadcast address).
     *   RESULT_NO_MEMORY    the system is short of memory at this moment.
     *   RESULT_OS           anything else. */
    int result;
    struct net_vector head;
    struct net_vector body;
    struct net_vector tag;
};

/* All since net_udp_open(), over all sockets. Every datagram that the system handed over is in
 * exactly one of received_datagrams and received_oversize; every one given to net_udp_send() in
 * exactly one of the sent_ and send_ counters. */
struct net_udp_counters {
    uint64_t received_datagrams;
    uint64_t received_bytes;
    uint64_t received_oversize;   /* Longer than max_datagram: dropped. */
    uint64_t receive_peer_errors; /* The system told that an earlier destination is gone. */
    uint64_t receive_errors;      /* Any other error of a receive call. */
    uint64_t kernel_drops;        /* Datagrams that the system dropped, buffer full; 0: not told. */
    uint64_t arm_failures;        /* Attempts to wait for a socket that the system refused. */
    uint64_t backoffs;            /* Times that a socket was left alone for 1 to 100 ms. */
    uint64_t sent_datagrams;
    uint64_t sent_bytes;
    uint64_t sent_segmented;   /* Of sent_datagrams: those that shared a send. */
    uint64_t segment_refusals; /* Sends of several that the system refused and that were repeated
                                  one by one. */
    uint64_t send_would_block; /* RESULT_AGAIN */
    uint64_t send_refused;     /* RESULT_INVALID by our own check. */
    uint64_t send_peer_errors; /* RESULT_UNREACHABLE, RESULT_DENIED */
    uint64_t send_errors;      /* RESULT_NO_MEMORY, RESULT_OS, RESULT_INVALID by the system. */
    uint64_t wakes;            /* Times that a wait saw one or more net_udp_wake(). */
};

/* Opens and binds all sockets, or none. Once bound to its address a socket may receive.
 *
 * On failure returns the negative enum result that failure_out->result repeats, *out is left alone
 * and nothing stays open: RESULT_IN_USE (the address and port belong to somebody else),
 * RESULT_UNREACHABLE (no interface of this machine has the address), RESULT_DENIED (the port needs
 * more rights), RESULT_NO_MEMORY (memory or handles), RESULT_UNSUPPORTED (no IPv6 here),
 * RESULT_INVALID (options against their description), RESULT_OS. */
GSRELAY_CHECKED int net_udp_open(const struct net_udp_options *options, struct net_udp **out,
                                 struct net_failure *failure_out);

/* Closes the sockets and frees everything. On return nothing is in flight and the port may be bound
 * again at once. No other thread may be in net_udp_wake() or call it later. NULL is nothing. */
void net_udp_close(struct net_udp *net);

/* Waits until a datagram may be there, net_udp_wake() was called, or timeout_ns has passed.
 *
 * Returns NET_UDP_* bits, 0 after the timeout, or RESULT_OS when waiting itself is broken, which no
 * later call will mend. timeout_ns 0 only looks. A wait is never shorter than its timeout for no
 * reason that the bits tell, may be longer by the system's timer grain, and also ends (with 0) when
 * a socket's back-off is over without a datagram. NET_UDP_READY without a datagram is possible. */
GSRELAY_CHECKED int net_udp_wait(struct net_udp *net, uint64_t timeout_ns);

/* The same, but datagrams may lie until the time is over: a wait for an owner that has no use for
 * them before, and would wake up for each. On Linux they do; on Windows one of them ends it. After
 * it net_udp_recv() looks into every socket, so NET_UDP_READY says nothing. */
GSRELAY_CHECKED int net_udp_rest(struct net_udp *net, uint64_t timeout_ns);

/* Whether waits should end as near to their timeout as the system can (to about a millisecond on
 * Windows, at the cost of power); otherwise the timer's usual grain will do. Starts off. Linux is
 * always precise. */
void net_udp_set_precise(struct net_udp *net, bool is_precise);

/* Takes up to capacity datagrams (1 to NET_UDP_BATCH) without blocking; what an earlier call gave
 * is no longer valid. Returns how many entries of received[] are filled.
 *
 * It reads the sockets that the last waits found ready, in rotation, each batch beginning with
 * another socket; datagrams of one socket come in the order in which the system had them. 0 means
 * that all of them were empty, or that only errors and unusable datagrams came for a while; in the
 * second case the next wait returns NET_UDP_READY at once, or when a back-off is over. It never
 * fails. */
unsigned net_udp_recv(struct net_udp *net, struct net_received received[], unsigned capacity);

/* Sends count datagrams without blocking, each socket's in their order in the array, and writes
 * the result of every one. Returns how many the system took.
 *
 * When a socket's buffer is full, the rest of that socket's datagrams in this call get
 * RESULT_AGAIN; those of other sockets still go. An error belongs to the one datagram that met it.
 * What the system takes it may still lose. Asserted: socket_index is in range and to.family is that
 * socket's. */
unsigned net_udp_send(struct net_udp *net, struct net_outgoing outgoing[], unsigned count);

/* Makes the current or the next net_udp_wait() return with NET_UDP_WOKEN. From any thread. Wakes
 * before that wait merge into one; none is lost. Memory written before the call is seen after that
 * wait. */
void net_udp_wake(struct net_udp *net);

/* The address that socket_index is really bound to, with its port. */
struct addr net_udp_address(const struct net_udp *net, unsigned socket_index);

/* Fills out[] with the options as asked and granted; returns how many there are in all, which may
 * be more than capacity. Fixed from net_udp_open() on. */
unsigned net_udp_granted(const struct net_udp *net, struct net_granted out[], unsigned capacity);

/* Copies the counters, with the system's own drop counters read anew. */
void net_udp_counters(struct net_udp *net, struct net_udp_counters *out);

#endif
