/* SPDX-License-Identifier: MIT */

/* memory_linux.c - what a relay keeps resident after its start, and for each idle client.
 *
 * An idle client is a member of a room of eight, bound, with its control connection, which has sent
 * nothing but what keeps it there. Memory of the kernel (sockets) is not in these figures. The
 * relay has been ready for a moment and has served nobody. Prints the figures; fails when one is
 * above its bound.
 *
 * usage: gsrelay_memory PID CONTROL_PORT CLIENTS START_MAX_KIB CLIENT_MAX_BYTES */

#include "daemon/os/os.h"

#include <gsrelay/gsrelay.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS_MAX = 8192, ROOM_SIZE = 8, HANDLES_EACH = 4, HANDLES_MORE = 100 };

static const uint64_t PATIENCE_NS = UINT64_C(30000000000);

static struct gsrelay_client *clients[CLIENTS_MAX];

static long resident_kib(const char *pid)
{
    char path[64];
    char line[256];
    long kib = -1;
    FILE *status;

    (void)snprintf(path, sizeof(path), "/proc/%s/status", pid);
    status = fopen(path, "re");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kib = strtol(line + 6, NULL, 10);
        }
    }
    if (status != NULL) {
        (void)fclose(status);
    }
    return kib;
}

/* Opens one client: it makes a room where `code` is empty, else joins that. True when bound. */
static bool enter(struct gsrelay_client **out, uint16_t port, char code[GSRELAY_CODE_SIZE])
{
    static struct gsrelay_event event;
    const uint64_t deadline_ns = os_clock_ns() + PATIENCE_NS;
    struct gsrelay_options options;

    gsrelay_options_init(&options);
    if (gsrelay_create(&options, out) != 0 || gsrelay_connect(*out, "127.0.0.1", port) != 0) {
        return false;
    }
    (void)(code[0] == '\0' ? gsrelay_create_room(*out, NULL) : gsrelay_join_room(*out, code));
    while (os_clock_ns() < deadline_ns && gsrelay_poll(*out, 10) >= 0) {
        while (gsrelay_next_event(*out, &event) == 1) {
            if (event.type == GSRELAY_EVENT_ROOM_JOINED) {
                memcpy(code, event.code, GSRELAY_CODE_SIZE);
            } else if (event.type == GSRELAY_EVENT_UDP_BOUND) {
                return true;
            } else if (event.type == GSRELAY_EVENT_REQUEST_FAILED ||
                       event.type == GSRELAY_EVENT_DISCONNECTED) {
                (void)fprintf(stderr, "memory: %s\n", gsrelay_reason_name(event.reason));
                return false;
            }
        }
    }
    return false;
}

static bool enter_all(unsigned count, uint16_t port)
{
    char code[GSRELAY_CODE_SIZE] = "";

    for (unsigned i = 0; i < count; i++) {
        if (i % ROOM_SIZE == 0) {
            code[0] = '\0';
        }
        if (!enter(&clients[i], port, code)) {
            (void)fprintf(stderr, "memory: client %u of %u did not get in\n", i + 1, count);
            return false;
        }
    }
    return true;
}

int program_main(int argc, char **argv)
{
    const unsigned count = argc == 6 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    long before_kib;
    long after_kib;
    long each_bytes;
    bool is_good;

    if (count == 0 || count > CLIENTS_MAX ||
        os_file_limit_raise((uint64_t)count * HANDLES_EACH + HANDLES_MORE) == 0) {
        (void)fprintf(
            stderr,
            "usage: gsrelay_memory PID CONTROL_PORT CLIENTS START_MAX_KIB CLIENT_MAX_BYTES\n");
        return 2;
    }
    before_kib = resident_kib(argv[1]);
    is_good = enter_all(count, (uint16_t)strtoul(argv[2], NULL, 10));
    after_kib = resident_kib(argv[1]);
    each_bytes = (after_kib - before_kib) * 1024 / (long)count;
    (void)printf(
        "resident: %ld KiB after the start, %ld KiB with %u idle clients, %ld bytes each\n",
        before_kib, after_kib, count, each_bytes);
    for (unsigned i = 0; i < count; i++) {
        gsrelay_destroy(clients[i]);
    }
    return is_good && before_kib > 0 && before_kib <= strtol(argv[4], NULL, 10) &&
                   each_bytes <= strtol(argv[5], NULL, 10)
               ? 0
               : 1;
}
