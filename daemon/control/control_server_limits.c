/* SPDX-License-Identifier: MIT */
#include "daemon/control/control_server_parts.h"

#include "proto/limits.h"

#include <assert.h>

/* Rings of the net layer hold what the system does not take at once. Few clients at a time are that
 * slow; when the rings are used up, bytes wait with struct control. */
#define RINGS_MIN   64u
#define RINGS_SHARE 8u

#define NS_IN_US UINT64_C(1000)
#define NS_IN_S  UINT64_C(1000000000)

static uint32_t to_u32(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* The text of an address without its port; empty where there is none. */
static void print_advertise(const struct addr *addr, char out[CONTROL_ADVERTISE_SIZE])
{
    static_assert(ADDR_TEXT_SIZE <= CONTROL_ADVERTISE_SIZE, "any address fits");
    out[0] = 0;
    if (addr->family != ADDR_FAMILY_NONE) {
        (void)addr_print_ip(addr, out);
    }
}

static void fill_connections(const struct relay_config *config, struct control_limits *out)
{
    const struct config_control *control = &config->control;

    out->connections_max = control->max_connections;
    out->preauth_max = control->preauth_max;
    out->frame_max_bytes = to_u32(control->frame_max_bytes);
    out->out_buffer_bytes = to_u32(control->out_buffer_bytes);
    out->frame_buffers = control->max_connections;
    out->out_buffers = control->max_connections;
    out->connections_per_ip = control->connections_per_ip;
    out->accepts_per_ip_s = control->accepts_per_ip_s;
    out->accepts_per_ip_burst = control->accepts_per_ip_burst;
    out->handshake_timeout_ns = control->handshake_timeout_ns;
    out->frame_timeout_ns = control->frame_timeout_ns;
    out->idle_timeout_ns = control->idle_timeout_ns;
    out->commands_per_s = control->commands_per_s;
    out->commands_burst = control->commands_burst;
    out->resume_grace_ns = control->resume_grace_ns;
}

static void fill_rooms(const struct relay_config *config, struct control_limits *out)
{
    const struct config_limits *limits = &config->limits;

    out->sessions_max = limits->max_clients;
    out->rooms_max = limits->max_rooms;
    out->worker_count = config->udp.workers;
    out->rooms_created_per_minute = limits->rooms_created_per_minute;
    out->rooms_created_burst = limits->rooms_created_burst;
    out->members_per_room_max = (uint16_t)limits->clients_per_room;
    out->tick_default_us = to_u32(config->room.tick_default_ns / NS_IN_US);
    out->tick_max_us = to_u32(config->room.tick_max_ns / NS_IN_US);
    out->code_length = config->room.code_length;
    out->blob_bytes = to_u32(config->room.blob_bytes);
    if (out->blob_bytes != 0) {
        const uint64_t blobs = config->room.blob_pool_bytes / (2 * config->room.blob_bytes);

        out->blobs_max = blobs < out->rooms_max ? to_u32(blobs) : out->rooms_max;
    }
    print_advertise(&config->udp.advertise, out->advertise);
    out->max_datagram = (uint16_t)config->udp.max_datagram_bytes;
    out->streams_per_member = (uint8_t)limits->streams_per_member;
    out->client_datagrams_s = limits->client_datagrams_s;
    out->client_bytes_s = to_u32(limits->client_bytes_s);
    out->client_records_s = limits->client_records_s;
}

void control_server_limits(const struct relay_config *config, uint32_t rooms_per_worker,
                           struct control_limits *out)
{
    const struct config_auth *auth = &config->auth;

    *out = (struct control_limits){.rooms_per_worker_max = rooms_per_worker};
    fill_connections(config, out);
    fill_rooms(config, out);
    out->fail_limit = auth->fail_limit;
    out->fail_window_ns = auth->fail_window_ns;
    out->lockout_ns = auth->lockout_ns;
    out->is_ticket_required = auth->mode == CONFIG_AUTH_TICKET;
    out->ticket_age_max_s = to_u32(auth->ticket_max_age_ns / NS_IN_S);
    out->clock_skew_s = to_u32(auth->clock_skew_ns / NS_IN_S);
    out->sessions_per_client_id = auth->sessions_per_client_id;
}

static int32_t to_setting(uint64_t value)
{
    if (value == 0) {
        return NET_SETTING_DEFAULT;
    }
    return value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

void control_server_sockets(const struct relay_config *config, struct addr addresses[],
                            struct net_tcp_options *out)
{
    const struct config_control *control = &config->control;
    uint32_t rings = RINGS_MIN + control->max_connections / RINGS_SHARE;

    for (uint32_t i = 0; i < config->server.listen_count; i++) {
        addresses[i] = config->server.listen[i];
        addresses[i].port = control->port;
    }
    *out = (struct net_tcp_options){
        .addresses = addresses,
        .address_count = config->server.listen_count,
        .max_connections = control->max_connections,
        .output_bytes = to_u32(control->out_buffer_bytes),
        .output_rings = rings < control->max_connections ? rings : control->max_connections,
        .backlog = control->backlog,
        .no_delay = control->no_delay,
        .keepalive = control->keepalive,
        .reuse_address = control->reuse_address,
        .linger_s = (int32_t)(control->linger_ns / NS_IN_S),
        .keepalive_idle_s = to_setting(control->keepalive_idle_ns / NS_IN_S),
        .keepalive_interval_s = to_setting(control->keepalive_interval_ns / NS_IN_S),
        .recv_buffer_bytes = to_setting(control->recv_buffer_bytes),
        .send_buffer_bytes = to_setting(control->send_buffer_bytes),
    };
}
