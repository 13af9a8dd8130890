/* SPDX-License-Identifier: MIT */

/* fanout_limit.c - the least that a fan-out over UDP can cost: the reference of the benchmarks.
 *
 * Receives with recvmmsg and sends each datagram, as it is, to every other member of its room with
 * sendmmsg (raw_wire.h). It authenticates nothing and forgets nobody. Linux only.
 *
 * Prints "fanout_limit ready udp=127.0.0.1:PORT" and runs until it is killed. */

#include "tests/bench/raw_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, SIZE_MAX_BYTES = 1500 };

struct room {
    struct sockaddr_in members[RAW_MEMBERS_MAX];
    unsigned count;
};

static struct room rooms[RAW_ROOMS_MAX];

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

static void send_to(int fd, unsigned index, struct sockaddr_in *to)
{
    struct msghdr *header = &out_messages[out_count].msg_hdr;

    out_vectors[out_count].iov_base = buffers[index];
    out_vectors[out_count].iov_len = in_messages[index].msg_len;
    memset(header, 0, sizeof(*header));
    header->msg_name = to;
    header->msg_namelen = sizeof(*to);
    header->msg_iov = &out_vectors[out_count];
    header->msg_iovlen = 1;
    if (++out_count == BATCH) {
        send_all(fd);
    }
}

static void take(int fd, unsigned index)
{
    const unsigned size = in_messages[index].msg_len;
    struct raw_head head;
    struct room *room;

    memcpy(&head, buffers[index], sizeof(head));
    if (size < RAW_HELLO_SIZE || head.room >= RAW_ROOMS_MAX || head.member >= RAW_MEMBERS_MAX) {
        return;
    }
    room = &rooms[head.room];
    if (size == RAW_HELLO_SIZE) {
        room->members[head.member] = sources[index];
        room->count = head.member >= room->count ? head.member + 1u : room->count;
        send_to(fd, index, &sources[index]);
        return;
    }
    for (unsigned member = 0; member < room->count; member++) {
        if (member != head.member) {
            send_to(fd, index, &room->members[member]);
        }
    }
}

static void serve(int fd)
{
    for (;;) {
        int count;

        for (unsigned i = 0; i < BATCH; i++) {
            in_vectors[i] = (struct iovec){buffers[i], SIZE_MAX_BYTES};
            memset(&in_messages[i], 0, sizeof(in_messages[i]));
            in_messages[i].msg_hdr.msg_name = &sources[i];
            in_messages[i].msg_hdr.msg_namelen = sizeof(sources[i]);
            in_messages[i].msg_hdr.msg_iov = &in_vectors[i];
            in_messages[i].msg_hdr.msg_iovlen = 1;
        }
        count = recvmmsg(fd, in_messages, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < count; i++) {
            take(fd, (unsigned)i);
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
