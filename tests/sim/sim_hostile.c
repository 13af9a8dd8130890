/* SPDX-License-Identifier: MIT */
#include "sim_hostile.h"

#include "proto/wire.h"

#include <string.h>

static struct addr own_address(const struct sim_hostile *hostile, struct sim_random *random)
{
    return addr_ipv4(10, 2, hostile->index, (uint8_t)sim_random_below(random, 3),
                     (uint16_t)(1024 + sim_random_below(random, 4)));
}

void sim_hostile_open(struct sim_hostile *hostile, struct sim_battlefield *field, uint8_t index)
{
    *hostile = (struct sim_hostile){
        .kind = (enum sim_hostile_kind)sim_random_below(field->random, SIM_HOSTILE_KINDS),
        .index = index,
        .act_ns = sim_random_below(field->random, 3000) * SIM_MS,
        .link = SIM_LINK_NONE,
    };
}

void sim_overhear(struct sim_battlefield *field, const struct sim_packet *packet)
{
    if (packet->from.ip[1] == 1) { /* A player's. */
        field->overheard.packets[field->overheard.count++ % SIM_OVERHEARD] = *packet;
    }
}

static const struct sim_packet *pick(struct sim_battlefield *field)
{
    const uint32_t count =
        field->overheard.count < SIM_OVERHEARD ? field->overheard.count : SIM_OVERHEARD;

    return count == 0 ? NULL : &field->overheard.packets[sim_random_below(field->random, count)];
}

/* Heads that pass the cheap checks, with no seal that could fit. */
static void act_stranger(struct sim_hostile *hostile, struct sim_battlefield *field,
                         uint64_t now_ns)
{
    struct sim_random *random = field->random;
    const struct addr from = own_address(hostile, random);
    struct addr to = field->relay;
    uint8_t bytes[1400];
    size_t size = sim_random_below(random, sim_random_chance(random, 900) ? 80 : 1400);

    sim_judge_stranger(field->judge, &from);
    to.port = (uint16_t)(SIM_CONTROL_PORT + sim_random_below(random, SIM_WORKERS_MAX));
    sim_random_fill(random, bytes, size);
    if (size > 14 && sim_random_chance(random, 800)) {
        struct wire_writer writer;

        wire_writer_init(&writer, bytes, 14);
        wire_put_u8(&writer, (uint8_t)(1u << 6 | sim_random_below(random, 12) << 2));
        wire_put_u24(&writer, sim_random_below(random, 16));
    }
    sim_net_send(field->net, now_ns, &from, &to, bytes, size);
}

/* Sends again what it saw, at times altered; from the sender's own address or from a victim's. An
 * altered one has no seal; an unaltered one has been seen by the relay, unless it was lost. */
static void act_eavesdropper(struct sim_hostile *hostile, struct sim_battlefield *field,
                             uint64_t now_ns)
{
    struct sim_random *random = field->random;
    const struct sim_packet *seen = pick(field);
    uint8_t bytes[SIM_PACKET_SIZE];
    struct addr from;

    if (seen == NULL) {
        return;
    }
    from = sim_random_chance(random, 500) ? seen->from : own_address(hostile, random);
    memcpy(bytes, seen->bytes, seen->size);
    if (sim_random_chance(random, 400) && seen->size > 0) {
        bytes[sim_random_below(random, seen->size)] ^= (uint8_t)(1 + sim_random_below(random, 255));
    }
    sim_net_send(field->net, now_ns, &from, &seen->to, bytes, seen->size);
}

static void act_knocker(struct sim_hostile *hostile, struct sim_battlefield *field, uint64_t now_ns)
{
    struct sim_random *random = field->random;
    uint8_t bytes[256];
    size_t size = 1 + sim_random_below(random, sizeof(bytes));
    struct sim_link *link;

    if (hostile->link == SIM_LINK_NONE) {
        const struct addr from = own_address(hostile, random);

        hostile->link =
            sim_link_open(field->links, field->owner_first + hostile->index, &from, now_ns);
        return;
    }
    link = &field->links->links[hostile->link];
    if (!link->is_client_open) {
        return;
    }
    if (sim_random_chance(random, 200)) {
        sim_link_abort(field->links, hostile->link, false, now_ns);
        hostile->link = SIM_LINK_NONE;
    } else if (sim_random_chance(random, 200)) {
        sim_link_close(field->links, hostile->link, false, now_ns);
        hostile->link = SIM_LINK_NONE;
    } else {
        sim_random_fill(random, bytes, size);
        if (sim_random_chance(random, 500)) {
            bytes[0] = 0;
            bytes[1 % size] = (uint8_t)sim_random_below(random, 200);
        }
        (void)sim_link_write(field->links, hostile->link, true, bytes, size, now_ns);
    }
}

void sim_hostile_run(struct sim_hostile *hostile, struct sim_battlefield *field, uint64_t now_ns)
{
    if (now_ns < hostile->act_ns) {
        return;
    }
    hostile->act_ns = now_ns + sim_random_between(field->random, 20, 400) * SIM_MS;
    if (now_ns >= field->end_ns) {
        hostile->act_ns = UINT64_MAX;
        if (hostile->link != SIM_LINK_NONE) {
            sim_link_abort(field->links, hostile->link, false, now_ns);
            hostile->link = SIM_LINK_NONE;
        }
        return;
    }
    switch (hostile->kind) {
    case SIM_STRANGER:
        act_stranger(hostile, field, now_ns);
        break;
    case SIM_EAVESDROPPER:
        act_eavesdropper(hostile, field, now_ns);
        break;
    case SIM_KNOCKER:
    case SIM_HOSTILE_KINDS:
        act_knocker(hostile, field, now_ns);
        break;
    }
}

void sim_hostile_stream(struct sim_hostile *hostile, const struct sim_packet *packet,
                        struct sim_link *link)
{
    if (hostile->link != packet->link) {
        return;
    }
    if (packet->kind == SIM_PACKET_OPENED && link->is_client_trying) {
        link->is_client_trying = false;
        link->is_client_open = true;
    } else if (packet->kind == SIM_PACKET_DOWN) {
        sim_pipe_read(&link->down, link->down.size);
    } else if (packet->kind == SIM_PACKET_RESET_DOWN || packet->kind == SIM_PACKET_END_DOWN) {
        link->is_client_open = false;
        link->is_client_trying = false;
        hostile->link = SIM_LINK_NONE;
    }
}
