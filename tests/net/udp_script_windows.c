/* SPDX-License-Identifier: MIT */
#include "tests/net/udp_script_windows.h"

#include <string.h>

#include "tests/net/process_windows.h"

/* Missing in the headers of MinGW-w64 10. */
#ifndef UDP_SEND_MSG_SIZE
#define UDP_SEND_MSG_SIZE 2
#endif

/* The NTSTATUS by which a completion of ours is known. */
#define NTSTATUS_BAD ((ULONG_PTR)0xC0000001)

/* Real time that a wait takes at most. */
#define MOMENT_MS 50

static struct script *script_of(struct net_system *system)
{
    return (struct script *)system;
}

static uint64_t script_now_ns(struct net_system *system)
{
    return script_of(system)->now_ns;
}

static SOCKET script_socket(struct net_system *system, int family, int type, int protocol)
{
    const SOCKET socket = net_system_windows()->socket(system, family, type, protocol);

    script_of(system)->open_sockets += socket != INVALID_SOCKET;
    return socket;
}

static int script_close_socket(struct net_system *system, SOCKET socket)
{
    /* The one order that is safe everywhere: cancel, reap to zero, close. */
    assert_int_equal(script_of(system)->posted, 0);
    /* While the memory of the net is still there: damage shows in living blocks only. */
    assert_int_equal(process_check_heaps(NULL), 0);
    script_of(system)->open_sockets--;
    return net_system_windows()->close_socket(system, socket);
}

static int script_bind(struct net_system *system, SOCKET socket, const struct sockaddr *address,
                       int size)
{
    if (fault_is_due(&script_of(system)->bind)) {
        WSASetLastError(script_of(system)->bind.error);
        return SOCKET_ERROR;
    }
    return net_system_windows()->bind(system, socket, address, size);
}

static int script_ioctl(struct net_system *system, SOCKET socket, DWORD code, void *in,
                        DWORD in_size, void *out, DWORD out_size)
{
    if (code == (DWORD)SIO_UDP_CONNRESET && fault_is_due(&script_of(system)->ioctl)) {
        WSASetLastError(script_of(system)->ioctl.error);
        return SOCKET_ERROR;
    }
    return net_system_windows()->ioctl(system, socket, code, in, in_size, out, out_size);
}

static int script_post_recv(struct net_system *system, SOCKET socket, WSABUF *buffers, DWORD count,
                            DWORD flags, OVERLAPPED *overlapped)
{
    struct script *const script = script_of(system);
    const bool fails = fault_is_due(&script->post);

    assert_int_equal(flags, MSG_PEEK);
    assert_int_equal(buffers[0].len, 0);
    if (script->is_random && fault_random(&script->seed) % 8 == 0) {
        WSASetLastError(WSAENOBUFS);
        return SOCKET_ERROR;
    }
    if (fails && !script->post.is_posted_anyway) {
        WSASetLastError(script->post.error);
        return SOCKET_ERROR;
    }
    const int status =
        net_system_windows()->post_recv(system, socket, buffers, count, flags, overlapped);
    const int error = status == 0 ? 0 : WSAGetLastError();
    if (error == 0 || error == WSA_IO_PENDING || error == WSAEMSGSIZE) {
        script->posted++;
    }
    WSASetLastError(fails ? script->post.error : error);
    return fails ? SOCKET_ERROR : status;
}

static int script_recv_from(struct net_system *system, SOCKET socket, void *bytes, int size,
                            struct sockaddr *from, int *from_size)
{
    static const int errors[] = {WSAECONNRESET, WSAENETRESET, WSAENOBUFS, WSAENETDOWN, WSAEINTR};
    struct script *const script = script_of(system);

    if (script->is_random && fault_random(&script->seed) % 8 == 0) {
        WSASetLastError(errors[fault_random(&script->seed) % 5]);
        return SOCKET_ERROR;
    }
    if (fault_is_due(&script->receive)) {
        WSASetLastError(script->receive.error);
        return SOCKET_ERROR;
    }
    return net_system_windows()->recv_from(system, socket, bytes, size, from, from_size);
}

static int script_send_to(struct net_system *system, SOCKET socket, WSABUF *buffers, DWORD count,
                          DWORD *sent, const struct sockaddr *to, int to_size)
{
    if (fault_is_due(&script_of(system)->send)) {
        WSASetLastError(script_of(system)->send.error);
        return SOCKET_ERROR;
    }
    return net_system_windows()->send_to(system, socket, buffers, count, sent, to, to_size);
}

static int script_getsockopt(struct net_system *system, SOCKET socket, int level, int name,
                             void *value, int *size)
{
    if (level == IPPROTO_UDP && name == UDP_SEND_MSG_SIZE &&
        script_of(system)->cutting != CUT_AS_REAL) {
        assert_int_equal(*size, sizeof(DWORD));
        memset(value, 0, sizeof(DWORD));
        return 0;
    }
    return net_system_windows()->getsockopt(system, socket, level, name, value, size);
}

/* Reads the one control message as Windows would. */
static DWORD segment_size_of(const WSAMSG *message)
{
    WSACMSGHDR header;
    DWORD size = 0;

    assert_int_equal(message->dwFlags, 0);
    assert_int_equal(message->Control.len, 24);
    memcpy(&header, message->Control.buf, sizeof(header));
    assert_int_equal(header.cmsg_len, 20);
    assert_int_equal(header.cmsg_level, IPPROTO_UDP);
    assert_int_equal(header.cmsg_type, UDP_SEND_MSG_SIZE);
    memcpy(&size, message->Control.buf + sizeof(header), sizeof(size));
    assert_true(size > 0);
    return size;
}

