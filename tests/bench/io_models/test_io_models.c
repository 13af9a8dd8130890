/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_client.h"

#include "daemon/os/os.h"
#include "proto/frame.h"
#include "tests/bench/io_models/io_client_parts.h"

/* What every model must do, whatever way it does it.
 *
 * usage: test_io_models MODEL */

#define CLIENTS_MAX      500
#define LARGEST_DATAGRAM 65507

static const struct io_model *model;
static struct io_server server;
static SOCKET clients[CLIENTS_MAX];

static int start_server(void **state)
{
    (void)state;
    memset(&server, 0, sizeof(server));
    return io_sockets_start() == 0 && model->start(&server) == 0 ? 0 : -1;
}

static int stop_server(void **state)
{
    (void)state;
    (model->stop)(&server); /* cmocka has a macro of that name. */
    io_sockets_stop();
    return atomic_load(&server.closed) == atomic_load(&server.accepted) &&
                   client_system_check_heaps() == 0
               ? 0
               : -1;
}

/* --- Many at once ---------------------------------------------------------------------------- */

/* All are open before the first one speaks, and all have spoken before the first one listens. */
static void echo_at_once(unsigned count)
{
    uint8_t sent[300];
    uint8_t received[300];

    for (unsigned i = 0; i < count; i++) {
        clients[i] = client_connect(server.tcp_port);
    }
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < count; i++) {
            client_pattern(i, sent, sizeof(sent));
            client_send(clients[i], sent, sizeof(sent));
        }
        for (unsigned i = count; i > 0; i--) {
            client_pattern(i - 1, sent, sizeof(sent));
            client_receive(clients[i - 1], received, sizeof(received));
            assert_memory_equal(sent, received, sizeof(sent));
        }
    }
    assert_int_equal(atomic_load(&server.accepted) - atomic_load(&server.closed), count);
    for (unsigned i = 0; i < count; i++) {
        client_close(clients[i]);
    }
    client_wait_until_empty(&server);
}

static void tcp__one_connection__echoes(void **state)
{
    (void)state;
    echo_at_once(1);
}

/* 64 is what an fd_set holds, and what WSAWaitForMultipleEvents takes. */
static void tcp__64_connections__echo(void **state)
{
    (void)state;
    echo_at_once(64);
}

static void tcp__65_connections__echo(void **state)
{
    (void)state;
    echo_at_once(65);
}

static void tcp__500_connections__echo(void **state)
{
    (void)state;
    echo_at_once(500);
    /* And again, in places that were used before. */
    echo_at_once(65);
}

static void tcp__much_data__comes_back_in_order(void **state)
{
    const SOCKET client = client_connect(server.tcp_port);

    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        client_echo(client, i, 1 + (int)(i * 997 % IO_TCP_BYTES));
    }
    client_close(client);
}

static void udp__500_sources__each_gets_its_own(void **state)
{
    uint8_t bytes[100];

    (void)state;
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        clients[i] = client_udp(server.udp_port);
        client_pattern(i, bytes, sizeof(bytes));
        assert_int_equal(send(clients[i], (const char *)bytes, sizeof(bytes), 0), sizeof(bytes));
    }
    /* Connected sockets hear the server only. What was lost in the burst is asked for again. */
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        client_pattern(i, bytes, sizeof(bytes));
        client_echo_datagram(clients[i], bytes, sizeof(bytes));
        client_close(clients[i]);
    }
}

/* --- Datagrams ------------------------------------------------------------------------------- */

static void udp__no_bytes__is_a_datagram(void **state)
{
    const SOCKET client = client_udp(server.udp_port);

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        client_echo_datagram(client, "", 0);
    }
    /* And nobody took it for an end. */
    client_echo_datagram(client, "after", 5);
    client_close(client);
}

