/* SPDX-License-Identifier: MIT */
#include "config/config_keys.h"

#include <assert.h>
#include <string.h>

#include "config/config.h"

#define MS  UINT64_C(1000000)
#define SEC (1000 * MS)
#define MIN (60 * SEC)
#define HR  (60 * MIN)
#define DAY (24 * HR)
#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define LIVE    true
#define RESTART false

/* Names a key of struct relay_config and where its field stands. FIELD is the key's name and, where
 * the value has a unit, that unit. */
#define AT(SECTION, NAME, FIELD)                                                                   \
    .section = #SECTION, .name = #NAME, .offset = offsetof(struct relay_config, SECTION.FIELD)
#define RANGE(MINIMUM, MAXIMUM) .min = (MINIMUM), .max = (MAXIMUM)

static const char *const auth_modes[] = {"open", "ticket", NULL};
static const char *const rebinds[] = {"any", "port", "never", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

static const struct config_key keys[] = {
    {AT(server, listen, listen), .type = CONFIG_TYPE_ADDRESSES, .is_live = RESTART,
     RANGE(1, CONFIG_LISTEN_MAX), .fallback = "127.0.0.1",
     .help = "Addresses that the UDP and the control port listen on, with commas between them.\n"
             "0.0.0.0 and :: stand for every address of this machine."},
    {AT(server, allow_open_public, allow_open_public), .type = CONFIG_TYPE_BOOL, .is_live = RESTART,
     .fallback = "no",
     .help = "Yes lets anybody who reaches a public address use the relay (auth.mode = open)."},
    {AT(server, memory_max, memory_max_bytes), .type = CONFIG_TYPE_SIZE, .is_live = RESTART,
     RANGE(16 * MIB, 64 * GIB), .fallback = "256MiB",
     .help = "The start is refused when the tables that the limits ask for need more than this."},
    {AT(server, drain_timeout, drain_timeout_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(100 * MS, 10 * MIN), .zero_word = "off", .fallback = "5s",
     .help =
         "The longest that a stop takes to tell all clients and to deliver what waits for them."},
    {AT(server, drain_wait, drain_wait_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(1 * SEC, 7 * DAY), .zero_word = "off", .fallback = "off",
     .help = "A drain (SIGQUIT, service drain) lets in nobody new and ends with the last room.\n"
             "It ends after this time at the latest; off: however long that takes."},
    {AT(server, start_retry, start_retry_ns), .type = CONFIG_TYPE_DURATION, .is_live = RESTART,
     RANGE(1 * SEC, 10 * MIN), .zero_word = "off", .fallback = "60s",
     .help = "Started by Windows or systemd, wait this long for an address of server.listen that\n"
             "the machine does not have yet, as at boot; for a port in use 5s at most. In a\n"
             "console an address that cannot be opened is an error at once."},

    {AT(udp, port, port), .type = CONFIG_TYPE_PORT, .is_live = RESTART, RANGE(0, 65535),
     .fallback = "7777",
     .help = "The port of game states; worker number i takes port + i.\n"
             "0 takes a free port for each worker; the ready line names it."},
    {AT(udp, workers, workers), .type = CONFIG_TYPE_COUNT, .is_live = RESTART, RANGE(1, 64),
     .fallback = "1", .help = "Threads that relay states, each with a port and rooms of its own."},
    {AT(udp, advertise, advertise), .type = CONFIG_TYPE_ADDRESS, .is_live = RESTART, .fallback = "",
     .help = "The address that clients send states to, where it is not the one that they reached\n"
             "the control port at, as behind a TCP proxy. Empty: it is."},
    {AT(udp, max_datagram, max_datagram_bytes), .type = CONFIG_TYPE_SIZE, .is_live = RESTART,
     RANGE(256, 1400), .fallback = "1232B",
     .help = "The longest datagram in either direction, without IP and UDP headers.\n"
             "1232B passes every IPv6 path unfragmented (RFC 8200: 1280 bytes with headers)."},
    {AT(udp, bind_timeout, bind_timeout_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(1 * SEC, 60 * SEC), .fallback = "10s",
     .help = "A member that joined but proves no UDP address within this time leaves the room."},
    {AT(udp, session_idle, session_idle_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(5 * SEC, 10 * MIN), .fallback = "30s",
     .help = "A member whose datagrams stop for this long leaves the room."},
    {AT(udp, rebind, rebind), .type = CONFIG_TYPE_CHOICE, .is_live = LIVE, .words = rebinds,
     .fallback = "any",
     .help = "What may change when a member's address does, once the new one has answered a\n"
             "challenge: address and port, the port alone, or nothing."},
    {AT(udp, rebind_moves, rebind_moves), .type = CONFIG_TYPE_COUNT, .is_live = LIVE,
     RANGE(1, 1000), .fallback = "4", .help = "How often in 10 s a member may change its address."},
    {AT(udp, challenge_per_session_s, challenge_per_session_s), .type = CONFIG_TYPE_RATE,
     .is_live = LIVE, RANGE(1, 1000), .fallback = "4",
     .help = "Challenges sent on behalf of one member."},
    {AT(udp, challenge_per_ip_s, challenge_per_ip_s), .type = CONFIG_TYPE_RATE, .is_live = LIVE,
     RANGE(1, 1000000), .fallback = "20",
     .help = "Challenges sent to one address (IPv6: one /64). Players behind one router share it."},
    {AT(udp, cookie_rotate, cookie_rotate_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(5 * SEC, 5 * MIN), .fallback = "30s",
     .help = "The key of challenges is replaced this often; the one before it stays valid."},
    {AT(udp, recv_buffer, recv_buffer_bytes), .type = CONFIG_TYPE_SIZE, .is_live = RESTART,
     RANGE(4 * KIB, 1 * GIB), .zero_word = "system", .fallback = "4MiB",
     .help =
         "Receive buffer of each UDP socket (SO_RCVBUF). The log tells what the system granted;\n"
         "Linux caps it at net.core.rmem_max."},
    {AT(udp, send_buffer, send_buffer_bytes), .type = CONFIG_TYPE_SIZE, .is_live = RESTART,
     RANGE(4 * KIB, 1 * GIB), .zero_word = "system", .fallback = "4MiB",
     .help = "Send buffer of each UDP socket (SO_SNDBUF); Linux caps it at net.core.wmem_max."},
    {AT(udp, segment, segment), .type = CONFIG_TYPE_BOOL, .is_live = RESTART, .fallback = "yes",
     .help =
         "Hand several datagrams to one client to the system as one send, where it can take it\n"
         "(UDP_SEGMENT, Linux 4.18; UDP_SEND_MSG_SIZE, Windows 10 2004). It costs less; on the "
         "wire\n"
         "nothing changes. The log tells whether the system can."},
    {AT(udp, dscp, dscp), .type = CONFIG_TYPE_COUNT, .is_live = RESTART, RANGE(1, 63),
     .zero_word = "system", .fallback = "system",
     .help = "Service class in the IP header of states (RFC 2474); 46 is expedited forwarding.\n"
             "Windows ignores what programs set here; use a QoS policy there."},
    {AT(udp, ttl, ttl), .type = CONFIG_TYPE_COUNT, .is_live = RESTART, RANGE(1, 255),
     .zero_word = "system", .fallback = "system",
     .help = "How many routers a state may pass (IP_TTL, IPV6_UNICAST_HOPS)."},

    {AT(control, port, port), .type = CONFIG_TYPE_PORT, .is_live = RESTART, RANGE(0, 65535),
     .fallback = "7777",
     .help = "The TCP port where clients log in and make or join rooms. 0 takes a free one."},
    {AT(control, max_connections, max_connections), .type = CONFIG_TYPE_COUNT, .is_live = RESTART,
     RANGE(1, 1048576), .zero_word = "auto", .fallback = "auto",
     .help = "TCP connections at a time. auto: limits.max_clients + control.preauth_max."},
    {AT(control, preauth_max, preauth_max), .type = CONFIG_TYPE_COUNT, .is_live = RESTART,
     RANGE(8, 32768), .fallback = "256",
     .help = "Connections that have not logged in yet; one more evicts the oldest of them."},
    {AT(control, connections_per_ip, connections_per_ip), .type = CONFIG_TYPE_COUNT,
     .is_live = LIVE, RANGE(1, 1000000), .fallback = "64",
     .help =
         "Connections from one address (IPv6: one /64) at a time. Twice as many sessions may be\n"
         "from there, those that lost their connection included."},
    {AT(control, accepts_per_ip_s, accepts_per_ip_s), .type = CONFIG_TYPE_RATE, .is_live = LIVE,
     RANGE(1, 1000000), .fallback = "32",
     .help = "New connections from one address (IPv6: one /64)."},
    {AT(control, accepts_per_ip_burst, accepts_per_ip_burst), .type = CONFIG_TYPE_COUNT,
     .is_live = LIVE, RANGE(1, 1000000), .fallback = "64",
     .help = "New connections from one address that may come at once."},
    {AT(control, handshake_timeout, handshake_timeout_ns), .type = CONFIG_TYPE_DURATION,
     .is_live = LIVE, RANGE(500 * MS, 60 * SEC), .fallback = "5s",
     .help = "From accepting a connection to its log-in."},
    {AT(control, frame_timeout, frame_timeout_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(500 * MS, 60 * SEC), .fallback = "5s",
     .help = "From the first byte of a message to its last."},
    {AT(control, idle_timeout, idle_timeout_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(5 * SEC, 1 * HR), .fallback = "60s",
     .help = "A connection on which nothing comes for this long is closed. Clients are told, and "
             "ping."},
    {AT(control, resume_grace, resume_grace_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(1 * SEC, 5 * MIN), .zero_word = "off", .fallback = "30s",
     .help = "A member whose connection broke keeps its place for this long and may come back."},
    {AT(control, commands_per_s, commands_per_s), .type = CONFIG_TYPE_RATE, .is_live = LIVE,
     RANGE(1, 100000), .fallback = "20", .help = "Commands from one client."},
    {AT(control, commands_burst, commands_burst), .type = CONFIG_TYPE_COUNT, .is_live = LIVE,
     RANGE(1, 1000000), .fallback = "40",
     .help = "Commands from one client that may come at once."},
    {AT(control, frame_max, frame_max_bytes), .type = CONFIG_TYPE_SIZE, .is_live = RESTART,
     RANGE(2 * KIB, 16 * KIB), .fallback = "4KiB",
     .help = "The longest message of a client that has logged in; a longer one closes it."},
    {AT(control, out_buffer, out_buffer_bytes), .type = CONFIG_TYPE_SIZE, .is_live = RESTART,
     RANGE(4 * KIB, 4 * MIB), .fallback = "16KiB",
     .help = "What may wait for one slow reader; a client that lets more pile up is closed."},
    {AT(control, backlog, backlog), .type = CONFIG_TYPE_COUNT, .is_live = RESTART, RANGE(1, 65535),
     .fallback = "256",
     .help = "Connections that the system may hold before they are accepted; Linux caps it at\n"
             "net.core.somaxconn."},
    {AT(control, no_delay, no_delay), .type = CONFIG_TYPE_BOOL, .is_live = RESTART,
     .fallback = "yes", .help = "Send each message at once (TCP_NODELAY)."},
    {AT(control, keepalive, keepalive), .type = CONFIG_TYPE_BOOL, .is_live = RESTART,
     .fallback = "yes", .help = "Let the system probe idle connections (SO_KEEPALIVE)."},
    {AT(control, keepalive_idle, keepalive_idle_ns), .type = CONFIG_TYPE_DURATION,
     .is_live = RESTART, RANGE(1 * SEC, 9 * HR), .fallback = "60s",
     .help = "Silence before the first probe, in whole seconds."},
    {AT(control, keepalive_interval, keepalive_interval_ns), .type = CONFIG_TYPE_DURATION,
     .is_live = RESTART, RANGE(1 * SEC, 9 * HR), .fallback = "10s",
     .help = "Time between two probes, in whole seconds."},
    {AT(control, linger, linger_ns), .type = CONFIG_TYPE_DURATION, .is_live = RESTART,
     RANGE(1 * SEC, 60 * SEC), .zero_word = "off", .fallback = "5s",
     .help = "How long a closed connection may go on delivering what is left, in whole seconds.\n"
             "off: it is broken off at once."},
    {AT(control, reuse_address, reuse_address), .type = CONFIG_TYPE_BOOL, .is_live = RESTART,
     .fallback = "yes",
     .help = "Let a restart take the port back at once (SO_REUSEADDR). On Windows: take it for\n"
             "exclusive use, so that no other program can share it (SO_EXCLUSIVEADDRUSE)."},
    {AT(control, recv_buffer, recv_buffer_bytes), .type = CONFIG_TYPE_SIZE, .is_live = RESTART,
     RANGE(4 * KIB, 64 * MIB), .zero_word = "system", .fallback = "system",
     .help = "Receive buffer of each connection (SO_RCVBUF)."},
    {AT(control, send_buffer, send_buffer_bytes), .type = CONFIG_TYPE_SIZE, .is_live = RESTART,
     RANGE(4 * KIB, 64 * MIB), .zero_word = "system", .fallback = "system",
     .help = "Send buffer of each connection (SO_SNDBUF)."},

    {AT(auth, mode, mode), .type = CONFIG_TYPE_CHOICE, .is_live = RESTART, .words = auth_modes,
     .fallback = "open",
     .help =
         "Who may use the relay: anybody who reaches it, or who brings a ticket that the game's\n"
         "own service signed with a secret from auth.secret_file."},
    {AT(auth, secret_file, secret_file), .type = CONFIG_TYPE_PATH, .is_live = LIVE, .fallback = "",
     .help = "The file with the secrets of tickets (gsrelayd --genkey writes a line for it).\n"
             "It is refused when others than its owner may read it."},
    {AT(auth, ticket_max_age, ticket_max_age_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(10 * SEC, 24 * HR), .fallback = "1h",
     .help = "A ticket that expires later than this from now is refused."},
    {AT(auth, clock_skew, clock_skew_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(1 * SEC, 5 * MIN), .zero_word = "off", .fallback = "30s",
     .help = "How far the clock of the service that signs tickets may be from ours."},
    {AT(auth, sessions_per_client_id, sessions_per_client_id), .type = CONFIG_TYPE_COUNT,
     .is_live = LIVE, RANGE(1, 16), .fallback = "1",
     .help =
         "Sessions that one client id of tickets may have; the newest takes the oldest's place."},
    {AT(auth, fail_limit, fail_limit), .type = CONFIG_TYPE_COUNT, .is_live = LIVE, RANGE(1, 10000),
     .fallback = "5",
     .help = "Failed log-ins from one address (IPv6: one /64) that lead to a lockout."},
    {AT(auth, fail_window, fail_window_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(1 * SEC, 1 * HR), .fallback = "60s",
     .help = "Failed log-ins are counted over this time."},
    {AT(auth, lockout, lockout_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(1 * SEC, 1 * HR), .fallback = "30s",
     .help = "An address that failed too often is refused for this long."},

    {AT(room, tick_default, tick_default_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(1 * MS, 50 * MS), .zero_word = "off", .fallback = "off",
     .help = "How often a room sends what waits, where its creator does not say. off: at once.\n"
             "A tick saves sends and costs up to its length in delay."},
    {AT(room, tick_max, tick_max_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(1 * MS, 50 * MS), .zero_word = "off", .fallback = "50ms",
     .help = "The longest tick that the creator of a room may ask for."},
    {AT(room, auto_tick_max, auto_tick_max_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(1 * MS, 50 * MS), .zero_word = "off", .fallback = "4ms",
     .help = "How far the relay may lengthen its rooms' ticks while a worker is short of time, so\n"
             "that more states leave together. off: never."},
    {AT(room, quality_interval, quality_interval_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(1 * SEC, 1 * HR), .zero_word = "off", .fallback = "5s",
     .help = "How often a room's host is told of the others' round trips, jitter and loss. off:\n"
             "never."},
    {AT(room, empty_ttl, empty_ttl_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(1 * SEC, 1 * HR), .zero_word = "off", .fallback = "60s",
     .help = "An empty room keeps its code for this long. off: it goes with its last member."},
    {AT(room, max_age, max_age_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(1 * MIN, 30 * DAY), .zero_word = "off", .fallback = "24h",
     .help = "A room is closed when it is this old. off: never."},
    {AT(room, host_grace, host_grace_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(100 * MS, 5 * MIN), .zero_word = "off", .fallback = "3s",
     .help = "A host without a control connection stays host for this long; then another member\n"
             "is elected, if one is well connected. off: at once."},
    {AT(room, host_silence, host_silence_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(2 * SEC, 10 * MIN), .zero_word = "off", .fallback = "5s",
     .help = "A host whose datagrams stop for this long loses the role in the same way. Clients\n"
             "send one each second at least. off: not before udp.session_idle removes it."},
    {AT(room, retained_bytes, retained_bytes), .type = CONFIG_TYPE_BYTES, .is_live = RESTART,
     RANGE(1 * KIB, 16 * MIB), .zero_word = "off", .fallback = "256KiB",
     .help = "What a room may keep of the states that are retained for late joiners."},
    {AT(room, blob_bytes, blob_bytes), .type = CONFIG_TYPE_SIZE, .is_live = RESTART,
     RANGE(1 * KIB, 64 * KIB), .zero_word = "off", .fallback = "off",
     .help = "What the host of a room may leave with the relay for the next host, such as the\n"
             "game as it was saved last. off: nothing."},
    {AT(room, blob_pool, blob_pool_bytes), .type = CONFIG_TYPE_SIZE, .is_live = RESTART,
     RANGE(128 * KIB, 64 * GIB), .fallback = "16MiB",
     .help = "Memory for that, of all rooms; each takes twice room.blob_bytes once its host has\n"
             "left something. None is taken while room.blob_bytes is off."},
    {AT(room, code_length, code_length), .type = CONFIG_TYPE_COUNT, .is_live = LIVE, RANGE(4, 12),
     .fallback = "6", .help = "Letters in the code of a room. Short ones are easier to guess."},

    {AT(limits, max_clients, max_clients), .type = CONFIG_TYPE_COUNT, .is_live = RESTART,
     RANGE(1, 1000000), .fallback = "4096", .help = "Sessions at a time. Memory is taken for all."},
    {AT(limits, max_rooms, max_rooms), .type = CONFIG_TYPE_COUNT, .is_live = RESTART,
     RANGE(1, 262144), .fallback = "1024", .help = "Rooms at a time. Memory is taken for all."},
    {AT(limits, clients_per_room, clients_per_room), .type = CONFIG_TYPE_COUNT, .is_live = RESTART,
     RANGE(2, 256), .fallback = "64", .help = "Members of one room."},
    {AT(limits, streams_per_member, streams_per_member), .type = CONFIG_TYPE_COUNT,
     .is_live = RESTART, RANGE(1, 32), .fallback = "8",
     .help = "Latest-wins streams that one member may send, beside stream 0."},
    {AT(limits, client_datagrams_s, client_datagrams_s), .type = CONFIG_TYPE_RATE, .is_live = LIVE,
     RANGE(1, 1000000), .fallback = "128", .help = "Datagrams from one client."},
    {AT(limits, client_datagrams_burst, client_datagrams_burst), .type = CONFIG_TYPE_COUNT,
     .is_live = LIVE, RANGE(1, 10000000), .fallback = "256",
     .help = "Datagrams from one client that may come at once."},
    {AT(limits, client_bytes_s, client_bytes_s), .type = CONFIG_TYPE_BYTES, .is_live = LIVE,
     RANGE(256, 1 * GIB), .fallback = "64KiB", .help = "Bytes a second from one client."},
    {AT(limits, client_bytes_burst, client_bytes_burst), .type = CONFIG_TYPE_BYTES, .is_live = LIVE,
     RANGE(256, 1 * GIB), .fallback = "128KiB",
     .help = "Bytes from one client that may come at once."},
    {AT(limits, client_records_s, client_records_s), .type = CONFIG_TYPE_RATE, .is_live = LIVE,
     RANGE(1, 10000000), .fallback = "1024",
     .help = "Records (states) from one client; a datagram carries up to 64."},
    {AT(limits, client_records_burst, client_records_burst), .type = CONFIG_TYPE_COUNT,
     .is_live = LIVE, RANGE(1, 10000000), .fallback = "2048",
     .help = "Records from one client that may come at once."},
    {AT(limits, client_down_bytes_s, client_down_bytes_s), .type = CONFIG_TYPE_BYTES,
     .is_live = LIVE, RANGE(256, 1 * GIB), .zero_word = "off", .fallback = "off",
     .help =
         "Bytes a second of states to one client; a client may ask for less. Beyond it a member\n"
         "gets the newest state of every sender in turn, and less often."},
    {AT(limits, room_deliveries_s, room_deliveries_s), .type = CONFIG_TYPE_RATE, .is_live = LIVE,
     RANGE(1, 100000000), .fallback = "262144",
     .help = "Deliveries in one room: each record counts once for each member that receives it."},
    {AT(limits, room_bytes_s, room_bytes_s), .type = CONFIG_TYPE_BYTES, .is_live = LIVE,
     RANGE(1 * KIB, 2 * GIB), .zero_word = "off", .fallback = "32MiB",
     .help = "Payload bytes a second of those deliveries."},
    {AT(limits, rooms_created_per_minute, rooms_created_per_minute), .type = CONFIG_TYPE_COUNT,
     .is_live = LIVE, RANGE(1, 100000), .fallback = "20",
     .help =
         "Rooms that one client may make in a minute. A new session begins with what the ended\n"
         "ones of its address (IPv6: of its /64) have used up."},
    {AT(limits, rooms_created_burst, rooms_created_burst), .type = CONFIG_TYPE_COUNT,
     .is_live = LIVE, RANGE(1, 100000), .fallback = "10",
     .help = "Rooms that one client may make at once."},
    {AT(limits, over_limit_close, over_limit_close_ns), .type = CONFIG_TYPE_DURATION,
     .is_live = LIVE, RANGE(1 * SEC, 10 * MIN), .zero_word = "off", .fallback = "10s",
     .help = "A client that stays over a limit for this long is closed."},

    {AT(log, level, level), .type = CONFIG_TYPE_CHOICE, .is_live = LIVE, .words = log_levels,
     .fallback = "info", .help = "What is logged: lines of this level and those before it."},
    {AT(log, lines_per_s, lines_per_s), .type = CONFIG_TYPE_RATE, .is_live = LIVE, RANGE(1, 100000),
     .fallback = "100",
     .help = "More lines than this are counted and left out; errors at start and stop never are."},
    {AT(log, stats_interval, stats_interval_ns), .type = CONFIG_TYPE_DURATION, .is_live = LIVE,
     RANGE(1 * SEC, 1 * HR), .zero_word = "off", .fallback = "60s",
     .help = "How often the counters are logged (evt=counters). They also are at stop."},
    {AT(log, file, file), .type = CONFIG_TYPE_PATH, .is_live = RESTART, .fallback = "",
     .help =
         "Write the log to this file; a relative path begins at the folder of relay.ini. Empty:\n"
         "standard error, and logs\\gsrelayd.log in its own folder for a Windows service."},
    {AT(log, file_size, file_size_bytes), .type = CONFIG_TYPE_SIZE, .is_live = RESTART,
     RANGE(16 * KIB, 16 * GIB), .fallback = "10MiB",
     .help =
         "A log file of this size is renamed: gsrelayd.log to gsrelayd.log.1, .1 to .2 and so on."},
    {AT(log, file_count, file_count), .type = CONFIG_TYPE_COUNT, .is_live = RESTART, RANGE(1, 100),
     .fallback = "5", .help = "How many renamed log files are kept; the oldest is overwritten."},
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static_assert(KEY_COUNT <= CONFIG_KEYS_MAX, "struct config has one origin for each key");

size_t config_key_count(void)
{
    return KEY_COUNT;
}

const struct config_key *config_key_at(size_t index)
{
    assert(index < KEY_COUNT);
    return &keys[index];
}

size_t config_key_find(const char *section, const char *name)
{
    size_t index = 0;

    while (index < KEY_COUNT &&
           (strcmp(keys[index].section, section) != 0 || strcmp(keys[index].name, name) != 0)) {
        index++;
    }
    return index;
}

bool config_section_exists(const char *section)
{
    for (size_t index = 0; index < KEY_COUNT; index++) {
        if (strcmp(keys[index].section, section) == 0) {
            return true;
        }
    }
    return false;
}
