/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_SOCKETS_H
#define GSRELAY_TESTS_BENCH_SOCKETS_H

/* sockets.h - UDP sockets that many players share, read and written many datagrams at a time.
 *
 * They are asked in turn and never waited for: a socket that somebody sleeps on costs whoever sends
 * to it a wake-up, and the sender is the server that is measured.
 *
 * Linux only. Threads: one. Memory: made by open. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens that many more, connected to 127.0.0.1:port, or to nobody when port is 0. They are numbered
 * from 0 in the order of opening. */
bool sockets_open(unsigned count, uint16_t port);

unsigned sockets_count(void);
struct sockaddr_in sockets_address(unsigned socket);

/* Room for a datagram of up to 1500 bytes that is to be sent by that socket, to an address unless
 * it is connected; filled in by the caller and then closed with its size. */
uint8_t *sockets_datagram(unsigned socket);
void sockets_datagram_done(unsigned socket, size_t size, const struct sockaddr_in *to);

/* Sends what waits. */
void sockets_flush(void);

typedef void sockets_take(void *context, unsigned socket, const uint8_t *bytes, size_t size,
                          const struct sockaddr_in *source, uint64_t now_ns);

/* Takes up to 64 datagrams from each. Returns the nanoseconds that went into asking in vain. */
uint64_t sockets_receive(sockets_take *take, void *context);

#endif
