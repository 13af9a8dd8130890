/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "tests/core/core_check.h"
#include "tests/core/core_fixture.h"

#include <stdlib.h>
#include <string.h>

/* Datagrams into a core with live sessions: two rooms of six, four of each bound.
 *
 * The input is a run of mode (1), size (1), bytes. Where the mode says so the datagram is sealed
 * for a client with its next sequence, so that what changed is behind the checks of the head; else
 * the bytes come as they are. The core is put back to its first state before each input.
 *
 * Each datagram has exactly one counter; one that was dropped before its slot was proven gets
 * nothing back; an address that was never validated gets no more than it sent. */

#define CLIENTS      12
#define SIZE_UNIT    6
#define MODE_SEALED  0x80
#define MODE_FOREIGN 0x40 /* From an address that no client has. */

static struct fixture fixture;
static struct client clients[CLIENTS];
static struct client clients_at_first[CLIENTS];
static uint8_t *memory_at_first;

static void make_core(void)
{
    struct relay_limits limits = fixture_limits();

    limits.slots_max = 16;
    limits.rooms_max = 2;
    limits.members_per_room_max = 8;
    limits.cells_max = 64;
    limits.streams_per_member = 4;
    fixture_open(&fixture, &limits);
    for (unsigned number = 0; number < CLIENTS; number++) {
        if (number % 6 == 0) {
            client_create(&fixture, &clients[number], number, number == 0 ? 0 : 10000);
        } else {
            client_join(&fixture, &clients[number], number, &clients[number - number % 6]);
        }
        if (number % 6 < 4) {
            client_bind(&fixture, &clients[number]);
        }
        client_send_record(&fixture, &clients[number], MEMBER_ALL, 1, true, "retained", 8);
    }
    fixture_run(&fixture, fixture.now_ns + SECOND);
    fixture_forget(&fixture);
    fixture.is_unchecked = true; /* Once per input is enough, and fast. */
    memory_at_first = malloc(fixture.memory_size);
    FUZZ_REQUIRE(memory_at_first != NULL);
    memcpy(memory_at_first, fixture.memory, fixture.memory_size);
    memcpy(clients_at_first, clients, sizeof(clients));
}

static uint64_t outcomes(const struct core_counters *counters)
{
    uint64_t total = 0;

    for (unsigned type = 0; type < CORE_TYPES; type++) {
        total += counters->datagrams_handled[type];
    }
    for (unsigned reason = 1; reason < 40; reason++) {
        total += counters->dropped[reason];
    }
    return total;
}

static uint64_t unproven(const struct core_counters *counters)
{
    uint64_t total = 0;

    for (unsigned reason = REASON_SHORT; reason <= REASON_BAD_TAG; reason++) {
        total += counters->dropped[reason];
    }
    return total;
}

/* What leaves for an address that has not echoed must be covered by what it sent. */
static void take_outputs(uint64_t foreign_in)
{
    const struct path foreign = fixture_path(200);
    uint64_t foreign_out = 0;

    fixture_flush(&fixture);
    for (unsigned index = 0; index < fixture.sent_count; index++) {
        if (addr_equal(&fixture.sent[index].path.peer, &foreign.peer)) {
            foreign_out += fixture.sent[index].size;
        }
    }
    FUZZ_REQUIRE(foreign_out <= foreign_in);
    fixture_forget(&fixture);
}

static void give(uint8_t mode, const uint8_t *bytes, size_t size)
{
    struct client *client = &clients[mode % CLIENTS];
    const struct path from = (mode & MODE_FOREIGN) != 0 ? fixture_path(200) : client->path;
    struct core_counters before = fixture_counters(&fixture);
    struct core_counters after;
    uint8_t sealed[2048];

    if ((mode & MODE_SEALED) != 0 && size > 0) {
        size = client_seal(client, (enum datagram_type)(bytes[0] % 10), ++client->sequence,
                           bytes + 1, size - 1, sealed);
        bytes = sealed;
    }
    client_send_raw(&fixture, &from, bytes, size);
    after = fixture_counters(&fixture);
    FUZZ_REQUIRE(outcomes(&after) == outcomes(&before) + 1);
    if (unproven(&after) != unproven(&before)) {
        FUZZ_REQUIRE(core_next_deadline(fixture.core) != 0);
        fixture_flush(&fixture);
        FUZZ_REQUIRE(fixture.sent_count == 0);
    }
    take_outputs((mode & MODE_FOREIGN) != 0 ? size : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (memory_at_first == NULL) {
        make_core();
    }
    memcpy(fixture.memory, memory_at_first, fixture.memory_size);
    memcpy(clients, clients_at_first, sizeof(clients));
    while (size >= 2) {
        const uint8_t mode = input[0];
        size_t taken = (size_t)input[1] * SIZE_UNIT;

        input += 2;
        size -= 2;
        taken = taken < size ? taken : size;
        give(mode, input, taken);
        input += taken;
        size -= taken;
    }
    FUZZ_REQUIRE(core_check(fixture.core) == NULL);
    return 0;
}
