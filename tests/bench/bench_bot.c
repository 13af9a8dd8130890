/* SPDX-License-Identifier: MIT */
#include "tests/bench/bench_bot.h"

#include "daemon/os/os.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BATCH = 64, DATAGRAM_MAX = 1500 };

static const uint64_t OPEN_TIMEOUT_NS = UINT64_C(10000000000);

static uint8_t buffers[RECEIVE_BATCH][DATAGRAM_MAX];

static int open_socket(int type, uint16_t port)
{
    const int buffer_bytes = 1024 * 1024;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror("bench: connect");
        return -1;
    }
    return fd;
}

static void tally_state(struct bot_tally *tally, const uint8_t *state, uint64_t now_ns)
{
    uint64_t sent_ns;
    uint64_t age_us;
    unsigned bin = 0;

    memcpy(&sent_ns, state, sizeof(sent_ns));
    age_us = now_ns > sent_ns ? (now_ns - sent_ns) / 1000 : 0;
    while (bin < 31 && age_us >> bin != 0) {
        bin++;
    }
    tally->states++;
    tally->latencies[bin]++;
}

static void take_events(struct bot *bot, uint64_t now_ns, struct bot_tally *tally)
{
    static struct gsrelay_event event;

    while (gsrelay_next_event(bot->client, &event) == 1) {
        if (event.type == GSRELAY_EVENT_STATE && event.size == BOT_STATE_SIZE) {
            tally_state(tally, event.bytes, now_ns);
        } else if (event.type == GSRELAY_EVENT_ROOM_JOINED) {
            memcpy(bot->code, event.code, sizeof(bot->code));
        } else if (event.type == GSRELAY_EVENT_UDP_BOUND) {
            bot->is_bound = true;
        } else if (event.type == GSRELAY_EVENT_REQUEST_FAILED ||
                   event.type == GSRELAY_EVENT_DISCONNECTED || event.type == GSRELAY_EVENT_NOTICE) {
            (void)fprintf(stderr, "bench: %s\n", gsrelay_reason_name(event.reason));
        }
    }
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

bool bot_open_limit(struct bot *bot, const struct bench_server *server, uint8_t room)
{
    memset(bot, 0, sizeof(*bot));
    bot->tcp_fd = -1;
    bot->room = room;
    bot->udp_fd = open_socket(SOCK_DGRAM, server->udp_port);
    return bot->udp_fd >= 0 && send(bot->udp_fd, &room, 1, 0) == 1;
}

bool bot_open_relay(struct bot *bot, const struct bench_server *server, char *code,
                    unsigned tick_us)
{
    const struct gsrelay_room_options room = {.tick_us =
                                                  tick_us == 0 ? GSRELAY_TICK_NONE : tick_us};
    const uint64_t deadline_ns = os_clock_ns() + OPEN_TIMEOUT_NS;
    struct bot_tally ignored = {0};
    struct gsrelay_options options;

    memset(bot, 0, sizeof(*bot));
    gsrelay_options_init(&options);
    os_random_fill(options.seed, sizeof(options.seed));
    bot->tcp_fd = open_socket(SOCK_STREAM, server->control_port);
    bot->udp_fd = open_socket(SOCK_DGRAM, server->udp_port);
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
            (void)fprintf(stderr, "bench: a bot was not bound in ten seconds\n");
            return false;
        }
        pump_tcp(bot, now_ns);
        gsrelay_io_run(bot->client, now_ns);
        bot_receive(bot, now_ns, &ignored);
        send_output(bot);
    }
    memcpy(code, bot->code, sizeof(bot->code));
    return true;
}

void bot_send(struct bot *bot, uint64_t now_ns)
{
    uint8_t state[BOT_STATE_SIZE] = {0};

    if (bot->client == NULL) {
        state[0] = bot->room;
        memcpy(state + 8, &now_ns, sizeof(now_ns));
        (void)send(bot->udp_fd, state, sizeof(state), MSG_DONTWAIT);
        return;
    }
    memcpy(state, &now_ns, sizeof(now_ns));
    (void)gsrelay_send(bot->client, GSRELAY_TO_ALL, 1, 0, state, sizeof(state));
    gsrelay_io_run(bot->client, now_ns);
    send_output(bot);
}

void bot_receive(struct bot *bot, uint64_t now_ns, struct bot_tally *tally)
{
    struct mmsghdr messages[RECEIVE_BATCH];
    struct iovec vectors[RECEIVE_BATCH];
    int count;

    memset(messages, 0, sizeof(messages));
    for (unsigned i = 0; i < RECEIVE_BATCH; i++) {
        vectors[i] = (struct iovec){buffers[i], DATAGRAM_MAX};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    count = recvmmsg(bot->udp_fd, messages, RECEIVE_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        if (bot->client != NULL) {
            gsrelay_io_udp_input(bot->client, now_ns, buffers[i], messages[i].msg_len);
        } else if (messages[i].msg_len == BOT_STATE_SIZE) {
            tally_state(tally, buffers[i] + 8, now_ns);
        }
    }
    if (bot->client != NULL) {
        take_events(bot, now_ns, tally);
    }
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
