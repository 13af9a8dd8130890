/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_CONFIG_CONFIG_H
#define GSRELAY_CONFIG_CONFIG_H

/* config.h - relay.ini, the environment and --set turned into one checked struct.
 *
 * Every value is in base units (nanoseconds, bytes, counts a second) and inside the range that the
 * key table (config_keys.c) gives; what contradicts another value is refused as well. All mistakes
 * are collected in a config_report, each with the place it came from.
 * Not here: opening the file (the caller hands in a read function), the environment of the process,
 * host names, and the memory that the limits add up to.
 * Threads: pure functions over the caller's memory. Memory: nothing is allocated. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/addr.h"
#include "proto/result.h"

#define CONFIG_LISTEN_MAX 8
#define CONFIG_PATH_SIZE  1024

/* More keys than the table has; a static assertion in config_keys.c holds that. */
#define CONFIG_KEYS_MAX 96

/* Mistakes that a report keeps; the ones after that are only counted. */
#define CONFIG_MESSAGES_MAX      64
#define CONFIG_MESSAGE_TEXT_SIZE 320

enum config_auth_mode { CONFIG_AUTH_OPEN, CONFIG_AUTH_TICKET };

enum config_rebind {
    CONFIG_REBIND_ANY,  /* A session may move to any address that answers a challenge. */
    CONFIG_REBIND_PORT, /* Only the port may change. */
    CONFIG_REBIND_NEVER
};

enum config_log_level { CONFIG_LOG_ERROR, CONFIG_LOG_WARN, CONFIG_LOG_INFO, CONFIG_LOG_DEBUG };

struct config_server {
    struct addr listen[CONFIG_LISTEN_MAX]; /* Port 0; the ports are udp.port and control.port. */
    uint32_t listen_count;                 /* From 1. */
    bool allow_open_public;
    uint64_t memory_max_bytes;
    uint64_t drain_timeout_ns; /* 0: close at once. */
    uint64_t drain_wait_ns;    /* 0: until the last room is gone. */
    uint64_t start_retry_ns;   /* 0: an address that cannot be opened is an error at once. */
};

struct config_auth {
    enum config_auth_mode mode;
    char secret_file[CONFIG_PATH_SIZE]; /* Empty: none; never empty when tickets are required. */
    uint64_t ticket_max_age_ns;
    uint64_t clock_skew_ns;
    uint32_t sessions_per_client_id;
    uint32_t fail_limit;
    uint64_t fail_window_ns;
    uint64_t lockout_ns;
};

struct config_limits {
    uint32_t max_clients;
    uint32_t max_rooms;
    uint32_t clients_per_room;
    uint32_t streams_per_member; /* Latest-wins streams, beside stream 0. */
    uint32_t client_datagrams_s;
    uint32_t client_datagrams_burst;
    uint64_t client_bytes_s;
    uint64_t client_bytes_burst;
    uint32_t client_records_s;
    uint32_t client_records_burst;
    uint64_t client_down_bytes_s; /* 0: no limit. */
    uint32_t room_deliveries_s;
    uint64_t room_bytes_s;             /* 0: no limit. */
    uint32_t rooms_created_per_minute; /* By one client. */
    uint32_t rooms_created_burst;
    uint64_t over_limit_close_ns; /* 0: never closed for it. */
};

struct config_udp {
    uint16_t port; /* Worker i takes port + i; 0: each worker takes a free one. */
    uint32_t workers;
    struct addr advertise; /* Family 0: clients use the address of their TCP peer. Port 0. */
    uint64_t max_datagram_bytes;
    uint64_t bind_timeout_ns;
    uint64_t session_idle_ns;
    uint32_t challenge_per_session_s;
    uint32_t challenge_per_ip_s;
    uint64_t cookie_rotate_ns;
    enum config_rebind rebind;
    uint32_t rebind_moves;      /* In any 10 s. */
    uint64_t recv_buffer_bytes; /* 0: what the system gives. */
    uint64_t send_buffer_bytes; /* 0: what the system gives. */
    bool segment;               /* Several datagrams to one client as one send. */
    uint32_t dscp;              /* 0: not set. */
    uint32_t ttl;               /* 0: what the system gives. */
};

struct config_control {
    uint16_t port;            /* 0: a free one. */
    uint32_t max_connections; /* Never 0: "auto" is already worked out. */
    uint32_t preauth_max;
    uint32_t connections_per_ip;
    uint32_t accepts_per_ip_s;
    uint32_t accepts_per_ip_burst;
    uint64_t handshake_timeout_ns;
    uint64_t frame_timeout_ns;
    uint64_t idle_timeout_ns;
    uint64_t frame_max_bytes;
    uint64_t out_buffer_bytes;
    uint32_t commands_per_s;
    uint32_t commands_burst;
    uint64_t resume_grace_ns; /* 0: a session ends with its connection. */
    bool reuse_address;       /* SO_REUSEADDR; on Windows SO_EXCLUSIVEADDRUSE. */
    bool keepalive;
    uint64_t keepalive_idle_ns;
    uint64_t keepalive_interval_ns;
    bool no_delay;
    uint64_t linger_ns; /* 0: what is left when we close is thrown away. */
    uint32_t backlog;
    uint64_t recv_buffer_bytes; /* 0: what the system gives. */
    uint64_t send_buffer_bytes; /* 0: what the system gives. */
};

