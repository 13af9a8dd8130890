/* SPDX-License-Identifier: MIT */
#include "tests/net/tcp_script_windows.h"

#include <mstcpip.h>

#include "tests/net/process_windows.h"

/* Real time that a wait takes at most. */
#define MOMENT_MS 5

static struct script *script_of(struct net_system *system)
{
    return (struct script *)system;
}

/* Whether the call is to fail; then the error is set. */
static bool fails(struct fault *fault)
{
    if (!fault_is_due(fault)) {
        return false;
    }
    SetLastError((DWORD)fault->error);
    return true;
}

/* One of eight calls, where chance decides. */
static bool fails_by_chance(struct script *script, int error)
{
    if (!script->is_random || fault_random(&script->seed) % 8 != 0) {
        return false;
    }
    WSASetLastError(error);
    return true;
}

static uint64_t script_now_ns(struct net_system *system)
{
    return script_of(system)->now_ns;
}

static SOCKET script_socket(struct net_system *system, int family, int type, int protocol)
{
    if (fails(&script_of(system)->make_socket)) {
        return INVALID_SOCKET;
    }
    const SOCKET socket = net_system_windows()->socket(system, family, type, protocol);
    script_of(system)->open_sockets += socket != INVALID_SOCKET;
    return socket;
}

static int script_listen(struct net_system *system, SOCKET socket, int backlog)
{
    return fails(&script_of(system)->listen)
               ? SOCKET_ERROR
               : net_system_windows()->listen(system, socket, backlog);
}

static int script_close_socket(struct net_system *system, SOCKET socket)
{
    struct script *const script = script_of(system);
    const struct net_tcp *const net = script->world.net;

    for (uint32_t i = 0; net != NULL && i < net->max_connections; i++) {
        if (net->conns[i].socket == socket) {
            assert_false(net->conns[i].recv.is_in_flight);
            assert_false(net->conns[i].send.is_in_flight);
        }
    }
    /* While the memory of the net is still there: damage shows in living blocks only. */
    assert_int_equal(process_check_heaps(NULL), 0);
    script->open_sockets--;
    return net_system_windows()->close_socket(system, socket);
}

static int script_setsockopt(struct net_system *system, SOCKET socket, int level, int name,
                             const void *value, int size)
{
    if (name == SO_UPDATE_ACCEPT_CONTEXT && fails(&script_of(system)->update_context)) {
        return SOCKET_ERROR;
    }
    return net_system_windows()->setsockopt(system, socket, level, name, value, size);
}

static int script_ioctl(struct net_system *system, SOCKET socket, DWORD code, void *in,
                        DWORD in_size, void *out, DWORD out_size)
{
    struct script *const script = script_of(system);

    if (code == SIO_GET_EXTENSION_FUNCTION_POINTER && fails(&script->find_extension)) {
        return SOCKET_ERROR;
    }
    if (code == (DWORD)SIO_KEEPALIVE_VALS) {
        const struct tcp_keepalive *const values = in;
        script->keepalive.calls++;
        script->keepalive.on = values->onoff;
        script->keepalive.idle_ms = values->keepalivetime;
        script->keepalive.interval_ms = values->keepaliveinterval;
    }
    return net_system_windows()->ioctl(system, socket, code, in, in_size, out, out_size);
}

static int script_recv(struct net_system *system, SOCKET socket, void *bytes, int size)
{
    struct script *const script = script_of(system);

    if (fails(&script->recv) || fails_by_chance(script, WSAENOBUFS)) {
        return SOCKET_ERROR;
    }
    return net_system_windows()->recv(system, socket, bytes, size);
}

static int script_post_recv(struct net_system *system, SOCKET socket, WSABUF *buffers, DWORD count,
                            DWORD flags, OVERLAPPED *overlapped)
{
    struct script *const script = script_of(system);

    assert_int_equal(buffers[0].len, 0);
    assert_int_equal(flags, 0);
    if (fails(&script->post_recv) || fails_by_chance(script, WSAENOBUFS)) {
        return SOCKET_ERROR;
    }
    return net_system_windows()->post_recv(system, socket, buffers, count, flags, overlapped);
}

/* Cuts the buffers to what the script lets through. Returns their new count. */
static DWORD limit_buffers(struct script *script, WSABUF *buffers, DWORD count)
{
    unsigned room = script->send_limit_bytes;

    if (script->is_random) {
        room = 1 + fault_random(&script->seed) % 2000;
    }
    if (room == 0) {
        return count;
    }
    for (DWORD i = 0; i < count; i++) {
        if (buffers[i].len >= room) {
            buffers[i].len = room;
            return i + 1;
        }
        room -= buffers[i].len;
    }
    return count;
}

static int script_post_send(struct net_system *system, SOCKET socket, WSABUF *buffers, DWORD count,
                            DWORD *sent, OVERLAPPED *overlapped)
{
    struct script *const script = script_of(system);

    if (overlapped == NULL ? fails(&script->send_at_once) : fails(&script->post_send)) {
        return SOCKET_ERROR;
    }
    if (fails_by_chance(script, overlapped == NULL ? WSAEWOULDBLOCK : WSAENOBUFS)) {
        return SOCKET_ERROR;
    }
    return net_system_windows()->post_send(system, socket, buffers,
                                           limit_buffers(script, buffers, count), sent, overlapped);
}

