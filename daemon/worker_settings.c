/* SPDX-License-Identifier: MIT */
#include "daemon/worker_settings.h"

#include <limits.h>

enum {
    STREAM_0_CELLS = 64, /* Half of a room's ring: all rooms never have theirs full at once. */
    CHALLENGE_ADDRESS_BURST = 5 /* As WireGuard: what one address may ask for at once, at least. */
};

static uint32_t to_u32(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* Rounded up. */
static uint64_t share(uint64_t total, uint32_t worker_count)
{
    return (total + worker_count - 1) / worker_count;
}

/* A cell for each stream of each client, and some for each room's stream 0. */
static uint32_t count_cells(const struct config_limits *limits, uint32_t worker_count)
{
    return to_u32(share((uint64_t)limits->max_clients * limits->streams_per_member, worker_count) +
                  share(limits->max_rooms, worker_count) * STREAM_0_CELLS);
}

void worker_settings_limits(const struct relay_config *config, struct relay_limits *out)
{
    const struct config_limits *limits = &config->limits;

    *out = (struct relay_limits){
        .slots_max = limits->max_clients,
        .rooms_max = to_u32(share(limits->max_rooms, config->udp.workers)),
        .members_per_room_max = (uint16_t)limits->clients_per_room,
        .streams_per_member = (uint8_t)limits->streams_per_member,
        .max_datagram = (uint16_t)config->udp.max_datagram_bytes,
        .cells_max = count_cells(limits, config->udp.workers),
        .client_datagrams_rate = limits->client_datagrams_s,
        .client_datagrams_burst = limits->client_datagrams_burst,
        .client_bytes_rate = to_u32(limits->client_bytes_s),
        .client_bytes_burst = to_u32(limits->client_bytes_burst),
        .client_records_rate = limits->client_records_s,
        .client_records_burst = limits->client_records_burst,
        .client_down_bytes_rate = to_u32(limits->client_down_bytes_s),
        .room_deliveries_rate = limits->room_deliveries_s,
        .room_deliveries_burst = limits->room_deliveries_s,
        .room_bytes_rate = to_u32(limits->room_bytes_s),
        .room_bytes_burst = to_u32(limits->room_bytes_s),
        .challenge_session_rate = config->udp.challenge_per_session_s,
        .challenge_session_burst = config->udp.challenge_per_session_s,
        .challenge_address_rate = config->udp.challenge_per_ip_s,
        /* Of a higher rate a quarter of a second: one turn may find them all. */
        .challenge_address_burst = config->udp.challenge_per_ip_s / 4 > CHALLENGE_ADDRESS_BURST
                                       ? config->udp.challenge_per_ip_s / 4
                                       : CHALLENGE_ADDRESS_BURST,
        .cookie_rotate_ns = config->udp.cookie_rotate_ns,
        .bind_timeout_ns = config->udp.bind_timeout_ns,
        .session_idle_ns = config->udp.session_idle_ns,
        .over_limit_close_ns = limits->over_limit_close_ns,
        .room_empty_ttl_ns = config->room.empty_ttl_ns,
        .room_age_max_ns = config->room.max_age_ns,
        .room_host_grace_ns = config->room.host_grace_ns,
        .room_host_silence_ns = config->room.host_silence_ns,
        .room_auto_tick_max_ns = config->room.auto_tick_max_ns,
        .room_quality_interval_ns = config->room.quality_interval_ns,
        .room_retained_bytes = to_u32(config->room.retained_bytes),
        .rebind = (enum rebind_rule)config->udp.rebind,
        .rebind_moves = config->udp.rebind_moves,
    };
}

static int32_t to_setting(uint64_t value)
{
    if (value == 0) {
        return NET_SETTING_DEFAULT;
    }
    return value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

int worker_settings_open_udp(const struct relay_config *config, unsigned index,
                             struct net_udp **out, struct net_failure *failure_out)
{
    struct addr addresses[CONFIG_LISTEN_MAX];
    const struct net_udp_options options = {
        .addresses = addresses,
        .address_count = config->server.listen_count,
        .max_datagram = to_u32(config->udp.max_datagram_bytes),
        .recv_buffer_bytes = to_setting(config->udp.recv_buffer_bytes),
        .send_buffer_bytes = to_setting(config->udp.send_buffer_bytes),
        .ttl = to_setting(config->udp.ttl),
        .dscp = to_setting(config->udp.dscp),
        .segments = config->udp.segment,
    };

    for (unsigned i = 0; i < config->server.listen_count; i++) {
        addresses[i] = config->server.listen[i];
        addresses[i].port = config->udp.port == 0 ? 0 : (uint16_t)(config->udp.port + index);
    }
    return net_udp_open(&options, out, failure_out);
}