static void udp__largest_datagram__comes_back_whole(void **state)
{
    static uint8_t bytes[LARGEST_DATAGRAM];
    const SOCKET client = client_udp(server.udp_port);

    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        client_pattern(i, bytes, sizeof(bytes));
        client_echo_datagram(client, bytes, sizeof(bytes));
    }
    client_close(client);
}

static void udp__ten_sends_of_100__ten_receives_of_100(void **state)
{
    const SOCKET client = client_udp(server.udp_port);
    uint8_t sent[100];
    uint8_t received[1000];

    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        client_pattern(i, sent, sizeof(sent));
        assert_int_equal(send(client, (const char *)sent, sizeof(sent), 0), sizeof(sent));
    }
    /* There would be room for all of them in one receive; a datagram is never joined to another. On
     * loopback ten that fit into the buffers are not lost, and they keep their order where one
     * receive is posted at a time; so each is looked for among all. */
    uint32_t seen = 0;
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(recv(client, (char *)received, sizeof(received), 0), 100);
        for (uint32_t k = 0; k < 10; k++) {
            client_pattern(k, sent, sizeof(sent));
            if (memcmp(sent, received, sizeof(sent)) == 0) {
                seen |= 1u << k;
            }
        }
    }
    assert_int_equal(seen, 0x3FF);
    client_close(client);
}

static void udp__a_source_is_gone__the_others_are_served(void **state)
{
    const struct sockaddr_in address = io_loopback(server.udp_port);
    const SOCKET other = client_udp(server.udp_port);

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        /* Its echo finds nobody, and the system may tell the server so. */
        const SOCKET gone = socket(AF_INET, SOCK_DGRAM, 0);
        assert_true(gone != INVALID_SOCKET);
        (void)sendto(gone, "bye", 3, 0, (const struct sockaddr *)&address, sizeof(address));
        client_close(gone);
        client_echo_datagram(other, "here", 4);
    }
    client_close(other);
}

/* --- Streams --------------------------------------------------------------------------------- */

/* Frames of 1 to 40 bytes, each with its number as content: a stream that says where it is cut. */
#define FRAMES 100

static int write_frames(uint8_t *out)
{
    int size = 0;

    for (int i = 0; i < FRAMES; i++) {
        const int length = i % 40 + 1;
        frame_length_write(out + size, (uint16_t)length);
        memset(out + size + FRAME_LENGTH_SIZE, i, (size_t)length);
        size += FRAME_LENGTH_SIZE + length;
    }
    return size;
}

/* Takes what one receive brought; *next_inout is the frame that is expected. */
static void read_frames(struct frame_reader *reader, uint8_t *frame, const uint8_t *bytes,
                        size_t size, int *next_inout)
{
    while (size > 0) {
        size_t taken = 0;
        size_t frame_size = 0;
        const enum frame_result result =
            frame_reader_feed(reader, frame, bytes, size, &taken, &frame_size);
        assert_true(result != FRAME_BAD);
        bytes += taken;
        size -= taken;
        if (result == FRAME_READY) {
            assert_int_equal(frame_size, *next_inout % 40 + 1);
            for (size_t i = 0; i < frame_size; i++) {
                assert_int_equal(frame[i], *next_inout);
            }
            (*next_inout)++;
        }
    }
}

/* A stream has no borders: what was written in pieces may come in lumps and the other way round, so
 * the reader finds the frames by their lengths alone. */
static void tcp__frames_in_1_to_100_writes__are_framed_again(void **state)
{
    static uint8_t stream[FRAMES * (FRAME_LENGTH_SIZE + 40)];
    const int stream_size = write_frames(stream);
    const SOCKET client = client_connect(server.tcp_port);
    const int on = 1;

    (void)state;
    assert_int_equal(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof(on)),
                     0);
    for (int writes = 1; writes <= 100; writes++) {
        struct frame_reader reader;
        uint8_t frame[40];
        uint8_t bytes[333];
        int received = 0;
        int next = 0;
        for (int i = 0; i < writes; i++) {
            const int begin = stream_size * i / writes;
            const int end = stream_size * (i + 1) / writes;
            client_send(client, stream + begin, end - begin);
        }
        frame_reader_init(&reader, 1, 40);
        while (received < stream_size) {
            const int left = stream_size - received;
            const int room = left < (int)sizeof(bytes) ? left : (int)sizeof(bytes);
            const int count = recv(client, (char *)bytes, room, 0);
            assert_true(count > 0);
            received += count;
            read_frames(&reader, frame, bytes, (size_t)count, &next);
        }
        assert_int_equal(next, FRAMES);
        assert_true(frame_reader_is_idle(&reader));
    }
    client_close(client);
}