static BOOL script_post_accept(struct net_system *system, LPFN_ACCEPTEX call, SOCKET listener,
                               SOCKET socket, void *addresses, DWORD address_size,
                               OVERLAPPED *overlapped)
{
    if (fails(&script_of(system)->post_accept)) {
        return FALSE;
    }
    script_of(system)->accepts_posted++;
    return net_system_windows()->post_accept(system, call, listener, socket, addresses,
                                             address_size, overlapped);
}

static BOOL script_post_connect(struct net_system *system, LPFN_CONNECTEX call, SOCKET socket,
                                const struct sockaddr *address, int size, OVERLAPPED *overlapped)
{
    return fails(&script_of(system)->post_connect)
               ? FALSE
               : net_system_windows()->post_connect(system, call, socket, address, size,
                                                    overlapped);
}

static BOOL script_operation_result(struct net_system *system, SOCKET socket,
                                    OVERLAPPED *overlapped, DWORD *transferred)
{
    struct script *const script = script_of(system);
    const struct tcp_op *const op = CONTAINING_RECORD(overlapped, struct tcp_op, overlapped);
    struct fault *const faults[] = {
        [OP_ACCEPT] = &script->accept_result,
        [OP_RECV] = &script->recv_result,
        [OP_SEND] = &script->send_result,
    };
    const BOOL result =
        net_system_windows()->operation_result(system, socket, overlapped, transferred);

    return fails(faults[op->kind]) ? FALSE : result;
}

static BOOL script_cancel(struct net_system *system, SOCKET socket)
{
    script_of(system)->cancels++;
    return net_system_windows()->cancel(system, socket);
}

static HANDLE script_associate(struct net_system *system, HANDLE port, SOCKET socket, ULONG_PTR key)
{
    return fails(&script_of(system)->associate)
               ? NULL
               : net_system_windows()->associate(system, port, socket, key);
}

/* Gives what was held back, or takes more of it. */
static BOOL release_held(struct script *script, OVERLAPPED_ENTRY entries[], ULONG *count)
{
    memcpy(entries, script->held, script->held_count * sizeof(entries[0]));
    *count = script->held_count;
    script->held_count = 0;
    return TRUE;
}

static BOOL script_get_completions(struct net_system *system, HANDLE port,
                                   OVERLAPPED_ENTRY entries[], ULONG capacity, ULONG *count,
                                   DWORD timeout_ms)
{
    struct script *const script = script_of(system);

    if (script->is_random) {
        /* With always something to do no wait would move the clock. */
        script->now_ns += STEP_NS;
    }
    if (!script->holds_completions && script->held_count > 0) {
        return release_held(script, entries, count);
    }
    const DWORD real_ms = timeout_ms < MOMENT_MS ? timeout_ms : MOMENT_MS;
    if (!net_system_windows()->get_completions(system, port, entries, capacity, count, real_ms)) {
        const DWORD error = GetLastError();
        script->now_ns += (uint64_t)timeout_ms * STEP_NS;
        SetLastError(error);
        return FALSE;
    }
    if (script->holds_completions) {
        assert_true(script->held_count + *count <= HELD_BACK_MAX);
        memcpy(script->held + script->held_count, entries, *count * sizeof(entries[0]));
        script->held_count += *count;
        *count = 0;
    }
    return TRUE;
}

void script_init(struct script *script)
{
    *script = (struct script){.system = *net_system_windows(), .now_ns = 1000 * STEP_NS};
    struct net_system *const system = &script->system;

    system->now_ns = script_now_ns;
    system->socket = script_socket;
    system->listen = script_listen;
    system->close_socket = script_close_socket;
    system->setsockopt = script_setsockopt;
    system->ioctl = script_ioctl;
    system->recv = script_recv;
    system->post_recv = script_post_recv;
    system->post_send = script_post_send;
    system->post_accept = script_post_accept;
    system->post_connect = script_post_connect;
    system->operation_result = script_operation_result;
    system->cancel = script_cancel;
    system->associate = script_associate;
    system->get_completions = script_get_completions;
}

void script_open_with(struct script *script, struct net_tcp_options options)
{
    const struct addr address = loopback4(0);

    options.addresses = &address;
    options.address_count = 1;
    options.system = &script->system;
    world_open_with(&script->world, &options);
}

void script_open(struct script *script)
{
    script_open_with(script, tcp_options(NULL, 0));
}

void script_visit(struct script *script)
{
    struct net_conn conn;
    struct peer *const peer = join(&script->world, &conn);

    drop(&script->world, conn, NET_CLOSE_ABORT);
    PUMP_UNTIL(&script->world, script->world.net->conns[conn.index].state == CONN_FREE);
    peer_close(peer);
}

void script_close(struct script *script)
{
    world_close(&script->world);
    assert_int_equal(script->open_sockets, 0);
    assert_int_equal(script->held_count, 0);
}
