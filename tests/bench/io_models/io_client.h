/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_IO_MODELS_IO_CLIENT_H
#define GSRELAY_TESTS_BENCH_IO_MODELS_IO_CLIENT_H

/* io_client.h - clients for the tests of the models: plain blocking sockets with a time limit.
 *
 * What goes wrong fails the running cmocka test. Receiving gives up after twenty seconds, so that a
 * broken server fails a test and does not hang it; no time is asserted.
 * Threads: the test's only one. Memory: none. */

#include "tests/bench/io_models/io_model.h"
#include "tests/bench/io_models/io_socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

SOCKET client_connect(uint16_t port);
SOCKET client_udp(uint16_t port); /* Connected, so that send and recv do. */

/* Sends all of it, on a stream. */
void client_send(SOCKET client, const void *bytes, int size);

/* Receives exactly `size` bytes of a stream. */
void client_receive(SOCKET client, void *bytes, int size);

/* Sends `size` bytes that only `seed` has, and expects them back. */
void client_echo(SOCKET client, uint32_t seed, int size);

/* The stream ends here, in order. */
void client_expect_end(SOCKET client);

/* The connection is over, in whatever way; bytes before that are thrown away. */
void client_expect_over(SOCKET client);

void client_finish(SOCKET client); /* Ends our direction. */
void client_close(SOCKET client);
void client_reset(SOCKET client); /* Closes with a reset. */

/* Sends one datagram until its echo has come, as UDP may lose either. Others that arrive meanwhile
 * (echoes of earlier attempts) are passed over. */
void client_echo_datagram(SOCKET client, const void *bytes, int size);

/* Makes receiving fail after this time instead. */
void client_set_patience(SOCKET client, uint32_t timeout_ms);

/* Fills with bytes that depend on seed and position. */
void client_pattern(uint32_t seed, void *out, int size);

/* Sends without ever reading, until nothing moves any more: then every buffer on the way is full,
 * and the server waits for room. Returns how many bytes that took. */
long client_flood(SOCKET client);

/* Until the server has given up as many connections as it took. */
void client_wait_until_empty(struct io_server *server);

#endif
