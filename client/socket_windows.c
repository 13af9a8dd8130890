/* SPDX-License-Identifier: MIT */
#include "client/socket_os.h"

#include <stdio.h>
#include <string.h>

#include <winsock2.h>
#include <ws2tcpip.h>

#include <windows.h>
#include <mswsock.h>

int socket_os_start(int *error_out)
{
    WSADATA data;

    *error_out = WSAStartup(MAKEWORD(2, 2), &data);
    return *error_out == 0 ? 0 : -1;
}

void socket_os_stop(void)
{
    WSACleanup();
}

uint64_t socket_os_clock_ns(void)
{
    LARGE_INTEGER frequency;
    LARGE_INTEGER now;
    uint64_t ticks;
    uint64_t per_s;

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    ticks = (uint64_t)now.QuadPart;
    per_s = (uint64_t)frequency.QuadPart;
    return ticks / per_s * UINT64_C(1000000000) + ticks % per_s * UINT64_C(1000000000) / per_s;
}

static int to_sockaddr(const struct addr *addr, struct sockaddr_storage *out)
{
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof(*out));
    if (addr->family == ADDR_FAMILY_IPV4) {
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(addr->port);
        memcpy(&ipv4->sin_addr, addr->ip, 4);
        return (int)sizeof(*ipv4);
    }
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(addr->port);
    ipv6->sin6_scope_id = addr->scope_id;
    memcpy(&ipv6->sin6_addr, addr->ip, 16);
    return (int)sizeof(*ipv6);
}

static bool from_sockaddr(const struct sockaddr *from, struct addr *out)
{
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)from;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)from;

    if (from->sa_family == AF_INET) {
        const uint8_t *ip = (const uint8_t *)&ipv4->sin_addr;

        *out = addr_ipv4(ip[0], ip[1], ip[2], ip[3], ntohs(ipv4->sin_port));
        return true;
    }
    if (from->sa_family == AF_INET6) {
        *out = addr_ipv6((const uint8_t *)&ipv6->sin6_addr, ntohs(ipv6->sin6_port),
                         ipv6->sin6_scope_id);
        return true;
    }
    return false;
}

size_t socket_os_resolve(const char *host, uint16_t port, struct addr *out, size_t capacity,
                         char text_out[SOCKET_OS_TEXT_SIZE])
{
    const ADDRINFOW hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    ADDRINFOW *found = NULL;
    wchar_t wide_host[256];
    wchar_t service[8];
    size_t count = 0;
    int error;

    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, host, -1, wide_host, 256) == 0) {
        snprintf(text_out, SOCKET_OS_TEXT_SIZE, "the name is not valid UTF-8 or too long");
        return 0;
    }
    _snwprintf(service, 8, L"%u", (unsigned)port);
    error = GetAddrInfoW(wide_host, service, &hints, &found);
    if (error != 0) {
        socket_os_error_text(error, text_out);
        return 0;
    }
    for (const ADDRINFOW *at = found; at != NULL && count < capacity; at = at->ai_next)
        count += from_sockaddr(at->ai_addr, &out[count]);
    FreeAddrInfoW(found);
    if (count == 0)
        snprintf(text_out, SOCKET_OS_TEXT_SIZE, "the name has no IP address");
    return count;
}

static socket_os open_socket(const struct addr *peer, int type, int *error_out)
{
    struct sockaddr_storage address;
    int size = to_sockaddr(peer, &address);
    u_long non_blocking = 1;
    BOOL on = TRUE;
    BOOL off = FALSE;
    DWORD bytes = 0;
    SOCKET handle = WSASocketW(address.ss_family, type, 0, NULL, 0,
                               WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);

    if (handle == INVALID_SOCKET) {
        *error_out = WSAGetLastError();
        return SOCKET_OS_NONE;
    }
    if (type == SOCK_STREAM)
        (void)setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof(on));
    else
        /* Else an ICMP answer to one datagram would come up as an error of a later receive. */
        (void)WSAIoctl(handle, SIO_UDP_CONNRESET, &off, sizeof(off), NULL, 0, &bytes, NULL, NULL);
    if (ioctlsocket(handle, (long)FIONBIO, &non_blocking) != 0 ||
        (connect(handle, (const struct sockaddr *)&address, size) != 0 &&
         WSAGetLastError() != WSAEWOULDBLOCK)) {
        *error_out = WSAGetLastError();
        closesocket(handle);
        return SOCKET_OS_NONE;
    }
    return (socket_os)handle;
}

socket_os socket_os_tcp_open(const struct addr *peer, int *error_out)
{
    return open_socket(peer, SOCK_STREAM, error_out);
}

socket_os socket_os_udp_open(const struct addr *peer, int *error_out)
{
    return open_socket(peer, SOCK_DGRAM, error_out);
}

