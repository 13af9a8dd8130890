/* SPDX-License-Identifier: MIT */
#include "sim_link.h"

#include <string.h>

/* The longest time after which an end learns that its connection is broken. */
#define RESET_MS_MAX 4000

void sim_links_init(struct sim_links *links, struct sim_net *net, struct sim_random *random)
{
    links->net = net;
    links->random = random;
    for (uint32_t i = 0; i < SIM_LINKS_MAX; i++) {
        struct sim_link *link = &links->links[i];

        link->generation++;
        link->is_relay_open = false;
        link->is_client_open = false;
        link->is_client_trying = false;
    }
}

static void post(struct sim_links *links, uint32_t index, enum sim_packet_kind kind,
                 uint64_t due_ns)
{
    struct sim_packet *packet = sim_net_new(links->net);

    if (packet == NULL) {
        return; /* The network is full: as good as lost. */
    }
    packet->kind = kind;
    packet->link = index;
    packet->generation = links->links[index].generation;
    packet->size = 0;
    sim_net_post(links->net, packet, due_ns);
}

static void reset_pipe(struct sim_pipe *pipe)
{
    pipe->due_ns = 0;
    pipe->flying = 0;
    pipe->size = 0;
    pipe->has_ended = false;
    pipe->is_end_told = false;
}

static bool is_free(const struct sim_link *link)
{
    return !link->is_relay_open && !link->is_client_open && !link->is_client_trying;
}

/* When something written now arrives: never before what was written earlier. */
static uint64_t arrival(const struct sim_links *links, struct sim_pipe *pipe, uint64_t now_ns)
{
    const uint64_t due_ns = now_ns + links->net->weather.delay_ns;

    pipe->due_ns = due_ns > pipe->due_ns ? due_ns : pipe->due_ns;
    return pipe->due_ns;
}

uint32_t sim_link_open(struct sim_links *links, uint32_t owner, const struct addr *client,
                       uint64_t now_ns)
{
    for (uint32_t index = 0; index < SIM_LINKS_MAX; index++) {
        struct sim_link *link = &links->links[index];

        if (!is_free(link)) {
            continue;
        }
        link->generation++;
        link->owner = owner;
        link->is_client_trying = true;
        link->is_cut = false;
        link->is_paused = false;
        link->client = *client;
        reset_pipe(&link->up);
        reset_pipe(&link->down);
        post(links, index, SIM_PACKET_OPEN, arrival(links, &link->up, now_ns));
        return index;
    }
    return SIM_LINK_NONE;
}

size_t sim_link_write(struct sim_links *links, uint32_t index, bool is_up, const uint8_t *bytes,
                      size_t size, uint64_t now_ns)
{
    struct sim_link *link = &links->links[index];
    struct sim_pipe *pipe = is_up ? &link->up : &link->down;
    size_t taken = 0;

    if (link->is_cut) {
        return size; /* Into the void. */
    }
    while (taken < size && pipe->flying + pipe->size < SIM_LINK_BYTES) {
        struct sim_packet *packet = sim_net_new(links->net);
        size_t piece = size - taken;
        const size_t most = SIM_LINK_BYTES - pipe->flying - pipe->size;

        if (packet == NULL) {
            break;
        }
        if (sim_random_chance(links->random, 200)) {
            piece = 1 + sim_random_below(links->random, 64);
        }
        piece = piece < size - taken ? piece : size - taken;
        piece = piece < most ? piece : most;
        piece = piece < SIM_PACKET_SIZE ? piece : SIM_PACKET_SIZE;
        packet->kind = is_up ? SIM_PACKET_UP : SIM_PACKET_DOWN;
        packet->link = index;
        packet->generation = link->generation;
        packet->size = (uint16_t)piece;
        memcpy(packet->bytes, bytes + taken, piece);
        sim_net_post(links->net, packet, arrival(links, pipe, now_ns));
        pipe->flying += (uint32_t)piece;
        taken += piece;
    }
    return taken;
}

void sim_pipe_read(struct sim_pipe *pipe, size_t size)
{
    pipe->size -= (uint32_t)size;
    memmove(pipe->bytes, pipe->bytes + size, pipe->size);
}

static void forget_end(struct sim_link *link, bool is_relay)
{
    if (is_relay) {
        link->is_relay_open = false;
    } else {
        link->is_client_open = false;
        link->is_client_trying = false;
    }
}

void sim_link_close(struct sim_links *links, uint32_t index, bool is_relay, uint64_t now_ns)
{
    struct sim_link *link = &links->links[index];

    forget_end(link, is_relay);
    if (!link->is_cut) {
        post(links, index, is_relay ? SIM_PACKET_END_DOWN : SIM_PACKET_END_UP,
             arrival(links, is_relay ? &link->down : &link->up, now_ns));
    }
}

void sim_link_abort(struct sim_links *links, uint32_t index, bool is_relay, uint64_t now_ns)
{
    struct sim_link *link = &links->links[index];

    forget_end(link, is_relay);
    if (!link->is_cut) {
        post(links, index, is_relay ? SIM_PACKET_RESET_DOWN : SIM_PACKET_RESET_UP,
             now_ns + links->net->weather.delay_ns);
    }
}

void sim_link_cut(struct sim_links *links, uint32_t index, uint64_t now_ns)
{
    struct sim_link *link = &links->links[index];

    link->is_cut = true;
    post(links, index, SIM_PACKET_RESET_UP,
         now_ns + sim_random_below(links->random, RESET_MS_MAX) * SIM_MS);
    post(links, index, SIM_PACKET_RESET_DOWN,
         now_ns + sim_random_below(links->random, RESET_MS_MAX) * SIM_MS);
}

struct sim_link *sim_link_arrive(struct sim_links *links, const struct sim_packet *packet)
{
    struct sim_link *link = &links->links[packet->link];
    const bool is_up = packet->kind == SIM_PACKET_UP || packet->kind == SIM_PACKET_END_UP;
    struct sim_pipe *pipe = is_up ? &link->up : &link->down;
    const bool is_reset =
        packet->kind == SIM_PACKET_RESET_UP || packet->kind == SIM_PACKET_RESET_DOWN;

    if (link->generation != packet->generation || (link->is_cut && !is_reset)) {
        return NULL;
    }
    if (packet->kind == SIM_PACKET_UP || packet->kind == SIM_PACKET_DOWN) {
        memcpy(pipe->bytes + pipe->size, packet->bytes, packet->size);
        pipe->size += packet->size;
        pipe->flying -= packet->size;
    } else if (packet->kind == SIM_PACKET_END_UP || packet->kind == SIM_PACKET_END_DOWN) {
        pipe->has_ended = true;
    }
    return link;
}
