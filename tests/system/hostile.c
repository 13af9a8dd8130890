/* SPDX-License-Identifier: MIT */

/* hostile.c - ten thousand bad datagrams beside an honest game, and a capture of what the relay
 * sends.
 *
 * Strangers send noise, truncated, oversize, forged, wrong-slot and replayed datagrams from sockets
 * of their own, while members of a room play. Nothing may come back to a stranger: the strangers'
 * sockets are watched, and where we may (Linux, as root) every packet on the loopback interface
 * that leaves the relay's port. Then a member shows valid datagrams from an address that never
 * echoes: it may get back at most as many bytes as it sent. Linux only.
 *
 * usage: hostile UDP_PORT CONTROL_PORT */

#include "daemon/os/os.h"
#include "tests/system/bot_linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MEMBERS = 4,
    STRANGERS = 16,
    BAD_DATAGRAMS = 10000,
    CAUGHT = 256, /* Valid datagrams that an observer has copied. */
    KINDS = 7
};

struct caught {
    uint8_t bytes[GSRELAY_DATAGRAM_LIMIT];
    size_t size;
};

static struct bot members[MEMBERS];
static int strangers[STRANGERS];
static struct caught caught[CAUGHT];
static unsigned caught_count;
static uint64_t noise_state = UINT64_C(0x9E3779B97F4A7C15);
static unsigned faults;

/* xorshift64* (Vigna, 2016): the same noise in every run. */
static uint32_t noise(void)
{
    noise_state ^= noise_state >> 12;
    noise_state ^= noise_state << 25;
    noise_state ^= noise_state >> 27;
    return (uint32_t)(noise_state * UINT64_C(0x2545F4914F6CDD1D) >> 32);
}

static void expect(bool is_true, const char *what)
{
    if (!is_true) {
        (void)fprintf(stderr, "hostile: %s\n", what);
        faults++;
    }
}

static int open_stranger(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror("hostile: socket");
        exit(1);
    }
    return fd;
}

static uint16_t local_port(int fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    return getsockname(fd, (struct sockaddr *)&address, &size) == 0 ? ntohs(address.sin_port) : 0;
}

/* Sends a state of the member and keeps a copy, as somebody on its network could. */
static void send_and_catch(struct bot *member, int fd)
{
    uint8_t state[BOT_STATE_SIZE] = {0};
    uint8_t datagram[GSRELAY_DATAGRAM_LIMIT];
    size_t size;

    (void)gsrelay_send(member->client, GSRELAY_TO_ALL, 0, 0, state, sizeof(state));
    gsrelay_io_run(member->client, os_clock_ns());
    while ((size = gsrelay_io_udp_output(member->client, datagram, sizeof(datagram))) > 0) {
        struct caught *copy = &caught[caught_count++ % CAUGHT];

        memcpy(copy->bytes, datagram, size);
        copy->size = size;
        (void)send(fd, datagram, size, 0);
    }
}

/* One bad datagram of the kind, made from one that was caught. */
static size_t make_bad(unsigned kind, uint8_t out[2000])
{
    const struct caught *copy = &caught[noise() % (caught_count < CAUGHT ? caught_count : CAUGHT)];
    size_t size = copy->size;

    memcpy(out, copy->bytes, size);
    switch (kind) {
    case 0: /* Replayed as it was. */
        break;
    case 1: /* One bit forged. */
        out[noise() % size] ^= (uint8_t)(1u << noise() % 8);
        break;
    case 2: /* Another slot. */
        out[3] = (uint8_t)noise();
        break;
    case 3: /* Another slot tag. */
        out[4 + noise() % 4] ^= 0x55;
        break;
    case 4: /* Cut. */
        size = noise() % size;
        break;
    case 5: /* Too long. */
        memset(out + size, 0xAA, 2000 - size);
        size = 1300 + noise() % 700;
        break;
    default: /* Noise, down to nothing. */
        size = noise() % 1400;
        for (size_t i = 0; i < size; i++) {
            out[i] = (uint8_t)noise();
        }
        break;
    }
    return size;
}

static int open_capture(void)
{
    const int buffer_bytes = 8 * 1024 * 1024;
    const int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_IP));

    if (fd < 0) {
        (void)printf("hostile: no capture (%s); the strangers' sockets are watched all the same\n",
                     strerror(errno));
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof(buffer_bytes));
    return fd;
}

struct capture {
    uint64_t from_relay; /* Packets of the relay's port to anybody: shows that the capture works. */
    uint64_t to_strangers;
};

