/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_client.h"

#include "daemon/os/os.h"
#include "tests/bench/io_models/io_client_parts.h"

#define PATIENCE_MS    20000
#define RESEND_MS      500
#define RESENDS_MAX    40
#define FLOOD_PAUSE_MS 30
#define EMPTY_TRIES    2000
#define EMPTY_STEP_MS  10

static SOCKET open_client(int type, uint16_t port)
{
    const struct sockaddr_in address = io_loopback(port);
    SOCKET client = socket(AF_INET, type, 0);

    assert_true(client != INVALID_SOCKET);
    client = client_system_move_away(client);
    client_set_patience(client, PATIENCE_MS);
    assert_int_equal(connect(client, (const struct sockaddr *)&address, sizeof(address)), 0);
    return client;
}

SOCKET client_connect(uint16_t port)
{
    return open_client(SOCK_STREAM, port);
}

SOCKET client_udp(uint16_t port)
{
    return open_client(SOCK_DGRAM, port);
}

void client_set_patience(SOCKET client, uint32_t timeout_ms)
{
    assert_int_equal(client_system_set_timeout(client, timeout_ms), 0);
}

void client_pattern(uint32_t seed, void *out, int size)
{
    uint8_t *const bytes = out;
    uint32_t word = seed * 2654435761u + 1;

    for (int i = 0; i < size; i++) {
        word = word * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(word >> 24);
    }
}

void client_send(SOCKET client, const void *bytes, int size)
{
    const char *next = bytes;

    while (size > 0) {
        const int count = send(client, next, size, 0);
        assert_true(count > 0);
        next += count;
        size -= count;
    }
}

void client_receive(SOCKET client, void *bytes, int size)
{
    char *next = bytes;

    while (size > 0) {
        const int count = recv(client, next, size, 0);
        assert_true(count > 0);
        next += count;
        size -= count;
    }
}

void client_echo(SOCKET client, uint32_t seed, int size)
{
    uint8_t sent[IO_TCP_BYTES];
    uint8_t received[IO_TCP_BYTES];

    assert_true(size <= (int)sizeof(sent));
    client_pattern(seed, sent, size);
    client_send(client, sent, size);
    client_receive(client, received, size);
    assert_memory_equal(sent, received, (size_t)size);
}

void client_expect_end(SOCKET client)
{
    char byte = 0;

    assert_int_equal(recv(client, &byte, 1, 0), 0);
}

void client_expect_over(SOCKET client)
{
    char bytes[IO_TCP_BYTES];
    int count = 0;

    do {
        count = recv(client, bytes, sizeof(bytes), 0);
    } while (count > 0);
    /* Running out of patience is another thing than an end. */
    assert_true(count == 0 || WSAGetLastError() != WSAETIMEDOUT);
}

void client_finish(SOCKET client)
{
    assert_int_equal(shutdown(client, SD_SEND), 0);
}

void client_close(SOCKET client)
{
    assert_int_equal(closesocket(client), 0);
}

void client_reset(SOCKET client)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    assert_int_equal(
        setsockopt(client, SOL_SOCKET, SO_LINGER, (const char *)&at_once, sizeof(at_once)), 0);
    client_close(client);
}

void client_echo_datagram(SOCKET client, const void *bytes, int size)
{
    static char received[IO_UDP_BYTES];

    client_set_patience(client, RESEND_MS);
    for (unsigned i = 0; i < RESENDS_MAX; i++) {
        int count = 0;
        assert_int_equal(send(client, bytes, size, 0), size);
        while ((count = recv(client, received, sizeof(received), 0)) >= 0) {
            if (count == size && memcmp(received, bytes, (size_t)size) == 0) {
                client_set_patience(client, PATIENCE_MS);
                return;
            }
        }
    }
    fail_msg("a datagram of %d bytes did not come back", size);
}

long client_flood(SOCKET client)
{
    static const char bytes[65536] = {0};
    u_long off = 0;
    long total = 0;
    bool has_moved = true;

    assert_true(io_set_nonblocking(client));
    while (has_moved) {
        int count = 0;
        has_moved = false;
        while ((count = send(client, bytes, sizeof(bytes), 0)) > 0) {
            total += count;
            has_moved = true;
        }
        assert_int_equal(WSAGetLastError(), WSAEWOULDBLOCK);
        os_sleep_ms(FLOOD_PAUSE_MS);
    }
    assert_int_equal(ioctlsocket(client, (long)FIONBIO, &off), 0);
    return total;
}

void client_wait_until_empty(struct io_server *server)
{
    for (unsigned i = 0; i < EMPTY_TRIES; i++) {
        if (atomic_load(&server->closed) == atomic_load(&server->accepted)) {
            return;
        }
        os_sleep_ms(EMPTY_STEP_MS);
    }
    fail_msg("%u connections were taken, %u given up", atomic_load(&server->accepted),
             atomic_load(&server->closed));
}
