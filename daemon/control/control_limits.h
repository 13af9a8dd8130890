/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONTROL_CONTROL_LIMITS_H
#define GSRELAY_CONTROL_CONTROL_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* control_limits.h - what bounds the control channel: relay.ini as plain numbers.
 *
 * control_server.c fills it from struct relay_config. The name of the key stands beside each.
 * Threads: a value. Memory: none. */

#define CONTROL_WORKERS_MAX    64
#define CONTROL_ADVERTISE_SIZE 64 /* Text of an address with its NUL. */

struct control_limits {
    /* What sizes the tables; never changed after control_init(). */
    uint32_t connections_max;      /* control.max_connections */
    uint32_t preauth_max;          /* control.preauth_max */
    uint32_t sessions_max;         /* limits.max_clients */
    uint32_t rooms_max;            /* limits.max_rooms */
    uint32_t rooms_per_worker_max; /* What a worker's core was given as rooms_max. */
    uint32_t frame_max_bytes;      /* control.frame_max, without the length field. */
    uint32_t out_buffer_bytes;     /* control.out_buffer */
    uint32_t frame_buffers;        /* Buffers of the pool, at most connections_max. */
    uint32_t out_buffers;
    uint32_t worker_count;
    uint32_t blob_bytes; /* room.blob_bytes; 0: rooms have no blob. */
    uint32_t blobs_max;  /* Rooms that may have one: room.blob_pool / (2 * room.blob_bytes). */

    /* Connections. */
    uint32_t connections_per_ip; /* control.connections_per_ip */
    uint32_t accepts_per_ip_s;   /* control.accepts_per_ip_s */
    uint32_t accepts_per_ip_burst;
    uint64_t handshake_timeout_ns; /* control.handshake_timeout */
    uint64_t frame_timeout_ns;     /* control.frame_timeout */
    uint64_t idle_timeout_ns;      /* control.idle_timeout */
    uint32_t commands_per_s;       /* control.commands_per_s */
    uint32_t commands_burst;

    /* Authentication. */
    uint32_t fail_limit;       /* auth.fail_limit */
    uint64_t fail_window_ns;   /* auth.fail_window */
    uint64_t lockout_ns;       /* auth.lockout */
    bool is_ticket_required;   /* auth.mode = ticket */
    uint32_t ticket_age_max_s; /* auth.ticket_max_age */
    uint32_t clock_skew_s;     /* auth.clock_skew */

    /* Sessions and rooms. */
    uint64_t resume_grace_ns;          /* control.resume_grace; 0: sessions end with connections. */
    uint32_t sessions_per_client_id;   /* auth.sessions_per_client_id */
    uint32_t rooms_created_per_minute; /* limits.rooms_created_per_minute */
    uint32_t rooms_created_burst;
    uint16_t members_per_room_max; /* limits.clients_per_room */
    uint32_t tick_default_us;      /* room.tick_default */
    uint32_t tick_max_us;          /* room.tick_max */
    uint32_t code_length;          /* room.code_length */

    /* What MEMBERSHIP tells a client. */
    uint16_t udp_ports[CONTROL_WORKERS_MAX];
    char advertise[CONTROL_ADVERTISE_SIZE]; /* udp.advertise; empty: the address of the TCP peer. */
    uint16_t max_datagram;                  /* udp.max_datagram */
    uint8_t streams_per_member;             /* limits.streams_per_member */
    uint32_t client_datagrams_s;            /* limits.client_datagrams_s */
    uint32_t client_bytes_s;                /* limits.client_bytes_s */
    uint32_t client_records_s;              /* limits.client_records_s */
};

#endif
