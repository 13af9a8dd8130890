/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_system_windows.h"

#include <timeapi.h>

#include "daemon/os/os.h"

/* Names that the headers of MinGW-w64 10 do not have. */
#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 0x00000002
#endif
#ifndef WSA_FLAG_NO_HANDLE_INHERIT
#define WSA_FLAG_NO_HANDLE_INHERIT 0x80
#endif

#define PERIOD_MS 1

static uint64_t real_now_ns(struct net_system *system)
{
    (void)system;
    return os_clock_ns();
}

static SOCKET real_socket(struct net_system *system, int family, int type, int protocol)
{
    (void)system;
    return WSASocketW(family, type, protocol, NULL, 0,
                      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

static int real_bind(struct net_system *system, SOCKET socket, const struct sockaddr *address,
                     int size)
{
    (void)system;
    return bind(socket, address, size);
}

static int real_listen(struct net_system *system, SOCKET socket, int backlog)
{
    (void)system;
    return listen(socket, backlog);
}

static int real_getsockname(struct net_system *system, SOCKET socket, struct sockaddr *address,
                            int *size)
{
    (void)system;
    return getsockname(socket, address, size);
}

static int real_setsockopt(struct net_system *system, SOCKET socket, int level, int name,
                           const void *value, int size)
{
    (void)system;
    return setsockopt(socket, level, name, value, size);
}

static int real_getsockopt(struct net_system *system, SOCKET socket, int level, int name,
                           void *value, int *size)
{
    (void)system;
    return getsockopt(socket, level, name, value, size);
}

static int real_ioctl(struct net_system *system, SOCKET socket, DWORD code, void *in, DWORD in_size,
                      void *out, DWORD out_size)
{
    DWORD returned = 0;

    (void)system;
    return WSAIoctl(socket, code, in, in_size, out, out_size, &returned, NULL, NULL);
}

static int real_shutdown(struct net_system *system, SOCKET socket, int how)
{
    (void)system;
    return shutdown(socket, how);
}

static int real_close_socket(struct net_system *system, SOCKET socket)
{
    (void)system;
    return closesocket(socket);
}

static int real_recv(struct net_system *system, SOCKET socket, void *bytes, int size)
{
    (void)system;
    return recv(socket, bytes, size, 0);
}

static int real_recv_from(struct net_system *system, SOCKET socket, void *bytes, int size,
                          struct sockaddr *from, int *from_size)
{
    (void)system;
    return recvfrom(socket, bytes, size, 0, from, from_size);
}

static int real_send_to(struct net_system *system, SOCKET socket, WSABUF *buffers, DWORD count,
                        DWORD *sent, const struct sockaddr *to, int to_size)
{
    (void)system;
    return WSASendTo(socket, buffers, count, sent, 0, to, to_size, NULL, NULL);
}

static int real_send_message(struct net_system *system, SOCKET socket, WSAMSG *message, DWORD *sent)
{
    (void)system;
    return WSASendMsg(socket, message, 0, sent, NULL, NULL);
}

static int real_post_recv(struct net_system *system, SOCKET socket, WSABUF *buffers, DWORD count,
                          DWORD flags, OVERLAPPED *overlapped)
{
    (void)system;
    return WSARecv(socket, buffers, count, NULL, &flags, overlapped, NULL);
}

static int real_post_send(struct net_system *system, SOCKET socket, WSABUF *buffers, DWORD count,
                          DWORD *sent, OVERLAPPED *overlapped)
{
    (void)system;
    return WSASend(socket, buffers, count, sent, 0, overlapped, NULL);
}

static BOOL real_post_accept(struct net_system *system, LPFN_ACCEPTEX call, SOCKET listener,
                             SOCKET socket, void *addresses, DWORD address_size,
                             OVERLAPPED *overlapped)
{
    DWORD received = 0;

    (void)system;
    return call(listener, socket, addresses, 0, address_size, address_size, &received, overlapped);
}

static BOOL real_post_connect(struct net_system *system, LPFN_CONNECTEX call, SOCKET socket,
                              const struct sockaddr *address, int size, OVERLAPPED *overlapped)
{
    (void)system;
    return call(socket, address, size, NULL, 0, NULL, overlapped);
}

static BOOL real_operation_result(struct net_system *system, SOCKET socket, OVERLAPPED *overlapped,
                                  DWORD *transferred)
{
    DWORD flags = 0;

    (void)system;
    return WSAGetOverlappedResult(socket, overlapped, transferred, FALSE, &flags);
}

static BOOL real_cancel(struct net_system *system, SOCKET socket)
{
    (void)system;
    return CancelIoEx((HANDLE)socket, NULL);
}

static HANDLE real_create_port(struct net_system *system)
{
    (void)system;
    return CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
}

static HANDLE real_associate(struct net_system *system, HANDLE port, SOCKET socket, ULONG_PTR key)
{
    (void)system;
    return CreateIoCompletionPort((HANDLE)socket, port, key, 0);
}

static BOOL real_get_completions(struct net_system *system, HANDLE port, OVERLAPPED_ENTRY entries[],
                                 ULONG capacity, ULONG *count, DWORD timeout_ms)
{
    (void)system;
    return GetQueuedCompletionStatusEx(port, entries, capacity, count, timeout_ms, FALSE);
}

static BOOL real_post_completion(struct net_system *system, HANDLE port, ULONG_PTR key)
{
    (void)system;
    return PostQueuedCompletionStatus(port, 0, key, NULL);
}

static HANDLE real_create_timer(struct net_system *system)
{
    (void)system;
    return CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION,
                                  TIMER_ALL_ACCESS);
}

static void real_begin_period(struct net_system *system)
{
    (void)system;
    (void)timeBeginPeriod(PERIOD_MS);
}

static void real_end_period(struct net_system *system)
{
    (void)system;
    (void)timeEndPeriod(PERIOD_MS);
}

struct net_system *net_system_windows(void)
{
    static struct net_system real = {
        .now_ns = real_now_ns,
        .socket = real_socket,
        .bind = real_bind,
        .listen = real_listen,
        .getsockname = real_getsockname,
        .setsockopt = real_setsockopt,
        .getsockopt = real_getsockopt,
        .ioctl = real_ioctl,
        .shutdown = real_shutdown,
        .close_socket = real_close_socket,
        .recv = real_recv,
        .recv_from = real_recv_from,
        .send_to = real_send_to,
        .send_message = real_send_message,
        .post_recv = real_post_recv,
        .post_send = real_post_send,
        .post_accept = real_post_accept,
        .post_connect = real_post_connect,
        .operation_result = real_operation_result,
        .cancel = real_cancel,
        .create_port = real_create_port,
        .associate = real_associate,
        .get_completions = real_get_completions,
        .post_completion = real_post_completion,
        .create_timer = real_create_timer,
        .begin_period = real_begin_period,
        .end_period = real_end_period,
    };

    return &real;
}
