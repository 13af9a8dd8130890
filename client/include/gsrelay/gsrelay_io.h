/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_GSRELAY_IO_H
#define GSRELAY_GSRELAY_IO_H

/* gsrelay_io.h - driving a client without the library's sockets.
 *
 * For engines with sockets of their own, for tests, and for event loops. The caller moves bytes and
 * tells the time; the client never touches the operating system. A client that is driven from here
 * is not used with gsrelay_connect(), gsrelay_poll() or gsrelay_rebind(); all else of gsrelay.h
 * works the same, gsrelay_get_room_time() as of the last time that was told. The loop is:
 *
 *     gsrelay_io_start(client, now)
 *     again and again:
 *         open or close the TCP connection as gsrelay_io_tcp_wanted() says
 *         give it what came: gsrelay_io_tcp_connected/_input/_closed, gsrelay_io_udp_input
 *         gsrelay_io_run(client, now)
 *         send what gsrelay_io_tcp_output() and gsrelay_io_udp_output() give
 *         take the events; sleep until gsrelay_io_deadline() or until bytes come
 *
 * Time is monotonic, in nanoseconds, from any start; time that goes back counts as standing still.
 * Threads, memory, failures: as in gsrelay.h. */

#include <gsrelay/gsrelay.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Begins to connect. options.seed must have been given. GSRELAY_WRONG_STATE unless the client is
 * idle; GSRELAY_INVALID without a seed. */
int gsrelay_io_start(struct gsrelay_client *client, uint64_t now_ns);

/* 1: a TCP connection to the relay's control port is to be open, or to be opened now. 0: none is;
 * one that is open is to be closed once its output is sent, and reported by
 * gsrelay_io_tcp_closed(). */
int gsrelay_io_tcp_wanted(const struct gsrelay_client *client);

/* A new connection stands. */
void gsrelay_io_tcp_connected(struct gsrelay_client *client, uint64_t now_ns);

/* Bytes have come. Returns how many were taken: fewer than size while events wait to be taken; the
 * rest is to be given again after gsrelay_next_event(). */
size_t gsrelay_io_tcp_input(struct gsrelay_client *client, uint64_t now_ns, const void *bytes,
                            size_t size);

/* The connection is gone, or could not be made. reason is GSRELAY_REASON_CONNECTION_CLOSED when the
 * relay closed it, else GSRELAY_REASON_CONNECTION_LOST. */
void gsrelay_io_tcp_closed(struct gsrelay_client *client, uint64_t now_ns, uint32_t reason);

/* The bytes that wait to be sent; *size_out is 0 when there are none. They stay where they are
 * until gsrelay_io_tcp_sent() says how many of them are sent. */
const uint8_t *gsrelay_io_tcp_output(const struct gsrelay_client *client, size_t *size_out);
void gsrelay_io_tcp_sent(struct gsrelay_client *client, size_t size);

/* Where datagrams go. */
struct gsrelay_udp_peer {
    uint32_t serial; /* Another number for each membership: open a fresh socket then. */
    uint16_t port;
    uint16_t reserved;
    uint32_t slot;                      /* In the head of each datagram, both ways. */
    char address[GSRELAY_ADDRESS_SIZE]; /* Numeric; empty = the address of the TCP connection. */
};

/* GSRELAY_WRONG_STATE outside a room.
 *
 * Many clients may share one socket: the relay tells them apart by their slots, and so does whoever
 * receives for them, by gsrelay_io_udp_slot() and the port that the datagram came from. */
int gsrelay_io_udp_peer(const struct gsrelay_client *client, struct gsrelay_udp_peer *out);

/* The slot that a datagram names; GSRELAY_SLOT_NONE for one that is too short to name any. Nothing
 * is checked: gsrelay_io_udp_input() of the client with that slot does. */
#define GSRELAY_SLOT_NONE UINT32_MAX
uint32_t gsrelay_io_udp_slot(const void *bytes, size_t size);

/* A datagram has come, from anybody: what is not of the relay is told by its keys and dropped. */
void gsrelay_io_udp_input(struct gsrelay_client *client, uint64_t now_ns, const void *bytes,
                          size_t size);

/* Copies the next datagram to be sent. Returns its size, 0 when there is none. capacity must be at
 * least GSRELAY_DATAGRAM_LIMIT. */
size_t gsrelay_io_udp_output(struct gsrelay_client *client, void *out, size_t capacity);

/* The local address has changed: binds anew at once. */
void gsrelay_io_udp_rebind(struct gsrelay_client *client, uint64_t now_ns);

/* Does what is due. Closes the datagram that is being packed. */
void gsrelay_io_run(struct gsrelay_client *client, uint64_t now_ns);

/* gsrelay_get_room_time() at a time of the caller's clock. */
int gsrelay_io_room_time(struct gsrelay_client *client, uint64_t now_ns,
                         struct gsrelay_room_time *out);

/* The time at which gsrelay_io_run() has something to do; UINT64_MAX for never. */
uint64_t gsrelay_io_deadline(const struct gsrelay_client *client);

#ifdef __cplusplus
}
#endif

#endif
