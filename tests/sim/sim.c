/* SPDX-License-Identifier: MIT */
#include "sim.h"

#include <string.h>

#define STEPS_MAX 2000000

/* --- What a seed decides --------------------------------------------------------------------- */

static uint32_t pick(struct sim *sim, const uint32_t choices[], uint32_t count)
{
    return choices[sim_random_below(&sim->random, count)];
}

#define PICK(sim, ...)                                                                             \
    pick(sim, (const uint32_t[]){__VA_ARGS__},                                                     \
         sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static uint64_t seconds(uint32_t count)
{
    return count * SIM_SECOND;
}

static void set_limits(struct sim *sim, struct relay_config *config)
{
    config->limits.max_clients = SIM_SLOTS_MAX - 16;
    config->limits.max_rooms = PICK(sim, 2, 8, 24);
    config->limits.clients_per_room = PICK(sim, 2, 4, 16, 64, 128);
    config->limits.streams_per_member = sim_random_between(&sim->random, 1, 8);
    config->limits.client_datagrams_s = PICK(sim, 10, 128, 1000);
    config->limits.client_datagrams_burst = 2 * config->limits.client_datagrams_s;
    config->limits.client_records_s = PICK(sim, 16, 1024);
    config->limits.client_records_burst = 2 * config->limits.client_records_s;
    config->limits.client_bytes_s = PICK(sim, 4096, 65536);
    config->limits.client_bytes_burst = 2 * config->limits.client_bytes_s;
    config->limits.room_deliveries_s = PICK(sim, 20000, 262144);
    config->limits.rooms_created_per_minute = 600;
    config->limits.rooms_created_burst = 100;
    config->limits.over_limit_close_ns = seconds(PICK(sim, 0, 2, 10));
    config->room.tick_default_ns = PICK(sim, 0, 0, 5, 16) * SIM_MS;
    config->room.retained_bytes = PICK(sim, 131072, 262144);
    config->room.blob_bytes = PICK(sim, 0, 4096, SIM_BLOB_BYTES);
    config->room.blob_pool_bytes =
        2 * config->room.blob_bytes * PICK(sim, 1, config->limits.max_rooms);
    config->room.empty_ttl_ns = seconds(PICK(sim, 0, 5, 60));
    config->room.host_grace_ns = seconds(PICK(sim, 0, 1, 3));
    config->room.host_silence_ns = seconds(PICK(sim, 0, 2, 5));
    config->room.max_age_ns = seconds(PICK(sim, 0, 0, 60));
}

static void set_udp_and_control(struct sim *sim, struct relay_config *config)
{
    config->udp.workers = sim_random_between(&sim->random, 1, SIM_WORKERS_MAX);
    config->udp.max_datagram_bytes = PICK(sim, 256, 508, 1232, 1400);
    config->udp.bind_timeout_ns = seconds(PICK(sim, 5, 10));
    config->udp.session_idle_ns = seconds(PICK(sim, 10, 30));
    config->udp.rebind =
        (enum config_rebind)PICK(sim, CONFIG_REBIND_ANY, CONFIG_REBIND_ANY, CONFIG_REBIND_PORT);
    config->udp.challenge_per_ip_s = PICK(sim, 20, 100);
    config->udp.cookie_rotate_ns = seconds(PICK(sim, 5, 30));
    config->control.max_connections = SIM_LINKS_MAX;
    config->control.preauth_max = PICK(sim, 16, 64);
    config->control.connections_per_ip = 16;
    config->control.accepts_per_ip_s = 100;
    config->control.accepts_per_ip_burst = 100;
    config->control.commands_per_s = 100;
    config->control.commands_burst = 200;
    config->control.idle_timeout_ns = seconds(PICK(sim, 30, 60));
    config->control.resume_grace_ns = seconds(PICK(sim, 0, 5, 30));
    config->auth.mode = CONFIG_AUTH_OPEN;
}

static void set_weather(struct sim *sim, struct sim_weather *weather)
{
    weather->delay_ns = sim_random_between(&sim->random, 1, 120) * SIM_MS;
    weather->jitter_us = PICK(sim, 0, 1000, 20000, 80000);
    weather->loss = PICK(sim, 0, 10, 50, 300);
    weather->duplicate = PICK(sim, 0, 0, 20, 100);
    weather->damage = PICK(sim, 0, 0, 20);
}

static void set_times(struct sim *sim)
{
    sim->calm_ns = seconds(sim_random_between(&sim->random, 5, 20));
    sim->crash_ns = UINT64_MAX;
    if (sim_random_chance(&sim->random, 200)) {
        sim->crash_ns = sim_random_below(&sim->random, (uint32_t)(sim->calm_ns / SIM_MS)) * SIM_MS;
    }
    sim->restart_ns = UINT64_MAX;
    /* What was lost in the turmoil must be found out first: timeouts, pauses between tries. */
    sim->judgement_ns = sim->calm_ns + seconds(75);
    sim->end_ns = sim->judgement_ns + seconds(1);
    sim->empty_ns = sim->end_ns + seconds(110);
}

static void set_relay(struct sim *sim)
{
    static struct config defaults; /* Large. */
    struct sim_relay *relay = &sim->relay;

    config_defaults(&defaults);
    relay->config = defaults.values;
    set_limits(sim, &relay->config);
    set_udp_and_control(sim, &relay->config);
    relay->address = addr_ipv4(10, 0, 0, 1, 0);
    relay->queue_size = PICK(sim, 8, 16, SIM_QUEUE_MAX);
    relay->turn_us_max = PICK(sim, 0, 500, 5000);
    relay->send_full = PICK(sim, 0, 0, 20);
    relay->random = &sim->random;
    relay->net = &sim->net;
    relay->links = &sim->links;
    relay->judge = &sim->judge;
    sim_relay_start(relay, 0);
}

static void set_people(struct sim *sim)
{
    struct sim_players *players = &sim->players;
    const uint32_t restless = PICK(sim, 0, 0, 100);

    players->net = &sim->net;
    players->links = &sim->links;
    players->random = &sim->random;
    players->judge = &sim->judge;
    players->relay = sim->relay.address;
    players->calm_ns = sim->calm_ns;
    players->still_ns = sim->calm_ns + seconds(60);
    players->end_ns = sim->end_ns;
    players->churn = PICK(sim, 0, 50, 300);
    players->streams = sim->relay.config.limits.streams_per_member;
    players->code_count = 0;
    players->membership_count = 0;
    players->blobs.count = 0;
    players->clock_count = 0;
    sim->player_count = sim_random_chance(&sim->random, 50)
                            ? sim_random_between(&sim->random, 9, SIM_PLAYERS_MAX)
                            : sim_random_between(&sim->random, 2, 8);
    sim->hostile_count = sim_random_below(&sim->random, SIM_HOSTILE_MAX + 1);
    sim->field.net = &sim->net;
    sim->field.links = &sim->links;
    sim->field.random = &sim->random;
    sim->field.judge = &sim->judge;
    sim->field.relay = sim->relay.address;
    sim->field.owner_first = SIM_PLAYERS_MAX;
    sim->field.end_ns = sim->calm_ns;
    sim->field.overheard.count = 0;
    for (uint32_t i = 0; i < sim->player_count; i++) {
        sim_player_open(&sim->player[i], players, (uint16_t)i,
                        sim_random_chance(&sim->random, restless));
    }
    for (uint32_t i = 0; i < sim->hostile_count; i++) {
        sim_hostile_open(&sim->hostile[i], &sim->field, (uint8_t)i);
    }
}

/* --- What happens ---------------------------------------------------------------------------- */

static void arrive_udp(struct sim *sim, const struct sim_packet *packet)
{
    if (addr_equal_ip(&packet->to, &sim->relay.address)) {
        sim_overhear(&sim->field, packet);
        sim_relay_datagram(&sim->relay, packet, sim->now_ns);
    } else if (packet->to.ip[1] == 1) {
        sim_player_datagram(&sim->player[packet->to.ip[2]], packet, sim->now_ns);
    }
}

static void arrive_tcp(struct sim *sim, const struct sim_packet *packet)
{
    struct sim_link *link = sim_link_arrive(&sim->links, packet);

    if (link == NULL) {
        return;
    }
    if (packet->kind == SIM_PACKET_OPEN && sim->relay.control == NULL) {
        link->is_relay_open = true; /* The system answers with a reset. */
        sim_link_abort(&sim->links, packet->link, true, sim->now_ns);
    } else if (sim->relay.control != NULL) {
        sim_relay_stream(&sim->relay, packet, link, sim->now_ns);
    }
    if (link->owner >= SIM_PLAYERS_MAX) {
        sim_hostile_stream(&sim->hostile[link->owner - SIM_PLAYERS_MAX], packet, link);
    } else {
        sim_player_stream(&sim->player[link->owner], packet, sim->now_ns);
    }
}

static void arrive(struct sim *sim)
{
    while (sim_net_due(&sim->net) <= sim->now_ns) {
        struct sim_packet *packet = sim_net_take(&sim->net);

        if (packet->kind == SIM_PACKET_UDP) {
            arrive_udp(sim, packet);
        } else {
            arrive_tcp(sim, packet);
        }
        sim_net_free(&sim->net, packet);
    }
}

static void compare_states(struct sim *sim, const struct sim_player *a, const struct sim_player *b)
{
    for (uint32_t i = 0; i < sim->player_count; i++) {
        if (&sim->player[i] != a && &sim->player[i] != b) {
            sim_player_compare_states(a, b, &sim->player[i]);
        }
    }
}

static void judge_calm(struct sim *sim)
{
    sim->judgement_ns = UINT64_MAX;
    sim_judge_tell(&sim->judge, "all must see the same");
    for (uint32_t i = 0; i < sim->player_count; i++) {
        const struct sim_player *player = &sim->player[i];

        if (player->is_restless) {
            continue;
        }
        if (player->request_count > 0) {
            sim_judge_fail(&sim->judge, "in the calm, player %u waits for an answer", i);
        }
        sim_player_judge_host(player);
        if (player->waits_for_blob) {
            sim_judge_fail(&sim->judge, "in the calm, player %u, a host, waits for a blob", i);
        }
        for (uint32_t j = 0; j < sim->player_count; j++) {
            if (i != j && !sim->player[j].is_restless) {
                sim_player_compare(player, &sim->player[j]);
                compare_states(sim, player, &sim->player[j]);
            }
        }
    }
}

/* What the seed has planned for this time. */
static void follow_plan(struct sim *sim)
{
    if (sim->now_ns >= sim->crash_ns) {
        sim_judge_tell(&sim->judge, "the relay crashes");
        sim->crash_ns = UINT64_MAX;
        sim->restart_ns = sim->now_ns + sim_random_below(&sim->random, 3000) * SIM_MS;
        sim_relay_crash(&sim->relay, sim->now_ns);
        sim_judge_restart(&sim->judge);
    }
    if (sim->now_ns >= sim->restart_ns) {
        sim_judge_tell(&sim->judge, "the relay is back");
        sim->restart_ns = UINT64_MAX;
        sim_relay_start(&sim->relay, sim->now_ns);
    }
    if (sim->now_ns >= sim->calm_ns) {
        sim_judge_tell(&sim->judge, "calm");
        sim->calm_ns = UINT64_MAX;
        sim->net.weather = (struct sim_weather){.delay_ns = sim->net.weather.delay_ns};
        sim->relay.send_full = 0;
    }
    if (sim->now_ns >= sim->judgement_ns) {
        judge_calm(sim);
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_time(const struct sim *sim)
{
    uint64_t next_ns = least(sim_net_due(&sim->net), sim_relay_deadline(&sim->relay));

    next_ns = least(next_ns, least(sim->crash_ns, sim->restart_ns));
    next_ns = least(next_ns, least(sim->calm_ns, sim->judgement_ns));
    next_ns = least(next_ns, sim->empty_ns);
    for (uint32_t i = 0; i < sim->player_count; i++) {
        next_ns = least(next_ns, sim_player_deadline(&sim->player[i]));
    }
    for (uint32_t i = 0; i < sim->hostile_count; i++) {
        next_ns = least(next_ns, sim->hostile[i].act_ns);
    }
    return next_ns;
}

static void step(struct sim *sim)
{
    arrive(sim);
    follow_plan(sim);
    for (uint32_t i = 0; i < sim->player_count && !sim->judge.is_broken; i++) {
        sim_player_run(&sim->player[i], sim->now_ns);
    }
    for (uint32_t i = 0; i < sim->hostile_count; i++) {
        sim_hostile_run(&sim->hostile[i], &sim->field, sim->now_ns);
    }
    sim_relay_run(&sim->relay, sim->now_ns);
}

static void play_out(struct sim *sim)
{
    while (!sim->judge.is_broken && sim->now_ns < sim->empty_ns) {
        const uint64_t next_ns = next_time(sim);

        sim->now_ns = next_ns > sim->now_ns ? next_ns : sim->now_ns;
        sim->judge.now_ns = sim->now_ns;
        if (sim->judge.step++ == STEPS_MAX) {
            sim_judge_fail(&sim->judge, "the world does not come to rest");
        }
        step(sim);
    }
    if (!sim->judge.is_broken && !sim_relay_is_empty(&sim->relay)) {
        sim_judge_fail(&sim->judge, "everybody is gone, and the relay still holds something");
    }
    if (!sim->judge.is_broken && sim->judge.pending_count > 0) {
        sim_judge_fail(&sim->judge, "everybody is gone, and a command was not answered");
    }
}

bool sim_run(struct sim *sim, uint64_t seed, FILE *story)
{
    sim->seed = seed;
    sim->judge.story = story;
    sim->now_ns = 0;
    sim->random.state = seed;
    sim_judge_init(&sim->judge);
    sim_net_init(&sim->net, &sim->random);
    sim_links_init(&sim->links, &sim->net, &sim->random);
    set_weather(sim, &sim->net.weather);
    set_times(sim);
    set_relay(sim);
    set_people(sim);
    play_out(sim);
    if (!sim->judge.is_broken) {
        sim_judge_tell(&sim->judge, "all held");
    }
    for (uint32_t i = 0; i < sim->player_count; i++) {
        sim_player_close(&sim->player[i]);
    }
    if (sim->relay.control != NULL) {
        sim_relay_crash(&sim->relay, sim->now_ns);
    }
    return !sim->judge.is_broken;
}
