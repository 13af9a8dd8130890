/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_client.h"

/* What only Windows has: the two meanings of sharing an address, and operations in flight. */

static SOCKET bind_with(uint16_t port, int option)
{
    const struct sockaddr_in address = io_loopback(port);
    const BOOL on = TRUE;
    const SOCKET socket_handle = socket(AF_INET, SOCK_DGRAM, 0);

    assert_true(socket_handle != INVALID_SOCKET);
    if (option != 0) {
        assert_int_equal(
            setsockopt(socket_handle, SOL_SOCKET, option, (const char *)&on, sizeof(on)), 0);
    }
    if (bind(socket_handle, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        const int error = WSAGetLastError();
        (void)closesocket(socket_handle);
        WSASetLastError(error);
        return INVALID_SOCKET;
    }
    return socket_handle;
}

static uint16_t port_of(SOCKET socket_handle)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    assert_int_equal(getsockname(socket_handle, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static int start(void **state)
{
    (void)state;
    return io_sockets_start();
}

static int stop(void **state)
{
    (void)state;
    io_sockets_stop();
    return 0;
}

/* What a server wants: the port is its own, whatever the second one tries. */
static void address__exclusive__a_second_bind_is_refused(void **state)
{
    const SOCKET first = bind_with(0, SO_EXCLUSIVEADDRUSE);

    (void)state;
    assert_true(first != INVALID_SOCKET);
    const uint16_t port = port_of(first);
    assert_true(bind_with(port, SO_REUSEADDR) == INVALID_SOCKET);
    assert_int_equal(WSAGetLastError(), WSAEACCES);
    assert_true(bind_with(port, SO_EXCLUSIVEADDRUSE) == INVALID_SOCKET);
    assert_true(bind_with(port, 0) == INVALID_SOCKET);
    client_close(first);
    const SOCKET next = bind_with(port, SO_EXCLUSIVEADDRUSE);
    assert_true(next != INVALID_SOCKET);
    client_close(next);
}

/* The name is that of Linux and the meaning is not: here it lets anybody take the port over. */
static void address__reuse__a_second_bind_takes_the_port(void **state)
{
    const SOCKET first = bind_with(0, SO_REUSEADDR);

    (void)state;
    assert_true(first != INVALID_SOCKET);
    const SOCKET second = bind_with(port_of(first), SO_REUSEADDR);
    assert_true(second != INVALID_SOCKET);
    assert_true(bind_with(port_of(first), 0) == INVALID_SOCKET);
    client_close(second);
    client_close(first);
}

static void address__both_options__the_second_is_refused(void **state)
{
    const BOOL on = TRUE;
    const SOCKET socket_handle = socket(AF_INET, SOCK_DGRAM, 0);

    (void)state;
    assert_int_equal(
        setsockopt(socket_handle, SOL_SOCKET, SO_REUSEADDR, (const char *)&on, sizeof(on)), 0);
    assert_int_equal(
        setsockopt(socket_handle, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&on, sizeof(on)),
        SOCKET_ERROR);
    client_close(socket_handle);
}

/* A receive and a send are with the system when the peer breaks the connection off: both end, with
 * errors, and only then may their memory go. The number of the error is nobody's business. */
static void in_flight__the_peer_resets__both_operations_end(void **state)
{
    static char output[16 * 1024 * 1024];
    static char input[100];
    OVERLAPPED receiving = {.hEvent = WSACreateEvent()};
    OVERLAPPED sending = {.hEvent = WSACreateEvent()};
    WSABUF received = {.len = sizeof(input), .buf = input};
    WSABUF sent = {.len = sizeof(output), .buf = output};
    uint16_t port = 0;
    DWORD flags = 0;
    DWORD count = 0;

    (void)state;
    const SOCKET listener = io_listen(&port);
    const SOCKET peer = client_connect(port);
    const SOCKET server = accept(listener, NULL, NULL);
    assert_true(server != INVALID_SOCKET);
    /* Pending is no failure. */
    assert_int_equal(WSARecv(server, &received, 1, NULL, &flags, &receiving, NULL), SOCKET_ERROR);
    assert_int_equal(WSAGetLastError(), WSA_IO_PENDING);
    const int status = WSASend(server, &sent, 1, NULL, 0, &sending, NULL);
    assert_true(status == 0 || WSAGetLastError() == WSA_IO_PENDING);
    client_reset(peer);
    assert_false(WSAGetOverlappedResult(server, &receiving, &count, TRUE, &flags));
    if (status != 0) {
        assert_false(WSAGetOverlappedResult(server, &sending, &count, TRUE, &flags));
    }
    /* Whatever is done with it now fails; nothing waits, nothing ends the program. */
    assert_int_equal(send(server, "x", 1, 0), SOCKET_ERROR);
    assert_true(recv(server, input, sizeof(input), 0) <= 0);
    client_close(server);
    client_close(listener);
    (void)WSACloseEvent(receiving.hEvent);
    (void)WSACloseEvent(sending.hEvent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address__exclusive__a_second_bind_is_refused),
        cmocka_unit_test(address__reuse__a_second_bind_takes_the_port),
        cmocka_unit_test(address__both_options__the_second_is_refused),
        cmocka_unit_test(in_flight__the_peer_resets__both_operations_end),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, start, stop);
}