/* SD_SEND ends one direction; the other goes on until its last byte. */
static void tcp__half_close__the_last_bytes_still_arrive(void **state)
{
    static uint8_t sent[20 * IO_TCP_BYTES];
    static uint8_t received[20 * IO_TCP_BYTES];

    (void)state;
    client_pattern(1, sent, sizeof(sent));
    for (unsigned i = 0; i < 20; i++) {
        const SOCKET client = client_connect(server.tcp_port);
        const int size = (int)sizeof(sent) / 20 * (int)(i + 1) - (int)i;
        client_send(client, sent, size);
        client_finish(client);
        client_receive(client, received, size);
        assert_memory_equal(sent, received, (size_t)size);
        client_expect_end(client);
        client_close(client);
    }
    client_wait_until_empty(&server);
}

static void tcp__half_close_at_once__ends_without_a_byte(void **state)
{
    const SOCKET client = client_connect(server.tcp_port);

    (void)state;
    client_finish(client);
    client_expect_end(client);
    client_close(client);
    client_wait_until_empty(&server);
}

static void tcp__resets__others_are_served(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        clients[i] = client_connect(server.tcp_port);
    }
    for (unsigned i = 0; i < 100; i++) {
        if (i % 4 == 1) {
            client_reset(clients[i]); /* The server waits for bytes. */
        } else if (i % 4 == 2) {
            client_send(clients[i], "unread", 6);
            client_reset(clients[i]); /* With its echo on the way. */
        } else if (i % 4 == 3) {
            client_echo(clients[i], i, 1000);
            client_reset(clients[i]);
        }
    }
    for (unsigned i = 0; i < 100; i += 4) {
        client_echo(clients[i], i, 1000);
        client_close(clients[i]);
    }
    client_wait_until_empty(&server);
}

static void tcp__a_peer_that_does_not_read__stops_only_itself(void **state)
{
    const SOCKET deaf = client_connect(server.tcp_port);
    const SOCKET other = client_connect(server.tcp_port);
    const SOCKET udp = client_udp(server.udp_port);

    (void)state;
    const long flood = client_flood(deaf);
    client_echo(other, 1, IO_TCP_BYTES);
    client_echo_datagram(udp, "here", 4);
    /* And nothing of what it sent is lost. */
    client_finish(deaf);
    for (long left = flood; left > 0;) {
        char bytes[IO_TCP_BYTES];
        const int count = recv(deaf, bytes, sizeof(bytes), 0);
        assert_true(count > 0);
        left -= count;
    }
    client_expect_end(deaf);
    client_close(deaf);
    client_close(other);
    client_close(udp);
    client_wait_until_empty(&server);
}

/* The server's send is in flight, or its thread in the call, when there is nobody left to send to.
 */
static void tcp__a_peer_goes_with_operations_in_flight__is_given_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const SOCKET deaf = client_connect(server.tcp_port);
        (void)client_flood(deaf);
        client_reset(deaf);
        client_wait_until_empty(&server);
    }
    const SOCKET other = client_connect(server.tcp_port);
    client_echo(other, 1, 100);
    client_close(other);
}

