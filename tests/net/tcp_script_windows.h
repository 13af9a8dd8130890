/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_NET_TCP_SCRIPT_WINDOWS_H
#define GSRELAY_TESTS_NET_TCP_SCRIPT_WINDOWS_H

/* tcp_script_windows.h - a Windows that misbehaves as the test says, under the real net_tcp.
 *
 * Calls that are not told to fail go to the real system. Time is the script's own: a wait that
 * finds nothing moves its clock and takes a moment at most. What must hold always is asserted
 * inside: no socket of a connection is closed while an operation of it is in flight. */

#include "daemon/net/net_tcp_windows.h"
#include "tests/conformance/tcp_support.h"
#include "tests/net/fault.h"

#define STEP_NS       UINT64_C(1000000)
#define HELD_BACK_MAX 64

struct script {
    struct net_system system; /* First: the backend passes it back to us. */
    struct world world;       /* The net_tcp on this system, and the model of it. */
    uint64_t now_ns;
    uint64_t seed;
    int open_sockets;
    struct fault make_socket;
    struct fault listen;
    struct fault associate;
    struct fault find_extension;
    struct fault post_accept;
    struct fault post_connect;
    struct fault accept_result; /* A completed accept that is told to have failed. */
    struct fault update_context;
    struct fault post_recv;
    struct fault recv_result;
    struct fault recv;
    struct fault send_at_once; /* A send without OVERLAPPED. */
    struct fault post_send;    /* A send with one. */
    struct fault send_result;  /* A completed send that is told to have failed. */
    unsigned send_limit_bytes; /* Of each send, at once or not; 0: none. */
    bool is_random;            /* Sends take random parts, and short calls now and then. */
    bool holds_completions;    /* Completions stay with the system until this is false again. */
    OVERLAPPED_ENTRY held[HELD_BACK_MAX];
    ULONG held_count;
    struct {
        unsigned calls;
        unsigned long on;
        unsigned long idle_ms;
        unsigned long interval_ms;
    } keepalive; /* What SIO_KEEPALIVE_VALS was given last. */
    unsigned accepts_posted;
    unsigned cancels;
};

/* Fills *script; it must not move afterwards. */
void script_init(struct script *script);

/* Opens script->world on the scripted system, listening on a free port of 127.0.0.1. */
void script_open(struct script *script);
void script_open_with(struct script *script, struct net_tcp_options options);

/* Somebody connects and is thrown out. */
void script_visit(struct script *script);

/* Closes the world; asserts that no socket is left. */
void script_close(struct script *script);

#endif
