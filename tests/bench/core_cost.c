/* SPDX-License-Identifier: MIT */

/* core_cost.c - what core_output() costs for each delivery when a whole room is dirty at once.
 *
 * One room of 256 bound members. Each case fills it with states and then packs them all; the clock
 * runs only while the core packs and counts, and nothing is sent. The cases go from what games do
 * (all to all) to what somebody would send who wants packing to be dear: a private state for each
 * member breaks every group that could have shared a body, and many large ones to one member make
 * each datagram a walk over what is left.
 *
 * Prints one line for each case, of the best of ROUNDS rounds. */

#include "core_fixture.h"
#include "daemon/os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS = 256, STREAMS = 32, ROUNDS = 5 };

struct room {
    struct fixture f;
    struct client clients[MEMBERS];
    uint8_t payload[1300];
};

/* The streams of each member: so many to all, so many to a member each. */
struct load {
    const char *name;
    unsigned to_all;
    unsigned to_one;
    unsigned size;
    bool is_one_victim; /* All private states go to the same member. */
};

static const struct load loads[] = {
    {"8 streams to all, 32 B", 8, 0, 32, false},
    {"8 streams to all, 1000 B", 8, 0, 1000, false},
    {"4 streams to all, 4 private, 32 B", 4, 4, 32, false},
    {"7 streams to all, 1 private, 32 B", 7, 1, 32, false},
    {"8 private, 32 B", 0, 8, 32, false},
    {"32 private, 32 B", 0, 32, 32, false},
    {"32 private, 1000 B", 0, 32, 1000, false},
    {"32 private to one member, 32 B", 0, 32, 32, true},
    {"32 private to one member, 1000 B", 0, 32, 1000, true},
};

static void open_room(struct room *room)
{
    struct relay_limits limits = fixture_limits();

    limits.members_per_room_max = MEMBERS;
    limits.streams_per_member = STREAMS;
    limits.cells_max = MEMBERS * STREAMS + 64;
    fixture_open(&room->f, &limits);
    room->f.is_unchecked = true;
    for (unsigned number = 0; number < MEMBERS; number++) {
        if (number == 0) {
            client_create(&room->f, &room->clients[0], 0, 0);
        } else {
            client_join(&room->f, &room->clients[number], number, &room->clients[0]);
        }
        client_bind(&room->f, &room->clients[number]);
    }
}

static void fill(struct room *room, const struct load *load)
{
    for (unsigned number = 0; number < MEMBERS; number++) {
        struct client *client = &room->clients[number];

        for (unsigned stream = 0; stream < load->to_all + load->to_one; stream++) {
            const unsigned step = 1 + (unsigned)(fixture_random(&room->f) % (MEMBERS - 1));
            const unsigned other = load->is_one_victim ? 0 : (number + step) % MEMBERS;
            const uint16_t to = stream < load->to_all ? MEMBER_ALL : room->clients[other].member;

            client_send_record(&room->f, client, to, (uint8_t)(stream + 1), false, room->payload,
                               load->size);
        }
    }
}

/* Packs all that waits. Returns the nanoseconds; counts the datagrams. */
static uint64_t pack(struct room *room, uint64_t *datagrams_out)
{
    const uint64_t begin_ns = os_clock_ns();
    struct output outputs[64];
    unsigned count = 0;

    *datagrams_out = 0;
    while ((count = core_output(room->f.core, outputs, 64, room->f.now_ns)) > 0) {
        for (unsigned index = 0; index < count; index++) {
            outputs[index].result = OUTPUT_SENT;
        }
        core_output_done(room->f.core, outputs, count);
        *datagrams_out += count;
    }
    return os_clock_ns() - begin_ns;
}

static void measure(struct room *room, const struct load *load)
{
    uint64_t best_ns = UINT64_MAX;
    uint64_t deliveries = 0;
    uint64_t datagrams = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t before = 0;
        uint64_t took_ns = 0;

        room->f.now_ns += 60 * SECOND;
        for (unsigned number = 0; number < MEMBERS; number++) {
            /* Nobody falls silent meanwhile. */
            client_send_record(&room->f, &room->clients[number], 0xFE00, 1, false, "", 0);
        }
        before = fixture_counters(&room->f).deliveries_sent;
        fill(room, load);
        took_ns = pack(room, &datagrams);
        deliveries = fixture_counters(&room->f).deliveries_sent - before;
        best_ns = took_ns < best_ns ? took_ns : best_ns;
    }
    (void)printf("%-36s %8llu deliveries %7llu datagrams %8.2f ms %8.0f ns/delivery %7.0f "
                 "ns/datagram\n",
                 load->name, (unsigned long long)deliveries, (unsigned long long)datagrams,
                 (double)best_ns / 1e6, (double)best_ns / (double)deliveries,
                 (double)best_ns / (double)datagrams);
}

int main(void)
{
    struct room *room = calloc(1, sizeof(*room));

    if (room == NULL) {
        return 1;
    }
    open_room(room);
    for (unsigned index = 0; index < sizeof(loads) / sizeof(loads[0]); index++) {
        measure(room, &loads[index]);
    }
    fixture_close(&room->f);
    free(room);
    return 0;
}