static void read_capture(int fd, uint16_t relay_port, struct capture *capture)
{
    uint8_t packet[2048];
    struct sockaddr_ll from;
    socklen_t from_size = sizeof(from);
    ssize_t size;

    while (fd >= 0 && (size = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from,
                                       &from_size)) >= 28) {
        const size_t header = (size_t)(packet[0] & 15) * 4;
        const unsigned source = (unsigned)packet[header] << 8 | packet[header + 1];
        const unsigned target = (unsigned)packet[header + 2] << 8 | packet[header + 3];

        if (packet[9] != IPPROTO_UDP || source != relay_port ||
            from.sll_pkttype == PACKET_OUTGOING) {
            continue;
        }
        capture->from_relay++;
        for (unsigned i = 0; i < STRANGERS; i++) {
            if (local_port(strangers[i]) == target) {
                capture->to_strangers++;
            }
        }
    }
}

static unsigned receive_all(void)
{
    unsigned states = 0;

    for (unsigned i = 0; i < MEMBERS; i++) {
        states += bot_receive(&members[i], os_clock_ns());
    }
    return states;
}

static void attack(uint16_t udp_port)
{
    const int capture_fd = open_capture();
    struct capture capture = {0};
    uint64_t received = 0;
    uint8_t bad[2000];
    uint64_t sent = 0;
    unsigned answers = 0;

    for (unsigned i = 0; i < BAD_DATAGRAMS; i++) {
        if (i % 50 == 0) {
            send_and_catch(&members[i / 50 % MEMBERS], members[i / 50 % MEMBERS].udp_fd);
            sent++;
            os_sleep_ms(5);
            received += receive_all();
            read_capture(capture_fd, udp_port, &capture);
        }
        (void)send(strangers[noise() % STRANGERS], bad, make_bad(i % KINDS, bad), 0);
    }
    os_sleep_ms(300);
    received += receive_all();
    read_capture(capture_fd, udp_port, &capture);
    for (unsigned i = 0; i < STRANGERS; i++) {
        while (recv(strangers[i], bad, sizeof(bad), 0) >= 0) {
            answers++;
        }
    }
    expect(answers == 0, "a stranger was answered");
    expect(capture.to_strangers == 0, "the capture shows packets to a stranger");
    expect(capture_fd < 0 || capture.from_relay > 0, "the capture saw nothing of the relay");
    expect(received == sent * (MEMBERS - 1), "an honest state was lost");
    (void)printf("hostile bad=%d honest_sent=%" PRIu64 " honest_received=%" PRIu64
                 " answers=%u captured_from_relay=%" PRIu64 " captured_to_strangers=%" PRIu64 "\n",
                 BAD_DATAGRAMS, sent, received, answers, capture.from_relay, capture.to_strangers);
    if (capture_fd >= 0) {
        (void)close(capture_fd);
    }
}

/* A member's own valid datagrams from an address that never echoes a challenge. */
static void amplify(uint16_t udp_port)
{
    const int fd = open_stranger(udp_port);
    const uint64_t first = caught_count;
    uint8_t bytes[2000];
    uint64_t sent = 0;
    uint64_t received = 0;
    ssize_t size;

    for (unsigned i = 0; i < 200; i++) {
        send_and_catch(&members[0], fd);
        os_sleep_ms(10);
    }
    for (uint64_t i = first; i < caught_count; i++) {
        sent += caught[i % CAUGHT].size;
    }
    os_sleep_ms(200);
    while ((size = recv(fd, bytes, sizeof(bytes), 0)) >= 0) {
        received += (uint64_t)size;
    }
    expect(received > 0, "a new address was not challenged");
    expect(received <= sent, "an address that did not echo got more than it sent");
    (void)printf("hostile unvalidated_sent=%" PRIu64 " unvalidated_received=%" PRIu64 "\n", sent,
                 received);
    (void)close(fd);
}

int program_main(int argc, char **argv)
{
    uint16_t udp_port;
    uint16_t control_port;
    char code[GSRELAY_CODE_SIZE] = "";

    if (argc != 3) {
        (void)fprintf(stderr, "usage: hostile UDP_PORT CONTROL_PORT\n");
        return 2;
    }
    udp_port = (uint16_t)strtoul(argv[1], NULL, 10);
    control_port = (uint16_t)strtoul(argv[2], NULL, 10);
    for (unsigned i = 0; i < MEMBERS; i++) {
        if (!bot_open(&members[i], control_port, udp_port, code)) {
            return 1;
        }
    }
    for (unsigned i = 0; i < STRANGERS; i++) {
        strangers[i] = open_stranger(udp_port);
    }
    attack(udp_port);
    amplify(udp_port);
    for (unsigned i = 0; i < STRANGERS; i++) {
        (void)close(strangers[i]);
    }
    for (unsigned i = 0; i < MEMBERS; i++) {
        bot_close(&members[i]);
    }
    return faults == 0 ? 0 : 1;
}
