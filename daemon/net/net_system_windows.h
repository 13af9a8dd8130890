/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_DAEMON_NET_NET_SYSTEM_WINDOWS_H
#define GSRELAY_DAEMON_NET_NET_SYSTEM_WINDOWS_H

/* net_system_windows.h - the system calls of the Windows backends, as a table.
 *
 * A test copies net_system_windows(), replaces what should misbehave, and passes the copy in the
 * options. Every function has the meaning, return value and WSAGetLastError() or GetLastError() of
 * the call that it is named after; its first argument is the table itself, so that a test can embed
 * the table in a struct of its own. Left out are calls that only hand back what we put in.
 * Threads: the owner's, but for post_completion, which any thread calls. */

#include <stdint.h>

/* winsock2.h comes first: windows.h would bring its predecessor. */
#include <winsock2.h>

#include <ws2tcpip.h>
#include <windows.h>
#include <mswsock.h>

struct net_system {
    uint64_t (*now_ns)(struct net_system *system);

    /* WSASocketW: overlapped, not inherited by child processes. */
    SOCKET (*socket)(struct net_system *system, int family, int type, int protocol);
    int (*bind)(struct net_system *system, SOCKET socket, const struct sockaddr *address, int size);
    int (*listen)(struct net_system *system, SOCKET socket, int backlog);
    int (*getsockname)(struct net_system *system, SOCKET socket, struct sockaddr *address,
                       int *size);
    int (*setsockopt)(struct net_system *system, SOCKET socket, int level, int name,
                      const void *value, int size);
    int (*getsockopt)(struct net_system *system, SOCKET socket, int level, int name, void *value,
                      int *size);
    /* WSAIoctl, not overlapped. */
    int (*ioctl)(struct net_system *system, SOCKET socket, DWORD code, void *in, DWORD in_size,
                 void *out, DWORD out_size);
    int (*shutdown)(struct net_system *system, SOCKET socket, int how);
    int (*close_socket)(struct net_system *system, SOCKET socket);

    /* Without OVERLAPPED, on a socket that does not block, or not for long (SO_RCVTIMEO). */
    int (*recv)(struct net_system *system, SOCKET socket, void *bytes, int size);
    int (*recv_from)(struct net_system *system, SOCKET socket, void *bytes, int size,
                     struct sockaddr *from, int *from_size);
    int (*send_to)(struct net_system *system, SOCKET socket, WSABUF *buffers, DWORD count,
                   DWORD *sent, const struct sockaddr *to, int to_size);
    /* WSASendMsg; message is read only. */
    int (*send_message)(struct net_system *system, SOCKET socket, WSAMSG *message, DWORD *sent);

    /* WSARecv and WSASend; WSASend also with NULL for the OVERLAPPED. */
    int (*post_recv)(struct net_system *system, SOCKET socket, WSABUF *buffers, DWORD count,
                     DWORD flags, OVERLAPPED *overlapped);
    int (*post_send)(struct net_system *system, SOCKET socket, WSABUF *buffers, DWORD count,
                     DWORD *sent, OVERLAPPED *overlapped);
    /* AcceptEx without a first read. call is the function that the listener's provider named. */
    BOOL(*post_accept)
    (struct net_system *system, LPFN_ACCEPTEX call, SOCKET listener, SOCKET socket, void *addresses,
     DWORD address_size, OVERLAPPED *overlapped);
    /* ConnectEx without first bytes; the socket is bound. call is as above. */
    BOOL(*post_connect)
    (struct net_system *system, LPFN_CONNECTEX call, SOCKET socket, const struct sockaddr *address,
     int size, OVERLAPPED *overlapped);
    /* WSAGetOverlappedResult of an operation whose completion was reaped. */
    BOOL(*operation_result)
    (struct net_system *system, SOCKET socket, OVERLAPPED *overlapped, DWORD *transferred);
    /* CancelIoEx of everything that is in flight on the socket. */
    BOOL (*cancel)(struct net_system *system, SOCKET socket);

    /* CreateIoCompletionPort: of a new port for one thread, and of a socket and its port. */
    HANDLE (*create_port)(struct net_system *system);
    HANDLE (*associate)(struct net_system *system, HANDLE port, SOCKET socket, ULONG_PTR key);
    BOOL(*get_completions)
    (struct net_system *system, HANDLE port, OVERLAPPED_ENTRY entries[], ULONG capacity,
     ULONG *count, DWORD timeout_ms);
    BOOL (*post_completion)(struct net_system *system, HANDLE port, ULONG_PTR key);

    /* CreateWaitableTimerExW with high resolution; fails before Windows 10 1803. */
    HANDLE (*create_timer)(struct net_system *system);
    /* timeBeginPeriod(1) and timeEndPeriod(1). */
    void (*begin_period)(struct net_system *system);
    void (*end_period)(struct net_system *system);
};

/* The real calls. Shared and constant: copy it to change it. */
struct net_system *net_system_windows(void);

#endif