struct config_room {
    uint64_t tick_default_ns;     /* 0: states leave at the end of the turn that brought them. */
    uint64_t tick_max_ns;         /* 0: no room may ask for a tick. */
    uint64_t auto_tick_max_ns;    /* 0: flushes are never lengthened. */
    uint64_t empty_ttl_ns;        /* 0: a room goes with its last member. */
    uint64_t max_age_ns;          /* 0: no limit. */
    uint64_t host_grace_ns;       /* 0: the role goes with the control connection. */
    uint64_t host_silence_ns;     /* 0: a host may be silent on UDP. */
    uint64_t retained_bytes;      /* All retained states of one room together. */
    uint64_t blob_bytes;          /* 0: rooms have no blob. */
    uint64_t blob_pool_bytes;     /* Of all rooms together. */
    uint64_t quality_interval_ns; /* 0: the host is not told. */
    uint32_t code_length;
};

struct config_log {
    enum config_log_level level;
    uint32_t lines_per_s;
    uint64_t stats_interval_ns;  /* 0: none but at stop and on request. */
    char file[CONFIG_PATH_SIZE]; /* Empty: the way of running says where. */
    uint64_t file_size_bytes;
    uint32_t file_count; /* Full ones beside the one that is written to. */
};

/* One member for each section, one field for each key. */
struct relay_config {
    struct config_server server;
    struct config_auth auth;
    struct config_limits limits;
    struct config_udp udp;
    struct config_control control;
    struct config_room room;
    struct config_log log;
};

enum config_origin_kind {
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_FILE,
    CONFIG_FROM_ENVIRONMENT,
    CONFIG_FROM_SET
};

/* Where a value, or a mistake, came from. */
struct config_origin {
    enum config_origin_kind kind;
    uint32_t line; /* CONFIG_FROM_FILE: from 1, or 0 for the file as a whole. */
};

/* The values and where each came from, by its index in the key table. */
struct config {
    struct relay_config values;
    struct config_origin origins[CONFIG_KEYS_MAX];
    char path[CONFIG_PATH_SIZE]; /* As the caller named the file; empty: no file was read. */
};

enum config_severity { CONFIG_ERROR, CONFIG_WARNING };

struct config_message {
    enum config_severity severity;
    struct config_origin origin;
    char text[CONFIG_MESSAGE_TEXT_SIZE]; /* One line; bytes that do not print are \xNN. */
};

/* All that is wrong with a configuration. About 21 KiB: static or on the heap. */
struct config_report {
    char path[CONFIG_PATH_SIZE];
    uint32_t error_count; /* All errors, also those that were not kept. */
    uint32_t warning_count;
    uint32_t message_count; /* Those in messages[]. */
    struct config_message messages[CONFIG_MESSAGES_MAX];
};

/* Fills up to size bytes. Returns how many, 0 at the end, or a negative enum result. */
typedef int config_read(void *context, char *buffer, size_t size);

/* Takes text that a dump or a report writes. */
typedef void config_write(void *context, const char *text, size_t size);

/* What a configuration is made of. All of it is borrowed for the call. */
struct config_input {
    const char *path;  /* For messages only. NULL: there is no file. */
    config_read *read; /* NULL: there is no file. */
    void *read_context;
    const char *const *environment; /* "NAME=value" each, UTF-8. */
    size_t environment_count;
    const char *const *settings; /* The arguments of --set: "section.key=value" each. */
    size_t setting_count;
};

/* The values that stand when nothing is configured. */
void config_defaults(struct config *out);

/* Reads the file, then the environment, then the settings, and checks everything.
 *
 * Settings win over the environment, that over the file, that over the default; of two settings of
 * one key the later wins. Starts the report afresh. Returns 0 when there is no error (there may be
 * warnings), else RESULT_INVALID, and then leaves out alone. */
GSRELAY_CHECKED int config_load(const struct config_input *input, struct config *out,
                                struct config_report *report);

/* The keys whose values differ, by their index in the key table; returns how many. */
size_t config_changed(const struct relay_config *old_values, const struct relay_config *new_values,
                      size_t out[CONFIG_KEYS_MAX]);

/* What a reload makes of the settings in force and of those that were read anew: each key marked
 * live has its new value, every other keeps the one in force. A mixture can contradict itself
 * although neither of its parts does; then returns RESULT_INVALID, adds to the report why, and
 * leaves out alone. Otherwise returns 0. */
GSRELAY_CHECKED int config_reload(const struct config *in_force, const struct config *read,
                                  struct config *out, struct config_report *report);

/* A config_read over a FILE that the caller opened in binary mode. */
int config_read_file(void *file, char *buffer, size_t size);

/* A config_write to a FILE. */
void config_write_file(void *file, const char *text, size_t size);

#endif