int socket_os_tcp_result(socket_os socket)
{
    int error = 0;
    int size = sizeof(error);

    if (getsockopt((SOCKET)socket, SOL_SOCKET, SO_ERROR, (char *)&error, &size) != 0)
        return WSAGetLastError();
    return error;
}

void socket_os_close(socket_os socket)
{
    closesocket((SOCKET)socket);
}

static int outcome(int *error_out)
{
    int error = WSAGetLastError();

    *error_out = error;
    if (error == WSAEWOULDBLOCK || error == WSAENOBUFS)
        return SOCKET_OS_AGAIN;
    if (error == WSAENETRESET || error == WSAEMSGSIZE)
        return SOCKET_OS_PASS;
    return SOCKET_OS_FAILED;
}

/* WSAECONNRESET ends a TCP connection, but of a UDP socket it speaks of an earlier datagram. */
static bool is_datagram(socket_os socket)
{
    int type = 0;
    int size = sizeof(type);

    return getsockopt((SOCKET)socket, SOL_SOCKET, SO_TYPE, (char *)&type, &size) == 0 &&
           type == SOCK_DGRAM;
}

static int outcome_of(socket_os socket, int *error_out)
{
    int result = outcome(error_out);

    if (result == SOCKET_OS_FAILED && *error_out == WSAECONNRESET && is_datagram(socket))
        return SOCKET_OS_PASS;
    return result;
}

int socket_os_send(socket_os socket, const void *bytes, size_t size, int *error_out)
{
    int sent = send((SOCKET)socket, bytes, (int)size, 0);

    return sent < 0 ? outcome_of(socket, error_out) : sent;
}

int socket_os_receive(socket_os socket, void *out, size_t capacity, int *error_out)
{
    int received = recv((SOCKET)socket, out, (int)capacity, 0);

    return received < 0 ? outcome_of(socket, error_out) : received;
}

void socket_os_wait(struct socket_os_wait *wait, uint64_t timeout_ns)
{
    uint64_t timeout_us = timeout_ns / 1000 + (timeout_ns % 1000 != 0);
    struct timeval timeout = {.tv_sec = (long)(timeout_us / 1000000),
                              .tv_usec = (long)(timeout_us % 1000000)};
    fd_set input;
    fd_set output;
    fd_set failed;

    FD_ZERO(&input);
    FD_ZERO(&output);
    FD_ZERO(&failed);
    if (wait->tcp != SOCKET_OS_NONE && wait->wants_tcp_input)
        FD_SET((SOCKET)wait->tcp, &input);
    if (wait->tcp != SOCKET_OS_NONE && wait->wants_tcp_output) {
        /* Winsock reports a connect that failed here and not as writable. */
        FD_SET((SOCKET)wait->tcp, &output);
        FD_SET((SOCKET)wait->tcp, &failed);
    }
    if (wait->udp != SOCKET_OS_NONE)
        FD_SET((SOCKET)wait->udp, &input);
    wait->is_tcp_readable = false;
    wait->is_tcp_writable = false;
    wait->is_udp_readable = false;
    if (input.fd_count + output.fd_count == 0) {
        Sleep((DWORD)((timeout_us + 999) / 1000));
        return;
    }
    if (select(0, &input, &output, &failed, &timeout) <= 0)
        return;
    if (wait->tcp != SOCKET_OS_NONE) {
        wait->is_tcp_readable = FD_ISSET((SOCKET)wait->tcp, &input) != 0;
        wait->is_tcp_writable =
            FD_ISSET((SOCKET)wait->tcp, &output) != 0 || FD_ISSET((SOCKET)wait->tcp, &failed) != 0;
    }
    if (wait->udp != SOCKET_OS_NONE)
        wait->is_udp_readable = FD_ISSET((SOCKET)wait->udp, &input) != 0;
}

const char *socket_os_error_text(int error, char out[SOCKET_OS_TEXT_SIZE])
{
    const DWORD flags =
        FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK;
    const DWORD english = MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US);
    wchar_t wide[SOCKET_OS_TEXT_SIZE / 3];
    DWORD size =
        FormatMessageW(flags, NULL, (DWORD)error, english, wide, SOCKET_OS_TEXT_SIZE / 3, NULL);

    if (size == 0)
        size = FormatMessageW(flags, NULL, (DWORD)error, 0, wide, SOCKET_OS_TEXT_SIZE / 3, NULL);
    while (size > 0 && (wide[size - 1] == L' ' || wide[size - 1] == L'.'))
        size--;
    size = (DWORD)WideCharToMultiByte(CP_UTF8, 0, wide, (int)size, out, SOCKET_OS_TEXT_SIZE - 1,
                                      NULL, NULL);
    out[size] = '\0';
    if (size == 0)
        snprintf(out, SOCKET_OS_TEXT_SIZE, "Windows error %d", error);
    return out;
}