/* About a hundred in a second; on a slow machine it takes longer. */
static void tcp__100_connects_and_disconnects_a_second__all_are_served(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        const SOCKET client = client_connect(server.tcp_port);
        client_echo(client, i, 64);
        if (i % 2 == 0) {
            client_close(client);
        } else {
            client_reset(client);
        }
        os_sleep_ms(9);
    }
    client_wait_until_empty(&server);
    assert_int_equal(atomic_load(&server.accepted), 100);
}

/* --- The end --------------------------------------------------------------------------------- */

/* Every kind of operation is in flight: receives of idle connections, sends to peers that do not
 * read, an accept, receives of datagrams. */
static void stop_with_operations_in_flight(void)
{
    for (unsigned i = 0; i < 70; i++) {
        clients[i] = client_connect(server.tcp_port);
        client_echo(clients[i], i, 10);
    }
    (void)client_flood(clients[33]);
    (model->stop)(&server);
    assert_int_equal(atomic_load(&server.closed), atomic_load(&server.accepted));
    for (unsigned i = 0; i < 70; i++) {
        client_expect_over(clients[i]);
        client_close(clients[i]);
    }
}

static void stop__operations_in_flight__all_end_and_the_ports_are_free(void **state)
{
    (void)state;
    const uint16_t udp_port = server.udp_port;
    const struct sockaddr_in udp_address = io_loopback(udp_port);

    stop_with_operations_in_flight();
    const SOCKET udp = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(udp, (const struct sockaddr *)&udp_address, sizeof(udp_address)), 0);
    client_close(udp);
    const struct sockaddr_in tcp_address = io_loopback(server.tcp_port);
    const SOCKET client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (const struct sockaddr *)&tcp_address, sizeof(tcp_address)),
                     SOCKET_ERROR);
    client_close(client);
    assert_int_equal(start_server(NULL), 0);
    io_sockets_stop();
}

static void stop__again_and_again__nothing_leaks(void **state)
{
    uint64_t before = 0;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        stop_with_operations_in_flight();
        if (i == 0) {
            /* The first round opens what stays: libraries, pools of the system's threads. */
            before = client_system_handles();
        }
        assert_int_equal(client_system_check_heaps(), 0);
        assert_int_equal(start_server(NULL), 0);
        io_sockets_stop();
    }
    (model->stop)(&server);
    assert_true(client_system_handles() <= before + 64);
    assert_int_equal(start_server(NULL), 0);
    io_sockets_stop();
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, start_server, stop_server)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        ROW(tcp__one_connection__echoes),
        ROW(tcp__64_connections__echo),
        ROW(tcp__65_connections__echo),
        ROW(tcp__500_connections__echo),
        ROW(tcp__much_data__comes_back_in_order),
        ROW(udp__500_sources__each_gets_its_own),
        ROW(udp__no_bytes__is_a_datagram),
        ROW(udp__largest_datagram__comes_back_whole),
        ROW(udp__ten_sends_of_100__ten_receives_of_100),
        ROW(udp__a_source_is_gone__the_others_are_served),
        ROW(tcp__frames_in_1_to_100_writes__are_framed_again),
        ROW(tcp__half_close__the_last_bytes_still_arrive),
        ROW(tcp__half_close_at_once__ends_without_a_byte),
        ROW(tcp__resets__others_are_served),
        ROW(tcp__a_peer_that_does_not_read__stops_only_itself),
        ROW(tcp__a_peer_goes_with_operations_in_flight__is_given_up),
        ROW(tcp__100_connects_and_disconnects_a_second__all_are_served),
        ROW(stop__operations_in_flight__all_end_and_the_ports_are_free),
        ROW(stop__again_and_again__nothing_leaks),
    };

    (void)setvbuf(stdout, NULL, _IONBF, 0);
    model = argc == 2 ? io_model_find(argv[1]) : NULL;
    if (model == NULL) {
        (void)fprintf(stderr, "usage: test_io_models MODEL\n");
        return 2;
    }
    return cmocka_run_group_tests_name(model->name, tests, NULL, NULL);
}