static int script_send_message(struct net_system *system, SOCKET socket, WSAMSG *message,
                               DWORD *sent)
{
    static uint8_t bytes[NET_DATAGRAM_MAX];
    struct script *const script = script_of(system);
    DWORD segment_size = segment_size_of(message);
    DWORD size = 0;

    script->messages++;
    if (fault_is_due(&script->send_message)) {
        WSASetLastError(script->send_message.error);
        return SOCKET_ERROR;
    }
    if (script->cutting == CUT_AS_REAL) {
        return net_system_windows()->send_message(system, socket, message, sent);
    }
    for (DWORD i = 0; i < message->dwBufferCount; i++) {
        const WSABUF *const buffer = &message->lpBuffers[i];
        assert_true(size + buffer->len <= sizeof(bytes));
        memcpy(bytes + size, buffer->buf, buffer->len);
        size += buffer->len;
    }
    assert_true(size > segment_size && size <= 64 * segment_size);
    *sent = size;
    if (script->cutting == CUT_NOT) {
        segment_size = size;
    }
    for (DWORD at = 0; at < size && script->cutting != CUT_AWAY; at += segment_size) {
        const DWORD left = size - at;
        WSABUF buffer = {.buf = (CHAR *)bytes + at,
                         .len = left < segment_size ? left : segment_size};
        DWORD taken = 0;
        assert_int_equal(net_system_windows()->send_to(system, socket, &buffer, 1, &taken,
                                                       message->name, message->namelen),
                         0);
    }
    return 0;
}

static BOOL script_operation_result(struct net_system *system, SOCKET socket,
                                    OVERLAPPED *overlapped, DWORD *transferred)
{
    if (overlapped->Internal == NTSTATUS_BAD) {
        WSASetLastError(script_of(system)->wake_up.error);
        return FALSE;
    }
    return net_system_windows()->operation_result(system, socket, overlapped, transferred);
}

static BOOL script_cancel(struct net_system *system, SOCKET socket)
{
    script_of(system)->cancelled++;
    return net_system_windows()->cancel(system, socket);
}

static HANDLE script_associate(struct net_system *system, HANDLE port, SOCKET socket, ULONG_PTR key)
{
    if (fault_is_due(&script_of(system)->associate)) {
        SetLastError((DWORD)script_of(system)->associate.error);
        return NULL;
    }
    return net_system_windows()->associate(system, port, socket, key);
}

static BOOL script_get_completions(struct net_system *system, HANDLE port,
                                   OVERLAPPED_ENTRY entries[], ULONG capacity, ULONG *count,
                                   DWORD timeout_ms)
{
    struct script *const script = script_of(system);
    struct net_system *const real = net_system_windows();

    /* With an operation in flight, "nothing" may only mean "not yet". */
    const DWORD moment_ms = timeout_ms < MOMENT_MS ? timeout_ms : MOMENT_MS;
    const DWORD real_timeout_ms = script->posted > 0 ? moment_ms : 0;
    if (!real->get_completions(system, port, entries, capacity, count, real_timeout_ms)) {
        const DWORD error = GetLastError();
        script->now_ns += (uint64_t)timeout_ms * STEP_NS;
        script->waited_ns += (uint64_t)timeout_ms * STEP_NS;
        SetLastError(error);
        return FALSE;
    }
    for (ULONG i = 0; i < *count; i++) {
        if (entries[i].lpOverlapped != NULL) {
            script->posted--;
            if (fault_is_due(&script->wake_up)) {
                entries[i].lpOverlapped->Internal = NTSTATUS_BAD;
            }
        }
    }
    return TRUE;
}

static BOOL script_post_completion(struct net_system *system, HANDLE port, ULONG_PTR key)
{
    if (fault_is_due(&script_of(system)->wake)) {
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
        return FALSE;
    }
    return net_system_windows()->post_completion(system, port, key);
}

static HANDLE script_create_timer(struct net_system *system)
{
    return script_of(system)->lacks_timer ? NULL : net_system_windows()->create_timer(system);
}

static void script_begin_period(struct net_system *system)
{
    script_of(system)->period_depth++;
    script_of(system)->period_calls++;
}

static void script_end_period(struct net_system *system)
{
    script_of(system)->period_depth--;
}

struct script make_script(void)
{
    struct script script = {.system = *net_system_windows(), .now_ns = 1000 * STEP_NS};
    struct net_system *const system = &script.system;

    system->now_ns = script_now_ns;
    system->socket = script_socket;
    system->close_socket = script_close_socket;
    system->bind = script_bind;
    system->ioctl = script_ioctl;
    system->post_recv = script_post_recv;
    system->recv_from = script_recv_from;
    system->send_to = script_send_to;
    system->send_message = script_send_message;
    system->getsockopt = script_getsockopt;
    system->operation_result = script_operation_result;
    system->cancel = script_cancel;
    system->associate = script_associate;
    system->get_completions = script_get_completions;
    system->post_completion = script_post_completion;
    system->create_timer = script_create_timer;
    system->begin_period = script_begin_period;
    system->end_period = script_end_period;
    return script;
}
