/* SPDX-License-Identifier: MIT */
#include "client/tools/load_wire.h"

#include <assert.h>
#include <stdlib.h>

/* Many clients send through one socket in bursts. */
#define UDP_BUFFER_BYTES (8 << 20)

/* The most that a client has to say at once: LINK_OUTPUT_SIZE of the library. */
#define OUTPUT_BYTES 16384

uint32_t load_wire_connections(uint32_t clients)
{
    return clients + clients / 8 + 16;
}

static int open_sockets(struct load_wire *wire, const struct addr *server, uint32_t clients,
                        struct net_system *system, struct net_failure *failure_out)
{
    const struct addr any = {.family = server->family};
    const uint32_t connections = load_wire_connections(clients);
    const struct net_udp_options udp = {.addresses = &any,
                                        .address_count = 1,
                                        .max_datagram = LOAD_WIRE_DATAGRAM_MAX,
                                        .recv_buffer_bytes = UDP_BUFFER_BYTES,
                                        .send_buffer_bytes = UDP_BUFFER_BYTES,
                                        .ttl = NET_SETTING_DEFAULT,
                                        .dscp = NET_SETTING_DEFAULT,
                                        .system = system};
    /* Nobody writes for long, so that a few rings do for all. */
    const struct net_tcp_options tcp = {.max_connections = connections,
                                        .output_bytes = OUTPUT_BYTES,
                                        .output_rings = connections < 1024 ? connections : 1024,
                                        .backlog = 1,
                                        .no_delay = true,
                                        .keepalive_idle_s = NET_SETTING_DEFAULT,
                                        .keepalive_interval_s = NET_SETTING_DEFAULT,
                                        .recv_buffer_bytes = NET_SETTING_DEFAULT,
                                        .send_buffer_bytes = NET_SETTING_DEFAULT,
                                        .system = system};
    int result = net_udp_open(&udp, &wire->udp, failure_out);

    if (result == RESULT_OK)
        result = net_tcp_open(&tcp, &wire->tcp, failure_out);
    return result;
}

int load_wire_open(const struct addr *server, uint32_t clients, struct net_system *system,
                   struct load_wire **out, struct net_failure *failure_out)
{
    struct load_wire *wire = calloc(1, sizeof(*wire));
    uint32_t size = 16;
    int result;

    while (size < 4 * clients)
        size *= 2;
    if (wire != NULL)
        wire->slots = calloc(size, sizeof(wire->slots[0]));
    if (wire == NULL || wire->slots == NULL) {
        load_wire_close(wire);
        *failure_out = (struct net_failure){
            .result = RESULT_NO_MEMORY, .step = "allocate", .text = "no memory"};
        return RESULT_NO_MEMORY;
    }
    wire->slot_mask = size - 1;
    result = open_sockets(wire, server, clients, system, failure_out);
    if (result < 0) {
        load_wire_close(wire);
        return result;
    }
    *out = wire;
    return RESULT_OK;
}

void load_wire_close(struct load_wire *wire)
{
    if (wire == NULL)
        return;
    net_udp_close(wire->udp);
    net_tcp_shutdown(wire->tcp);
    free(wire->slots);
    free(wire);
}

uint8_t *load_wire_room(struct load_wire *wire)
{
    if (wire->outgoing_count == NET_UDP_BATCH)
        load_wire_flush(wire);
    return wire->bytes[wire->outgoing_count];
}

void load_wire_put(struct load_wire *wire, size_t size, const struct addr *to)
{
    assert(wire->outgoing_count < NET_UDP_BATCH);
    wire->outgoing[wire->outgoing_count] = (struct net_outgoing){
        .to = *to, .body = {.bytes = wire->bytes[wire->outgoing_count], .size = size}};
    wire->outgoing_count++;
}

void load_wire_flush(struct load_wire *wire)
{
    if (wire->outgoing_count > 0)
        (void)net_udp_send(wire->udp, wire->outgoing, wire->outgoing_count);
    wire->outgoing_count = 0;
}

/* --- Slots ----------------------------------------------------------------------------------- */

static uint64_t key_of(uint16_t port, uint32_t slot)
{
    return ((uint64_t)port << 24 | slot) + 1;
}

/* Where the key is, or would be. Fibonacci hashing (Knuth, TAOCP 3, 6.4). */
static uint32_t place_of(const struct load_wire *wire, uint64_t key)
{
    uint32_t at = (uint32_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32) & wire->slot_mask;

    while (wire->slots[at].key != 0 && wire->slots[at].key != key)
        at = (at + 1) & wire->slot_mask;
    return at;
}

void load_wire_slot_set(struct load_wire *wire, uint16_t port, uint32_t slot, uint32_t member)
{
    uint64_t key = key_of(port, slot);
    uint32_t at = place_of(wire, key);

    /* A client has one membership in its life, or a few, and the table a place for four. */
    if (wire->slots[at].key == 0 && wire->slot_count++ >= wire->slot_mask / 2) {
        wire->slot_count--;
        return;
    }
    wire->slots[at] = (struct load_slot){.key = key, .member = member};
}

uint32_t load_wire_slot_find(const struct load_wire *wire, uint16_t port, uint32_t slot)
{
    const struct load_slot *found = &wire->slots[place_of(wire, key_of(port, slot))];

    return found->key != 0 ? found->member : LOAD_WIRE_NOBODY;
}
