/* SPDX-License-Identifier: MIT */
#include "tests/bench/sockets.h"

#include "daemon/os/os.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, DATAGRAM_MAX = 1500, BUFFER_BYTES = 8 * 1024 * 1024, SOCKETS_MAX = 8192 };

struct outgoing {
    uint8_t bytes[BATCH][DATAGRAM_MAX];
    struct sockaddr_in to[BATCH];
    size_t sizes[BATCH];
    unsigned count;
};

static struct {
    int fd;
    struct outgoing *outgoing;
} sockets[SOCKETS_MAX];
static unsigned socket_count;

static uint8_t buffers[BATCH][DATAGRAM_MAX];
static struct sockaddr_in sources[BATCH];

bool sockets_open(unsigned count, uint16_t port)
{
    const int bytes = BUFFER_BYTES;

    for (unsigned i = 0; i < count && socket_count < SOCKETS_MAX; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
            perror("bench: socket");
            return false;
        }
        address.sin_port = htons(port);
        if (port != 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
            perror("bench: connect");
            return false;
        }
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0) {
            (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
        }
        sockets[socket_count].fd = fd;
        sockets[socket_count].outgoing = calloc(1, sizeof(struct outgoing));
        if (sockets[socket_count++].outgoing == NULL) {
            return false;
        }
    }
    return true;
}

unsigned sockets_count(void)
{
    return socket_count;
}

struct sockaddr_in sockets_address(unsigned socket)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof(address);

    (void)getsockname(sockets[socket].fd, (struct sockaddr *)&address, &size);
    return address;
}

static void send_waiting(unsigned socket)
{
    struct outgoing *outgoing = sockets[socket].outgoing;
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    unsigned sent = 0;

    memset(messages, 0, sizeof(messages[0]) * outgoing->count);
    for (unsigned i = 0; i < outgoing->count; i++) {
        vectors[i] = (struct iovec){outgoing->bytes[i], outgoing->sizes[i]};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        if (outgoing->to[i].sin_port != 0) {
            messages[i].msg_hdr.msg_name = &outgoing->to[i];
            messages[i].msg_hdr.msg_namelen = sizeof(outgoing->to[i]);
        }
    }
    while (sent < outgoing->count) {
        const int result = sendmmsg(sockets[socket].fd, messages + sent, outgoing->count - sent, 0);

        sent += result > 0 ? (unsigned)result : 1;
    }
    outgoing->count = 0;
}

uint8_t *sockets_datagram(unsigned socket)
{
    if (sockets[socket].outgoing->count == BATCH) {
        send_waiting(socket);
    }
    return sockets[socket].outgoing->bytes[sockets[socket].outgoing->count];
}

void sockets_datagram_done(unsigned socket, size_t size, const struct sockaddr_in *to)
{
    struct outgoing *outgoing = sockets[socket].outgoing;

    outgoing->sizes[outgoing->count] = size;
    outgoing->to[outgoing->count] = to != NULL ? *to : (struct sockaddr_in){0};
    outgoing->count++;
}

void sockets_flush(void)
{
    for (unsigned socket = 0; socket < socket_count; socket++) {
        if (sockets[socket].outgoing->count > 0) {
            send_waiting(socket);
        }
    }
}

uint64_t sockets_receive(sockets_take *take, void *context)
{
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    uint64_t idle_ns = 0;
    uint64_t then_ns = os_clock_ns();

    memset(messages, 0, sizeof(messages));
    for (unsigned i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){buffers[i], DATAGRAM_MAX};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &sources[i];
    }
    for (unsigned socket = 0; socket < socket_count; socket++) {
        uint64_t now_ns;
        int count;

        for (unsigned i = 0; i < BATCH; i++) {
            messages[i].msg_hdr.msg_namelen = sizeof(sources[i]);
        }
        count = recvmmsg(sockets[socket].fd, messages, BATCH, MSG_DONTWAIT, NULL);
        now_ns = os_clock_ns();
        if (count <= 0) {
            idle_ns += now_ns - then_ns;
            then_ns = now_ns;
            continue;
        }
        for (int i = 0; i < count; i++) {
            take(context, socket, buffers[i], messages[i].msg_len, &sources[i], now_ns);
        }
        then_ns = os_clock_ns();
    }
    return idle_ns;
}
