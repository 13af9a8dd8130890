/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_IO_MODELS_NONBLOCKING_STEP_H
#define GSRELAY_TESTS_BENCH_IO_MODELS_NONBLOCKING_STEP_H

/* nonblocking_step.h - one step with a non-blocking socket, for the three models that use such.
 *
 * nonblocking.c, select.c and event_select_windows.c differ in how they learn when to take a step.
 * The step itself is the same. Threads: a connection and a table belong to one thread each.
 * Memory: a table allocates its connections, until connections_clear(). */

#include "tests/bench/io_models/io_model.h"
#include "tests/bench/io_models/io_socket.h"

struct connection {
    SOCKET socket;
    int begin; /* The bytes from begin to end are to be sent. */
    int end;
    char bytes[IO_TCP_BYTES];
};

enum step {
    STEP_WANTS_INPUT, /* All is sent, and nothing more was there to receive. */
    STEP_WANTS_ROOM,  /* The system takes no more bytes for now. */
    STEP_AGAIN,       /* A buffer went through; more may be there. */
    STEP_OVER,        /* Both directions have ended, or it has failed: to be closed. */
};

/* Accepts one connection and makes it non-blocking. INVALID_SOCKET when nobody waits. */
SOCKET connection_accept(SOCKET listener);

/* Sends what is left over; if all of it went, receives once and sends that. */
enum step connection_step(struct connection *connection);

struct connections {
    struct io_server *server; /* Whose accepted and closed are counted. */
    struct connection **items;
    unsigned count;
    unsigned capacity;
};

/* Adds an accepted socket, or closes it when there is no memory. */
void connections_add(struct connections *connections, SOCKET socket_handle);

/* Closes and frees one; the last one takes its place. So whoever goes through the table and removes
 * goes backwards: who moves into the gap has had his turn. */
void connections_remove(struct connections *connections, unsigned index);
void connections_clear(struct connections *connections);

/* Answers datagrams until there are none, at most `limit`. Returns how many there were. */
unsigned datagrams_step(SOCKET udp, char bytes[IO_UDP_BYTES], unsigned limit);

#endif
