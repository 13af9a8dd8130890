/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_client.h"

#include "daemon/os/os.h"

#include <inttypes.h>
#include <stdlib.h>

/* What the options of a socket do, shown on two ends of one connection. docs/IO-MODELS.md says
 * which of them the relay uses and where. */

#define TIMED_ROUNDS 20

struct pair {
    SOCKET client;
    SOCKET server;
};

static void open_pair(struct pair *pair)
{
    uint16_t port = 0;

    assert_int_equal(io_sockets_start(), 0);
    const SOCKET listener = io_listen(&port);
    assert_true(listener != INVALID_SOCKET);
    pair->client = client_connect(port);
    pair->server = accept(listener, NULL, NULL);
    assert_true(pair->server != INVALID_SOCKET);
    client_set_patience(pair->server, 20000);
    client_close(listener);
}

static void close_pair(struct pair *pair)
{
    if (pair->client != INVALID_SOCKET) {
        client_close(pair->client);
    }
    if (pair->server != INVALID_SOCKET) {
        client_close(pair->server);
    }
    io_sockets_stop();
}

static void set_option(SOCKET socket_handle, int level, int option, int value)
{
    assert_int_equal(setsockopt(socket_handle, level, option, (const char *)&value, sizeof(value)),
                     0);
}

static int get_option(SOCKET socket_handle, int level, int option)
{
    int value = 0; /* Windows writes one byte only for some of those that are on or off. */
    socklen_t size = sizeof(value);

    assert_int_equal(getsockopt(socket_handle, level, option, (char *)&value, &size), 0);
    return value;
}

static void set_linger(SOCKET socket_handle, bool is_on, unsigned short seconds)
{
    const struct linger linger = {.l_onoff = is_on, .l_linger = seconds};
    struct linger granted = {0};
    socklen_t size = sizeof(granted);

    assert_int_equal(
        setsockopt(socket_handle, SOL_SOCKET, SO_LINGER, (const char *)&linger, sizeof(linger)), 0);
    assert_int_equal(getsockopt(socket_handle, SOL_SOCKET, SO_LINGER, (char *)&granted, &size), 0);
    assert_int_equal(granted.l_onoff != 0, is_on);
    assert_int_equal(granted.l_linger, seconds);
}

/* --- How a connection ends ------------------------------------------------------------------- */

static void half_close__sd_send__the_other_direction_goes_on(void **state)
{
    struct pair pair;
    char bytes[4] = {0};

    (void)state;
    open_pair(&pair);
    client_send(pair.client, "last", 4);
    client_finish(pair.client);
    assert_int_equal(send(pair.client, "more", 4, 0), SOCKET_ERROR);
    client_receive(pair.server, bytes, 4);
    assert_memory_equal(bytes, "last", 4);
    client_expect_end(pair.server);
    /* The server has seen the end and still answers. */
    client_send(pair.server, "okay", 4);
    client_finish(pair.server);
    client_receive(pair.client, bytes, 4);
    assert_memory_equal(bytes, "okay", 4);
    client_expect_end(pair.client);
    close_pair(&pair);
}

/* Off, as every new socket has it: closing returns at once, and the system still delivers. On with
 * seconds: closing waits for that, and so holds its thread; what a loop must never do. */
static void linger__off_or_with_seconds__every_byte_arrives(void **state)
{
    static uint8_t sent[20000];
    static uint8_t received[20000];

    (void)state;
    client_pattern(1, sent, sizeof(sent));
    for (int is_on = 0; is_on <= 1; is_on++) {
        struct pair pair;
        open_pair(&pair);
        set_linger(pair.client, is_on != 0, is_on ? 10 : 0);
        client_send(pair.client, sent, sizeof(sent));
        client_close(pair.client);
        pair.client = INVALID_SOCKET;
        client_receive(pair.server, received, sizeof(received));
        assert_memory_equal(sent, received, sizeof(sent));
        client_expect_end(pair.server);
        close_pair(&pair);
    }
}

/* On with nought seconds: closing throws away what was not sent and resets the connection. */
static void linger__on_with_nought__is_a_reset(void **state)
{
    struct pair pair;
    char byte = 0;

    (void)state;
    open_pair(&pair);
    set_linger(pair.client, true, 0);
    client_close(pair.client);
    pair.client = INVALID_SOCKET;
    /* Wine reads a reset as an end when no receive was posted before it came. Sending tells them
     * apart: after an end the first bytes go, after a reset none do. */
    assert_true(recv(pair.server, &byte, 1, 0) <= 0);
    assert_int_equal(send(pair.server, "x", 1, 0), SOCKET_ERROR);
    close_pair(&pair);
}

static void use__after_the_peer_is_gone__fails_and_goes_on_failing(void **state)
{
    struct pair pair;
    char bytes[100] = {0};
    bool has_failed = false;

    (void)state;
    open_pair(&pair);
    client_close(pair.server);
    pair.server = INVALID_SOCKET;
    /* The first bytes may go: only the answer to them says that nobody is there. */
    for (unsigned i = 0; i < 1000 && !has_failed; i++) {
        has_failed = send(pair.client, bytes, sizeof(bytes), 0) == SOCKET_ERROR;
        os_sleep_ms(1);
    }
    assert_true(has_failed);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(send(pair.client, bytes, sizeof(bytes), 0), SOCKET_ERROR);
        assert_true(recv(pair.client, bytes, sizeof(bytes), 0) <= 0);
    }
    close_pair(&pair);
}

/* --- Options --------------------------------------------------------------------------------- */

