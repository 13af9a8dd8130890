/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CLIENT_SOCKET_OS_H
#define GSRELAY_CLIENT_SOCKET_OS_H

/* socket_os.h - what the socket layer asks of the operating system: one TCP and one UDP socket, a
 * wait for both, a clock, names.
 *
 * One of socket_linux.c (poll) and socket_windows.c (select) is linked. All sockets are
 * non-blocking and not inherited by children.
 * Threads: any; nothing is shared. Memory: none kept. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/addr.h"

/* A socket of either system; SOCKET_OS_NONE = none. */
typedef intptr_t socket_os;
#define SOCKET_OS_NONE ((socket_os)-1)

#define SOCKET_OS_TEXT_SIZE 160

/* Outcomes of sending and receiving, below zero; zero and above is a number of bytes. */
#define SOCKET_OS_AGAIN  (-1) /* Not now. */
#define SOCKET_OS_PASS   (-2) /* An error about some earlier datagram: go on. */
#define SOCKET_OS_FAILED (-3) /* The socket is of no more use; *error_out says why. */

/* Makes the system's sockets ready; each success is paired with a stop. */
int socket_os_start(int *error_out);
void socket_os_stop(void);

/* Nanoseconds of a clock that never goes back. */
uint64_t socket_os_clock_ns(void);

/* Looks a name or numeric address up; a name may block. Returns how many addresses were written,
 * or 0 and a text. */
size_t socket_os_resolve(const char *host, uint16_t port, struct addr *out, size_t capacity,
                         char text_out[SOCKET_OS_TEXT_SIZE]);

/* Opens a socket and begins to connect it. */
socket_os socket_os_tcp_open(const struct addr *peer, int *error_out);

/* Once the connecting socket is writable: 0 = connected, else the system's error. */
int socket_os_tcp_result(socket_os socket);

/* Opens a socket that exchanges datagrams with this peer alone. */
socket_os socket_os_udp_open(const struct addr *peer, int *error_out);
void socket_os_close(socket_os socket);

int socket_os_send(socket_os socket, const void *bytes, size_t size, int *error_out);

/* For TCP, 0 means that the other side closed. */
int socket_os_receive(socket_os socket, void *out, size_t capacity, int *error_out);

struct socket_os_wait {
    socket_os tcp; /* Or SOCKET_OS_NONE. */
    socket_os udp; /* Or SOCKET_OS_NONE. */
    bool wants_tcp_input;
    bool wants_tcp_output; /* Also while connecting. */
    bool is_tcp_readable;  /* Out: readable, or failed. */
    bool is_tcp_writable;  /* Out: writable, or failed. */
    bool is_udp_readable;  /* Out. */
};

/* Returns when one of them is ready or timeout_ns has passed, perhaps earlier. */
void socket_os_wait(struct socket_os_wait *wait, uint64_t timeout_ns);

/* The system's words for an error. Returns out. */
const char *socket_os_error_text(int error, char out[SOCKET_OS_TEXT_SIZE]);

#endif
