/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_BENCH_IO_MODELS_WINSOCK_NAMES_H
#define GSRELAY_TESTS_BENCH_IO_MODELS_WINSOCK_NAMES_H

/* winsock_names.h - the few names of Winsock that the portable models use, for Linux.
 *
 * Both systems have Berkeley's sockets and differ in names: Windows came second and could not let
 * a SOCKET be a file. So the models are written once, as they read on Windows. CMake puts linux/ or
 * windows/ into the include path. Threads and memory: as the calls themselves. */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

typedef int SOCKET;
typedef struct pollfd WSAPOLLFD;

#define INVALID_SOCKET (-1)
#define SOCKET_ERROR   (-1)

#define SD_RECEIVE SHUT_RD
#define SD_SEND    SHUT_WR
#define SD_BOTH    SHUT_RDWR

/* Windows keeps its socket errors apart from errno; here they are the same. */
#define WSAGetLastError() errno
#define WSAEWOULDBLOCK    EWOULDBLOCK
#define WSAEINTR          EINTR
#define WSAEMSGSIZE       EMSGSIZE
#define WSAECONNRESET     ECONNRESET
#define WSAECONNABORTED   ECONNABORTED
#define WSAETIMEDOUT      EWOULDBLOCK /* What SO_RCVTIMEO ends with. */

static inline int WSAPoll(WSAPOLLFD *polled, unsigned count, int timeout_ms)
{
    return poll(polled, count, timeout_ms);
}

static inline int closesocket(SOCKET socket_handle)
{
    return close(socket_handle);
}

static inline int ioctlsocket(SOCKET socket_handle, long command, u_long *value)
{
    int number = (int)*value;

    return ioctl(socket_handle, (unsigned long)command, &number);
}

/* Winsock counts bytes in int, and sending to a peer that is gone is an error there and no signal.
 */
static inline int winsock_recv(SOCKET socket_handle, void *bytes, int size, int flags)
{
    return (int)recv(socket_handle, bytes, (size_t)size, flags);
}

static inline int winsock_send(SOCKET socket_handle, const void *bytes, int size, int flags)
{
    return (int)send(socket_handle, bytes, (size_t)size, flags | MSG_NOSIGNAL);
}

static inline int winsock_recvfrom(SOCKET socket_handle, void *bytes, int size, int flags,
                                   struct sockaddr *from, socklen_t *from_size)
{
    return (int)recvfrom(socket_handle, bytes, (size_t)size, flags, from, from_size);
}

static inline int winsock_sendto(SOCKET socket_handle, const void *bytes, int size, int flags,
                                 const struct sockaddr *to, socklen_t to_size)
{
    return (int)sendto(socket_handle, bytes, (size_t)size, flags | MSG_NOSIGNAL, to, to_size);
}

#define recv     winsock_recv
#define send     winsock_send
#define recvfrom winsock_recvfrom
#define sendto   winsock_sendto

#endif
