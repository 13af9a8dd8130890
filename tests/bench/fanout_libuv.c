/* SPDX-License-Identifier: MIT */

/* fanout_libuv.c - a fan-out server as one writes it with libuv: the peer of the benchmarks.
 *
 * One UDP handle that receives by recvmmsg (UV_UDP_RECVMMSG); each state is sent to the other
 * members of its room by uv_udp_try_send(), which allocates nothing (raw_wire.h). A state that the
 * socket does not take at once is lost.
 *
 * Prints "fanout_libuv ready udp=127.0.0.1:PORT" and runs until it is killed. */

#include "tests/bench/raw_wire.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

enum {
    DATAGRAMS = 64,
    DATAGRAM_MAX = 64 * 1024
}; /* libuv cuts the buffer into pieces of 64 KiB. */

struct room {
    struct sockaddr_in members[RAW_MEMBERS_MAX];
    unsigned count;
};

static struct room rooms[RAW_ROOMS_MAX];
static char buffer[DATAGRAMS * DATAGRAM_MAX];

static void give_buffer(uv_handle_t *handle, size_t suggested_size, uv_buf_t *out)
{
    (void)handle;
    (void)suggested_size;
    *out = uv_buf_init(buffer, sizeof(buffer));
}

static void take(uv_udp_t *udp, ssize_t size, const uv_buf_t *datagram,
                 const struct sockaddr *source, unsigned flags)
{
    uv_buf_t state = uv_buf_init(datagram->base, size > 0 ? (unsigned)size : 0);
    struct raw_head head;
    struct room *room;

    (void)flags;
    if (size < RAW_HELLO_SIZE || source == NULL) {
        return;
    }
    memcpy(&head, datagram->base, sizeof(head));
    if (head.room >= RAW_ROOMS_MAX || head.member >= RAW_MEMBERS_MAX) {
        return;
    }
    room = &rooms[head.room];
    if (size == RAW_HELLO_SIZE) {
        memcpy(&room->members[head.member], source, sizeof(struct sockaddr_in));
        room->count = head.member >= room->count ? head.member + 1u : room->count;
        (void)uv_udp_try_send(udp, &state, 1, source);
        return;
    }
    for (unsigned member = 0; member < room->count; member++) {
        if (member != head.member) {
            (void)uv_udp_try_send(udp, &state, 1, (struct sockaddr *)&room->members[member]);
        }
    }
}

int main(void)
{
    int buffer_bytes = 4 * 1024 * 1024;
    int send_bytes = 4 * 1024 * 1024;
    struct sockaddr_in address;
    int size = sizeof(address);
    uv_udp_t udp;

    if (uv_udp_init_ex(uv_default_loop(), &udp, AF_INET | UV_UDP_RECVMMSG) != 0 ||
        uv_ip4_addr("127.0.0.1", 0, &address) != 0 ||
        uv_udp_bind(&udp, (struct sockaddr *)&address, 0) != 0 ||
        uv_udp_getsockname(&udp, (struct sockaddr *)&address, &size) != 0 ||
        uv_udp_recv_start(&udp, give_buffer, take) != 0) {
        (void)fprintf(stderr, "fanout_libuv does not start\n");
        return 1;
    }
    (void)uv_recv_buffer_size((uv_handle_t *)&udp, &buffer_bytes);
    (void)uv_send_buffer_size((uv_handle_t *)&udp, &send_bytes);
    (void)printf("fanout_libuv ready udp=127.0.0.1:%u\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
