/* SPDX-License-Identifier: MIT */

/* fanout_limit.c - the least that a fan-out over UDP can cost: the reference of the benchmarks.
 *
 * Receives with recvmmsg and sends each datagram, as it is, to every other member of its room with
 * sendmmsg. It checks nothing, authenticates nothing and forgets nobody. A datagram's first byte is
 * the room; an address is a member of the first room that it named. Linux only.
 *
 * Prints "fanout_limit ready udp=127.0.0.1:PORT" and runs until it is killed. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, SIZE_MAX_BYTES = 1500, ROOMS = 256, MEMBERS = 256, PORTS = 65536 };

struct room {
    struct sockaddr_in members[MEMBERS];
    unsigned count;
};

static struct room rooms[ROOMS];
static bool is_known[PORTS]; /* By port alone: everybody is on the loopback address. */

static uint8_t buffers[BATCH][SIZE_MAX_BYTES];
static struct sockaddr_in sources[BATCH];
static struct iovec in_vectors[BATCH];
static struct mmsghdr in_messages[BATCH];
static struct iovec out_vectors[BATCH];
static struct mmsghdr out_messages[BATCH];
static unsigned out_count;

static void send_all(int fd)
{
    unsigned sent = 0;

    while (sent < out_count) {
        const int result = sendmmsg(fd, out_messages + sent, out_count - sent, 0);

        if (result > 0) {
            sent += (unsigned)result;
        } else if (errno != EINTR) {
            sent++; /* Lost: as with any relay. */
        }
    }
    out_count = 0;
}

static void fan_out(int fd, unsigned index)
{
    const struct sockaddr_in *source = &sources[index];
    struct room *room = &rooms[buffers[index][0]];

    if (!is_known[source->sin_port] && room->count < MEMBERS) {
        is_known[source->sin_port] = true;
        room->members[room->count++] = *source;
    }
    for (unsigned i = 0; i < room->count; i++) {
        struct msghdr *header = &out_messages[out_count].msg_hdr;

        if (room->members[i].sin_port == source->sin_port) {
            continue;
        }
        out_vectors[out_count].iov_base = buffers[index];
        out_vectors[out_count].iov_len = in_messages[index].msg_len;
        memset(header, 0, sizeof(*header));
        header->msg_name = &room->members[i];
        header->msg_namelen = sizeof(room->members[i]);
        header->msg_iov = &out_vectors[out_count];
        header->msg_iovlen = 1;
        if (++out_count == BATCH) {
            send_all(fd);
        }
    }
}

static void serve(int fd)
{
    for (;;) {
        int count;

        for (unsigned i = 0; i < BATCH; i++) {
            in_vectors[i].iov_base = buffers[i];
            in_vectors[i].iov_len = SIZE_MAX_BYTES;
            memset(&in_messages[i], 0, sizeof(in_messages[i]));
            in_messages[i].msg_hdr.msg_name = &sources[i];
            in_messages[i].msg_hdr.msg_namelen = sizeof(sources[i]);
            in_messages[i].msg_hdr.msg_iov = &in_vectors[i];
            in_messages[i].msg_hdr.msg_iovlen = 1;
        }
        count = recvmmsg(fd, in_messages, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < count; i++) {
            if (in_messages[i].msg_len > 0) {
                fan_out(fd, (unsigned)i);
            }
        }
        send_all(fd);
    }
}

int main(void)
{
    const int buffer_bytes = 4 * 1024 * 1024;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        perror("fanout_limit");
        return 1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
    (void)printf("fanout_limit ready udp=127.0.0.1:%u\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    serve(fd);
    return 0;
}
