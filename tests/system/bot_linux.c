/* SPDX-License-Identifier: MIT */
#include "tests/system/bot_linux.h"

#include "daemon/os/os.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint64_t OPEN_TIMEOUT_NS = UINT64_C(10000000000);

static int open_socket(int type, uint16_t port)
{
    const int buffer_bytes = 1024 * 1024;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror("bot: connect");
        return -1;
    }
    return fd;
}

static unsigned take_events(struct bot *bot)
{
    static struct gsrelay_event event;
    unsigned states = 0;

    while (gsrelay_next_event(bot->client, &event) == 1) {
        if (event.type == GSRELAY_EVENT_STATE && event.size == BOT_STATE_SIZE) {
            states++;
        } else if (event.type == GSRELAY_EVENT_ROOM_JOINED) {
            memcpy(bot->code, event.code, sizeof(bot->code));
        } else if (event.type == GSRELAY_EVENT_UDP_BOUND) {
            bot->is_bound = true;
        } else if (event.type == GSRELAY_EVENT_REQUEST_FAILED ||
                   event.type == GSRELAY_EVENT_DISCONNECTED || event.type == GSRELAY_EVENT_NOTICE) {
            (void)fprintf(stderr, "bot: %s\n", gsrelay_reason_name(event.reason));
        }
    }
    return states;
}

static void send_output(struct bot *bot)
{
    uint8_t datagram[GSRELAY_DATAGRAM_LIMIT];
    size_t size;

    while ((size = gsrelay_io_udp_output(bot->client, datagram, sizeof(datagram))) > 0) {
        (void)send(bot->udp_fd, datagram, size, MSG_DONTWAIT);
    }
}

/* Moves bytes of the control connection; only while the bot is being opened. */
static void pump_tcp(struct bot *bot, uint64_t now_ns)
{
    uint8_t bytes[4096];
    size_t size;
    const uint8_t *output = gsrelay_io_tcp_output(bot->client, &size);
    ssize_t count = size > 0 ? send(bot->tcp_fd, output, size, MSG_NOSIGNAL) : 0;

    if (count > 0) {
        gsrelay_io_tcp_sent(bot->client, (size_t)count);
    }
    count = recv(bot->tcp_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (count > 0) {
        (void)gsrelay_io_tcp_input(bot->client, now_ns, bytes, (size_t)count);
    }
}

bool bot_open(struct bot *bot, uint16_t control_port, uint16_t udp_port, char *code)
{
    const struct gsrelay_room_options room = {.tick_us = GSRELAY_TICK_NONE};
    const uint64_t deadline_ns = os_clock_ns() + OPEN_TIMEOUT_NS;
    struct gsrelay_options options;

    memset(bot, 0, sizeof(*bot));
    gsrelay_options_init(&options);
    os_random_fill(options.seed, sizeof(options.seed));
    bot->tcp_fd = open_socket(SOCK_STREAM, control_port);
    bot->udp_fd = open_socket(SOCK_DGRAM, udp_port);
    if (bot->tcp_fd < 0 || bot->udp_fd < 0 || gsrelay_create(&options, &bot->client) != 0 ||
        gsrelay_io_start(bot->client, os_clock_ns()) != 0) {
        return false;
    }
    gsrelay_io_tcp_connected(bot->client, os_clock_ns());
    if (code[0] == '\0') {
        (void)gsrelay_create_room(bot->client, &room);
    } else {
        (void)gsrelay_join_room(bot->client, code);
    }
    while (!bot->is_bound) {
        const uint64_t now_ns = os_clock_ns();

        if (now_ns > deadline_ns) {
            (void)fprintf(stderr, "bot: not bound in ten seconds\n");
            return false;
        }
        pump_tcp(bot, now_ns);
        gsrelay_io_run(bot->client, now_ns);
        (void)bot_receive(bot, now_ns);
        send_output(bot);
    }
    memcpy(code, bot->code, sizeof(bot->code));
    return true;
}

unsigned bot_receive(struct bot *bot, uint64_t now_ns)
{
    uint8_t datagram[GSRELAY_DATAGRAM_LIMIT + 1];
    ssize_t size;

    while ((size = recv(bot->udp_fd, datagram, sizeof(datagram), MSG_DONTWAIT)) >= 0) {
        gsrelay_io_udp_input(bot->client, now_ns, datagram, (size_t)size);
    }
    return take_events(bot);
}

void bot_close(struct bot *bot)
{
    gsrelay_destroy(bot->client);
    if (bot->tcp_fd >= 0) {
        (void)close(bot->tcp_fd);
    }
    if (bot->udp_fd >= 0) {
        (void)close(bot->udp_fd);
    }
}
