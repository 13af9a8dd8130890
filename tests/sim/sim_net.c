/* SPDX-License-Identifier: MIT */
#include "sim_net.h"

#include <assert.h>
#include <string.h>

void sim_net_init(struct sim_net *net, struct sim_random *random)
{
    net->weather = (struct sim_weather){.delay_ns = SIM_MS};
    net->random = random;
    net->order = 0;
    net->count = 0;
    net->free_count = SIM_PACKETS_MAX;
    for (uint32_t i = 0; i < SIM_PACKETS_MAX; i++) {
        net->free[i] = SIM_PACKETS_MAX - 1 - i;
    }
}

static bool is_before(const struct sim_net *net, uint32_t a, uint32_t b)
{
    const struct sim_packet *first = &net->packets[a];
    const struct sim_packet *second = &net->packets[b];

    return first->due_ns != second->due_ns ? first->due_ns < second->due_ns
                                           : first->order < second->order;
}

static void swap(uint32_t *a, uint32_t *b)
{
    const uint32_t kept = *a;

    *a = *b;
    *b = kept;
}

struct sim_packet *sim_net_new(struct sim_net *net)
{
    if (net->free_count == 0) {
        return NULL;
    }
    return &net->packets[net->free[--net->free_count]];
}

void sim_net_post(struct sim_net *net, struct sim_packet *packet, uint64_t due_ns)
{
    uint32_t at = net->count++;

    packet->due_ns = due_ns;
    packet->order = net->order++;
    net->heap[at] = (uint32_t)(packet - net->packets);
    while (at > 0 && is_before(net, net->heap[at], net->heap[(at - 1) / 2])) {
        swap(&net->heap[at], &net->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

uint64_t sim_net_due(const struct sim_net *net)
{
    return net->count == 0 ? UINT64_MAX : net->packets[net->heap[0]].due_ns;
}

struct sim_packet *sim_net_take(struct sim_net *net)
{
    struct sim_packet *packet = &net->packets[net->heap[0]];
    uint32_t at = 0;

    assert(net->count > 0);
    net->heap[0] = net->heap[--net->count];
    for (;;) {
        uint32_t least = at;

        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < net->count; child++) {
            least = is_before(net, net->heap[child], net->heap[least]) ? child : least;
        }
        if (least == at) {
            return packet;
        }
        swap(&net->heap[at], &net->heap[least]);
        at = least;
    }
}

void sim_net_free(struct sim_net *net, struct sim_packet *packet)
{
    net->free[net->free_count++] = (uint32_t)(packet - net->packets);
}

static void send_once(struct sim_net *net, uint64_t now_ns, const struct addr *from,
                      const struct addr *to, const uint8_t *bytes, size_t size)
{
    const struct sim_weather *weather = &net->weather;
    struct sim_packet *packet = sim_net_new(net);
    uint64_t due_ns = now_ns + weather->delay_ns;

    if (packet == NULL) {
        return;
    }
    if (weather->jitter_us > 0) {
        due_ns += sim_random_below(net->random, weather->jitter_us) * UINT64_C(1000);
    }
    packet->kind = SIM_PACKET_UDP;
    packet->from = *from;
    packet->to = *to;
    packet->size = (uint16_t)size;
    memcpy(packet->bytes, bytes, size);
    if (sim_random_chance(net->random, weather->damage) && size > 0) {
        packet->bytes[sim_random_below(net->random, (uint32_t)size)] ^=
            (uint8_t)(1u << sim_random_below(net->random, 8));
    }
    sim_net_post(net, packet, due_ns);
}

void sim_net_send(struct sim_net *net, uint64_t now_ns, const struct addr *from,
                  const struct addr *to, const uint8_t *bytes, size_t size)
{
    assert(size <= SIM_PACKET_SIZE);
    if (sim_random_chance(net->random, net->weather.loss)) {
        return;
    }
    send_once(net, now_ns, from, to, bytes, size);
    if (sim_random_chance(net->random, net->weather.duplicate)) {
        send_once(net, now_ns, from, to, bytes, size);
    }
}