static void keepalive__on_and_off__reads_back(void **state)
{
    struct pair pair;

    (void)state;
    open_pair(&pair);
    assert_int_equal(get_option(pair.client, SOL_SOCKET, SO_KEEPALIVE), 0);
    set_option(pair.client, SOL_SOCKET, SO_KEEPALIVE, 1);
    assert_true(get_option(pair.client, SOL_SOCKET, SO_KEEPALIVE) != 0);
    set_option(pair.client, SOL_SOCKET, SO_KEEPALIVE, 0);
    assert_int_equal(get_option(pair.client, SOL_SOCKET, SO_KEEPALIVE), 0);
    close_pair(&pair);
}

/* Asking is one thing and having another: Linux doubles for its own needs, and cuts at a limit of
 * the machine; so the relay reads back and logs what it got. Wine reads back what was asked. More
 * than twice is what the system gives unasked: then the option did not arrive. */
static void buffers__set__read_back_and_not_what_was_before(void **state)
{
    static const int sizes[] = {16384, 65536, 131072};
    struct pair pair;

    (void)state;
    open_pair(&pair);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        set_option(pair.client, SOL_SOCKET, SO_SNDBUF, sizes[i]);
        set_option(pair.client, SOL_SOCKET, SO_RCVBUF, sizes[i]);
        const int send_bytes = get_option(pair.client, SOL_SOCKET, SO_SNDBUF);
        const int receive_bytes = get_option(pair.client, SOL_SOCKET, SO_RCVBUF);
        (void)printf("asked for %d: SO_SNDBUF %d, SO_RCVBUF %d\n", sizes[i], send_bytes,
                     receive_bytes);
        assert_in_range(send_bytes, sizes[i], 2 * sizes[i]);
        assert_in_range(receive_bytes, sizes[i], 2 * sizes[i]);
    }
    close_pair(&pair);
}

static int compare(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* A request in two small writes, answered when both are there. */
static uint64_t ask_in_two_writes(const struct pair *pair)
{
    const uint64_t begin_ns = os_clock_ns();
    char bytes[2] = {0};

    client_send(pair->client, "a", 1);
    client_send(pair->client, "b", 1);
    client_receive(pair->server, bytes, 2);
    assert_memory_equal(bytes, "ab", 2);
    client_send(pair->server, "c", 1);
    client_receive(pair->client, bytes, 1);
    return os_clock_ns() - begin_ns;
}

/* TCP_NODELAY on means that Nagle's algorithm is off. With the algorithm the second write waits
 * until the first one is acknowledged, and the other side puts off its acknowledgement, hoping to
 * send it along with an answer: tens of milliseconds for nothing. Shown, not asserted. */
static void no_delay__small_writes__are_timed(void **state)
{
    (void)state;
    for (int is_on = 0; is_on <= 1; is_on++) {
        uint64_t times_ns[TIMED_ROUNDS];
        struct pair pair;
        open_pair(&pair);
        set_option(pair.client, IPPROTO_TCP, TCP_NODELAY, is_on);
        assert_int_equal(get_option(pair.client, IPPROTO_TCP, TCP_NODELAY) != 0, is_on);
        for (unsigned i = 0; i < TIMED_ROUNDS; i++) {
            times_ns[i] = ask_in_two_writes(&pair);
        }
        qsort(times_ns, TIMED_ROUNDS, sizeof(times_ns[0]), compare);
        (void)printf("TCP_NODELAY %s: median %" PRIu64 " us, slowest %" PRIu64 " us\n",
                     is_on ? "on" : "off", times_ns[TIMED_ROUNDS / 2] / 1000,
                     times_ns[TIMED_ROUNDS - 1] / 1000);
        close_pair(&pair);
    }
}

/* --- Connected UDP --------------------------------------------------------------------------- */

static void udp__connected__sends_without_address_and_hears_its_peer_only(void **state)
{
    uint16_t port = 0;
    uint16_t stranger_port = 0;
    struct sockaddr_in own;
    socklen_t own_size = sizeof(own);
    struct sockaddr_in from;
    socklen_t from_size = sizeof(from);
    char bytes[100];

    (void)state;
    assert_int_equal(io_sockets_start(), 0);
    const SOCKET peer = io_bind_udp(&port);
    const SOCKET stranger = io_bind_udp(&stranger_port);
    const SOCKET client = client_udp(port);
    assert_int_equal(getsockname(client, (struct sockaddr *)&own, &own_size), 0);
    assert_int_equal(send(client, "hello", 5, 0), 5);
    assert_int_equal(recvfrom(peer, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_size),
                     5);
    assert_int_equal(from.sin_port, own.sin_port);
    /* The stranger speaks first, and is not heard. */
    assert_int_equal(sendto(stranger, "stranger", 8, 0, (const struct sockaddr *)&own, own_size),
                     8);
    assert_int_equal(sendto(peer, "peer", 4, 0, (const struct sockaddr *)&own, own_size), 4);
    assert_int_equal(recv(client, bytes, sizeof(bytes), 0), 4);
    assert_memory_equal(bytes, "peer", 4);
    client_close(client);
    client_close(peer);
    client_close(stranger);
    io_sockets_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_close__sd_send__the_other_direction_goes_on),
        cmocka_unit_test(linger__off_or_with_seconds__every_byte_arrives),
        cmocka_unit_test(linger__on_with_nought__is_a_reset),
        cmocka_unit_test(use__after_the_peer_is_gone__fails_and_goes_on_failing),
        cmocka_unit_test(keepalive__on_and_off__reads_back),
        cmocka_unit_test(buffers__set__read_back_and_not_what_was_before),
        cmocka_unit_test(no_delay__small_writes__are_timed),
        cmocka_unit_test(udp__connected__sends_without_address_and_hears_its_peer_only),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
